/* SPDX-License-Identifier: Apache-2.0 */
/* A layer: functions of the inputs times weights, compiled once per level. */
#include "kan_layer.h"

typedef struct {
    float sums[KAN_TILE_ROWS][KAN_TILE_OUTPUTS];
} sum_tile;

typedef struct {
    float weights[TILE_WIDTH][BLOCK_LANES];
} packed_weights;

/* The weights of a tile's functions for `n` outputs from `output` on, others 0, in the order of the tile. */
static void pack(const kan_layer_arguments *a, long long column, int columns, long long output, int n,
                 packed_weights *packed) {
    const int width = kan_layer_width(a);
    for (int m = 0; m < width; m++) {
        for (int c = 0; c < columns; c++) {
            const float *from = a->weight + ((column + c) * width + m) * a->outputs + output;
            float *to = packed->weights[m * columns + c];
            for (int v = 0; v < BLOCK_VECTORS; v++) {
                const int left = n - v * VF_LANES;
                vf_store(to + v * VF_LANES, left >= VF_LANES ? vf_load(from + v * VF_LANES)
                                            : left > 0       ? vf_load_first(from + v * VF_LANES, left)
                                                             : vf_zero());
            }
        }
    }
}

/* Adds the products of `rows` rows to their sums. */
GATUN_INLINE void multiply_rows(const float *functions, int count, const packed_weights *packed, float *sums,
                                const int rows) {
    vf block[BLOCK_ROWS][BLOCK_VECTORS];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            block[r][v] = vf_zero();
        }
    }
    for (int k = 0; k < count; k++) {
        vf w[BLOCK_VECTORS];
#pragma GCC unroll 3
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            w[v] = vf_load(packed->weights[k] + v * VF_LANES);
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            const vf f = vf_set(functions[r * TILE_WIDTH + k]);
#pragma GCC unroll 3
            for (int v = 0; v < BLOCK_VECTORS; v++) {
                block[r][v] = vf_fma(f, w[v], block[r][v]);
            }
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            float *sum = sums + r * KAN_TILE_OUTPUTS + v * VF_LANES;
            vf_store(sum, vf_add(vf_load(sum), block[r][v]));
        }
    }
}

static void multiply(const function_tile *tile, int rows, int count, const packed_weights *packed, int offset,
                     sum_tile *sums) {
    int r = 0;
    for (; r + BLOCK_ROWS <= rows; r += BLOCK_ROWS) {
        multiply_rows(tile->functions[r], count, packed, sums->sums[r] + offset, BLOCK_ROWS);
    }
    for (; r < rows; r++) {
        multiply_rows(tile->functions[r], count, packed, sums->sums[r] + offset, 1);
    }
}

static void begin_sums(const kan_layer_arguments *a, int rows, long long output, int outputs, sum_tile *sums) {
    for (int r = 0; r < rows; r++) {
        for (int o = 0; o < KAN_TILE_OUTPUTS; o += VF_LANES) {
            const int n = outputs - o < VF_LANES ? outputs - o : VF_LANES;
            vf_store(sums->sums[r] + o, a->bias && n > 0 ? load_lanes(a->bias, output + o, GATUN_F32, n) : vf_zero());
        }
    }
}

static void layer_tile(const kan_layer_arguments *a, long long row_tile, long long output_tile) {
    const long long row = row_tile * KAN_TILE_ROWS, output = output_tile * KAN_TILE_OUTPUTS;
    const int rows = part_of(a->rows, row, KAN_TILE_ROWS), outputs = part_of(a->outputs, output, KAN_TILE_OUTPUTS);
    const int width = kan_layer_width(a), most = kan_layer_columns(a);
    function_tile tile;
    packed_weights packed;
    sum_tile sums;
    begin_sums(a, rows, output, outputs, &sums);
    for (long long column = 0; column < a->columns; column += most) {
        const int columns = part_of(a->columns, column, most);
        expand_tile(a, row, rows, column, columns, &tile);
        for (int o = 0; o < outputs; o += BLOCK_LANES) {
            pack(a, column, columns, output + o, part_of(outputs, o, BLOCK_LANES), &packed);
            multiply(&tile, rows, columns * width, &packed, o, &sums);
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int o = 0; o < outputs; o += VF_LANES) {
            store_lanes(a->y, (row + r) * a->y_stride + output + o, vf_load(sums.sums[r] + o), a->dtype,
                        lanes_of(outputs - o));
        }
    }
}

const kan_layer_kernel GATUN_AT_LEVEL(kan_layer) = {layer_tile};
