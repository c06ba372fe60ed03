/* SPDX-License-Identifier: Apache-2.0 */
/* What the entry points and the kernels of bases say to each other. */
#ifndef GATUN_KAN_BASIS_KERNEL_H
#define GATUN_KAN_BASIS_KERNEL_H

#include <stdbool.h>

#include "gatun/kan.h"

/* The shapes of functions: those of gatun_kan_basis_kind, B-splines of each degree apart. */
typedef enum {
    KAN_SPLINE_1,
    KAN_SPLINE_2,
    KAN_SPLINE_3,
    KAN_SPLINE_4,
    KAN_SPLINE_5,
    KAN_GAUSSIAN,
    KAN_WAVELET,
    KAN_CHEBYSHEV,
    KAN_FOURIER
} kan_shape;

/*
 * A checked basis. The centre of function m lies first + m steps from the middle of the grid; `per_step` is 1 / h, and
 * beyond `reach` from the middle all functions are 0. Numbers that float32 cannot hold have a second, small part.
 */
typedef struct {
    kan_shape shape;
    int functions; /* without the base */
    bool base;
    float middle, middle_low, per_step, per_step_low, first, reach;
} kan_basis;

/* Functions of `columns` elements x, `plane` elements from one function to the next. */
typedef struct {
    void (*expand)(const kan_basis *basis, const void *x, int x_dtype, long long columns, void *phi, int phi_dtype,
                   long long plane);
} kan_basis_forward_kernel;

/* dx of `columns` elements. */
typedef struct {
    void (*gradient)(const kan_basis *basis, const void *dphi, int dphi_dtype, long long plane, const void *x,
                     int x_dtype, long long columns, void *dx);
} kan_basis_gradient_kernel;

#endif
