/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.NormKind;
import io.gatun.NormParameters;
import io.gatun.ResidualNormalization;
import io.gatun.ResidualOptions;
import io.gatun.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * The operations that join normalization and residual addition; alpha is 1 and there is no bias.
 */
final class ResidualBench extends BenchOperation {
    /** Which of the three. */
    enum Form {
        /** h = residual + x, y = norm(h). */
        ADD_NORM("residual_add_norm"),
        /** h = residual + norm(x). */
        NORM_ADD("norm_residual_add"),
        /** h = residual + norm1(x), y = norm2(h). */
        NORM_ADD_NORM("norm_add_norm");

        final String function;

        Form(String function) {
            this.function = function;
        }

        /** What the names of the arrays of each normalization end in. */
        List<String> suffixes() {
            return this == NORM_ADD_NORM ? List.of("1", "2") : List.of("");
        }
    }

    private final Form form;
    private final NormKind kind;
    private final boolean inPlace;

    ResidualBench(Form form, NormKind kind, boolean inPlace) {
        super(form.function, variant(kind) + (inPlace ? "-in-place" : ""));
        this.form = form;
        this.kind = kind;
        this.inPlace = inPlace;
    }

    static String variant(NormKind kind) {
        return kind.name().toLowerCase(Locale.ROOT);
    }

    static ResidualOptions options(NormKind kind) {
        return kind == NormKind.LAYER
                ? ResidualOptions.layer(Workload.EPS)
                : ResidualOptions.rms(Workload.EPS);
    }

    @Override
    List<Operand> operands() {
        List<Operand> list = new ArrayList<>();
        list.add(Operand.data("x"));
        list.add(Operand.data("residual"));
        form.suffixes().forEach(suffix -> list.addAll(NormBench.parameters(kind, suffix)));
        list.add(Operand.result("h", Operand.Extent.FULL));
        if (form != Form.NORM_ADD) {
            list.add(Operand.result("y", Operand.Extent.FULL));
        }
        return list;
    }

    @Override
    Map<String, String> inPlace() {
        return inPlace ? Map.of("h", "residual", "y", "x") : Map.of();
    }

    @Override
    int flops() {
        return form.suffixes().size() * NormBench.flops(kind) + 1;
    }

    @Override
    boolean isQuick() {
        return kind == NormKind.RMS && !inPlace;
    }

    @Override
    void define(Evaluation row) {
        double[] h = row.input("residual");
        double[] added =
                form == Form.ADD_NORM
                        ? row.input("x")
                        : NormBench.apply(kind, row.input("x"), row, form.suffixes().getFirst());
        for (int i = 0; i < h.length; i++) {
            h[i] += added[i];
        }
        row.expect("h", h);
        if (form != Form.NORM_ADD) {
            // What is normalized is the sum as it is stored.
            row.expect("y", NormBench.apply(kind, row.output("h"), row, form.suffixes().getLast()));
        }
    }

    private NormParameters parameters(Function<String, Tensor> tensors, String suffix) {
        return new NormParameters(
                tensors.apply("gamma" + suffix),
                kind == NormKind.LAYER ? tensors.apply("beta" + suffix) : null);
    }

    @Override
    Runnable gatun(Function<String, Tensor> tensors) {
        Tensor x = tensors.apply("x");
        Tensor residual = tensors.apply("residual");
        Tensor h = tensors.apply("h");
        Tensor y = form == Form.NORM_ADD ? null : tensors.apply("y");
        ResidualOptions options = options(kind);
        NormParameters first = parameters(tensors, form.suffixes().getFirst());
        NormParameters last = parameters(tensors, form.suffixes().getLast());
        return switch (form) {
            case ADD_NORM ->
                    () -> ResidualNormalization.residualAddNorm(x, residual, first, options, h, y);
            case NORM_ADD ->
                    () -> ResidualNormalization.normResidualAdd(x, first, residual, options, h);
            case NORM_ADD_NORM ->
                    () ->
                            ResidualNormalization.normAddNorm(
                                    x, first, residual, last, options, h, y);
        };
    }

    @Override
    BiFunction<Workload, RowPool, Runnable> separately() {
        return this::separateCalls;
    }

    private Runnable separateCalls(Workload workload, RowPool pool) {
        Tensor h = workload.tensor("h");
        Runnable first =
                form == Form.ADD_NORM
                        ? null
                        : norm(workload, workload.tensor("x"), form.suffixes().getFirst(), h);
        RowLoops add = add(workload, form == Form.ADD_NORM ? "x" : "h", "residual", "h");
        Runnable last =
                form == Form.NORM_ADD
                        ? null
                        : norm(workload, h, form.suffixes().getLast(), workload.tensor("y"));
        return () -> {
            if (first != null) {
                first.run();
            }
            add.call(pool, workload.rows());
            if (last != null) {
                last.run();
            }
        };
    }

    private Runnable norm(Workload workload, Tensor x, String suffix, Tensor y) {
        return NormBench.gatun(
                kind,
                x,
                workload.tensor("gamma" + suffix),
                kind == NormKind.LAYER ? workload.tensor("beta" + suffix) : null,
                y);
    }

    /** The sum of the rows of two arrays, off-heap, with the Vector API. */
    static RowLoops add(Workload workload, String one, String other, String sum) {
        MemorySegment x = workload.memory(one);
        MemorySegment z = workload.memory(other);
        MemorySegment h = workload.memory(sum);
        long xStride = 4L * workload.stride(one);
        long zStride = 4L * workload.stride(other);
        long hStride = 4L * workload.stride(sum);
        int columns = workload.columns();
        return (from, to) -> {
            for (int row = from; row < to; row++) {
                SegmentVectors.add(x, row * xStride, z, row * zStride, columns, h, row * hStride);
            }
        };
    }

    @Override
    Function<HeapOperands, RowLoops> javaLoops() {
        return form == Form.ADD_NORM ? this::arrayLoops : null;
    }

    private RowLoops arrayLoops(HeapOperands arrays) {
        float[] x = arrays.array("x");
        float[] residual = arrays.array("residual");
        float[] h = arrays.array("h");
        int columns = arrays.columns();
        int inStride = arrays.stride("x");
        int outStride = arrays.stride("h");
        RowLoops norm = NormBench.javaLoops(kind, arrays, "h");
        return (from, to) -> {
            for (int row = from; row < to; row++) {
                int at = row * inStride;
                ArrayLoops.add(x, at, residual, at, columns, h, row * outStride);
                norm.compute(row, row + 1);
            }
        };
    }

    @Override
    Function<Workload, RowLoops> segmentVectors() {
        return form == Form.ADD_NORM ? this::segmentLoops : null;
    }

    private RowLoops segmentLoops(Workload workload) {
        RowLoops add = add(workload, "x", "residual", "h");
        RowLoops norm = NormBench.segmentVectors(kind, workload, "h");
        return (from, to) -> {
            for (int row = from; row < to; row++) {
                add.compute(row, row + 1);
                norm.compute(row, row + 1);
            }
        };
    }
}
