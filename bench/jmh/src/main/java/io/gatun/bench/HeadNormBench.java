/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.HeadNormalization;
import io.gatun.NormKind;
import io.gatun.NormOptions;
import io.gatun.Qkv;
import io.gatun.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/** RMSNorm of each head of queries, keys and values, which lie in one packed tensor. */
final class HeadNormBench extends BenchOperation {
    static final int QUERY_HEADS = 16;
    static final int KEY_VALUE_HEADS = 4;
    static final int HEADS = QUERY_HEADS + 2 * KEY_VALUE_HEADS;

    HeadNormBench() {
        super("qkv_head_rms_norm", "");
    }

    /** The factors of the three roles. */
    static List<Operand> gammas() {
        return List.of(
                Operand.gamma("q_gamma"), Operand.gamma("k_gamma"), Operand.gamma("v_gamma"));
    }

    /** The role that a head belongs to. */
    static String role(int head) {
        return head < QUERY_HEADS ? "q" : head < QUERY_HEADS + KEY_VALUE_HEADS ? "k" : "v";
    }

    static Qkv split(Tensor packed) {
        return Qkv.split(packed, QUERY_HEADS, KEY_VALUE_HEADS, packed.size(1) / HEADS);
    }

    static Qkv gammas(Function<String, Tensor> tensors, String prefix) {
        return new Qkv(
                tensors.apply(prefix + "q_gamma"),
                tensors.apply(prefix + "k_gamma"),
                tensors.apply(prefix + "v_gamma"));
    }

    /** The vector of a head. */
    static double[] head(double[] packed, int head, int columns) {
        return Arrays.copyOfRange(packed, head * columns, (head + 1) * columns);
    }

    @Override
    List<Operand> operands() {
        return List.of(
                Operand.data("qkv"),
                gammas().get(0),
                gammas().get(1),
                gammas().get(2),
                Operand.result("qkv_out", Operand.Extent.FULL));
    }

    @Override
    int width(int columns) {
        return HEADS * columns;
    }

    @Override
    int flops() {
        return NormBench.flops(NormKind.RMS);
    }

    @Override
    void define(Evaluation row) {
        double[] packed = row.input("qkv");
        double[] expected = new double[packed.length];
        int columns = row.columns();
        for (int head = 0; head < HEADS; head++) {
            double[] y =
                    new NormRow(NormKind.RMS, head(packed, head, columns))
                            .apply(row.input(role(head) + "_gamma"), null);
            System.arraycopy(y, 0, expected, head * columns, columns);
        }
        row.expect("qkv_out", expected);
    }

    @Override
    Runnable gatun(Function<String, Tensor> tensors) {
        Qkv x = split(tensors.apply("qkv"));
        Qkv y = split(tensors.apply("qkv_out"));
        Qkv gammas = gammas(tensors, "");
        NormOptions options = NormOptions.eps(Workload.EPS);
        return () -> HeadNormalization.qkvHeadRmsNorm(x, gammas, options, y, null);
    }
}
