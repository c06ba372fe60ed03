// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;

/**
 * The products of {@code gatun/lowbit.h}, one method each with the arguments in the order of the
 * header. There is no critical variant: a product reads all weights, which takes longer than a
 * safepoint may wait, while its activations and results are small enough to be copied from and to
 * the heap.
 */
public final class LowBitFunctions {

    private LowBitFunctions() {}

    public static int lowbitQuantizeActivations(
            MemorySegment context,
            int dtype,
            long rows,
            long columns,
            MemorySegment x,
            long xStride,
            int activation,
            MemorySegment channelScales,
            MemorySegment channelCentres,
            int limit,
            MemorySegment codes,
            long codesStride,
            MemorySegment scales,
            MemorySegment sums,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_lowbit_quantize_activations(
                context,
                dtype,
                rows,
                columns,
                x,
                xStride,
                activation,
                channelScales,
                channelCentres,
                limit,
                codes,
                codesStride,
                scales,
                sums,
                message,
                messageBytes);
    }

    public static int lowbitMultiplyScratch(
            MemorySegment context,
            int dtype,
            long rows,
            MemorySegment matrix,
            int activation,
            MemorySegment scratchBytes) {
        return gatun_h.gatun_lowbit_multiply_scratch(
                context, dtype, rows, matrix, activation, scratchBytes);
    }

    public static int lowbitMultiply(
            MemorySegment context,
            int dtype,
            long rows,
            MemorySegment x,
            long xStride,
            MemorySegment matrix,
            MemorySegment bias,
            int activation,
            MemorySegment y,
            long yStride,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_lowbit_multiply(
                context,
                dtype,
                rows,
                x,
                xStride,
                matrix,
                bias,
                activation,
                y,
                yStride,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }

    public static int int8MatmulScratch(
            MemorySegment context, long rows, MemorySegment matrix, MemorySegment scratchBytes) {
        return gatun_h.gatun_int8_matmul_scratch(context, rows, matrix, scratchBytes);
    }

    public static int int8Matmul(
            MemorySegment context,
            long rows,
            MemorySegment x,
            long xStride,
            MemorySegment rowScales,
            MemorySegment rowZeroPoints,
            MemorySegment matrix,
            MemorySegment bias,
            int result,
            MemorySegment y,
            long yStride,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_int8_matmul(
                context,
                rows,
                x,
                xStride,
                rowScales,
                rowZeroPoints,
                matrix,
                bias,
                result,
                y,
                yStride,
                scratch,
                scratchBytes,
                message,
                messageBytes);
    }
}
