// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.CoreFunctions;
import io.gatun.bindings.NativeLibrary;
import java.util.List;

/** What this machine and this JVM offer to Gatun, and why something is missing. */
public final class Doctor {
    /**
     * One place where the native library was looked for.
     *
     * @param source what named the place
     * @param path the file or folder
     * @param outcome "loaded", or why not
     */
    public record LoadAttempt(String source, String path, String outcome) {}

    /**
     * A kernel of the native library.
     *
     * @param operation its operation, as "layer_norm"
     * @param isa its instruction set level
     */
    public record Kernel(String operation, Isa isa) {}

    /**
     * The native library and what it found.
     *
     * @param path the file it was loaded from
     * @param abiVersion version of the C interface
     * @param buildHash hash of the sources and options it was built from
     * @param cpu the processor as one line
     * @param isaDetected the greatest level that processor and operating system support
     * @param isaChosen the level that a default CPU device uses, or null if there can be none
     * @param threads how many threads a default CPU device uses
     * @param cpuFailure why there can be no default CPU device, as when GATUN_ISA names no level;
     *     empty otherwise
     * @param kernels every CPU kernel of the library
     * @param gpu why there is no GPU device; empty when there is one
     */
    public record Library(
            String path,
            int abiVersion,
            String buildHash,
            String cpu,
            Isa isaDetected,
            Isa isaChosen,
            int threads,
            String cpuFailure,
            List<Kernel> kernels,
            String gpu) {}

    /**
     * The whole report.
     *
     * @param os operating system, with version
     * @param architecture processor architecture, as the JVM names it
     * @param jdk version and vendor of the JVM
     * @param nativeAccess whether {@code --enable-native-access=io.gatun.bindings} (or ALL-UNNAMED
     *     on the class path) is in effect, so that native code may be called without a warning
     * @param attempts every place where the library was looked for, in order
     * @param library the library, or null when it could not be loaded
     * @param failure why the library could not be loaded, or null
     */
    public record Report(
            String os,
            String architecture,
            String jdk,
            boolean nativeAccess,
            List<LoadAttempt> attempts,
            Library library,
            String failure) {}

    private Doctor() {}

    /**
     * Looks at this machine. Loads the native library if that has not happened yet; never throws.
     *
     * @return what was found
     */
    public static Report report() {
        NativeLibrary library = NativeLibrary.get();
        List<LoadAttempt> attempts =
                library.attempts().stream()
                        .map(
                                attempt ->
                                        new LoadAttempt(
                                                attempt.source(),
                                                attempt.path(),
                                                attempt.outcome()))
                        .toList();
        return new Report(
                System.getProperty("os.name") + " " + System.getProperty("os.version"),
                System.getProperty("os.arch"),
                System.getProperty("java.vm.name")
                        + " "
                        + Runtime.version()
                        + " of "
                        + System.getProperty("java.vendor"),
                library.getClass().getModule().isNativeAccessEnabled(),
                attempts,
                library.available() ? describe(library) : null,
                library.available() ? null : library.failure());
    }

    private static Library describe(NativeLibrary library) {
        Isa isa = null;
        int threads = 0;
        String failure = "";
        try (Device device = Device.cpu()) {
            isa = device.isa();
            threads = device.threads();
        } catch (GatunException | IllegalArgumentException unavailable) {
            failure = unavailable.getMessage();
        }
        return new Library(
                library.path(),
                CoreFunctions.abiVersion(),
                CoreFunctions.buildHash(),
                NativeInformation.cpu(),
                Isa.ofCode(CoreFunctions.isaDetected()),
                isa,
                threads,
                failure,
                NativeInformation.kernels(),
                NativeInformation.gpuReason());
    }
}
