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
import java.util.List;
import java.util.Map;
import java.util.Set;

/** An activation that gates another tensor. */
final class GatedForward extends ScaledForward {
    @Override
    public String name() {
        return "gated_activation";
    }

    @Override
    public String description() {
        return "A function of a gate times a value: SwiGLU, GEGLU, ReGLU, GLU.";
    }

    @Override
    public List<Operand> operands() {
        return List.of(
                Operand.input("gate", "what the function is applied to"),
                Operand.input("value", "what it is multiplied with"),
                Operand.output("y", "result"));
    }

    @Override
    public List<Setting> settings() {
        return ActivationSettings.settings(ActivationKind.SILU);
    }

    @Override
    public void run(Arguments arguments) {
        Activations.gated(
                ActivationSettings.activation(arguments.settings()),
                arguments.tensor("gate"),
                arguments.tensor("value"),
                arguments.tensor("y"));
    }

    @Override
    Map<String, double[]> scales(Call call) {
        ActivationFormula formula = ActivationSettings.formula(call);
        return Map.of(
                "y", product(call.stored("value"), each(call.stored("gate"), formula::scale)));
    }

    @Override
    Recipe plain() {
        return Recipe.plain(
                this,
                Map.of("gate", Values.normal(0, 3), "value", Values.normal(0, 1)),
                Set.of("y"));
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(memories(this, plain));
        list.add(plain.inPlaceOf("y", "value").on(Memory.NATIVE).named("in-place-of-value"));
        for (Activation activation : ActivationSettings.GATES) {
            String label = ActivationSettings.label(activation);
            Recipe recipe = ActivationSettings.with(plain, activation);
            list.add(recipe.on(Memory.NATIVE).named(label));
            list.add(recipe.withInput("gate", specials(dtype)).named(label + "-special"));
            list.add(
                    recipe.withInput("gate", Values.uniform(-30, 30))
                            .on(Memory.UNALIGNED)
                            .named(label + "-far"));
        }
        list.add(
                plain.withInput("value", Values.normal(0, 1).with(Float.NaN, Values.Position.TAIL))
                        .named("value-nan"));
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        List<Check> checks = super.properties(dtype, bound);
        checks.add(
                new OperationProperties(this, dtype, bound)
                        .property("packed-layouts", 7, 131, this::packedGivesSameBits));
        return checks;
    }

    /** Halves of one tensor and neighbours in it give the bits of two tensors. */
    private double packedGivesSameBits(Device device, int rows, int columns, long seed) {
        for (Activation activation : ActivationSettings.GATES) {
            Call call =
                    ActivationSettings.with(plain(), activation)
                            .call(this, DType.F32, rows, columns, seed);
            Map<String, float[]> expected = call.on(device, OperationProperties.dense(columns));
            for (GateLayout layout : GateLayout.values()) {
                Tensor packed =
                        device.tensor(
                                PackedGates.pack(
                                        layout,
                                        columns,
                                        call.inputs().get("gate"),
                                        call.inputs().get("value")),
                                rows,
                                2 * columns);
                float[] y = new float[rows * columns];
                Activations.gated(activation, layout, packed, device.tensor(y, rows, columns));
                OperationProperties.requireSame(
                        expected, Map.of("y", y), activation.kind() + " " + layout);
            }
        }
        return 0;
    }
}
