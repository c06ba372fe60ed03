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

/** The gradient of a function of each element, from its result. */
final class ActivationOutputBackward extends ScaledBackward {
    /** Results that every function has but for the bounds of clips. */
    private static final Values RESULTS = Values.uniform(0.05, 0.95);

    @Override
    public String name() {
        return "activation_output";
    }

    @Override
    public String description() {
        return "The gradient of a function of each element, from its result alone.";
    }

    @Override
    public List<Operand> operands() {
        return List.of(
                Operand.input("dy", "gradient of the result"),
                Operand.input("y", "result of the forward pass"),
                Operand.output("dx", "gradient of the input"));
    }

    @Override
    public List<Setting> settings() {
        return ActivationSettings.settings(ActivationKind.TANH);
    }

    @Override
    public void run(Arguments arguments) {
        Activations.backwardFromOutput(
                ActivationSettings.activation(arguments.settings()),
                arguments.tensor("dy"),
                arguments.tensor("y"),
                arguments.tensor("dx"));
    }

    @Override
    Map<String, double[]> scales(Call call) {
        double[] slopes = ScaledForward.each(call.stored("y"), y -> 2 + y * y);
        return Map.of("dx", ScaledForward.product(call.stored("dy"), slopes));
    }

    @Override
    Map<String, double[]> variables(Call call) {
        double[] x = call.stored("y");
        for (int i = 0; i < x.length; i++) {
            x[i] = ActivationSettings.formula(call).inverse(x[i]);
        }
        Map<String, double[]> variables = new HashMap<>();
        variables.put("dx", x);
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
        for (Activation activation : ActivationSettings.FROM_OUTPUT) {
            list.add(
                    ActivationSettings.with(plain(), activation)
                            .named(ActivationSettings.label(activation)));
        }
        return list;
    }

    @Override
    Recipe plain() {
        return Recipe.plain(this, Map.of("dy", Values.normal(0, 1), "y", RESULTS), Set.of("dx"));
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(ScaledForward.memories(this, plain));
        list.add(plain.inPlaceOf("dx", "y").on(Memory.NATIVE).named("in-place-of-y"));
        for (Activation activation : ActivationSettings.FROM_OUTPUT) {
            String label = ActivationSettings.label(activation);
            Recipe recipe = ActivationSettings.with(plain, activation);
            list.add(recipe.on(Memory.NATIVE).named(label));
            list.add(
                    recipe.withInput("y", Values.cycle(0, -0f, 1, -1, 6, 2, Float.NaN, -1.5f, 7))
                            .named(label + "-special"));
            list.add(
                    recipe.withInput(
                                    "dy", Values.normal(0, 1).with(Float.NaN, Values.Position.TAIL))
                            .on(Memory.UNALIGNED)
                            .named(label + "-upstream-nan"));
        }
        return list;
    }
}
