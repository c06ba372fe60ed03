// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.net.URI;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The library inside a natives jar.
 *
 * @param location where it is, for messages
 * @param fileName of the library
 * @param sha256 of the library, as the jar says: 64 hexadecimal digits
 * @param content opens the library
 */
record NativeResource(String location, String fileName, String sha256, Content content) {

    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
    private static final String MODULE_PREFIX = "io.gatun.natives";

    /** Opens a file of the jar. */
    @FunctionalInterface
    interface Content {
        InputStream open() throws IOException;
    }

    /**
     * Looks on the class path, then among the jars of the module path: nothing requires those as
     * modules, so the class loader cannot see them.
     */
    static NativeResource find(LoaderSettings settings) throws LoadFailure {
        String name =
                "META-INF/native/"
                        + settings.platform().name()
                        + "/"
                        + settings.platform().libraryFile();
        Optional<URI> library = onClassPath(settings.classLoader(), name);
        Optional<URI> hash = onClassPath(settings.classLoader(), name + ".sha256");
        if (library.isEmpty()) {
            library = onModulePath(settings.modulePath(), name);
            hash = onModulePath(settings.modulePath(), name + ".sha256");
        }
        if (library.isEmpty()) {
            throw new LoadFailure(
                    name,
                    "no such resource on the class or module path; add"
                            + " io.gatun:gatun-natives with the classifier "
                            + settings.platform().name());
        }
        String location = library.get().toString();
        if (hash.isEmpty()) {
            throw new LoadFailure(location, "the jar lacks " + name + ".sha256");
        }
        return new NativeResource(
                location,
                settings.platform().libraryFile(),
                readHash(hash.get()),
                opener(library.get()));
    }

    private static Optional<URI> onClassPath(ClassLoader loader, String name) {
        URL url = loader == null ? null : loader.getResource(name);
        return Optional.ofNullable(url).map(found -> URI.create(found.toExternalForm()));
    }

    private static Optional<URI> onModulePath(String modulePath, String name) {
        if (modulePath == null || modulePath.isEmpty()) {
            return Optional.empty();
        }
        Path[] entries =
                Stream.of(modulePath.split(File.pathSeparator)).map(Path::of).toArray(Path[]::new);
        return ModuleFinder.of(entries).findAll().stream()
                .filter(module -> module.descriptor().name().startsWith(MODULE_PREFIX))
                .flatMap(module -> in(module, name).stream())
                .findFirst();
    }

    private static Optional<URI> in(ModuleReference module, String name) {
        try (var reader = module.open()) {
            return reader.find(name);
        } catch (IOException unreadable) {
            return Optional.empty();
        }
    }

    private static Content opener(URI uri) {
        return () -> {
            var connection = uri.toURL().openConnection();
            connection.setUseCaches(false);
            return connection.getInputStream();
        };
    }

    private static String readHash(URI uri) throws LoadFailure {
        String text;
        try (InputStream in = opener(uri).open()) {
            text = new String(in.readNBytes(1024), StandardCharsets.ISO_8859_1).strip();
        } catch (IOException e) {
            throw new LoadFailure(uri.toString(), "cannot be read: " + e);
        }
        // As sha256sum writes it: the digits, then the file name.
        String digits = text.split("\\s", 2)[0];
        if (!SHA256.matcher(digits).matches()) {
            throw new LoadFailure(
                    uri.toString(), "expected 64 hexadecimal digits, but it begins " + digits);
        }
        return digits;
    }
}
