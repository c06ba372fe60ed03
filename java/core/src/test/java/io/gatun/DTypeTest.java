// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DTypeTest {
    private static final int VALUES = 1 << 16;

    /** The value of a bit pattern by the definition of IEEE 754, with the fields taken apart. */
    private static double byDefinition(int bits, int exponentBits, int fractionBits) {
        int bias = (1 << exponentBits - 1) - 1;
        int exponent = bits >> fractionBits & (1 << exponentBits) - 1;
        double fraction = (double) (bits & (1 << fractionBits) - 1) / (1 << fractionBits);
        double sign = bits >> 15 == 0 ? 1 : -1;
        if (exponent == (1 << exponentBits) - 1) {
            return fraction == 0 ? sign * Double.POSITIVE_INFINITY : Double.NaN;
        }
        return exponent == 0
                ? sign * fraction * Math.pow(2, 1 - bias)
                : sign * (1 + fraction) * Math.pow(2, exponent - bias);
    }

    private static double byDefinition(DType dtype, int bits) {
        return dtype == DType.BF16 ? byDefinition(bits, 8, 7) : byDefinition(bits, 5, 10);
    }

    @ParameterizedTest
    @EnumSource(names = {"BF16", "F16"})
    void everyValueWidensToItself(DType dtype) {
        for (int bits = 0; bits < VALUES; bits++) {
            double expected = byDefinition(dtype, bits);
            assertEquals(expected, dtype.toFloat((short) bits), Integer.toHexString(bits));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"BF16", "F16"})
    void everyValueSurvivesARoundTrip(DType dtype) {
        for (int bits = 0; bits < VALUES; bits++) {
            float value = dtype.toFloat((short) bits);
            short again = dtype.fromFloat(value);
            if (Float.isNaN(value)) {
                assertTrue(Float.isNaN(dtype.toFloat(again)), Integer.toHexString(bits));
            } else {
                assertEquals((short) bits, again, Integer.toHexString(bits));
            }
        }
    }

    @Test
    void everyNanPayloadStaysNanInBfloat16() {
        for (int payload = 1; payload < 1 << 23; payload = payload * 2 + 1) {
            for (int sign : new int[] {0x7f800000, 0xff800000}) {
                float nan = Float.intBitsToFloat(sign | payload);
                assertTrue(Float.isNaN(DType.BF16.toFloat(DType.BF16.fromFloat(nan))));
            }
        }
        float onlyLowBits = Float.intBitsToFloat(0x7f800001);
        assertTrue(Float.isNaN(DType.BF16.toFloat(DType.BF16.fromFloat(onlyLowBits))));
    }

    /**
     * Between each two neighbours: halfway goes to the even one, anything else to the nearer one.
     */
    @ParameterizedTest
    @EnumSource(names = {"BF16", "F16"})
    void roundsToNearestEven(DType dtype) {
        int infinity = dtype == DType.BF16 ? 0x7f80 : 0x7c00;
        for (int sign = 0; sign <= 1; sign++) {
            for (int bits = 0; bits < infinity - 1; bits++) {
                short low = (short) (bits | sign << 15);
                short high = (short) (bits + 1 | sign << 15);
                // The sum of two neighbours is exact in float64, and the middle is a float32.
                double middle =
                        (byDefinition(dtype, low & 0xffff) + byDefinition(dtype, high & 0xffff))
                                / 2;
                float halfway = (float) middle;
                assertEquals(middle, halfway);
                assertEquals((bits & 1) == 0 ? low : high, dtype.fromFloat(halfway));
                float above = Math.nextAfter(halfway, sign == 0 ? 1e39 : -1e39);
                float below = Math.nextAfter(halfway, 0);
                assertEquals(high, dtype.fromFloat(above));
                assertEquals(low, dtype.fromFloat(below));
            }
        }
    }

    /**
     * A float64 just beside the middle of two neighbours would be rounded twice by way of float32.
     */
    @ParameterizedTest
    @EnumSource(names = {"BF16", "F16"})
    void roundsFloat64Once(DType dtype) {
        MemorySegment memory = MemorySegment.ofArray(new short[1]);
        int infinity = dtype == DType.BF16 ? 0x7f80 : 0x7c00;
        for (int bits = 0; bits < infinity - 1; bits++) {
            double low = byDefinition(dtype, bits);
            double high = byDefinition(dtype, bits + 1);
            double middle = (low + high) / 2;
            for (int sign = -1; sign <= 1; sign += 2) {
                Elements.store(dtype, memory, 0, sign * Math.nextDown(middle));
                assertEquals(sign * low, Elements.load(dtype, memory, 0));
                Elements.store(dtype, memory, 0, sign * Math.nextUp(middle));
                assertEquals(sign * high, Elements.load(dtype, memory, 0));
                assertEquals(sign * high, Elements.round(dtype, sign * Math.nextUp(middle)));
                Elements.store(dtype, memory, 0, sign * middle);
                assertEquals(
                        sign * ((bits & 1) == 0 ? low : high), Elements.load(dtype, memory, 0));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"BF16", "F16"})
    void valuesBeyondTheRangeBecomeInfinite(DType dtype) {
        float inf = Float.POSITIVE_INFINITY;
        assertEquals(inf, dtype.toFloat(dtype.fromFloat(Float.MAX_VALUE)));
        assertEquals(-inf, dtype.toFloat(dtype.fromFloat(-Float.MAX_VALUE)));
        assertEquals(inf, dtype.toFloat(dtype.fromFloat(inf)));
        assertEquals(inf, Elements.round(dtype, 1e300));
        assertEquals(-inf, Elements.round(dtype, -1e300));
        assertEquals(0, Elements.round(dtype, 1e-300));
        assertTrue(Double.isNaN(Elements.round(dtype, Double.NaN)));
        assertEquals(inf, Elements.round(dtype, Double.POSITIVE_INFINITY));
    }

    @Test
    void thirtyTwoBitTypesHaveNoShortForm() {
        assertEquals(4, DType.F32.bytes());
        assertEquals(2, DType.BF16.bytes());
        assertEquals(2, DType.F16.bytes());
        assertThrows(UnsupportedOperationException.class, () -> DType.F32.toFloat((short) 0));
        assertThrows(UnsupportedOperationException.class, () -> DType.F32.fromFloat(0));
    }
}
