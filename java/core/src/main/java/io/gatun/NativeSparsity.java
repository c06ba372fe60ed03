// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.at;
import static io.gatun.NativeOperands.atRow;
import static io.gatun.NativeOperands.enter;
import static io.gatun.NativeOperands.operand;

import io.gatun.bindings.NativeHandle;
import io.gatun.bindings.SparsityFunctions;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** Activation sparsity by the native library. */
final class NativeSparsity implements SparsityKernels {
    /** How many times as long an element takes as in a plain normalization. */
    private static final long COST_THRESHOLD = 2;

    private static final long COST_TOP_K = 10;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;

    NativeSparsity(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
    }

    @Override
    public void threshold(Tensor x, Threshold threshold, Tensor values, Tensor y) {
        handle.acquire();
        try {
            insideThreshold(x, threshold, values, y);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            SparsityChecks.requireOpen(x, threshold.scale(), threshold.thresholds(), values, y);
            throw notOpen;
        } finally {
            handle.release();
            // Native code has only the addresses: what owns them must not be collected before.
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(threshold);
            Reference.reachabilityFence(values);
            Reference.reachabilityFence(y);
        }
    }

    private void insideThreshold(Tensor x, Threshold threshold, Tensor values, Tensor y) {
        boolean heap =
                enter(x)
                        | enter(threshold.scale())
                        | enter(threshold.thresholds())
                        | enter(values)
                        | enter(y);
        // What lies without gaps is one row, unless columns differ.
        boolean flat =
                threshold.scale() == null
                        && threshold.thresholds() == null
                        && isDense(x)
                        && isDense(values)
                        && isDense(y);
        long rows = flat ? 1 : x.rows;
        long columns = flat ? x.rows * x.columns : x.columns;
        if (x.rows == 0) {
            SparsityChecks.requireOpen(x, threshold.scale(), threshold.thresholds(), values, y);
        } else if (heap
                || thresholdMask(
                                false,
                                context.threaded(),
                                x,
                                threshold,
                                values,
                                y,
                                flat,
                                0,
                                rows,
                                0,
                                columns,
                                MemorySegment.NULL,
                                0)
                        != NativeStatus.OK) {
            calls.elements(
                    heap,
                    rows,
                    columns,
                    COST_THRESHOLD,
                    (critical, on, row, count, column, width, text, room) ->
                            thresholdMask(
                                    critical, on, x, threshold, values, y, flat, row, count, column,
                                    width, text, room));
        }
    }

    private static boolean isDense(Tensor tensor) {
        return tensor.rows == 1 || tensor.rowStride == tensor.columns;
    }

    private static int thresholdMask(
            boolean critical,
            MemorySegment context,
            Tensor x,
            Threshold threshold,
            Tensor values,
            Tensor y,
            boolean flat,
            long row,
            long rows,
            long column,
            long columns,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? SparsityFunctions.thresholdMaskCritical(
                        context,
                        x.dtype().code(),
                        rows,
                        columns,
                        at(x, row * x.rowStride + column),
                        flat ? columns : x.rowStride,
                        at(threshold.scale(), column),
                        at(threshold.thresholds(), column),
                        threshold.threshold(),
                        threshold.keepEqual() ? 1 : 0,
                        at(values, row * values.rowStride + column),
                        flat ? columns : values.rowStride,
                        at(y, row * y.rowStride + column),
                        flat ? columns : y.rowStride,
                        message,
                        messageBytes)
                : SparsityFunctions.thresholdMask(
                        context,
                        x.dtype().code(),
                        rows,
                        columns,
                        at(x, row * x.rowStride + column),
                        flat ? columns : x.rowStride,
                        at(threshold.scale(), column),
                        at(threshold.thresholds(), column),
                        threshold.threshold(),
                        threshold.keepEqual() ? 1 : 0,
                        at(values, row * values.rowStride + column),
                        flat ? columns : values.rowStride,
                        at(y, row * y.rowStride + column),
                        flat ? columns : y.rowStride,
                        message,
                        messageBytes);
    }

    @Override
    public void topK(Tensor x, Tensor scale, long kept, Tensor values, Tensor y) {
        handle.acquire();
        try {
            insideTopK(x, scale, kept, values, y);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            SparsityChecks.requireOpen(x, scale, null, values, y);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(scale);
            Reference.reachabilityFence(values);
            Reference.reachabilityFence(y);
        }
    }

    private void insideTopK(Tensor x, Tensor scale, long kept, Tensor values, Tensor y) {
        boolean heap = enter(x) | enter(scale) | enter(values) | enter(y);
        if (x.rows == 0) {
            SparsityChecks.requireOpen(x, scale, null, values, y);
        } else if (heap && !calls.fits(x.columns, COST_TOP_K)) {
            staged(x, scale, kept, values, y);
        } else if (heap
                || topkMaskRows(
                                false,
                                context.threaded(),
                                x,
                                scale,
                                kept,
                                values,
                                y,
                                0,
                                x.rows,
                                MemorySegment.NULL,
                                0)
                        != NativeStatus.OK) {
            calls.forward(
                    heap,
                    x.rows,
                    x.columns,
                    COST_TOP_K,
                    (critical, on, row, rows, text, room) ->
                            topkMaskRows(
                                    critical, on, x, scale, kept, values, y, row, rows, text,
                                    room));
        }
    }

    /** Rows too long for a critical call are copied off-heap, one at a time. */
    private void staged(Tensor x, Tensor scale, long kept, Tensor values, Tensor y) {
        for (long row = 0; row < x.rows; row++) {
            try (Staging stage = calls.stage(row, 1)) {
                Tensor keys = stage.input(x);
                insideTopK(
                        keys,
                        stage.vector(scale),
                        kept,
                        values == x ? keys : stage.input(values),
                        stage.output(y));
                stage.finish();
            }
        }
    }

    private static int topkMaskRows(
            boolean critical,
            MemorySegment context,
            Tensor x,
            Tensor scale,
            long kept,
            Tensor values,
            Tensor y,
            long row,
            long rows,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? SparsityFunctions.topkMaskRowsCritical(
                        context,
                        x.dtype().code(),
                        rows,
                        x.columns,
                        kept,
                        atRow(x, row),
                        x.rowStride,
                        operand(scale),
                        atRow(values, row),
                        values.rowStride,
                        atRow(y, row),
                        y.rowStride,
                        message,
                        messageBytes)
                : SparsityFunctions.topkMaskRows(
                        context,
                        x.dtype().code(),
                        rows,
                        x.columns,
                        kept,
                        atRow(x, row),
                        x.rowStride,
                        operand(scale),
                        atRow(values, row),
                        values.rowStride,
                        atRow(y, row),
                        y.rowStride,
                        message,
                        messageBytes);
    }
}
