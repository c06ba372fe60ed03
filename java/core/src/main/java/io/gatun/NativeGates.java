// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.at;
import static io.gatun.NativeOperands.atRow;
import static io.gatun.NativeOperands.enter;

import io.gatun.bindings.GatedActivationFunctions;
import io.gatun.bindings.NativeHandle;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** Gated activations by the native library. */
final class NativeGates {
    /** How many times as long an element takes as in a plain normalization. */
    private static final long COST_FORWARD = 3;

    private static final long COST_BACKWARD = 5;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;

    NativeGates(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
    }

    void gated(Activation activation, GatePlaces places, Tensor gate, Tensor value, Tensor y) {
        handle.acquire();
        try {
            insideGated(activation, places, gate, value, y);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ActivationChecks.requireOpenGated(places, null, gate, value, null, null, y);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(gate);
            Reference.reachabilityFence(value);
            Reference.reachabilityFence(y);
        }
    }

    private void insideGated(
            Activation activation, GatePlaces places, Tensor gate, Tensor value, Tensor y) {
        boolean heap = enter(gate) | enter(value) | enter(y);
        boolean flat =
                places == GatePlaces.SEPARATE && isDense(gate) && isDense(value) && isDense(y);
        long rows = flat ? 1 : y.rows;
        long columns = flat ? y.rows * y.columns : y.columns;
        if (y.rows == 0) {
            ActivationChecks.requireOpenGated(places, null, gate, value, null, null, y);
        } else if (heap
                || gatedActivation(
                                false,
                                context.threaded(),
                                activation,
                                places,
                                gate,
                                value,
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
                            gatedActivation(
                                    critical,
                                    on,
                                    activation,
                                    places,
                                    gate,
                                    value,
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

    private static int gatedActivation(
            boolean critical,
            MemorySegment context,
            Activation activation,
            GatePlaces places,
            Tensor gate,
            Tensor value,
            Tensor y,
            boolean flat,
            long row,
            long rows,
            long column,
            long columns,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? GatedActivationFunctions.gatedActivationCritical(
                        context,
                        activation.kind().code(),
                        activation.first(),
                        y.dtype().code(),
                        places.code(),
                        rows,
                        columns,
                        part(gate, places.gate(), places.step(), row, column),
                        partStride(gate, places, flat, columns),
                        part(value, places.value(), places.step(), row, column),
                        partStride(value, places, flat, columns),
                        at(y, row * y.rowStride + column),
                        stride(y, flat, columns),
                        message,
                        messageBytes)
                : GatedActivationFunctions.gatedActivation(
                        context,
                        activation.kind().code(),
                        activation.first(),
                        y.dtype().code(),
                        places.code(),
                        rows,
                        columns,
                        part(gate, places.gate(), places.step(), row, column),
                        partStride(gate, places, flat, columns),
                        part(value, places.value(), places.step(), row, column),
                        partStride(value, places, flat, columns),
                        at(y, row * y.rowStride + column),
                        stride(y, flat, columns),
                        message,
                        messageBytes);
    }

    void gatedBackward(
            Activation activation,
            GatePlaces places,
            Tensor dy,
            Tensor gate,
            Tensor value,
            Tensor dgate,
            Tensor dvalue,
            Tensor y) {
        handle.acquire();
        try {
            insideGatedBackward(activation, places, dy, gate, value, dgate, dvalue, y);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ActivationChecks.requireOpenGated(places, dy, gate, value, dgate, dvalue, y);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(gate);
            Reference.reachabilityFence(value);
            Reference.reachabilityFence(dgate);
            Reference.reachabilityFence(dvalue);
            Reference.reachabilityFence(y);
        }
    }

    private void insideGatedBackward(
            Activation activation,
            GatePlaces places,
            Tensor dy,
            Tensor gate,
            Tensor value,
            Tensor dgate,
            Tensor dvalue,
            Tensor y) {
        boolean heap =
                enter(dy) | enter(gate) | enter(value) | enter(dgate) | enter(dvalue) | enter(y);
        boolean flat =
                places == GatePlaces.SEPARATE
                        && isDense(dy)
                        && isDense(gate)
                        && isDense(value)
                        && isDense(dgate)
                        && isDense(dvalue)
                        && isDense(y);
        long rows = flat ? 1 : dy.rows;
        long columns = flat ? dy.rows * dy.columns : dy.columns;
        if (dy.rows == 0) {
            ActivationChecks.requireOpenGated(places, dy, gate, value, dgate, dvalue, y);
        } else if (heap
                || gatedActivationBackward(
                                false,
                                context.threaded(),
                                activation,
                                places,
                                dy,
                                gate,
                                value,
                                dgate,
                                dvalue,
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
                    COST_BACKWARD,
                    (critical, on, row, count, column, width, text, room) ->
                            gatedActivationBackward(
                                    critical,
                                    on,
                                    activation,
                                    places,
                                    dy,
                                    gate,
                                    value,
                                    dgate,
                                    dvalue,
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

    private static int gatedActivationBackward(
            boolean critical,
            MemorySegment context,
            Activation activation,
            GatePlaces places,
            Tensor dy,
            Tensor gate,
            Tensor value,
            Tensor dgate,
            Tensor dvalue,
            Tensor y,
            boolean flat,
            long row,
            long rows,
            long column,
            long columns,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? GatedActivationFunctions.gatedActivationBackwardCritical(
                        context,
                        activation.kind().code(),
                        activation.first(),
                        dy.dtype().code(),
                        places.code(),
                        rows,
                        columns,
                        at(dy, row * dy.rowStride + column),
                        stride(dy, flat, columns),
                        part(gate, places.gate(), places.step(), row, column),
                        partStride(gate, places, flat, columns),
                        part(value, places.value(), places.step(), row, column),
                        partStride(value, places, flat, columns),
                        part(dgate, places.gate(), places.step(), row, column),
                        partStride(dgate, places, flat, columns),
                        part(dvalue, places.value(), places.step(), row, column),
                        partStride(dvalue, places, flat, columns),
                        y == null ? MemorySegment.NULL : at(y, row * y.rowStride + column),
                        y == null ? columns : stride(y, flat, columns),
                        message,
                        messageBytes)
                : GatedActivationFunctions.gatedActivationBackward(
                        context,
                        activation.kind().code(),
                        activation.first(),
                        dy.dtype().code(),
                        places.code(),
                        rows,
                        columns,
                        at(dy, row * dy.rowStride + column),
                        stride(dy, flat, columns),
                        part(gate, places.gate(), places.step(), row, column),
                        partStride(gate, places, flat, columns),
                        part(value, places.value(), places.step(), row, column),
                        partStride(value, places, flat, columns),
                        part(dgate, places.gate(), places.step(), row, column),
                        partStride(dgate, places, flat, columns),
                        part(dvalue, places.value(), places.step(), row, column),
                        partStride(dvalue, places, flat, columns),
                        y == null ? MemorySegment.NULL : at(y, row * y.rowStride + column),
                        y == null ? columns : stride(y, flat, columns),
                        message,
                        messageBytes);
    }

    void headGate(Tensor gate, Tensor value, Tensor y) {
        handle.acquire();
        try {
            insideHeadGate(gate, value, y);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ActivationChecks.requireOpen(gate, "gate", value, "value", y, "y");
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(gate);
            Reference.reachabilityFence(value);
            Reference.reachabilityFence(y);
        }
    }

    private void insideHeadGate(Tensor gate, Tensor value, Tensor y) {
        boolean heap = enter(gate) | enter(value) | enter(y);
        long tokens = HeadOperands.tokens(value);
        long elements = HeadOperands.heads(value) * value.columns;
        if (tokens == 0) {
            ActivationChecks.requireOpen(gate, "gate", value, "value", y, "y");
        } else if (heap && !calls.fits(elements, COST_FORWARD)) {
            try (Staging stage = calls.stage(0, tokens)) {
                insideHeadGate(stageIn(stage, gate), stageIn(stage, value), stageOut(stage, y));
                stage.finish();
            }
        } else if (heap
                || headGate(
                                false,
                                context.threaded(),
                                gate,
                                value,
                                y,
                                0,
                                tokens,
                                MemorySegment.NULL,
                                0)
                        != NativeStatus.OK) {
            calls.forward(
                    heap,
                    tokens,
                    elements,
                    COST_FORWARD,
                    (critical, on, token, count, text, room) ->
                            headGate(critical, on, gate, value, y, token, count, text, room));
        }
    }

    private static int headGate(
            boolean critical,
            MemorySegment context,
            Tensor gate,
            Tensor value,
            Tensor y,
            long token,
            long tokens,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? GatedActivationFunctions.headGateCritical(
                        context,
                        value.dtype().code(),
                        tokens,
                        HeadOperands.heads(value),
                        value.columns,
                        atRow(gate, token),
                        gate.rowStride,
                        atToken(value, token),
                        tokenStride(value, value),
                        atToken(y, token),
                        tokenStride(y, value),
                        message,
                        messageBytes)
                : GatedActivationFunctions.headGate(
                        context,
                        value.dtype().code(),
                        tokens,
                        HeadOperands.heads(value),
                        value.columns,
                        atRow(gate, token),
                        gate.rowStride,
                        atToken(value, token),
                        tokenStride(value, value),
                        atToken(y, token),
                        tokenStride(y, value),
                        message,
                        messageBytes);
    }

    void headGateBackward(Tensor dy, Tensor gate, Tensor value, Tensor dgate, Tensor dvalue) {
        handle.acquire();
        try {
            insideHeadGateBackward(dy, gate, value, dgate, dvalue);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            ActivationChecks.requireOpenHeadGate(dy, gate, value, dgate, dvalue);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(gate);
            Reference.reachabilityFence(value);
            Reference.reachabilityFence(dgate);
            Reference.reachabilityFence(dvalue);
        }
    }

    private void insideHeadGateBackward(
            Tensor dy, Tensor gate, Tensor value, Tensor dgate, Tensor dvalue) {
        boolean heap = enter(dy) | enter(gate) | enter(value) | enter(dgate) | enter(dvalue);
        long tokens = HeadOperands.tokens(value);
        long elements = HeadOperands.heads(value) * value.columns;
        if (tokens == 0) {
            ActivationChecks.requireOpenHeadGate(dy, gate, value, dgate, dvalue);
        } else if (heap && !calls.fits(elements, COST_BACKWARD)) {
            try (Staging stage = calls.stage(0, tokens)) {
                insideHeadGateBackward(
                        stageIn(stage, dy),
                        stageIn(stage, gate),
                        stageIn(stage, value),
                        stageOut(stage, dgate),
                        stageOut(stage, dvalue));
                stage.finish();
            }
        } else if (heap
                || headGateBackward(
                                false,
                                context.threaded(),
                                dy,
                                gate,
                                value,
                                dgate,
                                dvalue,
                                0,
                                tokens,
                                MemorySegment.NULL,
                                0)
                        != NativeStatus.OK) {
            calls.forward(
                    heap,
                    tokens,
                    elements,
                    COST_BACKWARD,
                    (critical, on, token, count, text, room) ->
                            headGateBackward(
                                    critical, on, dy, gate, value, dgate, dvalue, token, count,
                                    text, room));
        }
    }

    private static int headGateBackward(
            boolean critical,
            MemorySegment context,
            Tensor dy,
            Tensor gate,
            Tensor value,
            Tensor dgate,
            Tensor dvalue,
            long token,
            long tokens,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? GatedActivationFunctions.headGateBackwardCritical(
                        context,
                        value.dtype().code(),
                        tokens,
                        HeadOperands.heads(value),
                        value.columns,
                        atToken(dy, token),
                        tokenStride(dy, value),
                        atRow(gate, token),
                        gate.rowStride,
                        atToken(value, token),
                        tokenStride(value, value),
                        atRow(dgate, token),
                        NativeOperands.stride(dgate, HeadOperands.heads(value)),
                        atToken(dvalue, token),
                        tokenStride(dvalue, value),
                        message,
                        messageBytes)
                : GatedActivationFunctions.headGateBackward(
                        context,
                        value.dtype().code(),
                        tokens,
                        HeadOperands.heads(value),
                        value.columns,
                        atToken(dy, token),
                        tokenStride(dy, value),
                        atRow(gate, token),
                        gate.rowStride,
                        atToken(value, token),
                        tokenStride(value, value),
                        atRow(dgate, token),
                        NativeOperands.stride(dgate, HeadOperands.heads(value)),
                        atToken(dvalue, token),
                        tokenStride(dvalue, value),
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

    /** An element of a gate or value, or none. */
    private static MemorySegment part(
            Tensor tensor, long offset, long step, long row, long column) {
        return tensor == null
                ? MemorySegment.NULL
                : at(tensor, row * tensor.rowStride + offset + step * column);
    }

    private static long partStride(Tensor tensor, GatePlaces places, boolean flat, long columns) {
        return tensor == null ? places.step() * columns : stride(tensor, flat, columns);
    }

    private static MemorySegment atToken(Tensor tensor, long token) {
        return tensor == null
                ? MemorySegment.NULL
                : at(tensor, token * HeadOperands.tokenStride(tensor));
    }

    private static long tokenStride(Tensor tensor, Tensor value) {
        return HeadOperands.tokenStride(tensor == null ? value : tensor);
    }

    private static Tensor stageIn(Staging stage, Tensor tensor) {
        return stage.stage(tensor, false);
    }

    private static Tensor stageOut(Staging stage, Tensor tensor) {
        return tensor == null ? null : stage.stage(tensor, true);
    }
}
