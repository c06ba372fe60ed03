/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of what a basis was given, compiled once per level. */
#include "kan_functions.h"

/* The gradients of the functions of some elements, as function_lanes in kan_basis.c. */
typedef struct {
    const void *dphi;
    long long plane, at;
    int dtype, n;
} gradient_lanes;

GATUN_INLINE vf get(const gradient_lanes *from, int m) {
    return load_lanes(from->dphi, from->at + m * from->plane, from->dtype, from->n);
}

GATUN_INLINE vf grid_gradient(const kan_basis *b, vf x, const gradient_lanes *from, const kan_shape shape) {
    const grid_place place = place_on_grid(b, x);
    vf centre = vf_set(-b->first), sum = vf_zero();
    for (int m = 0; m < b->functions; m++) {
        sum = vf_fma(get(from, m), grid_slope(steps_from(b, place, centre), shape), sum);
        centre = vf_sub(centre, vf_set(1));
    }
    return vf_mul(sum, vf_set(b->per_step));
}

/* T[m]' = m U[m - 1], the U by the recurrence of the T; the derivative of tanh is 1 - t^2 = w (2 - w). */
GATUN_INLINE vf chebyshev_gradient(const kan_basis *b, vf x, const gradient_lanes *from) {
    const vf w = one_less_tanh(x), twice = vf_mul(vf_set(-2), w);
    vf value = vf_set(1), difference = vf_add(vf_set(1), twice), sum = vf_zero(), order = vf_set(1);
    for (int m = 1; m < b->functions; m++) {
        sum = vf_fma(vf_mul(get(from, m), order), vf_xor_sign(value, sign_of_power(x, m - 1)), sum);
        value = vf_add(value, difference);
        difference = vf_fma(twice, value, difference);
        order = vf_add(order, vf_set(1));
    }
    return vf_mul(vf_mul(w, vf_sub(vf_set(2), w)), sum);
}

GATUN_INLINE vf fourier_gradient(const kan_basis *b, vf x, const gradient_lanes *from) {
    const int harmonics = b->functions / 2;
    const turn step = turn_of(x);
    turn angle = step;
    vf sum = vf_zero(), order = vf_set(1);
    for (int k = 0; k < harmonics; k++) {
        vf of_cosine = vf_sub(vf_zero(), vf_mul(get(from, k), angle.sine));
        sum = vf_fma(order, vf_fma(get(from, harmonics + k), angle.cosine, of_cosine), sum);
        angle = turned(angle, step);
        order = vf_add(order, vf_set(1));
    }
    return sum;
}

GATUN_INLINE void gradient_shape(const kan_basis *b, const void *dphi, int dphi_dtype, long long plane, const void *x,
                                 int x_dtype, long long columns, void *dx, const kan_shape shape) {
    for (long long j = 0; j < columns; j += VF_LANES) {
        const gradient_lanes from = {dphi, plane, j, dphi_dtype, lanes_of(columns - j)};
        const vf lanes = load_lanes(x, j, x_dtype, from.n);
        vf sum = shape == KAN_CHEBYSHEV ? chebyshev_gradient(b, lanes, &from)
                 : shape == KAN_FOURIER ? fourier_gradient(b, lanes, &from)
                                        : grid_gradient(b, lanes, &from, shape);
        if (b->base) {
            sum = vf_fma(get(&from, b->functions), silu_slope(lanes), sum);
        }
        store_lanes(dx, j, sum, x_dtype, from.n);
    }
}

static void gradient(const kan_basis *b, const void *dphi, int dphi_dtype, long long plane, const void *x, int x_dtype,
                     long long columns, void *dx) {
    switch (b->shape) {
#define GRADIENT(SHAPE)                                                             \
    case SHAPE:                                                                     \
        gradient_shape(b, dphi, dphi_dtype, plane, x, x_dtype, columns, dx, SHAPE); \
        break;
        GRADIENT(KAN_SPLINE_1)
        GRADIENT(KAN_SPLINE_2)
        GRADIENT(KAN_SPLINE_3)
        GRADIENT(KAN_SPLINE_4)
        GRADIENT(KAN_SPLINE_5)
        GRADIENT(KAN_GAUSSIAN)
        GRADIENT(KAN_WAVELET)
        GRADIENT(KAN_CHEBYSHEV)
        GRADIENT(KAN_FOURIER)
#undef GRADIENT
    }
}

const kan_basis_backward_kernel GATUN_AT_LEVEL(kan_basis_backward) = {gradient};
