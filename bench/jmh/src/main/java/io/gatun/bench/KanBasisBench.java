/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.KanBasis;
import io.gatun.KanLayer;
import io.gatun.Tensor;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * The functions of a Kolmogorov-Arnold network's basis, or the gradient of what they were given.
 */
final class KanBasisBench extends BenchOperation {
    static final int FUNCTIONS = 8;

    /** The bases; splines and Gaussians on [-1, 1]. */
    enum Variant {
        B_SPLINE(KanBasis.bSpline(5, 3, -1, 1), 11, 12),
        CHEBYSHEV(KanBasis.chebyshev(FUNCTIONS - 1), 3, 5),
        FOURIER(KanBasis.fourier(FUNCTIONS / 2), 3, 6),
        GAUSSIAN(KanBasis.gaussian(FUNCTIONS, -1, 1), 3, 7);

        final KanBasis basis;
        private final int forwardFlops;
        private final int backwardFlops;

        Variant(KanBasis basis, int forwardFlops, int backwardFlops) {
            this.basis = basis;
            this.forwardFlops = forwardFlops;
            this.backwardFlops = backwardFlops;
        }

        /** From the first knot, or from the first centre, in steps. */
        private double steps(double x) {
            return this == B_SPLINE ? (x + 1) * 2.5 + 3 : (x + 1) * 3.5;
        }

        double value(int m, double x) {
            return switch (this) {
                case B_SPLINE -> spline(3, steps(x) - m);
                case CHEBYSHEV -> Math.cos(m * Math.acos(Math.tanh(x)));
                case FOURIER -> m < 4 ? Math.cos((m + 1) * x) : Math.sin((m - 3) * x);
                case GAUSSIAN -> Math.exp(-Math.pow(steps(x) - m, 2));
            };
        }

        double slope(int m, double x) {
            int k = m % 4 + 1;
            return switch (this) {
                case B_SPLINE -> 2.5 * (spline(2, steps(x) - m) - spline(2, steps(x) - m - 1));
                case CHEBYSHEV -> {
                    double angle = Math.acos(Math.tanh(x));
                    double ofAngle = m == 0 ? 0 : m * Math.sin(m * angle) / Math.sin(angle);
                    yield ofAngle / Math.pow(Math.cosh(x), 2);
                }
                case FOURIER -> m < 4 ? -k * Math.sin(k * x) : k * Math.cos(k * x);
                case GAUSSIAN -> -7 * (steps(x) - m) * Math.exp(-Math.pow(steps(x) - m, 2));
            };
        }

        /** What rounding errors of a slope are relative to, besides the slope. */
        double slopeScale(int m, double x) {
            return switch (this) {
                case B_SPLINE -> 2.5;
                case CHEBYSHEV -> m * m / Math.pow(Math.cosh(x), 2);
                case FOURIER -> m % 4 + 1;
                case GAUSSIAN -> 3.5;
            };
        }

        /** With knots 0, 1, 2, ...: Cox and de Boor. */
        private static double spline(int degree, double t) {
            if (degree == 0) {
                return t >= 0 && t < 1 ? 1 : 0;
            }
            double left = t * spline(degree - 1, t);
            return (left + (degree + 1 - t) * spline(degree - 1, t - 1)) / degree;
        }
    }

    private final Variant of;
    private final boolean backward;

    KanBasisBench(Variant of, boolean backward) {
        super(
                backward ? "kan_basis_backward" : "kan_basis",
                of.name().toLowerCase(Locale.ROOT).replace('_', '-'));
        this.of = of;
        this.backward = backward;
    }

    @Override
    List<Operand> operands() {
        return backward
                ? List.of(
                        Operand.data("x"),
                        Operand.functions("dphi"),
                        Operand.result("dx", Operand.Extent.FULL))
                : List.of(Operand.data("x"), Operand.result("phi", Operand.Extent.FUNCTIONS));
    }

    @Override
    int functions() {
        return FUNCTIONS;
    }

    /** Of the functions alone, not of tanh, sine and cosine of x. */
    @Override
    int flops() {
        return FUNCTIONS * (backward ? of.backwardFlops : of.forwardFlops);
    }

    @Override
    boolean isQuick() {
        return of == Variant.B_SPLINE;
    }

    @Override
    void define(Evaluation row) {
        double[] x = row.input("x");
        if (!backward) {
            double[] phi = new double[FUNCTIONS * x.length];
            for (int i = 0; i < phi.length; i++) {
                phi[i] = of.value(i / x.length, x[i % x.length]);
            }
            row.expect("phi", phi);
            return;
        }
        double[] dphi = row.input("dphi");
        double[] dx = new double[x.length];
        double[] scales = new double[x.length];
        for (int i = 0; i < dphi.length; i++) {
            int column = i % x.length;
            int m = i / x.length;
            double slope = of.slope(m, x[column]);
            dx[column] += dphi[i] * slope;
            scales[column] += Math.abs(dphi[i]) * (Math.abs(slope) + of.slopeScale(m, x[column]));
        }
        row.expect("dx", dx, scales);
    }

    @Override
    Runnable gatun(Function<String, Tensor> tensors) {
        Tensor x = tensors.apply("x");
        if (!backward) {
            Tensor phi = tensors.apply("phi");
            return () -> KanLayer.basis(of.basis, x, phi);
        }
        Tensor dphi = tensors.apply("dphi");
        Tensor dx = tensors.apply("dx");
        return () -> KanLayer.basisBackward(of.basis, dphi, x, dx);
    }
}
