// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Conversion of weights by its definition, in float64. */
final class ReferenceWeights implements WeightKernels {
    static final ReferenceWeights INSTANCE = new ReferenceWeights();

    private ReferenceWeights() {}

    @Override
    public void zeroMeanRows(Tensor weight, FeatureAxis features, Tensor out) {
        WeightChecks.requireOpen(weight, out);
        double[] columnMeans = new double[Math.toIntExact(weight.columns)];
        for (long row = 0; features == FeatureAxis.ROWS && row < weight.rows; row++) {
            ReferenceRows.add(columnMeans, ReferenceRows.read(weight, row));
        }
        for (int column = 0; column < columnMeans.length; column++) {
            columnMeans[column] /= weight.rows;
        }
        for (long row = 0; row < weight.rows; row++) {
            double[] values = ReferenceRows.read(weight, row);
            double sum = 0;
            for (double value : values) {
                sum += value;
            }
            for (int column = 0; column < values.length; column++) {
                values[column] -=
                        features == FeatureAxis.ROWS ? columnMeans[column] : sum / values.length;
            }
            ReferenceRows.write(out, row, values);
        }
    }

    @Override
    public void foldAffine(
            Tensor weight,
            Tensor bias,
            NormParameters parameters,
            float weightOffset,
            Tensor weightOut,
            Tensor biasOut) {
        WeightChecks.requireOpen(weight, bias, parameters, weightOut, biasOut);
        double[] gamma = ReferenceRows.readVector(parameters.gamma());
        double[] beta = ReferenceRows.readVector(parameters.beta());
        for (long row = 0; row < weight.rows; row++) {
            double[] values = ReferenceRows.read(weight, row);
            double sum = bias == null ? 0 : ReferenceRows.load(bias, row);
            for (int column = 0; column < values.length; column++) {
                if (beta != null) {
                    sum += values[column] * beta[column];
                }
                values[column] *= gamma == null ? 1 : (double) weightOffset + gamma[column];
            }
            ReferenceRows.write(weightOut, row, values);
            if (biasOut != null) {
                ReferenceRows.store(biasOut, row, sum);
            }
        }
    }
}
