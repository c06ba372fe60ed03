/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polynomial and rational activations with learnable coefficients, forward and backward, and activation sparsity.
 *
 * Tensors are [rows, columns] with innermost stride 1 and a row stride >= columns. Arithmetic is float32 or wider,
 * whatever the storage type, and a 16-bit result is rounded once, to nearest even. Coefficients and their gradients are
 * always float32, the coefficient of the lowest power first. NaN and Inf propagate as the formulas do in IEEE 754
 * arithmetic, evaluated by Horner's rule, unless said otherwise. Results do not depend on the number of threads, on
 * strides or on alignment.
 *
 * Gradients of coefficients are summed over fixed pieces of the tensor, and the sums of the pieces in their order, in
 * double precision. So a backward pass may be cut into several calls that continue one another and give the same bits
 * as one: all have the same arguments and the same scratch, untouched in between; the first begins with 0, each other
 * one where the one before it ended, and only the last has pointers for gradients of coefficients. Where a call begins
 * and ends at the same place it touches no element, and tensors may be NULL.
 *   - element_begin, element_end: elements [begin, end) of all rows * columns, row by row. Multiples of
 *     GATUN_BACKWARD_PIECE_ELEMENTS, or the end.
 *   - row_begin, row_end: rows [begin, end). Multiples of GATUN_BACKWARD_PIECE_ROWS, or the end.
 * With no elements the gradients of coefficients are 0. Scratch is 64-byte aligned and of at least as many bytes as the
 * query of the same name says; NULL where this pass has no gradients of coefficients, or where the query says 0.
 *   - accumulate: 0, gradients of coefficients are overwritten; 1, they are added to what is there.
 *
 * Outputs overlap neither each other nor any input, but where an operation says that they may be the same.
 * GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
#ifndef GATUN_POLYNOMIAL_H
#define GATUN_POLYNOMIAL_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GATUN_BACKWARD_PIECE_ELEMENTS 4096

/* The greatest order of gatun_poly_relu and gatun_poly_eval, and degrees of gatun_rational; that of gatun_poly_norm. */
#define GATUN_POLYNOMIAL_MAX_ORDER 8
#define GATUN_POLY_NORM_MAX_ORDER 4

/* The denominator of gatun_rational: both are at least 1, and so have no poles. */
enum gatun_denominator_form {
    GATUN_DENOMINATOR_TERMS = 0, /* 1 + sum over j of |b[j]| |x|^j: KAT's kernels */
    GATUN_DENOMINATOR_SUM = 1    /* 1 + |sum over j of b[j] x^j|: the safe Pade activation unit */
};

/*
 * PolyReLU forward (Zhuo et al.: Polynomial Composition Activations, arXiv:2411.03884):
 *     z = max(x, 0),   y = a[0] + a[1] z + ... + a[order] z^order
 *
 *   dtype            gatun_dtype of x and y
 *   order            1 .. GATUN_POLYNOMIAL_MAX_ORDER
 *   rows >= 0, columns >= 1
 *   x                [rows, columns], row stride x_stride >= columns
 *   coefficients     [order + 1]
 *   y                [rows, columns], row stride y_stride >= columns; y == x with equal strides is allowed
 */
GATUN_API int gatun_poly_relu(gatun_context *context, int dtype, int order, long long rows, long long columns,
                              const void *x, long long x_stride, const float *coefficients, void *y, long long y_stride,
                              char *message, long long message_bytes);

/*
 * PolyReLU backward:
 *     dx = dy (a[1] + 2 a[2] z + ... + order a[order] z^(order - 1)), but 0 where x <= 0,
 *     dcoefficients[i] = sum of dy z^i, where z^0 = 1 everywhere
 *
 *   dy, x            [rows, columns]
 *   dx               [rows, columns], or NULL for none; may be dy or x, with equal strides
 *   dcoefficients    [order + 1], or NULL for none
 *   element_begin, element_end, accumulate, scratch  as at the top of this file
 */
GATUN_API int gatun_poly_relu_backward_scratch(const gatun_context *context, int order, long long rows,
                                               long long columns, long long *scratch_bytes);
GATUN_API int gatun_poly_relu_backward(gatun_context *context, int dtype, int order, long long rows, long long columns,
                                       const void *dy, long long dy_stride, const void *x, long long x_stride,
                                       const float *coefficients, void *dx, long long dx_stride, float *dcoefficients,
                                       int accumulate, long long element_begin, long long element_end, void *scratch,
                                       long long scratch_bytes, char *message, long long message_bytes);

/*
 * A polynomial of each element (Hermite activations; Radhakrishnan, Belkin, Uhler: Wide and Deep Neural Networks Achieve
 * Optimality for Classification, arXiv:2204.14126):
 *     y = a[0] + a[1] x + ... + a[order] x^order
 * Arguments as in gatun_poly_relu.
 */
GATUN_API int gatun_poly_eval(gatun_context *context, int dtype, int order, long long rows, long long columns,
                              const void *x, long long x_stride, const float *coefficients, void *y, long long y_stride,
                              char *message, long long message_bytes);

/*
 * Backward of gatun_poly_eval:
 *     dx = dy (a[1] + 2 a[2] x + ... + order a[order] x^(order - 1)),   dcoefficients[i] = sum of dy x^i
 * Arguments as in gatun_poly_relu_backward.
 */
GATUN_API int gatun_poly_eval_backward_scratch(const gatun_context *context, int order, long long rows,
                                               long long columns, long long *scratch_bytes);
GATUN_API int gatun_poly_eval_backward(gatun_context *context, int dtype, int order, long long rows, long long columns,
                                       const void *dy, long long dy_stride, const void *x, long long x_stride,
                                       const float *coefficients, void *dx, long long dx_stride, float *dcoefficients,
                                       int accumulate, long long element_begin, long long element_end, void *scratch,
                                       long long scratch_bytes, char *message, long long message_bytes);

/*
 * PolyNorm forward, over each row (Zhuo et al., arXiv:2411.03884; as its released code has it):
 *     rho[p] = 1 / sqrt(E[x^(2 p)] + eps),   y = a[0] + sum over p = 1 .. order of a[p] rho[p] x^p
 * Powers that float32 cannot hold are no limit: such rows are worked on in scaled double precision. A row with NaN or Inf
 * becomes NaN.
 *
 *   dtype            gatun_dtype of x and y
 *   order            1 .. GATUN_POLY_NORM_MAX_ORDER
 *   rows >= 0, columns >= 1
 *   x                [rows, columns], row stride x_stride >= columns
 *   coefficients     [order + 1]: the bias, then the weights of x, x^2, ...
 *   eps              finite and >= 0; 1e-6 in the paper's code
 *   y                [rows, columns], row stride y_stride >= columns; y == x with equal strides is allowed
 *   rho              [rows, order], float32, or NULL: rho[1] .. rho[order] of each row, for the backward pass
 *   scratch          gatun_poly_norm_scratch bytes, 64-byte aligned; NULL where that is 0, as it is for rows short
 *                    enough to be worked on by one thread each
 */
GATUN_API int gatun_poly_norm_scratch(const gatun_context *context, int order, long long rows, long long columns,
                                      long long *scratch_bytes);
GATUN_API int gatun_poly_norm(gatun_context *context, int dtype, int order, long long rows, long long columns,
                              const void *x, long long x_stride, const float *coefficients, float eps, void *y,
                              long long y_stride, float *rho, void *scratch, long long scratch_bytes, char *message,
                              long long message_bytes);

/*
 * PolyNorm backward. With S[p] = sum over the row of dy x^p:
 *     dx = sum over p of a[p] p x^(p - 1) rho[p] (dy - x^p rho[p]^2 S[p] / columns),
 *     dcoefficients[p] = sum over rows of rho[p] S[p],   dcoefficients[0] = sum of dy
 *
 *   dy, x            [rows, columns]
 *   coefficients, eps  as in the forward pass
 *   rho              [rows, order] as the forward pass saved them, or NULL: taken anew from x
 *   dx               [rows, columns], or NULL for none; may be dy or x, with equal strides
 *   dcoefficients    [order + 1], or NULL for none
 *   row_begin, row_end, accumulate, scratch  as at the top of this file; the scratch is needed for rows that the forward
 *                    pass needs it for, too
 */
GATUN_API int gatun_poly_norm_backward_scratch(const gatun_context *context, int order, long long rows,
                                               long long columns, long long *scratch_bytes);
GATUN_API int gatun_poly_norm_backward(gatun_context *context, int dtype, int order, long long rows, long long columns,
                                       const void *dy, long long dy_stride, const void *x, long long x_stride,
                                       const float *coefficients, float eps, const float *rho, void *dx,
                                       long long dx_stride, float *dcoefficients, int accumulate, long long row_begin,
                                       long long row_end, void *scratch, long long scratch_bytes, char *message,
                                       long long message_bytes);

/*
 * PolyNorm of a gate, times the other half of a gated layer, rounded once:
 *     y = PolyNorm(gate) * up
 *
 *   gate, up         [rows, columns]
 *   y                [rows, columns]; may be gate or up, with equal strides
 *   the rest as in gatun_poly_norm
 */
GATUN_API int gatun_poly_norm_mul_scratch(const gatun_context *context, int order, long long rows, long long columns,
                                          long long *scratch_bytes);
GATUN_API int gatun_poly_norm_mul(gatun_context *context, int dtype, int order, long long rows, long long columns,
                                  const void *gate, long long gate_stride, const void *up, long long up_stride,
                                  const float *coefficients, float eps, void *y, long long y_stride, float *rho,
                                  void *scratch, long long scratch_bytes, char *message, long long message_bytes);

/*
 * Backward of gatun_poly_norm_mul:
 *     dgate and dcoefficients as those of gatun_poly_norm_backward for dy * up and gate,   dup = dy * PolyNorm(gate)
 *
 *   dy, gate, up     [rows, columns]
 *   dgate, dup       [rows, columns], or NULL for none; either may be dy, gate or up with equal strides
 *   the rest as in gatun_poly_norm_backward
 */
GATUN_API int gatun_poly_norm_mul_backward_scratch(const gatun_context *context, int order, long long rows,
                                                   long long columns, long long *scratch_bytes);
GATUN_API int gatun_poly_norm_mul_backward(gatun_context *context, int dtype, int order, long long rows,
                                           long long columns, const void *dy, long long dy_stride, const void *gate,
                                           long long gate_stride, const void *up, long long up_stride,
                                           const float *coefficients, float eps, const float *rho, void *dgate,
                                           long long dgate_stride, void *dup, long long dup_stride,
                                           float *dcoefficients, int accumulate, long long row_begin, long long row_end,
                                           void *scratch, long long scratch_bytes, char *message,
                                           long long message_bytes);

/*
 * Group rational activation (Yang, Wang: Kolmogorov-Arnold Transformer, arXiv:2409.10594). Columns are cut into `groups`
 * of columns / groups neighbours; with the coefficients of its group, each element becomes
 *     y = P / Q,   P = a[0] + a[1] x + ... + a[numerator_degree] x^numerator_degree,   Q by denominator_form
 *
 *   dtype            gatun_dtype of x and y
 *   numerator_degree, denominator_degree  1 .. GATUN_POLYNOMIAL_MAX_ORDER
 *   denominator_form gatun_denominator_form
 *   rows >= 0, columns >= 1
 *   groups           1 .. columns, a divisor of columns
 *   x                [rows, columns], row stride x_stride >= columns
 *   numerator        [numerator_groups, numerator_degree + 1], where numerator_groups is groups, or 1: shared by all
 *   denominator      [denominator_groups, denominator_degree]: b[1] first; denominator_groups likewise
 *   y                [rows, columns], row stride y_stride >= columns; y == x with equal strides is allowed
 */
GATUN_API int gatun_rational(gatun_context *context, int dtype, int numerator_degree, int denominator_degree,
                             int denominator_form, long long rows, long long columns, long long groups, const void *x,
                             long long x_stride, const float *numerator, long long numerator_groups,
                             const float *denominator, long long denominator_groups, void *y, long long y_stride,
                             char *message, long long message_bytes);

/*
 * Backward of gatun_rational. With h = dy / Q, F = P / Q, s(t) = -1 where t < 0, else 1 (also for -0.0), and the sums
 * over all rows and over the columns of the groups that share a coefficient:
 *     GATUN_DENOMINATOR_TERMS: dx = h (P'(x) - F s(x) sum over j of j |b[j]| |x|^(j - 1)),
 *                              ddenominator[j] = - s(b[j]) sum of h F |x|^j
 *     GATUN_DENOMINATOR_SUM:   dx = h (P'(x) - F s(B) B'(x)) with B = sum over j of b[j] x^j,
 *                              ddenominator[j] = - sum of h F s(B) x^j
 *     both: dnumerator[i] = sum of h x^i
 *
 *   dy, x            [rows, columns]
 *   dx               [rows, columns], or NULL for none; may be dy or x, with equal strides
 *   dnumerator       [numerator_groups, numerator_degree + 1], ddenominator [denominator_groups, denominator_degree];
 *                    NULL for none
 *   row_begin, row_end, accumulate, scratch  as at the top of this file
 *   the rest as in gatun_rational
 */
GATUN_API int gatun_rational_backward_scratch(const gatun_context *context, int numerator_degree,
                                              int denominator_degree, long long rows, long long columns,
                                              long long groups, long long *scratch_bytes);
GATUN_API int gatun_rational_backward(gatun_context *context, int dtype, int numerator_degree, int denominator_degree,
                                      int denominator_form, long long rows, long long columns, long long groups,
                                      const void *dy, long long dy_stride, const void *x, long long x_stride,
                                      const float *numerator, long long numerator_groups, const float *denominator,
                                      long long denominator_groups, void *dx, long long dx_stride, float *dnumerator,
                                      float *ddenominator, int accumulate, long long row_begin, long long row_end,
                                      void *scratch, long long scratch_bytes, char *message, long long message_bytes);

/*
 * Keeps elements of great magnitude (CATS, arXiv:2404.08763; TEAL; thresholds for each channel: CHESS, EMNLP 2024):
 *     key = |x| scale[column],   y = value where key > threshold[column], or equal to it if keep_equal; else 0
 *
 *   dtype            gatun_dtype of x, values and y
 *   x                [rows, columns], row stride x_stride >= columns
 *   scale            [columns], each >= 0, or NULL for 1
 *   thresholds       [columns], or NULL: `threshold` for all
 *   keep_equal       0 (TEAL, WINA) or 1 (CATS, CHESS)
 *   values           [rows, columns]: what is kept; x itself, or, for the gradient, dy: thresholds count as constants
 *   y                [rows, columns]; may be x or values, with equal strides
 * An element whose key is NaN is kept, so that it is not hidden.
 */
GATUN_API int gatun_threshold_mask(gatun_context *context, int dtype, long long rows, long long columns, const void *x,
                                   long long x_stride, const float *scale, const float *thresholds, float threshold,
                                   int keep_equal, const void *values, long long values_stride, void *y,
                                   long long y_stride, char *message, long long message_bytes);

/*
 * Keeps exactly `kept` elements of each row (Lazy Neuron, arXiv:2210.06313; WINA, arXiv:2505.19427): those with the
 * greatest key = |x| scale[column], of equal keys those of the lowest column; all where kept >= columns. The others
 * become 0. A key that is NaN is greater than any other.
 *
 *   kept             >= 0;  columns < 2^31
 *   the rest as in gatun_threshold_mask
 */
GATUN_API int gatun_topk_mask_rows(gatun_context *context, int dtype, long long rows, long long columns, long long kept,
                                   const void *x, long long x_stride, const float *scale, const void *values,
                                   long long values_stride, void *y, long long y_stride, char *message,
                                   long long message_bytes);

#ifdef __cplusplus
}
#endif

#endif
