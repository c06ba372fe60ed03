// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.atRow;
import static io.gatun.NativeOperands.enter;
import static io.gatun.NativeOperands.onHeap;
import static io.gatun.NativeOperands.operand;
import static io.gatun.NativeOperands.stride;

import io.gatun.bindings.NativeHandle;
import io.gatun.bindings.RationalFunctions;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** Group rational activations by the native library. */
final class NativeRational {
    /** How many times as long an element takes as in a plain normalization. */
    private static final long COST_FORWARD = 3;

    private static final long COST_BACKWARD = 6;

    /** Degrees are below 2^4. */
    private static final int DEGREE_BITS = 4;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;
    private final ScratchSizes backwardScratch;

    NativeRational(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
        this.backwardScratch = new ScratchSizes(NativeRational::scratch, context.threaded());
    }

    private static long variant(RationalCoefficients coefficients) {
        return (coefficients.groups() << DEGREE_BITS | coefficients.numeratorDegree())
                        << DEGREE_BITS
                | coefficients.denominatorDegree();
    }

    private static int scratch(
            MemorySegment context, long variant, long rows, long columns, MemorySegment bytes) {
        int mask = (1 << DEGREE_BITS) - 1;
        return RationalFunctions.rationalBackwardScratch(
                context,
                (int) (variant >> DEGREE_BITS) & mask,
                (int) variant & mask,
                rows,
                columns,
                variant >> 2 * DEGREE_BITS,
                bytes);
    }

    void forward(Tensor x, RationalCoefficients coefficients, Tensor y) {
        handle.acquire();
        try {
            insideForward(x, coefficients, y);
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

    private static boolean enterAll(RationalCoefficients coefficients) {
        return enter(coefficients.numerator()) | enter(coefficients.denominator());
    }

    private static RationalCoefficients stageAll(Staging stage, RationalCoefficients coefficients) {
        return new RationalCoefficients(
                stage.vector(coefficients.numerator()),
                stage.vector(coefficients.denominator()),
                coefficients.form());
    }

    private void insideForward(Tensor x, RationalCoefficients coefficients, Tensor y) {
        boolean heap = enter(x) | enterAll(coefficients) | enter(y);
        if (x.rows == 0) {
            PolynomialChecks.requireOpen(x, coefficients, y);
        } else if (heap && !calls.fits(x.columns, COST_FORWARD)) {
            staged(x, coefficients, y);
        } else if (heap
                || rational(
                                false,
                                context.threaded(),
                                x,
                                coefficients,
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
                    COST_FORWARD,
                    (critical, on, row, rows, text, room) ->
                            rational(critical, on, x, coefficients, y, row, rows, text, room));
        }
    }

    private void staged(Tensor x, RationalCoefficients coefficients, Tensor y) {
        for (long row = 0; row < x.rows; row++) {
            try (Staging stage = calls.stage(row, 1)) {
                insideForward(stage.input(x), stageAll(stage, coefficients), stage.output(y));
                stage.finish();
            }
        }
    }

    private static int rational(
            boolean critical,
            MemorySegment context,
            Tensor x,
            RationalCoefficients coefficients,
            Tensor y,
            long row,
            long rows,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? RationalFunctions.rationalCritical(
                        context,
                        x.dtype().code(),
                        coefficients.numeratorDegree(),
                        coefficients.denominatorDegree(),
                        coefficients.form().code(),
                        rows,
                        x.columns,
                        coefficients.groups(),
                        atRow(x, row),
                        x.rowStride,
                        operand(coefficients.numerator()),
                        coefficients.numerator().rows,
                        operand(coefficients.denominator()),
                        coefficients.denominator().rows,
                        atRow(y, row),
                        y.rowStride,
                        message,
                        messageBytes)
                : RationalFunctions.rational(
                        context,
                        x.dtype().code(),
                        coefficients.numeratorDegree(),
                        coefficients.denominatorDegree(),
                        coefficients.form().code(),
                        rows,
                        x.columns,
                        coefficients.groups(),
                        atRow(x, row),
                        x.rowStride,
                        operand(coefficients.numerator()),
                        coefficients.numerator().rows,
                        operand(coefficients.denominator()),
                        coefficients.denominator().rows,
                        atRow(y, row),
                        y.rowStride,
                        message,
                        messageBytes);
    }

    void backward(
            Tensor dy,
            Tensor x,
            RationalCoefficients coefficients,
            Tensor dx,
            Tensor dnumerator,
            Tensor ddenominator,
            boolean accumulate) {
        handle.acquire();
        try {
            insideBackward(dy, x, coefficients, dx, dnumerator, ddenominator, accumulate);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            PolynomialChecks.requireOpen(dy, x, coefficients, dx, dnumerator, ddenominator);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(coefficients);
            Reference.reachabilityFence(dx);
            Reference.reachabilityFence(dnumerator);
            Reference.reachabilityFence(ddenominator);
        }
    }

    private void insideBackward(
            Tensor dy,
            Tensor x,
            RationalCoefficients coefficients,
            Tensor dx,
            Tensor dnumerator,
            Tensor ddenominator,
            boolean accumulate) {
        boolean heap =
                enter(dy)
                        | enter(x)
                        | enterAll(coefficients)
                        | enter(dx)
                        | enter(dnumerator)
                        | enter(ddenominator);
        boolean fits = calls.fitsBackward(x.rows, x.columns, COST_BACKWARD);
        if (heap && !fits
                || onHeap(coefficients.numerator())
                || onHeap(coefficients.denominator())) {
            // All is copied, since a backward pass is one with all its rows; or the coefficients
            // alone, since the last call, which is a plain one, has them too.
            try (Staging stage = calls.stage(0, x.rows)) {
                insideBackward(
                        fits ? dy : stage.input(dy),
                        fits ? x : stage.input(x),
                        stageAll(stage, coefficients),
                        fits ? dx : stage.output(dx),
                        fits ? dnumerator : stage.sum(dnumerator, accumulate),
                        fits ? ddenominator : stage.sum(ddenominator, accumulate),
                        accumulate);
                stage.finish();
            }
            return;
        }
        boolean sums = dnumerator != null || ddenominator != null;
        long scratchBytes =
                sums ? backwardScratch.bytes(variant(coefficients), x.rows, x.columns) : 0;
        if (!heap) {
            ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(scratchBytes);
            try {
                if (rationalBackward(
                                false,
                                context.threaded(),
                                true,
                                dy,
                                x,
                                coefficients,
                                dx,
                                operand(dnumerator),
                                operand(ddenominator),
                                accumulate,
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
        }
        calls.backward(
                heap,
                RowCalls.BACKWARD_PIECE_ROWS,
                x.rows,
                x.columns,
                COST_BACKWARD,
                scratchBytes,
                accumulate,
                dnumerator,
                ddenominator,
                null,
                null,
                (critical, on, touched, sum1, sum2, none3, none4, from, to, at, size, text, room) ->
                        rationalBackward(
                                critical,
                                on,
                                touched,
                                dy,
                                x,
                                coefficients,
                                dx,
                                sum1,
                                sum2,
                                accumulate,
                                from,
                                to,
                                at,
                                size,
                                text,
                                room));
    }

    private static int rationalBackward(
            boolean critical,
            MemorySegment context,
            boolean touched,
            Tensor dy,
            Tensor x,
            RationalCoefficients coefficients,
            Tensor dx,
            MemorySegment dnumerator,
            MemorySegment ddenominator,
            boolean accumulate,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? RationalFunctions.rationalBackwardCritical(
                        context,
                        x.dtype().code(),
                        coefficients.numeratorDegree(),
                        coefficients.denominatorDegree(),
                        coefficients.form().code(),
                        x.rows,
                        x.columns,
                        coefficients.groups(),
                        operand(dy, touched),
                        dy.rowStride,
                        operand(x, touched),
                        x.rowStride,
                        operand(coefficients.numerator()),
                        coefficients.numerator().rows,
                        operand(coefficients.denominator()),
                        coefficients.denominator().rows,
                        operand(dx, touched),
                        stride(dx, x.columns),
                        dnumerator,
                        ddenominator,
                        accumulate ? 1 : 0,
                        rowBegin,
                        rowEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes)
                : RationalFunctions.rationalBackward(
                        context,
                        x.dtype().code(),
                        coefficients.numeratorDegree(),
                        coefficients.denominatorDegree(),
                        coefficients.form().code(),
                        x.rows,
                        x.columns,
                        coefficients.groups(),
                        operand(dy, touched),
                        dy.rowStride,
                        operand(x, touched),
                        x.rowStride,
                        operand(coefficients.numerator()),
                        coefficients.numerator().rows,
                        operand(coefficients.denominator()),
                        coefficients.denominator().rows,
                        operand(dx, touched),
                        stride(dx, x.columns),
                        dnumerator,
                        ddenominator,
                        accumulate ? 1 : 0,
                        rowBegin,
                        rowEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes);
    }
}
