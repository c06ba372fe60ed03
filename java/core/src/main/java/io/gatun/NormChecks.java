// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The argument checks of row normalization, for every device. */
final class NormChecks {
    private NormChecks() {}

    static void layerNorm(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics) {
        forward(x, gamma, beta, options, y, statistics);
        requireAllColumns(options, x);
        Tensor mean = statistics.mean();
        Tensor meanLow = statistics.meanLow();
        Tensor rstd = statistics.rstd();
        if (mean != null) {
            statistic(mean, "mean", x, gamma, beta, y);
        }
        if (meanLow != null) {
            statistic(meanLow, "meanLow", x, gamma, beta, y);
        }
        if (rstd != null) {
            statistic(rstd, "rstd", x, gamma, beta, y);
        }
        if (mean != null && meanLow != null) {
            Operands.requireDisjoint(meanLow, "meanLow", mean, "mean");
        }
        if (mean != null && rstd != null) {
            Operands.requireDisjoint(rstd, "rstd", mean, "mean");
        }
        if (meanLow != null && rstd != null) {
            Operands.requireDisjoint(rstd, "rstd", meanLow, "meanLow");
        }
    }

    static void rmsNorm(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics) {
        forward(x, gamma, beta, options, y, statistics);
        requireAtMostColumns(options, x);
        if (statistics.mean() != null || statistics.meanLow() != null) {
            throw new IllegalArgumentException(
                    (statistics.mean() != null ? "mean" : "meanLow")
                            + ": expected null, since RMS normalization takes no mean, but it is a tensor");
        }
        if (statistics.rstd() != null) {
            statistic(statistics.rstd(), "rstd", x, gamma, beta, y);
        }
    }

    static void requireAllColumns(NormOptions options, Tensor x) {
        if (options.statisticsColumns() != 0 && options.statisticsColumns() != x.columns) {
            throw new IllegalArgumentException(
                    ("statisticsColumns: expected 0 or all %s columns of x for layer "
                                    + "normalization, but it is %s")
                            .formatted(x.columns, options.statisticsColumns()));
        }
    }

    static void requireAtMostColumns(NormOptions options, Tensor x) {
        if (options.statisticsColumns() > x.columns) {
            throw new IllegalArgumentException(
                    "statisticsColumns: expected at most the %s columns of x, but it is %s"
                            .formatted(x.columns, options.statisticsColumns()));
        }
    }

    private static void forward(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics) {
        Operands.require(x, "x");
        Operands.require(y, "y");
        if (options == null) {
            throw new NullPointerException("options: expected NormOptions, but it is null");
        }
        if (statistics == null) {
            throw new NullPointerException(
                    "statistics: expected NormStatistics (NormStatistics.NONE for none), but it is null");
        }
        Operands.requireRows(x, "x");
        Operands.requireDevice(y, "y", x);
        Operands.requireType(y, "y", x.dtype(), "the type of x");
        Operands.requireShape(y, "y", x);
        Operands.requireRows(y, "y");
        Operands.requireWritable(y, "y");
        Operands.requireSameOrDisjoint(y, "y", x);
        if (gamma != null) {
            parameter(gamma, "gamma", x, y);
        }
        if (beta != null) {
            parameter(beta, "beta", x, y);
            if (gamma != null) {
                Operands.requireType(beta, "beta", gamma.dtype(), "the type of gamma");
            }
        }
    }

    private static void parameter(Tensor parameter, String name, Tensor x, Tensor y) {
        Operands.requireDevice(parameter, name, x);
        if (parameter.dtype() != DType.F32) {
            Operands.requireType(parameter, name, x.dtype(), "F32 or the type of x");
        }
        Operands.requireColumns(parameter, name, x);
        Operands.requireDisjoint(y, "y", parameter, name);
    }

    private static void statistic(
            Tensor statistic, String name, Tensor x, Tensor gamma, Tensor beta, Tensor y) {
        Operands.requireDevice(statistic, name, x);
        Operands.requireType(statistic, name, DType.F32, "statistics of every type");
        Operands.requireOneEachRow(statistic, name, x);
        Operands.requireWritable(statistic, name);
        Operands.requireDisjoint(statistic, name, x, "x");
        Operands.requireDisjoint(statistic, name, y, "y");
        if (gamma != null) {
            Operands.requireDisjoint(statistic, name, gamma, "gamma");
        }
        if (beta != null) {
            Operands.requireDisjoint(statistic, name, beta, "beta");
        }
    }

    static void requireOpen(
            Tensor x, Tensor gamma, Tensor beta, Tensor y, NormStatistics statistics) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(gamma, "gamma");
        Operands.requireOpen(beta, "beta");
        Operands.requireOpen(y, "y");
        SavedStatistics.ONLY.requireOpen(statistics);
    }
}
