// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The functions of bases and their slopes by their definitions, in float64. */
final class KanFormulas {
    /** The height of the Mexican hat. */
    private static final double HAT = 2 / (Math.sqrt(3) * Math.pow(Math.PI, 0.25));

    private KanFormulas() {}

    /** Function m of a basis at x; the base is the last one. */
    static double value(KanBasis basis, int m, double x) {
        if (m == basis.functions()) {
            return x == Double.NEGATIVE_INFINITY ? -0.0 : x * sigma(x);
        }
        int harmonics = basis.functions() / 2;
        double t = basis.kind().onGrid() ? steps(basis, m, x) : 0;
        if (Double.isInfinite(t)) {
            return 0;
        }
        return switch (basis.kind()) {
            case B_SPLINE -> spline(basis.degree(), t);
            case CHEBYSHEV -> chebyshev(m, Math.tanh(x));
            case FOURIER ->
                    m < harmonics ? Math.cos((m + 1) * x) : Math.sin((m - harmonics + 1) * x);
            case GAUSSIAN -> Math.exp(-t * t);
            case WAVELET -> HAT * (1 - t * t) * Math.exp(-t * t / 2);
        };
    }

    /** The derivative of function m at x. */
    static double slope(KanBasis basis, int m, double x) {
        if (m == basis.functions()) {
            return Double.isInfinite(x) ? x > 0 ? 1 : 0 : sigma(x) * (1 + x * (1 - sigma(x)));
        }
        int harmonics = basis.functions() / 2;
        double t = basis.kind().onGrid() ? steps(basis, m, x) : 0;
        if (Double.isInfinite(t)) {
            return 0;
        }
        return switch (basis.kind()) {
            case B_SPLINE -> splineSlope(basis.degree(), t) / step(basis);
            case CHEBYSHEV -> chebyshevSlope(m, x);
            case FOURIER -> {
                int k = m % harmonics + 1;
                yield m < harmonics ? -k * Math.sin(k * x) : k * Math.cos(k * x);
            }
            case GAUSSIAN -> -2 * t * Math.exp(-t * t) / step(basis);
            case WAVELET -> HAT * t * (t * t - 3) * Math.exp(-t * t / 2) / step(basis);
        };
    }

    /** The distance between the centres of neighbouring functions. */
    static double step(KanBasis basis) {
        int steps =
                basis.kind() == KanBasisKind.B_SPLINE
                        ? basis.functions() - basis.degree()
                        : basis.functions() - 1;
        return ((double) basis.high() - basis.low()) / steps;
    }

    /** From the first knot of a B-spline, or from the centre of a bell. */
    private static double steps(KanBasis basis, int m, double x) {
        int knots = basis.kind() == KanBasisKind.B_SPLINE ? basis.degree() : 0;
        return (x - basis.low()) / step(basis) + knots - m;
    }

    /** The B-spline of a degree whose knots are 0, 1, 2, ...: Cox and de Boor. */
    private static double spline(int degree, double t) {
        if (Double.isNaN(t)) {
            return t;
        }
        if (degree == 0) {
            return t >= 0 && t < 1 ? 1 : 0;
        }
        return (t * spline(degree - 1, t) + (degree + 1 - t) * spline(degree - 1, t - 1)) / degree;
    }

    private static double splineSlope(int degree, double t) {
        return spline(degree - 1, t) - spline(degree - 1, t - 1);
    }

    private static double chebyshev(int m, double t) {
        return m == 0 ? 1 : Math.cos(m * Math.acos(t));
    }

    /** {@code m U[m - 1](tanh x) / cosh(x)^2}, where the recurrence of U has no poles. */
    private static double chebyshevSlope(int m, double x) {
        double t = Math.tanh(x);
        double before = 0;
        double u = 1;
        for (int i = 1; i < m; i++) {
            double next = 2 * t * u - before;
            before = u;
            u = next;
        }
        double cosh = Math.cosh(x);
        return m == 0 || Double.isInfinite(cosh) ? 0 : m * u / (cosh * cosh);
    }

    private static double sigma(double x) {
        return 1 / (1 + Math.exp(-x));
    }
}
