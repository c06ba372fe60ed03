/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import org.openjdk.jmh.annotations.Param;

/** Element-wise activations, gates, masks and alpha dropout. */
public class ActivationBenchmark extends OperationBenchmark {
    /** The operation. */
    @Param({
        "activation:gelu",
        "activation:gelu-tanh",
        "activation:silu",
        "activation:sigmoid",
        "activation:tanh",
        "activation:selu",
        "activation:hard-swish",
        "gated_activation:silu",
        "gated_activation:gelu",
        "activation_mask:relu6",
        "alpha_dropout:selu"
    })
    public String operation;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]"})
    public String contender;

    /** Rows and columns. */
    @Param({"1x65536", "2048x4096"})
    public String shape;

    /** Called by JMH. */
    public ActivationBenchmark() {}

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
