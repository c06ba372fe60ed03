// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.KanChecks.functionStride;
import static io.gatun.NativeOperands.at;
import static io.gatun.NativeOperands.atRow;
import static io.gatun.NativeOperands.enter;

import io.gatun.bindings.KanFunctions;
import io.gatun.bindings.NativeHandle;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** Bases of Kolmogorov-Arnold networks by the native library. */
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
}
