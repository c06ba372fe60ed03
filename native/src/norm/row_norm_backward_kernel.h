/* SPDX-License-Identifier: Apache-2.0 */
/* What norm_backward_api.c and the kernels of the backward passes of rows say to each other. */
#ifndef GATUN_ROW_NORM_BACKWARD_KERNEL_H
#define GATUN_ROW_NORM_BACKWARD_KERNEL_H

#include "row_norm_kernel.h"

/* A normalization inside a backward pass: what it normalized, its weights, and the statistics that were saved. */
typedef struct {
    const void *x;
    long long x_stride;
    const void *gamma;
    const float *mean, *mean_low, *rstd; /* rstd NULL: taken anew from x */
} backward_norm;

/* The arrays of parameter gradients of an operation. */
#define BACKWARD_GRADIENTS 4

/*
 * The checked arguments of a backward pass of any row normalization; names as in gatun/norm.h. norm[0] is the one whose
 * result dy belongs to; norm[1] is there where its result was added to what norm[0] normalized.
 */
typedef struct {
    int dtype, parameter_dtype;
    bool centered; /* LayerNorm */
    long long rows, columns, statistics_columns;
    const void *dy;
    long long dy_stride;
    const void *dh_in;
    long long dh_in_stride;
    backward_norm norm[2];
    const void *bias; /* of what norm[0] normalized: x + bias */
    float alpha, weight_offset, eps;
    int eps_mode;
    void *dx;
    long long dx_stride;
    void *dresidual;
    long long dresidual_stride;
    bool residual_of_dy; /* dresidual is alpha * dy, not alpha times the gradient of what norm[0] normalized */
    float *gradient[BACKWARD_GRADIENTS]; /* dgamma and dbeta of norm[0]; of norm[1], or dbias; NULL for none */

    /* The slabs of rows whose partial sums are kept apart, and those sums: see row_norm_backward.h. */
    long long slabs;
    int gradients;            /* arrays of an operation, wanted or not */
    int levels;               /* arrays of sums for each */
    long long partial_stride; /* floats from one array to the next */
    float *partial;           /* NULL: no sums are kept */
    bool summed[BACKWARD_GRADIENTS];

    bool stream; /* as in row_norm_arguments */
} row_norm_backward_arguments;

/* Rows [begin, end), where begin is a multiple of GATUN_BACKWARD_PIECE_ROWS; columns [begin, end) of the gradients. */
typedef struct {
    void (*rows)(const row_norm_backward_arguments *arguments, long long begin, long long end);
    void (*sum_slabs)(const row_norm_backward_arguments *arguments, long long begin, long long end);
} row_norm_backward_kernel;

/* The backward pass of one row in double precision, as row_norm_exact; adds to `sums`, an array of columns or NULL for each gradient. */
void row_norm_backward_exact(const row_norm_backward_arguments *arguments, long long row,
                             float *const sums[BACKWARD_GRADIENTS]);

#endif
