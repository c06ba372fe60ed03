// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Sets all but the greatest elements of activations to 0. Tensors, rounding and errors follow the
 * rules of {@link Activations}; what is kept is kept bit by bit. An element whose key is NaN is
 * kept, so that it is not hidden.
 */
public final class ActivationSparsity {
    private ActivationSparsity() {}

    /**
     * Keeps elements by a threshold: {@code y = x} where it is kept, else 0.
     *
     * @param x {@code [..., columns]}
     * @param threshold which elements are kept
     * @param y receives the result; may be x
     */
    public static void threshold(Tensor x, Threshold threshold, Tensor y) {
        SparsityChecks.threshold(x, threshold, y);
        x.device().kernels().sparsity().threshold(x, threshold, x, y);
    }

    /**
     * The gradient of {@link #threshold}, with thresholds and scale as constants: {@code dx = dy}
     * where x is kept, else 0.
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param x {@code [..., columns]}, as in the forward pass
     * @param threshold as in the forward pass
     * @param dx receives the gradient of x; may be dy or x
     */
    public static void thresholdBackward(Tensor dy, Tensor x, Threshold threshold, Tensor dx) {
        SparsityChecks.thresholdBackward(dy, x, threshold, dx);
        x.device().kernels().sparsity().threshold(x, threshold, dy, dx);
    }

    /**
     * Keeps exactly some elements of each row: those with the greatest key {@code |x| *
     * scale[column]}, of equal keys those of the lowest column; all where there are no more. A key
     * that is NaN is greater than any other. Li et al.: The Lazy Neuron Phenomenon,
     * arXiv:2210.06313; with the norms of the columns of the weight as scale, Chen et al.: WINA,
     * arXiv:2505.19427.
     *
     * @param x {@code [..., columns]}
     * @param scale {@code [columns]}, {@link DType#F32}, contiguous, each at least 0; or null for 1
     * @param kept how many elements of a row are kept, at least 0
     * @param y receives the result; may be x
     */
    public static void topK(Tensor x, Tensor scale, long kept, Tensor y) {
        SparsityChecks.topK(x, scale, kept, y);
        x.device().kernels().sparsity().topK(x, scale, kept, x, y);
    }

    /**
     * The gradient of {@link #topK}, with the choice as a constant: {@code dx = dy} where x is
     * kept, else 0.
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param x {@code [..., columns]}, as in the forward pass
     * @param scale as in the forward pass
     * @param kept as in the forward pass
     * @param dx receives the gradient of x; may be dy or x
     */
    public static void topKBackward(Tensor dy, Tensor x, Tensor scale, long kept, Tensor dx) {
        SparsityChecks.topKBackward(dy, x, scale, kept, dx);
        x.device().kernels().sparsity().topK(x, scale, kept, dy, dx);
    }
}
