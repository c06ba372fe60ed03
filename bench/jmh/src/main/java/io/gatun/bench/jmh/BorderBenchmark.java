/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import io.gatun.CpuOptions;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Normalization;
import io.gatun.Tensor;
import io.gatun.bench.BenchOperations;
import io.gatun.bench.NativeLimits;
import io.gatun.bench.Workload;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One row of 4096 float32 from C, from Java off-heap and from Java arrays: the differences are the
 * price of the border. With {@code -prof gc} the normalized allocation rate of the Java calls is
 * that of the harness, about zero.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class BorderBenchmark {
    private static final int COLUMNS = 4096;
    private static final int CALLS = 1000;

    /** Called by JMH. */
    public BorderBenchmark() {}

    /** A device that all threads share. */
    @State(Scope.Benchmark)
    public static class Shared {
        private final Device device = Device.cpu(CpuOptions.DEFAULT.withThreads(1));

        /** Called by JMH. */
        public Shared() {}

        /** Closes the device. */
        @TearDown
        public void tearDown() {
            device.close();
        }
    }

    /** The row of one thread, off-heap and on the heap. */
    @State(Scope.Thread)
    public static class Row {
        private Tensor x;
        private Tensor gamma;
        private Tensor beta;
        private Tensor y;
        private Tensor xHeap;
        private Tensor gammaHeap;
        private Tensor betaHeap;
        private Tensor yHeap;

        /** Called by JMH. */
        public Row() {}

        /**
         * Allocates.
         *
         * @param shared the device
         */
        @Setup
        public void setUp(Shared shared) {
            float[] values = new float[COLUMNS];
            float[] ones = new float[COLUMNS];
            for (int i = 0; i < COLUMNS; i++) {
                values[i] = (float) Math.sin(i);
                ones[i] = 1;
            }
            Device device = shared.device;
            x = device.allocate(DType.F32, 1, COLUMNS);
            gamma = device.allocate(DType.F32, COLUMNS);
            beta = device.allocate(DType.F32, COLUMNS);
            y = device.allocate(DType.F32, 1, COLUMNS);
            x.copyFrom(values);
            gamma.copyFrom(ones);
            beta.copyFrom(values);
            xHeap = device.tensor(values, 1, COLUMNS);
            gammaHeap = device.tensor(ones, COLUMNS);
            betaHeap = device.tensor(values.clone(), COLUMNS);
            yHeap = device.tensor(new float[COLUMNS], 1, COLUMNS);
        }

        /** Frees. */
        @TearDown
        public void tearDown() {
            x.close();
            gamma.close();
            beta.close();
            y.close();
        }
    }

    /** Two kernels called from C. */
    @State(Scope.Benchmark)
    public static class FromC {
        private Workload layerNormWorkload;
        private Workload rmsNormWorkload;
        private NativeLimits.NativeCall layerNorm;
        private NativeLimits.NativeCall rmsNorm;

        /** Called by JMH. */
        public FromC() {}

        /** Allocates. */
        @Setup
        public void setUp() {
            NativeLimits limits = NativeLimits.load();
            layerNormWorkload = Workload.of(BenchOperations.named("layer_norm"), 1, COLUMNS);
            rmsNormWorkload = Workload.of(BenchOperations.named("rms_norm"), 1, COLUMNS);
            layerNorm = limits.nativeCall(layerNormWorkload);
            rmsNorm = limits.nativeCall(rmsNormWorkload);
        }

        /** Frees. */
        @TearDown
        public void tearDown() {
            layerNorm.close();
            rmsNorm.close();
            layerNormWorkload.close();
            rmsNormWorkload.close();
        }
    }

    /**
     * LayerNorm from C.
     *
     * @param c the call
     * @return its time
     */
    @Benchmark
    @OperationsPerInvocation(CALLS)
    public double layerNormFromC(FromC c) {
        return c.layerNorm.run(CALLS);
    }

    /**
     * RMSNorm from C.
     *
     * @param c the call
     * @return its time
     */
    @Benchmark
    @OperationsPerInvocation(CALLS)
    public double rmsNormFromC(FromC c) {
        return c.rmsNorm.run(CALLS);
    }

    /**
     * LayerNorm from Java, off-heap.
     *
     * @param row the arrays
     */
    @Benchmark
    public void layerNormOffHeap(Row row) {
        Normalization.layerNorm(row.x, row.gamma, row.beta, Workload.EPS, row.y);
    }

    /**
     * RMSNorm from Java, off-heap.
     *
     * @param row the arrays
     */
    @Benchmark
    public void rmsNormOffHeap(Row row) {
        Normalization.rmsNorm(row.x, row.gamma, Workload.EPS, row.y);
    }

    /**
     * LayerNorm from Java on arrays.
     *
     * @param row the arrays
     */
    @Benchmark
    public void layerNormHeap(Row row) {
        Normalization.layerNorm(row.xHeap, row.gammaHeap, row.betaHeap, Workload.EPS, row.yHeap);
    }

    /**
     * RMSNorm from Java on arrays.
     *
     * @param row the arrays
     */
    @Benchmark
    public void rmsNormHeap(Row row) {
        Normalization.rmsNorm(row.xHeap, row.gammaHeap, Workload.EPS, row.yHeap);
    }

    /**
     * RMSNorm from two threads that share a device.
     *
     * @param row the arrays of each
     */
    @Benchmark
    @Threads(2)
    public void rmsNormOffHeapTwoThreads(Row row) {
        Normalization.rmsNorm(row.x, row.gamma, Workload.EPS, row.y);
    }
}
