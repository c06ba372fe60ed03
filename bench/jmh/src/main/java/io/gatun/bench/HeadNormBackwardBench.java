/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.HeadNormalization;
import io.gatun.NormKind;
import io.gatun.NormOptions;
import io.gatun.Qkv;
import io.gatun.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** The gradients of {@link HeadNormBench}; the statistics are taken anew. */
final class HeadNormBackwardBench extends BenchOperation {
    HeadNormBackwardBench() {
        super("qkv_head_rms_norm_backward", "");
    }

    @Override
    List<Operand> operands() {
        List<Operand> list = new ArrayList<>();
        list.add(Operand.data("dqkv_out"));
        list.add(Operand.data("qkv"));
        list.addAll(HeadNormBench.gammas());
        list.add(Operand.result("dqkv", Operand.Extent.FULL));
        for (Operand gamma : HeadNormBench.gammas()) {
            list.add(Operand.result("d" + gamma.name(), Operand.Extent.COLUMNS));
        }
        return list;
    }

    @Override
    int width(int columns) {
        return HeadNormBench.HEADS * columns;
    }

    /** The square and its sum, and a backward pass. */
    @Override
    int flops() {
        return 2 + NormBackwardBench.flops(NormKind.RMS);
    }

    @Override
    boolean countsVectors() {
        return true;
    }

    @Override
    void define(Evaluation row) {
        double[] packed = row.input("qkv");
        double[] upstream = row.input("dqkv_out");
        double[] expected = new double[packed.length];
        double[] scales = new double[packed.length];
        int columns = row.columns();
        for (int head = 0; head < HeadNormBench.HEADS; head++) {
            NormRow norm = new NormRow(NormKind.RMS, HeadNormBench.head(packed, head, columns));
            double[] dy = HeadNormBench.head(upstream, head, columns);
            double[] magnitudes = Evaluation.magnitudes(dy);
            String name = HeadNormBench.role(head) + "_gamma";
            double[] gamma = row.input(name);
            System.arraycopy(norm.gradient(dy, gamma), 0, expected, head * columns, columns);
            System.arraycopy(
                    norm.gradientScale(magnitudes, gamma), 0, scales, head * columns, columns);
            row.add("d" + name, norm.gammaGradient(dy), norm.gammaScale(magnitudes));
        }
        row.expect("dqkv", expected, scales);
    }

    @Override
    Runnable gatun(Function<String, Tensor> tensors) {
        Qkv dy = HeadNormBench.split(tensors.apply("dqkv_out"));
        Qkv x = HeadNormBench.split(tensors.apply("qkv"));
        Qkv dx = HeadNormBench.split(tensors.apply("dqkv"));
        Qkv gammas = HeadNormBench.gammas(tensors, "");
        Qkv dgammas = HeadNormBench.gammas(tensors, "d");
        NormOptions options = NormOptions.eps(Workload.EPS);
        return () -> HeadNormalization.qkvHeadRmsNormBackward(dy, x, gammas, options, dx, dgammas);
    }
}
