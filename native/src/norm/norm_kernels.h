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

/* The head vectors of queries, keys or values: [tokens, heads, head_columns], strides from token to token. */
typedef struct {
    const void *x;
    long long x_stride;
    const void *gamma;
    void *y;
    long long y_stride;
    long long heads;
    long long rstd_column; /* of its first head */
} head_role;

#define HEAD_ROLES 3

/* The checked arguments of a per-head normalization, without the roles that are left out. */
typedef struct {
    int dtype, parameter_dtype;
    long long head_columns;
    head_role roles[HEAD_ROLES];
    int role_count;
    float weight_offset, eps;
    int eps_mode, cast_mode;
    float *rstd;
    long long rstd_stride;
    bool prefetch, stream; /* as in row_norm_arguments */
} head_norm_arguments;

/* Tokens [begin, end) of all roles. */
typedef struct {
    void (*tokens)(const head_norm_arguments *arguments, long long begin, long long end);
} head_norm_kernel;

/* The same of the backward pass. */
typedef struct {
    const void *dy;
    long long dy_stride;
    const void *x;
    long long x_stride;
    const void *gamma;
    void *dx; /* or NULL */
    long long dx_stride;
    long long heads;
    int number; /* 0 .. HEAD_ROLES - 1 */
} head_gradient_role;

typedef struct {
    int dtype, parameter_dtype;
    long long head_columns;
    head_gradient_role roles[HEAD_ROLES];
    int role_count;
    float weight_offset, eps;
    int eps_mode;
    bool prefetch, stream;
} head_gradient_arguments;

/*
 * Tokens [begin, end) of all roles, where `begin` is a multiple of GATUN_BACKWARD_PIECE_ROWS. Adds to the sums of the
 * gradients of gamma, [HEAD_ROLES, head_columns], unless they are NULL.
 */
typedef struct {
    void (*tokens)(const head_gradient_arguments *arguments, long long begin, long long end, double *sums);
} head_gradient_kernel;

/* The checked arguments of the weight conversions; names as in gatun/norm.h. */
typedef struct {
    long long rows, columns;
    const float *weight;
    long long weight_stride;
    float *out;
    long long out_stride;
    bool stream;
} zero_mean_arguments;

/* Columns in steps of ZERO_MEAN_STRIPE less their means over all rows, or whole rows less their own means. */
#define ZERO_MEAN_STRIPE 1024
typedef struct {
    void (*stripe)(const zero_mean_arguments *arguments, long long begin, long long end);
    void (*rows)(const zero_mean_arguments *arguments, long long begin, long long end);
} zero_mean_kernel;

typedef struct {
    long long columns;
    const float *weight;
    long long weight_stride;
    const float *bias, *gamma, *beta;
    float weight_offset;
    float *weight_out;
    long long weight_out_stride;
    float *bias_out;
    bool stream;
} fold_affine_arguments;

typedef struct {
    void (*rows)(const fold_affine_arguments *arguments, long long begin, long long end);
} fold_kernel;

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

/*
 * The same for one head vector of a backward pass: `at` says where it begins in dy, x and dx. `sums` are those of its
 * role, or NULL.
 */
typedef struct {
    long long dy, x, dx;
} head_gradient_place;
void head_gradient_exact(const head_gradient_arguments *arguments, const head_gradient_role *role,
                         head_gradient_place at, double *sums);

#endif
