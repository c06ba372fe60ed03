// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The forward functions that join normalization and residual addition, as {@link NormFunctions} has
 * its own.
 */
public final class ResidualNormFunctions {

    private ResidualNormFunctions() {}

    /** Linked on the first critical call, so that the plain variants do not pay for them. */
    private static final class Critical {
        static final MethodHandle RESIDUAL_ADD_NORM =
                CriticalHandles.link(
                        gatun_h.gatun_residual_add_norm$address(),
                        gatun_h.gatun_residual_add_norm$descriptor());
        static final MethodHandle NORM_RESIDUAL_ADD =
                CriticalHandles.link(
                        gatun_h.gatun_norm_residual_add$address(),
                        gatun_h.gatun_norm_residual_add$descriptor());
        static final MethodHandle NORM_ADD_NORM =
                CriticalHandles.link(
                        gatun_h.gatun_norm_add_norm$address(),
                        gatun_h.gatun_norm_add_norm$descriptor());
    }

    public static int residualAddNorm(
            MemorySegment context,
            int norm,
            int dtype,
            int parameterDtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment residual,
            long residualStride,
            float alpha,
            MemorySegment bias,
            MemorySegment gamma,
            MemorySegment beta,
            float weightOffset,
            float eps,
            int epsMode,
            int castMode,
            int sumMode,
            MemorySegment h,
            long hStride,
            MemorySegment y,
            long yStride,
            MemorySegment mean,
            MemorySegment meanLow,
            MemorySegment rstd,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_residual_add_norm(
                context,
                norm,
                dtype,
                parameterDtype,
                rows,
                columns,
                x,
                xStride,
                residual,
                residualStride,
                alpha,
                bias,
                gamma,
                beta,
                weightOffset,
                eps,
                epsMode,
                castMode,
                sumMode,
                h,
                hStride,
                y,
                yStride,
                mean,
                meanLow,
                rstd,
                message,
                messageBytes);
    }

    /** {@link #residualAddNorm} for heap segments. */
    public static int residualAddNormCritical(
            MemorySegment context,
            int norm,
            int dtype,
            int parameterDtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment residual,
            long residualStride,
            float alpha,
            MemorySegment bias,
            MemorySegment gamma,
            MemorySegment beta,
            float weightOffset,
            float eps,
            int epsMode,
            int castMode,
            int sumMode,
            MemorySegment h,
            long hStride,
            MemorySegment y,
            long yStride,
            MemorySegment mean,
            MemorySegment meanLow,
            MemorySegment rstd,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.RESIDUAL_ADD_NORM.invokeExact(
                            context,
                            norm,
                            dtype,
                            parameterDtype,
                            rows,
                            columns,
                            x,
                            xStride,
                            residual,
                            residualStride,
                            alpha,
                            bias,
                            gamma,
                            beta,
                            weightOffset,
                            eps,
                            epsMode,
                            castMode,
                            sumMode,
                            h,
                            hStride,
                            y,
                            yStride,
                            mean,
                            meanLow,
                            rstd,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int normResidualAdd(
            MemorySegment context,
            int norm,
            int dtype,
            int parameterDtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment bias,
            MemorySegment gamma,
            MemorySegment beta,
            float weightOffset,
            float eps,
            int epsMode,
            int castMode,
            MemorySegment residual,
            long residualStride,
            float alpha,
            MemorySegment h,
            long hStride,
            MemorySegment mean,
            MemorySegment meanLow,
            MemorySegment rstd,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_norm_residual_add(
                context,
                norm,
                dtype,
                parameterDtype,
                rows,
                columns,
                x,
                xStride,
                bias,
                gamma,
                beta,
                weightOffset,
                eps,
                epsMode,
                castMode,
                residual,
                residualStride,
                alpha,
                h,
                hStride,
                mean,
                meanLow,
                rstd,
                message,
                messageBytes);
    }

    /** {@link #normResidualAdd} for heap segments. */
    public static int normResidualAddCritical(
            MemorySegment context,
            int norm,
            int dtype,
            int parameterDtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment bias,
            MemorySegment gamma,
            MemorySegment beta,
            float weightOffset,
            float eps,
            int epsMode,
            int castMode,
            MemorySegment residual,
            long residualStride,
            float alpha,
            MemorySegment h,
            long hStride,
            MemorySegment mean,
            MemorySegment meanLow,
            MemorySegment rstd,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.NORM_RESIDUAL_ADD.invokeExact(
                            context,
                            norm,
                            dtype,
                            parameterDtype,
                            rows,
                            columns,
                            x,
                            xStride,
                            bias,
                            gamma,
                            beta,
                            weightOffset,
                            eps,
                            epsMode,
                            castMode,
                            residual,
                            residualStride,
                            alpha,
                            h,
                            hStride,
                            mean,
                            meanLow,
                            rstd,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }

    public static int normAddNorm(
            MemorySegment context,
            int norm,
            int dtype,
            int parameterDtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment gamma1,
            MemorySegment beta1,
            MemorySegment residual,
            long residualStride,
            float alpha,
            MemorySegment gamma2,
            MemorySegment beta2,
            float weightOffset,
            float eps,
            int epsMode,
            int castMode,
            int sumMode,
            MemorySegment h,
            long hStride,
            MemorySegment y,
            long yStride,
            MemorySegment mean1,
            MemorySegment meanLow1,
            MemorySegment rstd1,
            MemorySegment mean2,
            MemorySegment meanLow2,
            MemorySegment rstd2,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_norm_add_norm(
                context,
                norm,
                dtype,
                parameterDtype,
                rows,
                columns,
                x,
                xStride,
                gamma1,
                beta1,
                residual,
                residualStride,
                alpha,
                gamma2,
                beta2,
                weightOffset,
                eps,
                epsMode,
                castMode,
                sumMode,
                h,
                hStride,
                y,
                yStride,
                mean1,
                meanLow1,
                rstd1,
                mean2,
                meanLow2,
                rstd2,
                message,
                messageBytes);
    }

    /** {@link #normAddNorm} for heap segments. */
    public static int normAddNormCritical(
            MemorySegment context,
            int norm,
            int dtype,
            int parameterDtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            MemorySegment gamma1,
            MemorySegment beta1,
            MemorySegment residual,
            long residualStride,
            float alpha,
            MemorySegment gamma2,
            MemorySegment beta2,
            float weightOffset,
            float eps,
            int epsMode,
            int castMode,
            int sumMode,
            MemorySegment h,
            long hStride,
            MemorySegment y,
            long yStride,
            MemorySegment mean1,
            MemorySegment meanLow1,
            MemorySegment rstd1,
            MemorySegment mean2,
            MemorySegment meanLow2,
            MemorySegment rstd2,
            MemorySegment message,
            long messageBytes) {
        try {
            return (int)
                    Critical.NORM_ADD_NORM.invokeExact(
                            context,
                            norm,
                            dtype,
                            parameterDtype,
                            rows,
                            columns,
                            x,
                            xStride,
                            gamma1,
                            beta1,
                            residual,
                            residualStride,
                            alpha,
                            gamma2,
                            beta2,
                            weightOffset,
                            eps,
                            epsMode,
                            castMode,
                            sumMode,
                            h,
                            hStride,
                            y,
                            yStride,
                            mean1,
                            meanLow1,
                            rstd1,
                            mean2,
                            meanLow2,
                            rstd2,
                            message,
                            messageBytes);
        } catch (Throwable thrown) {
            throw CriticalHandles.rethrow(thrown);
        }
    }
}
