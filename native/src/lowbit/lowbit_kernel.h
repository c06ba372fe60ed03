/* SPDX-License-Identifier: Apache-2.0 */
/* What the entry points of the low-bit products and their kernels share. */
#ifndef GATUN_LOWBIT_KERNEL_H
#define GATUN_LOWBIT_KERNEL_H

#include "gatun/lowbit.h"
#include "lowbit_layout.h"

/*
 * Activations as int8 codes, in the order of the matrix, with what products need to know of each group of them.
 * `group` is the finer one of the groupings of activations and weights: 16, 32, 64, 128, 256, or 0 where both are whole
 * rows. Code k of a row is codes[row * codes_stride + k / LOWBIT_CHUNK * codes_chunk + k % LOWBIT_CHUNK], that of
 * group g of the arrays of groups [row * groups_stride + g / G * groups_chunk + g % G], G being the groups of a chunk;
 * with whole rows [row * groups_stride]. lowbit_activations_plan() says what suits the caches: rows a power of two
 * apart would evict each other.
 */
typedef struct {
    long long rows, inputs;
    int group;
    long long codes_stride, codes_chunk; /* codes are there up to a multiple of LOWBIT_SLICE, those beyond inputs 0 */
    const int8_t *codes;
    long long groups_stride, groups_chunk;
    const float *scales;      /* a */
    const float *scaled_sums; /* a * sum(q), where c is in floats; else NULL */
    const int32_t *sums;      /* sums_factor * sum(q); see lowbit_sums_factor */
    const int32_t *zeros;     /* [rows]: zero points of whole rows (gatun_int8_matmul), or NULL for 0 */
} lowbit_activations;

/* Sets strides for `rows` rows, one chunk after the other; the elements of `codes`, and of each array of groups. */
static inline void lowbit_activations_plan(lowbit_activations *a, long long *codes, long long *groups) {
    const long long chunks = a->inputs / LOWBIT_CHUNK + (a->inputs % LOWBIT_CHUNK != 0);
    a->codes_stride = LOWBIT_CHUNK;
    a->codes_chunk = a->rows * LOWBIT_CHUNK;
    a->groups_stride = a->group == 0 ? 1 : LOWBIT_CHUNK / a->group;
    a->groups_chunk = a->group == 0 ? 0 : a->rows * a->groups_stride;
    *codes = chunks * a->codes_chunk;
    *groups = a->group == 0 ? a->rows : chunks * a->groups_chunk;
}

/* The group of lowbit_activations for weights in groups of `weights` and activations in groups of `activations`. */
static inline int lowbit_finer_group(int weights, int activations) {
    return weights == 0 ? activations : activations == 0 || weights < activations ? weights : activations;
}

/*
 * Sums of codes begin with `sums`, which so accounts for a constant zero point: -zero * sum(q). With whole rows on both
 * sides it is sum(q) itself, minus inputs * zeros[row] where there are zeros.
 */
static inline int lowbit_sums_factor(const lowbit_matrix *m, int group) {
    return group == 0 ? 1 : m->offsets == LOWBIT_OFFSETS_CONSTANT ? -m->zero : 0;
}

/* Whether products need scaled_sums. */
static inline bool lowbit_needs_scaled_sums(const lowbit_matrix *m, int group) {
    return m->offsets == LOWBIT_OFFSETS_VALUES || (m->offsets == LOWBIT_OFFSETS_ZERO_POINTS && group != 0);
}

/* Float activations to int8 codes, their scales and sums; see gatun_lowbit_quantize_activations. */
typedef struct {
    int dtype;
    long long rows, columns;
    const void *x;
    long long x_stride;
    const int32_t *permutation;                    /* code k is that of column permutation[k]; NULL: of column k */
    int group;                                     /* 32, 64, 128, 256; 0: the whole row */
    const float *channel_scales, *channel_centres; /* static quantization of columns, or NULL */
    int limit;

    int8_t *codes;
    long long codes_stride, codes_chunk; /* see lowbit_activations */
    long long codes_columns;             /* codes written per row: columns, or more, with 0 */
    int finer_group; /* of the arrays below, see lowbit_activations; `group` or one that divides it */
    long long groups_stride, groups_chunk;
    float *scales;      /* or NULL */
    float *scaled_sums; /* or NULL */
    int32_t *sums;      /* or NULL */
    int sums_factor;
} lowbit_quantize_arguments;

/* Copies rows of int8 codes, with 0 up to a multiple of LOWBIT_SLICE, to where kernels want them, with the sums of lowbit_activations. */
typedef struct {
    long long columns;
    const int8_t *x;
    long long x_stride;
    const int32_t *zeros; /* [rows] or NULL */
    int8_t *codes;
    long long codes_stride, codes_chunk; /* see lowbit_activations */
    int32_t *sums;                       /* [rows] */
} int8_prepare_arguments;

/* Float activations widened to float32, in the order of the matrix; 0 beyond `columns`. */
typedef struct {
    int dtype;
    long long columns;
    const void *x;
    long long x_stride;
    const int32_t *permutation;
    float *out;
    long long out_stride, out_columns;
} lowbit_widen_arguments;

typedef struct {
    void (*rows)(const lowbit_quantize_arguments *a, long long begin, long long end);
    void (*widen)(const lowbit_widen_arguments *a, long long begin, long long end);
    void (*prepare)(const int8_prepare_arguments *a, long long begin, long long end);
} lowbit_quantize_activations_kernel;

/* Weights as GGUF blocks in place: Q4_0, Q8_0, Q4_K or Q6_K (enum gatun_gguf_type). */
typedef struct {
    int type;
    long long outputs, inputs;
    const unsigned char *data; /* rows of inputs / block length blocks, one after the other */
} lowbit_blocks;

/* Groups of activations that blocks need, their sums_factor, and whether they need scaled_sums. */
static inline int lowbit_blocks_group(int type) {
    return type == GATUN_GGUF_Q6_K ? 16 : 32;
}
static inline int lowbit_blocks_sums_factor(int type) {
    return type == GATUN_GGUF_Q4_0 ? -8 : type == GATUN_GGUF_Q6_K ? -32 : 0;
}
static inline bool lowbit_blocks_need_scaled_sums(int type) {
    return type == GATUN_GGUF_Q4_K;
}

/*
 * Y = X W^T + bias for the outputs [output_begin, output_end) and rows [row_begin, row_end): output_begin is a multiple
 * of LOWBIT_TILE for packed matrices. Results do not depend on how outputs and rows are cut.
 */
typedef struct {
    const lowbit_matrix *matrix; /* or NULL */
    const lowbit_blocks *blocks; /* or NULL */
    lowbit_activations activations;
    const float *floats; /* instead of int8 activations: [rows][inputs rounded up to LOWBIT_SLICE], 0 beyond */
    long long floats_stride;
    const float *bias; /* [outputs] or NULL */
    int dtype;         /* of y: enum gatun_dtype */
    bool integers;     /* y is the int32 sums; groups must be whole rows */
    void *y;
    long long y_stride;
} lowbit_multiply_arguments;

typedef void lowbit_multiply_range(const lowbit_multiply_arguments *a, long long row_begin, long long row_end,
                                   long long output_begin, long long output_end);

typedef struct {
    lowbit_multiply_range *packed;       /* matrix, int8 activations */
    lowbit_multiply_range *packed_float; /* matrix, floats */
    lowbit_multiply_range *blocks;       /* blocks, int8 activations */
    lowbit_multiply_range *blocks_float; /* blocks, floats */
} lowbit_multiply_kernel;

typedef struct {
    lowbit_multiply_range *multiply; /* matrix and int8 activations, whole rows as groups */
} int8_matmul_kernel;

#endif
