/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import io.gatun.Activation;
import io.gatun.ActivationKind;
import io.gatun.Activations;
import io.gatun.Device;
import io.gatun.PolynomialActivation;
import io.gatun.PolynomialCoefficients;
import io.gatun.RationalActivation;
import io.gatun.RationalCoefficients;
import io.gatun.RationalForm;
import io.gatun.RationalInit;
import io.gatun.Tensor;
import io.gatun.conformance.Setting;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A function that {@code gatun plot} draws.
 *
 * @param name the name of its command
 * @param description one line for {@code --help}
 * @param options its parameters
 * @param bind the function at some values of the options, by name
 */
record PlottedFunction(
        String name,
        String description,
        List<Option> options,
        Function<Map<String, String>, Curve> bind) {
    /**
     * A parameter.
     *
     * @param name as {@code beta}
     * @param syntax its values
     * @param defaultValue where it is not given; null if it may be left out
     * @param description one line for {@code --help}
     */
    record Option(String name, String syntax, String defaultValue, String description) {}

    /** A function and its derivative. */
    interface Curve {
        /** The function. */
        void apply(Tensor x, Tensor y);

        /** The derivative, times dy. */
        void backward(Tensor dy, Tensor x, Tensor dx);
    }

    static List<PlottedFunction> all() {
        List<PlottedFunction> all = new ArrayList<>();
        for (ActivationKind kind : ActivationKind.values()) {
            all.add(activation(kind));
        }
        all.add(rational());
        all.add(polynomial(true));
        all.add(polynomial(false));
        return all;
    }

    private static PlottedFunction activation(ActivationKind kind) {
        List<Option> options =
                switch (kind) {
                    case CLIP ->
                            List.of(
                                    number("lower", "-1", "the lower bound"),
                                    number("upper", "1", "the upper bound"));
                    case SWISH -> List.of(number("beta", "1", "the factor in the sigmoid"));
                    case CRRELU -> List.of(number("epsilon", "0.01", "the factor of the bend"));
                    case FT_CLIP_ACT -> List.of(number("threshold", "2", "where it ends"));
                    case PRO_ACT ->
                            List.of(
                                    number("threshold", "2", "where it fades"),
                                    number("steepness", "20", "how fast it fades"));
                    case SINE -> List.of(number("omega", "30", "the frequency"));
                    default -> List.of();
                };
        return new PlottedFunction(
                Setting.label(kind),
                "The activation " + kind + ".",
                options,
                values -> {
                    float[] numbers = new float[2];
                    for (int i = 0; i < options.size(); i++) {
                        String name = options.get(i).name;
                        numbers[i] = number(name, values.get(name));
                    }
                    return curve(new Activation(kind, numbers[0], numbers[1], false));
                });
    }

    private static Curve curve(Activation activation) {
        return new Curve() {
            @Override
            public void apply(Tensor x, Tensor y) {
                Activations.apply(activation, x, y);
            }

            @Override
            public void backward(Tensor dy, Tensor x, Tensor dx) {
                Activations.backward(activation, dy, x, dx);
            }
        };
    }

    private static PlottedFunction rational() {
        List<Option> options =
                List.of(
                        new Option("init", labels(RationalInit.values()), "swish", "published set"),
                        new Option(
                                "form",
                                labels(RationalForm.values()),
                                null,
                                "what the denominator is, if not that of the set"));
        return new PlottedFunction(
                "rational",
                "The rational activation of KAT with published coefficients.",
                options,
                values -> {
                    RationalInit init = choice("init", values.get("init"), RationalInit.values());
                    String form = values.get("form");
                    RationalCoefficients own = init.coefficients(Device.reference(), 1);
                    RationalCoefficients coefficients =
                            form == null
                                    ? own
                                    : own.withForm(choice("form", form, RationalForm.values()));
                    return new Curve() {
                        @Override
                        public void apply(Tensor x, Tensor y) {
                            RationalActivation.apply(x, on(x.device(), coefficients), y);
                        }

                        @Override
                        public void backward(Tensor dy, Tensor x, Tensor dx) {
                            RationalActivation.backward(
                                    dy, x, on(x.device(), coefficients), dx, null, null, false);
                        }
                    };
                });
    }

    private static RationalCoefficients on(Device device, RationalCoefficients coefficients) {
        return new RationalCoefficients(
                coefficients.numerator().on(device),
                coefficients.denominator().on(device),
                coefficients.form());
    }

    private static PlottedFunction polynomial(boolean rectified) {
        List<Option> options = new ArrayList<>();
        options.add(
                new Option(
                        "coefficients",
                        "A0,A1,...",
                        "0,0.33333334,0.33333334,0.33333334",
                        "that of the lowest power first"));
        if (!rectified) {
            options.add(
                    new Option(
                            "wide-deep",
                            "DIMENSION",
                            null,
                            "the optimal activation of this dimension instead"));
        }
        return new PlottedFunction(
                rectified ? "poly-relu" : "poly-eval",
                rectified ? "PolyReLU." : "A polynomial.",
                options,
                values -> {
                    String dimension = values.get("wide-deep");
                    Tensor coefficients =
                            dimension == null
                                    ? numbers("coefficients", values.get("coefficients"))
                                    : wideDeep(dimension);
                    return curve(rectified, coefficients);
                });
    }

    private static Curve curve(boolean rectified, Tensor values) {
        return new Curve() {
            @Override
            public void apply(Tensor x, Tensor y) {
                PolynomialCoefficients coefficients =
                        new PolynomialCoefficients(values.on(x.device()));
                if (rectified) {
                    PolynomialActivation.polyRelu(x, coefficients, y);
                } else {
                    PolynomialActivation.polyEval(x, coefficients, y);
                }
            }

            @Override
            public void backward(Tensor dy, Tensor x, Tensor dx) {
                PolynomialCoefficients coefficients =
                        new PolynomialCoefficients(values.on(x.device()));
                if (rectified) {
                    PolynomialActivation.polyReluBackward(dy, x, coefficients, dx, null, false);
                } else {
                    PolynomialActivation.polyEvalBackward(dy, x, coefficients, dx, null, false);
                }
            }
        };
    }

    private static Tensor wideDeep(String text) {
        try {
            long dimension = Long.parseLong(text);
            return PolynomialCoefficients.wideDeep(Device.reference(), dimension).values();
        } catch (NumberFormatException e) {
            throw new UserException(
                    "--wide-deep: expected a whole number, but it is '" + text + "'", e);
        }
    }

    private static Option number(String name, String defaultValue, String description) {
        return new Option(name, "NUMBER", defaultValue, description);
    }

    static float number(String name, String text) {
        try {
            return Float.parseFloat(text);
        } catch (NumberFormatException e) {
            throw new UserException(
                    "--" + name + ": expected a number, but it is '" + text + "'", e);
        }
    }

    private static Tensor numbers(String name, String text) {
        String[] words = text.split(",", -1);
        float[] numbers = new float[words.length];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = number(name, words[i].strip());
        }
        return Device.reference().tensor(numbers, numbers.length);
    }

    private static String labels(Enum<?>[] values) {
        return String.join("|", Arrays.stream(values).map(Setting::label).toList());
    }

    private static <E extends Enum<E>> E choice(String name, String text, E[] values) {
        return Arrays.stream(values)
                .filter(value -> Setting.label(value).equals(text))
                .findFirst()
                .orElseThrow(
                        () ->
                                new UserException(
                                        "--%s: expected one of %s, but it is '%s'"
                                                .formatted(
                                                        name,
                                                        labels(values).replace("|", ", "),
                                                        text)));
    }
}
