// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The gated activations of {@code gatun/activation.h} and the gate of attention heads, as {@link
 * NormFunctions} has the functions of its own header.
 */
public final class GatedActivationFunctions {

    private GatedActivationFunctions() {}

    /** Linked on the first critical call, so that the plain variants do not pay for them. */
    private static final class Critical {
        static final MethodHandle GATED_ACTIVATION =
                CriticalHandles.link(
                        gatun_h.gatun_gated_activation$address(),
                        gatun_h.gatun_gated_activation$descriptor());
        static final MethodHandle GATED_ACTIVATION_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_gated_activation_backward$address(),
                        gatun_h.gatun_gated_activation_backward$descriptor());
        static final MethodHandle HEAD_GATE =
                CriticalHandles.link(
                        gatun_h.gatun_head_gate$address(), gatun_h.gatun_head_gate$descriptor());
        static final MethodHandle HEAD_GATE_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_head_gate_backward$address(),
                        gatun_h.gatun_head_gate_backward$descriptor());
    }

    public static int gatedActivation(
            MemorySegment context,
            int activation,
            float first,
            int dtype,
            int layout,
            long rows,
            long columns,
            MemorySegment gate,
            long gateStride,
            MemorySegment value,
            long valueStride,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_gated_activation(
                context,
                activation,
                first,
                dtype,
                layout,
                rows,
                columns,
                gate,
                gateStride,
                value,
                valueStride,
                y,
                yStride,
                message,
                messageBytes);
    }

    /** {@link #gatedActivation} for heap segments. */
    public static int gatedActivationCritical(
            MemorySegment context,
            int activation,
            float first,
            int dtype,
            int layout,
            long rows,
            long columns,
            MemorySegment gate,
            long gateStride,
            MemorySegment value,
            long valueStride,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.GATED_ACTIVATION.invokeExact(
                            context,
                            activation,
                            first,
                            dtype,
                            layout,
                            rows,
                            columns,
                            gate,
                            gateStride,
                            value,
                            valueStride,
                            y,
                            yStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int gatedActivationBackward(
            MemorySegment context,
            int activation,
            float first,
            int dtype,
            int layout,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment gate,
            long gateStride,
            MemorySegment value,
            long valueStride,
            MemorySegment dgate,
            long dgateStride,
            MemorySegment dvalue,
            long dvalueStride,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_gated_activation_backward(
                context,
                activation,
                first,
                dtype,
                layout,
                rows,
                columns,
                dy,
                dyStride,
                gate,
                gateStride,
                value,
                valueStride,
                dgate,
                dgateStride,
                dvalue,
                dvalueStride,
                y,
                yStride,
                message,
                messageBytes);
    }

    /** {@link #gatedActivationBackward} for heap segments. */
    public static int gatedActivationBackwardCritical(
            MemorySegment context,
            int activation,
            float first,
            int dtype,
            int layout,
            long rows,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment gate,
            long gateStride,
            MemorySegment value,
            long valueStride,
            MemorySegment dgate,
            long dgateStride,
            MemorySegment dvalue,
            long dvalueStride,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.GATED_ACTIVATION_BACKWARD.invokeExact(
                            context,
                            activation,
                            first,
                            dtype,
                            layout,
                            rows,
                            columns,
                            dy,
                            dyStride,
                            gate,
                            gateStride,
                            value,
                            valueStride,
                            dgate,
                            dgateStride,
                            dvalue,
                            dvalueStride,
                            y,
                            yStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int headGate(
            MemorySegment context,
            int dtype,
            long tokens,
            long heads,
            long columns,
            MemorySegment gate,
            long gateStride,
            MemorySegment value,
            long valueStride,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_head_gate(
                context,
                dtype,
                tokens,
                heads,
                columns,
                gate,
                gateStride,
                value,
                valueStride,
                y,
                yStride,
                message,
                messageBytes);
    }

    /** {@link #headGate} for heap segments. */
    public static int headGateCritical(
            MemorySegment context,
            int dtype,
            long tokens,
            long heads,
            long columns,
            MemorySegment gate,
            long gateStride,
            MemorySegment value,
            long valueStride,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.HEAD_GATE.invokeExact(
                            context,
                            dtype,
                            tokens,
                            heads,
                            columns,
                            gate,
                            gateStride,
                            value,
                            valueStride,
                            y,
                            yStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int headGateBackward(
            MemorySegment context,
            int dtype,
            long tokens,
            long heads,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment gate,
            long gateStride,
            MemorySegment value,
            long valueStride,
            MemorySegment dgate,
            long dgateStride,
            MemorySegment dvalue,
            long dvalueStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_head_gate_backward(
                context,
                dtype,
                tokens,
                heads,
                columns,
                dy,
                dyStride,
                gate,
                gateStride,
                value,
                valueStride,
                dgate,
                dgateStride,
                dvalue,
                dvalueStride,
                message,
                messageBytes);
    }

    /** {@link #headGateBackward} for heap segments. */
    public static int headGateBackwardCritical(
            MemorySegment context,
            int dtype,
            long tokens,
            long heads,
            long columns,
            MemorySegment dy,
            long dyStride,
            MemorySegment gate,
            long gateStride,
            MemorySegment value,
            long valueStride,
            MemorySegment dgate,
            long dgateStride,
            MemorySegment dvalue,
            long dvalueStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.HEAD_GATE_BACKWARD.invokeExact(
                            context,
                            dtype,
                            tokens,
                            heads,
                            columns,
                            dy,
                            dyStride,
                            gate,
                            gateStride,
                            value,
                            valueStride,
                            dgate,
                            dgateStride,
                            dvalue,
                            dvalueStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }
}
