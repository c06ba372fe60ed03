// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The head normalization kernels of a device. What may be null is said in {@link
 * HeadNormalization}.
 */
interface HeadNormKernels {
    void forward(Qkv x, Qkv gamma, NormOptions options, Qkv y, Tensor rstd);

    void backward(Qkv dy, Qkv x, Qkv gamma, NormOptions options, Qkv dx, Qkv dgamma);
}
