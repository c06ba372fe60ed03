// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What only a process of its own can show: other JVM options, environment or mounts. */
class LoadingProcessTest {

    private static final String NATIVE_ACCESS = "--enable-native-access=ALL-UNNAMED";
    private static final Path LIBRARY_FOLDER = Path.of(System.getProperty("gatun.library.path"));
    private static final String LIBRARY_PATH = "-Dgatun.library.path=" + LIBRARY_FOLDER;

    @TempDir Path folder;

    @Test
    void theSystemPropertyNamesTheLibrary() throws Exception {
        String output = ChildJvm.printLibrary(List.of(), List.of(), NATIVE_ACCESS, LIBRARY_PATH);
        assertTrue(output.startsWith("available: true"), output);
    }

    @Test
    void theNativesJarIsFoundOnTheClassPath() throws Exception {
        Path cache = folder.resolve("cache");
        String output =
                ChildJvm.printLibrary(
                        List.of(),
                        List.of(nativesJar()),
                        NATIVE_ACCESS,
                        "-Dgatun.cache.dir=" + cache);
        assertTrue(output.startsWith("available: true"), output);
        assertTrue(output.contains("natives jar: " + cache), output);
    }

    @Test
    void theEnvironmentNamesTheCache() throws Exception {
        Path cache = folder.resolve("cache");
        String output =
                ChildJvm.printLibrary(
                        List.of("env", "GATUN_CACHE_DIR=" + cache),
                        List.of(nativesJar()),
                        NATIVE_ACCESS);
        assertTrue(output.contains("natives jar: " + cache), output);
    }

    @Test
    void theSystemFindsTheLibraryOnItsPath() throws Exception {
        String output =
                ChildJvm.printLibrary(
                        List.of("env", "LD_LIBRARY_PATH=" + LIBRARY_FOLDER),
                        List.of(),
                        NATIVE_ACCESS);
        assertTrue(output.startsWith("available: true"), output);
        assertTrue(output.contains("system library path: libgatun.so: loaded"), output);
    }

    @Test
    void deniedNativeAccessIsReportedWithTheOptionThatGrantsIt() throws Exception {
        assumeTrue(Runtime.version().feature() >= 24, "before JDK 24, no option denies it to all");
        String output =
                ChildJvm.printLibrary(
                        List.of(), List.of(), "--illegal-native-access=deny", LIBRARY_PATH);
        assertTrue(output.startsWith("available: false"), output);
        assertTrue(output.contains("start it with " + NATIVE_ACCESS), output);
    }

    @Test
    void aCacheOnANoexecFileSystemIsReported() throws Exception {
        Path mountPoint = Files.createDirectory(folder.resolve("noexec"));
        String mount = "mount -t tmpfs -o noexec tmpfs '" + mountPoint + "'";
        List<String> withMount = new ArrayList<>(List.of("unshare", "--map-root-user", "--mount"));
        withMount.addAll(List.of("sh", "-c", mount + " && exec \"$0\" \"$@\""));
        assumeTrue(
                succeeds(withMount), "this process may not mount, even in a namespace of its own");
        String output =
                ChildJvm.printLibrary(
                        withMount,
                        List.of(nativesJar()),
                        NATIVE_ACCESS,
                        "-Dgatun.cache.dir=" + mountPoint);
        assertTrue(output.startsWith("available: false"), output);
        assertTrue(output.contains(mountPoint + " is mounted noexec"), output);
    }

    private Path nativesJar() throws IOException {
        return NativesJar.write(
                folder.resolve("natives.jar"), LIBRARY_FOLDER.resolve("libgatun.so"));
    }

    private static boolean succeeds(List<String> prefix) throws InterruptedException {
        List<String> command = new ArrayList<>(prefix);
        command.add("true");
        try {
            ChildJvm.output(command);
            return true;
        } catch (IOException failed) {
            return false;
        }
    }
}
