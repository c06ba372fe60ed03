// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.enter;
import static io.gatun.NativeOperands.operand;

import io.gatun.bindings.LowBitFunctions;
import io.gatun.bindings.NativeHandle;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * Low-bit products by the native library. They take long and use all threads, so arguments on the
 * heap are copied to scratch memory, which costs little beside them.
 */
final class NativeLowBit implements LowBitKernels {
    private static final int INT8_CHANNEL = 2;
    private static final int MOST_CODE = 127;
    private static final int TO_FLOAT = 0;
    private static final int TO_INT = 1;

    private final NativeContext context;
    private final NativeHandle handle;
    private final NativeLowBitPacking packing;

    NativeLowBit(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.packing = new NativeLowBitPacking(context, handle);
    }

    @Override
    public LowBitWeights quantize(Tensor weight, WeightQuantization how) {
        return packing.quantize(weight, how);
    }

    @Override
    public LowBitWeights pack(LowBitSource source) {
        return packing.pack(source);
    }

    @Override
    public LowBitWeights inPlace(LowBitSource.Gguf source, Runnable release) {
        return packing.inPlace(source, release);
    }

    @Override
    public void multiply(
            LowBitWeights weights, Tensor x, Tensor bias, ActivationMode mode, Tensor y) {
        handle.acquire();
        try {
            if (enter(x) | enter(bias) | enter(y)) {
                try (Staging stage = new Staging(context.scratch(), 0, 0)) {
                    multiply(
                            (NativeLowBitWeights) weights,
                            stage.stage(x, false),
                            stage.vector(bias),
                            mode,
                            stage.stage(y, true));
                    stage.finish();
                }
            } else {
                multiply((NativeLowBitWeights) weights, x, bias, mode, y);
            }
        } catch (IllegalStateException | WrongThreadException notOpen) {
            LowBitChecks.requireOpen(x, bias, y);
            throw notOpen;
        } finally {
            handle.release();
            // Native code has only the addresses: what owns them must not be collected before.
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(bias);
            Reference.reachabilityFence(y);
        }
    }

    private void multiply(
            NativeLowBitWeights weights, Tensor x, Tensor bias, ActivationMode mode, Tensor y) {
        int dtype = x.dtype().code();
        long scratchBytes = weights.scratchBytes(x.rows, dtype, mode.code());
        ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(scratchBytes);
        try {
            NativeStatus.require(
                    (message, messageBytes) ->
                            LowBitFunctions.lowbitMultiply(
                                    context.threaded(),
                                    dtype,
                                    x.rows,
                                    x.operand,
                                    x.rowStride,
                                    weights.matrix(),
                                    operand(bias),
                                    mode.code(),
                                    y.operand,
                                    y.rowStride,
                                    ScratchPool.memory(slab),
                                    scratchBytes,
                                    message,
                                    messageBytes));
        } finally {
            context.scratch().giveBackUnlessEmpty(slab);
        }
    }

    @Override
    public void quantizeActivations(
            Tensor x, ActivationMode mode, IntegerMatrix codes, Tensor scales, IntegerMatrix sums) {
        quantizeActivations(x, mode.code(), null, null, MOST_CODE, codes, scales, sums);
    }

    @Override
    public void quantizeActivations(
            Tensor x,
            Tensor channelScales,
            Tensor channelCentres,
            int limit,
            IntegerMatrix codes,
            IntegerMatrix sums) {
        quantizeActivations(
                x, INT8_CHANNEL, channelScales, channelCentres, limit, codes, null, sums);
    }

    private void quantizeActivations(
            Tensor x,
            int activation,
            Tensor channelScales,
            Tensor channelCentres,
            int limit,
            IntegerMatrix codes,
            Tensor scales,
            IntegerMatrix sums) {
        handle.acquire();
        try (Staging stage = new Staging(context.scratch(), 0, 0);
                StagedIntegers integers = new StagedIntegers(context.scratch())) {
            enter(x);
            enter(channelScales);
            enter(channelCentres);
            enter(scales);
            Tensor input = stage.stage(x, false);
            Tensor factors = stage.vector(channelScales);
            Tensor centres = stage.vector(channelCentres);
            Tensor results = stage.vectorOutput(scales);
            MemorySegment stagedCodes = integers.output(codes);
            MemorySegment stagedSums = integers.output(sums);
            NativeStatus.require(
                    (message, messageBytes) ->
                            LowBitFunctions.lowbitQuantizeActivations(
                                    context.threaded(),
                                    input.dtype().code(),
                                    input.rows,
                                    input.columns,
                                    input.operand,
                                    input.rowStride,
                                    activation,
                                    operand(factors),
                                    operand(centres),
                                    limit,
                                    stagedCodes,
                                    StagedIntegers.stride(codes),
                                    operand(results),
                                    stagedSums,
                                    message,
                                    messageBytes));
            stage.finish();
            integers.finish();
        } catch (IllegalStateException | WrongThreadException notOpen) {
            LowBitChecks.requireOpen(x, scales, codes, sums);
            LowBitChecks.requireOpen(channelScales, channelCentres, null, null);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(channelScales);
            Reference.reachabilityFence(channelCentres);
            Reference.reachabilityFence(scales);
        }
    }

    @Override
    public void int8Matmul(
            LowBitWeights weights,
            IntegerMatrix x,
            Tensor rowScales,
            int[] rowZeroPoints,
            Tensor bias,
            Tensor y) {
        handle.acquire();
        try (Staging stage = new Staging(context.scratch(), 0, 0);
                StagedIntegers integers = new StagedIntegers(context.scratch())) {
            enter(rowScales);
            enter(bias);
            enter(y);
            Tensor result = stage.stage(y, true);
            int8Matmul(
                    (NativeLowBitWeights) weights,
                    x,
                    integers,
                    operand(stage.vector(rowScales)),
                    rowZeroPoints,
                    operand(stage.vector(bias)),
                    TO_FLOAT,
                    result.operand,
                    result.rowStride);
            stage.finish();
        } catch (IllegalStateException | WrongThreadException notOpen) {
            LowBitChecks.requireOpen(x, "x");
            LowBitChecks.requireOpen(rowScales, bias, y);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(rowScales);
            Reference.reachabilityFence(bias);
            Reference.reachabilityFence(y);
        }
    }

    @Override
    public void int8Matmul(
            LowBitWeights weights, IntegerMatrix x, int[] rowZeroPoints, IntegerMatrix y) {
        handle.acquire();
        try (StagedIntegers integers = new StagedIntegers(context.scratch())) {
            int8Matmul(
                    (NativeLowBitWeights) weights,
                    x,
                    integers,
                    MemorySegment.NULL,
                    rowZeroPoints,
                    MemorySegment.NULL,
                    TO_INT,
                    integers.output(y),
                    StagedIntegers.stride(y));
            integers.finish();
        } catch (IllegalStateException | WrongThreadException notOpen) {
            LowBitChecks.requireOpen(x, "x");
            LowBitChecks.requireOpen(y, "y");
            throw notOpen;
        } finally {
            handle.release();
        }
    }

    private void int8Matmul(
            NativeLowBitWeights weights,
            IntegerMatrix x,
            StagedIntegers integers,
            MemorySegment rowScales,
            int[] rowZeroPoints,
            MemorySegment bias,
            int result,
            MemorySegment y,
            long yStride) {
        MemorySegment codes = integers.input(x);
        MemorySegment zeroPoints = integers.input(rowZeroPoints);
        long scratchBytes = weights.scratchBytes(x.rows(), 0, NativeLowBitWeights.INT8);
        ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(scratchBytes);
        try {
            NativeStatus.require(
                    (message, messageBytes) ->
                            LowBitFunctions.int8Matmul(
                                    context.threaded(),
                                    x.rows(),
                                    codes,
                                    StagedIntegers.stride(x),
                                    rowScales,
                                    zeroPoints,
                                    weights.matrix(),
                                    bias,
                                    result,
                                    y,
                                    yStride,
                                    ScratchPool.memory(slab),
                                    scratchBytes,
                                    message,
                                    messageBytes));
        } finally {
            context.scratch().giveBackUnlessEmpty(slab);
        }
    }
}
