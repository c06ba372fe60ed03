// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.CoreFunctions;
import java.lang.foreign.MemorySegment;

/** Tensors as native calls receive them; null stands for a tensor that is not there. */
final class NativeOperands {
    /**
     * Bytes between the parts of a slab are a multiple of this, so that each begins a cache line.
     */
    static final long ALIGNMENT = 64;

    private NativeOperands() {}

    static long align(long bytes) {
        return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    /**
     * Makes sure that a tensor's memory is open and stays so, and says whether it is on the heap.
     */
    static boolean enter(Tensor tensor) {
        if (tensor == null) {
            return false;
        }
        if (tensor.guard != null) {
            tensor.guard.requireOpen();
        }
        return tensor.onHeap;
    }

    static boolean enter(NormStatistics statistics) {
        return enter(statistics.mean()) | enter(statistics.meanLow()) | enter(statistics.rstd());
    }

    static boolean enter(NormParameters parameters) {
        return enter(parameters.gamma()) | enter(parameters.beta());
    }

    static boolean enter(NormGradients gradients) {
        return enter(gradients.dgamma()) | enter(gradients.dbeta()) | enter(gradients.dbias());
    }

    static boolean enter(Qkv qkv) {
        return enter(qkv.q()) | enter(qkv.k()) | enter(qkv.v());
    }

    static boolean onHeap(Tensor tensor) {
        return tensor != null && tensor.onHeap;
    }

    static MemorySegment operand(Tensor tensor) {
        return tensor == null ? MemorySegment.NULL : tensor.operand;
    }

    /** The memory of a tensor, or none where a call does not touch it. */
    static MemorySegment operand(Tensor tensor, boolean touched) {
        return tensor == null || !touched ? MemorySegment.NULL : tensor.operand;
    }

    /** The memory of a tensor from an element on. */
    static MemorySegment at(Tensor tensor, long element) {
        if (tensor == null) {
            return MemorySegment.NULL;
        }
        return element == 0
                ? tensor.operand
                : tensor.operand.asSlice(element * tensor.dtype().bytes());
    }

    /** The memory of a tensor from a row on. */
    static MemorySegment atRow(Tensor tensor, long row) {
        return tensor == null ? MemorySegment.NULL : at(tensor, row * tensor.rowStride);
    }

    /** The row stride of a tensor; one that is not there has that of a dense one. */
    static long stride(Tensor tensor, long columns) {
        return tensor == null ? columns : tensor.rowStride;
    }

    static int parameterType(Tensor gamma, Tensor beta) {
        return parameterType(gamma, beta, null, null);
    }

    /** The type of the first parameter that is there; all have the same. */
    static int parameterType(Tensor first, Tensor second, Tensor third, Tensor fourth) {
        Tensor parameter =
                first != null ? first : second != null ? second : third != null ? third : fourth;
        return (parameter == null ? DType.F32 : parameter.dtype()).code();
    }

    /** Copies in blocks: the JVM can stop a thread between two of them, but not in one. */
    static void copy(MemorySegment from, MemorySegment to) {
        long bytes = from.byteSize();
        for (long offset = 0; offset < bytes; offset += HeapCalls.COPY_BYTES) {
            MemorySegment.copy(
                    from, offset, to, offset, Math.min(HeapCalls.COPY_BYTES, bytes - offset));
            CoreFunctions.noOp();
        }
    }
}
