/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights as codes and scales, read chunk by chunk from the form that somebody else gave them: what the packer packs,
 * and what a matrix in place is dequantized from.
 */
#ifndef GATUN_LOWBIT_SOURCE_H
#define GATUN_LOWBIT_SOURCE_H

#include "lowbit_layout.h"

enum { LOWBIT_MOST_GROUPS = LOWBIT_CHUNK / 16 };

/*
 * A chunk of up to 16 outputs, `codes` by output, the others by group of the packed form and output. Of scales and
 * offsets those are used that `scales` and `offsets` of the matrix name; F16 values are bits of binary16.
 */
typedef struct {
    uint8_t codes[LOWBIT_TILE][LOWBIT_CHUNK];
    float scales[LOWBIT_MOST_GROUPS][LOWBIT_TILE], offsets[LOWBIT_MOST_GROUPS][LOWBIT_TILE];
    uint16_t half_scales[LOWBIT_MOST_GROUPS][LOWBIT_TILE], half_offsets[LOWBIT_MOST_GROUPS][LOWBIT_TILE];
    uint16_t super_scales[LOWBIT_TILE], super_offsets[LOWBIT_TILE];
    int8_t sub_scales[LOWBIT_MOST_GROUPS][LOWBIT_TILE], sub_offsets[LOWBIT_MOST_GROUPS][LOWBIT_TILE];
    uint8_t zeros[LOWBIT_MOST_GROUPS][LOWBIT_TILE];
} lowbit_values;

/* s, c and z of a group; z is 0 where c is no multiple of s. */
typedef struct {
    float scale, offset;
    float magnitude; /* of the weights that are quantized */
    int32_t zero;
} lowbit_row;

typedef struct lowbit_source lowbit_source;

struct lowbit_source {
    lowbit_matrix shape; /* the packed form; of a matrix in place what the blocks would be packed to */
    int tiles_together;  /* tiles whose codes share cache lines: outputs lie next to each other */

    /* Codes (those beyond K excepted), and scales and offsets unless groups are whole rows, of outputs in one tile. */
    void (*read)(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values);
    /* With whole rows as groups. */
    lowbit_row (*row)(const lowbit_source *source, long long output);

    const unsigned char *codes, *scales, *zeros; /* tensors of the format */
    long long row_bytes;                         /* of codes, from output to output */
    long long group_size, groups;                /* of the format */
    int scale_dtype, zero_dtype;
    bool fractional_zeros;
    const int32_t *permutation;

    /* Float weights. */
    int dtype, grid;
    const void *weights;
    long long weights_stride;
    const lowbit_row *rows; /* per channel and per tensor; [outputs] or [1] */
    bool per_tensor;

    int gguf_type, version;
};

/* Where a chunk begins and ends. */
static inline long long lowbit_chunk_begin(long long chunk) {
    return chunk * LOWBIT_CHUNK;
}

static inline int lowbit_chunk_inputs(const lowbit_matrix *m, long long chunk) {
    long long left = m->inputs - chunk * LOWBIT_CHUNK;
    return left < LOWBIT_CHUNK ? (int)left : LOWBIT_CHUNK;
}

/* The groups of the packed form that a chunk has; at least one input is in each. */
static inline int lowbit_chunk_groups(const lowbit_matrix *m, long long chunk) {
    return (lowbit_chunk_inputs(m, chunk) + m->group - 1) / m->group;
}

/* The group of the packed form for groups of that many inputs: the greatest that divides it. */
static inline int lowbit_packed_group(long long group_size) {
    int group = LOWBIT_CHUNK;
    while (group > 16 && group_size % group != 0) {
        group /= 2;
    }
    return group;
}

#endif
