// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Libraries unpacked from jars: once for each version and content, whatever the number of
 * processes, in folders that only the current user can write to.
 */
final class LibraryCache {

    private static final String SETTING_HINT =
            "; set -D"
                    + LoaderSettings.CACHE_DIRECTORY_PROPERTY
                    + " or "
                    + LoaderSettings.CACHE_DIRECTORY_VARIABLE
                    + " to a folder that only you can write to";

    private final Path directory;

    LibraryCache(Path directory) {
        this.directory = directory.toAbsolutePath().normalize();
    }

    /** The file with the content of the resource: verified now, and written where needed. */
    Path unpack(NativeResource resource) throws LoadFailure {
        Path entry = directory.resolve(Version.CURRENT + "-" + resource.sha256());
        Path file = entry.resolve(resource.fileName());
        try {
            PrivateFiles.createDirectory(entry);
            if (!Files.isRegularFile(file) || !sha256(file).equals(resource.sha256())) {
                write(resource, file);
            }
            return file;
        } catch (IOException e) {
            throw new LoadFailure(file.toString(), "cannot be unpacked: " + e + SETTING_HINT);
        }
    }

    /** Other processes see the old file or the complete new one, never a part of it. */
    private static void write(NativeResource resource, Path file) throws IOException, LoadFailure {
        Path part = PrivateFiles.createTemporaryFile(file.getParent());
        try {
            try (InputStream in = resource.content().open();
                    OutputStream out = Files.newOutputStream(part)) {
                in.transferTo(out);
            }
            String actual = sha256(part);
            if (!actual.equals(resource.sha256())) {
                throw new LoadFailure(
                        resource.location(),
                        "damaged: expected SHA-256 " + resource.sha256() + ", but it is " + actual);
            }
            PrivateFiles.makeLibrary(part);
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    static String sha256(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file);
                DigestInputStream digested =
                        new DigestInputStream(in, MessageDigest.getInstance("SHA-256"))) {
            digested.transferTo(OutputStream.nullOutputStream());
            return HexFormat.of().formatHex(digested.getMessageDigest().digest());
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }
}
