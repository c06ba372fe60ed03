// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The inner functions and combinations of windows, and their slopes, in float64. */
final class WindowFormulas {
    private static final double LAMBDA = 1.0507009873554804934193349852946;
    private static final double LAMBDA_ALPHA = 1.7580993408473768599;

    private WindowFormulas() {}

    static double inner(KanInner inner, double t) {
        return switch (inner) {
            case SILU -> t == Double.NEGATIVE_INFINITY ? -0.0 : t * sigma(t);
            case RELU -> t < 0 ? 0 : t;
            case GELU -> t == Double.NEGATIVE_INFINITY ? -0.0 : t * normal(t);
            case ELU -> t > 0 ? t : Math.expm1(t);
            case SELU -> t > 0 ? LAMBDA * t : LAMBDA_ALPHA * Math.expm1(t);
            case SOFTPLUS -> Math.max(t, 0) + Math.log1p(Math.exp(-Math.abs(t)));
            case SIGMOID -> sigma(t);
            case LEAKY_RELU -> t > 0 ? t : 0.01 * t;
            case TANH -> Math.tanh(t);
        };
    }

    static double innerSlope(KanInner inner, double t) {
        return switch (inner) {
            case SILU -> Double.isInfinite(t) ? t > 0 ? 1 : 0 : sigma(t) * (1 + t * (1 - sigma(t)));
            case RELU -> Double.isNaN(t) ? t : t > 0 ? 1 : 0;
            case GELU ->
                    Double.isInfinite(t)
                            ? t > 0 ? 1 : 0
                            : normal(t) + t * Math.exp(-t * t / 2) / Math.sqrt(2 * Math.PI);
            case ELU -> t > 0 ? 1 : Math.exp(t);
            case SELU -> t > 0 ? LAMBDA : LAMBDA_ALPHA * Math.exp(t);
            case SOFTPLUS -> sigma(t);
            case SIGMOID -> sigma(t) * sigma(-t);
            case LEAKY_RELU -> Double.isNaN(t) ? t : t > 0 ? 1 : 0.01;
            case TANH -> 1 / Math.pow(Math.cosh(t), 2);
        };
    }

    static double combined(KanCombination combination, double u, double v) {
        return switch (combination) {
            case QUAD1 -> u * v * u * v;
            case QUAD2 -> u * v + u * u + v * v;
            case SUM -> u + v;
            case PROD -> u * v;
            case SUM_PROD -> u + v + u * v;
            case CUBIC1 -> (u + v) * (u * u + v * v);
            case CUBIC2 -> u * v * u * v * u * v;
        };
    }

    /** The derivative by u; by v with the arguments exchanged. */
    static double combinedSlope(KanCombination combination, double u, double v) {
        return switch (combination) {
            case QUAD1 -> 2 * u * v * v;
            case QUAD2 -> v + 2 * u;
            case SUM -> 1;
            case PROD -> v;
            case SUM_PROD -> 1 + v;
            case CUBIC1 -> 3 * u * u + 2 * u * v + v * v;
            case CUBIC2 -> 3 * u * u * v * v * v;
        };
    }

    private static double sigma(double t) {
        return 1 / (1 + Math.exp(-t));
    }

    /**
     * The normal distribution function: a series about 0, and, from 5 on, Laplace's continued
     * fraction of the tail.
     */
    private static double normal(double t) {
        double a = Math.abs(t);
        double density = Math.exp(-a * a / 2) / Math.sqrt(2 * Math.PI);
        if (a > 5) {
            double fraction = a;
            for (int k = 60; k >= 1; k--) {
                fraction = a + k / fraction;
            }
            double tail = density / fraction;
            return t > 0 ? 1 - tail : tail;
        }
        double term = t;
        double sum = t;
        for (int k = 1; k < 120; k++) {
            term *= t * t / (2 * k + 1);
            sum += term;
        }
        return 0.5 + sum * density;
    }
}
