// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Normalization of rows, and its gradients. The last dimension of a tensor is its columns; all
 * dimensions before it are its rows. Columns must be neighbours in memory and one stride must lead
 * from row to row, so a slice of columns is fine and a transposed tensor is not ({@link
 * Tensor#contiguous()} copies it).
 *
 * <p>All tensors of a call are on one device. x and y have the same shape and type; gamma and beta
 * have one element for each column, are contiguous and of the same type, {@link DType#F32} or that
 * of x; null stands for none. Arithmetic is float32 or wider, and a 16-bit result is rounded to
 * nearest even once, unless {@link CastMode} says otherwise. NaN and infinities propagate as the
 * formulas do in IEEE 754 arithmetic. No rows are a no-op.
 *
 * <p>y may be x itself (the same first element and strides). Any other overlap of an output with
 * another tensor is rejected; memory is compared from the first to the last element, so gaps
 * between rows count. In a backward pass dx may be dy in the same sense.
 *
 * <p>The same arguments give the same bits for any number of threads, and for heap and off-heap
 * memory.
 *
 * <p>Every method checks its arguments before anything is written and throws
 *
 * <ul>
 *   <li>{@link NullPointerException} if a tensor that must be there, options, statistics or
 *       gradients is null;
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

    /**
     * The gradients of LayerNorm as most models use it, with the statistics taken anew from x: with
     * {@code g = dy * gamma}, {@code r = 1 / sqrt(variance + eps)} and {@code xh = (x - mean) * r},
     *
     * <pre>
     * dx = r * (g - mean of g - xh * mean of (g * xh)),
     * dgamma = sum over rows of dy * xh,   dbeta = sum over rows of dy
     * </pre>
     *
     * <p>Lei Ba, Kiros, Hinton: Layer Normalization, arXiv:1607.06450, equation 4, differentiated.
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param x {@code [..., columns]}, as in the forward pass
     * @param gamma {@code [columns]}, as in the forward pass, or null for 1
     * @param eps as in the forward pass
     * @param dx {@code [..., columns]}, receives the gradient of x, or null; may be dy
     * @param dgamma {@code [columns]}, {@link DType#F32}, receives the gradient of gamma, or null
     * @param dbeta {@code [columns]}, {@link DType#F32}, receives the gradient of beta, or null
     */
    public static void layerNormBackward(
            Tensor dy, Tensor x, Tensor gamma, float eps, Tensor dx, Tensor dgamma, Tensor dbeta) {
        layerNormBackward(
                dy,
                x,
                gamma,
                NormOptions.eps(eps),
                NormStatistics.NONE,
                dx,
                dgamma == null && dbeta == null
                        ? NormGradients.NONE
                        : new NormGradients(dgamma, dbeta));
    }

    /**
     * The gradients of {@link #layerNorm(Tensor, Tensor, Tensor, NormOptions, Tensor,
     * NormStatistics)}. With {@code g = dy * (weightOffset + gamma)}, {@code xh = (x - mean) * r},
     * {@code ms} the biased variance, and {@code k = 1} for {@link EpsMode#IN_SQRT}, {@code k = 1 /
     * (sqrt(ms) * r)} for {@link EpsMode#ADD} (0 where ms is 0), {@code k = 1} for {@link
     * EpsMode#CLAMP} (0 where the clamp holds):
     *
     * <pre>
     * dx = r * (g - mean of g - k * xh * mean of (g * xh)),
     * dgamma = sum over rows of dy * xh,   dbeta = sum over rows of dy
     * </pre>
     *
     * <p>The roundings of a cast mode count as the identity. Sums over rows are taken in an order
     * that depends on the shape alone; with no rows they are 0. Lei Ba, Kiros, Hinton: Layer
     * Normalization, arXiv:1607.06450, equation 4, differentiated.
     *
     * @param dy {@code [..., columns]}, the gradient of y, of the type of x
     * @param x {@code [..., columns]}, as in the forward pass
     * @param gamma {@code [columns]}, as in the forward pass, or null for a factor of 1
     * @param options as in the forward pass
     * @param statistics what the forward pass saved; {@link NormStatistics#NONE} to take them anew
     * @param dx {@code [..., columns]}, of the type of x, receives the gradient of x, or null; may
     *     be dy
     * @param gradients receive the gradients of gamma and beta; dbias must be null
     */
    public static void layerNormBackward(
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormOptions options,
            NormStatistics statistics,
            Tensor dx,
            NormGradients gradients) {
        NormBackwardChecks.layerNorm(dy, x, gamma, options, statistics, dx, gradients);
        x.device()
                .kernels()
                .norm()
                .backward(NormKind.LAYER, dy, x, gamma, options, statistics, dx, gradients);
    }

    /**
     * The gradients of RMSNorm as most models use it, with the statistics taken anew from x: with
     * {@code g = dy * gamma}, {@code r = 1 / sqrt(mean of x^2 + eps)} and {@code xh = x * r},
     *
     * <pre>
     * dx = r * (g - xh * mean of (g * xh)),   dgamma = sum over rows of dy * xh
     * </pre>
     *
     * <p>Zhang, Sennrich: Root Mean Square Layer Normalization, arXiv:1910.07467, equation 4,
     * differentiated.
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param x {@code [..., columns]}, as in the forward pass
     * @param gamma {@code [columns]}, as in the forward pass, or null for 1
     * @param eps as in the forward pass
     * @param dx {@code [..., columns]}, receives the gradient of x, or null; may be dy
     * @param dgamma {@code [columns]}, {@link DType#F32}, receives the gradient of gamma, or null
     */
    public static void rmsNormBackward(
            Tensor dy, Tensor x, Tensor gamma, float eps, Tensor dx, Tensor dgamma) {
        rmsNormBackward(
                dy,
                x,
                gamma,
                NormOptions.eps(eps),
                NormStatistics.NONE,
                dx,
                dgamma == null ? NormGradients.NONE : new NormGradients(dgamma, null));
    }

    /**
     * The gradients of {@link #rmsNorm(Tensor, Tensor, Tensor, NormOptions, Tensor,
     * NormStatistics)}. With g and k as in {@link #layerNormBackward(Tensor, Tensor, Tensor,
     * NormOptions, NormStatistics, Tensor, NormGradients)}, {@code xh = x * r} and n statistics
     * columns:
     *
     * <pre>
     * dx[j] = r * (g[j] - (j &lt; n ? k * xh[j] * sum of (g * xh) / n : 0)),
     * dgamma = sum over rows of dy * xh,   dbeta = sum over rows of dy
     * </pre>
     *
     * <p>where the sum of {@code g * xh} runs over all columns. Zhang, Sennrich: Root Mean Square
     * Layer Normalization, arXiv:1910.07467, equation 4 and section 4, differentiated.
     *
     * @param dy {@code [..., columns]}, the gradient of y, of the type of x
     * @param x {@code [..., columns]}, as in the forward pass
     * @param gamma {@code [columns]}, as in the forward pass, or null for a factor of 1
     * @param options as in the forward pass
     * @param statistics what the forward pass saved, mean and meanLow null; {@link
     *     NormStatistics#NONE} to take them anew
     * @param dx {@code [..., columns]}, of the type of x, receives the gradient of x, or null; may
     *     be dy
     * @param gradients receive the gradients of gamma and beta; dbias must be null
     */
    public static void rmsNormBackward(
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormOptions options,
            NormStatistics statistics,
            Tensor dx,
            NormGradients gradients) {
        NormBackwardChecks.rmsNorm(dy, x, gamma, options, statistics, dx, gradients);
        x.device()
                .kernels()
                .norm()
                .backward(NormKind.RMS, dy, x, gamma, options, statistics, dx, gradients);
    }

    /**
     * The gradient of {@link #srmsNorm(Tensor, float, Tensor)}, with the statistics taken anew from
     * x.
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param x {@code [..., columns]}, as in the forward pass
     * @param eps as in the forward pass
     * @param dx {@code [..., columns]}, receives the gradient of x; may be dy
     */
    public static void srmsNormBackward(Tensor dy, Tensor x, float eps, Tensor dx) {
        rmsNormBackward(dy, x, null, eps, dx, null);
    }
}
