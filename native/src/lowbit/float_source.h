/* SPDX-License-Identifier: Apache-2.0 */
/* lowbit_source.read and .row of float weights: the canonical quantizers. */
#ifndef GATUN_FLOAT_SOURCE_H
#define GATUN_FLOAT_SOURCE_H

#include "lowbit_source.h"

/* Least, greatest (both widened to hold 0) and largest magnitude of some weights; NaN and infinite ones show in it. */
typedef struct {
    float least, greatest, magnitude;
} float_range;

float_range float_range_of_row(const lowbit_source *source, long long output, long long begin, long long end);

static inline float_range float_range_join(float_range a, float_range b) {
    return (float_range){a.least < b.least ? a.least : b.least, a.greatest > b.greatest ? a.greatest : b.greatest,
                         a.magnitude >= b.magnitude ? a.magnitude : b.magnitude};
}

/* s and z for weights of a range. s is NaN where a weight is NaN or infinite, or where scale_dtype cannot hold s. */
lowbit_row float_grid(const lowbit_source *source, float_range range);

void float_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values);
lowbit_row float_row(const lowbit_source *source, long long output);

#endif
