/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of packed tiles as a level multiplies them: a panel of codes as bytes, or of weights as floats, for one chunk
 * of inputs, which many rows of activations then use from the first-level cache.
 */
#ifndef GATUN_LOWBIT_TILE_H
#define GATUN_LOWBIT_TILE_H

#include "../simd/int8.h"
#include "lowbit_kernel.h"

/* Rows of activations and tiles of outputs whose sums a level holds in registers. */
#if defined(GATUN_LEVEL_SCALAR)
enum { ROWS = 1, TILES = 1 };
#elif defined(GATUN_LEVEL_AVX2)
enum { ROWS = 4, TILES = 1 };
#elif defined(GATUN_LEVEL_NEON)
enum { ROWS = 2, TILES = 1 };
#else
enum { ROWS = 6, TILES = 2 };
#endif

enum {
    TILE_VECTORS = LOWBIT_TILE / VF_LANES,
    VECTORS = TILES * TILE_VECTORS,
    COLUMNS = TILES * LOWBIT_TILE,
    VECTOR_BYTES = 4 * VF_LANES,
    BLOCK_ROWS = 96, /* of activations that share the decoded panels; a multiple of every ROWS */
    SLICE_LINES = 2 * LOWBIT_SLICE / 8,
    CHUNK_LINES = LOWBIT_CHUNK / 4,
    CHUNK_SLICES = LOWBIT_CHUNK / LOWBIT_SLICE,
    CHUNK_GROUPS = LOWBIT_CHUNK / 16
};

/*
 * How codes stand in a panel: lines of 64 bytes as with 8 bits. Where products are summed in 16 bits, at most `run` lines
 * go into one such sum (section 0.6 of the specification: 8 of 4 bits, 4 of 5 bits, 2 of 6 bits), and codes of 8 bits
 * are two planes of 4 bits: `run` lines of the low ones, then as many of the high ones.
 */
typedef struct {
    int run, planes;
} panel_form;

GATUN_INLINE panel_form panel_form_of(int bits, int segment_inputs) {
    if (VI_FUSED_DOT) {
        return (panel_form){.run = 4, .planes = 1};
    }
    return (panel_form){.run = bits == 6 ? 2 : bits == 5 || segment_inputs == 16 ? 4 : 8, .planes = bits == 8 ? 2 : 1};
}

GATUN_INLINE void store_line(unsigned char *line, int v, vi codes) {
    vi_store(line + v * VECTOR_BYTES, codes);
}

/* One slice of one tile, 4 to 6 bits, to its eight lines. */
GATUN_INLINE void expand_slice(const unsigned char *in, const int bits, unsigned char *out) {
    const vi low = vi_mask_bytes(0x0f), bit4 = vi_mask_bytes(0x10), bits4 = vi_mask_bytes(0x30);
#pragma GCC unroll 4
    for (int t = 0; t < SLICE_LINES / 2; t++) {
#pragma GCC unroll 4
        for (int v = 0; v < TILE_VECTORS; v++) {
            vi nibbles = vi_load(in + t * LOWBIT_LINE + v * VECTOR_BYTES);
            vi first = vi_and(nibbles, low), second = vi_and(vi_shift_right(nibbles, 4), low);
            if (bits == 5) {
                vi high = vi_load(in + 4 * LOWBIT_LINE + v * VECTOR_BYTES);
                first = vi_or(first, vi_and(vi_shift_left(high, 4 - t), bit4));
                second = vi_or(second, vi_and(vi_shift_right(high, t), bit4));
            }
            if (bits == 6) {
                vi high = vi_load(in + (4 + t / 2) * LOWBIT_LINE + v * VECTOR_BYTES);
                first = vi_or(first, vi_and(t % 2 == 0 ? vi_shift_left(high, 4) : high, bits4));
                second = vi_or(second, vi_and(t % 2 == 0 ? vi_shift_left(high, 2) : vi_shift_right(high, 2), bits4));
            }
            store_line(out + t * LOWBIT_LINE, v, first);
            store_line(out + (t + SLICE_LINES / 2) * LOWBIT_LINE, v, second);
        }
    }
}

/* `slices` slices of 8 bits as two planes of 4 bits. */
static void split_planes(const unsigned char *in, int slices, int run, unsigned char *out) {
    const vi low = vi_mask_bytes(0x0f);
    for (int line = 0; line < slices * SLICE_LINES; line++) {
        unsigned char *to = out + (line + line / run * run) * LOWBIT_LINE;
        for (int v = 0; v < TILE_VECTORS; v++) {
            vi codes = vi_load(in + line * LOWBIT_LINE + v * VECTOR_BYTES);
            store_line(to, v, vi_and(codes, low));
            store_line(to + run * LOWBIT_LINE, v, vi_and(vi_shift_right(codes, 4), low));
        }
    }
}

/* The lines of a chunk of a tile: `panel` after writing it, or the packed codes themselves where they are such lines. */
static const unsigned char *expand_chunk(const lowbit_matrix *m, const unsigned char *codes, int slices,
                                         panel_form form, unsigned char *panel) {
    if (m->bits == 8) {
        if (form.planes == 1) {
            return codes;
        }
        split_planes(codes, slices, form.run, panel);
        return panel;
    }
    for (int slice = 0; slice < slices; slice++) {
        const unsigned char *in = codes + slice * m->slice_bytes;
        unsigned char *out = panel + slice * SLICE_LINES * LOWBIT_LINE;
        switch (m->bits) {
        case 4:
            expand_slice(in, 4, out);
            break;
        case 5:
            expand_slice(in, 5, out);
            break;
        default:
            expand_slice(in, 6, out);
        }
    }
    return panel;
}

/*
 * The weights of a group: w = (u - zero) * scale + offset. Integer products take the zero point into `offset`, or, where
 * it is of the whole matrix, into the sums they begin with.
 */
typedef struct {
    float scale[CHUNK_GROUPS][COLUMNS], offset[CHUNK_GROUPS][COLUMNS], zero[CHUNK_GROUPS][COLUMNS];
} group_values;

/* Groups of a chunk of a tile, whose columns begin at `column`, from the header of the chunk. */
static void decode_group_values(const lowbit_matrix *m, const unsigned char *header, bool apart, int column,
                                group_values *values) {
    const int groups = LOWBIT_CHUNK / m->group;
    const bool offsets = m->offsets == LOWBIT_OFFSETS_VALUES, zeros = m->offsets == LOWBIT_OFFSETS_ZERO_POINTS;
    const int value_bytes = m->scales == LOWBIT_SCALES_F32 ? 4 : m->scales == LOWBIT_SCALES_F16 ? 2 : 1;
    const int level_bytes = m->scales == LOWBIT_SCALES_TWO_LEVEL ? 2 * LOWBIT_TILE : 0;
    const unsigned char *scale = header + (offsets ? 2 : 1) * level_bytes;
    const unsigned char *offset = scale + groups * LOWBIT_TILE * value_bytes;
    for (int v = 0; v < TILE_VECTORS; v++) {
        const int lane = v * VF_LANES, to = column + lane;
        vf d = vf_zero(), m_level = vf_zero();
        if (level_bytes != 0) {
            d = vf_load_f16((const uint16_t *)header + lane);
            m_level = offsets ? vf_load_f16((const uint16_t *)(header + level_bytes) + lane) : m_level;
        }
        for (int g = 0; g < groups; g++) {
            const int at = g * LOWBIT_TILE + lane;
            vf s, c = vf_zero(), z = vf_set((float)m->zero);
            if (m->scales == LOWBIT_SCALES_F32) {
                s = vf_load((const float *)scale + at);
                c = offsets ? vf_load((const float *)offset + at) : c;
            } else if (m->scales == LOWBIT_SCALES_F16) {
                s = vf_load_f16((const uint16_t *)scale + at);
                c = offsets ? vf_load_f16((const uint16_t *)offset + at) : c;
            } else {
                s = vf_mul(d, vi_to_float(vi_load_s8(scale + at)));
                c = offsets ? vf_sub(c, vf_mul(m_level, vi_to_float(vi_load_s8(offset + at)))) : c;
            }
            if (zeros) {
                z = vi_to_float(vi_load_u8(offset + at));
                c = apart ? c : vf_sub(c, vf_mul(z, s));
            }
            vf_store(&values->scale[g][to], s);
            vf_store(&values->offset[g][to], c);
            if (apart) {
                vf_store(&values->zero[g][to], z);
            }
        }
    }
}

/* The one group of a tile whose groups are whole rows. */
static void decode_row_values(const lowbit_matrix *m, const lowbit_tile_header *header, bool apart, int column,
                              group_values *values) {
    for (int n = 0; n < LOWBIT_TILE; n++) {
        float zero = m->offsets == LOWBIT_OFFSETS_ZERO_POINTS ? (float)header->zero[n] : (float)m->zero;
        float offset = m->offsets == LOWBIT_OFFSETS_VALUES ? header->offset[n] : 0.0f;
        if (!apart && m->offsets == LOWBIT_OFFSETS_ZERO_POINTS) {
            offset = -zero * header->scale[n];
        }
        values->scale[0][column + n] = header->scale[n];
        values->offset[0][column + n] = offset;
        values->zero[0][column + n] = zero;
    }
}

GATUN_INLINE const lowbit_tile_header *tile_header(const lowbit_matrix *m, long long tile) {
    return (const lowbit_tile_header *)(m->data + tile * m->tile_bytes);
}

/* Lines of a chunk, and of its slices. */
GATUN_INLINE int slices_of(const lowbit_matrix *m, long long chunk) {
    long long slices = m->slices - chunk * CHUNK_SLICES;
    return slices < CHUNK_SLICES ? (int)slices : CHUNK_SLICES;
}

#endif
