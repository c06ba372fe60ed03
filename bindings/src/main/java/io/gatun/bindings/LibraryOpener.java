// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.security.CodeSource;

/** Opens a library and makes sure that it is a libgatun of the ABI that the bindings are for. */
@SuppressWarnings("restricted")
final class LibraryOpener {

    private LibraryOpener() {}

    static OpenedLibrary open(Path file) throws LoadFailure {
        FileDiagnosis.requireLibrary(file);
        try {
            return check(file.toString(), SymbolLookup.libraryLookup(file, Arena.global()));
        } catch (IllegalArgumentException refused) {
            throw new LoadFailure(file.toString(), FileDiagnosis.whyRefused(file));
        } catch (IllegalCallerException denied) {
            throw nativeAccessDenied(file.toString());
        }
    }

    static OpenedLibrary openByName(String name) throws LoadFailure {
        try {
            return check(name, SymbolLookup.libraryLookup(name, Arena.global()));
        } catch (IllegalArgumentException refused) {
            throw new LoadFailure(name, "the dynamic linker of the system finds no such library");
        } catch (IllegalCallerException denied) {
            throw nativeAccessDenied(name);
        }
    }

    private static OpenedLibrary check(String path, SymbolLookup symbols) throws LoadFailure {
        int expected = gatun_h.GATUN_ABI_VERSION();
        int actual = abiVersion(path, symbols);
        if (actual != expected) {
            throw new LoadFailure(
                    path,
                    "ABI version: expected "
                            + expected
                            + " (that of "
                            + bindingsLocation()
                            + "), but "
                            + path
                            + " has "
                            + actual
                            + "; use the library and the jar of one release");
        }
        return new OpenedLibrary(path, symbols, buildHash(path, symbols));
    }

    private static int abiVersion(String path, SymbolLookup symbols) throws LoadFailure {
        MemorySegment function = require("gatun_abi_version", path, symbols);
        try {
            return (int)
                    Linker.nativeLinker()
                            .downcallHandle(function, FunctionDescriptor.of(ValueLayout.JAVA_INT))
                            .invokeExact();
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    private static String buildHash(String path, SymbolLookup symbols) throws LoadFailure {
        MemorySegment function = require("gatun_build_hash", path, symbols);
        try {
            MemorySegment text =
                    (MemorySegment)
                            Linker.nativeLinker()
                                    .downcallHandle(
                                            function, FunctionDescriptor.of(ValueLayout.ADDRESS))
                                    .invokeExact();
            return NativeMemory.string(text);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    private static MemorySegment require(String function, String path, SymbolLookup symbols)
            throws LoadFailure {
        return symbols.find(function)
                .orElseThrow(
                        () ->
                                new LoadFailure(
                                        path, "not a libgatun: it has no function " + function));
    }

    /** The jar or folder of the bindings. */
    private static String bindingsLocation() {
        CodeSource source = LibraryOpener.class.getProtectionDomain().getCodeSource();
        return source == null || source.getLocation() == null
                ? "the bindings"
                : source.getLocation().getPath();
    }

    private static LoadFailure nativeAccessDenied(String path) {
        Module module = LibraryOpener.class.getModule();
        String who = module.isNamed() ? module.getName() : "ALL-UNNAMED";
        return new LoadFailure(
                path,
                "the JVM denies native access to the bindings; start it with --enable-native-access="
                        + who);
    }
}
