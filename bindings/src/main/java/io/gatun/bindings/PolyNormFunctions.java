// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Functions of {@code gatun/polynomial.h}, one method each with the arguments in the order of the
 * header, as {@link NormFunctions} has those of its header. This class has PolyNorm and its gated
 * form.
 */
public final class PolyNormFunctions {

    private PolyNormFunctions() {}

    /** Linked on the first critical call, so that the plain variants do not pay for them. */
    private static final class Critical {
        static final MethodHandle POLY_NORM =
                CriticalHandles.link(
                        gatun_h.gatun_poly_norm$address(), gatun_h.gatun_poly_norm$descriptor());
        static final MethodHandle POLY_NORM_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_poly_norm_backward$address(),
                        gatun_h.gatun_poly_norm_backward$descriptor());
        static final MethodHandle POLY_NORM_MUL =
                CriticalHandles.link(
                        gatun_h.gatun_poly_norm_mul$address(),
                        gatun_h.gatun_poly_norm_mul$descriptor());
        static final MethodHandle POLY_NORM_MUL_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_poly_norm_mul_backward$address(),
                        gatun_h.gatun_poly_norm_mul_backward$descriptor());
    }

    public static int polyNormScratch(
            MemorySegment context, int order, long rows, long columns, MemorySegment scratchBytes) {
        return gatun_h.gatun_poly_norm_scratch(context, order, rows, columns, scratchBytes);
    }

    public static int polyNorm(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment coefficients,
            float eps,
            MemorySegment y,
            long yStride,
            MemorySegment rho,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_poly_norm(
                context,
                dtype,
                order,
                rows,
                columns,
                x,
                xStride,
                coefficients,
                eps,
                y,
                yStride,
                rho,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    /** {@link #polyNorm} for heap segments. */
    public static int polyNormCritical(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment coefficients,
            float eps,
            MemorySegment y,
            long yStride,
            MemorySegment rho,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.POLY_NORM.invokeExact(
                            context,
                            dtype,
                            order,
                            rows,
                            columns,
                            x,
                            xStride,
                            coefficients,
                            eps,
                            y,
                            yStride,
                            rho,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int polyNormBackwardScratch(
            MemorySegment context, int order, long rows, long columns, MemorySegment scratchBytes) {
        return gatun_h.gatun_poly_norm_backward_scratch(
                context, order, rows, columns, scratchBytes);
    }

    public static int polyNormBackward(
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
            float eps,
            MemorySegment rho,
            MemorySegment dx,
            long dxStride,
            MemorySegment dcoefficients,
            int accumulate,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_poly_norm_backward(
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
                eps,
                rho,
                dx,
                dxStride,
                dcoefficients,
                accumulate,
                rowBegin,
                rowEnd,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    /** {@link #polyNormBackward} for heap segments. */
    public static int polyNormBackwardCritical(
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
            float eps,
            MemorySegment rho,
            MemorySegment dx,
            long dxStride,
            MemorySegment dcoefficients,
            int accumulate,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.POLY_NORM_BACKWARD.invokeExact(
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
                            eps,
                            rho,
                            dx,
                            dxStride,
                            dcoefficients,
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

    public static int polyNormMulScratch(
            MemorySegment context, int order, long rows, long columns, MemorySegment scratchBytes) {
        return gatun_h.gatun_poly_norm_mul_scratch(context, order, rows, columns, scratchBytes);
    }

    public static int polyNormMul(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment gate,
            long gateStride,
            MemorySegment up,
            long upStride,
            MemorySegment coefficients,
            float eps,
            MemorySegment y,
            long yStride,
            MemorySegment rho,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_poly_norm_mul(
                context,
                dtype,
                order,
                rows,
                columns,
                gate,
                gateStride,
                up,
                upStride,
                coefficients,
                eps,
                y,
                yStride,
                rho,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    /** {@link #polyNormMul} for heap segments. */
    public static int polyNormMulCritical(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment gate,
            long gateStride,
            MemorySegment up,
            long upStride,
            MemorySegment coefficients,
            float eps,
            MemorySegment y,
            long yStride,
            MemorySegment rho,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.POLY_NORM_MUL.invokeExact(
                            context,
                            dtype,
                            order,
                            rows,
                            columns,
                            gate,
                            gateStride,
                            up,
                            upStride,
                            coefficients,
                            eps,
                            y,
                            yStride,
                            rho,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int polyNormMulBackwardScratch(
            MemorySegment context, int order, long rows, long columns, MemorySegment scratchBytes) {
        return gatun_h.gatun_poly_norm_mul_backward_scratch(
                context, order, rows, columns, scratchBytes);
    }

    public static int polyNormMulBackward(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment gate,
            long gateStride,
            MemorySegment up,
            long upStride,
            MemorySegment coefficients,
            float eps,
            MemorySegment rho,
            MemorySegment dgate,
            long dgateStride,
            MemorySegment dup,
            long dupStride,
            MemorySegment dcoefficients,
            int accumulate,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_poly_norm_mul_backward(
                context,
                dtype,
                order,
                rows,
                columns,
                dy,
                dyStride,
                gate,
                gateStride,
                up,
                upStride,
                coefficients,
                eps,
                rho,
                dgate,
                dgateStride,
                dup,
                dupStride,
                dcoefficients,
                accumulate,
                rowBegin,
                rowEnd,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    /** {@link #polyNormMulBackward} for heap segments. */
    public static int polyNormMulBackwardCritical(
            MemorySegment context,
            int dtype,
            int order,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment gate,
            long gateStride,
            MemorySegment up,
            long upStride,
            MemorySegment coefficients,
            float eps,
            MemorySegment rho,
            MemorySegment dgate,
            long dgateStride,
            MemorySegment dup,
            long dupStride,
            MemorySegment dcoefficients,
            int accumulate,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.POLY_NORM_MUL_BACKWARD.invokeExact(
                            context,
                            dtype,
                            order,
                            rows,
                            columns,
                            dy,
                            dyStride,
                            gate,
                            gateStride,
                            up,
                            upStride,
                            coefficients,
                            eps,
                            rho,
                            dgate,
                            dgateStride,
                            dup,
                            dupStride,
                            dcoefficients,
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
