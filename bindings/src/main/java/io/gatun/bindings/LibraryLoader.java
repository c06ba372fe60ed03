// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Looks for the native library: where {@code -Dgatun.library.path} says, and nowhere else if it is
 * set; else in a natives jar; else where the system looks for libraries.
 */
final class LibraryLoader {

    private final LoaderSettings settings;
    private final List<LoadAttempt> attempts = new ArrayList<>();

    LibraryLoader(LoaderSettings settings) {
        this.settings = settings;
    }

    /** Never throws: what went wrong is in the attempts of the result. */
    NativeLibrary load() {
        OpenedLibrary opened;
        if (settings.libraryPath() != null) {
            opened = attempt("-D" + LoaderSettings.LIBRARY_PATH_PROPERTY, this::openLibraryPath);
        } else {
            opened = attempt("natives jar", this::openFromJar);
            if (opened == null) {
                opened = attempt("system library path", this::openSystemLibrary);
            }
        }
        return new NativeLibrary(attempts, opened);
    }

    @FunctionalInterface
    private interface Opening {
        OpenedLibrary open() throws LoadFailure;
    }

    private OpenedLibrary attempt(String source, Opening opening) {
        try {
            OpenedLibrary opened = opening.open();
            attempts.add(new LoadAttempt(source, opened.path(), LoadAttempt.LOADED));
            return opened;
        } catch (LoadFailure failure) {
            attempts.add(new LoadAttempt(source, failure.path(), failure.getMessage()));
        } catch (RuntimeException | LinkageError unforeseen) {
            attempts.add(new LoadAttempt(source, "libgatun", unforeseen.toString()));
        }
        return null;
    }

    private OpenedLibrary openLibraryPath() throws LoadFailure {
        Path path = Path.of(settings.libraryPath()).toAbsolutePath().normalize();
        if (Files.isDirectory(path)) {
            path = path.resolve(settings.platform().libraryFile());
        }
        return LibraryOpener.open(path);
    }

    private OpenedLibrary openFromJar() throws LoadFailure {
        NativeResource resource = NativeResource.find(settings);
        LibraryCache cache = new LibraryCache(settings.cacheDirectory());
        return LibraryOpener.open(cache.unpack(resource));
    }

    private OpenedLibrary openSystemLibrary() throws LoadFailure {
        return LibraryOpener.openByName(settings.systemLibrary());
    }
}
