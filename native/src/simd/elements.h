/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors of elements of a type that the compiler knows wherever these functions are called. */
#ifndef GATUN_SIMD_ELEMENTS_H
#define GATUN_SIMD_ELEMENTS_H

#include <stdbool.h>
#include <string.h>

#include "gatun/core.h"
#include "simd.h"

#define LINE_BYTES 64

GATUN_INLINE long long least_of(long long a, long long b) {
    return a < b ? a : b;
}
GATUN_INLINE long long element_bytes(const int dtype) {
    return dtype == GATUN_F32 ? 4 : 2;
}
GATUN_INLINE const void *element(const void *p, long long index, const int dtype) {
    return (const char *)p + index * element_bytes(dtype);
}
GATUN_INLINE vf load(const void *p, long long index, const int dtype) {
    p = element(p, index, dtype);
    return dtype == GATUN_F32 ? vf_load(p) : dtype == GATUN_BF16 ? vf_load_bf16(p) : vf_load_f16(p);
}
GATUN_INLINE vf load_first(const void *p, long long index, int n, const int dtype) {
    p = element(p, index, dtype);
    return dtype == GATUN_F32    ? vf_load_first(p, n)
           : dtype == GATUN_BF16 ? vf_load_first_bf16(p, n)
                                 : vf_load_first_f16(p, n);
}
GATUN_INLINE void store(void *p, long long index, vf v, const int dtype, const bool stream) {
    p = (char *)p + index * element_bytes(dtype);
    switch (dtype) {
    case GATUN_F32:
        stream ? vf_stream(p, v) : vf_store(p, v);
        break;
    case GATUN_BF16:
        stream ? vf_stream_bf16(p, v) : vf_store_bf16(p, v);
        break;
    default:
        stream ? vf_stream_f16(p, v) : vf_store_f16(p, v);
    }
}
GATUN_INLINE void store_two(void *p, long long index, vf a, vf b, const int dtype, const bool stream) {
    if (dtype == GATUN_BF16) {
        p = (char *)p + index * element_bytes(dtype);
        stream ? vf_stream_two_bf16(p, a, b) : vf_store_two_bf16(p, a, b);
    } else {
        store(p, index, a, dtype, stream);
        store(p, index + VF_LANES, b, dtype, stream);
    }
}
GATUN_INLINE void store_first(void *p, long long index, vf v, int n, const int dtype) {
    p = (char *)p + index * element_bytes(dtype);
    switch (dtype) {
    case GATUN_F32:
        vf_store_first(p, v, n);
        break;
    case GATUN_BF16:
        vf_store_first_bf16(p, v, n);
        break;
    default:
        vf_store_first_f16(p, v, n);
    }
}
GATUN_INLINE vf round_to(vf v, const int dtype) {
    return dtype == GATUN_BF16 ? vf_round_bf16(v) : dtype == GATUN_F16 ? vf_round_f16(v) : v;
}

/* The `n` lanes from column j on of an input: VF_LANES of them, where `all` says so, without a mask. */
GATUN_INLINE vf load_lanes(const void *p, long long j, const int n, const bool all, const int dtype) {
    return all ? load(p, j, dtype) : load_first(p, j, n, dtype);
}

GATUN_INLINE void store_lanes(void *p, long long j, vf v, const int n, const bool all, const int dtype,
                              const bool stream) {
    all ? store(p, j, v, dtype, stream) : store_first(p, j, v, n, dtype);
}
/* The lanes that vector k of the `left` elements has. */
GATUN_INLINE int lanes_left(long long left, int k) {
    const long long n = left - (long long)k * VF_LANES;
    return n < 0 ? 0 : n < VF_LANES ? (int)n : VF_LANES;
}

/* Elements before the first whole line of y. */
GATUN_INLINE long long lead_of(const void *y, const int dtype) {
    return (-(long long)(uintptr_t)y & (LINE_BYTES - 1)) / element_bytes(dtype);
}

/* Copies bytes that the caller has just made, past the caches where a line is whole and the level has such stores.
 * vf_stream_fence follows later. */
GATUN_INLINE void stream_bytes(void *to, const void *from, long long bytes) {
    const char *source = from;
    char *p = to;
    long long done = 0;
    if (VF_STREAM_BYTES > 16) {
        done = least_of(-(long long)(uintptr_t)p & (LINE_BYTES - 1), bytes);
        memcpy(p, source, (size_t)done);
        for (; done + LINE_BYTES <= bytes; done += LINE_BYTES) {
#pragma GCC unroll 16
            for (int k = 0; k < LINE_BYTES / 4; k += VF_LANES) {
                vf_stream((float *)(p + done) + k, vf_load((const float *)(source + done) + k));
            }
        }
    }
    memcpy(p + done, source + done, (size_t)(bytes - done));
}

#endif
