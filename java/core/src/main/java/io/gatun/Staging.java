// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Off-heap stand-ins for tensors on the heap during one call, for some of their rows. Tensors that
 * are off-heap stand for themselves, and null for null. Outputs are copied back by {@link
 * #finish()}; inputs are never written.
 */
final class Staging implements AutoCloseable {
    private record Output(MemorySegment staged, MemorySegment heap) {}

    private final ScratchPool pool;
    private final long row;
    private final long rows;
    private final List<ScratchPool.Slab> slabs = new ArrayList<>();
    private final List<Output> outputs = new ArrayList<>();

    Staging(ScratchPool pool, long row, long rows) {
        this.pool = pool;
        this.row = row;
        this.rows = rows;
    }

    /** Rows of {@code [..., columns]} that are read. */
    Tensor input(Tensor tensor) {
        return tensor == null ? null : rows(tensor, tensor.columns, tensor.rowStride, false);
    }

    /** Rows of {@code [..., columns]} that are written. */
    Tensor output(Tensor tensor) {
        return tensor == null ? null : rows(tensor, tensor.columns, tensor.rowStride, true);
    }

    /** A vector {@code [columns]} that is read. */
    Tensor vector(Tensor tensor) {
        return tensor == null ? null : stage(tensor, false);
    }

    /** A vector {@code [columns]} that is written. */
    Tensor vectorOutput(Tensor tensor) {
        return tensor == null ? null : stage(tensor, true);
    }

    /** What is written, and where it is added to what is there read before. */
    Tensor sum(Tensor tensor, boolean accumulate) {
        if (tensor == null || !tensor.onHeap) {
            return tensor;
        }
        Tensor staged = stage(tensor, true);
        if (accumulate) {
            eachRun(tensor, staged, false);
        }
        return staged;
    }

    NormParameters vectors(NormParameters parameters) {
        return new NormParameters(vector(parameters.gamma()), vector(parameters.beta()));
    }

    NormGradients vectorOutputs(NormGradients gradients) {
        return new NormGradients(
                vectorOutput(gradients.dgamma()),
                vectorOutput(gradients.dbeta()),
                vectorOutput(gradients.dbias()));
    }

    NormStatistics inputs(NormStatistics statistics) {
        return statistics(statistics, false);
    }

    NormStatistics outputs(NormStatistics statistics) {
        return statistics(statistics, true);
    }

    private NormStatistics statistics(NormStatistics statistics, boolean written) {
        return new NormStatistics(
                statistic(statistics.mean(), written),
                statistic(statistics.meanLow(), written),
                statistic(statistics.rstd(), written));
    }

    private Tensor statistic(Tensor statistic, boolean written) {
        return statistic == null
                ? null
                : stage(statistic.strided(row, new long[] {rows}, new long[] {1}), written);
    }

    private Tensor rows(Tensor tensor, long columns, long stride, boolean written) {
        return stage(
                tensor.strided(row * stride, new long[] {rows, columns}, new long[] {stride, 1}),
                written);
    }

    /** A tensor of which all is staged, whatever its shape; its stand-in has no gaps. */
    Tensor stage(Tensor tensor, boolean written) {
        if (!tensor.onHeap) {
            return tensor;
        }
        long bytes = tensor.elementCount() * tensor.dtype().bytes();
        ScratchPool.Slab slab = pool.borrow(Math.max(bytes, 1));
        slabs.add(slab);
        Tensor staged =
                tensor.device()
                        .tensor(tensor.dtype(), slab.memory().asSlice(0, bytes), tensor.shape());
        eachRun(tensor, staged, written);
        return staged;
    }

    /** What lies without gaps in the tensor is copied at once: now, or back in the end. */
    private void eachRun(Tensor tensor, Tensor staged, boolean written) {
        boolean dense = tensor.isContiguous();
        long runs = dense ? Math.min(tensor.elementCount(), 1) : tensor.rows;
        long bytes = (dense ? tensor.elementCount() : tensor.columns) * tensor.dtype().bytes();
        for (long run = 0; run < runs; run++) {
            long offset =
                    dense
                            ? 0
                            : Shapes.rowOffset(run, tensor.shape(), tensor.strides())
                                    * tensor.dtype().bytes();
            MemorySegment heap = tensor.operand.asSlice(offset, bytes);
            MemorySegment copy = staged.segment().asSlice(run * bytes, bytes);
            if (written) {
                outputs.add(new Output(copy, heap));
            } else {
                NativeOperands.copy(heap, copy);
            }
        }
    }

    /** Copies the outputs to where they belong. */
    void finish() {
        for (Output output : outputs) {
            NativeOperands.copy(output.staged, output.heap);
        }
    }

    @Override
    public void close() {
        slabs.forEach(pool::giveBack);
    }
}
