/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.KanLayer;
import io.gatun.Tensor;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/** A layer of a Kolmogorov-Arnold network, or its gradients. */
final class KanLayerBench extends BenchOperation {
    private static final int FUNCTIONS = KanBasisBench.FUNCTIONS;
    private static final int OUTPUTS = 64;

    private final KanBasisBench.Variant of;
    private final boolean backward;

    KanLayerBench(KanBasisBench.Variant of, boolean backward) {
        super(
                backward ? "kan_layer_backward" : "kan_layer",
                of.name().toLowerCase(Locale.ROOT).replace('_', '-'));
        this.of = of;
        this.backward = backward;
    }

    @Override
    List<Operand> operands() {
        return backward
                ? List.of(
                        Operand.data("x"),
                        Operand.weights("weight"),
                        Operand.outputs("dy"),
                        Operand.result("dx", Operand.Extent.FULL),
                        Operand.result("dweight", Operand.Extent.WEIGHTS))
                : List.of(
                        Operand.data("x"),
                        Operand.weights("weight"),
                        Operand.result("y", Operand.Extent.OUTPUTS));
    }

    @Override
    int functions() {
        return FUNCTIONS;
    }

    @Override
    int outputs() {
        return OUTPUTS;
    }

    /** Of the products with weights alone. */
    @Override
    int flops() {
        return FUNCTIONS * OUTPUTS * (backward ? 4 : 2);
    }

    @Override
    boolean countsVectors() {
        return true;
    }

    @Override
    boolean isQuick() {
        return of == KanBasisBench.Variant.B_SPLINE;
    }

    @Override
    void define(Evaluation row) {
        double[] x = row.input("x");
        double[] weight = row.input("weight");
        if (backward) {
            defineBackward(row, x, weight);
            return;
        }
        double[] y = new double[OUTPUTS];
        double[] scales = new double[OUTPUTS];
        for (int k = 0; k < x.length * FUNCTIONS; k++) {
            double phi = of.value(k % FUNCTIONS, x[k / FUNCTIONS]);
            for (int o = 0; o < OUTPUTS; o++) {
                y[o] += phi * weight[k * OUTPUTS + o];
                scales[o] += (1 + Math.abs(phi)) * Math.abs(weight[k * OUTPUTS + o]);
            }
        }
        row.expect("y", y, scales);
    }

    private void defineBackward(Evaluation row, double[] x, double[] weight) {
        double[] dy = row.input("dy");
        double[] dx = new double[x.length];
        double[] scales = new double[x.length];
        double[] dweight = new double[weight.length];
        double[] weightScales = new double[weight.length];
        for (int k = 0; k < x.length * FUNCTIONS; k++) {
            int m = k % FUNCTIONS;
            int column = k / FUNCTIONS;
            double phi = of.value(m, x[column]);
            double sum = 0;
            double magnitude = 0;
            for (int o = 0; o < OUTPUTS; o++) {
                int at = k * OUTPUTS + o;
                dweight[at] = dy[o] * phi;
                weightScales[at] = Math.abs(dy[o]) * (1 + Math.abs(phi));
                sum += dy[o] * weight[at];
                magnitude += Math.abs(dy[o] * weight[at]);
            }
            double slope = of.slope(m, x[column]);
            dx[column] += sum * slope;
            scales[column] += magnitude * (Math.abs(slope) + of.slopeScale(m, x[column]));
        }
        row.expect("dx", dx, scales);
        row.add("dweight", dweight, weightScales);
    }

    @Override
    Runnable gatun(Function<String, Tensor> tensors) {
        Tensor x = tensors.apply("x");
        Tensor weight = tensors.apply("weight");
        if (!backward) {
            Tensor y = tensors.apply("y");
            return () -> KanLayer.forward(of.basis, x, weight, null, y);
        }
        Tensor dy = tensors.apply("dy");
        Tensor dx = tensors.apply("dx");
        Tensor dweight = tensors.apply("dweight");
        return () -> KanLayer.backward(of.basis, dy, x, weight, dx, dweight, null, false);
    }
}
