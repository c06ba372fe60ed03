// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Normalization joined with residual addition by its definition, in float64. */
final class ReferenceResidualNorm implements ResidualNormKernels {
    static final ReferenceResidualNorm INSTANCE = new ReferenceResidualNorm();

    private ReferenceResidualNorm() {}

    @Override
    public void residualAddNorm(
            Tensor x,
            Tensor bias,
            Tensor residual,
            NormParameters parameters,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics) {
        ResidualNormChecks.requireOpenResidualAddNorm(
                x, bias, residual, parameters, h, y, statistics);
        double[] added = ReferenceRows.readVector(bias);
        Norm norm = new Norm(parameters, options);
        for (long row = 0; row < x.rows; row++) {
            double[] sum =
                    ReferenceRows.addResidual(
                            options.alpha(), residual, row, ReferenceRows.read(x, row));
            ReferenceRows.add(sum, added);
            normalizeSum(norm, sum, row, h, y, statistics);
        }
    }

    /** Stores a sum, and the normalization of what is stored or of the sum as it was. */
    private static void normalizeSum(
            Norm norm, double[] sum, long row, Tensor h, Tensor y, NormStatistics statistics) {
        double[] rounded = ReferenceRows.round(y.dtype(), sum);
        boolean stored = norm.options.sumMode() == SumMode.ROUNDED;
        double[] values = stored ? rounded : ReferenceRows.round(DType.F32, sum);
        ReferenceRows.write(h, row, rounded);
        RowScale scale = norm.scale(values);
        ReferenceRows.write(y, row, norm.apply(scale, values, y.dtype()));
        ReferenceRows.save(statistics, row, scale);
    }

    @Override
    public void residualAddNormBackward(
            Tensor dy,
            Tensor dhIn,
            Tensor h,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        ResidualNormChecks.requireOpenResidualAddNormBackward(
                dy, dhIn, h, gamma, statistics, dx, dresidual, gradients);
        NormGradient norm = new NormGradient(h, gamma, options, statistics);
        double[] dbias = new double[Math.toIntExact(h.columns)];
        for (long row = 0; row < h.rows; row++) {
            double[] dh = norm.of(ReferenceRows.read(dy, row), ReferenceRows.read(h, row), row);
            ReferenceRows.add(dh, dhIn == null ? null : ReferenceRows.read(dhIn, row));
            ReferenceRows.write(dx, row, dh);
            ReferenceRows.write(dresidual, row, ReferenceRows.times(options.alpha(), dh));
            ReferenceRows.add(dbias, dh);
        }
        norm.write(gradients);
        ReferenceRows.writeVector(gradients.dbias(), dbias);
    }

    @Override
    public void normResidualAdd(
            Tensor x,
            Tensor bias,
            NormParameters parameters,
            Tensor residual,
            ResidualOptions options,
            Tensor h,
            NormStatistics statistics) {
        ResidualNormChecks.requireOpenNormResidualAdd(x, bias, parameters, residual, h, statistics);
        double[] added = ReferenceRows.readVector(bias);
        Norm norm = new Norm(parameters, options);
        for (long row = 0; row < x.rows; row++) {
            double[] values = biased(ReferenceRows.read(x, row), added);
            RowScale scale = norm.scale(values);
            ReferenceRows.write(
                    h,
                    row,
                    ReferenceRows.addResidual(
                            options.alpha(), residual, row, norm.apply(scale, values, x.dtype())));
            ReferenceRows.save(statistics, row, scale);
        }
    }

    /** {@code x + bias} is a float32 sum by definition. */
    private static double[] biased(double[] x, double[] bias) {
        double[] sum = x.clone();
        ReferenceRows.add(sum, bias);
        return bias == null ? sum : ReferenceRows.round(DType.F32, sum);
    }

    @Override
    public void normResidualAddBackward(
            Tensor dh,
            Tensor x,
            Tensor bias,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        ResidualNormChecks.requireOpenNormResidualAddBackward(
                dh, x, bias, gamma, statistics, dx, dresidual, gradients);
        double[] added = ReferenceRows.readVector(bias);
        NormGradient norm = new NormGradient(x, gamma, options, statistics);
        double[] dbias = new double[Math.toIntExact(x.columns)];
        for (long row = 0; row < x.rows; row++) {
            double[] upstream = ReferenceRows.read(dh, row);
            double[] gradient = norm.of(upstream, biased(ReferenceRows.read(x, row), added), row);
            ReferenceRows.write(dx, row, gradient);
            ReferenceRows.write(dresidual, row, ReferenceRows.times(options.alpha(), upstream));
            ReferenceRows.add(dbias, gradient);
        }
        norm.write(gradients);
        ReferenceRows.writeVector(gradients.dbias(), dbias);
    }

    @Override
    public void normAddNorm(
            Tensor x,
            NormParameters parameters1,
            Tensor residual,
            NormParameters parameters2,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics1,
            NormStatistics statistics2) {
        ResidualNormChecks.requireOpenNormAddNorm(
                x, parameters1, residual, parameters2, h, y, statistics1, statistics2);
        Norm norm1 = new Norm(parameters1, options);
        Norm norm2 = new Norm(parameters2, options);
        for (long row = 0; row < x.rows; row++) {
            double[] values = ReferenceRows.read(x, row);
            RowScale scale = norm1.scale(values);
            double[] sum =
                    ReferenceRows.addResidual(
                            options.alpha(), residual, row, norm1.apply(scale, values, x.dtype()));
            ReferenceRows.save(statistics1, row, scale);
            normalizeSum(norm2, sum, row, h, y, statistics2);
        }
    }

    @Override
    public void normAddNormBackward(
            Tensor dy,
            Tensor dhIn,
            Tensor x,
            Tensor h,
            Tensor gamma1,
            Tensor gamma2,
            ResidualOptions options,
            NormStatistics statistics1,
            NormStatistics statistics2,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients1,
            NormGradients gradients2) {
        ResidualNormChecks.requireOpenNormAddNormBackward(
                dy,
                dhIn,
                x,
                h,
                gamma1,
                gamma2,
                statistics1,
                statistics2,
                dx,
                dresidual,
                gradients1,
                gradients2);
        NormGradient norm1 = new NormGradient(x, gamma1, options, statistics1);
        NormGradient norm2 = new NormGradient(h, gamma2, options, statistics2);
        for (long row = 0; row < x.rows; row++) {
            double[] dh = norm2.of(ReferenceRows.read(dy, row), ReferenceRows.read(h, row), row);
            ReferenceRows.add(dh, dhIn == null ? null : ReferenceRows.read(dhIn, row));
            ReferenceRows.write(dx, row, norm1.of(dh, ReferenceRows.read(x, row), row));
            ReferenceRows.write(dresidual, row, ReferenceRows.times(options.alpha(), dh));
        }
        norm1.write(gradients1);
        norm2.write(gradients2);
    }

    /** One normalization of a forward pass. */
    private static final class Norm {
        final ResidualOptions options;
        private final double[] gamma;
        private final double[] beta;

        Norm(NormParameters parameters, ResidualOptions options) {
            this.options = options;
            gamma = ReferenceRows.readVector(parameters.gamma());
            beta = ReferenceRows.readVector(parameters.beta());
        }

        RowScale scale(double[] values) {
            return RowScale.of(options.kind(), values, values.length, options.norm());
        }

        double[] apply(RowScale scale, double[] values, DType dtype) {
            return scale.apply(values, gamma, beta, options.norm(), dtype);
        }
    }

    /** One normalization of a backward pass, and the sums of its parameters' gradients. */
    private static final class NormGradient {
        private final ResidualOptions options;
        private final double[] gamma;
        private final NormStatistics statistics;
        private final double[] dgamma;
        private final double[] dbeta;

        NormGradient(
                Tensor input, Tensor gamma, ResidualOptions options, NormStatistics statistics) {
            this.options = options;
            this.gamma = ReferenceRows.readVector(gamma);
            this.statistics = statistics;
            dgamma = new double[Math.toIntExact(input.columns)];
            dbeta = new double[dgamma.length];
        }

        double[] of(double[] upstream, double[] values, long row) {
            NormKind kind = options.kind();
            NormOptions norm = options.norm();
            return RowScale.of(kind, values, values.length, norm, statistics, row)
                    .gradient(kind, upstream, values, values.length, gamma, norm, dgamma, dbeta);
        }

        void write(NormGradients gradients) {
            ReferenceRows.writeVector(gradients.dgamma(), dgamma);
            ReferenceRows.writeVector(gradients.dbeta(), dbeta);
        }
    }
}
