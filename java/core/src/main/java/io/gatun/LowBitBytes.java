// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Numbers in the tensors of files: little-endian, at any alignment. Offsets are in bytes. */
final class LowBitBytes {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private LowBitBytes() {}

    static int u8(MemorySegment data, long offset) {
        return data.get(ValueLayout.JAVA_BYTE, offset) & 0xff;
    }

    static byte i8(MemorySegment data, long offset) {
        return data.get(ValueLayout.JAVA_BYTE, offset);
    }

    static int i32(MemorySegment data, long offset) {
        return data.get(INT, offset);
    }

    static float f16(MemorySegment data, long offset) {
        return Float.float16ToFloat(data.get(SHORT, offset));
    }

    /** The element of a number in an array of floating-point values. */
    static float element(DType dtype, MemorySegment data, long index) {
        return dtype == DType.F32
                ? Float.intBitsToFloat(data.get(INT, index * Float.BYTES))
                : dtype.toFloat(data.get(SHORT, index * Short.BYTES));
    }

    /** The field of a number in packed fields, low bits first. */
    static int field(MemorySegment data, long start, long index, int bits) {
        long bit = index * bits;
        return u8(data, start + bit / Byte.SIZE) >> bit % Byte.SIZE & (1 << bits) - 1;
    }
}
