/* SPDX-License-Identifier: Apache-2.0 */
/* y = f(x) with one bit of each element kept, compiled once per level. */
#include "element_tiles.h"

/* Bit [lower < x] * [not upper <= x] of up to 64 elements. */
GATUN_INLINE uint64_t word_of(const float *x, int n, vf lower, vf upper) {
    uint64_t word = 0;
    for (int j = 0; j < n; j += VF_LANES) {
        const int lanes = lanes_left(n - j, 0);
        const vf v = load_lanes(x, j, lanes, lanes == VF_LANES, GATUN_F32);
        const uint64_t bits = vm_bits(vm_and_not(vf_less(lower, v), vf_less_equal(upper, v)));
        word |= bits << j;
    }
    return n < 64 ? word & ((UINT64_C(1) << n) - 1) : word;
}

static void block(const mask_arguments *m, const element_block *b) {
    const element_arguments *a = &m->elements;
    const long long words = mask_words(a->columns), bytes = element_bytes(a->dtype);
    const vf lower = vf_set(m->lower), upper = vf_set(m->upper);
    tile_function *function = forward_tile_of(&a->parameters);
    float buffer[TILE];
    for (long long row = b->row_begin; row < b->row_end; row++) {
        for (long long column = b->column_begin; column < b->column_end; column += TILE) {
            const long long n = least_of(TILE, b->column_end - column);
            const char *p = (const char *)a->in[0] + (row * a->in_stride[0] + column) * bytes;
            const float *x = (const float *)(const void *)p;
            if (a->dtype != GATUN_F32) {
                widen_elements(a->dtype, p, buffer, n);
                x = buffer;
            }
            uint64_t *word = m->mask + row * words + column / 64;
            for (long long j = 0; j < n; j += 64) {
                *word++ = word_of(x + j, (int)least_of(64, n - j), lower, upper);
            }
            const element_block tile = {row, row + 1, column, column + n};
            run_tiles(a, &tile, function);
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

const mask_kernel GATUN_AT_LEVEL(activation_mask) = {block};
