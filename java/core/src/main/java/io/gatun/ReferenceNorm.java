// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Row normalization by its definition, in float64. */
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
        forward(NormKind.LAYER, x, gamma, beta, options, y, statistics);
    }

    @Override
    public void rmsNorm(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics) {
        forward(NormKind.RMS, x, gamma, beta, options, y, statistics);
    }

    private static void forward(
            NormKind kind,
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics) {
        NormChecks.requireOpen(x, gamma, beta, y, statistics);
        double[] factors = ReferenceRows.readVector(gamma);
        double[] offsets = ReferenceRows.readVector(beta);
        for (long row = 0; row < x.rows; row++) {
            double[] values = ReferenceRows.read(x, row);
            RowScale scale = RowScale.of(kind, values, counted(x, options), options);
            ReferenceRows.write(y, row, scale.apply(values, factors, offsets, options, x.dtype()));
            ReferenceRows.save(statistics, row, scale);
        }
    }

    @Override
    public void backward(
            NormKind kind,
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormOptions options,
            NormStatistics statistics,
            Tensor dx,
            NormGradients gradients) {
        NormBackwardChecks.requireOpen(dy, x, gamma, statistics, dx, gradients);
        double[] factors = ReferenceRows.readVector(gamma);
        double[] dgamma = new double[Math.toIntExact(x.columns)];
        double[] dbeta = new double[dgamma.length];
        long counted = counted(x, options);
        for (long row = 0; row < x.rows; row++) {
            double[] values = ReferenceRows.read(x, row);
            RowScale scale = RowScale.of(kind, values, counted, options, statistics, row);
            double[] upstream = ReferenceRows.read(dy, row);
            ReferenceRows.write(
                    dx,
                    row,
                    scale.gradient(
                            kind, upstream, values, counted, factors, options, dgamma, dbeta));
        }
        ReferenceRows.writeVector(gradients.dgamma(), dgamma);
        ReferenceRows.writeVector(gradients.dbeta(), dbeta);
    }

    private static long counted(Tensor x, NormOptions options) {
        return options.statisticsColumns() == 0 ? x.columns : options.statisticsColumns();
    }
}
