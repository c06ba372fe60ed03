/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random packed matrices with what they hold, and activations for them: written from the definitions of
 * lowbit_layout.h and lowbit_kernel.h, byte by byte, independently of the library's packer.
 */
#ifndef GATUN_TEST_LOWBIT_WEIGHTS_H
#define GATUN_TEST_LOWBIT_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "../src/lowbit/lowbit_kernel.h"
#include "guarded.h"

enum lowbit_fill {
    FILL_RANDOM,
    FILL_GREATEST, /* the greatest codes; activations of -127, or -128 with whole rows */
    FILL_ONES      /* random codes; every s is 1, every c 0 but for a constant zero point, every a 1 */
};

typedef struct {
    lowbit_matrix matrix;
    long long groups;
    uint8_t *codes;         /* [outputs][inputs] */
    double *scale, *offset; /* [outputs][groups]: w = scale * u + offset */
    int *zero;              /* [outputs][groups], or -1 where offset is not -zero * scale */
    guarded memory;
} lowbit_weights;

/* Of matrix: the members that decide the others. The packed bytes end flush with an inaccessible page. */
void lowbit_weights_make(lowbit_weights *w, lowbit_matrix description, enum lowbit_fill fill, uint64_t *random);
void lowbit_weights_free(lowbit_weights *w);

typedef struct {
    lowbit_activations activations;
    long long groups;
    guarded codes, scales, scaled_sums, sums, zeros;
} lowbit_rows;

/* Activations in groups of `group`, 0 for the whole row. Only whole rows can have zero points. */
void lowbit_rows_make(lowbit_rows *x, long long rows, const lowbit_matrix *matrix, int group, bool zeros,
                      enum lowbit_fill fill, uint64_t *random);
void lowbit_rows_free(lowbit_rows *x);

/* The result by its definition and the error that is allowed. */
typedef struct {
    double value, bound;
    int64_t integer; /* the sum over the codes of a whole row, zero points included */
} lowbit_expected;

lowbit_expected lowbit_expect(const lowbit_weights *w, const lowbit_rows *x, const float *bias, long long row,
                              long long output);

#endif
