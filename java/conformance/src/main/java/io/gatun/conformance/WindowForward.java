/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.KanLayer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Functions between learnable ends. */
final class WindowForward extends PlannedOperation {
    @Override
    public String name() {
        return "kan_window_basis";
    }

    @Override
    public Direction direction() {
        return Direction.FORWARD;
    }

    @Override
    public String description() {
        return "Functions between learnable ends: ReLU-KAN, AF-KAN.";
    }

    @Override
    public List<Operand> operands() {
        return List.of(
                Operand.input("x", "input"),
                WindowOperation.ends("starts", "[functions] or [functions, columns]"),
                WindowOperation.ends("ends", "shaped as starts"),
                Operand.functions("phi", false, "its functions"));
    }

    @Override
    public List<Setting> settings() {
        return WindowOperation.settings();
    }

    @Override
    public int functions(Settings settings) {
        return WindowOperation.windows(settings).functions();
    }

    @Override
    long[] ownShape(Operand input, int rows, int columns, Settings settings) {
        return WindowOperation.ownShape(columns, settings);
    }

    @Override
    public void run(Arguments arguments) {
        KanLayer.windows(
                WindowOperation.windows(arguments.settings()),
                arguments.tensor("x"),
                arguments.tensor("starts"),
                arguments.tensor("ends"),
                arguments.tensor("phi"));
    }

    @Override
    Tolerances tolerances(Call call) {
        WindowFormula formula = new WindowFormula(WindowOperation.windows(call.settings()));
        int functions = functions(call.settings());
        int columns = call.columns();
        double[] x = call.stored("x");
        double[] starts = call.stored("starts");
        double[] ends = call.stored("ends");
        double[] scale = new double[x.length * functions];
        for (int i = 0; i < scale.length; i++) {
            int column = i % columns;
            int m = i / columns % functions;
            int row = i / columns / functions;
            int end = WindowOperation.end(call, m, column);
            scale[i] = formula.scale(x[row * columns + column], starts[end], ends[end]);
        }
        return (output, bound, results) ->
                new Tolerance(BackwardOperation.measure(call.dtype(), scale), bound);
    }

    @Override
    Plan plan() {
        return WindowOperation.PLAN;
    }

    @Override
    Recipe plain() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        inputs.put("x", Values.normal(0, 1.5));
        WindowOperation.putEnds(inputs);
        return Recipe.plain(this, inputs, Set.of("phi"));
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        List<Recipe> list = WindowOperation.recipes(plain());
        list.add(
                plain().withInput("x", Values.normal(0, 1).with(Float.NaN, Values.Position.TAIL))
                        .named("nan"));
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        OperationProperties common = new OperationProperties(this, dtype, bound);
        List<Check> checks = common.checks(259);
        checks.removeIf(check -> check.name().equals("edge-in-place"));
        checks.add(common.longCalls(37, 301));
        checks.add(common.longCalls(2, 5_001));
        checks.add(common.threads(70, 203));
        return checks;
    }
}
