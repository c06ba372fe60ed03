// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Where the statistics of each row go: what a backward pass needs. Each is {@link DType#F32},
 * contiguous, with one element for each row of x, on the same device; null where it is not wanted.
 *
 * @param mean the mean of each row (LayerNorm only)
 * @param meanLow what float32 loses of it: {@code mean + meanLow} is the mean to twice float32
 *     precision (LayerNorm only)
 * @param rstd the reciprocal scale {@code r} of each row
 */
public record NormStatistics(Tensor mean, Tensor meanLow, Tensor rstd) {
    /** No statistics are saved. */
    public static final NormStatistics NONE = new NormStatistics(null, null, null);
}
