/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.Activations;
import io.gatun.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The output gate of attention, with one gate for each head of each token. */
final class HeadGate {
    private static final int HEADS = 3;

    private HeadGate() {}

    private static Operand ofHeads(String name, Operand.Role role, String description) {
        return new Operand(
                name,
                role,
                Operand.Extent.HEADS,
                Operand.Storage.DATA,
                description,
                role.isInput() ? null : "value");
    }

    private static Operand ofGates(String name, Operand.Role role, String description) {
        return new Operand(name, role, Operand.Extent.OWN, Operand.Storage.DATA, description, null);
    }

    private static Recipe plain(PlannedOperation operation, Set<String> outputs) {
        Map<String, Values> inputs = new HashMap<>();
        inputs.put("gate", Values.normal(0, 3));
        inputs.put("value", Values.normal(0, 1));
        if (operation.direction() == Direction.BACKWARD) {
            inputs.put("dy", Values.normal(0, 1));
        }
        return Recipe.plain(operation, inputs, outputs);
    }

    /** The sigmoid of the gate of each element of value. */
    private static double[] factors(Call call, double[] gate) {
        double[] factors = new double[call.rows() * HEADS * call.columns()];
        for (int i = 0; i < factors.length; i++) {
            factors[i] = ActivationFormula.logistic(gate[i / call.columns()]);
        }
        return factors;
    }

    private static List<Recipe> recipes(PlannedOperation operation, DType dtype, Recipe plain) {
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(ScaledForward.memories(operation, plain));
        list.add(
                plain.withInput("gate", Values.uniform(-30, 30))
                        .on(Memory.NATIVE)
                        .named("gate-far"));
        list.add(plain.withInput("gate", ScaledForward.specials(dtype)).named("gate-special"));
        list.add(
                plain.withInput("value", Values.normal(0, 1).with(Float.NaN, Values.Position.TAIL))
                        .on(Memory.UNALIGNED)
                        .named("value-nan"));
        return list;
    }

    private static List<Check> properties(PlannedOperation operation, DType dtype, double bound) {
        OperationProperties common = new OperationProperties(operation, dtype, bound);
        List<Check> checks = common.checks(130);
        checks.add(common.longCalls(301, 128));
        checks.add(common.longCalls(2, 24_001));
        return checks;
    }

    /** The gated values. */
    static final class Forward extends ScaledForward {
        @Override
        public String name() {
            return "head_gate";
        }

        @Override
        public String description() {
            return "Attention outputs times the sigmoid of one gate for each head.";
        }

        @Override
        public List<Operand> operands() {
            return List.of(
                    ofHeads("value", Operand.Role.INPUT, "outputs of attention"),
                    ofGates("gate", Operand.Role.INPUT, "gates"),
                    ofHeads("y", Operand.Role.OUTPUT, "result"));
        }

        @Override
        public List<Setting> settings() {
            return List.of();
        }

        @Override
        public void run(Arguments arguments) {
            Activations.headGate(
                    arguments.tensor("gate"), arguments.tensor("value"), arguments.tensor("y"));
        }

        @Override
        long[] ownShape(Operand input, int rows, int columns, Settings settings) {
            return new long[] {rows, HEADS};
        }

        @Override
        int heads(Operand operand) {
            return HEADS;
        }

        @Override
        Map<String, double[]> scales(Call call) {
            return Map.of("y", product(factors(call, call.stored("gate")), call.stored("value")));
        }

        @Override
        Recipe plain() {
            return HeadGate.plain(this, Set.of("y"));
        }

        @Override
        List<Recipe> recipes(DType dtype, int columns) {
            return HeadGate.recipes(this, dtype, plain());
        }

        @Override
        List<Check> properties(DType dtype, double bound) {
            return HeadGate.properties(this, dtype, bound);
        }
    }

    /** The gradients of values and gates. */
    static final class Backward extends ScaledBackward {
        @Override
        public String name() {
            return "head_gate";
        }

        @Override
        public String description() {
            return "The gradients of gated attention outputs and of their gates.";
        }

        @Override
        public List<Operand> operands() {
            return List.of(
                    ofHeads("dy", Operand.Role.INPUT, "gradient of the result"),
                    ofGates("gate", Operand.Role.INPUT, "gates of the forward pass"),
                    ofHeads("value", Operand.Role.INPUT, "outputs of attention"),
                    ofHeads("dvalue", Operand.Role.OUTPUT, "gradient of value"),
                    ofGates("dgate", Operand.Role.OPTIONAL_OUTPUT, "gradient of gate"));
        }

        @Override
        public List<Setting> settings() {
            return List.of();
        }

        @Override
        public long[] shape(Operand output, Map<String, long[]> inputs) {
            return inputs.get("gate");
        }

        @Override
        public void run(Arguments arguments) {
            Activations.headGateBackward(
                    arguments.tensor("dy"),
                    arguments.tensor("gate"),
                    arguments.tensor("value"),
                    arguments.tensor("dgate"),
                    arguments.tensor("dvalue"));
        }

        @Override
        long[] ownShape(Operand input, int rows, int columns, Settings settings) {
            return new long[] {rows, HEADS};
        }

        @Override
        int heads(Operand operand) {
            return HEADS;
        }

        @Override
        Map<String, double[]> scales(Call call) {
            double[] gate = call.stored("gate");
            double[] factors = factors(call, gate);
            double[] products = ScaledForward.product(call.stored("dy"), call.stored("value"));
            double[] dgate = new double[gate.length];
            for (int i = 0; i < products.length; i++) {
                dgate[i / call.columns()] += factors[i] * products[i];
            }
            return Map.of(
                    "dvalue", ScaledForward.product(factors, call.stored("dy")),
                    "dgate", ScaledForward.each(dgate, sum -> sum));
        }

        @Override
        Map<String, double[]> variables(Call call) {
            Map<String, double[]> variables = new HashMap<>();
            variables.put("dvalue", call.stored("value"));
            variables.put("dgate", call.stored("gate"));
            return variables;
        }

        @Override
        double loss(Call call, Map<String, double[]> variables) {
            double[] factors = factors(call, variables.get("dgate"));
            double[] gated = variables.get("dvalue").clone();
            Arrays.setAll(gated, i -> gated[i] * factors[i]);
            return dot(gated, call.stored("dy"));
        }

        @Override
        List<Recipe> differentiable() {
            return List.of(plain().withInput("gate", Values.uniform(-3, 3)).named("plain"));
        }

        @Override
        Recipe plain() {
            return HeadGate.plain(this, Set.of("dvalue", "dgate"));
        }

        @Override
        List<Recipe> recipes(DType dtype, int columns) {
            Recipe plain = plain();
            List<Recipe> list = HeadGate.recipes(this, dtype, plain);
            list.add(plain.without("dgate").on(Memory.NATIVE).named("values-only"));
            list.add(plain.without("dvalue").named("gates-only"));
            list.add(
                    plain.inPlaceOf("dvalue", "value")
                            .inPlaceOf("dgate", "gate")
                            .on(Memory.NATIVE)
                            .named("in-place-all"));
            return list;
        }

        @Override
        List<Check> properties(DType dtype, double bound) {
            List<Check> checks = super.properties(dtype, bound);
            OperationProperties common = new OperationProperties(this, dtype, bound);
            checks.add(common.longCalls(301, 128));
            checks.add(common.longCalls(2, 24_001));
            return checks;
        }
    }
}
