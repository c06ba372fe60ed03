/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.KanBasis;
import io.gatun.KanLayer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The gradients of a layer of a Kolmogorov-Arnold network. */
final class KanLayerBackward extends BackwardOperation {
    @Override
    public String name() {
        return "kan_layer";
    }

    @Override
    public String description() {
        return "The gradients of a layer of a Kolmogorov-Arnold network.";
    }

    @Override
    public List<Operand> operands() {
        return List.of(
                Operand.input("x", "input of the forward pass"),
                Operand.own(
                        "weight",
                        Operand.Role.INPUT,
                        Operand.Storage.STATISTIC,
                        "weights [columns, functions, outputs]"),
                Operand.own(
                        "dy",
                        Operand.Role.INPUT,
                        Operand.Storage.DATA,
                        "gradient of the result [..., outputs]"),
                Operand.output("dx", "gradient of x"),
                Operand.own(
                        "dweight",
                        Operand.Role.OPTIONAL_OUTPUT,
                        Operand.Storage.STATISTIC,
                        "gradient of the weights"),
                Operand.own(
                        "dbias",
                        Operand.Role.OPTIONAL_OUTPUT,
                        Operand.Storage.STATISTIC,
                        "gradient of the bias"));
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
        KanLayer.backward(
                KanSettings.basis(arguments.settings()),
                arguments.tensor("dy"),
                arguments.tensor("x"),
                arguments.tensor("weight"),
                arguments.tensor("dx"),
                arguments.tensor("dweight"),
                arguments.tensor("dbias"),
                false);
    }

    @Override
    Map<String, double[]> scales(Call call) {
        KanFormula formula = new KanFormula(KanSettings.basis(call.settings()));
        double[] x = call.stored("x");
        double[] weight = call.stored("weight");
        double[] dy = call.stored("dy");
        double[] dx = new double[x.length];
        double[] dweight = new double[weight.length];
        double[] dbias = new double[dy.length / Math.max(call.rows(), 1)];
        for (int i = 0; i < dy.length; i++) {
            dbias[i % dbias.length] += 2 * Math.abs(dy[i]);
        }
        KanLayerOperation.terms(
                call,
                x,
                (row, column, m, o, phi) -> {
                    double upstream = Math.abs(dy[KanLayerOperation.result(row, o)]);
                    int at = KanLayerOperation.weight(call, column, m, o);
                    int input = row * call.columns() + column;
                    dweight[at] += upstream * (1 + Math.abs(phi));
                    dx[input] +=
                            upstream * Math.abs(weight[at]) * 2 * formula.slopeScale(m, x[input]);
                });
        return Map.of("dx", dx, "dweight", dweight, "dbias", dbias);
    }

    @Override
    Map<String, double[]> variables(Call call) {
        Map<String, double[]> variables = new HashMap<>();
        variables.put("dx", call.stored("x"));
        variables.put("dweight", call.stored("weight"));
        variables.put("dbias", new double[call.stored("dy").length / call.rows()]);
        return variables;
    }

    @Override
    double loss(Call call, Map<String, double[]> variables) {
        double[] dy = call.stored("dy");
        double[] weight = variables.get("dweight");
        double[] bias = variables.get("dbias");
        double[] loss = new double[1];
        for (int i = 0; i < dy.length; i++) {
            loss[0] += dy[i] * bias[i % bias.length];
        }
        KanLayerOperation.terms(
                call,
                variables.get("dx"),
                (row, column, m, o, phi) ->
                        loss[0] +=
                                dy[KanLayerOperation.result(row, o)]
                                        * phi
                                        * weight[KanLayerOperation.weight(call, column, m, o)]);
        return loss[0];
    }

    /** Differences of all weights take long, so of a few bases. */
    @Override
    List<Recipe> differentiable() {
        List<Recipe> list = new ArrayList<>();
        for (KanBasis basis :
                List.of(KanBasis.bSpline(2, 3, -1, 1).withBase(true), KanBasis.chebyshev(2))) {
            list.add(
                    KanSettings.with(plain(), basis)
                            .withInput("x", KanSettings.around(basis))
                            .named(KanSettings.label(basis)));
        }
        return list;
    }

    @Override
    Recipe plain() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        inputs.put("x", Values.normal(0, 1));
        inputs.put("weight", Values.normal(0, 1));
        inputs.put("dy", Values.normal(0, 1));
        return Recipe.plain(this, inputs, Set.of("dx", "dweight", "dbias"));
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        for (Memory memory : Memory.values()) {
            list.add(plain.on(memory).named("memory-" + Setting.label(memory)));
        }
        list.add(plain.without("dbias").on(Memory.NATIVE).named("without-dbias"));
        list.add(plain.without("dweight").named("without-dweight"));
        list.add(plain.without("dbias", "dweight").on(Memory.NATIVE).named("dx-only"));
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
        List<Check> checks = super.properties(dtype, bound);
        OperationProperties common = new OperationProperties(this, dtype, bound);
        checks.removeIf(check -> check.name().equals("edge-in-place"));
        checks.add(common.longCalls(37, 301));
        checks.add(common.threads(70, 103));
        return checks;
    }
}
