/* SPDX-License-Identifier: Apache-2.0 */
/* From the sums of a row of PolyNorm to what its second pass needs, in double precision. */
#ifndef GATUN_POLY_NORM_SCALE_H
#define GATUN_POLY_NORM_SCALE_H

#include <float.h>

#include "poly_norm_kernel.h"

/* Between these bounds float32 held the powers whose mean and eps make a denominator; in the backward pass, also products
 * of three of its reciprocals with a gradient. */
#define LEAST_DENOMINATOR 0x1p-60
#define GREATEST_DENOMINATOR FLT_MAX
#define GREATEST_GRADIENT_DENOMINATOR 0x1p90

static inline bool is_between(double value, double least_value, double greatest) {
    return value >= least_value && value <= greatest; /* NaN is not */
}

static inline bool is_float(double value) {
    return is_between(value, -(double)FLT_MAX, (double)FLT_MAX);
}

#endif
