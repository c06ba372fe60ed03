/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.KanCombination;
import io.gatun.KanInner;
import io.gatun.KanWindows;

/**
 * Windows in float64, written down a second time: finite differences of them check gradients
 * without the reference device, and their terms say how large errors may be.
 */
record WindowFormula(KanWindows windows) {
    /** The value of a window with these ends at x. */
    double value(double x, double start, double end) {
        return windows.scale() * combined(inner(x - start), inner(end - x));
    }

    /** What rounding errors of the value are relative to. */
    double scale(double x, double start, double end) {
        return Math.abs(windows.scale()) * combined(upper(x - start), upper(end - x));
    }

    /** What rounding errors of the derivatives are relative to. */
    double slopeScale(double x, double start, double end) {
        double u = upper(x - start);
        double v = upper(end - x);
        return Math.abs(windows.scale())
                * (byFirst(u, v) * upperSlope(x - start) + byFirst(v, u) * upperSlope(end - x));
    }

    private static double slack(double t) {
        return (1 + Math.abs(t)) * Math.exp(-Math.abs(t));
    }

    private double upper(double t) {
        return Math.abs(inner(t)) + slack(t);
    }

    private double upperSlope(double t) {
        double step = 1e-6;
        return Math.abs(inner(t + step) - inner(t - step)) / (2 * step) + slack(t);
    }

    private double inner(double t) {
        return switch (windows.inner()) {
            case SILU -> t / (1 + Math.exp(-t));
            case RELU -> Math.max(t, 0);
            case GELU -> t * (1 + erf(t / Math.sqrt(2))) / 2;
            case ELU -> t > 0 ? t : Math.exp(t) - 1;
            case SELU -> 1.0507009873554805 * (t > 0 ? t : 1.6732632423543772 * (Math.exp(t) - 1));
            case SOFTPLUS -> Math.log(1 + Math.exp(-Math.abs(t))) + Math.max(t, 0);
            case SIGMOID -> 1 / (1 + Math.exp(-t));
            case LEAKY_RELU -> Math.max(t, t / 100);
            case TANH -> Math.tanh(t);
        };
    }

    /** By Taylor's series: for the arguments of the suite. */
    private static double erf(double z) {
        if (Math.abs(z) > 6) {
            return Math.signum(z);
        }
        double term = z;
        double sum = z;
        for (int k = 1; k < 200; k++) {
            term *= 2 * z * z / (2 * k + 1);
            sum += term;
        }
        return 2 / Math.sqrt(Math.PI) * Math.exp(-z * z) * sum;
    }

    private double combined(double u, double v) {
        return switch (windows.combination()) {
            case QUAD1 -> Math.pow(u * v, 2);
            case QUAD2 -> (u + v) * (u + v) - u * v;
            case SUM -> u + v;
            case PROD -> u * v;
            case SUM_PROD -> (1 + u) * (1 + v) - 1;
            case CUBIC1 -> Math.pow(u, 3) + u * u * v + u * v * v + Math.pow(v, 3);
            case CUBIC2 -> Math.pow(u * v, 3);
        };
    }

    private double byFirst(double u, double v) {
        return switch (windows.combination()) {
            case QUAD1 -> 2 * u * v * v;
            case QUAD2 -> v + 2 * u;
            case SUM -> 1;
            case PROD -> v;
            case SUM_PROD -> 1 + v;
            case CUBIC1 -> 3 * u * u + 2 * u * v + v * v;
            case CUBIC2 -> 3 * u * u * v * v * v;
        };
    }

    static final KanInner[] INNERS = KanInner.values();
    static final KanCombination[] COMBINATIONS = KanCombination.values();
}
