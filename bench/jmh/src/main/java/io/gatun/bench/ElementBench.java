/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.Tensor;
import java.util.List;
import java.util.function.Function;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;

/**
 * An activation, whose definition is what the reference device gives. Coefficients, masks and gates
 * are constants, made beside the tensors.
 */
final class ElementBench extends BenchOperation {
    private final List<Operand> operands;
    private final int flops;
    private final boolean quick;
    private final IntUnaryOperator width;
    private final ElementLoops loops;
    private final Function<Function<String, Tensor>, Runnable> call;

    private ElementBench(
            String function,
            String variant,
            List<Operand> operands,
            int flops,
            boolean quick,
            IntUnaryOperator width,
            ElementLoops loops,
            Function<Function<String, Tensor>, Runnable> call) {
        super(function, variant);
        this.operands = operands;
        this.flops = flops;
        this.quick = quick;
        this.width = width;
        this.loops = loops;
        this.call = call;
    }

    /**
     * An operation on rows.
     *
     * @param key the function and, behind a colon, the variant
     * @param inputs the arrays that are read
     * @param outputs the arrays that are written
     * @param flops as {@link BenchOperation#flops()}
     * @param call the call on some tensors
     */
    static ElementBench of(
            String key,
            List<String> inputs,
            List<String> outputs,
            int flops,
            Function<Function<String, Tensor>, Runnable> call) {
        String[] parts = key.split(":");
        List<Operand> operands =
                Stream.concat(
                                inputs.stream().map(Operand::data),
                                outputs.stream().map(o -> Operand.result(o, Operand.Extent.FULL)))
                        .toList();
        return new ElementBench(
                parts[0],
                parts.length == 1 ? "" : parts[1],
                operands,
                flops,
                true,
                columns -> columns,
                null,
                call);
    }

    /** The same, but not in quick runs. */
    ElementBench notQuick() {
        return new ElementBench(function(), variant(), operands, flops, false, width, loops, call);
    }

    /** The same on rows of some heads, each of the columns of a case. */
    ElementBench ofHeads(int heads) {
        return new ElementBench(
                function(),
                variant(),
                operands,
                flops,
                quick,
                columns -> heads * columns,
                loops,
                call);
    }

    /** The same with loops in Java to compare with. */
    ElementBench with(ElementLoops javaLoops) {
        return new ElementBench(
                function(), variant(), operands, flops, quick, width, javaLoops, call);
    }

    @Override
    List<Operand> operands() {
        return operands;
    }

    @Override
    int width(int columns) {
        return width.applyAsInt(columns);
    }

    @Override
    int flops() {
        return flops;
    }

    @Override
    boolean isQuick() {
        return quick;
    }

    @Override
    void define(Evaluation row) {
        for (Operand operand : operands) {
            if (!operand.input()) {
                row.expect(operand.name(), row.reference(operand.name()));
            }
        }
    }

    @Override
    Runnable gatun(Function<String, Tensor> tensors) {
        return call.apply(tensors);
    }

    @Override
    Function<HeapOperands, RowLoops> javaLoops() {
        return loops == null ? null : loops::javaLoops;
    }

    @Override
    Function<HeapOperands, RowLoops> arrayVectors() {
        return loops == null || loops.vectors() == null ? null : loops::arrayVectors;
    }

    @Override
    Function<Workload, RowLoops> segmentVectors() {
        return loops == null || loops.vectors() == null ? null : loops::segmentVectors;
    }
}
