// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Normalization of rows. The last dimension of a tensor is its columns; all dimensions before it
 * are its rows. Columns must be neighbours in memory and one stride must lead from row to row, so a
 * slice of columns is fine and a transposed tensor is not ({@link Tensor#contiguous()} copies it).
 *
 * <p>All tensors of a call are on one device. x and y have the same shape and type; gamma and beta
 * have one element for each column, are contiguous and of the same type, {@link DType#F32} or that
 * of x; null stands for none. Arithmetic is float32 or wider, and a 16-bit result is rounded to
 * nearest even once, unless {@link CastMode} says otherwise. NaN and infinities propagate as the
 * formulas do in IEEE 754 arithmetic. No rows are a no-op.
 *
 * <p>y may be x itself (the same first element and strides). Any other overlap of an output with
 * another tensor is rejected; memory is compared from the first to the last element, so gaps
 * between rows count.
 *
 * <p>The same arguments give the same bits for any number of threads, and for heap and off-heap
 * memory.
 *
 * <p>Every method checks its arguments before anything is written and throws
 *
 * <ul>
 *   <li>{@link NullPointerException} if x, y, options or statistics is null;
 *   <li>{@link IllegalArgumentException} for tensors on different devices, wrong types or shapes,
 *       no columns, strides that cannot be used, a read-only output, overlapping outputs, and
 *       numbers out of range; the message names the argument, what it was and what was expected;
 *   <li>{@link IllegalStateException} if a device, a tensor or an arena was closed;
 *   <li>{@link WrongThreadException} if memory belongs to the confined arena of another thread;
 *   <li>{@link GatunException} if the device fails.
 * </ul>
 */
public final class Normalization {
    private Normalization() {}

    /**
     * LayerNorm as most models use it: {@code y = (x - mean) / sqrt(variance + eps) * gamma + beta}
     * in each row, with the biased variance. Lei Ba, Kiros, Hinton: Layer Normalization,
     * arXiv:1607.06450, equation 4.
     *
     * @param x {@code [..., columns]}
     * @param gamma {@code [columns]}, or null for 1
     * @param beta {@code [columns]}, or null for 0
     * @param eps finite, at least 0; commonly 1e-5
     * @param y {@code [..., columns]}, receives the result
     */
    public static void layerNorm(Tensor x, Tensor gamma, Tensor beta, float eps, Tensor y) {
        layerNorm(x, gamma, beta, NormOptions.eps(eps), y, NormStatistics.NONE);
    }

    /**
     * LayerNorm with all parameters: {@code y = (x - mean) * r * (weightOffset + gamma) + beta},
     * where {@code r} follows from the biased variance of the row by {@link EpsMode}. Lei Ba,
     * Kiros, Hinton: Layer Normalization, arXiv:1607.06450, equation 4.
     *
     * @param x {@code [..., columns]}
     * @param gamma {@code [columns]}, or null for a factor of 1, without weightOffset
     * @param beta {@code [columns]}, or null for 0
     * @param options its statisticsColumns must be 0 or all columns
     * @param y {@code [..., columns]}, receives the result
     * @param statistics receives what a backward pass needs
     */
    public static void layerNorm(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics) {
        NormChecks.layerNorm(x, gamma, beta, options, y, statistics);
        x.device().kernels().norm().layerNorm(x, gamma, beta, options, y, statistics);
    }

    /**
     * RMSNorm as most models use it: {@code y = x / sqrt(mean of x^2 + eps) * gamma} in each row.
     * Zhang, Sennrich: Root Mean Square Layer Normalization, arXiv:1910.07467, equation 4.
     *
     * @param x {@code [..., columns]}
     * @param gamma {@code [columns]}, or null for 1
     * @param eps finite, at least 0; commonly 1e-6
     * @param y {@code [..., columns]}, receives the result
     */
    public static void rmsNorm(Tensor x, Tensor gamma, float eps, Tensor y) {
        rmsNorm(x, gamma, null, NormOptions.eps(eps), y, NormStatistics.NONE);
    }

    /**
     * RMSNorm with all parameters: {@code y = x * r * (weightOffset + gamma) + beta}, where {@code
     * r} follows by {@link EpsMode} from the mean of x^2 over the first statisticsColumns columns
     * of the row. Zhang, Sennrich: Root Mean Square Layer Normalization, arXiv:1910.07467, equation
     * 4, and section 4 for partial statistics.
     *
     * @param x {@code [..., columns]}
     * @param gamma {@code [columns]}, or null for a factor of 1, without weightOffset
     * @param beta {@code [columns]}, or null for 0
     * @param options its statisticsColumns is at most the number of columns
     * @param y {@code [..., columns]}, receives the result
     * @param statistics receives what a backward pass needs; mean and meanLow must be null
     */
    public static void rmsNorm(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics) {
        NormChecks.rmsNorm(x, gamma, beta, options, y, statistics);
        x.device().kernels().norm().rmsNorm(x, gamma, beta, options, y, statistics);
    }

    /**
     * Simple RMSNorm, without parameters: {@code y = x / sqrt(mean of x^2 + eps)} in each row. Qin
     * et al.: TransNormerLLM, arXiv:2307.14995; for the other places of eps in its ports use {@link
     * NormOptions}.
     *
     * @param x {@code [..., columns]}
     * @param eps finite, at least 0
     * @param y {@code [..., columns]}, receives the result
     */
    public static void srmsNorm(Tensor x, float eps, Tensor y) {
        rmsNorm(x, null, eps, y);
    }
}
