/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.NormKind;
import io.gatun.Normalization;
import io.gatun.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** LayerNorm with scale and shift, and RMSNorm with scale. */
final class NormBench extends BenchOperation {
    private final NormKind kind;

    NormBench(NormKind kind) {
        super(kind == NormKind.LAYER ? "layer_norm" : "rms_norm", "");
        this.kind = kind;
    }

    @Override
    List<Operand> operands() {
        List<Operand> list = new ArrayList<>();
        list.add(Operand.data("x"));
        list.addAll(parameters(kind, ""));
        list.add(Operand.result("y", Operand.Extent.FULL));
        return list;
    }

    /** Its parameters: gamma, and in LayerNorm beta. */
    static List<Operand> parameters(NormKind kind, String suffix) {
        Operand gamma = Operand.gamma("gamma" + suffix);
        return kind == NormKind.LAYER
                ? List.of(gamma, Operand.beta("beta" + suffix))
                : List.of(gamma);
    }

    /** The sum, difference, square and its sum; difference, two products and a sum. */
    static int flops(NormKind kind) {
        return kind == NormKind.LAYER ? 8 : 4;
    }

    @Override
    int flops() {
        return flops(kind);
    }

    @Override
    void define(Evaluation row) {
        row.expect("y", apply(kind, row.input("x"), row, ""));
    }

    static double[] apply(NormKind kind, double[] x, Evaluation row, String suffix) {
        double[] beta = kind == NormKind.LAYER ? row.input("beta" + suffix) : null;
        return new NormRow(kind, x).apply(row.input("gamma" + suffix), beta);
    }

    @Override
    Runnable gatun(Function<String, Tensor> tensors) {
        Tensor beta = kind == NormKind.LAYER ? tensors.apply("beta") : null;
        return gatun(kind, tensors.apply("x"), tensors.apply("gamma"), beta, tensors.apply("y"));
    }

    /** Gatun on some tensors. */
    static Runnable gatun(NormKind kind, Tensor x, Tensor gamma, Tensor beta, Tensor y) {
        return kind == NormKind.LAYER
                ? () -> Normalization.layerNorm(x, gamma, beta, Workload.EPS, y)
                : () -> Normalization.rmsNorm(x, gamma, Workload.EPS, y);
    }

    @Override
    Function<HeapOperands, RowLoops> javaLoops() {
        return arrays -> javaLoops(kind, arrays, "x");
    }

    /** Normalizes the rows of an array into y. */
    static RowLoops javaLoops(NormKind kind, HeapOperands arrays, String source) {
        float[] x = arrays.array(source);
        float[] gamma = arrays.array("gamma");
        float[] y = arrays.array("y");
        int columns = arrays.columns();
        int xStride = arrays.stride(source);
        int yStride = arrays.stride("y");
        if (kind == NormKind.RMS) {
            return (from, to) -> {
                for (int row = from; row < to; row++) {
                    ArrayLoops.rmsNorm(
                            x, row * xStride, columns, gamma, Workload.EPS, y, row * yStride);
                }
            };
        }
        float[] beta = arrays.array("beta");
        return (from, to) -> {
            for (int row = from; row < to; row++) {
                ArrayLoops.layerNorm(
                        x, row * xStride, columns, gamma, beta, Workload.EPS, y, row * yStride);
            }
        };
    }

    @Override
    Function<HeapOperands, RowLoops> arrayVectors() {
        return this::arrayVectors;
    }

    private RowLoops arrayVectors(HeapOperands arrays) {
        float[] x = arrays.array("x");
        float[] gamma = arrays.array("gamma");
        float[] y = arrays.array("y");
        int columns = arrays.columns();
        int xStride = arrays.stride("x");
        int yStride = arrays.stride("y");
        if (kind == NormKind.RMS) {
            return (from, to) -> {
                for (int row = from; row < to; row++) {
                    int at = row * xStride;
                    float r = scale(ArrayVectors.sumOfSquares(x, at, columns), columns);
                    ArrayVectors.scale(x, at, columns, r, gamma, y, row * yStride);
                }
            };
        }
        float[] beta = arrays.array("beta");
        return (from, to) -> {
            for (int row = from; row < to; row++) {
                int at = row * xStride;
                float mean = ArrayVectors.sum(x, at, columns) / columns;
                float r = scale(ArrayVectors.sumOfSquares(x, at, columns, mean), columns);
                ArrayVectors.normalize(x, at, columns, mean, r, gamma, beta, y, row * yStride);
            }
        };
    }

    @Override
    Function<Workload, RowLoops> segmentVectors() {
        return workload -> segmentVectors(kind, workload, "x");
    }

    /** Normalizes the rows of an array into y. */
    static RowLoops segmentVectors(NormKind kind, Workload workload, String source) {
        MemorySegment x = workload.memory(source);
        MemorySegment gamma = workload.memory("gamma");
        MemorySegment y = workload.memory("y");
        int columns = workload.columns();
        long xStride = 4L * workload.stride(source);
        long yStride = 4L * workload.stride("y");
        if (kind == NormKind.RMS) {
            return (from, to) -> {
                for (int row = from; row < to; row++) {
                    long at = row * xStride;
                    float r = scale(SegmentVectors.sumOfSquares(x, at, columns), columns);
                    SegmentVectors.scale(x, at, columns, r, gamma, y, row * yStride);
                }
            };
        }
        MemorySegment beta = workload.memory("beta");
        return (from, to) -> {
            for (int row = from; row < to; row++) {
                long at = row * xStride;
                float mean = SegmentVectors.sum(x, at, columns) / columns;
                float r = scale(SegmentVectors.sumOfSquares(x, at, columns, mean), columns);
                SegmentVectors.normalize(x, at, columns, mean, r, gamma, beta, y, row * yStride);
            }
        };
    }

    private static float scale(float squares, int columns) {
        return (float) (1 / Math.sqrt(squares / columns + Workload.EPS));
    }
}
