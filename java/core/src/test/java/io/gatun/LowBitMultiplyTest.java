// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.model.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Products on every device, against sums that are worked out here. */
final class LowBitMultiplyTest {
    private static float[] random(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextDouble() * 2 - 1);
        }
        return values;
    }

    /** Codes by hand: amax = 127, half to even, and the sums of each group. */
    @Test
    void activationCodesByHand() {
        for (Device device : LowBitDevices.all()) {
            float[] x = new float[40];
            x[0] = -127;
            x[1] = 0.5f;
            x[2] = 1.5f;
            x[3] = 126.5f;
            x[32] = 1;
            x[33] = -0.5f;
            byte[] codes = new byte[40];
            float[] scales = new float[2];
            int[] sums = new int[2];
            Quantization.quantizeActivations(
                    device.tensor(x, 1, 40),
                    ActivationMode.INT8_GROUP_32,
                    IntegerMatrix.of(codes, 1, 40),
                    device.tensor(scales, 1, 2),
                    IntegerMatrix.of(sums, 1, 2));
            assertArrayEquals(new byte[] {-127, 0, 2, 126}, java.util.Arrays.copyOf(codes, 4));
            assertEquals(127, codes[32]);
            assertEquals(-64, codes[33]);
            assertArrayEquals(new float[] {1, 1f / 127}, scales);
            assertArrayEquals(new int[] {1, 63}, sums);
        }
    }

    @Test
    void activationsOfEveryMagnitude() {
        for (Device device : LowBitDevices.all()) {
            for (float magnitude :
                    new float[] {0, Float.MIN_VALUE, 0x1p-119f, 0x1p-118f, 1e-30f, 1, 1e38f}) {
                float[] x = {magnitude, -magnitude, magnitude / 2};
                byte[] codes = new byte[3];
                float[] scales = new float[1];
                Quantization.quantizeActivations(
                        device.tensor(x, 1, 3),
                        ActivationMode.INT8_ROW,
                        IntegerMatrix.of(codes, 1, 3),
                        device.tensor(scales, 1, 1),
                        null);
                int most = magnitude >= 0x1p-118f ? 127 : 0;
                assertEquals(most, codes[0], "of " + magnitude);
                assertEquals(-most, codes[1]);
                assertEquals(magnitude / 127, scales[0]);
            }
            for (float wrong :
                    new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
                float[] x = random(64, 1);
                x[33] = wrong;
                byte[] codes = new byte[64];
                float[] scales = new float[2];
                int[] sums = {7, 7};
                Quantization.quantizeActivations(
                        device.tensor(x, 1, 64),
                        ActivationMode.INT8_GROUP_32,
                        IntegerMatrix.of(codes, 1, 64),
                        device.tensor(scales, 1, 2),
                        IntegerMatrix.of(sums, 1, 2));
                assertTrue(scales[0] > 0);
                assertTrue(Float.isNaN(scales[1]));
                assertEquals(0, sums[1]);
                for (int i = 32; i < 64; i++) {
                    assertEquals(0, codes[i]);
                }
            }
        }
    }

    /** (x - centre) / scale, half to even, within the limit; NaN is 0. */
    @Test
    void channelCodesByHand() {
        for (Device device : LowBitDevices.all()) {
            float[] x = {3, 1.5f, -100, Float.NaN, 2.5f, 7};
            byte[] codes = new byte[6];
            int[] sums = new int[2];
            Quantization.quantizeActivations(
                    device.tensor(x, 2, 3),
                    device.tensor(new float[] {0.5f, 1, 2}, 3),
                    device.tensor(new float[] {1, 0, 0}, 3),
                    31,
                    IntegerMatrix.of(codes, 2, 3),
                    IntegerMatrix.of(sums, 2, 1));
            assertArrayEquals(new byte[] {4, 2, -31, 0, 2, 4}, codes);
            assertArrayEquals(new int[] {-25, 6}, sums);
            for (float wrong : new float[] {0, -1, Float.NaN, Float.POSITIVE_INFINITY}) {
                assertThrows(
                        IllegalArgumentException.class,
                        () ->
                                Quantization.quantizeActivations(
                                        device.tensor(x, 2, 3),
                                        device.tensor(new float[] {1, 1, wrong}, 3),
                                        null,
                                        31,
                                        IntegerMatrix.of(new byte[6], 2, 3),
                                        null));
            }
        }
    }

    private static LowBitMatrix matrix(Device device, int outputs, int inputs, int bits) {
        return LowBitMatrix.quantize(
                device.tensor(random(outputs * inputs, bits), outputs, inputs),
                new WeightQuantization(
                        bits, bits == 8 ? WeightGrid.SYMMETRIC : WeightGrid.AFFINE, 64, DType.F32));
    }

    /** The definition, from what unpack and quantizeActivations give. */
    @Test
    void productsAreThoseOfTheCodes() {
        int outputs = 21;
        int inputs = 200;
        int rows = 3;
        float[] x = random(rows * inputs, 9);
        float[] bias = random(outputs, 10);
        for (Device device : LowBitDevices.all()) {
            for (int bits : new int[] {4, 5, 6, 8}) {
                try (LowBitMatrix matrix = matrix(device, outputs, inputs, bits)) {
                    byte[] codes = new byte[outputs * inputs];
                    float[] scales = new float[outputs * 4];
                    float[] offsets = new float[outputs * 4];
                    matrix.unpack(
                            0,
                            outputs,
                            IntegerMatrix.of(codes, outputs, inputs),
                            device.tensor(scales, outputs, 4),
                            device.tensor(offsets, outputs, 4));
                    for (ActivationMode mode : ActivationMode.values()) {
                        if (mode == ActivationMode.FLOAT) {
                            continue;
                        }
                        int group = (int) mode.groupSize(inputs);
                        int groups = (inputs + group - 1) / group;
                        byte[] q = new byte[rows * inputs];
                        float[] a = new float[rows * groups];
                        Tensor tensor = device.tensor(x, rows, inputs);
                        Quantization.quantizeActivations(
                                tensor,
                                mode,
                                IntegerMatrix.of(q, rows, inputs),
                                device.tensor(a, rows, groups),
                                null);
                        float[] y = new float[rows * outputs];
                        matrix.multiply(
                                tensor,
                                device.tensor(bias, outputs),
                                mode,
                                device.tensor(y, rows, outputs));
                        for (int i = 0; i < y.length; i++) {
                            int m = i / outputs;
                            int n = i % outputs;
                            double sum = bias[n];
                            double magnitude = Math.abs(sum);
                            for (int k = 0; k < inputs; k++) {
                                double w =
                                        (double) scales[n * 4 + k / 64]
                                                        * (codes[n * inputs + k] & 0xff)
                                                + offsets[n * 4 + k / 64];
                                double scaled =
                                        (double) a[m * groups + k / group] * q[m * inputs + k];
                                sum += scaled * w;
                                magnitude +=
                                        Math.abs(scaled)
                                                * (Math.abs(
                                                                (double) scales[n * 4 + k / 64]
                                                                        * (codes[n * inputs + k]
                                                                                & 0xff))
                                                        + Math.abs(offsets[n * 4 + k / 64]));
                            }
                            assertEquals(
                                    sum, y[i], 4 * 8 * 0x1p-24 * magnitude, device + " " + mode);
                        }
                    }
                }
            }
        }
    }

    @Test
    void floatProductsAreThoseOfTheWeights() {
        int outputs = 18;
        int inputs = 130;
        float[] x = random(5 * inputs, 3);
        for (Device device : LowBitDevices.all()) {
            for (int bits : new int[] {4, 5, 6, 8}) {
                try (LowBitMatrix matrix = matrix(device, outputs, inputs, bits)) {
                    float[] w = LowBitDevices.dequantized(matrix);
                    float[] y = new float[5 * outputs];
                    matrix.multiply(
                            device.tensor(x, 5, inputs),
                            null,
                            ActivationMode.FLOAT,
                            device.tensor(y, 5, outputs));
                    for (int i = 0; i < y.length; i++) {
                        double sum = 0;
                        double magnitude = 0;
                        for (int k = 0; k < inputs; k++) {
                            double product =
                                    (double) x[i / outputs * inputs + k]
                                            * w[i % outputs * inputs + k];
                            sum += product;
                            magnitude += Math.abs(product);
                        }
                        assertEquals(
                                sum, y[i], 4.0 * inputs * 0x1p-24 * magnitude, device + " " + bits);
                    }
                }
            }
        }
    }

    /** All weights of GPTQ with act-order are 0 but one, which must meet its own input. */
    @Test
    void permutedInputsMeetTheirWeights() {
        int inputs = 64;
        int[] gIdx = new int[inputs];
        for (int k = 0; k < inputs; k++) {
            gIdx[k] = k % 2;
        }
        for (int input : new int[] {0, 1, 7, 62, 63}) {
            int[] qweight = new int[8 * 8];
            java.util.Arrays.fill(qweight, 0x88888888);
            // Output 3: code 9 at this input.
            qweight[input / 8 * 8 + 3] = 0x88888888 + (1 << 4 * (input % 8));
            float[] scales = new float[16];
            java.util.Arrays.fill(scales, 1);
            LowBitSource source =
                    new LowBitSource.Gptq(
                            4,
                            2,
                            8,
                            inputs,
                            32,
                            MemorySegment.ofArray(qweight),
                            MemorySegment.ofArray(new int[] {0x88888888, 0x88888888}),
                            DType.F32,
                            MemorySegment.ofArray(scales),
                            MemorySegment.ofArray(gIdx));
            float[] x = new float[inputs];
            for (int k = 0; k < inputs; k++) {
                x[k] = k + 1;
            }
            for (Device device : LowBitDevices.all()) {
                try (LowBitMatrix matrix = LowBitMatrix.of(device, source)) {
                    for (ActivationMode mode : ActivationMode.values()) {
                        float[] y = new float[8];
                        matrix.multiply(
                                device.tensor(x, 1, inputs), null, mode, device.tensor(y, 1, 8));
                        // An eighth of a step of the codes is 64 / 127 / 2.
                        assertEquals(x[input], y[3], mode == ActivationMode.FLOAT ? 0 : 0.26f);
                        assertEquals(0, y[2], 1e-3);
                    }
                }
            }
        }
    }

    /** The greatest sums there can be, with all codes at their greatest magnitude. */
    @Test
    void worstCaseSumsAreExact() {
        int inputs = 4096;
        for (Device device : LowBitDevices.all()) {
            byte[] w = new byte[2 * inputs];
            java.util.Arrays.fill(w, 0, inputs, (byte) -128);
            java.util.Arrays.fill(w, inputs, 2 * inputs, (byte) 127);
            byte[] x = new byte[2 * inputs];
            java.util.Arrays.fill(x, 0, inputs, (byte) -128);
            java.util.Arrays.fill(x, inputs, 2 * inputs, (byte) 127);
            LowBitSource source =
                    new LowBitSource.Int8(
                            IntegerMatrix.of(w, 2, inputs), null, new int[] {127, -128});
            try (LowBitMatrix matrix = LowBitMatrix.of(device, source)) {
                int[] y = new int[4];
                matrix.int8Matmul(
                        IntegerMatrix.of(x, 2, inputs),
                        new int[] {127, -128},
                        IntegerMatrix.of(y, 2, 2));
                int greatest = 255 * 255 * inputs;
                assertArrayEquals(new int[] {greatest, -greatest, -greatest, greatest}, y);
            }
        }
    }

    @Test
    void int8ProductsAreExactThenScaled() {
        int rows = 5;
        int outputs = 19;
        int inputs = 77;
        SplittableRandom random = new SplittableRandom(4);
        byte[] x = new byte[rows * (inputs + 3)];
        byte[] w = new byte[outputs * (inputs + 5)];
        random.nextBytes(x);
        random.nextBytes(w);
        int[] zx = random.ints(rows, -128, 128).toArray();
        int[] zw = random.ints(outputs, -128, 128).toArray();
        float[] scales = random(outputs, 5);
        float[] rowScales = random(rows, 6);
        float[] bias = random(outputs, 7);
        IntegerMatrix codes =
                IntegerMatrix.of(
                        IntegerMatrix.Type.I8, MemorySegment.ofArray(x), rows, inputs, inputs + 3);
        for (Device device : LowBitDevices.all()) {
            LowBitSource source =
                    new LowBitSource.Int8(
                            IntegerMatrix.of(
                                    IntegerMatrix.Type.I8,
                                    MemorySegment.ofArray(w),
                                    outputs,
                                    inputs,
                                    inputs + 5),
                            scales,
                            zw);
            try (LowBitMatrix matrix = LowBitMatrix.of(device, source)) {
                int[] sums = new int[rows * outputs];
                float[] y = new float[rows * outputs];
                matrix.int8Matmul(codes, zx, IntegerMatrix.of(sums, rows, outputs));
                matrix.int8Matmul(
                        codes,
                        device.tensor(rowScales, rows),
                        zx,
                        device.tensor(bias, outputs),
                        device.tensor(y, rows, outputs));
                for (int i = 0; i < y.length; i++) {
                    int m = i / outputs;
                    int n = i % outputs;
                    int sum = 0;
                    for (int k = 0; k < inputs; k++) {
                        sum +=
                                (x[m * (inputs + 3) + k] - zx[m])
                                        * (w[n * (inputs + 5) + k] - zw[n]);
                    }
                    assertEquals(sum, sums[i]);
                    double scaled = (double) sum * rowScales[m] * scales[n];
                    assertEquals(
                            scaled + bias[n],
                            y[i],
                            0x1p-22 * (Math.abs(scaled) + Math.abs(bias[n])));
                }
                // Without scales and bias the float result is the sum times the scale of the
                // output.
                matrix.int8Matmul(codes, null, null, null, device.tensor(y, rows, outputs));
                assertTrue(Float.isFinite(y[0]));
            }
        }
    }

    @Test
    void emptyProducts() {
        for (Device device : LowBitDevices.all()) {
            try (LowBitMatrix matrix = matrix(device, 16, 64, 4)) {
                matrix.multiply(
                        device.tensor(new float[0], 0, 64),
                        null,
                        ActivationMode.INT8_ROW,
                        device.tensor(new float[0], 0, 16));
            }
            LowBitSource noOutputs =
                    new LowBitSource.Gguf(
                            TensorType.Q4_0, 0, 32, MemorySegment.ofArray(new byte[0]));
            try (LowBitMatrix matrix = LowBitMatrix.of(device, noOutputs)) {
                assertEquals(0, LowBitDevices.dequantized(matrix).length);
                matrix.multiply(
                        device.tensor(new float[64], 2, 32),
                        null,
                        ActivationMode.INT8_GROUP_32,
                        device.tensor(new float[0], 2, 0));
            }
            LowBitSource noInputs =
                    new LowBitSource.Gguf(
                            TensorType.Q4_0, 3, 0, MemorySegment.ofArray(new byte[0]));
            try (LowBitMatrix matrix = LowBitMatrix.of(device, noInputs)) {
                for (ActivationMode mode : ActivationMode.values()) {
                    float[] y = {9, 9, 9, 9, 9, 9};
                    matrix.multiply(
                            device.tensor(new float[0], 2, 0),
                            device.tensor(new float[] {1, 2, 3}, 3),
                            mode,
                            device.tensor(y, 2, 3));
                    assertArrayEquals(new float[] {1, 2, 3, 1, 2, 3}, y);
                }
            }
        }
    }

    /** Rows with gaps, on the heap and off it, of every type; gaps stay as they are. */
    @Test
    void stridesAndTypes() {
        int outputs = 17;
        int inputs = 96;
        int rows = 3;
        for (Device device : LowBitDevices.all()) {
            try (Arena arena = Arena.ofConfined();
                    LowBitMatrix matrix = matrix(device, outputs, inputs, 4)) {
                for (DType dtype : DType.values()) {
                    float[] expected = null;
                    for (int where = 0; where < 3; where++) {
                        long xBytes = (long) rows * (inputs + 8) * dtype.bytes();
                        long yBytes = (long) rows * (outputs + 4) * dtype.bytes();
                        boolean heap = where == 1;
                        MemorySegment xMemory =
                                heap
                                        ? MemorySegment.ofArray(new int[(int) xBytes])
                                        : arena.allocate(xBytes, 64);
                        MemorySegment yMemory =
                                heap
                                        ? MemorySegment.ofArray(new int[(int) yBytes])
                                        : arena.allocate(yBytes, 64);
                        Tensor x =
                                device.tensor(dtype, xMemory, rows, inputs + 8).slice(1, 0, inputs);
                        Tensor whole = device.tensor(dtype, yMemory, rows, outputs + 4);
                        Tensor y = whole.slice(1, 0, outputs);
                        float[] filler = new float[rows * (outputs + 4)];
                        java.util.Arrays.fill(filler, -7);
                        whole.copyFrom(filler);
                        x.copyFrom(random(rows * inputs, 12));
                        matrix.multiply(x, null, ActivationMode.INT8_GROUP_32, y);
                        float[] result = y.toFloatArray();
                        if (expected == null) {
                            expected = result;
                        }
                        assertArrayEquals(expected, result);
                        for (int row = 0; row < rows; row++) {
                            for (int gap = 0; gap < 4; gap++) {
                                assertEquals(-7, whole.get(row, outputs + gap));
                            }
                        }
                    }
                }
            }
        }
    }

    @Test
    void rowsThatAreNotFiniteStayApart() {
        for (Device device : LowBitDevices.all()) {
            try (LowBitMatrix matrix = matrix(device, 20, 64, 4)) {
                float[] x = random(3 * 64, 13);
                x[64 + 5] = Float.NaN;
                for (ActivationMode mode : ActivationMode.values()) {
                    float[] y = new float[60];
                    matrix.multiply(device.tensor(x, 3, 64), null, mode, device.tensor(y, 3, 20));
                    for (int i = 0; i < 60; i++) {
                        assertEquals(i / 20 == 1, Float.isNaN(y[i]), mode + " " + i);
                    }
                }
            }
        }
    }

    @Test
    void useAfterCloseIsAnError() {
        for (Device device : LowBitDevices.all()) {
            LowBitMatrix matrix = matrix(device, 4, 64, 4);
            matrix.close();
            matrix.close();
            Tensor x = device.tensor(new float[64], 1, 64);
            Tensor y = device.tensor(new float[4], 1, 4);
            IllegalStateException e =
                    assertThrows(
                            IllegalStateException.class,
                            () -> matrix.multiply(x, null, ActivationMode.FLOAT, y));
            assertTrue(e.getMessage().contains("low-bit matrix [4, 64]"), e.getMessage());
            assertTrue(e.getMessage().endsWith("is closed"), e.getMessage());
            assertThrows(
                    IllegalStateException.class,
                    () -> matrix.dequantize(0, device.tensor(new float[64], 1, 64)));
            assertThrows(IllegalStateException.class, matrix::permutation);
            // What it was can still be asked.
            assertEquals(4, matrix.outputs());
        }
    }

    @Test
    void closingAnArenaOrADeviceIsNoticed() {
        for (Device open : LowBitDevices.all()) {
            Device device = open.isa() == null ? Device.reference() : Device.cpu();
            LowBitMatrix matrix = matrix(device, 4, 64, 4);
            Arena arena = Arena.ofShared();
            Tensor x = device.tensor(DType.F32, arena.allocate(256, 4), 1, 64);
            Tensor y = device.tensor(new float[4], 1, 4);
            arena.close();
            assertThrows(
                    IllegalStateException.class,
                    () -> matrix.multiply(x, null, ActivationMode.INT8_ROW, y));
            Tensor heap = device.tensor(new float[64], 1, 64);
            device.close();
            assertThrows(
                    IllegalStateException.class,
                    () -> matrix.multiply(heap, null, ActivationMode.INT8_ROW, y));
            matrix.close();
        }
    }

    /** A matrix that is being used cannot be closed, and is not harmed by trying. */
    @Test
    void closingWhileInUseIsAnError() throws InterruptedException {
        for (Device device : LowBitDevices.all()) {
            LowBitMatrix matrix = matrix(device, 64, 512, 4);
            AtomicBoolean stop = new AtomicBoolean();
            AtomicBoolean failed = new AtomicBoolean();
            Thread user =
                    new Thread(
                            () -> {
                                float[] y = new float[64 * 64];
                                Tensor x = device.tensor(new float[64 * 512], 64, 512);
                                while (!stop.get()) {
                                    try {
                                        matrix.multiply(
                                                x,
                                                null,
                                                ActivationMode.INT8_ROW,
                                                device.tensor(y, 64, 64));
                                    } catch (IllegalStateException closed) {
                                        failed.set(true);
                                        return;
                                    }
                                }
                            });
            user.start();
            int refused = 0;
            long end = System.nanoTime() + 5_000_000_000L;
            while (refused == 0 && System.nanoTime() < end) {
                try {
                    matrix.close();
                    break;
                } catch (IllegalStateException inUse) {
                    assertTrue(inUse.getMessage().contains("while a call is using it"));
                    refused++;
                }
            }
            stop.set(true);
            user.join();
            // Either a call was inside, or the matrix was closed between two calls.
            assertTrue(refused > 0 || failed.get() || matrix.outputs() == 64);
            matrix.close();
        }
    }
}
