/* SPDX-License-Identifier: Apache-2.0 */
/* Products of packed low-bit weights and float activations: the weights are decoded, a panel at a time. */
#include "lowbit_float.h"
#include "lowbit_kernels.h"
#include "lowbit_output.h"
#include "lowbit_ranges.h"

/* Weights of the lines [0, lines) of one tile, which are the inputs from `first` on in their chunk, to its columns. */
static void decode_lines(const unsigned char *codes, int lines, int first, const lowbit_matrix *m, int column,
                         const group_values *values, float_panel *panel) {
    const int group = m->group == 0 ? LOWBIT_CHUNK : m->group;
    const vi byte = vi_set(0xff);
    for (int line = 0; line < lines; line++) {
        const int g = (first + 4 * line) / group;
        for (int v = 0; v < TILE_VECTORS; v++) {
            const int to = column + v * VF_LANES;
            const vf scale = vf_load(values->scale[g] + to), zero = vf_load(values->zero[g] + to);
            const vf offset = vf_load(values->offset[g] + to);
            const vi four = vi_load(codes + line * LOWBIT_LINE + v * VECTOR_BYTES);
#pragma GCC unroll 4
            for (int b = 0; b < 4; b++) {
                vf code = vi_to_float(vi_and(vi_shift_right(four, 8 * b), byte));
                vf_store((*panel)[4 * line + b] + to, vf_fma(vf_sub(code, zero), scale, offset));
            }
        }
    }
}

static void multiply_block(const lowbit_multiply_arguments *a, long long row, int rows, long long tile, int tiles) {
    const lowbit_matrix *m = a->matrix;
    const panel_form form = {.run = 8, .planes = 1};
    _Alignas(64) unsigned char lines[TILES][CHUNK_LINES * LOWBIT_LINE];
    _Alignas(64) float block[BLOCK_ROWS * COLUMNS];
    _Alignas(64) float_panel panel;
    group_values values;
    const float *x = a->floats + row * a->floats_stride;
    memset(block, 0, sizeof *block * (size_t)(rows * COLUMNS));
    for (long long chunk = 0; chunk < m->chunks; chunk++) {
        const int slices = slices_of(m, chunk), inputs = slices * LOWBIT_SLICE;
        const unsigned char *codes[TILES];
        for (int t = 0; t < TILES; t++) {
            const long long source = tile + (t < tiles ? t : 0);
            const unsigned char *header = lowbit_chunk(m, source, chunk);
            codes[t] = expand_chunk(m, header + m->header_bytes, slices, form, lines[t]);
            if (m->group != 0) {
                decode_group_values(m, header, true, t * LOWBIT_TILE, &values);
            } else if (chunk == 0) {
                decode_row_values(m, tile_header(m, source), true, t * LOWBIT_TILE, &values);
            }
        }
        for (int first = 0; first < inputs; first += PANEL_INPUTS) {
            const int n = inputs - first < PANEL_INPUTS ? inputs - first : PANEL_INPUTS;
            for (int t = 0; t < TILES; t++) {
                decode_lines(codes[t] + first / 4 * LOWBIT_LINE, n / 4, first, m, t * LOWBIT_TILE, &values, &panel);
            }
            multiply_panel(&panel, n, x + chunk * LOWBIT_CHUNK + first, a->floats_stride, rows, block);
        }
    }
    for (int t = 0; t < tiles; t++) {
        store_tile(a, row, rows, tile + t, block + t * LOWBIT_TILE, COLUMNS);
    }
}

void GATUN_AT_LEVEL(lowbit_multiply_floats)(const lowbit_multiply_arguments *a, long long row_begin, long long row_end,
                                            long long output_begin, long long output_end) {
    const long long tile_end = (output_end + LOWBIT_TILE - 1) / LOWBIT_TILE;
    for (long long row = row_begin; row < row_end; row += BLOCK_ROWS) {
        const int rows = row_end - row < BLOCK_ROWS ? (int)(row_end - row) : BLOCK_ROWS;
        for (long long tile = output_begin / LOWBIT_TILE; tile < tile_end; tile += TILES) {
            multiply_block(a, row, rows, tile, tile_end - tile < TILES ? (int)(tile_end - tile) : TILES);
        }
    }
}
