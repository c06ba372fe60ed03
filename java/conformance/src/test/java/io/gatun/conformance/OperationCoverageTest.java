/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.DType;
import io.gatun.Device;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every operation of the C headers has all that belongs to it; what is missing is named. */
final class OperationCoverageTest {
    /**
     * A function of a family whose context is not const is an operation: what sizes scratch takes a
     * const one, and the functions of the core's header are none.
     */
    private static final Pattern OPERATION =
            Pattern.compile(
                    "GATUN_API\\s+int\\s+gatun_(\\w+)\\s*\\(\\s*gatun_context\\s*\\*\\s*\\w+,");

    private static final String CORE = "core.h";

    private static final Path ROOT = root();

    private static Path root() {
        Path folder = Path.of("").toAbsolutePath();
        while (!Files.exists(folder.resolve("native/include/gatun.h"))) {
            folder = folder.getParent();
            assertTrue(folder != null, "the sources of Gatun are not around the working folder");
        }
        return folder;
    }

    private static Set<String> functions() throws IOException {
        Set<String> functions = new TreeSet<>();
        try (Stream<Path> headers = Files.list(ROOT.resolve("native/include/gatun"))) {
            for (Path header : headers.filter(OperationCoverageTest::isFamily).toList()) {
                Matcher matcher = OPERATION.matcher(Files.readString(header));
                while (matcher.find()) {
                    functions.add(matcher.group(1));
                }
            }
        }
        return functions;
    }

    private static boolean isFamily(Path header) {
        String name = header.getFileName().toString();
        return name.endsWith(".h") && !name.equals(CORE);
    }

    private static String benchmarks() throws IOException {
        Path sources = ROOT.resolve("bench/jmh/src/main/java");
        if (!Files.exists(sources)) {
            return "";
        }
        try (Stream<Path> files = Files.walk(sources)) {
            return files.filter(f -> f.getFileName().toString().endsWith("Benchmark.java"))
                    .map(OperationCoverageTest::read)
                    .collect(Collectors.joining("\n"));
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void theHeadersAreUnderstood() throws IOException {
        assertTrue(
                functions().containsAll(List.of("layer_norm", "rms_norm_backward", "fold_affine")),
                () -> "found none of the known ones");
    }

    @Test
    void everyOperationOfTheHeadersIsComplete() throws IOException {
        String benchmarks = benchmarks();
        List<String> missing = new ArrayList<>();
        for (String function : functions()) {
            if (!Files.exists(ROOT.resolve("bench/cases/" + function + ".cases"))) {
                missing.add(function + ": bench/cases/" + function + ".cases");
            }
            if (Operations.find(function).isEmpty()) {
                missing.add(
                        function + ": a conformance operation in " + Operations.class.getName());
            } else if (!runsOnReference(function)) {
                missing.add(function + ": a kernel of the reference device");
            }
            String constant =
                    "\\b" + function.toUpperCase(Locale.ROOT) + "\\b|\"" + function + "[\":]";
            if (!Pattern.compile(constant).matcher(benchmarks).find()) {
                missing.add(function + ": a JMH benchmark in bench/jmh");
            }
        }
        assertEquals(List.of(), missing, "what is missing");
    }

    @Test
    void everyConformanceOperationIsInTheHeaders() throws IOException {
        List<String> unknown = Operations.all().stream().map(Operation::function).toList();
        assertTrue(
                functions().containsAll(unknown),
                () -> unknown + " are not all in native/include/gatun");
    }

    private static boolean runsOnReference(String function) {
        Operation operation = Operations.find(function).orElseThrow();
        String group = operation.name() + "/" + operation.direction().label();
        Check check =
                Suite.checks(new Glob(group + "/*/plain")).stream()
                        .filter(
                                c ->
                                        c.operation().function().equals(function)
                                                && c.dtype() == DType.F32)
                        .findFirst()
                        .orElseThrow();
        return Suite.result(check, Suite.prepare(check, 0), Device.reference(), 0).passed();
    }
}
