/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.EpsMode;
import io.gatun.NormKind;
import io.gatun.NormOptions;
import io.gatun.NormStatistics;
import io.gatun.Normalization;
import io.gatun.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What the backward passes over rows have in common: their recipes. */
abstract class RowBackward extends BackwardOperation {
    static final String EPS = NormOperation.EPS;
    static final String EPS_MODE = NormOperation.EPS_MODE;
    static final String WEIGHT_OFFSET = NormOperation.WEIGHT_OFFSET;

    /** From this many columns on, random values of a row differ, so that eps may be 0. */
    private static final int DISTINCT_COLUMNS = 7;

    static List<Setting> commonSettings() {
        return List.of(
                new Setting(EPS, 1e-5f, "keeps the scale finite"),
                new Setting(EPS_MODE, EpsMode.IN_SQRT, "where eps enters the scale"),
                new Setting(WEIGHT_OFFSET, 0f, "added to gamma"));
    }

    /** What is normalized: {@code x}, {@code h} or both, in the order of the forward pass. */
    abstract List<String> normalized();

    /** The names of the statistics of what is normalized: those of one, or of both. */
    abstract List<String> suffixes();

    /** The kind of normalization under some settings. */
    abstract NormKind kind(Settings settings);

    /** The recipes that only this operation has. */
    abstract List<Recipe> ownRecipes(Recipe plain, DType dtype, int columns);

    NormOptions options(Settings settings) {
        return NormOptions.eps(settings.number(EPS))
                .withEpsMode(settings.choice(EPS_MODE, EpsMode.class))
                .withWeightOffset(settings.number(WEIGHT_OFFSET));
    }

    Formula formula(Call call, String gamma) {
        Settings settings = call.settings();
        return new Formula(
                kind(settings),
                settings.number(EPS),
                settings.choice(EPS_MODE, EpsMode.class),
                counted(call),
                settings.number(WEIGHT_OFFSET),
                call.stored(gamma));
    }

    int counted(Call call) {
        return call.columns();
    }

    /** A normalized row as the forward pass takes it in. */
    double[] normalizedRow(Call call, String name, int row) {
        return row(call.stored(name), row, call.columns());
    }

    static NormStatistics statistics(Arguments arguments, String suffix) {
        return new NormStatistics(
                arguments.tensor("mean" + suffix),
                arguments.tensor("mean_low" + suffix),
                arguments.tensor("rstd" + suffix));
    }

    private String[] statisticsNames(boolean centered, boolean low) {
        List<String> names = new ArrayList<>();
        for (String suffix : suffixes()) {
            if (centered) {
                names.add("mean" + suffix);
            }
            if (centered && low) {
                names.add("mean_low" + suffix);
            }
            names.add("rstd" + suffix);
        }
        return names.toArray(new String[0]);
    }

    /** The statistics that the forward pass saves, from the reference device. */
    @Override
    void derive(Call call, Set<String> names, Map<String, float[]> values) {
        Device device = Device.reference();
        int rows = call.rows();
        int columns = call.columns();
        NormKind kind = kind(call.settings());
        NormOptions options = options(call.settings());
        for (int i = 0; i < suffixes().size(); i++) {
            float[] source = new float[rows * columns];
            for (int row = 0; row < rows; row++) {
                double[] one = normalizedRow(call, normalized().get(i), row);
                for (int column = 0; column < columns; column++) {
                    source[row * columns + column] = (float) one[column];
                }
            }
            Tensor x = device.tensor(source, rows, columns);
            Tensor y = device.tensor(new float[source.length], rows, columns);
            String suffix = suffixes().get(i);
            Map<String, float[]> saved = new LinkedHashMap<>();
            for (String name : List.of("mean", "mean_low", "rstd")) {
                saved.put(name, new float[rows]);
            }
            Tensor rstd = device.tensor(saved.get("rstd"), rows);
            if (kind == NormKind.LAYER) {
                Tensor mean = device.tensor(saved.get("mean"), rows);
                Tensor meanLow = device.tensor(saved.get("mean_low"), rows);
                Normalization.layerNorm(
                        x, null, null, options, y, new NormStatistics(mean, meanLow, rstd));
            } else {
                Normalization.rmsNorm(x, null, null, options, y, NormStatistics.rstd(rstd));
            }
            saved.forEach(
                    (name, array) -> {
                        if (names.contains(name + suffix)) {
                            values.put(name + suffix, array);
                        }
                    });
        }
    }

    private String[] namesOf(Operand.Role role, Operand.Extent extent) {
        return operands().stream()
                .filter(o -> o.role() == role && o.extent() == extent)
                .map(Operand::name)
                .toArray(String[]::new);
    }

    private String[] gradients() {
        return namesOf(Operand.Role.OPTIONAL_OUTPUT, Operand.Extent.COLUMNS);
    }

    /** The outputs {@code [rows, columns]}. */
    private String[] tensors() {
        return operands().stream()
                .filter(o -> !o.role().isInput() && o.extent() == Operand.Extent.FULL)
                .map(Operand::name)
                .toArray(String[]::new);
    }

    @Override
    Recipe plain() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        for (Operand operand : operands()) {
            if (operand.role().isInput() && operand.extent() != Operand.Extent.ROWS) {
                inputs.put(operand.name(), values(operand));
            }
        }
        Set<String> outputs = new LinkedHashSet<>(List.of(tensors()));
        outputs.addAll(List.of(gradients()));
        return Recipe.plain(this, inputs, outputs);
    }

    private static Values values(Operand operand) {
        if (operand.extent() == Operand.Extent.FULL) {
            return Values.normal(0, 1);
        }
        return operand.name().equals("bias")
                ? Values.integers(32, 0x1p-6)
                : Values.signed(0.5, 1.5);
    }

    private Recipe withNormalized(Recipe recipe, Values values) {
        Recipe changed = recipe;
        for (String name : normalized()) {
            changed = changed.withInput(name, values);
        }
        return changed;
    }

    private String[] parameters() {
        return namesOf(Operand.Role.OPTIONAL_INPUT, Operand.Extent.COLUMNS);
    }

    /** Saved statistics under the settings of a recipe. */
    Recipe saved(Recipe recipe) {
        return recipe.withDerived(statisticsNames(kind(recipe.settings()) == NormKind.LAYER, true));
    }

    @Override
    List<Recipe> differentiable() {
        List<Recipe> list = new ArrayList<>();
        for (EpsMode mode : EpsMode.values()) {
            Recipe recipe = plain().with(EPS_MODE, mode).with(EPS, 0.25f);
            list.add(recipe.named("eps-" + Setting.label(mode)));
            list.add(
                    recipe.without(parameters())
                            .on(Memory.NATIVE)
                            .named("bare-" + Setting.label(mode)));
        }
        list.add(saved(plain()).with(WEIGHT_OFFSET, 1f).named("saved"));
        return list;
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        boolean half = dtype == DType.F16;
        Recipe plain = plain();
        String upstream = operands().getFirst().name();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.add(saved(plain).named("saved"));
        if (kind(plain.settings()) == NormKind.LAYER) {
            list.add(
                    plain.withDerived(statisticsNames(true, false))
                            .on(Memory.NATIVE)
                            .named("saved-without-mean-low"));
        }
        list.add(plain.without(parameters()).without(gradients()).on(Memory.NATIVE).named("bare"));
        list.add(plain.without(tensors()).on(Memory.UNALIGNED).named("gradients-only"));
        list.add(plain.without(tensors()).named("gradients-only-heap"));
        for (String gradient : gradients()) {
            list.add(
                    plain.without(gradients())
                            .withOutputs(gradient)
                            .on(Memory.NATIVE)
                            .named("only-" + gradient.replace('_', '-')));
        }
        for (Memory memory : Memory.values()) {
            list.add(saved(plain).on(memory).named("memory-" + Setting.label(memory)));
        }
        list.add(plain.computedInPlace(this).named("in-place-heap"));
        list.add(saved(plain).on(Memory.UNALIGNED).computedInPlace(this).named("in-place-saved"));
        list.add(
                plain.withParametersInDataType()
                        .on(Memory.NATIVE)
                        .named("parameters-in-data-type"));
        list.add(
                plain.withParametersInDataType()
                        .with(WEIGHT_OFFSET, 1f)
                        .named("parameters-in-data-type-offset"));
        list.add(plain.with(WEIGHT_OFFSET, 1f).on(Memory.NATIVE).named("weight-offset"));

        for (EpsMode mode : List.of(EpsMode.ADD, EpsMode.CLAMP)) {
            String name = Setting.label(mode);
            list.add(plain.with(EPS_MODE, mode).named(name));
            list.add(
                    saved(plain.with(EPS_MODE, mode).with(EPS, 0.5f))
                            .on(Memory.NATIVE)
                            .named(name + "-eps-0.5"));
            list.add(plain.with(EPS_MODE, mode).with(EPS, 1000f).named(name + "-eps-1000"));
            list.add(
                    withNormalized(plain, Values.constant(0))
                            .with(EPS_MODE, mode)
                            .named("zero-rows-" + name));
        }
        list.add(plain.with(EPS, 0.5f).on(Memory.NATIVE).named("eps-0.5"));
        list.add(plain.with(EPS, 1e12f).named("eps-1e12"));
        for (double base : new double[] {1e2, half ? 6e4 : 1e7}) {
            Values values = Values.normal(base, base / 64);
            list.add(withNormalized(plain, values).named("base-" + NormOperation.label(base)));
            list.add(
                    saved(withNormalized(plain, values))
                            .on(Memory.NATIVE)
                            .named("base-" + NormOperation.label(base) + "-saved"));
        }
        list.add(withNormalized(plain, Values.normal(0, half ? 1e3 : 1e15)).named("scale-large"));
        list.add(
                withNormalized(plain, Values.normal(0, half ? 1e-3 : 1e-20))
                        .with(EPS, 1e-5f)
                        .named("scale-small"));
        list.add(withNormalized(plain, Values.constant(0)).named("zero-rows"));
        list.add(withNormalized(plain, Values.constant(0.5)).named("constant-rows"));
        list.add(withNormalized(plain, Values.oneHot(3)).on(Memory.NATIVE).named("one-hot"));
        list.add(withNormalized(plain, Values.alternating(1)).named("alternating"));
        list.add(plain.withInput(upstream, Values.constant(1)).named("upstream-constant"));
        list.add(
                plain.withInput(upstream, Values.oneHot(5))
                        .on(Memory.NATIVE)
                        .named("upstream-one-hot"));
        for (Values.Position position : Values.Position.values()) {
            String where = Setting.label(position);
            Values noise = Values.normal(0, 1);
            list.add(withNormalized(plain, noise.with(Float.NaN, position)).named("nan-" + where));
            list.add(
                    plain.withInput(upstream, noise.with(Float.NaN, position))
                            .on(Memory.NATIVE)
                            .named("upstream-nan-" + where));
        }
        if (columns >= DISTINCT_COLUMNS) {
            list.add(plain.with(EPS, 0f).named("eps-0"));
            list.add(
                    plain.with(EPS, 0f)
                            .with(EPS_MODE, EpsMode.CLAMP)
                            .on(Memory.NATIVE)
                            .named("eps-0-clamp"));
        }
        list.addAll(ownRecipes(plain, dtype, columns));
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        OperationProperties common = new OperationProperties(this, dtype, bound);
        List<Check> checks = super.properties(dtype, bound);
        // Several pieces of a heap call; rows that are copied off-heap.
        checks.add(common.longCalls(37, 4096));
        checks.add(common.longCalls(3, 70_001));
        checks.add(common.threads(70, 5000));
        return checks;
    }
}
