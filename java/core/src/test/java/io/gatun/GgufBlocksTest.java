// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.model.FileBuilder;
import io.gatun.model.ModelFile;
import io.gatun.model.TensorType;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Blocks of GGUF files. The golden blocks are written out byte by byte, and what each weight must
 * be is worked out beside them from the layout that ggml-common.h gives.
 */
final class GgufBlocksTest {
    private static List<Device> devices() {
        return LowBitDevices.all();
    }

    private static float[] decode(Device device, TensorType type, byte[] block) {
        try (LowBitMatrix matrix =
                LowBitMatrix.of(
                        device,
                        new LowBitSource.Gguf(
                                type, 1, type.blockElements(), MemorySegment.ofArray(block)))) {
            assertEquals(GgufBlocks.bits(type), matrix.bits());
            return LowBitDevices.dequantized(matrix);
        }
    }

    /** d = 0.5; byte j holds code j of the first half low and of the second half high. */
    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void q4_0(Device device) {
        byte[] block =
                new FileBuilder()
                        .f16(0.5f)
                        .u8(0x21, 0x43, 0x65, 0x87, 0xa9, 0xcb, 0xed, 0x0f)
                        .u8(0xf0, 0x88, 0x08, 0x80, 0x17, 0x71, 0x3c, 0xc3)
                        .build();
        // (u - 8) / 2 for u = 1 3 5 7 9 b d f, 0 8 8 0 7 1 c 3, then 2 4 6 8 a c e 0, f 8 0 8 1 7 3
        // c.
        assertArrayEquals(
                new float[] {
                    -3.5f, -2.5f, -1.5f, -.5f, .5f, 1.5f, 2.5f, 3.5f, -4, 0, 0, -4, -.5f, -3.5f, 2,
                    -2.5f, -3, -2, -1, 0, 1, 2, 3, -4, 3.5f, 0, -4, 0, -3.5f, -.5f, -2.5f, 2
                },
                decode(device, TensorType.Q4_0, block));
    }

    /** d = 0.25, m = -1: u / 4 - 1. */
    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void q4_1(Device device) {
        byte[] block =
                new FileBuilder()
                        .f16(0.25f)
                        .f16(-1)
                        .u8(0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe)
                        .zeros(8)
                        .build();
        float[] weights = decode(device, TensorType.Q4_1, block);
        for (int j = 0; j < 8; j++) {
            // Low halves are 0 2 4 .., high halves 1 3 5 ..
            assertEquals(2 * j / 4f - 1, weights[j]);
            assertEquals((2 * j + 1) / 4f - 1, weights[16 + j]);
            assertEquals(-1, weights[8 + j]);
            assertEquals(-1, weights[24 + j]);
        }
    }

    /** d = 2; qh = 0x80010001 lifts the elements 0, 16 and 31 by 16. */
    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void q5_0(Device device) {
        byte[] block = new FileBuilder().f16(2).i32(0x80010001).u8(0x51).zeros(14).u8(0xf3).build();
        float[] weights = decode(device, TensorType.Q5_0, block);
        assertEquals((1 + 16 - 16) * 2, weights[0]);
        assertEquals(-32, weights[1]);
        assertEquals((3 - 16) * 2, weights[15]);
        assertEquals((5 + 16 - 16) * 2, weights[16]);
        assertEquals((15 + 16 - 16) * 2, weights[31]);
    }

    /** d = 1, m = 100; the same bits, without a zero point. */
    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void q5_1(Device device) {
        byte[] block =
                new FileBuilder()
                        .f16(1)
                        .f16(100)
                        .i32(0x80010001)
                        .u8(0x51)
                        .zeros(14)
                        .u8(0xf3)
                        .build();
        float[] weights = decode(device, TensorType.Q5_1, block);
        assertEquals(117, weights[0]);
        assertEquals(100, weights[1]);
        assertEquals(103, weights[15]);
        assertEquals(121, weights[16]);
        assertEquals(131, weights[31]);
    }

    /** d = -0.5, codes -128 .. */
    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void q8_0(Device device) {
        byte[] block =
                new FileBuilder().f16(-0.5f).u8(0x80, 0x81, 0xff, 0, 1, 0x7f).zeros(26).build();
        float[] weights = decode(device, TensorType.Q8_0, block);
        assertArrayEquals(
                new float[] {64, 63.5f, .5f, -0f, -.5f, -63.5f},
                java.util.Arrays.copyOf(weights, 6));
        try (LowBitMatrix matrix =
                LowBitMatrix.of(
                        device,
                        new LowBitSource.Gguf(
                                TensorType.Q8_0, 1, 32, MemorySegment.ofArray(block)))) {
            assertTrue(matrix.hasMinus128());
        }
    }

    /*
     * Scales and minima of the K types. Sub-block j < 4 has its 6 bits in bytes j and j + 4; sub-block j >= 4 its low four
     * in the halves of byte j + 4, its high two above those of bytes j - 4 (scale) and j (minimum). So
     *   scales  1 2 3 63  4 + 16  5 + 32  6 + 48  15 + 0
     *   minima  7 8 9 10  11      12 + 16 13 + 32 14 + 48
     * are: bytes 0 to 3: 1 | 1 << 6, 2 | 2 << 6, 3 | 3 << 6, 63; bytes 4 to 7: 7, 8 | 1 << 6, 9 | 2 << 6, 10 | 3 << 6;
     * bytes 8 to 11: 4 | 11 << 4, 5 | 12 << 4, 6 | 13 << 4, 15 | 14 << 4.
     */
    private static final int[] K_SCALES = {
        0x41, 0x82, 0xc3, 0x3f, 0x07, 0x48, 0x89, 0xca, 0xb4, 0xc5, 0xd6, 0xef
    };
    private static final int[] SCALES = {1, 2, 3, 63, 20, 37, 54, 15};
    private static final int[] MINIMA = {7, 8, 9, 10, 11, 28, 45, 62};

    /** d = 1/4, dmin = 2; bytes of codes 0x21: low halves 1 in even sub-blocks, 2 in odd ones. */
    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void q4_k(Device device) {
        FileBuilder block = new FileBuilder().f16(0.25f).f16(2).u8(K_SCALES);
        for (int i = 0; i < 128; i++) {
            block.u8(0x21);
        }
        float[] weights = decode(device, TensorType.Q4_K, block.build());
        for (int i = 0; i < 256; i++) {
            int sub = i / 32;
            float code = sub % 2 == 0 ? 1 : 2;
            assertEquals(0.25f * SCALES[sub] * code - 2 * MINIMA[sub], weights[i], "element " + i);
        }
    }

    /** The same, and bit 4 from qh: byte l holds that of element l of sub-block j in bit j. */
    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void q5_k(Device device) {
        FileBuilder block = new FileBuilder().f16(0.25f).f16(2).u8(K_SCALES);
        for (int l = 0; l < 32; l++) {
            // Element 0 has it in all sub-blocks, element 1 in the last one, the others nowhere.
            block.u8(l == 0 ? 0xff : l == 1 ? 0x80 : 0);
        }
        for (int i = 0; i < 128; i++) {
            block.u8(0x21);
        }
        float[] weights = decode(device, TensorType.Q5_K, block.build());
        for (int i = 0; i < 256; i++) {
            int sub = i / 32;
            boolean high = i % 32 == 0 || i % 32 == 1 && sub == 7;
            float code = (sub % 2 == 0 ? 1 : 2) + (high ? 16 : 0);
            assertEquals(0.25f * SCALES[sub] * code - 2 * MINIMA[sub], weights[i], "element " + i);
        }
    }

    /**
     * d = 0.5, scales 1 to 15 and -128. Half n of the block has 64 bytes of low bits and 32 of high
     * ones; quarter q of it takes byte l (+ 32 if q is odd), the low half of it if q is 0 or 1, and
     * bits 2q and 2q + 1 of high byte l. Low bytes 0x21 (l below 32) and 0x43, high bytes 0xe4 give
     * q = 0: 1 + 0, q = 1: 3 + 16, q = 2: 2 + 32, q = 3: 4 + 48.
     */
    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void q6_k(Device device) {
        FileBuilder block = new FileBuilder();
        for (int i = 0; i < 128; i++) {
            block.u8(i % 64 < 32 ? 0x21 : 0x43);
        }
        for (int i = 0; i < 64; i++) {
            block.u8(0xe4);
        }
        for (int scale = 1; scale < 16; scale++) {
            block.u8(scale);
        }
        block.u8(0x80).f16(0.5f);
        float[] weights = decode(device, TensorType.Q6_K, block.build());
        int[] codes = {1, 19, 34, 52};
        for (int i = 0; i < 256; i++) {
            int scale = i / 16 == 15 ? -128 : i / 16 + 1;
            assertEquals(0.5f * scale * (codes[i % 128 / 32] - 32), weights[i], "element " + i);
        }
    }

    /** Random bytes, every scale that is finite. */
    @ParameterizedTest
    @EnumSource(names = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"})
    void randomBlocksAreThoseOfGgml(TensorType type) {
        int outputs = 17;
        int inputs = 3 * type.blockElements();
        SplittableRandom random = new SplittableRandom(7);
        byte[] data = new byte[outputs * 3 * type.blockBytes()];
        random.nextBytes(data);
        makeScalesFinite(type, data);
        float[] expected = GgmlLoops.decode(type, data);
        for (Device device : LowBitDevices.all()) {
            // At an odd address, as in a file.
            byte[] shifted = new byte[data.length + 1];
            System.arraycopy(data, 0, shifted, 1, data.length);
            MemorySegment memory = MemorySegment.ofArray(shifted).asSlice(1);
            try (LowBitMatrix matrix =
                    LowBitMatrix.of(device, new LowBitSource.Gguf(type, outputs, inputs, memory))) {
                assertSameBits(expected, LowBitDevices.dequantized(matrix));
                assertEquals(LowBitScheme.GGUF, matrix.scheme());
                assertEquals(type == TensorType.Q6_K ? 16 : 32, matrix.groupSize());
                assertUnpacks(matrix, expected);
            }
        }
    }

    /** Codes, scales and offsets give the same weights, signs of zeros apart. */
    private static void assertUnpacks(LowBitMatrix matrix, float[] expected) {
        int outputs = (int) matrix.outputs();
        int inputs = (int) matrix.inputs();
        int group = (int) matrix.groupSize();
        byte[] codes = new byte[outputs * inputs];
        float[] scales = new float[outputs * inputs / group];
        float[] offsets = new float[scales.length];
        Device device = matrix.device();
        matrix.unpack(
                0,
                outputs,
                IntegerMatrix.of(codes, outputs, inputs),
                device.tensor(scales, outputs, inputs / group),
                device.tensor(offsets, outputs, inputs / group));
        for (int i = 0; i < codes.length; i++) {
            float weight = Math.fma(scales[i / group], codes[i] & 0xff, offsets[i / group]);
            assertEquals(expected[i] + 0f, weight + 0f, "element " + i);
        }
    }

    private static void assertSameBits(float[] expected, float[] actual) {
        assertEquals(expected.length, actual.length);
        for (int i = 0; i < expected.length; i++) {
            int element = i;
            assertEquals(
                    Float.floatToIntBits(expected[i]),
                    Float.floatToIntBits(actual[i]),
                    () -> "element " + element + ": " + expected[element] + ", " + actual[element]);
        }
    }

    private static final TensorType[] IN_PLACE = {
        TensorType.Q4_0, TensorType.Q8_0, TensorType.Q4_K, TensorType.Q6_K
    };

    /** The places of binary16 scales. */
    private static int[] scales(TensorType type) {
        return switch (type) {
            case Q4_1, Q5_1, Q4_K, Q5_K -> new int[] {0, 2};
            case Q6_K -> new int[] {208};
            default -> new int[] {0};
        };
    }

    private static void makeScalesFinite(TensorType type, byte[] data) {
        for (int block = 0; block < data.length; block += type.blockBytes()) {
            for (int at : scales(type)) {
                if ((data[block + at + 1] & 0x7c) == 0x7c) {
                    data[block + at + 1] &= (byte) 0xbf;
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"})
    void packingRefusesScalesThatAreNotFinite(TensorType type) {
        for (int scale : scales(type)) {
            for (int bits : new int[] {0x7c00, 0xfc00, 0x7e00}) {
                // All bytes 1, so that no factor of the scale is 0; the second output is the one.
                byte[] data = new byte[2 * type.blockBytes()];
                java.util.Arrays.fill(data, (byte) 1);
                data[type.blockBytes() + scale] = (byte) bits;
                data[type.blockBytes() + scale + 1] = (byte) (bits >> 8);
                LowBitSource source =
                        new LowBitSource.Gguf(
                                type, 2, type.blockElements(), MemorySegment.ofArray(data));
                for (Device device : LowBitDevices.all()) {
                    IllegalArgumentException e =
                            assertThrows(
                                    IllegalArgumentException.class,
                                    () -> LowBitMatrix.of(device, source));
                    assertTrue(e.getMessage().contains("finite"), e.getMessage());
                }
            }
        }
    }

    @TempDir private Path folder;

    private ModelFile file(TensorType type, int outputs, int inputs, byte[] data) throws Exception {
        byte[] file =
                FileBuilder.gguf(3, 1, 0)
                        .tensor("w", type.ggufId(), 0, inputs, outputs)
                        .pad(32)
                        .raw(data)
                        .pad(32)
                        .build();
        return ModelFile.open(Files.write(folder.resolve(type + ".gguf"), file));
    }

    /** From a mapped file, with scales of every kind: they propagate as in ggml. */
    @Test
    void inPlaceIsGgml() throws Exception {
        for (TensorType type : IN_PLACE) {
            byte[] data = new byte[5 * 2 * type.blockBytes()];
            new SplittableRandom(11).nextBytes(data);
            int scale = scales(type)[0];
            // Infinity, NaN, a subnormal number, -0.
            int[] special = {0x7c00, 0x7e01, 0x0001, 0x8000};
            for (int i = 0; i < special.length; i++) {
                data[2 * i * type.blockBytes() + scale] = (byte) special[i];
                data[2 * i * type.blockBytes() + scale + 1] = (byte) (special[i] >> 8);
            }
            float[] expected = GgmlLoops.decode(type, data);
            try (ModelFile file = file(type, 5, 2 * type.blockElements(), data)) {
                for (Device device : LowBitDevices.all()) {
                    LowBitMatrix matrix = LowBitMatrix.inPlace(device, file.tensor("w"));
                    assertEquals(LowBitScheme.GGUF_IN_PLACE, matrix.scheme());
                    assertSameBits(expected, LowBitDevices.dequantized(matrix));
                    assertThrows(IllegalStateException.class, file::close);
                    matrix.close();
                    matrix.close();
                }
            }
        }
    }

    @Test
    void loadsATensorOfAFile() throws Exception {
        byte[] data = new byte[4 * 18];
        new SplittableRandom(3).nextBytes(data);
        makeScalesFinite(TensorType.Q4_0, data);
        for (Device device : LowBitDevices.all()) {
            LowBitMatrix matrix;
            try (ModelFile file = file(TensorType.Q4_0, 2, 64, data)) {
                matrix = LowBitMatrix.load(device, file, "w");
            }
            // The file is closed: the matrix has its own copy.
            assertSameBits(
                    GgmlLoops.decode(TensorType.Q4_0, data), LowBitDevices.dequantized(matrix));
            matrix.close();
        }
    }

    @Test
    void otherTypesAreRefused() throws Exception {
        try (ModelFile file = file(TensorType.Q4_1, 1, 32, new byte[20])) {
            Device device = Device.reference();
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> LowBitMatrix.inPlace(device, file.tensor("w")));
            assertTrue(e.getMessage().contains("Q4_1"), e.getMessage());
        }
        try (ModelFile file = file(TensorType.F32, 1, 32, new byte[128])) {
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> LowBitMatrix.load(Device.reference(), file, "w"));
            assertTrue(e.getMessage().contains("but 'w' of"), e.getMessage());
        }
    }

    @Test
    void shapesAreCompared() {
        MemorySegment memory = MemorySegment.ofArray(new byte[36]);
        assertMessage("inputs: expected a multiple of 32", TensorType.Q4_0, 1, 40, memory);
        assertMessage("data: expected at least 54 bytes", TensorType.Q4_0, 3, 32, memory);
        assertMessage("outputs: expected at least 0", TensorType.Q4_0, -1, 32, memory);
        assertMessage("less than 2^60 bytes", TensorType.Q4_0, Long.MAX_VALUE / 2, 32, memory);
        assertMessage("inputs: expected at least 0", TensorType.Q4_0, 1, 1L << 31, memory);
        assertMessage("type: expected Q4_0", TensorType.F16, 1, 32, memory);
    }

    private static void assertMessage(
            String part, TensorType type, long outputs, long inputs, MemorySegment memory) {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> new LowBitSource.Gguf(type, outputs, inputs, memory));
        assertTrue(e.getMessage().contains(part), e.getMessage());
    }
}
