// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.at;
import static io.gatun.NativeOperands.atRow;
import static io.gatun.NativeOperands.enter;
import static io.gatun.NativeOperands.onHeap;
import static io.gatun.NativeOperands.operand;
import static io.gatun.NativeOperands.stride;

import io.gatun.bindings.NativeHandle;
import io.gatun.bindings.PolyNormFunctions;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** PolyNorm by the native library, with another factor or, where up is null, without. */
final class NativePolyNorm {
    /** How many times as long an element takes as in a plain normalization. */
    private static final long COST_FORWARD = 2;

    private static final long COST_BACKWARD = 4;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;
    private final ScratchSizes scratch;
    private final ScratchSizes mulScratch;
    private final ScratchSizes heapScratch;
    private final ScratchSizes heapMulScratch;
    private final ScratchSizes backwardScratch;
    private final ScratchSizes mulBackwardScratch;

    NativePolyNorm(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
        this.scratch = sizes(PolyNormFunctions::polyNormScratch, context.threaded());
        this.mulScratch = sizes(PolyNormFunctions::polyNormMulScratch, context.threaded());
        this.heapScratch = sizes(PolyNormFunctions::polyNormScratch, context.callerOnly());
        this.heapMulScratch = sizes(PolyNormFunctions::polyNormMulScratch, context.callerOnly());
        this.backwardScratch =
                sizes(PolyNormFunctions::polyNormBackwardScratch, context.threaded());
        this.mulBackwardScratch =
                sizes(PolyNormFunctions::polyNormMulBackwardScratch, context.threaded());
    }

    @FunctionalInterface
    private interface Query {
        int query(MemorySegment context, int order, long rows, long columns, MemorySegment bytes);
    }

    private static ScratchSizes sizes(Query query, MemorySegment context) {
        return new ScratchSizes(
                (of, order, rows, columns, bytes) ->
                        query.query(of, (int) order, rows, columns, bytes),
                context);
    }

    void forward(
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor y,
            Tensor rho) {
        handle.acquire();
        try {
            insideForward(gate, up, coefficients, eps, y, rho);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            PolynomialChecks.requireOpenPolyNorm(gate, up, coefficients, y, rho);
            throw notOpen;
        } finally {
            handle.release();
            // Native code has only the addresses: what owns them must not be collected before.
            Reference.reachabilityFence(gate);
            Reference.reachabilityFence(up);
            Reference.reachabilityFence(coefficients);
            Reference.reachabilityFence(y);
            Reference.reachabilityFence(rho);
        }
    }

    private void insideForward(
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor y,
            Tensor rho) {
        boolean heap =
                enter(gate) | enter(up) | enter(coefficients.values()) | enter(y) | enter(rho);
        if (gate.rows == 0) {
            PolynomialChecks.requireOpenPolyNorm(gate, up, coefficients, y, rho);
            return;
        }
        if (heap && !calls.fits(gate.columns, COST_FORWARD)) {
            staged(gate, up, coefficients, eps, y, rho);
            return;
        }
        long scratchBytes =
                heap
                        ? heapScratchBytes(gate, up, coefficients.order())
                        : (up == null ? scratch : mulScratch)
                                .bytes(coefficients.order(), gate.rows, gate.columns);
        ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(scratchBytes);
        try {
            MemorySegment memory = ScratchPool.memory(slab);
            if (heap
                    || polyNorm(
                                    false,
                                    context.threaded(),
                                    gate,
                                    up,
                                    coefficients,
                                    eps,
                                    y,
                                    rho,
                                    0,
                                    gate.rows,
                                    memory,
                                    scratchBytes,
                                    MemorySegment.NULL,
                                    0)
                            != NativeStatus.OK) {
                calls.forward(
                        heap,
                        gate.rows,
                        gate.columns,
                        COST_FORWARD,
                        (critical, on, row, rows, text, room) ->
                                polyNorm(
                                        critical,
                                        on,
                                        gate,
                                        up,
                                        coefficients,
                                        eps,
                                        y,
                                        rho,
                                        row,
                                        rows,
                                        memory,
                                        scratchBytes,
                                        text,
                                        room));
            }
        } finally {
            context.scratch().giveBackUnlessEmpty(slab);
        }
    }

    /** Of whole pieces and of the last one, which may be smaller. */
    private long heapScratchBytes(Tensor gate, Tensor up, int order) {
        ScratchSizes sizes = up == null ? heapScratch : heapMulScratch;
        long pieceRows = Math.min(calls.pieceRows(gate.columns, COST_FORWARD), gate.rows);
        long whole = sizes.bytes(order, pieceRows, gate.columns);
        long rest = gate.rows % pieceRows;
        return rest == 0 ? whole : Math.max(whole, sizes.bytes(order, rest, gate.columns));
    }

    private void staged(
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor y,
            Tensor rho) {
        for (long row = 0; row < gate.rows; row++) {
            try (Staging stage = calls.stage(row, 1)) {
                insideForward(
                        stage.input(gate),
                        stage.input(up),
                        new PolynomialCoefficients(stage.vector(coefficients.values())),
                        eps,
                        stage.output(y),
                        stage.output(rho));
                stage.finish();
            }
        }
    }

    private static int polyNorm(
            boolean critical,
            MemorySegment context,
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor y,
            Tensor rho,
            long row,
            long rows,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        if (up == null) {
            return critical
                    ? PolyNormFunctions.polyNormCritical(
                            context,
                            gate.dtype().code(),
                            coefficients.order(),
                            rows,
                            gate.columns,
                            atRow(gate, row),
                            gate.rowStride,
                            operand(coefficients.values()),
                            eps,
                            atRow(y, row),
                            y.rowStride,
                            at(rho, row * coefficients.order()),
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes)
                    : PolyNormFunctions.polyNorm(
                            context,
                            gate.dtype().code(),
                            coefficients.order(),
                            rows,
                            gate.columns,
                            atRow(gate, row),
                            gate.rowStride,
                            operand(coefficients.values()),
                            eps,
                            atRow(y, row),
                            y.rowStride,
                            at(rho, row * coefficients.order()),
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        }
        return critical
                ? PolyNormFunctions.polyNormMulCritical(
                        context,
                        gate.dtype().code(),
                        coefficients.order(),
                        rows,
                        gate.columns,
                        atRow(gate, row),
                        gate.rowStride,
                        atRow(up, row),
                        up.rowStride,
                        operand(coefficients.values()),
                        eps,
                        atRow(y, row),
                        y.rowStride,
                        at(rho, row * coefficients.order()),
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes)
                : PolyNormFunctions.polyNormMul(
                        context,
                        gate.dtype().code(),
                        coefficients.order(),
                        rows,
                        gate.columns,
                        atRow(gate, row),
                        gate.rowStride,
                        atRow(up, row),
                        up.rowStride,
                        operand(coefficients.values()),
                        eps,
                        atRow(y, row),
                        y.rowStride,
                        at(rho, row * coefficients.order()),
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes);
    }

    void backward(
            Tensor dy,
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor rho,
            Tensor dgate,
            Tensor dup,
            Tensor dcoefficients,
            boolean accumulate) {
        handle.acquire();
        try {
            insideBackward(
                    dy, gate, up, coefficients, eps, rho, dgate, dup, dcoefficients, accumulate);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            PolynomialChecks.requireOpenPolyNorm(
                    dy, gate, up, coefficients, rho, dgate, dup, dcoefficients);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(gate);
            Reference.reachabilityFence(up);
            Reference.reachabilityFence(coefficients);
            Reference.reachabilityFence(rho);
            Reference.reachabilityFence(dgate);
            Reference.reachabilityFence(dup);
            Reference.reachabilityFence(dcoefficients);
        }
    }

    private void insideBackward(
            Tensor dy,
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor rho,
            Tensor dgate,
            Tensor dup,
            Tensor dcoefficients,
            boolean accumulate) {
        boolean heap =
                enter(dy)
                        | enter(gate)
                        | enter(up)
                        | enter(coefficients.values())
                        | enter(rho)
                        | enter(dgate)
                        | enter(dup)
                        | enter(dcoefficients);
        boolean fits = calls.fitsBackward(gate.rows, gate.columns, COST_BACKWARD);
        if (heap && !fits || onHeap(coefficients.values())) {
            // All is copied, since a backward pass is one with all its rows; or the coefficients
            // alone, since the last call, which is a plain one, has them too.
            try (Staging stage = calls.stage(0, gate.rows)) {
                PolynomialCoefficients staged =
                        new PolynomialCoefficients(stage.vector(coefficients.values()));
                insideBackward(
                        fits ? dy : stage.input(dy),
                        fits ? gate : stage.input(gate),
                        fits ? up : stage.input(up),
                        staged,
                        eps,
                        fits ? rho : stage.input(rho),
                        fits ? dgate : stage.output(dgate),
                        fits ? dup : stage.output(dup),
                        fits ? dcoefficients : stage.sum(dcoefficients, accumulate),
                        accumulate);
                stage.finish();
            }
            return;
        }
        long scratchBytes =
                (up == null ? backwardScratch : mulBackwardScratch)
                        .bytes(coefficients.order(), gate.rows, gate.columns);
        if (!heap) {
            ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(scratchBytes);
            try {
                if (polyNormBackward(
                                false,
                                context.threaded(),
                                true,
                                dy,
                                gate,
                                up,
                                coefficients,
                                eps,
                                rho,
                                dgate,
                                dup,
                                operand(dcoefficients),
                                accumulate,
                                0,
                                gate.rows,
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
                RowCalls.BACKWARD_PIECE_ROWS,
                gate.rows,
                gate.columns,
                COST_BACKWARD,
                scratchBytes,
                accumulate,
                dcoefficients,
                null,
                null,
                null,
                (critical, on, touched, sum, none2, none3, none4, from, to, at, size, text, room) ->
                        polyNormBackward(
                                critical,
                                on,
                                touched,
                                dy,
                                gate,
                                up,
                                coefficients,
                                eps,
                                rho,
                                dgate,
                                dup,
                                sum,
                                accumulate,
                                from,
                                to,
                                at,
                                size,
                                text,
                                room));
    }

    private static int polyNormBackward(
            boolean critical,
            MemorySegment context,
            boolean touched,
            Tensor dy,
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor rho,
            Tensor dgate,
            Tensor dup,
            MemorySegment dcoefficients,
            boolean accumulate,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        if (up == null) {
            return critical
                    ? PolyNormFunctions.polyNormBackwardCritical(
                            context,
                            gate.dtype().code(),
                            coefficients.order(),
                            gate.rows,
                            gate.columns,
                            operand(dy, touched),
                            dy.rowStride,
                            operand(gate, touched),
                            gate.rowStride,
                            operand(coefficients.values()),
                            eps,
                            operand(rho, touched),
                            operand(dgate, touched),
                            stride(dgate, gate.columns),
                            dcoefficients,
                            accumulate ? 1 : 0,
                            rowBegin,
                            rowEnd,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes)
                    : PolyNormFunctions.polyNormBackward(
                            context,
                            gate.dtype().code(),
                            coefficients.order(),
                            gate.rows,
                            gate.columns,
                            operand(dy, touched),
                            dy.rowStride,
                            operand(gate, touched),
                            gate.rowStride,
                            operand(coefficients.values()),
                            eps,
                            operand(rho, touched),
                            operand(dgate, touched),
                            stride(dgate, gate.columns),
                            dcoefficients,
                            accumulate ? 1 : 0,
                            rowBegin,
                            rowEnd,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        }
        return critical
                ? PolyNormFunctions.polyNormMulBackwardCritical(
                        context,
                        gate.dtype().code(),
                        coefficients.order(),
                        gate.rows,
                        gate.columns,
                        operand(dy, touched),
                        dy.rowStride,
                        operand(gate, touched),
                        gate.rowStride,
                        operand(up, touched),
                        up.rowStride,
                        operand(coefficients.values()),
                        eps,
                        operand(rho, touched),
                        operand(dgate, touched),
                        stride(dgate, gate.columns),
                        operand(dup, touched),
                        stride(dup, gate.columns),
                        dcoefficients,
                        accumulate ? 1 : 0,
                        rowBegin,
                        rowEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes)
                : PolyNormFunctions.polyNormMulBackward(
                        context,
                        gate.dtype().code(),
                        coefficients.order(),
                        gate.rows,
                        gate.columns,
                        operand(dy, touched),
                        dy.rowStride,
                        operand(gate, touched),
                        gate.rowStride,
                        operand(up, touched),
                        up.rowStride,
                        operand(coefficients.values()),
                        eps,
                        operand(rho, touched),
                        operand(dgate, touched),
                        stride(dgate, gate.columns),
                        operand(dup, touched),
                        stride(dup, gate.columns),
                        dcoefficients,
                        accumulate ? 1 : 0,
                        rowBegin,
                        rowEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes);
    }
}
