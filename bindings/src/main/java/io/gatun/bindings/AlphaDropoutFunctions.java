// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Alpha dropout, as {@link NormFunctions} has the functions of its own header. */
public final class AlphaDropoutFunctions {

    private AlphaDropoutFunctions() {}

    /** Linked on the first critical call, so that the plain variants do not pay for them. */
    private static final class Critical {
        static final MethodHandle ALPHA_DROPOUT =
                CriticalHandles.link(
                        gatun_h.gatun_alpha_dropout$address(),
                        gatun_h.gatun_alpha_dropout$descriptor());
        static final MethodHandle ALPHA_DROPOUT_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_alpha_dropout_backward$address(),
                        gatun_h.gatun_alpha_dropout_backward$descriptor());
    }

    public static int alphaDropout(
            MemorySegment context,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            float probability,
            long seed,
            long offset,
            int perRow,
            int selu,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_alpha_dropout(
                context,
                dtype,
                rows,
                columns,
                x,
                xStride,
                probability,
                seed,
                offset,
                perRow,
                selu,
                y,
                yStride,
                message,
                messageBytes);
    }

    /** {@link #alphaDropout} for heap segments. */
    public static int alphaDropoutCritical(
            MemorySegment context,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            float probability,
            long seed,
            long offset,
            int perRow,
            int selu,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.ALPHA_DROPOUT.invokeExact(
                            context,
                            dtype,
                            rows,
                            columns,
                            x,
                            xStride,
                            probability,
                            seed,
                            offset,
                            perRow,
                            selu,
                            y,
                            yStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int alphaDropoutBackward(
            MemorySegment context,
            int dtype,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            float probability,
            long seed,
            long offset,
            int perRow,
            int selu,
            MemorySegment dx,
            long dxStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_alpha_dropout_backward(
                context,
                dtype,
                rows,
                columns,
                dy,
                dyStride,
                x,
                xStride,
                probability,
                seed,
                offset,
                perRow,
                selu,
                dx,
                dxStride,
                message,
                messageBytes);
    }

    /** {@link #alphaDropoutBackward} for heap segments. */
    public static int alphaDropoutBackwardCritical(
            MemorySegment context,
            int dtype,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            float probability,
            long seed,
            long offset,
            int perRow,
            int selu,
            MemorySegment dx,
            long dxStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.ALPHA_DROPOUT_BACKWARD.invokeExact(
                            context,
                            dtype,
                            rows,
                            columns,
                            dy,
                            dyStride,
                            x,
                            xStride,
                            probability,
                            seed,
                            offset,
                            perRow,
                            selu,
                            dx,
                            dxStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }
}
