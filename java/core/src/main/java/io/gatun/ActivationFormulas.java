// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The functions of {@link ActivationKind} by their definitions, in float64. */
final class ActivationFormulas {
    /** lambda and alpha of SELU: the fixed point of mean and variance lies at 0 and 1. */
    static final double SELU_LAMBDA = 1.0507009873554804934193349852946;

    static final double SELU_ALPHA = 1.6732632423543772848170429916717;

    private static final double QUICK = 1.702f;
    private static final double TANH_FACTOR = Math.sqrt(2 / Math.PI);
    private static final double TANH_CUBE = 0.044715;

    /** Beyond this, factors of x that are multiplied by 0 must not be infinite. */
    private static final double FAR = 1e4;

    /** Where ProAct ends. */
    private static final double PRO_ACT_END = 88;

    private ActivationFormulas() {}

    /** f(x). */
    static double value(Activation f, double x) {
        if (Double.isNaN(x)) {
            return f.nanToZero() ? 0 : x;
        }
        double first = f.first();
        return switch (f.kind()) {
            case RELU -> Math.max(x, 0);
            case RELU6 -> Math.min(Math.max(x, 0), 6);
            case SQUARED_RELU -> Math.max(x, 0) * Math.max(x, 0);
            case CLIP -> Math.min(Math.max(x, first), f.second());
            case HARD_SIGMOID -> Math.min(Math.max(x / 6 + 0.5, 0), 1);
            case HARD_SWISH -> x <= -3 ? -0.0 : x >= 3 ? x : x * ((x + 3) / 6);
            case GELU -> Math.max(x, -0.0) - tailPart(Math.abs(x));
            case GELU_TANH -> swish(x, 2 * TANH_FACTOR * (x + TANH_CUBE * x * x * x));
            case QUICK_GELU -> swish(x, QUICK * x);
            case SILU -> swish(x, x);
            case SWISH -> swish(x, first == 0 ? 0 : first * x);
            case SIGMOID -> ScalarFunctions.sigmoid(x);
            case TANH -> Math.tanh(x);
            case SELU -> SELU_LAMBDA * (x > 0 ? x : SELU_ALPHA * Math.expm1(x));
            case CRRELU -> Math.max(x, 0) + first * near(x) * Math.exp(-near(x) * near(x) / 2);
            case FT_CLIP_ACT -> x >= 0 && x <= first ? x : 0;
            case PRO_ACT -> x > 0 && proActPower(f, x) <= PRO_ACT_END ? x * fade(f, x) : 0;
            case SINE -> Math.sin(phase(f, x));
        };
    }

    /**
     * {@code dy * f'(x)}; 0 where a condition of the derivative does not hold, as none does for
     * NaN.
     */
    static double gradient(Activation f, double dy, double x) {
        if (Double.isNaN(x) && f.nanToZero()) {
            return 0;
        }
        boolean passes =
                switch (f.kind()) {
                    case RELU -> x > 0;
                    case RELU6 -> x > 0 && x < 6;
                    case CLIP -> x > f.first() && x < f.second();
                    case HARD_SIGMOID -> x > -3 && x < 3;
                    case HARD_SWISH -> !(x <= -3);
                    case FT_CLIP_ACT -> x > 0 && x <= f.first();
                    case PRO_ACT -> !(x <= 0) && !(proActPower(f, x) > PRO_ACT_END);
                    default -> true;
                };
        return passes ? dy * slope(f, x) : 0;
    }

    /** The derivative where it is not 0 by a condition. */
    private static double slope(Activation f, double x) {
        double first = f.first();
        return switch (f.kind()) {
            case RELU, RELU6, CLIP, FT_CLIP_ACT -> 1;
            case SQUARED_RELU -> 2 * Math.max(x, 0);
            case HARD_SIGMOID -> 1 / 6.0;
            case HARD_SWISH -> x >= 3 ? 1 : (2 * x + 3) / 6;
            case GELU ->
                    ScalarFunctions.normalTail(-x) + near(x) * ScalarFunctions.normalDensity(x);
            case GELU_TANH -> {
                double z = near(x);
                double u = TANH_FACTOR * (z + TANH_CUBE * z * z * z);
                yield swishSlope(x, 2 * u, 2 * TANH_FACTOR * (1 + 3 * TANH_CUBE * z * z));
            }
            case QUICK_GELU -> swishSlope(x, QUICK * x, QUICK);
            case SILU -> swishSlope(x, x, 1);
            case SWISH -> swishSlope(x, first == 0 ? 0 : first * x, first);
            case SIGMOID -> ScalarFunctions.sigmoid(x) * ScalarFunctions.sigmoid(-x);
            case TANH -> 1 / Math.cosh(x) / Math.cosh(x);
            case SELU -> x > 0 ? SELU_LAMBDA : SELU_LAMBDA * SELU_ALPHA * Math.exp(x);
            case CRRELU -> {
                double z = near(x);
                yield (x > 0 ? 1 : 0) + first * (1 - z * z) * Math.exp(-z * z / 2);
            }
            case PRO_ACT -> {
                double s = fade(f, x);
                yield s - f.second() * x * s * (1 - s);
            }
            case SINE -> first * Math.cos(phase(f, x));
        };
    }

    /** {@code dy * f'(x)} from y alone, for the kinds that allow it. */
    static double gradientFromOutput(Activation f, double dy, double y) {
        return switch (f.kind()) {
            case RELU -> y > 0 ? dy : 0;
            case RELU6 -> y > 0 && y < 6 ? dy : 0;
            case CLIP -> y > f.first() && y < f.second() ? dy : 0;
            case SIGMOID -> dy * (y * (1 - y));
            case TANH -> dy * (1 - y * y);
            case SELU -> dy * (y > 0 ? SELU_LAMBDA : y + SELU_LAMBDA * SELU_ALPHA);
            default -> throw new AssertionError(f.kind());
        };
    }

    /** x sigma(u), whose limit for negative infinity is -0. */
    private static double swish(double x, double u) {
        return Double.isInfinite(x) && u < 0 ? Math.copySign(0, x) : x * ScalarFunctions.sigmoid(u);
    }

    /** sigma(u) + x sigma'(u) u'. */
    private static double swishSlope(double x, double u, double du) {
        return ScalarFunctions.sigmoid(u)
                + near(x) * ScalarFunctions.sigmoid(u) * ScalarFunctions.sigmoid(-u) * du;
    }

    /** What GELU is less than max(x, 0): magnitude times tail. */
    private static double tailPart(double magnitude) {
        return near(magnitude) * ScalarFunctions.normalTail(magnitude);
    }

    private static double near(double x) {
        return Math.max(-FAR, Math.min(FAR, x));
    }

    private static double proActPower(Activation f, double x) {
        return (double) f.second() * (x - f.first());
    }

    /** sigma(-steepness (x - threshold)). */
    private static double fade(Activation f, double x) {
        return ScalarFunctions.sigmoid(-proActPower(f, x));
    }

    /** The product as kernels round it. */
    private static double phase(Activation f, double x) {
        return (float) (f.first() * x);
    }
}
