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

#ifdef __cplusplus
}
#endif

#endif
