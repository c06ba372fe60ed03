/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import org.openjdk.jmh.annotations.Param;

/** The output gate of attention, with 24 heads: tokens and columns of a head. */
public class HeadGateBenchmark extends OperationBenchmark {
    /** The operation. */
    @Param({"head_gate", "head_gate_backward"})
    public String operation;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]"})
    public String contender;

    /** Rows and columns. */
    @Param({"64x128", "2048x128"})
    public String shape;

    /** Called by JMH. */
    public HeadGateBenchmark() {}

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
