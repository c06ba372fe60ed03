// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Single elements of memory. The layouts are the unaligned ones, since the JDK holds a {@code
 * byte[]} to be aligned to one byte only.
 */
final class Elements {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

    private Elements() {}

    /** The element that begins at a byte offset. */
    static float load(DType dtype, MemorySegment memory, long offset) {
        return dtype == DType.F32
                ? memory.get(FLOAT, offset)
                : dtype.toFloat(memory.get(SHORT, offset));
    }

    /** Stores a value at a byte offset, rounded to nearest even where the type has 16 bits. */
    static void store(DType dtype, MemorySegment memory, long offset, float value) {
        if (dtype == DType.F32) {
            memory.set(FLOAT, offset, value);
        } else {
            memory.set(SHORT, offset, dtype.fromFloat(value));
        }
    }

    /** Stores a float64 value at a byte offset, rounded once. */
    static void store(DType dtype, MemorySegment memory, long offset, double value) {
        store(dtype, memory, offset, dtype == DType.F32 ? (float) value : toOdd(value));
    }

    /**
     * Copies one element: its bits where the types are the same, since a conversion would quiet a
     * signalling NaN.
     */
    static void copy(
            DType dtype,
            MemorySegment memory,
            long offset,
            DType toDtype,
            MemorySegment toMemory,
            long toOffset) {
        if (dtype != toDtype) {
            store(toDtype, toMemory, toOffset, load(dtype, memory, offset));
        } else if (dtype == DType.F32) {
            toMemory.set(INT, toOffset, memory.get(INT, offset));
        } else {
            toMemory.set(SHORT, toOffset, memory.get(SHORT, offset));
        }
    }

    /** A float64 value rounded to the type and widened again. */
    static double round(DType dtype, double value) {
        return dtype == DType.F32 ? (float) value : dtype.toFloat(dtype.fromFloat(toOdd(value)));
    }

    /**
     * Rounds to the float32 neighbour whose last bit is odd, unless the value is a float32 already.
     * Rounding that to 16 bits gives what rounding the float64 directly would (Boldo, Melquiond:
     * Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd, IEEE
     * Transactions on Computers 57, 2008); rounding to nearest twice would not.
     */
    private static float toOdd(double value) {
        float nearest = (float) value;
        if (nearest == value || Double.isNaN(value)) {
            return nearest;
        }
        int bits = Float.floatToRawIntBits(nearest);
        if ((bits & 1) == 0) {
            // The sign is apart from the magnitude, so adding one moves away from zero for either
            // sign.
            bits += Math.abs(value) > Math.abs((double) nearest) ? 1 : -1;
        }
        return Float.intBitsToFloat(bits);
    }
}
