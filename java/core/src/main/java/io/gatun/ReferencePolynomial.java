// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Polynomial and rational activations by their definitions, in float64. */
final class ReferencePolynomial implements PolynomialKernels {
    static final ReferencePolynomial INSTANCE = new ReferencePolynomial();

    private ReferencePolynomial() {}

    /** {@code c[0] + c[1] t + ...}. */
    private static double horner(double[] c, double t) {
        double sum = c[c.length - 1];
        for (int power = c.length - 2; power >= 0; power--) {
            sum = sum * t + c[power];
        }
        return sum;
    }

    /** The coefficients of the derivative. */
    private static double[] derivative(double[] c) {
        double[] slopes = new double[c.length - 1];
        for (int power = 1; power < c.length; power++) {
            slopes[power - 1] = power * c[power];
        }
        return slopes;
    }

    /** Adds {@code factor * t^i} to sum i, from {@code t^first} on. */
    private static void addMoments(double[] sums, double factor, double t, int first) {
        double power = first == 0 ? 1 : t;
        for (int i = 0; i < sums.length; i++) {
            sums[i] += factor * power;
            power *= t;
        }
    }

    /** Stores gradients of coefficients in row-major order; null for a tensor not wanted. */
    private static void store(Tensor gradient, double[] sums, boolean accumulate) {
        for (int i = 0; gradient != null && i < sums.length; i++) {
            double before = accumulate ? ReferenceRows.load(gradient, i) : 0;
            ReferenceRows.store(gradient, i, before + sums[i]);
        }
    }

    @Override
    public void polynomial(
            boolean rectified, Tensor x, PolynomialCoefficients coefficients, Tensor y) {
        PolynomialChecks.requireOpen(x, coefficients, y);
        double[] a = ReferenceRows.readVector(coefficients.values());
        for (long row = 0; row < x.rows; row++) {
            double[] values = ReferenceRows.read(x, row);
            for (int i = 0; i < values.length; i++) {
                values[i] = horner(a, rectified ? Math.max(values[i], 0) : values[i]);
            }
            ReferenceRows.write(y, row, values);
        }
    }

    @Override
    public void polynomialBackward(
            boolean rectified,
            Tensor dy,
            Tensor x,
            PolynomialCoefficients coefficients,
            Tensor dx,
            Tensor dcoefficients,
            boolean accumulate) {
        PolynomialChecks.requireOpen(dy, x, coefficients, dx, dcoefficients);
        double[] a = ReferenceRows.readVector(coefficients.values());
        double[] slopes = derivative(a);
        double[] sums = new double[a.length];
        for (long row = 0; row < x.rows; row++) {
            double[] values = ReferenceRows.read(x, row);
            double[] upstream = ReferenceRows.read(dy, row);
            for (int i = 0; i < values.length; i++) {
                double t = rectified ? Math.max(values[i], 0) : values[i];
                addMoments(sums, upstream[i], t, 0);
                values[i] = rectified && values[i] <= 0 ? 0 : upstream[i] * horner(slopes, t);
            }
            ReferenceRows.write(dx, row, values);
        }
        store(dcoefficients, sums, accumulate);
    }

    /**
     * rho of one row: 1 / sqrt(mean of x^(2 p) + eps) for p from 1 on; NaN where the row has one or
     * an infinity. Rows beyond 1 are scaled, since float64 does not hold every eighth power of
     * float32 numbers.
     */
    private static double[] rho(double[] x, int order, double eps) {
        double greatest = 0;
        for (double value : x) {
            greatest = Double.isFinite(value) ? Math.max(greatest, Math.abs(value)) : Double.NaN;
            if (Double.isNaN(greatest)) {
                break;
            }
        }
        double scale = greatest > 1 ? Math.scalb(1, Math.getExponent(greatest)) : 1;
        double[] sums = new double[order];
        for (double value : x) {
            addMoments(sums, 1, (value / scale) * (value / scale), 1);
        }
        double[] rho = new double[order];
        for (int p = 1; p <= order; p++) {
            double scaledEps = eps / Math.pow(scale, 2 * p);
            rho[p - 1] =
                    Double.isNaN(greatest)
                            ? Double.NaN
                            : 1
                                    / Math.sqrt(sums[p - 1] / x.length + scaledEps)
                                    / Math.pow(scale, p);
        }
        return rho;
    }

    /** As a forward pass saved it, or anew. */
    private static double[] rho(double[] x, int order, double eps, Tensor saved, long row) {
        return saved == null ? rho(x, order, eps) : ReferenceRows.read(saved, row * order, order);
    }

    /** PolyNorm of a value. Each power meets its rho first, which is as small as it is great. */
    private static double polyNorm(double[] a, double[] rho, double x) {
        double sum = a[0];
        double power = 1;
        for (int p = 1; p < a.length; p++) {
            power *= x;
            sum += a[p] * (rho[p - 1] * power);
        }
        return sum;
    }

    @Override
    public void polyNorm(
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor y,
            Tensor rho) {
        PolynomialChecks.requireOpenPolyNorm(gate, up, coefficients, y, rho);
        double[] a = ReferenceRows.readVector(coefficients.values());
        int order = a.length - 1;
        for (long row = 0; row < gate.rows; row++) {
            double[] values = ReferenceRows.read(gate, row);
            double[] factors = up == null ? null : ReferenceRows.read(up, row);
            double[] scales = rho(values, order, eps);
            for (int i = 0; i < values.length; i++) {
                values[i] = polyNorm(a, scales, values[i]) * (factors == null ? 1 : factors[i]);
            }
            ReferenceRows.write(y, row, values);
            if (rho != null) {
                ReferenceRows.writeElements(rho, row * order, scales);
            }
        }
    }

    @Override
    public void polyNormBackward(
            Tensor dy,
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor rho,
            Tensor dgate,
            Tensor dup,
            Tensor dcoefficients,
            boolean accumulate) {
        PolynomialChecks.requireOpenPolyNorm(
                dy, gate, up, coefficients, rho, dgate, dup, dcoefficients);
        double[] a = ReferenceRows.readVector(coefficients.values());
        double[] sums = new double[a.length];
        for (long row = 0; row < gate.rows; row++) {
            double[] values = ReferenceRows.read(gate, row);
            double[] upstream = ReferenceRows.read(dy, row);
            double[] scales = rho(values, a.length - 1, eps, rho, row);
            if (up != null) {
                double[] factors = ReferenceRows.read(up, row);
                double[] gradient = upstream.clone();
                for (int i = 0; i < values.length; i++) {
                    gradient[i] *= polyNorm(a, scales, values[i]);
                    upstream[i] *= factors[i];
                }
                ReferenceRows.write(dup, row, gradient);
            }
            ReferenceRows.write(dgate, row, gradient(a, scales, upstream, values, sums));
        }
        store(dcoefficients, sums, accumulate);
    }

    /** The gradient of one row; adds the row's part of the gradient of the coefficients. */
    private static double[] gradient(
            double[] a, double[] rho, double[] upstream, double[] x, double[] sums) {
        double[] products = new double[a.length];
        for (int i = 0; i < x.length; i++) {
            sums[0] += upstream[i];
            double power = 1;
            for (int p = 1; p < a.length; p++) {
                power *= x[i];
                products[p] += upstream[i] * (rho[p - 1] * power);
            }
        }
        double[] dx = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            double power = 1;
            for (int p = 1; p < a.length; p++) {
                double through = products[p] / x.length * (rho[p - 1] * (power * x[i]));
                dx[i] += a[p] * p * (rho[p - 1] * power) * (upstream[i] - through);
                power *= x[i];
            }
        }
        for (int p = 1; p < a.length; p++) {
            sums[p] += products[p];
        }
        return dx;
    }

    /**
     * P / Q of one group, and what its gradients are made of.
     *
     * @param a the numerator's coefficients
     * @param da those of its derivative
     * @param b the denominator's
     * @param terms 0 for the constant, then b, or magnitudes of b
     * @param dterms the coefficients of the derivative of that
     * @param form what Q is
     */
    private record Rational(
            double[] a,
            double[] da,
            double[] b,
            double[] terms,
            double[] dterms,
            RationalForm form) {
        static Rational of(RationalCoefficients coefficients, long group) {
            RationalForm form = coefficients.form();
            double[] a = row(coefficients.numerator(), group);
            double[] b = row(coefficients.denominator(), group);
            double[] terms = new double[b.length + 1];
            for (int j = 0; j < b.length; j++) {
                terms[j + 1] = form == RationalForm.TERM_WISE ? Math.abs(b[j]) : b[j];
            }
            return new Rational(a, derivative(a), b, terms, derivative(terms), form);
        }

        private static double[] row(Tensor tensor, long group) {
            return ReferenceRows.read(
                    tensor, tensor.rows == 1 ? 0 : group * tensor.columns, tensor.columns);
        }

        /** What Q depends on: the magnitude, or the number as it is. */
        double argument(double x) {
            return form == RationalForm.TERM_WISE ? Math.abs(x) : x;
        }

        double denominator(double x) {
            return 1 + Math.abs(horner(terms, argument(x)));
        }

        double value(double x) {
            return horner(a, x) / denominator(x);
        }

        /** The derivative of Q by its sum. */
        double signOfSum(double x) {
            return form == RationalForm.TERM_WISE ? 1 : sign(horner(terms, x));
        }

        double slope(double x) {
            double outer = form == RationalForm.TERM_WISE ? sign(x) : signOfSum(x);
            double inner = outer * horner(dterms, argument(x));
            return (horner(da, x) - value(x) * inner) / denominator(x);
        }

        static double sign(double t) {
            return t < 0 ? -1 : 1;
        }
    }

    @Override
    public void rational(Tensor x, RationalCoefficients coefficients, Tensor y) {
        PolynomialChecks.requireOpen(x, coefficients, y);
        long groups = coefficients.groups();
        int width = Math.toIntExact(x.columns / groups);
        for (int group = 0; group < groups; group++) {
            Rational rational = Rational.of(coefficients, group);
            for (long row = 0; row < x.rows; row++) {
                double[] values =
                        ReferenceRows.read(x, row * x.rowStride + (long) group * width, width);
                for (int i = 0; i < width; i++) {
                    values[i] = rational.value(values[i]);
                }
                ReferenceRows.writeElements(y, row * y.rowStride + (long) group * width, values);
            }
        }
    }

    @Override
    public void rationalBackward(
            Tensor dy,
            Tensor x,
            RationalCoefficients coefficients,
            Tensor dx,
            Tensor dnumerator,
            Tensor ddenominator,
            boolean accumulate) {
        PolynomialChecks.requireOpen(dy, x, coefficients, dx, dnumerator, ddenominator);
        long groups = coefficients.groups();
        int width = Math.toIntExact(x.columns / groups);
        double[] above = new double[Math.toIntExact(coefficients.numerator().elementCount())];
        double[] below = new double[Math.toIntExact(coefficients.denominator().elementCount())];
        for (int group = 0; group < groups; group++) {
            Rational rational = Rational.of(coefficients, group);
            double[] moments = new double[rational.a.length];
            double[] falls = new double[rational.b.length];
            for (long row = 0; row < x.rows; row++) {
                long place = (long) group * width;
                double[] values = ReferenceRows.read(x, row * x.rowStride + place, width);
                double[] upstream = ReferenceRows.read(dy, row * dy.rowStride + place, width);
                for (int i = 0; i < width; i++) {
                    double value = values[i];
                    double h = upstream[i] / rational.denominator(value);
                    addMoments(moments, h, value, 0);
                    addMoments(
                            falls,
                            -h * rational.value(value) * rational.signOfSum(value),
                            rational.argument(value),
                            1);
                    values[i] = upstream[i] * rational.slope(value);
                }
                if (dx != null) {
                    ReferenceRows.writeElements(dx, row * dx.rowStride + place, values);
                }
            }
            for (int i = 0; i < moments.length; i++) {
                above[sharedPlace(coefficients.numerator(), group, i)] += moments[i];
            }
            for (int j = 0; j < falls.length; j++) {
                double sign =
                        rational.form == RationalForm.TERM_WISE ? Rational.sign(rational.b[j]) : 1;
                below[sharedPlace(coefficients.denominator(), group, j)] += sign * falls[j];
            }
        }
        store(dnumerator, above, accumulate);
        store(ddenominator, below, accumulate);
    }

    private static int sharedPlace(Tensor coefficients, int group, int index) {
        return (coefficients.rows == 1 ? 0 : group * (int) coefficients.columns) + index;
    }
}
