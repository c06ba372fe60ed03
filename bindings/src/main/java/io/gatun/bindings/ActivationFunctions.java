// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The element-wise activations of {@code gatun/activation.h}, with and without masks, as {@link
 * NormFunctions} has the functions of its own header.
 */
public final class ActivationFunctions {

    private ActivationFunctions() {}

    /** Linked on the first critical call, so that the plain variants do not pay for them. */
    private static final class Critical {
        static final MethodHandle ACTIVATION =
                CriticalHandles.link(
                        gatun_h.gatun_activation$address(), gatun_h.gatun_activation$descriptor());
        static final MethodHandle ACTIVATION_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_activation_backward$address(),
                        gatun_h.gatun_activation_backward$descriptor());
        static final MethodHandle ACTIVATION_OUTPUT_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_activation_output_backward$address(),
                        gatun_h.gatun_activation_output_backward$descriptor());
        static final MethodHandle ACTIVATION_MASK =
                CriticalHandles.link(
                        gatun_h.gatun_activation_mask$address(),
                        gatun_h.gatun_activation_mask$descriptor());
        static final MethodHandle ACTIVATION_MASK_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_activation_mask_backward$address(),
                        gatun_h.gatun_activation_mask_backward$descriptor());
    }

    public static int activation(
            MemorySegment context,
            int activation,
            float first,
            float second,
            int nanToZero,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_activation(
                context,
                activation,
                first,
                second,
                nanToZero,
                dtype,
                rows,
                columns,
                x,
                xStride,
                y,
                yStride,
                message,
                messageBytes);
    }

    /** {@link #activation} for heap segments. */
    public static int activationCritical(
            MemorySegment context,
            int activation,
            float first,
            float second,
            int nanToZero,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.ACTIVATION.invokeExact(
                            context,
                            activation,
                            first,
                            second,
                            nanToZero,
                            dtype,
                            rows,
                            columns,
                            x,
                            xStride,
                            y,
                            yStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int activationBackward(
            MemorySegment context,
            int activation,
            float first,
            float second,
            int nanToZero,
            int dtype,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment dx,
            long dxStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_activation_backward(
                context,
                activation,
                first,
                second,
                nanToZero,
                dtype,
                rows,
                columns,
                dy,
                dyStride,
                x,
                xStride,
                dx,
                dxStride,
                message,
                messageBytes);
    }

    /** {@link #activationBackward} for heap segments. */
    public static int activationBackwardCritical(
            MemorySegment context,
            int activation,
            float first,
            float second,
            int nanToZero,
            int dtype,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment dx,
            long dxStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.ACTIVATION_BACKWARD.invokeExact(
                            context,
                            activation,
                            first,
                            second,
                            nanToZero,
                            dtype,
                            rows,
                            columns,
                            dy,
                            dyStride,
                            x,
                            xStride,
                            dx,
                            dxStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int activationOutputBackward(
            MemorySegment context,
            int activation,
            float first,
            float second,
            int dtype,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment y,
            long yStride,
            MemorySegment dx,
            long dxStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_activation_output_backward(
                context,
                activation,
                first,
                second,
                dtype,
                rows,
                columns,
                dy,
                dyStride,
                y,
                yStride,
                dx,
                dxStride,
                message,
                messageBytes);
    }

    /** {@link #activationOutputBackward} for heap segments. */
    public static int activationOutputBackwardCritical(
            MemorySegment context,
            int activation,
            float first,
            float second,
            int dtype,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment y,
            long yStride,
            MemorySegment dx,
            long dxStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.ACTIVATION_OUTPUT_BACKWARD.invokeExact(
                            context,
                            activation,
                            first,
                            second,
                            dtype,
                            rows,
                            columns,
                            dy,
                            dyStride,
                            y,
                            yStride,
                            dx,
                            dxStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int activationMask(
            MemorySegment context,
            int activation,
            float first,
            float second,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            float lower,
            float upper,
            MemorySegment y,
            long yStride,
            MemorySegment mask,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_activation_mask(
                context,
                activation,
                first,
                second,
                dtype,
                rows,
                columns,
                x,
                xStride,
                lower,
                upper,
                y,
                yStride,
                mask,
                message,
                messageBytes);
    }

    /** {@link #activationMask} for heap segments. */
    public static int activationMaskCritical(
            MemorySegment context,
            int activation,
            float first,
            float second,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            float lower,
            float upper,
            MemorySegment y,
            long yStride,
            MemorySegment mask,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.ACTIVATION_MASK.invokeExact(
                            context,
                            activation,
                            first,
                            second,
                            dtype,
                            rows,
                            columns,
                            x,
                            xStride,
                            lower,
                            upper,
                            y,
                            yStride,
                            mask,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int activationMaskBackward(
            MemorySegment context,
            int dtype,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment mask,
            float scale0,
            float scale1,
            MemorySegment dx,
            long dxStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_activation_mask_backward(
                context,
                dtype,
                rows,
                columns,
                dy,
                dyStride,
                mask,
                scale0,
                scale1,
                dx,
                dxStride,
                message,
                messageBytes);
    }

    /** {@link #activationMaskBackward} for heap segments. */
    public static int activationMaskBackwardCritical(
            MemorySegment context,
            int dtype,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment mask,
            float scale0,
            float scale1,
            MemorySegment dx,
            long dxStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.ACTIVATION_MASK_BACKWARD.invokeExact(
                            context,
                            dtype,
                            rows,
                            columns,
                            dy,
                            dyStride,
                            mask,
                            scale0,
                            scale1,
                            dx,
                            dxStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }
}
