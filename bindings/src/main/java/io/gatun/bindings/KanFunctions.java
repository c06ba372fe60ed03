// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The functions of Kolmogorov-Arnold networks, as {@link NormFunctions} has its own. */
public final class KanFunctions {

    private KanFunctions() {}

    /** Linked on the first critical call, so that the plain variants do not pay for them. */
    private static final class Critical {
        static final MethodHandle KAN_BASIS =
                CriticalHandles.link(
                        gatun_h.gatun_kan_basis$address(), gatun_h.gatun_kan_basis$descriptor());
        static final MethodHandle KAN_BASIS_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_kan_basis_backward$address(),
                        gatun_h.gatun_kan_basis_backward$descriptor());
        static final MethodHandle KAN_LAYER =
                CriticalHandles.link(
                        gatun_h.gatun_kan_layer$address(), gatun_h.gatun_kan_layer$descriptor());
        static final MethodHandle KAN_LAYER_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_kan_layer_backward$address(),
                        gatun_h.gatun_kan_layer_backward$descriptor());
        static final MethodHandle KAN_WINDOW_BASIS =
                CriticalHandles.link(
                        gatun_h.gatun_kan_window_basis$address(),
                        gatun_h.gatun_kan_window_basis$descriptor());
        static final MethodHandle KAN_WINDOW_BASIS_BACKWARD =
                CriticalHandles.link(
                        gatun_h.gatun_kan_window_basis_backward$address(),
                        gatun_h.gatun_kan_window_basis_backward$descriptor());
    }

    public static int kanBasis(
            MemorySegment context,
            int basis,
            long functions,
            int degree,
            float low,
            float high,
            int base,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment phi,
            long phiStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_kan_basis(
                context,
                basis,
                functions,
                degree,
                low,
                high,
                base,
                dtype,
                rows,
                columns,
                x,
                xStride,
                phi,
                phiStride,
                message,
                messageBytes);
    }

    /** {@link #kanBasis} for heap segments. */
    public static int kanBasisCritical(
            MemorySegment context,
            int basis,
            long functions,
            int degree,
            float low,
            float high,
            int base,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment phi,
            long phiStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.KAN_BASIS.invokeExact(
                            context,
                            basis,
                            functions,
                            degree,
                            low,
                            high,
                            base,
                            dtype,
                            rows,
                            columns,
                            x,
                            xStride,
                            phi,
                            phiStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int kanBasisBackward(
            MemorySegment context,
            int basis,
            long functions,
            int degree,
            float low,
            float high,
            int base,
            int dtype,
            long rows,
            long columns,
            MemorySegment dphi,
            long dphiStride,
            MemorySegment x,
            long xStride,
            MemorySegment dx,
            long dxStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_kan_basis_backward(
                context,
                basis,
                functions,
                degree,
                low,
                high,
                base,
                dtype,
                rows,
                columns,
                dphi,
                dphiStride,
                x,
                xStride,
                dx,
                dxStride,
                message,
                messageBytes);
    }

    /** {@link #kanBasisBackward} for heap segments. */
    public static int kanBasisBackwardCritical(
            MemorySegment context,
            int basis,
            long functions,
            int degree,
            float low,
            float high,
            int base,
            int dtype,
            long rows,
            long columns,
            MemorySegment dphi,
            long dphiStride,
            MemorySegment x,
            long xStride,
            MemorySegment dx,
            long dxStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.KAN_BASIS_BACKWARD.invokeExact(
                            context,
                            basis,
                            functions,
                            degree,
                            low,
                            high,
                            base,
                            dtype,
                            rows,
                            columns,
                            dphi,
                            dphiStride,
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

    public static int kanLayer(
            MemorySegment context,
            int basis,
            long functions,
            int degree,
            float low,
            float high,
            int base,
            int dtype,
            long rows,
            long columns,
            long outputs,
            MemorySegment x,
            long xStride,
            MemorySegment weight,
            MemorySegment bias,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_kan_layer(
                context,
                basis,
                functions,
                degree,
                low,
                high,
                base,
                dtype,
                rows,
                columns,
                outputs,
                x,
                xStride,
                weight,
                bias,
                y,
                yStride,
                message,
                messageBytes);
    }

    /** {@link #kanLayer} for heap segments. */
    public static int kanLayerCritical(
            MemorySegment context,
            int basis,
            long functions,
            int degree,
            float low,
            float high,
            int base,
            int dtype,
            long rows,
            long columns,
            long outputs,
            MemorySegment x,
            long xStride,
            MemorySegment weight,
            MemorySegment bias,
            MemorySegment y,
            long yStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.KAN_LAYER.invokeExact(
                            context,
                            basis,
                            functions,
                            degree,
                            low,
                            high,
                            base,
                            dtype,
                            rows,
                            columns,
                            outputs,
                            x,
                            xStride,
                            weight,
                            bias,
                            y,
                            yStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int kanLayerBackward(
            MemorySegment context,
            int basis,
            long functions,
            int degree,
            float low,
            float high,
            int base,
            int dtype,
            long rows,
            long columns,
            long outputs,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment weight,
            MemorySegment dx,
            long dxStride,
            MemorySegment dweight,
            MemorySegment dbias,
            int accumulate,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_kan_layer_backward(
                context,
                basis,
                functions,
                degree,
                low,
                high,
                base,
                dtype,
                rows,
                columns,
                outputs,
                dy,
                dyStride,
                x,
                xStride,
                weight,
                dx,
                dxStride,
                dweight,
                dbias,
                accumulate,
                message,
                messageBytes);
    }

    /** {@link #kanLayerBackward} for heap segments. */
    public static int kanLayerBackwardCritical(
            MemorySegment context,
            int basis,
            long functions,
            int degree,
            float low,
            float high,
            int base,
            int dtype,
            long rows,
            long columns,
            long outputs,
            MemorySegment dy,
            long dyStride,
            MemorySegment x,
            long xStride,
            MemorySegment weight,
            MemorySegment dx,
            long dxStride,
            MemorySegment dweight,
            MemorySegment dbias,
            int accumulate,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.KAN_LAYER_BACKWARD.invokeExact(
                            context,
                            basis,
                            functions,
                            degree,
                            low,
                            high,
                            base,
                            dtype,
                            rows,
                            columns,
                            outputs,
                            dy,
                            dyStride,
                            x,
                            xStride,
                            weight,
                            dx,
                            dxStride,
                            dweight,
                            dbias,
                            accumulate,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int kanWindowBasis(
            MemorySegment context,
            int inner,
            int combination,
            long functions,
            int perColumn,
            float scale,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment starts,
            MemorySegment ends,
            MemorySegment phi,
            long phiStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_kan_window_basis(
                context,
                inner,
                combination,
                functions,
                perColumn,
                scale,
                dtype,
                rows,
                columns,
                x,
                xStride,
                starts,
                ends,
                phi,
                phiStride,
                message,
                messageBytes);
    }

    /** {@link #kanWindowBasis} for heap segments. */
    public static int kanWindowBasisCritical(
            MemorySegment context,
            int inner,
            int combination,
            long functions,
            int perColumn,
            float scale,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment starts,
            MemorySegment ends,
            MemorySegment phi,
            long phiStride,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.KAN_WINDOW_BASIS.invokeExact(
                            context,
                            inner,
                            combination,
                            functions,
                            perColumn,
                            scale,
                            dtype,
                            rows,
                            columns,
                            x,
                            xStride,
                            starts,
                            ends,
                            phi,
                            phiStride,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int kanWindowBasisBackward(
            MemorySegment context,
            int inner,
            int combination,
            long functions,
            int perColumn,
            float scale,
            int dtype,
            long rows,
            long columns,
            MemorySegment dphi,
            long dphiStride,
            MemorySegment x,
            long xStride,
            MemorySegment starts,
            MemorySegment ends,
            MemorySegment dx,
            long dxStride,
            MemorySegment dstarts,
            MemorySegment dends,
            int accumulate,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_kan_window_basis_backward(
                context,
                inner,
                combination,
                functions,
                perColumn,
                scale,
                dtype,
                rows,
                columns,
                dphi,
                dphiStride,
                x,
                xStride,
                starts,
                ends,
                dx,
                dxStride,
                dstarts,
                dends,
                accumulate,
                message,
                messageBytes);
    }

    /** {@link #kanWindowBasisBackward} for heap segments. */
    public static int kanWindowBasisBackwardCritical(
            MemorySegment context,
            int inner,
            int combination,
            long functions,
            int perColumn,
            float scale,
            int dtype,
            long rows,
            long columns,
            MemorySegment dphi,
            long dphiStride,
            MemorySegment x,
            long xStride,
            MemorySegment starts,
            MemorySegment ends,
            MemorySegment dx,
            long dxStride,
            MemorySegment dstarts,
            MemorySegment dends,
            int accumulate,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.KAN_WINDOW_BASIS_BACKWARD.invokeExact(
                            context,
                            inner,
                            combination,
                            functions,
                            perColumn,
                            scale,
                            dtype,
                            rows,
                            columns,
                            dphi,
                            dphiStride,
                            x,
                            xStride,
                            starts,
                            ends,
                            dx,
                            dxStride,
                            dstarts,
                            dends,
                            accumulate,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }
}
