// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The functions that convert weights when a model is loaded, as {@link NormFunctions} has its own.
 */
public final class WeightFunctions {

    private WeightFunctions() {}

    /** Linked on the first critical call, so that the plain variants do not pay for them. */
    private static final class Critical {
        static final MethodHandle ZERO_MEAN_ROWS =
                CriticalHandles.link(
                        gatun_h.gatun_zero_mean_rows$address(),
                        gatun_h.gatun_zero_mean_rows$descriptor());
        static final MethodHandle FOLD_AFFINE =
                CriticalHandles.link(
                        gatun_h.gatun_fold_affine$address(),
                        gatun_h.gatun_fold_affine$descriptor());
    }

    public static int zeroMeanRowsScratch(
            MemorySegment context, long rows, long columns, MemorySegment scratchBytes) {
        return gatun_h.gatun_zero_mean_rows_scratch(context, rows, columns, scratchBytes);
    }

    public static int zeroMeanRows(
            MemorySegment context,
            int along,
            long rows,
            long columns,
            MemorySegment weight,
            long weightStride,
            MemorySegment out,
            long outStride,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_zero_mean_rows(
                context,
                along,
                rows,
                columns,
                weight,
                weightStride,
                out,
                outStride,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    /** {@link #zeroMeanRows} for heap segments. */
    public static int zeroMeanRowsCritical(
            MemorySegment context,
            int along,
            long rows,
            long columns,
            MemorySegment weight,
            long weightStride,
            MemorySegment out,
            long outStride,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.ZERO_MEAN_ROWS.invokeExact(
                            context,
                            along,
                            rows,
                            columns,
                            weight,
                            weightStride,
                            out,
                            outStride,
                            scratch,
                            scratchBytes,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int foldAffine(
            MemorySegment context,
            long rows,
            long columns,
            MemorySegment weight,
            long weightStride,
            MemorySegment bias,
            MemorySegment gamma,
            MemorySegment beta,
            float weightOffset,
            MemorySegment weightOut,
            long weightOutStride,
            MemorySegment biasOut,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_fold_affine(
                context,
                rows,
                columns,
                weight,
                weightStride,
                bias,
                gamma,
                beta,
                weightOffset,
                weightOut,
                weightOutStride,
                biasOut,
                message,
                messageBytes);
    }

    /** {@link #foldAffine} for heap segments. */
    public static int foldAffineCritical(
            MemorySegment context,
            long rows,
            long columns,
            MemorySegment weight,
            long weightStride,
            MemorySegment bias,
            MemorySegment gamma,
            MemorySegment beta,
            float weightOffset,
            MemorySegment weightOut,
            long weightOutStride,
            MemorySegment biasOut,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.FOLD_AFFINE.invokeExact(
                            context,
                            rows,
                            columns,
                            weight,
                            weightStride,
                            bias,
                            gamma,
                            beta,
                            weightOffset,
                            weightOut,
                            weightOutStride,
                            biasOut,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }
}
