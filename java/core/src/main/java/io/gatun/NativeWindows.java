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

/** Windows by the native library. */
final class NativeWindows implements WindowKernels {
    /** How many times as long a function of an element takes as a plain normalization of it. */
    private static final long COST = 12;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;

    NativeWindows(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
    }

    private static int perColumn(Tensor starts) {
        return starts.rank() == 1 ? 0 : 1;
    }

    @Override
    public void forward(KanWindows windows, Tensor x, Tensor starts, Tensor ends, Tensor phi) {
        handle.acquire();
        try {
            inside(windows, x, starts, ends, phi);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            WindowChecks.requireOpen(x, starts, ends, phi);
            throw notOpen;
        } finally {
            handle.release();
            // Native code has only the addresses: what owns them must not be collected before.
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(starts);
            Reference.reachabilityFence(ends);
            Reference.reachabilityFence(phi);
        }
    }

    private void inside(KanWindows windows, Tensor x, Tensor starts, Tensor ends, Tensor phi) {
        boolean heap = enter(x) | enter(starts) | enter(ends) | enter(phi);
        long elements = x.columns * windows.functions();
        if (x.rows == 0) {
            WindowChecks.requireOpen(x, starts, ends, phi);
        } else if (heap && !calls.fits(elements, COST)) {
            try (Staging stage = calls.stage(0, x.rows)) {
                inside(
                        windows,
                        stage.stage(x, false),
                        stage.stage(starts, false),
                        stage.stage(ends, false),
                        stage.stage(phi, true));
                stage.finish();
            }
        } else if (heap
                || values(
                                false,
                                context.threaded(),
                                windows,
                                x,
                                starts,
                                ends,
                                phi,
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
                            values(
                                    critical, on, windows, x, starts, ends, phi, row, rows, text,
                                    room));
        }
    }

    private static int values(
            boolean critical,
            MemorySegment context,
            KanWindows windows,
            Tensor x,
            Tensor starts,
            Tensor ends,
            Tensor phi,
            long row,
            long rows,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? KanFunctions.kanWindowBasisCritical(
                        context,
                        windows.inner().code(),
                        windows.combination().code(),
                        windows.functions(),
                        perColumn(starts),
                        windows.scale(),
                        x.dtype().code(),
                        rows,
                        x.columns,
                        atRow(x, row),
                        x.rowStride,
                        operand(starts),
                        operand(ends),
                        at(phi, row * functionStride(phi)),
                        functionStride(phi),
                        message,
                        messageBytes)
                : KanFunctions.kanWindowBasis(
                        context,
                        windows.inner().code(),
                        windows.combination().code(),
                        windows.functions(),
                        perColumn(starts),
                        windows.scale(),
                        x.dtype().code(),
                        rows,
                        x.columns,
                        atRow(x, row),
                        x.rowStride,
                        operand(starts),
                        operand(ends),
                        at(phi, row * functionStride(phi)),
                        functionStride(phi),
                        message,
                        messageBytes);
    }

    @Override
    public void backward(
            KanWindows windows,
            Tensor dphi,
            Tensor x,
            Tensor starts,
            Tensor ends,
            Tensor dx,
            Tensor dstarts,
            Tensor dends,
            boolean accumulate) {
        handle.acquire();
        try {
            inside(windows, dphi, x, starts, ends, dx, dstarts, dends, accumulate);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            WindowChecks.requireOpen(dphi, x, starts, ends, dx, dstarts, dends);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dphi);
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(starts);
            Reference.reachabilityFence(ends);
            Reference.reachabilityFence(dx);
            Reference.reachabilityFence(dstarts);
            Reference.reachabilityFence(dends);
        }
    }

    /** Arrays are copied: the gradients of the ends are sums over all rows. */
    private void inside(
            KanWindows windows,
            Tensor dphi,
            Tensor x,
            Tensor starts,
            Tensor ends,
            Tensor dx,
            Tensor dstarts,
            Tensor dends,
            boolean accumulate) {
        if (enter(dphi)
                | enter(x)
                | enter(starts)
                | enter(ends)
                | enter(dx)
                | enter(dstarts)
                | enter(dends)) {
            WindowChecks.requireOpen(dphi, x, starts, ends, dx, dstarts, dends);
            try (Staging stage = calls.stage(0, x.rows)) {
                inside(
                        windows,
                        stage.stage(dphi, false),
                        stage.stage(x, false),
                        stage.stage(starts, false),
                        stage.stage(ends, false),
                        dx == null ? null : stage.stage(dx, true),
                        NativeKan.stageSums(stage, dstarts, accumulate),
                        NativeKan.stageSums(stage, dends, accumulate),
                        accumulate);
                stage.finish();
            }
        } else if (gradients(
                        windows,
                        dphi,
                        x,
                        starts,
                        ends,
                        dx,
                        dstarts,
                        dends,
                        accumulate,
                        MemorySegment.NULL,
                        0)
                != NativeStatus.OK) {
            calls.forward(
                    false,
                    x.rows,
                    x.columns,
                    1,
                    (critical, on, row, rows, text, room) ->
                            gradients(
                                    windows,
                                    dphi,
                                    x,
                                    starts,
                                    ends,
                                    dx,
                                    dstarts,
                                    dends,
                                    accumulate,
                                    text,
                                    room));
        }
    }

    private int gradients(
            KanWindows windows,
            Tensor dphi,
            Tensor x,
            Tensor starts,
            Tensor ends,
            Tensor dx,
            Tensor dstarts,
            Tensor dends,
            boolean accumulate,
            MemorySegment message,
            long messageBytes) {
        return KanFunctions.kanWindowBasisBackward(
                context.threaded(),
                windows.inner().code(),
                windows.combination().code(),
                windows.functions(),
                perColumn(starts),
                windows.scale(),
                x.dtype().code(),
                x.rows,
                x.columns,
                operand(dphi),
                functionStride(dphi),
                operand(x),
                x.rowStride,
                operand(starts),
                operand(ends),
                operand(dx),
                stride(dx, x.columns),
                operand(dstarts),
                operand(dends),
                accumulate ? 1 : 0,
                message,
                messageBytes);
    }
}
