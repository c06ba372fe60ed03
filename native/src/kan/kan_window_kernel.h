/* SPDX-License-Identifier: Apache-2.0 */
/* What the entry points and the kernels of windows say to each other. */
#ifndef GATUN_KAN_WINDOW_KERNEL_H
#define GATUN_KAN_WINDOW_KERNEL_H

#include "gatun/kan.h"

/* The checked arguments of either direction; names as in gatun/kan.h. */
typedef struct {
    int inner, combination, functions, per_column, dtype, accumulate;
    float scale;
    long long rows, columns;
    const void *x, *dphi;
    const float *starts, *ends;
    void *phi, *dx;
    float *dstarts, *dends;
    long long x_stride, phi_stride, dx_stride; /* phi_stride: of dphi, too */
} kan_window_arguments;

/* phi of rows [begin, end). */
typedef struct {
    void (*rows)(const kan_window_arguments *arguments, long long begin, long long end);
} kan_window_forward_kernel;

/* dx of rows [begin, end); dstarts and dends of function m. */
typedef struct {
    void (*rows)(const kan_window_arguments *arguments, long long begin, long long end);
    void (*parameters)(const kan_window_arguments *arguments, long long m);
} kan_window_gradient_kernel;

#endif
