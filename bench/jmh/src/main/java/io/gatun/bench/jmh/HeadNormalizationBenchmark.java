/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import org.openjdk.jmh.annotations.Param;

/** RMSNorm of each head of queries, keys and values: tokens and columns of a head. */
public class HeadNormalizationBenchmark extends OperationBenchmark {
    /** The operation. */
    @Param({"qkv_head_rms_norm", "qkv_head_rms_norm_backward"})
    public String operation;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]"})
    public String contender;

    /** Rows and columns. */
    @Param({"512x64", "4096x64", "4096x128"})
    public String shape;

    /** Called by JMH. */
    public HeadNormalizationBenchmark() {}

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
