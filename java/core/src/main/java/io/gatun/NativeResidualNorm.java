// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.at;
import static io.gatun.NativeOperands.atRow;
import static io.gatun.NativeOperands.enter;
import static io.gatun.NativeOperands.operand;
import static io.gatun.NativeOperands.parameterType;
import static io.gatun.NativeOperands.stride;

import io.gatun.bindings.NativeHandle;
import io.gatun.bindings.ResidualNormFunctions;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * Normalization joined with residual addition by the native library. Each operation is a method
 * that keeps everything open, one that chooses between one call off-heap, pieces on the heap and
 * rows copied off-heap, and the call itself on some rows.
 */
final class NativeResidualNorm implements ResidualNormKernels {
    /** How many times as long an element takes as in a plain normalization. */
    private static final long COST_OF_ONE_NORM = 2;

    private static final long COST_OF_TWO_NORMS = 3;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;
    private final NativeResidualNormBackward backward;

    NativeResidualNorm(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
        this.backward = new NativeResidualNormBackward(context, handle);
    }

    @Override
    public void residualAddNorm(
            Tensor x,
            Tensor bias,
            Tensor residual,
            NormParameters parameters,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics) {
        handle.acquire();
        try {
            insideResidualAddNorm(x, bias, residual, parameters, options, h, y, statistics);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ResidualNormChecks.requireOpenResidualAddNorm(
                    x, bias, residual, parameters, h, y, statistics);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(bias);
            Reference.reachabilityFence(residual);
            Reference.reachabilityFence(parameters);
            Reference.reachabilityFence(h);
            Reference.reachabilityFence(y);
            Reference.reachabilityFence(statistics);
        }
    }

    private void insideResidualAddNorm(
            Tensor x,
            Tensor bias,
            Tensor residual,
            NormParameters parameters,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics) {
        boolean heap =
                enter(x)
                        | enter(bias)
                        | enter(residual)
                        | enter(parameters)
                        | enter(h)
                        | enter(y)
                        | enter(statistics);
        if (x.rows == 0) {
            ResidualNormChecks.requireOpenResidualAddNorm(
                    x, bias, residual, parameters, h, y, statistics);
        } else if (heap && !calls.fits(x.columns, COST_OF_ONE_NORM)) {
            stagedResidualAddNorm(x, bias, residual, parameters, options, h, y, statistics);
        } else if (heap
                || residualAddNorm(
                                false,
                                context.threaded(),
                                x,
                                bias,
                                residual,
                                parameters,
                                options,
                                h,
                                y,
                                statistics,
                                0,
                                x.rows,
                                MemorySegment.NULL,
                                0)
                        != NativeStatus.OK) {
            calls.forward(
                    heap,
                    x.rows,
                    x.columns,
                    COST_OF_ONE_NORM,
                    (critical, on, row, rows, text, room) ->
                            residualAddNorm(
                                    critical,
                                    on,
                                    x,
                                    bias,
                                    residual,
                                    parameters,
                                    options,
                                    h,
                                    y,
                                    statistics,
                                    row,
                                    rows,
                                    text,
                                    room));
        }
    }

    private void stagedResidualAddNorm(
            Tensor x,
            Tensor bias,
            Tensor residual,
            NormParameters parameters,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics) {
        for (long row = 0; row < x.rows; row++) {
            try (Staging stage = calls.stage(row, 1)) {
                insideResidualAddNorm(
                        stage.input(x),
                        stage.vector(bias),
                        stage.input(residual),
                        stage.vectors(parameters),
                        options,
                        stage.output(h),
                        stage.output(y),
                        stage.outputs(statistics));
                stage.finish();
            }
        }
    }

    private static int residualAddNorm(
            boolean critical,
            MemorySegment context,
            Tensor x,
            Tensor bias,
            Tensor residual,
            NormParameters parameters,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics,
            long row,
            long rows,
            MemorySegment message,
            long messageBytes) {
        NormOptions norm = options.norm();
        return critical
                ? ResidualNormFunctions.residualAddNormCritical(
                        context,
                        options.kind().code(),
                        x.dtype().code(),
                        parameterType(bias, parameters.gamma(), parameters.beta(), null),
                        rows,
                        x.rows,
                        x.columns,
                        atRow(x, row),
                        x.rowStride,
                        atRow(residual, row),
                        residual.rowStride,
                        options.alpha(),
                        operand(bias),
                        operand(parameters.gamma()),
                        operand(parameters.beta()),
                        norm.weightOffset(),
                        norm.eps(),
                        norm.epsMode().code(),
                        norm.castMode().code(),
                        options.sumMode().code(),
                        atRow(h, row),
                        stride(h, x.columns),
                        atRow(y, row),
                        y.rowStride,
                        at(statistics.mean(), row),
                        at(statistics.meanLow(), row),
                        at(statistics.rstd(), row),
                        message,
                        messageBytes)
                : ResidualNormFunctions.residualAddNorm(
                        context,
                        options.kind().code(),
                        x.dtype().code(),
                        parameterType(bias, parameters.gamma(), parameters.beta(), null),
                        rows,
                        x.rows,
                        x.columns,
                        atRow(x, row),
                        x.rowStride,
                        atRow(residual, row),
                        residual.rowStride,
                        options.alpha(),
                        operand(bias),
                        operand(parameters.gamma()),
                        operand(parameters.beta()),
                        norm.weightOffset(),
                        norm.eps(),
                        norm.epsMode().code(),
                        norm.castMode().code(),
                        options.sumMode().code(),
                        atRow(h, row),
                        stride(h, x.columns),
                        atRow(y, row),
                        y.rowStride,
                        at(statistics.mean(), row),
                        at(statistics.meanLow(), row),
                        at(statistics.rstd(), row),
                        message,
                        messageBytes);
    }

    @Override
    public void normResidualAdd(
            Tensor x,
            Tensor bias,
            NormParameters parameters,
            Tensor residual,
            ResidualOptions options,
            Tensor h,
            NormStatistics statistics) {
        handle.acquire();
        try {
            insideNormResidualAdd(x, bias, parameters, residual, options, h, statistics);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ResidualNormChecks.requireOpenNormResidualAdd(
                    x, bias, parameters, residual, h, statistics);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(bias);
            Reference.reachabilityFence(parameters);
            Reference.reachabilityFence(residual);
            Reference.reachabilityFence(h);
            Reference.reachabilityFence(statistics);
        }
    }

    private void insideNormResidualAdd(
            Tensor x,
            Tensor bias,
            NormParameters parameters,
            Tensor residual,
            ResidualOptions options,
            Tensor h,
            NormStatistics statistics) {
        boolean heap =
                enter(x)
                        | enter(bias)
                        | enter(parameters)
                        | enter(residual)
                        | enter(h)
                        | enter(statistics);
        if (x.rows == 0) {
            ResidualNormChecks.requireOpenNormResidualAdd(
                    x, bias, parameters, residual, h, statistics);
        } else if (heap && !calls.fits(x.columns, COST_OF_ONE_NORM)) {
            stagedNormResidualAdd(x, bias, parameters, residual, options, h, statistics);
        } else if (heap
                || normResidualAdd(
                                false,
                                context.threaded(),
                                x,
                                bias,
                                parameters,
                                residual,
                                options,
                                h,
                                statistics,
                                0,
                                x.rows,
                                MemorySegment.NULL,
                                0)
                        != NativeStatus.OK) {
            calls.forward(
                    heap,
                    x.rows,
                    x.columns,
                    COST_OF_ONE_NORM,
                    (critical, on, row, rows, text, room) ->
                            normResidualAdd(
                                    critical,
                                    on,
                                    x,
                                    bias,
                                    parameters,
                                    residual,
                                    options,
                                    h,
                                    statistics,
                                    row,
                                    rows,
                                    text,
                                    room));
        }
    }

    private void stagedNormResidualAdd(
            Tensor x,
            Tensor bias,
            NormParameters parameters,
            Tensor residual,
            ResidualOptions options,
            Tensor h,
            NormStatistics statistics) {
        for (long row = 0; row < x.rows; row++) {
            try (Staging stage = calls.stage(row, 1)) {
                insideNormResidualAdd(
                        stage.input(x),
                        stage.vector(bias),
                        stage.vectors(parameters),
                        stage.input(residual),
                        options,
                        stage.output(h),
                        stage.outputs(statistics));
                stage.finish();
            }
        }
    }

    private static int normResidualAdd(
            boolean critical,
            MemorySegment context,
            Tensor x,
            Tensor bias,
            NormParameters parameters,
            Tensor residual,
            ResidualOptions options,
            Tensor h,
            NormStatistics statistics,
            long row,
            long rows,
            MemorySegment message,
            long messageBytes) {
        NormOptions norm = options.norm();
        return critical
                ? ResidualNormFunctions.normResidualAddCritical(
                        context,
                        options.kind().code(),
                        x.dtype().code(),
                        parameterType(bias, parameters.gamma(), parameters.beta(), null),
                        rows,
                        x.rows,
                        x.columns,
                        atRow(x, row),
                        x.rowStride,
                        operand(bias),
                        operand(parameters.gamma()),
                        operand(parameters.beta()),
                        norm.weightOffset(),
                        norm.eps(),
                        norm.epsMode().code(),
                        norm.castMode().code(),
                        atRow(residual, row),
                        residual.rowStride,
                        options.alpha(),
                        atRow(h, row),
                        stride(h, x.columns),
                        at(statistics.mean(), row),
                        at(statistics.meanLow(), row),
                        at(statistics.rstd(), row),
                        message,
                        messageBytes)
                : ResidualNormFunctions.normResidualAdd(
                        context,
                        options.kind().code(),
                        x.dtype().code(),
                        parameterType(bias, parameters.gamma(), parameters.beta(), null),
                        rows,
                        x.rows,
                        x.columns,
                        atRow(x, row),
                        x.rowStride,
                        operand(bias),
                        operand(parameters.gamma()),
                        operand(parameters.beta()),
                        norm.weightOffset(),
                        norm.eps(),
                        norm.epsMode().code(),
                        norm.castMode().code(),
                        atRow(residual, row),
                        residual.rowStride,
                        options.alpha(),
                        atRow(h, row),
                        stride(h, x.columns),
                        at(statistics.mean(), row),
                        at(statistics.meanLow(), row),
                        at(statistics.rstd(), row),
                        message,
                        messageBytes);
    }

    @Override
    public void normAddNorm(
            Tensor x,
            NormParameters parameters1,
            Tensor residual,
            NormParameters parameters2,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics1,
            NormStatistics statistics2) {
        handle.acquire();
        try {
            insideNormAddNorm(
                    x, parameters1, residual, parameters2, options, h, y, statistics1, statistics2);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ResidualNormChecks.requireOpenNormAddNorm(
                    x, parameters1, residual, parameters2, h, y, statistics1, statistics2);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(parameters1);
            Reference.reachabilityFence(residual);
            Reference.reachabilityFence(parameters2);
            Reference.reachabilityFence(h);
            Reference.reachabilityFence(y);
            Reference.reachabilityFence(statistics1);
            Reference.reachabilityFence(statistics2);
        }
    }

    private void insideNormAddNorm(
            Tensor x,
            NormParameters parameters1,
            Tensor residual,
            NormParameters parameters2,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics1,
            NormStatistics statistics2) {
        boolean heap =
                enter(x)
                        | enter(parameters1)
                        | enter(residual)
                        | enter(parameters2)
                        | enter(h)
                        | enter(y)
                        | enter(statistics1)
                        | enter(statistics2);
        if (x.rows == 0) {
            ResidualNormChecks.requireOpenNormAddNorm(
                    x, parameters1, residual, parameters2, h, y, statistics1, statistics2);
        } else if (heap && !calls.fits(x.columns, COST_OF_TWO_NORMS)) {
            stagedNormAddNorm(
                    x, parameters1, residual, parameters2, options, h, y, statistics1, statistics2);
        } else if (heap
                || normAddNorm(
                                false,
                                context.threaded(),
                                x,
                                parameters1,
                                residual,
                                parameters2,
                                options,
                                h,
                                y,
                                statistics1,
                                statistics2,
                                0,
                                x.rows,
                                MemorySegment.NULL,
                                0)
                        != NativeStatus.OK) {
            calls.forward(
                    heap,
                    x.rows,
                    x.columns,
                    COST_OF_TWO_NORMS,
                    (critical, on, row, rows, text, room) ->
                            normAddNorm(
                                    critical,
                                    on,
                                    x,
                                    parameters1,
                                    residual,
                                    parameters2,
                                    options,
                                    h,
                                    y,
                                    statistics1,
                                    statistics2,
                                    row,
                                    rows,
                                    text,
                                    room));
        }
    }

    private void stagedNormAddNorm(
            Tensor x,
            NormParameters parameters1,
            Tensor residual,
            NormParameters parameters2,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics1,
            NormStatistics statistics2) {
        for (long row = 0; row < x.rows; row++) {
            try (Staging stage = calls.stage(row, 1)) {
                insideNormAddNorm(
                        stage.input(x),
                        stage.vectors(parameters1),
                        stage.input(residual),
                        stage.vectors(parameters2),
                        options,
                        stage.output(h),
                        stage.output(y),
                        stage.outputs(statistics1),
                        stage.outputs(statistics2));
                stage.finish();
            }
        }
    }

    private static int normAddNorm(
            boolean critical,
            MemorySegment context,
            Tensor x,
            NormParameters parameters1,
            Tensor residual,
            NormParameters parameters2,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics1,
            NormStatistics statistics2,
            long row,
            long rows,
            MemorySegment message,
            long messageBytes) {
        NormOptions norm = options.norm();
        return critical
                ? ResidualNormFunctions.normAddNormCritical(
                        context,
                        options.kind().code(),
                        x.dtype().code(),
                        parameterType(
                                parameters1.gamma(),
                                parameters1.beta(),
                                parameters2.gamma(),
                                parameters2.beta()),
                        rows,
                        x.rows,
                        x.columns,
                        atRow(x, row),
                        x.rowStride,
                        operand(parameters1.gamma()),
                        operand(parameters1.beta()),
                        atRow(residual, row),
                        residual.rowStride,
                        options.alpha(),
                        operand(parameters2.gamma()),
                        operand(parameters2.beta()),
                        norm.weightOffset(),
                        norm.eps(),
                        norm.epsMode().code(),
                        norm.castMode().code(),
                        options.sumMode().code(),
                        atRow(h, row),
                        stride(h, x.columns),
                        atRow(y, row),
                        y.rowStride,
                        at(statistics1.mean(), row),
                        at(statistics1.meanLow(), row),
                        at(statistics1.rstd(), row),
                        at(statistics2.mean(), row),
                        at(statistics2.meanLow(), row),
                        at(statistics2.rstd(), row),
                        message,
                        messageBytes)
                : ResidualNormFunctions.normAddNorm(
                        context,
                        options.kind().code(),
                        x.dtype().code(),
                        parameterType(
                                parameters1.gamma(),
                                parameters1.beta(),
                                parameters2.gamma(),
                                parameters2.beta()),
                        rows,
                        x.rows,
                        x.columns,
                        atRow(x, row),
                        x.rowStride,
                        operand(parameters1.gamma()),
                        operand(parameters1.beta()),
                        atRow(residual, row),
                        residual.rowStride,
                        options.alpha(),
                        operand(parameters2.gamma()),
                        operand(parameters2.beta()),
                        norm.weightOffset(),
                        norm.eps(),
                        norm.epsMode().code(),
                        norm.castMode().code(),
                        options.sumMode().code(),
                        atRow(h, row),
                        stride(h, x.columns),
                        atRow(y, row),
                        y.rowStride,
                        at(statistics1.mean(), row),
                        at(statistics1.meanLow(), row),
                        at(statistics1.rstd(), row),
                        at(statistics2.mean(), row),
                        at(statistics2.meanLow(), row),
                        at(statistics2.rstd(), row),
                        message,
                        messageBytes);
    }

    @Override
    public void residualAddNormBackward(
            Tensor dy,
            Tensor dhIn,
            Tensor h,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        backward.residualAddNormBackward(
                dy, dhIn, h, gamma, options, statistics, dx, dresidual, gradients);
    }

    @Override
    public void normResidualAddBackward(
            Tensor dh,
            Tensor x,
            Tensor bias,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        backward.normResidualAddBackward(
                dh, x, bias, gamma, options, statistics, dx, dresidual, gradients);
    }

    @Override
    public void normAddNormBackward(
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
        backward.normAddNormBackward(
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
    }
}
