/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class NpyTest {
    /** What NumPy 2.4 writes for {@code np.array([[1, -2, 0.5]], '<f4')}. */
    private static final String GOLDEN =
            "934e554d5059010076007b276465736372273a20273c6634272c2027666f727472616e5f6f72646572273a20"
                    + "46616c73652c20277368617065273a2028312c2033292c207d"
                    + "20".repeat(58)
                    + "0a"
                    + "0000803f"
                    + "000000c0"
                    + "0000003f";

    @TempDir private Path folder;

    private Path file(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("a.npy"), bytes);
    }

    private static byte[] npy(int version, String header, byte... data) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(HexFormat.of().parseHex("934e554d5059"));
        out.write(version);
        out.write(0);
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer length =
                ByteBuffer.allocate(version == 1 ? 2 : 4).order(ByteOrder.LITTLE_ENDIAN);
        if (version == 1) {
            length.putShort((short) text.length);
        } else {
            length.putInt(text.length);
        }
        out.writeBytes(length.array());
        out.writeBytes(text);
        out.writeBytes(data);
        return out.toByteArray();
    }

    private static String header(String type, String shape) {
        return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
    }

    private String failure(byte[] bytes) throws IOException {
        Path path = file(bytes);
        String message = assertThrows(IOException.class, () -> Npy.read(path)).getMessage();
        assertTrue(message.startsWith(path.toString()), message);
        return message;
    }

    @Test
    void readsWhatNumPyWrites() throws IOException {
        NpyArray array = Npy.read(file(HexFormat.of().parseHex(GOLDEN)));
        assertEquals("f4", array.type());
        assertArrayEquals(new long[] {1, 3}, array.shape());
        assertArrayEquals(new float[] {1, -2, 0.5f}, array.values());
    }

    @Test
    void writesWhatNumPyWrites() throws IOException {
        Path path = folder.resolve("out.npy");
        Npy.write(path, new NpyArray("f4", new long[] {1, 3}, new float[] {1, -2, 0.5f}), "f4");
        assertEquals(GOLDEN, HexFormat.of().formatHex(Files.readAllBytes(path)));
    }

    @ParameterizedTest
    @CsvSource({
        "<f2, 003c, 1",
        ">f2, 3c00, 1",
        "<f4, 0000803f, 1",
        ">f4, 3f800000, 1",
        "<f8, 000000000000f03f, 1",
        ">f8, 3ff0000000000000, 1",
        "|i1, ff, -1",
        "|u1, ff, 255",
        "<i2, feff, -2",
        ">i2, fffe, -2",
        "<u2, feff, 65534",
        "<i4, 01000000, 1",
        ">u4, ffffffff, 4294967295",
        "<i8, ffffffffffffffff, -1",
        "<u8, ffffffffffffffff, 18446744073709551615",
        "|b1, 01, 1",
        "|?, 02, 1",
        "<V2, c03f, 1.5",
        ">V2, 3fc0, 1.5"
    })
    void readsEveryType(String type, String data, float expected) throws IOException {
        NpyArray array = Npy.read(file(npy(1, header(type, "()"), HexFormat.of().parseHex(data))));
        assertArrayEquals(new float[] {expected}, array.values());
        assertEquals(0, array.shape().length);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void readsEveryVersion(int version) throws IOException {
        NpyArray array =
                Npy.read(file(npy(version, header("|u1", "(2L, 1,)"), (byte) 7, (byte) 8)));
        assertArrayEquals(new long[] {2, 1}, array.shape());
        assertArrayEquals(new float[] {7, 8}, array.values());
    }

    @Test
    void transposesFortranOrder() throws IOException {
        String header = "{'shape': (2, 3, 2), \"fortran_order\": True, 'descr': '|u1'}";
        byte[] data = new byte[12];
        for (int i = 0; i < 2; i++) {
            for (int j = 0; j < 3; j++) {
                for (int k = 0; k < 2; k++) {
                    data[i + 2 * j + 6 * k] = (byte) (6 * i + 2 * j + k);
                }
            }
        }
        NpyArray array = Npy.read(file(npy(1, header, data)));
        assertArrayEquals(new float[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, array.values());
    }

    @Test
    void readsAndWritesMoreThanOneBuffer() throws IOException {
        float[] values = new float[100_003];
        for (int i = 0; i < values.length; i++) {
            values[i] = i;
        }
        for (String type : new String[] {"f4", "f8"}) {
            Path path = folder.resolve(type + ".npy");
            Npy.write(path, new NpyArray(type, new long[] {values.length}, values), type);
            assertArrayEquals(values, Npy.read(path).values());
        }
    }

    @Test
    void emptyArrays() throws IOException {
        Path path = folder.resolve("empty.npy");
        Npy.write(path, new NpyArray("f2", new long[] {0, 5}, new float[0]), "f2");
        assertArrayEquals(new long[] {0, 5}, Npy.read(path).shape());
        // The product of the other sizes would overflow.
        NpyArray wide = Npy.read(file(npy(1, header("<f4", "(0, 9223372036854775807, 4)"))));
        assertEquals(0, wide.values().length);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "<f4|(9223372036854775807, 2)|expected at most",
                "<f4|(65536, 65536, 65536, 65536)|expected at most",
                "<f4|(4611686018427387904, 4)|expected at most",
                "<f4|(2000000000,)|expected 8000000000 bytes",
                "<f4|(99999999999999999999,)|too large",
                "<f4|(-1,)|expected a size of at least 0",
                "<f4|(1|expected",
                "<f4|(1.5,)|expected",
                "<f4|[1]|structured",
                "<f4|True|expected descr",
                "<f4|__import__('os')|expected a string, a tuple",
                "<c16|(1,)|'<c16' is not supported",
                "|(1,)|is not supported",
                "O|(1,)|'O' is not supported",
                "<f4|(1,), 'shape': (1,)|stands twice"
            })
    void hostileHeaders(String type, String shape, String expected) throws IOException {
        String message = failure(npy(1, header(type == null ? "" : type, shape)));
        assertTrue(message.contains(expected), message);
    }

    @Test
    void hostileFiles() throws IOException {
        assertTrue(failure(new byte[0]).contains("does not start with"));
        byte[] archive = "PK\3\4 and so on".getBytes(StandardCharsets.ISO_8859_1);
        assertTrue(failure(archive).contains(".npz"));
        assertTrue(failure(npy(4, header("<f4", "()"))).contains("version"));
        byte[] good = HexFormat.of().parseHex(GOLDEN);
        for (int length = 0; length < good.length; length++) {
            failure(Arrays.copyOf(good, length));
        }
        assertTrue(failure(Arrays.copyOf(good, good.length + 1)).contains("holds 13"));
        byte[] huge = npy(2, "");
        huge[11] = 0x7f;
        assertTrue(failure(huge).contains("header of at most"));
        assertTrue(failure(npy(1, "{} x")).contains("text after the closing brace"));
        String many = "(" + "1,".repeat(40) + ")";
        assertTrue(failure(npy(1, header("<f4", many))).contains("32 dimensions"));
        assertTrue(
                assertThrows(IOException.class, () -> Npy.read(folder))
                        .getMessage()
                        .contains("directory"));
    }
}
