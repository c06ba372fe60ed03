// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.at;
import static io.gatun.NativeOperands.atRow;
import static io.gatun.NativeOperands.enter;
import static io.gatun.NativeOperands.operand;

import io.gatun.bindings.NativeHandle;
import io.gatun.bindings.WeightFunctions;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** Conversion of weights by the native library. */
final class NativeWeights implements WeightKernels {
    /** How many times as long an element takes as in a plain normalization. */
    private static final long COST = 2;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;
    private final ScratchSizes zeroMeanScratch;

    NativeWeights(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
        this.zeroMeanScratch =
                new ScratchSizes(WeightFunctions::zeroMeanRowsScratch, context.threaded());
    }

    @Override
    public void zeroMeanRows(Tensor weight, FeatureAxis features, Tensor out) {
        handle.acquire();
        try {
            inside(weight, features, out);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            WeightChecks.requireOpen(weight, out);
            throw notOpen;
        } finally {
            handle.release();
            // Native code has only the addresses: what owns them must not be collected before.
            Reference.reachabilityFence(weight);
            Reference.reachabilityFence(out);
        }
    }

    private void inside(Tensor weight, FeatureAxis features, Tensor out) {
        boolean heap = enter(weight) | enter(out);
        boolean byRows = features == FeatureAxis.COLUMNS;
        if (heap && !(byRows && calls.fits(weight.columns, COST))) {
            // Means over all rows are not to be had from pieces of them.
            staged(weight, features, out);
            return;
        }
        long scratchBytes = zeroMeanScratch.bytes(weight.rows, weight.columns);
        ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(scratchBytes);
        try {
            MemorySegment scratch = ScratchPool.memory(slab);
            if (heap
                    || zeroMeanRows(
                                    false,
                                    context.threaded(),
                                    weight,
                                    features,
                                    out,
                                    0,
                                    weight.rows,
                                    scratch,
                                    scratchBytes,
                                    MemorySegment.NULL,
                                    0)
                            != NativeStatus.OK) {
                calls.forward(
                        heap,
                        weight.rows,
                        weight.columns,
                        COST,
                        (critical, on, row, rows, text, room) ->
                                zeroMeanRows(
                                        critical,
                                        on,
                                        weight,
                                        features,
                                        out,
                                        row,
                                        rows,
                                        scratch,
                                        scratchBytes,
                                        text,
                                        room));
            }
        } finally {
            context.scratch().giveBackUnlessEmpty(slab);
        }
    }

    private void staged(Tensor weight, FeatureAxis features, Tensor out) {
        try (Staging stage = calls.stage(0, weight.rows)) {
            inside(stage.input(weight), features, stage.output(out));
            stage.finish();
        }
    }

    private static int zeroMeanRows(
            boolean critical,
            MemorySegment context,
            Tensor weight,
            FeatureAxis features,
            Tensor out,
            long row,
            long rows,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? WeightFunctions.zeroMeanRowsCritical(
                        context,
                        features.code(),
                        rows,
                        weight.columns,
                        atRow(weight, row),
                        weight.rowStride,
                        atRow(out, row),
                        out.rowStride,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes)
                : WeightFunctions.zeroMeanRows(
                        context,
                        features.code(),
                        rows,
                        weight.columns,
                        atRow(weight, row),
                        weight.rowStride,
                        atRow(out, row),
                        out.rowStride,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes);
    }

    @Override
    public void foldAffine(
            Tensor weight,
            Tensor bias,
            NormParameters parameters,
            float weightOffset,
            Tensor weightOut,
            Tensor biasOut) {
        handle.acquire();
        try {
            inside(weight, bias, parameters, weightOffset, weightOut, biasOut);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            WeightChecks.requireOpen(weight, bias, parameters, weightOut, biasOut);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(weight);
            Reference.reachabilityFence(bias);
            Reference.reachabilityFence(parameters);
            Reference.reachabilityFence(weightOut);
            Reference.reachabilityFence(biasOut);
        }
    }

    private void inside(
            Tensor weight,
            Tensor bias,
            NormParameters parameters,
            float weightOffset,
            Tensor weightOut,
            Tensor biasOut) {
        boolean heap =
                enter(weight) | enter(bias) | enter(parameters) | enter(weightOut) | enter(biasOut);
        if (heap && !calls.fits(weight.columns, COST)) {
            try (Staging stage = calls.stage(0, weight.rows)) {
                inside(
                        stage.input(weight),
                        stage.vector(bias),
                        stage.vectors(parameters),
                        weightOffset,
                        stage.output(weightOut),
                        stage.vectorOutput(biasOut));
                stage.finish();
            }
        } else if (heap
                || foldAffine(
                                false,
                                context.threaded(),
                                weight,
                                bias,
                                parameters,
                                weightOffset,
                                weightOut,
                                biasOut,
                                0,
                                weight.rows,
                                MemorySegment.NULL,
                                0)
                        != NativeStatus.OK) {
            calls.forward(
                    heap,
                    weight.rows,
                    weight.columns,
                    COST,
                    (critical, on, row, rows, text, room) ->
                            foldAffine(
                                    critical,
                                    on,
                                    weight,
                                    bias,
                                    parameters,
                                    weightOffset,
                                    weightOut,
                                    biasOut,
                                    row,
                                    rows,
                                    text,
                                    room));
        }
    }

    private static int foldAffine(
            boolean critical,
            MemorySegment context,
            Tensor weight,
            Tensor bias,
            NormParameters parameters,
            float weightOffset,
            Tensor weightOut,
            Tensor biasOut,
            long row,
            long rows,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? WeightFunctions.foldAffineCritical(
                        context,
                        rows,
                        weight.columns,
                        atRow(weight, row),
                        weight.rowStride,
                        at(bias, row),
                        operand(parameters.gamma()),
                        operand(parameters.beta()),
                        weightOffset,
                        atRow(weightOut, row),
                        weightOut.rowStride,
                        at(biasOut, row),
                        message,
                        messageBytes)
                : WeightFunctions.foldAffine(
                        context,
                        rows,
                        weight.columns,
                        atRow(weight, row),
                        weight.rowStride,
                        at(bias, row),
                        operand(parameters.gamma()),
                        operand(parameters.beta()),
                        weightOffset,
                        atRow(weightOut, row),
                        weightOut.rowStride,
                        at(biasOut, row),
                        message,
                        messageBytes);
    }
}
