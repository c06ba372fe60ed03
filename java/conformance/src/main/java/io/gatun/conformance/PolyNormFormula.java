/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

/**
 * PolyNorm of one row in float64, and what errors are relative to.
 *
 * @param a the bias, then the weights
 * @param eps added to the mean of each power
 */
record PolyNormFormula(double[] a, double eps) {
    int order() {
        return a.length - 1;
    }

    /** 1 / sqrt(mean of x^(2 p) + eps) for p from 1 on, of values whose powers float64 holds. */
    double[] rho(double[] x) {
        double[] rho = new double[order()];
        for (int p = 1; p <= rho.length; p++) {
            double sum = 0;
            for (double value : x) {
                sum += Math.pow(value, 2 * p);
            }
            rho[p - 1] = 1 / Math.sqrt(sum / x.length + eps);
        }
        return rho;
    }

    double value(double[] rho, double x) {
        double sum = a[0];
        for (int p = 1; p < a.length; p++) {
            sum += a[p] * rho[p - 1] * Math.pow(x, p);
        }
        return sum;
    }

    double scale(double[] rho, double x) {
        double sum = Math.abs(a[0]);
        for (int p = 1; p < a.length; p++) {
            sum += Math.abs(a[p]) * rho[p - 1] * Math.pow(Math.abs(x), p);
        }
        return sum;
    }

    /** That of the gradient of x for magnitudes of dy; adds those of the coefficients to sums. */
    double[] scaleOfGradient(double[] x, double[] upstream, double[] sums) {
        double[] rho = rho(x);
        double[] scale = new double[x.length];
        for (int p = 1; p < a.length; p++) {
            double product = 0;
            for (int i = 0; i < x.length; i++) {
                product += upstream[i] * rho[p - 1] * Math.pow(Math.abs(x[i]), p);
            }
            sums[p] += product;
            for (int i = 0; i < x.length; i++) {
                double power = rho[p - 1] * Math.pow(Math.abs(x[i]), p - 1);
                double through = power * Math.abs(x[i]) * product / x.length;
                scale[i] += Math.abs(a[p]) * p * power * (upstream[i] + through);
            }
        }
        for (double value : upstream) {
            sums[0] += value;
        }
        return scale;
    }
}
