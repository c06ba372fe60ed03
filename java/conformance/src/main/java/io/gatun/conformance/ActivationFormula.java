/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.Activation;

/**
 * An activation in float64 for finite differences, independently of the reference device, and what
 * errors of its value and of its derivative are relative to.
 */
record ActivationFormula(Activation activation) {
    private static final double ROOT_OF_TWO_PI = Math.sqrt(2 * Math.PI);
    private static final double SELU_LAMBDA = 1.0507009873554805;
    private static final double SELU_LAMBDA_ALPHA = 1.7580993408473768;

    /** f(x). */
    double value(double x) {
        double first = activation.first();
        double second = activation.second();
        return switch (activation.kind()) {
            case RELU -> x > 0 ? x : 0;
            case RELU6 -> x > 6 ? 6 : x > 0 ? x : 0;
            case SQUARED_RELU -> x > 0 ? x * x : 0;
            case CLIP -> x < first ? first : x > second ? second : x;
            case HARD_SIGMOID -> x > 3 ? 1 : x < -3 ? 0 : (x + 3) / 6;
            case HARD_SWISH -> x > 3 ? x : x < -3 ? 0 : x * (x + 3) / 6;
            case GELU -> x * normalDistribution(x);
            case GELU_TANH -> x * logistic(2 * tanhArgument(x));
            case QUICK_GELU, SILU, SWISH -> x * logistic(beta() * x);
            case SIGMOID -> logistic(x);
            case TANH -> Math.tanh(x);
            case SELU -> x > 0 ? SELU_LAMBDA * x : SELU_LAMBDA_ALPHA * (Math.exp(x) - 1);
            case CRRELU -> (x > 0 ? x : 0) + first * x * Math.exp(-x * x / 2);
            case FT_CLIP_ACT -> x < 0 || x > first ? 0 : x;
            case PRO_ACT -> x > 0 ? x * logistic(-second * (x - first)) : 0;
            case SINE -> Math.sin(first * x);
        };
    }

    /** The x of a y, for the kinds whose gradient follows from it. */
    double inverse(double y) {
        return switch (activation.kind()) {
            case RELU, RELU6, CLIP -> y;
            case SIGMOID -> Math.log(y / (1 - y));
            case TANH -> Math.log((1 + y) / (1 - y)) / 2;
            case SELU -> y > 0 ? y / SELU_LAMBDA : Math.log1p(y / SELU_LAMBDA_ALPHA);
            default -> throw new AssertionError(activation.kind());
        };
    }

    /**
     * Twice the magnitude of the value, so that 4 units of 2^-23 of it are 8 units in the last
     * place at most; more for differences and rounded arguments.
     */
    double scale(double x) {
        return switch (activation.kind()) {
            case CRRELU -> Math.abs(x) * (1 + Math.abs(activation.first()));
            case PRO_ACT -> value(x) * (1 + Math.abs(proActPower(x)));
            case SINE, HARD_SIGMOID -> 1;
            default -> 2 * Math.abs(value(x));
        };
    }

    /** The sum of the magnitudes of the terms of the derivative. */
    double scaleOfSlope(double x) {
        double first = Math.abs(activation.first());
        double magnitude = Math.min(Math.abs(x), 1e4);
        return switch (activation.kind()) {
            case RELU, RELU6, CLIP, HARD_SIGMOID, FT_CLIP_ACT, TANH -> 1;
            case SQUARED_RELU -> 2 * magnitude;
            case HARD_SWISH -> 1 + Math.min(magnitude, 3);
            case GELU -> normalDistribution(x) + magnitude * Math.exp(-x * x / 2) / ROOT_OF_TWO_PI;
            case GELU_TANH -> {
                double z = Math.copySign(magnitude, x);
                double slope = 2 * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * z * z);
                yield swishScale(2 * tanhArgument(z), slope, magnitude);
            }
            case QUICK_GELU, SILU, SWISH -> swishScale(beta() * x, Math.abs(beta()), magnitude);
            case SIGMOID -> logistic(x);
            case SELU -> x > 0 ? SELU_LAMBDA : SELU_LAMBDA_ALPHA * Math.exp(x);
            case CRRELU -> 1 + first * (1 + magnitude * magnitude) * Math.exp(-x * x / 2);
            case PRO_ACT -> {
                double power = Math.min(Math.abs(proActPower(x)), 100);
                double s = logistic(-proActPower(x));
                yield s * (1 + activation.second() * magnitude) * (1 + power);
            }
            case SINE -> first;
        };
    }

    private static double swishScale(double argument, double slope, double magnitude) {
        double s = logistic(argument);
        return s + magnitude * slope * s * logistic(-argument);
    }

    private double beta() {
        return switch (activation.kind()) {
            case QUICK_GELU -> 1.702f;
            case SWISH -> activation.first();
            default -> 1;
        };
    }

    private double proActPower(double x) {
        return activation.second() * (x - activation.first());
    }

    private static double tanhArgument(double x) {
        return Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
    }

    static double logistic(double x) {
        return x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x));
    }

    /** By its series about 0, whose terms are of one sign; by a continued fraction in the tails. */
    private static double normalDistribution(double x) {
        double density = Math.exp(-x * x / 2) / ROOT_OF_TWO_PI;
        double magnitude = Math.abs(x);
        double tail;
        if (magnitude > 40) {
            tail = 0;
        } else if (magnitude > 3) {
            double fraction = magnitude;
            for (int n = 80; n > 0; n--) {
                fraction = magnitude + n / fraction;
            }
            tail = density / fraction;
        } else {
            double term = magnitude;
            double sum = magnitude;
            for (int n = 1; n < 60; n++) {
                term *= x * x / (2 * n + 1);
                sum += term;
            }
            tail = 0.5 - density * sum;
        }
        return x < 0 ? tail : 1 - tail;
    }
}
