// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * How much scratch one operation of one context needs, by shape. Recent answers are kept, so that a
 * call in the steady state does not ask the library. Entries are immutable, so a race between
 * threads costs no more than asking again.
 */
final class ScratchSizes {
    /** A {@code gatun_<operation>_scratch} function. */
    @FunctionalInterface
    interface Query {
        int query(MemorySegment context, long rows, long columns, MemorySegment scratchBytes);
    }

    /** One that depends on more than the shape. */
    @FunctionalInterface
    interface VariantQuery {
        int query(
                MemorySegment context,
                long variant,
                long rows,
                long columns,
                MemorySegment scratchBytes);
    }

    private record Answer(long variant, long rows, long columns, long bytes) {}

    private final VariantQuery query;
    private final MemorySegment context;
    private final Answer[] recent = new Answer[64];

    ScratchSizes(Query query, MemorySegment context) {
        this((of, variant, rows, columns, bytes) -> query.query(of, rows, columns, bytes), context);
    }

    ScratchSizes(VariantQuery query, MemorySegment context) {
        this.query = query;
        this.context = context;
    }

    /** The bytes for a shape that the operation accepts. */
    long bytes(long rows, long columns) {
        return bytes(0, rows, columns);
    }

    /** The same for a variant, whose number is the caller's. */
    long bytes(long variant, long rows, long columns) {
        int slot =
                (int)
                        ((rows * 0x9e3779b97f4a7c15L
                                        ^ columns * 0xc2b2ae3d27d4eb4fL
                                        ^ variant * 0x165667b19e3779f9L)
                                >>> 58);
        Answer answer = recent[slot];
        if (answer == null
                || answer.rows != rows
                || answer.columns != columns
                || answer.variant != variant) {
            answer = new Answer(variant, rows, columns, ask(variant, rows, columns));
            recent[slot] = answer;
        }
        return answer.bytes;
    }

    private long ask(long variant, long rows, long columns) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
            int status = query.query(context, variant, rows, columns, result);
            NativeStatus.requireOk(
                    status, "no scratch size for " + rows + " rows of " + columns + " columns");
            return result.get(ValueLayout.JAVA_LONG, 0);
        }
    }
}
