/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.EpsMode;
import io.gatun.NormGradients;
import io.gatun.NormKind;
import io.gatun.NormOptions;
import io.gatun.Normalization;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The backward passes of LayerNorm and RMSNorm. */
class NormBackward extends RowBackward {
    private static final String STATISTICS_COLUMNS = "statistics-columns";

    private final NormKind kind;
    private final List<Operand> operands;

    NormBackward(NormKind kind) {
        this.kind = kind;
        List<Operand> list = new ArrayList<>();
        list.add(Operand.input("dy", "gradient of the result"));
        list.add(Operand.input("x", "input of the forward pass"));
        list.add(Operand.parameter("gamma", "factor of each column"));
        if (kind == NormKind.LAYER) {
            list.add(Operand.savedStatistic("mean", "mean of each row"));
            list.add(Operand.savedStatistic("mean_low", "what float32 loses of the mean"));
        }
        list.add(Operand.savedStatistic("rstd", "scale of each row"));
        list.add(Operand.output("dx", "gradient of x"));
        list.add(Operand.gradient("dgamma", "gradient of gamma"));
        list.add(Operand.gradient("dbeta", "gradient of beta"));
        operands = List.copyOf(list);
    }

    @Override
    public String name() {
        return kind == NormKind.LAYER ? "layer_norm" : "rms_norm";
    }

    @Override
    public String description() {
        return "The gradients of " + (kind == NormKind.LAYER ? "LayerNorm." : "RMSNorm.");
    }

    @Override
    public List<Operand> operands() {
        return operands;
    }

    @Override
    public List<Setting> settings() {
        List<Setting> settings = new ArrayList<>(commonSettings());
        if (kind == NormKind.RMS) {
            settings.add(
                    new Setting(
                            STATISTICS_COLUMNS,
                            0L,
                            "leading columns that the mean square is taken of, 0 for all"));
        }
        return settings;
    }

    @Override
    public void run(Arguments arguments) {
        NormGradients gradients =
                new NormGradients(arguments.tensor("dgamma"), arguments.tensor("dbeta"));
        if (kind == NormKind.LAYER) {
            Normalization.layerNormBackward(
                    arguments.tensor("dy"),
                    arguments.tensor("x"),
                    arguments.tensor("gamma"),
                    options(arguments.settings()),
                    statistics(arguments, ""),
                    arguments.tensor("dx"),
                    gradients);
        } else {
            Normalization.rmsNormBackward(
                    arguments.tensor("dy"),
                    arguments.tensor("x"),
                    arguments.tensor("gamma"),
                    options(arguments.settings()),
                    statistics(arguments, ""),
                    arguments.tensor("dx"),
                    gradients);
        }
    }

    @Override
    List<String> normalized() {
        return List.of("x");
    }

    @Override
    List<String> suffixes() {
        return List.of("");
    }

    @Override
    NormKind kind(Settings settings) {
        return kind;
    }

    @Override
    int counted(Call call) {
        long counted = kind == NormKind.LAYER ? 0 : call.settings().count(STATISTICS_COLUMNS);
        return counted == 0 ? call.columns() : (int) counted;
    }

    @Override
    Map<String, double[]> scales(Call call) {
        Formula formula = formula(call, "gamma");
        int columns = call.columns();
        double[] dy = magnitudes(call.stored("dy"));
        double[] dx = new double[dy.length];
        double[] dgamma = new double[columns];
        double[] dbeta = new double[columns];
        for (int row = 0; row < call.rows(); row++) {
            double[] scale =
                    formula.scaleOfGradient(
                            normalizedRow(call, "x", row), row(dy, row, columns), dgamma, dbeta);
            System.arraycopy(scale, 0, dx, row * columns, columns);
        }
        return Map.of("dx", dx, "dgamma", dgamma, "dbeta", dbeta);
    }

    @Override
    Map<String, double[]> variables(Call call) {
        Map<String, double[]> variables = new HashMap<>();
        variables.put("dx", call.stored("x"));
        double[] gamma = call.stored("gamma");
        if (gamma == null) {
            // A factor of 1 is one with a weight offset of the rest.
            gamma = new double[call.columns()];
            Arrays.fill(gamma, 1 - call.settings().number(WEIGHT_OFFSET));
        }
        variables.put("dgamma", gamma);
        variables.put("dbeta", new double[call.columns()]);
        return variables;
    }

    @Override
    double loss(Call call, Map<String, double[]> variables) {
        Formula formula = formula(call, "gamma").withGamma(variables.get("dgamma"));
        int columns = call.columns();
        double loss = 0;
        for (int row = 0; row < call.rows(); row++) {
            double[] y =
                    formula.apply(row(variables.get("dx"), row, columns), variables.get("dbeta"));
            loss += dot(y, row(call.stored("dy"), row, columns));
        }
        return loss;
    }

    @Override
    List<Recipe> differentiable() {
        List<Recipe> list = new ArrayList<>(super.differentiable());
        if (kind == NormKind.RMS) {
            for (EpsMode mode : EpsMode.values()) {
                list.add(
                        plain().with(STATISTICS_COLUMNS, 5L)
                                .with(EPS_MODE, mode)
                                .with(EPS, 0.25f)
                                .named("partial-" + Setting.label(mode)));
            }
        }
        return list;
    }

    @Override
    List<Recipe> ownRecipes(Recipe plain, DType dtype, int columns) {
        if (kind == NormKind.LAYER) {
            return List.of();
        }
        List<Recipe> list = new ArrayList<>();
        // Statistics of few columns may be small, but not of values that keep away from 0.
        Recipe partial =
                plain.withInput("x", Values.signed(0.5, 2))
                        .with(STATISTICS_COLUMNS, (long) Math.max(1, columns / 4));
        list.add(partial.named("partial"));
        list.add(partial.with(EPS_MODE, EpsMode.ADD).on(Memory.NATIVE).named("partial-add"));
        list.add(partial.with(EPS_MODE, EpsMode.CLAMP).with(EPS, 0.5f).named("partial-clamp"));
        list.add(saved(partial.with(STATISTICS_COLUMNS, 1L)).named("partial-one-column-saved"));
        return list;
    }

    @Override
    NormOptions options(Settings settings) {
        NormOptions options = super.options(settings);
        return kind == NormKind.LAYER
                ? options
                : options.withStatisticsColumns(settings.count(STATISTICS_COLUMNS));
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        List<Check> checks = super.properties(dtype, bound);
        if (dtype == DType.F32) {
            OperationProperties common = new OperationProperties(this, dtype, bound);
            checks.add(common.property("orthogonal", 5, 771, this::orthogonal));
        }
        return checks;
    }

    /** The sum of dx is 0 in LayerNorm; the product of x and dx is 0 in RMSNorm with eps 0. */
    private double orthogonal(Device device, int rows, int columns, long seed) {
        Call call = plain().with(EPS, 0f).call(this, DType.F32, rows, columns, seed);
        float[] dx = call.on(device, Call.Layout.dense(Memory.HEAP, columns)).get("dx");
        double[] x = call.stored("x");
        double[] scale = scales(call).get("dx");
        double worst = 0;
        for (int row = 0; row < rows; row++) {
            double sum = 0;
            double most = 0;
            for (int i = row * columns; i < (row + 1) * columns; i++) {
                double factor = kind == NormKind.LAYER ? 1 : x[i];
                sum += factor * dx[i];
                most += Math.abs(factor) * scale[i];
            }
            worst = Math.max(worst, Math.abs(sum) / (most * ErrorMeasure.UNIT));
        }
        return worst;
    }
}
