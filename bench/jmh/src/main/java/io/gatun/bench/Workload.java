/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.CpuOptions;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Isa;
import io.gatun.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * One operation with its arrays in off-heap memory of the device. All contenders that work off-heap
 * read the same inputs and write the same outputs, so that none has better memory than another.
 */
public final class Workload implements AutoCloseable {
    /** The eps of every benchmark. */
    public static final float EPS = 1e-5f;

    private final BenchOperation operation;
    private final DType dtype;
    private final int rows;
    private final int columns;
    private final int xStride;
    private final int yStride;
    private final int threads;
    private final Device device;
    private final Map<String, Operand> operands = new LinkedHashMap<>();
    private final Map<String, Tensor> tensors = new HashMap<>();

    /**
     * Allocates the arrays and fills the inputs with uniform noise.
     *
     * @param operation the operation
     * @param dtype data type of the rows; parameters are float32
     * @param rows number of rows, at least 1
     * @param columns number of columns, at least 1
     * @param xStride distance between rows of inputs, in elements, where a row is all columns
     * @param yStride distance between rows of outputs, likewise
     * @param threads how many threads a contender may use
     * @param isa greatest instruction set level of Gatun's kernels; null for the best
     */
    public Workload(
            BenchOperation operation,
            DType dtype,
            long rows,
            long columns,
            long xStride,
            long yStride,
            int threads,
            Isa isa) {
        this.operation = operation;
        this.dtype = dtype;
        this.rows = Math.toIntExact(rows);
        this.columns = Math.toIntExact(columns);
        this.xStride = Math.toIntExact(xStride);
        this.yStride = Math.toIntExact(isInPlace() ? xStride : yStride);
        this.threads = threads;
        device = Device.cpu(new CpuOptions(threads, isa));
        for (Operand operand : operation.operands()) {
            String name = operand.name();
            operands.put(name, operand);
            String place = operation.inPlace().get(name);
            tensors.put(name, place != null ? tensors.get(place) : allocate(operand));
        }
        reset();
    }

    private Tensor allocate(Operand operand) {
        return switch (operand.extent()) {
            case FULL, FUNCTIONS, OUTPUTS -> device.allocate(dtype, rows, stride(operand.name()));
            case ENDS -> device.allocate(DType.F32, operation.functions(), columns);
            case WEIGHTS ->
                    device.allocate(DType.F32, columns, operation.functions(), operation.outputs());
            case COLUMNS -> device.allocate(DType.F32, columns);
            case ROWS -> device.allocate(DType.F32, rows);
        };
    }

    /**
     * A contiguous float32 workload for one thread.
     *
     * @param operation the operation
     * @param rows number of rows
     * @param columns number of columns
     * @return the workload
     */
    public static Workload of(BenchOperation operation, int rows, int columns) {
        return new Workload(operation, DType.F32, rows, columns, columns, columns, 1, null);
    }

    /** Gives all inputs the values that they had first, and outputs zeros. */
    public void reset() {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(42);
        for (Operand operand : operands.values()) {
            if (operand.input()) {
                for (long i = 0; i < count(operand); i++) {
                    set(operand.name(), i, operand.least() + operand.spread() * random.nextFloat());
                }
            }
        }
        operation.derive(this);
        clearOutputs();
    }

    /** Gives all outputs zeros, those in place of inputs excepted. */
    public void clearOutputs() {
        for (Operand operand : operands.values()) {
            if (!operand.input() && !operation.inPlace().containsKey(operand.name())) {
                memory(operand.name()).fill((byte) 0);
            }
        }
    }

    /**
     * Replaces one element.
     *
     * @param name the array
     * @param index the element, row * stride + column in rows
     * @param value the value, rounded to the data type
     */
    public void set(String name, long index, float value) {
        if (typeOf(operand(name)) == DType.F32) {
            memory(name).setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
        } else {
            memory(name).setAtIndex(ValueLayout.JAVA_SHORT, index, dtype.fromFloat(value));
        }
    }

    /**
     * Replaces all elements of a vector.
     *
     * @param name the array
     * @param value the value
     */
    public void fill(String name, float value) {
        for (long i = 0; i < count(operand(name)); i++) {
            set(name, i, value);
        }
    }

    /**
     * The operation.
     *
     * @return the operation
     */
    public BenchOperation operation() {
        return operation;
    }

    /**
     * Whether the operation has an array.
     *
     * @param name its name
     * @return whether there is one
     */
    public boolean has(String name) {
        return operands.containsKey(name);
    }

    Operand operand(String name) {
        Operand operand = operands.get(name);
        if (operand == null) {
            throw new IllegalArgumentException(operation + " has no " + name);
        }
        return operand;
    }

    /** The elements of an array, those between its rows too. */
    private long count(Operand operand) {
        return switch (operand.extent()) {
            case FULL, FUNCTIONS, OUTPUTS -> (long) rows * stride(operand.name());
            case ENDS -> (long) operation.functions() * columns;
            case WEIGHTS -> (long) columns * operation.functions() * operation.outputs();
            case COLUMNS -> columns;
            case ROWS -> rows;
        };
    }

    /** How many elements a row of an array has. */
    int width(Operand operand) {
        return switch (operand.extent()) {
            case FULL -> width();
            case FUNCTIONS -> width() * operation.functions();
            case OUTPUTS -> operation.outputs();
            case ENDS -> operation.functions() * columns;
            case WEIGHTS -> columns * operation.functions() * operation.outputs();
            case COLUMNS -> columns;
            case ROWS -> 1;
        };
    }

    DType typeOf(Operand operand) {
        return BenchOperation.isFull(operand) ? dtype : DType.F32;
    }

    /**
     * The data type of the rows.
     *
     * @return the data type
     */
    public DType dtype() {
        return dtype;
    }

    /**
     * The number of rows.
     *
     * @return at least 1
     */
    public int rows() {
        return rows;
    }

    /**
     * The number of columns: of a head vector where rows consist of several.
     *
     * @return at least 1
     */
    public int columns() {
        return columns;
    }

    /**
     * The number of elements of a row.
     *
     * @return at least the columns
     */
    public int width() {
        return operation.width(columns);
    }

    /**
     * The distance between rows of an array, in elements.
     *
     * @param name an array of rows
     * @return at least the width of its rows
     */
    public int stride(String name) {
        Operand operand = operand(name);
        return width(operand) + (operand.input() ? xStride : yStride) - columns;
    }

    /**
     * How many threads a contender may use.
     *
     * @return at least 1
     */
    public int threads() {
        return threads;
    }

    /**
     * Whether no array has gaps between its rows.
     *
     * @return whether both strides are the columns
     */
    public boolean isContiguous() {
        return xStride == columns && yStride == columns;
    }

    /**
     * Whether outputs are the memory of inputs.
     *
     * @return whether a call changes its inputs
     */
    public boolean isInPlace() {
        return !operation.inPlace().isEmpty();
    }

    /**
     * The device that owns the arrays.
     *
     * @return a CPU device with as many threads as the workload
     */
    public Device device() {
        return device;
    }

    /**
     * An array as a tensor.
     *
     * @param name its name
     * @return as the extent says
     */
    public Tensor tensor(String name) {
        return shaped(name, tensors.get(name));
    }

    private Tensor shaped(String name, Tensor tensor) {
        return switch (operand(name).extent()) {
            case FULL -> tensor.slice(1, 0, width());
            case FUNCTIONS ->
                    tensor.strided(
                            0,
                            new long[] {rows, operation.functions(), width()},
                            new long[] {stride(name), width(), 1});
            case OUTPUTS -> tensor.slice(1, 0, operation.outputs());
            case WEIGHTS ->
                    tensor.strided(
                            0,
                            new long[] {columns, operation.functions(), operation.outputs()},
                            new long[] {
                                (long) operation.functions() * operation.outputs(),
                                operation.outputs(),
                                1
                            });
            case ENDS ->
                    tensor.strided(
                            0,
                            new long[] {operation.functions(), columns},
                            new long[] {columns, 1});
            case COLUMNS, ROWS -> tensor;
        };
    }

    /** Tensors of the same shapes on arrays. */
    Tensor tensor(String name, float[] values) {
        return shaped(
                name,
                BenchOperation.isFull(operand(name))
                        ? device.tensor(values, rows, stride(name))
                        : device.tensor(values, values.length));
    }

    /**
     * The memory of an array.
     *
     * @param name its name
     * @return rows * stride, columns or rows elements
     */
    public MemorySegment memory(String name) {
        return tensors.get(name).segment();
    }

    /**
     * A copy of an array on the heap.
     *
     * @param name its name
     * @return as many values as {@link #memory} has
     */
    public float[] array(String name) {
        return tensors.get(name).toFloatArray();
    }

    /**
     * The least number of bytes that the operation has to move: rows once for each array of them,
     * weights and, in backward passes, the vectors for each row or column.
     *
     * @return bytes read and written
     */
    public long bytes() {
        long bytes =
                (operation.reads() + operation.writes()) * streamBytes()
                        + operation.weightBytes(columns);
        for (Operand operand : operands.values()) {
            if (operation.countsVectors() && !BenchOperation.isFull(operand)) {
                bytes += count(operand) * Float.BYTES;
            }
        }
        return bytes;
    }

    /**
     * The size of one array of rows without gaps, or the mean of all where they differ.
     *
     * @return its bytes
     */
    public long streamBytes() {
        int streams = operation.reads() + operation.writes();
        long elements =
                operands.values().stream()
                        .filter(BenchOperation::isFull)
                        .mapToLong(this::width)
                        .sum();
        return rows * elements * dtype.bytes() / streams;
    }

    /**
     * How many additions, subtractions, multiplications and divisions the formula asks for.
     *
     * @return those of all elements
     */
    public long flops() {
        return rows * width() * operation.flops(columns);
    }

    /**
     * Compares what a contender has written with the definition in float64 on the stored inputs.
     * Inputs that were overwritten in place get their values back.
     */
    Evaluation evaluate(Function<String, float[]> outputs) {
        Map<String, float[]> written = new HashMap<>();
        for (Operand operand : operands.values()) {
            if (!operand.input()) {
                written.put(operand.name(), outputs.apply(operand.name()));
            }
        }
        if (isInPlace()) {
            reset();
        }
        return Evaluation.of(this, written::get);
    }

    /**
     * The greatest error of a contender's outputs, in the units of the case files.
     *
     * @param outputs as {@link Contender.Run#output} gives them, after one call on inputs that are
     *     as {@link #reset} leaves them
     * @return the error; infinite when one value is not a number
     */
    public double error(Function<String, float[]> outputs) {
        return evaluate(outputs).units();
    }

    /** Frees the arrays and the device. */
    @Override
    public void close() {
        new HashSet<>(tensors.values()).forEach(Tensor::close);
        device.close();
    }
}
