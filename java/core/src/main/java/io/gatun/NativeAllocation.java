// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.NativeHandle;
import io.gatun.bindings.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * Memory from {@code gatun_allocate}, used in two ways. Kernels receive the bare address, guarded
 * by a {@link NativeHandle}, since that costs a few nanoseconds where a segment of a shared arena
 * costs more in every call. Users receive a segment of a shared arena of its own, so that a stale
 * segment throws instead of reading freed memory.
 *
 * <p>{@link #close()} closes the arena first: that waits for accesses under way, and fails, with
 * nothing changed, if a native call of the user's own holds the segment. Then it closes the handle:
 * no kernel can enter any more, and the memory is freed when those inside have left.
 *
 * <p>Without a {@code close()} the Cleaner of the handle frees the memory. It must not do so while
 * a user still has the segment, so the arena holds the handle (by its clean-up action) and with it
 * every segment does; and the destructor, which the Cleaner holds, refers to neither.
 */
final class NativeAllocation implements DeviceMemory {
    private final NativeHandle handle;
    private final Arena arena;
    private final MemorySegment segment;
    private final MemorySegment operand;
    /* Set before the handle is closed, so that a call looks no further than here. */
    private volatile boolean closed;

    /**
     * Allocates.
     *
     * @param device counts the calls that use the memory, and is acquired
     */
    NativeAllocation(NativeContext context, NativeHandle device, long bytes, String name) {
        long address = context.allocate(bytes);
        handle = new NativeHandle(address, name, freed -> context.free(freed, bytes), device);
        arena = Arena.ofShared();
        NativeHandle kept = handle;
        segment =
                NativeMemory.segment(
                        address, bytes, arena, closed -> Reference.reachabilityFence(kept));
        operand = NativeMemory.segment(address, bytes, Arena.global());
    }

    @Override
    public MemorySegment segment() {
        return segment;
    }

    @Override
    public MemorySegment operand() {
        return operand;
    }

    @Override
    public void requireOpen() {
        if (closed) {
            handle.requireOpen();
        }
    }

    @Override
    public synchronized void close() {
        if (arena.scope().isAlive()) {
            arena.close();
            closed = true;
            handle.close();
        }
    }
}
