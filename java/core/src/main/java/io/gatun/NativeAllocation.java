// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.NativeHandle;
import io.gatun.bindings.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongConsumer;

/**
 * Memory from {@code gatun_allocate}, used in two ways. Kernels receive the bare address, guarded
 * by a {@link NativeHandle}, since that costs a few nanoseconds where a segment of a shared arena
 * costs more in every call. Users receive a segment of a shared arena of its own, so that a stale
 * segment throws instead of reading freed memory.
 *
 * <p>{@link #close()} takes the two users away one after the other and frees last:
 *
 * <ol>
 *   <li>the handle: fails if a kernel of the device stays inside for longer than a moment, and then
 *       nothing has changed; afterwards none can enter;
 *   <li>the arena: waits for accesses that are under way, and fails if a native call of the user's
 *       own holds the segment; the next {@code close()} goes on from here;
 *   <li>the memory, once: {@link Allocation} remembers it.
 * </ol>
 *
 * <p>Without a {@code close()} the Cleaner of the handle frees the memory. It must not do so while
 * a user still has the segment, so the arena holds the handle (by its clean-up action) and with it
 * every segment does; and what the Cleaner itself holds, the {@link Allocation}, refers to neither.
 */
final class NativeAllocation implements DeviceMemory {
    private final Allocation allocation;
    private final NativeHandle device;
    private final NativeHandle handle;
    private final Arena arena;
    private final MemorySegment segment;
    private final MemorySegment operand;

    /**
     * Allocates.
     *
     * @param device counts the calls that use the memory, and is acquired
     */
    NativeAllocation(NativeContext context, NativeHandle device, long bytes, String name) {
        long address = context.allocate(bytes);
        this.device = device;
        allocation = new Allocation(context, address, bytes);
        handle = new NativeHandle(address, name, allocation, device);
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
    public void acquire(NativeHandle inside) {
        if (inside == device) {
            handle.requireOpen();
        } else {
            handle.acquire();
        }
    }

    @Override
    public void release(NativeHandle inside) {
        if (inside != device) {
            handle.release();
        }
        Reference.reachabilityFence(handle);
    }

    @Override
    public synchronized void close() {
        if (!arena.scope().isAlive()) {
            return;
        }
        allocation.closeInSteps(true);
        try {
            handle.close();
        } catch (IllegalStateException inUse) {
            allocation.closeInSteps(false);
            throw inUse;
        }
        arena.close();
        allocation.free();
    }

    /**
     * The memory itself. As the destructor of the handle it frees when the Cleaner runs it, not in
     * a close().
     */
    private static final class Allocation implements LongConsumer {
        private final NativeContext context;
        private final long address;
        private final long bytes;
        private final AtomicBoolean freed = new AtomicBoolean();
        private volatile boolean closingInSteps;

        Allocation(NativeContext context, long address, long bytes) {
            this.context = context;
            this.address = address;
            this.bytes = bytes;
        }

        void closeInSteps(boolean inSteps) {
            closingInSteps = inSteps;
        }

        @Override
        public void accept(long ignored) {
            if (!closingInSteps) {
                free();
            }
        }

        void free() {
            if (freed.compareAndSet(false, true)) {
                context.free(address, bytes);
            }
        }
    }
}
