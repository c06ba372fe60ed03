// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;

/**
 * The functions of {@code gatun/core.h}, one method each with the arguments in the order of the
 * header. Pointers are segments, {@link MemorySegment#NULL} for none; nothing is checked here.
 */
public final class CoreFunctions {

    private CoreFunctions() {}

    /** The ABI version of the library that was loaded. */
    public static int abiVersion() {
        return gatun_h.gatun_abi_version();
    }

    /** Hash of the sources and options that the library was built from. */
    public static String buildHash() {
        return NativeMemory.string(gatun_h.gatun_build_hash());
    }

    /** Does nothing, on a thread that the JVM can stop: for between the pieces of a long call. */
    public static int noOp() {
        return gatun_h.gatun_no_op();
    }

    public static int contextCreate(
            int backend,
            int deviceIndex,
            int isa,
            int threads,
            MemorySegment context,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_context_create(
                backend, deviceIndex, isa, threads, context, message, messageBytes);
    }

    public static int contextDestroy(MemorySegment context) {
        return gatun_h.gatun_context_destroy(context);
    }

    public static int contextBackend(MemorySegment context) {
        return gatun_h.gatun_context_backend(context);
    }

    public static int contextIsa(MemorySegment context) {
        return gatun_h.gatun_context_isa(context);
    }

    public static int contextThreads(MemorySegment context) {
        return gatun_h.gatun_context_threads(context);
    }

    public static int gpuReason(MemorySegment reason, long reasonBytes) {
        return gatun_h.gatun_gpu_reason(reason, reasonBytes);
    }

    public static int isaDetected() {
        return gatun_h.gatun_isa_detected();
    }

    /** The name of an ISA level, or null for a number that is none. */
    public static String isaName(int isa) {
        return NativeMemory.string(gatun_h.gatun_isa_name(isa));
    }

    public static int cpuDescribe(MemorySegment text, long textBytes) {
        return gatun_h.gatun_cpu_describe(text, textBytes);
    }

    /**
     * @param operation receives a {@code char *}, to be read with {@link NativeMemory#string}
     * @param isa receives an {@code int}
     */
    public static int kernelDescribe(int index, MemorySegment operation, MemorySegment isa) {
        return gatun_h.gatun_kernel_describe(index, operation, isa);
    }

    public static int allocate(
            MemorySegment context,
            long bytes,
            MemorySegment memory,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_allocate(context, bytes, memory, message, messageBytes);
    }

    public static int free(MemorySegment context, MemorySegment memory, long bytes) {
        return gatun_h.gatun_free(context, memory, bytes);
    }
}
