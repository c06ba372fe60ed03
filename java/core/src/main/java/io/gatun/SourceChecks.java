// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.MemorySegment;

/** The checks of the numbers and sizes of low-bit weights. */
final class SourceChecks {
    /** What native code counts inputs with. */
    private static final long MOST_INPUTS = Integer.MAX_VALUE;

    /** What a byte count can hold with room to spare. */
    private static final long MOST_BYTES = Long.MAX_VALUE / 8;

    private SourceChecks() {}

    static void require(Object value, String name) {
        if (value == null) {
            throw new NullPointerException(name + ": expected a value, but it is null");
        }
    }

    static void shape(long outputs, long inputs) {
        if (outputs < 0) {
            throw new IllegalArgumentException(
                    "outputs: expected at least 0, but it is " + outputs);
        }
        if (inputs < 0 || inputs > MOST_INPUTS) {
            throw new IllegalArgumentException(
                    "inputs: expected at least 0 and less than 2^31, but it is " + inputs);
        }
        product(outputs, inputs, 8);
    }

    static void multiple(String name, long value, long of) {
        if (value % of != 0) {
            throw new IllegalArgumentException(
                    "%s: expected a multiple of %s, but it is %s".formatted(name, of, value));
        }
    }

    static void fourOrEight(int bits) {
        if (bits != 4 && bits != 8) {
            throw new IllegalArgumentException("bits: expected 4 or 8, but it is " + bits);
        }
    }

    /** How many groups an output has. */
    static long groups(long inputs, long groupSize) {
        if (groupSize != LowBitSource.PER_CHANNEL && (groupSize < 16 || groupSize % 16 != 0)) {
            throw new IllegalArgumentException(
                    "groupSize: expected a multiple of 16, or PER_CHANNEL (0), but it is "
                            + groupSize);
        }
        return groupSize == LowBitSource.PER_CHANNEL
                ? 1
                : inputs / groupSize + (inputs % groupSize == 0 ? 0 : 1);
    }

    /** A product of counts. */
    static long product(long rows, long columns, long bytes) {
        if (rows != 0 && columns != 0 && rows > MOST_BYTES / columns / bytes) {
            throw new IllegalArgumentException(
                    "outputs, inputs: expected less than 2^60 bytes, but %s x %s x %s are more"
                            .formatted(rows, columns, bytes));
        }
        return rows * columns * bytes;
    }

    static void bytes(String name, MemorySegment memory, long needed) {
        require(memory, name);
        if (memory.byteSize() < needed) {
            throw new IllegalArgumentException(
                    "%s: expected at least %s bytes, but it has %s"
                            .formatted(name, needed, memory.byteSize()));
        }
    }

    static void elements(String name, MemorySegment memory, DType dtype, long rows, long columns) {
        require(dtype, name + ", its type");
        bytes(name, memory, product(rows, columns, dtype.bytes()));
    }

    /** An array of one element for each of something; a length of -1 is that of none. */
    static void length(String name, long length, long expected, String what) {
        if (length >= 0 && length != expected) {
            throw new IllegalArgumentException(
                    "%s: expected %s elements (the %s), but it has %s"
                            .formatted(name, expected, what, length));
        }
    }

    /** A copy of zero points of signed bytes, which may be null. */
    static int[] zeroPoints(String name, int[] zeroPoints, long expected, String what) {
        if (zeroPoints == null) {
            return null;
        }
        length(name, zeroPoints.length, expected, what);
        int[] copy = zeroPoints.clone();
        for (int i = 0; i < copy.length; i++) {
            if (copy[i] < Byte.MIN_VALUE || copy[i] > Byte.MAX_VALUE) {
                throw new IllegalArgumentException(
                        "%s: expected numbers from -128 to 127, but number %s is %s"
                                .formatted(name, i, copy[i]));
            }
        }
        return copy;
    }
}
