/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.DType;
import java.util.function.Function;

/** Loops of an operation in Java over float32 rows, on as many threads as the workload allows. */
final class LoopContender implements Contender {
    private final String name;
    private final Function<BenchOperation, Function<Workload, Bound>> binding;

    /** Loops, and what they write. */
    private record Bound(RowLoops loops, Function<String, float[]> output) {}

    private LoopContender(
            String name, Function<BenchOperation, Function<Workload, Bound>> binding) {
        this.name = name;
        this.binding = binding;
    }

    /** Loops over arrays, which get copies of the inputs. */
    static LoopContender onHeap(
            String name, Function<BenchOperation, Function<HeapOperands, RowLoops>> loops) {
        return new LoopContender(
                name,
                operation -> {
                    Function<HeapOperands, RowLoops> own = loops.apply(operation);
                    return own == null ? null : workload -> bindToArrays(workload, own);
                });
    }

    private static Bound bindToArrays(Workload workload, Function<HeapOperands, RowLoops> loops) {
        HeapOperands arrays = new HeapOperands(workload);
        return new Bound(loops.apply(arrays), output -> arrays.array(output).clone());
    }

    /** Loops over the memory of the workload. */
    static LoopContender offHeap(
            String name, Function<BenchOperation, Function<Workload, RowLoops>> loops) {
        return new LoopContender(
                name,
                operation -> {
                    Function<Workload, RowLoops> own = loops.apply(operation);
                    return own == null
                            ? null
                            : workload -> new Bound(own.apply(workload), workload::array);
                });
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean supports(Workload workload) {
        return workload.dtype() == DType.F32 && binding.apply(workload.operation()) != null;
    }

    @Override
    public Run prepare(Workload workload) {
        Bound bound = binding.apply(workload.operation()).apply(workload);
        RowPool pool = new RowPool(workload.threads());
        return new Run() {
            @Override
            public void call() {
                bound.loops.call(pool, workload.rows());
            }

            @Override
            public float[] output(String output) {
                return bound.output.apply(output);
            }

            @Override
            public void close() {
                pool.close();
            }
        };
    }
}
