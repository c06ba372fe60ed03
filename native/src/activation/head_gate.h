/* SPDX-License-Identifier: Apache-2.0 */
/* What the gate of attention heads forward and backward share. */
#ifndef GATUN_HEAD_GATE_H
#define GATUN_HEAD_GATE_H

#include "element_tiles.h"

/* Heads whose gates are evaluated together: a multiple of the lanes of every level. */
#define GATE_TILE 64

GATUN_INLINE char *head_element(int dtype, void *head, long long column) {
    return (char *)head + column * element_bytes(dtype);
}

/* A part of a head in float32: where it lies, or in `buffer`. */
GATUN_INLINE const float *head_input(int dtype, const void *head, long long column, long long n, float *buffer) {
    const void *p = (const char *)head + column * element_bytes(dtype);
    if (dtype == GATUN_F32) {
        return p;
    }
    widen_elements(dtype, p, buffer, n);
    return buffer;
}
/* Where a part of a result goes: to its place, or first to `buffer`. */
GATUN_INLINE float *head_output(const head_gate_arguments *a, void *head, long long column, float *buffer) {
    return a->dtype == GATUN_F32 && !a->stream ? (float *)(void *)head_element(a->dtype, head, column) : buffer;
}

/* Both arrays have room for whole vectors. */
GATUN_INLINE void sigmoids(const float *gate, float *sigma, long long n) {
    for (long long j = 0; j < n; j += VF_LANES) {
        const int lanes = lanes_left(n - j, 0);
        vf_store(sigma + j, vf_sigmoid(load_lanes(gate, j, lanes, lanes == VF_LANES, GATUN_F32)));
    }
}

#endif
