// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.nio.file.Path;

/**
 * Where to look for the native library.
 *
 * @param libraryPath file or folder that alone is tried, or null to look in the other places
 * @param cacheDirectory where a library from a jar is unpacked
 * @param classLoader whose class path may hold a natives jar
 * @param modulePath the module path of the application, which may hold one too; null for none
 * @param platform whose library is wanted
 * @param systemLibrary what the dynamic linker of the system is asked for
 */
record LoaderSettings(
        String libraryPath,
        Path cacheDirectory,
        ClassLoader classLoader,
        String modulePath,
        Platform platform,
        String systemLibrary) {

    static final String LIBRARY_PATH_PROPERTY = "gatun.library.path";
    static final String CACHE_DIRECTORY_PROPERTY = "gatun.cache.dir";
    static final String CACHE_DIRECTORY_VARIABLE = "GATUN_CACHE_DIR";

    /** The settings of this process. */
    static LoaderSettings system() {
        return new LoaderSettings(
                System.getProperty(LIBRARY_PATH_PROPERTY),
                systemCacheDirectory(),
                NativeLibrary.class.getClassLoader(),
                System.getProperty("jdk.module.path"),
                Platform.current(),
                Platform.current().libraryFile());
    }

    private static Path systemCacheDirectory() {
        String property = System.getProperty(CACHE_DIRECTORY_PROPERTY);
        if (property != null) {
            return Path.of(property);
        }
        String variable = System.getenv(CACHE_DIRECTORY_VARIABLE);
        if (variable != null && !variable.isEmpty()) {
            return Path.of(variable);
        }
        return Platform.current().userCacheDirectory().resolve("gatun");
    }
}
