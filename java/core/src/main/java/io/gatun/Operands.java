// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;

/**
 * The checks that kernels of all families make of their tensors. The first argument is the tensor
 * in question, the second its name. Each check is a few comparisons; messages are built in methods
 * of their own, on failure only, so that the checks are small enough to be compiled into the call.
 */
final class Operands {
    private Operands() {}

    static void require(Tensor tensor, String name) {
        if (tensor == null) {
            throw new NullPointerException(name + ": expected a Tensor, but it is null");
        }
    }

    /** All tensors of a call live on one device, that of x. */
    static void requireDevice(Tensor tensor, String name, Tensor x) {
        requireDevice(tensor, name, x, "x");
    }

    /** As {@link #requireDevice(Tensor, String, Tensor)}, where the tensor to go by is not x. */
    static void requireDevice(Tensor tensor, String name, Tensor anchor, String anchorName) {
        if (tensor.device() != anchor.device()) {
            throw wrongDevice(tensor, name, anchor, anchorName);
        }
    }

    private static IllegalArgumentException wrongDevice(
            Tensor tensor, String name, Tensor anchor, String anchorName) {
        return new IllegalArgumentException(
                ("%s: expected a tensor on %s, the device of %s, but it is on %s; "
                                + "Tensor.on(Device) shows host memory to another device")
                        .formatted(name, anchor.device(), anchorName, tensor.device()));
    }

    static void requireType(Tensor tensor, String name, DType dtype, String reason) {
        if (tensor.dtype() != dtype) {
            throw new IllegalArgumentException(
                    "%s: expected %s (%s), but it is %s"
                            .formatted(name, dtype, reason, tensor.dtype()));
        }
    }

    /** At least one column, neighbours in memory, and one stride between all rows. */
    static void requireRows(Tensor tensor, String name) {
        if (tensor.rowStride < 0 || tensor.columns == 0) {
            throw notRows(tensor, name);
        }
    }

    private static IllegalArgumentException notRows(Tensor tensor, String name) {
        if (tensor.rank() == 0) {
            return new IllegalArgumentException(
                    name + ": expected at least one dimension, but it has none");
        }
        if (tensor.columns == 0) {
            return new IllegalArgumentException(
                    "%s: expected at least 1 column (the last dimension), but shape %s has 0"
                            .formatted(name, Arrays.toString(tensor.shape())));
        }
        return new IllegalArgumentException(
                ("%s: expected columns with stride 1 and leading dimensions with one "
                                + "stride from row to row, but shape %s has strides %s; contiguous() makes "
                                + "a copy without gaps")
                        .formatted(
                                name,
                                Arrays.toString(tensor.shape()),
                                Arrays.toString(tensor.strides())));
    }

    static void requireShape(Tensor tensor, String name, Tensor x) {
        requireShape(tensor, name, x, "x");
    }

    static void requireShape(Tensor tensor, String name, Tensor anchor, String anchorName) {
        if (!tensor.hasShapeOf(anchor)) {
            throw new IllegalArgumentException(
                    "%s: expected shape %s, that of %s, but it is %s"
                            .formatted(
                                    name,
                                    Arrays.toString(anchor.shape()),
                                    anchorName,
                                    Arrays.toString(tensor.shape())));
        }
    }

    /** One dimension of as many elements as x has columns, without gaps. */
    static void requireColumns(Tensor tensor, String name, Tensor x) {
        requireColumns(tensor, name, x, "x");
    }

    static void requireColumns(Tensor tensor, String name, Tensor anchor, String anchorName) {
        requireElements(tensor, name, anchor.columns, "columns", anchorName);
    }

    /** One dimension of as many elements as the anchor has columns or rows, without gaps. */
    static void requireElements(
            Tensor tensor, String name, long count, String what, String anchorName) {
        if (tensor.rank() != 1 || tensor.columns != count) {
            throw notElements(tensor, name, count, what, anchorName);
        }
        if (tensor.rowStride < 0) {
            throw notRows(tensor, name);
        }
    }

    private static IllegalArgumentException notElements(
            Tensor tensor, String name, long count, String what, String anchorName) {
        String expected =
                "%s: expected %s elements (the %s of %s), but "
                        .formatted(name, count, what, anchorName);
        return new IllegalArgumentException(
                tensor.rank() == 1
                        ? expected + "it has " + tensor.columns
                        : expected + "its shape is " + Arrays.toString(tensor.shape()));
    }

    /** As many elements as x has rows, in any shape, without gaps. */
    static void requireOneEachRow(Tensor tensor, String name, Tensor x) {
        requireOneEachRow(tensor, name, x, "x");
    }

    static void requireOneEachRow(Tensor tensor, String name, Tensor anchor, String anchorName) {
        if (tensor.elementCount() != anchor.rows || !tensor.isContiguous()) {
            throw new IllegalArgumentException(
                    ("%s: expected %s contiguous elements (the rows of %s), but shape %s has %s "
                                    + "with strides %s")
                            .formatted(
                                    name,
                                    anchor.rows,
                                    anchorName,
                                    Arrays.toString(tensor.shape()),
                                    tensor.elementCount(),
                                    Arrays.toString(tensor.strides())));
        }
    }

    static void requireWritable(Tensor tensor, String name) {
        if (tensor.readOnly) {
            throw new IllegalArgumentException(
                    name + ": expected memory that can be written, but it is read-only");
        }
    }

    /**
     * An output shares no byte with another tensor; gaps between rows count as part of a tensor.
     */
    static void requireDisjoint(Tensor output, String name, Tensor other, String otherName) {
        if (overlap(output, other)) {
            throw anyOverlap(name, otherName);
        }
    }

    static IllegalArgumentException anyOverlap(String name, String otherName) {
        return new IllegalArgumentException(
                "%s: expected memory apart from %s, but they overlap".formatted(name, otherName));
    }

    /**
     * As {@link #requireDisjoint}, but the output may be x itself: the same first element and the
     * same strides.
     */
    static void requireSameOrDisjoint(Tensor output, String name, Tensor x) {
        requireSameOrDisjoint(output, name, x, "x");
    }

    static void requireSameOrDisjoint(Tensor output, String name, Tensor other, String otherName) {
        if (overlap(output, other)
                && !(output.start == other.start && output.rowStride == other.rowStride)) {
            throw partialOverlap(name, otherName);
        }
    }

    static IllegalArgumentException partialOverlap(String name, String otherName) {
        return new IllegalArgumentException(
                ("%s: expected %s itself or memory apart from %s, but they overlap in another way")
                        .formatted(name, otherName, otherName));
    }

    /** Whether two tensors share a byte, or one has a gap where the other lies. */
    static boolean overlap(Tensor a, Tensor b) {
        if (a.onHeap != b.onHeap || a.start >= b.end || b.start >= a.end) {
            return false;
        }
        if (a.array != null && b.array != null || !a.onHeap) {
            return a.array == b.array;
        }
        // A read-only heap segment of the user does not say which array it is of, but can be
        // compared with others.
        return a.segment().asOverlappingSlice(b.segment()).isPresent();
    }

    /**
     * The same for tensors that are made of steps, each of so many elements: where both have one
     * stride, gaps between steps do not count.
     */
    static boolean overlap(
            Tensor a, long aStride, long aWidth, Tensor b, long bStride, long bWidth) {
        if (!overlap(a, b)) {
            return false;
        }
        long stride = aStride * a.dtype().bytes();
        if (a.elementCount() == 0 || stride == 0 || stride != bStride * b.dtype().bytes()) {
            return true;
        }
        // Step i of a meets step i + k of b where the distance of their first bytes is less than
        // one of the widths.
        long within = Math.floorMod(b.start - a.start, stride);
        return within < aWidth * a.dtype().bytes() || within > stride - bWidth * b.dtype().bytes();
    }

    /**
     * Whether this thread may use the tensor's memory now. Native calls find out by themselves;
     * this is for the kernels in Java, which would find out half way, and for messages.
     */
    static void requireOpen(Tensor tensor, String name) {
        if (tensor == null) {
            return;
        }
        if (!tensor.segment().scope().isAlive()) {
            throw new IllegalStateException(name + ": expected open memory, but it was closed");
        }
        if (!tensor.segment().isAccessibleBy(Thread.currentThread())) {
            throw new WrongThreadException(
                    ("%s: expected memory that %s may use, but it belongs to the confined "
                                    + "arena of another thread")
                            .formatted(name, Thread.currentThread()));
        }
    }
}
