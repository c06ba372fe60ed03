/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalization: row kernels, forward and backward.
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

/* Which normalization a fused operation contains. */
enum gatun_norm_kind {
    GATUN_LAYER_NORM = 0, /* about the mean of the row */
    GATUN_RMS_NORM = 1    /* about zero; takes no mean, and its mean arguments are NULL */
};

/* From what a sum that is also normalized is normalized, where it is stored in 16 bits. */
enum gatun_sum_mode {
    GATUN_SUM_ROUNDED = 0, /* from the rounded sum: what a backward pass finds in the stored one */
    GATUN_SUM_FLOAT32 = 1  /* from the sum before it is rounded */
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

/*
 * Bytes of scratch that the backward functions need for parameter gradients of this shape (`columns` is head_columns,
 * and `rows` tokens, for gatun_qkv_head_rms_norm_backward). Fails with GATUN_INVALID_ARGUMENT for sizes that those
 * functions reject.
 */
GATUN_API int gatun_layer_norm_backward_scratch(const gatun_context *context, long long rows, long long columns,
                                                long long *scratch_bytes);
GATUN_API int gatun_rms_norm_backward_scratch(const gatun_context *context, long long rows, long long columns,
                                              long long *scratch_bytes);
GATUN_API int gatun_residual_add_norm_backward_scratch(const gatun_context *context, long long rows, long long columns,
                                                       long long *scratch_bytes);
GATUN_API int gatun_norm_residual_add_backward_scratch(const gatun_context *context, long long rows, long long columns,
                                                       long long *scratch_bytes);
GATUN_API int gatun_norm_add_norm_backward_scratch(const gatun_context *context, long long rows, long long columns,
                                                   long long *scratch_bytes);
GATUN_API int gatun_qkv_head_rms_norm_backward_scratch(const gatun_context *context, long long rows, long long columns,
                                                       long long *scratch_bytes);

/*
 * LayerNorm backward, over each row. With g = dy * (weight_offset + gamma), xh and r as in gatun_layer_norm, and
 * k = 1 for GATUN_EPS_IN_SQRT, k = 1 / (sqrt(ms) * r) for GATUN_EPS_ADD (0 where ms = 0), k = 1 for GATUN_EPS_CLAMP
 * (0 where the clamp holds):
 *     dx = r * (g - E[g] - k * xh * E[g * xh]),   dgamma = sum over rows of dy * xh,   dbeta = sum over rows of dy
 * The roundings of a cast mode count as the identity.
 *
 *   dtype            gatun_dtype of dy, x and dx
 *   parameter_dtype  gatun_dtype of gamma: GATUN_F32 or dtype
 *   dy, x            [rows, columns], row strides dy_stride, x_stride >= columns
 *   gamma            [columns], or NULL for none, as in the forward pass; weight_offset, eps and eps_mode likewise
 *   mean, mean_low, rstd
 *                    [rows] each, as the forward pass saved them. All NULL: they are taken anew from x. mean_low alone
 *                    NULL: 0. With an eps_mode other than GATUN_EPS_IN_SQRT they are always taken anew.
 *   dx               [rows, columns], row stride dx_stride >= columns, or NULL for none; dx == dy with equal strides is
 *                    allowed
 *   dgamma, dbeta    [columns], float32, overwritten, or NULL for none
 *   row_begin, row_end
 *                    the rows of this call, 0 <= row_begin <= row_end <= rows. A backward pass is one call with 0 and
 *                    `rows`, or several that continue one another: then row_begin is 0 or the last row_end, row_end a
 *                    multiple of GATUN_BACKWARD_PIECE_ROWS or `rows`, the scratch the same and untouched in between,
 *                    and only the last call has dgamma and dbeta. One call and many give the same bits. Where
 *                    row_begin = row_end no row is touched, and tensors with rows may be NULL.
 *   scratch          the partial sums of the parameter gradients: gatun_layer_norm_backward_scratch bytes, 64-byte
 *                    aligned. NULL where this pass has no parameter gradients.
 * Parameter gradients are summed in an order that depends on the shape alone. With no rows dgamma and dbeta are 0.
 * Outputs overlap neither each other nor any input (but dx == dy).
 * GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_layer_norm_backward(gatun_context *context, int dtype, int parameter_dtype, long long rows,
                                        long long columns, const void *dy, long long dy_stride, const void *x,
                                        long long x_stride, const void *gamma, float weight_offset, float eps,
                                        int eps_mode, const float *mean, const float *mean_low, const float *rstd,
                                        void *dx, long long dx_stride, float *dgamma, float *dbeta, long long row_begin,
                                        long long row_end, void *scratch, long long scratch_bytes, char *message,
                                        long long message_bytes);

/*
 * RMSNorm backward, over each row; n is statistics_columns, g and k as in gatun_layer_norm_backward:
 *     dx[j] = r * (g[j] - (j < n) * k * xh[j] * sum(g * xh) / n)
 *     dgamma = sum over rows of dy * xh,   dbeta = sum over rows of dy
 * where the sum of g * xh runs over all columns. The rest as in gatun_layer_norm_backward.
 */
GATUN_API int gatun_rms_norm_backward(gatun_context *context, int dtype, int parameter_dtype, long long rows,
                                      long long columns, long long statistics_columns, const void *dy,
                                      long long dy_stride, const void *x, long long x_stride, const void *gamma,
                                      float weight_offset, float eps, int eps_mode, const float *rstd, void *dx,
                                      long long dx_stride, float *dgamma, float *dbeta, long long row_begin,
                                      long long row_end, void *scratch, long long scratch_bytes, char *message,
                                      long long message_bytes);

/*
 * Residual addition, then normalization of the sum (Pre-LN and Post-LN blocks, HybridNorm, DeepNorm with its alpha):
 *     h = alpha * residual + x + bias,   y = norm(h)
 * norm is gatun_layer_norm or gatun_rms_norm (over all columns) as `norm` says. h is rounded to dtype before it is
 * normalized, unless sum_mode says otherwise. With alpha = 0 the residual is not read, and may be NULL. The stride of a
 * tensor that is NULL is not looked at.
 *
 *   norm             gatun_norm_kind
 *   dtype            gatun_dtype of x, residual, h and y
 *   parameter_dtype  gatun_dtype of bias, gamma and beta: GATUN_F32 or dtype
 *   x, residual      [rows, columns], row strides x_stride, residual_stride >= columns
 *   alpha            finite
 *   bias, gamma, beta  [columns]; NULL for none
 *   sum_mode         gatun_sum_mode
 *   h                [rows, columns], row stride h_stride >= columns, or NULL: the sum is not stored
 *   y                [rows, columns], row stride y_stride >= columns
 *   mean, mean_low, rstd  [rows] each, float32, or NULL: as in gatun_layer_norm, of h
 * h may be residual or x, and y may be x or residual, with equal strides; no other overlap.
 * GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_residual_add_norm(gatun_context *context, int norm, int dtype, int parameter_dtype, long long rows,
                                      long long columns, const void *x, long long x_stride, const void *residual,
                                      long long residual_stride, float alpha, const void *bias, const void *gamma,
                                      const void *beta, float weight_offset, float eps, int eps_mode, int cast_mode,
                                      int sum_mode, void *h, long long h_stride, void *y, long long y_stride,
                                      float *mean, float *mean_low, float *rstd, char *message,
                                      long long message_bytes);

/*
 * Backward of gatun_residual_add_norm. With dnorm the dx of gatun_layer_norm_backward or gatun_rms_norm_backward for
 * dy and h:
 *     dh = dh_in + dnorm,   dx = dh,   dresidual = alpha * dh,   dbias = sum over rows of dh
 *
 *   dy, h            [rows, columns]: the gradient of y, and the sum that the forward pass stored
 *   dh_in            [rows, columns]: the gradient that reaches h from the residual stream; NULL for none
 *   mean, mean_low, rstd  as in gatun_layer_norm_backward, of h
 *   dx, dresidual    [rows, columns], or NULL for none. With alpha = 1 they are equal: one buffer serves both.
 *   dgamma, dbeta, dbias  [columns], float32, overwritten, or NULL for none
 *   row_begin, row_end, scratch  as in gatun_layer_norm_backward
 * dx and dresidual may be dy or dh_in (but not both the same), with equal strides; no other overlap.
 */
GATUN_API int gatun_residual_add_norm_backward(gatun_context *context, int norm, int dtype, int parameter_dtype,
                                               long long rows, long long columns, const void *dy, long long dy_stride,
                                               const void *dh_in, long long dh_in_stride, const void *h,
                                               long long h_stride, float alpha, const void *gamma, float weight_offset,
                                               float eps, int eps_mode, const float *mean, const float *mean_low,
                                               const float *rstd, void *dx, long long dx_stride, void *dresidual,
                                               long long dresidual_stride, float *dgamma, float *dbeta, float *dbias,
                                               long long row_begin, long long row_end, void *scratch,
                                               long long scratch_bytes, char *message, long long message_bytes);

/*
 * Normalization, then residual addition (the end of a Peri-LN block; OLMo-2, Gemma-2, SDD):
 *     h = alpha * residual + norm(x + bias)
 * with one rounding of h to dtype (and those of cast_mode). x + bias is a float32 sum.
 *
 *   mean, mean_low, rstd  as in gatun_layer_norm, of x + bias
 * h may be residual or x, with equal strides; no other overlap. The rest as in gatun_residual_add_norm.
 */
GATUN_API int gatun_norm_residual_add(gatun_context *context, int norm, int dtype, int parameter_dtype, long long rows,
                                      long long columns, const void *x, long long x_stride, const void *bias,
                                      const void *gamma, const void *beta, float weight_offset, float eps, int eps_mode,
                                      int cast_mode, const void *residual, long long residual_stride, float alpha,
                                      void *h, long long h_stride, float *mean, float *mean_low, float *rstd,
                                      char *message, long long message_bytes);

/*
 * Backward of gatun_norm_residual_add. With dnorm the dx of gatun_layer_norm_backward or gatun_rms_norm_backward for
 * dh and x + bias:
 *     dx = dnorm,   dresidual = alpha * dh,   dbias = sum over rows of dx (before it is rounded)
 *
 *   dh, x            [rows, columns]: the gradient of h, and x of the forward pass; bias as there
 *   dx, dresidual    [rows, columns], or NULL for none
 *   dgamma, dbeta, dbias  [columns], float32, overwritten, or NULL for none
 * dx or dresidual may be dh, with equal strides; no other overlap. The rest as in gatun_layer_norm_backward.
 */
GATUN_API int gatun_norm_residual_add_backward(gatun_context *context, int norm, int dtype, int parameter_dtype,
                                               long long rows, long long columns, const void *dh, long long dh_stride,
                                               const void *x, long long x_stride, const void *bias, float alpha,
                                               const void *gamma, float weight_offset, float eps, int eps_mode,
                                               const float *mean, const float *mean_low, const float *rstd, void *dx,
                                               long long dx_stride, void *dresidual, long long dresidual_stride,
                                               float *dgamma, float *dbeta, float *dbias, long long row_begin,
                                               long long row_end, void *scratch, long long scratch_bytes, char *message,
                                               long long message_bytes);

/*
 * Normalization, residual addition, normalization of the sum (between two sublayers of Peri-LN, arXiv:2502.02732):
 *     h = alpha * residual + norm1(x),   y = norm2(h)
 * Both norms are of the same kind, with the same weight_offset, eps, eps_mode and cast_mode. h is rounded to dtype
 * before it is normalized, unless sum_mode says otherwise.
 *
 *   gamma1, beta1, gamma2, beta2  [columns]; NULL for none
 *   mean1, mean_low1, rstd1  [rows] each, float32, or NULL: of x;  mean2, mean_low2, rstd2: of h
 * h may be residual or x, and y may be x or residual, with equal strides; no other overlap. The rest as in
 * gatun_residual_add_norm.
 */
GATUN_API int gatun_norm_add_norm(gatun_context *context, int norm, int dtype, int parameter_dtype, long long rows,
                                  long long columns, const void *x, long long x_stride, const void *gamma1,
                                  const void *beta1, const void *residual, long long residual_stride, float alpha,
                                  const void *gamma2, const void *beta2, float weight_offset, float eps, int eps_mode,
                                  int cast_mode, int sum_mode, void *h, long long h_stride, void *y, long long y_stride,
                                  float *mean1, float *mean_low1, float *rstd1, float *mean2, float *mean_low2,
                                  float *rstd2, char *message, long long message_bytes);

/*
 * Backward of gatun_norm_add_norm. With dnorm as in gatun_layer_norm_backward and gatun_rms_norm_backward:
 *     dh = dh_in + dnorm2(dy; h),   dresidual = alpha * dh,   dx = dnorm1(dh; x)
 * and the parameter gradients of both norms.
 *
 *   dy, x, h         [rows, columns]: the gradient of y, x of the forward pass, and the sum that it stored
 *   dh_in            [rows, columns]: the gradient that reaches h from the residual stream; NULL for none
 *   dx, dresidual    [rows, columns], or NULL for none
 *   dgamma1, dbeta1, dgamma2, dbeta2  [columns], float32, overwritten, or NULL for none
 * dx and dresidual may be dy or dh_in (but not both the same), with equal strides; no other overlap. The rest as in
 * gatun_layer_norm_backward.
 */
GATUN_API int gatun_norm_add_norm_backward(
    gatun_context *context, int norm, int dtype, int parameter_dtype, long long rows, long long columns, const void *dy,
    long long dy_stride, const void *dh_in, long long dh_in_stride, const void *x, long long x_stride, const void *h,
    long long h_stride, float alpha, const void *gamma1, const void *gamma2, float weight_offset, float eps,
    int eps_mode, const float *mean1, const float *mean_low1, const float *rstd1, const float *mean2,
    const float *mean_low2, const float *rstd2, void *dx, long long dx_stride, void *dresidual,
    long long dresidual_stride, float *dgamma1, float *dbeta1, float *dgamma2, float *dbeta2, long long row_begin,
    long long row_end, void *scratch, long long scratch_bytes, char *message, long long message_bytes);

/*
 * RMSNorm of each head vector of queries, keys and values (HybridNorm; QK-norm without values). A tensor is
 * [tokens, heads, head_columns] with the heads of a token next to each other, so q, k and v may be parts of one packed
 * [tokens, (query_heads + 2 * key_value_heads) * head_columns] tensor, or separate. For each head vector:
 *     y = x * r * (weight_offset + gamma),   r from its mean square by eps_mode
 *
 *   tokens, query_heads, key_value_heads >= 0, head_columns >= 1
 *   dtype            gatun_dtype of all six tensors; parameter_dtype: GATUN_F32 or dtype
 *   q, k, v          strides from token to token; k or v or both NULL: that role is left out
 *   q_gamma, k_gamma, v_gamma  [head_columns]; NULL for none
 *   cast_mode        GATUN_CAST_LLAMA in the models
 *   q_out, k_out, v_out  where the results go; each may be its input with equal strides
 *   rstd             [tokens, query_heads + 2 * key_value_heads], float32, or NULL: r of each head vector, queries
 *                    first; entries of a role that is left out stay untouched
 * Outputs overlap neither each other nor any input (but each its own). Tensors of equal stride are compared token by
 * token, so parts of one packed tensor do not overlap.
 * GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_qkv_head_rms_norm(gatun_context *context, int dtype, int parameter_dtype, long long tokens,
                                      long long query_heads, long long key_value_heads, long long head_columns,
                                      const void *q, long long q_stride, const void *k, long long k_stride,
                                      const void *v, long long v_stride, const void *q_gamma, const void *k_gamma,
                                      const void *v_gamma, float weight_offset, float eps, int eps_mode, int cast_mode,
                                      void *q_out, long long q_out_stride, void *k_out, long long k_out_stride,
                                      void *v_out, long long v_out_stride, float *rstd, char *message,
                                      long long message_bytes);

/*
 * Backward of gatun_qkv_head_rms_norm: gatun_rms_norm_backward for each head vector, with the statistics taken anew
 * from q, k and v. The gradient of a gamma is summed over tokens and heads.
 *
 *   dq_out, dk_out, dv_out  the gradients of the results;  q, k, v: the inputs of the forward pass. A role whose input
 *                    is NULL is left out, and with it the gradient of its gamma.
 *   dq, dk, dv       the gradients of the inputs, each NULL for none; each may be the gradient it is made from, with
 *                    equal strides
 *   dq_gamma, dk_gamma, dv_gamma  [head_columns], float32, overwritten, or NULL for none
 *   token_begin, token_end, scratch  as row_begin, row_end and scratch of gatun_layer_norm_backward, in tokens
 */
GATUN_API int gatun_qkv_head_rms_norm_backward(
    gatun_context *context, int dtype, int parameter_dtype, long long tokens, long long query_heads,
    long long key_value_heads, long long head_columns, const void *dq_out, long long dq_out_stride, const void *dk_out,
    long long dk_out_stride, const void *dv_out, long long dv_out_stride, const void *q, long long q_stride,
    const void *k, long long k_stride, const void *v, long long v_stride, const void *q_gamma, const void *k_gamma,
    const void *v_gamma, float weight_offset, float eps, int eps_mode, void *dq, long long dq_stride, void *dk,
    long long dk_stride, void *dv, long long dv_stride, float *dq_gamma, float *dk_gamma, float *dv_gamma,
    long long token_begin, long long token_end, void *scratch, long long scratch_bytes, char *message,
    long long message_bytes);

/*
 * Takes the mean out of weights, once, when a model is loaded (Jiang et al.: Pre-RMSNorm and Pre-CRMSNorm Transformers,
 * arXiv:2305.14858): if every vector that enters the residual stream has zero mean, LayerNorm there is RMSNorm.
 *     along = 0: out[i, j] = weight[i, j] - mean over i   a linear layer [out features, in features]
 *     along = 1: out[i, j] = weight[i, j] - mean over j   an embedding [entries, features], or a bias [1, features]
 * Means are summed in double precision, and results are rounded once.
 *
 *   rows, columns >= 1; strides >= columns; float32
 *   scratch          gatun_zero_mean_rows_scratch bytes, 8-byte aligned; NULL where that is 0
 * out may be weight, with equal strides; no other overlap. GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_zero_mean_rows_scratch(const gatun_context *context, long long rows, long long columns,
                                           long long *scratch_bytes);
GATUN_API int gatun_zero_mean_rows(gatun_context *context, int along, long long rows, long long columns,
                                   const float *weight, long long weight_stride, float *out, long long out_stride,
                                   void *scratch, long long scratch_bytes, char *message, long long message_bytes);

/*
 * Folds the affine part of a normalization into the linear layer behind it, once, when a model is loaded:
 *     weight_out[i, j] = weight[i, j] * (weight_offset + gamma[j]),   bias_out[i] = bias[i] + sum over j of
 *     weight[i, j] * beta[j]
 * Sums and products in double precision, rounded once.
 *
 *   rows, columns    out and in features, >= 1
 *   bias             [rows], or NULL for 0
 *   gamma, beta      [columns]; NULL for none
 *   weight_out       [rows, columns]; may be weight, with equal strides
 *   bias_out         [rows]; may be bias; NULL where bias and beta are NULL or it is not wanted
 * No other overlap. GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_fold_affine(gatun_context *context, long long rows, long long columns, const float *weight,
                                long long weight_stride, const float *bias, const float *gamma, const float *beta,
                                float weight_offset, float *weight_out, long long weight_out_stride, float *bias_out,
                                char *message, long long message_bytes);

#ifdef __cplusplus
}
#endif

#endif
