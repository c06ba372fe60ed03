// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlatformTest {

    @ParameterizedTest
    @CsvSource({
        "Linux, amd64, false, linux-x86_64, libgatun.so",
        "Linux, amd64, true, linux-x86_64-musl, libgatun.so",
        "Linux, aarch64, false, linux-aarch_64, libgatun.so",
        "Mac OS X, aarch64, false, osx-aarch_64, libgatun.dylib",
        "Windows 11, amd64, false, windows-x86_64, gatun.dll",
        "Linux, riscv64, false, linux-riscv64, libgatun.so"
    })
    void namesAreThoseOfOsMavenPlugin(
            String osName, String osArch, boolean musl, String name, String libraryFile) {
        Platform platform = Platform.of(osName, osArch, musl);
        assertEquals(name, platform.name());
        assertEquals(libraryFile, platform.libraryFile());
    }
}
