// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.enter;
import static io.gatun.NativeOperands.operand;
import static io.gatun.NativeOperands.parameterType;
import static io.gatun.NativeOperands.stride;

import io.gatun.bindings.NativeHandle;
import io.gatun.bindings.ResidualNormBackwardFunctions;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * The gradients of normalization joined with residual addition by the native library. The methods
 * of each operation are as in {@link NativeResidualNorm}; rows too long for a critical call are
 * copied all at once, since a backward pass is one with all its rows.
 */
final class NativeResidualNormBackward {
    /** How many times as long an element takes as in a plain normalization. */
    private static final long COST_OF_ONE_NORM = 3;

    private static final long COST_OF_TWO_NORMS = 4;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;
    private final ScratchSizes residualAddNormBackwardScratch;
    private final ScratchSizes normResidualAddBackwardScratch;
    private final ScratchSizes normAddNormBackwardScratch;

    NativeResidualNormBackward(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
        this.residualAddNormBackwardScratch =
                new ScratchSizes(
                        ResidualNormBackwardFunctions::residualAddNormBackwardScratch,
                        context.threaded());
        this.normResidualAddBackwardScratch =
                new ScratchSizes(
                        ResidualNormBackwardFunctions::normResidualAddBackwardScratch,
                        context.threaded());
        this.normAddNormBackwardScratch =
                new ScratchSizes(
                        ResidualNormBackwardFunctions::normAddNormBackwardScratch,
                        context.threaded());
    }

    void residualAddNormBackward(
            Tensor dy,
            Tensor dhIn,
            Tensor h,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        handle.acquire();
        try {
            insideResidualAddNorm(
                    dy, dhIn, h, gamma, options, statistics, dx, dresidual, gradients);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ResidualNormChecks.requireOpenResidualAddNormBackward(
                    dy, dhIn, h, gamma, statistics, dx, dresidual, gradients);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(dhIn);
            Reference.reachabilityFence(h);
            Reference.reachabilityFence(gamma);
            Reference.reachabilityFence(statistics);
            Reference.reachabilityFence(dx);
            Reference.reachabilityFence(dresidual);
            Reference.reachabilityFence(gradients);
        }
    }

    private void insideResidualAddNorm(
            Tensor dy,
            Tensor dhIn,
            Tensor h,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        boolean heap =
                enter(dy)
                        | enter(dhIn)
                        | enter(h)
                        | enter(gamma)
                        | enter(statistics)
                        | enter(dx)
                        | enter(dresidual)
                        | enter(gradients);
        long scratchBytes =
                gradients.any() ? residualAddNormBackwardScratch.bytes(h.rows, h.columns) : 0;
        if (!heap) {
            ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(scratchBytes);
            try {
                if (residualAddNormBackward(
                                false,
                                context.threaded(),
                                true,
                                dy,
                                dhIn,
                                h,
                                gamma,
                                options,
                                statistics,
                                dx,
                                dresidual,
                                operand(gradients.dgamma()),
                                operand(gradients.dbeta()),
                                operand(gradients.dbias()),
                                0,
                                h.rows,
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
        } else if (!calls.fitsBackward(h.rows, h.columns, COST_OF_ONE_NORM)) {
            stagedResidualAddNorm(
                    dy, dhIn, h, gamma, options, statistics, dx, dresidual, gradients);
            return;
        }
        calls.backward(
                heap,
                h.rows,
                h.columns,
                COST_OF_ONE_NORM,
                scratchBytes,
                gradients.dgamma(),
                gradients.dbeta(),
                gradients.dbias(),
                null,
                (critical, on, touched, sum1, sum2, sum3, sum4, from, to, at, size, text, room) ->
                        residualAddNormBackward(
                                critical,
                                on,
                                touched,
                                dy,
                                dhIn,
                                h,
                                gamma,
                                options,
                                statistics,
                                dx,
                                dresidual,
                                sum1,
                                sum2,
                                sum3,
                                from,
                                to,
                                at,
                                size,
                                text,
                                room));
    }

    private void stagedResidualAddNorm(
            Tensor dy,
            Tensor dhIn,
            Tensor h,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        try (Staging stage = calls.stage(0, h.rows)) {
            insideResidualAddNorm(
                    stage.input(dy),
                    stage.input(dhIn),
                    stage.input(h),
                    stage.vector(gamma),
                    options,
                    stage.inputs(statistics),
                    stage.output(dx),
                    stage.output(dresidual),
                    stage.vectorOutputs(gradients));
            stage.finish();
        }
    }

    private static int residualAddNormBackward(
            boolean critical,
            MemorySegment context,
            boolean touched,
            Tensor dy,
            Tensor dhIn,
            Tensor h,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            MemorySegment dgamma,
            MemorySegment dbeta,
            MemorySegment dbias,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        NormOptions norm = options.norm();
        return critical
                ? ResidualNormBackwardFunctions.residualAddNormBackwardCritical(
                        context,
                        options.kind().code(),
                        h.dtype().code(),
                        parameterType(gamma, null),
                        h.rows,
                        h.columns,
                        operand(dy, touched),
                        dy.rowStride,
                        operand(dhIn, touched),
                        stride(dhIn, h.columns),
                        operand(h, touched),
                        h.rowStride,
                        options.alpha(),
                        operand(gamma, touched),
                        norm.weightOffset(),
                        norm.eps(),
                        norm.epsMode().code(),
                        operand(statistics.mean(), touched),
                        operand(statistics.meanLow(), touched),
                        operand(statistics.rstd(), touched),
                        operand(dx, touched),
                        stride(dx, h.columns),
                        operand(dresidual, touched),
                        stride(dresidual, h.columns),
                        dgamma,
                        dbeta,
                        dbias,
                        rowBegin,
                        rowEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes)
                : ResidualNormBackwardFunctions.residualAddNormBackward(
                        context,
                        options.kind().code(),
                        h.dtype().code(),
                        parameterType(gamma, null),
                        h.rows,
                        h.columns,
                        operand(dy, touched),
                        dy.rowStride,
                        operand(dhIn, touched),
                        stride(dhIn, h.columns),
                        operand(h, touched),
                        h.rowStride,
                        options.alpha(),
                        operand(gamma, touched),
                        norm.weightOffset(),
                        norm.eps(),
                        norm.epsMode().code(),
                        operand(statistics.mean(), touched),
                        operand(statistics.meanLow(), touched),
                        operand(statistics.rstd(), touched),
                        operand(dx, touched),
                        stride(dx, h.columns),
                        operand(dresidual, touched),
                        stride(dresidual, h.columns),
                        dgamma,
                        dbeta,
                        dbias,
                        rowBegin,
                        rowEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes);
    }

    void normResidualAddBackward(
            Tensor dh,
            Tensor x,
            Tensor bias,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        handle.acquire();
        try {
            insideNormResidualAdd(
                    dh, x, bias, gamma, options, statistics, dx, dresidual, gradients);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ResidualNormChecks.requireOpenNormResidualAddBackward(
                    dh, x, bias, gamma, statistics, dx, dresidual, gradients);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dh);
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(bias);
            Reference.reachabilityFence(gamma);
            Reference.reachabilityFence(statistics);
            Reference.reachabilityFence(dx);
            Reference.reachabilityFence(dresidual);
            Reference.reachabilityFence(gradients);
        }
    }

    private void insideNormResidualAdd(
            Tensor dh,
            Tensor x,
            Tensor bias,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        boolean heap =
                enter(dh)
                        | enter(x)
                        | enter(bias)
                        | enter(gamma)
                        | enter(statistics)
                        | enter(dx)
                        | enter(dresidual)
                        | enter(gradients);
        long scratchBytes =
                gradients.any() ? normResidualAddBackwardScratch.bytes(x.rows, x.columns) : 0;
        if (!heap) {
            ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(scratchBytes);
            try {
                if (normResidualAddBackward(
                                false,
                                context.threaded(),
                                true,
                                dh,
                                x,
                                bias,
                                gamma,
                                options,
                                statistics,
                                dx,
                                dresidual,
                                operand(gradients.dgamma()),
                                operand(gradients.dbeta()),
                                operand(gradients.dbias()),
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
        } else if (!calls.fitsBackward(x.rows, x.columns, COST_OF_ONE_NORM)) {
            stagedNormResidualAdd(
                    dh, x, bias, gamma, options, statistics, dx, dresidual, gradients);
            return;
        }
        calls.backward(
                heap,
                x.rows,
                x.columns,
                COST_OF_ONE_NORM,
                scratchBytes,
                gradients.dgamma(),
                gradients.dbeta(),
                gradients.dbias(),
                null,
                (critical, on, touched, sum1, sum2, sum3, sum4, from, to, at, size, text, room) ->
                        normResidualAddBackward(
                                critical,
                                on,
                                touched,
                                dh,
                                x,
                                bias,
                                gamma,
                                options,
                                statistics,
                                dx,
                                dresidual,
                                sum1,
                                sum2,
                                sum3,
                                from,
                                to,
                                at,
                                size,
                                text,
                                room));
    }

    private void stagedNormResidualAdd(
            Tensor dh,
            Tensor x,
            Tensor bias,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        try (Staging stage = calls.stage(0, x.rows)) {
            insideNormResidualAdd(
                    stage.input(dh),
                    stage.input(x),
                    stage.vector(bias),
                    stage.vector(gamma),
                    options,
                    stage.inputs(statistics),
                    stage.output(dx),
                    stage.output(dresidual),
                    stage.vectorOutputs(gradients));
            stage.finish();
        }
    }

    private static int normResidualAddBackward(
            boolean critical,
            MemorySegment context,
            boolean touched,
            Tensor dh,
            Tensor x,
            Tensor bias,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            MemorySegment dgamma,
            MemorySegment dbeta,
            MemorySegment dbias,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        NormOptions norm = options.norm();
        return critical
                ? ResidualNormBackwardFunctions.normResidualAddBackwardCritical(
                        context,
                        options.kind().code(),
                        x.dtype().code(),
                        parameterType(bias, gamma),
                        x.rows,
                        x.columns,
                        operand(dh, touched),
                        dh.rowStride,
                        operand(x, touched),
                        x.rowStride,
                        operand(bias, touched),
                        options.alpha(),
                        operand(gamma, touched),
                        norm.weightOffset(),
                        norm.eps(),
                        norm.epsMode().code(),
                        operand(statistics.mean(), touched),
                        operand(statistics.meanLow(), touched),
                        operand(statistics.rstd(), touched),
                        operand(dx, touched),
                        stride(dx, x.columns),
                        operand(dresidual, touched),
                        stride(dresidual, x.columns),
                        dgamma,
                        dbeta,
                        dbias,
                        rowBegin,
                        rowEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes)
                : ResidualNormBackwardFunctions.normResidualAddBackward(
                        context,
                        options.kind().code(),
                        x.dtype().code(),
                        parameterType(bias, gamma),
                        x.rows,
                        x.columns,
                        operand(dh, touched),
                        dh.rowStride,
                        operand(x, touched),
                        x.rowStride,
                        operand(bias, touched),
                        options.alpha(),
                        operand(gamma, touched),
                        norm.weightOffset(),
                        norm.eps(),
                        norm.epsMode().code(),
                        operand(statistics.mean(), touched),
                        operand(statistics.meanLow(), touched),
                        operand(statistics.rstd(), touched),
                        operand(dx, touched),
                        stride(dx, x.columns),
                        operand(dresidual, touched),
                        stride(dresidual, x.columns),
                        dgamma,
                        dbeta,
                        dbias,
                        rowBegin,
                        rowEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes);
    }

    void normAddNormBackward(
            Tensor dy,
            Tensor dhIn,
            Tensor x,
            Tensor h,
            Tensor gamma1,
            Tensor gamma2,
            ResidualOptions options,
            NormStatistics statistics1,
            NormStatistics statistics2,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients1,
            NormGradients gradients2) {
        handle.acquire();
        try {
            insideNormAddNorm(
                    dy,
                    dhIn,
                    x,
                    h,
                    gamma1,
                    gamma2,
                    options,
                    statistics1,
                    statistics2,
                    dx,
                    dresidual,
                    gradients1,
                    gradients2);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ResidualNormChecks.requireOpenNormAddNormBackward(
                    dy,
                    dhIn,
                    x,
                    h,
                    gamma1,
                    gamma2,
                    statistics1,
                    statistics2,
                    dx,
                    dresidual,
                    gradients1,
                    gradients2);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(dhIn);
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(h);
            Reference.reachabilityFence(gamma1);
            Reference.reachabilityFence(gamma2);
            Reference.reachabilityFence(statistics1);
            Reference.reachabilityFence(statistics2);
            Reference.reachabilityFence(dx);
            Reference.reachabilityFence(dresidual);
            Reference.reachabilityFence(gradients1);
            Reference.reachabilityFence(gradients2);
        }
    }

    private void insideNormAddNorm(
            Tensor dy,
            Tensor dhIn,
            Tensor x,
            Tensor h,
            Tensor gamma1,
            Tensor gamma2,
            ResidualOptions options,
            NormStatistics statistics1,
            NormStatistics statistics2,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients1,
            NormGradients gradients2) {
        boolean heap =
                enter(dy)
                        | enter(dhIn)
                        | enter(x)
                        | enter(h)
                        | enter(gamma1)
                        | enter(gamma2)
                        | enter(statistics1)
                        | enter(statistics2)
                        | enter(dx)
                        | enter(dresidual)
                        | enter(gradients1)
                        | enter(gradients2);
        long scratchBytes =
                gradients1.any() || gradients2.any()
                        ? normAddNormBackwardScratch.bytes(x.rows, x.columns)
                        : 0;
        if (!heap) {
            ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(scratchBytes);
            try {
                if (normAddNormBackward(
                                false,
                                context.threaded(),
                                true,
                                dy,
                                dhIn,
                                x,
                                h,
                                gamma1,
                                gamma2,
                                options,
                                statistics1,
                                statistics2,
                                dx,
                                dresidual,
                                operand(gradients1.dgamma()),
                                operand(gradients1.dbeta()),
                                operand(gradients2.dgamma()),
                                operand(gradients2.dbeta()),
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
        } else if (!calls.fitsBackward(x.rows, x.columns, COST_OF_TWO_NORMS)) {
            stagedNormAddNorm(
                    dy,
                    dhIn,
                    x,
                    h,
                    gamma1,
                    gamma2,
                    options,
                    statistics1,
                    statistics2,
                    dx,
                    dresidual,
                    gradients1,
                    gradients2);
            return;
        }
        calls.backward(
                heap,
                x.rows,
                x.columns,
                COST_OF_TWO_NORMS,
                scratchBytes,
                gradients1.dgamma(),
                gradients1.dbeta(),
                gradients2.dgamma(),
                gradients2.dbeta(),
                (critical, on, touched, sum1, sum2, sum3, sum4, from, to, at, size, text, room) ->
                        normAddNormBackward(
                                critical,
                                on,
                                touched,
                                dy,
                                dhIn,
                                x,
                                h,
                                gamma1,
                                gamma2,
                                options,
                                statistics1,
                                statistics2,
                                dx,
                                dresidual,
                                sum1,
                                sum2,
                                sum3,
                                sum4,
                                from,
                                to,
                                at,
                                size,
                                text,
                                room));
    }

    private void stagedNormAddNorm(
            Tensor dy,
            Tensor dhIn,
            Tensor x,
            Tensor h,
            Tensor gamma1,
            Tensor gamma2,
            ResidualOptions options,
            NormStatistics statistics1,
            NormStatistics statistics2,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients1,
            NormGradients gradients2) {
        try (Staging stage = calls.stage(0, x.rows)) {
            insideNormAddNorm(
                    stage.input(dy),
                    stage.input(dhIn),
                    stage.input(x),
                    stage.input(h),
                    stage.vector(gamma1),
                    stage.vector(gamma2),
                    options,
                    stage.inputs(statistics1),
                    stage.inputs(statistics2),
                    stage.output(dx),
                    stage.output(dresidual),
                    stage.vectorOutputs(gradients1),
                    stage.vectorOutputs(gradients2));
            stage.finish();
        }
    }

    private static int normAddNormBackward(
            boolean critical,
            MemorySegment context,
            boolean touched,
            Tensor dy,
            Tensor dhIn,
            Tensor x,
            Tensor h,
            Tensor gamma1,
            Tensor gamma2,
            ResidualOptions options,
            NormStatistics statistics1,
            NormStatistics statistics2,
            Tensor dx,
            Tensor dresidual,
            MemorySegment dgamma1,
            MemorySegment dbeta1,
            MemorySegment dgamma2,
            MemorySegment dbeta2,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        NormOptions norm = options.norm();
        return critical
                ? ResidualNormBackwardFunctions.normAddNormBackwardCritical(
                        context,
                        options.kind().code(),
                        x.dtype().code(),
                        parameterType(gamma1, gamma2),
                        x.rows,
                        x.columns,
                        operand(dy, touched),
                        dy.rowStride,
                        operand(dhIn, touched),
                        stride(dhIn, x.columns),
                        operand(x, touched),
                        x.rowStride,
                        operand(h, touched),
                        h.rowStride,
                        options.alpha(),
                        operand(gamma1, touched),
                        operand(gamma2, touched),
                        norm.weightOffset(),
                        norm.eps(),
                        norm.epsMode().code(),
                        operand(statistics1.mean(), touched),
                        operand(statistics1.meanLow(), touched),
                        operand(statistics1.rstd(), touched),
                        operand(statistics2.mean(), touched),
                        operand(statistics2.meanLow(), touched),
                        operand(statistics2.rstd(), touched),
                        operand(dx, touched),
                        stride(dx, x.columns),
                        operand(dresidual, touched),
                        stride(dresidual, x.columns),
                        dgamma1,
                        dbeta1,
                        dgamma2,
                        dbeta2,
                        rowBegin,
                        rowEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes)
                : ResidualNormBackwardFunctions.normAddNormBackward(
                        context,
                        options.kind().code(),
                        x.dtype().code(),
                        parameterType(gamma1, gamma2),
                        x.rows,
                        x.columns,
                        operand(dy, touched),
                        dy.rowStride,
                        operand(dhIn, touched),
                        stride(dhIn, x.columns),
                        operand(x, touched),
                        x.rowStride,
                        operand(h, touched),
                        h.rowStride,
                        options.alpha(),
                        operand(gamma1, touched),
                        operand(gamma2, touched),
                        norm.weightOffset(),
                        norm.eps(),
                        norm.epsMode().code(),
                        operand(statistics1.mean(), touched),
                        operand(statistics1.meanLow(), touched),
                        operand(statistics1.rstd(), touched),
                        operand(statistics2.mean(), touched),
                        operand(statistics2.meanLow(), touched),
                        operand(statistics2.rstd(), touched),
                        operand(dx, touched),
                        stride(dx, x.columns),
                        operand(dresidual, touched),
                        stride(dresidual, x.columns),
                        dgamma1,
                        dbeta1,
                        dgamma2,
                        dbeta2,
                        rowBegin,
                        rowEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes);
    }
}
