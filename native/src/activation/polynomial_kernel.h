/* SPDX-License-Identifier: Apache-2.0 */
/* What polynomial_api.c and the kernels of the element-wise polynomials say to each other. */
#ifndef GATUN_POLYNOMIAL_KERNEL_H
#define GATUN_POLYNOMIAL_KERNEL_H

#include <stdbool.h>

#include "gatun/polynomial.h"

/*
 * The checked arguments; names as in gatun/polynomial.h. Elements are numbered row by row; tensors without gaps between
 * their rows are passed as one row.
 */
typedef struct {
    int dtype, order;
    long long rows, columns;
    const void *x;
    long long x_stride;
    const float *coefficients;
    void *y;
    long long y_stride;
    bool prefetch; /* x comes from memory: fetch what follows */
    bool stream;   /* y will not be read again before it has left the caches: bypass them */
} polynomial_arguments;

typedef struct {
    void (*elements)(const polynomial_arguments *arguments, long long begin, long long end);
} polynomial_kernel;

typedef struct {
    int dtype, order;
    long long rows, columns;
    const void *dy;
    long long dy_stride;
    const void *x;
    long long x_stride;
    const float *coefficients;
    void *dx; /* NULL for none */
    long long dx_stride;
    double *partial; /* [pieces, order + 1]: the sums of each piece; NULL for none */
    bool prefetch, stream;
} polynomial_backward_arguments;

/* Elements [begin, end), where begin is a multiple of GATUN_BACKWARD_PIECE_ELEMENTS. */
typedef struct {
    void (*elements)(const polynomial_backward_arguments *arguments, long long begin, long long end);
} polynomial_backward_kernel;

#endif
