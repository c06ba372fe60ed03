// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Functions of {@code gatun/polynomial.h}, one method each with the arguments in the order of the
 * header, as {@link NormFunctions} has those of its header. This class has PolyReLU and polynomials
 * of each element.
 */
public final class PolynomialFunctions {

    private PolynomialFunctions() {}

    /** Linked on the first critical call, so that the plain variants do not pay for them. */
    private static final class Critical {
        static final MethodHandle POLY_RELU =
                CriticalHandles.link(
                        gatun_h.gatun_poly_relu$address(), gatun_h.gatun_poly_relu$descriptor());
        static final MethodHandle POLY_RELU_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_poly_relu_backward$address(),
                        gatun_h.gatun_poly_relu_backward$descriptor());
        static final MethodHandle POLY_EVAL =
                CriticalHandles.link(
                        gatun_h.gatun_poly_eval$address(), gatun_h.gatun_poly_eval$descriptor());
        static final MethodHandle POLY_EVAL_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_poly_eval_backward$address(),
                        gatun_h.gatun_poly_eval_backward$descriptor());
    }

    public static int polyRelu(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment coefficients,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_poly_relu(
                context,
                dtype,
                order,
                rows,
                columns,
                x,
                xStride,
                coefficients,
                y,
                yStride,
                message,
                messageBytes);
    }

    /** {@link #polyRelu} for heap segments. */
    public static int polyReluCritical(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment coefficients,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.POLY_RELU.invokeExact(
                            context,
                            dtype,
                            order,
                            rows,
                            columns,
                            x,
                            xStride,
                            coefficients,
                            y,
                            yStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int polyReluBackwardScratch(
            MemorySegment context, int order, long rows, long columns, MemorySegment scratchBytes) {
        return gatun_h.gatun_poly_relu_backward_scratch(
                context, order, rows, columns, scratchBytes);
    }

    public static int polyReluBackward(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment coefficients,
            MemorySegment dx,
            long dxStride,
            MemorySegment dcoefficients,
            int accumulate,
            long elementBegin,
            long elementEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_poly_relu_backward(
                context,
                dtype,
                order,
                rows,
                columns,
                dy,
                dyStride,
                x,
                xStride,
                coefficients,
                dx,
                dxStride,
                dcoefficients,
                accumulate,
                elementBegin,
                elementEnd,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    /** {@link #polyReluBackward} for heap segments. */
    public static int polyReluBackwardCritical(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment coefficients,
            MemorySegment dx,
            long dxStride,
            MemorySegment dcoefficients,
            int accumulate,
            long elementBegin,
            long elementEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.POLY_RELU_BACKWARD.invokeExact(
                            context,
                            dtype,
                            order,
                            rows,
                            columns,
                            dy,
                            dyStride,
                            x,
                            xStride,
                            coefficients,
                            dx,
                            dxStride,
                            dcoefficients,
                            accumulate,
                            elementBegin,
                            elementEnd,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int polyEval(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment coefficients,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_poly_eval(
                context,
                dtype,
                order,
                rows,
                columns,
                x,
                xStride,
                coefficients,
                y,
                yStride,
                message,
                messageBytes);
    }

    /** {@link #polyEval} for heap segments. */
    public static int polyEvalCritical(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment coefficients,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.POLY_EVAL.invokeExact(
                            context,
                            dtype,
                            order,
                            rows,
                            columns,
                            x,
                            xStride,
                            coefficients,
                            y,
                            yStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int polyEvalBackwardScratch(
            MemorySegment context, int order, long rows, long columns, MemorySegment scratchBytes) {
        return gatun_h.gatun_poly_eval_backward_scratch(
                context, order, rows, columns, scratchBytes);
    }

    public static int polyEvalBackward(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment coefficients,
            MemorySegment dx,
            long dxStride,
            MemorySegment dcoefficients,
            int accumulate,
            long elementBegin,
            long elementEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_poly_eval_backward(
                context,
                dtype,
                order,
                rows,
                columns,
                dy,
                dyStride,
                x,
                xStride,
                coefficients,
                dx,
                dxStride,
                dcoefficients,
                accumulate,
                elementBegin,
                elementEnd,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    /** {@link #polyEvalBackward} for heap segments. */
    public static int polyEvalBackwardCritical(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment coefficients,
            MemorySegment dx,
            long dxStride,
            MemorySegment dcoefficients,
            int accumulate,
            long elementBegin,
            long elementEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.POLY_EVAL_BACKWARD.invokeExact(
                            context,
                            dtype,
                            order,
                            rows,
                            columns,
                            dy,
                            dyStride,
                            x,
                            xStride,
                            coefficients,
                            dx,
                            dxStride,
                            dcoefficients,
                            accumulate,
                            elementBegin,
                            elementEnd,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }
}
