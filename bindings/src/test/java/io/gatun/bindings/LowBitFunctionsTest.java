// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Every method of the low-bit products reaches its C function, with the arguments in place. */
class LowBitFunctionsTest {

    private static final MemorySegment NULL = MemorySegment.NULL;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
    private static final int OUTPUTS = 8;
    private static final int INPUTS = 32;

    private static Arena arena;
    private static MemorySegment context;
    private static MemorySegment message;

    @BeforeAll
    static void createContext() {
        assertTrue(NativeLibrary.get().available(), NativeLibrary.get()::failure);
        arena = Arena.ofConfined();
        message = arena.allocate(256);
        MemorySegment pointer = arena.allocate(ValueLayout.ADDRESS);
        ok(
                CoreFunctions.contextCreate(
                        gatun_h.GATUN_BACKEND_CPU(),
                        0,
                        gatun_h.GATUN_ISA_SCALAR(),
                        1,
                        pointer,
                        message,
                        256));
        context = pointer.get(ValueLayout.ADDRESS, 0);
    }

    @AfterAll
    static void destroyContext() {
        ok(CoreFunctions.contextDestroy(context));
        arena.close();
    }

    private static void ok(int status) {
        assertEquals(gatun_h.GATUN_OK(), status, () -> message.getString(0));
    }

    /** Makes a matrix, and lets a handle own it as the Java API does. */
    private static NativeHandle handle(MemorySegment pointer) {
        return new NativeHandle(
                pointer.get(ValueLayout.ADDRESS, 0).address(),
                "matrix",
                address ->
                        LowBitMatrixFunctions.lowbitMatrixDestroy(
                                MemorySegment.ofAddress(address)));
    }

    private static MemorySegment pointer() {
        return arena.allocate(ValueLayout.ADDRESS);
    }

    /** Weight k of output n is (k + n) % 16 - 8: with s = 1 every code is exact. */
    private static float weight(int output, int input) {
        return (input + output) % 16 - 8;
    }

    private static MemorySegment weights() {
        MemorySegment weights = arena.allocate(FLOAT, OUTPUTS * INPUTS);
        for (int n = 0; n < OUTPUTS; n++) {
            for (int k = 0; k < INPUTS; k++) {
                weights.setAtIndex(FLOAT, n * INPUTS + k, weight(n, k));
            }
        }
        return weights;
    }

    private static NativeHandle quantized(int bits) {
        MemorySegment pointer = pointer();
        ok(
                LowBitMatrixFunctions.lowbitMatrixFromFloats(
                        context,
                        gatun_h.GATUN_F32(),
                        OUTPUTS,
                        INPUTS,
                        weights(),
                        INPUTS,
                        bits,
                        gatun_h.GATUN_LOWBIT_SYMMETRIC(),
                        gatun_h.GATUN_LOWBIT_PER_CHANNEL(),
                        gatun_h.GATUN_F32(),
                        pointer,
                        message,
                        256));
        return handle(pointer);
    }

    private static void assertWeights(MemorySegment matrix) {
        MemorySegment out = arena.allocate(FLOAT, OUTPUTS * INPUTS);
        ok(
                LowBitMatrixFunctions.lowbitMatrixDequantize(
                        context,
                        matrix,
                        0,
                        OUTPUTS,
                        gatun_h.GATUN_F32(),
                        out,
                        INPUTS,
                        message,
                        256));
        assertArrayEquals(weights().toArray(FLOAT), out.toArray(FLOAT));
    }

    @Test
    void aMatrixDescribesItself() {
        try (NativeHandle owner = quantized(4)) {
            MemorySegment matrix = owner.acquire();
            try {
                assertWeights(matrix);
                assertEquals(OUTPUTS, LowBitMatrixFunctions.lowbitMatrixOutputs(matrix));
                assertEquals(INPUTS, LowBitMatrixFunctions.lowbitMatrixInputs(matrix));
                assertEquals(4, LowBitMatrixFunctions.lowbitMatrixBits(matrix));
                assertEquals(
                        gatun_h.GATUN_LOWBIT_QUANTIZED(),
                        LowBitMatrixFunctions.lowbitMatrixScheme(matrix));
                assertEquals(0, LowBitMatrixFunctions.lowbitMatrixGgufType(matrix));
                assertEquals(0, LowBitMatrixFunctions.lowbitMatrixFlags(matrix));
                assertEquals(INPUTS, LowBitMatrixFunctions.lowbitMatrixGroupSize(matrix));
                assertTrue(LowBitMatrixFunctions.lowbitMatrixBytes(matrix) >= 8 * 16);
                MemorySegment order = arena.allocate(INT, INPUTS);
                ok(LowBitMatrixFunctions.lowbitMatrixPermutation(matrix, order, INPUTS));
                assertEquals(INPUTS - 1, order.getAtIndex(INT, INPUTS - 1));
                MemorySegment codes = arena.allocate(OUTPUTS * INPUTS);
                MemorySegment scales = arena.allocate(FLOAT, OUTPUTS);
                MemorySegment offsets = arena.allocate(FLOAT, OUTPUTS);
                ok(
                        LowBitMatrixFunctions.lowbitMatrixUnpack(
                                context, matrix, 0, OUTPUTS, codes, scales, offsets, message, 256));
                assertEquals(15, codes.get(ValueLayout.JAVA_BYTE, 15));
                assertEquals(1, scales.getAtIndex(FLOAT, 3));
                assertEquals(-8, offsets.getAtIndex(FLOAT, 3));
            } finally {
                owner.release();
            }
        }
    }

    @Test
    void aClosedMatrixIsRefused() {
        NativeHandle owner = quantized(8);
        owner.close();
        assertThrows(IllegalStateException.class, owner::acquire);
    }

    /** Blocks of Q4_0 with d = 1 and the codes of {@link #weight}. */
    private static MemorySegment q4Blocks() {
        MemorySegment blocks = arena.allocate(OUTPUTS * 18);
        for (int n = 0; n < OUTPUTS; n++) {
            blocks.set(ValueLayout.JAVA_SHORT_UNALIGNED, n * 18L, (short) 0x3c00);
            for (int j = 0; j < 16; j++) {
                int low = (int) weight(n, j) + 8;
                int high = (int) weight(n, j + 16) + 8;
                blocks.set(ValueLayout.JAVA_BYTE, n * 18L + 2 + j, (byte) (low | high << 4));
            }
        }
        return blocks;
    }

    @Test
    void ggufBlocks() {
        MemorySegment blocks = q4Blocks();
        for (int inPlace = 0; inPlace <= 1; inPlace++) {
            MemorySegment pointer = pointer();
            ok(
                    LowBitMatrixFunctions.lowbitMatrixFromGguf(
                            context,
                            gatun_h.GATUN_GGUF_Q4_0(),
                            OUTPUTS,
                            INPUTS,
                            blocks,
                            blocks.byteSize(),
                            inPlace,
                            pointer,
                            message,
                            256));
            try (NativeHandle owner = handle(pointer)) {
                assertWeights(owner.acquire());
                owner.release();
            }
        }
    }

    @Test
    void jlamaBlocks() {
        MemorySegment data = arena.allocate(OUTPUTS * 16);
        MemorySegment scales = arena.allocate(FLOAT, OUTPUTS);
        MemorySegment blocks = q4Blocks();
        for (int n = 0; n < OUTPUTS; n++) {
            MemorySegment.copy(blocks, n * 18L + 2, data, n * 16L, 16);
            scales.setAtIndex(FLOAT, n, 1);
        }
        MemorySegment pointer = pointer();
        ok(
                LowBitMatrixFunctions.lowbitMatrixFromJlama(
                        context,
                        4,
                        OUTPUTS,
                        INPUTS,
                        data,
                        data.byteSize(),
                        scales,
                        scales.byteSize(),
                        pointer,
                        message,
                        256));
        try (NativeHandle owner = handle(pointer)) {
            assertWeights(owner.acquire());
            owner.release();
        }
    }

    @Test
    void nbitsBlocks() {
        MemorySegment b = arena.allocate(OUTPUTS * 16);
        MemorySegment scales = arena.allocate(FLOAT, OUTPUTS);
        for (int n = 0; n < OUTPUTS; n++) {
            for (int j = 0; j < 16; j++) {
                int low = (int) weight(n, 2 * j) + 8;
                int high = (int) weight(n, 2 * j + 1) + 8;
                b.set(ValueLayout.JAVA_BYTE, n * 16L + j, (byte) (low | high << 4));
            }
            scales.setAtIndex(FLOAT, n, 1);
        }
        MemorySegment pointer = pointer();
        ok(
                LowBitMatrixFunctions.lowbitMatrixFromNbits(
                        context,
                        4,
                        OUTPUTS,
                        INPUTS,
                        32,
                        b,
                        b.byteSize(),
                        gatun_h.GATUN_F32(),
                        scales,
                        scales.byteSize(),
                        -1,
                        NULL,
                        0,
                        pointer,
                        message,
                        256));
        try (NativeHandle owner = handle(pointer)) {
            assertWeights(owner.acquire());
            owner.release();
        }
    }

    /** The word at [row of eight inputs][output] of GPTQ. */
    private static int gptqWord(int row, int output) {
        int word = 0;
        for (int i = 0; i < 8; i++) {
            word |= ((int) weight(output, 8 * row + i) + 8) << 4 * i;
        }
        return word;
    }

    /** The word of an input and all eight outputs of AWQ. */
    private static int awqWord(int input) {
        int[] output = {0, 2, 4, 6, 1, 3, 5, 7};
        int word = 0;
        for (int p = 0; p < 8; p++) {
            word |= ((int) weight(output[p], input) + 8) << 4 * p;
        }
        return word;
    }

    private static MemorySegment halves(int count) {
        MemorySegment scales = arena.allocate(2L * count);
        for (int i = 0; i < count; i++) {
            scales.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) 0x3c00);
        }
        return scales;
    }

    @Test
    void gptqTensors() {
        MemorySegment qweight = arena.allocate(INT, INPUTS / 8 * OUTPUTS);
        for (int i = 0; i < INPUTS / 8 * OUTPUTS; i++) {
            qweight.setAtIndex(INT, i, gptqWord(i / OUTPUTS, i % OUTPUTS));
        }
        MemorySegment qzeros = arena.allocateFrom(INT, 0x77777777);
        MemorySegment scales = halves(OUTPUTS);
        MemorySegment groups = arena.allocate(INT, INPUTS);
        MemorySegment pointer = pointer();
        ok(
                LowBitMatrixFunctions.lowbitMatrixFromGptq(
                        context,
                        4,
                        1,
                        OUTPUTS,
                        INPUTS,
                        32,
                        qweight,
                        qweight.byteSize(),
                        qzeros,
                        qzeros.byteSize(),
                        gatun_h.GATUN_F16(),
                        scales,
                        scales.byteSize(),
                        groups,
                        groups.byteSize(),
                        pointer,
                        message,
                        256));
        try (NativeHandle owner = handle(pointer)) {
            assertWeights(owner.acquire());
            owner.release();
        }
    }

    @Test
    void awqTensors() {
        MemorySegment qweight = arena.allocate(INT, INPUTS);
        for (int k = 0; k < INPUTS; k++) {
            qweight.setAtIndex(INT, k, awqWord(k));
        }
        MemorySegment qzeros = arena.allocateFrom(INT, 0x88888888);
        MemorySegment scales = halves(OUTPUTS);
        MemorySegment pointer = pointer();
        ok(
                LowBitMatrixFunctions.lowbitMatrixFromAwq(
                        context,
                        OUTPUTS,
                        INPUTS,
                        32,
                        qweight,
                        qweight.byteSize(),
                        qzeros,
                        qzeros.byteSize(),
                        gatun_h.GATUN_F16(),
                        scales,
                        scales.byteSize(),
                        pointer,
                        message,
                        256));
        try (NativeHandle owner = handle(pointer)) {
            assertWeights(owner.acquire());
            owner.release();
        }
    }

    /** Activations 127 and -127 in turn are exact as codes, with a scale of 1. */
    private static MemorySegment activations() {
        MemorySegment x = arena.allocate(FLOAT, INPUTS);
        for (int k = 0; k < INPUTS; k++) {
            x.setAtIndex(FLOAT, k, k % 2 == 0 ? 127 : -127);
        }
        return x;
    }

    private static float[] product(float bias) {
        float[] y = new float[OUTPUTS];
        for (int n = 0; n < OUTPUTS; n++) {
            y[n] = bias;
            for (int k = 0; k < INPUTS; k++) {
                y[n] += (k % 2 == 0 ? 127 : -127) * weight(n, k);
            }
        }
        return y;
    }

    @Test
    void products() {
        MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
        MemorySegment bias = arena.allocate(FLOAT, OUTPUTS);
        for (int n = 0; n < OUTPUTS; n++) {
            bias.setAtIndex(FLOAT, n, 3);
        }
        try (NativeHandle owner = quantized(4)) {
            MemorySegment matrix = owner.acquire();
            ok(
                    LowBitFunctions.lowbitMultiplyScratch(
                            context,
                            gatun_h.GATUN_F32(),
                            1,
                            matrix,
                            gatun_h.GATUN_LOWBIT_INT8_32(),
                            size));
            long bytes = size.get(ValueLayout.JAVA_LONG, 0);
            MemorySegment y = arena.allocate(FLOAT, OUTPUTS);
            ok(
                    LowBitFunctions.lowbitMultiply(
                            context,
                            gatun_h.GATUN_F32(),
                            1,
                            activations(),
                            INPUTS,
                            matrix,
                            bias,
                            gatun_h.GATUN_LOWBIT_INT8_32(),
                            y,
                            OUTPUTS,
                            arena.allocate(bytes, 64),
                            bytes,
                            message,
                            256));
            owner.release();
            assertArrayEquals(product(3), y.toArray(FLOAT));
        }
    }

    @Test
    void int8Products() {
        MemorySegment x = activations();
        MemorySegment codes = arena.allocate(INPUTS);
        MemorySegment scale = arena.allocate(FLOAT, 1);
        MemorySegment sum = arena.allocate(INT, 1);
        ok(
                LowBitFunctions.lowbitQuantizeActivations(
                        context,
                        gatun_h.GATUN_F32(),
                        1,
                        INPUTS,
                        x,
                        INPUTS,
                        gatun_h.GATUN_LOWBIT_INT8_ROW(),
                        NULL,
                        NULL,
                        127,
                        codes,
                        INPUTS,
                        scale,
                        sum,
                        message,
                        256));
        assertEquals(1, scale.get(FLOAT, 0));
        assertEquals(0, sum.get(INT, 0));
        MemorySegment weights = arena.allocate(OUTPUTS * INPUTS);
        for (int i = 0; i < OUTPUTS * INPUTS; i++) {
            weights.set(ValueLayout.JAVA_BYTE, i, (byte) weight(i / INPUTS, i % INPUTS));
        }
        MemorySegment pointer = pointer();
        ok(
                LowBitMatrixFunctions.lowbitMatrixFromInt8(
                        context, OUTPUTS, INPUTS, weights, INPUTS, NULL, NULL, pointer, message,
                        256));
        try (NativeHandle owner = handle(pointer)) {
            MemorySegment matrix = owner.acquire();
            MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
            ok(LowBitFunctions.int8MatmulScratch(context, 1, matrix, size));
            long bytes = size.get(ValueLayout.JAVA_LONG, 0);
            MemorySegment y = arena.allocate(FLOAT, OUTPUTS);
            ok(
                    LowBitFunctions.int8Matmul(
                            context,
                            1,
                            codes,
                            INPUTS,
                            scale,
                            NULL,
                            matrix,
                            NULL,
                            gatun_h.GATUN_INT8_TO_FLOAT(),
                            y,
                            OUTPUTS,
                            arena.allocate(bytes, 64),
                            bytes,
                            message,
                            256));
            owner.release();
            assertArrayEquals(product(0), y.toArray(FLOAT));
        }
    }

    @Test
    void aMessageNamesTheArgument() {
        MemorySegment blocks = arena.allocate(10);
        assertEquals(
                gatun_h.GATUN_INVALID_ARGUMENT(),
                LowBitMatrixFunctions.lowbitMatrixFromGguf(
                        context,
                        gatun_h.GATUN_GGUF_Q8_0(),
                        1,
                        32,
                        blocks,
                        10,
                        0,
                        pointer(),
                        message,
                        256));
        assertEquals(
                "data: expected 34 bytes, but it is 10", message.getString(0).split(" at ")[0]);
    }
}
