// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;

/**
 * The checks of tensors {@code [tokens, heads, headColumns]}, where the tokens may be several
 * dimensions, and what kernels need to know of them.
 */
final class HeadOperands {
    private HeadOperands() {}

    /** How many tokens there are. */
    static long tokens(Tensor tensor) {
        long tokens = 1;
        for (int dimension = 0; dimension < tensor.rank() - 2; dimension++) {
            tokens *= tensor.size(dimension);
        }
        return tokens;
    }

    static long heads(Tensor tensor) {
        return tensor == null ? 0 : tensor.size(tensor.rank() - 2);
    }

    /**
     * The distance from token to token; -1 where no single number says it, or where the heads of a
     * token are not next to each other.
     */
    static long tokenStride(Tensor tensor) {
        int rank = tensor.rank();
        long columns = tensor.columns;
        long heads = tensor.size(rank - 2);
        if (columns > 1 && tensor.stride(rank - 1) != 1
                || heads > 1 && tensor.stride(rank - 2) != columns) {
            return -1;
        }
        long stride = heads * columns;
        long next = -1;
        for (int dimension = rank - 3; dimension >= 0; dimension--) {
            long size = tensor.size(dimension);
            if (size == 0) {
                return heads * columns;
            }
            if (size != 1) {
                if (next < 0) {
                    stride = tensor.stride(dimension);
                } else if (tensor.stride(dimension) != next) {
                    return -1;
                }
                next = tensor.stride(dimension) * size;
            }
        }
        return stride < heads * columns ? -1 : stride;
    }

    /** The tensor that the others of a call are compared with. */
    static void anchor(Tensor tensor, String name) {
        if (tensor.rank() < 3 || tensor.columns == 0) {
            throw new IllegalArgumentException(
                    ("%s: expected shape [tokens, heads, headColumns] with at least 1 head column, "
                                    + "but it is %s")
                            .formatted(name, Arrays.toString(tensor.shape())));
        }
        if (tokenStride(tensor) < 0) {
            throw new IllegalArgumentException(
                    ("%s: expected the heads of a token next to each other and one stride from "
                                    + "token to token, but shape %s has strides %s; contiguous() "
                                    + "makes a copy without gaps")
                            .formatted(
                                    name,
                                    Arrays.toString(tensor.shape()),
                                    Arrays.toString(tensor.strides())));
        }
    }

    /** A tensor of the anchor's shape, type and device. */
    static void operand(Tensor tensor, String name, Tensor anchor, String anchorName) {
        Operands.requireDevice(tensor, name, anchor, anchorName);
        if (tensor.dtype() != anchor.dtype()) {
            Operands.requireType(tensor, name, anchor.dtype(), "the type of " + anchorName);
        }
        Operands.requireShape(tensor, name, anchor, anchorName);
        anchor(tensor, name);
    }

    /** An output that is another tensor itself or shares no byte with it, token by token. */
    static void sameOrApart(Tensor output, String name, Tensor input, String inputName) {
        if (output == null || input == null || !overlap(output, input)) {
            return;
        }
        if (output.start != input.start || tokenStride(output) != tokenStride(input)) {
            throw Operands.partialOverlap(name, inputName);
        }
    }

    /** An output that shares no byte with another tensor, token by token. */
    static void apart(Tensor output, String name, Tensor other, String otherName) {
        if (output != null && other != null && overlap(output, other)) {
            throw Operands.anyOverlap(name, otherName);
        }
    }

    /** The same for an output or another tensor of one element for each head. */
    static void apartFromGates(
            Tensor tensor, String name, Tensor gates, String gatesName, boolean gatesAreOutput) {
        if (Operands.overlap(
                tensor,
                tokenStride(tensor),
                heads(tensor) * tensor.columns,
                gates,
                gates.rowStride,
                gates.columns)) {
            throw gatesAreOutput
                    ? Operands.anyOverlap(gatesName, name)
                    : Operands.anyOverlap(name, gatesName);
        }
    }

    private static boolean overlap(Tensor a, Tensor b) {
        return Operands.overlap(
                a, tokenStride(a), heads(a) * a.columns, b, tokenStride(b), heads(b) * b.columns);
    }
}
