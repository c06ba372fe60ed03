/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.KanBasis;
import io.gatun.KanLayer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A layer of a Kolmogorov-Arnold network. */
final class KanLayerForward extends PlannedOperation {
    @Override
    public String name() {
        return "kan_layer";
    }

    @Override
    public Direction direction() {
        return Direction.FORWARD;
    }

    @Override
    public String description() {
        return "A layer of a Kolmogorov-Arnold network.";
    }

    @Override
    public List<Operand> operands() {
        return List.of(
                Operand.input("x", "input"),
                Operand.own(
                        "weight",
                        Operand.Role.INPUT,
                        Operand.Storage.STATISTIC,
                        "weights [columns, functions, outputs]"),
                Operand.own(
                        "bias",
                        Operand.Role.OPTIONAL_INPUT,
                        Operand.Storage.STATISTIC,
                        "bias [outputs]"),
                Operand.own(
                        "y", Operand.Role.OUTPUT, Operand.Storage.DATA, "result [..., outputs]"));
    }

    @Override
    public List<Setting> settings() {
        return KanSettings.settings();
    }

    @Override
    public long[] shape(Operand output, Map<String, long[]> inputs) {
        return KanLayerOperation.shape(output, inputs);
    }

    @Override
    long[] ownShape(Operand input, int rows, int columns, Settings settings) {
        return KanLayerOperation.ownShape(input, rows, columns, settings);
    }

    @Override
    public void run(Arguments arguments) {
        KanLayer.forward(
                KanSettings.basis(arguments.settings()),
                arguments.tensor("x"),
                arguments.tensor("weight"),
                arguments.tensor("bias"),
                arguments.tensor("y"));
    }

    /** Relative to the sums of the magnitudes of the terms, each function with 1 more. */
    @Override
    Tolerances tolerances(Call call) {
        double[] weight = call.stored("weight");
        double[] bias = call.stored("bias");
        double[] scale = new double[call.rows() * KanLayerOperation.OUTPUTS];
        for (int i = 0; bias != null && i < scale.length; i++) {
            scale[i] = Math.abs(bias[i % bias.length]);
        }
        KanLayerOperation.terms(
                call,
                call.stored("x"),
                (row, column, m, o, phi) ->
                        scale[KanLayerOperation.result(row, o)] +=
                                (1 + Math.abs(phi))
                                        * Math.abs(
                                                weight[
                                                        KanLayerOperation.weight(
                                                                call, column, m, o)]));
        return (output, bound, results) ->
                new Tolerance(BackwardOperation.measure(call.dtype(), scale), bound);
    }

    @Override
    Recipe plain() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        inputs.put("x", Values.normal(0, 1));
        inputs.put("weight", Values.normal(0, 1));
        inputs.put("bias", Values.normal(0, 1));
        return Recipe.plain(this, inputs, Set.of("y"));
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        for (Memory memory : Memory.values()) {
            list.add(plain.on(memory).named("memory-" + Setting.label(memory)));
        }
        list.add(plain.without("bias").on(Memory.NATIVE).named("without-bias"));
        for (KanBasis basis : KanSettings.ALL) {
            list.add(
                    KanSettings.with(plain, basis)
                            .withInput("x", KanSettings.around(basis))
                            .on(Memory.NATIVE)
                            .named(KanSettings.label(basis)));
        }
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        OperationProperties common = new OperationProperties(this, dtype, bound);
        List<Check> checks = common.checks(67);
        checks.removeIf(check -> check.name().equals("edge-in-place"));
        checks.add(common.longCalls(37, 301));
        checks.add(common.threads(70, 103));
        return checks;
    }
}
