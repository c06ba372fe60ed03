// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.CoreFunctions;
import io.gatun.bindings.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** What the native library says about this machine and about itself. */
final class NativeInformation {
    private static final long TEXT_BYTES = 4096;

    private NativeInformation() {}

    /** The processor in one line. */
    static String cpu() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(TEXT_BYTES);
            NativeStatus.requireOk(
                    CoreFunctions.cpuDescribe(text, TEXT_BYTES),
                    "the processor has no description");
            return text.getString(0);
        }
    }

    /** Why there is no GPU; empty if there is one. */
    static String gpuReason() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(TEXT_BYTES);
            NativeStatus.requireOk(
                    CoreFunctions.gpuReason(text, TEXT_BYTES), "GPUs could not be looked for");
            return text.getString(0);
        }
    }

    /** Every CPU kernel of the library. */
    static List<Doctor.Kernel> kernels() {
        List<Doctor.Kernel> kernels = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment operation = arena.allocate(ValueLayout.ADDRESS);
            MemorySegment isa = arena.allocate(ValueLayout.JAVA_INT);
            while (CoreFunctions.kernelDescribe(kernels.size(), operation, isa)
                    == NativeStatus.OK) {
                kernels.add(
                        new Doctor.Kernel(
                                NativeMemory.string(operation.get(ValueLayout.ADDRESS, 0)),
                                Isa.ofCode(isa.get(ValueLayout.JAVA_INT, 0))));
            }
        }
        return List.copyOf(kernels);
    }
}
