/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.Activation;
import io.gatun.Activations;
import io.gatun.AlphaDropout;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Alpha dropout, with its random numbers. */
final class AlphaDropoutOperation {
    private static final String PROBABILITY = "probability";
    private static final String SEED = "seed";
    private static final String OFFSET = "offset";
    private static final String PER_ROW = "per-row";
    private static final String SELU = "selu";

    private static final ActivationFormula FORMULA = new ActivationFormula(Activation.SELU);
    private static final double DROPPED = -1.7580993408473768;

    private AlphaDropoutOperation() {}

    private static List<Setting> settings() {
        return List.of(
                new Setting(PROBABILITY, 0.1f, "of dropping an element"),
                new Setting(SEED, 0L, "of the random numbers"),
                new Setting(OFFSET, 0L, "other random numbers of the same seed"),
                new Setting(PER_ROW, false, "whether rows are dropped as a whole"),
                new Setting(SELU, false, "whether SELU is applied first"));
    }

    private static AlphaDropout options(Settings settings) {
        return new AlphaDropout(
                settings.number(PROBABILITY),
                settings.count(SEED),
                settings.count(OFFSET),
                settings.flag(PER_ROW),
                settings.flag(SELU));
    }

    private static double factor(Settings settings) {
        double kept = 1 - (double) settings.number(PROBABILITY);
        return kept == 0 ? 0 : 1 / Math.sqrt(kept + DROPPED * DROPPED * kept * (1 - kept));
    }

    private static List<Recipe> recipes(PlannedOperation operation, DType dtype, Recipe plain) {
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(ScaledForward.memories(operation, plain));
        list.add(plain.with(SEED, -7_000_000_001L).on(Memory.NATIVE).named("other-seed"));
        list.add(plain.with(OFFSET, 1L << 33).named("other-offset"));
        list.add(plain.with(PER_ROW, true).on(Memory.NATIVE).named("per-row"));
        list.add(plain.with(SELU, true).on(Memory.NATIVE).named("selu"));
        list.add(plain.with(SELU, true).with(PER_ROW, true).named("selu-per-row"));
        for (float probability : new float[] {0, 0.5f, 1}) {
            list.add(
                    plain.with(PROBABILITY, probability)
                            .on(Memory.UNALIGNED)
                            .named("probability-" + NormOperation.label(probability)));
            list.add(
                    plain.with(PROBABILITY, probability)
                            .with(SELU, true)
                            .withInput("x", ScaledForward.specials(dtype))
                            .named("special-selu-" + NormOperation.label(probability)));
        }
        return list;
    }

    /** What is kept. */
    static final class Forward extends ScaledForward {
        @Override
        public String name() {
            return "alpha_dropout";
        }

        @Override
        public String description() {
            return "Alpha dropout, which keeps mean and variance of SELU's results.";
        }

        @Override
        public List<Operand> operands() {
            return List.of(Operand.input("x", "input"), Operand.output("y", "result"));
        }

        @Override
        public List<Setting> settings() {
            return AlphaDropoutOperation.settings();
        }

        @Override
        public void run(Arguments arguments) {
            Activations.alphaDropout(
                    arguments.tensor("x"), options(arguments.settings()), arguments.tensor("y"));
        }

        @Override
        Map<String, double[]> scales(Call call) {
            double factor = factor(call.settings());
            return Map.of("y", each(call.stored("x"), x -> factor * (2 * Math.abs(x) + 4)));
        }

        @Override
        Recipe plain() {
            return Recipe.plain(this, Map.of("x", Values.normal(0, 1)), Set.of("y"));
        }

        @Override
        List<Recipe> recipes(DType dtype, int columns) {
            return AlphaDropoutOperation.recipes(this, dtype, plain());
        }

        @Override
        List<Check> properties(DType dtype, double bound) {
            List<Check> checks = super.properties(dtype, bound);
            if (dtype == DType.F32) {
                checks.add(
                        new OperationProperties(this, dtype, bound)
                                .property("moments", 50, 4000, this::keepsMoments));
            }
            return checks;
        }

        /**
         * Mean and variance are those of the input, as far as it is of mean 0 and variance 1,
         * within four deviations of their estimates.
         */
        private double keepsMoments(Device device, int rows, int columns, long seed) {
            Recipe recipe = plain().with(PROBABILITY, 0.3f).with(SEED, seed);
            Call call = recipe.call(this, DType.F32, rows, columns, seed);
            double[] x = moments(call.inputs().get("x"));
            float[] results = call.on(device, OperationProperties.dense(columns)).get("y");
            double[] y = moments(results);
            double factor = factor(call.settings());
            double kept = 1 - (double) call.settings().number(PROBABILITY);
            double distance = x[0] - DROPPED;
            double mean = factor * kept * x[0];
            double variance = factor * factor * kept * (x[1] + (1 - kept) * distance * distance);
            double deviation = 1 / Math.sqrt(results.length);
            if (Math.abs(y[0] - mean) > 4 * deviation
                    || Math.abs(y[1] - variance) > 8 * deviation) {
                throw new NamedCheck.Failure(
                        "expected mean %s and variance %s, but they are %s and %s"
                                .formatted(mean, variance, y[0], y[1]));
            }
            return 0;
        }

        private static double[] moments(float[] values) {
            double sum = 0;
            double squares = 0;
            for (float value : values) {
                sum += value;
                squares += (double) value * value;
            }
            double mean = sum / values.length;
            return new double[] {mean, squares / values.length - mean * mean};
        }
    }

    /** The gradient of what was kept. */
    static final class Backward extends ScaledBackward {
        @Override
        public String name() {
            return "alpha_dropout";
        }

        @Override
        public String description() {
            return "The gradient of alpha dropout, with its random numbers drawn again.";
        }

        @Override
        public List<Operand> operands() {
            return List.of(
                    Operand.input("dy", "gradient of the result"),
                    Operand.optionalInput("x", "input of the forward pass, where it applied SELU"),
                    Operand.output("dx", "gradient of the input"));
        }

        @Override
        public List<Setting> settings() {
            return AlphaDropoutOperation.settings();
        }

        @Override
        public void run(Arguments arguments) {
            Activations.alphaDropoutBackward(
                    arguments.tensor("dy"),
                    arguments.tensor("x"),
                    options(arguments.settings()),
                    arguments.tensor("dx"));
        }

        @Override
        Map<String, double[]> scales(Call call) {
            double factor = factor(call.settings());
            double[] slopes =
                    ScaledForward.each(
                            call.stored("x"),
                            x ->
                                    call.settings().flag(SELU)
                                            ? factor * FORMULA.scaleOfSlope(x)
                                            : factor);
            return Map.of("dx", ScaledForward.product(call.stored("dy"), slopes));
        }

        @Override
        Map<String, double[]> variables(Call call) {
            Map<String, double[]> variables = new HashMap<>();
            variables.put("dx", call.stored("x"));
            return variables;
        }

        /** What was kept follows from the forward pass of the reference on a number of its own. */
        @Override
        double loss(Call call, Map<String, double[]> variables) {
            Settings settings = call.settings();
            Device device = Device.reference();
            int count = call.rows() * call.columns();
            float[] ones = new float[count];
            Arrays.fill(ones, 100);
            float[] marks = new float[count];
            Tensor y = device.tensor(marks, call.rows(), call.columns());
            Activations.alphaDropout(
                    device.tensor(ones, call.rows(), call.columns()),
                    options(settings).withSelu(false),
                    y);
            double[] dy = call.stored("dy");
            double[] x = variables.get("dx");
            double loss = 0;
            for (int i = 0; i < count; i++) {
                boolean kept = marks[i] > 10;
                double value = settings.flag(SELU) ? FORMULA.value(x[i]) : x[i];
                loss += kept ? dy[i] * factor(settings) * value : 0;
            }
            return loss;
        }

        @Override
        List<Recipe> differentiable() {
            Recipe half = plain().with(PROBABILITY, 0.5f);
            return List.of(half, half.with(SELU, true).named("selu"));
        }

        @Override
        Recipe plain() {
            return Recipe.plain(
                    this,
                    Map.of("dy", Values.normal(0, 1), "x", Values.normal(0, 1)),
                    Set.of("dx"));
        }

        @Override
        List<Recipe> recipes(DType dtype, int columns) {
            List<Recipe> list = AlphaDropoutOperation.recipes(this, dtype, plain());
            list.add(
                    plain().with(SELU, true)
                            .inPlaceOf("dx", "x")
                            .on(Memory.NATIVE)
                            .named("in-place-of-x"));
            return list;
        }

        @Override
        List<Check> properties(DType dtype, double bound) {
            List<Check> checks = super.properties(dtype, bound);
            OperationProperties common = new OperationProperties(this, dtype, bound);
            checks.add(common.longCalls(37, 1031));
            checks.add(common.longCalls(2, 40_001));
            return checks;
        }
    }
}
