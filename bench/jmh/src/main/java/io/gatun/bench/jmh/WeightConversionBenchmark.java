/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import org.openjdk.jmh.annotations.Param;

/** Conversions of weights: out and in features. */
public class WeightConversionBenchmark extends OperationBenchmark {
    /** The operation. */
    @Param({"zero_mean_rows:rows", "zero_mean_rows:columns", "fold_affine"})
    public String operation;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]"})
    public String contender;

    /** Rows and columns. */
    @Param({"768x768", "4096x4096"})
    public String shape;

    /** Called by JMH. */
    public WeightConversionBenchmark() {}

    @Override
    protected String key() {
        return operation;
    }

    @Override
    protected String contenderName() {
        return contender;
    }

    @Override
    protected String shapeName() {
        return shape;
    }
}
