// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** Small libraries for the loader, made with the C compiler that the build needs anyway. */
final class CLibrary {

    private CLibrary() {}

    /** A libgatun with no functions but those that the loader looks at. */
    static Path compile(Path file, int abiVersion) throws IOException, InterruptedException {
        return compile(
                file,
                "int gatun_abi_version(void) { return "
                        + abiVersion
                        + "; }\n"
                        + "const char *gatun_build_hash(void) { return \"test\"; }\n");
    }

    static Path compile(Path file, String code) throws IOException, InterruptedException {
        Path source = Files.createTempFile(file.getParent(), "library", ".c");
        Files.writeString(source, code);
        String compiler = System.getenv().getOrDefault("CC", "cc");
        Process process =
                new ProcessBuilder(
                                compiler,
                                "-shared",
                                "-fPIC",
                                "-o",
                                file.toString(),
                                source.toString())
                        .inheritIO()
                        .start();
        if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
            throw new IOException(compiler + " failed to compile " + source);
        }
        return file;
    }
}
