// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Which device is opened, with a native library and without one. Each case has a JVM of its own.
 */
class FallbackTest {
    private static ForkedJvm.Result run(
            String libraryPath, String device, Map<String, String> environment)
            throws IOException, InterruptedException {
        List<String> options =
                device == null
                        ? List.of("-Dgatun.library.path=" + libraryPath)
                        : List.of(
                                "-Dgatun.library.path=" + libraryPath, "-Dgatun.device=" + device);
        ForkedJvm.Result result = ForkedJvm.run(FallbackProbe.class, options, environment);
        assertEquals(0, result.status(), result::toString);
        return result;
    }

    private static int count(String text, String part) {
        return text.split(part, -1).length - 1;
    }

    @Test
    void withoutALibraryThereIsTheReferenceDeviceAndOneWarning(@TempDir Path folder)
            throws IOException, InterruptedException {
        ForkedJvm.Result result = run(folder.toString(), null, Map.of());
        assertEquals(2, count(result.output(), "opened reference: 0.848528"), result::toString);
        assertEquals(1, count(result.errors(), "WARNING"), result::toString);
        assertEquals(
                1,
                count(
                        result.errors(),
                        "Kernels run in pure Java on the reference device, which is slow."),
                result::toString);
        String reason = "No native library of Gatun could be loaded: ";
        assertEquals(1, count(result.errors(), reason), result::toString);
        assertEquals(1, count(result.errors(), folder.toString()), result::toString);
        assertTrue(result.output().contains("doctor: " + reason), result::toString);
        assertTrue(
                result.output()
                        .contains(
                                "DeviceUnavailableException: Device cpu is not available: "
                                        + reason),
                result::toString);
    }

    @Test
    void aBrokenLibraryIsNamed(@TempDir Path folder) throws IOException, InterruptedException {
        Path file = folder.resolve(System.mapLibraryName("gatun"));
        Files.writeString(file, "this is no library");
        ForkedJvm.Result result = run(file.toString(), null, Map.of());
        assertEquals(2, count(result.output(), "opened reference: 0.848528"), result::toString);
        assertEquals(1, count(result.errors(), "WARNING"), result::toString);
        assertTrue(result.errors().contains(file.toString()), result::toString);
    }

    @Test
    void aDeviceThatWasAskedForIsNotReplaced(@TempDir Path folder)
            throws IOException, InterruptedException {
        ForkedJvm.Result result = run(folder.toString(), "cpu", Map.of());
        assertTrue(
                result.output()
                        .startsWith("DeviceUnavailableException: Device cpu is not available: "),
                result::toString);
        assertEquals("", result.errors());
    }

    @Test
    void propertyAndEnvironmentChooseTheDevice() throws IOException, InterruptedException {
        String library = ForkedJvm.libraryOption().substring("-Dgatun.library.path=".length());
        ForkedJvm.Result result = run(library, null, Map.of("GATUN_DEVICE", " Reference "));
        assertEquals(2, count(result.output(), "opened reference: "), result::toString);
        assertTrue(result.output().endsWith("cpu: cpu" + System.lineSeparator()), result::toString);
        assertEquals("", result.errors());
        result = run(library, "auto", Map.of("GATUN_DEVICE", "reference"));
        assertEquals(2, count(result.output(), "opened cpu: "), result::toString);
        result = run(library, "gpu", Map.of());
        assertEquals(
                "IllegalArgumentException: gatun.device: expected auto, cpu, cuda:0 or reference, but it is gpu",
                result.output().strip());
        result = run(library, null, Map.of("GATUN_DEVICE", "cuda:0"));
        assertTrue(
                result.output()
                        .startsWith("DeviceUnavailableException: Device cuda:0 is not available: "),
                result::toString);
    }
}
