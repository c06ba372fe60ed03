/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.CastMode;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.EpsMode;
import io.gatun.HeadNormalization;
import io.gatun.NormKind;
import io.gatun.NormOptions;
import io.gatun.Qkv;
import io.gatun.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What both passes of head normalization have in common. */
final class HeadNorm {
    static final int QUERY_HEADS = 4;
    static final int KEY_VALUE_HEADS = 2;
    static final List<String> ROLES = List.of("q", "k", "v");

    private HeadNorm() {}

    static List<Setting> settings() {
        return List.of(
                new Setting(NormOperation.EPS, 1e-5f, "keeps the scale finite"),
                new Setting(NormOperation.EPS_MODE, EpsMode.IN_SQRT, "where eps enters the scale"),
                new Setting(NormOperation.WEIGHT_OFFSET, 0f, "added to gamma"));
    }

    static Operand role(String name, Operand.Role use, String description, String like) {
        return new Operand(
                name, use, Operand.Extent.HEADS, Operand.Storage.DATA, description, like);
    }

    static int heads(Operand operand) {
        if (operand.extent() == Operand.Extent.TOKENS_AND_HEADS) {
            return QUERY_HEADS + 2 * KEY_VALUE_HEADS;
        }
        return operand.name().matches("d?q(_out)?") ? QUERY_HEADS : KEY_VALUE_HEADS;
    }

    static Qkv qkv(Arguments arguments, String before, String after) {
        return new Qkv(
                arguments.tensor(before + "q" + after),
                arguments.tensor(before + "k" + after),
                arguments.tensor(before + "v" + after));
    }

    static NormOptions options(Settings settings) {
        return NormOptions.eps(settings.number(NormOperation.EPS))
                .withEpsMode(settings.choice(NormOperation.EPS_MODE, EpsMode.class))
                .withWeightOffset(settings.number(NormOperation.WEIGHT_OFFSET));
    }

    static Formula formula(Call call, double[] gamma) {
        Settings settings = call.settings();
        return new Formula(
                NormKind.RMS,
                settings.number(NormOperation.EPS),
                settings.choice(NormOperation.EPS_MODE, EpsMode.class),
                call.columns(),
                settings.number(NormOperation.WEIGHT_OFFSET),
                gamma);
    }

    /** Recipes that both passes take; {@code data} are the operands that are normalized. */
    static List<Recipe> recipes(
            PlannedOperation operation, Recipe plain, DType dtype, int columns) {
        boolean half = dtype == DType.F16;
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        for (Memory memory : Memory.values()) {
            list.add(plain.on(memory).named("memory-" + Setting.label(memory)));
        }
        list.add(plain.computedInPlace(operation).named("in-place-heap"));
        list.add(
                plain.withParametersInDataType()
                        .on(Memory.NATIVE)
                        .named("parameters-in-data-type"));
        list.add(plain.with(NormOperation.WEIGHT_OFFSET, 1f).named("weight-offset"));
        for (EpsMode mode : EpsMode.values()) {
            list.add(
                    plain.with(NormOperation.EPS_MODE, mode)
                            .with(NormOperation.EPS, 0.5f)
                            .on(Memory.NATIVE)
                            .named(Setting.label(mode) + "-eps-0.5"));
            list.add(
                    x(plain, Values.constant(0))
                            .with(NormOperation.EPS_MODE, mode)
                            .named("zero-heads-" + Setting.label(mode)));
        }
        list.add(x(plain, Values.normal(0, half ? 1e3 : 1e15)).named("scale-large"));
        list.add(
                x(plain, Values.normal(half ? 1e2 : 1e7, 1)).on(Memory.NATIVE).named("base-large"));
        list.add(x(plain, Values.oneHot(3)).named("one-hot"));
        list.add(x(plain, Values.alternating(1)).on(Memory.UNALIGNED).named("alternating"));
        for (Values.Position position : Values.Position.values()) {
            list.add(
                    x(plain, Values.normal(0, 1).with(Float.NaN, position))
                            .named("nan-" + Setting.label(position)));
        }
        if (columns >= 7) {
            list.add(plain.with(NormOperation.EPS, 0f).on(Memory.NATIVE).named("eps-0"));
        }
        return list;
    }

    static Recipe x(Recipe recipe, Values values) {
        return recipe.withInput("q", values).withInput("k", values).withInput("v", values);
    }

    /** Views of one packed tensor give the bits of tensors apart. */
    static void requirePackedGivesSameBits(
            PlannedOperation operation,
            Call call,
            Device device,
            Map<String, float[]> expected,
            List<List<String>> groups) {
        int tokens = call.rows();
        int all = (QUERY_HEADS + 2 * KEY_VALUE_HEADS) * call.columns();
        for (int padding : new int[] {0, 5}) {
            Map<String, Tensor> tensors = new HashMap<>();
            for (Operand operand : operation.operands()) {
                String name = operand.name();
                boolean input = operand.role().isInput();
                boolean there =
                        input ? call.inputs().containsKey(name) : call.outputs().contains(name);
                if (there && operand.extent() != Operand.Extent.HEADS) {
                    int count = call.rowsOf(operand) * call.columnsOf(operand);
                    tensors.put(
                            name, filled(device, DType.F32, call.inputs().get(name), count, count));
                }
            }
            for (List<String> group : groups) {
                Tensor packed =
                        filled(
                                        device,
                                        call.dtype(),
                                        null,
                                        tokens * (all + padding),
                                        tokens,
                                        all + padding)
                                .slice(1, 0, all);
                Qkv parts = Qkv.split(packed, QUERY_HEADS, KEY_VALUE_HEADS, call.columns());
                List<Tensor> three = List.of(parts.q(), parts.k(), parts.v());
                for (int i = 0; i < 3; i++) {
                    float[] values = call.inputs().get(group.get(i));
                    if (values != null) {
                        three.get(i).copyFrom(values);
                    }
                    tensors.put(group.get(i), three.get(i));
                }
            }
            operation.run(new Arguments(tensors, call.settings()));
            Map<String, float[]> actual = new HashMap<>();
            expected.keySet().forEach(n -> actual.put(n, tensors.get(n).toFloatArray()));
            OperationProperties.requireSame(expected, actual, "packed tensors, padding " + padding);
        }
    }

    private static Tensor filled(
            Device device, DType dtype, float[] values, int count, long... shape) {
        Tensor tensor =
                dtype == DType.F32
                        ? device.tensor(new float[count], shape)
                        : device.tensor(dtype, new short[count], shape);
        if (values != null) {
            tensor.copyFrom(values);
        }
        return tensor;
    }

    static Map<String, Values> gammas() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        for (String role : ROLES) {
            inputs.put(role + "_gamma", Values.signed(0.5, 1.5));
        }
        return inputs;
    }

    /** The forward pass. */
    static final class Forward extends PlannedOperation {
        private static final List<Operand> OPERANDS =
                List.of(
                        role("q", Operand.Role.INPUT, "queries", null),
                        role("k", Operand.Role.OPTIONAL_INPUT, "keys", null),
                        role("v", Operand.Role.OPTIONAL_INPUT, "values", null),
                        Operand.parameter("q_gamma", "factor of each column of the queries"),
                        Operand.parameter("k_gamma", "factor of each column of the keys"),
                        Operand.parameter("v_gamma", "factor of each column of the values"),
                        role("q_out", Operand.Role.OUTPUT, "normalized queries", "q"),
                        role("k_out", Operand.Role.OPTIONAL_OUTPUT, "normalized keys", "k"),
                        role("v_out", Operand.Role.OPTIONAL_OUTPUT, "normalized values", "v"),
                        new Operand(
                                "rstd",
                                Operand.Role.OPTIONAL_OUTPUT,
                                Operand.Extent.TOKENS_AND_HEADS,
                                Operand.Storage.STATISTIC,
                                "scale of each head vector",
                                null));

        @Override
        public String name() {
            return "qkv_head_rms_norm";
        }

        @Override
        public Direction direction() {
            return Direction.FORWARD;
        }

        @Override
        public String description() {
            return "RMSNorm of each head vector of queries, keys and values.";
        }

        @Override
        public List<Operand> operands() {
            return OPERANDS;
        }

        @Override
        public List<Setting> settings() {
            List<Setting> settings = new ArrayList<>(HeadNorm.settings());
            settings.add(
                    new Setting(
                            NormOperation.CAST_MODE,
                            CastMode.LLAMA,
                            "how a 16-bit result is rounded"));
            return settings;
        }

        @Override
        int heads(Operand operand) {
            return HeadNorm.heads(operand);
        }

        @Override
        public void run(Arguments arguments) {
            HeadNormalization.qkvHeadRmsNorm(
                    qkv(arguments, "", ""),
                    qkv(arguments, "", "_gamma"),
                    HeadNorm.options(arguments.settings())
                            .withCastMode(
                                    arguments
                                            .settings()
                                            .choice(NormOperation.CAST_MODE, CastMode.class)),
                    qkv(arguments, "", "_out"),
                    arguments.tensor("rstd"));
        }

        @Override
        Recipe plain() {
            Map<String, Values> inputs = gammas();
            ROLES.forEach(role -> inputs.put(role, Values.normal(0, 1)));
            return Recipe.plain(this, inputs, Set.of("q_out", "k_out", "v_out", "rstd"))
                    .with(NormOperation.CAST_MODE, CastMode.NONE);
        }

        @Override
        List<Recipe> recipes(DType dtype, int columns) {
            Recipe plain = plain();
            List<Recipe> list = new ArrayList<>(HeadNorm.recipes(this, plain, dtype, columns));
            Recipe llama = plain.with(NormOperation.CAST_MODE, CastMode.LLAMA).withBoundFactor(2);
            list.add(llama.named("llama"));
            list.add(
                    llama.withParametersInDataType()
                            .on(Memory.NATIVE)
                            .named("llama-parameters-in-data-type"));
            list.add(
                    plain.without("q_gamma", "k_gamma", "v_gamma", "rstd")
                            .on(Memory.NATIVE)
                            .named("bare"));
            list.add(plain.without("v", "v_gamma", "v_out", "rstd").named("queries-and-keys"));
            list.add(
                    plain.without("k", "k_gamma", "k_out", "v", "v_gamma", "v_out", "rstd")
                            .on(Memory.NATIVE)
                            .named("queries"));
            list.add(
                    plain.inPlaceOf("q_out", "q")
                            .inPlaceOf("k_out", "k")
                            .inPlaceOf("v_out", "v")
                            .on(Memory.NATIVE)
                            .named("in-place-all"));
            return list;
        }

        @Override
        Tolerances tolerances(Call call) {
            return (output, bound, results) ->
                    output.storage() == Operand.Storage.DATA
                            ? new Tolerance(ErrorMeasure.of(call.dtype()), bound)
                            : new Tolerance(
                                    ErrorMeasure.relative(), ErrorMeasure.INTERMEDIATE_UNITS);
        }

        @Override
        List<Check> properties(DType dtype, double bound) {
            OperationProperties common = new OperationProperties(this, dtype, bound);
            List<Check> checks = common.checks(67);
            checks.add(common.longCalls(300, 128));
            checks.add(common.longCalls(2, 30_001));
            checks.add(common.threads(500, 64));
            checks.add(common.property("bits-packed", 5, 64, packed(dtype)));
            checks.add(common.property("edge-left-out", 3, 16, leftOut(dtype)));
            return checks;
        }

        private OperationProperties.Property packed(DType dtype) {
            return (device, rows, columns, seed) -> {
                Call call = plain().call(this, dtype, rows, columns, seed);
                requirePackedGivesSameBits(
                        this,
                        call,
                        device,
                        call.on(device, OperationProperties.dense(columns)),
                        List.of(ROLES, List.of("q_out", "k_out", "v_out")));
                return 0;
            };
        }

        /** The scales of a role that is left out stay as they are. */
        private OperationProperties.Property leftOut(DType dtype) {
            return (device, rows, columns, seed) -> {
                Call call =
                        plain().without("v", "v_gamma", "v_out")
                                .call(this, dtype, rows, columns, seed);
                float[] rstd = call.on(device, OperationProperties.dense(columns)).get("rstd");
                int all = QUERY_HEADS + 2 * KEY_VALUE_HEADS;
                for (int i = 0; i < rstd.length; i++) {
                    boolean untouched = i % all >= QUERY_HEADS + KEY_VALUE_HEADS;
                    if (Float.isNaN(rstd[i]) != untouched) {
                        throw new NamedCheck.Failure(
                                "values left out: expected only their scales untouched, but rstd[%s] is %s"
                                        .formatted(i, rstd[i]));
                    }
                }
                return 0;
            };
        }
    }

    /** The backward pass. */
    static final class Backward extends BackwardOperation {
        private static final List<Operand> OPERANDS =
                List.of(
                        role("dq_out", Operand.Role.INPUT, "gradient of the queries' result", null),
                        role(
                                "dk_out",
                                Operand.Role.OPTIONAL_INPUT,
                                "gradient of the keys' result",
                                null),
                        role(
                                "dv_out",
                                Operand.Role.OPTIONAL_INPUT,
                                "gradient of the values' result",
                                null),
                        role("q", Operand.Role.INPUT, "queries", null),
                        role("k", Operand.Role.OPTIONAL_INPUT, "keys", null),
                        role("v", Operand.Role.OPTIONAL_INPUT, "values", null),
                        Operand.parameter("q_gamma", "factor of each column of the queries"),
                        Operand.parameter("k_gamma", "factor of each column of the keys"),
                        Operand.parameter("v_gamma", "factor of each column of the values"),
                        role("dq", Operand.Role.OUTPUT, "gradient of the queries", "q"),
                        role("dk", Operand.Role.OPTIONAL_OUTPUT, "gradient of the keys", "k"),
                        role("dv", Operand.Role.OPTIONAL_OUTPUT, "gradient of the values", "v"),
                        Operand.gradient("dq_gamma", "gradient of q_gamma"),
                        Operand.gradient("dk_gamma", "gradient of k_gamma"),
                        Operand.gradient("dv_gamma", "gradient of v_gamma"));

        @Override
        public String name() {
            return "qkv_head_rms_norm";
        }

        @Override
        public String description() {
            return "The gradients of RMSNorm of each head vector.";
        }

        @Override
        public List<Operand> operands() {
            return OPERANDS;
        }

        @Override
        public List<Setting> settings() {
            return HeadNorm.settings();
        }

        @Override
        int heads(Operand operand) {
            return HeadNorm.heads(operand);
        }

        @Override
        public void run(Arguments arguments) {
            HeadNormalization.qkvHeadRmsNormBackward(
                    qkv(arguments, "d", "_out"),
                    qkv(arguments, "", ""),
                    qkv(arguments, "", "_gamma"),
                    HeadNorm.options(arguments.settings()),
                    qkv(arguments, "d", ""),
                    qkv(arguments, "d", "_gamma"));
        }

        @Override
        Recipe plain() {
            Map<String, Values> inputs = gammas();
            for (String role : ROLES) {
                inputs.put("d" + role + "_out", Values.normal(0, 1));
                inputs.put(role, Values.normal(0, 1));
            }
            return Recipe.plain(
                    this, inputs, Set.of("dq", "dk", "dv", "dq_gamma", "dk_gamma", "dv_gamma"));
        }

        @Override
        List<Recipe> recipes(DType dtype, int columns) {
            Recipe plain = plain();
            List<Recipe> list = new ArrayList<>(HeadNorm.recipes(this, plain, dtype, columns));
            list.add(
                    plain.without("q_gamma", "k_gamma", "v_gamma").on(Memory.NATIVE).named("bare"));
            list.add(
                    plain.without("dq_gamma", "dk_gamma", "dv_gamma")
                            .named("without-gradients-of-gamma"));
            list.add(plain.without("dq", "dk", "dv").on(Memory.NATIVE).named("gradients-of-gamma"));
            list.add(
                    plain.without("v", "v_gamma", "dv_out", "dv", "dv_gamma")
                            .named("queries-and-keys"));
            list.add(
                    plain.without("k", "k_gamma", "dk_out", "dk", "dk_gamma")
                            .without("v", "v_gamma", "dv_out", "dv", "dv_gamma")
                            .on(Memory.NATIVE)
                            .named("queries"));
            list.add(
                    plain.inPlaceOf("dq", "dq_out")
                            .inPlaceOf("dk", "dk_out")
                            .inPlaceOf("dv", "dv_out")
                            .on(Memory.NATIVE)
                            .named("in-place-all"));
            return list;
        }

        @Override
        List<Recipe> differentiable() {
            List<Recipe> list = new ArrayList<>();
            for (EpsMode mode : EpsMode.values()) {
                list.add(
                        plain().with(NormOperation.EPS_MODE, mode)
                                .with(NormOperation.EPS, 0.25f)
                                .with(NormOperation.WEIGHT_OFFSET, 1f)
                                .named(Setting.label(mode)));
            }
            return list;
        }

        @Override
        Map<String, double[]> scales(Call call) {
            int columns = call.columns();
            Map<String, double[]> scales = new HashMap<>();
            for (String role : ROLES) {
                double[] x = call.stored(role);
                if (x == null) {
                    continue;
                }
                Formula formula = formula(call, call.stored(role + "_gamma"));
                double[] dy = magnitudes(call.stored("d" + role + "_out"));
                double[] dx = new double[x.length];
                double[] dgamma = new double[columns];
                double[] unused = new double[columns];
                for (int row = 0; row < x.length / columns; row++) {
                    double[] scale =
                            formula.scaleOfGradient(
                                    row(x, row, columns), row(dy, row, columns), dgamma, unused);
                    System.arraycopy(scale, 0, dx, row * columns, columns);
                }
                scales.put("d" + role, dx);
                scales.put("d" + role + "_gamma", dgamma);
            }
            return scales;
        }

        @Override
        Map<String, double[]> variables(Call call) {
            Map<String, double[]> variables = new HashMap<>();
            for (String role : ROLES) {
                variables.put("d" + role, call.stored(role));
                variables.put("d" + role + "_gamma", call.stored(role + "_gamma"));
            }
            return variables;
        }

        @Override
        double loss(Call call, Map<String, double[]> variables) {
            int columns = call.columns();
            double loss = 0;
            for (String role : ROLES) {
                double[] x = variables.get("d" + role);
                Formula formula = formula(call, variables.get("d" + role + "_gamma"));
                double[] dy = call.stored("d" + role + "_out");
                for (int row = 0; row < x.length / columns; row++) {
                    loss += dot(formula.apply(row(x, row, columns), null), row(dy, row, columns));
                }
            }
            return loss;
        }

        @Override
        List<Check> properties(DType dtype, double bound) {
            OperationProperties common = new OperationProperties(this, dtype, bound);
            List<Check> checks = super.properties(dtype, bound);
            checks.add(common.longCalls(150, 128));
            checks.add(common.longCalls(5, 8001));
            checks.add(common.threads(500, 64));
            checks.add(
                    common.property(
                            "bits-packed",
                            21,
                            64,
                            (device, rows, columns, seed) -> {
                                Call call = plain().call(this, dtype, rows, columns, seed);
                                requirePackedGivesSameBits(
                                        this,
                                        call,
                                        device,
                                        call.on(device, OperationProperties.dense(columns)),
                                        List.of(
                                                ROLES,
                                                List.of("dq_out", "dk_out", "dv_out"),
                                                List.of("dq", "dk", "dv")));
                                return 0;
                            }));
            return checks;
        }
    }
}
