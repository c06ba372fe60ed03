/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both directions of a layer share. Tiles are float32 on the stack: functions[row][m * columns + column] of some
 * rows and columns, so that the functions of all never reach memory. Where tiles begin depends on the sizes alone, and
 * each result is summed within tiles first, then over them, in the order of columns (or rows): so it does not matter
 * which tiles a thread works on.
 */
#ifndef GATUN_KAN_LAYER_H
#define GATUN_KAN_LAYER_H

#include "kan_functions.h"

#define TILE_WIDTH (KAN_TILE_FUNCTIONS + 4) /* one column may have 129 */
#define BLOCK_VECTORS 3
#define BLOCK_LANES (BLOCK_VECTORS * VF_LANES)
#define BLOCK_ROWS 4

typedef struct {
    float functions[KAN_TILE_ROWS][TILE_WIDTH];
} function_tile;

GATUN_INLINE int part_of(long long all, long long first, long long most) {
    return (int)(all - first < most ? all - first : most);
}

/* Fills the functions of `columns` columns of some rows. */
static void expand_tile(const kan_layer_arguments *a, long long row, int rows, long long column, int columns,
                        function_tile *tile) {
    for (int r = 0; r < rows; r++) {
        const void *x = element_at(a->x, (row + r) * a->x_stride + column, a->dtype);
        a->expander->expand(&a->basis, x, a->dtype, columns, tile->functions[r], GATUN_F32, columns);
    }
}

#endif
