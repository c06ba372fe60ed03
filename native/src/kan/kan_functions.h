/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of bases on vectors, and how elements of any type are read and written. */
#ifndef GATUN_KAN_FUNCTIONS_H
#define GATUN_KAN_FUNCTIONS_H

#include <stddef.h>

#include "../simd/simd.h"
#include "../simd/vector_math.h"
#include "kan_kernels.h"

GATUN_INLINE const void *element_at(const void *p, long long index, int dtype) {
    return (const char *)p + index * (dtype == GATUN_F32 ? 4 : 2);
}

static vf load_some(const void *p, int dtype, int n) {
    return dtype == GATUN_F32    ? vf_load_first(p, n)
           : dtype == GATUN_BF16 ? vf_load_first_bf16(p, n)
                                 : vf_load_first_f16(p, n);
}
static void store_some(void *p, vf v, int dtype, int n) {
    if (dtype == GATUN_F32) {
        vf_store_first(p, v, n);
    } else if (dtype == GATUN_BF16) {
        vf_store_first_bf16(p, v, n);
    } else {
        vf_store_first_f16(p, v, n);
    }
}

/* The `n` lanes from an element on: types and whole vectors are the same for all of a row, and so well predicted. */
GATUN_INLINE vf load_lanes(const void *p, long long index, int dtype, int n) {
    p = element_at(p, index, dtype);
    if (n < VF_LANES) {
        return load_some(p, dtype, n);
    }
    return dtype == GATUN_F32 ? vf_load(p) : dtype == GATUN_BF16 ? vf_load_bf16(p) : vf_load_f16(p);
}
GATUN_INLINE void store_lanes(void *p, long long index, vf v, int dtype, int n) {
    p = (char *)p + index * (dtype == GATUN_F32 ? 4 : 2);
    if (n < VF_LANES) {
        store_some(p, v, dtype, n);
    } else if (dtype == GATUN_F32) {
        vf_store(p, v);
    } else if (dtype == GATUN_BF16) {
        vf_store_bf16(p, v);
    } else {
        vf_store_f16(p, v);
    }
}

GATUN_INLINE int lanes_of(long long left) {
    return left < VF_LANES ? (int)left : VF_LANES;
}

/* Where elements lie on the grid: `steps` + `rest` steps from its middle. */
typedef struct {
    vf distance, rest;
} grid_place;

GATUN_INLINE grid_place place_on_grid(const kan_basis *b, vf x) {
    vf distance = vf_sub(vf_sub(x, vf_set(b->middle)), vf_set(b->middle_low));
    distance = vf_min(vf_set(b->reach), vf_max(vf_set(-b->reach), distance));
    return (grid_place){distance, vf_mul(distance, vf_set(b->per_step_low))};
}

/* Steps from the function whose centre lies -`centre` steps from the middle. */
GATUN_INLINE vf steps_from(const kan_basis *b, grid_place place, vf centre) {
    return vf_add(vf_fma(place.distance, vf_set(b->per_step), centre), place.rest);
}

GATUN_INLINE vf positive_part(vf v) {
    return vf_max(vf_zero(), v);
}
GATUN_INLINE vf squared(vf v) {
    return vf_mul(v, v);
}

/*
 * The B-spline of a degree with knots one step apart, at |steps| = a from its centre: by truncated powers of the
 * distances to the knots on the outer side of it, whose signs alternate.
 */
GATUN_INLINE vf spline(vf a, const kan_shape shape) {
    const float half = 0.5f * (float)(shape - KAN_SPLINE_1 + 2); /* of the support */
    vf p = positive_part(vf_sub(vf_set(half), a));
    if (shape == KAN_SPLINE_1) {
        return p;
    }
    vf q = positive_part(vf_sub(vf_set(half - 1), a));
    if (shape == KAN_SPLINE_2) {
        return vf_fma(vf_set(-1.5f), squared(q), vf_mul(vf_set(0.5f), squared(p)));
    }
    if (shape == KAN_SPLINE_3) {
        return vf_fma(vf_set(-2.0f / 3), vf_mul(squared(q), q), vf_mul(vf_set(1.0f / 6), vf_mul(squared(p), p)));
    }
    vf r = positive_part(vf_sub(vf_set(half - 2), a));
    if (shape == KAN_SPLINE_4) {
        vf outer = vf_fma(vf_set(-5), squared(squared(q)), squared(squared(p)));
        return vf_mul(vf_set(1.0f / 24), vf_fma(vf_set(10), squared(squared(r)), outer));
    }
    vf outer = vf_fma(vf_set(-6), vf_mul(squared(squared(q)), q), vf_mul(squared(squared(p)), p));
    return vf_mul(vf_set(1.0f / 120), vf_fma(vf_set(15), vf_mul(squared(squared(r)), r), outer));
}

/* Its derivative by `steps`. That of degree 1 jumps at knots, and belongs to the right of them. */
GATUN_INLINE vf spline_slope(vf steps, const kan_shape shape) {
    if (shape == KAN_SPLINE_1) {
        vf one = vf_set(1), minus = vf_set(-1);
        vf rising = vf_keep(vm_and(vf_less_equal(minus, steps), vf_less(steps, vf_zero())), one);
        vf falling = vf_keep(vm_and(vf_less_equal(vf_zero(), steps), vf_less(steps, one)), minus);
        return vf_add(vf_add(rising, falling), vf_sub(steps, steps));
    }
    const float half = 0.5f * (float)(shape - KAN_SPLINE_1 + 2);
    vf a = vf_abs(steps);
    vf p = positive_part(vf_sub(vf_set(half), a)), q = positive_part(vf_sub(vf_set(half - 1), a));
    if (shape == KAN_SPLINE_2) {
        return vf_xor_sign(vf_fma(vf_set(3), q, vf_sub(vf_zero(), p)), steps);
    }
    if (shape == KAN_SPLINE_3) {
        return vf_xor_sign(vf_fma(vf_set(2), squared(q), vf_mul(vf_set(-0.5f), squared(p))), steps);
    }
    vf r = positive_part(vf_sub(vf_set(half - 2), a));
    if (shape == KAN_SPLINE_4) {
        vf outer = vf_fma(vf_set(5), vf_mul(squared(q), q), vf_sub(vf_zero(), vf_mul(squared(p), p)));
        return vf_xor_sign(vf_mul(vf_set(1.0f / 6), vf_fma(vf_set(-10), vf_mul(squared(r), r), outer)), steps);
    }
    vf outer = vf_fma(vf_set(6), squared(squared(q)), vf_sub(vf_zero(), squared(squared(p))));
    return vf_xor_sign(vf_mul(vf_set(1.0f / 24), vf_fma(vf_set(-15), squared(squared(r)), outer)), steps);
}

/* 2 / (sqrt(3) pi^(1/4)) */
#define WAVELET_HEIGHT 0.86732507f

GATUN_INLINE vf grid_function(vf steps, const kan_shape shape) {
    if (shape == KAN_GAUSSIAN) {
        return vf_exp(vf_sub(vf_zero(), squared(steps)));
    }
    if (shape == KAN_WAVELET) {
        vf square = squared(steps);
        vf bell = vf_mul(vf_set(WAVELET_HEIGHT), vf_exp(vf_mul(vf_set(-0.5f), square)));
        return vf_mul(vf_sub(vf_set(1), square), bell);
    }
    return spline(vf_abs(steps), shape);
}

GATUN_INLINE vf grid_slope(vf steps, const kan_shape shape) {
    if (shape == KAN_GAUSSIAN) {
        return vf_mul(vf_mul(vf_set(-2), steps), vf_exp(vf_sub(vf_zero(), squared(steps))));
    }
    if (shape == KAN_WAVELET) {
        vf square = squared(steps);
        vf bell = vf_mul(vf_set(WAVELET_HEIGHT), vf_exp(vf_mul(vf_set(-0.5f), square)));
        return vf_mul(vf_mul(steps, vf_sub(square, vf_set(3))), bell);
    }
    return spline_slope(steps, shape);
}

/* 1 - |tanh(x)| */
GATUN_INLINE vf one_less_tanh(vf x) {
    vf decay = vf_exp(vf_mul(vf_set(-2), vf_abs(x)));
    return vf_div(vf_add(decay, decay), vf_add(vf_set(1), decay));
}

/* What vf_xor_sign needs to turn the sign where x is negative and m odd. */
GATUN_INLINE vf sign_of_power(vf x, int m) {
    return m % 2 != 0 ? x : vf_zero();
}

/* x sigma(x), and its derivative. Bounds keep Inf from meeting the 0 of sigma, or of 1 - sigma. */
#define SILU_BOUND 200.0f
GATUN_INLINE vf silu(vf x) {
    return vf_mul(vf_max(vf_set(-SILU_BOUND), x), vf_sigmoid(x));
}
GATUN_INLINE vf silu_slope(vf x) {
    const vf sigma = vf_sigmoid(x), bounded = vf_min(vf_set(SILU_BOUND), vf_max(vf_set(-SILU_BOUND), x));
    return vf_mul(sigma, vf_fma(bounded, vf_sub(vf_set(1), sigma), vf_set(1)));
}

typedef struct {
    vf sine, cosine;
} turn;

GATUN_INLINE turn turn_of(vf angle) {
    const vf_angle a = vf_sincos_of_magnitude(vf_abs(angle));
    return (turn){vf_xor_sign(a.sine, angle), a.cosine};
}

/* By both angles. */
GATUN_INLINE turn turned(turn a, turn b) {
    return (turn){vf_fma(a.sine, b.cosine, vf_mul(a.cosine, b.sine)),
                  vf_fma(a.cosine, b.cosine, vf_sub(vf_zero(), vf_mul(a.sine, b.sine)))};
}

#endif
