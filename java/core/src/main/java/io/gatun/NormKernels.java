// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The normalization kernels of a device. Gamma, beta and each of the statistics may be null. */
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
}
