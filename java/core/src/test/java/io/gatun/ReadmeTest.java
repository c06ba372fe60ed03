// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The first program of the README compiles, runs and prints what the formula says. */
class ReadmeTest {

    @Test
    void theFirstProgramRuns(@TempDir Path directory) throws IOException, InterruptedException {
        String readme = Files.readString(Path.of("..", "..", "README.md"));
        int start = readme.indexOf("```java\n") + "```java\n".length();
        Path program = directory.resolve("FirstProgram.java");
        Files.writeString(program, readme.substring(start, readme.indexOf("```", start)));

        Process process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Dgatun.library.path=" + System.getProperty("gatun.library.path"),
                                "--enable-native-access=ALL-UNNAMED",
                                "--class-path",
                                classPath(),
                                program.toString())
                        .redirectErrorStream(true)
                        .start();
        String output = new String(process.getInputStream().readAllBytes()).strip();

        assertEquals(0, process.waitFor(), output);
        // Both rows are multiples of (1, 2, 3, 4), whose mean square is 7.5.
        double r = 1 / Math.sqrt(7.5 + 1e-6);
        String[] numbers = output.replaceAll("^.*\\[|\\]$", "").split(", ");
        assertEquals(8, numbers.length, output);
        for (int i = 0; i < 8; i++) {
            assertEquals((i % 4 + 1) * r, Double.parseDouble(numbers[i]), 1e-6, output);
        }
        assertTrue(output.startsWith("cpu "), output);
    }

    private static String classPath() {
        return Stream.of(
                        System.getProperty("jdk.module.path"),
                        System.getProperty("java.class.path"))
                .filter(Objects::nonNull)
                .collect(Collectors.joining(File.pathSeparator));
    }
}
