/* SPDX-License-Identifier: Apache-2.0 */
/* Windows: two functions of the distances to their ends, combined; compiled once per level. */
#include "kan_window.h"

GATUN_INLINE void rows_of(const kan_window_arguments *a, long long begin, long long end, const int inner,
                          const bool own_loop) {
    const vf scale = vf_set(a->scale);
    for (long long row = begin; row < end; row++) {
        for (long long j = 0; j < a->columns; j += VF_LANES) {
            const int n = lanes_of(a->columns - j);
            const vf x = load_lanes(a->x, row * a->x_stride + j, a->dtype, n);
            for (int m = 0; m < a->functions; m++) {
                const window_place p = place_in_window(a, x, m, j, n);
                const vf u = inner_value(inner, p.from_start, own_loop), v = inner_value(inner, p.to_end, own_loop);
                store_lanes(a->phi, row * a->phi_stride + m * a->columns + j,
                            vf_mul(scale, combined(a->combination, u, v)), a->dtype, n);
            }
        }
    }
}

static void window_rows(const kan_window_arguments *a, long long begin, long long end) {
    if (a->inner == GATUN_KAN_INNER_RELU) {
        rows_of(a, begin, end, GATUN_KAN_INNER_RELU, true);
    } else if (a->inner == GATUN_KAN_INNER_SILU) {
        rows_of(a, begin, end, GATUN_KAN_INNER_SILU, true);
    } else {
        rows_of(a, begin, end, a->inner, false);
    }
}

const kan_window_basis_kernel GATUN_AT_LEVEL(kan_window_basis) = {window_rows};
