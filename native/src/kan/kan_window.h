/* SPDX-License-Identifier: Apache-2.0 */
/* Windows on vectors: the inner functions, their slopes, and how two of them are combined. */
#ifndef GATUN_KAN_WINDOW_H
#define GATUN_KAN_WINDOW_H

#include "kan_functions.h"

/* lambda, and lambda alpha, of SELU */
#define SELU_LAMBDA 1.05070098736f
#define SELU_LAMBDA_ALPHA 1.75809934085f
#define LEAKY_SLOPE 0.01f

/* log(1 + t) for 0 <= t <= 1: 2 artanh(z), z = t / (2 + t) <= 1/3, by its series. */
static inline vf log1p_of_part(vf t) {
    const vf z = vf_div(t, vf_add(vf_set(2), t)), y = squared(z);
    vf p = vf_set(2.0f / 17);
    p = vf_fma(p, y, vf_set(2.0f / 15));
    p = vf_fma(p, y, vf_set(2.0f / 13));
    p = vf_fma(p, y, vf_set(2.0f / 11));
    p = vf_fma(p, y, vf_set(2.0f / 9));
    p = vf_fma(p, y, vf_set(2.0f / 7));
    p = vf_fma(p, y, vf_set(2.0f / 5));
    p = vf_fma(p, y, vf_set(2.0f / 3));
    p = vf_fma(p, y, vf_set(2));
    return vf_mul(p, z);
}

/* The normal distribution function of t, and its density. */
typedef struct {
    vf below, density;
} normal_value;
static inline normal_value normal_at(vf t) {
    const vf_normal n = vf_normal_tail(vf_abs(t));
    const vf bell = squared(n.root), tail = vf_mul(vf_div(n.numerator, n.denominator), bell);
    return (normal_value){vf_select(vf_less(t, vf_zero()), tail, vf_sub(vf_set(1), tail)),
                          vf_mul(vf_set(0.3989422804f), bell)};
}

GATUN_INLINE vf inner_value_of(int inner, vf t) {
    const vf zero = vf_zero();
    switch (inner) {
    case GATUN_KAN_INNER_SILU:
        return silu(t);
    case GATUN_KAN_INNER_RELU:
        return vf_max(zero, t);
    case GATUN_KAN_INNER_GELU:
        return vf_mul(t, normal_at(t).below);
    case GATUN_KAN_INNER_ELU:
        return vf_select(vf_less(zero, t), t, vf_expm1(t));
    case GATUN_KAN_INNER_SELU:
        return vf_select(vf_less(zero, t), vf_mul(vf_set(SELU_LAMBDA), t),
                         vf_mul(vf_set(SELU_LAMBDA_ALPHA), vf_expm1(t)));
    case GATUN_KAN_INNER_SOFTPLUS:
        return vf_add(vf_max(zero, t), log1p_of_part(vf_exp(vf_sub(zero, vf_abs(t)))));
    case GATUN_KAN_INNER_SIGMOID:
        return vf_sigmoid(t);
    case GATUN_KAN_INNER_LEAKY_RELU:
        return vf_select(vf_less(zero, t), t, vf_mul(vf_set(LEAKY_SLOPE), t));
    default:
        return vf_tanh(t);
    }
}

/* All kinds but those that have a loop of their own; the kind is the same for all of a call, and so well predicted. */
static vf other_inner_value(int inner, vf t) {
    return inner_value_of(inner, t);
}

/* Inlined into the loops of some kinds. */
GATUN_INLINE vf inner_value(const int inner, vf t, const bool own_loop) {
    return own_loop ? inner_value_of(inner, t) : other_inner_value(inner, t);
}

GATUN_INLINE vf combined(int combination, vf u, vf v) {
    const vf product = vf_mul(u, v);
    switch (combination) {
    case GATUN_KAN_QUAD1:
        return squared(product);
    case GATUN_KAN_QUAD2:
        return vf_fma(u, u, vf_fma(v, v, product));
    case GATUN_KAN_SUM:
        return vf_add(u, v);
    case GATUN_KAN_PROD:
        return product;
    case GATUN_KAN_SUM_PROD:
        return vf_add(vf_add(u, v), product);
    case GATUN_KAN_CUBIC1:
        return vf_mul(vf_add(u, v), vf_fma(u, u, squared(v)));
    default:
        return vf_mul(squared(product), product);
    }
}

/* The derivative of `combined` by its first argument; all combinations are symmetric. */
GATUN_INLINE vf combined_slope(int combination, vf u, vf v) {
    switch (combination) {
    case GATUN_KAN_QUAD1:
        return vf_mul(vf_mul(vf_add(u, u), v), v);
    case GATUN_KAN_QUAD2:
        return vf_add(v, vf_add(u, u));
    case GATUN_KAN_SUM:
        return vf_set(1);
    case GATUN_KAN_PROD:
        return v;
    case GATUN_KAN_SUM_PROD:
        return vf_add(vf_set(1), v);
    case GATUN_KAN_CUBIC1:
        return vf_fma(vf_mul(vf_set(3), u), u, vf_fma(vf_add(u, u), v, squared(v)));
    default:
        return vf_mul(vf_mul(vf_set(3), squared(vf_mul(u, v))), v);
    }
}

/* Where the window of function m is for the lanes from column j on: x - start, end - x. */
typedef struct {
    vf from_start, to_end;
} window_place;
GATUN_INLINE window_place place_in_window(const kan_window_arguments *a, vf x, int m, long long j, int n) {
    if (a->per_column) {
        const long long at = m * a->columns + j;
        return (window_place){vf_sub(x, load_lanes(a->starts, at, GATUN_F32, n)),
                              vf_sub(load_lanes(a->ends, at, GATUN_F32, n), x)};
    }
    return (window_place){vf_sub(x, vf_set(a->starts[m])), vf_sub(vf_set(a->ends[m]), x)};
}

#endif
