/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import org.openjdk.jmh.annotations.Param;

/** Low-bit products with as many outputs as inputs, and the quantization of activations. */
public class LowBitBenchmark extends OperationBenchmark {
    /** The operation. */
    @Param({
        "lowbit_multiply:4-bit-g32",
        "lowbit_multiply:4-bit-g128",
        "lowbit_multiply:4-bit-g128-float",
        "lowbit_multiply:6-bit-g64",
        "lowbit_multiply:8-bit-g32",
        "int8_matmul",
        "lowbit_quantize_activations"
    })
    public String operation;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]"})
    public String contender;

    /** Rows and columns. */
    @Param({"1x4096", "32x4096", "512x4096"})
    public String shape;

    /** Called by JMH. */
    public LowBitBenchmark() {}

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
