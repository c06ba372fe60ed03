// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.at;
import static io.gatun.NativeOperands.enter;
import static io.gatun.NativeOperands.onHeap;
import static io.gatun.NativeOperands.operand;
import static io.gatun.NativeOperands.stride;

import io.gatun.bindings.NativeHandle;
import io.gatun.bindings.PolynomialFunctions;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** Polynomials of single elements by the native library. */
final class NativePolynomial {
    /** How many times as long an element takes as in a plain normalization. */
    private static final long COST_FORWARD = 2;

    private static final long COST_BACKWARD = 4;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;
    private final ScratchSizes rectifiedScratch;
    private final ScratchSizes scratch;

    NativePolynomial(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
        this.rectifiedScratch =
                new ScratchSizes(
                        (of, order, rows, columns, bytes) ->
                                PolynomialFunctions.polyReluBackwardScratch(
                                        of, (int) order, rows, columns, bytes),
                        context.threaded());
        this.scratch =
                new ScratchSizes(
                        (of, order, rows, columns, bytes) ->
                                PolynomialFunctions.polyEvalBackwardScratch(
                                        of, (int) order, rows, columns, bytes),
                        context.threaded());
    }

    void forward(boolean rectified, Tensor x, PolynomialCoefficients coefficients, Tensor y) {
        handle.acquire();
        try {
            insideForward(rectified, x, coefficients, y);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            PolynomialChecks.requireOpen(x, coefficients, y);
            throw notOpen;
        } finally {
            handle.release();
            // Native code has only the addresses: what owns them must not be collected before.
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(coefficients);
            Reference.reachabilityFence(y);
        }
    }

    private void insideForward(
            boolean rectified, Tensor x, PolynomialCoefficients coefficients, Tensor y) {
        boolean heap = enter(x) | enter(coefficients.values()) | enter(y);
        // What lies without gaps is one row, whatever the shape.
        boolean flat = isDense(x) && isDense(y);
        long rows = flat ? 1 : x.rows;
        long columns = flat ? x.rows * x.columns : x.columns;
        if (x.rows == 0) {
            PolynomialChecks.requireOpen(x, coefficients, y);
        } else if (heap
                || polynomial(
                                false,
                                context.threaded(),
                                rectified,
                                x,
                                coefficients,
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
                            polynomial(
                                    critical,
                                    on,
                                    rectified,
                                    x,
                                    coefficients,
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

    private static boolean isDense(Tensor tensor) {
        return tensor.rows == 1 || tensor.rowStride == tensor.columns;
    }

    private static int polynomial(
            boolean critical,
            MemorySegment context,
            boolean rectified,
            Tensor x,
            PolynomialCoefficients coefficients,
            Tensor y,
            boolean flat,
            long row,
            long rows,
            long column,
            long columns,
            MemorySegment message,
            long messageBytes) {
        if (rectified) {
            return critical
                    ? PolynomialFunctions.polyReluCritical(
                            context,
                            x.dtype().code(),
                            coefficients.order(),
                            rows,
                            columns,
                            at(x, row * x.rowStride + column),
                            flat ? columns : x.rowStride,
                            operand(coefficients.values()),
                            at(y, row * y.rowStride + column),
                            flat ? columns : y.rowStride,
                            message,
                            messageBytes)
                    : PolynomialFunctions.polyRelu(
                            context,
                            x.dtype().code(),
                            coefficients.order(),
                            rows,
                            columns,
                            at(x, row * x.rowStride + column),
                            flat ? columns : x.rowStride,
                            operand(coefficients.values()),
                            at(y, row * y.rowStride + column),
                            flat ? columns : y.rowStride,
                            message,
                            messageBytes);
        }
        return critical
                ? PolynomialFunctions.polyEvalCritical(
                        context,
                        x.dtype().code(),
                        coefficients.order(),
                        rows,
                        columns,
                        at(x, row * x.rowStride + column),
                        flat ? columns : x.rowStride,
                        operand(coefficients.values()),
                        at(y, row * y.rowStride + column),
                        flat ? columns : y.rowStride,
                        message,
                        messageBytes)
                : PolynomialFunctions.polyEval(
                        context,
                        x.dtype().code(),
                        coefficients.order(),
                        rows,
                        columns,
                        at(x, row * x.rowStride + column),
                        flat ? columns : x.rowStride,
                        operand(coefficients.values()),
                        at(y, row * y.rowStride + column),
                        flat ? columns : y.rowStride,
                        message,
                        messageBytes);
    }

    void backward(
            boolean rectified,
            Tensor dy,
            Tensor x,
            PolynomialCoefficients coefficients,
            Tensor dx,
            Tensor dcoefficients,
            boolean accumulate) {
        handle.acquire();
        try {
            insideBackward(rectified, dy, x, coefficients, dx, dcoefficients, accumulate);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            PolynomialChecks.requireOpen(dy, x, coefficients, dx, dcoefficients);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(coefficients);
            Reference.reachabilityFence(dx);
            Reference.reachabilityFence(dcoefficients);
        }
    }

    private void insideBackward(
            boolean rectified,
            Tensor dy,
            Tensor x,
            PolynomialCoefficients coefficients,
            Tensor dx,
            Tensor dcoefficients,
            boolean accumulate) {
        boolean heap =
                enter(dy)
                        | enter(x)
                        | enter(coefficients.values())
                        | enter(dx)
                        | enter(dcoefficients);
        if (onHeap(coefficients.values())) {
            // The last call, which is a plain one, has them too.
            try (Staging stage = calls.stage(0, x.rows)) {
                insideBackward(
                        rectified,
                        dy,
                        x,
                        new PolynomialCoefficients(stage.vector(coefficients.values())),
                        dx,
                        dcoefficients,
                        accumulate);
            }
            return;
        }
        ScratchSizes sizes = rectified ? rectifiedScratch : scratch;
        long elements = x.rows * x.columns;
        long scratchBytes =
                dcoefficients == null ? 0 : sizes.bytes(coefficients.order(), x.rows, x.columns);
        if (!heap) {
            ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(scratchBytes);
            try {
                if (polynomialBackward(
                                false,
                                context.threaded(),
                                true,
                                rectified,
                                dy,
                                x,
                                coefficients,
                                dx,
                                operand(dcoefficients),
                                accumulate,
                                0,
                                elements,
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
        }
        calls.backward(
                heap,
                RowCalls.BACKWARD_PIECE_ELEMENTS,
                elements,
                1,
                COST_BACKWARD,
                scratchBytes,
                accumulate,
                dcoefficients,
                null,
                null,
                null,
                (critical, on, touched, sum, none2, none3, none4, from, to, at, size, text, room) ->
                        polynomialBackward(
                                critical,
                                on,
                                touched,
                                rectified,
                                dy,
                                x,
                                coefficients,
                                dx,
                                sum,
                                accumulate,
                                from,
                                to,
                                at,
                                size,
                                text,
                                room));
    }

    private static int polynomialBackward(
            boolean critical,
            MemorySegment context,
            boolean touched,
            boolean rectified,
            Tensor dy,
            Tensor x,
            PolynomialCoefficients coefficients,
            Tensor dx,
            MemorySegment dcoefficients,
            boolean accumulate,
            long begin,
            long end,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        if (rectified) {
            return critical
                    ? PolynomialFunctions.polyReluBackwardCritical(
                            context,
                            x.dtype().code(),
                            coefficients.order(),
                            x.rows,
                            x.columns,
                            operand(dy, touched),
                            dy.rowStride,
                            operand(x, touched),
                            x.rowStride,
                            operand(coefficients.values()),
                            operand(dx, touched),
                            stride(dx, x.columns),
                            dcoefficients,
                            accumulate ? 1 : 0,
                            begin,
                            end,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes)
                    : PolynomialFunctions.polyReluBackward(
                            context,
                            x.dtype().code(),
                            coefficients.order(),
                            x.rows,
                            x.columns,
                            operand(dy, touched),
                            dy.rowStride,
                            operand(x, touched),
                            x.rowStride,
                            operand(coefficients.values()),
                            operand(dx, touched),
                            stride(dx, x.columns),
                            dcoefficients,
                            accumulate ? 1 : 0,
                            begin,
                            end,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        }
        return critical
                ? PolynomialFunctions.polyEvalBackwardCritical(
                        context,
                        x.dtype().code(),
                        coefficients.order(),
                        x.rows,
                        x.columns,
                        operand(dy, touched),
                        dy.rowStride,
                        operand(x, touched),
                        x.rowStride,
                        operand(coefficients.values()),
                        operand(dx, touched),
                        stride(dx, x.columns),
                        dcoefficients,
                        accumulate ? 1 : 0,
                        begin,
                        end,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes)
                : PolynomialFunctions.polyEvalBackward(
                        context,
                        x.dtype().code(),
                        coefficients.order(),
                        x.rows,
                        x.columns,
                        operand(dy, touched),
                        dy.rowStride,
                        operand(x, touched),
                        x.rowStride,
                        operand(coefficients.values()),
                        operand(dx, touched),
                        stride(dx, x.columns),
                        dcoefficients,
                        accumulate ? 1 : 0,
                        begin,
                        end,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes);
    }
}
