// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Polynomial activations with learnable coefficients: PolyReLU, polynomials of any element, and
 * PolyNorm, forward and backward. Zhuo et al.: Polynomial Composition Activations,
 * arXiv:2411.03884.
 *
 * <p>Tensors, rounding and errors follow the rules of {@link Activations}; coefficients and their
 * gradients are {@link DType#F32} whatever the type of the data. NaN and infinities propagate as in
 * Horner's rule, so that 0 times infinity is NaN. Gradients of coefficients are summed over fixed
 * pieces of the tensor, so their bits depend on its shape alone; with no rows they are 0.
 */
public final class PolynomialActivation {
    private PolynomialActivation() {}

    /**
     * PolyReLU: {@code y = a0 + a1 z + ... + ar z^r} with {@code z = max(x, 0)}.
     *
     * @param x {@code [..., columns]}
     * @param coefficients of order 1 to 8
     * @param y receives the result; may be x
     */
    public static void polyRelu(Tensor x, PolynomialCoefficients coefficients, Tensor y) {
        PolynomialChecks.polynomial(x, coefficients, y);
        x.device().kernels().polynomial().polynomial(true, x, coefficients, y);
    }

    /**
     * The gradients of PolyReLU: {@code dx = dy (a1 + 2 a2 z + ... + r ar z^(r - 1))} where {@code
     * x > 0}, else 0, and {@code dcoefficients[i] = sum of dy z^i} with {@code z^0 = 1} everywhere.
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param x {@code [..., columns]}, as in the forward pass
     * @param coefficients as in the forward pass
     * @param dx receives the gradient of x, or null; may be dy or x
     * @param dcoefficients {@code [order + 1]}, {@link DType#F32}, contiguous, receives the
     *     gradient of the coefficients, or null
     * @param accumulate whether that is added to what dcoefficients holds
     */
    public static void polyReluBackward(
            Tensor dy,
            Tensor x,
            PolynomialCoefficients coefficients,
            Tensor dx,
            Tensor dcoefficients,
            boolean accumulate) {
        PolynomialChecks.polynomialBackward(dy, x, coefficients, dx, dcoefficients);
        x.device()
                .kernels()
                .polynomial()
                .polynomialBackward(true, dy, x, coefficients, dx, dcoefficients, accumulate);
    }

    /**
     * A polynomial of each element: {@code y = a0 + a1 x + ... + ar x^r}. With {@link
     * PolynomialCoefficients#wideDeep(Device, long)} the optimal activation of wide and deep
     * networks.
     *
     * @param x {@code [..., columns]}
     * @param coefficients of order 1 to 8
     * @param y receives the result; may be x
     */
    public static void polyEval(Tensor x, PolynomialCoefficients coefficients, Tensor y) {
        PolynomialChecks.polynomial(x, coefficients, y);
        x.device().kernels().polynomial().polynomial(false, x, coefficients, y);
    }

    /**
     * The gradients of {@link #polyEval}: {@code dx = dy (a1 + 2 a2 x + ... + r ar x^(r - 1))},
     * {@code dcoefficients[i] = sum of dy x^i}.
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param x {@code [..., columns]}, as in the forward pass
     * @param coefficients as in the forward pass
     * @param dx receives the gradient of x, or null; may be dy or x
     * @param dcoefficients {@code [order + 1]}, {@link DType#F32}, contiguous, receives the
     *     gradient of the coefficients, or null
     * @param accumulate whether that is added to what dcoefficients holds
     */
    public static void polyEvalBackward(
            Tensor dy,
            Tensor x,
            PolynomialCoefficients coefficients,
            Tensor dx,
            Tensor dcoefficients,
            boolean accumulate) {
        PolynomialChecks.polynomialBackward(dy, x, coefficients, dx, dcoefficients);
        x.device()
                .kernels()
                .polynomial()
                .polynomialBackward(false, dy, x, coefficients, dx, dcoefficients, accumulate);
    }

    /**
     * PolyNorm: {@code y = a0 + sum over p of a[p] rho[p] x^p} with {@code rho[p] = 1 / sqrt(mean
     * of x^(2 p) + eps)} over each row, as the released code has it (the paper divides by the norm
     * instead of the root mean square). Powers that float32 cannot hold are no limit. A row with
     * NaN or infinities becomes NaN.
     *
     * @param x {@code [..., columns]}
     * @param coefficients of order 1 to 4: the bias, then the weights
     * @param eps finite, at least 0; 1e-6 in the released code
     * @param y receives the result; may be x
     * @param rho {@code [..., order]} with as many rows as x, {@link DType#F32}, contiguous,
     *     receives rho of each row for the backward pass, or null
     */
    public static void polyNorm(
            Tensor x, PolynomialCoefficients coefficients, float eps, Tensor y, Tensor rho) {
        PolynomialChecks.polyNorm(x, "x", null, coefficients, eps, y, rho);
        x.device().kernels().polynomial().polyNorm(x, null, coefficients, eps, y, rho);
    }

    /**
     * The gradients of PolyNorm. With {@code S[p] = sum over the row of dy x^p}: {@code dx = sum
     * over p of a[p] p x^(p - 1) rho[p] (dy - x^p rho[p]^2 S[p] / columns)}, {@code
     * dcoefficients[p] = sum over rows of rho[p] S[p]}, {@code dcoefficients[0] = sum of dy}.
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param x {@code [..., columns]}, as in the forward pass
     * @param coefficients as in the forward pass
     * @param eps as in the forward pass
     * @param rho as the forward pass saved it; null to take it anew from x
     * @param dx receives the gradient of x, or null; may be dy or x
     * @param dcoefficients {@code [order + 1]}, {@link DType#F32}, contiguous, receives the
     *     gradient of the coefficients, or null
     * @param accumulate whether that is added to what dcoefficients holds
     */
    public static void polyNormBackward(
            Tensor dy,
            Tensor x,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor rho,
            Tensor dx,
            Tensor dcoefficients,
            boolean accumulate) {
        PolynomialChecks.polyNormBackward(dy, x, coefficients, eps, rho, dx, dcoefficients);
        x.device()
                .kernels()
                .polynomial()
                .polyNormBackward(
                        dy, x, null, coefficients, eps, rho, dx, null, dcoefficients, accumulate);
    }

    /**
     * PolyNorm of a gate, times the other half of a gated layer, rounded once: {@code y =
     * PolyNorm(gate) * up}.
     *
     * @param gate {@code [..., columns]}
     * @param up {@code [..., columns]}
     * @param coefficients as in {@link #polyNorm}
     * @param eps as in {@link #polyNorm}
     * @param y receives the result; may be gate or up
     * @param rho as in {@link #polyNorm}
     */
    public static void polyNormMul(
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor y,
            Tensor rho) {
        Operands.require(up, "up");
        PolynomialChecks.polyNorm(gate, "gate", up, coefficients, eps, y, rho);
        gate.device().kernels().polynomial().polyNorm(gate, up, coefficients, eps, y, rho);
    }

    /**
     * The gradients of {@link #polyNormMul}: those of PolyNorm for {@code dy * up} and the gate,
     * and {@code dup = dy * PolyNorm(gate)}.
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param gate {@code [..., columns]}, as in the forward pass
     * @param up {@code [..., columns]}, as in the forward pass
     * @param coefficients as in the forward pass
     * @param eps as in the forward pass
     * @param rho as the forward pass saved it; null to take it anew from gate
     * @param dgate receives the gradient of gate, or null; may be dy, gate or up
     * @param dup receives the gradient of up, or null; may be dy, gate or up
     * @param dcoefficients {@code [order + 1]}, {@link DType#F32}, contiguous, receives the
     *     gradient of the coefficients, or null
     * @param accumulate whether that is added to what dcoefficients holds
     */
    public static void polyNormMulBackward(
            Tensor dy,
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor rho,
            Tensor dgate,
            Tensor dup,
            Tensor dcoefficients,
            boolean accumulate) {
        PolynomialChecks.polyNormMulBackward(
                dy, gate, up, coefficients, eps, rho, dgate, dup, dcoefficients);
        gate.device()
                .kernels()
                .polynomial()
                .polyNormBackward(
                        dy,
                        gate,
                        up,
                        coefficients,
                        eps,
                        rho,
                        dgate,
                        dup,
                        dcoefficients,
                        accumulate);
    }
}
