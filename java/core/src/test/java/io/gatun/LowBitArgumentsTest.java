// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Wrong arguments give the documented exception, and no memory is touched. */
final class LowBitArgumentsTest {
    private static final int OUTPUTS = 8;
    private static final int INPUTS = 64;

    private static LowBitMatrix matrix(Device device) {
        return LowBitMatrix.quantize(
                device.tensor(new float[OUTPUTS * INPUTS], OUTPUTS, INPUTS),
                WeightQuantization.affine4(32));
    }

    private static LowBitMatrix int8(Device device) {
        return LowBitMatrix.of(
                device,
                new LowBitSource.Int8(
                        IntegerMatrix.of(new byte[OUTPUTS * INPUTS], OUTPUTS, INPUTS), null, null));
    }

    private static void assertMessage(String start, Executable call) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call);
        assertTrue(e.getMessage().startsWith(start), e.getMessage());
    }

    @Test
    void multiply() {
        for (Device device : LowBitDevices.all()) {
            try (LowBitMatrix matrix = matrix(device);
                    Device other = Device.reference()) {
                float[] memory = new float[1000];
                Arrays.fill(memory, 3);
                Tensor x = device.tensor(memory, 2, INPUTS);
                Tensor y =
                        device.tensor(DType.F32, MemorySegment.ofArray(memory).asSlice(2000), 2, 8);
                Tensor bias =
                        device.tensor(DType.F32, MemorySegment.ofArray(memory).asSlice(3000), 8);
                ActivationMode mode = ActivationMode.INT8_ROW;
                matrix.multiply(x, bias, mode, y);
                Arrays.fill(memory, 3);
                assertThrows(
                        NullPointerException.class, () -> matrix.multiply(null, bias, mode, y));
                assertThrows(NullPointerException.class, () -> matrix.multiply(x, bias, null, y));
                assertThrows(
                        NullPointerException.class, () -> matrix.multiply(x, bias, mode, null));
                assertMessage(
                        "x: expected a tensor on",
                        () -> matrix.multiply(x.on(other), bias, mode, y.on(other)));
                assertMessage(
                        "y: expected a tensor on",
                        () -> matrix.multiply(x, bias, mode, y.on(other)));
                assertMessage(
                        "bias: expected a tensor on",
                        () -> matrix.multiply(x, bias.on(other), mode, y));
                assertMessage(
                        "x: expected 64 columns (the inputs of the matrix)",
                        () -> matrix.multiply(x.slice(1, 0, 63), bias, mode, y));
                assertMessage(
                        "y: expected 8 columns (the outputs of the matrix)",
                        () -> matrix.multiply(x, bias, mode, y.slice(1, 0, 7)));
                assertMessage(
                        "y: expected shape [2, 8]",
                        () -> matrix.multiply(x, bias, mode, y.slice(0, 0, 1)));
                assertMessage(
                        "y: expected shape [1, 2, 8]",
                        () -> matrix.multiply(x.reshape(1, 2, INPUTS), bias, mode, y));
                assertMessage(
                        "x: expected at least one dimension",
                        () ->
                                matrix.multiply(
                                        x.slice(0, 0, 1).slice(1, 0, 1).reshape(), bias, mode, y));
                assertMessage(
                        "x: expected columns with stride 1",
                        () ->
                                matrix.multiply(
                                        x.strided(0, new long[] {2, INPUTS}, new long[] {1, 2}),
                                        bias,
                                        mode,
                                        y));
                assertMessage(
                        "y: expected F32 (the type of x)",
                        () ->
                                matrix.multiply(
                                        x,
                                        bias,
                                        mode,
                                        device.tensor(DType.F16, new short[16], 2, 8)));
                assertMessage(
                        "bias: expected F32",
                        () ->
                                matrix.multiply(
                                        x, device.tensor(DType.F16, new short[8], 8), mode, y));
                assertMessage(
                        "bias: expected 8 elements",
                        () -> matrix.multiply(x, bias.slice(0, 0, 7), mode, y));
                assertMessage(
                        "y: expected memory that can be written",
                        () -> matrix.multiply(x, bias, mode, y.asReadOnly()));
                assertMessage(
                        "y: expected memory apart from x",
                        () -> matrix.multiply(x, bias, mode, x.slice(1, 8, 8)));
                assertMessage(
                        "y: expected memory apart from bias",
                        () -> matrix.multiply(x, y.slice(0, 1, 1).reshape(8), mode, y));
                for (float value : memory) {
                    assertEquals(3, value);
                }
            }
        }
    }

    /** Sums of long rows could exceed 32 bits. */
    @Test
    void groupsThatAreTooLong() {
        int inputs = 65_794;
        for (Device device : LowBitDevices.all()) {
            LowBitSource source =
                    new LowBitSource.Int8(
                            IntegerMatrix.of(new byte[inputs], 1, inputs), null, null);
            try (LowBitMatrix matrix = LowBitMatrix.of(device, source)) {
                Tensor x = device.tensor(new float[inputs], 1, inputs);
                float[] y = {5};
                assertMessage(
                        "mode: expected groups of at most 65793 inputs with 8-bit weights",
                        () ->
                                matrix.multiply(
                                        x, null, ActivationMode.INT8_ROW, device.tensor(y, 1, 1)));
                assertEquals(5, y[0]);
                matrix.multiply(x, null, ActivationMode.INT8_GROUP_256, device.tensor(y, 1, 1));
                assertEquals(0, y[0]);
                IntegerMatrix codes = IntegerMatrix.of(new byte[inputs], 1, inputs);
                int[] sums = {5};
                assertMessage(
                        "",
                        () ->
                                matrix.int8Matmul(
                                        codes, new int[] {1}, IntegerMatrix.of(sums, 1, 1)));
                assertEquals(5, sums[0]);
                matrix.int8Matmul(codes, null, IntegerMatrix.of(sums, 1, 1));
                assertEquals(0, sums[0]);
            }
        }
    }

    @Test
    void dequantizeAndUnpack() {
        for (Device device : LowBitDevices.all()) {
            try (LowBitMatrix matrix = matrix(device)) {
                float[] memory = new float[OUTPUTS * INPUTS];
                Arrays.fill(memory, 3);
                Tensor out = device.tensor(memory, OUTPUTS, INPUTS);
                assertMessage("firstOutput: ", () -> matrix.dequantize(1, out));
                assertMessage("firstOutput: ", () -> matrix.dequantize(-1, out));
                assertMessage("out: ", () -> matrix.dequantize(0, out.slice(1, 0, 32)));
                assertMessage("out: ", () -> matrix.dequantize(0, out.asReadOnly()));
                byte[] codes = new byte[OUTPUTS * INPUTS];
                Tensor scales = device.tensor(memory, OUTPUTS, 2);
                assertMessage("firstOutput: ", () -> matrix.unpack(1, OUTPUTS, null, scales, null));
                assertMessage(
                        "scales: expected the shape [8, 2]",
                        () -> matrix.unpack(0, OUTPUTS, null, scales.reshape(16), null));
                assertMessage(
                        "offsets: expected memory apart from scales",
                        () -> matrix.unpack(0, OUTPUTS, null, scales, scales));
                assertMessage(
                        "codes: expected the size [8 (count), 64 (inputs)]",
                        () ->
                                matrix.unpack(
                                        0, OUTPUTS, IntegerMatrix.of(codes, 8, 63), null, null));
                assertMessage(
                        "codes: expected I8",
                        () ->
                                matrix.unpack(
                                        0,
                                        OUTPUTS,
                                        IntegerMatrix.of(new int[512], 8, 64),
                                        null,
                                        null));
                for (float value : memory) {
                    assertEquals(3, value);
                }
                assertArrayEquals(new byte[OUTPUTS * INPUTS], codes);
                float[] rows = new float[2 * INPUTS];
                matrix.dequantize(3, device.tensor(rows, 2, INPUTS));
            }
        }
    }

    @Test
    void quantizeActivations() {
        for (Device device : LowBitDevices.all()) {
            byte[] memory = new byte[1 << 12];
            Arrays.fill(memory, (byte) 5);
            Tensor x = device.tensor(new float[128], 2, INPUTS);
            Tensor scales = device.tensor(new float[4], 2, 2);
            IntegerMatrix codes = IntegerMatrix.of(memory, 2, INPUTS);
            ActivationMode mode = ActivationMode.INT8_GROUP_32;
            assertMessage(
                    "mode: ",
                    () ->
                            Quantization.quantizeActivations(
                                    x, ActivationMode.FLOAT, codes, scales, null));
            assertMessage(
                    "scales: expected the shape [2, 2]",
                    () ->
                            Quantization.quantizeActivations(
                                    x, mode, codes, scales.reshape(4, 1), null));
            assertMessage(
                    "codes: expected the size",
                    () ->
                            Quantization.quantizeActivations(
                                    x, mode, IntegerMatrix.of(memory, 1, 64), scales, null));
            assertMessage(
                    "sums: expected I32",
                    () -> Quantization.quantizeActivations(x, mode, codes, scales, codes));
            assertMessage(
                    "sums: expected the size",
                    () ->
                            Quantization.quantizeActivations(
                                    x, mode, codes, scales, IntegerMatrix.of(new int[4], 1, 4)));
            MemorySegment readOnly = MemorySegment.ofArray(memory).asReadOnly();
            assertMessage(
                    "codes: expected memory that can be written",
                    () ->
                            Quantization.quantizeActivations(
                                    x,
                                    mode,
                                    IntegerMatrix.of(
                                            IntegerMatrix.Type.I8, readOnly, 2, INPUTS, INPUTS),
                                    scales,
                                    null));
            float[] shared = new float[128];
            assertMessage(
                    "codes: expected memory apart from x",
                    () ->
                            Quantization.quantizeActivations(
                                    device.tensor(shared, 2, INPUTS),
                                    mode,
                                    IntegerMatrix.of(
                                            IntegerMatrix.Type.I8,
                                            MemorySegment.ofArray(shared),
                                            2,
                                            INPUTS,
                                            INPUTS),
                                    scales,
                                    null));
            Tensor channels = device.tensor(new float[INPUTS], INPUTS);
            for (int limit : new int[] {0, 128, -1}) {
                assertMessage(
                        "limit: ",
                        () ->
                                Quantization.quantizeActivations(
                                        x, channels, null, limit, codes, null));
            }
            assertMessage(
                    "channelScales: expected 64 elements",
                    () ->
                            Quantization.quantizeActivations(
                                    x, channels.slice(0, 0, 63), null, 127, codes, null));
            for (byte value : memory) {
                assertEquals(5, value);
            }
        }
    }

    @Test
    void int8Matmul() {
        for (Device device : LowBitDevices.all()) {
            try (LowBitMatrix matrix = int8(device);
                    LowBitMatrix fourBits = matrix(device)) {
                IntegerMatrix x = IntegerMatrix.of(new byte[2 * INPUTS], 2, INPUTS);
                int[] sums = new int[2 * OUTPUTS];
                Arrays.fill(sums, 5);
                IntegerMatrix y = IntegerMatrix.of(sums, 2, OUTPUTS);
                assertMessage("weights: ", () -> fourBits.int8Matmul(x, null, y));
                assertMessage("y: expected I32", () -> matrix.int8Matmul(x, null, x));
                assertMessage(
                        "y: expected the size",
                        () -> matrix.int8Matmul(x, null, IntegerMatrix.of(sums, 1, OUTPUTS)));
                assertMessage(
                        "x: expected 64 columns",
                        () -> matrix.int8Matmul(IntegerMatrix.of(new byte[126], 2, 63), null, y));
                assertMessage(
                        "rowZeroPoints: expected 2 elements",
                        () -> matrix.int8Matmul(x, new int[1], y));
                assertMessage(
                        "rowZeroPoints: expected numbers from -128 to 127",
                        () -> matrix.int8Matmul(x, new int[] {0, -129}, y));
                Tensor floats = device.tensor(new float[2 * OUTPUTS], 2, OUTPUTS);
                assertMessage(
                        "rowScales: expected 2 elements",
                        () ->
                                matrix.int8Matmul(
                                        x, device.tensor(new float[3], 3), null, null, floats));
                assertMessage(
                        "y: expected 2 rows",
                        () -> matrix.int8Matmul(x, null, null, null, floats.slice(0, 0, 1)));
                for (int sum : sums) {
                    assertEquals(5, sum);
                }
            }
        }
    }

    @Test
    void integerMatrices() {
        byte[] bytes = new byte[16];
        assertMessage("memory: expected at least 18", () -> IntegerMatrix.of(bytes, 3, 6));
        assertMessage("rows, columns: ", () -> IntegerMatrix.of(bytes, -1, 6));
        MemorySegment memory = MemorySegment.ofArray(new int[8]);
        assertMessage(
                "rowStride: ", () -> IntegerMatrix.of(IntegerMatrix.Type.I32, memory, 2, 4, 3));
        assertMessage(
                "rows, rowStride: ",
                () -> IntegerMatrix.of(IntegerMatrix.Type.I32, memory, 1L << 40, 4, 1L << 40));
        assertMessage(
                "memory: expected memory aligned to the 4 bytes",
                () ->
                        IntegerMatrix.of(
                                IntegerMatrix.Type.I32,
                                MemorySegment.ofArray(bytes).asSlice(1),
                                1,
                                2,
                                2));
        IntegerMatrix matrix = IntegerMatrix.of(IntegerMatrix.Type.I32, memory, 2, 3, 5);
        matrix.set(1, 2, -9);
        assertEquals(-9, matrix.get(1, 2));
        assertEquals(-9, memory.getAtIndex(java.lang.foreign.ValueLayout.JAVA_INT, 7));
        assertThrows(IndexOutOfBoundsException.class, () -> matrix.get(1, 3));
        assertThrows(IndexOutOfBoundsException.class, () -> matrix.get(2, 0));
        assertEquals("I32[2, 3]", matrix.toString());
    }
}
