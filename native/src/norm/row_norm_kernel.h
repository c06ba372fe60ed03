/* SPDX-License-Identifier: Apache-2.0 */
/* What norm_api.c and the kernels of the row normalizations say to each other. */
#ifndef GATUN_ROW_NORM_KERNEL_H
#define GATUN_ROW_NORM_KERNEL_H

#include <stdbool.h>

#include "gatun/norm.h"

/* The checked arguments of a row normalization; names as in gatun/norm.h. */
typedef struct {
    int dtype, parameter_dtype;
    long long rows, total_rows, columns, statistics_columns;
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

#endif
