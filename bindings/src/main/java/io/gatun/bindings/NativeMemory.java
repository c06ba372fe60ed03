// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/** Memory that native code allocated, as segments and strings. */
public final class NativeMemory {

    /** Longer than any string that the library returns, so that a wrong pointer is soon noticed. */
    private static final long STRING_LIMIT = 64 * 1024;

    private NativeMemory() {}

    /** The NUL-terminated UTF-8 string at a {@code char *}, or null for the null pointer. */
    @SuppressWarnings("restricted")
    public static String string(MemorySegment pointer) {
        if (pointer.address() == 0) {
            return null;
        }
        return pointer.reinterpret(STRING_LIMIT).getString(0, StandardCharsets.UTF_8);
    }

    /**
     * The memory at an address, accessible as long as the arena is alive. Closing the arena does
     * not free it.
     *
     * @param address where it begins; not 0
     * @param bytes its size; nothing can check that it is right
     * @param arena bounds the lifetime and, if confined, the thread of the segment
     */
    @SuppressWarnings("restricted")
    public static MemorySegment segment(long address, long bytes, Arena arena) {
        return MemorySegment.ofAddress(address).reinterpret(bytes, arena, null);
    }

    /**
     * As {@link #segment(long, long, Arena)}, with an action that runs when the arena is closed.
     * What the action refers to stays reachable as long as the segment does.
     */
    @SuppressWarnings("restricted")
    public static MemorySegment segment(
            long address, long bytes, Arena arena, Consumer<MemorySegment> onClose) {
        return MemorySegment.ofAddress(address).reinterpret(bytes, arena, onClose);
    }
}
