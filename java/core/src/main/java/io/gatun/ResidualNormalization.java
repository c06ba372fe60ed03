// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Normalization joined with the addition of a residual, in one pass over memory, and the gradients:
 * what the blocks of Pre-LN, Post-LN, Peri-LN, Mix-LN and HybridNorm Transformers need around their
 * sublayers.
 *
 * <p>{@code norm} stands for LayerNorm or RMSNorm as {@link ResidualOptions#kind()} says, as in
 * {@link Normalization}, whose rules for shapes, strides, devices, types, rounding and errors hold
 * here too. All tensors {@code [..., columns]} of a call have the same shape and type; bias, gamma
 * and beta have one element for each column and are of one type, {@link DType#F32} or that of the
 * data. Null stands for none where a parameter says so. With {@code alpha = 0} the residual is not
 * read.
 *
 * <p>Outputs may be an input where a method says so: the same first element and strides. Any other
 * overlap of an output with another tensor is rejected.
 */
public final class ResidualNormalization {
    private ResidualNormalization() {}

    /**
     * Residual addition, then normalization of the sum, as in Pre-LN and Post-LN blocks: {@code h =
     * residual + x}, {@code y = norm(h)}.
     *
     * @param x {@code [..., columns]}, the result of a sublayer
     * @param residual {@code [..., columns]}
     * @param parameters gamma and beta of the normalization
     * @param options which normalization, with alpha
     * @param h {@code [..., columns]}, receives the sum, or null; may be residual or x
     * @param y {@code [..., columns]}, receives the normalized sum; may be x or residual
     */
    public static void residualAddNorm(
            Tensor x,
            Tensor residual,
            NormParameters parameters,
            ResidualOptions options,
            Tensor h,
            Tensor y) {
        residualAddNorm(x, null, residual, parameters, options, h, y, NormStatistics.NONE);
    }

    /**
     * Residual addition, then normalization of the sum:
     *
     * <pre>
     * h = alpha * residual + x + bias,   y = norm(h)
     * </pre>
     *
     * <p>h is rounded to the type of the tensors before it is normalized, unless {@link SumMode}
     * says otherwise. Pre-LN and Post-LN (Xiong et al.: On Layer Normalization in the Transformer
     * Architecture, arXiv:2002.04745), DeepNorm with its alpha (Wang et al.: DeepNet,
     * arXiv:2203.00555), Mix-LN (Li et al., arXiv:2412.13795), HybridNorm (Zhuo et al.,
     * arXiv:2503.04598).
     *
     * @param x {@code [..., columns]}, the result of a sublayer
     * @param bias {@code [columns]}, added to x, or null
     * @param residual {@code [..., columns]}
     * @param parameters gamma and beta of the normalization
     * @param options which normalization, with alpha and sum mode
     * @param h {@code [..., columns]}, receives the sum, or null; may be residual or x
     * @param y {@code [..., columns]}, receives the normalized sum; may be x or residual
     * @param statistics receives those of h; mean and meanLow null for RMSNorm
     */
    public static void residualAddNorm(
            Tensor x,
            Tensor bias,
            Tensor residual,
            NormParameters parameters,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics) {
        ResidualNormChecks.residualAddNorm(
                x, bias, residual, parameters, options, h, y, statistics);
        x.device()
                .kernels()
                .residualNorm()
                .residualAddNorm(x, bias, residual, parameters, options, h, y, statistics);
    }

    /**
     * The gradients of {@link #residualAddNorm(Tensor, Tensor, Tensor, NormParameters,
     * ResidualOptions, Tensor, Tensor, NormStatistics) residualAddNorm}. With {@code dnorm} the dx
     * of the normalization's backward pass for dy and h:
     *
     * <pre>
     * dh = dhIn + dnorm,   dx = dh,   dresidual = alpha * dh,   dbias = sum over rows of dh
     * </pre>
     *
     * <p>With {@code alpha = 1} dx and dresidual are equal: one tensor serves both.
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param dhIn {@code [..., columns]}, the gradient that reaches h from the residual stream, or
     *     null for none
     * @param h {@code [..., columns]}, the sum that the forward pass stored
     * @param gamma {@code [columns]}, as in the forward pass, or null
     * @param options as in the forward pass
     * @param statistics what the forward pass saved; {@link NormStatistics#NONE} to take them anew
     * @param dx {@code [..., columns]}, receives the gradient of x, or null; may be dy or dhIn
     * @param dresidual {@code [..., columns]}, receives the gradient of the residual, or null; may
     *     be dy or dhIn, but not dx
     * @param gradients receive those of gamma, beta and bias
     */
    public static void residualAddNormBackward(
            Tensor dy,
            Tensor dhIn,
            Tensor h,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        ResidualNormChecks.residualAddNormBackward(
                dy, dhIn, h, gamma, options, statistics, dx, dresidual, gradients);
        h.device()
                .kernels()
                .residualNorm()
                .residualAddNormBackward(
                        dy, dhIn, h, gamma, options, statistics, dx, dresidual, gradients);
    }

    /**
     * Normalization, then residual addition, as at the end of a Peri-LN block: {@code h = residual
     * + norm(x)}.
     *
     * @param x {@code [..., columns]}, the result of a sublayer
     * @param parameters gamma and beta of the normalization
     * @param residual {@code [..., columns]}
     * @param options which normalization, with alpha
     * @param h {@code [..., columns]}, receives the sum; may be residual or x
     */
    public static void normResidualAdd(
            Tensor x,
            NormParameters parameters,
            Tensor residual,
            ResidualOptions options,
            Tensor h) {
        normResidualAdd(x, null, parameters, residual, options, h, NormStatistics.NONE);
    }

    /**
     * Normalization, then residual addition:
     *
     * <pre>
     * h = alpha * residual + norm(x + bias)
     * </pre>
     *
     * <p>{@code x + bias} is a float32 sum; h is rounded once to the type of the tensors (besides
     * the roundings of a cast mode). The end of a Peri-LN block (Kim et al.: Peri-LN,
     * arXiv:2502.02732), and the output normalization of OLMo-2 and Gemma-2.
     *
     * @param x {@code [..., columns]}, the result of a sublayer
     * @param bias {@code [columns]}, added to x, or null
     * @param parameters gamma and beta of the normalization
     * @param residual {@code [..., columns]}
     * @param options which normalization, with alpha; the sum mode is not used
     * @param h {@code [..., columns]}, receives the sum; may be residual or x
     * @param statistics receives those of x + bias; mean and meanLow null for RMSNorm
     */
    public static void normResidualAdd(
            Tensor x,
            Tensor bias,
            NormParameters parameters,
            Tensor residual,
            ResidualOptions options,
            Tensor h,
            NormStatistics statistics) {
        ResidualNormChecks.normResidualAdd(x, bias, parameters, residual, options, h, statistics);
        x.device()
                .kernels()
                .residualNorm()
                .normResidualAdd(x, bias, parameters, residual, options, h, statistics);
    }

    /**
     * The gradients of {@link #normResidualAdd(Tensor, Tensor, NormParameters, Tensor,
     * ResidualOptions, Tensor, NormStatistics) normResidualAdd}. With {@code dnorm} the dx of the
     * normalization's backward pass for dh and x + bias:
     *
     * <pre>
     * dx = dnorm,   dresidual = alpha * dh,   dbias = sum over rows of dx (before it is rounded)
     * </pre>
     *
     * @param dh {@code [..., columns]}, the gradient of h
     * @param x {@code [..., columns]}, as in the forward pass
     * @param bias {@code [columns]}, as in the forward pass, or null
     * @param gamma {@code [columns]}, as in the forward pass, or null
     * @param options as in the forward pass
     * @param statistics what the forward pass saved; {@link NormStatistics#NONE} to take them anew
     * @param dx {@code [..., columns]}, receives the gradient of x, or null; may be dh
     * @param dresidual {@code [..., columns]}, receives the gradient of the residual, or null; may
     *     be dh, but not dx
     * @param gradients receive those of gamma, beta and bias
     */
    public static void normResidualAddBackward(
            Tensor dh,
            Tensor x,
            Tensor bias,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        ResidualNormChecks.normResidualAddBackward(
                dh, x, bias, gamma, options, statistics, dx, dresidual, gradients);
        x.device()
                .kernels()
                .residualNorm()
                .normResidualAddBackward(
                        dh, x, bias, gamma, options, statistics, dx, dresidual, gradients);
    }

    /**
     * Normalization, residual addition and normalization of the sum, as between two sublayers of
     * Peri-LN: {@code h = residual + norm1(x)}, {@code y = norm2(h)}.
     *
     * @param x {@code [..., columns]}, the result of a sublayer
     * @param parameters1 gamma and beta of the first normalization
     * @param residual {@code [..., columns]}
     * @param parameters2 gamma and beta of the second normalization
     * @param options which normalization, with alpha
     * @param h {@code [..., columns]}, receives the sum, or null; may be residual or x
     * @param y {@code [..., columns]}, receives the normalized sum; may be x or residual
     */
    public static void normAddNorm(
            Tensor x,
            NormParameters parameters1,
            Tensor residual,
            NormParameters parameters2,
            ResidualOptions options,
            Tensor h,
            Tensor y) {
        normAddNorm(
                x,
                parameters1,
                residual,
                parameters2,
                options,
                h,
                y,
                NormStatistics.NONE,
                NormStatistics.NONE);
    }

    /**
     * Normalization, residual addition and normalization of the sum:
     *
     * <pre>
     * h = alpha * residual + norm1(x),   y = norm2(h)
     * </pre>
     *
     * <p>Both normalizations are of the same kind with the same options. h is rounded to the type
     * of the tensors before it is normalized, unless {@link SumMode} says otherwise. Kim et al.:
     * Peri-LN: Revisiting Normalization Layer in the Transformer Architecture, arXiv:2502.02732:
     * the output normalization of one sublayer, the addition, and the input normalization of the
     * next.
     *
     * @param x {@code [..., columns]}, the result of a sublayer
     * @param parameters1 gamma and beta of the first normalization
     * @param residual {@code [..., columns]}
     * @param parameters2 gamma and beta of the second normalization
     * @param options which normalization, with alpha and sum mode
     * @param h {@code [..., columns]}, receives the sum, or null; may be residual or x
     * @param y {@code [..., columns]}, receives the normalized sum; may be x or residual
     * @param statistics1 receives those of x; mean and meanLow null for RMSNorm
     * @param statistics2 receives those of h; mean and meanLow null for RMSNorm
     */
    public static void normAddNorm(
            Tensor x,
            NormParameters parameters1,
            Tensor residual,
            NormParameters parameters2,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics1,
            NormStatistics statistics2) {
        ResidualNormChecks.normAddNorm(
                x, parameters1, residual, parameters2, options, h, y, statistics1, statistics2);
        x.device()
                .kernels()
                .residualNorm()
                .normAddNorm(
                        x,
                        parameters1,
                        residual,
                        parameters2,
                        options,
                        h,
                        y,
                        statistics1,
                        statistics2);
    }

    /**
     * The gradients of {@link #normAddNorm(Tensor, NormParameters, Tensor, NormParameters,
     * ResidualOptions, Tensor, Tensor, NormStatistics, NormStatistics) normAddNorm}. With {@code
     * dnorm1} and {@code dnorm2} the dx of the backward passes of both normalizations:
     *
     * <pre>
     * dh = dhIn + dnorm2(dy; h),   dresidual = alpha * dh,   dx = dnorm1(dh; x)
     * </pre>
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param dhIn {@code [..., columns]}, the gradient that reaches h from the residual stream, or
     *     null for none
     * @param x {@code [..., columns]}, as in the forward pass
     * @param h {@code [..., columns]}, the sum that the forward pass stored
     * @param gamma1 {@code [columns]}, of the first normalization, or null
     * @param gamma2 {@code [columns]}, of the second normalization, or null
     * @param options as in the forward pass
     * @param statistics1 what the forward pass saved of x; {@link NormStatistics#NONE} to take them
     *     anew
     * @param statistics2 what the forward pass saved of h; {@link NormStatistics#NONE} to take them
     *     anew
     * @param dx {@code [..., columns]}, receives the gradient of x, or null; may be dy or dhIn
     * @param dresidual {@code [..., columns]}, receives the gradient of the residual, or null; may
     *     be dy or dhIn, but not dx
     * @param gradients1 receive those of the first normalization; dbias must be null
     * @param gradients2 receive those of the second normalization; dbias must be null
     */
    public static void normAddNormBackward(
            Tensor dy,
            Tensor dhIn,
            Tensor x,
            Tensor h,
            Tensor gamma1,
            Tensor gamma2,
            ResidualOptions options,
            NormStatistics statistics1,
            NormStatistics statistics2,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients1,
            NormGradients gradients2) {
        ResidualNormChecks.normAddNormBackward(
                dy,
                dhIn,
                x,
                h,
                gamma1,
                gamma2,
                options,
                statistics1,
                statistics2,
                dx,
                dresidual,
                gradients1,
                gradients2);
        x.device()
                .kernels()
                .residualNorm()
                .normAddNormBackward(
                        dy,
                        dhIn,
                        x,
                        h,
                        gamma1,
                        gamma2,
                        options,
                        statistics1,
                        statistics2,
                        dx,
                        dresidual,
                        gradients1,
                        gradients2);
    }
}
