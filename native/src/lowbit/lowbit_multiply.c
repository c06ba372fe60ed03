/* SPDX-License-Identifier: Apache-2.0 */
/* Products of packed low-bit weights and int8 activations. */
#include "lowbit_kernels.h"
#include "lowbit_output.h"
#include "lowbit_ranges.h"
#include "lowbit_tile.h"

/* Registers are allotted better to one such function at a time. */
#define NOINLINE __attribute__((noinline))

/* A chunk of inputs of some tiles, times some rows of activations. */
typedef struct {
    const unsigned char *lines[TILES];
    panel_form form;
    int line_count, segment_lines; /* a segment: the inputs of one group of the activations */
    int segments, group_shift;     /* segment >> group_shift: the group of the weights */
    const group_values *values;    /* NULL: whole rows; `sums` holds integers */
    bool offsets;
    const lowbit_activations *activations;
    long long chunk;
} chunk_product;

/* Adds the products of the lines [begin, end) to 32-bit sums. */
GATUN_INLINE void add_products(const chunk_product *p, const int8_t *const codes[ROWS], int begin, int end,
                               const int rows, const int run, vi sums[ROWS][VECTORS]) {
    const unsigned char *lines[TILES];
    const int planes = p->form.planes;
    for (int t = 0; t < TILES; t++) {
        lines[t] = p->lines[t] + begin * planes * LOWBIT_LINE;
    }
#if VI_FUSED_DOT
    (void)run;
    for (long long k = 4 * begin; k < 4 * end; k += 16) { /* every segment has a multiple of four lines */
#pragma GCC unroll 4
        for (int line = 0; line < 4; line++) {
            vi weights[VECTORS];
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++) {
                weights[v] = vi_load(lines[v / TILE_VECTORS] + line * LOWBIT_LINE + v % TILE_VECTORS * VECTOR_BYTES);
            }
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                vi four = vi_set_bytes(codes[r] + k + 4 * line);
#pragma GCC unroll 16
                for (int v = 0; v < VECTORS; v++) {
                    sums[r][v] = vi_dot(sums[r][v], weights[v], four);
                }
            }
        }
#pragma GCC unroll 2
        for (int t = 0; t < TILES; t++) {
            lines[t] += 4 * LOWBIT_LINE;
        }
    }
#else
    int plane = 0;
    for (long long k = 4 * begin; k < 4 * end;) {
        vp pairs[ROWS][VECTORS];
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++) {
                pairs[r][v] = vp_zero();
            }
        }
#pragma GCC unroll 8
        for (int line = 0; line < run; line++) {
            vi weights[VECTORS];
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++) {
                weights[v] = vi_load(lines[v / TILE_VECTORS] + line * LOWBIT_LINE + v % TILE_VECTORS * VECTOR_BYTES);
            }
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                vi four = vi_set_bytes(codes[r] + k + 4 * line);
#pragma GCC unroll 16
                for (int v = 0; v < VECTORS; v++) {
                    pairs[r][v] = vp_dot(pairs[r][v], weights[v], four);
                }
            }
        }
#pragma GCC unroll 2
        for (int t = 0; t < TILES; t++) {
            lines[t] += run * LOWBIT_LINE;
        }
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++) {
                sums[r][v] = vi_add_pairs(sums[r][v], pairs[r][v], plane == 0 ? 1 : 16);
            }
        }
        /* The same inputs again with the other plane, if there is one. */
        plane = planes - 1 - plane;
        k += plane == 0 ? 4 * run : 0;
    }
#endif
}

/* Adds the chunk to `block`, [rows][COLUMNS] floats, or 32-bit integers with whole rows. */
GATUN_INLINE void multiply_rows(const chunk_product *p, long long row, const int rows, const int run, float *block) {
    const lowbit_activations *a = p->activations;
    const int segments = p->segments, group_shift = p->group_shift, segment_lines = p->segment_lines;
    const int line_count = p->line_count;
    const bool offsets = p->offsets;
    const group_values *values = p->values;
    const long long groups_stride = a->groups_stride, group = row * groups_stride + p->chunk * a->groups_chunk;
    const int32_t *starts = a->sums + (values ? group : 0);
    const float *scales = a->scales + (values ? group : 0), *scaled_sums = a->scaled_sums + (offsets ? group : 0);
    const int8_t *codes[ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        codes[r] = a->codes + (row + r) * a->codes_stride + p->chunk * a->codes_chunk;
    }
    for (int segment = 0; segment < segments; segment++) {
        const int begin = segment * segment_lines, end = begin + segment_lines;
        const int last = end < line_count ? end : line_count;
        vi sums[ROWS][VECTORS];
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++) {
                sums[r][v] =
                    values ? vi_set(starts[r * groups_stride + segment]) : vi_load(block + r * COLUMNS + v * VF_LANES);
            }
        }
        add_products(p, codes, begin, last, rows, run, sums);
        if (!values) {
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
#pragma GCC unroll 16
                for (int v = 0; v < VECTORS; v++) {
                    vi_store(block + r * COLUMNS + v * VF_LANES, sums[r][v]);
                }
            }
            continue;
        }
        const float *scale = values->scale[segment >> group_shift];
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            const vf factor = vf_set(scales[r * groups_stride + segment]);
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++) {
                float *to = block + r * COLUMNS + v * VF_LANES;
                vf weighted = vf_mul(vi_to_float(sums[r][v]), vf_load(scale + v * VF_LANES));
                vf_store(to, vf_fma(weighted, factor, vf_load(to)));
            }
        }
        if (offsets) {
            const float *offset = values->offset[segment >> group_shift];
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                const vf factor = vf_set(scaled_sums[r * groups_stride + segment]);
#pragma GCC unroll 16
                for (int v = 0; v < VECTORS; v++) {
                    float *to = block + r * COLUMNS + v * VF_LANES;
                    vf_store(to, vf_fma(vf_load(offset + v * VF_LANES), factor, vf_load(to)));
                }
            }
        }
    }
}

GATUN_INLINE void multiply_rows_by_run(const chunk_product *p, long long row, const int rows, float *block) {
    if (VI_FUSED_DOT || p->form.run == 8) {
        multiply_rows(p, row, rows, 8, block);
    } else if (p->form.run == 4) {
        multiply_rows(p, row, rows, 4, block);
    } else {
        multiply_rows(p, row, rows, 2, block);
    }
}

NOINLINE static void multiply_most(const chunk_product *p, long long row, float *block) {
    multiply_rows_by_run(p, row, ROWS, block);
}
NOINLINE static void multiply_four(const chunk_product *p, long long row, float *block) {
    multiply_rows_by_run(p, row, ROWS < 4 ? ROWS : 4, block);
}
NOINLINE static void multiply_two(const chunk_product *p, long long row, float *block) {
    multiply_rows_by_run(p, row, ROWS < 2 ? ROWS : 2, block);
}
NOINLINE static void multiply_one(const chunk_product *p, long long row, float *block) {
    multiply_rows_by_run(p, row, 1, block);
}

static void multiply_chunk(const chunk_product *p, long long row, int rows, float *block) {
    int done = 0;
    for (; rows - done >= ROWS; done += ROWS) {
        multiply_most(p, row + done, block + done * COLUMNS);
    }
    if (ROWS > 4 && rows - done >= 4) {
        multiply_four(p, row + done, block + done * COLUMNS);
        done += 4;
    }
    if (ROWS > 2 && rows - done >= 2) {
        multiply_two(p, row + done, block + done * COLUMNS);
        done += 2;
    }
    if (ROWS > 1 && rows - done >= 1) {
        multiply_one(p, row + done, block + done * COLUMNS);
    }
}

/* What the integer sums of whole rows begin with: the part of the zero points. */
static void start_sums(const lowbit_multiply_arguments *a, long long row, int rows, long long tile, int column,
                       int32_t *block) {
    const lowbit_activations *x = &a->activations;
    const lowbit_matrix *m = a->matrix;
    const lowbit_tile_header *header = tile_header(m, tile);
    const bool zeros = m->offsets == LOWBIT_OFFSETS_ZERO_POINTS;
    for (int r = 0; r < rows; r++) {
        uint32_t sum = (uint32_t)x->sums[row + r], row_zero = x->zeros ? (uint32_t)x->zeros[row + r] : 0;
        for (int n = 0; n < LOWBIT_TILE; n++) {
            uint32_t zero = (uint32_t)(zeros ? header->zero[n] : m->zero);
            uint32_t start = 0u - zero * sum - row_zero * (uint32_t)header->code_sum[n];
            memcpy(block + r * COLUMNS + column + n, &start, sizeof start);
        }
    }
}

/* Sums of whole rows to floats: a * s * sum + c * a * sum(q). */
static void finish_sums(const lowbit_multiply_arguments *a, long long row, int rows, long long tile, int column,
                        float *block) {
    const lowbit_activations *x = &a->activations;
    const lowbit_tile_header *header = tile_header(a->matrix, tile);
    const bool offsets = a->matrix->offsets == LOWBIT_OFFSETS_VALUES;
    for (int r = 0; r < rows; r++) {
        const vf factor = vf_set(x->scales[(row + r) * x->groups_stride]);
        const vf scaled_sum = vf_set(offsets ? x->scaled_sums[(row + r) * x->groups_stride] : 0.0f);
        float *at = block + r * COLUMNS + column;
        for (int lane = 0; lane < LOWBIT_TILE; lane += VF_LANES) {
            vf total = vf_mul(vi_to_float(vi_load(at + lane)), vf_mul(factor, vf_load(header->scale + lane)));
            if (offsets) {
                total = vf_fma(vf_load(header->offset + lane), scaled_sum, total);
            }
            vf_store(at + lane, total);
        }
    }
}

/* Some rows times TILES tiles, or the last `tiles` ones. */
static void multiply_block(const lowbit_multiply_arguments *a, long long row, int rows, long long tile, int tiles) {
    const lowbit_matrix *m = a->matrix;
    const lowbit_activations *x = &a->activations;
    const bool integers = x->group == 0 && m->inputs > 0; /* no inputs: all sums are 0 */
    const int segment_inputs = x->group == 0 ? LOWBIT_CHUNK : x->group;
    _Alignas(64) unsigned char panels[TILES][(VI_FUSED_DOT ? 1 : 2) * CHUNK_LINES * LOWBIT_LINE];
    _Alignas(64) float block[BLOCK_ROWS * COLUMNS];
    group_values values;
    chunk_product p = {.form = panel_form_of(m->bits, segment_inputs),
                       .segment_lines = segment_inputs / 4,
                       .values = integers ? NULL : &values,
                       .offsets = !integers && lowbit_needs_scaled_sums(m, x->group),
                       .activations = x};
    for (int group = segment_inputs; group < (m->group == 0 ? LOWBIT_CHUNK : m->group); group *= 2) {
        p.group_shift++;
    }
    if (integers) {
        for (int t = 0; t < TILES; t++) {
            start_sums(a, row, rows, tile + (t < tiles ? t : 0), t * LOWBIT_TILE, (int32_t *)(void *)block);
        }
    } else {
        memset(block, 0, sizeof *block * (size_t)(rows * COLUMNS));
    }
    for (long long chunk = 0; chunk < m->chunks; chunk++) {
        const int slices = slices_of(m, chunk);
        const long long inputs = m->inputs - chunk * LOWBIT_CHUNK;
        for (int t = 0; t < TILES; t++) {
            /* A tile that is not there is a copy of the first one, whose results nobody takes. */
            const long long source = tile + (t < tiles ? t : 0);
            const unsigned char *header = lowbit_chunk(m, source, chunk);
            p.lines[t] = expand_chunk(m, header + m->header_bytes, slices, p.form, panels[t]);
            if (!integers && m->group != 0) {
                decode_group_values(m, header, false, t * LOWBIT_TILE, &values);
            } else if (!integers && chunk == 0) {
                decode_row_values(m, tile_header(m, source), false, t * LOWBIT_TILE, &values);
            }
        }
        p.line_count = slices * SLICE_LINES;
        p.segments = (int)((inputs < LOWBIT_CHUNK ? inputs + segment_inputs - 1 : LOWBIT_CHUNK) / segment_inputs);
        p.chunk = chunk;
        multiply_chunk(&p, row, rows, block);
    }
    for (int t = 0; t < tiles; t++) {
        if (integers && !a->integers) {
            finish_sums(a, row, rows, tile + t, t * LOWBIT_TILE, block);
        }
        store_tile(a, row, rows, tile + t, block + t * LOWBIT_TILE, COLUMNS);
    }
}

static void multiply_packed(const lowbit_multiply_arguments *a, long long row_begin, long long row_end,
                            long long output_begin, long long output_end) {
    const long long tile_end = (output_end + LOWBIT_TILE - 1) / LOWBIT_TILE;
    for (long long row = row_begin; row < row_end; row += BLOCK_ROWS) {
        const int rows = row_end - row < BLOCK_ROWS ? (int)(row_end - row) : BLOCK_ROWS;
        for (long long tile = output_begin / LOWBIT_TILE; tile < tile_end; tile += TILES) {
            multiply_block(a, row, rows, tile, tile_end - tile < TILES ? (int)(tile_end - tile) : TILES);
        }
    }
}

const lowbit_multiply_kernel GATUN_AT_LEVEL(lowbit_multiply) = {
    .packed = multiply_packed,
    .packed_float = LOWBIT_FLOATS_LEVEL(lowbit_multiply_floats),
    .blocks = LOWBIT_BLOCKS_LEVEL(lowbit_multiply_blocks),
    .blocks_float = LOWBIT_BLOCKS_LEVEL(lowbit_multiply_blocks_floats)};
const int8_matmul_kernel GATUN_AT_LEVEL(int8_matmul) = {.multiply = multiply_packed};
