/* SPDX-License-Identifier: Apache-2.0 */
/* What residual_norm_api.c and the kernels of the fused residual normalizations say to each other. */
#ifndef GATUN_RESIDUAL_NORM_KERNEL_H
#define GATUN_RESIDUAL_NORM_KERNEL_H

#include "row_norm_kernel.h"

/*
 * The checked arguments of a fused residual normalization; names as in gatun/norm.h. `norm` is the normalization that
 * gives y, in gatun_norm_residual_add the only one; its x is the x of the whole operation, and its y is NULL where h is
 * the only result.
 */
typedef struct {
    row_norm_arguments norm;
    row_norm_arguments inner; /* norm1 of gatun_norm_add_norm */
    const void *residual;     /* NULL where alpha is 0 */
    long long residual_stride;
    float alpha;
    const void *bias;
    int sum_mode;
    void *h;
    long long h_stride;
} residual_norm_arguments;

/* A kernel: rows [begin, end), about the mean or about zero, by gatun_norm_kind. */
typedef struct {
    void (*rows[2])(const residual_norm_arguments *arguments, long long begin, long long end);
} residual_norm_kernel;

/* Which of the fused operations, where one body serves all. */
typedef enum { RESIDUAL_ADD_NORM, NORM_RESIDUAL_ADD, NORM_ADD_NORM } residual_norm_operation;

/* Normalizes one row in double precision, as row_norm_exact does. */
void residual_norm_exact(const residual_norm_arguments *arguments, long long row, bool centered,
                         residual_norm_operation operation);

#endif
