/* SPDX-License-Identifier: Apache-2.0 */
/* The gradients of windows, compiled once per level. */
#include "kan_window.h"

GATUN_INLINE vf inner_slope_of(int inner, vf t) {
    const vf zero = vf_zero(), one = vf_set(1);
    const vf nan = vf_mul(zero, t); /* 0, or NaN */
    switch (inner) {
    case GATUN_KAN_INNER_SILU:
        return silu_slope(t);
    case GATUN_KAN_INNER_RELU:
        return vf_add(vf_keep(vf_less(zero, t), one), nan);
    case GATUN_KAN_INNER_GELU: {
        const normal_value n = normal_at(t);
        return vf_fma(t, n.density, n.below);
    }
    case GATUN_KAN_INNER_ELU:
        return vf_select(vf_less(zero, t), one, vf_exp(t));
    case GATUN_KAN_INNER_SELU:
        return vf_select(vf_less(zero, t), vf_set(SELU_LAMBDA), vf_mul(vf_set(SELU_LAMBDA_ALPHA), vf_exp(t)));
    case GATUN_KAN_INNER_SOFTPLUS:
        return vf_sigmoid(t);
    case GATUN_KAN_INNER_SIGMOID:
        return vf_mul(vf_sigmoid(t), vf_sigmoid(vf_sub(zero, t)));
    case GATUN_KAN_INNER_LEAKY_RELU:
        return vf_add(vf_select(vf_less(zero, t), one, vf_set(LEAKY_SLOPE)), nan);
    default: {
        const vf w = one_less_tanh(t);
        return vf_mul(w, vf_sub(vf_set(2), w));
    }
    }
}

static vf other_inner_slope(int inner, vf t) {
    return inner_slope_of(inner, t);
}
GATUN_INLINE vf inner_slope(const int inner, vf t, const bool own_loop) {
    return own_loop ? inner_slope_of(inner, t) : other_inner_slope(inner, t);
}

/* What dphi times the scale is multiplied with: the derivative by the end, and that by the start without its sign. */
typedef struct {
    vf by_start, by_end;
} window_slopes;
GATUN_INLINE window_slopes slopes_of(const kan_window_arguments *a, window_place p, const int inner,
                                     const bool own_loop) {
    const vf u = inner_value(inner, p.from_start, own_loop), v = inner_value(inner, p.to_end, own_loop);
    return (window_slopes){vf_mul(combined_slope(a->combination, u, v), inner_slope(inner, p.from_start, own_loop)),
                           vf_mul(combined_slope(a->combination, v, u), inner_slope(inner, p.to_end, own_loop))};
}

GATUN_INLINE void rows_of(const kan_window_arguments *a, long long begin, long long end, const int inner,
                          const bool own_loop) {
    const vf scale = vf_set(a->scale);
    for (long long row = begin; row < end; row++) {
        for (long long j = 0; j < a->columns; j += VF_LANES) {
            const int n = lanes_of(a->columns - j);
            const vf x = load_lanes(a->x, row * a->x_stride + j, a->dtype, n);
            vf sum = vf_zero();
            for (int m = 0; m < a->functions; m++) {
                const vf dphi = load_lanes(a->dphi, row * a->phi_stride + m * a->columns + j, a->dtype, n);
                const window_slopes s = slopes_of(a, place_in_window(a, x, m, j, n), inner, own_loop);
                sum = vf_fma(dphi, vf_sub(s.by_start, s.by_end), sum);
            }
            store_lanes(a->dx, row * a->dx_stride + j, vf_mul(scale, sum), a->dtype, n);
        }
    }
}

static void input_rows(const kan_window_arguments *a, long long begin, long long end) {
    if (a->inner == GATUN_KAN_INNER_RELU) {
        rows_of(a, begin, end, GATUN_KAN_INNER_RELU, true);
    } else if (a->inner == GATUN_KAN_INNER_SILU) {
        rows_of(a, begin, end, GATUN_KAN_INNER_SILU, true);
    } else {
        rows_of(a, begin, end, a->inner, false);
    }
}

/* A sum put in a gradient, or added to it. */
static void put_sum(const kan_window_arguments *a, float *gradient, long long at, double sum) {
    if (gradient) {
        gradient[at] = (float)(a->accumulate ? (double)gradient[at] + sum : sum);
    }
}

/* Sums over rows, in double precision, of the lanes from column j on. */
static void column_sums(const kan_window_arguments *a, int m, long long j, int n, double *starts, double *ends) {
    const float minus = -a->scale;
    vd by_start = vd_set(0), by_end = vd_set(0);
    for (long long row = 0; row < a->rows; row++) {
        const vf x = load_lanes(a->x, row * a->x_stride + j, a->dtype, n);
        const vf dphi = load_lanes(a->dphi, row * a->phi_stride + m * a->columns + j, a->dtype, n);
        const window_slopes s = slopes_of(a, place_in_window(a, x, m, j, n), a->inner, false);
        by_start = vd_add(by_start, vd_widen(vf_first(vf_mul(vf_mul(vf_set(minus), dphi), s.by_start), n)));
        by_end = vd_add(by_end, vd_widen(vf_first(vf_mul(vf_mul(vf_set(a->scale), dphi), s.by_end), n)));
    }
    vd_store(starts, by_start);
    vd_store(ends, by_end);
}

static void parameters(const kan_window_arguments *a, long long m) {
    double start = 0, end = 0;
    for (long long j = 0; j < a->columns; j += VF_LANES) {
        const int n = lanes_of(a->columns - j);
        double starts[VF_LANES], ends[VF_LANES];
        column_sums(a, (int)m, j, n, starts, ends);
        for (int i = 0; i < n; i++) {
            start += starts[i];
            end += ends[i];
            if (a->per_column) {
                put_sum(a, a->dstarts, m * a->columns + j + i, starts[i]);
                put_sum(a, a->dends, m * a->columns + j + i, ends[i]);
            }
        }
    }
    if (!a->per_column) {
        put_sum(a, a->dstarts, m, start);
        put_sum(a, a->dends, m, end);
    }
}

const kan_window_basis_backward_kernel GATUN_AT_LEVEL(kan_window_basis_backward) = {input_rows, parameters};
