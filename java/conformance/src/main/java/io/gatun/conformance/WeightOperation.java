/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.FeatureAxis;
import io.gatun.NormParameters;
import io.gatun.WeightConversion;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The conversions of weights. */
abstract class WeightOperation extends PlannedOperation {
    @Override
    public Direction direction() {
        return Direction.FORWARD;
    }

    @Override
    Tolerances tolerances(Call call) {
        return (output, bound, results) -> new Tolerance(ErrorMeasure.of(call.dtype()), bound);
    }

    abstract List<Recipe> ownRecipes(Recipe plain);

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        for (Memory memory : Memory.values()) {
            list.add(plain.on(memory).named("memory-" + Setting.label(memory)));
        }
        list.add(plain.computedInPlace(this).named("in-place-heap"));
        list.add(plain.on(Memory.NATIVE).computedInPlace(this).named("in-place-native"));
        list.add(plain.withInput("weight", Values.constant(0)).named("zero"));
        list.add(
                plain.withInput("weight", Values.normal(0, 1).with(Float.NaN, Values.Position.TAIL))
                        .on(Memory.NATIVE)
                        .named("nan-tail"));
        list.addAll(ownRecipes(plain));
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        OperationProperties common = new OperationProperties(this, dtype, bound);
        List<Check> checks = common.checks(259);
        // Weights have rows.
        checks.removeIf(check -> check.name().equals("edge-no-rows"));
        checks.add(common.rejectsEmpty("edge-no-rows", 0, 67));
        checks.add(common.longCalls(37, 4096));
        checks.add(common.longCalls(3, 150_001));
        checks.add(common.threads(700, 300));
        return checks;
    }

    /** The mean taken out. */
    static final class ZeroMean extends WeightOperation {
        private static final String FEATURES = "features";

        @Override
        public String name() {
            return "zero_mean_rows";
        }

        @Override
        public String description() {
            return "Takes the mean out of weights, so that what they give has zero mean.";
        }

        @Override
        public List<Operand> operands() {
            return List.of(
                    Operand.input("weight", "weights"),
                    Operand.output("out", "weights less means"));
        }

        @Override
        public List<Setting> settings() {
            return List.of(
                    new Setting(
                            FEATURES,
                            FeatureAxis.ROWS,
                            "along which dimension the features of the residual stream lie"));
        }

        @Override
        public void run(Arguments arguments) {
            WeightConversion.zeroMeanRows(
                    arguments.tensor("weight"),
                    arguments.settings().choice(FEATURES, FeatureAxis.class),
                    arguments.tensor("out"));
        }

        @Override
        Recipe plain() {
            return Recipe.plain(this, Map.of("weight", Values.normal(0, 1)), Set.of("out"));
        }

        @Override
        List<Recipe> ownRecipes(Recipe plain) {
            Recipe columns = plain.with(FEATURES, FeatureAxis.COLUMNS);
            return List.of(
                    columns.named("columns"),
                    columns.on(Memory.NATIVE).computedInPlace(this).named("columns-in-place"),
                    columns.withInput("weight", Values.normal(1e4, 1)).named("columns-base"),
                    plain.withInput("weight", Values.normal(1e4, 1))
                            .on(Memory.NATIVE)
                            .named("base"));
        }

        @Override
        List<Check> properties(DType dtype, double bound) {
            List<Check> checks = super.properties(dtype, bound);
            checks.add(
                    new OperationProperties(this, dtype, bound)
                            .property("mean-is-zero", 65, 130, this::meanIsZero));
            return checks;
        }

        private double meanIsZero(Device device, int rows, int columns, long seed) {
            Call call = plain().call(this, DType.F32, rows, columns, seed);
            float[] out = call.on(device, OperationProperties.dense(columns)).get("out");
            double worst = 0;
            for (int column = 0; column < columns; column++) {
                double sum = 0;
                for (int row = 0; row < rows; row++) {
                    sum += out[row * columns + column];
                }
                worst = Math.max(worst, Math.abs(sum) / rows / ErrorMeasure.UNIT);
            }
            return worst;
        }
    }

    /** The affine part of a normalization folded into a layer. */
    static final class Fold extends WeightOperation {
        private static final List<Operand> OPERANDS =
                List.of(
                        Operand.input("weight", "weights [out features, in features]"),
                        Operand.savedStatistic("bias", "bias of each row"),
                        Operand.parameter("gamma", "factor of each column"),
                        Operand.parameter("beta", "added to each column before the layer"),
                        Operand.output("weight_out", "weights with gamma folded in"),
                        Operand.statistic("bias_out", "bias with beta folded in"));

        @Override
        public String name() {
            return "fold_affine";
        }

        @Override
        public String description() {
            return "Folds gamma and beta of a normalization into the linear layer behind it.";
        }

        @Override
        public List<Operand> operands() {
            return OPERANDS;
        }

        @Override
        public List<Setting> settings() {
            return List.of(new Setting(NormOperation.WEIGHT_OFFSET, 0f, "added to gamma"));
        }

        @Override
        public void run(Arguments arguments) {
            WeightConversion.foldAffine(
                    arguments.tensor("weight"),
                    arguments.tensor("bias"),
                    new NormParameters(arguments.tensor("gamma"), arguments.tensor("beta")),
                    arguments.settings().number(NormOperation.WEIGHT_OFFSET),
                    arguments.tensor("weight_out"),
                    arguments.tensor("bias_out"));
        }

        @Override
        Recipe plain() {
            Map<String, Values> inputs = new LinkedHashMap<>();
            inputs.put("weight", Values.normal(0, 1));
            inputs.put("bias", Values.normal(0, 1));
            inputs.put("gamma", Values.signed(0.5, 1.5));
            inputs.put("beta", Values.normal(0, 1));
            return Recipe.plain(this, inputs, Set.of("weight_out", "bias_out"));
        }

        @Override
        List<Recipe> ownRecipes(Recipe plain) {
            return List.of(
                    plain.without("bias").named("without-bias"),
                    plain.without("beta").on(Memory.NATIVE).named("without-beta"),
                    plain.without("gamma").named("without-gamma"),
                    plain.without("bias", "beta", "bias_out").on(Memory.NATIVE).named("gamma-only"),
                    plain.without("bias_out").named("without-bias-out"),
                    plain.with(NormOperation.WEIGHT_OFFSET, 1f)
                            .on(Memory.NATIVE)
                            .named("weight-offset"),
                    plain.computedInPlace(this)
                            .inPlaceOf("bias_out", "bias")
                            .on(Memory.NATIVE)
                            .named("in-place-both"));
        }
    }
}
