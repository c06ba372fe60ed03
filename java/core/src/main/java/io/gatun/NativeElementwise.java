// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.at;
import static io.gatun.NativeOperands.enter;

import io.gatun.bindings.ActivationFunctions;
import io.gatun.bindings.NativeHandle;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * Element-wise functions by the native library. What lies without gaps is one row to it, whatever
 * the shape, and rows on the heap are cut, since elements do not depend on each other.
 */
final class NativeElementwise {
    /** How many times as long an element takes as in a plain normalization. */
    private static final long COST_FORWARD = 3;

    private static final long COST_BACKWARD = 5;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;

    NativeElementwise(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
    }

    void apply(Activation activation, Tensor x, Tensor y) {
        handle.acquire();
        try {
            insideApply(activation, x, y);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ActivationChecks.requireOpen(x, "x", y, "y");
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(y);
        }
    }

    private void insideApply(Activation activation, Tensor x, Tensor y) {
        boolean heap = enter(x) | enter(y);
        boolean flat = isDense(x) && isDense(y);
        long rows = flat ? 1 : x.rows;
        long columns = flat ? x.rows * x.columns : x.columns;
        if (x.rows == 0) {
            ActivationChecks.requireOpen(x, "x", y, "y");
        } else if (heap
                || activation(
                                false,
                                context.threaded(),
                                activation,
                                x,
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
                    COST_FORWARD,
                    (critical, on, row, count, column, width, text, room) ->
                            activation(
                                    critical,
                                    on,
                                    activation,
                                    x,
                                    y,
                                    flat,
                                    row,
                                    count,
                                    column,
                                    width,
                                    text,
                                    room));
        }
    }

    private static int activation(
            boolean critical,
            MemorySegment context,
            Activation activation,
            Tensor x,
            Tensor y,
            boolean flat,
            long row,
            long rows,
            long column,
            long columns,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? ActivationFunctions.activationCritical(
                        context,
                        activation.kind().code(),
                        activation.first(),
                        activation.second(),
                        activation.nanToZero() ? 1 : 0,
                        x.dtype().code(),
                        rows,
                        columns,
                        at(x, row * x.rowStride + column),
                        stride(x, flat, columns),
                        at(y, row * y.rowStride + column),
                        stride(y, flat, columns),
                        message,
                        messageBytes)
                : ActivationFunctions.activation(
                        context,
                        activation.kind().code(),
                        activation.first(),
                        activation.second(),
                        activation.nanToZero() ? 1 : 0,
                        x.dtype().code(),
                        rows,
                        columns,
                        at(x, row * x.rowStride + column),
                        stride(x, flat, columns),
                        at(y, row * y.rowStride + column),
                        stride(y, flat, columns),
                        message,
                        messageBytes);
    }

    void backward(Activation activation, Tensor dy, Tensor x, Tensor dx) {
        handle.acquire();
        try {
            insideBackward(activation, dy, x, dx);
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

    private void insideBackward(Activation activation, Tensor dy, Tensor x, Tensor dx) {
        boolean heap = enter(dy) | enter(x) | enter(dx);
        boolean flat = isDense(dy) && isDense(x) && isDense(dx);
        long rows = flat ? 1 : x.rows;
        long columns = flat ? x.rows * x.columns : x.columns;
        if (x.rows == 0) {
            ActivationChecks.requireOpen(dy, "dy", x, "x", dx, "dx");
        } else if (heap
                || activationBackward(
                                false,
                                context.threaded(),
                                activation,
                                dy,
                                x,
                                dx,
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
                    COST_BACKWARD,
                    (critical, on, row, count, column, width, text, room) ->
                            activationBackward(
                                    critical,
                                    on,
                                    activation,
                                    dy,
                                    x,
                                    dx,
                                    flat,
                                    row,
                                    count,
                                    column,
                                    width,
                                    text,
                                    room));
        }
    }

    private static int activationBackward(
            boolean critical,
            MemorySegment context,
            Activation activation,
            Tensor dy,
            Tensor x,
            Tensor dx,
            boolean flat,
            long row,
            long rows,
            long column,
            long columns,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? ActivationFunctions.activationBackwardCritical(
                        context,
                        activation.kind().code(),
                        activation.first(),
                        activation.second(),
                        activation.nanToZero() ? 1 : 0,
                        x.dtype().code(),
                        rows,
                        columns,
                        at(dy, row * dy.rowStride + column),
                        stride(dy, flat, columns),
                        at(x, row * x.rowStride + column),
                        stride(x, flat, columns),
                        at(dx, row * dx.rowStride + column),
                        stride(dx, flat, columns),
                        message,
                        messageBytes)
                : ActivationFunctions.activationBackward(
                        context,
                        activation.kind().code(),
                        activation.first(),
                        activation.second(),
                        activation.nanToZero() ? 1 : 0,
                        x.dtype().code(),
                        rows,
                        columns,
                        at(dy, row * dy.rowStride + column),
                        stride(dy, flat, columns),
                        at(x, row * x.rowStride + column),
                        stride(x, flat, columns),
                        at(dx, row * dx.rowStride + column),
                        stride(dx, flat, columns),
                        message,
                        messageBytes);
    }

    void backwardFromOutput(Activation activation, Tensor dy, Tensor y, Tensor dx) {
        handle.acquire();
        try {
            insideBackwardFromOutput(activation, dy, y, dx);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ActivationChecks.requireOpen(dy, "dy", y, "y", dx, "dx");
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(y);
            Reference.reachabilityFence(dx);
        }
    }

    private void insideBackwardFromOutput(Activation activation, Tensor dy, Tensor y, Tensor dx) {
        boolean heap = enter(dy) | enter(y) | enter(dx);
        boolean flat = isDense(dy) && isDense(y) && isDense(dx);
        long rows = flat ? 1 : y.rows;
        long columns = flat ? y.rows * y.columns : y.columns;
        if (y.rows == 0) {
            ActivationChecks.requireOpen(dy, "dy", y, "y", dx, "dx");
        } else if (heap
                || activationOutputBackward(
                                false,
                                context.threaded(),
                                activation,
                                dy,
                                y,
                                dx,
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
                    COST_FORWARD,
                    (critical, on, row, count, column, width, text, room) ->
                            activationOutputBackward(
                                    critical,
                                    on,
                                    activation,
                                    dy,
                                    y,
                                    dx,
                                    flat,
                                    row,
                                    count,
                                    column,
                                    width,
                                    text,
                                    room));
        }
    }

    private static int activationOutputBackward(
            boolean critical,
            MemorySegment context,
            Activation activation,
            Tensor dy,
            Tensor y,
            Tensor dx,
            boolean flat,
            long row,
            long rows,
            long column,
            long columns,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? ActivationFunctions.activationOutputBackwardCritical(
                        context,
                        activation.kind().code(),
                        activation.first(),
                        activation.second(),
                        y.dtype().code(),
                        rows,
                        columns,
                        at(dy, row * dy.rowStride + column),
                        stride(dy, flat, columns),
                        at(y, row * y.rowStride + column),
                        stride(y, flat, columns),
                        at(dx, row * dx.rowStride + column),
                        stride(dx, flat, columns),
                        message,
                        messageBytes)
                : ActivationFunctions.activationOutputBackward(
                        context,
                        activation.kind().code(),
                        activation.first(),
                        activation.second(),
                        y.dtype().code(),
                        rows,
                        columns,
                        at(dy, row * dy.rowStride + column),
                        stride(dy, flat, columns),
                        at(y, row * y.rowStride + column),
                        stride(y, flat, columns),
                        at(dx, row * dx.rowStride + column),
                        stride(dx, flat, columns),
                        message,
                        messageBytes);
    }

    void applyWithMask(
            Activation activation, Tensor x, float lower, float upper, Tensor y, BitMask mask) {
        handle.acquire();
        try {
            insideApplyWithMask(activation, x, lower, upper, y, mask);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ActivationChecks.requireOpen(x, "x", y, "y", mask.halves(), "mask");
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(y);
            Reference.reachabilityFence(mask);
        }
    }

    private void insideApplyWithMask(
            Activation activation, Tensor x, float lower, float upper, Tensor y, BitMask mask) {
        boolean heap = enter(x) | enter(y) | enter(mask.halves());
        long rows = x.rows;
        long columns = x.columns;
        if (x.rows == 0) {
            ActivationChecks.requireOpen(x, "x", y, "y", mask.halves(), "mask");
        } else if (heap
                || activationMask(
                                false,
                                context.threaded(),
                                activation,
                                x,
                                lower,
                                upper,
                                y,
                                mask,
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
                    COST_FORWARD,
                    (critical, on, row, count, column, width, text, room) ->
                            activationMask(
                                    critical,
                                    on,
                                    activation,
                                    x,
                                    lower,
                                    upper,
                                    y,
                                    mask,
                                    row,
                                    count,
                                    column,
                                    width,
                                    text,
                                    room));
        }
    }

    private static int activationMask(
            boolean critical,
            MemorySegment context,
            Activation activation,
            Tensor x,
            float lower,
            float upper,
            Tensor y,
            BitMask mask,
            long row,
            long rows,
            long column,
            long columns,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? ActivationFunctions.activationMaskCritical(
                        context,
                        activation.kind().code(),
                        activation.first(),
                        activation.second(),
                        x.dtype().code(),
                        rows,
                        columns,
                        at(x, row * x.rowStride + column),
                        x.rowStride,
                        lower,
                        upper,
                        at(y, row * y.rowStride + column),
                        y.rowStride,
                        atBit(mask, row, column),
                        message,
                        messageBytes)
                : ActivationFunctions.activationMask(
                        context,
                        activation.kind().code(),
                        activation.first(),
                        activation.second(),
                        x.dtype().code(),
                        rows,
                        columns,
                        at(x, row * x.rowStride + column),
                        x.rowStride,
                        lower,
                        upper,
                        at(y, row * y.rowStride + column),
                        y.rowStride,
                        atBit(mask, row, column),
                        message,
                        messageBytes);
    }

    void maskBackward(Tensor dy, BitMask mask, float scale0, float scale1, Tensor dx) {
        handle.acquire();
        try {
            insideMaskBackward(dy, mask, scale0, scale1, dx);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ActivationChecks.requireOpen(dy, "dy", mask.halves(), "mask", dx, "dx");
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(mask);
            Reference.reachabilityFence(dx);
        }
    }

    private void insideMaskBackward(
            Tensor dy, BitMask mask, float scale0, float scale1, Tensor dx) {
        boolean heap = enter(dy) | enter(mask.halves()) | enter(dx);
        long rows = dy.rows;
        long columns = dy.columns;
        if (dy.rows == 0) {
            ActivationChecks.requireOpen(dy, "dy", mask.halves(), "mask", dx, "dx");
        } else if (heap
                || activationMaskBackward(
                                false,
                                context.threaded(),
                                dy,
                                mask,
                                scale0,
                                scale1,
                                dx,
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
                    COST_FORWARD,
                    (critical, on, row, count, column, width, text, room) ->
                            activationMaskBackward(
                                    critical, on, dy, mask, scale0, scale1, dx, row, count, column,
                                    width, text, room));
        }
    }

    private static int activationMaskBackward(
            boolean critical,
            MemorySegment context,
            Tensor dy,
            BitMask mask,
            float scale0,
            float scale1,
            Tensor dx,
            long row,
            long rows,
            long column,
            long columns,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? ActivationFunctions.activationMaskBackwardCritical(
                        context,
                        dy.dtype().code(),
                        rows,
                        columns,
                        at(dy, row * dy.rowStride + column),
                        dy.rowStride,
                        atBit(mask, row, column),
                        scale0,
                        scale1,
                        at(dx, row * dx.rowStride + column),
                        dx.rowStride,
                        message,
                        messageBytes)
                : ActivationFunctions.activationMaskBackward(
                        context,
                        dy.dtype().code(),
                        rows,
                        columns,
                        at(dy, row * dy.rowStride + column),
                        dy.rowStride,
                        atBit(mask, row, column),
                        scale0,
                        scale1,
                        at(dx, row * dx.rowStride + column),
                        dx.rowStride,
                        message,
                        messageBytes);
    }

    private static boolean isDense(Tensor tensor) {
        return tensor == null || tensor.rows == 1 || tensor.rowStride == tensor.columns;
    }

    /** The stride of a piece that may be all of the tensor as one row. */
    private static long stride(Tensor tensor, boolean flat, long columns) {
        return flat ? columns : tensor.rowStride;
    }

    /** The word of a mask that holds the bit of a column, the first of its word. */
    private static MemorySegment atBit(BitMask mask, long row, long column) {
        long word = row * BitMask.words(mask.columns()) + column / Long.SIZE;
        return at(mask.halves(), 2 * word);
    }
}
