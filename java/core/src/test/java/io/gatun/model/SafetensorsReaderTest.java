// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SafetensorsReaderTest {
    private static final String W =
            "\"w\":{\"dtype\":\"F16\",\"shape\":[1,2],\"data_offsets\":[0,4]}";

    @Test
    void readsMetadataAndTensors() throws Exception {
        String header =
                """
                {"__metadata__":{"format":"pt","\\u00e9\\n":"\\ud83d\\ude00"},
                 "b" : {"shape":[], "data_offsets":[2,4], "dtype":"BF16", "more":[{"x":null}, -1.5e3]},
                 "a":{"dtype":"I8","shape":[2,1],"data_offsets":[0,2]},
                 "none":{"dtype":"F64","shape":[0,7],"data_offsets":[2,2]}}     \
                """;
        ModelFile model = FileBuilder.read(FileBuilder.safetensors(header, 1, 255, 128, 63));
        assertEquals(ModelFile.Format.SAFETENSORS, model.format());
        assertEquals(Map.of("format", "pt", "\u00e9\n", "\ud83d\ude00"), model.metadata());
        assertEquals("[b BF16[], a I8[2, 1], none F64[0, 7]]", model.tensors().toString());
        ModelTensor a = model.tensor("a");
        assertArrayEquals(new byte[] {1, -1}, a.segment().toArray(ValueLayout.JAVA_BYTE));
        assertEquals(
                8 + header.length(), a.offset() - (header.getBytes().length - header.length()));
        assertEquals(1, model.tensor("b").elementCount());
        assertEquals(0, model.tensor("none").bytes());
    }

    @ParameterizedTest
    @CsvSource({
        "F64,8",
        "F32,4",
        "F16,2",
        "BF16,2",
        "F8_E4M3,1",
        "F8_E5M2,1",
        "F8_E8M0,1",
        "C64,8",
        "I64,8",
        "I32,4",
        "I16,2",
        "I8,1",
        "U64,8",
        "U32,4",
        "U16,2",
        "U8,1",
        "BOOL,1"
    })
    void knowsTheTypes(String dtype, int bytes) throws Exception {
        String header =
                "{\"x\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%s]}}"
                        .formatted(dtype, 3 * bytes);
        ModelTensor x =
                FileBuilder.read(FileBuilder.safetensors(header, new int[3 * bytes])).tensor("x");
        assertEquals(dtype, x.type().name());
    }

    /** Two and four elements to a byte or three. */
    @ParameterizedTest
    @CsvSource({"F4,32,16", "F6_E2M3,32,24", "F6_E3M2,32,24", "Q4,32,16"})
    void knowsPackedTypes(String dtype, int elements, int bytes) throws Exception {
        String header =
                "{\"x\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[0,%s]}}"
                        .formatted(dtype, elements, bytes);
        assertEquals(
                bytes,
                FileBuilder.read(FileBuilder.safetensors(header, new int[bytes]))
                        .tensor("x")
                        .bytes());
    }

    private static void assertRefused(String header, int dataBytes, String tensor, String part) {
        byte[] file = FileBuilder.safetensors(header, new int[dataBytes]);
        ModelFormatException e =
                assertThrows(ModelFormatException.class, () -> FileBuilder.read(file), header);
        assertEquals(tensor, e.tensor(), e.getMessage());
        assertTrue(e.offset() >= 8 && e.offset() <= file.length, e.getMessage());
        assertTrue(e.getMessage().contains(part), e.getMessage());
    }

    @Test
    void refusesBadHeaders() {
        for (long length : new long[] {-1, 0, 1, 17, 100_000_001, Long.MAX_VALUE}) {
            byte[] file = new FileBuilder().i64(length).zeros(16).build();
            ModelFormatException e =
                    assertThrows(ModelFormatException.class, () -> FileBuilder.read(file));
            assertEquals(0, e.offset());
            assertTrue(e.getMessage().contains("length of a safetensors header"), e.getMessage());
        }
        assertThrows(ModelFormatException.class, () -> FileBuilder.read(new byte[0]));
        assertThrows(ModelFormatException.class, () -> FileBuilder.read(new byte[9]));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[]",
                "{ ",
                "{}x",
                "{\"a\"}",
                "{\"a\":1}",
                "{,}",
                "{\"__metadata__\":{}",
                "{\"__metadata__\":{\"a\":1}}",
                "{\"__metadata__\":{\"a\":\"b\",}}",
                "{\"__metadata__\":{\"a\":\"\\x\"}}",
                "{\"__metadata__\":{\"a\":\"\\u12\"}}",
                "{\"__metadata__\":{\"a\":\"\\ud83d\"}}",
                "{\"__metadata__\":{\"a\":\"\\ude00\\ud83d\"}}",
                "{\"__metadata__\":{\"a\":\"\t\"}}",
                "{\"__metadata__\":{\"a\":\"b"
            })
    void refusesWhatIsNotTheJsonOfAHeader(String header) {
        assertRefused(header, 0, null, ": expected");
    }

    @Test
    void refusesBytesThatAreNotUtf8() {
        byte[] file = new FileBuilder().i64(8).text("{\"").u8(0xc3, 0x28).text("\":1}").build();
        ModelFormatException e =
                assertThrows(ModelFormatException.class, () -> FileBuilder.read(file));
        assertTrue(e.getMessage().contains("UTF-8"), e.getMessage());
    }

    @Test
    void refusesRecursionThatIsTooDeep() {
        String deep = "[".repeat(100_000) + "]".repeat(100_000);
        assertRefused("{\"w\":{\"x\":" + deep + "}}", 0, null, "values within each other");
    }

    @Test
    void refusesBadTensors() {
        assertRefused("{\"w\":{}}", 0, "w", "one is missing");
        assertRefused("{\"w\":{\"dtype\":\"F31\"}}", 0, "w", "it is 'F31'");
        assertRefused("{" + W + "," + W + "}", 4, "w", "each name once");
        assertRefused("{\"w\":{\"dtype\":\"I8\",\"dtype\":\"I8\"}}", 0, "w", "dtype once");
        String format = "{\"w\":{\"dtype\":\"F16\",\"shape\":%s,\"data_offsets\":%s}}";
        for (String number : new String[] {"-1", "01", "1.0", "1e3", "\"1\"", "null", ""}) {
            assertRefused(
                    format.formatted("[" + number + ",2]", "[0,4]"),
                    4,
                    null,
                    "the shape of tensor");
        }
        assertRefused(
                format.formatted("[9223372036854775808]", "[0,4]"), 4, null, "less than 2^63");
        assertRefused(
                format.formatted(Arrays.toString(new int[65]), "[0,0]"), 0, null, "at most 64");
        assertRefused(
                format.formatted("[4294967296,4294967296]", "[0,0]"), 0, "w", "the bytes of F16");
        assertRefused(format.formatted("[0,4611686018427387904,4]", "[0,0]"), 0, "w", "bytes of");
        for (String offsets : new String[] {"[0]", "[0,2,4]", "[4,0]", "[0,6]", "[0,3]"}) {
            assertRefused(format.formatted("[2]", offsets), 4, "w", "data_offsets: expected");
        }
    }

    @Test
    void refusesGapsAndOverlaps() {
        String v = "\"v\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[%s,%s]}";
        assertRefused("{" + W + "," + v.formatted(5, 9) + "}", 9, "v", "without gap or overlap");
        assertRefused("{" + W + "," + v.formatted(2, 6) + "}", 6, "v", "without gap or overlap");
        assertRefused("{" + W + "}", 5, null, "1 more bytes");
        assertRefused("{" + v.formatted(1, 5) + "}", 5, "v", "without gap or overlap");
    }

    @Test
    void refusesEveryPrefix() throws Exception {
        byte[] file = FileBuilder.safetensors("{" + W + "}", 1, 2, 3, 4);
        assertEquals(1, FileBuilder.read(file).tensors().size());
        for (int length = 0; length < file.length; length++) {
            byte[] prefix = Arrays.copyOf(file, length);
            assertThrows(ModelFormatException.class, () -> FileBuilder.read(prefix));
        }
    }
}
