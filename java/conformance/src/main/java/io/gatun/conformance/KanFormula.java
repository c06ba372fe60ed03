/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.KanBasis;
import io.gatun.KanBasisKind;

/**
 * The functions of a basis in float64, written down a second time: finite differences of them check
 * gradients without the reference device.
 */
record KanFormula(KanBasis basis) {
    /** All functions at x, the base last. */
    double[] values(double x) {
        double[] values = new double[basis.count()];
        int functions = basis.functions();
        for (int m = 0; m < functions; m++) {
            values[m] =
                    switch (basis.kind()) {
                        case B_SPLINE -> spline(fromLow(x) + basis.degree() - m);
                        case CHEBYSHEV -> chebyshev(m, Math.tanh(x));
                        case FOURIER ->
                                m < functions / 2
                                        ? Math.cos((m + 1) * x)
                                        : Math.sin((m - functions / 2 + 1) * x);
                        case GAUSSIAN -> Math.exp(-Math.pow(fromLow(x) - m, 2));
                        case WAVELET -> {
                            double square = Math.pow(fromLow(x) - m, 2);
                            double height = 2 / (Math.sqrt(3) * Math.sqrt(Math.sqrt(Math.PI)));
                            yield height * (1 - square) * Math.exp(-square / 2);
                        }
                    };
        }
        if (basis.base()) {
            values[functions] = x / (1 + Math.exp(-x));
        }
        return values;
    }

    /** What rounding errors of the slope of function m are relative to, besides the slope. */
    double slopeScale(int m, double x) {
        if (m == basis.functions()) {
            return 1;
        }
        return switch (basis.kind()) {
            case B_SPLINE, GAUSSIAN, WAVELET -> 1 / step();
            case CHEBYSHEV -> m * m / Math.pow(Math.cosh(x), 2);
            case FOURIER -> m % (basis.functions() / 2) + 1;
        };
    }

    private double step() {
        int steps =
                basis.functions() - (basis.kind() == KanBasisKind.B_SPLINE ? basis.degree() : 1);
        return ((double) basis.high() - basis.low()) / steps;
    }

    private double fromLow(double x) {
        return (x - basis.low()) / step();
    }

    /** With knots 0, 1, 2, ...: a sum of truncated powers with alternating binomials. */
    private double spline(double t) {
        int degree = basis.degree();
        double sum = 0;
        double factor = 1;
        for (int knot = 0; knot <= degree + 1 && t < degree + 1; knot++) {
            sum += factor * Math.pow(Math.max(t - knot, 0), degree);
            factor *= -(degree + 1.0 - knot) / (knot + 1);
        }
        for (int i = 2; i <= degree; i++) {
            sum /= i;
        }
        return sum;
    }

    private static double chebyshev(int m, double t) {
        double before = t;
        double value = 1;
        for (int i = 0; i < m; i++) {
            double next = 2 * t * value - before;
            before = value;
            value = next;
        }
        return value;
    }
}
