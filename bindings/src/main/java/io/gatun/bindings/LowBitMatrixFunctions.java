// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.MemorySegment;

/**
 * The functions of {@code gatun/lowbit.h} that make, describe and free packed weights, one method
 * each with the arguments in the order of the header. They run long and allocate, so there is no
 * critical variant: memory is native.
 */
public final class LowBitMatrixFunctions {

    private LowBitMatrixFunctions() {}

    public static int lowbitMatrixFromFloats(
            MemorySegment context,
            int dtype,
            long outputs,
            long inputs,
            MemorySegment weight,
            long weightStride,
            int bits,
            int grid,
            long groupSize,
            int scaleDtype,
            MemorySegment matrix,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_lowbit_matrix_from_floats(
                context,
                dtype,
                outputs,
                inputs,
                weight,
                weightStride,
                bits,
                grid,
                groupSize,
                scaleDtype,
                matrix,
                message,
                messageBytes);
    }

    public static int lowbitMatrixFromGguf(
            MemorySegment context,
            int type,
            long outputs,
            long inputs,
            MemorySegment data,
            long dataBytes,
            int inPlace,
            MemorySegment matrix,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_lowbit_matrix_from_gguf(
                context,
                type,
                outputs,
                inputs,
                data,
                dataBytes,
                inPlace,
                matrix,
                message,
                messageBytes);
    }

    public static int lowbitMatrixFromAwq(
            MemorySegment context,
            long outputs,
            long inputs,
            long groupSize,
            MemorySegment qweight,
            long qweightBytes,
            MemorySegment qzeros,
            long qzerosBytes,
            int scaleDtype,
            MemorySegment scales,
            long scalesBytes,
            MemorySegment matrix,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_lowbit_matrix_from_awq(
                context,
                outputs,
                inputs,
                groupSize,
                qweight,
                qweightBytes,
                qzeros,
                qzerosBytes,
                scaleDtype,
                scales,
                scalesBytes,
                matrix,
                message,
                messageBytes);
    }

    public static int lowbitMatrixFromGptq(
            MemorySegment context,
            int bits,
            int version,
            long outputs,
            long inputs,
            long groupSize,
            MemorySegment qweight,
            long qweightBytes,
            MemorySegment qzeros,
            long qzerosBytes,
            int scaleDtype,
            MemorySegment scales,
            long scalesBytes,
            MemorySegment gIdx,
            long gIdxBytes,
            MemorySegment matrix,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_lowbit_matrix_from_gptq(
                context,
                bits,
                version,
                outputs,
                inputs,
                groupSize,
                qweight,
                qweightBytes,
                qzeros,
                qzerosBytes,
                scaleDtype,
                scales,
                scalesBytes,
                gIdx,
                gIdxBytes,
                matrix,
                message,
                messageBytes);
    }

    public static int lowbitMatrixFromNbits(
            MemorySegment context,
            int bits,
            long outputs,
            long inputs,
            long blockSize,
            MemorySegment b,
            long bBytes,
            int scaleDtype,
            MemorySegment scales,
            long scalesBytes,
            int zeroPointDtype,
            MemorySegment zeroPoints,
            long zeroPointsBytes,
            MemorySegment matrix,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_lowbit_matrix_from_nbits(
                context,
                bits,
                outputs,
                inputs,
                blockSize,
                b,
                bBytes,
                scaleDtype,
                scales,
                scalesBytes,
                zeroPointDtype,
                zeroPoints,
                zeroPointsBytes,
                matrix,
                message,
                messageBytes);
    }

    public static int lowbitMatrixFromJlama(
            MemorySegment context,
            int bits,
            long outputs,
            long inputs,
            MemorySegment data,
            long dataBytes,
            MemorySegment scales,
            long scalesBytes,
            MemorySegment matrix,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_lowbit_matrix_from_jlama(
                context,
                bits,
                outputs,
                inputs,
                data,
                dataBytes,
                scales,
                scalesBytes,
                matrix,
                message,
                messageBytes);
    }

    public static int lowbitMatrixFromInt8(
            MemorySegment context,
            long outputs,
            long inputs,
            MemorySegment codes,
            long codesStride,
            MemorySegment scales,
            MemorySegment zeroPoints,
            MemorySegment matrix,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_lowbit_matrix_from_int8(
                context,
                outputs,
                inputs,
                codes,
                codesStride,
                scales,
                zeroPoints,
                matrix,
                message,
                messageBytes);
    }

    public static int lowbitMatrixDestroy(MemorySegment matrix) {
        return gatun_h.gatun_lowbit_matrix_destroy(matrix);
    }

    public static long lowbitMatrixOutputs(MemorySegment matrix) {
        return gatun_h.gatun_lowbit_matrix_outputs(matrix);
    }

    public static long lowbitMatrixInputs(MemorySegment matrix) {
        return gatun_h.gatun_lowbit_matrix_inputs(matrix);
    }

    public static int lowbitMatrixBits(MemorySegment matrix) {
        return gatun_h.gatun_lowbit_matrix_bits(matrix);
    }

    public static int lowbitMatrixScheme(MemorySegment matrix) {
        return gatun_h.gatun_lowbit_matrix_scheme(matrix);
    }

    public static int lowbitMatrixGgufType(MemorySegment matrix) {
        return gatun_h.gatun_lowbit_matrix_gguf_type(matrix);
    }

    public static int lowbitMatrixFlags(MemorySegment matrix) {
        return gatun_h.gatun_lowbit_matrix_flags(matrix);
    }

    public static long lowbitMatrixGroupSize(MemorySegment matrix) {
        return gatun_h.gatun_lowbit_matrix_group_size(matrix);
    }

    public static long lowbitMatrixBytes(MemorySegment matrix) {
        return gatun_h.gatun_lowbit_matrix_bytes(matrix);
    }

    public static int lowbitMatrixPermutation(
            MemorySegment matrix, MemorySegment permutation, long count) {
        return gatun_h.gatun_lowbit_matrix_permutation(matrix, permutation, count);
    }

    public static int lowbitMatrixDequantize(
            MemorySegment context,
            MemorySegment matrix,
            long outputBegin,
            long outputEnd,
            int dtype,
            MemorySegment out,
            long outStride,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_lowbit_matrix_dequantize(
                context,
                matrix,
                outputBegin,
                outputEnd,
                dtype,
                out,
                outStride,
                message,
                messageBytes);
    }

    public static int lowbitMatrixUnpack(
            MemorySegment context,
            MemorySegment matrix,
            long outputBegin,
            long outputEnd,
            MemorySegment codes,
            MemorySegment scales,
            MemorySegment offsets,
            MemorySegment message,
            long messageBytes) {
        return gatun_h.gatun_lowbit_matrix_unpack(
                context,
                matrix,
                outputBegin,
                outputEnd,
                codes,
                scales,
                offsets,
                message,
                messageBytes);
    }
}
