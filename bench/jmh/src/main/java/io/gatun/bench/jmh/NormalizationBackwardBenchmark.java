/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import org.openjdk.jmh.annotations.Param;

/** Every contender on the gradients of one normalization. */
public class NormalizationBackwardBenchmark extends OperationBenchmark {
    /** The operation. */
    @Param({"layer_norm_backward", "rms_norm_backward"})
    public String operation;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]", "Vector API", "Vector API float[]", "Java loops"})
    public String contender;

    /** Rows and columns. */
    @Param({"32x4096", "512x768", "2048x1024", "2048x4096"})
    public String shape;

    /** Called by JMH. */
    public NormalizationBackwardBenchmark() {}

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
