// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The gradients of {@code gatun_layer_norm} and {@code gatun_rms_norm}, as {@link NormFunctions}
 * has its own.
 */
public final class NormBackwardFunctions {

    private NormBackwardFunctions() {}

    /** Linked on the first critical call, so that the plain variants do not pay for them. */
    private static final class Critical {
        static final MethodHandle LAYER_NORM_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_layer_norm_backward$address(),
                        gatun_h.gatun_layer_norm_backward$descriptor());
        static final MethodHandle RMS_NORM_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_rms_norm_backward$address(),
                        gatun_h.gatun_rms_norm_backward$descriptor());
    }

    public static int layerNormBackwardScratch(
            MemorySegment context, long rows, long columns, MemorySegment scratchBytes) {
        return gatun_h.gatun_layer_norm_backward_scratch(context, rows, columns, scratchBytes);
    }

    public static int layerNormBackward(
            MemorySegment context,
            int dtype,
            int parameterDtype,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment gamma,
            float weightOffset,
            float eps,
            int epsMode,
            MemorySegment mean,
            MemorySegment meanLow,
            MemorySegment rstd,
            MemorySegment dx,
            long dxStride,
            MemorySegment dgamma,
            MemorySegment dbeta,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_layer_norm_backward(
                context,
                dtype,
                parameterDtype,
                rows,
                columns,
                dy,
                dyStride,
                x,
                xStride,
                gamma,
                weightOffset,
                eps,
                epsMode,
                mean,
                meanLow,
                rstd,
                dx,
                dxStride,
                dgamma,
                dbeta,
                rowBegin,
                rowEnd,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    /** {@link #layerNormBackward} for heap segments. */
    public static int layerNormBackwardCritical(
            MemorySegment context,
            int dtype,
            int parameterDtype,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment gamma,
            float weightOffset,
            float eps,
            int epsMode,
            MemorySegment mean,
            MemorySegment meanLow,
            MemorySegment rstd,
            MemorySegment dx,
            long dxStride,
            MemorySegment dgamma,
            MemorySegment dbeta,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.LAYER_NORM_BACKWARD.invokeExact(
                            context,
                            dtype,
                            parameterDtype,
                            rows,
                            columns,
                            dy,
                            dyStride,
                            x,
                            xStride,
                            gamma,
                            weightOffset,
                            eps,
                            epsMode,
                            mean,
                            meanLow,
                            rstd,
                            dx,
                            dxStride,
                            dgamma,
                            dbeta,
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

    public static int rmsNormBackwardScratch(
            MemorySegment context, long rows, long columns, MemorySegment scratchBytes) {
        return gatun_h.gatun_rms_norm_backward_scratch(context, rows, columns, scratchBytes);
    }

    public static int rmsNormBackward(
            MemorySegment context,
            int dtype,
            int parameterDtype,
            long rows,
            long columns,
            long statisticsColumns,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment gamma,
            float weightOffset,
            float eps,
            int epsMode,
            MemorySegment rstd,
            MemorySegment dx,
            long dxStride,
            MemorySegment dgamma,
            MemorySegment dbeta,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_rms_norm_backward(
                context,
                dtype,
                parameterDtype,
                rows,
                columns,
                statisticsColumns,
                dy,
                dyStride,
                x,
                xStride,
                gamma,
                weightOffset,
                eps,
                epsMode,
                rstd,
                dx,
                dxStride,
                dgamma,
                dbeta,
                rowBegin,
                rowEnd,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    /** {@link #rmsNormBackward} for heap segments. */
    public static int rmsNormBackwardCritical(
            MemorySegment context,
            int dtype,
            int parameterDtype,
            long rows,
            long columns,
            long statisticsColumns,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment gamma,
            float weightOffset,
            float eps,
            int epsMode,
            MemorySegment rstd,
            MemorySegment dx,
            long dxStride,
            MemorySegment dgamma,
            MemorySegment dbeta,
            long rowBegin,
            long rowEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.RMS_NORM_BACKWARD.invokeExact(
                            context,
                            dtype,
                            parameterDtype,
                            rows,
                            columns,
                            statisticsColumns,
                            dy,
                            dyStride,
                            x,
                            xStride,
                            gamma,
                            weightOffset,
                            eps,
                            epsMode,
                            rstd,
                            dx,
                            dxStride,
                            dgamma,
                            dbeta,
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
