// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The normalization kernels of a device. Gamma, beta, dx, each of the statistics and each of the
 * gradients may be null.
 */
interface NormKernels {
    void layerNorm(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics);

    void rmsNorm(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics);

    void backward(
            NormKind kind,
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormOptions options,
            NormStatistics statistics,
            Tensor dx,
            NormGradients gradients);
}
