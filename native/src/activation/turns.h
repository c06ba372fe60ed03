/* SPDX-License-Identifier: Apache-2.0 */
/* What loops that sum over turns of some vectors share. */
#ifndef GATUN_ACTIVATION_TURNS_H
#define GATUN_ACTIVATION_TURNS_H

#include <math.h>

#include "../simd/fetch.h"

/* Vectors of a turn: as many as hide the latency of an FMA. */
#define TURN 4

/* Turns that are summed in float32 before the sums are added in double precision: float32 loses at most as many half
 * units of a sum of like values. */
#define FOLD 16

/* The sum of the vectors of a turn, in a fixed tree order. */
GATUN_INLINE vf turn_sum(const vf v[TURN]) {
    return vf_add(vf_add(v[0], v[1]), vf_add(v[2], v[3]));
}

/* The sum of the lane-wise products of two turns. */
GATUN_INLINE vf turn_dot(const vf a[TURN], const vf b[TURN]) {
    return vf_add(vf_fma(a[1], b[1], vf_mul(a[0], b[0])), vf_fma(a[3], b[3], vf_mul(a[2], b[2])));
}

/* Adds float32 sums to those in double precision, and begins them anew. */
GATUN_INLINE void fold_sums(vd *folded, vf *sums, const int count) {
#pragma GCC unroll 10
    for (int i = 0; i < count; i++) {
        folded[i] = vd_add(folded[i], vd_widen(sums[i]));
        sums[i] = vf_zero();
    }
}

/*
 * A turn of elements from j on: in order, or, of bf16, which is less work that way, each two vectors as those at even
 * and those at odd places. bf16 results are rounded without care for NaN: one that comes out of bf16 elements and of
 * coefficients without payload has no lower bits that rounding could carry.
 */
GATUN_INLINE void load_turn(const void *p, long long j, vf v[TURN], const int dtype) {
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k += 2) {
        if (dtype == GATUN_BF16) {
            vf_load_even_odd_bf16(element(p, j + k * VF_LANES, dtype), &v[k], &v[k + 1]);
        } else {
            v[k] = load(p, j + k * VF_LANES, dtype);
            v[k + 1] = load(p, j + (k + 1) * VF_LANES, dtype);
        }
    }
}
GATUN_INLINE void store_turn(void *p, long long j, const vf v[TURN], const int dtype) {
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k += 2) {
        if (dtype == GATUN_BF16) {
            vf_store_even_odd_bf16((uint16_t *)p + j + k * VF_LANES, v[k], v[k + 1]);
        } else {
            store(p, j + k * VF_LANES, v[k], dtype, false);
            store(p, j + (k + 1) * VF_LANES, v[k + 1], dtype, false);
        }
    }
}

/* A turn of which `left` elements are there; the others are 0. */
GATUN_INLINE void load_last_turn(const void *p, long long j, long long left, vf v[TURN], const int dtype) {
    for (int k = 0; k < TURN; k++) {
        const int lanes = lanes_left(left, k);
        v[k] = load_lanes(p, j + k * VF_LANES, lanes, lanes == VF_LANES, dtype);
    }
    if (dtype == GATUN_BF16) {
        vf_split(&v[0], &v[1]);
        vf_split(&v[2], &v[3]);
    }
}
GATUN_INLINE void store_last_turn(void *p, long long j, long long left, vf v[TURN], const int dtype) {
    if (dtype == GATUN_BF16) {
        vf_merge(&v[0], &v[1]);
        vf_merge(&v[2], &v[3]);
    }
    for (int k = 0; k < TURN; k++) {
        const int lanes = lanes_left(left, k);
        store_lanes(p, j + k * VF_LANES, v[k], lanes, lanes == VF_LANES, dtype, false);
    }
}

/* A coefficient: any NaN without payload. */
GATUN_INLINE vf coefficient(float value) {
    return vf_set(value == value ? value : (float)NAN);
}

#endif
