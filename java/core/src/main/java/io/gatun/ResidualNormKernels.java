// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The kernels of a device that join normalization and residual addition. What may be null is said
 * in {@link ResidualNormalization}.
 */
interface ResidualNormKernels {
    void residualAddNorm(
            Tensor x,
            Tensor bias,
            Tensor residual,
            NormParameters parameters,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics);

    void residualAddNormBackward(
            Tensor dy,
            Tensor dhIn,
            Tensor h,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients);

    void normResidualAdd(
            Tensor x,
            Tensor bias,
            NormParameters parameters,
            Tensor residual,
            ResidualOptions options,
            Tensor h,
            NormStatistics statistics);

    void normResidualAddBackward(
            Tensor dh,
            Tensor x,
            Tensor bias,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients);

    void normAddNorm(
            Tensor x,
            NormParameters parameters1,
            Tensor residual,
            NormParameters parameters2,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics1,
            NormStatistics statistics2);

    void normAddNormBackward(
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
            NormGradients gradients2);
}
