// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * An operating system and architecture, as the natives jars are named.
 *
 * @param name in the terms of os-maven-plugin: {@code linux-x86_64}, {@code osx-aarch_64}; with
 *     {@code -musl} appended where musl is the C library
 */
record Platform(String name) {

    /** The platform of this process. */
    static Platform current() {
        return of(System.getProperty("os.name"), System.getProperty("os.arch"), usesMusl());
    }

    static Platform of(String osName, String osArch, boolean musl) {
        return new Platform(system(osName) + "-" + architecture(osArch) + (musl ? "-musl" : ""));
    }

    /** The file name of libgatun. */
    String libraryFile() {
        if (name.startsWith("windows")) {
            return "gatun.dll";
        }
        return name.startsWith("osx") ? "libgatun.dylib" : "libgatun.so";
    }

    /** Where programs of the current user keep files that they can make again. */
    Path userCacheDirectory() {
        Path home = Path.of(System.getProperty("user.home"));
        if (name.startsWith("windows")) {
            return environment("LOCALAPPDATA", home.resolve("AppData").resolve("Local"));
        }
        if (name.startsWith("osx")) {
            return home.resolve("Library").resolve("Caches");
        }
        return environment("XDG_CACHE_HOME", home.resolve(".cache"));
    }

    private static Path environment(String variable, Path otherwise) {
        String value = System.getenv(variable);
        return value == null || value.isEmpty() ? otherwise : Path.of(value);
    }

    private static String system(String osName) {
        String lower = osName.toLowerCase(Locale.ROOT);
        if (lower.startsWith("windows")) {
            return "windows";
        }
        if (lower.startsWith("mac") || lower.startsWith("darwin")) {
            return "osx";
        }
        return lower.replace(" ", "");
    }

    private static String architecture(String osArch) {
        String lower = osArch.toLowerCase(Locale.ROOT);
        return switch (lower) {
            case "amd64", "x86_64", "x86-64" -> "x86_64";
            case "aarch64", "arm64" -> "aarch_64";
            default -> lower;
        };
    }

    /** On Linux the C library of this very process is among its mapped files. */
    private static boolean usesMusl() {
        Path maps = Path.of("/proc/self/maps");
        try {
            return Files.isReadable(maps)
                    && Files.readString(maps, StandardCharsets.ISO_8859_1).contains("/ld-musl-");
        } catch (IOException e) {
            return false;
        }
    }
}
