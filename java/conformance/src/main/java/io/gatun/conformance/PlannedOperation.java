/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * An operation whose checks are recipes on every shape of its case file, and properties. Small
 * shapes take every recipe, larger ones take turns.
 */
abstract class PlannedOperation implements Operation {
    /** How far an output may be from the expected one. */
    record Tolerance(ErrorMeasure measure, double bound) {}

    /** The tolerance of each output of one call; {@code bound} is that of the recipe. */
    @FunctionalInterface
    interface Tolerances {
        Tolerance of(Operand output, double bound, Results results);
    }

    /** What one call has given. */
    record Results(Map<String, float[]> actual, Map<String, float[]> expected) {}

    /** How many recipes a shape takes, by the number of its elements. */
    record Plan(
            long mostElementsForAll,
            long mostElementsOfMedium,
            int recipesOfMedium,
            int recipesOfLarge) {}

    private static final Plan PLAN = new Plan(600, 40_000, 4, 2);

    /** The recipe that the others change, the first of all. */
    abstract Recipe plain();

    /** All recipes for shapes of so many columns. */
    abstract List<Recipe> recipes(DType dtype, int columns);

    /** The checks that are no comparisons with the reference. */
    abstract List<Check> properties(DType dtype, double bound);

    /** How far the outputs of a call may be from what is expected. */
    abstract Tolerances tolerances(Call call);

    Plan plan() {
        return PLAN;
    }

    /** Recipes that medium shapes always take. */
    Set<String> alwaysOnMedium() {
        return Set.of();
    }

    /**
     * What is expected of a device: the reference's outputs, unless an output follows from another
     * one that may be off by a rounding.
     */
    Map<String, float[]> expected(
            Call call, Map<String, float[]> reference, Map<String, float[]> actual) {
        return reference;
    }

    /** Fills inputs that follow from others, such as saved statistics. */
    void derive(Call call, Set<String> names, Map<String, float[]> values) {
        throw new IllegalArgumentException(name() + " has no inputs that follow from others");
    }

    /** The shape that an input of extent OWN has in the suite. */
    long[] ownShape(Operand input, int rows, int columns, Settings settings) {
        throw new IllegalArgumentException(name() + " has no inputs of a shape of their own");
    }

    /** How many heads an operand of extent HEADS has in the suite. */
    int heads(Operand operand) {
        return 1;
    }

    @Override
    public List<Check> checks(CaseFile cases, DType dtype) {
        List<Check> checks = new ArrayList<>(properties(dtype, cases.bound(dtype)));
        // Larger shapes take turns: each goes on in the list of recipes where the one before it
        // stopped.
        Plan plan = plan();
        int turn = 0;
        for (CaseFile.Case shape : cases.casesFor(CaseFile.Use.CHECK)) {
            long elements = Math.max(shape.rows(), 1) * shape.columns();
            List<Recipe> chosen = recipes(dtype, Math.toIntExact(shape.columns()));
            if (elements > plan.mostElementsForAll) {
                boolean medium = elements <= plan.mostElementsOfMedium;
                List<Recipe> rest = new ArrayList<>(chosen);
                chosen = new ArrayList<>();
                for (Recipe recipe : List.copyOf(rest)) {
                    if (recipe.name().equals("plain")
                            || medium && alwaysOnMedium().contains(recipe.name())) {
                        chosen.add(recipe);
                        rest.remove(recipe);
                    }
                }
                int count =
                        Math.min(rest.size(), medium ? plan.recipesOfMedium : plan.recipesOfLarge);
                for (int i = 0; i < count; i++) {
                    chosen.add(rest.get(turn++ % rest.size()));
                }
            }
            for (Recipe recipe : chosen) {
                double bound = cases.bound(dtype) * (dtype == DType.F32 ? 1 : recipe.boundFactor());
                checks.add(new ComparisonCheck(this, dtype, shape, recipe, bound));
            }
        }
        return checks;
    }
}
