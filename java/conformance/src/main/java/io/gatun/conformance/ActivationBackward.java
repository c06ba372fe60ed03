/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.Activation;
import io.gatun.ActivationKind;
import io.gatun.Activations;
import io.gatun.DType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The gradient of a function of each element. */
final class ActivationBackward extends ScaledBackward {
    private static final Plan PLAN = new Plan(200, 20_000, 8, 2);

    /** Close enough to 0 for finite differences of what is small in the tails. */
    private static final Values NEAR = Values.uniform(-2.47, 1.9);

    @Override
    public String name() {
        return "activation";
    }

    @Override
    public String description() {
        return "The gradient of a function of each element.";
    }

    @Override
    public List<Operand> operands() {
        return List.of(
                Operand.input("dy", "gradient of the result"),
                Operand.input("x", "input of the forward pass"),
                Operand.output("dx", "gradient of x"));
    }

    @Override
    public List<Setting> settings() {
        return ActivationSettings.settings(ActivationKind.GELU);
    }

    @Override
    public void run(Arguments arguments) {
        Activations.backward(
                ActivationSettings.activation(arguments.settings()),
                arguments.tensor("dy"),
                arguments.tensor("x"),
                arguments.tensor("dx"));
    }

    @Override
    Plan plan() {
        return PLAN;
    }

    @Override
    Map<String, double[]> scales(Call call) {
        ActivationFormula formula = ActivationSettings.formula(call);
        double[] slopes = ScaledForward.each(call.stored("x"), formula::scaleOfSlope);
        return Map.of("dx", ScaledForward.product(call.stored("dy"), slopes));
    }

    @Override
    Map<String, double[]> variables(Call call) {
        Map<String, double[]> variables = new HashMap<>();
        variables.put("dx", call.stored("x"));
        return variables;
    }

    @Override
    double loss(Call call, Map<String, double[]> variables) {
        ActivationFormula formula = ActivationSettings.formula(call);
        double[] dy = call.stored("dy");
        double[] x = variables.get("dx");
        double loss = 0;
        for (int i = 0; i < x.length; i++) {
            loss += dy[i] * formula.value(x[i]);
        }
        return loss;
    }

    @Override
    List<Recipe> differentiable() {
        List<Recipe> list = new ArrayList<>();
        for (Activation activation : ActivationSettings.ALL) {
            // Float32 rounds the product of other omegas, which differences would show.
            if (activation.kind() != ActivationKind.SINE || activation.first() == 2) {
                list.add(
                        ActivationSettings.with(plain(), activation)
                                .withInput("x", NEAR)
                                .named(ActivationSettings.label(activation)));
            }
        }
        return list;
    }

    @Override
    Recipe plain() {
        return Recipe.plain(
                this, Map.of("dy", Values.normal(0, 1), "x", Values.normal(0, 3)), Set.of("dx"));
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(ScaledForward.memories(this, plain));
        list.add(plain.inPlaceOf("dx", "x").named("in-place-of-x"));
        for (Activation activation : ActivationSettings.ALL) {
            String label = ActivationSettings.label(activation);
            Recipe recipe = ActivationSettings.with(plain, activation);
            list.add(recipe.on(Memory.NATIVE).named(label));
            list.add(
                    recipe.withInput("x", ScaledForward.specials(dtype)).named(label + "-special"));
            list.add(
                    recipe.withInput("x", Values.uniform(-30, 30))
                            .on(Memory.UNALIGNED)
                            .named(label + "-far"));
            list.add(
                    recipe.withInput(
                                    "dy", Values.normal(0, 1).with(Float.NaN, Values.Position.TAIL))
                            .on(Memory.NATIVE)
                            .named(label + "-upstream-nan"));
        }
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        List<Check> checks = super.properties(dtype, bound);
        OperationProperties common = new OperationProperties(this, dtype, bound);
        checks.add(common.longCalls(37, 1031));
        checks.add(common.longCalls(2, 70_001));
        checks.add(common.threads(70, 2003));
        return checks;
    }
}
