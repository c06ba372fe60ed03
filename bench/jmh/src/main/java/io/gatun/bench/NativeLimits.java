/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gatun.Doctor;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * libgatun_limits: what the memory system can do, and kernels timed without Java. Found at {@code
 * -Dgatun.limits.path} (a file or a directory), beside libgatun, or in the directory of {@code
 * -Dgatun.library.path}.
 */
@SuppressWarnings("restricted")
public final class NativeLimits {
    private static final int NO_CAP = 255;
    private static final int MESSAGE_BYTES = 512;

    private final Path gatun;
    private final MethodHandle limitCreate;
    private final MethodHandle limitDestroy;
    private final MethodHandle limitBytes;
    private final MethodHandle limitName;
    private final MethodHandle limitRun;
    private final MethodHandle limitCalibrate;
    private final MethodHandle callCreate;
    private final MethodHandle callDestroy;
    private final MethodHandle callRun;

    private NativeLimits(Path library, Path gatun) {
        this.gatun = gatun;
        SymbolLookup lookup = SymbolLookup.libraryLookup(library, Arena.global());
        limitCreate =
                link(
                        lookup,
                        "gatun_limit_create",
                        ADDRESS,
                        JAVA_INT,
                        JAVA_INT,
                        JAVA_INT,
                        JAVA_LONG,
                        JAVA_INT,
                        JAVA_INT);
        limitDestroy = link(lookup, "gatun_limit_destroy", null, ADDRESS);
        limitBytes = link(lookup, "gatun_limit_bytes", JAVA_LONG, ADDRESS);
        limitName = link(lookup, "gatun_limit_name", ADDRESS, ADDRESS, JAVA_INT);
        limitRun = link(lookup, "gatun_limit_run", JAVA_DOUBLE, ADDRESS, JAVA_INT, JAVA_LONG);
        limitCalibrate = link(lookup, "gatun_limit_calibrate", null, ADDRESS, JAVA_DOUBLE);
        callCreate =
                link(
                        lookup,
                        "gatun_native_call_create",
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        JAVA_INT,
                        JAVA_INT,
                        JAVA_INT,
                        JAVA_LONG,
                        JAVA_LONG,
                        ADDRESS,
                        JAVA_LONG,
                        ADDRESS,
                        ADDRESS,
                        JAVA_FLOAT,
                        ADDRESS,
                        JAVA_LONG,
                        ADDRESS,
                        JAVA_LONG);
        callDestroy = link(lookup, "gatun_native_call_destroy", null, ADDRESS);
        callRun = link(lookup, "gatun_native_call_run", JAVA_DOUBLE, ADDRESS, JAVA_LONG);
    }

    private static MethodHandle link(
            SymbolLookup lookup, String name, MemoryLayout result, MemoryLayout... arguments) {
        FunctionDescriptor descriptor =
                result == null
                        ? FunctionDescriptor.ofVoid(arguments)
                        : FunctionDescriptor.of(result, arguments);
        MemorySegment address =
                lookup.find(name)
                        .orElseThrow(
                                () ->
                                        new IllegalStateException(
                                                "libgatun_limits: it has no function " + name));
        return Linker.nativeLinker().downcallHandle(address, descriptor);
    }

    /**
     * Loads the library.
     *
     * @return the library
     * @throws IllegalStateException if it is nowhere; the message lists the places
     */
    public static NativeLimits load() {
        Doctor.Library library = Doctor.report().library();
        Path gatun = library == null ? null : Path.of(library.path()).toAbsolutePath();
        List<Path> places = new ArrayList<>();
        for (String property : List.of("gatun.limits.path", "gatun.library.path")) {
            String value = System.getProperty(property);
            if (value != null) {
                Path path = Path.of(value).toAbsolutePath();
                boolean isLibrary =
                        property.equals("gatun.limits.path") && !Files.isDirectory(path);
                places.add(isLibrary ? path : beside(path));
            }
        }
        if (gatun != null) {
            places.add(beside(gatun));
        }
        for (Path place : places) {
            if (Files.isRegularFile(place)) {
                return new NativeLimits(place, gatun);
            }
        }
        throw new IllegalStateException(
                "libgatun_limits: expected it at one of "
                        + places
                        + "; it is built with libgatun, and -Dgatun.limits.path names another place");
    }

    private static Path beside(Path path) {
        return (Files.isDirectory(path) ? path : path.getParent())
                .resolve(System.mapLibraryName("gatun_limits"));
    }

    /**
     * A limit for streams of a footprint, calibrated.
     *
     * @param reads streams that are read
     * @param writes streams that are written
     * @param inPlace whether what is written is also what is read
     * @param bytes bytes of each stream
     * @param threads threads
     * @param sampleNanos least time of a calibration sample
     * @return the limit, to be closed
     */
    public Limit limit(
            int reads, int writes, boolean inPlace, long bytes, int threads, double sampleNanos) {
        try {
            MemorySegment address =
                    (MemorySegment)
                            limitCreate.invokeExact(
                                    reads, writes, inPlace ? 1 : 0, bytes, threads, NO_CAP);
            if (address.address() == 0) {
                throw new IllegalStateException(
                        "limit: no memory or threads for "
                                + reads
                                + " reads and "
                                + writes
                                + " writes of "
                                + bytes
                                + " bytes on "
                                + threads
                                + " threads");
            }
            limitCalibrate.invokeExact(address, sampleNanos);
            String streams = reads == 1 && writes == 1 ? "copy" : reads + "r" + writes + "w";
            return new Limit(address, inPlace ? streams + "-in-place" : streams);
        } catch (Throwable e) {
            throw rethrow(e);
        }
    }

    /**
     * A kernel of libgatun on the arrays of a workload, called from C.
     *
     * @param workload a workload of LayerNorm or RMSNorm, which must stay open
     * @return the call, to be closed
     */
    public NativeCall nativeCall(Workload workload) {
        if (gatun == null) {
            throw new IllegalStateException(
                    "libgatun: it is not loaded, so no kernel can be timed from C");
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment message = arena.allocate(MESSAGE_BYTES);
            MemorySegment beta =
                    workload.has("beta") ? workload.memory("beta") : MemorySegment.NULL;
            MemorySegment address =
                    (MemorySegment)
                            callCreate.invokeExact(
                                    arena.allocateFrom(gatun.toString()),
                                    arena.allocateFrom(workload.operation().function()),
                                    workload.dtype().ordinal(),
                                    NO_CAP,
                                    workload.threads(),
                                    (long) workload.rows(),
                                    (long) workload.columns(),
                                    workload.memory("x"),
                                    (long) workload.stride("x"),
                                    workload.memory("gamma"),
                                    beta,
                                    Workload.EPS,
                                    workload.memory("y"),
                                    (long) workload.stride("y"),
                                    message,
                                    (long) MESSAGE_BYTES);
            if (address.address() == 0) {
                throw new IllegalStateException("native call: " + message.getString(0));
            }
            return new NativeCall(address);
        } catch (Throwable e) {
            throw rethrow(e);
        }
    }

    private static RuntimeException rethrow(Throwable e) {
        if (e instanceof RuntimeException unchecked) {
            return unchecked;
        }
        if (e instanceof Error error) {
            throw error;
        }
        return new IllegalStateException(e);
    }

    /** The best way found to move some streams. */
    public final class Limit implements AutoCloseable {
        private final MemorySegment address;
        private final String name;

        private Limit(MemorySegment address, String name) {
            this.address = address;
            this.name = name;
        }

        /**
         * What is moved.
         *
         * @return {@code copy}, or the numbers of streams
         */
        public String name() {
            return name;
        }

        /**
         * The loop of a candidate.
         *
         * @param candidate 0 for the fastest of the calibration
         * @return its name, such as {@code copy-nt-prefetch}
         */
        public String candidateName(int candidate) {
            try {
                MemorySegment text = (MemorySegment) limitName.invokeExact(address, candidate);
                return text.reinterpret(MESSAGE_BYTES).getString(0);
            } catch (Throwable e) {
                throw rethrow(e);
            }
        }

        /**
         * The bytes that one call moves.
         *
         * @return bytes read and written
         */
        public long bytes() {
            try {
                return (long) limitBytes.invokeExact(address);
            } catch (Throwable e) {
                throw rethrow(e);
            }
        }

        /**
         * Runs a candidate.
         *
         * @param candidate 0 for the fastest of the calibration
         * @param calls how often
         * @return nanoseconds of all calls
         */
        public double run(int candidate, long calls) {
            try {
                return (double) limitRun.invokeExact(address, candidate, calls);
            } catch (Throwable e) {
                throw rethrow(e);
            }
        }

        @Override
        public void close() {
            try {
                limitDestroy.invokeExact(address);
            } catch (Throwable e) {
                throw rethrow(e);
            }
        }
    }

    /** A kernel called from C. */
    public final class NativeCall implements AutoCloseable {
        private final MemorySegment address;

        private NativeCall(MemorySegment address) {
            this.address = address;
        }

        /**
         * Runs the kernel.
         *
         * @param calls how often
         * @return nanoseconds of all calls
         */
        public double run(long calls) {
            try {
                double nanos = (double) callRun.invokeExact(address, calls);
                if (nanos < 0) {
                    throw new IllegalStateException("native call: the kernel failed");
                }
                return nanos;
            } catch (Throwable e) {
                throw rethrow(e);
            }
        }

        @Override
        public void close() {
            try {
                callDestroy.invokeExact(address);
            } catch (Throwable e) {
                throw rethrow(e);
            }
        }
    }
}
