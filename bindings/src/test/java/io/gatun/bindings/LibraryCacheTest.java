// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gatun.bindings.generated.gatun_h;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A library from a natives jar, by way of the cache. */
class LibraryCacheTest {

    @TempDir Path folder;

    private Path library;
    private Path jar;
    private Path cache;

    @BeforeEach
    void writeJar() throws Exception {
        library =
                CLibrary.compile(
                        folder.resolve(Platform.current().libraryFile()),
                        gatun_h.GATUN_ABI_VERSION());
        jar = NativesJar.write(folder.resolve("natives.jar"), library);
        cache = folder.resolve("cache");
    }

    private NativeLibrary loadFromClassPath() throws IOException {
        try (URLClassLoader loader = new URLClassLoader(new URL[] {jar.toUri().toURL()}, null)) {
            return load(loader, null);
        }
    }

    private NativeLibrary load(ClassLoader loader, String modulePath) {
        LoaderSettings settings =
                new LoaderSettings(
                        null, cache, loader, modulePath, Platform.current(), "libno-gatun.so");
        return new LibraryLoader(settings).load();
    }

    private Path cachedFile() throws IOException {
        return cache.resolve(Version.CURRENT + "-" + LibraryCache.sha256(library))
                .resolve(library.getFileName());
    }

    private static void assertRefused(NativeLibrary library, String reason) {
        assertFalse(library.available());
        assertTrue(library.failure().contains(reason), library.failure());
    }

    @Test
    void theLibraryIsUnpackedForThisUserAlone() throws Exception {
        NativeLibrary loaded = loadFromClassPath();
        assertTrue(loaded.available(), loaded::failure);
        Path file = cachedFile();
        assertEquals(file.toString(), loaded.path());
        assertArrayEquals(Files.readAllBytes(library), Files.readAllBytes(file));
        assertEquals("r-x------", permissions(file));
        assertEquals("rwx------", permissions(file.getParent()));
        assertEquals("rwx------", permissions(cache));
        try (Stream<Path> files = Files.list(file.getParent())) {
            assertEquals(List.of(file), files.toList(), "nothing else is left behind");
        }
    }

    @Test
    void theSecondLoadTakesTheSameFile() throws Exception {
        loadFromClassPath();
        Object first = Files.readAttributes(cachedFile(), "unix:ino,ctime").toString();
        assertTrue(loadFromClassPath().available());
        assertEquals(first, Files.readAttributes(cachedFile(), "unix:ino,ctime").toString());
    }

    @Test
    void aDamagedCacheEntryIsReplaced() throws Exception {
        Files.createDirectories(cachedFile().getParent());
        Files.writeString(cachedFile(), "damaged");
        NativeLibrary loaded = loadFromClassPath();
        assertTrue(loaded.available(), loaded::failure);
        assertArrayEquals(Files.readAllBytes(library), Files.readAllBytes(cachedFile()));
    }

    @Test
    void manyThreadsUnpackAtOnce() throws Exception {
        List<Callable<NativeLibrary>> loads = Collections.nCopies(8, this::loadFromClassPath);
        try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
            for (Future<NativeLibrary> load : threads.invokeAll(loads)) {
                assertTrue(load.get().available(), load.get()::failure);
            }
        }
    }

    @Test
    void theModulePathIsSearchedToo() {
        NativeLibrary loaded = load(ClassLoader.getPlatformClassLoader(), jar.toString());
        assertTrue(loaded.available(), loaded::failure);
    }

    @Test
    void aDamagedJarIsRefused() throws Exception {
        NativesJar.write(jar, library, "0".repeat(64));
        assertRefused(
                loadFromClassPath(),
                "damaged: expected SHA-256 "
                        + "0".repeat(64)
                        + ", but it is "
                        + LibraryCache.sha256(library));
        assertEquals(0, regularFilesIn(cache), "nothing is left in the cache");
    }

    @Test
    void aJarWithoutHashIsRefused() throws Exception {
        NativesJar.write(jar, library, null);
        assertRefused(loadFromClassPath(), "the jar lacks META-INF/native/");
    }

    @Test
    void aHashThatIsNoneIsRefused() throws Exception {
        NativesJar.write(jar, library, "a hash");
        assertRefused(loadFromClassPath(), "expected 64 hexadecimal digits, but it begins a");
    }

    @Test
    void aCacheThatCannotBeWrittenIsNamedWithTheRemedy() throws Exception {
        cache = Files.writeString(folder.resolve("file"), "not a folder").resolve("cache");
        NativeLibrary loaded = loadFromClassPath();
        assertRefused(loaded, cachedFile() + ": cannot be unpacked");
        assertRefused(loaded, "set -Dgatun.cache.dir or GATUN_CACHE_DIR to a folder");
    }

    @Test
    void aCacheThatOthersCanWriteToIsRefused() throws Exception {
        Path entry = Files.createDirectories(cachedFile().getParent());
        Files.setPosixFilePermissions(entry, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertRefused(loadFromClassPath(), entry + " can be written to by other users");
    }

    @Test
    void aCacheOfAnotherUserIsRefused() throws Exception {
        Path entry = Files.createDirectories(cachedFile().getParent());
        Files.setPosixFilePermissions(entry, PosixFilePermissions.fromString("rwx------"));
        try {
            Files.setAttribute(entry, "unix:uid", 12345);
        } catch (IOException notRoot) {
            assumeTrue(false, "only root can give a folder away");
        }
        assertRefused(loadFromClassPath(), entry + " belongs to another user");
    }

    private static String permissions(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    private static long regularFilesIn(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile).count();
        }
    }
}
