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
}
