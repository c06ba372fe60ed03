// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Says why a file cannot be loaded as a library, which the JVM does not tell. */
final class FileDiagnosis {

    /** Where it exists, libraries are ELF files. */
    private static final Path SELF = Path.of("/proc/self");

    private FileDiagnosis() {}

    /** Fails for what the dynamic linker need not even be asked about. */
    static void requireLibrary(Path file) throws LoadFailure {
        if (!Files.exists(file)) {
            throw new LoadFailure(file.toString(), "no such file");
        }
        if (!Files.isRegularFile(file)) {
            throw new LoadFailure(file.toString(), "not a file");
        }
        if (!Files.isReadable(file)) {
            throw new LoadFailure(file.toString(), "this process has no permission to read it");
        }
        if (Files.exists(SELF)) {
            requireElf(file);
        }
    }

    private static void requireElf(Path file) throws LoadFailure {
        String problem;
        try {
            problem = ElfFile.problem(file, Platform.current());
        } catch (IOException e) {
            problem = "cannot be read: " + e;
        }
        if (problem != null) {
            throw new LoadFailure(file.toString(), problem);
        }
    }

    /** For a library that the dynamic linker refused. */
    static String whyRefused(Path file) {
        String mountPoint = noexecMountPoint(file);
        if (mountPoint != null) {
            return "the file system "
                    + mountPoint
                    + " is mounted noexec, so no library can be loaded from it; set -D"
                    + LoaderSettings.CACHE_DIRECTORY_PROPERTY
                    + " or "
                    + LoaderSettings.CACHE_DIRECTORY_VARIABLE
                    + " to a folder on another file system";
        }
        return "the dynamic linker refused it: it is damaged, or needs a library or a version that is"
                + " missing; `ldd "
                + file
                + "` tells";
    }

    private static String noexecMountPoint(Path file) {
        Path mounts = SELF.resolve("mounts");
        try {
            return Files.isReadable(mounts)
                    ? noexecMountPoint(
                            file.toRealPath(),
                            Files.readString(mounts, StandardCharsets.UTF_8).lines().toList())
                    : null;
        } catch (IOException e) {
            return null;
        }
    }

    /**
     * @param file an absolute path without symbolic links
     * @param mounts lines of /proc/self/mounts: device, mount point, type, options
     * @return the mount point that holds the file if it is mounted noexec, else null
     */
    static String noexecMountPoint(Path file, Iterable<String> mounts) {
        String holder = null;
        boolean noexec = false;
        for (String line : mounts) {
            String[] fields = line.split(" ");
            if (fields.length < 4) {
                continue;
            }
            String point = fields[1].replace("\\040", " ");
            // Later mounts hide earlier ones at the same place.
            if (file.startsWith(point) && (holder == null || point.length() >= holder.length())) {
                holder = point;
                noexec = Arrays.asList(fields[3].split(",")).contains("noexec");
            }
        }
        return noexec ? holder : null;
    }
}
