/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.CastMode;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.EpsMode;
import io.gatun.NormKind;
import io.gatun.NormOptions;
import io.gatun.NormParameters;
import io.gatun.NormStatistics;
import io.gatun.Normalization;
import io.gatun.ResidualNormalization;
import io.gatun.ResidualOptions;
import io.gatun.SumMode;
import io.gatun.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The forward passes that join normalization and residual addition. */
final class ResidualForward extends PlannedOperation {
    static final String NORM = "norm";
    static final String ALPHA = "alpha";
    static final String SUM_MODE = "sum-mode";

    /** Which of the three. */
    enum Form {
        ADD_NORM("residual_add_norm", "h = alpha * residual + x + bias, y = norm(h)"),
        NORM_ADD("norm_residual_add", "h = alpha * residual + norm(x + bias)"),
        NORM_ADD_NORM("norm_add_norm", "h = alpha * residual + norm1(x), y = norm2(h)");

        final String function;
        final String formula;

        Form(String function, String formula) {
            this.function = function;
            this.formula = formula;
        }
    }

    private final Form form;
    private final List<Operand> operands;

    ResidualForward(Form form) {
        this.form = form;
        List<Operand> list = new ArrayList<>();
        list.add(Operand.input("x", "result of a sublayer"));
        list.add(Operand.input("residual", "what is added"));
        if (form != Form.NORM_ADD_NORM) {
            list.add(Operand.parameter("bias", "added to x"));
        }
        for (String suffix : suffixes()) {
            list.add(Operand.parameter("gamma" + suffix, "factor of each column"));
            list.add(Operand.parameter("beta" + suffix, "added to each column"));
        }
        if (form == Form.NORM_ADD) {
            list.add(Operand.output("h", "sum"));
        } else {
            list.add(Operand.output("y", "normalized sum"));
            list.add(Operand.optionalOutput("h", "sum"));
        }
        for (String suffix : suffixes()) {
            list.add(Operand.statistic("mean" + suffix, "mean of each row"));
            list.add(Operand.statistic("mean_low" + suffix, "what float32 loses of the mean"));
            list.add(Operand.statistic("rstd" + suffix, "scale of each row"));
        }
        operands = List.copyOf(list);
    }

    private List<String> suffixes() {
        return form == Form.NORM_ADD_NORM ? List.of("1", "2") : List.of("");
    }

    @Override
    public String name() {
        return form.function;
    }

    @Override
    public Direction direction() {
        return Direction.FORWARD;
    }

    @Override
    public String description() {
        return "Normalization and residual addition: " + form.formula;
    }

    @Override
    public List<Operand> operands() {
        return operands;
    }

    @Override
    public List<Setting> settings() {
        List<Setting> settings = new ArrayList<>(NormOperation.commonSettings());
        settings.add(new Setting(NORM, NormKind.LAYER, "which normalization"));
        settings.add(new Setting(ALPHA, 1f, "factor of the residual"));
        if (form != Form.NORM_ADD) {
            settings.add(
                    new Setting(SUM_MODE, SumMode.ROUNDED, "from what a 16-bit sum is normalized"));
        }
        return settings;
    }

    static ResidualOptions options(Settings settings, NormOptions norm, SumMode sumMode) {
        return new ResidualOptions(
                settings.choice(NORM, NormKind.class), norm, settings.number(ALPHA), sumMode);
    }

    private ResidualOptions options(Settings settings) {
        return options(
                settings,
                NormOperation.options(settings, 0),
                form == Form.NORM_ADD ? SumMode.ROUNDED : settings.choice(SUM_MODE, SumMode.class));
    }

    private static NormParameters parameters(Arguments arguments, String suffix) {
        return new NormParameters(
                arguments.tensor("gamma" + suffix), arguments.tensor("beta" + suffix));
    }

    @Override
    public void run(Arguments arguments) {
        Tensor x = arguments.tensor("x");
        Tensor bias = arguments.tensor("bias");
        Tensor residual = arguments.tensor("residual");
        Tensor h = arguments.tensor("h");
        Tensor y = arguments.tensor("y");
        ResidualOptions options = options(arguments.settings());
        switch (form) {
            case ADD_NORM ->
                    ResidualNormalization.residualAddNorm(
                            x,
                            bias,
                            residual,
                            parameters(arguments, ""),
                            options,
                            h,
                            y,
                            RowBackward.statistics(arguments, ""));
            case NORM_ADD ->
                    ResidualNormalization.normResidualAdd(
                            x,
                            bias,
                            parameters(arguments, ""),
                            residual,
                            options,
                            h,
                            RowBackward.statistics(arguments, ""));
            case NORM_ADD_NORM ->
                    ResidualNormalization.normAddNorm(
                            x,
                            parameters(arguments, "1"),
                            residual,
                            parameters(arguments, "2"),
                            options,
                            h,
                            y,
                            RowBackward.statistics(arguments, "1"),
                            RowBackward.statistics(arguments, "2"));
        }
    }

    /**
     * y and the statistics of h follow from the stored h, which may be off by a rounding: they are
     * compared with the normalization of the h that was computed.
     */
    @Override
    Map<String, float[]> expected(
            Call call, Map<String, float[]> reference, Map<String, float[]> actual) {
        if (form == Form.NORM_ADD
                || !actual.containsKey("h")
                || options(call.settings()).sumMode() == SumMode.FLOAT32
                        && call.dtype() != DType.F32) {
            return reference;
        }
        Map<String, float[]> expected = new HashMap<>(reference);
        String suffix = suffixes().getLast();
        Normalized normalized = normalized(Device.reference(), call, actual.get("h"), suffix);
        expected.put("y", normalized.y);
        for (String name : List.of("mean", "mean_low", "rstd")) {
            expected.computeIfPresent(
                    name + suffix, (key, value) -> normalized.statistics.get(name));
        }
        return expected;
    }

    /** What a normalization of its own gives for h. */
    private record Normalized(float[] y, Map<String, float[]> statistics) {}

    private Normalized normalized(Device device, Call call, float[] h, String suffix) {
        int rows = call.rows();
        int columns = call.columns();
        DType dtype = call.dtype();
        Tensor x = tensor(device, dtype, h, rows, columns);
        Tensor y = tensor(device, dtype, new float[h.length], rows, columns);
        Tensor gamma = parameter(device, call, "gamma" + suffix);
        Tensor beta = parameter(device, call, "beta" + suffix);
        Map<String, float[]> statistics = new HashMap<>();
        for (String name : List.of("mean", "mean_low", "rstd")) {
            statistics.put(name, new float[rows]);
        }
        NormOptions options = NormOperation.options(call.settings(), 0);
        Tensor rstd = device.tensor(statistics.get("rstd"), rows);
        if (call.settings().choice(NORM, NormKind.class) == NormKind.LAYER) {
            Normalization.layerNorm(
                    x,
                    gamma,
                    beta,
                    options,
                    y,
                    new NormStatistics(
                            device.tensor(statistics.get("mean"), rows),
                            device.tensor(statistics.get("mean_low"), rows),
                            rstd));
        } else {
            Normalization.rmsNorm(x, gamma, beta, options, y, NormStatistics.rstd(rstd));
        }
        return new Normalized(y.toFloatArray(), statistics);
    }

    private static Tensor tensor(Device device, DType dtype, float[] values, long... shape) {
        Tensor tensor =
                dtype == DType.F32
                        ? device.tensor(new float[values.length], shape)
                        : device.tensor(dtype, new short[values.length], shape);
        if (values.length > 0) {
            tensor.copyFrom(values);
        }
        return tensor;
    }

    private static Tensor parameter(Device device, Call call, String name) {
        float[] values = call.inputs().get(name);
        return values == null ? null : tensor(device, call.parameterDtype(), values, values.length);
    }

    @Override
    Tolerances tolerances(Call call) {
        return (output, bound, results) -> {
            String name = output.name();
            if (output.storage() == Operand.Storage.DATA) {
                return new Tolerance(ErrorMeasure.of(call.dtype()), bound);
            }
            String suffix = form == Form.NORM_ADD_NORM ? name.substring(name.length() - 1) : "";
            return new Tolerance(
                    NormOperation.statisticMeasure(name, suffix, results),
                    ErrorMeasure.INTERMEDIATE_UNITS);
        };
    }

    private String[] statisticsNames(NormKind kind) {
        List<String> names = new ArrayList<>();
        for (String suffix : suffixes()) {
            if (kind == NormKind.LAYER) {
                names.add("mean" + suffix);
                names.add("mean_low" + suffix);
            }
            names.add("rstd" + suffix);
        }
        return names.toArray(new String[0]);
    }

    private String[] parameterNames() {
        return operands.stream()
                .filter(o -> o.extent() == Operand.Extent.COLUMNS)
                .map(Operand::name)
                .toArray(String[]::new);
    }

    /** A bias of few bits, so that its sum with 16-bit values is exact in float32. */
    @Override
    Recipe plain() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        for (Operand operand : operands) {
            if (operand.role().isInput()) {
                inputs.put(
                        operand.name(),
                        operand.extent() == Operand.Extent.FULL
                                ? Values.normal(0, 1)
                                : operand.name().startsWith("gamma")
                                        ? Values.signed(0.5, 1.5)
                                        : Values.integers(32, 0x1p-6));
            }
        }
        Set<String> outputs = new LinkedHashSet<>();
        operands.stream().filter(o -> !o.role().isInput()).forEach(o -> outputs.add(o.name()));
        return Recipe.plain(this, inputs, outputs);
    }

    private Recipe rms(Recipe recipe) {
        List<String> means = new ArrayList<>();
        for (String suffix : suffixes()) {
            means.add("mean" + suffix);
            means.add("mean_low" + suffix);
        }
        return recipe.with(NORM, NormKind.RMS).without(means.toArray(new String[0]));
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        boolean half = dtype == DType.F16;
        Recipe plain = plain();
        Recipe rms = rms(plain);
        Recipe bare = plain.without(parameterNames()).without(statisticsNames(NormKind.LAYER));
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.add(rms.on(Memory.NATIVE).named("rms"));
        list.add(bare.on(Memory.NATIVE).named("bare"));
        list.add(rms(bare).named("rms-bare"));
        for (Memory memory : Memory.values()) {
            list.add(plain.on(memory).named("memory-" + Setting.label(memory)));
        }
        String first = Call.firstOutput(this);
        list.add(plain.computedInPlace(this).named("in-place-heap"));
        list.add(
                plain.inPlaceOf(first, "residual")
                        .on(Memory.UNALIGNED)
                        .named("in-place-of-residual"));
        if (form != Form.NORM_ADD) {
            list.add(
                    plain.inPlaceOf("y", "x")
                            .inPlaceOf("h", "residual")
                            .on(Memory.NATIVE)
                            .named("in-place-both"));
            list.add(
                    rms.inPlaceOf("h", "x")
                            .inPlaceOf("y", "residual")
                            .named("in-place-both-crossed"));
            if (dtype == DType.F32 || form == Form.ADD_NORM) {
                list.add(plain.without("h").named("without-h"));
                list.add(rms.without("h").on(Memory.NATIVE).named("rms-without-h"));
            }
            if (form == Form.ADD_NORM) {
                list.add(plain.with(SUM_MODE, SumMode.FLOAT32).named("sum-float32"));
                list.add(
                        rms.with(SUM_MODE, SumMode.FLOAT32)
                                .on(Memory.NATIVE)
                                .without("h")
                                .named("rms-sum-float32"));
            }
        }
        list.add(
                plain.withParametersInDataType()
                        .on(Memory.NATIVE)
                        .named("parameters-in-data-type"));
        list.add(rms.withParametersInDataType().named("rms-parameters-in-data-type"));
        // Few bits as well: alpha * residual is exact where both factors have few.
        for (float alpha : new float[] {0.5f, -2, 2.8125f}) {
            list.add(
                    plain.with(ALPHA, alpha)
                            .on(Memory.NATIVE)
                            .named("alpha-" + NormOperation.label(alpha)));
        }
        list.add(
                plain.with(ALPHA, 0f)
                        .withInput("residual", Values.constant(Float.NaN))
                        .named("alpha-0-residual-nan"));
        list.add(
                rms.with(ALPHA, 0f)
                        .withInput("residual", Values.constant(Float.POSITIVE_INFINITY))
                        .on(Memory.NATIVE)
                        .named("rms-alpha-0-residual-infinite"));
        for (EpsMode mode : List.of(EpsMode.ADD, EpsMode.CLAMP)) {
            list.add(plain.with(EPS_MODE, mode).with(EPS, 0.5f).named(Setting.label(mode)));
            list.add(
                    rms.with(EPS_MODE, mode)
                            .with(EPS, 0.5f)
                            .on(Memory.NATIVE)
                            .named("rms-" + Setting.label(mode)));
        }
        list.add(
                plain.with(NormOperation.WEIGHT_OFFSET, 1f)
                        .on(Memory.NATIVE)
                        .named("weight-offset"));
        // The sum with beta or the residual cannot magnify the rounding of xh where that is 1 or
        // -1.
        if (columns % 2 == 0 && form == Form.NORM_ADD) {
            list.add(
                    plain.withInput("x", Values.alternating(1))
                            .without("bias")
                            .with(NormOperation.CAST_MODE, CastMode.LLAMA)
                            .withBoundFactor(2)
                            .named("llama"));
        }
        if (form == Form.ADD_NORM) {
            Recipe llama =
                    plain.without("beta")
                            .with(NormOperation.CAST_MODE, CastMode.LLAMA)
                            .withBoundFactor(2);
            list.add(llama.named("llama"));
            list.add(rms(llama).on(Memory.NATIVE).named("rms-llama"));
        }
        // No bias and alpha 1: then the sum is rounded once wherever it is computed.
        Recipe sum = plain.without("bias");
        for (double base : new double[] {1e2, half ? 3e4 : 1e7}) {
            String label = NormOperation.label(base);
            list.add(sum.withInput("x", Values.normal(base, 1)).named("base-" + label));
            if (form == Form.ADD_NORM) {
                list.add(
                        sum.withInput("x", Values.normal(base, 1))
                                .withInput("residual", Values.normal(-base / 2, 1))
                                .on(Memory.NATIVE)
                                .named("bases-" + label));
            }
        }
        list.add(sum.withInput("x", Values.normal(0, half ? 1e3 : 1e30)).named("scale-large"));
        list.add(
                sum.withInput("x", Values.constant(0))
                        .withInput("residual", Values.constant(0))
                        .named("zero-rows"));
        list.add(
                sum.withInput("x", Values.constant(0.5))
                        .withInput("residual", Values.constant(0.25))
                        .named("constant-rows"));
        Recipe special = sum.without(statisticsNames(NormKind.LAYER));
        for (Values.Position position : Values.Position.values()) {
            String where = Setting.label(position);
            Values noise = Values.normal(0, 1);
            list.add(special.withInput("x", noise.with(Float.NaN, position)).named("nan-" + where));
            list.add(
                    special.withInput("residual", noise.with(Float.NaN, position))
                            .on(Memory.NATIVE)
                            .named("residual-nan-" + where));
        }
        return list;
    }

    private static final String EPS = NormOperation.EPS;
    private static final String EPS_MODE = NormOperation.EPS_MODE;

    @Override
    List<Check> properties(DType dtype, double bound) {
        OperationProperties common = new OperationProperties(this, dtype, bound);
        List<Check> checks = common.checks(771);
        checks.add(common.longCalls(37, 4096));
        checks.add(common.longCalls(3, 70_001));
        checks.add(common.longCalls(2, 200_003));
        checks.add(common.threads(40, 5000));
        if (form != Form.NORM_ADD) {
            checks.add(common.property("bits-without-h", 5, 771, this::withoutHGivesSameBits));
            checks.add(common.property("composed", 5, 771, new Composed(dtype)::test));
        }
        return checks;
    }

    private double withoutHGivesSameBits(Device device, int rows, int columns, long seed) {
        for (DType dtype : DType.values()) {
            Call call = plain().call(this, dtype, rows, columns, seed);
            Call without = plain().without("h").call(this, dtype, rows, columns, seed);
            for (Memory memory : List.of(Memory.HEAP, Memory.NATIVE)) {
                Call.Layout layout = Call.Layout.dense(memory, columns);
                OperationProperties.requireSame(
                        without.on(device, layout), call.on(device, layout), "h stored as well");
            }
        }
        return 0;
    }

    /** y is, within the bound, what a normalization of its own makes of h on the same device. */
    private final class Composed {
        private final DType dtype;

        Composed(DType dtype) {
            this.dtype = dtype;
        }

        double test(Device device, int rows, int columns, long seed) {
            double worst = 0;
            for (Recipe recipe : List.of(plain(), rms(plain()))) {
                Call call = recipe.call(ResidualForward.this, dtype, rows, columns, seed);
                Map<String, float[]> outputs =
                        call.on(device, Call.Layout.dense(Memory.HEAP, columns));
                float[] y = normalized(device, call, outputs.get("h"), suffixes().getLast()).y;
                ErrorMeasure measure = ErrorMeasure.of(dtype);
                for (int i = 0; i < y.length; i++) {
                    worst = Math.max(worst, measure.compare(i, outputs.get("y")[i], y[i]) / 2);
                }
            }
            return worst;
        }
    }
}
