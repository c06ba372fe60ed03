/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.ActivationSparsity;
import io.gatun.DType;
import io.gatun.Tensor;
import io.gatun.Threshold;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Masks that keep the greatest elements. With values they are the backward pass: what is kept is
 * the values where x is kept. Results are exact.
 */
abstract class SparsityMask extends ScaledForward {
    static Operand vector(String name, String description) {
        return new Operand(
                name,
                Operand.Role.OPTIONAL_INPUT,
                Operand.Extent.COLUMNS,
                Operand.Storage.STATISTIC,
                description,
                null);
    }

    @Override
    Map<String, double[]> scales(Call call) {
        return Map.of();
    }

    /** The recipes of both masks. */
    List<Recipe> common(DType dtype) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(memories(this, plain));
        Recipe scaled = plain.withInput("scale", Values.uniform(0.5, 2));
        list.add(scaled.on(Memory.NATIVE).named("scale"));
        Recipe backward = scaled.withInput("values", Values.normal(0, 1));
        list.add(backward.named("values"));
        list.add(backward.inPlaceOf("y", "values").on(Memory.NATIVE).named("in-place-of-values"));
        list.add(plain.withInput("x", specials(dtype)).on(Memory.NATIVE).named("special"));
        list.add(scaled.withInput("x", specials(dtype)).named("special-scale"));
        list.add(
                plain.withInput("x", Values.cycle(1, -2, 2, 0, -1, 2, 1))
                        .on(Memory.UNALIGNED)
                        .named("ties"));
        return list;
    }

    /** By a threshold. */
    static final class ByThreshold extends SparsityMask {
        private static final String THRESHOLD = "threshold";
        private static final String KEEP_EQUAL = "keep-equal";

        @Override
        public String name() {
            return "threshold_mask";
        }

        @Override
        public String description() {
            return "Sets elements of small magnitude to 0.";
        }

        @Override
        public List<Operand> operands() {
            return List.of(
                    Operand.input("x", "whose magnitude counts"),
                    vector("scale", "factor of each column's magnitudes"),
                    vector("thresholds", "threshold of each column"),
                    Operand.optionalInput("values", "what is kept, if not x"),
                    Operand.output("y", "result"));
        }

        @Override
        public List<Setting> settings() {
            return List.of(
                    new Setting(THRESHOLD, 1f, "threshold of all columns"),
                    new Setting(KEEP_EQUAL, false, "whether what equals it is kept"));
        }

        @Override
        public void run(Arguments arguments) {
            Threshold threshold =
                    new Threshold(
                            arguments.tensor("scale"),
                            arguments.tensor("thresholds"),
                            arguments.settings().number(THRESHOLD),
                            arguments.settings().flag(KEEP_EQUAL));
            Tensor values = arguments.tensor("values");
            if (values == null) {
                ActivationSparsity.threshold(
                        arguments.tensor("x"), threshold, arguments.tensor("y"));
            } else {
                ActivationSparsity.thresholdBackward(
                        values, arguments.tensor("x"), threshold, arguments.tensor("y"));
            }
        }

        @Override
        Recipe plain() {
            return Recipe.plain(this, Map.of("x", Values.normal(0, 1.5)), Set.of("y"));
        }

        @Override
        List<Recipe> recipes(DType dtype, int columns) {
            List<Recipe> list = common(dtype);
            Recipe plain = plain();
            Recipe own = plain.withInput("thresholds", Values.uniform(0.25, 2));
            list.add(own.on(Memory.NATIVE).named("thresholds"));
            list.add(own.withInput("scale", Values.uniform(0.5, 2)).named("thresholds-scale"));
            Recipe ties = plain.withInput("x", Values.cycle(1, -2, 2, 0, -1, 0.5f, 1));
            list.add(ties.with(KEEP_EQUAL, true).on(Memory.NATIVE).named("keep-equal"));
            list.add(
                    ties.with(KEEP_EQUAL, true)
                            .withInput("thresholds", Values.constant(2))
                            .named("thresholds-keep-equal"));
            list.add(plain.with(THRESHOLD, -1f).on(Memory.NATIVE).named("keeps-all"));
            list.add(plain.with(THRESHOLD, Float.POSITIVE_INFINITY).named("keeps-none"));
            return list;
        }
    }

    /** By number. */
    static final class TopK extends SparsityMask {
        private static final String KEPT = "kept";

        @Override
        public String name() {
            return "topk_mask_rows";
        }

        @Override
        public String description() {
            return "Sets all but the greatest magnitudes of each row to 0.";
        }

        @Override
        public List<Operand> operands() {
            return List.of(
                    Operand.input("x", "whose magnitude counts"),
                    vector("scale", "factor of each column's magnitudes"),
                    Operand.optionalInput("values", "what is kept, if not x"),
                    Operand.output("y", "result"));
        }

        @Override
        public List<Setting> settings() {
            return List.of(new Setting(KEPT, 4L, "how many elements of a row are kept"));
        }

        @Override
        public void run(Arguments arguments) {
            Tensor values = arguments.tensor("values");
            Tensor x = arguments.tensor("x");
            long kept = arguments.settings().count(KEPT);
            if (values == null) {
                ActivationSparsity.topK(x, arguments.tensor("scale"), kept, arguments.tensor("y"));
            } else {
                ActivationSparsity.topKBackward(
                        values, x, arguments.tensor("scale"), kept, arguments.tensor("y"));
            }
        }

        @Override
        Recipe plain() {
            Map<String, Values> inputs = new LinkedHashMap<>();
            inputs.put("x", Values.normal(0, 1));
            return Recipe.plain(this, inputs, Set.of("y"));
        }

        @Override
        List<Recipe> recipes(DType dtype, int columns) {
            List<Recipe> list = common(dtype);
            Recipe plain = plain();
            Set<Long> counts = new TreeSet<>(List.of(0L, 1L, Long.MAX_VALUE));
            counts.add(Math.max(columns / 2, 2L));
            counts.add((long) columns);
            for (long kept : counts) {
                String label = kept == Long.MAX_VALUE ? "all" : kept + "";
                list.add(plain.with(KEPT, kept).on(Memory.NATIVE).named("kept-" + label));
                list.add(
                        plain.with(KEPT, kept)
                                .withInput("x", Values.cycle(1, -2, 2, 0, -1, 2, 1, Float.NaN))
                                .named("ties-kept-" + label));
            }
            return list;
        }

        @Override
        List<Check> properties(DType dtype, double bound) {
            OperationProperties common = new OperationProperties(this, dtype, bound);
            List<Check> checks = common.checks(259);
            checks.add(common.longCalls(37, 1031));
            checks.add(common.longCalls(2, 30_001));
            return checks;
        }
    }
}
