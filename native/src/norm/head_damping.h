/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the projection along x a backward pass takes away, in double precision. */
#ifndef GATUN_HEAD_DAMPING_H
#define GATUN_HEAD_DAMPING_H

#include "../simd/simd.h"
#include "gatun/norm.h"

/* The factor k of gatun_layer_norm_backward: r is less sensitive to x, where eps adds to its root, or not at all. */
static inline double damping_of_mean_square(double mean_square, double count, float eps, int eps_mode) {
    switch (eps_mode) {
    case GATUN_EPS_ADD: {
        double root = vf_sqrt_f64(mean_square);
        return root == 0 ? 0 : (root + (double)eps) / root;
    }
    case GATUN_EPS_CLAMP:
        return vf_sqrt_f64(count * mean_square) < (double)eps ? 0 : 1;
    default:
        return 1;
    }
}

#endif
