/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.NormGradients;
import io.gatun.NormKind;
import io.gatun.NormStatistics;
import io.gatun.ResidualNormalization;
import io.gatun.ResidualOptions;
import io.gatun.Tensor;
import io.gatun.bench.ResidualBench.Form;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * The gradients of the operations that join normalization and residual addition, with saved
 * statistics. alpha is 1, so where the gradient of the residual is also that of the sublayer or of
 * h it is not written again.
 */
final class ResidualBackwardBench extends BenchOperation {
    private final Form form;
    private final NormKind kind;

    ResidualBackwardBench(Form form, NormKind kind) {
        super(form.function + "_backward", ResidualBench.variant(kind));
        this.form = form;
        this.kind = kind;
    }

    /** The gradient that comes from above. */
    private String upstream() {
        return form == Form.NORM_ADD ? "dh" : "dy";
    }

    /** What the last normalization was of. */
    private String normalized() {
        return form == Form.NORM_ADD ? "x" : "h";
    }

    @Override
    List<Operand> operands() {
        List<Operand> list = new ArrayList<>();
        list.add(Operand.data(upstream()));
        if (form != Form.NORM_ADD) {
            list.add(Operand.data("dh_in"));
        }
        if (form == Form.NORM_ADD_NORM) {
            list.add(Operand.data("x"));
        }
        list.add(Operand.data(normalized()));
        for (String suffix : form.suffixes()) {
            list.add(Operand.gamma("gamma" + suffix));
            list.addAll(NormBackwardBench.statistics(kind, suffix));
        }
        list.add(Operand.result("dx", Operand.Extent.FULL));
        if (form == Form.NORM_ADD_NORM) {
            list.add(Operand.result("dresidual", Operand.Extent.FULL));
        }
        form.suffixes().forEach(suffix -> list.addAll(NormBackwardBench.gradients(kind, suffix)));
        return list;
    }

    /** Those of each normalization, and the sum with dh_in. */
    @Override
    int flops() {
        return form.suffixes().size() * NormBackwardBench.flops(kind)
                + (form == Form.NORM_ADD ? 0 : 1);
    }

    @Override
    boolean countsVectors() {
        return true;
    }

    @Override
    boolean isQuick() {
        return kind == NormKind.RMS;
    }

    @Override
    void derive(Workload workload) {
        NormBackwardBench.derive(kind, workload, normalized(), form.suffixes().getLast());
        if (form == Form.NORM_ADD_NORM) {
            NormBackwardBench.derive(kind, workload, "x", form.suffixes().getFirst());
        }
    }

    @Override
    void define(Evaluation row) {
        String suffix = form.suffixes().getLast();
        double[] upstream = row.input(upstream());
        double[] magnitudes = Evaluation.magnitudes(upstream);
        double[] gamma = row.input("gamma" + suffix);
        NormRow norm = new NormRow(kind, row.input(normalized()));
        NormBackwardBench.defineParameters(kind, row, norm, upstream, magnitudes, suffix);
        double[] gradient = norm.gradient(upstream, gamma);
        double[] scale = norm.gradientScale(magnitudes, gamma);
        if (form != Form.NORM_ADD) {
            double[] dh = row.input("dh_in");
            for (int i = 0; i < dh.length; i++) {
                gradient[i] += dh[i];
                scale[i] += Math.abs(dh[i]);
            }
        }
        if (form != Form.NORM_ADD_NORM) {
            row.expect("dx", gradient, scale);
            return;
        }
        row.expect("dresidual", gradient, scale);
        suffix = form.suffixes().getFirst();
        gamma = row.input("gamma" + suffix);
        norm = new NormRow(kind, row.input("x"));
        NormBackwardBench.defineParameters(kind, row, norm, gradient, scale, suffix);
        row.expect("dx", norm.gradient(gradient, gamma), norm.gradientScale(scale, gamma));
    }

    @Override
    Runnable gatun(Function<String, Tensor> tensors) {
        ResidualOptions options = ResidualBench.options(kind);
        Tensor upstream = tensors.apply(upstream());
        Tensor normalized = tensors.apply(normalized());
        Tensor dx = tensors.apply("dx");
        String first = form.suffixes().getFirst();
        String last = form.suffixes().getLast();
        Tensor gamma1 = tensors.apply("gamma" + first);
        Tensor gamma2 = tensors.apply("gamma" + last);
        NormStatistics statistics1 = NormBackwardBench.statistics(kind, tensors, first);
        NormStatistics statistics2 = NormBackwardBench.statistics(kind, tensors, last);
        NormGradients gradients1 = NormBackwardBench.gradients(kind, tensors, first);
        NormGradients gradients2 = NormBackwardBench.gradients(kind, tensors, last);
        if (form == Form.NORM_ADD) {
            return () ->
                    ResidualNormalization.normResidualAddBackward(
                            upstream,
                            normalized,
                            null,
                            gamma2,
                            options,
                            statistics2,
                            dx,
                            null,
                            gradients2);
        }
        Tensor above = tensors.apply("dh_in");
        if (form == Form.ADD_NORM) {
            return () ->
                    ResidualNormalization.residualAddNormBackward(
                            upstream,
                            above,
                            normalized,
                            gamma2,
                            options,
                            statistics2,
                            dx,
                            null,
                            gradients2);
        }
        Tensor x = tensors.apply("x");
        Tensor dresidual = tensors.apply("dresidual");
        return () ->
                ResidualNormalization.normAddNormBackward(
                        upstream,
                        above,
                        x,
                        normalized,
                        gamma1,
                        gamma2,
                        options,
                        statistics1,
                        statistics2,
                        dx,
                        dresidual,
                        gradients1,
                        gradients2);
    }

    /** Without dh_in and with alpha 1 the gradients are those of the normalization alone. */
    @Override
    BiFunction<Workload, RowPool, Runnable> separately() {
        return form == Form.NORM_ADD ? null : this::separateCalls;
    }

    private Runnable separateCalls(Workload workload, RowPool pool) {
        boolean two = form == Form.NORM_ADD_NORM;
        String sum = two ? "dresidual" : "dx";
        Runnable last =
                NormBackwardBench.gatun(
                        kind, workload::tensor, "dy", "h", sum, form.suffixes().getLast());
        RowLoops add = ResidualBench.add(workload, sum, "dh_in", sum);
        Runnable first =
                two
                        ? NormBackwardBench.gatun(
                                kind, workload::tensor, sum, "x", "dx", form.suffixes().getFirst())
                        : null;
        return () -> {
            last.run();
            add.call(pool, workload.rows());
            if (first != null) {
                first.run();
            }
        };
    }
}
