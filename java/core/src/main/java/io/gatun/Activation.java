// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Objects;

/**
 * A function of one number with its parameters, for {@link Activations}. Immutable; keep one and
 * use it for many calls.
 *
 * @param kind which function
 * @param first the first parameter of the kind; 0 where it has none
 * @param second the second parameter of the kind; 0 where it has none
 * @param nanToZero whether NaN gives 0, with gradient 0, instead of NaN: only for {@link
 *     ActivationKind#FT_CLIP_ACT} and {@link ActivationKind#PRO_ACT}, which are there for bit
 *     errors
 */
public record Activation(ActivationKind kind, float first, float second, boolean nanToZero) {
    /** {@link ActivationKind#RELU}. */
    public static final Activation RELU = of(ActivationKind.RELU);

    /** {@link ActivationKind#RELU6}. */
    public static final Activation RELU6 = of(ActivationKind.RELU6);

    /** {@link ActivationKind#SQUARED_RELU}. */
    public static final Activation SQUARED_RELU = of(ActivationKind.SQUARED_RELU);

    /** {@link ActivationKind#HARD_SIGMOID}. */
    public static final Activation HARD_SIGMOID = of(ActivationKind.HARD_SIGMOID);

    /** {@link ActivationKind#HARD_SWISH}. */
    public static final Activation HARD_SWISH = of(ActivationKind.HARD_SWISH);

    /** {@link ActivationKind#GELU}, the exact one. */
    public static final Activation GELU = of(ActivationKind.GELU);

    /** {@link ActivationKind#GELU_TANH}. */
    public static final Activation GELU_TANH = of(ActivationKind.GELU_TANH);

    /** {@link ActivationKind#QUICK_GELU}. */
    public static final Activation QUICK_GELU = of(ActivationKind.QUICK_GELU);

    /** {@link ActivationKind#SILU}. */
    public static final Activation SILU = of(ActivationKind.SILU);

    /** {@link ActivationKind#SIGMOID}. */
    public static final Activation SIGMOID = of(ActivationKind.SIGMOID);

    /** {@link ActivationKind#TANH}. */
    public static final Activation TANH = of(ActivationKind.TANH);

    /** {@link ActivationKind#SELU}. */
    public static final Activation SELU = of(ActivationKind.SELU);

    /** The steepness that ProAct was published with. */
    private static final float STEEPNESS = 20;

    /**
     * Checks the parameters.
     *
     * @throws IllegalArgumentException if a parameter is out of its range, or is not 0 where the
     *     kind has none, or if nanToZero is set for a kind that has none of it; the message says
     *     what was expected
     * @throws NullPointerException if kind is null
     */
    public Activation {
        Objects.requireNonNull(kind, "kind: expected an ActivationKind, but it is null");
        switch (kind) {
            case CLIP -> {
                requireNumber(first, "lower");
                requireNumber(second, "upper");
                if (first > second) {
                    throw new IllegalArgumentException(
                            "lower: expected at most upper (%s), but it is %s"
                                    .formatted(second, first));
                }
            }
            case SWISH -> requireFinite(first, "beta");
            case CRRELU -> requireFinite(first, "epsilon");
            case SINE -> requireFinite(first, "omega");
            case FT_CLIP_ACT -> {
                if (!(first >= 0)) {
                    throw new IllegalArgumentException(
                            "threshold: expected at least 0, but it is " + first);
                }
            }
            case PRO_ACT -> {
                requireFinite(first, "threshold");
                if (!(second > 0 && second <= Float.MAX_VALUE)) {
                    throw new IllegalArgumentException(
                            "steepness: expected a finite number greater than 0, but it is "
                                    + second);
                }
            }
            default -> requireUnused(kind, first, "first");
        }
        if (kind.parameters() < 2) {
            requireUnused(kind, second, "second");
        }
        if (nanToZero && !kind.mayDropNan()) {
            throw new IllegalArgumentException(
                    "nanToZero: expected false for all kinds but FT_CLIP_ACT and PRO_ACT, but it is "
                            + "true for "
                            + kind);
        }
    }

    private static void requireNumber(float value, String name) {
        if (Float.isNaN(value)) {
            throw new IllegalArgumentException(name + ": expected a number, but it is NaN");
        }
    }

    private static void requireFinite(float value, String name) {
        if (!Float.isFinite(value)) {
            throw new IllegalArgumentException(
                    name + ": expected a finite number, but it is " + value);
        }
    }

    private static void requireUnused(ActivationKind kind, float value, String name) {
        if (value != 0) {
            throw new IllegalArgumentException(
                    "%s: expected 0, since %s has no such parameter, but it is %s"
                            .formatted(name, kind, value));
        }
    }

    private static Activation of(ActivationKind kind) {
        return new Activation(kind, 0, 0, false);
    }

    /**
     * {@link ActivationKind#CLIP}.
     *
     * @param lower not NaN; negative infinity for no bound
     * @param upper not NaN, at least lower; infinity for no bound
     * @return the activation
     */
    public static Activation clip(float lower, float upper) {
        return new Activation(ActivationKind.CLIP, lower, upper, false);
    }

    /**
     * {@link ActivationKind#SWISH}.
     *
     * @param beta finite
     * @return the activation
     */
    public static Activation swish(float beta) {
        return new Activation(ActivationKind.SWISH, beta, 0, false);
    }

    /**
     * {@link ActivationKind#CRRELU}.
     *
     * @param epsilon finite; 0.01 before training
     * @return the activation
     */
    public static Activation crRelu(float epsilon) {
        return new Activation(ActivationKind.CRRELU, epsilon, 0, false);
    }

    /**
     * {@link ActivationKind#FT_CLIP_ACT}, with NaN as 0.
     *
     * @param threshold at least 0, may be infinite
     * @return the activation
     */
    public static Activation ftClipAct(float threshold) {
        return new Activation(ActivationKind.FT_CLIP_ACT, threshold, 0, true);
    }

    /**
     * {@link ActivationKind#PRO_ACT} with the published steepness of 20, and with NaN as 0.
     *
     * @param threshold finite
     * @return the activation
     */
    public static Activation proAct(float threshold) {
        return new Activation(ActivationKind.PRO_ACT, threshold, STEEPNESS, true);
    }

    /**
     * {@link ActivationKind#SINE}.
     *
     * @param omega finite; 30 in SIREN. With 16-bit x the rounding of x alone moves the phase by up
     *     to omega |x| / 512 (bfloat16) or omega |x| / 4096 (float16).
     * @return the activation
     */
    public static Activation sine(float omega) {
        return new Activation(ActivationKind.SINE, omega, 0, false);
    }

    /**
     * The same function with another treatment of NaN.
     *
     * @param nanToZero as in the record
     * @return the activation
     */
    public Activation withNanToZero(boolean nanToZero) {
        return new Activation(kind, first, second, nanToZero);
    }
}
