/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalization: row kernels.
 *
 * Tensors are [rows, columns] with innermost stride 1 and a row stride >= columns. Arithmetic is float32 or wider,
 * whatever the storage type; a 16-bit result is rounded to nearest even, once unless a cast mode says otherwise.
 * NaN and Inf propagate as the formulas do in IEEE 754 arithmetic. Results do not depend on the number of threads.
 */
#ifndef GATUN_NORM_H
#define GATUN_NORM_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where eps enters the reciprocal scale r of a row with mean square ms (about the mean in LayerNorm) and n statistics
 * columns. */
enum gatun_eps_mode {
    GATUN_EPS_IN_SQRT = 0, /* r = 1 / sqrt(ms + eps): LayerNorm, the RMSNorm of LLaMA */
    GATUN_EPS_ADD = 1,     /* r = 1 / (sqrt(ms) + eps): the original RMSNorm code, TransNormer */
    GATUN_EPS_CLAMP = 2    /* r = sqrt(n) / max(sqrt(n * ms), eps): common SRMSNorm ports */
};

/* How a 16-bit result is rounded. */
enum gatun_cast_mode {
    GATUN_CAST_NONE = 0, /* y = cast(xh * (weight_offset + gamma) + beta) */
    GATUN_CAST_LLAMA = 1 /* y = cast(cast(xh) * (weight_offset + gamma) + beta): two roundings, as LLaMA and OLMo */
};

/*
 * Bytes of scratch that gatun_layer_norm and gatun_rms_norm need for this shape; 0 for rows short enough to be
 * normalized by one thread each. Fails with GATUN_INVALID_ARGUMENT for the sizes that those functions reject.
 */
GATUN_API int gatun_layer_norm_scratch(const gatun_context *context, long long rows, long long columns,
                                       long long *scratch_bytes);
GATUN_API int gatun_rms_norm_scratch(const gatun_context *context, long long rows, long long columns,
                                     long long *scratch_bytes);

/*
 * LayerNorm forward, over each row (Ba, Kiros, Hinton: Layer Normalization, arXiv:1607.06450, eq. 4):
 *     mean = E[x],  xh = (x - mean) * r,  r from the biased variance E[(x - mean)^2] by eps_mode,
 *     y = xh * (weight_offset + gamma) + beta
 *
 *   dtype            gatun_dtype of x and y
 *   parameter_dtype  gatun_dtype of gamma and beta: GATUN_F32 or dtype
 *   rows >= 0, columns >= 1
 *   x                [rows, columns], row stride x_stride >= columns
 *   gamma, beta      [columns]; NULL for none. Without gamma the factor is 1 and weight_offset is not used.
 *   weight_offset    finite
 *   eps              finite and >= 0; eps_mode: gatun_eps_mode; cast_mode: gatun_cast_mode
 *   y                [rows, columns], row stride y_stride >= columns; y == x with equal strides is allowed
 *   mean, mean_low, rstd
 *                    [rows] each, float32, or NULL: what a backward pass needs. mean is the row's mean, and mean_low
 *                    what its rounding lost, to float32 precision of the row's deviations; rstd is r.
 *   scratch          gatun_layer_norm_scratch bytes, 8-byte aligned; NULL where that is 0
 * Outputs overlap neither each other nor any input (but y == x).
 * GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_layer_norm(gatun_context *context, int dtype, int parameter_dtype, long long rows,
                               long long columns, const void *x, long long x_stride, const void *gamma,
                               const void *beta, float weight_offset, float eps, int eps_mode, int cast_mode, void *y,
                               long long y_stride, float *mean, float *mean_low, float *rstd, void *scratch,
                               long long scratch_bytes, char *message, long long message_bytes);

/*
 * RMSNorm forward, over each row (Zhang, Sennrich: Root Mean Square Layer Normalization, arXiv:1910.07467, eq. 4;
 * partial RMSNorm: its section 4):
 *     ms = mean of x^2 over the first statistics_columns entries,  xh = x * r,  r from ms by eps_mode,
 *     y = xh * (weight_offset + gamma) + beta
 * With gamma and beta NULL this is SRMSNorm (TransNormerLLM, arXiv:2307.14995).
 *
 *   statistics_columns  1 .. columns. Entries behind them are scaled in float32: where x * r overflows, y does.
 *   the rest as in gatun_layer_norm
 */
GATUN_API int gatun_rms_norm(gatun_context *context, int dtype, int parameter_dtype, long long rows, long long columns,
                             long long statistics_columns, const void *x, long long x_stride, const void *gamma,
                             const void *beta, float weight_offset, float eps, int eps_mode, int cast_mode, void *y,
                             long long y_stride, float *rstd, void *scratch, long long scratch_bytes, char *message,
                             long long message_bytes);

#ifdef __cplusplus
}
#endif

#endif
