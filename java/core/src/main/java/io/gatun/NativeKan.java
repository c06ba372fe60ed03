// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.KanChecks.functionStride;
import static io.gatun.NativeOperands.at;
import static io.gatun.NativeOperands.atRow;
import static io.gatun.NativeOperands.enter;
import static io.gatun.NativeOperands.operand;
import static io.gatun.NativeOperands.stride;

import io.gatun.bindings.KanFunctions;
import io.gatun.bindings.NativeHandle;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** Kolmogorov-Arnold networks by the native library. */
final class NativeKan implements KanKernels {
    /** How many times as long a function of an element takes as a plain normalization of it. */
    private static final long COST = 3;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;

    NativeKan(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
    }

    @Override
    public void basis(KanBasis basis, Tensor x, Tensor phi) {
        handle.acquire();
        try {
            insideBasis(basis, x, phi);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            KanChecks.requireOpenBasis(x, phi);
            throw notOpen;
        } finally {
            handle.release();
            // Native code has only the addresses: what owns them must not be collected before.
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(phi);
        }
    }

    private void insideBasis(KanBasis basis, Tensor x, Tensor phi) {
        boolean heap = enter(x) | enter(phi);
        long elements = x.columns * basis.count();
        if (x.rows == 0) {
            KanChecks.requireOpenBasis(x, phi);
        } else if (heap && !calls.fits(elements, COST)) {
            try (Staging stage = calls.stage(0, x.rows)) {
                insideBasis(basis, stage.stage(x, false), stage.stage(phi, true));
                stage.finish();
            }
        } else if (heap
                || basis(false, context.threaded(), basis, x, phi, 0, x.rows, MemorySegment.NULL, 0)
                        != NativeStatus.OK) {
            calls.forward(
                    heap,
                    x.rows,
                    elements,
                    COST,
                    (critical, on, row, rows, text, room) ->
                            basis(critical, on, basis, x, phi, row, rows, text, room));
        }
    }

    private static int basis(
            boolean critical,
            MemorySegment context,
            KanBasis basis,
            Tensor x,
            Tensor phi,
            long row,
            long rows,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? KanFunctions.kanBasisCritical(
                        context,
                        basis.kind().code(),
                        basis.functions(),
                        basis.degree(),
                        basis.low(),
                        basis.high(),
                        basis.base() ? 1 : 0,
                        x.dtype().code(),
                        rows,
                        x.columns,
                        atRow(x, row),
                        x.rowStride,
                        at(phi, row * functionStride(phi)),
                        functionStride(phi),
                        message,
                        messageBytes)
                : KanFunctions.kanBasis(
                        context,
                        basis.kind().code(),
                        basis.functions(),
                        basis.degree(),
                        basis.low(),
                        basis.high(),
                        basis.base() ? 1 : 0,
                        x.dtype().code(),
                        rows,
                        x.columns,
                        atRow(x, row),
                        x.rowStride,
                        at(phi, row * functionStride(phi)),
                        functionStride(phi),
                        message,
                        messageBytes);
    }

    @Override
    public void basisBackward(KanBasis basis, Tensor dphi, Tensor x, Tensor dx) {
        handle.acquire();
        try {
            insideBackward(basis, dphi, x, dx);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            KanChecks.requireOpenBasisBackward(dphi, x, dx);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dphi);
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(dx);
        }
    }

    private void insideBackward(KanBasis basis, Tensor dphi, Tensor x, Tensor dx) {
        boolean heap = enter(dphi) | enter(x) | enter(dx);
        long elements = x.columns * basis.count();
        if (x.rows == 0) {
            KanChecks.requireOpenBasisBackward(dphi, x, dx);
        } else if (heap && !calls.fits(elements, COST)) {
            try (Staging stage = calls.stage(0, x.rows)) {
                insideBackward(
                        basis,
                        stage.stage(dphi, false),
                        stage.stage(x, false),
                        stage.stage(dx, true));
                stage.finish();
            }
        } else if (heap
                || basisBackward(
                                false,
                                context.threaded(),
                                basis,
                                dphi,
                                x,
                                dx,
                                0,
                                x.rows,
                                MemorySegment.NULL,
                                0)
                        != NativeStatus.OK) {
            calls.forward(
                    heap,
                    x.rows,
                    elements,
                    COST,
                    (critical, on, row, rows, text, room) ->
                            basisBackward(critical, on, basis, dphi, x, dx, row, rows, text, room));
        }
    }

    private static int basisBackward(
            boolean critical,
            MemorySegment context,
            KanBasis basis,
            Tensor dphi,
            Tensor x,
            Tensor dx,
            long row,
            long rows,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? KanFunctions.kanBasisBackwardCritical(
                        context,
                        basis.kind().code(),
                        basis.functions(),
                        basis.degree(),
                        basis.low(),
                        basis.high(),
                        basis.base() ? 1 : 0,
                        x.dtype().code(),
                        rows,
                        x.columns,
                        at(dphi, row * functionStride(dphi)),
                        functionStride(dphi),
                        atRow(x, row),
                        x.rowStride,
                        atRow(dx, row),
                        dx.rowStride,
                        message,
                        messageBytes)
                : KanFunctions.kanBasisBackward(
                        context,
                        basis.kind().code(),
                        basis.functions(),
                        basis.degree(),
                        basis.low(),
                        basis.high(),
                        basis.base() ? 1 : 0,
                        x.dtype().code(),
                        rows,
                        x.columns,
                        at(dphi, row * functionStride(dphi)),
                        functionStride(dphi),
                        atRow(x, row),
                        x.rowStride,
                        atRow(dx, row),
                        dx.rowStride,
                        message,
                        messageBytes);
    }

    @Override
    public void forward(KanBasis basis, Tensor x, Tensor weight, Tensor bias, Tensor y) {
        handle.acquire();
        try {
            insideForward(basis, x, weight, bias, y);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            KanChecks.requireOpenLayer(x, weight, bias, y);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(weight);
            Reference.reachabilityFence(bias);
            Reference.reachabilityFence(y);
        }
    }

    /** Arrays are copied: the products take much longer than that. */
    private void insideForward(KanBasis basis, Tensor x, Tensor weight, Tensor bias, Tensor y) {
        if (enter(x) | enter(weight) | enter(bias) | enter(y)) {
            KanChecks.requireOpenLayer(x, weight, bias, y);
            try (Staging stage = calls.stage(0, x.rows)) {
                insideForward(
                        basis,
                        stage.stage(x, false),
                        stage.stage(weight, false),
                        stage.vector(bias),
                        stage.stage(y, true));
                stage.finish();
            }
        } else if (x.rows == 0) {
            KanChecks.requireOpenLayer(x, weight, bias, y);
        } else if (layer(basis, x, weight, bias, y, MemorySegment.NULL, 0) != NativeStatus.OK) {
            calls.forward(
                    false,
                    x.rows,
                    x.columns,
                    1,
                    (critical, on, row, rows, text, room) ->
                            layer(basis, x, weight, bias, y, text, room));
        }
    }

    private int layer(
            KanBasis basis,
            Tensor x,
            Tensor weight,
            Tensor bias,
            Tensor y,
            MemorySegment message,
            long messageBytes) {
        return KanFunctions.kanLayer(
                context.threaded(),
                basis.kind().code(),
                basis.functions(),
                basis.degree(),
                basis.low(),
                basis.high(),
                basis.base() ? 1 : 0,
                x.dtype().code(),
                x.rows,
                x.columns,
                weight.columns,
                operand(x),
                x.rowStride,
                operand(weight),
                operand(bias),
                operand(y),
                y.rowStride,
                message,
                messageBytes);
    }

    @Override
    public void backward(
            KanBasis basis,
            Tensor dy,
            Tensor x,
            Tensor weight,
            Tensor dx,
            Tensor dweight,
            Tensor dbias,
            boolean accumulate) {
        handle.acquire();
        try {
            insideBackward(basis, dy, x, weight, dx, dweight, dbias, accumulate);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            KanChecks.requireOpenGradients(dy, x, weight, dx, dweight, dbias);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(weight);
            Reference.reachabilityFence(dx);
            Reference.reachabilityFence(dweight);
            Reference.reachabilityFence(dbias);
        }
    }

    private void insideBackward(
            KanBasis basis,
            Tensor dy,
            Tensor x,
            Tensor weight,
            Tensor dx,
            Tensor dweight,
            Tensor dbias,
            boolean accumulate) {
        if (enter(dy) | enter(x) | enter(weight) | enter(dx) | enter(dweight) | enter(dbias)) {
            KanChecks.requireOpenGradients(dy, x, weight, dx, dweight, dbias);
            try (Staging stage = calls.stage(0, x.rows)) {
                insideBackward(
                        basis,
                        stage.stage(dy, false),
                        stage.stage(x, false),
                        stage.stage(weight, false),
                        dx == null ? null : stage.stage(dx, true),
                        stageSums(stage, dweight, accumulate),
                        stageSums(stage, dbias, accumulate),
                        accumulate);
                stage.finish();
            }
        } else if (gradients(
                        basis, dy, x, weight, dx, dweight, dbias, accumulate, MemorySegment.NULL, 0)
                != NativeStatus.OK) {
            calls.forward(
                    false,
                    x.rows,
                    x.columns,
                    1,
                    (critical, on, row, rows, text, room) ->
                            gradients(
                                    basis,
                                    dy,
                                    x,
                                    weight,
                                    dx,
                                    dweight,
                                    dbias,
                                    accumulate,
                                    text,
                                    room));
        }
    }

    /** A stand-in for sums, with what they are added to. */
    static Tensor stageSums(Staging stage, Tensor sums, boolean accumulate) {
        if (sums == null) {
            return null;
        }
        Tensor staged = stage.stage(sums, true);
        if (accumulate && staged != sums) {
            NativeOperands.copy(sums.operand, staged.operand);
        }
        return staged;
    }

    private int gradients(
            KanBasis basis,
            Tensor dy,
            Tensor x,
            Tensor weight,
            Tensor dx,
            Tensor dweight,
            Tensor dbias,
            boolean accumulate,
            MemorySegment message,
            long messageBytes) {
        return KanFunctions.kanLayerBackward(
                context.threaded(),
                basis.kind().code(),
                basis.functions(),
                basis.degree(),
                basis.low(),
                basis.high(),
                basis.base() ? 1 : 0,
                x.dtype().code(),
                x.rows,
                x.columns,
                weight.columns,
                operand(dy),
                dy.rowStride,
                operand(x),
                x.rowStride,
                operand(weight),
                operand(dx),
                stride(dx, x.columns),
                operand(dweight),
                operand(dbias),
                accumulate ? 1 : 0,
                message,
                messageBytes);
    }
}
