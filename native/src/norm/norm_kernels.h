/* SPDX-License-Identifier: Apache-2.0 */
/* What norm_api.c and the kernels of the normalization family say to each other. */
#ifndef GATUN_NORM_KERNELS_H
#define GATUN_NORM_KERNELS_H

#include <stdbool.h>

#include "gatun/norm.h"

/* The checked arguments of a row normalization; names as in gatun/norm.h. */
typedef struct {
    int dtype, parameter_dtype;
    long long rows, columns, statistics_columns;
    const void *x;
    long long x_stride;
    const void *gamma, *beta;
    float weight_offset, eps;
    int eps_mode, cast_mode;
    void *y;
    long long y_stride;
    float *mean, *mean_low, *rstd;
    bool prefetch; /* rows come from memory: fetch the next while working on these */
    bool stream;   /* y will not be read again before it has left the caches: bypass them */
} row_norm_arguments;

/* Count, mean and sum of squared deviations of some entries of a row; the mean of an RMSNorm is taken as 0. */
typedef struct {
    double count, mean, squares;
} row_moments;

/* What turns x into xh: xh = ((x - center) - center_low) * rstd. */
typedef struct {
    float center, center_low, rstd;
    bool exact; /* float32 cannot represent the statistics: the row goes to row_norm_exact */
} row_scale;

/* A kernel: whole rows, or the two passes over columns [begin, end) of one row, so that threads can share long rows. */
typedef struct {
    void (*rows)(const row_norm_arguments *arguments, long long begin, long long end);
    row_moments (*moments)(const row_norm_arguments *arguments, long long row, long long begin, long long end);
    void (*apply)(const row_norm_arguments *arguments, long long row, long long begin, long long end,
                  const row_scale *scale);
    bool centered; /* about the row's mean, not about 0 */
} row_norm_kernel;

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

#define GATUN_OPERATION(operation, type) typedef type operation##_kernel;
#define GATUN_KERNEL(operation, isa, level) extern const operation##_kernel operation##_##level;
#include "norm.inc"
#undef GATUN_OPERATION
#undef GATUN_KERNEL

/* Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample variances, eq. 2.1. */
static inline row_moments merge_moments(row_moments a, row_moments b) {
    double count = a.count + b.count;
    double difference = b.mean - a.mean;
    double weight = b.count / count;
    return (row_moments){count, a.mean + difference * weight,
                         a.squares + b.squares + difference * difference * a.count * weight};
}

/* The scale of a row from its moments. Writes the saved statistics of the row unless it is `exact`. */
row_scale row_norm_scale(const row_norm_arguments *arguments, long long row, row_moments moments);

/*
 * Normalizes one row in double precision: rows whose squares overflow or underflow float32, or with NaN or Inf, come
 * out as the formula says. Slow, and rarely used.
 */
void row_norm_exact(const row_norm_arguments *arguments, long long row, bool centered);

/* The same for one row of a backward pass; adds to `sums`, an array of columns or NULL for each gradient. */
void row_norm_backward_exact(const row_norm_backward_arguments *arguments, long long row,
                             float *const sums[BACKWARD_GRADIENTS]);

#endif
