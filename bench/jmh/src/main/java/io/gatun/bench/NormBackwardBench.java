/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.NormGradients;
import io.gatun.NormKind;
import io.gatun.NormOptions;
import io.gatun.NormStatistics;
import io.gatun.Normalization;
import io.gatun.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** The gradients of LayerNorm and RMSNorm, from the statistics that the forward pass saved. */
final class NormBackwardBench extends BenchOperation {
    private final NormKind kind;

    NormBackwardBench(NormKind kind) {
        super(kind == NormKind.LAYER ? "layer_norm_backward" : "rms_norm_backward", "");
        this.kind = kind;
    }

    @Override
    List<Operand> operands() {
        List<Operand> list = new ArrayList<>();
        list.add(Operand.data("dy"));
        list.add(Operand.data("x"));
        list.add(Operand.gamma("gamma"));
        list.addAll(statistics(kind, ""));
        list.add(Operand.result("dx", Operand.Extent.FULL));
        list.addAll(gradients(kind, ""));
        return list;
    }

    /** What a forward pass has saved. */
    static List<Operand> statistics(NormKind kind, String suffix) {
        Operand scale = Operand.rows("rstd" + suffix);
        return kind == NormKind.LAYER
                ? List.of(Operand.rows("mean" + suffix), Operand.rows("mean_low" + suffix), scale)
                : List.of(scale);
    }

    /** The gradients of the parameters: of gamma, and in LayerNorm of beta. */
    static List<Operand> gradients(NormKind kind, String suffix) {
        Operand gamma = Operand.result("dgamma" + suffix, Operand.Extent.COLUMNS);
        return kind == NormKind.LAYER
                ? List.of(gamma, Operand.result("dbeta" + suffix, Operand.Extent.COLUMNS))
                : List.of(gamma);
    }

    /**
     * The normalized x (2 in LayerNorm, 1 without a mean); g = dy * gamma (1); its sum (1 in
     * LayerNorm) and that of its product with the normalized x (2); dx (4, 3 in RMSNorm); dgamma
     * (2); dbeta (1 in LayerNorm).
     */
    static int flops(NormKind kind) {
        return kind == NormKind.LAYER ? 13 : 9;
    }

    @Override
    int flops() {
        return flops(kind);
    }

    @Override
    boolean countsVectors() {
        return true;
    }

    @Override
    void derive(Workload workload) {
        derive(kind, workload, "x", "");
    }

    /** Saves the statistics of the rows of an array. */
    static void derive(NormKind kind, Workload workload, String name, String suffix) {
        float[] values = workload.array(name);
        int stride = workload.stride(name);
        double[] x = new double[workload.columns()];
        for (int row = 0; row < workload.rows(); row++) {
            for (int i = 0; i < x.length; i++) {
                x[i] = values[row * stride + i];
            }
            NormRow norm = new NormRow(kind, x);
            if (kind == NormKind.LAYER) {
                workload.set("mean" + suffix, row, (float) norm.mean());
                workload.set("mean_low" + suffix, row, (float) (norm.mean() - (float) norm.mean()));
            }
            workload.set("rstd" + suffix, row, (float) norm.scale());
        }
    }

    static NormStatistics statistics(
            NormKind kind, Function<String, Tensor> tensors, String suffix) {
        return kind == NormKind.LAYER
                ? new NormStatistics(
                        tensors.apply("mean" + suffix),
                        tensors.apply("mean_low" + suffix),
                        tensors.apply("rstd" + suffix))
                : NormStatistics.rstd(tensors.apply("rstd" + suffix));
    }

    static NormGradients gradients(NormKind kind, Function<String, Tensor> tensors, String suffix) {
        return new NormGradients(
                tensors.apply("dgamma" + suffix),
                kind == NormKind.LAYER ? tensors.apply("dbeta" + suffix) : null);
    }

    /** Expects the gradients of the parameters of one normalization. */
    static void defineParameters(
            NormKind kind,
            Evaluation row,
            NormRow norm,
            double[] upstream,
            double[] scale,
            String suffix) {
        row.add("dgamma" + suffix, norm.gammaGradient(upstream), norm.gammaScale(scale));
        if (kind == NormKind.LAYER) {
            row.add("dbeta" + suffix, upstream, scale);
        }
    }

    @Override
    void define(Evaluation row) {
        NormRow norm = new NormRow(kind, row.input("x"));
        double[] dy = row.input("dy");
        double[] magnitudes = Evaluation.magnitudes(dy);
        double[] gamma = row.input("gamma");
        row.expect("dx", norm.gradient(dy, gamma), norm.gradientScale(magnitudes, gamma));
        defineParameters(kind, row, norm, dy, magnitudes, "");
    }

    @Override
    Runnable gatun(Function<String, Tensor> tensors) {
        return gatun(kind, tensors, "dy", "x", "dx", "");
    }

    /** Gatun on tensors of some names. */
    static Runnable gatun(
            NormKind kind,
            Function<String, Tensor> tensors,
            String upstream,
            String normalized,
            String result,
            String suffix) {
        Tensor dy = tensors.apply(upstream);
        Tensor x = tensors.apply(normalized);
        Tensor gamma = tensors.apply("gamma" + suffix);
        Tensor dx = tensors.apply(result);
        NormOptions options = NormOptions.eps(Workload.EPS);
        NormStatistics statistics = statistics(kind, tensors, suffix);
        NormGradients gradients = gradients(kind, tensors, suffix);
        return kind == NormKind.LAYER
                ? () ->
                        Normalization.layerNormBackward(
                                dy, x, gamma, options, statistics, dx, gradients)
                : () ->
                        Normalization.rmsNormBackward(
                                dy, x, gamma, options, statistics, dx, gradients);
    }

    @Override
    Function<HeapOperands, RowLoops> javaLoops() {
        return arrays -> arrayLoops(arrays, ArrayLoops::backwardSums, ArrayLoops::backward);
    }

    @Override
    Function<HeapOperands, RowLoops> arrayVectors() {
        return arrays -> arrayLoops(arrays, ArrayVectors::backwardSums, ArrayVectors::backward);
    }

    /** The sums of g and of g * xh. */
    private interface ArraySums {
        void compute(
                float[] dy,
                int dyFrom,
                float[] x,
                int xFrom,
                int columns,
                float[] gamma,
                float mean,
                float r,
                float[] sums);
    }

    /** The gradients of a row, those of the parameters added; dbeta may be null. */
    private interface ArrayGradients {
        void compute(
                float[] dy,
                int dyFrom,
                float[] x,
                int xFrom,
                int columns,
                float[] gamma,
                float mean,
                float r,
                float[] means,
                float[] dx,
                int dxFrom,
                float[] dgamma,
                float[] dbeta);
    }

    private RowLoops arrayLoops(
            HeapOperands arrays, ArraySums rowSums, ArrayGradients rowGradients) {
        boolean centered = kind == NormKind.LAYER;
        float[] dy = arrays.array("dy");
        float[] x = arrays.array("x");
        float[] gamma = arrays.array("gamma");
        float[] mean = centered ? arrays.array("mean") : null;
        float[] rstd = arrays.array("rstd");
        float[] dx = arrays.array("dx");
        int columns = arrays.columns();
        int inStride = arrays.stride("x");
        int outStride = arrays.stride("dx");
        ColumnSums gammas = new ColumnSums(arrays.array("dgamma"));
        ColumnSums betas = centered ? new ColumnSums(arrays.array("dbeta")) : null;
        return new ParameterLoops(gammas, betas) {
            @Override
            void compute(int from, int to, float[] dgamma, float[] dbeta) {
                float[] sums = new float[2];
                for (int row = from; row < to; row++) {
                    float m = centered ? mean[row] : 0;
                    int at = row * inStride;
                    rowSums.compute(dy, at, x, at, columns, gamma, m, rstd[row], sums);
                    sums[0] = centered ? sums[0] / columns : 0;
                    sums[1] /= columns;
                    rowGradients.compute(
                            dy,
                            at,
                            x,
                            at,
                            columns,
                            gamma,
                            m,
                            rstd[row],
                            sums,
                            dx,
                            row * outStride,
                            dgamma,
                            dbeta);
                }
            }
        };
    }

    @Override
    Function<Workload, RowLoops> segmentVectors() {
        return this::segmentLoops;
    }

    private RowLoops segmentLoops(Workload workload) {
        boolean centered = kind == NormKind.LAYER;
        MemorySegment dy = workload.memory("dy");
        MemorySegment x = workload.memory("x");
        MemorySegment gamma = workload.memory("gamma");
        MemorySegment mean = centered ? workload.memory("mean") : null;
        MemorySegment rstd = workload.memory("rstd");
        MemorySegment dx = workload.memory("dx");
        int columns = workload.columns();
        long inStride = 4L * workload.stride("x");
        long outStride = 4L * workload.stride("dx");
        float[] gammaTotal = new float[columns];
        float[] betaTotal = new float[columns];
        return new ParameterLoops(
                new ColumnSums(gammaTotal), centered ? new ColumnSums(betaTotal) : null) {
            @Override
            void compute(int from, int to, float[] dgamma, float[] dbeta) {
                float[] sums = new float[2];
                for (int row = from; row < to; row++) {
                    float m = centered ? mean.getAtIndex(ValueLayout.JAVA_FLOAT, row) : 0;
                    float r = rstd.getAtIndex(ValueLayout.JAVA_FLOAT, row);
                    long at = row * inStride;
                    SegmentVectors.backwardSums(dy, at, x, at, columns, gamma, m, r, sums);
                    sums[0] = centered ? sums[0] / columns : 0;
                    sums[1] /= columns;
                    SegmentVectors.backward(
                            dy,
                            at,
                            x,
                            at,
                            columns,
                            gamma,
                            m,
                            r,
                            sums,
                            dx,
                            row * outStride,
                            dgamma,
                            dbeta);
                }
            }

            @Override
            public void end() {
                MemorySegment.copy(
                        gammaTotal,
                        0,
                        workload.memory("dgamma"),
                        ValueLayout.JAVA_FLOAT,
                        0,
                        columns);
                if (centered) {
                    MemorySegment.copy(
                            betaTotal,
                            0,
                            workload.memory("dbeta"),
                            ValueLayout.JAVA_FLOAT,
                            0,
                            columns);
                }
            }
        };
    }

    /** Loops over rows whose parts add to the gradients of the parameters. */
    private abstract static class ParameterLoops implements RowLoops {
        private final ColumnSums gammas;
        private final ColumnSums betas;

        ParameterLoops(ColumnSums gammas, ColumnSums betas) {
            this.gammas = gammas;
            this.betas = betas;
        }

        abstract void compute(int from, int to, float[] dgamma, float[] dbeta);

        @Override
        public void begin() {
            gammas.begin();
            if (betas != null) {
                betas.begin();
            }
        }

        @Override
        public void compute(int from, int to) {
            float[] dgamma = gammas.ofThread();
            float[] dbeta = betas == null ? null : betas.ofThread();
            compute(from, to, dgamma, dbeta);
            gammas.add(dgamma);
            if (betas != null) {
                betas.add(dbeta);
            }
        }
    }
}
