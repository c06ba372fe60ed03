/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import com.sun.management.ThreadMXBean;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Normalization;
import io.gatun.Tensor;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;

/**
 * What it costs to call a kernel from Java: one row of 4096 float32 from C, from Java off-heap,
 * from Java on arrays, and from two Java threads that share a device. Each way has its own loop, so
 * that the JIT sees one receiver.
 */
final class BorderRun {
    static final int COLUMNS = 4096;
    static final String FROM_C = "C";
    static final String OFF_HEAP = "Java, off-heap";
    static final String HEAP = "Java, float[]";
    static final String TWO_THREADS = "Java, off-heap, two threads on one device";

    private static final int GARBAGE_CALLS = 20_000;

    private BorderRun() {}

    static List<BenchResults.Border> run(
            BenchOperation operation, NativeLimits limits, Sampler sampler) {
        List<BenchResults.Border> results = new ArrayList<>();
        try (Workload workload = Workload.of(operation, 1, COLUMNS);
                NativeLimits.NativeCall fromC = limits.nativeCall(workload);
                Pair pair = new Pair(workload)) {
            boolean isLayerNorm = workload.has("beta");
            Operands offHeap =
                    new Operands(
                            workload.tensor("x"),
                            workload.tensor("gamma"),
                            isLayerNorm ? workload.tensor("beta") : null,
                            workload.tensor("y"));
            HeapOperands arrays = new HeapOperands(workload);
            Operands heap =
                    new Operands(
                            workload.tensor("x", arrays.array("x")),
                            workload.tensor("gamma", arrays.array("gamma")),
                            isLayerNorm ? workload.tensor("beta", arrays.array("beta")) : null,
                            workload.tensor("y", arrays.array("y")));
            Sampler.Timed fromOffHeap =
                    calls ->
                            isLayerNorm
                                    ? layerNormOffHeap(offHeap, calls)
                                    : rmsNormOffHeap(offHeap, calls);
            Sampler.Timed fromHeap =
                    calls -> isLayerNorm ? layerNormHeap(heap, calls) : rmsNormHeap(heap, calls);

            List<String> ways = new ArrayList<>(List.of(FROM_C, OFF_HEAP, HEAP));
            List<Sampler.Timed> timed = new ArrayList<>(List.of(fromC::run, fromOffHeap, fromHeap));
            if (Runtime.getRuntime().availableProcessors() > 1) {
                ways.add(TWO_THREADS);
                timed.add(pair);
            }
            double[] garbage = new double[ways.size()];
            List<Sampler.Samples> samples = sampler.brief().sample(timed);
            for (int i = 1; i < Math.min(garbage.length, 3); i++) {
                garbage[i] = garbagePerCall(timed.get(i));
            }
            if (garbage.length > 3) {
                garbage[3] = garbage[1];
            }
            double base = samples.getFirst().min();
            for (int i = 0; i < garbage.length; i++) {
                Sampler.Samples s = samples.get(i);
                results.add(
                        new BenchResults.Border(
                                operation.key(),
                                "1x" + COLUMNS,
                                ways.get(i),
                                s.median(),
                                s.min(),
                                s.max(),
                                s.min() - base,
                                garbage[i]));
            }
        }
        return results;
    }

    private static double garbagePerCall(Sampler.Timed timed) {
        if (!(ManagementFactory.getThreadMXBean() instanceof ThreadMXBean bean)) {
            return 0;
        }
        // The least of three: the first may still hold allocations of the counter itself.
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < 3; i++) {
            long before = bean.getCurrentThreadAllocatedBytes();
            timed.run(GARBAGE_CALLS);
            least = Math.min(least, bean.getCurrentThreadAllocatedBytes() - before);
        }
        return Math.floor(least / GARBAGE_CALLS * 10) / 10;
    }

    private record Operands(Tensor x, Tensor gamma, Tensor beta, Tensor y) {}

    private static double layerNormOffHeap(Operands a, long calls) {
        long start = System.nanoTime();
        for (long i = 0; i < calls; i++) {
            Normalization.layerNorm(a.x, a.gamma, a.beta, Workload.EPS, a.y);
        }
        return System.nanoTime() - start;
    }

    private static double layerNormHeap(Operands a, long calls) {
        long start = System.nanoTime();
        for (long i = 0; i < calls; i++) {
            Normalization.layerNorm(a.x, a.gamma, a.beta, Workload.EPS, a.y);
        }
        return System.nanoTime() - start;
    }

    private static double rmsNormOffHeap(Operands a, long calls) {
        long start = System.nanoTime();
        for (long i = 0; i < calls; i++) {
            Normalization.rmsNorm(a.x, a.gamma, Workload.EPS, a.y);
        }
        return System.nanoTime() - start;
    }

    private static double rmsNormHeap(Operands a, long calls) {
        long start = System.nanoTime();
        for (long i = 0; i < calls; i++) {
            Normalization.rmsNorm(a.x, a.gamma, Workload.EPS, a.y);
        }
        return System.nanoTime() - start;
    }

    /** Two threads that call the same device at once, each on its own arrays. */
    private static final class Pair implements Sampler.Timed, AutoCloseable {
        private final CyclicBarrier start = new CyclicBarrier(2);
        private final CyclicBarrier end = new CyclicBarrier(2);
        private final boolean isLayerNorm;
        private final Operands mine;
        private final Operands others;
        private final Thread other;
        private volatile long calls;
        private volatile double otherNanos;

        Pair(Workload workload) {
            isLayerNorm = workload.has("beta");
            mine = arrays(workload);
            others = arrays(workload);
            other = Thread.ofPlatform().daemon().name("border-pair").start(this::follow);
        }

        private static Operands arrays(Workload workload) {
            Device device = workload.device();
            Operands result =
                    new Operands(
                            device.allocate(DType.F32, 1, COLUMNS),
                            device.allocate(DType.F32, COLUMNS),
                            device.allocate(DType.F32, COLUMNS),
                            device.allocate(DType.F32, 1, COLUMNS));
            workload.tensor("x").copyTo(result.x);
            workload.tensor("gamma").copyTo(result.gamma);
            if (workload.has("beta")) {
                workload.tensor("beta").copyTo(result.beta);
            }
            return result;
        }

        private double time(Operands arrays, long count) {
            return isLayerNorm ? layerNormOffHeap(arrays, count) : rmsNormOffHeap(arrays, count);
        }

        private void follow() {
            try {
                for (; ; ) {
                    start.await();
                    if (calls == 0) {
                        return;
                    }
                    otherNanos = time(others, calls);
                    end.await();
                }
            } catch (InterruptedException | BrokenBarrierException e) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public double run(long count) {
            calls = count;
            try {
                start.await();
                double nanos = time(mine, count);
                end.await();
                return (nanos + otherNanos) / 2;
            } catch (InterruptedException | BrokenBarrierException e) {
                throw new IllegalStateException(
                        "the second thread of the border benchmark is gone", e);
            }
        }

        @Override
        public void close() {
            calls = 0;
            try {
                start.await();
                other.join();
            } catch (InterruptedException | BrokenBarrierException e) {
                throw new IllegalStateException(
                        "the second thread of the border benchmark is gone", e);
            }
            for (Operands arrays : List.of(mine, others)) {
                for (Tensor tensor : Arrays.asList(arrays.x, arrays.gamma, arrays.beta, arrays.y)) {
                    tensor.close();
                }
            }
        }
    }
}
