// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.model.FileBuilder;
import io.gatun.model.ModelFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntBinaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * AWQ, GPTQ, MatMulNBits, Jlama and int8. Golden tensors are written out with the derivation of
 * their weights; larger ones are packed from codes by the rules of the writers, the other way round
 * than they are read.
 */
final class LowBitTensorsTest {
    private static MemorySegment memory(FileBuilder tensor) {
        return MemorySegment.ofArray(tensor.build());
    }

    private static void assertWeights(LowBitSource source, float... expected) {
        for (Device device : LowBitDevices.all()) {
            try (LowBitMatrix matrix = LowBitMatrix.of(device, source)) {
                assertArrayEquals(
                        expected, LowBitDevices.dequantized(matrix), () -> matrix.toString());
            }
        }
    }

    private static void assertRefused(LowBitSource source, String part) {
        for (Device device : LowBitDevices.all()) {
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class, () -> LowBitMatrix.of(device, source));
            assertTrue(e.getMessage().contains(part), e.getMessage());
        }
    }

    /**
     * 8 outputs, 16 inputs, one group. Nibbles of a word, lowest first, belong to the outputs 0 2 4
     * 6 1 3 5 7 (AutoAWQ's order map): 0x76543210 gives output 0 code 0, 2 code 1, 4 code 2, 6 code
     * 3, 1 code 4, 3 code 5, 5 code 6, 7 code 7. The zero points 0x11111111 are 1 for all, the
     * scales 1, 2, .. 8 in plain order.
     */
    @Test
    void awqGolden() {
        FileBuilder qweight = new FileBuilder();
        for (int input = 0; input < 16; input++) {
            qweight.i32(input == 1 ? 0xffffffff : 0x76543210);
        }
        FileBuilder scales = new FileBuilder();
        for (int output = 1; output <= 8; output++) {
            scales.f16(output);
        }
        LowBitSource source =
                new LowBitSource.Awq(
                        8,
                        16,
                        LowBitSource.PER_CHANNEL,
                        memory(qweight),
                        memory(new FileBuilder().i32(0x11111111)),
                        DType.F16,
                        memory(scales));
        int[] codes = {0, 4, 1, 5, 2, 6, 3, 7};
        float[] expected = new float[128];
        for (int output = 0; output < 8; output++) {
            for (int input = 0; input < 16; input++) {
                int code = input == 1 ? 15 : codes[output];
                expected[16 * output + input] = (code - 1) * (output + 1f);
            }
        }
        assertWeights(source, expected);
    }

    private static int[] words(
            int rows, int columns, int fields, boolean alongRows, IntBinaryOperator field) {
        int bits = 32 / fields;
        int[] words = new int[alongRows ? rows / fields * columns : rows * (columns / fields)];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                int word =
                        alongRows
                                ? row / fields * columns + column
                                : row * (columns / fields) + column / fields;
                int place = (alongRows ? row : column) % fields;
                words[word] |= field.applyAsInt(row, column) << place * bits;
            }
        }
        return words;
    }

    private static MemorySegment ints(int[] words) {
        FileBuilder builder = new FileBuilder();
        for (int word : words) {
            builder.i32(word);
        }
        return memory(builder);
    }

    /** AutoAWQ packs output 8c + order[p] into nibble p. */
    @Test
    void awqRandom() {
        int[] order = {0, 2, 4, 6, 1, 3, 5, 7};
        int outputs = 24;
        int inputs = 96;
        int group = 48;
        SplittableRandom random = new SplittableRandom(5);
        int[][] codes = random(random, inputs, outputs, 16);
        int[][] zeros = random(random, inputs / group, outputs, 16);
        float[] scales = scales(random, inputs / group * outputs);
        FileBuilder stored = new FileBuilder();
        for (float scale : scales) {
            stored.f16(scale);
        }
        LowBitSource source =
                new LowBitSource.Awq(
                        outputs,
                        inputs,
                        group,
                        ints(
                                words(
                                        inputs,
                                        outputs,
                                        8,
                                        false,
                                        (k, n) -> codes[k][n / 8 * 8 + order[n % 8]])),
                        ints(
                                words(
                                        inputs / group,
                                        outputs,
                                        8,
                                        false,
                                        (g, n) -> zeros[g][n / 8 * 8 + order[n % 8]])),
                        DType.F16,
                        memory(stored));
        float[] expected = new float[outputs * inputs];
        for (int n = 0; n < outputs; n++) {
            for (int k = 0; k < inputs; k++) {
                int g = k / group;
                expected[n * inputs + k] = (codes[k][n] - zeros[g][n]) * scales[g * outputs + n];
            }
        }
        assertWeights(source, expected);
    }

    private static int[][] random(SplittableRandom random, int rows, int columns, int bound) {
        int[][] values = new int[rows][columns];
        for (int[] row : values) {
            for (int column = 0; column < columns; column++) {
                row[column] = random.nextInt(bound);
            }
        }
        return values;
    }

    /** Values that binary16 holds. */
    private static float[] scales(SplittableRandom random, int count) {
        float[] scales = new float[count];
        for (int i = 0; i < count; i++) {
            scales[i] = Float.float16ToFloat((short) (0x2000 + random.nextInt(0x2000)));
        }
        return scales;
    }

    /**
     * 4 bits, 8 outputs, 8 inputs, one group. Word n of qweight holds the inputs 0 to 7 of output
     * n, lowest first. In version 1 a stored zero point of 3 means 4, in version 2 it means 3.
     */
    @Test
    void gptqGolden() {
        FileBuilder qweight = new FileBuilder();
        FileBuilder scales = new FileBuilder();
        for (int output = 0; output < 8; output++) {
            qweight.i32(0x76543210);
            scales.f32(output + 1);
        }
        for (int version = 1; version <= 2; version++) {
            LowBitSource source =
                    new LowBitSource.Gptq(
                            4,
                            version,
                            8,
                            8,
                            LowBitSource.PER_CHANNEL,
                            memory(qweight),
                            memory(new FileBuilder().i32(0x33333333)),
                            DType.F32,
                            memory(scales),
                            null);
            float[] expected = new float[64];
            for (int i = 0; i < 64; i++) {
                expected[i] = (i % 8 - (version == 1 ? 4 : 3)) * (i / 8 + 1f);
            }
            assertWeights(source, expected);
        }
    }

    private record Gptq(LowBitSource.Gptq source, float[] weights) {}

    /** Packed by AutoGPTQ's rules: w[n][k] = (u - z) s[gIdx[k]][n]. */
    private static Gptq gptq(int bits, int version, int group, int[] gIdx, int inputs, long seed) {
        int outputs = 40;
        int most = 1 << bits;
        SplittableRandom random = new SplittableRandom(seed);
        int groups = (inputs + group - 1) / group;
        int[][] codes = random(random, inputs, outputs, most);
        int[][] zeros = random(random, groups, outputs, most - 1);
        float[] scales = scales(random, groups * outputs);
        FileBuilder stored = new FileBuilder();
        for (float scale : scales) {
            stored.i16(DType.BF16.fromFloat(scale));
        }
        int fields = 32 / bits;
        LowBitSource.Gptq source =
                new LowBitSource.Gptq(
                        bits,
                        version,
                        outputs,
                        inputs,
                        group,
                        ints(words(inputs, outputs, fields, true, (k, n) -> codes[k][n])),
                        ints(words(groups, outputs, fields, false, (g, n) -> zeros[g][n])),
                        DType.BF16,
                        memory(stored),
                        gIdx == null ? null : ints(gIdx));
        float[] weights = new float[outputs * inputs];
        for (int n = 0; n < outputs; n++) {
            for (int k = 0; k < inputs; k++) {
                int g = gIdx == null ? k / group : gIdx[k];
                int z = zeros[g][n] + (version == 1 ? 1 : 0);
                float scale = DType.BF16.toFloat(DType.BF16.fromFloat(scales[g * outputs + n]));
                weights[n * inputs + k] = (codes[k][n] - z) * scale;
            }
        }
        return new Gptq(source, weights);
    }

    @Test
    void gptqRandom() {
        for (int bits = 4; bits <= 8; bits += 4) {
            for (int version = 1; version <= 2; version++) {
                Gptq whole = gptq(bits, version, 32, null, 96, bits + version);
                assertWeights(whole.source, whole.weights);
                // A short last group.
                Gptq rest = gptq(bits, version, 64, null, 96, bits + version + 10);
                assertWeights(rest.source, rest.weights);
            }
        }
    }

    @Test
    void gptqActOrder() {
        // Group 2 is short: 96 = 40 + 40 + 16 is no grid, so groups of 48 over 80: 48 and 32.
        int[] gIdx = new int[80];
        for (int k = 0; k < 80; k++) {
            gIdx[k] = k * 37 % 80 < 48 ? 0 : 1;
        }
        Gptq gptq = gptq(4, 1, 48, gIdx, 80, 3);
        assertWeights(gptq.source, gptq.weights);
        for (Device device : LowBitDevices.all()) {
            try (LowBitMatrix matrix = LowBitMatrix.of(device, gptq.source)) {
                int[] permutation = matrix.permutation();
                // Ordered by group, and by number within each.
                for (int i = 1; i < 80; i++) {
                    int before = permutation[i - 1];
                    int now = permutation[i];
                    assertTrue(
                            gIdx[before] < gIdx[now] || gIdx[before] == gIdx[now] && before < now);
                }
            }
        }
        int[] ordered = new int[80];
        java.util.Arrays.fill(ordered, 48, 80, 1);
        for (Device device : LowBitDevices.all()) {
            Gptq plain = gptq(4, 1, 48, ordered, 80, 3);
            try (LowBitMatrix matrix = LowBitMatrix.of(device, plain.source)) {
                assertNull(matrix.permutation());
            }
        }
        gIdx[7] = 2;
        assertRefused(gptq(4, 1, 48, gIdxTo(gIdx, 7, 1), 80, 3).source, "inputs of group");
        LowBitSource.Gptq bad = gptq.source;
        for (int wrong : new int[] {2, -1, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            int[] hostile = gIdxTo(gIdx, 7, wrong);
            assertRefused(
                    new LowBitSource.Gptq(
                            4,
                            1,
                            bad.outputs(),
                            bad.inputs(),
                            48,
                            bad.qweight(),
                            bad.qzeros(),
                            DType.BF16,
                            bad.scales(),
                            ints(hostile)),
                    "7");
        }
    }

    private static int[] gIdxTo(int[] gIdx, int input, int group) {
        int[] changed = gIdx.clone();
        changed[input] = group;
        return changed;
    }

    /** A stored field of all ones is z = 0 in version 1, and the matrix says so. */
    @Test
    void gptqZeroPointOfOnes() {
        for (int bits = 4; bits <= 8; bits += 4) {
            FileBuilder scales = new FileBuilder();
            for (int output = 0; output < 8; output++) {
                scales.f16(1);
            }
            FileBuilder codes = new FileBuilder();
            for (int word = 0; word < 8 * bits / 4; word++) {
                codes.i32(bits == 4 ? 0x55555555 : 0x05050505);
            }
            FileBuilder zeros = new FileBuilder();
            for (int word = 0; word < bits / 4; word++) {
                zeros.i32(-1);
            }
            for (int version = 1; version <= 2; version++) {
                LowBitSource source =
                        new LowBitSource.Gptq(
                                bits,
                                version,
                                8,
                                8,
                                LowBitSource.PER_CHANNEL,
                                memory(codes),
                                memory(zeros),
                                DType.F16,
                                memory(scales),
                                null);
                float[] expected = new float[64];
                java.util.Arrays.fill(expected, version == 1 ? 5 : 5 - ((1 << bits) - 1));
                assertWeights(source, expected);
                for (Device device : LowBitDevices.all()) {
                    try (LowBitMatrix matrix = LowBitMatrix.of(device, source)) {
                        assertEquals(version == 1, matrix.hasAmbiguousZeroPoints());
                    }
                }
            }
        }
    }

    /**
     * 4 bits, one output, 20 inputs in blocks of 16: two blocks of 8 bytes, low halves first. The
     * codes behind input 19 are 0xf and must not count. Packed zero points 0x73: block 0 has 3,
     * block 1 has 7.
     */
    @Test
    void nbitsGolden() {
        FileBuilder b = new FileBuilder().u8(0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe);
        b.u8(0x10, 0x32).u8(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
        float[] packed = new float[20];
        float[] symmetric = new float[20];
        float[] fractional = new float[20];
        for (int k = 0; k < 20; k++) {
            int code = k % 16;
            packed[k] = k < 16 ? (code - 3) * 0.5f : (code - 7) * 2f;
            symmetric[k] = (code - 8) * (k < 16 ? 0.5f : 2f);
            fractional[k] = k < 16 ? (code - 1.5f) * 0.5f : (code + 2) * 2f;
        }
        MemorySegment scales = memory(new FileBuilder().f32(0.5f).f32(2));
        assertWeights(
                new LowBitSource.NBits(
                        4,
                        1,
                        20,
                        16,
                        memory(b),
                        DType.F32,
                        scales,
                        null,
                        memory(new FileBuilder().u8(0x73))),
                packed);
        assertWeights(
                new LowBitSource.NBits(4, 1, 20, 16, memory(b), DType.F32, scales, null, null),
                symmetric);
        assertWeights(
                new LowBitSource.NBits(
                        4,
                        1,
                        20,
                        16,
                        memory(b),
                        DType.F32,
                        scales,
                        DType.F16,
                        memory(new FileBuilder().f16(1.5f).f16(-2))),
                fractional);
    }

    @Test
    void nbitsRandom() {
        SplittableRandom random = new SplittableRandom(17);
        for (int bits = 4; bits <= 8; bits += 4) {
            for (int blockSize = 16; blockSize <= 512; blockSize *= 2) {
                int outputs = 19;
                int inputs = 333;
                int groups = (inputs + blockSize - 1) / blockSize;
                byte[] b = new byte[outputs * groups * blockSize * bits / 8];
                random.nextBytes(b);
                float[] scales = scales(random, outputs * groups);
                FileBuilder stored = new FileBuilder();
                for (float scale : scales) {
                    stored.f16(scale);
                }
                int zeroBytes = (groups * bits + 7) / 8;
                byte[] zeros = new byte[outputs * zeroBytes];
                random.nextBytes(zeros);
                float[] expected = new float[outputs * inputs];
                for (int n = 0; n < outputs; n++) {
                    for (int k = 0; k < inputs; k++) {
                        int g = k / blockSize;
                        int block = (n * groups + g) * blockSize * bits / 8;
                        int i = k % blockSize;
                        int code =
                                bits == 8
                                        ? b[block + i] & 0xff
                                        : (b[block + i / 2] & 0xff) >> (i % 2 == 0 ? 0 : 4) & 15;
                        int zero =
                                bits == 8
                                        ? zeros[n * zeroBytes + g] & 0xff
                                        : (zeros[n * zeroBytes + g / 2] & 0xff)
                                                        >> (g % 2 == 0 ? 0 : 4)
                                                & 15;
                        expected[n * inputs + k] = (code - zero) * scales[n * groups + g];
                    }
                }
                assertWeights(
                        new LowBitSource.NBits(
                                bits,
                                outputs,
                                inputs,
                                blockSize,
                                MemorySegment.ofArray(b),
                                DType.F16,
                                memory(stored),
                                null,
                                MemorySegment.ofArray(zeros)),
                        expected);
            }
        }
    }

    /** Byte j of a 4-bit block: element j low, j + 16 high, around 8; scales elsewhere. */
    @Test
    void jlamaGolden() {
        FileBuilder data = new FileBuilder();
        float[] four = new float[64];
        for (int block = 0; block < 2; block++) {
            for (int j = 0; j < 16; j++) {
                data.u8(j | (15 - j) << 4);
                four[32 * block + j] = (j - 8) * (block + 0.3f);
                four[32 * block + 16 + j] = (7 - j) * (block + 0.3f);
            }
        }
        MemorySegment scales = memory(new FileBuilder().f32(0.3f).f32(1.3f));
        assertWeights(new LowBitSource.Jlama(4, 1, 64, memory(data), scales), four);
        byte[] bytes = new byte[64];
        float[] eight = new float[64];
        for (int i = 0; i < 64; i++) {
            bytes[i] = (byte) (4 * i - 128);
            eight[i] = bytes[i] * (i / 32 + 0.3f);
        }
        LowBitSource source =
                new LowBitSource.Jlama(8, 1, 64, MemorySegment.ofArray(bytes), scales);
        assertWeights(source, eight);
        for (Device device : LowBitDevices.all()) {
            try (LowBitMatrix matrix = LowBitMatrix.of(device, source)) {
                assertTrue(matrix.hasMinus128());
            }
        }
    }

    @Test
    void int8Golden() {
        byte[] codes = {-128, 127, 0, 99, 1, -1, 5, 99};
        LowBitSource source =
                new LowBitSource.Int8(
                        IntegerMatrix.of(
                                IntegerMatrix.Type.I8, MemorySegment.ofArray(codes), 2, 3, 4),
                        new float[] {0.5f, 2},
                        new int[] {-128, 127});
        assertWeights(source, 0, 127.5f, 64, -252, -256, -244);
        assertWeights(
                new LowBitSource.Int8(IntegerMatrix.of(codes, 2, 4), null, null),
                -128,
                127,
                0,
                99,
                1,
                -1,
                5,
                99);
    }

    @Test
    void scalesMustBeFinite() {
        for (float scale : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            LowBitSource source =
                    new LowBitSource.Int8(
                            IntegerMatrix.of(new byte[4], 2, 2), new float[] {1, scale}, null);
            assertRefused(source, "finite");
        }
    }

    @Test
    void numbersAndSizesAreChecked() {
        MemorySegment memory = MemorySegment.ofArray(new byte[64]);
        List<String> messages = new ArrayList<>();
        messages.add(
                message(() -> new LowBitSource.Awq(12, 16, 0, memory, memory, DType.F16, memory)));
        messages.add(
                message(() -> new LowBitSource.Awq(8, 40, 16, memory, memory, DType.F16, memory)));
        messages.add(
                message(() -> new LowBitSource.Awq(8, 17, 0, memory, memory, DType.F16, memory)));
        messages.add(
                message(() -> new LowBitSource.Awq(8, 16, 8, memory, memory, DType.F16, memory)));
        messages.add(
                message(
                        () ->
                                new LowBitSource.Gptq(
                                        3, 1, 32, 32, 32, memory, memory, DType.F16, memory,
                                        null)));
        messages.add(
                message(
                        () ->
                                new LowBitSource.Gptq(
                                        4, 3, 32, 32, 32, memory, memory, DType.F16, memory,
                                        null)));
        messages.add(
                message(
                        () ->
                                new LowBitSource.Gptq(
                                        4, 1, 12, 32, 32, memory, memory, DType.F16, memory,
                                        null)));
        messages.add(
                message(
                        () ->
                                new LowBitSource.NBits(
                                        4, 1, 32, 24, memory, DType.F32, memory, null, null)));
        messages.add(
                message(
                        () ->
                                new LowBitSource.NBits(
                                        4,
                                        1,
                                        32,
                                        32,
                                        memory.asSlice(0, 15),
                                        DType.F32,
                                        memory,
                                        null,
                                        null)));
        messages.add(message(() -> new LowBitSource.Jlama(5, 1, 32, memory, memory)));
        messages.add(message(() -> new LowBitSource.Jlama(4, 1, 33, memory, memory)));
        messages.add(
                message(
                        () ->
                                new LowBitSource.Int8(
                                        IntegerMatrix.of(new byte[4], 2, 2), new float[1], null)));
        messages.add(
                message(
                        () ->
                                new LowBitSource.Int8(
                                        IntegerMatrix.of(new byte[4], 2, 2),
                                        null,
                                        new int[] {0, 128})));
        messages.add(
                message(
                        () ->
                                new LowBitSource.Int8(
                                        IntegerMatrix.of(new int[4], 2, 2), null, null)));
        assertEquals(
                List.of(
                        "outputs: expected a multiple of 8, but it is 12",
                        "inputs: expected a multiple of 16, but it is 40",
                        "qweight: expected at least 68 bytes, but it has 64",
                        "groupSize: expected a multiple of 16, or PER_CHANNEL (0), but it is 8",
                        "bits: expected 4 or 8, but it is 3",
                        "version: expected 1 or 2, but it is 3",
                        "outputs: expected a multiple of 8, but it is 12",
                        "blockSize: expected a power of two from 16 to 2^30, but it is 24",
                        "b: expected at least 16 bytes, but it has 15",
                        "bits: expected 4 or 8, but it is 5",
                        "inputs: expected a multiple of 32, but it is 33",
                        "scales: expected 2 elements (the outputs), but it has 1",
                        "zeroPoints: expected numbers from -128 to 127, but number 1 is 128",
                        "codes: expected I8, but it is I32"),
                messages);
    }

    private static String message(Runnable make) {
        return assertThrows(IllegalArgumentException.class, make::run).getMessage();
    }

    @TempDir private Path folder;

    private ModelFile file(String header, byte[]... tensors) throws Exception {
        FileBuilder data = new FileBuilder();
        for (byte[] tensor : tensors) {
            data.raw(tensor);
        }
        byte[] bytes = data.build();
        int[] unsigned = new int[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            unsigned[i] = bytes[i];
        }
        Path path = folder.resolve("layer.safetensors");
        Files.write(path, FileBuilder.safetensors(header, unsigned));
        return ModelFile.open(path);
    }

    private static byte[] bytes(MemorySegment memory) {
        return memory.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
    }

    @Test
    void findsTheTensorsOfALayer() throws Exception {
        int[] gIdx = new int[64];
        for (int k = 0; k < 64; k++) {
            gIdx[k] = k % 2;
        }
        for (int bits = 4; bits <= 8; bits += 4) {
            Gptq gptq = gptq(bits, 1, 32, gIdx, 64, 9);
            LowBitSource.Gptq source = gptq.source;
            int codes = 64 * bits / 32 * 40 * 4;
            int zeros = 2 * 40 * bits / 32 * 4;
            String header =
                    ("{\"l.qweight\":{\"dtype\":\"I32\",\"shape\":[%s,40],\"data_offsets\":[0,%s]},"
                                    + "\"l.qzeros\":{\"dtype\":\"I32\",\"shape\":[2,%s],\"data_offsets\":[%s,%s]},"
                                    + "\"l.scales\":{\"dtype\":\"BF16\",\"shape\":[2,40],\"data_offsets\":[%s,%s]},"
                                    + "\"l.g_idx\":{\"dtype\":\"I32\",\"shape\":[64],\"data_offsets\":[%s,%s]}}")
                            .formatted(
                                    64 * bits / 32,
                                    codes,
                                    40 * bits / 32,
                                    codes,
                                    codes + zeros,
                                    codes + zeros,
                                    codes + zeros + 160,
                                    codes + zeros + 160,
                                    codes + zeros + 416);
            try (ModelFile file =
                    file(
                            header,
                            bytes(source.qweight()),
                            bytes(source.qzeros()),
                            bytes(source.scales()),
                            bytes(source.gIdx()))) {
                for (String name : new String[] {"l", "l.weight", "l.qweight"}) {
                    LowBitSource found = LowBitSources.find(file, name);
                    assertEquals(LowBitSource.Gptq.class, found.getClass());
                    assertEquals(bits, ((LowBitSource.Gptq) found).bits());
                    assertWeights(found, gptq.weights);
                }
                assertFalse(file.find("m.qweight").isPresent());
                assertThrows(IllegalArgumentException.class, () -> LowBitSources.find(file, "m"));
            }
        }
    }

    @Test
    void findsAwqAndJlama() throws Exception {
        String awq =
                "{\"a.qweight\":{\"dtype\":\"I32\",\"shape\":[32,2],\"data_offsets\":[0,256]},"
                        + "\"a.qzeros\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[256,272]},"
                        + "\"a.scales\":{\"dtype\":\"F16\",\"shape\":[2,16],\"data_offsets\":[272,336]}}";
        try (ModelFile file = file(awq, new byte[336])) {
            LowBitSource.Awq source = (LowBitSource.Awq) LowBitSources.find(file, "a.weight");
            assertEquals(16, source.groupSize());
            assertEquals(16, source.outputs());
            assertEquals(32, source.inputs());
        }
        String jlama =
                "{\"a.weight\":{\"dtype\":\"Q4\",\"shape\":[2,64],\"data_offsets\":[0,64]},"
                        + "\"a.weight.qb\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[64,80]},"
                        + "\"b\":{\"dtype\":\"I8\",\"shape\":[1,32],\"data_offsets\":[80,112]},"
                        + "\"b.qb\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[112,116]},"
                        + "\"c\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[116,120]}}";
        try (ModelFile file = file(jlama, new byte[120])) {
            assertEquals(4, ((LowBitSource.Jlama) LowBitSources.find(file, "a")).bits());
            assertEquals(8, ((LowBitSource.Jlama) LowBitSources.find(file, "b")).bits());
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class, () -> LowBitSources.find(file, "c"));
            assertTrue(e.getMessage().contains("F32[1, 1] without scales"), e.getMessage());
        }
    }
}
