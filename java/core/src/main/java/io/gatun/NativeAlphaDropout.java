// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.enter;
import static io.gatun.NativeOperands.operand;

import io.gatun.bindings.AlphaDropoutFunctions;
import io.gatun.bindings.NativeHandle;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** Alpha dropout by the native library. */
final class NativeAlphaDropout {
    /** How many times as long an element takes as in a plain normalization. */
    private static final long COST_DROPOUT = 5;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;

    NativeAlphaDropout(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
    }

    void alphaDropout(Tensor x, AlphaDropout options, Tensor y) {
        handle.acquire();
        try {
            insideAlphaDropout(x, options, y);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ActivationChecks.requireOpen(x, "x", y, "y");
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(y);
        }
    }

    private void insideAlphaDropout(Tensor x, AlphaDropout options, Tensor y) {
        boolean heap = enter(x) | enter(y);
        long elements = x.rows * x.columns;
        if (elements == 0) {
            ActivationChecks.requireOpen(x, "x", y, "y");
        } else if (heap && !calls.fits(elements, COST_DROPOUT)) {
            // An element's random number depends on its place in the whole call.
            try (Staging stage = calls.stage(0, x.rows)) {
                insideAlphaDropout(stage.input(x), options, stage.output(y));
                stage.finish();
            }
        } else if (heap
                || alphaDropout(false, context.threaded(), x, options, y, MemorySegment.NULL, 0)
                        != NativeStatus.OK) {
            calls.forward(
                    heap,
                    1,
                    elements,
                    COST_DROPOUT,
                    (critical, on, row, count, text, room) ->
                            alphaDropout(critical, on, x, options, y, text, room));
        }
    }

    private static int alphaDropout(
            boolean critical,
            MemorySegment context,
            Tensor x,
            AlphaDropout options,
            Tensor y,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? AlphaDropoutFunctions.alphaDropoutCritical(
                        context,
                        x.dtype().code(),
                        x.rows,
                        x.columns,
                        x.operand,
                        x.rowStride,
                        options.probability(),
                        options.seed(),
                        options.offset(),
                        options.perRow() ? 1 : 0,
                        options.selu() ? 1 : 0,
                        y.operand,
                        y.rowStride,
                        message,
                        messageBytes)
                : AlphaDropoutFunctions.alphaDropout(
                        context,
                        x.dtype().code(),
                        x.rows,
                        x.columns,
                        x.operand,
                        x.rowStride,
                        options.probability(),
                        options.seed(),
                        options.offset(),
                        options.perRow() ? 1 : 0,
                        options.selu() ? 1 : 0,
                        y.operand,
                        y.rowStride,
                        message,
                        messageBytes);
    }

    void alphaDropoutBackward(Tensor dy, Tensor x, AlphaDropout options, Tensor dx) {
        handle.acquire();
        try {
            insideAlphaDropoutBackward(dy, x, options, dx);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ActivationChecks.requireOpen(dy, "dy", x, "x", dx, "dx");
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(dx);
        }
    }

    private void insideAlphaDropoutBackward(Tensor dy, Tensor x, AlphaDropout options, Tensor dx) {
        boolean heap = enter(dy) | enter(x) | enter(dx);
        long elements = dy.rows * dy.columns;
        if (elements == 0) {
            ActivationChecks.requireOpen(dy, "dy", x, "x", dx, "dx");
        } else if (heap && !calls.fits(elements, COST_DROPOUT)) {
            // An element's random number depends on its place in the whole call.
            try (Staging stage = calls.stage(0, dy.rows)) {
                insideAlphaDropoutBackward(
                        stage.input(dy), stage.input(x), options, stage.output(dx));
                stage.finish();
            }
        } else if (heap
                || alphaDropoutBackward(
                                false,
                                context.threaded(),
                                dy,
                                x,
                                options,
                                dx,
                                MemorySegment.NULL,
                                0)
                        != NativeStatus.OK) {
            calls.forward(
                    heap,
                    1,
                    elements,
                    COST_DROPOUT,
                    (critical, on, row, count, text, room) ->
                            alphaDropoutBackward(critical, on, dy, x, options, dx, text, room));
        }
    }

    private static int alphaDropoutBackward(
            boolean critical,
            MemorySegment context,
            Tensor dy,
            Tensor x,
            AlphaDropout options,
            Tensor dx,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? AlphaDropoutFunctions.alphaDropoutBackwardCritical(
                        context,
                        dy.dtype().code(),
                        dy.rows,
                        dy.columns,
                        dy.operand,
                        dy.rowStride,
                        operand(x),
                        NativeOperands.stride(x, dy.columns),
                        options.probability(),
                        options.seed(),
                        options.offset(),
                        options.perRow() ? 1 : 0,
                        options.selu() ? 1 : 0,
                        dx.operand,
                        dx.rowStride,
                        message,
                        messageBytes)
                : AlphaDropoutFunctions.alphaDropoutBackward(
                        context,
                        dy.dtype().code(),
                        dy.rows,
                        dy.columns,
                        dy.operand,
                        dy.rowStride,
                        operand(x),
                        NativeOperands.stride(x, dy.columns),
                        options.probability(),
                        options.seed(),
                        options.offset(),
                        options.perRow() ? 1 : 0,
                        options.selu() ? 1 : 0,
                        dx.operand,
                        dx.rowStride,
                        message,
                        messageBytes);
    }
}
