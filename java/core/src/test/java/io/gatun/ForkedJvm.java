// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.NativeLibrary;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs a class of these tests in a JVM of its own, on the class path. */
final class ForkedJvm {
    /** What it printed. */
    record Result(int status, String output, String errors) {
        @Override
        public String toString() {
            return "status " + status + "\n" + output + "\n" + errors;
        }
    }

    private ForkedJvm() {}

    static Result run(
            Class<?> main,
            List<String> options,
            Map<String, String> environment,
            String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.addAll(options);
        command.add("-cp");
        command.add(
                String.join(
                        File.pathSeparator,
                        location(Device.class),
                        location(NativeLibrary.class),
                        System.getProperty("gatun.test.classes")));
        command.add(main.getName());
        command.addAll(List.of(arguments));
        Path output = Files.createTempFile("gatun", ".out");
        Path errors = Files.createTempFile("gatun", ".err");
        try {
            ProcessBuilder builder =
                    new ProcessBuilder(command)
                            .redirectOutput(output.toFile())
                            .redirectError(errors.toFile());
            builder.environment()
                    .keySet()
                    .removeIf(name -> name.startsWith("GATUN_") || name.startsWith("JAVA_TOOL"));
            builder.environment().putAll(environment);
            Process process = builder.start();
            try {
                assertTrue(
                        process.waitFor(120, TimeUnit.SECONDS), "the JVM did not end: " + command);
            } finally {
                process.destroyForcibly();
            }
            return new Result(
                    process.exitValue(),
                    Files.readString(output, StandardCharsets.UTF_8),
                    Files.readString(errors, StandardCharsets.UTF_8));
        } finally {
            Files.delete(output);
            Files.delete(errors);
        }
    }

    /** Where the native library of this test run is. */
    static String libraryOption() {
        return "-Dgatun.library.path=" + NativeLibrary.get().path();
    }

    private static String location(Class<?> type) {
        try {
            return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI())
                    .toString();
        } catch (URISyntaxException impossible) {
            throw new AssertionError(impossible);
        }
    }
}
