/* SPDX-License-Identifier: Apache-2.0 */
/* What sparsity_api.c and the kernels of activation sparsity say to each other. */
#ifndef GATUN_SPARSITY_KERNEL_H
#define GATUN_SPARSITY_KERNEL_H

#include <stdbool.h>

#include "gatun/polynomial.h"

/* The checked arguments of both operations; names as in gatun/polynomial.h. */
typedef struct {
    int dtype;
    long long rows, columns;
    const void *x;
    long long x_stride;
    const float *scale, *thresholds; /* NULL for none */
    float threshold;
    bool keep_equal;
    long long kept;
    const void *values;
    long long values_stride;
    void *y;
    long long y_stride;
} sparsity_arguments;

/* Columns [first, last) of rows [begin, end); topk_mask_rows always gets whole rows. */
typedef struct {
    void (*block)(const sparsity_arguments *arguments, long long begin, long long end, long long first, long long last);
} sparsity_kernel;

#endif
