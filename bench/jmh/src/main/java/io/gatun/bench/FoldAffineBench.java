/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.NormParameters;
import io.gatun.Tensor;
import io.gatun.WeightConversion;
import java.util.List;
import java.util.function.Function;

/** Folds gamma and beta of a normalization into the linear layer behind it. */
final class FoldAffineBench extends BenchOperation {
    FoldAffineBench() {
        super("fold_affine", "");
    }

    @Override
    List<Operand> operands() {
        return List.of(
                Operand.data("weight"),
                Operand.rows("bias"),
                Operand.gamma("gamma"),
                Operand.beta("beta"),
                Operand.result("weight_out", Operand.Extent.FULL),
                Operand.result("bias_out", Operand.Extent.ROWS));
    }

    /** The product with gamma; the product with beta and its sum. */
    @Override
    int flops() {
        return 3;
    }

    @Override
    void define(Evaluation row) {
        double[] weight = row.input("weight");
        double[] gamma = row.input("gamma");
        double[] beta = row.input("beta");
        double[] bias = row.input("bias");
        for (int i = 0; i < weight.length; i++) {
            bias[0] += weight[i] * beta[i];
            weight[i] *= gamma[i];
        }
        row.expect("weight_out", weight);
        row.expect("bias_out", bias);
    }

    @Override
    Runnable gatun(Function<String, Tensor> tensors) {
        Tensor weight = tensors.apply("weight");
        Tensor bias = tensors.apply("bias");
        Tensor weightOut = tensors.apply("weight_out");
        Tensor biasOut = tensors.apply("bias_out");
        NormParameters parameters =
                new NormParameters(tensors.apply("gamma"), tensors.apply("beta"));
        return () -> WeightConversion.foldAffine(weight, bias, parameters, 0, weightOut, biasOut);
    }
}
