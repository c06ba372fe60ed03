// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * A view of integers as a matrix, without a copy: the codes of quantized activations and weights,
 * and exact sums of their products. Columns are neighbours in memory. Immutable, though its
 * elements are not; its life is that of the memory.
 */
public final class IntegerMatrix {
    /** How an element is stored. */
    public enum Type {
        /** A signed byte. */
        I8(1),
        /** A Java {@code int}. */
        I32(4);

        private final int bytes;

        Type(int bytes) {
            this.bytes = bytes;
        }

        /**
         * The size of an element.
         *
         * @return 1 or 4
         */
        public int bytes() {
            return bytes;
        }
    }

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final long MOST_ELEMENTS = Long.MAX_VALUE / 8;

    private final Type type;
    private final MemorySegment segment;
    private final long rows;
    private final long columns;
    private final long rowStride;

    private IntegerMatrix(
            Type type, MemorySegment segment, long rows, long columns, long rowStride) {
        Objects.requireNonNull(type, "type: expected a Type, but it is null");
        if (rows < 0 || columns < 0) {
            throw new IllegalArgumentException(
                    "rows, columns: expected at least 0, but they are " + rows + ", " + columns);
        }
        if (rowStride < columns) {
            throw new IllegalArgumentException(
                    "rowStride: expected at least the %s columns, but it is %s"
                            .formatted(columns, rowStride));
        }
        if (rows > 1 && rowStride > (MOST_ELEMENTS - columns) / (rows - 1)
                || columns > MOST_ELEMENTS) {
            throw new IllegalArgumentException(
                    "rows, rowStride: expected less than 2^60 elements, but %s rows of %s are more"
                            .formatted(rows, rowStride));
        }
        long elements = rows == 0 || columns == 0 ? 0 : (rows - 1) * rowStride + columns;
        if (segment.byteSize() / type.bytes < elements) {
            throw new IllegalArgumentException(
                    ("memory: expected at least %s elements (%s rows of %s, one each %s), but it has "
                                    + "%s")
                            .formatted(
                                    elements,
                                    rows,
                                    columns,
                                    rowStride,
                                    segment.byteSize() / type.bytes));
        }
        if ((segment.address() & type.bytes - 1) != 0) {
            throw new IllegalArgumentException(
                    "memory: expected memory aligned to the %s bytes of %s, but its address is 0x%s"
                            .formatted(type.bytes, type, Long.toHexString(segment.address())));
        }
        this.type = type;
        this.segment = segment.asSlice(0, elements * type.bytes);
        this.rows = rows;
        this.columns = columns;
        this.rowStride = rowStride;
    }

    /**
     * Signed bytes of an array.
     *
     * @param values in row-major order; may hold more
     * @param rows number of rows
     * @param columns number of columns
     * @return a view of the array
     * @throws IllegalArgumentException if a size is negative or the array too short
     */
    public static IntegerMatrix of(byte[] values, long rows, long columns) {
        Objects.requireNonNull(values, "values: expected a byte[], but it is null");
        return new IntegerMatrix(Type.I8, MemorySegment.ofArray(values), rows, columns, columns);
    }

    /**
     * Integers of an array.
     *
     * @param values in row-major order; may hold more
     * @param rows number of rows
     * @param columns number of columns
     * @return a view of the array
     * @throws IllegalArgumentException if a size is negative or the array too short
     */
    public static IntegerMatrix of(int[] values, long rows, long columns) {
        Objects.requireNonNull(values, "values: expected an int[], but it is null");
        return new IntegerMatrix(Type.I32, MemorySegment.ofArray(values), rows, columns, columns);
    }

    /**
     * Integers of a memory segment, in native byte order.
     *
     * @param type how they are stored
     * @param memory from the first element on; may be longer
     * @param rows number of rows
     * @param columns number of columns
     * @param rowStride elements from row to row, at least columns
     * @return a view of the segment
     * @throws IllegalArgumentException if a size is negative, the stride too small, or the memory
     *     too short or not aligned to the elements
     */
    public static IntegerMatrix of(
            Type type, MemorySegment memory, long rows, long columns, long rowStride) {
        Objects.requireNonNull(memory, "memory: expected a MemorySegment, but it is null");
        return new IntegerMatrix(type, memory, rows, columns, rowStride);
    }

    /**
     * How an element is stored.
     *
     * @return signed bytes or ints
     */
    public Type type() {
        return type;
    }

    /**
     * The number of rows.
     *
     * @return at least 0
     */
    public long rows() {
        return rows;
    }

    /**
     * The number of columns.
     *
     * @return at least 0
     */
    public long columns() {
        return columns;
    }

    /**
     * The distance from row to row.
     *
     * @return in elements, at least {@link #columns()}
     */
    public long rowStride() {
        return rowStride;
    }

    /**
     * The memory from the first element to the last.
     *
     * @return the memory; gaps between rows are in it
     */
    public MemorySegment segment() {
        return segment;
    }

    /**
     * One element.
     *
     * @param row its row
     * @param column its column
     * @return its value
     * @throws IndexOutOfBoundsException if there is no such element
     */
    public int get(long row, long column) {
        long offset = offset(row, column);
        return type == Type.I8
                ? segment.get(ValueLayout.JAVA_BYTE, offset)
                : segment.get(INT, offset);
    }

    /**
     * Sets one element; of a larger number a byte takes the low bits.
     *
     * @param row its row
     * @param column its column
     * @param value its value
     * @throws IndexOutOfBoundsException if there is no such element
     */
    public void set(long row, long column, int value) {
        long offset = offset(row, column);
        if (type == Type.I8) {
            segment.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
        } else {
            segment.set(INT, offset, value);
        }
    }

    private long offset(long row, long column) {
        Objects.checkIndex(row, rows);
        Objects.checkIndex(column, columns);
        return (row * rowStride + column) * type.bytes;
    }

    /** As {@code I8[32, 4096]}. */
    @Override
    public String toString() {
        return type + "[" + rows + ", " + columns + "]";
    }

    void requireType(Type expected, String name) {
        if (type != expected) {
            throw new IllegalArgumentException(
                    "%s: expected %s, but it is %s".formatted(name, expected, type));
        }
    }
}
