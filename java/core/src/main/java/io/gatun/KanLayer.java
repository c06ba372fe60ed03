// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Layers of Kolmogorov-Arnold networks: each input goes through the functions of a {@link
 * KanBasis}, and each output adds up what they give, with a weight for each function of each input.
 *
 * <p>Rows are the last dimension of a tensor, as in {@link Normalization}, whose errors these
 * methods have; the functions of a basis are one dimension more in front of the columns. Arithmetic
 * is float32, a 16-bit result is rounded once. NaN gives NaN, but in functions that are constant.
 */
public final class KanLayer {
    private KanLayer() {}

    /**
     * The functions of a basis, {@code phi[..., m, column] = phi[m](x[..., column])}, the base
     * last.
     *
     * @param basis the functions
     * @param x {@code [..., columns]}
     * @param phi {@code [..., basis.count(), columns]}, of the type of x, receives the values; the
     *     functions of a row next to each other in memory; apart from x
     */
    public static void basis(KanBasis basis, Tensor x, Tensor phi) {
        KanChecks.basis(basis, x, phi);
        x.device().kernels().kan().basis(basis, x, phi);
    }

    /**
     * The gradient of what a basis was given, {@code dx = sum over m of dphi[m] phi[m]'(x)}. On a
     * knot, the slope of B-splines of degree 1 is that on its right.
     *
     * @param basis the functions
     * @param dphi {@code [..., basis.count(), columns]}, the gradient of the values
     * @param x {@code [..., columns]}, as in the forward pass
     * @param dx shaped as x, receives the gradient; may be x itself
     */
    public static void basisBackward(KanBasis basis, Tensor dphi, Tensor x, Tensor dx) {
        KanChecks.basisBackward(basis, dphi, x, dx);
        x.device().kernels().kan().basisBackward(basis, dphi, x, dx);
    }

    /**
     * A layer; the functions never reach memory:
     *
     * <pre>
     * y[..., o] = bias[o] + sum over columns i and functions m of phi[m](x[..., i]) * weight[i, m, o]
     * </pre>
     *
     * @param basis the functions
     * @param x {@code [..., columns]}
     * @param weight {@code [columns, basis.count(), outputs]}, {@link DType#F32}, contiguous; see
     *     {@link KanWeights}
     * @param bias {@code [outputs]}, {@link DType#F32}, or null for none
     * @param y {@code [..., outputs]}, of the type of x, receives the result; apart from the others
     */
    public static void forward(KanBasis basis, Tensor x, Tensor weight, Tensor bias, Tensor y) {
        KanChecks.forward(basis, x, weight, bias, y);
        x.device().kernels().kan().forward(basis, x, weight, bias, y);
    }

    /**
     * The gradients of a layer; those of weights and bias are summed in a fixed order, the same for
     * any number of threads. Outputs are apart from each other and from all inputs.
     *
     * @param basis the functions
     * @param dy {@code [..., outputs]}, the gradient of y
     * @param x {@code [..., columns]}, as in the forward pass
     * @param weight {@code [columns, basis.count(), outputs]}, as in the forward pass
     * @param dx shaped as x, receives its gradient; null where it is not wanted
     * @param dweight shaped as weight, {@link DType#F32}, contiguous, receives its gradient; null
     *     where it is not wanted
     * @param dbias {@code [outputs]}, {@link DType#F32}, receives the gradient of the bias; null
     *     where it is not wanted
     * @param accumulate whether dweight and dbias are added to, rather than overwritten
     */
    public static void backward(
            KanBasis basis,
            Tensor dy,
            Tensor x,
            Tensor weight,
            Tensor dx,
            Tensor dweight,
            Tensor dbias,
            boolean accumulate) {
        KanChecks.backward(basis, dy, x, weight, dx, dweight, dbias);
        x.device().kernels().kan().backward(basis, dy, x, weight, dx, dweight, dbias, accumulate);
    }

    /**
     * Functions between learnable ends,
     *
     * <pre>
     * phi[..., m, i] = scale * f(g(x[..., i] - starts[m]), g(ends[m] - x[..., i]))
     * </pre>
     *
     * NaN and infinities propagate as the formula does in IEEE 754 arithmetic.
     *
     * @param windows the functions
     * @param x {@code [..., columns]}
     * @param starts {@code [functions]}, or {@code [functions, columns]} where each column has its
     *     own; {@link DType#F32}, contiguous
     * @param ends shaped as starts, likewise
     * @param phi {@code [..., functions, columns]}, of the type of x, receives the values; the
     *     functions of a row next to each other in memory; apart from the others
     */
    public static void windows(
            KanWindows windows, Tensor x, Tensor starts, Tensor ends, Tensor phi) {
        WindowChecks.forward(windows, x, starts, ends, phi);
        x.device().kernels().windows().forward(windows, x, starts, ends, phi);
    }

    /**
     * The gradients of {@link #windows}; those of the ends are summed in a fixed order, the same
     * for any number of threads. Outputs are apart from each other and from all inputs.
     *
     * @param windows the functions
     * @param dphi {@code [..., functions, columns]}, the gradient of the values
     * @param x as in the forward pass
     * @param starts as in the forward pass
     * @param ends as in the forward pass
     * @param dx shaped as x, receives its gradient; null where it is not wanted
     * @param dstarts shaped as starts, {@link DType#F32}, receives its gradient; null where it is
     *     not wanted
     * @param dends shaped as ends, likewise
     * @param accumulate whether dstarts and dends are added to, rather than overwritten
     */
    public static void windowsBackward(
            KanWindows windows,
            Tensor dphi,
            Tensor x,
            Tensor starts,
            Tensor ends,
            Tensor dx,
            Tensor dstarts,
            Tensor dends,
            boolean accumulate) {
        WindowChecks.backward(windows, dphi, x, starts, ends, dx, dstarts, dends);
        x.device()
                .kernels()
                .windows()
                .backward(windows, dphi, x, starts, ends, dx, dstarts, dends, accumulate);
    }
}
