/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kolmogorov-Arnold networks: bases of functions of one variable, and layers of them, forward and backward.
 *
 * Tensors are [rows, columns] with innermost stride 1 and a row stride >= columns; what a basis makes of them is
 * [rows, functions, columns], the functions of a row one behind the other. Arithmetic is float32, whatever the storage
 * type; a 16-bit result is rounded to nearest even, once. NaN in x gives NaN in every function of that element but
 * those that are constant. Results do not depend on the number of threads, on alignment or on strides.
 */
#ifndef GATUN_KAN_H
#define GATUN_KAN_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GATUN_KAN_MAX_FUNCTIONS 128
#define GATUN_KAN_MAX_DEGREE 5

/*
 * The functions phi[m] of a basis, m = 0 .. functions - 1. Those with a grid have their centres in equal steps h between
 * `low` and `high`; for +-Inf they are 0. With t = (x - centre[m]) / h:
 */
enum gatun_kan_basis_kind {
    /*
     * B-splines of `degree`, on functions - degree intervals of width h from low to high, with `degree` knots more on
     * either side (Liu et al.: KAN, arXiv:2404.19756). 0 outside their support. A knot belongs to the interval on
     * its right, where float32 tells on which side x lies.
     */
    GATUN_KAN_BSPLINE = 0,
    /* Chebyshev polynomials T[m](tanh(x)) (Sidharth, Gokul: Chebyshev polynomial-based KANs, arXiv:2405.07200). T[0] is
     * 1 for NaN, too. */
    GATUN_KAN_CHEBYSHEV = 1,
    /* cos(k x) for k = 1 .. functions / 2, then sin(k x) likewise (Xu et al.: FourierKAN, arXiv:2406.01034). NaN for
     * +-Inf. Errors grow as k. */
    GATUN_KAN_FOURIER = 2,
    /* exp(-t^2), centres from low to high (Li: Kolmogorov-Arnold Networks are Radial Basis Function Networks,
     * arXiv:2405.06721) */
    GATUN_KAN_GAUSSIAN = 3,
    /* 2 / (sqrt(3) pi^(1/4)) (1 - t^2) exp(-t^2 / 2), the Mexican hat, centres from low to high (Bozorgasl, Chen:
     * Wav-KAN, arXiv:2405.12832) */
    GATUN_KAN_WAVELET = 4
};

/*
 * phi[row, m, column] = phi[m](x[row, column]), and, where `base` is 1, one more function behind the others:
 * x * sigma(x), the base of a KAN layer.
 *
 *   basis            gatun_kan_basis_kind
 *   functions        of the basis, without the base: 1 .. GATUN_KAN_MAX_FUNCTIONS; > degree for B-splines, even for
 *                    Fourier, >= 2 for Gaussians and wavelets
 *   degree           of B-splines: 1 .. GATUN_KAN_MAX_DEGREE; otherwise ignored
 *   low, high        of the grid, where there is one: finite, low < high
 *   base             0 or 1
 *   dtype            gatun_dtype of x and phi
 *   rows >= 0, columns >= 1
 *   x                [rows, columns], row stride x_stride >= columns
 *   phi              [rows, functions + base, columns], stride from row to row phi_stride >= (functions + base) *
 *                    columns; no overlap with x
 * GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_kan_basis(gatun_context *context, int basis, long long functions, int degree, float low, float high,
                              int base, int dtype, long long rows, long long columns, const void *x, long long x_stride,
                              void *phi, long long phi_stride, char *message, long long message_bytes);

/*
 * dx = sum over m of dphi[m] phi[m]'(x), in the order of m, the base last.
 *
 *   dphi             [rows, functions + base, columns], as phi
 *   x                [rows, columns], as in the forward pass
 *   dx               [rows, columns]; dx may be x with equal strides, no other overlap
 *   the rest as in gatun_kan_basis
 */
GATUN_API int gatun_kan_basis_backward(gatun_context *context, int basis, long long functions, int degree, float low,
                                       float high, int base, int dtype, long long rows, long long columns,
                                       const void *dphi, long long dphi_stride, const void *x, long long x_stride,
                                       void *dx, long long dx_stride, char *message, long long message_bytes);

/*
 * A layer of a Kolmogorov-Arnold network, whose functions never reach memory:
 *     y[row, o] = bias[o] + sum over columns i and functions m of phi[m](x[row, i]) weight[i, m, o]
 *
 *   basis .. base    as in gatun_kan_basis; the base is the last function of each column
 *   dtype            gatun_dtype of x and y; sums are float32
 *   rows >= 0, columns >= 1, outputs >= 1
 *   x                [rows, columns], row stride x_stride >= columns
 *   weight           [columns, functions + base, outputs], float32
 *   bias             [outputs], float32, or NULL for none
 *   y                [rows, outputs], row stride y_stride >= outputs; no overlap with an input
 * GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_kan_layer(gatun_context *context, int basis, long long functions, int degree, float low, float high,
                              int base, int dtype, long long rows, long long columns, long long outputs, const void *x,
                              long long x_stride, const float *weight, const float *bias, void *y, long long y_stride,
                              char *message, long long message_bytes);

/*
 * The gradients of a layer:
 *     dx[row, i] = sum over m of phi[m]'(x[row, i]) (sum over o of dy[row, o] weight[i, m, o]),
 *     dweight[i, m, o] = sum over rows of dy[row, o] phi[m](x[row, i]),   dbias[o] = sum over rows of dy[row, o]
 *
 *   dy               [rows, outputs], row stride dy_stride >= outputs
 *   x, weight        as in the forward pass; weight may be NULL where dx is
 *   dx               [rows, columns], or NULL for none
 *   dweight          [columns, functions + base, outputs], float32, or NULL for none
 *   dbias            [outputs], float32, or NULL for none
 *   accumulate       0: dweight and dbias are overwritten, with 0 where there are no rows; 1: added to
 *   the rest as in gatun_kan_layer; no output overlaps anything
 */
GATUN_API int gatun_kan_layer_backward(gatun_context *context, int basis, long long functions, int degree, float low,
                                       float high, int base, int dtype, long long rows, long long columns,
                                       long long outputs, const void *dy, long long dy_stride, const void *x,
                                       long long x_stride, const float *weight, void *dx, long long dx_stride,
                                       float *dweight, float *dbias, int accumulate, char *message,
                                       long long message_bytes);

/* The functions g of a window. */
enum gatun_kan_inner {
    GATUN_KAN_INNER_SILU = 0,
    GATUN_KAN_INNER_RELU = 1, /* slope 0 at 0 */
    GATUN_KAN_INNER_GELU = 2, /* by the normal distribution function */
    GATUN_KAN_INNER_ELU = 3,
    GATUN_KAN_INNER_SELU = 4,
    GATUN_KAN_INNER_SOFTPLUS = 5, /* log(1 + exp(t)) */
    GATUN_KAN_INNER_SIGMOID = 6,
    GATUN_KAN_INNER_LEAKY_RELU = 7, /* 0.01 t for t <= 0 */
    GATUN_KAN_INNER_TANH = 8
};

/* How a window combines u and v. */
enum gatun_kan_combination {
    GATUN_KAN_QUAD1 = 0,    /* (u v)^2 */
    GATUN_KAN_QUAD2 = 1,    /* u v + u^2 + v^2 */
    GATUN_KAN_SUM = 2,      /* u + v */
    GATUN_KAN_PROD = 3,     /* u v */
    GATUN_KAN_SUM_PROD = 4, /* u + v + u v */
    GATUN_KAN_CUBIC1 = 5,   /* (u + v) (u^2 + v^2) */
    GATUN_KAN_CUBIC2 = 6    /* (u v)^3 */
};

/*
 * Windows between learnable ends:
 *     phi[row, m, i] = scale * f(u, v),   u = g(x[row, i] - starts[m]),   v = g(ends[m] - x[row, i])
 * ReLU-KAN (Qiu et al., arXiv:2406.02075) has GATUN_KAN_INNER_RELU, GATUN_KAN_QUAD1 and a scale of (4 / width^2)^2 for
 * windows of that width; AF-KAN (Ta et al., arXiv:2503.06112) has all of them with a scale of 1, before it normalizes
 * phi. NaN and Inf propagate as the formula does in IEEE 754 arithmetic.
 *
 *   inner, combination  gatun_kan_inner g, gatun_kan_combination f
 *   functions        1 .. GATUN_KAN_MAX_FUNCTIONS
 *   per_column       0: the ends are those of all columns; 1: each column has its own
 *   scale            finite
 *   dtype            gatun_dtype of x and phi
 *   rows >= 0, columns >= 1
 *   x                [rows, columns], row stride x_stride >= columns
 *   starts, ends     [functions], or [functions, columns] where per_column is 1; float32
 *   phi              [rows, functions, columns], stride from row to row phi_stride >= functions * columns; no overlap
 * GATUN_INVALID_ARGUMENT; GATUN_DEVICE_ERROR on a GPU.
 */
GATUN_API int gatun_kan_window_basis(gatun_context *context, int inner, int combination, long long functions,
                                     int per_column, float scale, int dtype, long long rows, long long columns,
                                     const void *x, long long x_stride, const float *starts, const float *ends,
                                     void *phi, long long phi_stride, char *message, long long message_bytes);

/*
 * The gradients of windows. With f_u and f_v the derivatives of f:
 *     dx[row, i] = sum over m of scale dphi[row, m, i] (f_u g'(x - starts[m]) - f_v g'(ends[m] - x)),
 *     dstarts[m] = - sum of scale dphi f_u g'(x - starts[m]),   dends[m] = sum of scale dphi f_v g'(ends[m] - x),
 * the latter over rows and, where per_column is 0, columns, in double precision.
 *
 *   dphi             [rows, functions, columns], as phi
 *   x, starts, ends  as in the forward pass
 *   dx               [rows, columns], or NULL for none
 *   dstarts, dends   shaped as starts, float32, or NULL for none
 *   accumulate       0: dstarts and dends are overwritten, with 0 where there are no rows; 1: added to
 *   the rest as in gatun_kan_window_basis; no output overlaps anything
 */
GATUN_API int gatun_kan_window_basis_backward(gatun_context *context, int inner, int combination, long long functions,
                                              int per_column, float scale, int dtype, long long rows, long long columns,
                                              const void *dphi, long long dphi_stride, const void *x,
                                              long long x_stride, const float *starts, const float *ends, void *dx,
                                              long long dx_stride, float *dstarts, float *dends, int accumulate,
                                              char *message, long long message_bytes);

#ifdef __cplusplus
}
#endif

#endif
