/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.CastMode;
import io.gatun.DType;
import io.gatun.EpsMode;
import io.gatun.NormOptions;
import io.gatun.NormStatistics;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What the forward passes of LayerNorm and RMSNorm have in common. */
abstract class NormOperation extends PlannedOperation {
    static final String EPS = "eps";
    static final String EPS_MODE = "eps-mode";
    static final String CAST_MODE = "cast-mode";
    static final String WEIGHT_OFFSET = "weight-offset";

    private static final Plan PLAN = new Plan(2200, 40_000, 8, 5);

    /**
     * Equal values in each lane of a vector: every addition of a running sum rounds to the same
     * side, so that the error grows with the number of additions and not with its root. Medium
     * shapes always take them.
     */
    private static final Set<String> ROUNDING =
            Set.of("alternating", "one-hot", "one-hot-60000", "constant-rows-far", "base-10000");

    /**
     * From this many columns on, random values of a row are certain enough to differ, so that eps
     * may be 0.
     */
    private static final long DISTINCT_COLUMNS = 7;

    /** The options that both operations have. */
    static List<Setting> commonSettings() {
        return List.of(
                new Setting(EPS, 1e-5f, "keeps the scale finite"),
                new Setting(EPS_MODE, EpsMode.IN_SQRT, "where eps enters the scale"),
                new Setting(CAST_MODE, CastMode.NONE, "how a 16-bit result is rounded"),
                new Setting(WEIGHT_OFFSET, 0f, "added to gamma"));
    }

    static NormOptions options(Settings settings, long statisticsColumns) {
        return new NormOptions(
                settings.number(EPS),
                settings.choice(EPS_MODE, EpsMode.class),
                settings.choice(CAST_MODE, CastMode.class),
                settings.number(WEIGHT_OFFSET),
                statisticsColumns);
    }

    static NormStatistics statistics(Arguments arguments) {
        return new NormStatistics(
                arguments.tensor("mean"), arguments.tensor("mean_low"), arguments.tensor("rstd"));
    }

    @Override
    public Direction direction() {
        return Direction.FORWARD;
    }

    /** The recipes that only this operation has. */
    abstract List<Recipe> ownRecipes(Recipe plain, DType dtype, int columns);

    /** The properties that only this operation has. */
    abstract List<Check> ownProperties(DType dtype, double bound);

    /** Its outputs besides y. */
    abstract String[] statisticsNames();

    @Override
    Plan plan() {
        return PLAN;
    }

    @Override
    Set<String> alwaysOnMedium() {
        return ROUNDING;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        List<Check> checks = new ArrayList<>(new NormProperties(this, dtype, bound).checks());
        checks.addAll(ownProperties(dtype, bound));
        return checks;
    }

    @Override
    Tolerances tolerances(Call call) {
        return (output, bound, results) ->
                output.storage() == Operand.Storage.DATA
                        ? new Tolerance(ErrorMeasure.of(call.dtype()), bound)
                        : new Tolerance(
                                statisticMeasure(output.name(), "", results),
                                ErrorMeasure.INTERMEDIATE_UNITS);
    }

    /**
     * Gamma keeps away from 0 and beta is small, so that y does not cancel and the error of xh
     * stays visible.
     */
    @Override
    Recipe plain() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        inputs.put("x", Values.normal(0, 1));
        inputs.put("gamma", Values.signed(0.5, 1.5));
        inputs.put("beta", Values.uniform(-0.5, 0.5));
        return Recipe.plain(this, inputs, Set.of("y")).withOutputs(statisticsNames());
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        boolean half = dtype == DType.F16;
        Recipe plain = plain();
        Recipe bare = plain.without("gamma", "beta");
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.add(bare.without(statisticsNames()).on(Memory.NATIVE).named("bare"));
        list.add(
                plain.without("beta")
                        .without(statisticsNames())
                        .withOutputs("rstd")
                        .named("gamma-only"));
        list.add(
                plain.without("gamma")
                        .without(statisticsNames())
                        .on(Memory.UNALIGNED)
                        .named("beta-only"));
        list.add(plain.withInput("x", Values.mixedRows()).on(Memory.NATIVE).named("mixed-rows"));

        for (Memory memory : Memory.values()) {
            list.add(plain.on(memory).named("memory-" + Setting.label(memory)));
        }
        list.add(plain.computedInPlace(this).named("in-place-heap"));
        list.add(plain.on(Memory.UNALIGNED).computedInPlace(this).named("in-place-unaligned"));
        list.add(
                plain.withParametersInDataType()
                        .on(Memory.NATIVE)
                        .named("parameters-in-data-type"));
        list.add(
                plain.withParametersInDataType()
                        .computedInPlace(this)
                        .named("parameters-in-data-type-in-place"));

        double farthest = half ? 6e4 : 1e7;
        for (double base : new double[] {1e2, 1e4, farthest}) {
            list.add(plain.withInput("x", Values.normal(base, 1)).named("base-" + label(base)));
            list.add(
                    plain.withInput("x", Values.normal(-base, base / 64))
                            .on(Memory.NATIVE)
                            .with(EPS, 1e-12f)
                            .named("base-minus-" + label(base) + "-wide"));
        }
        double small = half ? 1e-6 : 1e-20;
        for (double scale : half ? new double[] {1e3, 1e4} : new double[] {1e15, 1e30}) {
            Values x = Values.normal(0, scale);
            list.add(plain.withInput("x", x).named("scale-" + label(scale)));
            list.add(
                    bare.withInput("x", Values.normal(scale, scale))
                            .on(Memory.UNALIGNED)
                            .with(EPS, 1e-12f)
                            .named("scale-and-base-" + label(scale)));
            list.add(
                    plain.withInput("x", x)
                            .with(EPS_MODE, EpsMode.ADD)
                            .named("scale-" + label(scale) + "-add"));
            list.add(
                    plain.withInput("x", x)
                            .with(EPS_MODE, EpsMode.CLAMP)
                            .named("scale-" + label(scale) + "-clamp"));
        }
        list.add(
                plain.withInput("x", Values.normal(0, small))
                        .with(EPS, 1e-12f)
                        .named("scale-" + label(small)));
        list.add(
                plain.withInput("x", Values.signed(half ? 3e4 : 1e38, half ? 6e4 : 3e38))
                        .named("huge"));
        list.add(
                bare.withInput("x", Values.normal(0, 1e6 / (half ? 1e3 : 1)))
                        .with(EPS, 1e12f)
                        .named("eps-1e12"));
        list.add(
                bare.withInput("x", Values.normal(0, 1))
                        .with(EPS, 1e12f)
                        .with(EPS_MODE, EpsMode.CLAMP)
                        .named("eps-1e12-clamp"));

        list.add(plain.withInput("x", Values.constant(0)).named("zero-rows"));
        list.add(
                plain.withInput("x", Values.constant(0))
                        .with(EPS, 1e-12f)
                        .with(EPS_MODE, EpsMode.ADD)
                        .named("zero-rows-add"));
        list.add(
                plain.withInput("x", Values.constant(0))
                        .with(EPS_MODE, EpsMode.CLAMP)
                        .named("zero-rows-clamp"));
        list.add(plain.withInput("x", Values.constant(0.1)).named("constant-rows"));
        list.add(
                plain.withInput("x", Values.constant(-farthest))
                        .on(Memory.NATIVE)
                        .with(EPS, 1e-12f)
                        .named("constant-rows-far"));
        list.add(plain.withInput("x", Values.oneHot(3)).named("one-hot"));
        list.add(bare.withInput("x", Values.oneHot(6e4)).named("one-hot-60000"));
        if (!half) {
            list.add(bare.withInput("x", Values.oneHot(1e30)).named("one-hot-large"));
        }
        list.add(plain.withInput("x", Values.alternating(1)).named("alternating"));
        list.add(
                plain.withInput("x", Values.alternating(1e4))
                        .with(EPS, 1e-12f)
                        .named("alternating-1e4"));

        Recipe special = plain.without(statisticsNames()).withOutputs("rstd");
        for (Values.Position position : Values.Position.values()) {
            Memory memory = position == Values.Position.MIDDLE ? Memory.NATIVE : Memory.HEAP;
            String where = Setting.label(position);
            Values x = Values.normal(0, 1);
            list.add(
                    special.withInput("x", x.with(Float.NaN, position))
                            .on(memory)
                            .named("nan-" + where));
            list.add(
                    special.withInput("x", x.with(Float.POSITIVE_INFINITY, position))
                            .on(memory)
                            .named("infinite-" + where));
        }
        list.add(
                special.withInput(
                                "x",
                                Values.normal(0, 1)
                                        .with(Float.NEGATIVE_INFINITY, Values.Position.TAIL))
                        .on(Memory.UNALIGNED)
                        .named("minus-infinite-tail"));

        for (EpsMode mode : List.of(EpsMode.ADD, EpsMode.CLAMP)) {
            String name = Setting.label(mode);
            list.add(plain.with(EPS_MODE, mode).named(name));
            // Far from 0, so that a misplaced eps is visible.
            list.add(
                    plain.with(EPS_MODE, mode)
                            .with(EPS, 0.5f)
                            .on(Memory.NATIVE)
                            .named(name + "-eps-0.5"));
            list.add(plain.with(EPS_MODE, mode).with(EPS, 1000f).named(name + "-eps-1000"));
        }
        list.add(plain.with(EPS, 0.5f).on(Memory.NATIVE).named("eps-0.5"));

        Recipe offset = plain.withInput("gamma", Values.uniform(-0.5, 0.5)).with(WEIGHT_OFFSET, 1f);
        list.add(offset.named("weight-offset"));
        list.add(
                offset.withParametersInDataType()
                        .on(Memory.NATIVE)
                        .named("weight-offset-parameters-in-data-type"));
        list.add(
                plain.without("gamma")
                        .with(WEIGHT_OFFSET, 1f)
                        .named("weight-offset-without-gamma"));
        // The rounding of xh may fall to either side, which the product then doubles.
        Recipe llama = plain.without("beta").with(CAST_MODE, CastMode.LLAMA).withBoundFactor(2);
        list.add(llama.named("llama"));
        list.add(llama.without("gamma").on(Memory.NATIVE).named("llama-bare"));
        list.add(
                llama.withParametersInDataType()
                        .on(Memory.NATIVE)
                        .named("llama-parameters-in-data-type"));
        list.add(
                llama.withInput("gamma", Values.uniform(-0.5, 0.5))
                        .with(WEIGHT_OFFSET, 1f)
                        .computedInPlace(this)
                        .named("llama-weight-offset"));
        if (columns % 2 == 0) {
            // xh is 1 or -1 whatever the rounding, so that the sum with beta cannot magnify it.
            list.add(
                    plain.withInput("x", Values.alternating(1))
                            .with(CAST_MODE, CastMode.LLAMA)
                            .withBoundFactor(2)
                            .named("llama-beta"));
        }

        if (columns >= DISTINCT_COLUMNS) {
            Recipe exact = plain.with(EPS, 0f);
            list.add(exact.named("eps-0"));
            list.add(exact.with(EPS_MODE, EpsMode.ADD).on(Memory.NATIVE).named("eps-0-add"));
            list.add(exact.with(EPS_MODE, EpsMode.CLAMP).on(Memory.NATIVE).named("eps-0-clamp"));
            list.add(
                    exact.withInput("x", Values.normal(0, small))
                            .named("eps-0-scale-" + label(small)));
            list.add(
                    exact.withInput("x", Values.normal(0, small))
                            .with(EPS_MODE, EpsMode.ADD)
                            .named("eps-0-scale-" + label(small) + "-add"));
            list.add(
                    exact.withInput("x", Values.normal(0, small))
                            .with(EPS_MODE, EpsMode.CLAMP)
                            .named("eps-0-scale-" + label(small) + "-clamp"));
            if (!half) {
                list.add(exact.withInput("x", Values.normal(0, 1e30)).named("eps-0-scale-1e30"));
                list.add(exact.withInput("x", Values.normal(0, 1e-37)).named("eps-0-tiny"));
            }
        }
        list.addAll(ownRecipes(plain, dtype, columns));
        return list;
    }

    static String label(double value) {
        return (value + "").replace("E", "e").replace(".0", "");
    }

    /**
     * The scale is relative to itself. An error of the mean matters in proportion to the deviation
     * of the row, which is what 1 / rstd is: to that the mean may be off by its own rounding, mean
     * + mean_low only by twice that precision.
     */
    static ErrorMeasure statisticMeasure(String output, String suffix, Results results) {
        if (output.startsWith("rstd")) {
            return ErrorMeasure.relative();
        }
        float[] rstd = results.expected().get("rstd" + suffix);
        float[] mean = results.expected().get("mean" + suffix);
        if (output.equals("mean" + suffix)) {
            return (i, got, wanted) ->
                    Math.abs((double) got - wanted)
                            / Math.max(
                                    ErrorMeasure.UNIT * (Math.abs(wanted) + 1 / (double) rstd[i]),
                                    Float.MIN_VALUE);
        }
        float[] actualMean = results.actual().get("mean" + suffix);
        return (i, got, wanted) ->
                Math.abs(((double) actualMean[i] + got) - ((double) mean[i] + wanted))
                        / Math.max(
                                ErrorMeasure.UNIT
                                        * (ErrorMeasure.UNIT * Math.abs(mean[i])
                                                + 1 / (double) rstd[i]),
                                Float.MIN_VALUE);
    }
}
