/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.ActivationMode;
import io.gatun.DType;
import io.gatun.IntegerMatrix;
import io.gatun.LowBitMatrix;
import io.gatun.Quantization;
import io.gatun.Tensor;
import io.gatun.WeightGrid;
import io.gatun.WeightQuantization;
import io.gatun.conformance.CaseFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/** Products with low-bit weights, of as many outputs as inputs, and what belongs to them. */
abstract class LowBitBench extends BenchOperation {
    /* So many products are compared with the definition, in the whole case. */
    private static final long COMPARED_PRODUCTS = 30_000_000;

    LowBitBench(String function, String variant) {
        super(function, variant);
    }

    /** The cases with other numbers of outputs are for the native harness. */
    @Override
    boolean takes(CaseFile.Case shape) {
        return shape.xStride() == shape.columns() && shape.yStride() == shape.columns();
    }

    /**
     * Compares some outputs of a row, others in each row; the rest counts as right. Errors are in
     * units of {@code 4 terms 2^-24} of the magnitudes, as the header states them for sums of so
     * many terms.
     */
    static void compare(Evaluation row, LowBitWeightsOfBench weights, double[] x, int terms) {
        double[] y = row.output("y").clone();
        double[] magnitudes = new double[y.length];
        Arrays.fill(magnitudes, 1);
        long products = (long) row.rows() * x.length * x.length;
        int step = (int) Math.max(1, products / COMPARED_PRODUCTS);
        weights.multiply(x, row.number() % step, step, y, magnitudes);
        for (int n = 0; n < magnitudes.length; n++) {
            magnitudes[n] *= 2 * terms;
        }
        row.expect("y", y, magnitudes);
    }

    private static final int MOST_CODE = 127;

    /** Activations as codes and scales again, group by group, in the canonical form. */
    static double[] roundTrip(double[] x, int group) {
        double[] rounded = new double[x.length];
        for (int begin = 0; begin < x.length; begin += group) {
            int end = Math.min(begin + group, x.length);
            float magnitude = 0;
            for (int k = begin; k < end; k++) {
                magnitude = Math.max(magnitude, Math.abs((float) x[k]));
            }
            float scale = magnitude / MOST_CODE;
            float inverse = magnitude == 0 ? 0 : MOST_CODE / magnitude;
            for (int k = begin; k < end; k++) {
                rounded[k] = Math.rint((float) x[k] * inverse) * scale;
            }
        }
        return rounded;
    }

    /** {@code lowbit_multiply}, the quantization of activations included. */
    static final class Multiply extends LowBitBench {
        private final ActivationMode mode;
        private final int group;
        private final LowBitWeightsOfBench weights;

        private Multiply(String variant, WeightQuantization how, ActivationMode mode, int group) {
            super("lowbit_multiply", variant);
            this.mode = mode;
            this.group = group;
            this.weights = new LowBitWeightsOfBench(how);
        }

        private static WeightQuantization how(int bits, WeightGrid grid, int group) {
            return new WeightQuantization(bits, grid, group, DType.F16);
        }

        static List<BenchOperation> all() {
            WeightQuantization int4 = how(4, WeightGrid.SYMMETRIC, 32);
            WeightQuantization int4Affine = how(4, WeightGrid.AFFINE, 128);
            return List.of(
                    new Multiply("4-bit-g32", int4, ActivationMode.INT8_GROUP_32, 32),
                    new Multiply("4-bit-g128", int4Affine, ActivationMode.INT8_GROUP_128, 128),
                    new Multiply("4-bit-g128-float", int4Affine, ActivationMode.FLOAT, 0),
                    new Multiply(
                            "6-bit-g64",
                            how(6, WeightGrid.SYMMETRIC, 64),
                            ActivationMode.INT8_GROUP_64,
                            64),
                    new Multiply(
                            "8-bit-g32",
                            how(8, WeightGrid.SYMMETRIC, 32),
                            ActivationMode.INT8_GROUP_32,
                            32));
        }

        @Override
        List<Operand> operands() {
            return List.of(Operand.data("x"), Operand.result("y", Operand.Extent.FULL));
        }

        @Override
        int flops() {
            return 0;
        }

        @Override
        long flops(int columns) {
            return 2L * columns;
        }

        @Override
        long weightBytes(int columns) {
            return weights.bytes(columns);
        }

        @Override
        boolean isQuick() {
            return !variant().startsWith("6");
        }

        @Override
        void define(Evaluation row) {
            double[] x = row.input("x");
            if (mode == ActivationMode.FLOAT) {
                compare(row, weights, x, x.length);
            } else {
                compare(row, weights, roundTrip(x, group), (x.length + group - 1) / group + 1);
            }
        }

        @Override
        Runnable gatun(Function<String, Tensor> tensors) {
            Tensor x = tensors.apply("x");
            Tensor y = tensors.apply("y");
            LowBitMatrix matrix = weights.on(x.device(), Math.toIntExact(x.size(1)));
            return () -> matrix.multiply(x, null, mode, y);
        }

        @Override
        Function<HeapOperands, RowLoops> arrayVectors() {
            return variant().equals("4-bit-g32")
                    ? arrays -> new LowBitVectors(arrays, weights)
                    : null;
        }
    }

    /** {@code int8_matmul} with a scale of each row; codes are made before. */
    static final class Int8 extends LowBitBench {
        private final LowBitWeightsOfBench weights =
                new LowBitWeightsOfBench(
                        WeightQuantization.symmetric8(WeightQuantization.PER_CHANNEL));

        Int8() {
            super("int8_matmul", "");
        }

        @Override
        List<Operand> operands() {
            return List.of(Operand.data("x"), Operand.result("y", Operand.Extent.FULL));
        }

        @Override
        int flops() {
            return 0;
        }

        @Override
        long flops(int columns) {
            return 2L * columns;
        }

        @Override
        long weightBytes(int columns) {
            return weights.bytes(columns);
        }

        @Override
        void define(Evaluation row) {
            double[] x = row.input("x");
            compare(row, weights, roundTrip(x, x.length), 2);
        }

        @Override
        Runnable gatun(Function<String, Tensor> tensors) {
            Tensor x = tensors.apply("x");
            Tensor y = tensors.apply("y");
            long rows = x.size(0);
            long columns = x.size(1);
            LowBitMatrix matrix = weights.on(x.device(), Math.toIntExact(columns));
            MemorySegment memory = Arena.ofAuto().allocate(rows * columns, 64);
            IntegerMatrix codes =
                    IntegerMatrix.of(IntegerMatrix.Type.I8, memory, rows, columns, columns);
            Tensor scales =
                    x.device()
                            .tensor(
                                    DType.F32,
                                    Arena.ofAuto().allocate(rows * Float.BYTES, 64),
                                    rows,
                                    1);
            Quantization.quantizeActivations(x, ActivationMode.INT8_ROW, codes, scales, null);
            Tensor rowScales = scales.reshape(rows);
            return () -> matrix.int8Matmul(codes, rowScales, null, null, y);
        }
    }

    /** {@code lowbit_quantize_activations} with a scale of each row. */
    static final class Quantize extends LowBitBench {
        Quantize() {
            super("lowbit_quantize_activations", "");
        }

        @Override
        List<Operand> operands() {
            return List.of(Operand.data("x"), Operand.result("scales", Operand.Extent.ROWS));
        }

        /** The magnitude and its maximum, the product and its rounding. */
        @Override
        int flops() {
            return 4;
        }

        @Override
        void define(Evaluation row) {
            double greatest = 0;
            for (double x : row.input("x")) {
                greatest = Math.max(greatest, Math.abs(x));
            }
            row.expect("scales", new double[] {(float) greatest / MOST_CODE});
        }

        @Override
        Runnable gatun(Function<String, Tensor> tensors) {
            Tensor x = tensors.apply("x");
            long rows = x.size(0);
            long columns = x.size(1);
            Tensor scales = tensors.apply("scales").reshape(rows, 1);
            MemorySegment memory = Arena.ofAuto().allocate(rows * columns, 64);
            IntegerMatrix codes =
                    IntegerMatrix.of(IntegerMatrix.Type.I8, memory, rows, columns, columns);
            return () ->
                    Quantization.quantizeActivations(
                            x, ActivationMode.INT8_ROW, codes, scales, null);
        }
    }
}
