// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.zip.ZipEntry;

/** Writes jars laid out as those of gatun-natives. */
final class NativesJar {

    private NativesJar() {}

    /** A jar with a library and its right hash. */
    static Path write(Path jar, Path library) throws IOException {
        return write(jar, library, LibraryCache.sha256(library) + "  libgatun.so\n");
    }

    /**
     * @param hash the content of the .sha256 file, or null for none
     */
    static Path write(Path jar, Path library, String hash) throws IOException {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().putValue("Automatic-Module-Name", "io.gatun.natives.test");
        Platform platform = Platform.current();
        String name = "META-INF/native/" + platform.name() + "/" + platform.libraryFile();
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar), manifest)) {
            out.putNextEntry(new ZipEntry(name));
            Files.copy(library, out);
            if (hash != null) {
                out.putNextEntry(new ZipEntry(name + ".sha256"));
                out.write(hash.getBytes(StandardCharsets.ISO_8859_1));
            }
        }
        return jar;
    }
}
