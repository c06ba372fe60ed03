// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.CoreFunctions;
import io.gatun.bindings.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Off-heap scratch memory of a device, lent to one call at a time. Threads begin their search at
 * different slots, each on a cache line of its own, so that calls of several threads do not meet.
 * At most one slab a slot is kept, and none above {@link #GREATEST_KEPT}; in the steady state a
 * call finds its slab and makes no garbage.
 */
final class ScratchPool {
    private static final long SMALLEST = 1 << 16;
    private static final long GREATEST_KEPT = 1 << 24;
    private static final int GREATEST_SLOTS = 64;

    /** Array elements from slot to slot: 128 bytes, since processors fetch cache lines in pairs. */
    private static final int SPACING = 32;

    private final MemorySegment context;
    private final AtomicReferenceArray<Slab> slots;
    private final int mask;

    /** Memory for one call, 64-byte aligned. */
    static final class Slab {
        private final MemorySegment memory;

        private Slab(MemorySegment memory) {
            this.memory = memory;
        }

        MemorySegment memory() {
            return memory;
        }
    }

    ScratchPool(MemorySegment context, int processors) {
        this.context = context;
        int count =
                Math.min(GREATEST_SLOTS, Integer.highestOneBit(Math.max(processors, 1) * 2 - 1));
        this.mask = count - 1;
        this.slots = new AtomicReferenceArray<>(count * SPACING);
    }

    /** A slab of at least so many bytes, or null for no bytes. */
    Slab borrowUnlessEmpty(long bytes) {
        return bytes == 0 ? null : borrow(bytes);
    }

    /** The memory of a slab; none for null. */
    static MemorySegment memory(Slab slab) {
        return slab == null ? MemorySegment.NULL : slab.memory;
    }

    /** Gives back what {@link #borrowUnlessEmpty} gave. */
    void giveBackUnlessEmpty(Slab slab) {
        if (slab != null) {
            giveBack(slab);
        }
    }

    /** A slab of at least so many bytes, until {@link #giveBack}. */
    Slab borrow(long bytes) {
        int home = (int) Thread.currentThread().threadId();
        for (int i = 0; i <= mask; i++) {
            int slot = (home + i & mask) * SPACING;
            // Reading first keeps the cache line shared while the slot is empty.
            if (slots.getPlain(slot) != null) {
                Slab slab = slots.getAndSet(slot, null);
                if (slab != null) {
                    if (slab.memory.byteSize() >= bytes) {
                        return slab;
                    }
                    // A larger one takes its place, so that slabs grow to what the calls need.
                    free(slab);
                    break;
                }
            }
        }
        long size =
                Math.max(
                        SMALLEST,
                        bytes <= GREATEST_KEPT ? Long.highestOneBit(bytes * 2 - 1) : bytes);
        return new Slab(
                NativeMemory.segment(NativeContext.allocate(context, size), size, Arena.global()));
    }

    void giveBack(Slab slab) {
        if (slab.memory.byteSize() <= GREATEST_KEPT) {
            int home = (int) Thread.currentThread().threadId();
            for (int i = 0; i <= mask; i++) {
                if (slots.compareAndSet((home + i & mask) * SPACING, null, slab)) {
                    return;
                }
            }
        }
        free(slab);
    }

    /** Frees all slabs; none may be lent. */
    void close() {
        for (int slot = 0; slot <= mask; slot++) {
            Slab slab = slots.getAndSet(slot * SPACING, null);
            if (slab != null) {
                free(slab);
            }
        }
    }

    private void free(Slab slab) {
        CoreFunctions.free(context, slab.memory, slab.memory.byteSize());
    }
}
