/* SPDX-License-Identifier: Apache-2.0 */
/* The affine part in double precision, for the rows that float32 cannot describe. */
#ifndef GATUN_NORM_EXACT_H
#define GATUN_NORM_EXACT_H

#include "../simd/simd.h"
#include "row_norm_kernel.h"
#include "scalar_elements.h"

static inline double rounded(double value, int dtype) {
    switch (dtype) {
    case GATUN_BF16:
        return (double)vf_round_bf16((float)value);
    case GATUN_F16:
        return (double)vf_round_f16((float)value);
    default:
        return (double)(float)value;
    }
}

static inline long long exact_element_bytes(int dtype) {
    return dtype == GATUN_F32 ? 4 : 2;
}

/* What follows xh, and the rounding before it. */
static inline double affine_exact(const row_norm_arguments *a, long long j, double xh) {
    if (a->cast_mode == GATUN_CAST_LLAMA) {
        xh = rounded(xh, a->dtype);
    }
    if (a->gamma) {
        xh *= (double)a->weight_offset + load_element(a->gamma, j, a->parameter_dtype);
    }
    if (a->beta) {
        xh += load_element(a->beta, j, a->parameter_dtype);
    }
    return xh;
}

#endif
