// SPDX-License-Identifier: Apache-2.0
package io.gatun.recipes;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.Device;
import io.gatun.Tensor;
import java.util.SplittableRandom;

/** The formulas of the papers in float64, row by row, and small models to use them in. */
final class Formulas {
    static final double EPS = 1e-5;

    private Formulas() {}

    static double[] layerNorm(double[] x, double[] gamma, double[] beta) {
        double mean = 0;
        for (double value : x) {
            mean += value / x.length;
        }
        double variance = 0;
        for (double value : x) {
            variance += (value - mean) * (value - mean) / x.length;
        }
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            y[i] = (x[i] - mean) / Math.sqrt(variance + EPS) * gamma[i];
            y[i] += beta == null ? 0 : beta[i];
        }
        return y;
    }

    static double[] rmsNorm(double[] x, double[] gamma) {
        return rmsNorm(x, gamma, EPS);
    }

    static double[] rmsNorm(double[] x, double[] gamma, double eps) {
        double square = 0;
        for (double value : x) {
            square += value * value / x.length;
        }
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            y[i] = x[i] / Math.sqrt(square + eps) * gamma[i];
        }
        return y;
    }

    static double[] plus(double[] a, double[] b) {
        double[] sum = new double[a.length];
        for (int i = 0; i < a.length; i++) {
            sum[i] = a[i] + b[i];
        }
        return sum;
    }

    static double[] times(double factor, double[] values) {
        double[] product = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            product[i] = factor * values[i];
        }
        return product;
    }

    /** A linear layer {@code [out, in]}; the bias may be null. */
    static double[] linear(double[] weight, double[] bias, double[] x) {
        double[] y = new double[weight.length / x.length];
        for (int i = 0; i < y.length; i++) {
            y[i] = bias == null ? 0 : bias[i];
            for (int j = 0; j < x.length; j++) {
                y[i] += weight[i * x.length + j] * x[j];
            }
        }
        return y;
    }

    /** A sublayer to put between normalizations: two linear layers with a tanh. */
    record Sublayer(double[] up, double[] down) {
        static Sublayer random(int columns, int hidden, long seed) {
            return new Sublayer(noise(hidden * columns, seed), noise(columns * hidden, seed + 1));
        }

        double[] apply(double[] x) {
            double[] hidden = linear(up, null, x);
            for (int i = 0; i < hidden.length; i++) {
                hidden[i] = Math.tanh(hidden[i]);
            }
            return linear(down, null, hidden);
        }

        /** The same on each row of a tensor's values. */
        float[] apply(Tensor x) {
            int columns = (int) x.size(x.rank() - 1);
            double[] all = wide(x.toFloatArray());
            float[] result = new float[all.length];
            for (int row = 0; row < all.length / columns; row++) {
                double[] y = apply(row(all, row, columns));
                for (int i = 0; i < columns; i++) {
                    result[row * columns + i] = (float) y[i];
                }
            }
            return result;
        }
    }

    /** Values that float32 holds, from -1 to 1. */
    static double[] noise(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextDouble() * 2 - 1);
        }
        return values;
    }

    static double[] row(double[] values, int row, int columns) {
        double[] one = new double[columns];
        System.arraycopy(values, row * columns, one, 0, columns);
        return one;
    }

    static double[] wide(float[] values) {
        double[] wide = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            wide[i] = values[i];
        }
        return wide;
    }

    static float[] narrow(double[] values) {
        float[] narrow = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            narrow[i] = (float) values[i];
        }
        return narrow;
    }

    static Tensor tensor(Device device, double[] values, long... shape) {
        return device.tensor(narrow(values), shape);
    }

    static Tensor zeros(Device device, int rows, int columns) {
        return device.tensor(new float[rows * columns], rows, columns);
    }

    static void assertRow(double[] expected, Tensor actual, int row, double tolerance) {
        for (int i = 0; i < expected.length; i++) {
            int column = i;
            assertEquals(
                    expected[i],
                    actual.get(row, i),
                    tolerance * (1 + Math.abs(expected[i])),
                    () -> "row " + row + ", column " + column);
        }
    }
}
