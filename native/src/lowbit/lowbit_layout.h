/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed low-bit weights: the bytes that the packer writes and the kernels read.
 *
 * A matrix of N outputs and K inputs has weights w = s * u + c: u an unsigned code of 4, 5, 6 or 8 bits, s and c floats
 * of the output and of the group of inputs that the code is in. Signed 8-bit weights w have u = w + 128, and a constant
 * zero point of 128: kernels multiply unsigned weights by signed activations, so every int8 is allowed, -128 included.
 *
 *   tile    16 outputs; the last one is filled up with outputs whose codes, s and c are 0
 *   chunk   256 inputs of a tile: a header with the s and c of its groups, then its slices; the last chunk of a tile may
 *           have fewer slices, its header has full size
 *   slice   32 inputs; the last one is filled up with codes 0 (activations are 0 there, so that any code would do)
 *   line    64 bytes: byte 4 * n + b belongs to output n (0 .. 15) of the tile
 *
 *   data  = tile 0, tile 1, ...; of tile_bytes each, a multiple of 64; data is aligned to 64
 *   tile  = tile header (tile_header_bytes), chunk 0, chunk 1, ...
 *   chunk = chunk header (header_bytes), slice 0 .. slice 7
 *
 * Slices, k0 being their first input; t is the number of the line, b that of the byte in its group of four:
 *
 *   4 bits  256 bytes   lines 0 .. 3: u[k0 + 4t + b] in the low, u[k0 + 16 + 4t + b] in the high nibble
 *   5 bits  320 bytes   lines 0 .. 3: the low four bits as for 4 bits; line 4: bit t of a byte is bit 4 of
 *                       u[k0 + 4t + b], bit 4 + t that of u[k0 + 16 + 4t + b]
 *   6 bits  384 bytes   lines 0 .. 3: the low four bits; lines 4 and 5: bits 4 and 5 of the codes of lines
 *                       t = 2 * (line - 4) and t + 1, in four fields of two bits: field 0 (bits 0 and 1 of the byte)
 *                       u[k0 + 4t + b], field 1 u[k0 + 16 + 4t + b], field 2 u[k0 + 4 (t+1) + b],
 *                       field 3 u[k0 + 16 + 4 (t+1) + b]
 *   8 bits  512 bytes   lines 0 .. 7: u[k0 + 4t + b]
 *
 * Groups: 16, 32, 64, 128 or 256 inputs, counted from input 0, or a whole row (`group` 0). Other groups are written as
 * the greatest of these that divides them, with s and c repeated (512 as 256, 96 as 32). With P = 256 / group groups in
 * a chunk, the chunk header is, without gaps, 16 outputs at a time, then zeros up to a multiple of 64:
 *
 *   LOWBIT_SCALES_F32        s: float[P][16]                     then c: float[P][16]    with LOWBIT_OFFSETS_VALUES
 *   LOWBIT_SCALES_F16        s: binary16[P][16]                  then c: binary16[P][16] with LOWBIT_OFFSETS_VALUES
 *   LOWBIT_SCALES_TWO_LEVEL  d: binary16[16]                     then m: binary16[16]    with LOWBIT_OFFSETS_VALUES,
 *                            then int8[P][16] of which s = d * it, then int8[P][16] of which c = -m * it with
 *                            LOWBIT_OFFSETS_VALUES (Q4_K, Q5_K with offsets, Q6_K without)
 *   then z: uint8[P][16] with LOWBIT_OFFSETS_ZERO_POINTS: c = -z * s
 *
 * LOWBIT_OFFSETS_CONSTANT stores no c: c = -zero * s, `zero` being of the whole matrix. The header of a chunk gives the
 * groups that lie beyond K the values 0.
 *
 * With whole rows as groups there is no chunk header. Each tile begins with a lowbit_tile_header of 256 bytes instead:
 * s, c, the zero points z, and the sums of the codes u over the K inputs, modulo 2^32. `scales` is LOWBIT_SCALES_F32.
 * c counts with LOWBIT_OFFSETS_VALUES only, z with LOWBIT_OFFSETS_ZERO_POINTS only (0 otherwise); codes and zero points
 * of a signed 8-bit matrix are both 128 more than the signed ones. With other groups there is no tile header.
 */
#ifndef GATUN_LOWBIT_LAYOUT_H
#define GATUN_LOWBIT_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LOWBIT_TILE = 16,
    LOWBIT_CHUNK = 256,
    LOWBIT_SLICE = 32,
    LOWBIT_LINE = 64,
    LOWBIT_TILE_HEADER = 256,
    LOWBIT_ALIGNMENT = 64
};

enum lowbit_scales { LOWBIT_SCALES_F32, LOWBIT_SCALES_F16, LOWBIT_SCALES_TWO_LEVEL };
enum lowbit_offsets { LOWBIT_OFFSETS_CONSTANT, LOWBIT_OFFSETS_VALUES, LOWBIT_OFFSETS_ZERO_POINTS };

/* What a packed matrix is; the first seven members decide the others, which lowbit_layout() computes. */
typedef struct {
    long long outputs, inputs; /* N >= 0, K >= 0 */
    int bits;                  /* 4, 5, 6, 8 */
    int group;                 /* 16, 32, 64, 128, 256; 0: the whole row */
    int scales, offsets;       /* enum lowbit_scales, enum lowbit_offsets */
    int zero;                  /* of LOWBIT_OFFSETS_CONSTANT, 0 .. 255; else 0 */

    long long tiles, slices, chunks;
    int tile_header_bytes, header_bytes, slice_bytes;
    long long tile_bytes, data_bytes;

    const unsigned char *data;
    const int32_t *permutation; /* packed input k is input permutation[k] of the activations; NULL: k */
} lowbit_matrix;

static inline long long lowbit_groups(long long inputs, int group) {
    return group == 0 ? (inputs > 0) : (inputs + group - 1) / group;
}

/* Fills in the members that follow from the first seven; false where the matrix is too large to be addressed. */
static inline bool lowbit_layout(lowbit_matrix *m) {
    m->tiles = m->outputs / LOWBIT_TILE + (m->outputs % LOWBIT_TILE != 0);
    m->slices = m->inputs / LOWBIT_SLICE + (m->inputs % LOWBIT_SLICE != 0);
    m->chunks = m->inputs / LOWBIT_CHUNK + (m->inputs % LOWBIT_CHUNK != 0);
    m->slice_bytes = LOWBIT_SLICE * LOWBIT_TILE / 8 * m->bits;
    m->tile_header_bytes = m->group == 0 ? LOWBIT_TILE_HEADER : 0;
    m->header_bytes = 0;
    if (m->group != 0) {
        int values = LOWBIT_CHUNK / m->group * LOWBIT_TILE, vectors = m->offsets == LOWBIT_OFFSETS_VALUES ? 2 : 1;
        int bytes = m->scales == LOWBIT_SCALES_F32   ? 4 * values
                    : m->scales == LOWBIT_SCALES_F16 ? 2 * values
                                                     : 2 * LOWBIT_TILE + values;
        bytes = bytes * vectors + (m->offsets == LOWBIT_OFFSETS_ZERO_POINTS ? values : 0);
        m->header_bytes = (bytes + LOWBIT_LINE - 1) / LOWBIT_LINE * LOWBIT_LINE;
    }
    long long headers;
    return !__builtin_mul_overflow(m->chunks, (long long)m->header_bytes, &headers) &&
           !__builtin_mul_overflow(m->slices, (long long)m->slice_bytes, &m->tile_bytes) &&
           !__builtin_add_overflow(m->tile_bytes, headers + m->tile_header_bytes, &m->tile_bytes) &&
           !__builtin_mul_overflow(m->tile_bytes, m->tiles, &m->data_bytes);
}

/* The header of a chunk; its slices follow behind header_bytes. */
static inline const unsigned char *lowbit_chunk(const lowbit_matrix *m, long long tile, long long chunk) {
    return m->data + tile * m->tile_bytes + m->tile_header_bytes +
           chunk * (m->header_bytes + (long long)(LOWBIT_CHUNK / LOWBIT_SLICE) * m->slice_bytes);
}

typedef struct {
    float scale[LOWBIT_TILE], offset[LOWBIT_TILE];
    int32_t zero[LOWBIT_TILE], code_sum[LOWBIT_TILE];
} lowbit_tile_header;

#endif
