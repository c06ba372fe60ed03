/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.gatun.conformance.Operand;
import io.gatun.conformance.Operation;
import io.gatun.conformance.Operations;
import io.gatun.conformance.ResultLine;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

final class CommandsTest {
    private static final List<String> KEYS =
            List.of(
                    "op",
                    "direction",
                    "dtype",
                    "shape",
                    "device",
                    "isa",
                    "threads",
                    "median_ns",
                    "min_ns",
                    "max_ns",
                    "bytes",
                    "flops",
                    "limit",
                    "fraction",
                    "peers",
                    "max_error",
                    "error_bound",
                    "passed");

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

    private static void assertOneLineError(Result result, String... parts) {
        assertEquals(Gatun.USAGE, result.code(), result.err());
        assertEquals(1, result.err().lines().count(), result.err());
        assertTrue(result.err().startsWith("gatun: "), result.err());
        for (String part : parts) {
            assertTrue(result.err().contains(part), result.err());
        }
    }

    private String path(String name) {
        return folder.resolve(name).toString();
    }

    private String npy(String name, String type, long[] shape, float... values) throws IOException {
        Npy.write(folder.resolve(name), new NpyArray(type, shape, values), type);
        return path(name);
    }

    private static List<List<String>> keysOfLines(Path file) throws IOException {
        List<List<String>> all = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            List<String> keys = new ArrayList<>();
            try (JsonParser parser = new JsonFactory().createParser(line)) {
                assertEquals(JsonToken.START_OBJECT, parser.nextToken());
                while (parser.nextToken() != JsonToken.END_OBJECT) {
                    keys.add(parser.currentName());
                    parser.nextToken();
                    parser.skipChildren();
                }
                assertEquals(null, parser.nextToken());
            }
            all.add(keys);
        }
        return all;
    }

    @Test
    void helpByDefault() {
        Result result = gatun();
        assertEquals(0, result.code());
        for (String command : List.of("doctor", "check", "run", "plot", "bench")) {
            assertTrue(result.out().contains(command), result.out());
            Result help = gatun(command, "--help");
            assertEquals(0, help.code());
            assertTrue(help.out().startsWith("Usage: gatun " + command), help.out());
        }
    }

    private static List<Operation> operationsOnFiles() {
        return Operations.all().stream().filter(Operation::runsOnFiles).toList();
    }

    @Test
    void everyOperationHasItsCommand() {
        for (Operation operation : operationsOnFiles()) {
            Result result = gatun("run", operation.function(), "--help");
            assertEquals(0, result.code());
            operation.settings().forEach(s -> assertTrue(result.out().contains("--" + s.name())));
        }
    }

    @Test
    void everyOperationRunsWithAllItsTensors() throws IOException {
        for (Operation operation : operationsOnFiles()) {
            List<String> arguments = new ArrayList<>(List.of("run", operation.function()));
            List<Operand> outputs = new ArrayList<>();
            boolean first = true;
            for (Operand operand : operation.operands()) {
                long[] shape = shape(operand);
                if (!operand.role().isInput()) {
                    boolean main = operand.equals(firstOutput(operation));
                    outputs.add(operand);
                    String option = "--" + operand.name().replace('_', '-');
                    arguments.add(
                            main ? "--out" : option.endsWith("-out") ? option : option + "-out");
                    arguments.add(path(operand.name() + ".npy"));
                    continue;
                }
                float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
                for (int i = 0; i < values.length; i++) {
                    values[i] = 1 + i % 5;
                }
                if (!first) {
                    String option = "--" + operand.name().replace('_', '-');
                    arguments.add(option.replaceFirst("-out$", "-in"));
                }
                arguments.add(npy(operand.name() + ".npy", "f4", shape, values));
                first = false;
            }
            arguments.addAll(List.of("--device", "reference"));
            assertEquals(
                    new Result(0, "", ""),
                    gatun(arguments.toArray(new String[0])),
                    operation.function());
            for (Operand output : outputs) {
                NpyArray array = Npy.read(folder.resolve(output.name() + ".npy"));
                assertArrayEquals(shape(output), array.shape(), output.name());
            }
        }
    }

    private static Operand firstOutput(Operation operation) {
        return operation.operands().stream()
                .filter(operand -> operand.role() == Operand.Role.OUTPUT)
                .findFirst()
                .orElseThrow();
    }

    /**
     * Coefficients of order 1 and of one group; scales of that order; gates of two heads; a layer
     * of 8 functions from 3 to 4.
     */
    private static long[] ownShape(Operand operand) {
        return switch (operand.name()) {
            case "coefficients", "dcoefficients", "numerator", "dnumerator" ->
                    operand.name().endsWith("s") ? new long[] {2} : new long[] {1, 2};
            case "denominator", "ddenominator" -> new long[] {1, 1};
            case "rho" -> new long[] {2, 1};
            case "gate", "dgate" -> new long[] {2, 2};
            case "weight", "dweight" -> new long[] {3, 8, 4};
            case "bias", "dbias" -> new long[] {4};
            case "y", "dy" -> new long[] {2, 4};
            case "starts", "ends", "dstarts", "dends" -> new long[] {8};
            default -> throw new AssertionError(operand.name());
        };
    }

    private static long[] shape(Operand operand) {
        boolean queries = operand.name().matches("d?q(_out)?");
        return switch (operand.extent()) {
            case FULL -> new long[] {2, 3};
            case COLUMNS -> new long[] {3};
            case ROWS -> new long[] {2};
            case HEADS -> new long[] {2, queries ? 4 : 2, 3};
            case TOKENS_AND_HEADS -> new long[] {2, 8};
            case FUNCTIONS -> new long[] {2, 8, 3};
            case OWN -> ownShape(operand);
        };
    }

    @Test
    void runsABackwardPass() throws IOException {
        // The gradients of (x - mean) * r with g = dy: here x is -1 and 1, and r is 1.
        String dy = npy("dy.npy", "f4", new long[] {1, 2}, 3, 5);
        String x = npy("x.npy", "f4", new long[] {1, 2}, -1, 1);
        Result result =
                gatun(
                        "run",
                        "layer_norm_backward",
                        dy,
                        "--x",
                        x,
                        "--eps",
                        "0",
                        "--device",
                        "reference",
                        "--out",
                        path("dx.npy"),
                        "--dgamma-out",
                        path("dgamma.npy"),
                        "--dbeta",
                        path("dbeta.npy"));
        assertEquals(new Result(0, "", ""), result);
        assertArrayEquals(new float[] {0, 0}, Npy.read(folder.resolve("dx.npy")).values(), 1e-6f);
        assertArrayEquals(
                new float[] {-3, 5}, Npy.read(folder.resolve("dgamma.npy")).values(), 1e-6f);
        assertArrayEquals(
                new float[] {3, 5}, Npy.read(folder.resolve("dbeta.npy")).values(), 1e-6f);
    }

    @Test
    void headsOfARoleThatIsLeftOutAreAnError() throws IOException {
        String q = npy("q.npy", "f4", new long[] {1, 1, 2}, 3, 4);
        assertOneLineError(
                gatun(
                        "run",
                        "qkv_head_rms_norm",
                        q,
                        "--out",
                        path("y.npy"),
                        "--k-out",
                        path("k.npy")),
                "--k-out: expected --k with it");
        String flat = npy("flat.npy", "f4", new long[] {2}, 3, 4);
        assertOneLineError(
                gatun("run", "qkv_head_rms_norm", flat, "--out", path("y.npy")),
                "expected the shape [tokens, heads, columns]");
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "reference"})
    void runsLayerNorm(String device) throws IOException {
        String x = npy("x.npy", "f4", new long[] {2, 1, 2}, 1, 3, -10, 10);
        String gamma = npy("g.npy", "f8", new long[] {2}, 2, 3);
        String beta = npy("b.npy", "f2", new long[] {2}, 0.5f, 0);
        Result result =
                gatun(
                        "run",
                        "layer_norm",
                        x,
                        "--gamma",
                        gamma,
                        "--beta",
                        beta,
                        "--eps",
                        "0",
                        "--device",
                        device,
                        "--out",
                        path("y.npy"),
                        "--mean",
                        path("m.npy"),
                        "--rstd",
                        path("r.npy"));
        assertEquals(new Result(0, "", ""), result);
        NpyArray y = Npy.read(folder.resolve("y.npy"));
        assertEquals("f4", y.type());
        assertArrayEquals(new long[] {2, 1, 2}, y.shape());
        assertArrayEquals(new float[] {-1.5f, 3, -1.5f, 3}, y.values(), 1e-6f);
        NpyArray mean = Npy.read(folder.resolve("m.npy"));
        assertArrayEquals(new long[] {2}, mean.shape());
        assertArrayEquals(new float[] {2, 0}, mean.values());
        assertArrayEquals(new float[] {1, 0.1f}, Npy.read(folder.resolve("r.npy")).values(), 1e-7f);
    }

    @Test
    void runsOnSixteenBitTypes() throws IOException {
        // RMS 5, so that y is x / 5, rounded to the type.
        String x = npy("x.npy", "f4", new long[] {1, 2}, 1, 7);
        Map<String, List<Object>> expected =
                Map.of(
                        "f16", List.of("f2", 0.199951171875f, 1.400390625f),
                        "bf16", List.of("f4", 0.2001953125f, 1.3984375f));
        expected.forEach(
                (dtype, values) -> {
                    Result result =
                            gatun(
                                    "run",
                                    "rms_norm",
                                    x,
                                    "--eps",
                                    "0",
                                    "--dtype",
                                    dtype,
                                    "--out",
                                    path("y.npy"));
                    assertEquals(new Result(0, "", ""), result);
                    try {
                        NpyArray y = Npy.read(folder.resolve("y.npy"));
                        assertEquals(values, List.of(y.type(), y.values()[0], y.values()[1]));
                    } catch (IOException e) {
                        throw new AssertionError(e);
                    }
                });
        // The data type of the file is the default.
        String half = npy("h.npy", "V2", new long[] {1, 2}, 1, 7);
        gatun("run", "rms_norm", half, "--eps", "0", "--out-dtype", "bf16", "--out", path("z.npy"));
        NpyArray z = Npy.read(folder.resolve("z.npy"));
        assertEquals("V2", z.type());
        assertArrayEquals(new float[] {0.2001953125f, 1.3984375f}, z.values());
    }

    @Test
    void settingsReachTheOperation() throws IOException {
        String x = npy("x.npy", "f4", new long[] {4}, 3, -3, 100, 7);
        Result result =
                gatun(
                        "run",
                        "rms_norm",
                        x,
                        "--eps",
                        "1",
                        "--eps-mode",
                        "add",
                        "--statistics-columns",
                        "2",
                        "--out",
                        path("y.npy"));
        assertEquals(new Result(0, "", ""), result);
        NpyArray y = Npy.read(folder.resolve("y.npy"));
        assertArrayEquals(new float[] {0.75f, -0.75f, 25, 1.75f}, y.values(), 1e-6f);
    }

    @Test
    void wrongUseOfRun() throws IOException {
        String x = npy("x.npy", "f4", new long[] {2, 2}, 1, 2, 3, 4);
        String out = path("y.npy");
        assertOneLineError(gatun("run"), "subcommand");
        assertOneLineError(gatun("run", "no_such"), "no_such");
        assertOneLineError(gatun("run", "layer_norm", x), "--out");
        assertOneLineError(
                gatun("run", "layer_norm", path("none.npy"), "--out", out),
                "none.npy",
                "no such file");
        assertOneLineError(
                gatun("run", "layer_norm", x, "--out", path("none/y.npy")),
                "y.npy",
                "folder does not exist");
        String gamma = npy("g.npy", "f4", new long[] {3}, 1, 2, 3);
        assertOneLineError(
                gatun("run", "layer_norm", x, "--gamma", gamma, "--out", out),
                "gamma: expected the shape [2]",
                "has [3]");
        String scalar = npy("s.npy", "f4", new long[0], 1);
        assertOneLineError(
                gatun("run", "layer_norm", scalar, "--out", out), "at least one dimension");
        assertOneLineError(gatun("run", "layer_norm", x, "--eps", "-1", "--out", out), "eps", "-1");
        assertOneLineError(
                gatun("run", "layer_norm", x, "--eps", "small", "--out", out),
                "--eps: expected a number");
        assertOneLineError(
                gatun("run", "layer_norm", x, "--eps-mode", "outside", "--out", out),
                "in-sqrt, add, clamp");
        assertOneLineError(
                gatun("run", "layer_norm", x, "--dtype", "f64", "--out", out), "f32, bf16 or f16");
        assertOneLineError(
                gatun("run", "layer_norm", x, "--device", "tpu", "--out", out),
                "--device",
                "'tpu'");
        assertOneLineError(
                gatun("run", "layer_norm", x, "--threads", "-1", "--out", out), "--threads", "-1");
        assertOneLineError(
                gatun("run", "layer_norm", x, "--isa", "mmx", "--out", out),
                "--isa",
                "avx2",
                "'mmx'");
        assertOneLineError(
                gatun("run", "rms_norm", x, "--statistics-columns", "3", "--out", out),
                "statisticsColumns",
                "3");
        assertFalse(Files.exists(Path.of(out)));
    }

    @Test
    void verboseShowsTheStackTrace() {
        Result result =
                gatun("--verbose", "run", "layer_norm", path("none.npy"), "--out", path("y.npy"));
        assertEquals(Gatun.USAGE, result.code());
        assertTrue(result.err().contains("\tat io.gatun.cli."), result.err());
    }

    @Test
    void checksAndWritesJson() throws IOException {
        Path json = folder.resolve("check.json");
        Result result =
                gatun("check", "--only", "layer_norm/forward/*/33x8/*", "--json", json.toString());
        assertEquals(0, result.code(), result.out() + result.err());
        assertTrue(result.out().contains("checks passed."), result.out());
        assertFalse(result.out().contains("rms_norm"), result.out());
        List<List<String>> lines = keysOfLines(json);
        assertTrue(lines.size() >= 3, lines::toString);
        lines.forEach(keys -> assertEquals(KEYS, keys));
        String text = Files.readString(json);
        assertTrue(text.contains("\"shape\":\"33x8\"") && text.contains("\"passed\":true"), text);
    }

    @Test
    void onlyTakesTheNameOfACheck() {
        Result result =
                gatun(
                        "check",
                        "--device",
                        "reference",
                        "--only",
                        "rms_norm/*/f32/2x2/plain",
                        "--seed",
                        "5");
        assertEquals(0, result.code());
        assertTrue(result.out().contains("2 checks on each, seed 5"), result.out());
    }

    @Test
    void wrongUseOfCheck() {
        assertOneLineError(gatun("check", "--only", "nothing"), "no check matches 'nothing'");
        assertOneLineError(gatun("check", "--only", "{a"), "--only");
        assertOneLineError(gatun("check", "--threads", "many"), "--threads");
        assertOneLineError(gatun("check", "--device", "reference", "--isa", "avx2"), "--isa");
        assertOneLineError(
                gatun("check", "--json", path("none/x.json")), "x.json", "no such file or folder");
        assertOneLineError(gatun("check", "extra"), "extra");
        assertOneLineError(gatun("chekc"), "chekc");
    }

    @Test
    void doctorReports() throws IOException {
        Path json = folder.resolve("doctor.json");
        Result result = gatun("doctor", "--only", "*/2x129/*", "--json", json.toString());
        assertEquals(0, result.code(), result.out() + result.err());
        for (String part :
                List.of(
                        "java",
                        "native access",
                        "tried",
                        "cpu scalar",
                        "gpu",
                        "reference",
                        "ready")) {
            assertTrue(result.out().contains(part), () -> part + " is not in " + result.out());
        }
        List<List<String>> lines = keysOfLines(json);
        List<String> fact = new ArrayList<>(KEYS);
        fact.addAll(List.of("name", "value"));
        assertEquals(fact, lines.getFirst());
        assertEquals(KEYS, lines.getLast());
        assertOneLineError(gatun("doctor", "--only", "nothing"), "--only");
    }

    @Test
    void wrongUseOfBench() {
        assertOneLineError(gatun("bench", "--threads", "0"), "--threads", "0");
        assertOneLineError(gatun("bench", "--threads", "1,x"), "--threads");
        assertOneLineError(gatun("bench", "--isa", "mmx"), "--isa");
        assertOneLineError(gatun("bench", "--only", "{a"), "--only");
        assertOneLineError(gatun("bench", "--json", path("none/x.json")), "x.json");
    }

    @Test
    void jsonHasNoInfinity() throws IOException {
        Path json = folder.resolve("x.json");
        ResultLine line =
                ResultLine.check(
                        "op",
                        "forward",
                        "f32",
                        "1x1",
                        "cpu",
                        null,
                        1,
                        Double.POSITIVE_INFINITY,
                        4,
                        false);
        JsonLines.write(json, Map.of(), List.of(line));
        assertTrue(Files.readString(json).contains("\"max_error\":1.7976931348623157E308"));
        assertEquals(List.of(KEYS), keysOfLines(json));
    }
}
