// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Off-heap stand-ins for integers on the heap during one call, as {@link Staging} has them for
 * tensors. Stand-ins have no gaps between rows.
 */
final class StagedIntegers implements AutoCloseable {
    private record Output(MemorySegment staged, IntegerMatrix heap) {}

    private final ScratchPool pool;
    private final List<ScratchPool.Slab> slabs = new ArrayList<>();
    private final List<Output> outputs = new ArrayList<>();

    StagedIntegers(ScratchPool pool) {
        this.pool = pool;
    }

    /** The row stride of a stand-in. */
    static long stride(IntegerMatrix matrix) {
        return matrix.segment().isNative() ? matrix.rowStride() : matrix.columns();
    }

    MemorySegment input(IntegerMatrix matrix) {
        if (matrix.segment().isNative()) {
            return matrix.segment();
        }
        MemorySegment staged = borrow(matrix);
        eachRow(matrix, staged, NativeOperands::copy);
        return staged;
    }

    /** An output; none for null. */
    MemorySegment output(IntegerMatrix matrix) {
        if (matrix == null) {
            return MemorySegment.NULL;
        }
        if (matrix.segment().isNative()) {
            return matrix.segment();
        }
        MemorySegment staged = borrow(matrix);
        outputs.add(new Output(staged, matrix));
        return staged;
    }

    /** Integers of an array; none for null. */
    MemorySegment input(int[] values) {
        return values == null
                ? MemorySegment.NULL
                : input(IntegerMatrix.of(values, 1, values.length));
    }

    private MemorySegment borrow(IntegerMatrix matrix) {
        long bytes = matrix.rows() * matrix.columns() * matrix.type().bytes();
        ScratchPool.Slab slab = pool.borrow(Math.max(bytes, 1));
        slabs.add(slab);
        return slab.memory().asSlice(0, bytes);
    }

    @FunctionalInterface
    private interface Copy {
        void copy(MemorySegment row, MemorySegment staged);
    }

    private static void eachRow(IntegerMatrix matrix, MemorySegment staged, Copy copy) {
        boolean dense = matrix.rowStride() == matrix.columns();
        long runs = matrix.columns() == 0 ? 0 : dense ? Math.min(matrix.rows(), 1) : matrix.rows();
        long bytes = (dense ? matrix.rows() : 1) * matrix.columns() * (long) matrix.type().bytes();
        long stride = matrix.rowStride() * matrix.type().bytes();
        for (long run = 0; run < runs; run++) {
            copy.copy(
                    matrix.segment().asSlice(run * stride, bytes),
                    staged.asSlice(run * bytes, bytes));
        }
    }

    /** Copies the outputs to where they belong. */
    void finish() {
        for (Output output : outputs) {
            eachRow(output.heap, output.staged, (row, staged) -> NativeOperands.copy(staged, row));
        }
    }

    @Override
    public void close() {
        slabs.forEach(pool::giveBack);
    }
}
