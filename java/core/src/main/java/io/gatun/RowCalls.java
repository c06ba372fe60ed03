// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.CoreFunctions;
import java.lang.foreign.MemorySegment;

/**
 * How operations on rows reach the native library once the plain call on off-heap memory is not the
 * answer: in pieces where a tensor is on the heap, and once more for the sentence that says why a
 * call failed. Operations make the plain call themselves, so that it makes no garbage.
 */
final class RowCalls {
    /** Rows of a backward pass that one call may begin and end at: what the library demands. */
    static final long BACKWARD_PIECE_ROWS = 4;

    /** Elements of a backward pass over elements, likewise. */
    static final long BACKWARD_PIECE_ELEMENTS = 4096;

    /** Pieces of a row begin at multiples of so many columns: whole words of a mask. */
    private static final long PIECE_COLUMNS = 64;

    private final NativeContext context;
    private final HeapCalls heapCalls;

    RowCalls(NativeContext context) {
        this.context = context;
        this.heapCalls = HeapCalls.ofRowKernels(context.isa());
    }

    /** An operation on some of its rows, whose results do not depend on other rows. */
    @FunctionalInterface
    interface Forward {
        int call(
                boolean critical,
                MemorySegment context,
                long row,
                long rows,
                MemorySegment message,
                long messageBytes);
    }

    /** An operation on some of its elements, whose results do not depend on other elements. */
    @FunctionalInterface
    interface Elements {
        int call(
                boolean critical,
                MemorySegment context,
                long row,
                long rows,
                long column,
                long columns,
                MemorySegment message,
                long messageBytes);
    }

    /**
     * A part of a backward pass. {@code touched} says whether it works on rows; the gradients of
     * parameters are for the last part alone.
     */
    @FunctionalInterface
    interface Backward {
        int call(
                boolean critical,
                MemorySegment context,
                boolean touched,
                MemorySegment gradient1,
                MemorySegment gradient2,
                MemorySegment gradient3,
                MemorySegment gradient4,
                long rowBegin,
                long rowEnd,
                MemorySegment scratch,
                long scratchBytes,
                MemorySegment message,
                long messageBytes);
    }

    /**
     * Whether a row may be used where it is.
     *
     * @param elements of one row
     * @param cost how many times as long an element takes as one of a plain normalization
     */
    boolean fits(long elements, long cost) {
        return elements <= heapCalls.rowElements() / cost;
    }

    /** Whether the least part of a backward pass may be used where it is. */
    boolean fitsBackward(long rows, long elements, long cost) {
        return fits(elements, cost * Math.min(BACKWARD_PIECE_ROWS, Math.max(rows, 1)));
    }

    /**
     * An operation on the heap, whose rows fit; or one off-heap that failed, for the sentence that
     * says why.
     */
    void forward(boolean heap, long rows, long elements, long cost, Forward forward) {
        if (!heap) {
            NativeStatus.require(
                    (text, textBytes) ->
                            forward.call(false, context.threaded(), 0, rows, text, textBytes));
            return;
        }
        long pieceRows = pieceRows(elements, cost);
        MemorySegment caller = context.callerOnly();
        for (long row = 0; row < rows; row += pieceRows) {
            long first = row;
            long count = Math.min(pieceRows, rows - row);
            NativeStatus.require(
                    (text, textBytes) -> forward.call(true, caller, first, count, text, textBytes));
            // Without a plain call in it, compiled code may run a loop of critical calls without
            // ever stopping at a safepoint; the loop may be the caller's, so the last piece counts
            // as well.
            CoreFunctions.noOp();
        }
    }

    /**
     * An operation on the heap whose rows may be cut; or one off-heap that failed, for the sentence
     * that says why.
     */
    void elements(boolean heap, long rows, long columns, long cost, Elements elements) {
        long most = heapCalls.pieceElements() / cost;
        if (!heap || columns <= most) {
            forward(
                    heap,
                    rows,
                    columns,
                    cost,
                    (critical, on, row, count, text, room) ->
                            elements.call(critical, on, row, count, 0, columns, text, room));
            return;
        }
        long pieceColumns = most - most % PIECE_COLUMNS;
        MemorySegment caller = context.callerOnly();
        for (long row = 0; row < rows; row++) {
            for (long column = 0; column < columns; column += pieceColumns) {
                long at = row;
                long first = column;
                long count = Math.min(pieceColumns, columns - column);
                NativeStatus.require(
                        (text, textBytes) ->
                                elements.call(true, caller, at, 1, first, count, text, textBytes));
                // As in the operations on rows.
                CoreFunctions.noOp();
            }
        }
    }

    /**
     * A backward pass over rows, whose gradients of parameters are overwritten.
     *
     * @see #backward(boolean, long, long, long, long, long, boolean, Tensor, Tensor, Tensor,
     *     Tensor, Backward)
     */
    void backward(
            boolean heap,
            long rows,
            long elements,
            long cost,
            long scratchBytes,
            Tensor gradient1,
            Tensor gradient2,
            Tensor gradient3,
            Tensor gradient4,
            Backward backward) {
        backward(
                heap,
                BACKWARD_PIECE_ROWS,
                rows,
                elements,
                cost,
                scratchBytes,
                false,
                gradient1,
                gradient2,
                gradient3,
                gradient4,
                backward);
    }

    /**
     * A backward pass on the heap, whose least parts fit; or one off-heap that failed, for the
     * sentence that says why. Gradients of parameters on the heap are summed off-heap, by a last,
     * plain call.
     *
     * @param step of how many rows the least part is
     * @param scratchBytes what the pass needs for gradients of parameters; 0 where it has none
     * @param accumulate whether gradients of parameters are added to what is there
     */
    void backward(
            boolean heap,
            long step,
            long rows,
            long elements,
            long cost,
            long scratchBytes,
            boolean accumulate,
            Tensor gradient1,
            Tensor gradient2,
            Tensor gradient3,
            Tensor gradient4,
            Backward backward) {
        long at1 = NativeOperands.align(scratchBytes);
        long at2 = at1 + stagedBytes(gradient1);
        long at3 = at2 + stagedBytes(gradient2);
        long at4 = at3 + stagedBytes(gradient3);
        ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(at4 + stagedBytes(gradient4));
        try {
            MemorySegment scratch =
                    scratchBytes == 0 ? MemorySegment.NULL : slab.memory().asSlice(0, scratchBytes);
            if (heap) {
                // Only the last call has these, which would find them closed after rows are done.
                Operands.requireOpen(gradient1, "gradient1");
                Operands.requireOpen(gradient2, "gradient2");
                Operands.requireOpen(gradient3, "gradient3");
                Operands.requireOpen(gradient4, "gradient4");
                pieces(step, rows, elements, cost, scratch, scratchBytes, backward);
            }
            boolean gradients =
                    gradient1 != null
                            || gradient2 != null
                            || gradient3 != null
                            || gradient4 != null;
            if (!heap || gradients) {
                MemorySegment sum1 = sum(gradient1, slab, at1, accumulate);
                MemorySegment sum2 = sum(gradient2, slab, at2, accumulate);
                MemorySegment sum3 = sum(gradient3, slab, at3, accumulate);
                MemorySegment sum4 = sum(gradient4, slab, at4, accumulate);
                long begin = heap ? rows : 0;
                NativeStatus.require(
                        (text, textBytes) ->
                                backward.call(
                                        false,
                                        context.threaded(),
                                        !heap,
                                        sum1,
                                        sum2,
                                        sum3,
                                        sum4,
                                        begin,
                                        rows,
                                        scratch,
                                        scratchBytes,
                                        text,
                                        textBytes));
                unstage(sum1, gradient1);
                unstage(sum2, gradient2);
                unstage(sum3, gradient3);
                unstage(sum4, gradient4);
            }
        } finally {
            context.scratch().giveBackUnlessEmpty(slab);
        }
    }

    private void pieces(
            long step,
            long rows,
            long elements,
            long cost,
            MemorySegment scratch,
            long scratchBytes,
            Backward backward) {
        long some = pieceRows(elements, cost);
        long pieceRows = Math.max(some - some % step, step);
        MemorySegment none = MemorySegment.NULL;
        MemorySegment caller = context.callerOnly();
        for (long row = 0; row < rows; row += pieceRows) {
            long begin = row;
            long end = Math.min(row + pieceRows, rows);
            NativeStatus.require(
                    (text, textBytes) ->
                            backward.call(
                                    true,
                                    caller,
                                    true,
                                    none,
                                    none,
                                    none,
                                    none,
                                    begin,
                                    end,
                                    scratch,
                                    scratchBytes,
                                    text,
                                    textBytes));
            // As in the forward pass.
            CoreFunctions.noOp();
        }
    }

    /** How many rows a piece on the heap has. */
    long pieceRows(long elements, long cost) {
        return heapCalls.pieceRows(Math.max(elements, 1) * cost);
    }

    private static long stagedBytes(Tensor gradient) {
        return NativeOperands.onHeap(gradient)
                ? NativeOperands.align(gradient.operand.byteSize())
                : 0;
    }

    private static MemorySegment sum(
            Tensor gradient, ScratchPool.Slab slab, long offset, boolean accumulate) {
        if (!NativeOperands.onHeap(gradient)) {
            return NativeOperands.operand(gradient);
        }
        MemorySegment sum = slab.memory().asSlice(offset, gradient.operand.byteSize());
        if (accumulate) {
            NativeOperands.copy(gradient.operand, sum);
        }
        return sum;
    }

    private static void unstage(MemorySegment sum, Tensor gradient) {
        if (NativeOperands.onHeap(gradient)) {
            NativeOperands.copy(sum, gradient.operand);
        }
    }

    /** Off-heap stand-ins for the tensors of a call on rows that are too long for the heap. */
    Staging stage(long row, long rows) {
        return new Staging(context.scratch(), row, rows);
    }
}
