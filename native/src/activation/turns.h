/* SPDX-License-Identifier: Apache-2.0 */
/* What loops that sum over turns of some vectors share. */
#ifndef GATUN_ACTIVATION_TURNS_H
#define GATUN_ACTIVATION_TURNS_H

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

/* A turn of elements from j on, of which `left` are there; the others are 0. */
GATUN_INLINE void load_turn(const void *p, long long j, vf v[TURN], const int dtype) {
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        v[k] = load(p, j + k * VF_LANES, dtype);
    }
}
GATUN_INLINE void load_last_turn(const void *p, long long j, long long left, vf v[TURN], const int dtype) {
    for (int k = 0; k < TURN; k++) {
        const int lanes = lanes_left(left, k);
        v[k] = load_lanes(p, j + k * VF_LANES, lanes, lanes == VF_LANES, dtype);
    }
}
GATUN_INLINE void store_turn(void *p, long long j, const vf v[TURN], const int dtype, const bool stream) {
    store_two(p, j, v[0], v[1], dtype, stream);
    store_two(p, j + 2 * VF_LANES, v[2], v[3], dtype, stream);
}
GATUN_INLINE void store_last_turn(void *p, long long j, long long left, const vf v[TURN], const int dtype) {
    for (int k = 0; k < TURN; k++) {
        const int lanes = lanes_left(left, k);
        store_lanes(p, j + k * VF_LANES, v[k], lanes, lanes == VF_LANES, dtype, false);
    }
}

#endif
