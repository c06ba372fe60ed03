/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.Activation;
import io.gatun.ActivationKind;
import io.gatun.Activations;
import io.gatun.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A function of each element. */
final class ActivationForward extends ScaledForward {
    /** Recipes of all functions are many; larger shapes take some more of them. */
    private static final Plan PLAN = new Plan(200, 20_000, 8, 2);

    @Override
    public String name() {
        return "activation";
    }

    @Override
    public String description() {
        return "A function of each element: ReLU, GELU, SiLU and others.";
    }

    @Override
    public List<Operand> operands() {
        return List.of(Operand.input("x", "input"), Operand.output("y", "result"));
    }

    @Override
    public List<Setting> settings() {
        return ActivationSettings.settings(ActivationKind.GELU);
    }

    @Override
    public void run(Arguments arguments) {
        Activations.apply(
                ActivationSettings.activation(arguments.settings()),
                arguments.tensor("x"),
                arguments.tensor("y"));
    }

    @Override
    Plan plan() {
        return PLAN;
    }

    @Override
    Map<String, double[]> scales(Call call) {
        ActivationFormula formula = ActivationSettings.formula(call);
        return Map.of("y", each(call.stored("x"), formula::scale));
    }

    @Override
    Recipe plain() {
        return Recipe.plain(this, Map.of("x", Values.normal(0, 3)), Set.of("y"));
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(memories(this, plain));
        for (Activation activation : ActivationSettings.ALL) {
            String label = ActivationSettings.label(activation);
            Recipe recipe = ActivationSettings.with(plain, activation);
            list.add(recipe.on(Memory.NATIVE).named(label));
            list.add(recipe.withInput("x", specials(dtype)).named(label + "-special"));
            list.add(
                    recipe.withInput("x", Values.uniform(-30, 30))
                            .on(Memory.UNALIGNED)
                            .computedInPlace(this)
                            .named(label + "-far"));
            list.add(
                    recipe.withInput("x", Values.normal(0, 1e-4))
                            .on(Memory.NATIVE)
                            .named(label + "-near"));
        }
        return list;
    }
}
