// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The normalization of one row by its definition, in float64: {@code xh = (x - mean) * scale}.
 *
 * @param mean the mean of the row; 0 for RMSNorm
 * @param scale the reciprocal scale r
 * @param slope the factor k of a backward pass, which {@link EpsMode} determines
 */
record RowScale(double mean, double scale, double slope) {
    /** From the first {@code counted} columns of the row. */
    static RowScale of(NormKind kind, double[] x, long counted, NormOptions options) {
        double mean = kind == NormKind.LAYER ? mean(x) : 0;
        double sum = 0;
        for (int column = 0; column < counted; column++) {
            double distance = x[column] - mean;
            sum += distance * distance;
        }
        double meanSquare = sum / counted;
        double eps = options.eps();
        return switch (options.epsMode()) {
            case IN_SQRT -> new RowScale(mean, 1 / Math.sqrt(meanSquare + eps), 1);
            case ADD -> {
                double root = Math.sqrt(meanSquare);
                double scale = 1 / (root + eps);
                yield new RowScale(mean, scale, root == 0 ? 0 : 1 / (root * scale));
            }
            case CLAMP -> {
                double norm = Math.sqrt(counted * meanSquare);
                double scale = Math.sqrt(counted) / Math.max(norm, eps);
                yield new RowScale(mean, scale, norm < eps ? 0 : 1);
            }
        };
    }

    /** As a forward pass saved it, if it did and the eps mode allows to use it; else from x. */
    static RowScale of(
            NormKind kind,
            double[] x,
            long counted,
            NormOptions options,
            NormStatistics saved,
            long row) {
        if (saved.rstd() == null || options.epsMode() != EpsMode.IN_SQRT) {
            return of(kind, x, counted, options);
        }
        double mean = kind == NormKind.LAYER ? ReferenceRows.load(saved.mean(), row) : 0;
        if (saved.meanLow() != null) {
            mean += ReferenceRows.load(saved.meanLow(), row);
        }
        return new RowScale(mean, ReferenceRows.load(saved.rstd(), row), 1);
    }

    private static double mean(double[] x) {
        double sum = 0;
        for (double value : x) {
            sum += value;
        }
        return sum / x.length;
    }

    /** {@code xh * (weightOffset + gamma) + beta}, with xh rounded first where the mode says so. */
    double[] apply(double[] x, double[] gamma, double[] beta, NormOptions options, DType dtype) {
        double[] y = new double[x.length];
        for (int column = 0; column < x.length; column++) {
            double normalized = (x[column] - mean) * scale;
            if (options.castMode() == CastMode.LLAMA) {
                normalized = Elements.round(dtype, normalized);
            }
            y[column] = normalized * factor(gamma, column, options);
            if (beta != null) {
                y[column] += beta[column];
            }
        }
        return y;
    }

    /**
     * The gradient of x for that of the result, {@code r * (g - mean of g - k * xh * sum of (g *
     * xh) / n)}; adds the gradients of gamma and beta to the sums.
     */
    double[] gradient(
            NormKind kind,
            double[] dy,
            double[] x,
            long counted,
            double[] gamma,
            NormOptions options,
            double[] dgamma,
            double[] dbeta) {
        double sum = 0;
        double product = 0;
        for (int column = 0; column < x.length; column++) {
            double normalized = (x[column] - mean) * scale;
            double g = dy[column] * factor(gamma, column, options);
            sum += g;
            product += g * normalized;
            dgamma[column] += dy[column] * normalized;
            dbeta[column] += dy[column];
        }
        double meanOfG = kind == NormKind.LAYER ? sum / x.length : 0;
        double[] dx = new double[x.length];
        for (int column = 0; column < x.length; column++) {
            double normalized = (x[column] - mean) * scale;
            double g = dy[column] * factor(gamma, column, options);
            double through = column < counted ? slope * normalized * (product / counted) : 0;
            dx[column] = scale * (g - meanOfG - through);
        }
        return dx;
    }

    private static double factor(double[] gamma, int column, NormOptions options) {
        return gamma == null ? 1 : options.weightOffset() + gamma[column];
    }
}
