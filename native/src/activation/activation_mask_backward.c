/* SPDX-License-Identifier: Apache-2.0 */
/* dx = dy * (bit ? scale1 : scale0), compiled once per level. */
#include "element_tiles.h"

GATUN_INLINE vf scaled(vf g, uint64_t bits, vf scale0, vf scale1) {
    const vf scale = vf_select(vm_from_bits((unsigned)bits), scale1, scale0);
    return vf_keep(vf_less(vf_zero(), vf_abs(scale)), vf_mul(g, scale));
}

static void block(const mask_arguments *m, const element_block *b) {
    const element_arguments *a = &m->elements;
    const long long words = mask_words(a->columns), bytes = element_bytes(a->dtype);
    const vf scale0 = vf_set(m->scale0), scale1 = vf_set(m->scale1);
    const bool direct = a->dtype == GATUN_F32;
    float in[TILE], out[TILE];
    for (long long row = b->row_begin; row < b->row_end; row++) {
        for (long long column = b->column_begin; column < b->column_end; column += TILE) {
            const long long n = least_of(TILE, b->column_end - column);
            const void *p = (const char *)a->in[0] + (row * a->in_stride[0] + column) * bytes;
            void *q = (char *)a->out[0] + (row * a->out_stride[0] + column) * bytes;
            const float *g = direct ? p : in;
            float *dx = direct && !a->stream ? q : out;
            if (!direct) {
                widen_elements(a->dtype, p, in, n);
            }
            const uint64_t *word = m->read_mask + row * words + column / 64;
            for (long long j = 0; j < n; j += VF_LANES) {
                const int lanes = lanes_left(n - j, 0);
                const vf v = load_lanes(g, j, lanes, lanes == VF_LANES, GATUN_F32);
                store_lanes(dx, j, scaled(v, word[j / 64] >> (j % 64), scale0, scale1), lanes, lanes == VF_LANES,
                            GATUN_F32, false);
            }
            if (dx == out) {
                narrow_elements(a->dtype, out, q, n, a->stream);
            }
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

const mask_kernel GATUN_AT_LEVEL(activation_mask_backward) = {block};
