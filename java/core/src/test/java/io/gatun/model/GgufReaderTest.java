// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class GgufReaderTest {
    private static final int U32 = 4;
    private static final int STRING = 8;
    private static final int ARRAY = 9;
    private static final int F32_TYPE = 0;
    private static final int Q4_0_TYPE = 2;

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void readsMetadataAndTensors(int version) throws Exception {
        FileBuilder file =
                FileBuilder.gguf(version, 2, 13)
                        .string("a")
                        .i32(0)
                        .u8(200)
                        .string("b")
                        .i32(1)
                        .u8(200)
                        .string("c")
                        .i32(2)
                        .i16(-1)
                        .string("d")
                        .i32(3)
                        .i16(-1)
                        .string("e")
                        .i32(U32)
                        .i32(-1)
                        .string("f")
                        .i32(5)
                        .i32(-1)
                        .string("g")
                        .i32(6)
                        .f32(0.5f)
                        .string("h")
                        .i32(7)
                        .u8(1)
                        .string("general.name")
                        .i32(STRING)
                        .string("tiny \u00fc")
                        .string("tokens")
                        .i32(ARRAY)
                        .i32(STRING)
                        .i64(2)
                        .string("x")
                        .string("")
                        .string("j")
                        .i32(10)
                        .i64(-1)
                        .string("k")
                        .i32(ARRAY)
                        .i32(5)
                        .i64(3)
                        .zeros(12)
                        .string("general.alignment")
                        .i32(U32)
                        .i32(16)
                        .tensor("w", Q4_0_TYPE, 0, 64, 3)
                        .tensor("bias", F32_TYPE, 112, 3)
                        .pad(16);
        long start = file.build().length;
        file.zeros(108).pad(16).f32(1).f32(2).f32(3).pad(16);
        ModelFile model = file.read();
        assertEquals(ModelFile.Format.GGUF, model.format());
        assertEquals(version, model.version());
        Map<String, Object> metadata = model.metadata();
        assertEquals(200L, metadata.get("a"));
        assertEquals(-56L, metadata.get("b"));
        assertEquals(65535L, metadata.get("c"));
        assertEquals(-1L, metadata.get("d"));
        assertEquals(0xffffffffL, metadata.get("e"));
        assertEquals(-1L, metadata.get("f"));
        assertEquals(0.5, metadata.get("g"));
        assertEquals(true, metadata.get("h"));
        assertEquals("tiny \u00fc", metadata.get("general.name"));
        assertEquals("string[2]", metadata.get("tokens").toString());
        assertEquals(new BigInteger("18446744073709551615"), metadata.get("j"));
        assertEquals(new ModelFile.MetadataArray("int32", 3), metadata.get("k"));
        ModelTensor weight = model.tensors().getFirst();
        assertEquals("w Q4_0[3, 64]", weight.toString());
        assertEquals(108, weight.bytes());
        assertEquals(start, weight.offset());
        ModelTensor bias = model.tensor("bias");
        assertArrayEquals(new long[] {3}, bias.shape());
        assertEquals(start + 112, bias.offset());
        assertTrue(bias.segment().isReadOnly());
        assertEquals(3, bias.segment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, 2));
        assertEquals(
                "name: expected one of the 2 tensors of test.bin, but it is 'v'",
                assertThrows(IllegalArgumentException.class, () -> model.tensor("v")).getMessage());
    }

    @Test
    void readsAFileWithoutTensors() throws Exception {
        assertEquals(0, FileBuilder.gguf(3, 0, 0).read().tensors().size());
    }

    /** A scalar, and a tensor with no elements. */
    @Test
    void readsShapesWithoutDimensionsOrElements() throws Exception {
        ModelFile model =
                FileBuilder.gguf(3, 2, 0)
                        .tensor("scalar", F32_TYPE, 0)
                        .tensor("empty", F32_TYPE, 32, 4, 0)
                        .pad(32)
                        .zeros(32)
                        .read();
        assertEquals(4, model.tensor("scalar").bytes());
        assertEquals(1, model.tensor("scalar").elementCount());
        assertEquals(0, model.tensor("empty").bytes());
    }

    private static void assertRefused(FileBuilder file, String tensor, long offset, String part) {
        ModelFormatException e = assertThrows(ModelFormatException.class, file::read);
        assertEquals("test.bin", e.file());
        assertEquals(tensor, e.tensor(), e.getMessage());
        assertEquals(offset, e.offset(), e.getMessage());
        assertTrue(e.getMessage().contains(part), e.getMessage());
    }

    private static final int HEAD = 24;

    @Test
    void refusesOtherVersions() {
        for (int version : new int[] {0, 1, 4, -1}) {
            assertRefused(
                    FileBuilder.gguf(version, 0, 0),
                    null,
                    4,
                    "expected version 2 or 3, but it is ");
        }
        assertRefused(FileBuilder.gguf(3 << 24, 0, 0), null, 4, "but it is 3 in a big-endian file");
    }

    @Test
    void refusesCountsThatCannotBe() {
        assertRefused(FileBuilder.gguf(3, -1, 0), null, 8, "number of tensors");
        assertRefused(FileBuilder.gguf(3, 1L << 40, 0), null, 8, "number of tensors");
        assertRefused(FileBuilder.gguf(3, 0, Long.MAX_VALUE), null, 16, "number of keys");
    }

    @Test
    void refusesBadKeys() {
        assertRefused(
                FileBuilder.gguf(3, 0, 1).string("").i32(0).zeros(10), null, HEAD, "it is empty");
        assertRefused(
                FileBuilder.gguf(3, 0, 2).string("a").i32(0).u8(0).string("a").i32(0).u8(0),
                null,
                HEAD + 14,
                "'a' comes again");
        assertRefused(
                FileBuilder.gguf(3, 0, 1).string("a").i32(13).zeros(9),
                null,
                HEAD + 9,
                "expected a type from 0 to 12, but it is 13");
        assertRefused(
                FileBuilder.gguf(3, 0, 1).string("a").i32(7).u8(2), null, HEAD + 13, "0 or 1");
        assertRefused(
                FileBuilder.gguf(3, 0, 1).i64(1L << 31).zeros(20),
                null,
                HEAD,
                "expected at most 1073741824 bytes of a key");
        assertRefused(
                FileBuilder.gguf(3, 0, 1).i64(1000).zeros(20),
                null,
                HEAD + 8,
                "but the file has 20 more");
        assertRefused(
                FileBuilder.gguf(3, 0, 1).string("a").i32(ARRAY).i32(ARRAY).i64(0),
                null,
                HEAD + 13,
                "no array of arrays");
        assertRefused(
                FileBuilder.gguf(3, 0, 1).string("a").i32(ARRAY).i32(10).i64(1L << 61),
                null,
                HEAD + 17,
                "at most 1073741824 elements");
        assertRefused(
                FileBuilder.gguf(3, 0, 1).string("a").i32(ARRAY).i32(10).i64(1L << 29),
                null,
                HEAD + 25,
                "but the file has 0 more");
        assertRefused(
                FileBuilder.gguf(3, 0, 1).string("a").i32(ARRAY).i32(8).i64(1L << 29),
                null,
                HEAD + 25,
                "an element of key 'a'");
    }

    @Test
    void refusesBadAlignments() {
        for (int alignment : new int[] {0, 3, 48}) {
            assertRefused(
                    FileBuilder.gguf(3, 0, 1).string("general.alignment").i32(U32).i32(alignment),
                    null,
                    HEAD + 25,
                    "expected a power of two of type uint32");
        }
        assertRefused(
                FileBuilder.gguf(3, 0, 1).string("general.alignment").i32(10).i64(32),
                null,
                HEAD + 25,
                "of type uint64");
        assertRefused(
                FileBuilder.gguf(3, 0, 1).string("general.alignment").i32(STRING).string("32"),
                null,
                HEAD + 25,
                "of type string");
    }

    private static FileBuilder one(String name, int type, long offset, long... dimensions) {
        return FileBuilder.gguf(3, 1, 0).tensor(name, type, offset, dimensions).pad(32);
    }

    @Test
    void refusesBadShapes() {
        assertRefused(
                one("w", F32_TYPE, 0, 1, 1, 1, 1, 1).zeros(32), "w", HEAD + 9, "at most 4 dim");
        assertRefused(one("w", F32_TYPE, 0, -4).zeros(32), "w", HEAD + 9, "of at least 0");
        assertRefused(
                one("w", F32_TYPE, 0, 1L << 32, 1L << 32, 1L << 32, 1L << 32).zeros(32),
                "w",
                HEAD + 9,
                "product of less than 2^63");
        assertRefused(
                one("w", F32_TYPE, 0, 0, 1L << 62, 1L << 62).zeros(32),
                "w",
                HEAD + 9,
                "product of less than 2^63");
        assertRefused(
                one("w", F32_TYPE, 0, 1L << 61, 2).zeros(32), "w", HEAD + 9, "less than 2^63");
        assertRefused(
                one("w", Q4_0_TYPE, 0, 40, 4).zeros(128),
                "w",
                HEAD + 9,
                "multiple of 32 elements, the blocks of Q4_0, but they have 40");
    }

    @Test
    void refusesUnknownTypes() {
        for (int type : new int[] {4, 5, 31, 32, 33, 36, 37, 38, 43, -1, Integer.MAX_VALUE}) {
            assertRefused(one("w", type, 0, 32).zeros(128), "w", HEAD + 21, "none of number");
        }
    }

    @Test
    void refusesBadNames() {
        assertRefused(
                one("n".repeat(64), F32_TYPE, 0, 8).zeros(32), null, HEAD, "at most 63 bytes");
        assertRefused(
                FileBuilder.gguf(3, 2, 0)
                        .tensor("w", F32_TYPE, 0, 8)
                        .tensor("w", F32_TYPE, 32, 8)
                        .pad(32)
                        .zeros(64),
                "w",
                HEAD + 33,
                "each name once");
    }

    @Test
    void refusesBadOffsets() {
        for (long offset : new long[] {1, 32, -32, Long.MIN_VALUE}) {
            assertRefused(one("w", F32_TYPE, offset, 8).zeros(64), "w", HEAD, "expected offset 0");
        }
        assertRefused(
                FileBuilder.gguf(3, 2, 0)
                        .tensor("w", F32_TYPE, 0, 9)
                        .tensor("v", F32_TYPE, 36, 1)
                        .pad(32)
                        .zeros(96),
                "v",
                HEAD + 33,
                "expected offset 64, behind the tensor before it, but it is 36");
    }

    @Test
    void refusesTruncatedTensors() {
        assertRefused(
                one("w", F32_TYPE, 0, 8).zeros(31), "w", 64, "expected 32 bytes from byte 64 on");
        assertRefused(one("w", F32_TYPE, 0, 9).zeros(40), "w", 64, "padded to 32");
        assertRefused(one("w", F32_TYPE, 0, 1L << 60), "w", 64, "the file has 64 bytes");
        // The description alone, not even the padding before the data.
        assertRefused(
                FileBuilder.gguf(3, 1, 0).tensor("w", F32_TYPE, 0, 1),
                "w",
                HEAD + 33,
                "the file has 57 bytes");
    }

    /** Every prefix of a good file is refused, and none crashes. */
    @Test
    void refusesEveryPrefix() throws Exception {
        byte[] file =
                FileBuilder.gguf(3, 1, 2)
                        .string("s")
                        .i32(STRING)
                        .string("text")
                        .string("t")
                        .i32(ARRAY)
                        .i32(STRING)
                        .i64(1)
                        .string("x")
                        .tensor("w", Q4_0_TYPE, 0, 32)
                        .pad(32)
                        .zeros(32)
                        .build();
        assertEquals(1, FileBuilder.read(file).tensors().size());
        for (int length = 0; length < file.length; length++) {
            byte[] prefix = java.util.Arrays.copyOf(file, length);
            assertThrows(ModelFormatException.class, () -> FileBuilder.read(prefix));
        }
    }
}
