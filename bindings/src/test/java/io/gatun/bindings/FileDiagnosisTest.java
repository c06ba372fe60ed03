// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Finding the mount point that forbids a library: LoadingProcessTest has a real one. */
class FileDiagnosisTest {

    private static final List<String> MOUNTS =
            List.of(
                    "/dev/sda1 / ext4 rw,relatime 0 0",
                    "tmpfs /tmp tmpfs rw,nosuid,noexec 0 0",
                    "tmpfs /tmp/executable tmpfs rw 0 0",
                    "tmpfs /mnt/a\\040space tmpfs rw,noexec 0 0",
                    "tmpfs /mnt/twice tmpfs rw,noexec 0 0",
                    "tmpfs /mnt/twice tmpfs rw 0 0");

    private static String mountPoint(String file) {
        return FileDiagnosis.noexecMountPoint(Path.of(file), MOUNTS);
    }

    @Test
    void theInnermostMountPointCounts() {
        assertNull(mountPoint("/home/user/libgatun.so"));
        assertEquals("/tmp", mountPoint("/tmp/gatun/libgatun.so"));
        assertNull(mountPoint("/tmp/executable/libgatun.so"));
    }

    @Test
    void aNameThatOnlyBeginsLikeAMountPointIsNotBelowIt() {
        assertNull(mountPoint("/tmpfiles/libgatun.so"));
    }

    @Test
    void spacesAreEscapedInTheTable() {
        assertEquals("/mnt/a space", mountPoint("/mnt/a space/libgatun.so"));
    }

    @Test
    void aLaterMountHidesAnEarlierOne() {
        assertNull(mountPoint("/mnt/twice/libgatun.so"));
    }
}
