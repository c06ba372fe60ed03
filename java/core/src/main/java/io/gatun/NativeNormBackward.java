// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.enter;
import static io.gatun.NativeOperands.operand;
import static io.gatun.NativeOperands.parameterType;
import static io.gatun.NativeOperands.stride;

import io.gatun.bindings.NativeHandle;
import io.gatun.bindings.NormBackwardFunctions;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** The gradients of row normalization by the native library. */
final class NativeNormBackward {
    /** How many times as long an element takes as in the forward pass. */
    private static final long COST = 2;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;
    private final ScratchSizes layerNormScratch;
    private final ScratchSizes rmsNormScratch;

    NativeNormBackward(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
        this.layerNormScratch =
                new ScratchSizes(
                        NormBackwardFunctions::layerNormBackwardScratch, context.threaded());
        this.rmsNormScratch =
                new ScratchSizes(NormBackwardFunctions::rmsNormBackwardScratch, context.threaded());
    }

    void backward(
            NormKind kind,
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormOptions options,
            NormStatistics statistics,
            Tensor dx,
            NormGradients gradients) {
        handle.acquire();
        try {
            inside(kind, dy, x, gamma, options, statistics, dx, gradients);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            NormBackwardChecks.requireOpen(dy, x, gamma, statistics, dx, gradients);
            throw notOpen;
        } finally {
            handle.release();
            // Native code has only the addresses: what owns them must not be collected before.
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(gamma);
            Reference.reachabilityFence(statistics);
            Reference.reachabilityFence(dx);
            Reference.reachabilityFence(gradients);
        }
    }

    /** The call itself, while the device's handle counts it. */
    private void inside(
            NormKind kind,
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormOptions options,
            NormStatistics statistics,
            Tensor dx,
            NormGradients gradients) {
        boolean heap =
                enter(dy)
                        | enter(x)
                        | enter(gamma)
                        | enter(statistics)
                        | enter(dx)
                        | enter(gradients);
        Tensor dgamma = gradients.dgamma();
        Tensor dbeta = gradients.dbeta();
        ScratchSizes sizes = kind == NormKind.LAYER ? layerNormScratch : rmsNormScratch;
        long scratchBytes = gradients.any() ? sizes.bytes(x.rows, x.columns) : 0;
        if (!heap) {
            ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(scratchBytes);
            try {
                if (call(
                                kind,
                                false,
                                context.threaded(),
                                true,
                                dy,
                                x,
                                gamma,
                                options,
                                statistics,
                                dx,
                                operand(dgamma),
                                operand(dbeta),
                                0,
                                x.rows,
                                ScratchPool.memory(slab),
                                scratchBytes,
                                MemorySegment.NULL,
                                0)
                        == NativeStatus.OK) {
                    return;
                }
            } finally {
                context.scratch().giveBackUnlessEmpty(slab);
            }
        } else if (!calls.fitsBackward(x.rows, x.columns, COST)) {
            staged(kind, dy, x, gamma, options, statistics, dx, gradients);
            return;
        }
        calls.backward(
                heap,
                x.rows,
                x.columns,
                COST,
                scratchBytes,
                dgamma,
                dbeta,
                null,
                null,
                (critical, on, touched, sum1, sum2, sum3, sum4, from, to, at, size, text, room) ->
                        call(
                                kind,
                                critical,
                                on,
                                touched,
                                dy,
                                x,
                                gamma,
                                options,
                                statistics,
                                dx,
                                sum1,
                                sum2,
                                from,
                                to,
                                at,
                                size,
                                text,
                                room));
    }

    /**
     * Rows too long for a critical call: all is copied, since a backward pass is one with all its
     * rows.
     */
    private void staged(
            NormKind kind,
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormOptions options,
            NormStatistics statistics,
            Tensor dx,
            NormGradients gradients) {
        try (Staging stage = calls.stage(0, x.rows)) {
            inside(
                    kind,
                    stage.input(dy),
                    stage.input(x),
                    stage.vector(gamma),
                    options,
                    stage.inputs(statistics),
                    stage.output(dx),
                    stage.vectorOutputs(gradients));
            stage.finish();
        }
    }

    private static int call(
            NormKind kind,
            boolean critical,
            MemorySegment context,
            boolean touched,
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormOptions options,
            NormStatistics statistics,
            Tensor dx,
            MemorySegment dgamma,
            MemorySegment dbeta,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        if (kind == NormKind.LAYER) {
            return critical
                    ? NormBackwardFunctions.layerNormBackwardCritical(
                            context,
                            x.dtype().code(),
                            parameterType(gamma, null),
                            x.rows,
                            x.columns,
                            operand(dy, touched),
                            dy.rowStride,
                            operand(x, touched),
                            x.rowStride,
                            operand(gamma, touched),
                            options.weightOffset(),
                            options.eps(),
                            options.epsMode().code(),
                            operand(statistics.mean(), touched),
                            operand(statistics.meanLow(), touched),
                            operand(statistics.rstd(), touched),
                            operand(dx, touched),
                            stride(dx, x.columns),
                            dgamma,
                            dbeta,
                            rowBegin,
                            rowEnd,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes)
                    : NormBackwardFunctions.layerNormBackward(
                            context,
                            x.dtype().code(),
                            parameterType(gamma, null),
                            x.rows,
                            x.columns,
                            operand(dy, touched),
                            dy.rowStride,
                            operand(x, touched),
                            x.rowStride,
                            operand(gamma, touched),
                            options.weightOffset(),
                            options.eps(),
                            options.epsMode().code(),
                            operand(statistics.mean(), touched),
                            operand(statistics.meanLow(), touched),
                            operand(statistics.rstd(), touched),
                            operand(dx, touched),
                            stride(dx, x.columns),
                            dgamma,
                            dbeta,
                            rowBegin,
                            rowEnd,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        }
        long statisticsColumns =
                options.statisticsColumns() == 0 ? x.columns : options.statisticsColumns();
        return critical
                ? NormBackwardFunctions.rmsNormBackwardCritical(
                        context,
                        x.dtype().code(),
                        parameterType(gamma, null),
                        x.rows,
                        x.columns,
                        statisticsColumns,
                        operand(dy, touched),
                        dy.rowStride,
                        operand(x, touched),
                        x.rowStride,
                        operand(gamma, touched),
                        options.weightOffset(),
                        options.eps(),
                        options.epsMode().code(),
                        operand(statistics.rstd(), touched),
                        operand(dx, touched),
                        stride(dx, x.columns),
                        dgamma,
                        dbeta,
                        rowBegin,
                        rowEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes)
                : NormBackwardFunctions.rmsNormBackward(
                        context,
                        x.dtype().code(),
                        parameterType(gamma, null),
                        x.rows,
                        x.columns,
                        statisticsColumns,
                        operand(dy, touched),
                        dy.rowStride,
                        operand(x, touched),
                        x.rowStride,
                        operand(gamma, touched),
                        options.weightOffset(),
                        options.eps(),
                        options.epsMode().code(),
                        operand(statistics.rstd(), touched),
                        operand(dx, touched),
                        stride(dx, x.columns),
                        dgamma,
                        dbeta,
                        rowBegin,
                        rowEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes);
    }
}
