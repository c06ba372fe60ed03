// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Functions of {@code gatun/polynomial.h}, one method each with the arguments in the order of the
 * header, as {@link NormFunctions} has those of its header. This class has the masks of activation
 * sparsity.
 */
public final class SparsityFunctions {

    private SparsityFunctions() {}

    /** Linked on the first critical call, so that the plain variants do not pay for them. */
    private static final class Critical {
        static final MethodHandle THRESHOLD_MASK =
                CriticalHandles.link(
                        gatun_h.gatun_threshold_mask$address(),
                        gatun_h.gatun_threshold_mask$descriptor());
        static final MethodHandle TOPK_MASK_ROWS =
                CriticalHandles.link(
                        gatun_h.gatun_topk_mask_rows$address(),
                        gatun_h.gatun_topk_mask_rows$descriptor());
    }

    public static int thresholdMask(
            MemorySegment context,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment scale,
            MemorySegment thresholds,
            float threshold,
            int keepEqual,
            MemorySegment values,
            long valuesStride,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_threshold_mask(
                context,
                dtype,
                rows,
                columns,
                x,
                xStride,
                scale,
                thresholds,
                threshold,
                keepEqual,
                values,
                valuesStride,
                y,
                yStride,
                message,
                messageBytes);
    }

    /** {@link #thresholdMask} for heap segments. */
    public static int thresholdMaskCritical(
            MemorySegment context,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment scale,
            MemorySegment thresholds,
            float threshold,
            int keepEqual,
            MemorySegment values,
            long valuesStride,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.THRESHOLD_MASK.invokeExact(
                            context,
                            dtype,
                            rows,
                            columns,
                            x,
                            xStride,
                            scale,
                            thresholds,
                            threshold,
                            keepEqual,
                            values,
                            valuesStride,
                            y,
                            yStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int topkMaskRows(
            MemorySegment context,
            int dtype,
            long rows,
            long columns,
            long kept,
            MemorySegment x,
            long xStride,
            MemorySegment scale,
            MemorySegment values,
            long valuesStride,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_topk_mask_rows(
                context,
                dtype,
                rows,
                columns,
                kept,
                x,
                xStride,
                scale,
                values,
                valuesStride,
                y,
                yStride,
                message,
                messageBytes);
    }

    /** {@link #topkMaskRows} for heap segments. */
    public static int topkMaskRowsCritical(
            MemorySegment context,
            int dtype,
            long rows,
            long columns,
            long kept,
            MemorySegment x,
            long xStride,
            MemorySegment scale,
            MemorySegment values,
            long valuesStride,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.TOPK_MASK_ROWS.invokeExact(
                            context,
                            dtype,
                            rows,
                            columns,
                            kept,
                            x,
                            xStride,
                            scale,
                            values,
                            valuesStride,
                            y,
                            yStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }
}
