// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.LowBitMatrixFunctions;
import io.gatun.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;

/** Makes native low-bit matrices. What is on the heap is copied for the time of the call. */
final class NativeLowBitPacking {
    private static final int PACKED_ZERO_POINTS = -1;

    private final NativeContext context;
    private final NativeHandle handle;

    NativeLowBitPacking(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
    }

    /** A function of the library that makes a matrix. */
    @FunctionalInterface
    private interface Maker {
        int make(MemorySegment context, MemorySegment matrix, MemorySegment message, long bytes);
    }

    private LowBitWeights make(Arena arena, Runnable release, Maker maker) {
        MemorySegment result = arena.allocate(ValueLayout.ADDRESS);
        MemorySegment message = arena.allocate(NativeStatus.MESSAGE_BYTES);
        int status = maker.make(context.threaded(), result, message, NativeStatus.MESSAGE_BYTES);
        if (status != NativeStatus.OK) {
            NativeStatus.requireOk(status, message.getString(0));
        }
        MemorySegment matrix = result.get(ValueLayout.ADDRESS, 0);
        try {
            return new NativeLowBitWeights(context, handle, matrix, release);
        } catch (Throwable failure) {
            LowBitMatrixFunctions.lowbitMatrixDestroy(matrix);
            throw failure;
        }
    }

    LowBitWeights quantize(Tensor weight, WeightQuantization how) {
        handle.acquire();
        try (Arena arena = Arena.ofConfined()) {
            NativeOperands.enter(weight);
            MemorySegment memory = offHeap(arena, weight.operand);
            return make(
                    arena,
                    () -> {},
                    (on, matrix, message, bytes) ->
                            LowBitMatrixFunctions.lowbitMatrixFromFloats(
                                    on,
                                    weight.dtype().code(),
                                    weight.rows,
                                    weight.columns,
                                    memory,
                                    weight.rowStride,
                                    how.bits(),
                                    how.grid().code(),
                                    how.groupSize(),
                                    how.scaleType().code(),
                                    matrix,
                                    message,
                                    bytes));
        } catch (IllegalStateException | WrongThreadException notOpen) {
            Operands.requireOpen(weight, "weight");
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(weight);
        }
    }

    LowBitWeights inPlace(LowBitSource.Gguf gguf, Runnable release) {
        return gguf(gguf, true, release);
    }

    LowBitWeights pack(LowBitSource source) {
        return switch (source) {
            case LowBitSource.Gguf gguf -> gguf(gguf, false, () -> {});
            case LowBitSource.Awq awq -> awq(awq);
            case LowBitSource.Gptq gptq -> gptq(gptq);
            case LowBitSource.NBits nbits -> nbits(nbits);
            case LowBitSource.Jlama jlama -> jlama(jlama);
            case LowBitSource.Int8 int8 -> int8(int8);
        };
    }

    private LowBitWeights gguf(LowBitSource.Gguf gguf, boolean inPlace, Runnable release) {
        handle.acquire();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = offHeap(arena, gguf.data());
            return make(
                    arena,
                    release,
                    (on, matrix, message, bytes) ->
                            LowBitMatrixFunctions.lowbitMatrixFromGguf(
                                    on,
                                    gguf.type().ggufId(),
                                    gguf.outputs(),
                                    gguf.inputs(),
                                    data,
                                    data.byteSize(),
                                    inPlace ? 1 : 0,
                                    matrix,
                                    message,
                                    bytes));
        } finally {
            handle.release();
        }
    }

    private LowBitWeights awq(LowBitSource.Awq awq) {
        handle.acquire();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment qweight = offHeap(arena, awq.qweight());
            MemorySegment qzeros = offHeap(arena, awq.qzeros());
            MemorySegment scales = offHeap(arena, awq.scales());
            return make(
                    arena,
                    () -> {},
                    (on, matrix, message, bytes) ->
                            LowBitMatrixFunctions.lowbitMatrixFromAwq(
                                    on,
                                    awq.outputs(),
                                    awq.inputs(),
                                    awq.groupSize(),
                                    qweight,
                                    qweight.byteSize(),
                                    qzeros,
                                    qzeros.byteSize(),
                                    awq.scaleType().code(),
                                    scales,
                                    scales.byteSize(),
                                    matrix,
                                    message,
                                    bytes));
        } finally {
            handle.release();
        }
    }

    private LowBitWeights gptq(LowBitSource.Gptq gptq) {
        handle.acquire();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment qweight = offHeap(arena, gptq.qweight());
            MemorySegment qzeros = offHeap(arena, gptq.qzeros());
            MemorySegment scales = offHeap(arena, gptq.scales());
            MemorySegment gIdx = offHeap(arena, gptq.gIdx());
            return make(
                    arena,
                    () -> {},
                    (on, matrix, message, bytes) ->
                            LowBitMatrixFunctions.lowbitMatrixFromGptq(
                                    on,
                                    gptq.bits(),
                                    gptq.version(),
                                    gptq.outputs(),
                                    gptq.inputs(),
                                    gptq.groupSize(),
                                    qweight,
                                    qweight.byteSize(),
                                    qzeros,
                                    qzeros.byteSize(),
                                    gptq.scaleType().code(),
                                    scales,
                                    scales.byteSize(),
                                    gIdx,
                                    gIdx.byteSize(),
                                    matrix,
                                    message,
                                    bytes));
        } finally {
            handle.release();
        }
    }

    private LowBitWeights nbits(LowBitSource.NBits nbits) {
        handle.acquire();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment b = offHeap(arena, nbits.b());
            MemorySegment scales = offHeap(arena, nbits.scales());
            MemorySegment zeroPoints = offHeap(arena, nbits.zeroPoints());
            int zeroPointType =
                    nbits.zeroPointType() == null
                            ? PACKED_ZERO_POINTS
                            : nbits.zeroPointType().code();
            return make(
                    arena,
                    () -> {},
                    (on, matrix, message, bytes) ->
                            LowBitMatrixFunctions.lowbitMatrixFromNbits(
                                    on,
                                    nbits.bits(),
                                    nbits.outputs(),
                                    nbits.inputs(),
                                    nbits.blockSize(),
                                    b,
                                    b.byteSize(),
                                    nbits.scaleType().code(),
                                    scales,
                                    scales.byteSize(),
                                    zeroPointType,
                                    zeroPoints,
                                    zeroPoints.byteSize(),
                                    matrix,
                                    message,
                                    bytes));
        } finally {
            handle.release();
        }
    }

    private LowBitWeights jlama(LowBitSource.Jlama jlama) {
        handle.acquire();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = offHeap(arena, jlama.data());
            MemorySegment scales = offHeap(arena, jlama.scales());
            return make(
                    arena,
                    () -> {},
                    (on, matrix, message, bytes) ->
                            LowBitMatrixFunctions.lowbitMatrixFromJlama(
                                    on,
                                    jlama.bits(),
                                    jlama.outputs(),
                                    jlama.inputs(),
                                    data,
                                    data.byteSize(),
                                    scales,
                                    scales.byteSize(),
                                    matrix,
                                    message,
                                    bytes));
        } finally {
            handle.release();
        }
    }

    private LowBitWeights int8(LowBitSource.Int8 int8) {
        handle.acquire();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment codes = offHeap(arena, int8.codes().segment());
            float[] scales = int8.scales();
            int[] zeroPoints = int8.zeroPoints();
            MemorySegment factors =
                    scales == null
                            ? MemorySegment.NULL
                            : arena.allocateFrom(ValueLayout.JAVA_FLOAT, scales);
            MemorySegment zeros =
                    zeroPoints == null
                            ? MemorySegment.NULL
                            : arena.allocateFrom(ValueLayout.JAVA_INT, zeroPoints);
            return make(
                    arena,
                    () -> {},
                    (on, matrix, message, bytes) ->
                            LowBitMatrixFunctions.lowbitMatrixFromInt8(
                                    on,
                                    int8.outputs(),
                                    int8.inputs(),
                                    codes,
                                    int8.codes().rowStride(),
                                    factors,
                                    zeros,
                                    matrix,
                                    message,
                                    bytes));
        } finally {
            handle.release();
        }
    }

    /** Memory that a native call can be given; none for null. */
    private static MemorySegment offHeap(Arena arena, MemorySegment memory) {
        if (memory == null) {
            return MemorySegment.NULL;
        }
        if (memory.isNative()) {
            return memory;
        }
        MemorySegment copy = arena.allocate(Math.max(memory.byteSize(), 1), 64);
        NativeOperands.copy(memory, copy.asSlice(0, memory.byteSize()));
        return copy.asSlice(0, memory.byteSize());
    }
}
