// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;

/** The argument checks of Kolmogorov-Arnold networks, for every device. */
final class KanChecks {
    private KanChecks() {}

    static void basis(KanBasis basis, Tensor x, Tensor phi) {
        requireBasis(basis);
        RowOperands.anchor(x, "x");
        functions(phi, "phi", basis, x);
        Operands.requireWritable(phi, "phi");
        RowOperands.apart(phi, "phi", x, "x");
    }

    static void basisBackward(KanBasis basis, Tensor dphi, Tensor x, Tensor dx) {
        requireBasis(basis);
        RowOperands.anchor(x, "x");
        functions(dphi, "dphi", basis, x);
        RowOperands.output(dx, "dx", x, "x");
        RowOperands.sameOrApart(dx, "dx", x, "x");
        RowOperands.apart(dx, "dx", dphi, "dphi");
    }

    private static void requireBasis(KanBasis basis) {
        RowOperands.requireNonNull(basis, "basis", "a KanBasis");
    }

    /** The shape of x with the functions in front of the columns, those of a row in a piece. */
    private static void functions(Tensor tensor, String name, KanBasis basis, Tensor x) {
        Operands.require(tensor, name);
        Operands.requireDevice(tensor, name, x);
        if (tensor.dtype() != x.dtype()) {
            Operands.requireType(tensor, name, x.dtype(), "the type of x");
        }
        long[] expected = Arrays.copyOf(x.shape(), x.rank() + 1);
        expected[x.rank()] = expected[x.rank() - 1];
        expected[x.rank() - 1] = basis.count();
        if (!Arrays.equals(tensor.shape(), expected)) {
            throw new IllegalArgumentException(
                    "%s: expected shape %s, that of x with the functions of the basis, but it is %s"
                            .formatted(
                                    name,
                                    Arrays.toString(expected),
                                    Arrays.toString(tensor.shape())));
        }
        if (HeadNormChecks.tokenStride(tensor) < 0) {
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
        return HeadNormChecks.tokenStride(tensor);
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
}
