/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.KanLayer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The gradients of functions between learnable ends. */
final class WindowBackward extends BackwardOperation {
    @Override
    public String name() {
        return "kan_window_basis";
    }

    @Override
    public String description() {
        return "The gradients of functions between learnable ends.";
    }

    @Override
    public List<Operand> operands() {
        return List.of(
                Operand.input("x", "input of the forward pass"),
                WindowOperation.ends("starts", "[functions] or [functions, columns]"),
                WindowOperation.ends("ends", "shaped as starts"),
                Operand.functions("dphi", true, "gradient of the functions"),
                Operand.output("dx", "gradient of x"),
                Operand.own(
                        "dstarts",
                        Operand.Role.OPTIONAL_OUTPUT,
                        Operand.Storage.STATISTIC,
                        "gradient of starts"),
                Operand.own(
                        "dends",
                        Operand.Role.OPTIONAL_OUTPUT,
                        Operand.Storage.STATISTIC,
                        "gradient of ends"));
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
    public long[] shape(Operand output, Map<String, long[]> inputs) {
        return inputs.get("starts");
    }

    @Override
    public void run(Arguments arguments) {
        KanLayer.windowsBackward(
                WindowOperation.windows(arguments.settings()),
                arguments.tensor("dphi"),
                arguments.tensor("x"),
                arguments.tensor("starts"),
                arguments.tensor("ends"),
                arguments.tensor("dx"),
                arguments.tensor("dstarts"),
                arguments.tensor("dends"),
                false);
    }

    /** One element of dphi, with the places of its x and its ends. */
    @FunctionalInterface
    private interface Term {
        void at(double dphi, int input, int end);
    }

    private void terms(Call call, Term term) {
        double[] dphi = call.stored("dphi");
        int functions = functions(call.settings());
        int columns = call.columns();
        for (int i = 0; i < dphi.length; i++) {
            int column = i % columns;
            int m = i / columns % functions;
            int row = i / columns / functions;
            term.at(dphi[i], row * columns + column, WindowOperation.end(call, m, column));
        }
    }

    @Override
    Map<String, double[]> scales(Call call) {
        WindowFormula formula = new WindowFormula(WindowOperation.windows(call.settings()));
        double[] x = call.stored("x");
        double[] starts = call.stored("starts");
        double[] ends = call.stored("ends");
        double[] ofInputs = new double[x.length];
        double[] ofEnds = new double[starts.length];
        terms(
                call,
                (dphi, input, end) -> {
                    double scale =
                            Math.abs(dphi) * formula.slopeScale(x[input], starts[end], ends[end]);
                    ofInputs[input] += scale;
                    ofEnds[end] += scale;
                });
        return Map.of("dx", ofInputs, "dstarts", ofEnds, "dends", ofEnds);
    }

    @Override
    Map<String, double[]> variables(Call call) {
        Map<String, double[]> variables = new HashMap<>();
        variables.put("dx", call.stored("x"));
        variables.put("dstarts", call.stored("starts"));
        variables.put("dends", call.stored("ends"));
        return variables;
    }

    @Override
    double loss(Call call, Map<String, double[]> variables) {
        WindowFormula formula = new WindowFormula(WindowOperation.windows(call.settings()));
        double[] x = variables.get("dx");
        double[] starts = variables.get("dstarts");
        double[] ends = variables.get("dends");
        double[] loss = new double[1];
        terms(
                call,
                (dphi, input, end) ->
                        loss[0] += dphi * formula.value(x[input], starts[end], ends[end]));
        return loss[0];
    }

    @Override
    List<Recipe> differentiable() {
        return WindowOperation.differentiable(plain());
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
        inputs.put("dphi", Values.normal(0, 1));
        return Recipe.plain(this, inputs, Set.of("dx", "dstarts", "dends"));
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        List<Recipe> list = WindowOperation.recipes(plain());
        list.add(plain().without("dstarts").named("without-dstarts"));
        list.add(plain().without("dends").on(Memory.NATIVE).named("without-dends"));
        list.add(plain().without("dstarts", "dends").on(Memory.NATIVE).named("dx-only"));
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        List<Check> checks = super.properties(dtype, bound);
        OperationProperties common = new OperationProperties(this, dtype, bound);
        checks.removeIf(check -> check.name().equals("edge-in-place"));
        checks.add(common.longCalls(37, 301));
        checks.add(common.threads(70, 203));
        return checks;
    }
}
