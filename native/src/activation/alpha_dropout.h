/* SPDX-License-Identifier: Apache-2.0 */
/* What alpha dropout forward and backward share: the bits that say which elements are kept. */
#ifndef GATUN_ALPHA_DROPOUT_H
#define GATUN_ALPHA_DROPOUT_H

#include "element_tiles.h"
#include "philox.h"

/* The bits of a tile, those of element `first` from bit first % 4 on; a word more than they need, to read across. */
#define DROPOUT_WORDS (TILE / 64 + 2)
typedef struct {
    uint64_t words[DROPOUT_WORDS];
    int lead;
} dropout_bits;

/* -lambda * alpha of SELU: what its outputs come near to for small inputs. */
#define SELU_LIMIT (-1.7580993408473768599)

/* y = keep ? scale * v + shift : dropped; an element is kept if its word, of 32 bits, is less than the threshold. */
typedef struct {
    uint64_t threshold;
    float scale, shift, dropped;
} dropout_factors;

GATUN_INLINE dropout_factors factors_of(float probability) {
    const double keep = 1 - (double)probability, a = SELU_LIMIT;
    if (keep <= 0) {
        return (dropout_factors){0, 0, 0, 0};
    }
    const double scale = 1 / vf_sqrt_f64(keep + a * a * keep * (1 - keep)), shift = -scale * (1 - keep) * a;
    /* With nothing dropped the shift is -0, which changes no number. */
    return (dropout_factors){(uint64_t)(keep * 0x1p32), (float)scale, keep < 1 ? (float)shift : -0.0f,
                             (float)(scale * a + shift)};
}

/* All or nothing: no numbers are to be drawn. */
GATUN_INLINE bool is_certain(const dropout_factors *f) {
    return f->threshold == 0 || f->threshold > UINT32_MAX;
}

GATUN_INLINE void set_all(dropout_bits *bits, bool keep) {
    for (int k = 0; k < DROPOUT_WORDS; k++) {
        bits->words[k] = keep ? ~UINT64_C(0) : 0;
    }
    bits->lead = 0;
}

GATUN_INLINE void draw_row(const dropout_arguments *d, const dropout_factors *f, long long row, dropout_bits *bits) {
    const uint64_t drawn = philox_bits(d->seed, d->offset, (uint64_t)row / 4, (uint32_t)f->threshold);
    set_all(bits, drawn >> (row % 4) & 1);
}

GATUN_INLINE void draw_tile(const dropout_arguments *d, const dropout_factors *f, long long first, long long n,
                            dropout_bits *bits) {
    uint64_t counter = (uint64_t)first / 4;
    set_all(bits, false);
    bits->lead = (int)(first % 4);
    for (long long j = 0; j < n + bits->lead; j += 4 * VF_LANES) {
        bits->words[j / 64] |= philox_bits(d->seed, d->offset, counter, (uint32_t)f->threshold) << (j % 64);
        counter += VF_LANES;
    }
}

/* The mask of the vector from element j of the tile on. */
GATUN_INLINE vm kept(const dropout_bits *bits, long long j) {
    const long long at = j + bits->lead;
    const uint64_t low = bits->words[at / 64] >> (at % 64);
    const uint64_t high = bits->words[at / 64 + 1] << 1 << (63 - at % 64);
    return vm_from_bits((unsigned)(low | high));
}

/* What becomes of a vector, with the inputs at its place. */
typedef vf dropout_function(const dropout_factors *f, vf first, vf second, vm keep);

GATUN_INLINE void dropout_block(const dropout_arguments *d, const element_block *b, dropout_function *function) {
    const element_arguments *a = &d->elements;
    const long long bytes = element_bytes(a->dtype);
    const bool direct = a->dtype == GATUN_F32;
    float buffers[2][TILE], out[TILE];
    const dropout_factors factors = factors_of(d->probability);
    const bool certain = is_certain(&factors);
    dropout_bits bits;
    set_all(&bits, factors.threshold > 0);
    for (long long row = b->row_begin; row < b->row_end; row++) {
        if (d->per_row && !certain) {
            draw_row(d, &factors, row, &bits);
        }
        for (long long column = b->column_begin; column < b->column_end; column += TILE) {
            const long long n = least_of(TILE, b->column_end - column);
            if (!d->per_row && !certain) {
                draw_tile(d, &factors, row * d->row_elements + column, n, &bits);
            }
            const float *in[2] = {0};
            for (int k = 0; k < a->inputs; k++) {
                const void *p = (const char *)a->in[k] + (row * a->in_stride[k] + column) * bytes;
                in[k] = direct ? p : buffers[k];
                if (!direct) {
                    widen_elements(a->dtype, p, buffers[k], n);
                }
            }
            in[1] = a->inputs > 1 ? in[1] : in[0];
            void *q = (char *)a->out[0] + (row * a->out_stride[0] + column) * bytes;
            float *y = direct && !a->stream ? q : out;
            for (long long j = 0; j < n; j += VF_LANES) {
                const int lanes = lanes_left(n - j, 0);
                const bool all = lanes == VF_LANES;
                const vf first = load_lanes(in[0], j, lanes, all, GATUN_F32);
                const vf second = load_lanes(in[1], j, lanes, all, GATUN_F32);
                store_lanes(y, j, function(&factors, first, second, kept(&bits, j)), lanes, all, GATUN_F32, false);
            }
            if (y == out) {
                narrow_elements(a->dtype, out, q, n, a->stream);
            }
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

#endif
