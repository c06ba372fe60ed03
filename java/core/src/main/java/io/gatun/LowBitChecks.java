// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** The argument checks of low-bit matrices and their products, for every device. */
final class LowBitChecks {
    /* Beyond these, sums of products could exceed 32 bits. */
    private static final long MOST_INT8_INPUTS = 131_071;
    private static final long MOST_WITH_ZERO_POINTS = 65_793;
    private static final long MOST_WITH_BOTH_ZERO_POINTS = 33_025;
    private static final long MOST_SUMMED = 16_909_320;

    private LowBitChecks() {}

    static void quantize(Tensor weight, WeightQuantization how) {
        Operands.require(weight, "weight");
        SourceChecks.require(how, "how");
        requireRows(weight, "weight");
        if (weight.rank() != 2) {
            throw new IllegalArgumentException(
                    "weight: expected the shape [outputs, inputs], but it is "
                            + Arrays.toString(weight.shape()));
        }
        SourceChecks.shape(weight.rows, weight.columns);
    }

    static void calibrate(
            Tensor weight,
            Tensor activations,
            WeightQuantization how,
            Quantization.Progress progress) {
        quantize(weight, how);
        SourceChecks.require(progress, "progress");
        Operands.require(activations, "activations");
        Operands.requireDevice(activations, "activations", weight, "weight");
        requireRows(activations, "activations");
        if (activations.columns != weight.columns || activations.rows == 0) {
            throw new IllegalArgumentException(
                    "activations: expected at least one row of %s columns (the inputs), but the shape is %s"
                            .formatted(weight.columns, Arrays.toString(activations.shape())));
        }
        requireOpen(weight, activations, null);
        requireFinite(weight, "weight");
        requireFinite(activations, "activations");
    }

    private static void requireFinite(Tensor tensor, String name) {
        for (long row = 0; row < tensor.rows; row++) {
            for (double value : ReferenceRows.read(tensor, row)) {
                if (!Double.isFinite(value)) {
                    throw new IllegalArgumentException(
                            "%s: expected finite numbers, but row %s has %s"
                                    .formatted(name, row, value));
                }
            }
        }
    }

    static void clip(Tensor weight, Tensor activations, WeightQuantization how, Tensor out) {
        Operands.require(out, "out");
        if (how.groupSize() == WeightQuantization.PER_TENSOR) {
            throw new IllegalArgumentException(
                    "how: expected groups or one scale for each output, but it is per tensor");
        }
        Operands.requireDevice(out, "out", weight, "weight");
        Operands.requireShape(out, "out", weight, "weight");
        requireRows(out, "out");
        Operands.requireWritable(out, "out");
        Operands.requireSameOrDisjoint(out, "out", weight, "weight");
        Operands.requireDisjoint(out, "out", activations, "activations");
        Operands.requireOpen(out, "out");
    }

    static void multiply(
            LowBitMatrix matrix, Tensor x, Tensor bias, ActivationMode mode, Tensor y) {
        Operands.require(x, "x");
        SourceChecks.require(mode, "mode");
        Operands.require(y, "y");
        requireRows(x, "x");
        requireDevice(x, "x", matrix);
        requireColumns(x, "x", matrix.inputs(), "inputs");
        requireSums(matrix, mode);
        requireResult(matrix, x, y);
        requireBias(matrix, bias, y);
    }

    /** Sums over the codes of a group must fit 32 bits. */
    private static void requireSums(LowBitMatrix matrix, ActivationMode mode) {
        long inputs = matrix.inputs();
        if (mode != ActivationMode.INT8_ROW || matrix.groupSize() < inputs) {
            return;
        }
        long most =
                switch (matrix.bits()) {
                    case 4 -> 1_118_481;
                    case 5 -> 541_200;
                    case 6 -> 266_305;
                    default -> MOST_WITH_ZERO_POINTS;
                };
        if (inputs > most) {
            throw new IllegalArgumentException(
                    ("mode: expected groups of at most %s inputs with %s-bit weights, since their sums "
                                    + "could exceed 32 bits, but those of %s have %s")
                            .formatted(most, matrix.bits(), mode, inputs));
        }
    }

    private static void requireResult(LowBitMatrix matrix, Tensor x, Tensor y) {
        Operands.requireDevice(y, "y", x);
        Operands.requireType(y, "y", x.dtype(), "the type of x");
        requireRows(y, "y");
        requireColumns(y, "y", matrix.outputs(), "outputs");
        long[] expected = x.shape();
        expected[expected.length - 1] = matrix.outputs();
        if (!Arrays.equals(y.shape(), expected)) {
            throw new IllegalArgumentException(
                    "y: expected shape %s, the rows of x and the outputs, but it is %s"
                            .formatted(Arrays.toString(expected), Arrays.toString(y.shape())));
        }
        Operands.requireWritable(y, "y");
        Operands.requireDisjoint(y, "y", x, "x");
    }

    private static void requireBias(LowBitMatrix matrix, Tensor bias, Tensor y) {
        if (bias == null) {
            return;
        }
        Operands.requireDevice(bias, "bias", y, "y");
        Operands.requireType(bias, "bias", DType.F32, "biases of every type of x");
        Operands.requireElements(bias, "bias", matrix.outputs(), "outputs", "the matrix");
        Operands.requireDisjoint(y, "y", bias, "bias");
    }

    static void dequantize(LowBitMatrix matrix, long firstOutput, Tensor out) {
        Operands.require(out, "out");
        requireRows(out, "out");
        requireDevice(out, "out", matrix);
        requireColumns(out, "out", matrix.inputs(), "inputs");
        requireOutputs(matrix, firstOutput, out.rows);
        Operands.requireWritable(out, "out");
    }

    static void unpack(
            LowBitMatrix matrix,
            long firstOutput,
            long count,
            IntegerMatrix codes,
            Tensor scales,
            Tensor offsets) {
        if (codes != null) {
            codes.requireType(IntegerMatrix.Type.I8, "codes");
            requireSize(codes, "codes", count, "count", matrix.inputs(), "inputs");
            requireDense(codes, "codes");
            requireWritable(codes, "codes");
        }
        long groups = groups(matrix.inputs(), matrix.groupSize());
        requireGroups(matrix, scales, "scales", count, groups);
        requireGroups(matrix, offsets, "offsets", count, groups);
        requireOutputs(matrix, firstOutput, count);
        if (scales != null && offsets != null) {
            Operands.requireDisjoint(offsets, "offsets", scales, "scales");
        }
        if (codes != null) {
            requireDisjoint(codes, "codes", scales, "scales");
            requireDisjoint(codes, "codes", offsets, "offsets");
        }
    }

    private static void requireGroups(
            LowBitMatrix matrix, Tensor values, String name, long count, long groups) {
        if (values == null) {
            return;
        }
        requireDevice(values, name, matrix);
        Operands.requireType(values, name, DType.F32, "those of every matrix");
        requireShape(values, name, count, groups);
        Operands.requireWritable(values, name);
    }

    private static void requireOutputs(LowBitMatrix matrix, long firstOutput, long count) {
        if (firstOutput < 0 || count < 0 || count > matrix.outputs() - firstOutput) {
            throw new IllegalArgumentException(
                    "firstOutput: expected %s outputs within the %s of the matrix, but it is %s"
                            .formatted(count, matrix.outputs(), firstOutput));
        }
    }

    static void quantizeActivations(
            Tensor x, ActivationMode mode, IntegerMatrix codes, Tensor scales, IntegerMatrix sums) {
        Operands.require(x, "x");
        SourceChecks.require(mode, "mode");
        if (mode == ActivationMode.FLOAT) {
            throw new IllegalArgumentException(
                    "mode: expected one with int8 codes, but it is FLOAT");
        }
        requireCodes(x, codes);
        Operands.require(scales, "scales");
        Operands.requireDevice(scales, "scales", x);
        Operands.requireType(scales, "scales", DType.F32, "scales of every type of x");
        long groups = groups(x.columns, mode.groupSize(x.columns));
        requireShape(scales, "scales", x.rows, groups);
        Operands.requireWritable(scales, "scales");
        Operands.requireDisjoint(scales, "scales", x, "x");
        requireDisjoint(codes, "codes", scales, "scales");
        requireSumsOf(x, codes, sums, groups);
        requireDisjoint(sums, "sums", scales, "scales");
    }

    static void quantizeActivations(
            Tensor x,
            Tensor channelScales,
            Tensor channelCentres,
            int limit,
            IntegerMatrix codes,
            IntegerMatrix sums) {
        Operands.require(x, "x");
        requireCodes(x, codes);
        Operands.require(channelScales, "channelScales");
        requireChannel(x, channelScales, "channelScales", codes, sums);
        if (channelCentres != null) {
            requireChannel(x, channelCentres, "channelCentres", codes, sums);
        }
        if (limit < 1 || limit > Byte.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "limit: expected a number from 1 to 127, but it is " + limit);
        }
        requireSumsOf(x, codes, sums, x.columns == 0 ? 0 : 1);
    }

    private static void requireChannel(
            Tensor x, Tensor values, String name, IntegerMatrix codes, IntegerMatrix sums) {
        Operands.requireDevice(values, name, x);
        Operands.requireType(values, name, DType.F32, "those of every type of x");
        Operands.requireElements(values, name, x.columns, "columns", "x");
        requireDisjoint(codes, "codes", values, name);
        requireDisjoint(sums, "sums", values, name);
    }

    private static void requireCodes(Tensor x, IntegerMatrix codes) {
        requireRows(x, "x");
        SourceChecks.require(codes, "codes");
        codes.requireType(IntegerMatrix.Type.I8, "codes");
        requireSize(codes, "codes", x.rows, "rows of x", x.columns, "columns of x");
        requireWritable(codes, "codes");
        requireDisjoint(codes, "codes", x, "x");
    }

    private static void requireSumsOf(
            Tensor x, IntegerMatrix codes, IntegerMatrix sums, long groups) {
        if (sums == null) {
            return;
        }
        sums.requireType(IntegerMatrix.Type.I32, "sums");
        requireSize(sums, "sums", x.rows, "rows of x", groups, "groups");
        if (groups == 1 && x.columns > MOST_SUMMED) {
            throw new IllegalArgumentException(
                    ("sums: expected null for rows of more than %s columns, since they could exceed 32 "
                                    + "bits, but there are %s")
                            .formatted(MOST_SUMMED, x.columns));
        }
        requireDense(sums, "sums");
        requireWritable(sums, "sums");
        requireDisjoint(sums, "sums", x, "x");
        requireDisjoint(sums, "sums", codes.segment(), "codes");
    }

    /** The scales and centres themselves. */
    static void requireChannels(float[] scales, float[] centres) {
        for (int i = 0; i < scales.length; i++) {
            if (!(scales[i] > 0 && scales[i] <= Float.MAX_VALUE)) {
                throw new IllegalArgumentException(
                        "channelScales: expected finite numbers above 0, but number %s is %s"
                                .formatted(i, scales[i]));
            }
            if (centres != null && !Float.isFinite(centres[i])) {
                throw new IllegalArgumentException(
                        "channelCentres: expected finite numbers, but number %s is %s"
                                .formatted(i, centres[i]));
            }
        }
    }

    static void int8Matmul(
            LowBitMatrix matrix,
            IntegerMatrix x,
            Tensor rowScales,
            int[] rowZeroPoints,
            Tensor bias,
            Tensor y) {
        requireInt8(matrix, x, rowZeroPoints);
        Operands.require(y, "y");
        requireDevice(y, "y", matrix);
        Operands.requireType(y, "y", DType.F32, "the type of scaled sums");
        requireRows(y, "y");
        requireColumns(y, "y", matrix.outputs(), "outputs");
        if (y.rows != x.rows()) {
            throw new IllegalArgumentException(
                    "y: expected %s rows (those of x), but it has %s".formatted(x.rows(), y.rows));
        }
        Operands.requireWritable(y, "y");
        requireDisjoint(x, "x", y, "y");
        if (rowScales != null) {
            Operands.requireDevice(rowScales, "rowScales", y, "y");
            Operands.requireType(rowScales, "rowScales", DType.F32, "scales of int8 codes");
            Operands.requireElements(rowScales, "rowScales", x.rows(), "rows", "x");
            Operands.requireDisjoint(y, "y", rowScales, "rowScales");
        }
        requireBias(matrix, bias, y);
    }

    static void int8Matmul(
            LowBitMatrix matrix, IntegerMatrix x, int[] rowZeroPoints, IntegerMatrix y) {
        requireInt8(matrix, x, rowZeroPoints);
        SourceChecks.require(y, "y");
        y.requireType(IntegerMatrix.Type.I32, "y");
        requireSize(y, "y", x.rows(), "rows of x", matrix.outputs(), "outputs");
        requireWritable(y, "y");
        requireDisjoint(y, "y", x.segment(), "x");
    }

    private static void requireInt8(LowBitMatrix matrix, IntegerMatrix x, int[] rowZeroPoints) {
        SourceChecks.require(x, "x");
        x.requireType(IntegerMatrix.Type.I8, "x");
        if (x.columns() != matrix.inputs()) {
            throw new IllegalArgumentException(
                    "x: expected %s columns (the inputs of the matrix), but it has %s"
                            .formatted(matrix.inputs(), x.columns()));
        }
        if (matrix.bits() != 8 || matrix.groupSize() < matrix.inputs()) {
            throw new IllegalArgumentException(
                    "weights: expected 8 bits and one scale for each output, but they have %s bits and "
                                    .formatted(matrix.bits())
                            + "groups of "
                            + matrix.groupSize());
        }
        requireInt8Inputs(x.columns(), false, false);
        SourceChecks.zeroPoints("rowZeroPoints", rowZeroPoints, x.rows(), "rows of x");
    }

    /** Sums of products must fit 32 bits. */
    static void requireInt8Inputs(long inputs, boolean rowZeroPoints, boolean weightZeroPoints) {
        long most =
                rowZeroPoints && weightZeroPoints
                        ? MOST_WITH_BOTH_ZERO_POINTS
                        : rowZeroPoints || weightZeroPoints
                                ? MOST_WITH_ZERO_POINTS
                                : MOST_INT8_INPUTS;
        if (inputs > most) {
            throw new IllegalArgumentException(
                    "x: expected at most %s columns, since sums could exceed 32 bits, but it has %s"
                            .formatted(most, inputs));
        }
    }

    private static long groups(long inputs, long groupSize) {
        return (inputs + groupSize - 1) / groupSize;
    }

    /** As {@link Operands#requireRows}, but there may be no columns. */
    private static void requireRows(Tensor tensor, String name) {
        if (tensor.rank() == 0 || tensor.columns != 0) {
            Operands.requireRows(tensor, name);
        }
    }

    private static void requireDevice(Tensor tensor, String name, LowBitMatrix matrix) {
        if (tensor.device() != matrix.device()) {
            throw new IllegalArgumentException(
                    ("%s: expected a tensor on %s, the device of the matrix, but it is on %s; "
                                    + "Tensor.on(Device) shows host memory to another device")
                            .formatted(name, matrix.device(), tensor.device()));
        }
    }

    private static void requireColumns(Tensor tensor, String name, long columns, String what) {
        if (tensor.columns != columns) {
            throw new IllegalArgumentException(
                    "%s: expected %s columns (the %s of the matrix), but its shape is %s"
                            .formatted(name, columns, what, Arrays.toString(tensor.shape())));
        }
    }

    private static void requireShape(Tensor tensor, String name, long rows, long groups) {
        if (tensor.rank() != 2
                || tensor.size(0) != rows
                || tensor.size(1) != groups
                || !tensor.isContiguous()) {
            throw new IllegalArgumentException(
                    "%s: expected the shape [%s, %s] without gaps, but shape %s has strides %s"
                            .formatted(
                                    name,
                                    rows,
                                    groups,
                                    Arrays.toString(tensor.shape()),
                                    Arrays.toString(tensor.strides())));
        }
    }

    private static void requireSize(
            IntegerMatrix matrix,
            String name,
            long rows,
            String rowsAre,
            long columns,
            String columnsAre) {
        if (matrix.rows() != rows || matrix.columns() != columns) {
            throw new IllegalArgumentException(
                    "%s: expected the size [%s (%s), %s (%s)], but it is %s"
                            .formatted(name, rows, rowsAre, columns, columnsAre, matrix));
        }
    }

    private static void requireDense(IntegerMatrix matrix, String name) {
        if (matrix.rows() > 1 && matrix.rowStride() != matrix.columns()) {
            throw new IllegalArgumentException(
                    "%s: expected rows without gaps, but %s columns have the row stride %s"
                            .formatted(name, matrix.columns(), matrix.rowStride()));
        }
    }

    private static void requireWritable(IntegerMatrix matrix, String name) {
        if (matrix.segment().isReadOnly()) {
            throw new IllegalArgumentException(
                    name + ": expected memory that can be written, but it is read-only");
        }
    }

    private static void requireDisjoint(
            IntegerMatrix output, String name, Tensor other, String otherName) {
        if (other != null) {
            requireDisjoint(output, name, other.segment(), otherName);
        }
    }

    private static void requireDisjoint(
            IntegerMatrix output, String name, MemorySegment other, String otherName) {
        if (output != null && output.segment().asOverlappingSlice(other).isPresent()) {
            throw new IllegalArgumentException(
                    "%s: expected memory apart from %s, but they overlap"
                            .formatted(name, otherName));
        }
    }

    static void requireOpen(IntegerMatrix matrix, String name) {
        if (matrix != null) {
            requireOpen(matrix.segment(), name);
        }
    }

    /** Whether this thread may use memory now. */
    static void requireOpen(MemorySegment memory, String name) {
        if (memory != null && !memory.scope().isAlive()) {
            throw new IllegalStateException(name + ": expected open memory, but it was closed");
        }
        if (memory != null && !memory.isAccessibleBy(Thread.currentThread())) {
            throw new WrongThreadException(
                    name
                            + ": expected memory that this thread may use, but it belongs to the confined"
                            + " arena of another thread");
        }
    }

    /** The tensors of a product, any of which may be null. */
    static void requireOpen(Tensor x, Tensor bias, Tensor y) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(bias, "bias");
        Operands.requireOpen(y, "y");
    }

    static void requireOpen(Tensor x, Tensor scales, IntegerMatrix codes, IntegerMatrix sums) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(scales, "scales");
        requireOpen(codes, "codes");
        requireOpen(sums, "sums");
    }
}
