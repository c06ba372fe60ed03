/* SPDX-License-Identifier: Apache-2.0 */
/* From the moments of a row to its scale, in double precision. */
#ifndef GATUN_ROW_SCALE_H
#define GATUN_ROW_SCALE_H

#include <float.h>

#include "../simd/simd.h"
#include "row_norm_kernel.h"

/* Below this denominator the squares have lost bits to float32 underflow. */
#define SMALLEST_DENOMINATOR 0x1p-50

static inline double reciprocal_of_mean_square(double mean_square, double count, float eps, int eps_mode) {
    switch (eps_mode) {
    case GATUN_EPS_ADD:
        return 1.0 / (vf_sqrt_f64(mean_square) + (double)eps);
    case GATUN_EPS_CLAMP: {
        double norm = vf_sqrt_f64(count * mean_square);
        return vf_sqrt_f64(count) / (norm < (double)eps ? (double)eps : norm); /* a NaN norm stays */
    }
    default:
        return 1.0 / vf_sqrt_f64(mean_square + (double)eps);
    }
}

/* k of a backward pass: how r answers to a change of the mean square, where it is 1 for GATUN_EPS_IN_SQRT. */
static inline double response_of_mean_square(double mean_square, double count, double reciprocal, float eps,
                                             int eps_mode) {
    switch (eps_mode) {
    case GATUN_EPS_ADD:
        return mean_square == 0 ? 0 : 1.0 / (vf_sqrt_f64(mean_square) * reciprocal);
    case GATUN_EPS_CLAMP:
        return vf_sqrt_f64(count * mean_square) < (double)eps ? 0 : 1;
    default:
        return 1;
    }
}

static inline void save_statistics(const row_norm_arguments *a, long long row, double mean, double reciprocal) {
    if (a->mean) {
        a->mean[row] = (float)mean;
    }
    if (a->mean_low) {
        a->mean_low[row] = (float)(mean - (double)(float)mean);
    }
    if (a->rstd) {
        a->rstd[row] = (float)reciprocal;
    }
}

static inline row_scale scale_of_row(const row_norm_arguments *a, long long row, row_moments moments) {
    double mean_square = moments.squares / moments.count;
    double reciprocal = reciprocal_of_mean_square(mean_square, moments.count, a->eps, a->eps_mode);
    row_scale scale = {(float)moments.mean, (float)(moments.mean - (double)(float)moments.mean), (float)reciprocal,
                       /* written so that NaN is exact too */
                       !(mean_square <= DBL_MAX && reciprocal < 1 / SMALLEST_DENOMINATOR)};
    if (!scale.exact) {
        save_statistics(a, row, moments.mean, reciprocal);
    }
    return scale;
}

#endif
