/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.EpsMode;
import io.gatun.NormKind;

/**
 * One normalization of rows in float64, written down a second time: finite differences of it check
 * gradients without the reference device, and its terms say how large errors may be.
 *
 * @param counted how many leading columns the statistics are of
 * @param gamma null for a factor of 1
 */
record Formula(
        NormKind kind,
        float eps,
        EpsMode epsMode,
        int counted,
        float weightOffset,
        double[] gamma) {

    /** The scale r, the factor k of a backward pass, and the normalized row. */
    record Terms(double scale, double slope, double[] normalized) {}

    Formula withGamma(double[] other) {
        return new Formula(kind, eps, epsMode, counted, weightOffset, other);
    }

    Terms terms(double[] x) {
        double mean = 0;
        for (int i = 0; kind == NormKind.LAYER && i < x.length; i++) {
            mean += x[i] / x.length;
        }
        double square = 0;
        for (int i = 0; i < counted; i++) {
            square += (x[i] - mean) * (x[i] - mean);
        }
        double root = Math.sqrt(square / counted);
        double norm = Math.sqrt(square);
        double scale =
                switch (epsMode) {
                    case IN_SQRT -> 1 / Math.sqrt(square / counted + eps);
                    case ADD -> 1 / (root + eps);
                    case CLAMP -> Math.sqrt(counted) / Math.max(norm, eps);
                };
        double slope =
                switch (epsMode) {
                    case IN_SQRT -> 1;
                    case ADD -> root == 0 ? 0 : 1 / (root * scale);
                    case CLAMP -> norm < eps ? 0 : 1;
                };
        double[] normalized = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            normalized[i] = (x[i] - mean) * scale;
        }
        return new Terms(scale, slope, normalized);
    }

    double factor(int column) {
        return gamma == null ? 1 : weightOffset + gamma[column];
    }

    /** The normalization; beta may be null. */
    double[] apply(double[] x, double[] beta) {
        double[] y = terms(x).normalized;
        for (int i = 0; i < y.length; i++) {
            y[i] = y[i] * factor(i) + (beta == null ? 0 : beta[i]);
        }
        return y;
    }

    /**
     * What errors of a gradient are relative to: the sum of the magnitudes of the terms that it is
     * made of, with {@code 1 + |xh|} for each xh. Takes that of the upstream gradient, and adds
     * those of the gradients of gamma and beta to the sums.
     */
    double[] scaleOfGradient(
            double[] x, double[] upstream, double[] gammaScale, double[] betaScale) {
        Terms terms = terms(x);
        double sum = 0;
        double product = 0;
        double[] scale = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            double ofNormalized = 1 + Math.abs(terms.normalized[i]);
            gammaScale[i] += upstream[i] * ofNormalized;
            betaScale[i] += upstream[i];
            scale[i] = upstream[i] * Math.abs(factor(i));
            sum += scale[i];
            product += scale[i] * ofNormalized;
        }
        for (int i = 0; i < x.length; i++) {
            if (kind == NormKind.LAYER) {
                scale[i] += sum / counted;
            }
            if (i < counted) {
                double ofNormalized = 1 + Math.abs(terms.normalized[i]);
                scale[i] += terms.slope * ofNormalized * product / counted;
            }
            scale[i] *= terms.scale;
        }
        return scale;
    }
}
