// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** How a value is stored. Kernels compute in float32 or wider, whatever the storage type. */
public enum DType {
    /** IEEE 754 binary32, a Java {@code float}. */
    F32(0, 4),
    /** The upper half of a binary32: 8 bits of exponent, 7 of fraction. */
    BF16(1, 2),
    /** IEEE 754 binary16: 5 bits of exponent, 10 of fraction. */
    F16(2, 2);

    private final int code;
    private final int bytes;

    DType(int code, int bytes) {
        this.code = code;
        this.bytes = bytes;
    }

    /** The number of this type in the C interface. */
    int code() {
        return code;
    }

    /**
     * The size of one value.
     *
     * @return 4 or 2
     */
    public int bytes() {
        return bytes;
    }

    /**
     * The value that 16 bits of this type stand for. Exact, since float32 holds every value of the
     * 16-bit types.
     *
     * @param bits a stored value
     * @return the same value
     * @throws UnsupportedOperationException for {@link #F32}
     */
    public float toFloat(short bits) {
        return switch (this) {
            case BF16 -> Float.intBitsToFloat(bits << 16);
            case F16 -> Float.float16ToFloat(bits);
            case F32 -> throw notSixteenBits();
        };
    }

    /**
     * The nearest value of this 16-bit type, ties to even. Values beyond the range become infinite;
     * NaN stays NaN.
     *
     * @param value any float
     * @return the bits to store
     * @throws UnsupportedOperationException for {@link #F32}
     */
    public short fromFloat(float value) {
        return switch (this) {
            case BF16 -> toBfloat16(value);
            case F16 -> Float.floatToFloat16(value);
            case F32 -> throw notSixteenBits();
        };
    }

    private static short toBfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (value != value) {
            // Cutting the payload could leave an empty fraction, which would be an infinity: the
            // quiet bit keeps it NaN.
            return (short) (bits >>> 16 | 0x40);
        }
        return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }

    private static UnsupportedOperationException notSixteenBits() {
        return new UnsupportedOperationException("F32: expected a 16-bit type, but it has 32 bits");
    }
}
