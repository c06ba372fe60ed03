// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.generated.gatun_h;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The library that -Dgatun.library.path names, and the library that the system finds. */
class LibraryPathTest {

    @TempDir Path folder;

    private NativeLibrary load(Path libraryPath) {
        return load(libraryPath.toString(), "libgatun-that-does-not-exist.so");
    }

    private NativeLibrary load(String libraryPath, String systemLibrary) {
        LoaderSettings settings =
                new LoaderSettings(
                        libraryPath,
                        folder.resolve("cache"),
                        ClassLoader.getPlatformClassLoader(),
                        null,
                        Platform.current(),
                        systemLibrary);
        return new LibraryLoader(settings).load();
    }

    private static void assertRefused(NativeLibrary library, String path, String reason) {
        assertFalse(library.available());
        LoadAttempt attempt = library.attempts().getLast();
        assertFalse(attempt.loaded());
        assertEquals(path, attempt.path());
        assertTrue(attempt.outcome().contains(reason), attempt.outcome());
        assertTrue(library.failure().contains(path + ": " + attempt.outcome()), library.failure());
    }

    private Path library() throws Exception {
        return CLibrary.compile(
                folder.resolve(Platform.current().libraryFile()), gatun_h.GATUN_ABI_VERSION());
    }

    @Test
    void aFileIsLoaded() throws Exception {
        Path file = library();
        NativeLibrary library = load(file);
        assertTrue(library.available(), library::failure);
        assertEquals(file.toString(), library.path());
        assertEquals("test", library.buildHash());
        assertEquals("", library.failure());
        assertEquals(
                List.of(new LoadAttempt("-Dgatun.library.path", file.toString(), "loaded")),
                library.attempts());
    }

    @Test
    void aFolderIsSearched() throws Exception {
        Path file = library();
        assertEquals(file.toString(), load(folder).path());
    }

    @Test
    void aMissingFileIsNamedAndNothingElseIsTried() {
        Path file = folder.resolve("nowhere.so");
        NativeLibrary library = load(file);
        assertRefused(library, file.toString(), "no such file");
        assertEquals(1, library.attempts().size());
        var thrown = assertThrows(UnsatisfiedLinkError.class, library::lookup);
        assertEquals(library.failure(), thrown.getMessage());
    }

    @Test
    void aTextFileIsNoLibrary() throws Exception {
        Path file = Files.writeString(folder.resolve("text.so"), "not a library");
        assertRefused(load(file), file.toString(), "not a shared library");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3, 4, 63, 64, 100, 4096, 8192})
    void aTruncatedLibraryIsRefusedAndNotMapped(int bytes) throws Exception {
        byte[] whole = Files.readAllBytes(library());
        Path file = folder.resolve("truncated.so");
        Files.write(file, Arrays.copyOf(whole, bytes));
        assertRefused(load(file), file.toString(), bytes < 4 ? "not a shared library" : "damaged");
    }

    @Test
    void aLibraryForAnotherArchitectureIsRefused() throws Exception {
        Path file = library();
        byte[] content = Files.readAllBytes(file);
        content[18] = 8; // the ELF machine: MIPS
        Files.write(file, content);
        assertRefused(
                load(file), file.toString(), "for another architecture: expected ELF machine");
    }

    @Test
    void aLibraryThatNeedsAnotherIsRefusedByTheLinker() throws Exception {
        Path file =
                CLibrary.compile(
                        folder.resolve("needy.so"),
                        "int nowhere(void);\nint (*use)(void) = nowhere;\n");
        assertRefused(load(file), file.toString(), "the dynamic linker refused it");
    }

    @Test
    void anotherLibraryIsNoLibgatun() throws Exception {
        Path file = CLibrary.compile(folder.resolve("other.so"), "int other(void) { return 1; }\n");
        assertRefused(load(file), file.toString(), "it has no function gatun_abi_version");
    }

    @Test
    void anotherAbiIsRefusedNamingBothFiles() throws Exception {
        int other = gatun_h.GATUN_ABI_VERSION() + 1;
        Path file = CLibrary.compile(folder.resolve("abi.so"), other);
        NativeLibrary library = load(file);
        assertRefused(library, file.toString(), "ABI version: expected " + (other - 1));
        String bindings =
                NativeLibrary.class.getProtectionDomain().getCodeSource().getLocation().getPath();
        assertRefused(library, file.toString(), bindings);
        assertRefused(library, file.toString(), file + " has " + other);
    }

    @Test
    void theSystemIsAskedLast() {
        NativeLibrary library = load(null, "libgatun-that-does-not-exist.so");
        assertRefused(library, "libgatun-that-does-not-exist.so", "finds no such library");
        assertEquals(
                List.of("natives jar", "system library path"),
                library.attempts().stream().map(LoadAttempt::source).toList());
        String jarOutcome = library.attempts().getFirst().outcome();
        assertTrue(
                jarOutcome.contains("add io.gatun:gatun-natives with the classifier"), jarOutcome);
    }
}
