/* SPDX-License-Identifier: Apache-2.0 */
/* What conversion_api.c and the kernels of the weight conversions say to each other. */
#ifndef GATUN_WEIGHT_CONVERSION_KERNEL_H
#define GATUN_WEIGHT_CONVERSION_KERNEL_H

#include "row_norm_kernel.h"

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

#endif
