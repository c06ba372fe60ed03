// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The polynomial and rational activations of a device. What may be null is said in {@link
 * PolynomialActivation} and {@link RationalActivation}.
 */
interface PolynomialKernels {
    /** Polynomials of max(x, 0) where rectified, else of x. */
    void polynomial(boolean rectified, Tensor x, PolynomialCoefficients coefficients, Tensor y);

    void polynomialBackward(
            boolean rectified,
            Tensor dy,
            Tensor x,
            PolynomialCoefficients coefficients,
            Tensor dx,
            Tensor dcoefficients,
            boolean accumulate);

    /** PolyNorm of the gate, times up where that is not null. */
    void polyNorm(
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor y,
            Tensor rho);

    /** Dup is null where up is. */
    void polyNormBackward(
            Tensor dy,
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor rho,
            Tensor dgate,
            Tensor dup,
            Tensor dcoefficients,
            boolean accumulate);

    void rational(Tensor x, RationalCoefficients coefficients, Tensor y);

    void rationalBackward(
            Tensor dy,
            Tensor x,
            RationalCoefficients coefficients,
            Tensor dx,
            Tensor dnumerator,
            Tensor ddenominator,
            boolean accumulate);
}
