// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * One bit for each element of a tensor {@code [rows, columns]}: what {@link
 * Activations#applyWithMask} keeps for the backward pass, in a sixteenth of the memory of 16-bit
 * elements. A row has {@code ceil(columns / 64)} words of 64 bits, without gaps between rows; the
 * bit of column j is bit {@code j % 64} of word {@code j / 64}, the least significant first, and
 * bits behind the last column are 0.
 *
 * <p>Memory follows the rules of {@link Tensor}, and words are aligned to 8 bytes.
 */
public final class BitMask implements AutoCloseable {
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;

    private final long rows;
    private final long columns;

    /** The words as pairs of 32 bits, so that what holds for tensors holds for their memory. */
    private final Tensor halves;

    private BitMask(Tensor halves, long rows, long columns) {
        this.halves = halves;
        this.rows = rows;
        this.columns = columns;
    }

    /** A mask over {@code [rows, 2 * words]} 32-bit halves. */
    static BitMask of(Tensor halves, long columns) {
        return new BitMask(halves, halves.rows, columns);
    }

    /**
     * A mask in memory of a device, not initialised. Close it to free the memory.
     *
     * @param device where
     * @param rows at least 0: all dimensions of the tensor but the last, multiplied
     * @param columns at least 1
     * @return a new mask
     * @throws IllegalArgumentException if a size is out of range
     */
    public static BitMask allocate(Device device, long rows, long columns) {
        Objects.requireNonNull(device, "device: expected a Device, but it is null");
        requireSizes(rows, columns);
        return new BitMask(device.allocate(DType.F32, rows, 2 * words(columns)), rows, columns);
    }

    /**
     * A mask over an array, without a copy.
     *
     * @param device whose kernels work on it
     * @param words the words, row after row; may be more than the mask needs
     * @param rows at least 0
     * @param columns at least 1
     * @return a view of the array
     * @throws IllegalArgumentException if a size is out of range, or if the array is too short
     */
    public static BitMask of(Device device, long[] words, long rows, long columns) {
        Objects.requireNonNull(words, "words: expected a long[], but it is null");
        return of(device, MemorySegment.ofArray(words), rows, columns);
    }

    /**
     * A mask over a memory segment, without a copy. A read-only segment makes a mask that no kernel
     * writes to.
     *
     * @param device whose kernels work on it
     * @param words the words, row after row; may be more than the mask needs
     * @param rows at least 0
     * @param columns at least 1
     * @return a view of the segment
     * @throws IllegalArgumentException if a size is out of range, or if the segment is too short or
     *     not aligned to 8 bytes
     */
    public static BitMask of(Device device, MemorySegment words, long rows, long columns) {
        Objects.requireNonNull(device, "device: expected a Device, but it is null");
        Objects.requireNonNull(words, "words: expected a MemorySegment, but it is null");
        requireSizes(rows, columns);
        if ((words.address() & Long.BYTES - 1) != 0) {
            throw new IllegalArgumentException(
                    "words: expected memory aligned to 8 bytes, but its address is 0x"
                            + Long.toHexString(words.address()));
        }
        Tensor halves =
                Tensor.of(device, DType.F32, words, "words", new long[] {rows, 2 * words(columns)});
        return new BitMask(halves, rows, columns);
    }

    private static void requireSizes(long rows, long columns) {
        if (rows < 0) {
            throw new IllegalArgumentException("rows: expected at least 0, but it is " + rows);
        }
        if (columns < 1) {
            throw new IllegalArgumentException(
                    "columns: expected at least 1, but it is " + columns);
        }
        Shapes.check(new long[] {rows, columns});
    }

    /** How many words a row has. */
    static long words(long columns) {
        return (columns - 1) / Long.SIZE + 1;
    }

    Tensor halves() {
        return halves;
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
     * @return at least 1
     */
    public long columns() {
        return columns;
    }

    /**
     * The words.
     *
     * @return the memory of all words, row after row
     */
    public MemorySegment segment() {
        return halves.segment();
    }

    /**
     * One bit.
     *
     * @param row from 0 on
     * @param column from 0 on
     * @return whether it is 1
     * @throws IllegalArgumentException if there is no such bit
     */
    public boolean get(long row, long column) {
        return (segment().get(WORD, offset(row, column)) >>> column & 1) != 0;
    }

    /**
     * Sets one bit.
     *
     * @param value whether it shall be 1
     * @param row from 0 on
     * @param column from 0 on
     * @throws IllegalArgumentException if there is no such bit, or if the memory is read-only
     */
    public void set(boolean value, long row, long column) {
        long offset = offset(row, column);
        Operands.requireWritable(halves, "mask");
        long word = segment().get(WORD, offset);
        long bit = 1L << column;
        segment().set(WORD, offset, value ? word | bit : word & ~bit);
    }

    private long offset(long row, long column) {
        if (row < 0 || row >= rows || column < 0 || column >= columns) {
            throw new IllegalArgumentException(
                    "row, column: expected a bit of [%s, %s], but they are %s and %s"
                            .formatted(rows, columns, row, column));
        }
        return (row * words(columns) + column / Long.SIZE) * Long.BYTES;
    }

    /**
     * The same mask, but no kernel may write to it.
     *
     * @return a view of the same memory
     */
    public BitMask asReadOnly() {
        return new BitMask(halves.asReadOnly(), rows, columns);
    }

    /** Frees the memory if a device allocated it, as {@link Tensor#close()} does. */
    @Override
    public void close() {
        halves.close();
    }

    /** As {@code BitMask[2, 4096] on cpu}. */
    @Override
    public String toString() {
        return "BitMask[" + rows + ", " + columns + "] on " + halves.device().name();
    }
}
