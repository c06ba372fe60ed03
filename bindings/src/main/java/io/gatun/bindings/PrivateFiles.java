// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/** Files and folders that nobody but the current user can change. */
final class PrivateFiles {

    private static final Set<PosixFilePermission> DIRECTORY =
            PosixFilePermissions.fromString("rwx------");
    private static final Set<PosixFilePermission> LIBRARY =
            PosixFilePermissions.fromString("r-x------");
    private static final Set<PosixFilePermission> WRITABLE_BY_OTHERS =
            EnumSet.of(PosixFilePermission.GROUP_WRITE, PosixFilePermission.OTHERS_WRITE);

    private PrivateFiles() {}

    /** Creates a folder and those above it, or makes sure that an existing one is private. */
    static void createDirectory(Path directory) throws IOException {
        Files.createDirectories(directory, attributes(directory));
        if (!isPosix(directory)) {
            return;
        }
        Set<PosixFilePermission> permissions =
                Files.getPosixFilePermissions(directory, LinkOption.NOFOLLOW_LINKS);
        if (!Collections.disjoint(permissions, WRITABLE_BY_OTHERS)) {
            throw new IOException(
                    directory + " can be written to by other users, who could put a library there");
        }
        if (!belongsToRoot(directory) && !belongsToThisUser(directory)) {
            throw new IOException(
                    directory + " belongs to another user, who could put a library there");
        }
    }

    private static boolean belongsToRoot(Path directory) throws IOException {
        return Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS).equals(0);
    }

    /** Compares with a file made for this, since the property user.name need not be the owner. */
    private static boolean belongsToThisUser(Path directory) throws IOException {
        Path made = createTemporaryFile(directory);
        try {
            return Files.getOwner(made)
                    .equals(Files.getOwner(directory, LinkOption.NOFOLLOW_LINKS));
        } finally {
            Files.delete(made);
        }
    }

    /** Creates an empty file that a library is to be written to. */
    static Path createTemporaryFile(Path directory) throws IOException {
        return Files.createTempFile(directory, "unpacking-", ".part");
    }

    /** Takes away the permission to write, and gives that to execute. */
    static void makeLibrary(Path file) throws IOException {
        if (isPosix(file)) {
            Files.setPosixFilePermissions(file, LIBRARY);
        }
    }

    private static FileAttribute<?>[] attributes(Path directory) {
        return isPosix(directory)
                ? new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(DIRECTORY)}
                : new FileAttribute<?>[0];
    }

    private static boolean isPosix(Path path) {
        return path.getFileSystem().supportedFileAttributeViews().contains("posix");
    }
}
