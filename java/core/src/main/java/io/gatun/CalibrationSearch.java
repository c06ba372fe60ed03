// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;
import java.util.function.DoubleFunction;

/** Searches on calibration activations for what makes quantized weights of a layer better. */
final class CalibrationSearch {
    /** AWQ tries exponents 0, 0.05, .. 0.95, SmoothQuant+ also 1. */
    private static final int STEPS = 20;

    /** AWQ clips at 1, 0.95, .. 0.55 of the greatest magnitude. */
    private static final int CLIPS = 10;

    private static final double LEAST_SCALE = 1e-4;

    private final float[][] weights;
    private final float[][] activations;
    private final int inputs;
    private final WeightQuantization how;
    private final Quantization.Progress progress;
    private int done;

    CalibrationSearch(
            Tensor weight,
            Tensor activations,
            WeightQuantization how,
            Quantization.Progress progress) {
        this.weights = rows(weight);
        this.activations = rows(activations);
        this.inputs = Math.toIntExact(weight.columns);
        this.how = how;
        this.progress = progress;
    }

    private static float[][] rows(Tensor tensor) {
        float[][] rows = new float[Math.toIntExact(tensor.rows)][];
        for (int row = 0; row < rows.length; row++) {
            double[] values = ReferenceRows.read(tensor, row);
            rows[row] = new float[values.length];
            for (int column = 0; column < values.length; column++) {
                rows[row][column] = (float) values[column];
            }
        }
        return rows;
    }

    /** Powers of the mean magnitudes of the activations. */
    Quantization.Smoothing awq() {
        double[] means = new double[inputs];
        for (float[] x : activations) {
            for (int k = 0; k < inputs; k++) {
                means[k] += Math.abs(x[k]) / activations.length;
            }
        }
        return best(STEPS, exponent -> awqFactors(means, exponent));
    }

    private static float[] awqFactors(double[] means, double exponent) {
        double[] powers = new double[means.length];
        double greatest = 0;
        double least = Double.POSITIVE_INFINITY;
        for (int k = 0; k < powers.length; k++) {
            powers[k] = Math.max(Math.pow(means[k], exponent), LEAST_SCALE);
            greatest = Math.max(greatest, powers[k]);
            least = Math.min(least, powers[k]);
        }
        float[] factors = new float[powers.length];
        for (int k = 0; k < factors.length; k++) {
            factors[k] = (float) (powers[k] / Math.sqrt(greatest * least));
        }
        return factors;
    }

    /** Powers of the greatest magnitudes of activations and weights. */
    Quantization.Smoothing smoothQuantPlus() {
        double[] ofX = greatestMagnitudes(activations);
        double[] ofWeights = greatestMagnitudes(weights);
        return best(STEPS + 1, exponent -> smoothing(ofX, ofWeights, exponent));
    }

    static float[] smoothing(double[] ofX, double[] ofWeights, double exponent) {
        float[] factors = new float[ofX.length];
        for (int k = 0; k < factors.length; k++) {
            double factor = Math.pow(ofX[k], exponent) / Math.pow(ofWeights[k], 1 - exponent);
            boolean usable =
                    ofX[k] > 0
                            && ofWeights[k] > 0
                            && (float) factor > 0
                            && Float.isFinite((float) factor);
            factors[k] = usable ? (float) factor : 1;
        }
        return factors;
    }

    private double[] greatestMagnitudes(float[][] rows) {
        double[] greatest = new double[inputs];
        for (float[] row : rows) {
            for (int k = 0; k < inputs; k++) {
                greatest[k] = Math.max(greatest[k], Math.abs(row[k]));
            }
        }
        return greatest;
    }

    /** The first of the candidates with the least error. */
    private Quantization.Smoothing best(int candidates, DoubleFunction<float[]> factorsOf) {
        int steps = (candidates + 1) * weights.length;
        float[] ones = new float[inputs];
        Arrays.fill(ones, 1);
        double plain = error(ones, steps);
        Quantization.Smoothing best = new Quantization.Smoothing(ones, 0, plain, plain);
        for (int i = 0; i < candidates; i++) {
            double exponent = (double) i / STEPS;
            float[] factors = factorsOf.apply(exponent);
            double error = error(factors, steps);
            if (error < best.error()) {
                best = new Quantization.Smoothing(factors, exponent, error, plain);
            }
        }
        return best;
    }

    /**
     * The mean square error of the outputs with weights that are multiplied, quantized, divided.
     */
    private double error(float[] factors, int steps) {
        float[][] scaled = new float[weights.length][inputs];
        for (int n = 0; n < scaled.length; n++) {
            for (int k = 0; k < inputs; k++) {
                scaled[n][k] = weights[n][k] * factors[k];
            }
        }
        LowBitRows quantizer = quantizer(scaled);
        double sum = 0;
        for (int n = 0; n < scaled.length; n++) {
            LowBitRow row = quantizer.row(n);
            double[] difference = new double[inputs];
            for (int k = 0; k < inputs; k++) {
                difference[k] = (double) row.weight(k) / factors[k] - weights[n][k];
            }
            sum += squares(difference, 0, inputs);
            progress.done(++done, steps);
        }
        return sum / Math.max((long) weights.length * activations.length, 1);
    }

    private LowBitRows quantizer(float[][] rows) {
        float[] all = new float[rows.length * inputs];
        for (int n = 0; n < rows.length; n++) {
            System.arraycopy(rows[n], 0, all, n * inputs, inputs);
        }
        return new WeightQuantizer(Device.reference().tensor(all, rows.length, inputs), how);
    }

    /** The sum over activations of the square of a part of their product with a row. */
    private double squares(double[] row, int begin, int end) {
        double sum = 0;
        for (float[] x : activations) {
            double product = 0;
            for (int k = begin; k < end; k++) {
                product += row[k] * x[k];
            }
            sum += product * product;
        }
        return sum;
    }

    /** Clips each group of each output where its part of the outputs is best. */
    void awqClip(Tensor out) {
        int group = how.groupSize() > 0 ? (int) how.groupSize() : Math.max(inputs, 1);
        for (int n = 0; n < weights.length; n++) {
            double[] best = new double[(inputs + group - 1) / group];
            Arrays.fill(best, Double.POSITIVE_INFINITY);
            float[] chosen = weights[n].clone();
            for (int clip = 0; clip < CLIPS; clip++) {
                float[] clipped = clipped(weights[n], group, 1 - clip / (2.0 * CLIPS));
                LowBitRow row = quantizer(new float[][] {clipped}).row(0);
                double[] difference = new double[inputs];
                for (int k = 0; k < inputs; k++) {
                    difference[k] = (double) row.weight(k) - weights[n][k];
                }
                for (int g = 0; g < best.length; g++) {
                    int end = Math.min((g + 1) * group, inputs);
                    double error = squares(difference, g * group, end);
                    if (error < best[g]) {
                        best[g] = error;
                        System.arraycopy(clipped, g * group, chosen, g * group, end - g * group);
                    }
                }
            }
            for (int k = 0; k < inputs; k++) {
                ReferenceRows.store(out, n * out.rowStride + k, chosen[k]);
            }
            progress.done(n + 1, weights.length);
        }
    }

    private static float[] clipped(float[] row, int group, double part) {
        float[] clipped = new float[row.length];
        for (int begin = 0; begin < row.length; begin += group) {
            int end = Math.min(begin + group, row.length);
            float greatest = 0;
            for (int k = begin; k < end; k++) {
                greatest = Math.max(greatest, Math.abs(row[k]));
            }
            float limit = (float) (part * greatest);
            for (int k = begin; k < end; k++) {
                clipped[k] = Math.clamp(row[k], -limit, limit);
            }
        }
        return clipped;
    }
}
