/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.FeatureAxis;
import io.gatun.Tensor;
import io.gatun.WeightConversion;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/** Takes the mean out of the rows of weights, or out of their columns. */
final class ZeroMeanBench extends BenchOperation {
    private final FeatureAxis features;

    ZeroMeanBench(FeatureAxis features) {
        super("zero_mean_rows", features.name().toLowerCase(Locale.ROOT));
        this.features = features;
    }

    @Override
    List<Operand> operands() {
        return List.of(Operand.data("weight"), Operand.result("out", Operand.Extent.FULL));
    }

    /** The sum and the difference. */
    @Override
    int flops() {
        return 2;
    }

    @Override
    boolean isQuick() {
        return features == FeatureAxis.ROWS;
    }

    @Override
    void define(Evaluation row) {
        double[] expected = row.input("weight");
        if (features == FeatureAxis.COLUMNS) {
            double mean = 0;
            for (double value : expected) {
                mean += value / expected.length;
            }
            for (int i = 0; i < expected.length; i++) {
                expected[i] -= mean;
            }
        } else {
            double[] mean = row.columnMeans("weight");
            for (int i = 0; i < expected.length; i++) {
                expected[i] -= mean[i];
            }
        }
        row.expect("out", expected);
    }

    @Override
    Runnable gatun(Function<String, Tensor> tensors) {
        Tensor weight = tensors.apply("weight");
        Tensor out = tensors.apply("out");
        return () -> WeightConversion.zeroMeanRows(weight, features, out);
    }
}
