// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Functions of {@code gatun/polynomial.h}, one method each with the arguments in the order of the
 * header, as {@link NormFunctions} has those of its header. This class has the group rational
 * activation.
 */
public final class RationalFunctions {

    private RationalFunctions() {}

    /** Linked on the first critical call, so that the plain variants do not pay for them. */
    private static final class Critical {
        static final MethodHandle RATIONAL =
                CriticalHandles.link(
                        gatun_h.gatun_rational$address(), gatun_h.gatun_rational$descriptor());
        static final MethodHandle RATIONAL_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_rational_backward$address(),
                        gatun_h.gatun_rational_backward$descriptor());
    }

    public static int rational(
            MemorySegment context,
            int dtype,
            int numeratorDegree,
            int denominatorDegree,
            int denominatorForm,
            long rows,
            long columns,
            long groups,
            MemorySegment x,
            long xStride,
            MemorySegment numerator,
            long numeratorGroups,
            MemorySegment denominator,
            long denominatorGroups,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_rational(
                context,
                dtype,
                numeratorDegree,
                denominatorDegree,
                denominatorForm,
                rows,
                columns,
                groups,
                x,
                xStride,
                numerator,
                numeratorGroups,
                denominator,
                denominatorGroups,
                y,
                yStride,
                message,
                messageBytes);
    }

    /** {@link #rational} for heap segments. */
    public static int rationalCritical(
            MemorySegment context,
            int dtype,
            int numeratorDegree,
            int denominatorDegree,
            int denominatorForm,
            long rows,
            long columns,
            long groups,
            MemorySegment x,
            long xStride,
            MemorySegment numerator,
            long numeratorGroups,
            MemorySegment denominator,
            long denominatorGroups,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.RATIONAL.invokeExact(
                            context,
                            dtype,
                            numeratorDegree,
                            denominatorDegree,
                            denominatorForm,
                            rows,
                            columns,
                            groups,
                            x,
                            xStride,
                            numerator,
                            numeratorGroups,
                            denominator,
                            denominatorGroups,
                            y,
                            yStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int rationalBackwardScratch(
            MemorySegment context,
            int numeratorDegree,
            int denominatorDegree,
            long rows,
            long columns,
            long groups,
            MemorySegment scratchBytes) {
        return gatun_h.gatun_rational_backward_scratch(
                context, numeratorDegree, denominatorDegree, rows, columns, groups, scratchBytes);
    }

    public static int rationalBackward(
            MemorySegment context,
            int dtype,
            int numeratorDegree,
            int denominatorDegree,
            int denominatorForm,
            long rows,
            long columns,
            long groups,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment numerator,
            long numeratorGroups,
            MemorySegment denominator,
            long denominatorGroups,
            MemorySegment dx,
            long dxStride,
            MemorySegment dnumerator,
            MemorySegment ddenominator,
            int accumulate,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_rational_backward(
                context,
                dtype,
                numeratorDegree,
                denominatorDegree,
                denominatorForm,
                rows,
                columns,
                groups,
                dy,
                dyStride,
                x,
                xStride,
                numerator,
                numeratorGroups,
                denominator,
                denominatorGroups,
                dx,
                dxStride,
                dnumerator,
                ddenominator,
                accumulate,
                rowBegin,
                rowEnd,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    /** {@link #rationalBackward} for heap segments. */
    public static int rationalBackwardCritical(
            MemorySegment context,
            int dtype,
            int numeratorDegree,
            int denominatorDegree,
            int denominatorForm,
            long rows,
            long columns,
            long groups,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment numerator,
            long numeratorGroups,
            MemorySegment denominator,
            long denominatorGroups,
            MemorySegment dx,
            long dxStride,
            MemorySegment dnumerator,
            MemorySegment ddenominator,
            int accumulate,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.RATIONAL_BACKWARD.invokeExact(
                            context,
                            dtype,
                            numeratorDegree,
                            denominatorDegree,
                            denominatorForm,
                            rows,
                            columns,
                            groups,
                            dy,
                            dyStride,
                            x,
                            xStride,
                            numerator,
                            numeratorGroups,
                            denominator,
                            denominatorGroups,
                            dx,
                            dxStride,
                            dnumerator,
                            ddenominator,
                            accumulate,
                            rowBegin,
                            rowEnd,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }
}
