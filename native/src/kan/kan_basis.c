/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of a basis, compiled once per level. */
#include "kan_functions.h"

/* Where the functions of some elements go: lanes `n` from element `at` on, `plane` elements from one to the next. */
typedef struct {
    void *phi;
    long long plane, at;
    int dtype, n;
} function_lanes;

GATUN_INLINE void put(const function_lanes *to, int m, vf v) {
    store_lanes(to->phi, to->at + m * to->plane, v, to->dtype, to->n);
}

GATUN_INLINE void put_grid(const kan_basis *b, vf x, const function_lanes *to, const kan_shape shape) {
    const grid_place place = place_on_grid(b, x);
    vf centre = vf_set(-b->first);
    for (int m = 0; m < b->functions; m++) {
        put(to, m, grid_function(steps_from(b, place, centre), shape));
        centre = vf_sub(centre, vf_set(1));
    }
}

/*
 * With w = 1 - |t|, which is exact where |t| is close to 1: T[m + 1] - T[m] = T[m] - T[m - 1] - 2 w T[m] at |t|, so that
 * the rounding of t does not count m^2 times (Reinsch's form of the recurrence). T[m](-t) = (-1)^m T[m](t).
 */
GATUN_INLINE void put_chebyshev(const kan_basis *b, vf x, const function_lanes *to) {
    const vf w = one_less_tanh(x), twice = vf_mul(vf_set(-2), w);
    vf value = vf_set(1), difference = vf_sub(vf_zero(), w);
    put(to, 0, value);
    for (int m = 1; m < b->functions; m++) {
        value = vf_add(value, difference);
        difference = vf_fma(twice, value, difference);
        put(to, m, vf_xor_sign(value, sign_of_power(x, m)));
    }
}

GATUN_INLINE void put_fourier(const kan_basis *b, vf x, const function_lanes *to) {
    const int harmonics = b->functions / 2;
    const turn step = turn_of(x);
    turn angle = step;
    for (int k = 0; k < harmonics; k++) {
        put(to, k, angle.cosine);
        put(to, harmonics + k, angle.sine);
        angle = turned(angle, step);
    }
}

GATUN_INLINE void expand_shape(const kan_basis *b, const void *x, int x_dtype, long long columns, void *phi,
                               int phi_dtype, long long plane, const kan_shape shape) {
    for (long long j = 0; j < columns; j += VF_LANES) {
        const function_lanes to = {phi, plane, j, phi_dtype, lanes_of(columns - j)};
        const vf lanes = load_lanes(x, j, x_dtype, to.n);
        if (shape == KAN_CHEBYSHEV) {
            put_chebyshev(b, lanes, &to);
        } else if (shape == KAN_FOURIER) {
            put_fourier(b, lanes, &to);
        } else {
            put_grid(b, lanes, &to, shape);
        }
    }
}

static void expand(const kan_basis *b, const void *x, int x_dtype, long long columns, void *phi, int phi_dtype,
                   long long plane) {
    switch (b->shape) {
#define EXPAND(SHAPE)                                                       \
    case SHAPE:                                                             \
        expand_shape(b, x, x_dtype, columns, phi, phi_dtype, plane, SHAPE); \
        break;
        EXPAND(KAN_SPLINE_1)
        EXPAND(KAN_SPLINE_2)
        EXPAND(KAN_SPLINE_3)
        EXPAND(KAN_SPLINE_4)
        EXPAND(KAN_SPLINE_5)
        EXPAND(KAN_GAUSSIAN)
        EXPAND(KAN_WAVELET)
        EXPAND(KAN_CHEBYSHEV)
        EXPAND(KAN_FOURIER)
#undef EXPAND
    }
    for (long long j = 0; b->base && j < columns; j += VF_LANES) {
        const int n = lanes_of(columns - j);
        store_lanes(phi, j + b->functions * plane, silu(load_lanes(x, j, x_dtype, n)), phi_dtype, n);
    }
}

const kan_basis_kernel GATUN_AT_LEVEL(kan_basis) = {expand};
