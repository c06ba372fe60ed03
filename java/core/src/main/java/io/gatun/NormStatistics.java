// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The statistics of each row: a forward pass writes them, a backward pass reads them. Each is
 * {@link DType#F32}, contiguous, with one element for each row of x, on the same device; null where
 * it is not wanted.
 *
 * <p>A backward pass without statistics takes them anew from x. With them it needs mean and rstd
 * (RMSNorm rstd alone); without meanLow that is 0. With an eps mode other than {@link
 * EpsMode#IN_SQRT} they are always taken anew.
 *
 * @param mean the mean of each row (LayerNorm only)
 * @param meanLow what float32 loses of it: {@code mean + meanLow} is the mean to twice float32
 *     precision (LayerNorm only)
 * @param rstd the reciprocal scale {@code r} of each row
 */
public record NormStatistics(Tensor mean, Tensor meanLow, Tensor rstd) {
    /** No statistics are saved, or none are given. */
    public static final NormStatistics NONE = new NormStatistics(null, null, null);

    /**
     * The statistics of RMSNorm.
     *
     * @param rstd as in the record
     * @return the statistics
     */
    public static NormStatistics rstd(Tensor rstd) {
        return new NormStatistics(null, null, rstd);
    }
}
