/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.NormKind;

/** The normalization of one row in float64, and its gradient. */
final class NormRow {
    private final boolean centered;
    private final double mean;
    private final double scale;
    private final double[] normalized;

    NormRow(NormKind kind, double[] x) {
        centered = kind == NormKind.LAYER;
        double sum = 0;
        for (int i = 0; centered && i < x.length; i++) {
            sum += x[i];
        }
        mean = sum / x.length;
        double squares = 0;
        for (double value : x) {
            squares += (value - mean) * (value - mean);
        }
        scale = 1 / Math.sqrt(squares / x.length + Workload.EPS);
        normalized = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            normalized[i] = (x[i] - mean) * scale;
        }
    }

    double mean() {
        return mean;
    }

    double scale() {
        return scale;
    }

    /** The result; beta may be null. */
    double[] apply(double[] gamma, double[] beta) {
        double[] y = new double[normalized.length];
        for (int i = 0; i < y.length; i++) {
            y[i] = normalized[i] * gamma[i] + (beta == null ? 0 : beta[i]);
        }
        return y;
    }

    /** The gradient of the row. */
    double[] gradient(double[] upstream, double[] gamma) {
        double sum = 0;
        double product = 0;
        double[] g = new double[upstream.length];
        for (int i = 0; i < g.length; i++) {
            g[i] = upstream[i] * gamma[i];
            sum += g[i];
            product += g[i] * normalized[i];
        }
        double first = centered ? sum / g.length : 0;
        for (int i = 0; i < g.length; i++) {
            g[i] = scale * (g[i] - first - normalized[i] * product / g.length);
        }
        return g;
    }

    /** The magnitudes of what {@link #gradient} is made of, from those of the upstream gradient. */
    double[] gradientScale(double[] upstream, double[] gamma) {
        double sum = 0;
        double product = 0;
        double[] g = new double[upstream.length];
        for (int i = 0; i < g.length; i++) {
            g[i] = upstream[i] * Math.abs(gamma[i]);
            sum += g[i];
            product += g[i] * (1 + Math.abs(normalized[i]));
        }
        double first = centered ? sum / g.length : 0;
        for (int i = 0; i < g.length; i++) {
            g[i] = scale * (g[i] + first + (1 + Math.abs(normalized[i])) * product / g.length);
        }
        return g;
    }

    /** This row's part of the gradient of gamma. */
    double[] gammaGradient(double[] upstream) {
        double[] part = new double[upstream.length];
        for (int i = 0; i < part.length; i++) {
            part[i] = upstream[i] * normalized[i];
        }
        return part;
    }

    /** The magnitudes of that, from those of the upstream gradient. */
    double[] gammaScale(double[] upstream) {
        double[] part = new double[upstream.length];
        for (int i = 0; i < part.length; i++) {
            part[i] = upstream[i] * (1 + Math.abs(normalized[i]));
        }
        return part;
    }
}
