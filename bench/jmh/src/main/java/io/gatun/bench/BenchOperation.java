/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.Tensor;
import io.gatun.conformance.CaseFile;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * An operation in one direction as the benchmarks see it: its arrays, what they cost at least, its
 * definition, and the ways to compute it. A new operation is a class of this kind, or an argument
 * of one, and a line of {@link BenchOperations}.
 */
public abstract class BenchOperation {
    private final String function;
    private final String variant;

    BenchOperation(String function, String variant) {
        this.function = function;
        this.variant = variant;
    }

    /**
     * The C function without {@code gatun_}, which is also the name of the case file.
     *
     * @return such as {@code residual_add_norm}
     */
    public final String function() {
        return function;
    }

    /**
     * What distinguishes operations of one function.
     *
     * @return such as {@code rms}; empty where there is only one
     */
    public final String variant() {
        return variant;
    }

    /**
     * The name in results and patterns.
     *
     * @return such as {@code residual_add_norm:rms}
     */
    public final String key() {
        return variant.isEmpty() ? function : function + ":" + variant;
    }

    @Override
    public final String toString() {
        return key();
    }

    /** The arrays, inputs before outputs. */
    abstract List<Operand> operands();

    /** Outputs that are the memory of an input, by name. */
    Map<String, String> inPlace() {
        return Map.of();
    }

    /** The elements of a row of a case with so many columns. */
    int width(int columns) {
        return columns;
    }

    /** How many outputs arrays of that extent have. */
    int outputs() {
        return 1;
    }

    /** How many functions arrays of that extent have. */
    int functions() {
        return 1;
    }

    /**
     * Additions, subtractions, multiplications and divisions of the formula for each element, a
     * fused multiply-add as two. What is done once for each row or column is not counted.
     */
    abstract int flops();

    /** The same where it depends on the columns. */
    long flops(int columns) {
        return flops();
    }

    /** What a call reads beside the arrays, for so many columns. */
    long weightBytes(int columns) {
        return 0;
    }

    /** Whether a case of the file is one of this benchmark. */
    boolean takes(CaseFile.Case shape) {
        return true;
    }

    /** Whether vectors for each row or column count among the bytes that must move. */
    boolean countsVectors() {
        return false;
    }

    /** Whether a quick run measures it. */
    boolean isQuick() {
        return true;
    }

    /** Computes the inputs that follow from others. */
    void derive(Workload workload) {}

    /** The definition in float64, of one row. */
    abstract void define(Evaluation row);

    /** Gatun on some tensors, by name. */
    abstract Runnable gatun(Function<String, Tensor> tensors);

    /**
     * The same from simpler calls of Gatun, off-heap, with loops in vectors for what it has no call
     * for; null where the operation is not put together from others.
     */
    BiFunction<Workload, RowPool, Runnable> separately() {
        return null;
    }

    /** Plain Java on arrays; null where there is none. */
    Function<HeapOperands, RowLoops> javaLoops() {
        return null;
    }

    /** The Vector API on arrays; null where there is none. */
    Function<HeapOperands, RowLoops> arrayVectors() {
        return null;
    }

    /** The Vector API off-heap; null where there is none. */
    Function<Workload, RowLoops> segmentVectors() {
        return null;
    }

    /** How many streams of rows are read. */
    final int reads() {
        return (int) operands().stream().filter(o -> o.input() && isFull(o)).count();
    }

    /** How many streams of rows are written. */
    final int writes() {
        return (int) operands().stream().filter(o -> !o.input() && isFull(o)).count();
    }

    static boolean isFull(Operand operand) {
        return switch (operand.extent()) {
            case FULL, FUNCTIONS, OUTPUTS -> true;
            case ENDS, WEIGHTS, COLUMNS, ROWS -> false;
        };
    }
}
