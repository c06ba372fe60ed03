/* SPDX-License-Identifier: Apache-2.0 */
/* What poly_norm_api.c and the kernels of PolyNorm say to each other. */
#ifndef GATUN_POLY_NORM_KERNEL_H
#define GATUN_POLY_NORM_KERNEL_H

#include <stdbool.h>

#include "gatun/polynomial.h"

/*
 * Rows are summed in segments of so many columns, and the sums of the segments added in their order in double precision:
 * so threads can share long rows without changing results.
 */
#define POLY_NORM_SEGMENT 16384

/* The checked arguments; names as in gatun/polynomial.h. x is the gate of poly_norm_mul. */
typedef struct {
    int dtype, order;
    long long rows, columns;
    const void *x;
    long long x_stride;
    const void *up;
    long long up_stride;
    const float *coefficients;
    float eps;
    void *y;
    long long y_stride;
    float *rho;
    bool prefetch; /* rows come from memory: fetch those that follow */
    bool stream;   /* y will not be read again before it has left the caches: bypass them */
} poly_norm_arguments;

/* power[p - 1]: the sum of x^(2 p). */
typedef struct {
    double power[GATUN_POLY_NORM_MAX_ORDER];
} poly_norm_sums;

/* From x to PolyNorm(x): y = a[0] + a[1] x + ...; a[4] is there where the order is 4. */
typedef struct {
    float a[GATUN_POLY_NORM_MAX_ORDER + 1];
    bool exact; /* float32 cannot hold the powers: the row goes to poly_norm_exact */
} poly_norm_factors;

/* Whole rows, or the two passes over a part of one row: at most a segment for the first, any columns for the second. */
typedef struct {
    void (*rows)(const poly_norm_arguments *arguments, long long begin, long long end);
    poly_norm_sums (*sums)(const poly_norm_arguments *arguments, long long row, long long begin, long long end);
    poly_norm_factors (*factors)(const poly_norm_arguments *arguments, long long row, const poly_norm_sums *sums);
    void (*apply)(const poly_norm_arguments *arguments, long long row, long long begin, long long end,
                  const poly_norm_factors *factors);
} poly_norm_kernel;

/* One row in double precision, its elements scaled by a power of two. Slow, and rarely used. */
void poly_norm_exact(const poly_norm_arguments *arguments, long long row);

typedef struct {
    int dtype, order;
    long long rows, columns;
    const void *dy;
    long long dy_stride;
    const void *x;
    long long x_stride;
    const void *up;
    long long up_stride;
    const float *coefficients;
    float eps;
    const float *rho; /* NULL: taken anew from x */
    void *dx;
    long long dx_stride;
    void *dup;
    long long dup_stride;
    bool prefetch, stream;
} poly_norm_backward_arguments;

/* gradient[p]: the sum of g x^p, where g is dy, or dy * up; power as above, where rho is NULL. */
typedef struct {
    double gradient[GATUN_POLY_NORM_MAX_ORDER + 1], power[GATUN_POLY_NORM_MAX_ORDER];
} poly_norm_gradient_sums;

/* dx = g (a[0] + a[1] x + ...) - x (b[0] + b[1] x^2 + ...); `forward` is what dup is made with, and `share` the row's
 * share of dcoefficients. */
typedef struct {
    float a[GATUN_POLY_NORM_MAX_ORDER], b[GATUN_POLY_NORM_MAX_ORDER], forward[GATUN_POLY_NORM_MAX_ORDER + 1];
    double share[GATUN_POLY_NORM_MAX_ORDER + 1];
    bool exact;
} poly_norm_gradient_factors;

/*
 * As for the forward pass. `coefficients`: order + 1 sums that the share of each row is added to, row by row; NULL for
 * none.
 */
typedef struct {
    void (*rows)(const poly_norm_backward_arguments *arguments, long long begin, long long end, double *coefficients);
    poly_norm_gradient_sums (*sums)(const poly_norm_backward_arguments *arguments, long long row, long long begin,
                                    long long end);
    poly_norm_gradient_factors (*factors)(const poly_norm_backward_arguments *arguments, long long row,
                                          const poly_norm_gradient_sums *sums);
    void (*apply)(const poly_norm_backward_arguments *arguments, long long row, long long begin, long long end,
                  const poly_norm_gradient_factors *factors);
} poly_norm_backward_kernel;

/* As poly_norm_exact. Adds the row's share, too. */
void poly_norm_backward_exact(const poly_norm_backward_arguments *arguments, long long row, double *coefficients);

#endif
