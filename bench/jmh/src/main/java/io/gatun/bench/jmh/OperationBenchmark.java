/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.jmh;

import io.gatun.DType;
import io.gatun.bench.BenchOperations;
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
 * A contender on an operation. In builds with the profile {@code peers} also {@code -p
 * contender=oneDNN,libtorch,"ONNX Runtime"}; 16-bit types, {@code -p dtype=BF16,F16}, run on Gatun
 * only. A contender that does not run an operation is an error of that combination.
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
public abstract class OperationBenchmark {
    /** Data type of the rows. */
    @Param("F32")
    public DType dtype;

    /** Threads that one call may use; JMH itself calls from one. */
    @Param("1")
    public int callThreads;

    private Workload workload;
    private Contender.Run run;

    /** For subclasses. */
    protected OperationBenchmark() {}

    /**
     * What is measured.
     *
     * @return the name of an operation, with its variant
     */
    protected abstract String key();

    /**
     * Who computes it.
     *
     * @return the name of a contender
     */
    protected abstract String contenderName();

    /**
     * How large it is.
     *
     * @return rows and columns, such as {@code 32x4096}
     */
    protected abstract String shapeName();

    /** Allocates and fills the arrays. */
    @Setup
    public void setUp() {
        String[] sizes = shapeName().split("x");
        long rows = Long.parseLong(sizes[0]);
        long columns = Long.parseLong(sizes[1]);
        workload =
                new Workload(
                        BenchOperations.named(key()),
                        dtype,
                        rows,
                        columns,
                        columns,
                        columns,
                        callThreads,
                        null);
        Contender chosen = Contenders.named(contenderName());
        if (!chosen.supports(workload)) {
            workload.close();
            throw new IllegalArgumentException(
                    contenderName() + " does not run " + key() + " in " + dtype);
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

    /** The whole operation, once. */
    @Benchmark
    public void call() {
        run.call();
    }
}
