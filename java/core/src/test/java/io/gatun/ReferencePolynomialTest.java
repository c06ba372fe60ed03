// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The reference device's polynomials, and the published coefficients. */
class ReferencePolynomialTest {
    private final Device device = Device.reference();

    private Tensor row(float... values) {
        return device.tensor(values, 1, values.length);
    }

    private PolynomialCoefficients polynomial(float... ascending) {
        return new PolynomialCoefficients(device.tensor(ascending, ascending.length));
    }

    @Test
    void polyRelu() {
        float[] y = new float[3];
        PolynomialActivation.polyRelu(row(-3, 2, 0), polynomial(1, 2, 3, 4), row(y));
        assertArrayEquals(new float[] {1, 1 + 4 + 12 + 32, 1}, y);
        float[] dx = new float[3];
        float[] sums = {100, 100, 100, 100};
        Tensor dcoefficients = device.tensor(sums, 4);
        PolynomialActivation.polyReluBackward(
                row(1, 10, 100),
                row(-3, 2, 0),
                polynomial(1, 2, 3, 4),
                row(dx),
                dcoefficients,
                false);
        assertArrayEquals(new float[] {0, 10 * (2 + 12 + 48), 0}, dx);
        assertArrayEquals(new float[] {111, 20, 40, 80}, sums);
        PolynomialActivation.polyReluBackward(
                row(1, 10, 100), row(-3, 2, 0), polynomial(1, 2, 3, 4), null, dcoefficients, true);
        assertArrayEquals(new float[] {222, 40, 80, 160}, sums);
    }

    @Test
    void coefficientsOfPolyComBeginWithTheHighestPower() {
        PolynomialCoefficients imported =
                PolynomialCoefficients.fromPolyCom(device, new float[] {3, 2, 1}, 0.5f);
        assertArrayEquals(new float[] {0.5f, 1, 2, 3}, imported.values().toFloatArray());
        float third = 1 / 3f;
        assertArrayEquals(
                new float[] {0, third, third, third},
                PolynomialCoefficients.polyCom(device).values().toFloatArray());
    }

    /** Over the standard normal distribution, with Simpson's rule. */
    private static double expectation(DoubleUnaryOperator function) {
        double sum = 0;
        int steps = 4000;
        double width = 24.0 / steps;
        for (int i = 0; i <= steps; i++) {
            double x = -12 + i * width;
            double weight = i == 0 || i == steps ? 1 : i % 2 == 0 ? 2 : 4;
            sum += weight * function.applyAsDouble(x) * Math.exp(-x * x / 2);
        }
        return sum * width / 3 / Math.sqrt(2 * Math.PI);
    }

    private static double eval(float[] a, double x) {
        double sum = 0;
        for (int i = a.length - 1; i >= 0; i--) {
            sum = sum * x + a[i];
        }
        return sum;
    }

    /** Mean 0 and mean square 1; for d = 1 the published formula. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 8, 1000})
    void wideDeep(long dimension) {
        float[] a = PolynomialCoefficients.wideDeep(device, dimension).values().toFloatArray();
        assertEquals(0, expectation(x -> eval(a, x)), 1e-6);
        assertEquals(1, expectation(x -> eval(a, x) * eval(a, x)), 1e-5);
        // The derivative of the dual activation at 0 is the square of the first coefficient.
        double first = expectation(x -> x * eval(a, x));
        double expected = dimension == 1 ? 0.5 : Math.pow(2, -dimension / 2.0);
        assertEquals(expected, first * first, 1e-5);
        if (dimension == 1) {
            double h7 = Math.pow(2, 7) - 21 * Math.pow(2, 5) + 105 * Math.pow(2, 3) - 105 * 2;
            assertEquals(h7 / (12 * Math.sqrt(70)) + Math.sqrt(2), eval(a, 2), 1e-5);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void hermite(int order) {
        float[] a = PolynomialCoefficients.hermite(device, order).values().toFloatArray();
        assertEquals(order + 1, a.length);
        assertEquals(1, expectation(x -> eval(a, x) * eval(a, x)), 1e-5);
        assertEquals(0, expectation(x -> eval(a, x)), 1e-5);
    }

    private float[] polyNorm(PolynomialCoefficients a, float eps, float... x) {
        float[] y = new float[x.length];
        PolynomialActivation.polyNorm(row(x), a, eps, row(y), null);
        return y;
    }

    @Test
    void polyNorm() {
        // Means of x^2, x^4, x^6 of 1, -2: 5/2, 17/2, 65/2.
        float[] y = new float[2];
        float[] rho = new float[3];
        PolynomialActivation.polyNorm(
                row(1, -2), polynomial(0.5f, 1, 2, 3), 0, row(y), device.tensor(rho, 1, 3));
        double r1 = 1 / Math.sqrt(2.5);
        double r2 = 1 / Math.sqrt(8.5);
        double r3 = 1 / Math.sqrt(32.5);
        assertArrayEquals(new float[] {(float) r1, (float) r2, (float) r3}, rho, 1e-7f);
        assertEquals(0.5 + r1 + 2 * r2 + 3 * r3, y[0], 1e-6);
        assertEquals(0.5 - 2 * r1 + 8 * r2 - 24 * r3, y[1], 1e-6);
        // One column: signs and ones.
        assertArrayEquals(
                new float[] {0.5f - 1 + 2 - 3}, polyNorm(polynomial(0.5f, 1, 2, 3), 0, -7), 1e-6f);
        // Zero rows give the bias, and 1 / sqrt(eps) times the first weight as gradient.
        assertArrayEquals(
                new float[] {0.5f, 0.5f}, polyNorm(polynomial(0.5f, 1, 2, 3), 1e-6f, 0, 0));
        float[] dx = new float[2];
        PolynomialActivation.polyNormBackward(
                row(1, 2), row(0, 0), polynomial(0.5f, 3, 2, 1), 1e-6f, null, row(dx), null, false);
        assertArrayEquals(new float[] {3000, 6000}, dx, 0.01f);
    }

    @Test
    void polyNormOfRowsThatFloat32CannotRaise() {
        PolynomialCoefficients a = polynomial(0.5f, 1, 2, 3, 4);
        float[] expected = polyNorm(a, 0, 1, -2, 3);
        assertArrayEquals(expected, polyNorm(a, 1e-6f, 1e30f, -2e30f, 3e30f), 1e-5f);
        assertArrayEquals(expected, polyNorm(a, 1e-6f, 1e38f, -2e38f, 3e38f), 1e-5f);
        for (float special : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            for (float value : polyNorm(a, 1e-6f, 1, special, 2)) {
                assertTrue(Float.isNaN(value));
            }
        }
    }

    @Test
    void polyNormMul() {
        PolynomialCoefficients a = polynomial(0.5f, 1, 2, 3);
        float[] plain = polyNorm(a, 1e-6f, 1, -2, 3);
        float[] y = new float[3];
        PolynomialActivation.polyNormMul(row(1, -2, 3), row(2, 3, 4), a, 1e-6f, row(y), null);
        assertArrayEquals(new float[] {2 * plain[0], 3 * plain[1], 4 * plain[2]}, y, 1e-5f);
    }

    /** What a set stands for. */
    private static double target(RationalInit init, double x) {
        double gelu = x * ScalarFunctions.normalTail(-x);
        double swish = x * ScalarFunctions.sigmoid(x);
        return switch (init) {
            case IDENTITY -> x;
            case SWISH -> swish;
            case GELU_OLD, GELU -> gelu;
            case TANH -> Math.tanh(x);
            case SIGMOID -> ScalarFunctions.sigmoid(x);
            case RELU -> Math.max(x, 0);
            case GEGLU -> x * gelu;
            case SWISHGLU -> x * swish;
        };
    }

    private double greatestError(RationalInit init, RationalForm form) {
        int count = 60_001;
        float[] x = new float[count];
        for (int i = 0; i < count; i++) {
            x[i] = -3 + 6f * i / (count - 1);
        }
        float[] y = new float[count];
        RationalActivation.apply(row(x), init.coefficients(device, 1).withForm(form), row(y));
        double greatest = 0;
        for (int i = 0; i < count; i++) {
            greatest = Math.max(greatest, Math.abs(y[i] - target(init, x[i])));
        }
        return greatest;
    }

    /** The greatest errors on [-3, 3] under each form: the wrong one is another function. */
    @ParameterizedTest
    @CsvSource({
        "IDENTITY, 0, 0",
        "SWISH, 1.2e-6, 1.3e-4",
        "GELU_OLD, 4.1e-3, 0.35",
        "GELU, 1.47, 3.0e-3",
        "TANH, 4.1e-5, 1.8e-3",
        "SIGMOID, 1.9e-5, 1.9e-5",
        "RELU, 3.0e-2, 0.44",
        "GEGLU, 0.95, 1.3e-3",
        "SWISHGLU, 1.71, 1.7e-3"
    })
    void publishedRationals(RationalInit init, double termWise, double sum) {
        assertEquals(termWise, greatestError(init, RationalForm.TERM_WISE), 0.05 * termWise);
        assertEquals(sum, greatestError(init, RationalForm.SUM), 0.05 * sum);
        double own = init.form() == RationalForm.TERM_WISE ? termWise : sum;
        assertTrue(own <= 0.03, "the form of the set is the one that fits");
    }

    @ParameterizedTest
    @EnumSource(RationalForm.class)
    void identityLearnsItsDenominator(RationalForm form) {
        // With s(0) = 1 the gradient of a denominator of zeros is not 0: -x |x| and -x x^2 ...
        RationalCoefficients identity =
                RationalInit.IDENTITY.coefficients(device, 1).withForm(form);
        float[] below = new float[4];
        float[] above = new float[6];
        RationalActivation.backward(
                row(1),
                row(2),
                identity,
                null,
                device.tensor(above, 1, 6),
                device.tensor(below, 1, 4),
                false);
        assertArrayEquals(new float[] {1, 2, 4, 8, 16, 32}, above);
        assertArrayEquals(new float[] {-4, -8, -16, -32}, below);
    }

    @Test
    void groups() {
        // Two groups of two columns: x / (1 + |x|) and x / (1 + 2 |x|), plus a shared 1.
        RationalCoefficients coefficients =
                RationalCoefficients.fromKat(device, new float[] {1, 1}, 1, new float[] {1, -2}, 2);
        float[] y = new float[4];
        RationalActivation.apply(row(1, -1, 1, -1), coefficients, row(y));
        assertArrayEquals(new float[] {1, 0, 2 / 3f, 0}, y);
        float[] above = new float[2];
        float[] below = new float[2];
        float[] dx = new float[4];
        RationalActivation.backward(
                row(1, 1, 1, 1),
                row(1, -1, 1, -1),
                coefficients,
                row(dx),
                device.tensor(above, 1, 2),
                device.tensor(below, 2, 1),
                false);
        // h is 1/2, 1/2, 1/3, 1/3, and F 1, 0, 2/3, 0.
        assertArrayEquals(new float[] {5 / 3f, 0}, above, 1e-6f);
        assertArrayEquals(new float[] {-0.5f, 2 / 9f}, below, 1e-6f);
        assertArrayEquals(
                new float[] {0, 0.5f, (float) ((1 - 2 / 3.0 * 2) / 3), 1 / 3f}, dx, 1e-6f);
    }

    @Test
    void katBeginsWithASharedNumerator() {
        RationalCoefficients initial = RationalInit.SWISH.coefficients(device, 8);
        assertArrayEquals(new long[] {1, 6}, initial.numerator().shape());
        assertArrayEquals(new long[] {8, 4}, initial.denominator().shape());
        assertEquals(RationalForm.TERM_WISE, initial.form());
        assertEquals(initial.denominator().get(0, 1), initial.denominator().get(7, 1));
    }

    @Test
    void sparsity() {
        float[] y = new float[5];
        ActivationSparsity.threshold(row(1, -2, 0.5f, Float.NaN, 3), Threshold.teal(1), row(y));
        assertArrayEquals(new float[] {0, -2, 0, Float.NaN, 3}, y);
        ActivationSparsity.threshold(row(1, -2, 0.5f, 0, 3), Threshold.cats(1), row(y));
        assertArrayEquals(new float[] {1, -2, 0, 0, 3}, y);
        Tensor own = device.tensor(new float[] {2, 2, 0.5f, 0, 4}, 5);
        ActivationSparsity.threshold(row(1, -2, 0.5f, 0, 3), Threshold.chess(own), row(y));
        assertArrayEquals(new float[] {0, -2, 0.5f, 0, 0}, y);
        ActivationSparsity.threshold(row(1, -2, 0.5f, 0, 3), Threshold.wina(own, 3), row(y));
        assertArrayEquals(new float[] {0, -2, 0, 0, 3}, y);
        // Ties go to the lowest column, and NaN is greater than any number.
        ActivationSparsity.topK(row(1, -2, 2, 0.5f, 2), null, 2, row(y));
        assertArrayEquals(new float[] {0, -2, 2, 0, 0}, y);
        ActivationSparsity.topK(row(1, -2, 2, Float.NaN, 3), null, 2, row(y));
        assertArrayEquals(new float[] {0, 0, 0, Float.NaN, 3}, y);
        ActivationSparsity.topKBackward(
                row(1, 2, 3, 4, 5), row(1, -2, 2, 0.5f, 2), null, 3, row(y));
        assertArrayEquals(new float[] {0, 2, 3, 0, 5}, y);
        ActivationSparsity.topK(row(1, -2, 2, 0.5f, 2), null, 0, row(y));
        assertArrayEquals(new float[5], y);
    }
}
