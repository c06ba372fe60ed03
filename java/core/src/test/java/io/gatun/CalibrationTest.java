// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The searches on calibration activations. */
final class CalibrationTest {
    private static final int OUTPUTS = 24;
    private static final int INPUTS = 128;
    private static final int ROWS = 40;
    private static final WeightQuantization HOW =
            new WeightQuantization(4, WeightGrid.AFFINE, 64, DType.F32);

    private static final Device DEVICE = Device.reference();

    private static float[] random(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextDouble() * 2 - 1);
        }
        return values;
    }

    /** One input in 16 is 50 times as large as the others. */
    private static float[] activations() {
        float[] x = random(ROWS * INPUTS, 1);
        for (int i = 0; i < x.length; i += 16) {
            x[i] *= 50;
        }
        return x;
    }

    /** The mean square error with factors, through the public interface. */
    private static double error(float[] weights, float[] x, float[] factors) {
        float[] scaled = weights.clone();
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] *= factors[i % INPUTS];
        }
        float[] quantized = new float[scaled.length];
        try (LowBitMatrix matrix =
                LowBitMatrix.quantize(DEVICE.tensor(scaled, OUTPUTS, INPUTS), HOW)) {
            matrix.dequantize(0, DEVICE.tensor(quantized, OUTPUTS, INPUTS));
        }
        double sum = 0;
        for (int m = 0; m < ROWS; m++) {
            for (int n = 0; n < OUTPUTS; n++) {
                double difference = 0;
                for (int k = 0; k < INPUTS; k++) {
                    double w = quantized[n * INPUTS + k] / (double) factors[k];
                    difference += x[m * INPUTS + k] * (w - weights[n * INPUTS + k]);
                }
                sum += difference * difference;
            }
        }
        return sum / (ROWS * OUTPUTS);
    }

    private static void assertSmooths(Quantization.Smoothing found, float[] weights, float[] x) {
        float[] ones = new float[INPUTS];
        java.util.Arrays.fill(ones, 1);
        assertEquals(error(weights, x, ones), found.plainError(), 1e-9 * found.plainError());
        assertEquals(error(weights, x, found.factors()), found.error(), 1e-9 * found.error());
        assertTrue(found.error() < 0.7 * found.plainError(), found.toString());
        assertTrue(found.exponent() > 0);
    }

    @Test
    void awqProtectsSalientInputs() {
        float[] weights = random(OUTPUTS * INPUTS, 2);
        float[] x = activations();
        int[] last = {0, 0};
        Quantization.Smoothing found =
                Quantization.awqScales(
                        DEVICE.tensor(weights, OUTPUTS, INPUTS),
                        DEVICE.tensor(x, ROWS, INPUTS),
                        HOW,
                        (steps, of) -> {
                            assertEquals(last[0] + 1, steps);
                            last[0] = steps;
                            last[1] = of;
                        });
        assertEquals(21 * OUTPUTS, last[0]);
        assertEquals(last[1], last[0]);
        assertSmooths(found, weights, x);
        float[] factors = found.factors();
        float greatest = 0;
        float least = Float.MAX_VALUE;
        for (float factor : factors) {
            greatest = Math.max(greatest, factor);
            least = Math.min(least, factor);
        }
        assertEquals(1, greatest * least, 1e-5);
        assertEquals(factors[0], greatest, 0.2 * greatest);
    }

    @Test
    void smoothQuantPlusBalancesActivationsAndWeights() {
        float[] weights = random(OUTPUTS * INPUTS, 3);
        float[] x = activations();
        Quantization.Smoothing found =
                Quantization.smoothQuantPlus(
                        DEVICE.tensor(weights, OUTPUTS, INPUTS),
                        DEVICE.tensor(x, ROWS, INPUTS),
                        HOW,
                        (steps, of) -> {});
        assertSmooths(found, weights, x);
    }

    /** 16^0.5 / 4^0.5 = 2; inputs without activations or weights stay as they are. */
    @Test
    void smoothingByHand() {
        assertArrayEquals(
                new float[] {2, 1, 1, 0.5f},
                CalibrationSearch.smoothing(
                        new double[] {16, 0, 3, 1}, new double[] {4, 5, 0, 4}, 0.5));
    }

    /** One weight of a group is far from the others, and its input is small. */
    @Test
    void clippingGivesTheOthersFinerSteps() {
        float[] weights = random(OUTPUTS * INPUTS, 4);
        float[] x = random(ROWS * INPUTS, 5);
        for (int n = 0; n < OUTPUTS; n++) {
            weights[n * INPUTS + 5] = 2;
        }
        for (int m = 0; m < ROWS; m++) {
            x[m * INPUTS + 5] *= 0.01f;
        }
        float[] ones = new float[INPUTS];
        java.util.Arrays.fill(ones, 1);
        float[] clipped = weights.clone();
        Tensor out = DEVICE.tensor(clipped, OUTPUTS, INPUTS);
        int[] steps = {0};
        Quantization.awqClip(
                out, DEVICE.tensor(x, ROWS, INPUTS), HOW, out, (done, of) -> steps[0] = done);
        assertEquals(OUTPUTS, steps[0]);
        int cut = 0;
        for (int i = 0; i < weights.length; i++) {
            assertTrue(Math.abs(clipped[i]) <= Math.abs(weights[i]));
            cut += clipped[i] == weights[i] ? 0 : 1;
        }
        assertTrue(cut >= OUTPUTS, cut + " weights were clipped");
        // The error of the clipped weights counts what clipping itself changed.
        double before = error(weights, x, ones);
        double after = errorOfClipped(weights, clipped, x);
        assertTrue(after < 0.9 * before, after + " of " + before);
    }

    private static double errorOfClipped(float[] weights, float[] clipped, float[] x) {
        float[] quantized = new float[clipped.length];
        try (LowBitMatrix matrix =
                LowBitMatrix.quantize(DEVICE.tensor(clipped, OUTPUTS, INPUTS), HOW)) {
            matrix.dequantize(0, DEVICE.tensor(quantized, OUTPUTS, INPUTS));
        }
        double sum = 0;
        for (int m = 0; m < ROWS; m++) {
            for (int n = 0; n < OUTPUTS; n++) {
                double difference = 0;
                for (int k = 0; k < INPUTS; k++) {
                    difference +=
                            x[m * INPUTS + k]
                                    * ((double) quantized[n * INPUTS + k]
                                            - weights[n * INPUTS + k]);
                }
                sum += difference * difference;
            }
        }
        return sum / (ROWS * OUTPUTS);
    }

    @Test
    void argumentsAreChecked() {
        Tensor weight = DEVICE.tensor(new float[OUTPUTS * INPUTS], OUTPUTS, INPUTS);
        Tensor x = DEVICE.tensor(new float[ROWS * INPUTS], ROWS, INPUTS);
        Quantization.Progress none = (steps, of) -> {};
        assertThrows(
                NullPointerException.class, () -> Quantization.awqScales(weight, x, HOW, null));
        assertThrows(
                IllegalArgumentException.class,
                () -> Quantization.awqScales(weight, x.slice(1, 0, 64), HOW, none));
        assertThrows(
                IllegalArgumentException.class,
                () -> Quantization.awqScales(weight, x.slice(0, 0, 0), HOW, none));
        Tensor nan = DEVICE.tensor(new float[ROWS * INPUTS], ROWS, INPUTS);
        nan.set(Float.NaN, 3, 4);
        assertThrows(
                IllegalArgumentException.class,
                () -> Quantization.smoothQuantPlus(weight, nan, HOW, none));
        assertThrows(
                IllegalArgumentException.class,
                () ->
                        Quantization.awqClip(
                                weight,
                                x,
                                WeightQuantization.affine4(WeightQuantization.PER_TENSOR),
                                weight,
                                none));
        assertThrows(
                IllegalArgumentException.class,
                () -> Quantization.awqClip(weight, x, HOW, weight.asReadOnly(), none));
    }
}
