/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import java.util.Locale;

/** How far a computed value is from the expected one, in units of a bound. */
@FunctionalInterface
interface ErrorMeasure {
    /** The distance of 1 from the next greater float. */
    double UNIT = 0x1p-23;

    /**
     * The float32 bound that every normalization kernel has, in {@link #UNIT}s. A 16-bit result is
     * such a float32 result rounded, so it may be off by as much where units in the last place are
     * smaller than that.
     */
    double INTERMEDIATE_UNITS = 4;

    /** Both values are finite. */
    double error(int index, float actual, float expected);

    /** The measure of a result stored as this type. */
    static ErrorMeasure of(DType dtype) {
        if (dtype == DType.F32) {
            return (index, actual, expected) ->
                    Math.abs((double) actual - expected) / (UNIT * (1 + Math.abs(expected)));
        }
        return (index, actual, expected) -> {
            double distance = Math.abs((double) actual - expected);
            double unavoidable = INTERMEDIATE_UNITS * UNIT * (1 + Math.abs(expected));
            if (distance <= unavoidable) {
                return Math.min(distance / unavoidable, ulps(dtype, actual, expected));
            }
            return ulps(dtype, actual, expected);
        };
    }

    /** Relative to the expected value, in {@link #UNIT}s. */
    static ErrorMeasure relative() {
        return (index, actual, expected) ->
                Math.abs((double) actual - expected)
                        / Math.max(UNIT * Math.abs(expected), Float.MIN_VALUE);
    }

    /** How many values of a 16-bit type lie from one to the other. */
    static int ulps(DType dtype, float a, float b) {
        return Math.abs(ordered(dtype.fromFloat(a)) - ordered(dtype.fromFloat(b)));
    }

    private static int ordered(short bits) {
        return bits < 0 ? -(bits & 0x7fff) : bits;
    }

    /**
     * The error of any pair: infinite if only one is NaN, or if one is infinite and the other is
     * not the same infinity.
     */
    default double compare(int index, float actual, float expected) {
        if (Float.isNaN(actual) && Float.isNaN(expected) || actual == expected) {
            return 0;
        }
        if (!Float.isFinite(actual) || !Float.isFinite(expected)) {
            return Double.POSITIVE_INFINITY;
        }
        return error(index, actual, expected);
    }

    /** The name of a type in reports: {@code f32}. */
    static String label(DType dtype) {
        return dtype.name().toLowerCase(Locale.ROOT);
    }
}
