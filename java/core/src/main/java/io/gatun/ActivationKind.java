// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The function f of an {@link Activation}, with up to two parameters. {@code sigma(x) = 1 / (1 +
 * exp(-x))}, and {@code [c]} is 1 where c holds, else 0. Derivatives are named where they are not
 * those of the formula everywhere; behind a condition that does not hold a gradient is 0, whatever
 * the incoming one is.
 */
public enum ActivationKind {
    /** {@code max(x, 0)}; derivative {@code [0 < x]}. */
    RELU(0, 0),
    /**
     * {@code min(max(x, 0), 6)}; derivative {@code [0 < x < 6]}. Howard et al.: MobileNets,
     * arXiv:1704.04861.
     */
    RELU6(1, 0),
    /** {@code max(x, 0)^2}. So et al.: Primer, arXiv:2109.08668. */
    SQUARED_RELU(2, 0),
    /**
     * {@code min(max(x, lower), upper)} with the parameters lower and upper; derivative {@code
     * [lower < x < upper]}, so that the bounds themselves pass nothing (torch.clamp differs there).
     */
    CLIP(3, 2),
    /** {@code min(max(x / 6 + 1/2, 0), 1)}; derivative {@code [-3 < x < 3] / 6}. */
    HARD_SIGMOID(4, 0),
    /**
     * {@code x * min(max(x + 3, 0), 6) / 6}; derivative 0 for {@code x <= -3}, 1 for {@code x >=
     * 3}. Howard et al.: Searching for MobileNetV3, arXiv:1905.02244.
     */
    HARD_SWISH(5, 0),
    /**
     * {@code x * Phi(x)} with the normal distribution function Phi. Hendrycks, Gimpel: Gaussian
     * Error Linear Units, arXiv:1606.08415.
     */
    GELU(6, 0),
    /**
     * {@code x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))}, an approximation that is off
     * by up to 4.7e-4 from {@link #GELU}; in the same place.
     */
    GELU_TANH(7, 0),
    /** {@code x * sigma(1.702 x)}, a rougher approximation; in the same place. */
    QUICK_GELU(8, 0),
    /** {@code x * sigma(x)}. Elfwing, Uchibe, Doya: arXiv:1702.03118. */
    SILU(9, 0),
    /**
     * {@code x * sigma(beta * x)} with the parameter beta. Ramachandran, Zoph, Le: Searching for
     * Activation Functions, arXiv:1710.05941.
     */
    SWISH(10, 1),
    /** {@code sigma(x)}. */
    SIGMOID(11, 0),
    /** The hyperbolic tangent. */
    TANH(12, 0),
    /**
     * {@code lambda * x} for {@code x > 0}, {@code lambda * alpha * (exp(x) - 1)} else. Klambauer
     * et al.: Self-Normalizing Neural Networks, arXiv:1706.02515.
     */
    SELU(13, 0),
    /**
     * {@code max(x, 0) + epsilon * x * exp(-x^2 / 2)} with the parameter epsilon; derivative {@code
     * [0 < x] + epsilon * (1 - x^2) * exp(-x^2 / 2)}. A Method on Searching Better Activation
     * Functions, arXiv:2405.12954.
     */
    CRRELU(14, 1),
    /**
     * x where {@code 0 <= x <= threshold}, else 0, with the parameter threshold; derivative {@code
     * [0 < x <= threshold]}. Hoang, Hanif, Shafique: FT-ClipAct, arXiv:1912.00941.
     */
    FT_CLIP_ACT(15, 1),
    /**
     * {@code max(0, x * sigma(-steepness * (x - threshold)))} with the parameters threshold and
     * steepness; 0 with gradient 0 where {@code steepness * (x - threshold) > 88}, infinity
     * included. Mousavi et al.: ProAct, arXiv:2406.06313.
     */
    PRO_ACT(16, 2),
    /**
     * {@code sin(omega * x)} with the parameter omega, the product rounded to float32; NaN for
     * infinities. Sitzmann et al.: Implicit Neural Representations with Periodic Activation
     * Functions, arXiv:2006.09661.
     */
    SINE(17, 1);

    private final int code;
    private final int parameters;

    ActivationKind(int code, int parameters) {
        this.code = code;
        this.parameters = parameters;
    }

    /** The number of this kind in the C interface. */
    int code() {
        return code;
    }

    /**
     * How many parameters the function has.
     *
     * @return 0, 1 or 2
     */
    public int parameters() {
        return parameters;
    }

    /** Whether it can gate another tensor. */
    boolean gates() {
        return switch (this) {
            case RELU, GELU, GELU_TANH, QUICK_GELU, SILU, SWISH, SIGMOID -> true;
            default -> false;
        };
    }

    /** Whether its derivative follows from its value. */
    boolean derivesFromOutput() {
        return switch (this) {
            case RELU, RELU6, CLIP, SIGMOID, TANH, SELU -> true;
            default -> false;
        };
    }

    /** Whether it is there for bit errors, so that NaN may give 0. */
    boolean mayDropNan() {
        return this == FT_CLIP_ACT || this == PRO_ACT;
    }
}
