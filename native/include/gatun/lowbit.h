/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products with weights of 4, 5, 6 and 8 bits: Y = X W^T + bias.
 *
 * W is [outputs, inputs], row-major by output, as GGUF, safetensors and ONNX hold it; X is [rows, inputs], Y is
 * [rows, outputs]. A weight is affine in its code:
 *     w = s * u + c,   u an unsigned code of `bits` bits, s and c per output and group of inputs
 * with c = -z * s where a format has a zero point z. A matrix that is made from a format holds exactly the numbers of
 * that format.
 *
 * Results do not depend on the number of threads. Integer sums are exact, so they are the same at every level.
 */
#ifndef GATUN_LOWBIT_H
#define GATUN_LOWBIT_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Weights, ready to be multiplied. Immutable: any number of threads, and contexts, may use one at once. The library
 * owns its memory, except for that of a matrix in place.
 */
typedef struct gatun_lowbit_matrix gatun_lowbit_matrix;

/* Where a matrix comes from. */
enum gatun_lowbit_scheme {
    GATUN_LOWBIT_QUANTIZED = 0,     /* gatun_lowbit_matrix_from_floats */
    GATUN_LOWBIT_GGUF = 1,          /* GGUF blocks, packed */
    GATUN_LOWBIT_GGUF_IN_PLACE = 2, /* GGUF blocks in the caller's memory */
    GATUN_LOWBIT_AWQ = 3,
    GATUN_LOWBIT_GPTQ = 4,
    GATUN_LOWBIT_NBITS = 5, /* ONNX com.microsoft.MatMulNBits */
    GATUN_LOWBIT_JLAMA = 6,
    GATUN_LOWBIT_INT8 = 7 /* gatun_lowbit_matrix_from_int8 */
};

/* Tensor types of GGUF files, by their numbers there. */
enum gatun_gguf_type {
    GATUN_GGUF_Q4_0 = 2,
    GATUN_GGUF_Q4_1 = 3,
    GATUN_GGUF_Q5_0 = 6,
    GATUN_GGUF_Q5_1 = 7,
    GATUN_GGUF_Q8_0 = 8,
    GATUN_GGUF_Q4_K = 12,
    GATUN_GGUF_Q5_K = 13,
    GATUN_GGUF_Q6_K = 14
};

/* The grids of gatun_lowbit_matrix_from_floats. */
enum gatun_lowbit_grid {
    GATUN_LOWBIT_SYMMETRIC = 0, /* zero in the middle of the codes */
    GATUN_LOWBIT_AFFINE = 1     /* from the least to the greatest weight, widened to hold 0 */
};

/* Group sizes that are no number of inputs. */
enum gatun_lowbit_group {
    GATUN_LOWBIT_PER_CHANNEL = 0, /* one group for all inputs of an output */
    GATUN_LOWBIT_PER_TENSOR = -1  /* and the same s and c for all outputs */
};

/* What gatun_lowbit_matrix_flags can say, as a sum. */
enum gatun_lowbit_flag {
    GATUN_LOWBIT_HAS_PERMUTATION = 1, /* GPTQ act-order: the inputs are held in another order */
    GATUN_LOWBIT_HAS_MINUS_128 = 2,   /* some signed 8-bit code is -128; not looked for in place */
    GATUN_LOWBIT_GPTQ_ZERO_ONES = 4   /* a GPTQ zero point field is all ones; it was read as 0 (see there) */
};

/* In what form activations enter a product. */
enum gatun_lowbit_activation {
    GATUN_LOWBIT_FLOAT = 0,    /* as they are; the weights are decoded: exactness over speed */
    GATUN_LOWBIT_INT8_ROW = 1, /* int8 codes, one scale per row */
    GATUN_LOWBIT_INT8_32 = 32, /* int8 codes, one scale per row and 32 inputs */
    GATUN_LOWBIT_INT8_64 = 64, /* and so on */
    GATUN_LOWBIT_INT8_128 = 128,
    GATUN_LOWBIT_INT8_256 = 256,
    GATUN_LOWBIT_INT8_CHANNEL = 2 /* gatun_lowbit_quantize_activations only: int8 codes, one given scale per column */
};

/* What gatun_int8_matmul writes. */
enum gatun_int8_result {
    GATUN_INT8_TO_FLOAT = 0, /* float */
    GATUN_INT8_TO_INT = 1    /* 32-bit integers */
};

/*
 * Matrices. What holds for every function that makes one:
 *   outputs, inputs  >= 0; inputs < 2^31
 *   X, X_bytes       the memory of a tensor and how much of it there is. It must be at least what the shape needs;
 *                    nothing beyond that is read. It need not be aligned.
 *   matrix           receives the new matrix, or NULL on failure
 * They take the context for its threads only, and touch X only during the call, except in place.
 * GATUN_INVALID_ARGUMENT, also for contents that cannot be multiplied: a scale or offset that is not finite or becomes
 * so in a product with a code, an index out of its range (the message says where). GATUN_OUT_OF_MEMORY.
 */

/*
 * Quantizes float weights. With lo and hi the least and greatest weight of a group, both widened to hold 0, and m its
 * weight of largest magnitude (the negative one of two):
 *     GATUN_LOWBIT_AFFINE                 s = (hi - lo) / (2^bits - 1),  z = round(-lo / s),
 *                                         u = clamp(round(w * (1 / s) + z), 0, 2^bits - 1)
 *     GATUN_LOWBIT_SYMMETRIC, 4..6 bits   s = -m / 2^(bits - 1),  z = 2^(bits - 1),  u as above
 *     GATUN_LOWBIT_SYMMETRIC, 8 bits      s = |m| / 127,  z = 128,  u = 128 + rint(w * (127 / |m|))
 * in float32; round is half away from zero, rint half to even. The first two are the quantizer of ONNX Runtime
 * (MatMulNBits), the last that of llama.cpp (Q8_0). A group of zeros has s = 0, and decodes to zeros. The last group is
 * short where group_size does not divide inputs.
 *
 *   dtype            gatun_dtype of weight
 *   weight           [outputs, inputs], row stride weight_stride >= inputs, aligned to its element size
 *   bits             4, 5, 6 or 8
 *   grid             gatun_lowbit_grid
 *   group_size       32, 64, 128, 256, GATUN_LOWBIT_PER_CHANNEL or GATUN_LOWBIT_PER_TENSOR
 *   scale_dtype      GATUN_F32, or GATUN_F16 or GATUN_BF16: s is rounded to it before z and u are computed, and it is
 *                    an error if that makes it zero or infinite
 * A weight that is not finite is an error.
 */
GATUN_API int gatun_lowbit_matrix_from_floats(const gatun_context *context, int dtype, long long outputs,
                                              long long inputs, const void *weight, long long weight_stride, int bits,
                                              int grid, long long group_size, int scale_dtype,
                                              gatun_lowbit_matrix **matrix, char *message, long long message_bytes);

/*
 * GGUF blocks (ggml, block_q4_0 to block_q6_K).
 *
 *   type             gatun_gguf_type
 *   inputs           a multiple of the block length, 32 or 256
 *   data, data_bytes the tensor: outputs * inputs / block length blocks
 *   in_place         0: the blocks are packed into memory of the matrix, and their scales must be finite.
 *                    1: the matrix multiplies from `data`, which must stay as it is until the matrix is destroyed; for
 *                    Q4_0, Q8_0, Q4_K and Q6_K. Scales that are not finite propagate as they do in ggml.
 */
GATUN_API int gatun_lowbit_matrix_from_gguf(const gatun_context *context, int type, long long outputs, long long inputs,
                                            const void *data, long long data_bytes, int in_place,
                                            gatun_lowbit_matrix **matrix, char *message, long long message_bytes);

/*
 * AWQ safetensors tensors (AutoAWQ, version "GEMM", 4 bits): w = (u - z) * s. Output 8c + j is in bits 4p to 4p + 3 of
 * word c, p = (0, 4, 1, 5, 2, 6, 3, 7)[j].
 *
 *   outputs          a multiple of 8
 *   group_size       a multiple of 16 that divides inputs; GATUN_LOWBIT_PER_CHANNEL for group_size -1 of the checkpoint
 *   qweight          int32 [inputs, outputs / 8]
 *   qzeros           int32 [groups, outputs / 8]
 *   scales           [groups, outputs] of scale_dtype, a gatun_dtype
 */
GATUN_API int gatun_lowbit_matrix_from_awq(const gatun_context *context, long long outputs, long long inputs,
                                           long long group_size, const void *qweight, long long qweight_bytes,
                                           const void *qzeros, long long qzeros_bytes, int scale_dtype,
                                           const void *scales, long long scales_bytes, gatun_lowbit_matrix **matrix,
                                           char *message, long long message_bytes);

/*
 * GPTQ safetensors tensors (AutoGPTQ): w[n][k] = (u - z) * s[g_idx[k]][n]. Codes and zero points lie low bits first in
 * 32-bit words, codes along the inputs, zero points along the outputs.
 *
 *   bits             4 or 8
 *   version          1: the stored zero point is z - 1 modulo 2^bits; 2: it is z. In version 1 a field of all ones is
 *                    read as z = 0, the only value it can come from, and the matrix is flagged: other readers differ
 *                    there, and checkpoints can have lost its neighbours.
 *   inputs, outputs  multiples of 32 / bits
 *   group_size       a multiple of 16, or GATUN_LOWBIT_PER_CHANNEL
 *   qweight          int32 [inputs * bits / 32, outputs]
 *   qzeros           int32 [groups, outputs * bits / 32]
 *   scales           [groups, outputs] of scale_dtype, a gatun_dtype
 *   g_idx            int32 [inputs]: the group of each input; NULL: input k is of group k / group_size. Otherwise each
 *                    group has group_size inputs, the last one what is left. Where it does not ascend (act-order), the
 *                    matrix holds the inputs ordered by group, and gathers activations accordingly.
 */
GATUN_API int gatun_lowbit_matrix_from_gptq(const gatun_context *context, int bits, int version, long long outputs,
                                            long long inputs, long long group_size, const void *qweight,
                                            long long qweight_bytes, const void *qzeros, long long qzeros_bytes,
                                            int scale_dtype, const void *scales, long long scales_bytes,
                                            const void *g_idx, long long g_idx_bytes, gatun_lowbit_matrix **matrix,
                                            char *message, long long message_bytes);

/*
 * Operands of ONNX com.microsoft.MatMulNBits: w = (u - z) * s. With groups = ceil(inputs / block_size):
 *
 *   bits             4 or 8
 *   block_size       a power of two, >= 16
 *   b                uint8 [outputs, groups, block_size * bits / 8], low bits first; codes beyond `inputs` are ignored
 *   scales           [outputs, groups] of scale_dtype, a gatun_dtype
 *   zero_points      NULL: z = 2^(bits - 1). With zero_point_dtype -1: uint8 [outputs, ceil(groups * bits / 8)], low
 *                    bits first. With a gatun_dtype: [outputs, groups] of it, and z need not be an integer; then
 *                    c = -z * s is rounded to float32.
 */
GATUN_API int gatun_lowbit_matrix_from_nbits(const gatun_context *context, int bits, long long outputs,
                                             long long inputs, long long block_size, const void *b, long long b_bytes,
                                             int scale_dtype, const void *scales, long long scales_bytes,
                                             int zero_point_dtype, const void *zero_points, long long zero_points_bytes,
                                             gatun_lowbit_matrix **matrix, char *message, long long message_bytes);

/*
 * Jlama tensors: blocks of 32 inputs.
 *     4 bits ("Q4")    w = (u - 8) * s; byte j of a block holds input j in its low and input j + 16 in its high bits
 *     8 bits ("I8")    w = q * s, q a signed byte
 *
 *   bits             4 or 8
 *   inputs           a multiple of 32
 *   data             [outputs, inputs * bits / 8] bytes
 *   scales           float32 [outputs, inputs / 32]
 */
GATUN_API int gatun_lowbit_matrix_from_jlama(const gatun_context *context, int bits, long long outputs,
                                             long long inputs, const void *data, long long data_bytes,
                                             const void *scales, long long scales_bytes, gatun_lowbit_matrix **matrix,
                                             char *message, long long message_bytes);

/*
 * Signed 8-bit codes with one scale and zero point per output: w = (q - z) * s.
 *
 *   codes            int8 [outputs, inputs], row stride codes_stride >= inputs; -128 is allowed
 *   scales           [outputs], or NULL for 1
 *   zero_points      int32 [outputs], each from -128 to 127, or NULL for 0
 */
GATUN_API int gatun_lowbit_matrix_from_int8(const gatun_context *context, long long outputs, long long inputs,
                                            const void *codes, long long codes_stride, const float *scales,
                                            const int *zero_points, gatun_lowbit_matrix **matrix, char *message,
                                            long long message_bytes);

/* Frees a matrix. No call may be using it. NULL is a no-op. */
GATUN_API int gatun_lowbit_matrix_destroy(gatun_lowbit_matrix *matrix);

/* What a matrix is; -1 for NULL. */
GATUN_API long long gatun_lowbit_matrix_outputs(const gatun_lowbit_matrix *matrix);
GATUN_API long long gatun_lowbit_matrix_inputs(const gatun_lowbit_matrix *matrix);
GATUN_API int gatun_lowbit_matrix_bits(const gatun_lowbit_matrix *matrix);
GATUN_API int gatun_lowbit_matrix_scheme(const gatun_lowbit_matrix *matrix);    /* gatun_lowbit_scheme */
GATUN_API int gatun_lowbit_matrix_gguf_type(const gatun_lowbit_matrix *matrix); /* gatun_gguf_type, or 0 */
GATUN_API int gatun_lowbit_matrix_flags(const gatun_lowbit_matrix *matrix);     /* sum of gatun_lowbit_flag */

/* Inputs of a group that shares s and c, at least 1; a matrix per channel or per tensor has one group of all inputs. */
GATUN_API long long gatun_lowbit_matrix_group_size(const gatun_lowbit_matrix *matrix);

/* Bytes that a product reads of the matrix. */
GATUN_API long long gatun_lowbit_matrix_bytes(const gatun_lowbit_matrix *matrix);

/*
 * The order in which the matrix holds its inputs: position i holds input permutation[i].
 *   permutation      int32 [inputs]
 * GATUN_INVALID_ARGUMENT for NULL, or where count is not `inputs`.
 */
GATUN_API int gatun_lowbit_matrix_permutation(const gatun_lowbit_matrix *matrix, int *permutation, long long count);

/*
 * Weights as numbers, for the outputs [output_begin, output_end): bit for bit what the format's own decoder gives, in
 * float32, and for other dtypes that rounded once. Where z is an integer that is (u - z) * s, rounded once. Where it
 * is not, s * u + c in float64, rounded to float32.
 *
 *   out              [output_end - output_begin, inputs] of dtype, row stride out_stride >= inputs; in the order of the
 *                    tensor, also where the matrix holds another
 * GATUN_INVALID_ARGUMENT.
 */
GATUN_API int gatun_lowbit_matrix_dequantize(const gatun_context *context, const gatun_lowbit_matrix *matrix,
                                             long long output_begin, long long output_end, int dtype, void *out,
                                             long long out_stride, char *message, long long message_bytes);

/*
 * Codes, scales and offsets of the outputs [output_begin, output_end), in the order that the matrix holds. With
 * n = output_end - output_begin and groups = ceil(inputs / group_size):
 *
 *   codes            uint8 [n, inputs], or NULL: u, also where a format has signed codes (then u - 2^(bits - 1))
 *   scales, offsets  [n, groups], or NULL: s and c
 * GATUN_INVALID_ARGUMENT.
 */
GATUN_API int gatun_lowbit_matrix_unpack(const gatun_context *context, const gatun_lowbit_matrix *matrix,
                                         long long output_begin, long long output_end, void *codes, float *scales,
                                         float *offsets, char *message, long long message_bytes);

/*
 * Activations as signed 8-bit codes.
 * Per row or group of 32, 64, 128 or 256 columns (the last one short), with amax the greatest magnitude in it:
 *     q = clamp(rint(x * id), -127, 127),   id = amax >= 2^-118 ? 127 / amax : 0,   scale = amax / 127
 * in float32, rint half to even. If one of its x is NaN or infinite, the scale is NaN and the codes are 0.
 * GATUN_LOWBIT_INT8_CHANNEL, with scales and centres of each column that were measured before (OutlierTune):
 *     q = clamp(rint((x - centre) / scale), -limit, limit);   0 for a NaN
 *
 *   dtype            gatun_dtype of x
 *   rows >= 0, columns >= 0
 *   x                [rows, columns], row stride x_stride >= columns
 *   activation       gatun_lowbit_activation but GATUN_LOWBIT_FLOAT
 *   channel_scales   [columns], finite and > 0; with GATUN_LOWBIT_INT8_CHANNEL only, else NULL
 *   channel_centres  [columns], finite, or NULL for 0; as channel_scales
 *   limit            1 .. 127; 127 without GATUN_LOWBIT_INT8_CHANNEL
 *   codes            int8 [rows, columns], row stride codes_stride >= columns
 *   scales           [rows, groups]; NULL with GATUN_LOWBIT_INT8_CHANNEL
 *   sums             int32 [rows, groups]: the sums of the codes of each group; or NULL. A group that is a whole row
 *                    has at most 16909320 columns then.
 * A row of 0 columns has no group; otherwise there is one with GATUN_LOWBIT_INT8_ROW and GATUN_LOWBIT_INT8_CHANNEL.
 * No overlap. GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_lowbit_quantize_activations(gatun_context *context, int dtype, long long rows, long long columns,
                                                const void *x, long long x_stride, int activation,
                                                const float *channel_scales, const float *channel_centres, int limit,
                                                void *codes, long long codes_stride, float *scales, int *sums,
                                                char *message, long long message_bytes);

/*
 * Bytes of scratch that gatun_lowbit_multiply needs; 0 where it needs none. GATUN_INVALID_ARGUMENT for arguments that
 * that function rejects.
 */
GATUN_API int gatun_lowbit_multiply_scratch(const gatun_context *context, int dtype, long long rows,
                                            const gatun_lowbit_matrix *matrix, int activation,
                                            long long *scratch_bytes);

/*
 * Y = X W^T + bias.
 * With int8 activations, x is quantized as gatun_lowbit_quantize_activations does, in the order of the matrix. With j
 * over the groups of the finer of the two groupings, q the codes of x, and a their scales:
 *     y = sum over j of a_j * (s_j * sum(u * q) + c_j * sum(q))  + bias
 * Sums over codes are exact; the others are float32. Error against the same in exact arithmetic:
 *     4 * (groups + 1) * 2^-24 * (|bias| + sum over j of |a_j| * (|s_j * sum(u * q)| + |c_j * sum(q)|))
 * With GATUN_LOWBIT_FLOAT, y = sum over k of x * w + bias in float32, w of gatun_lowbit_matrix_dequantize or s * u + c:
 *     4 * inputs * 2^-24 * sum over k of |x * w|
 * A row of x that is not finite makes its y NaN or infinite; with int8 activations NaN.
 *
 *   dtype            gatun_dtype of x and y
 *   rows >= 0
 *   x                [rows, inputs], row stride x_stride >= inputs
 *   bias             [outputs], or NULL for 0
 *   activation       gatun_lowbit_activation but GATUN_LOWBIT_INT8_CHANNEL. GATUN_LOWBIT_INT8_ROW with whole rows as
 *                    groups of the weights: at most 65793 inputs with 8 bits, 266305 with 6, 541200 with 5, 1118481
 *                    with 4, so that sums fit 32 bits.
 *   y                [rows, outputs], row stride y_stride >= outputs
 *   scratch          gatun_lowbit_multiply_scratch bytes, 64-byte aligned; NULL where that is 0
 * No overlap. GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_lowbit_multiply(gatun_context *context, int dtype, long long rows, const void *x,
                                    long long x_stride, const gatun_lowbit_matrix *matrix, const float *bias,
                                    int activation, void *y, long long y_stride, void *scratch, long long scratch_bytes,
                                    char *message, long long message_bytes);

/* As gatun_lowbit_multiply_scratch, for gatun_int8_matmul. */
GATUN_API int gatun_int8_matmul_scratch(const gatun_context *context, long long rows, const gatun_lowbit_matrix *matrix,
                                        long long *scratch_bytes);

/*
 * Signed 8-bit codes times signed 8-bit codes (W8A8, W6A6): with w, s and zw of gatun_lowbit_matrix_from_int8,
 *     acc[m][n] = sum over k of (x[m][k] - zx[m]) * (w[n][k] - zw[n])
 *     GATUN_INT8_TO_INT     y = acc
 *     GATUN_INT8_TO_FLOAT   y = float(acc) * (row_scales[m] * s[n]) + bias[n], float32, each operation rounded or fused
 * acc is exact.
 *
 *   rows >= 0
 *   x                int8 [rows, inputs], row stride x_stride >= inputs; -128 is allowed
 *   row_scales       [rows], or NULL for 1; NULL with GATUN_INT8_TO_INT
 *   row_zero_points  int32 [rows], zx, each from -128 to 127, or NULL for 0
 *   matrix           8 bits and one group per output: of gatun_lowbit_matrix_from_int8, or per channel or tensor from
 *                    another source with integer zero points
 *   bias             [outputs], or NULL for 0; NULL with GATUN_INT8_TO_INT
 *   result           gatun_int8_result. At most 131071 inputs; 65793 where one side has zero points, 33025 where both
 *                    have.
 *   y                [rows, outputs] float or int32, row stride y_stride >= outputs
 *   scratch          gatun_int8_matmul_scratch bytes, 64-byte aligned; NULL where that is 0
 * No overlap. GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_int8_matmul(gatun_context *context, long long rows, const void *x, long long x_stride,
                                const float *row_scales, const int *row_zero_points, const gatun_lowbit_matrix *matrix,
                                const float *bias, int result, void *y, long long y_stride, void *scratch,
                                long long scratch_bytes, char *message, long long message_bytes);

#ifdef __cplusplus
}
#endif

#endif
