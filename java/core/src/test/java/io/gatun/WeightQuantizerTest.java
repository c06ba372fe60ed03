// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The canonical quantizers: by hand, by their promises, and the same codes on all devices. */
final class WeightQuantizerTest {
    private record Unpacked(int[] codes, float[] scales, float[] offsets, float[] weights) {}

    private static Unpacked quantize(
            Device device, float[] weights, int outputs, WeightQuantization how) {
        int inputs = weights.length / outputs;
        try (LowBitMatrix matrix =
                LowBitMatrix.quantize(device.tensor(weights, outputs, inputs), how)) {
            int groups = (int) ((inputs + matrix.groupSize() - 1) / matrix.groupSize());
            byte[] codes = new byte[weights.length];
            float[] scales = new float[outputs * groups];
            float[] offsets = new float[outputs * groups];
            matrix.unpack(
                    0,
                    outputs,
                    IntegerMatrix.of(codes, outputs, inputs),
                    device.tensor(scales, outputs, groups),
                    device.tensor(offsets, outputs, groups));
            int[] unsigned = new int[codes.length];
            for (int i = 0; i < codes.length; i++) {
                unsigned[i] = codes[i] & 0xff;
            }
            return new Unpacked(unsigned, scales, offsets, LowBitDevices.dequantized(matrix));
        }
    }

    private static WeightQuantization how(int bits, WeightGrid grid, long groupSize) {
        return new WeightQuantization(bits, grid, groupSize, DType.F32);
    }

    /** From -1.5 to 6: s = 7.5 / 15 = 0.5, z = 3. 0.25 is code 3.5, which is rounded up to 4. */
    @Test
    void affineByHand() {
        for (Device device : LowBitDevices.all()) {
            Unpacked result =
                    quantize(
                            device,
                            new float[] {-1.5f, 6, 0, 0.25f, -0.25f, 2},
                            1,
                            how(4, WeightGrid.AFFINE, 32));
            assertArrayEquals(new int[] {0, 15, 3, 4, 3, 7}, result.codes);
            assertArrayEquals(new float[] {0.5f}, result.scales);
            assertArrayEquals(new float[] {-1.5f}, result.offsets);
            assertArrayEquals(new float[] {-1.5f, 6, 0, 0.5f, 0, 2}, result.weights);
        }
    }

    /** Positive weights: 0 is among the codes, so z = 0 and the greatest is exact. */
    @Test
    void affineHoldsZero() {
        for (Device device : LowBitDevices.all()) {
            Unpacked result =
                    quantize(device, new float[] {15, 7, 3}, 1, how(4, WeightGrid.AFFINE, 32));
            assertArrayEquals(new int[] {15, 7, 3}, result.codes);
            assertArrayEquals(new float[] {15, 7, 3}, result.weights);
            result = quantize(device, new float[] {-15, -7, -3}, 1, how(4, WeightGrid.AFFINE, 32));
            assertArrayEquals(new int[] {0, 8, 12}, result.codes);
        }
    }

    /** m = -8 has the code 0: s = 1; 8 would be code 16 and becomes 15. */
    @Test
    void symmetricByHand() {
        for (Device device : LowBitDevices.all()) {
            Unpacked result =
                    quantize(
                            device,
                            new float[] {-8, 7, 8, 0.5f, -0.5f},
                            1,
                            how(4, WeightGrid.SYMMETRIC, 32));
            assertArrayEquals(new int[] {0, 15, 15, 9, 8}, result.codes);
            assertArrayEquals(new float[] {1}, result.scales);
            // The greatest magnitude is positive: s is negative.
            result = quantize(device, new float[] {-4, 8}, 1, how(4, WeightGrid.SYMMETRIC, 32));
            assertArrayEquals(new float[] {-1}, result.scales);
            assertArrayEquals(new int[] {12, 0}, result.codes);
        }
    }

    /** s = 127 / 127; half to even. */
    @Test
    void eightBitsByHand() {
        for (Device device : LowBitDevices.all()) {
            Unpacked result =
                    quantize(
                            device,
                            new float[] {-127, 127, 0.5f, 1.5f, 2.5f, -0.5f},
                            1,
                            how(8, WeightGrid.SYMMETRIC, 32));
            assertArrayEquals(new int[] {1, 255, 128, 130, 130, 128}, result.codes);
        }
    }

    @Test
    void zerosStayZeros() {
        for (Device device : LowBitDevices.all()) {
            for (WeightGrid grid : WeightGrid.values()) {
                for (int bits : new int[] {4, 5, 6, 8}) {
                    Unpacked result = quantize(device, new float[96], 3, how(bits, grid, 32));
                    for (float weight : result.weights) {
                        assertEquals(0, weight + 0f);
                    }
                    for (float scale : result.scales) {
                        assertEquals(0, scale + 0f);
                    }
                }
            }
        }
    }

    private static float[] random(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] weights = new float[count];
        for (int i = 0; i < count; i++) {
            weights[i] = (float) (random.nextDouble() * 2 - 0.7);
        }
        return weights;
    }

    /**
     * No weight is further off than half a step, but for the one that clamps on a symmetric grid.
     */
    @Test
    void errorsAreHalfAStep() {
        float[] weights = random(5 * 301, 1);
        for (WeightGrid grid : WeightGrid.values()) {
            for (int bits : new int[] {4, 5, 6, 8}) {
                for (long group : new long[] {32, 64, 128, 256, 0, -1}) {
                    for (Device device : LowBitDevices.all()) {
                        Unpacked result = quantize(device, weights, 5, how(bits, grid, group));
                        int size = group > 0 ? (int) group : 301;
                        int groups = (301 + size - 1) / size;
                        for (int i = 0; i < weights.length; i++) {
                            float step = Math.abs(result.scales[i / 301 * groups + i % 301 / size]);
                            double error = Math.abs(result.weights[i] - weights[i]);
                            double most = grid == WeightGrid.SYMMETRIC && bits < 8 ? 1.001 : 0.501;
                            assertTrue(error <= most * step, error + " of " + step);
                        }
                    }
                }
            }
        }
    }

    /** From -7.5 to 7.5: s = 1, z = round(7.5) = 8. */
    @Test
    void perTensorIsOneScale() {
        for (Device device : LowBitDevices.all()) {
            Unpacked result =
                    quantize(
                            device,
                            new float[] {1, 2, -7.5f, 7.5f},
                            2,
                            how(4, WeightGrid.AFFINE, WeightQuantization.PER_TENSOR));
            assertArrayEquals(new float[] {1, 1}, result.scales);
            assertArrayEquals(new int[] {9, 10, 1, 15}, result.codes);
        }
    }

    /** The reference and native code give the same bits, for every storage type of weights. */
    @Test
    void allDevicesGiveTheSame() {
        float[] weights = random(33 * 300, 2);
        weights[7] = 1e-30f;
        weights[8] = -0f;
        for (int i = 300; i < 364; i++) {
            // Groups of nothing but subnormal numbers.
            weights[i] = Float.MIN_VALUE * (i - 330);
        }
        Device reference = LowBitDevices.all().getFirst();
        for (WeightGrid grid : WeightGrid.values()) {
            for (int bits : new int[] {4, 5, 6, 8}) {
                for (long group : new long[] {32, 128, 0, -1}) {
                    Unpacked expected = quantize(reference, weights, 33, how(bits, grid, group));
                    for (Device device : LowBitDevices.all()) {
                        Unpacked actual = quantize(device, weights, 33, how(bits, grid, group));
                        String what = device + " " + how(bits, grid, group);
                        assertArrayEquals(expected.codes, actual.codes, what);
                        assertArrayEquals(expected.scales, actual.scales, what);
                        assertArrayEquals(expected.offsets, actual.offsets, what);
                        assertArrayEquals(expected.weights, actual.weights, what);
                    }
                }
            }
        }
    }

    @Test
    void scalesAreRoundedToTheirType() {
        for (Device device : LowBitDevices.all()) {
            for (DType type : new DType[] {DType.F16, DType.BF16}) {
                Unpacked result =
                        quantize(
                                device,
                                random(64, 4),
                                1,
                                new WeightQuantization(4, WeightGrid.AFFINE, 32, type));
                for (float scale : result.scales) {
                    assertEquals(scale, type.toFloat(type.fromFloat(scale)));
                }
            }
            for (float weight : new float[] {1e9f, 1e-9f}) {
                IllegalArgumentException e =
                        assertThrows(
                                IllegalArgumentException.class,
                                () ->
                                        quantize(
                                                device,
                                                new float[] {weight},
                                                1,
                                                new WeightQuantization(
                                                        4, WeightGrid.AFFINE, 32, DType.F16)));
                assertTrue(e.getMessage().contains("scale"), e.getMessage());
            }
        }
    }

    @Test
    void weightsMustBeFinite() {
        for (Device device : LowBitDevices.all()) {
            for (float weight : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
                float[] weights = new float[64];
                weights[40] = weight;
                IllegalArgumentException e =
                        assertThrows(
                                IllegalArgumentException.class,
                                () -> quantize(device, weights, 2, how(4, WeightGrid.AFFINE, 32)));
                assertTrue(e.getMessage().contains("finite"), e.getMessage());
            }
        }
    }

    @Test
    void numbersAreChecked() {
        for (int bits : new int[] {0, 3, 7, 9}) {
            assertThrows(IllegalArgumentException.class, () -> how(bits, WeightGrid.AFFINE, 32));
        }
        for (long group : new long[] {-2, 1, 16, 31, 512}) {
            assertThrows(IllegalArgumentException.class, () -> how(4, WeightGrid.AFFINE, group));
        }
        assertThrows(NullPointerException.class, () -> how(4, null, 32));
    }
}
