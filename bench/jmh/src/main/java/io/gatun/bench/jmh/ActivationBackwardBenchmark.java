/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import org.openjdk.jmh.annotations.Param;

/** The gradients of element-wise activations, gates, masks and alpha dropout. */
public class ActivationBackwardBenchmark extends OperationBenchmark {
    /** The operation. */
    @Param({
        "activation_backward:gelu",
        "activation_backward:silu",
        "activation_backward:tanh",
        "activation_output_backward:tanh",
        "activation_output_backward:sigmoid",
        "gated_activation_backward:silu",
        "gated_activation_backward:gelu",
        "activation_mask_backward",
        "alpha_dropout_backward:selu"
    })
    public String operation;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]"})
    public String contender;

    /** Rows and columns. */
    @Param({"1x65536", "2048x4096"})
    public String shape;

    /** Called by JMH. */
    public ActivationBackwardBenchmark() {}

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
