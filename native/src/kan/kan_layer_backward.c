/* SPDX-License-Identifier: Apache-2.0 */
/* The gradients of a layer, compiled once per level. */
#include "kan_layer.h"

/* dy of some rows and outputs, float32, 0 behind them. */
typedef struct {
    float dy[KAN_TILE_ROWS][KAN_TILE_OUTPUTS];
} gradient_tile;

static void load_gradients(const kan_layer_arguments *a, long long row, int rows, long long output, int outputs,
                           gradient_tile *tile) {
    for (int r = 0; r < rows; r++) {
        for (int o = 0; o < KAN_TILE_OUTPUTS; o += VF_LANES) {
            const int n = outputs - o < VF_LANES ? outputs - o : VF_LANES;
            vf_store(tile->dy[r] + o,
                     n > 0 ? load_lanes(a->dy, (row + r) * a->dy_stride + output + o, a->dtype, n) : vf_zero());
        }
    }
}

/* ---- dx ---- */

/* A block of the gradients of functions: rows by weights; eight sums are taken at once. */
#define DOT_ROWS 4
#define DOT_WEIGHTS 2

/* Adds dy . weight of DOT_ROWS rows (the last one again where there are fewer) and two weights to their sums. */
GATUN_INLINE void add_dots(const float *const dy[DOT_ROWS], const float *const weight[DOT_WEIGHTS], int outputs,
                           float sums[DOT_ROWS * DOT_WEIGHTS]) {
    vf dots[DOT_ROWS * DOT_WEIGHTS];
#pragma GCC unroll 8
    for (int i = 0; i < DOT_ROWS * DOT_WEIGHTS; i++) {
        dots[i] = vf_zero();
    }
    for (int o = 0; o < outputs; o += VF_LANES) {
        vf w[DOT_WEIGHTS];
#pragma GCC unroll 2
        for (int i = 0; i < DOT_WEIGHTS; i++) {
            w[i] = load_lanes(weight[i], o, GATUN_F32, lanes_of(outputs - o));
        }
#pragma GCC unroll 4
        for (int r = 0; r < DOT_ROWS; r++) {
            const vf g = vf_load(dy[r] + o);
#pragma GCC unroll 2
            for (int i = 0; i < DOT_WEIGHTS; i++) {
                dots[r * DOT_WEIGHTS + i] = vf_fma(g, w[i], dots[r * DOT_WEIGHTS + i]);
            }
        }
    }
    vf_sum_each(dots, sums);
}

/* Where the function of each weight of a tile stands in a function_tile: weights are by columns, functions by m. */
typedef struct {
    int at[TILE_WIDTH];
} weight_places;

static void find_places(int columns, int width, weight_places *places) {
    for (int c = 0; c < columns; c++) {
        for (int m = 0; m < width; m++) {
            places->at[c * width + m] = m * columns + c;
        }
    }
}

/* Adds those of a tile of outputs to the gradients of all functions of a tile. */
static void add_function_gradients(const kan_layer_arguments *a, const gradient_tile *dy, int rows,
                                   const weight_places *places, int count, const float *weight, int outputs,
                                   function_tile *tile) {
    /* The last weight is taken again where they are odd, and its sum dropped. */
    for (int k = 0; k < count; k += DOT_WEIGHTS) {
        const int second = k + 1 < count ? k + 1 : k, at = places->at[k], second_at = places->at[second];
        const float *weights[DOT_WEIGHTS] = {weight + k * a->outputs, weight + second * a->outputs};
        for (int r = 0; r < rows; r += DOT_ROWS) {
            const float *gradients[DOT_ROWS];
            for (int i = 0; i < DOT_ROWS; i++) {
                gradients[i] = dy->dy[r + i < rows ? r + i : rows - 1];
            }
            float sums[DOT_ROWS * DOT_WEIGHTS];
            add_dots(gradients, weights, outputs, sums);
            for (int i = 0; i < DOT_ROWS && r + i < rows; i++) {
                float *row = tile->functions[r + i];
                row[at] += sums[i * DOT_WEIGHTS];
                if (second != k) {
                    row[second_at] += sums[i * DOT_WEIGHTS + 1];
                }
            }
        }
    }
}

static void input_tile(const kan_layer_arguments *a, long long row_tile) {
    const long long row = row_tile * KAN_TILE_ROWS;
    const int rows = part_of(a->rows, row, KAN_TILE_ROWS), width = kan_layer_width(a), most = kan_layer_columns(a);
    function_tile tile;
    gradient_tile dy;
    weight_places places;
    for (long long column = 0; column < a->columns; column += most) {
        const int columns = part_of(a->columns, column, most);
        const float *weight = a->weight + column * width * a->outputs;
        find_places(columns, width, &places);
        for (int r = 0; r < rows; r++) {
            for (int k = 0; k < columns * width; k++) {
                tile.functions[r][k] = 0;
            }
        }
        for (long long output = 0; output < a->outputs; output += KAN_TILE_OUTPUTS) {
            const int outputs = part_of(a->outputs, output, KAN_TILE_OUTPUTS);
            if (column == 0 || a->outputs > KAN_TILE_OUTPUTS) {
                load_gradients(a, row, rows, output, outputs, &dy);
            }
            add_function_gradients(a, &dy, rows, &places, columns * width, weight + output, outputs, &tile);
        }
        for (int r = 0; r < rows; r++) {
            const void *x = element_at(a->x, (row + r) * a->x_stride + column, a->dtype);
            void *dx = (char *)a->dx + ((row + r) * a->dx_stride + column) * (a->dtype == GATUN_F32 ? 4 : 2);
            a->gradient->gradient(&a->basis, tile.functions[r], GATUN_F32, columns, x, a->dtype, columns, dx);
        }
    }
}

/* ---- dweight, dbias ---- */

/* Adds the first `n` lanes, or, where `begin` says so, puts them there. */
GATUN_INLINE void add_to(float *sum, vf v, int n, int begin) {
    store_lanes(sum, 0, begin ? v : vf_add(load_lanes(sum, 0, GATUN_F32, n), v), GATUN_F32, n);
}

/* Sums over the rows of a tile: of `functions` functions from k on, times dy of BLOCK_LANES outputs from o on. */
GATUN_INLINE void add_outer(const function_tile *tile, const gradient_tile *dy, int rows, int k, int o, int outputs,
                            float *const to[BLOCK_ROWS], int begin, const int functions) {
    vf block[BLOCK_ROWS][BLOCK_VECTORS];
#pragma GCC unroll 4
    for (int i = 0; i < functions; i++) {
#pragma GCC unroll 3
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            block[i][v] = vf_zero();
        }
    }
    for (int r = 0; r < rows; r++) {
        vf g[BLOCK_VECTORS];
#pragma GCC unroll 3
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            g[v] = vf_load(dy->dy[r] + o + v * VF_LANES);
        }
#pragma GCC unroll 4
        for (int i = 0; i < functions; i++) {
            const vf f = vf_set(tile->functions[r][k + i]);
#pragma GCC unroll 3
            for (int v = 0; v < BLOCK_VECTORS; v++) {
                block[i][v] = vf_fma(f, g[v], block[i][v]);
            }
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < functions; i++) {
#pragma GCC unroll 3
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            const int left = outputs - o - v * VF_LANES;
            if (left > 0) {
                add_to(to[i] + v * VF_LANES, block[i][v], lanes_of(left), begin);
            }
        }
    }
}

static void add_weight_gradients(const kan_layer_arguments *a, const function_tile *tile, const gradient_tile *dy,
                                 int rows, long long column, int columns, long long output, int outputs, int begin) {
    const int width = kan_layer_width(a), count = columns * width;
    float *base = a->dweight + column * width * a->outputs + output;
    for (int o = 0; o < outputs; o += BLOCK_LANES) {
        int k = 0;
        for (; k < count; k += BLOCK_ROWS) {
            float *to[BLOCK_ROWS];
            const int functions = count - k < BLOCK_ROWS ? count - k : BLOCK_ROWS;
            for (int i = 0; i < functions; i++) {
                to[i] = base + ((k + i) % columns * width + (k + i) / columns) * a->outputs + o;
            }
            if (functions == BLOCK_ROWS) {
                add_outer(tile, dy, rows, k, o, outputs, to, begin, BLOCK_ROWS);
            } else {
                for (int i = 0; i < functions; i++) {
                    add_outer(tile, dy, rows, k + i, o, outputs, to + i, begin, 1);
                }
            }
        }
    }
}

static void add_bias_gradients(const kan_layer_arguments *a, const gradient_tile *dy, int rows, long long output,
                               int outputs, int begin) {
    for (int o = 0; o < outputs; o += VF_LANES) {
        vf sum = vf_zero();
        for (int r = 0; r < rows; r++) {
            sum = vf_add(sum, vf_load(dy->dy[r] + o));
        }
        add_to(a->dbias + output + o, sum, lanes_of(outputs - o), begin);
    }
}

static void weight_tile(const kan_layer_arguments *a, long long column_tile, long long output_tile) {
    const int most = kan_layer_columns(a);
    const long long column = column_tile * most, output = output_tile * KAN_TILE_OUTPUTS;
    const int columns = part_of(a->columns, column, most), outputs = part_of(a->outputs, output, KAN_TILE_OUTPUTS);
    function_tile tile;
    gradient_tile dy;
    for (long long row = 0; row < a->rows; row += KAN_TILE_ROWS) {
        const int rows = part_of(a->rows, row, KAN_TILE_ROWS), begin = row == 0 && !a->accumulate;
        load_gradients(a, row, rows, output, outputs, &dy);
        if (a->dweight) {
            expand_tile(a, row, rows, column, columns, &tile);
            add_weight_gradients(a, &tile, &dy, rows, column, columns, output, outputs, begin);
        }
        if (a->dbias && column == 0) {
            add_bias_gradients(a, &dy, rows, output, outputs, begin);
        }
    }
}

const kan_layer_backward_kernel GATUN_AT_LEVEL(kan_layer_backward) = {input_tile, weight_tile};
