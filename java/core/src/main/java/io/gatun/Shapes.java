// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;

/** Arithmetic of sizes and strides. */
final class Shapes {
    /** Beyond this, byte counts of 4-byte elements could not be held in a long. */
    private static final long MOST_ELEMENTS = Long.MAX_VALUE / 8;

    private Shapes() {}

    /** Rejects negative sizes and products beyond 64 bits; sizes of 0 do not excuse the others. */
    static void check(long[] shape) {
        long product = 1;
        for (long size : shape) {
            if (size < 0) {
                throw new IllegalArgumentException(
                        "shape: expected sizes of at least 0, but it is " + Arrays.toString(shape));
            }
            if (product > MOST_ELEMENTS / Math.max(size, 1)) {
                throw new IllegalArgumentException(
                        "shape: expected at most 2^60 - 1 elements, but "
                                + Arrays.toString(shape)
                                + " has more");
            }
            product *= Math.max(size, 1);
        }
    }

    /** Rejects negative strides, and those that lead beyond 64 bits. */
    static void checkStrides(long[] shape, long[] strides) {
        if (strides.length != shape.length) {
            throw new IllegalArgumentException(
                    "strides: expected one for each of the %s dimensions, but it is %s"
                            .formatted(shape.length, Arrays.toString(strides)));
        }
        long last = 0;
        for (int dimension = 0; dimension < shape.length; dimension++) {
            if (strides[dimension] < 0) {
                throw new IllegalArgumentException(
                        "strides: expected at least 0, but they are " + Arrays.toString(strides));
            }
            long steps = Math.max(shape[dimension] - 1, 0);
            if (steps != 0 && strides[dimension] > (MOST_ELEMENTS - last - 1) / steps) {
                throw new IllegalArgumentException(
                        ("strides: expected elements within 2^60 - 1, but %s with shape %s reach "
                                        + "further")
                                .formatted(Arrays.toString(strides), Arrays.toString(shape)));
            }
            last += steps * strides[dimension];
        }
    }

    static long product(long[] shape) {
        long product = 1;
        for (long size : shape) {
            product *= size;
        }
        return product;
    }

    /** The product of all sizes but the last. */
    static long rows(long[] shape) {
        long rows = 1;
        for (int dimension = 0; dimension < shape.length - 1; dimension++) {
            rows *= shape[dimension];
        }
        return rows;
    }

    /** The strides of the row-major order without gaps. */
    static long[] contiguous(long[] shape) {
        long[] strides = new long[shape.length];
        long stride = 1;
        for (int dimension = shape.length - 1; dimension >= 0; dimension--) {
            strides[dimension] = stride;
            stride *= Math.max(shape[dimension], 1);
        }
        return strides;
    }

    /**
     * Whether elements follow each other without gaps; the stride of a dimension of size 1 does not
     * matter.
     */
    static boolean isContiguous(long[] shape, long[] strides) {
        if (product(shape) == 0) {
            return true;
        }
        long stride = 1;
        for (int dimension = shape.length - 1; dimension >= 0; dimension--) {
            if (shape[dimension] != 1 && strides[dimension] != stride) {
                return false;
            }
            stride *= shape[dimension];
        }
        return true;
    }

    /** How many elements lie from the first to the last, both included; 0 where there are none. */
    static long extent(long[] shape, long[] strides) {
        long last = 0;
        for (int dimension = 0; dimension < shape.length; dimension++) {
            if (shape[dimension] == 0) {
                return 0;
            }
            last += (shape[dimension] - 1) * strides[dimension];
        }
        return last + 1;
    }

    /**
     * The distance between rows, all leading dimensions taken together; -1 if no single number says
     * it, or if columns are not neighbours or rows overlap.
     */
    static long rowStride(long[] shape, long[] strides) {
        int last = shape.length - 1;
        if (last < 0) {
            return -1;
        }
        long columns = shape[last];
        if (columns > 1 && strides[last] != 1) {
            return -1;
        }
        long stride = columns;
        long next = -1;
        for (int dimension = last - 1; dimension >= 0; dimension--) {
            if (shape[dimension] == 0) {
                return columns;
            }
            if (shape[dimension] != 1) {
                if (next < 0) {
                    stride = strides[dimension];
                } else if (strides[dimension] != next) {
                    return -1;
                }
                next = strides[dimension] * shape[dimension];
            }
        }
        return stride < columns ? -1 : stride;
    }

    /**
     * Where a row of the last dimension begins, in elements; rows are numbered in row-major order.
     */
    static long rowOffset(long row, long[] shape, long[] strides) {
        long offset = 0;
        for (int dimension = shape.length - 2; dimension >= 0; dimension--) {
            offset += row % shape[dimension] * strides[dimension];
            row /= shape[dimension];
        }
        return offset;
    }
}
