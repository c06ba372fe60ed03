/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The commands on model files. */
final class ModelCommandsTest {
    private record Result(int code, String out, String err) {}

    @TempDir private Path folder;

    private static Result gatun(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine commandLine =
                Gatun.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
        int code = commandLine.execute(arguments);
        return new Result(code, out.toString(), err.toString());
    }

    private static void assertRefused(Result result, String... parts) {
        assertEquals(Gatun.USAGE, result.code(), result.err());
        assertEquals(1, result.err().lines().count(), result.err());
        for (String part : parts) {
            assertTrue(result.err().contains(part), result.err());
        }
    }

    private static void string(ByteBuffer to, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        to.putLong(bytes.length).put(bytes);
    }

    /** One Q4_0 tensor of two rows: all weights 1 in the first, -3 in the second. */
    private Path gguf() throws IOException {
        ByteBuffer file = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
        file.put("GGUF".getBytes(StandardCharsets.US_ASCII)).putInt(3).putLong(1).putLong(1);
        string(file, "general.name");
        file.putInt(8);
        string(file, "tiny\u001b[31m");
        string(file, "w");
        file.putInt(2).putLong(32).putLong(2).putInt(2).putLong(0);
        file.position((file.position() + 31) / 32 * 32);
        for (int code : new int[] {10, 2}) {
            file.putShort(Float.floatToFloat16(0.5f));
            for (int i = 0; i < 16; i++) {
                file.put((byte) (code | code << 4));
            }
        }
        file.position((file.position() + 31) / 32 * 32);
        byte[] bytes = new byte[file.position()];
        file.get(0, bytes);
        return Files.write(folder.resolve("tiny.gguf"), bytes);
    }

    private Path npy(String name, long[] shape, float... values) throws IOException {
        Path file = folder.resolve(name);
        Npy.write(file, new NpyArray("f4", shape, values), "f4");
        return file;
    }

    @Test
    void inspectListsTensors() throws IOException {
        Path json = folder.resolve("tensors.json");
        Result result = gatun("inspect", gguf().toString(), "--json", json.toString());
        assertEquals(0, result.code(), result.err());
        assertTrue(result.out().contains("GGUF version 3"), result.out());
        // No control character of the file reaches the terminal.
        assertTrue(result.out().contains("general.name = tiny [31m"), result.out());
        assertTrue(result.out().contains("4.5"), result.out());
        String row =
                result.out()
                        .lines()
                        .filter(l -> l.strip().startsWith("w "))
                        .findFirst()
                        .orElseThrow();
        assertEquals("w Q4_0 [2, 32] 36", row.strip().replaceAll(" +", " "));
        assertEquals(
                "{\"name\":\"w\",\"type\":\"Q4_0\",\"shape\":[2,32],\"offset\":128,\"bytes\":36}",
                Files.readString(json).strip());
    }

    @Test
    void inspectReadsSafetensors() throws IOException {
        String header = "{\"a\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,2]}}";
        ByteBuffer file =
                ByteBuffer.allocate(8 + header.length() + 2).order(ByteOrder.LITTLE_ENDIAN);
        file.putLong(header.length()).put(header.getBytes(StandardCharsets.US_ASCII));
        Path path = Files.write(folder.resolve("a.safetensors"), file.array());
        Result result = gatun("inspect", path.toString());
        assertEquals(0, result.code(), result.err());
        assertTrue(result.out().contains(": safetensors, "), result.out());
        assertTrue(result.out().contains("1 tensors"), result.out());
    }

    @Test
    void inspectRefusesDamagedFiles() throws IOException {
        byte[] good = Files.readAllBytes(gguf());
        Path cut = Files.write(folder.resolve("cut.gguf"), java.util.Arrays.copyOf(good, 140));
        assertRefused(gatun("inspect", cut.toString()), "cut.gguf, tensor 'w', byte 128: expected");
        assertRefused(gatun("inspect", folder.resolve("none").toString()), "no such file");
        assertRefused(gatun("inspect", folder.toString()), "it is a directory");
    }

    @Test
    void multipliesWithATensorOfAFile() throws IOException {
        float[] values = new float[64];
        for (int i = 0; i < 64; i++) {
            values[i] = i < 32 ? 1 : i == 40 ? 0.5f : 0;
        }
        Path x = npy("x.npy", new long[] {2, 32}, values);
        Path bias = npy("bias.npy", new long[] {2}, 10, 20);
        Path y = folder.resolve("y.npy");
        for (String device : new String[] {"reference", "cpu"}) {
            for (String mode : new String[] {"float", "int8-row", "int8-group-32"}) {
                for (boolean inPlace : new boolean[] {false, true}) {
                    Result result =
                            gatun(
                                    "run",
                                    "lowbit-matmul",
                                    x.toString(),
                                    "--weights",
                                    gguf().toString(),
                                    "--tensor",
                                    "w",
                                    "--bias",
                                    bias.toString(),
                                    "--activations",
                                    mode,
                                    "--in-place=" + inPlace,
                                    "--device=" + device,
                                    "--out",
                                    y.toString());
                    assertEquals(0, result.code(), result.err());
                    NpyArray product = Npy.read(y);
                    assertArrayEquals(new long[] {2, 2}, product.shape());
                    // 32 and 0.5 times 1 and -3, and the bias.
                    assertArrayEquals(
                            new float[] {42, 20 - 96, 10.5f, 18.5f}, product.values(), 1e-4f);
                }
            }
        }
    }

    @Test
    void wrongArgumentsAreNamed() throws IOException {
        Path x = npy("x.npy", new long[] {1, 31}, new float[31]);
        String out = folder.resolve("y.npy").toString();
        String file = gguf().toString();
        assertRefused(
                gatun(
                        "run",
                        "lowbit-matmul",
                        x.toString(),
                        "--weights",
                        file,
                        "--tensor",
                        "v",
                        "--out",
                        out),
                "lowbit-matmul: name: expected one of the 1 tensors");
        assertRefused(
                gatun(
                        "run",
                        "lowbit-matmul",
                        x.toString(),
                        "--weights",
                        file,
                        "--tensor",
                        "w",
                        "--out",
                        out),
                "lowbit-matmul: x: expected 32 columns");
        assertRefused(
                gatun(
                        "run",
                        "lowbit-matmul",
                        x.toString(),
                        "--weights",
                        file,
                        "--tensor",
                        "w",
                        "--activations",
                        "int4",
                        "--out",
                        out),
                "--activations: expected one of float, int8-row");
    }
}
