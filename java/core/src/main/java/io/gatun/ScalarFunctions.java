// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Functions of one number in float64, to a few units in the last place, that {@link Math} does not
 * have.
 */
final class ScalarFunctions {
    private static final double SQRT_TWO = Math.sqrt(2);
    private static final double DENSITY_AT_ZERO = 1 / Math.sqrt(2 * Math.PI);

    /** From here on the series of erf gives way to the sum of erfc. */
    private static final double SERIES_END = 0.75;

    /** The step of the trapezoidal rule, whose error is exp(-(pi / STEP)^2), below 1e-17. */
    private static final double STEP = 0.5;

    private static final int TERMS = 13;

    /** exp(-(n * STEP)^2). */
    private static final double[] WEIGHTS = weights();

    private ScalarFunctions() {}

    private static double[] weights() {
        double[] weights = new double[TERMS + 1];
        for (int n = 0; n <= TERMS; n++) {
            weights[n] = Math.exp(-(n * STEP) * (n * STEP));
        }
        return weights;
    }

    /** {@code 2 / sqrt(pi) * integral from 0 to x of exp(-t^2)}. */
    static double erf(double x) {
        return Math.abs(x) < SERIES_END ? series(x) : x > 0 ? 1 - erfc(x) : erfc(-x) - 1;
    }

    /** {@code 1 - erf(x)}, of small relative error where that is tiny. */
    static double erfc(double x) {
        if (x < SERIES_END) {
            return x > -SERIES_END ? 1 - series(x) : 2 - erfc(-x);
        }
        return expOfSquare(x, 1) * scaled(x) - pole(x);
    }

    /** The probability that a standard normal variable is greater than x. */
    static double normalTail(double x) {
        double z = x / SQRT_TWO;
        if (z < SERIES_END) {
            return 0.5 * erfc(z);
        }
        return 0.5 * (expOfSquare(x, 0.5) * scaled(z) - pole(z));
    }

    /** The density of a standard normal variable. */
    static double normalDensity(double x) {
        return DENSITY_AT_ZERO * expOfSquare(x, 0.5);
    }

    /** {@code 1 / (1 + exp(-x))}, of small relative error for either sign. */
    static double sigmoid(double x) {
        double e = Math.exp(-Math.abs(x));
        return x >= 0 ? 1 / (1 + e) : e / (1 + e);
    }

    /** {@code exp(-factor * x^2)}, with what the square loses to rounding put back. */
    private static double expOfSquare(double x, double factor) {
        double square = x * x;
        if (!(square < 2000)) {
            return Double.isNaN(x) ? x : 0;
        }
        return Math.exp(-factor * square) * (1 - factor * Math.fma(x, x, -square));
    }

    /** Kummer's series, whose terms are all of one sign. */
    private static double series(double x) {
        double term = x;
        double sum = x;
        for (int n = 1; n < 40 && Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }
        return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
    }

    /**
     * {@code exp(x^2) * erfc(x)} but for {@link #pole}: the trapezoidal rule on {@code 2 x / pi *
     * integral of exp(-t^2) / (t^2 + x^2)} (Matta, Reichel: Uniform computation of the error
     * function and other related functions, Mathematics of Computation 25, 1971).
     */
    private static double scaled(double x) {
        if (Double.isInfinite(x)) {
            return 0;
        }
        double sum = 0;
        for (int n = TERMS; n > 0; n--) {
            sum += WEIGHTS[n] / ((n * STEP) * (n * STEP) + x * x);
        }
        return 2 * x * STEP / Math.PI * (0.5 / (x * x) + sum);
    }

    /** What the pole of the integrand at x i adds to the rule. */
    private static double pole(double x) {
        return x < Math.PI / STEP ? 2 / Math.expm1(2 * Math.PI * x / STEP) : 0;
    }
}
