/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import io.gatun.DType;
import io.gatun.bench.Contender;
import io.gatun.bench.Contenders;
import io.gatun.bench.Workload;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Every contender on one normalization. In builds with the profile {@code peers} also {@code -p
 * contender=oneDNN,libtorch,"ONNX Runtime"}; 16-bit types, {@code -p dtype=BF16,F16}, run on Gatun
 * only.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED"
        })
public class NormalizationBenchmark {
    /** The operation. */
    @Param({Workload.LAYER_NORM, Workload.RMS_NORM})
    public String operation;

    /** Who computes it. */
    @Param({"Gatun", "Gatun float[]", "Vector API", "Vector API float[]", "Java loops"})
    public String contender;

    /** Rows and columns. */
    @Param({"1x4096", "32x4096", "512x768", "2048x4096"})
    public String shape;

    /** Data type of input and output. */
    @Param("F32")
    public DType dtype;

    /** Threads that one call may use; JMH itself calls from one. */
    @Param("1")
    public int callThreads;

    private Workload workload;
    private Contender.Run run;

    /** Called by JMH. */
    public NormalizationBenchmark() {}

    /** Allocates and fills the arrays. */
    @Setup
    public void setUp() {
        String[] sizes = shape.split("x");
        long rows = Long.parseLong(sizes[0]);
        long columns = Long.parseLong(sizes[1]);
        workload =
                new Workload(operation, dtype, rows, columns, columns, columns, callThreads, null);
        Contender chosen = Contenders.named(contender);
        if (!chosen.supports(workload)) {
            workload.close();
            throw new IllegalArgumentException(
                    contender + " does not run " + operation + " in " + dtype);
        }
        run = chosen.prepare(workload);
    }

    /** Frees the arrays. */
    @TearDown
    public void tearDown() {
        if (run != null) {
            run.close();
            workload.close();
        }
    }

    /** The whole tensor, once. */
    @Benchmark
    public void forward() {
        run.call();
    }
}
