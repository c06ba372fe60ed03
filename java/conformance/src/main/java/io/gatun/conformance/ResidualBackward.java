/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.NormGradients;
import io.gatun.NormKind;
import io.gatun.ResidualNormalization;
import io.gatun.ResidualOptions;
import io.gatun.SumMode;
import io.gatun.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The backward passes of the operations that join normalization and residual addition. */
final class ResidualBackward extends RowBackward {
    private static final String ALPHA = ResidualForward.ALPHA;
    private static final String NORM = ResidualForward.NORM;

    private final ResidualForward.Form form;
    private final List<Operand> operands;

    ResidualBackward(ResidualForward.Form form) {
        this.form = form;
        List<Operand> list = new ArrayList<>();
        list.add(
                form == ResidualForward.Form.NORM_ADD
                        ? Operand.input("dh", "gradient of h")
                        : Operand.input("dy", "gradient of y"));
        if (form != ResidualForward.Form.NORM_ADD) {
            list.add(Operand.optionalInput("dh_in", "gradient of h from the residual stream"));
        }
        if (form != ResidualForward.Form.ADD_NORM) {
            list.add(Operand.input("x", "input of the forward pass"));
        }
        if (form != ResidualForward.Form.NORM_ADD) {
            list.add(Operand.input("h", "sum of the forward pass"));
        }
        if (form == ResidualForward.Form.NORM_ADD) {
            list.add(Operand.parameter("bias", "added to x"));
        }
        for (String suffix : suffixes()) {
            list.add(Operand.parameter("gamma" + suffix, "factor of each column"));
        }
        for (String suffix : suffixes()) {
            list.add(Operand.savedStatistic("mean" + suffix, "mean of each row"));
            list.add(Operand.savedStatistic("mean_low" + suffix, "what float32 loses of the mean"));
            list.add(Operand.savedStatistic("rstd" + suffix, "scale of each row"));
        }
        list.add(Operand.output("dx", "gradient of x"));
        list.add(Operand.optionalOutput("dresidual", "gradient of the residual"));
        for (String suffix : suffixes()) {
            list.add(Operand.gradient("dgamma" + suffix, "gradient of gamma" + suffix));
            list.add(Operand.gradient("dbeta" + suffix, "gradient of beta" + suffix));
        }
        if (form != ResidualForward.Form.NORM_ADD_NORM) {
            list.add(Operand.gradient("dbias", "gradient of the bias"));
        }
        operands = List.copyOf(list);
    }

    @Override
    public String name() {
        return form.function;
    }

    @Override
    public String description() {
        return "The gradients of " + form.formula;
    }

    @Override
    public List<Operand> operands() {
        return operands;
    }

    @Override
    public List<Setting> settings() {
        List<Setting> settings = new ArrayList<>(commonSettings());
        settings.add(new Setting(NORM, NormKind.LAYER, "which normalization"));
        settings.add(new Setting(ALPHA, 1f, "factor of the residual"));
        return settings;
    }

    @Override
    List<String> normalized() {
        return switch (form) {
            case ADD_NORM -> List.of("h");
            case NORM_ADD -> List.of("x");
            case NORM_ADD_NORM -> List.of("x", "h");
        };
    }

    @Override
    List<String> suffixes() {
        return form == ResidualForward.Form.NORM_ADD_NORM ? List.of("1", "2") : List.of("");
    }

    @Override
    NormKind kind(Settings settings) {
        return settings.choice(NORM, NormKind.class);
    }

    /** Of {@code x + bias}, which is a float32 sum, if there is a bias. */
    @Override
    double[] normalizedRow(Call call, String name, int row) {
        double[] values = super.normalizedRow(call, name, row);
        double[] bias = name.equals("x") ? call.stored("bias") : null;
        for (int i = 0; bias != null && i < values.length; i++) {
            values[i] = (float) (values[i] + bias[i]);
        }
        return values;
    }

    @Override
    public void run(Arguments arguments) {
        ResidualOptions options =
                ResidualForward.options(
                        arguments.settings(), options(arguments.settings()), SumMode.ROUNDED);
        Tensor dy = arguments.tensor("dy");
        Tensor dhIn = arguments.tensor("dh_in");
        Tensor x = arguments.tensor("x");
        Tensor h = arguments.tensor("h");
        Tensor dx = arguments.tensor("dx");
        Tensor dresidual = arguments.tensor("dresidual");
        switch (form) {
            case ADD_NORM ->
                    ResidualNormalization.residualAddNormBackward(
                            dy,
                            dhIn,
                            h,
                            arguments.tensor("gamma"),
                            options,
                            statistics(arguments, ""),
                            dx,
                            dresidual,
                            gradients(arguments, ""));
            case NORM_ADD ->
                    ResidualNormalization.normResidualAddBackward(
                            arguments.tensor("dh"),
                            x,
                            arguments.tensor("bias"),
                            arguments.tensor("gamma"),
                            options,
                            statistics(arguments, ""),
                            dx,
                            dresidual,
                            gradients(arguments, ""));
            case NORM_ADD_NORM ->
                    ResidualNormalization.normAddNormBackward(
                            dy,
                            dhIn,
                            x,
                            h,
                            arguments.tensor("gamma1"),
                            arguments.tensor("gamma2"),
                            options,
                            statistics(arguments, "1"),
                            statistics(arguments, "2"),
                            dx,
                            dresidual,
                            gradients(arguments, "1"),
                            gradients(arguments, "2"));
        }
    }

    private static NormGradients gradients(Arguments arguments, String suffix) {
        return new NormGradients(
                arguments.tensor("dgamma" + suffix),
                arguments.tensor("dbeta" + suffix),
                arguments.tensor("dbias"));
    }

    /** The last norm of the forward pass, and the upstream gradient that meets it. */
    private String lastSuffix() {
        return suffixes().getLast();
    }

    @Override
    Map<String, double[]> scales(Call call) {
        int columns = call.columns();
        float alpha = Math.abs(call.settings().number(ALPHA));
        boolean ofSum = form != ResidualForward.Form.NORM_ADD;
        double[] upstream = magnitudes(call.stored(ofSum ? "dy" : "dh"));
        double[] dhIn = call.stored("dh_in");
        Map<String, double[]> scales = new HashMap<>();
        for (Operand operand : operands) {
            if (!operand.role().isInput()) {
                scales.put(
                        operand.name(),
                        new double
                                [operand.extent() == Operand.Extent.FULL
                                        ? call.rows() * columns
                                        : columns]);
            }
        }
        Formula last = formula(call, "gamma" + lastSuffix());
        for (int row = 0; row < call.rows(); row++) {
            double[] above = row(upstream, row, columns);
            double[] scale =
                    last.scaleOfGradient(
                            normalizedRow(call, normalized().getLast(), row),
                            above,
                            scales.get("dgamma" + lastSuffix()),
                            scales.get("dbeta" + lastSuffix()));
            for (int i = 0; dhIn != null && i < columns; i++) {
                scale[i] += Math.abs(dhIn[row * columns + i]);
            }
            double[] ofResidual = ofSum ? scale : above;
            for (int i = 0; i < columns; i++) {
                scales.get("dresidual")[row * columns + i] = alpha * ofResidual[i];
            }
            if (form == ResidualForward.Form.NORM_ADD_NORM) {
                scale =
                        formula(call, "gamma1")
                                .scaleOfGradient(
                                        normalizedRow(call, "x", row),
                                        scale,
                                        scales.get("dgamma1"),
                                        scales.get("dbeta1"));
            } else {
                for (int i = 0; i < columns; i++) {
                    scales.get("dbias")[i] += scale[i];
                }
            }
            System.arraycopy(scale, 0, scales.get("dx"), row * columns, columns);
        }
        return scales;
    }

    /**
     * The sum of the forward pass is taken apart anew: x is all of h, and residual and bias are 0;
     * or the residual is what norm1(x) leaves of h.
     */
    @Override
    Map<String, double[]> variables(Call call) {
        int columns = call.columns();
        Map<String, double[]> variables = new HashMap<>();
        variables.put("dx", call.stored(normalized().getFirst()));
        variables.put("dresidual", new double[call.rows() * columns]);
        variables.put("dbias", orZeros(call.stored("bias"), columns));
        for (String suffix : suffixes()) {
            double[] gamma = call.stored("gamma" + suffix);
            if (gamma == null) {
                gamma = new double[columns];
                Arrays.fill(gamma, 1 - call.settings().number(WEIGHT_OFFSET));
            }
            variables.put("dgamma" + suffix, gamma);
            variables.put("dbeta" + suffix, new double[columns]);
        }
        return variables;
    }

    @Override
    double loss(Call call, Map<String, double[]> variables) {
        int columns = call.columns();
        float alpha = call.settings().number(ALPHA);
        Formula last = formula(call, null).withGamma(variables.get("dgamma" + lastSuffix()));
        double[] beta = variables.get("dbeta" + lastSuffix());
        double[] bias = variables.get("dbias");
        double loss = 0;
        for (int row = 0; row < call.rows(); row++) {
            double[] x = row(variables.get("dx"), row, columns);
            double[] residual = row(variables.get("dresidual"), row, columns);
            double[] h = new double[columns];
            if (form == ResidualForward.Form.NORM_ADD_NORM) {
                Formula first = formula(call, null).withGamma(variables.get("dgamma1"));
                double[] inner = first.apply(x, variables.get("dbeta1"));
                // h is given: what norm1(x) and the residual add to it is what they change.
                double[] fixed = row(call.stored("h"), row, columns);
                double[] stored = row(call.stored("x"), row, columns);
                double[] before = formula(call, "gamma1").apply(stored, null);
                for (int i = 0; i < columns; i++) {
                    h[i] = fixed[i] + inner[i] - before[i] + alpha * residual[i];
                }
            } else {
                for (int i = 0; i < columns; i++) {
                    h[i] = x[i] + bias[i];
                }
                if (form == ResidualForward.Form.NORM_ADD) {
                    h = last.apply(h, beta);
                }
                for (int i = 0; i < columns; i++) {
                    h[i] += alpha * residual[i];
                }
            }
            if (form == ResidualForward.Form.NORM_ADD) {
                loss += dot(h, row(call.stored("dh"), row, columns));
            } else {
                loss += dot(last.apply(h, beta), row(call.stored("dy"), row, columns));
                double[] dhIn = call.stored("dh_in");
                loss += dhIn == null ? 0 : dot(h, row(dhIn, row, columns));
            }
        }
        return loss;
    }

    @Override
    List<Recipe> differentiable() {
        List<Recipe> list = new ArrayList<>();
        for (Recipe recipe : super.differentiable()) {
            list.add(recipe.with(ALPHA, 0.75f));
            // Statistics that are derived depend on the kind: they are left out here.
            if (recipe.derived().isEmpty()) {
                list.add(recipe.with(NORM, NormKind.RMS).named("rms-" + recipe.name()));
            }
        }
        if (form != ResidualForward.Form.NORM_ADD) {
            list.add(plain().without("dh_in").named("without-dh-in"));
        }
        return list;
    }

    @Override
    List<Recipe> ownRecipes(Recipe plain, DType dtype, int columns) {
        Recipe rms = plain.with(NORM, NormKind.RMS);
        List<Recipe> list = new ArrayList<>();
        list.add(rms.named("rms"));
        list.add(saved(rms).on(Memory.NATIVE).named("rms-saved"));
        list.add(rms.computedInPlace(this).on(Memory.UNALIGNED).named("rms-in-place"));
        list.add(plain.with(ALPHA, -0.5f).on(Memory.NATIVE).named("alpha-minus-0.5"));
        list.add(plain.with(ALPHA, 0f).named("alpha-0"));
        list.add(plain.without("dresidual").named("without-dresidual"));
        list.add(plain.without("dx").on(Memory.NATIVE).named("without-dx"));
        String upstream = operands.getFirst().name();
        list.add(plain.inPlaceOf("dresidual", upstream).named("residual-in-place"));
        if (form != ResidualForward.Form.NORM_ADD) {
            list.add(plain.without("dh_in").on(Memory.NATIVE).named("without-dh-in"));
            list.add(rms.without("dh_in").named("rms-without-dh-in"));
            list.add(plain.inPlaceOf("dx", "dh_in").named("in-place-of-dh-in"));
            list.add(
                    plain.inPlaceOf("dx", "dy")
                            .inPlaceOf("dresidual", "dh_in")
                            .on(Memory.NATIVE)
                            .named("in-place-both"));
            list.add(
                    plain.inPlaceOf("dx", "dh_in")
                            .inPlaceOf("dresidual", "dy")
                            .named("in-place-both-crossed"));
        } else {
            list.add(plain.without("bias").on(Memory.NATIVE).named("without-bias"));
        }
        return list;
    }
}
