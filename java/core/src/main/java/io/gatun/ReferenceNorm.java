// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Row normalization by its definition, in float64: two passes for the statistics, one for the
 * result.
 */
final class ReferenceNorm implements NormKernels {
    static final ReferenceNorm INSTANCE = new ReferenceNorm();

    private ReferenceNorm() {}

    @Override
    public void layerNorm(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics) {
        requireOpen(x, gamma, beta, y, statistics);
        for (long row = 0; row < x.rows; row++) {
            double mean = mean(x, row);
            double scale = scale(meanSquare(x, row, x.columns, mean), x.columns, options);
            apply(x, row, mean, scale, gamma, beta, options, y);
            float savedMean = (float) mean;
            save(statistics.mean(), row, savedMean);
            save(statistics.meanLow(), row, mean - savedMean);
            save(statistics.rstd(), row, scale);
        }
    }

    @Override
    public void rmsNorm(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics) {
        requireOpen(x, gamma, beta, y, statistics);
        long counted = options.statisticsColumns() == 0 ? x.columns : options.statisticsColumns();
        for (long row = 0; row < x.rows; row++) {
            double scale = scale(meanSquare(x, row, counted, 0), counted, options);
            apply(x, row, 0, scale, gamma, beta, options, y);
            save(statistics.rstd(), row, scale);
        }
    }

    private static double mean(Tensor x, long row) {
        double sum = 0;
        for (long column = 0; column < x.columns; column++) {
            sum += load(x, row, column);
        }
        return sum / x.columns;
    }

    /** The mean square distance of a row's first {@code counted} columns from {@code center}. */
    private static double meanSquare(Tensor x, long row, long counted, double center) {
        double sum = 0;
        for (long column = 0; column < counted; column++) {
            double distance = load(x, row, column) - center;
            sum += distance * distance;
        }
        return sum / counted;
    }

    private static double scale(double meanSquare, long counted, NormOptions options) {
        double eps = options.eps();
        return switch (options.epsMode()) {
            case IN_SQRT -> 1 / Math.sqrt(meanSquare + eps);
            case ADD -> 1 / (Math.sqrt(meanSquare) + eps);
            case CLAMP -> Math.sqrt(counted) / Math.max(Math.sqrt(counted * meanSquare), eps);
        };
    }

    private static void apply(
            Tensor x,
            long row,
            double mean,
            double scale,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y) {
        for (long column = 0; column < x.columns; column++) {
            double normalized = (load(x, row, column) - mean) * scale;
            if (options.castMode() == CastMode.LLAMA) {
                normalized = Elements.round(x.dtype(), normalized);
            }
            double factor =
                    gamma == null ? 1 : options.weightOffset() + (double) load(gamma, 0, column);
            double result = normalized * factor;
            if (beta != null) {
                result += load(beta, 0, column);
            }
            Elements.store(y.dtype(), y.segment(), byteOffset(y, row, column), result);
        }
    }

    private static void save(Tensor statistic, long row, double value) {
        if (statistic != null) {
            Elements.store(DType.F32, statistic.segment(), row * DType.F32.bytes(), value);
        }
    }

    private static float load(Tensor tensor, long row, long column) {
        return Elements.load(tensor.dtype(), tensor.segment(), byteOffset(tensor, row, column));
    }

    private static long byteOffset(Tensor tensor, long row, long column) {
        return (row * tensor.rowStride + column) * tensor.dtype().bytes();
    }

    /** A closed segment shall leave the output untouched, not be found half way. */
    private static void requireOpen(
            Tensor x, Tensor gamma, Tensor beta, Tensor y, NormStatistics statistics) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(gamma, "gamma");
        Operands.requireOpen(beta, "beta");
        Operands.requireOpen(y, "y");
        Operands.requireOpen(statistics.mean(), "mean");
        Operands.requireOpen(statistics.meanLow(), "meanLow");
        Operands.requireOpen(statistics.rstd(), "rstd");
    }
}
