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
}
