/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.KanBasis;
import io.gatun.KanLayer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The functions of a basis. */
final class KanBasisForward extends PlannedOperation {
    @Override
    public String name() {
        return "kan_basis";
    }

    @Override
    public Direction direction() {
        return Direction.FORWARD;
    }

    @Override
    public String description() {
        return "The functions of a Kolmogorov-Arnold network's basis.";
    }

    @Override
    public List<Operand> operands() {
        return List.of(
                Operand.input("x", "input"), Operand.functions("phi", false, "its functions"));
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
        KanLayer.basis(
                KanSettings.basis(arguments.settings()),
                arguments.tensor("x"),
                arguments.tensor("phi"));
    }

    @Override
    Tolerances tolerances(Call call) {
        return (output, bound, results) -> new Tolerance(measure(call.dtype()), bound);
    }

    /** In units of 2^-23 (1 + |phi|), beyond the rounding to a 16-bit type. */
    private static ErrorMeasure measure(DType dtype) {
        return (index, actual, expected) -> {
            if (dtype != DType.F32 && ErrorMeasure.ulps(dtype, actual, expected) <= 1) {
                return 0;
            }
            double distance = Math.abs((double) actual - expected);
            return distance / (ErrorMeasure.UNIT * (1 + Math.abs(expected)));
        };
    }

    @Override
    Recipe plain() {
        return Recipe.plain(this, Map.of("x", Values.normal(0, 1)), Set.of("phi"));
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        for (Memory memory : Memory.values()) {
            list.add(plain.on(memory).named("memory-" + Setting.label(memory)));
        }
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
        OperationProperties common = new OperationProperties(this, dtype, bound);
        List<Check> checks = common.checks(259);
        // The functions of x are more than x.
        checks.removeIf(check -> check.name().equals("edge-in-place"));
        checks.add(common.longCalls(37, 1031));
        checks.add(common.longCalls(2, 10_001));
        checks.add(common.threads(70, 503));
        checks.add(common.threads(2, 9001));
        return checks;
    }
}
