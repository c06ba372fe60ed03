// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The group rational activation of Kolmogorov-Arnold Transformers, forward and backward. Columns
 * are cut into groups of as many neighbours; with the coefficients of its group, each element
 * becomes {@code P / Q}, where Q is at least 1. Yang, Wang: Kolmogorov-Arnold Transformer,
 * arXiv:2409.10594.
 *
 * <p>Tensors, rounding and errors follow the rules of {@link Activations}, coefficients those of
 * {@link PolynomialActivation}. Powers that float32 cannot hold make the result NaN: of degree 5
 * from 5e7 on.
 */
public final class RationalActivation {
    private RationalActivation() {}

    /**
     * {@code y = P(x) / Q(x)}.
     *
     * @param x {@code [..., columns]}, of which the groups of the coefficients are a divisor
     * @param coefficients of all groups
     * @param y receives the result; may be x
     */
    public static void apply(Tensor x, RationalCoefficients coefficients, Tensor y) {
        PolynomialChecks.rational(x, coefficients, y);
        x.device().kernels().polynomial().rational(x, coefficients, y);
    }

    /**
     * The gradients of {@link #apply}. With {@code h = dy / Q}, {@code F = P / Q}, {@code s(t)} the
     * sign of t, which is 1 for 0 and -0, and sums over all rows and the columns of the groups that
     * share a coefficient, {@code dnumerator[i] = sum of h x^i} and
     *
     * <pre>
     * TERM_WISE: dx = h (P'(x) - F s(x) sum over j of j |b[j]| |x|^(j - 1)),
     *            ddenominator[j] = -s(b[j]) sum of h F |x|^j
     * SUM:       dx = h (P'(x) - F s(B) B'(x)) with B = sum over j of b[j] x^j,
     *            ddenominator[j] = -sum of h F s(B) x^j
     * </pre>
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param x {@code [..., columns]}, as in the forward pass
     * @param coefficients as in the forward pass
     * @param dx receives the gradient of x, or null; may be dy or x
     * @param dnumerator shaped as the numerator, {@link DType#F32}, contiguous, receives its
     *     gradient, or null
     * @param ddenominator shaped as the denominator, likewise
     * @param accumulate whether gradients of coefficients are added to what their tensors hold
     */
    public static void backward(
            Tensor dy,
            Tensor x,
            RationalCoefficients coefficients,
            Tensor dx,
            Tensor dnumerator,
            Tensor ddenominator,
            boolean accumulate) {
        PolynomialChecks.rationalBackward(dy, x, coefficients, dx, dnumerator, ddenominator);
        x.device()
                .kernels()
                .polynomial()
                .rationalBackward(dy, x, coefficients, dx, dnumerator, ddenominator, accumulate);
    }
}
