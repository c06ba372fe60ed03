// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.NativeHandle;

/**
 * A device's own form of a matrix of low-bit weights. Every call is made while the handle is
 * acquired.
 */
interface LowBitWeights {
    LowBitLayout layout();

    /** Counts the calls and frees the weights. */
    NativeHandle handle();

    /** The inputs in the order that the matrix holds; null where that is their own. */
    int[] permutation();

    /** Decodes as many outputs as there are rows in out, from one on. */
    void dequantize(long firstOutput, Tensor out);

    /** Codes, scales and offsets of as many outputs as those have rows; each may be null. */
    void unpack(long firstOutput, long count, IntegerMatrix codes, Tensor scales, Tensor offsets);
}
