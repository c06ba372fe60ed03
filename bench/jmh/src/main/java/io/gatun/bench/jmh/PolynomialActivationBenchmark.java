/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import org.openjdk.jmh.annotations.Param;

/** Polynomial and rational activations and sparsity masks, and their gradients. */
public class PolynomialActivationBenchmark extends OperationBenchmark {
    /** The operation. */
    @Param({
        "poly_relu",
        "poly_relu_backward",
        "poly_eval",
        "poly_eval_backward",
        "poly_norm",
        "poly_norm_backward",
        "poly_norm_mul",
        "poly_norm_mul_backward",
        "rational:term-wise",
        "rational:sum",
        "rational_backward:term-wise",
        "rational_backward:sum",
        "threshold_mask",
        "topk_mask_rows"
    })
    public String operation;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]"})
    public String contender;

    /** Rows and columns. */
    @Param({"16x4096", "2048x4096"})
    public String shape;

    /** Called by JMH. */
    public PolynomialActivationBenchmark() {}

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
