/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.Activation;
import io.gatun.ActivationKind;
import io.gatun.Activations;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.GateLayout;
import io.gatun.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The gradients of gate and value. */
final class GatedBackward extends ScaledBackward {
    @Override
    public String name() {
        return "gated_activation";
    }

    @Override
    public String description() {
        return "The gradients of the gate and the value of a gated activation.";
    }

    @Override
    public List<Operand> operands() {
        return List.of(
                Operand.input("dy", "gradient of the result"),
                Operand.input("gate", "gate of the forward pass"),
                Operand.input("value", "value of the forward pass"),
                Operand.output("dgate", "gradient of the gate"),
                Operand.optionalOutput("dvalue", "gradient of the value"),
                Operand.optionalOutput("y", "the result once more"));
    }

    @Override
    public List<Setting> settings() {
        return ActivationSettings.settings(ActivationKind.SILU);
    }

    @Override
    public void run(Arguments arguments) {
        Activations.gatedBackward(
                ActivationSettings.activation(arguments.settings()),
                arguments.tensor("dy"),
                arguments.tensor("gate"),
                arguments.tensor("value"),
                arguments.tensor("dgate"),
                arguments.tensor("dvalue"),
                arguments.tensor("y"));
    }

    @Override
    Map<String, double[]> scales(Call call) {
        ActivationFormula formula = ActivationSettings.formula(call);
        double[] gate = call.stored("gate");
        double[] value = call.stored("value");
        double[] dy = call.stored("dy");
        double[] values = ScaledForward.each(gate, formula::scale);
        double[] slopes = ScaledForward.each(gate, formula::scaleOfSlope);
        return Map.of(
                "dgate", ScaledForward.product(ScaledForward.product(dy, value), slopes),
                "dvalue", ScaledForward.product(dy, values),
                "y", ScaledForward.product(value, values));
    }

    /** The result is no gradient, and has no variable. */
    @Override
    Map<String, double[]> variables(Call call) {
        Map<String, double[]> variables = new HashMap<>();
        variables.put("dgate", call.stored("gate"));
        variables.put("dvalue", call.stored("value"));
        return variables;
    }

    @Override
    double loss(Call call, Map<String, double[]> variables) {
        ActivationFormula formula = ActivationSettings.formula(call);
        double[] dy = call.stored("dy");
        double[] gate = variables.get("dgate");
        double[] value = variables.get("dvalue");
        double loss = 0;
        for (int i = 0; i < dy.length; i++) {
            loss += dy[i] * formula.value(gate[i]) * value[i];
        }
        return loss;
    }

    @Override
    List<Recipe> differentiable() {
        List<Recipe> list = new ArrayList<>();
        for (Activation activation : ActivationSettings.GATES) {
            list.add(
                    ActivationSettings.with(plain(), activation)
                            .withInput("gate", Values.uniform(-2.5, 3.5))
                            .without("y")
                            .named(ActivationSettings.label(activation)));
        }
        return list;
    }

    @Override
    Recipe plain() {
        return Recipe.plain(
                this,
                Map.of(
                        "dy",
                        Values.normal(0, 1),
                        "gate",
                        Values.normal(0, 3),
                        "value",
                        Values.normal(0, 1)),
                Set.of("dgate", "dvalue", "y"));
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(ScaledForward.memories(this, plain));
        list.add(
                plain.inPlaceOf("dgate", "gate")
                        .inPlaceOf("dvalue", "value")
                        .inPlaceOf("y", "dy")
                        .on(Memory.NATIVE)
                        .named("in-place-all"));
        list.add(
                plain.inPlaceOf("dgate", "value")
                        .inPlaceOf("dvalue", "gate")
                        .named("in-place-crossed"));
        list.add(plain.without("dvalue", "y").on(Memory.NATIVE).named("gate-only"));
        list.add(plain.without("dgate", "y").named("value-only"));
        list.add(plain.without("y").on(Memory.UNALIGNED).named("without-result"));
        for (Activation activation : ActivationSettings.GATES) {
            String label = ActivationSettings.label(activation);
            Recipe recipe = ActivationSettings.with(plain, activation);
            list.add(recipe.on(Memory.NATIVE).named(label));
            list.add(
                    recipe.withInput("gate", ScaledForward.specials(dtype))
                            .named(label + "-special"));
            list.add(
                    recipe.withInput("gate", Values.uniform(-30, 30))
                            .on(Memory.UNALIGNED)
                            .named(label + "-far"));
        }
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        List<Check> checks = super.properties(dtype, bound);
        OperationProperties common = new OperationProperties(this, dtype, bound);
        checks.add(common.longCalls(37, 1031));
        checks.add(common.longCalls(2, 70_001));
        checks.add(common.property("packed-layouts", 7, 131, this::packedGivesSameBits));
        return checks;
    }

    private double packedGivesSameBits(Device device, int rows, int columns, long seed) {
        for (Activation activation : ActivationSettings.GATES) {
            Call call =
                    ActivationSettings.with(plain(), activation)
                            .call(this, DType.F32, rows, columns, seed);
            Map<String, float[]> expected = call.on(device, OperationProperties.dense(columns));
            for (GateLayout layout : GateLayout.values()) {
                float[] packed =
                        PackedGates.pack(
                                layout,
                                columns,
                                call.inputs().get("gate"),
                                call.inputs().get("value"));
                float[] gradients = new float[packed.length];
                float[] y = new float[rows * columns];
                Tensor dy = device.tensor(call.inputs().get("dy").clone(), rows, columns);
                Activations.gatedBackward(
                        activation,
                        layout,
                        dy,
                        device.tensor(packed, rows, 2 * columns),
                        device.tensor(gradients, rows, 2 * columns),
                        device.tensor(y, rows, columns));
                OperationProperties.requireSame(
                        expected,
                        Map.of(
                                "dgate", PackedGates.part(layout, columns, gradients, true),
                                "dvalue", PackedGates.part(layout, columns, gradients, false),
                                "y", y),
                        activation.kind() + " " + layout);
            }
        }
        return 0;
    }
}
