// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Loads the library in a JVM of its own. */
final class ChildJvm {

    private ChildJvm() {}

    /** Run by the child: prints whether the library was loaded, and every attempt. */
    static final class PrintLibrary {

        private PrintLibrary() {}

        public static void main(String[] arguments) {
            NativeLibrary library = NativeLibrary.get();
            System.out.println("available: " + library.available());
            library.attempts().forEach(System.out::println);
        }
    }

    /**
     * What {@link PrintLibrary} prints.
     *
     * @param prefix a command that runs the JVM as another command, such as {@code env}; or nothing
     * @param classPath entries beside those of the bindings and their tests
     */
    static String printLibrary(List<String> prefix, List<Path> classPath, String... options)
            throws IOException, InterruptedException {
        Path target = Path.of(System.getProperty("basedir", "."), "target").toAbsolutePath();
        List<String> entries = new ArrayList<>();
        entries.add(target.resolve("classes").toString());
        entries.add(target.resolve("test-classes").toString());
        classPath.forEach(entry -> entries.add(entry.toString()));

        List<String> command = new ArrayList<>(prefix);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(options));
        command.add("-cp");
        command.add(String.join(File.pathSeparator, entries));
        command.add(PrintLibrary.class.getName());
        return output(command);
    }

    /** What a command prints; it must succeed. */
    static String output(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        byte[] output = process.getInputStream().readAllBytes();
        String text = new String(output, StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + " failed: " + text);
        }
        return text;
    }
}
