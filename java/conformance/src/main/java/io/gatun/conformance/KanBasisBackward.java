/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.KanBasis;
import io.gatun.KanLayer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The gradient of what a basis was given. */
final class KanBasisBackward extends BackwardOperation {
    @Override
    public String name() {
        return "kan_basis";
    }

    @Override
    public String description() {
        return "The gradient of what the functions of a basis were given.";
    }

    @Override
    public List<Operand> operands() {
        return List.of(
                Operand.input("x", "input of the forward pass"),
                Operand.functions("dphi", true, "gradient of the functions"),
                Operand.output("dx", "gradient of x"));
    }

    @Override
    public List<Setting> settings() {
        return KanSettings.settings();
    }

    @Override
    public int functions(Settings settings) {
        return KanSettings.basis(settings).count();
    }

    @Override
    public void run(Arguments arguments) {
        KanLayer.basisBackward(
                KanSettings.basis(arguments.settings()),
                arguments.tensor("dphi"),
                arguments.tensor("x"),
                arguments.tensor("dx"));
    }

    /** A sum over the functions of one element. */
    @FunctionalInterface
    private interface Term {
        double of(double dphi, int m, double x);
    }

    private static double[] sums(Call call, double[] x, Term term) {
        int functions = KanSettings.basis(call.settings()).count();
        double[] dphi = call.stored("dphi");
        double[] sums = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            int row = i / call.columns();
            for (int m = 0; m < functions; m++) {
                int index = (row * functions + m) * call.columns() + i % call.columns();
                sums[i] += term.of(dphi[index], m, x[i]);
            }
        }
        return sums;
    }

    @Override
    Map<String, double[]> scales(Call call) {
        KanFormula formula = new KanFormula(KanSettings.basis(call.settings()));
        double[] scales =
                sums(
                        call,
                        call.stored("x"),
                        (dphi, m, x) -> Math.abs(dphi) * 2 * formula.slopeScale(m, x));
        return Map.of("dx", scales);
    }

    @Override
    Map<String, double[]> variables(Call call) {
        Map<String, double[]> variables = new HashMap<>();
        variables.put("dx", call.stored("x"));
        return variables;
    }

    @Override
    double loss(Call call, Map<String, double[]> variables) {
        KanFormula formula = new KanFormula(KanSettings.basis(call.settings()));
        double loss = 0;
        for (double sum :
                sums(call, variables.get("dx"), (dphi, m, x) -> dphi * formula.values(x)[m])) {
            loss += sum;
        }
        return loss;
    }

    @Override
    List<Recipe> differentiable() {
        List<Recipe> list = new ArrayList<>();
        for (KanBasis basis : KanSettings.ALL) {
            // Differences of degree 2 have a kink on knots.
            if (basis.degree() == 0 || basis.degree() > 2) {
                list.add(
                        KanSettings.with(plain(), basis)
                                .withInput("x", KanSettings.around(basis))
                                .named(KanSettings.label(basis)));
            }
        }
        return list;
    }

    @Override
    Recipe plain() {
        return Recipe.plain(
                this, Map.of("x", Values.normal(0, 1), "dphi", Values.normal(0, 1)), Set.of("dx"));
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        for (Memory memory : Memory.values()) {
            list.add(plain.on(memory).named("memory-" + Setting.label(memory)));
        }
        list.add(plain.computedInPlace(this).named("in-place-heap"));
        list.add(plain.on(Memory.UNALIGNED).computedInPlace(this).named("in-place-unaligned"));
        for (KanBasis basis : KanSettings.ALL) {
            Recipe recipe =
                    KanSettings.with(plain, basis).withInput("x", KanSettings.around(basis));
            String label = KanSettings.label(basis);
            list.add(recipe.on(Memory.NATIVE).named(label));
            list.add(
                    recipe.withInput("x", KanSettings.specials(basis))
                            .on(Memory.UNALIGNED)
                            .named(label + "-special"));
        }
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        List<Check> checks = super.properties(dtype, bound);
        OperationProperties common = new OperationProperties(this, dtype, bound);
        checks.add(common.longCalls(37, 1031));
        checks.add(common.longCalls(2, 10_001));
        checks.add(common.threads(70, 503));
        return checks;
    }
}
