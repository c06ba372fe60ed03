/* SPDX-License-Identifier: Apache-2.0 */
/* What head_norm_api.c and the kernels of the per-head normalization say to each other. */
#ifndef GATUN_HEAD_NORM_KERNEL_H
#define GATUN_HEAD_NORM_KERNEL_H

#include "row_norm_kernel.h"

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

/*
 * The backward pass of one head vector in double precision, as row_norm_exact: `at` says where it begins in dy, x and dx. `sums` are those of its
 * role, or NULL.
 */
typedef struct {
    long long dy, x, dx;
} head_gradient_place;
void head_gradient_exact(const head_gradient_arguments *arguments, const head_gradient_role *role,
                         head_gradient_place at, double *sums);

#endif
