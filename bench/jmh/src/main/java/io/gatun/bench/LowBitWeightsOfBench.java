/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.Device;
import io.gatun.LowBitMatrix;
import io.gatun.WeightQuantization;
import java.util.SplittableRandom;

/**
 * The weights of one benchmark: square, random, and small enough for products with any number of
 * inputs to be of order 1.
 */
final class LowBitWeightsOfBench {
    /** What was made last, since every contender on a case asks for the same. */
    private record Last(WeightQuantization how, int size, float[] floats, float[] dequantized) {}

    private static Last last = new Last(null, -1, null, null);

    private final WeightQuantization how;
    private LowBitMatrix matrix;

    LowBitWeightsOfBench(WeightQuantization how) {
        this.how = how;
    }

    private static synchronized float[] floats(int size) {
        if (last.size != size) {
            SplittableRandom random = new SplittableRandom(size);
            double spread = 2 / Math.sqrt(size);
            float[] weights = new float[size * size];
            for (int i = 0; i < weights.length; i++) {
                weights[i] = (float) ((random.nextDouble() - 0.5) * spread);
            }
            last = new Last(null, size, weights, null);
        }
        return last.floats;
    }

    private LowBitMatrix quantized(Device device, int size) {
        return LowBitMatrix.quantize(device.tensor(floats(size), size, size), how);
    }

    /**
     * Quantized weights {@code [size, size]} on a device. Contenders on the same device share them;
     * those of another device or size are closed.
     */
    synchronized LowBitMatrix on(Device device, int size) {
        if (matrix == null || matrix.device() != device || matrix.inputs() != size) {
            if (matrix != null) {
                matrix.close();
            }
            matrix = quantized(device, size);
        }
        return matrix;
    }

    /** What they stand for. */
    float[] dequantized(int size) {
        synchronized (LowBitWeightsOfBench.class) {
            float[] floats = floats(size);
            if (!how.equals(last.how)) {
                float[] weights = new float[size * size];
                Device device = Device.reference();
                try (LowBitMatrix reference = quantized(device, size)) {
                    reference.dequantize(0, device.tensor(weights, size, size));
                }
                last = new Last(how, size, floats, weights);
            }
            return last.dequantized;
        }
    }

    /** Bytes of codes and scales. */
    long bytes(int size) {
        long groups = how.groupSize() > 0 ? (size + how.groupSize() - 1) / how.groupSize() : 1;
        return size * ((size * (long) how.bits() + 7) / 8 + groups * how.scaleType().bytes());
    }

    /**
     * Products of a row of numbers with every {@code step}-th output from one on, and the sums of
     * their magnitudes.
     */
    void multiply(double[] x, int first, int step, double[] y, double[] magnitudes) {
        float[] w = dequantized(x.length);
        for (int n = first; n < y.length; n += step) {
            double sum = 0;
            double magnitude = 0;
            for (int k = 0; k < x.length; k++) {
                double product = x[k] * w[n * x.length + k];
                sum += product;
                magnitude += Math.abs(product);
            }
            y[n] = sum;
            magnitudes[n] = 1 + magnitude;
        }
    }
}
