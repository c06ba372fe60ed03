// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The functions of {@code gatun/norm.h}, one method each with the arguments in the order of the
 * header. Pointers are segments, {@link MemorySegment#NULL} for none; nothing is checked here. This
 * class has the forward passes of LayerNorm and RMSNorm; other classes have the other subjects of
 * the header.
 *
 * <p>The {@code Critical} variants also take heap segments, without a copy. While one runs, the JVM
 * cannot reach a safepoint, so its work must be short; native memory is for the plain variants.
 */
public final class NormFunctions {

    private NormFunctions() {}

    /** Linked on the first critical call, so that the plain variants do not pay for them. */
    private static final class Critical {
        static final MethodHandle LAYER_NORM =
                CriticalHandles.link(
                        gatun_h.gatun_layer_norm$address(), gatun_h.gatun_layer_norm$descriptor());
        static final MethodHandle RMS_NORM =
                CriticalHandles.link(
                        gatun_h.gatun_rms_norm$address(), gatun_h.gatun_rms_norm$descriptor());
    }

    public static int layerNormScratch(
            MemorySegment context, long rows, long columns, MemorySegment scratchBytes) {
        return gatun_h.gatun_layer_norm_scratch(context, rows, columns, scratchBytes);
    }

    public static int rmsNormScratch(
            MemorySegment context, long rows, long columns, MemorySegment scratchBytes) {
        return gatun_h.gatun_rms_norm_scratch(context, rows, columns, scratchBytes);
    }

    public static int layerNorm(
            MemorySegment context,
            int dtype,
            int parameterDtype,
            long rows,
            long totalRows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment gamma,
            MemorySegment beta,
            float weightOffset,
            float eps,
            int epsMode,
            int castMode,
            MemorySegment y,
            long yStride,
            MemorySegment mean,
            MemorySegment meanLow,
            MemorySegment rstd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_layer_norm(
                context,
                dtype,
                parameterDtype,
                rows,
                totalRows,
                columns,
                x,
                xStride,
                gamma,
                beta,
                weightOffset,
                eps,
                epsMode,
                castMode,
                y,
                yStride,
                mean,
                meanLow,
                rstd,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    /** {@link #layerNorm} for heap segments. */
    public static int layerNormCritical(
            MemorySegment context,
            int dtype,
            int parameterDtype,
            long rows,
            long totalRows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment gamma,
            MemorySegment beta,
            float weightOffset,
            float eps,
            int epsMode,
            int castMode,
            MemorySegment y,
            long yStride,
            MemorySegment mean,
            MemorySegment meanLow,
            MemorySegment rstd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.LAYER_NORM.invokeExact(
                            context,
                            dtype,
                            parameterDtype,
                            rows,
                            totalRows,
                            columns,
                            x,
                            xStride,
                            gamma,
                            beta,
                            weightOffset,
                            eps,
                            epsMode,
                            castMode,
                            y,
                            yStride,
                            mean,
                            meanLow,
                            rstd,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int rmsNorm(
            MemorySegment context,
            int dtype,
            int parameterDtype,
            long rows,
            long totalRows,
            long columns,
            long statisticsColumns,
            MemorySegment x,
            long xStride,
            MemorySegment gamma,
            MemorySegment beta,
            float weightOffset,
            float eps,
            int epsMode,
            int castMode,
            MemorySegment y,
            long yStride,
            MemorySegment rstd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_rms_norm(
                context,
                dtype,
                parameterDtype,
                rows,
                totalRows,
                columns,
                statisticsColumns,
                x,
                xStride,
                gamma,
                beta,
                weightOffset,
                eps,
                epsMode,
                castMode,
                y,
                yStride,
                rstd,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    /** {@link #rmsNorm} for heap segments. */
    public static int rmsNormCritical(
            MemorySegment context,
            int dtype,
            int parameterDtype,
            long rows,
            long totalRows,
            long columns,
            long statisticsColumns,
            MemorySegment x,
            long xStride,
            MemorySegment gamma,
            MemorySegment beta,
            float weightOffset,
            float eps,
            int epsMode,
            int castMode,
            MemorySegment y,
            long yStride,
            MemorySegment rstd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.RMS_NORM.invokeExact(
                            context,
                            dtype,
                            parameterDtype,
                            rows,
                            totalRows,
                            columns,
                            statisticsColumns,
                            x,
                            xStride,
                            gamma,
                            beta,
                            weightOffset,
                            eps,
                            epsMode,
                            castMode,
                            y,
                            yStride,
                            rstd,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }
}
