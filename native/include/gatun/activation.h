/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activations, element by element: forward and backward, gated, with masks, and alpha dropout.
 *
 * Tensors are [rows, columns] with innermost stride 1 and a row stride >= columns; a tensor of any shape that is
 * contiguous is one row. Arithmetic is float32, whatever the storage type; a 16-bit result is rounded to nearest even,
 * once. NaN in x gives NaN in y at that element, and +-Inf gives the limit where there is one (SiLU and GELU of -Inf are
 * -0), unless stated otherwise. A comparison with NaN is false. Results do not depend on the number of threads, on
 * alignment, on strides, or on how elements are shared between calls.
 *
 * In what follows sigma(x) = 1 / (1 + exp(-x)), and [c] is 1 where c holds, else 0. A gradient behind a [c] that does not
 * hold is 0, whatever the incoming one is.
 */
#ifndef GATUN_ACTIVATION_H
#define GATUN_ACTIVATION_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The functions f of an activation, with up to two parameters `first` and `second`; those that a function does not name
 * are ignored. In brackets the derivative, where it is not that of the formula everywhere.
 */
enum gatun_activation_kind {
    /* max(x, 0)  [0 < x] */
    GATUN_RELU = 0,
    /* min(max(x, 0), 6)  [0 < x < 6]  (Howard et al.: MobileNets, arXiv:1704.04861) */
    GATUN_RELU6 = 1,
    /* max(x, 0)^2  (So et al.: Primer, arXiv:2109.08668) */
    GATUN_SQUARED_RELU = 2,
    /* min(max(x, first), second)  [first < x < second].  first <= second, neither NaN; Inf for no bound */
    GATUN_CLIP = 3,
    /* min(max(x / 6 + 1/2, 0), 1)  [-3 < x < 3] / 6 */
    GATUN_HARD_SIGMOID = 4,
    /* x * min(max(x + 3, 0), 6) / 6, -0 for x <= -3 and x for x >= 3  [0 for x <= -3, 1 for x >= 3, else (2x + 3) / 6]
     * (Howard et al.: Searching for MobileNetV3, arXiv:1905.02244) */
    GATUN_HARD_SWISH = 5,
    /* x * Phi(x), Phi the normal distribution function (Hendrycks, Gimpel, arXiv:1606.08415) */
    GATUN_GELU_ERF = 6,
    /* x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), in the same place */
    GATUN_GELU_TANH = 7,
    /* x * sigma(1.702 x), in the same place */
    GATUN_QUICK_GELU = 8,
    /* x * sigma(x) (Elfwing, Uchibe, Doya, arXiv:1702.03118) */
    GATUN_SILU = 9,
    /* x * sigma(first * x) (Ramachandran, Zoph, Le, arXiv:1710.05941).  first finite */
    GATUN_SWISH = 10,
    GATUN_SIGMOID = 11,
    GATUN_TANH = 12,
    /* lambda * x for x > 0, lambda * alpha * expm1(x) for x <= 0 (Klambauer et al.: Self-Normalizing Neural Networks,
     * arXiv:1706.02515) */
    GATUN_SELU = 13,
    /* max(x, 0) + first * x * exp(-x^2 / 2)  [0 < x] + first * (1 - x^2) * exp(-x^2 / 2)
     * (A Method on Searching Better Activation Functions, arXiv:2405.12954).  first finite */
    GATUN_CRRELU = 14,
    /* x where 0 <= x <= first, else 0  [0 < x <= first] (Hoang, Hanif, Shafique: FT-ClipAct, arXiv:1912.00941).
     * first >= 0, may be Inf.  nan_to_zero */
    GATUN_FT_CLIP_ACT = 15,
    /* max(0, x * sigma(-second * (x - first))); 0 with gradient 0 where x <= 0 or second * (x - first) > 88, +Inf
     * included (Mousavi et al.: ProAct, arXiv:2406.06313, where second is 20).  first finite, second finite and > 0.
     * nan_to_zero */
    GATUN_PRO_ACT = 16,
    /* sin(first * x), the product rounded to float32; NaN for +-Inf (Sitzmann et al.: Implicit Neural Representations
     * with Periodic Activation Functions, arXiv:2006.09661, where first is 30).  first finite */
    GATUN_SINE = 17
};

/*
 * y = f(x).
 *
 *   activation       gatun_activation_kind; first, second: its parameters
 *   nan_to_zero      0 or 1. With 1, a NaN in x gives 0 in y, and its gradient is 0: for the kinds that say so (they are
 *                    there for bit errors), an error for the others.
 *   dtype            gatun_dtype of x and y
 *   rows >= 0, columns >= 1
 *   x                [rows, columns], row stride x_stride >= columns
 *   y                [rows, columns], row stride y_stride >= columns; y == x with equal strides is allowed, no other
 *                    overlap
 * GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_activation(gatun_context *context, int activation, float first, float second, int nan_to_zero,
                               int dtype, long long rows, long long columns, const void *x, long long x_stride, void *y,
                               long long y_stride, char *message, long long message_bytes);

/*
 * dx = dy * f'(x).
 *
 *   dy, x            [rows, columns]: the gradient of y, and x of the forward pass
 *   dx               [rows, columns]; dx may be dy or x with equal strides, no other overlap
 *   the rest as in gatun_activation
 */
GATUN_API int gatun_activation_backward(gatun_context *context, int activation, float first, float second,
                                        int nan_to_zero, int dtype, long long rows, long long columns, const void *dy,
                                        long long dy_stride, const void *x, long long x_stride, void *dx,
                                        long long dx_stride, char *message, long long message_bytes);

/*
 * dx = dy * f'(x) from y = f(x) alone, so that x need not be kept:
 *     GATUN_RELU     dy * [0 < y]                GATUN_SIGMOID  dy * y * (1 - y)
 *     GATUN_RELU6    dy * [0 < y < 6]            GATUN_TANH     dy * (1 - y^2)
 *     GATUN_CLIP     dy * [first < y < second]   GATUN_SELU     dy * (y > 0 ? lambda : y + lambda * alpha)
 * Other kinds are an error.
 *
 *   dy, y            [rows, columns]: the gradient of y, and y of the forward pass
 *   dx               [rows, columns]; dx may be dy or y with equal strides, no other overlap
 *   the rest as in gatun_activation
 */
GATUN_API int gatun_activation_output_backward(gatun_context *context, int activation, float first, float second,
                                               int dtype, long long rows, long long columns, const void *dy,
                                               long long dy_stride, const void *y, long long y_stride, void *dx,
                                               long long dx_stride, char *message, long long message_bytes);

/* How gate and value of a gated activation lie in memory. */
enum gatun_gate_layout {
    /* Two tensors, or the two halves [rows, H] of one [rows, 2 H] tensor, in either order: value = gate + H or
     * gate = value + H, each with the stride of the whole. */
    GATUN_GATE_SEPARATE = 0,
    /* Neighbours in one [rows, 2 columns] tensor: value = gate + 1 or gate = value + 1 (elements), with equal strides
     * >= 2 columns. */
    GATUN_GATE_INTERLEAVED = 1
};

/*
 * y = f(gate) * value: SwiGLU, GEGLU, ReGLU, GLU (Shazeer: GLU Variants Improve Transformer, arXiv:2002.05202).
 *
 *   activation       GATUN_RELU, GATUN_GELU_ERF, GATUN_GELU_TANH, GATUN_QUICK_GELU, GATUN_SILU, GATUN_SWISH or
 *                    GATUN_SIGMOID; first: the parameter of GATUN_SWISH, otherwise ignored
 *   layout           gatun_gate_layout
 *   gate, value      [rows, columns], row strides gate_stride, value_stride
 *   y                [rows, columns], row stride y_stride >= columns. y may be gate or value with equal strides
 *                    (layout GATUN_GATE_SEPARATE); no other overlap. Tensors of equal stride are compared row by row,
 *                    so halves of one tensor do not overlap.
 *   the rest as in gatun_activation
 */
GATUN_API int gatun_gated_activation(gatun_context *context, int activation, float first, int dtype, int layout,
                                     long long rows, long long columns, const void *gate, long long gate_stride,
                                     const void *value, long long value_stride, void *y, long long y_stride,
                                     char *message, long long message_bytes);

/*
 * dgate = dy * value * f'(gate),   dvalue = dy * f(gate).
 *
 *   layout           of gate and value, and of dgate and dvalue
 *   dy               [rows, columns], row stride dy_stride >= columns
 *   gate, value      as in the forward pass
 *   dgate, dvalue    [rows, columns] each; either may be NULL for none in layout GATUN_GATE_SEPARATE
 *   y                [rows, columns]: f(gate) * value once more, for the gradient of the layer behind; NULL for none
 * dgate may be gate, value or dy, dvalue the same, and y may be dy or an input that neither of them is, with equal
 * strides, where layout is GATUN_GATE_SEPARATE; with GATUN_GATE_INTERLEAVED dgate and dvalue may be gate and value, and y
 * may be dy. No other overlap.
 */
GATUN_API int gatun_gated_activation_backward(gatun_context *context, int activation, float first, int dtype,
                                              int layout, long long rows, long long columns, const void *dy,
                                              long long dy_stride, const void *gate, long long gate_stride,
                                              const void *value, long long value_stride, void *dgate,
                                              long long dgate_stride, void *dvalue, long long dvalue_stride, void *y,
                                              long long y_stride, char *message, long long message_bytes);

/*
 * The output gate of attention, one gate for each head of each token: y = value * sigma(gate) (Qiu et al.: Gated
 * Attention for Large Language Models, arXiv:2505.06708, "headwise"). The elementwise form is gatun_gated_activation with
 * GATUN_SIGMOID.
 *
 *   tokens, heads >= 0, columns >= 1: of a head
 *   gate             [tokens, heads]: an element for each head, gate_stride >= heads elements from token to token
 *   value, y         [tokens, heads, columns], the heads of a token next to each other, strides from token to token
 *                    >= heads * columns. y may be value with equal strides; no other overlap. Tensors of equal stride
 *                    are compared token by token.
 * GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_head_gate(gatun_context *context, int dtype, long long tokens, long long heads, long long columns,
                              const void *gate, long long gate_stride, const void *value, long long value_stride,
                              void *y, long long y_stride, char *message, long long message_bytes);

/*
 * dvalue = dy * sigma(gate),   dgate = sigma(gate) * (1 - sigma(gate)) * sum over the head's columns of dy * value,
 * summed in float32 in an order that depends on columns alone.
 *
 *   dgate            [tokens, heads], or NULL for none; may be gate with equal strides
 *   dvalue           [tokens, heads, columns], or NULL for none; may be dy or value with equal strides
 * No other overlap; the rest as in gatun_head_gate.
 */
GATUN_API int gatun_head_gate_backward(gatun_context *context, int dtype, long long tokens, long long heads,
                                       long long columns, const void *dy, long long dy_stride, const void *gate,
                                       long long gate_stride, const void *value, long long value_stride, void *dgate,
                                       long long dgate_stride, void *dvalue, long long dvalue_stride, char *message,
                                       long long message_bytes);

/*
 * An activation that keeps one bit of each element instead of x for its backward pass (Chiang et al.: MobileTL,
 * arXiv:2212.03246): y = f(x), and bit = [lower < x] * [not x >= upper].
 * ReLU6 exactly: (0, 6); as a ReLU: (0, Inf); Hard-Swish approximately, by the sign of its derivative: (-1.5, Inf).
 *
 *   lower, upper     not NaN; upper = Inf for no upper bound, +Inf in x included
 *   mask             [rows, ceil(columns / 64)] words of 64 bits, without gaps: bit j % 64 of word j / 64 of a row, the
 *                    least significant first, belongs to its column j; bits behind the last column are 0
 *   the rest as in gatun_activation; no overlap but y == x
 */
GATUN_API int gatun_activation_mask(gatun_context *context, int activation, float first, float second, int dtype,
                                    long long rows, long long columns, const void *x, long long x_stride, float lower,
                                    float upper, void *y, long long y_stride, long long *mask, char *message,
                                    long long message_bytes);

/*
 * dx = dy * (bit ? scale1 : scale0).
 *
 *   mask             as gatun_activation_mask writes it
 *   scale0, scale1   finite. With 0 the gradient is 0, whatever dy is.
 *   dy, dx           [rows, columns]; dx may be dy with equal strides, no other overlap
 */
GATUN_API int gatun_activation_mask_backward(gatun_context *context, int dtype, long long rows, long long columns,
                                             const void *dy, long long dy_stride, const long long *mask, float scale0,
                                             float scale1, void *dx, long long dx_stride, char *message,
                                             long long message_bytes);

/*
 * Alpha dropout, which keeps mean and variance of SELU's outputs (arXiv:1706.02515). With a = -lambda * alpha of SELU,
 * q = 1 - probability, A = (q + a^2 q (1 - q))^(-1/2), B = -A (1 - q) a, and m the keep bit:
 *     y = m ? A * v + B : A * a + B,   v = x, or selu(x) where `selu` is 1
 * probability 0 keeps all (y = v), probability 1 gives zeros.
 *
 * m of element e = row * columns + column (of the row alone where per_row is 1: a feature at a time) is
 * [w < floor(q * 2^32)], with w the word e % 4 of Philox-4x32-10 (Salmon et al.: Parallel random numbers, SC 2011) with
 * the key (low, high half of seed) and the counter (low, high half of e / 4, low, high half of offset). Strides do not
 * matter. A call that is to draw other numbers has another offset or seed.
 *
 *   probability      of dropping an element, 0 .. 1
 *   seed, offset     any
 *   per_row, selu    0 or 1
 *   x, y             [rows, columns]; y may be x with equal strides, no other overlap
 * GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_alpha_dropout(gatun_context *context, int dtype, long long rows, long long columns, const void *x,
                                  long long x_stride, float probability, long long seed, long long offset, int per_row,
                                  int selu, void *y, long long y_stride, char *message, long long message_bytes);

/*
 * dx = m ? dy * A * dv/dx : 0, with m drawn again from the same seed and offset.
 *
 *   x                as in the forward pass where selu is 1; otherwise not read, and may be NULL
 *   dx               [rows, columns]; dx may be dy or x with equal strides, no other overlap
 *   the rest as in gatun_alpha_dropout
 */
GATUN_API int gatun_alpha_dropout_backward(gatun_context *context, int dtype, long long rows, long long columns,
                                           const void *dy, long long dy_stride, const void *x, long long x_stride,
                                           float probability, long long seed, long long offset, int per_row, int selu,
                                           void *dx, long long dx_stride, char *message, long long message_bytes);

#ifdef __cplusplus
}
#endif

#endif
