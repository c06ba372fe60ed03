// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.CoreFunctions;
import io.gatun.bindings.NativeHandle;
import io.gatun.bindings.NormFunctions;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * Row normalization by the native library. Off-heap tensors go to it in one call; as soon as one
 * tensor is on the heap, the call is made in pieces on this thread (see {@link HeapCalls}). Both
 * give the same bits, since a row is worked on in the same way wherever it lies and whoever does
 * it.
 */
final class NativeNorm implements NormKernels {
    private final NativeContext context;
    private final NativeHandle handle;
    private final HeapCalls heapCalls;
    private final NativeNormBackward backward;
    private final ScratchSizes layerNormScratch;
    private final ScratchSizes rmsNormScratch;
    private final ScratchSizes layerNormHeapScratch;
    private final ScratchSizes rmsNormHeapScratch;

    NativeNorm(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.heapCalls = HeapCalls.ofRowKernels(context.isa());
        this.backward = new NativeNormBackward(context, handle);
        this.layerNormScratch =
                new ScratchSizes(NormFunctions::layerNormScratch, context.threaded());
        this.rmsNormScratch = new ScratchSizes(NormFunctions::rmsNormScratch, context.threaded());
        this.layerNormHeapScratch =
                new ScratchSizes(NormFunctions::layerNormScratch, context.callerOnly());
        this.rmsNormHeapScratch =
                new ScratchSizes(NormFunctions::rmsNormScratch, context.callerOnly());
    }

    @Override
    public void layerNorm(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics) {
        forward(
                true,
                x,
                gamma,
                beta,
                options,
                y,
                statistics.mean(),
                statistics.meanLow(),
                statistics.rstd());
    }

    @Override
    public void rmsNorm(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            NormStatistics statistics) {
        forward(false, x, gamma, beta, options, y, null, null, statistics.rstd());
    }

    @Override
    public void backward(
            NormKind kind,
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormOptions options,
            NormStatistics statistics,
            Tensor dx,
            NormGradients gradients) {
        backward.backward(kind, dy, x, gamma, options, statistics, dx, gradients);
    }

    /**
     * Layer normalization if centered, else RMS normalization, with everything it uses kept open.
     */
    private void forward(
            boolean centered,
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            Tensor mean,
            Tensor meanLow,
            Tensor rstd) {
        handle.acquire();
        try {
            inside(centered, x, gamma, beta, options, y, mean, meanLow, rstd);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            // The JDK and the handles say that some memory is closed; users want to know which.
            requireOpen(x, gamma, beta, y, mean, meanLow, rstd);
            throw notOpen;
        } finally {
            handle.release();
        }
    }

    /** The call itself, while the device's handle counts it. */
    private void inside(
            boolean centered,
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            Tensor mean,
            Tensor meanLow,
            Tensor rstd) {
        boolean heap =
                NativeOperands.enter(x)
                        | NativeOperands.enter(y)
                        | NativeOperands.enter(gamma)
                        | NativeOperands.enter(beta)
                        | NativeOperands.enter(mean)
                        | NativeOperands.enter(meanLow)
                        | NativeOperands.enter(rstd);
        if (x.rows == 0) {
            requireOpen(x, gamma, beta, y, mean, meanLow, rstd);
        } else if (heap) {
            heap(centered, x, gamma, beta, options, y, mean, meanLow, rstd);
        } else {
            offHeap(centered, x, gamma, beta, options, y, mean, meanLow, rstd);
        }
        // Native code has only the addresses: what owns them must not be collected before.
        Reference.reachabilityFence(x);
        Reference.reachabilityFence(gamma);
        Reference.reachabilityFence(beta);
        Reference.reachabilityFence(y);
        Reference.reachabilityFence(mean);
        Reference.reachabilityFence(meanLow);
        Reference.reachabilityFence(rstd);
    }

    private void offHeap(
            boolean centered,
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            Tensor mean,
            Tensor meanLow,
            Tensor rstd) {
        long scratchBytes = (centered ? layerNormScratch : rmsNormScratch).bytes(x.rows, x.columns);
        ScratchPool.Slab slab = scratchBytes == 0 ? null : context.scratch().borrow(scratchBytes);
        try {
            call(
                    centered,
                    false,
                    context.threaded(),
                    x.dtype().code(),
                    NativeOperands.parameterType(gamma, beta),
                    x.rows,
                    x.rows,
                    x.columns,
                    options,
                    x.operand,
                    x.rowStride,
                    NativeOperands.operand(gamma),
                    NativeOperands.operand(beta),
                    y.operand,
                    y.rowStride,
                    NativeOperands.operand(mean),
                    NativeOperands.operand(meanLow),
                    NativeOperands.operand(rstd),
                    slab == null ? MemorySegment.NULL : slab.memory(),
                    scratchBytes);
        } finally {
            if (slab != null) {
                context.scratch().giveBack(slab);
            }
        }
    }

    private void heap(
            boolean centered,
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            Tensor mean,
            Tensor meanLow,
            Tensor rstd) {
        if (x.columns > heapCalls.rowElements()) {
            staged(centered, x, gamma, beta, options, y, mean, meanLow, rstd);
            return;
        }
        long pieceRows = Math.min(x.rows, heapCalls.pieceRows(x.columns));
        ScratchSizes sizes = centered ? layerNormHeapScratch : rmsNormHeapScratch;
        long scratchBytes = sizes.bytes(pieceRows, x.columns);
        ScratchPool.Slab slab = scratchBytes == 0 ? null : context.scratch().borrow(scratchBytes);
        try {
            MemorySegment scratch = slab == null ? MemorySegment.NULL : slab.memory();
            for (long row = 0; row < x.rows; row += pieceRows) {
                call(
                        centered,
                        true,
                        context.callerOnly(),
                        x.dtype().code(),
                        NativeOperands.parameterType(gamma, beta),
                        Math.min(pieceRows, x.rows - row),
                        x.rows,
                        x.columns,
                        options,
                        NativeOperands.at(x, row * x.rowStride),
                        x.rowStride,
                        NativeOperands.operand(gamma),
                        NativeOperands.operand(beta),
                        NativeOperands.at(y, row * y.rowStride),
                        y.rowStride,
                        NativeOperands.at(mean, row),
                        NativeOperands.at(meanLow, row),
                        NativeOperands.at(rstd, row),
                        scratch,
                        scratchBytes);
                // Without a plain call in it, compiled code may run a loop of critical calls
                // without ever stopping at
                // a safepoint; the loop may be the caller's, so the last piece counts as well.
                CoreFunctions.noOp();
            }
        } finally {
            if (slab != null) {
                context.scratch().giveBack(slab);
            }
        }
    }

    /**
     * Rows too long for a critical call: each is copied off-heap, worked on there, in place, and
     * copied back.
     */
    private void staged(
            boolean centered,
            Tensor x,
            Tensor gamma,
            Tensor beta,
            NormOptions options,
            Tensor y,
            Tensor mean,
            Tensor meanLow,
            Tensor rstd) {
        long scratchBytes = (centered ? layerNormScratch : rmsNormScratch).bytes(1, x.columns);
        long rowBytes = x.columns * x.dtype().bytes();
        long gammaAt = NativeOperands.align(rowBytes);
        long betaAt =
                gammaAt
                        + (NativeOperands.onHeap(gamma)
                                ? NativeOperands.align(gamma.operand.byteSize())
                                : 0);
        long statisticsAt =
                betaAt
                        + (NativeOperands.onHeap(beta)
                                ? NativeOperands.align(beta.operand.byteSize())
                                : 0);
        long scratchAt = statisticsAt + NativeOperands.ALIGNMENT;
        ScratchPool.Slab slab = context.scratch().borrow(scratchAt + scratchBytes);
        try {
            MemorySegment memory = slab.memory();
            MemorySegment stagedGamma = stageIn(gamma, memory, gammaAt);
            MemorySegment stagedBeta = stageIn(beta, memory, betaAt);
            MemorySegment stagedRow = memory.asSlice(0, rowBytes);
            for (long row = 0; row < x.rows; row++) {
                MemorySegment xRow = NativeOperands.at(x, row * x.rowStride).asSlice(0, rowBytes);
                MemorySegment yRow = NativeOperands.at(y, row * y.rowStride).asSlice(0, rowBytes);
                if (x.onHeap) {
                    NativeOperands.copy(xRow, stagedRow);
                }
                call(
                        centered,
                        false,
                        context.threaded(),
                        x.dtype().code(),
                        NativeOperands.parameterType(gamma, beta),
                        1,
                        1,
                        x.columns,
                        options,
                        x.onHeap ? stagedRow : xRow,
                        x.columns,
                        stagedGamma,
                        stagedBeta,
                        y.onHeap ? stagedRow : yRow,
                        x.columns,
                        stageStatistic(mean, row, memory, statisticsAt),
                        stageStatistic(meanLow, row, memory, statisticsAt + 4),
                        stageStatistic(rstd, row, memory, statisticsAt + 8),
                        memory.asSlice(scratchAt),
                        scratchBytes);
                if (y.onHeap) {
                    NativeOperands.copy(stagedRow, yRow);
                }
                unstageStatistic(mean, row, memory, statisticsAt);
                unstageStatistic(meanLow, row, memory, statisticsAt + 4);
                unstageStatistic(rstd, row, memory, statisticsAt + 8);
            }
        } finally {
            context.scratch().giveBack(slab);
        }
    }

    /** A copy in the slab of what is on the heap; off-heap memory as it is. */
    private static MemorySegment stageIn(Tensor parameter, MemorySegment memory, long offset) {
        if (!NativeOperands.onHeap(parameter)) {
            return NativeOperands.operand(parameter);
        }
        MemorySegment staged = memory.asSlice(offset, parameter.operand.byteSize());
        NativeOperands.copy(parameter.operand, staged);
        return staged;
    }

    private static MemorySegment stageStatistic(
            Tensor statistic, long row, MemorySegment memory, long offset) {
        return NativeOperands.onHeap(statistic)
                ? memory.asSlice(offset, DType.F32.bytes())
                : NativeOperands.at(statistic, row);
    }

    private static void unstageStatistic(
            Tensor statistic, long row, MemorySegment memory, long offset) {
        if (NativeOperands.onHeap(statistic)) {
            MemorySegment.copy(
                    memory, offset, statistic.operand, row * DType.F32.bytes(), DType.F32.bytes());
        }
    }

    /**
     * One native call. The sentence that says why it failed is fetched by a second one, on failure
     * only.
     */
    private static void call(
            boolean centered,
            boolean critical,
            MemorySegment context,
            int dtype,
            int parameterType,
            long rows,
            long totalRows,
            long columns,
            NormOptions options,
            MemorySegment x,
            long xStride,
            MemorySegment gamma,
            MemorySegment beta,
            MemorySegment y,
            long yStride,
            MemorySegment mean,
            MemorySegment meanLow,
            MemorySegment rstd,
            MemorySegment scratch,
            long scratchBytes) {
        int status =
                call(
                        centered,
                        critical,
                        context,
                        dtype,
                        parameterType,
                        rows,
                        totalRows,
                        columns,
                        options,
                        x,
                        xStride,
                        gamma,
                        beta,
                        y,
                        yStride,
                        mean,
                        meanLow,
                        rstd,
                        scratch,
                        scratchBytes,
                        MemorySegment.NULL,
                        0);
        if (status != NativeStatus.OK) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment message = arena.allocate(NativeStatus.MESSAGE_BYTES);
                int again =
                        call(
                                centered,
                                critical,
                                context,
                                dtype,
                                parameterType,
                                rows,
                                totalRows,
                                columns,
                                options,
                                x,
                                xStride,
                                gamma,
                                beta,
                                y,
                                yStride,
                                mean,
                                meanLow,
                                rstd,
                                scratch,
                                scratchBytes,
                                message,
                                NativeStatus.MESSAGE_BYTES);
                NativeStatus.requireOk(again, message.getString(0));
            }
        }
    }

    private static int call(
            boolean centered,
            boolean critical,
            MemorySegment context,
            int dtype,
            int parameterType,
            long rows,
            long totalRows,
            long columns,
            NormOptions options,
            MemorySegment x,
            long xStride,
            MemorySegment gamma,
            MemorySegment beta,
            MemorySegment y,
            long yStride,
            MemorySegment mean,
            MemorySegment meanLow,
            MemorySegment rstd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        float eps = options.eps();
        float weightOffset = options.weightOffset();
        int epsMode = options.epsMode().code();
        int castMode = options.castMode().code();
        if (centered) {
            return critical
                    ? NormFunctions.layerNormCritical(
                            context,
                            dtype,
                            parameterType,
                            rows,
                            totalRows,
                            columns,
                            x,
                            xStride,
                            gamma,
                            beta,
                            weightOffset,
                            eps,
                            epsMode,
                            castMode,
                            y,
                            yStride,
                            mean,
                            meanLow,
                            rstd,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes)
                    : NormFunctions.layerNorm(
                            context,
                            dtype,
                            parameterType,
                            rows,
                            totalRows,
                            columns,
                            x,
                            xStride,
                            gamma,
                            beta,
                            weightOffset,
                            eps,
                            epsMode,
                            castMode,
                            y,
                            yStride,
                            mean,
                            meanLow,
                            rstd,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        }
        long statisticsColumns =
                options.statisticsColumns() == 0 ? columns : options.statisticsColumns();
        return critical
                ? NormFunctions.rmsNormCritical(
                        context,
                        dtype,
                        parameterType,
                        rows,
                        totalRows,
                        columns,
                        statisticsColumns,
                        x,
                        xStride,
                        gamma,
                        beta,
                        weightOffset,
                        eps,
                        epsMode,
                        castMode,
                        y,
                        yStride,
                        rstd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes)
                : NormFunctions.rmsNorm(
                        context,
                        dtype,
                        parameterType,
                        rows,
                        totalRows,
                        columns,
                        statisticsColumns,
                        x,
                        xStride,
                        gamma,
                        beta,
                        weightOffset,
                        eps,
                        epsMode,
                        castMode,
                        y,
                        yStride,
                        rstd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes);
    }

    private static void requireOpen(
            Tensor x,
            Tensor gamma,
            Tensor beta,
            Tensor y,
            Tensor mean,
            Tensor meanLow,
            Tensor rstd) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(gamma, "gamma");
        Operands.requireOpen(beta, "beta");
        Operands.requireOpen(y, "y");
        Operands.requireOpen(mean, "mean");
        Operands.requireOpen(meanLow, "meanLow");
        Operands.requireOpen(rstd, "rstd");
    }
}
