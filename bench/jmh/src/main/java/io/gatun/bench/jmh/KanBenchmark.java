/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import org.openjdk.jmh.annotations.Param;

/** Kolmogorov-Arnold networks. */
public class KanBenchmark extends OperationBenchmark {
    /** The operation. */
    @Param({
        "kan_basis:b-spline",
        "kan_basis:chebyshev",
        "kan_basis:fourier",
        "kan_basis:gaussian",
        "kan_basis_backward:b-spline",
        "kan_basis_backward:chebyshev",
        "kan_basis_backward:fourier",
        "kan_basis_backward:gaussian",
        "kan_layer:b-spline",
        "kan_layer:chebyshev",
        "kan_layer:fourier",
        "kan_layer:gaussian",
        "kan_layer_backward:b-spline",
        "kan_layer_backward:chebyshev",
        "kan_layer_backward:fourier",
        "kan_layer_backward:gaussian",
        "kan_window_basis:relu-kan",
        "kan_window_basis:af-kan",
        "kan_window_basis_backward:relu-kan",
        "kan_window_basis_backward:af-kan"
    })
    public String operation;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]"})
    public String contender;

    /** Rows and columns. */
    @Param({"64x784", "4096x512"})
    public String shape;

    /** Called by JMH. */
    public KanBenchmark() {}

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
