// SPDX-License-Identifier: Apache-2.0
package io.gatun.bench.jmh;

import io.gatun.CpuOptions;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Tensor;
import io.gatun.conformance.Arguments;
import io.gatun.conformance.Operand;
import io.gatun.conformance.Operation;
import io.gatun.conformance.Operations;
import io.gatun.conformance.Settings;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
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
 * Any operation by its function name, off-heap, with all of its operands but saved statistics. Per
 * head operations take rows as tokens, with 32 query heads and 8 of keys and of values.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class OperationBenchmark {
    private static final int QUERY_HEADS = 32;
    private static final int KEY_VALUE_HEADS = 8;

    /** The function, as in the headers. */
    @Param({
        "layer_norm_backward",
        "rms_norm_backward",
        "residual_add_norm",
        "residual_add_norm_backward",
        "norm_residual_add",
        "norm_residual_add_backward",
        "norm_add_norm",
        "norm_add_norm_backward",
        "qkv_head_rms_norm",
        "qkv_head_rms_norm_backward",
        "zero_mean_rows",
        "fold_affine"
    })
    public String function;

    /** Rows and columns. */
    @Param({"32x4096", "2048x1024", "512x64"})
    public String shape;

    /** Data type of the tensors. */
    @Param("F32")
    public DType dtype;

    /** Threads that one call may use; JMH itself calls from one. */
    @Param("1")
    public int callThreads;

    private Device device;
    private Operation operation;
    private Arguments arguments;

    /** Called by JMH. */
    public OperationBenchmark() {}

    /** Allocates the tensors and fills those that are read. */
    @Setup
    public void setUp() {
        String[] sizes = shape.split("x");
        long rows = Long.parseLong(sizes[0]);
        long columns = Long.parseLong(sizes[1]);
        operation = Operations.find(function).orElseThrow();
        device = Device.cpu(CpuOptions.DEFAULT.withThreads(callThreads));
        Map<String, Tensor> tensors = new HashMap<>();
        SplittableRandom random = new SplittableRandom(1);
        for (Operand operand : operation.operands()) {
            long[] extent = extent(operand, rows, columns);
            if (extent != null) {
                DType type = operand.storage() == Operand.Storage.DATA ? dtype : DType.F32;
                Tensor tensor = device.allocate(type, extent);
                if (operand.role().isInput()) {
                    fill(tensor, random);
                }
                tensors.put(operand.name(), tensor);
            }
        }
        arguments = new Arguments(tensors, Settings.defaults(operation.settings()));
    }

    /** The shape of an operand, or null where it is left out. */
    private static long[] extent(Operand operand, long rows, long columns) {
        return switch (operand.extent()) {
            case FULL -> new long[] {rows, columns};
            case COLUMNS -> new long[] {columns};
            case HEADS ->
                    new long[] {
                        rows,
                        operand.name().matches("d?q(_out)?") ? QUERY_HEADS : KEY_VALUE_HEADS,
                        columns
                    };
            case ROWS, TOKENS_AND_HEADS -> null;
        };
    }

    private static void fill(Tensor tensor, SplittableRandom random) {
        long[] shape = tensor.shape();
        long[] at = new long[shape.length];
        long elements = 1;
        for (long size : shape) {
            elements *= size;
        }
        for (long i = 0; i < elements; i++) {
            long rest = i;
            for (int d = shape.length - 1; d >= 0; d--) {
                at[d] = rest % shape[d];
                rest /= shape[d];
            }
            tensor.set((float) random.nextDouble(0.5, 1.5), at);
        }
    }

    /** Frees the tensors. */
    @TearDown
    public void tearDown() {
        arguments.tensors().values().forEach(Tensor::close);
        device.close();
    }

    /** The whole operation, once. */
    @Benchmark
    public void call() {
        operation.run(arguments);
    }
}
