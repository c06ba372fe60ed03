/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.Activation;
import io.gatun.ActivationKind;
import java.util.List;
import java.util.Locale;

/** The settings that stand for an {@link Activation}, and those that the suite tests. */
final class ActivationSettings {
    private static final String FUNCTION = "function";
    private static final String FIRST = "first";
    private static final String SECOND = "second";
    private static final String NAN_TO_ZERO = "nan-to-zero";

    /** All kinds, with parameters of different signs and sizes. */
    static final List<Activation> ALL =
            List.of(
                    Activation.GELU,
                    Activation.RELU,
                    Activation.RELU6,
                    Activation.SQUARED_RELU,
                    Activation.clip(-1, 2),
                    Activation.clip(Float.NEGATIVE_INFINITY, 0.5f),
                    Activation.HARD_SIGMOID,
                    Activation.HARD_SWISH,
                    Activation.GELU_TANH,
                    Activation.QUICK_GELU,
                    Activation.SILU,
                    Activation.swish(1.5f),
                    Activation.swish(-0.7f),
                    Activation.SIGMOID,
                    Activation.TANH,
                    Activation.SELU,
                    Activation.crRelu(0.01f),
                    Activation.crRelu(-0.4f),
                    Activation.ftClipAct(2),
                    Activation.ftClipAct(2).withNanToZero(false),
                    Activation.proAct(1.5f),
                    new Activation(ActivationKind.PRO_ACT, 2, 3, false),
                    Activation.sine(30),
                    Activation.sine(2));

    /** Those that gate. */
    static final List<Activation> GATES =
            List.of(
                    Activation.SILU,
                    Activation.RELU,
                    Activation.GELU,
                    Activation.GELU_TANH,
                    Activation.QUICK_GELU,
                    Activation.swish(1.5f),
                    Activation.SIGMOID);

    /** Those whose gradient follows from the result. */
    static final List<Activation> FROM_OUTPUT =
            List.of(
                    Activation.TANH,
                    Activation.RELU,
                    Activation.RELU6,
                    Activation.clip(-1, 2),
                    Activation.SIGMOID,
                    Activation.SELU);

    private ActivationSettings() {}

    /** With a default that the operation takes. */
    static List<Setting> settings(ActivationKind kind) {
        return List.of(
                new Setting(FUNCTION, kind, "which function"),
                new Setting(
                        FIRST,
                        0f,
                        "lower of clip, beta of swish, epsilon of crrelu, threshold of ft-clip-act"
                                + " and pro-act, omega of sine"),
                new Setting(SECOND, 0f, "upper of clip, steepness of pro-act"),
                new Setting(NAN_TO_ZERO, false, "whether NaN gives 0, of ft-clip-act and pro-act"));
    }

    static Activation activation(Settings settings) {
        return new Activation(
                settings.choice(FUNCTION, ActivationKind.class),
                settings.number(FIRST),
                settings.number(SECOND),
                settings.flag(NAN_TO_ZERO));
    }

    static Recipe with(Recipe recipe, Activation activation) {
        return recipe.with(FUNCTION, activation.kind())
                .with(FIRST, activation.first())
                .with(SECOND, activation.second())
                .with(NAN_TO_ZERO, activation.nanToZero());
    }

    /** As {@code clip--1-2}. */
    static String label(Activation activation) {
        ActivationKind kind = activation.kind();
        String label = kind.name().toLowerCase(Locale.ROOT).replace('_', '-');
        if (kind.parameters() > 0) {
            label += "-" + NormOperation.label(activation.first());
        }
        if (kind.parameters() > 1) {
            label += "-" + NormOperation.label(activation.second());
        }
        return activation.nanToZero() ? label + "-without-nan" : label;
    }

    static ActivationFormula formula(Call call) {
        return new ActivationFormula(activation(call.settings()));
    }
}
