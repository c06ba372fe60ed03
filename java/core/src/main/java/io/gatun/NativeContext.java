// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.CoreFunctions;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The native contexts of one device. They are destroyed when the device is closed and the last
 * memory that it allocated has been freed, whichever comes last: so neither the order in which a
 * user closes them nor that in which a Cleaner finds them can free memory through a context that is
 * gone.
 */
final class NativeContext {
    static final int BACKEND_CPU = 1;
    static final int BACKEND_CUDA = 2;
    private static final int ISA_BEST = 255;

    /** For off-heap memory: uses all threads. */
    private final MemorySegment threaded;

    /**
     * For heap memory: never locks, waits or wakes a thread, as a critical call must not. May be
     * the same context.
     */
    private final MemorySegment callerOnly;

    private final ScratchPool scratch;
    private final AtomicLong users = new AtomicLong(1);

    private NativeContext(MemorySegment threaded, MemorySegment callerOnly) {
        this.threaded = threaded;
        this.callerOnly = callerOnly;
        this.scratch = new ScratchPool(threaded, Runtime.getRuntime().availableProcessors());
    }

    /**
     * Creates the contexts of a device.
     *
     * @throws DeviceUnavailableException if there is no such device; with the reason of the native
     *     library
     */
    static NativeContext create(int backend, int index, CpuOptions options) {
        int isa = options.isaCap() == null ? ISA_BEST : options.isaCap().code();
        MemorySegment threaded = create(backend, index, isa, options.threads());
        if (CoreFunctions.contextThreads(threaded) == 1) {
            return new NativeContext(threaded, threaded);
        }
        try {
            return new NativeContext(threaded, create(backend, index, isa, 1));
        } catch (Throwable failure) {
            CoreFunctions.contextDestroy(threaded);
            throw failure;
        }
    }

    private static MemorySegment create(int backend, int index, int isa, int threads) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(ValueLayout.ADDRESS);
            MemorySegment message = arena.allocate(NativeStatus.MESSAGE_BYTES);
            int status =
                    CoreFunctions.contextCreate(
                            backend,
                            index,
                            isa,
                            threads,
                            result,
                            message,
                            NativeStatus.MESSAGE_BYTES);
            if (status != NativeStatus.OK) {
                NativeStatus.requireOk(status, message.getString(0));
            }
            return result.get(ValueLayout.ADDRESS, 0);
        }
    }

    MemorySegment threaded() {
        return threaded;
    }

    MemorySegment callerOnly() {
        return callerOnly;
    }

    ScratchPool scratch() {
        return scratch;
    }

    Isa isa() {
        return Isa.ofCode(CoreFunctions.contextIsa(threaded));
    }

    int threads() {
        return CoreFunctions.contextThreads(threaded);
    }

    /** Allocates memory and keeps the context for it until {@link #free}. */
    long allocate(long bytes) {
        retain();
        try {
            return allocate(threaded, bytes);
        } catch (Throwable failure) {
            release();
            throw failure;
        }
    }

    void free(long address, long bytes) {
        CoreFunctions.free(threaded, MemorySegment.ofAddress(address), bytes);
        release();
    }

    /** Allocates memory without keeping the context, for what is freed before it. */
    static long allocate(MemorySegment context, long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(ValueLayout.ADDRESS);
            MemorySegment message = arena.allocate(NativeStatus.MESSAGE_BYTES);
            int status =
                    CoreFunctions.allocate(
                            context, bytes, result, message, NativeStatus.MESSAGE_BYTES);
            if (status != NativeStatus.OK) {
                NativeStatus.requireOk(status, message.getString(0));
            }
            return result.get(ValueLayout.ADDRESS, 0).address();
        }
    }

    private void retain() {
        users.incrementAndGet();
    }

    /**
     * Called once for each user: the device, and each allocation. The last one destroys the
     * contexts.
     */
    void release() {
        if (users.decrementAndGet() == 0) {
            scratch.close();
            if (callerOnly.address() != threaded.address()) {
                CoreFunctions.contextDestroy(callerOnly);
            }
            CoreFunctions.contextDestroy(threaded);
        }
    }
}
