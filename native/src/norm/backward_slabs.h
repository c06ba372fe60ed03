/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slabs of rows whose parameter gradients are summed apart. They depend on the number of rows alone, and begin at
 * multiples of GATUN_BACKWARD_PIECE_ROWS, so that a pass may be cut into pieces there.
 */
#ifndef GATUN_BACKWARD_SLABS_H
#define GATUN_BACKWARD_SLABS_H

#include "row_norm_backward_kernel.h"

#define MOST_SLABS 64
#define ROWS_OF_SLAB 16 /* at least, but for the rounding of slabs to pieces */

/* Rows whose sums a slab keeps before it folds them into others: float32 loses at most as many half units of a sum of
 * like values, twice where slabs are long. */
#define ROWS_TO_FOLD 64

static inline long long pieces_of_rows(long long rows) {
    return rows / GATUN_BACKWARD_PIECE_ROWS + (rows % GATUN_BACKWARD_PIECE_ROWS != 0);
}

static inline long long slabs_of_rows(long long rows) {
    long long slabs = rows / ROWS_OF_SLAB + (rows % ROWS_OF_SLAB != 0);
    return slabs < MOST_SLABS ? slabs : MOST_SLABS;
}

/* Row 0 of slab 0, and `rows` behind the last. */
static inline long long first_row_of_slab(long long rows, long long slabs, long long slab) {
    long long pieces = pieces_of_rows(rows);
    long long row = (pieces / slabs * slab + pieces % slabs * slab / slabs) * GATUN_BACKWARD_PIECE_ROWS;
    return row < rows ? row : rows;
}

static inline long long slab_of_row(long long rows, long long slabs, long long row) {
    long long slab = 0;
    while (first_row_of_slab(rows, slabs, slab + 1) <= row) {
        slab++;
    }
    return slab;
}

/* One array of sums suffices where no slab is longer than ROWS_TO_FOLD. */
static inline int levels_of_sums(long long rows, long long slabs) {
    for (long long slab = 0; slab < slabs; slab++) {
        if (first_row_of_slab(rows, slabs, slab + 1) - first_row_of_slab(rows, slabs, slab) > ROWS_TO_FOLD) {
            return 2;
        }
    }
    return 1;
}

/* The sums that rows are added to (level 0) or those that they are folded into (level 1). */
static inline float *partial_sums(const row_norm_backward_arguments *a, long long slab, int level, int gradient) {
    return a->partial + ((slab * a->levels + level) * a->gradients + gradient) * a->partial_stride;
}

#endif
