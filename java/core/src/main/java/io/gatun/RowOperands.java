// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The checks of the operands that the operations on rows share. Each is of one tensor against the
 * anchor of its call, a tensor {@code [..., columns]} that has been checked before; tensors that
 * may be null are skipped.
 */
final class RowOperands {
    private RowOperands() {}

    static <T> void requireNonNull(T argument, String name, String type) {
        if (argument == null) {
            throw new NullPointerException("%s: expected %s, but it is null".formatted(name, type));
        }
    }

    static void requireStatistics(NormStatistics statistics, String name) {
        requireNonNull(statistics, name, "NormStatistics (NormStatistics.NONE for none)");
    }

    static void requireGradients(NormGradients gradients, String name) {
        requireNonNull(gradients, name, "NormGradients (NormGradients.NONE for none)");
    }

    /** The tensor that the others of a call are compared with. */
    static void anchor(Tensor tensor, String name) {
        Operands.require(tensor, name);
        Operands.requireRows(tensor, name);
    }

    /** Data {@code [..., columns]} that is read. */
    static void input(Tensor tensor, String name, Tensor anchor, String anchorName) {
        Operands.require(tensor, name);
        Operands.requireDevice(tensor, name, anchor, anchorName);
        if (tensor.dtype() != anchor.dtype()) {
            Operands.requireType(tensor, name, anchor.dtype(), "the type of " + anchorName);
        }
        Operands.requireShape(tensor, name, anchor, anchorName);
        Operands.requireRows(tensor, name);
    }

    static void optionalInput(Tensor tensor, String name, Tensor anchor, String anchorName) {
        if (tensor != null) {
            input(tensor, name, anchor, anchorName);
        }
    }

    /** Data {@code [..., columns]} that is written. */
    static void output(Tensor tensor, String name, Tensor anchor, String anchorName) {
        input(tensor, name, anchor, anchorName);
        Operands.requireWritable(tensor, name);
    }

    static void optionalOutput(Tensor tensor, String name, Tensor anchor, String anchorName) {
        if (tensor != null) {
            output(tensor, name, anchor, anchorName);
        }
    }

    /** A parameter {@code [columns]}, F32 or of the anchor's type. */
    static void parameter(Tensor parameter, String name, Tensor anchor, String anchorName) {
        if (parameter == null) {
            return;
        }
        Operands.requireDevice(parameter, name, anchor, anchorName);
        if (parameter.dtype() != DType.F32 && parameter.dtype() != anchor.dtype()) {
            Operands.requireType(
                    parameter, name, anchor.dtype(), "F32 or the type of " + anchorName);
        }
        Operands.requireColumns(parameter, name, anchor, anchorName);
    }

    /** All parameters of a call are of one type. */
    static void sameType(Tensor parameter, String name, Tensor other, String otherName) {
        if (parameter != null && other != null && parameter.dtype() != other.dtype()) {
            Operands.requireType(parameter, name, other.dtype(), "the type of " + otherName);
        }
    }

    /** The gradient {@code [columns]} of a parameter. */
    static void gradient(Tensor gradient, String name, Tensor anchor, String anchorName) {
        if (gradient == null) {
            return;
        }
        Operands.requireDevice(gradient, name, anchor, anchorName);
        Operands.requireType(gradient, name, DType.F32, "gradients of parameters of every type");
        Operands.requireColumns(gradient, name, anchor, anchorName);
        Operands.requireWritable(gradient, name);
    }

    /** A statistic {@code [rows]}. */
    static void statistic(Tensor statistic, String name, Tensor anchor, String anchorName) {
        if (statistic == null) {
            return;
        }
        Operands.requireDevice(statistic, name, anchor, anchorName);
        Operands.requireType(statistic, name, DType.F32, "statistics of every type");
        Operands.requireOneEachRow(statistic, name, anchor, anchorName);
    }

    /** What a kind of normalization has no use for must be null. */
    static void ofKind(NormKind kind, Tensor mean, String name, Tensor meanLow, String lowName) {
        if (kind == NormKind.RMS && (mean != null || meanLow != null)) {
            throw new IllegalArgumentException(
                    (mean != null ? name : lowName)
                            + ": expected null, since RMS normalization takes no mean, but it is a tensor");
        }
    }

    static void noBias(NormGradients gradients, String name) {
        if (gradients.dbias() != null) {
            throw new IllegalArgumentException(
                    name + ": expected null, since there is no bias, but it is a tensor");
        }
    }

    /** An output that shares no byte with another tensor. */
    static void apart(Tensor output, String name, Tensor other, String otherName) {
        if (output != null && other != null) {
            Operands.requireDisjoint(output, name, other, otherName);
        }
    }

    static void apart(Tensor output, String name, Tensor a, String aName, Tensor b, String bName) {
        apart(output, name, a, aName);
        apart(output, name, b, bName);
    }

    static void apart(
            Tensor output,
            String name,
            Tensor a,
            String aName,
            Tensor b,
            String bName,
            Tensor c,
            String cName) {
        apart(output, name, a, aName, b, bName);
        apart(output, name, c, cName);
    }

    /** An output that is another tensor itself or shares no byte with it. */
    static void sameOrApart(Tensor output, String name, Tensor other, String otherName) {
        if (output != null && other != null) {
            Operands.requireSameOrDisjoint(output, name, other, otherName);
        }
    }

    /** An output that shares no byte with another tensor, row by row. */
    static void rowsApart(Tensor output, String name, Tensor other, String otherName) {
        if (rowsOverlap(output, other)) {
            throw Operands.anyOverlap(name, otherName);
        }
    }

    /** An output that is another tensor itself or shares no byte with it, row by row. */
    static void sameOrRowsApart(Tensor output, String name, Tensor other, String otherName) {
        if (rowsOverlap(output, other)
                && !(output.start == other.start && output.rowStride == other.rowStride)) {
            throw Operands.partialOverlap(name, otherName);
        }
    }

    private static boolean rowsOverlap(Tensor a, Tensor b) {
        return a != null
                && b != null
                && Operands.overlap(a, a.rowStride, a.columns, b, b.rowStride, b.columns);
    }
}
