/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import org.openjdk.jmh.annotations.Param;

/** Normalizations joined with residual additions, and the calls that they replace. */
public class ResidualNormalizationBenchmark extends OperationBenchmark {
    /** The operation. */
    @Param({"residual_add_norm", "norm_residual_add", "norm_add_norm"})
    public String operation;

    /** The variant. */
    @Param({"layer", "rms"})
    public String variant;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]", "Gatun separately"})
    public String contender;

    /** Rows and columns. */
    @Param({"1x4096", "32x4096", "512x768", "2048x4096"})
    public String shape;

    /** Called by JMH. */
    public ResidualNormalizationBenchmark() {}

    @Override
    protected String key() {
        return operation + ":" + variant;
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
