// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;

/**
 * One tensor for each role in attention: what {@link HeadNormalization} works on, and the factors
 * of each role.
 *
 * @param q of the queries
 * @param k of the keys, or null where keys are left out
 * @param v of the values, or null where values are left out
 */
public record Qkv(Tensor q, Tensor k, Tensor v) {
    /** None of the three: normalization without factors, or without their gradients. */
    public static final Qkv NONE = new Qkv(null, null, null);

    /**
     * Queries and keys, as in QK-norm.
     *
     * @param q as in the record
     * @param k as in the record
     */
    public Qkv(Tensor q, Tensor k) {
        this(q, k, null);
    }

    /**
     * The parts of a packed tensor, as one matrix product makes them: for each token all heads of
     * the queries, then those of the keys, then those of the values.
     *
     * @param packed {@code [..., (queryHeads + 2 * keyValueHeads) * headColumns]}
     * @param queryHeads how many heads the queries have, at least 0
     * @param keyValueHeads how many heads keys and values have each, at least 0
     * @param headColumns how long a head vector is, at least 1
     * @return views of the same memory, {@code [tokens, heads, headColumns]} each
     * @throws NullPointerException if packed is null
     * @throws IllegalArgumentException if a count is out of range, if the last dimension of packed
     *     has another size, or if no single stride leads from token to token
     */
    public static Qkv split(Tensor packed, long queryHeads, long keyValueHeads, long headColumns) {
        Operands.require(packed, "packed");
        requireAtLeast(queryHeads, "queryHeads", 0);
        requireAtLeast(keyValueHeads, "keyValueHeads", 0);
        requireAtLeast(headColumns, "headColumns", 1);
        long most = Long.MAX_VALUE / headColumns / 4;
        if (queryHeads > most
                || keyValueHeads > most
                || packed.rank() == 0
                || packed.columns != (queryHeads + 2 * keyValueHeads) * headColumns) {
            throw new IllegalArgumentException(
                    ("packed: expected a last dimension of (%s + 2 * %s) * %s elements, but its "
                                    + "shape is %s")
                            .formatted(
                                    queryHeads,
                                    keyValueHeads,
                                    headColumns,
                                    Arrays.toString(packed.shape())));
        }
        Operands.requireRows(packed, "packed");
        long keys = queryHeads * headColumns;
        long values = keys + keyValueHeads * headColumns;
        return new Qkv(
                part(packed, 0, queryHeads, headColumns),
                part(packed, keys, keyValueHeads, headColumns),
                part(packed, values, keyValueHeads, headColumns));
    }

    private static Tensor part(Tensor packed, long offset, long heads, long headColumns) {
        boolean empty = packed.rows == 0 || heads == 0;
        return packed.strided(
                empty ? 0 : offset,
                new long[] {packed.rows, heads, headColumns},
                new long[] {packed.rowStride, headColumns, 1});
    }

    private static void requireAtLeast(long count, String name, long least) {
        if (count < least) {
            throw new IllegalArgumentException(
                    "%s: expected at least %s, but it is %s".formatted(name, least, count));
        }
    }

    /** Whether all three are null. */
    boolean isEmpty() {
        return q == null && k == null && v == null;
    }
}
