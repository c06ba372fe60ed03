/* SPDX-License-Identifier: Apache-2.0 */
/* What the entry points and the kernels of layers say to each other. */
#ifndef GATUN_KAN_LAYER_KERNEL_H
#define GATUN_KAN_LAYER_KERNEL_H

#include "kan_basis_kernel.h"

/* Rows and outputs that are worked on together, and the greatest number of functions of all columns that are. */
#define KAN_TILE_ROWS 32
#define KAN_TILE_OUTPUTS 192 /* a multiple of three vectors of every level */
#define KAN_TILE_FUNCTIONS 128

/* The checked arguments of a layer, or of its backward pass; names as in gatun/kan.h. */
typedef struct {
    kan_basis basis;
    const kan_basis_forward_kernel *expander;
    const kan_basis_gradient_kernel *gradient;
    int dtype, accumulate;
    long long rows, columns, outputs;
    const void *x, *dy;
    const float *weight, *bias;
    void *y, *dx;
    float *dweight, *dbias;
    long long x_stride, y_stride, dy_stride, dx_stride;
} kan_layer_arguments;

/* Functions of each column, and columns that are worked on together. */
static inline int kan_layer_width(const kan_layer_arguments *a) {
    return a->basis.functions + (a->basis.base ? 1 : 0);
}
static inline int kan_layer_columns(const kan_layer_arguments *a) {
    const int width = kan_layer_width(a);
    return width < KAN_TILE_FUNCTIONS ? KAN_TILE_FUNCTIONS / width : 1;
}

/* y of a tile of rows and outputs, by their numbers. */
typedef struct {
    void (*tile)(const kan_layer_arguments *arguments, long long row_tile, long long output_tile);
} kan_layer_forward_kernel;

/* dx of a tile of rows; dweight of a tile of columns and outputs, with dbias where the columns are the first. */
typedef struct {
    void (*inputs)(const kan_layer_arguments *arguments, long long row_tile);
    void (*weights)(const kan_layer_arguments *arguments, long long column_tile, long long output_tile);
} kan_layer_gradient_kernel;

#endif
