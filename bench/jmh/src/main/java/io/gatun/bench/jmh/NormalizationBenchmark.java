/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import org.openjdk.jmh.annotations.Param;

/** Every contender on one normalization. */
public class NormalizationBenchmark extends OperationBenchmark {
    /** The operation. */
    @Param({"layer_norm", "rms_norm"})
    public String operation;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]", "Vector API", "Vector API float[]", "Java loops"})
    public String contender;

    /** Rows and columns. */
    @Param({"1x4096", "32x4096", "512x768", "2048x4096"})
    public String shape;

    /** Called by JMH. */
    public NormalizationBenchmark() {}

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
