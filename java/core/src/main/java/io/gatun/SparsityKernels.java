// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The sparsity masks of a device. What may be null is said in {@link ActivationSparsity}. */
interface SparsityKernels {
    void threshold(Tensor x, Threshold threshold, Tensor values, Tensor y);

    void topK(Tensor x, Tensor scale, long kept, Tensor values, Tensor y);
}
