/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import org.openjdk.jmh.annotations.Param;

/** The gradients of normalizations joined with residual additions. */
public class ResidualNormalizationBackwardBenchmark extends OperationBenchmark {
    /** The operation. */
    @Param({"residual_add_norm_backward", "norm_residual_add_backward", "norm_add_norm_backward"})
    public String operation;

    /** The variant. */
    @Param({"layer", "rms"})
    public String variant;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]"})
    public String contender;

    /** Rows and columns. */
    @Param({"32x4096", "512x768", "2048x1024", "2048x4096"})
    public String shape;

    /** Called by JMH. */
    public ResidualNormalizationBackwardBenchmark() {}

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
