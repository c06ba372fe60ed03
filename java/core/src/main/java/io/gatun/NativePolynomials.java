// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.NativeHandle;

/** The polynomial and rational activations by the native library. */
final class NativePolynomials implements PolynomialKernels {
    private final NativePolynomial polynomial;
    private final NativePolyNorm polyNorm;
    private final NativeRational rational;

    NativePolynomials(NativeContext context, NativeHandle handle) {
        this.polynomial = new NativePolynomial(context, handle);
        this.polyNorm = new NativePolyNorm(context, handle);
        this.rational = new NativeRational(context, handle);
    }

    @Override
    public void polynomial(
            boolean rectified, Tensor x, PolynomialCoefficients coefficients, Tensor y) {
        polynomial.forward(rectified, x, coefficients, y);
    }

    @Override
    public void polynomialBackward(
            boolean rectified,
            Tensor dy,
            Tensor x,
            PolynomialCoefficients coefficients,
            Tensor dx,
            Tensor dcoefficients,
            boolean accumulate) {
        polynomial.backward(rectified, dy, x, coefficients, dx, dcoefficients, accumulate);
    }

    @Override
    public void polyNorm(
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor y,
            Tensor rho) {
        polyNorm.forward(gate, up, coefficients, eps, y, rho);
    }

    @Override
    public void polyNormBackward(
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
        polyNorm.backward(
                dy, gate, up, coefficients, eps, rho, dgate, dup, dcoefficients, accumulate);
    }

    @Override
    public void rational(Tensor x, RationalCoefficients coefficients, Tensor y) {
        rational.forward(x, coefficients, y);
    }

    @Override
    public void rationalBackward(
            Tensor dy,
            Tensor x,
            RationalCoefficients coefficients,
            Tensor dx,
            Tensor dnumerator,
            Tensor ddenominator,
            boolean accumulate) {
        rational.backward(dy, x, coefficients, dx, dnumerator, ddenominator, accumulate);
    }
}
