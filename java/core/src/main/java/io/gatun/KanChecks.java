// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;

/** The argument checks of Kolmogorov-Arnold networks, for every device. */
final class KanChecks {
    private KanChecks() {}

    static void basis(KanBasis basis, Tensor x, Tensor phi) {
        requireBasis(basis);
        RowOperands.anchor(x, "x");
        functions(phi, "phi", basis.count(), x);
        Operands.requireWritable(phi, "phi");
        RowOperands.apart(phi, "phi", x, "x");
    }

    static void basisBackward(KanBasis basis, Tensor dphi, Tensor x, Tensor dx) {
        requireBasis(basis);
        RowOperands.anchor(x, "x");
        functions(dphi, "dphi", basis.count(), x);
        RowOperands.output(dx, "dx", x, "x");
        RowOperands.sameOrApart(dx, "dx", x, "x");
        RowOperands.apart(dx, "dx", dphi, "dphi");
    }

    static void forward(KanBasis basis, Tensor x, Tensor weight, Tensor bias, Tensor y) {
        requireBasis(basis);
        RowOperands.anchor(x, "x");
        weights(weight, "weight", basis, x);
        vector(bias, "bias", weight, x);
        results(y, "y", weight, x);
        Operands.requireWritable(y, "y");
        RowOperands.apart(y, "y", x, "x", weight, "weight", bias, "bias");
    }

    static void backward(
            KanBasis basis,
            Tensor dy,
            Tensor x,
            Tensor weight,
            Tensor dx,
            Tensor dweight,
            Tensor dbias) {
        requireBasis(basis);
        RowOperands.anchor(x, "x");
        weights(weight, "weight", basis, x);
        results(dy, "dy", weight, x);
        RowOperands.optionalOutput(dx, "dx", x, "x");
        RowOperands.apart(dx, "dx", x, "x", weight, "weight", dy, "dy");
        if (dweight != null) {
            weights(dweight, "dweight", basis, x);
            Operands.requireShape(dweight, "dweight", weight, "weight");
            Operands.requireWritable(dweight, "dweight");
            RowOperands.apart(dweight, "dweight", x, "x", weight, "weight", dy, "dy");
            RowOperands.apart(dweight, "dweight", dx, "dx");
        }
        if (dbias != null) {
            vector(dbias, "dbias", weight, x);
            Operands.requireWritable(dbias, "dbias");
            RowOperands.apart(dbias, "dbias", x, "x", weight, "weight", dy, "dy");
            RowOperands.apart(dbias, "dbias", dx, "dx", dweight, "dweight");
        }
    }

    /** {@code [columns, functions, outputs]}, float32, without gaps. */
    private static void weights(Tensor weight, String name, KanBasis basis, Tensor x) {
        Operands.require(weight, name);
        Operands.requireDevice(weight, name, x);
        Operands.requireType(weight, name, DType.F32, "weights are float32");
        if (weight.rank() != 3
                || weight.size(0) != x.columns
                || weight.size(1) != basis.count()
                || weight.columns == 0) {
            throw new IllegalArgumentException(
                    ("%s: expected shape [%s, %s, outputs], the columns of x and the functions of "
                                    + "the basis, but it is %s")
                            .formatted(
                                    name,
                                    x.columns,
                                    basis.count(),
                                    Arrays.toString(weight.shape())));
        }
        if (!weight.isContiguous()) {
            throw new IllegalArgumentException(
                    "%s: expected no gaps, but shape %s has strides %s; contiguous() makes a copy"
                            .formatted(
                                    name,
                                    Arrays.toString(weight.shape()),
                                    Arrays.toString(weight.strides())));
        }
    }

    private static void vector(Tensor vector, String name, Tensor weight, Tensor x) {
        if (vector != null) {
            Operands.requireDevice(vector, name, x);
            Operands.requireType(vector, name, DType.F32, "biases are float32");
            Operands.requireElements(vector, name, weight.columns, "outputs", "weight");
        }
    }

    /** The shape of x with the outputs of weight in place of the columns. */
    private static void results(Tensor tensor, String name, Tensor weight, Tensor x) {
        Operands.require(tensor, name);
        Operands.requireDevice(tensor, name, x);
        if (tensor.dtype() != x.dtype()) {
            Operands.requireType(tensor, name, x.dtype(), "the type of x");
        }
        if (tensor.rank() != x.rank()
                || !hasRowsOf(x, tensor)
                || tensor.columns != weight.columns) {
            long[] expected = x.shape();
            expected[expected.length - 1] = weight.columns;
            throw new IllegalArgumentException(
                    "%s: expected shape %s, the rows of x and the outputs of weight, but it is %s"
                            .formatted(
                                    name,
                                    Arrays.toString(expected),
                                    Arrays.toString(tensor.shape())));
        }
        Operands.requireRows(tensor, name);
    }

    /**
     * Whether a tensor has the dimensions of x in front of its columns, and maybe others behind.
     */
    private static boolean hasRowsOf(Tensor x, Tensor tensor) {
        for (int dimension = 0; dimension < x.rank() - 1; dimension++) {
            if (tensor.size(dimension) != x.size(dimension)) {
                return false;
            }
        }
        return true;
    }

    private static void requireBasis(KanBasis basis) {
        RowOperands.requireNonNull(basis, "basis", "a KanBasis");
    }

    /** The shape of x with the functions in front of the columns, those of a row in a piece. */
    static void functions(Tensor tensor, String name, int count, Tensor x) {
        Operands.require(tensor, name);
        Operands.requireDevice(tensor, name, x);
        if (tensor.dtype() != x.dtype()) {
            Operands.requireType(tensor, name, x.dtype(), "the type of x");
        }
        if (tensor.rank() != x.rank() + 1
                || !hasRowsOf(x, tensor)
                || tensor.size(x.rank() - 1) != count
                || tensor.columns != x.columns) {
            long[] expected = Arrays.copyOf(x.shape(), x.rank() + 1);
            expected[x.rank()] = expected[x.rank() - 1];
            expected[x.rank() - 1] = count;
            throw new IllegalArgumentException(
                    "%s: expected shape %s, that of x with the functions of the basis, but it is %s"
                            .formatted(
                                    name,
                                    Arrays.toString(expected),
                                    Arrays.toString(tensor.shape())));
        }
        if (HeadOperands.tokenStride(tensor) < 0) {
            throw new IllegalArgumentException(
                    ("%s: expected the functions of a row next to each other and one stride from "
                                    + "row to row, but shape %s has strides %s; contiguous() makes "
                                    + "a copy without gaps")
                            .formatted(
                                    name,
                                    Arrays.toString(tensor.shape()),
                                    Arrays.toString(tensor.strides())));
        }
    }

    /** The distance from the functions of one row to those of the next. */
    static long functionStride(Tensor tensor) {
        return HeadOperands.tokenStride(tensor);
    }

    static void requireOpenBasis(Tensor x, Tensor phi) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(phi, "phi");
    }

    static void requireOpenBasisBackward(Tensor dphi, Tensor x, Tensor dx) {
        Operands.requireOpen(dphi, "dphi");
        Operands.requireOpen(x, "x");
        Operands.requireOpen(dx, "dx");
    }

    static void requireOpenLayer(Tensor x, Tensor weight, Tensor bias, Tensor y) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(weight, "weight");
        Operands.requireOpen(bias, "bias");
        Operands.requireOpen(y, "y");
    }

    static void requireOpenGradients(
            Tensor dy, Tensor x, Tensor weight, Tensor dx, Tensor dweight, Tensor dbias) {
        Operands.requireOpen(dy, "dy");
        Operands.requireOpen(x, "x");
        Operands.requireOpen(weight, "weight");
        Operands.requireOpen(dx, "dx");
        Operands.requireOpen(dweight, "dweight");
        Operands.requireOpen(dbias, "dbias");
    }
}
