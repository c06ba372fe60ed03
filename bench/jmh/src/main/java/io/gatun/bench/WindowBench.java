/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.KanCombination;
import io.gatun.KanInner;
import io.gatun.KanLayer;
import io.gatun.KanWindows;
import io.gatun.Tensor;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/** Functions between learnable ends, those of each column its own, or their gradients. */
final class WindowBench extends BenchOperation {
    private static final int FUNCTIONS = 8;

    /** Both combine by {@code (u v)^2}. */
    enum Variant {
        RELU_KAN(KanInner.RELU),
        AF_KAN(KanInner.SILU);

        private final KanWindows windows;

        Variant(KanInner inner) {
            windows = new KanWindows(inner, KanCombination.QUAD1, FUNCTIONS, 1);
        }

        double inner(double t) {
            return this == RELU_KAN ? Math.max(t, 0) : t / (1 + Math.exp(-t));
        }

        double slope(double t) {
            double sigma = 1 / (1 + Math.exp(-t));
            return this == RELU_KAN ? t > 0 ? 1 : 0 : sigma * (1 + t * (1 - sigma));
        }
    }

    private final Variant of;
    private final boolean backward;

    WindowBench(Variant of, boolean backward) {
        super(
                backward ? "kan_window_basis_backward" : "kan_window_basis",
                of.name().toLowerCase(Locale.ROOT).replace('_', '-'));
        this.of = of;
        this.backward = backward;
    }

    @Override
    List<Operand> operands() {
        return backward
                ? List.of(
                        Operand.data("x"),
                        Operand.ends("starts", -1),
                        Operand.ends("ends", 1),
                        Operand.functions("dphi"),
                        Operand.result("dx", Operand.Extent.FULL),
                        Operand.result("dstarts", Operand.Extent.ENDS),
                        Operand.result("dends", Operand.Extent.ENDS))
                : List.of(
                        Operand.data("x"),
                        Operand.ends("starts", -1),
                        Operand.ends("ends", 1),
                        Operand.result("phi", Operand.Extent.FUNCTIONS));
    }

    @Override
    int functions() {
        return FUNCTIONS;
    }

    /** Without those of SiLU. */
    @Override
    int flops() {
        return FUNCTIONS * (backward ? 16 : 7);
    }

    @Override
    boolean countsVectors() {
        return true;
    }

    @Override
    boolean isQuick() {
        return of == Variant.RELU_KAN;
    }

    private static double slack(double t) {
        return (1 + Math.abs(t)) * Math.exp(-Math.abs(t));
    }

    @Override
    void define(Evaluation row) {
        double[] x = row.input("x");
        double[] starts = row.input("starts");
        double[] ends = row.input("ends");
        double[] dphi = backward ? row.input("dphi") : null;
        double[] phi = new double[starts.length];
        double[] phiScales = new double[starts.length];
        double[] dx = new double[x.length];
        double[] dxScales = new double[x.length];
        double[] dstarts = new double[starts.length];
        double[] dends = new double[starts.length];
        double[] scales = new double[starts.length];
        for (int i = 0; i < starts.length; i++) {
            int column = i % x.length;
            double from = x[column] - starts[i];
            double to = ends[i] - x[column];
            double u = of.inner(from);
            double v = of.inner(to);
            double upperU = Math.abs(u) + slack(from);
            double upperV = Math.abs(v) + slack(to);
            phi[i] = u * v * u * v;
            phiScales[i] = upperU * upperV * upperU * upperV;
            if (backward) {
                dstarts[i] = -dphi[i] * 2 * u * v * v * of.slope(from);
                dends[i] = dphi[i] * 2 * v * u * u * of.slope(to);
                dx[column] -= dstarts[i] + dends[i];
                scales[i] =
                        Math.abs(dphi[i])
                                * 2
                                * upperU
                                * upperV
                                * (upperV * (Math.abs(of.slope(from)) + slack(from))
                                        + upperU * (Math.abs(of.slope(to)) + slack(to)));
                dxScales[column] += scales[i];
            }
        }
        if (backward) {
            row.expect("dx", dx, dxScales);
            row.add("dstarts", dstarts, scales);
            row.add("dends", dends, scales);
        } else {
            row.expect("phi", phi, phiScales);
        }
    }

    @Override
    Runnable gatun(Function<String, Tensor> tensors) {
        Tensor x = tensors.apply("x");
        Tensor starts = tensors.apply("starts");
        Tensor ends = tensors.apply("ends");
        if (!backward) {
            Tensor phi = tensors.apply("phi");
            return () -> KanLayer.windows(of.windows, x, starts, ends, phi);
        }
        Tensor dphi = tensors.apply("dphi");
        Tensor dx = tensors.apply("dx");
        Tensor dstarts = tensors.apply("dstarts");
        Tensor dends = tensors.apply("dends");
        return () ->
                KanLayer.windowsBackward(
                        of.windows, dphi, x, starts, ends, dx, dstarts, dends, false);
    }
}
