/* SPDX-License-Identifier: Apache-2.0 */
/* The vector vocabulary with one lane, in plain C: the contract that the other levels are tested against. */
#ifndef GATUN_SIMD_SCALAR_H
#define GATUN_SIMD_SCALAR_H

#include "half.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#else
#include <math.h>
#endif

typedef float vf;

#define VF_LANES 1
#define VF_STREAM_BYTES 4

GATUN_INLINE vf vf_zero(void) {
    return 0.0f;
}
GATUN_INLINE vf vf_set(float s) {
    return s;
}

GATUN_INLINE vf vf_load(const float *p) {
    return *p;
}
GATUN_INLINE vf vf_load_first(const float *p, int n) {
    return n > 0 ? *p : 0.0f;
}
GATUN_INLINE void vf_store(float *p, vf v) {
    *p = v;
}
GATUN_INLINE void vf_store_first(float *p, vf v, int n) {
    if (n > 0) {
        *p = v;
    }
}
GATUN_INLINE void vf_stream(float *p, vf v) {
    *p = v;
}

GATUN_INLINE vf vf_load_bf16(const uint16_t *p) {
    return bf16_to_float(*p);
}
GATUN_INLINE vf vf_load_first_bf16(const uint16_t *p, int n) {
    return n > 0 ? bf16_to_float(*p) : 0.0f;
}
GATUN_INLINE void vf_store_bf16(uint16_t *p, vf v) {
    *p = bf16_from_float(v);
}
GATUN_INLINE void vf_store_first_bf16(uint16_t *p, vf v, int n) {
    if (n > 0) {
        *p = bf16_from_float(v);
    }
}
GATUN_INLINE void vf_stream_bf16(uint16_t *p, vf v) {
    *p = bf16_from_float(v);
}
GATUN_INLINE void vf_store_two_bf16(uint16_t *p, vf a, vf b) {
    vf_store_bf16(p, a);
    vf_store_bf16(p + 1, b);
}
GATUN_INLINE void vf_stream_two_bf16(uint16_t *p, vf a, vf b) {
    vf_store_two_bf16(p, a, b);
}
GATUN_INLINE vf vf_round_bf16(vf v) {
    return bf16_to_float(bf16_from_float(v));
}

GATUN_INLINE vf vf_round_number_bf16(vf v) {
    return vf_round_bf16(v);
}
GATUN_INLINE void vf_load_even_odd_bf16(const uint16_t *p, vf *even, vf *odd) {
    *even = bf16_to_float(p[0]);
    *odd = bf16_to_float(p[1]);
}
GATUN_INLINE void vf_store_even_odd_bf16(uint16_t *p, vf even, vf odd) {
    p[0] = bf16_from_float(even);
    p[1] = bf16_from_float(odd);
}
GATUN_INLINE void vf_stream_even_odd_bf16(uint16_t *p, vf even, vf odd) {
    vf_store_even_odd_bf16(p, even, odd);
}
/* One lane each: they are at an even and at an odd place already. */
GATUN_INLINE void vf_split(vf *first, vf *second) {
    (void)first;
    (void)second;
}
GATUN_INLINE void vf_merge(vf *even, vf *odd) {
    (void)even;
    (void)odd;
}

GATUN_INLINE vf vf_load_f16(const uint16_t *p) {
    return f16_to_float(*p);
}
GATUN_INLINE vf vf_load_first_f16(const uint16_t *p, int n) {
    return n > 0 ? f16_to_float(*p) : 0.0f;
}
GATUN_INLINE void vf_store_f16(uint16_t *p, vf v) {
    *p = f16_from_float(v);
}
GATUN_INLINE void vf_store_first_f16(uint16_t *p, vf v, int n) {
    if (n > 0) {
        *p = f16_from_float(v);
    }
}
GATUN_INLINE void vf_stream_f16(uint16_t *p, vf v) {
    *p = f16_from_float(v);
}
GATUN_INLINE vf vf_round_f16(vf v) {
    return f16_to_float(f16_from_float(v));
}

GATUN_INLINE vf vf_add(vf a, vf b) {
    return a + b;
}
GATUN_INLINE vf vf_sub(vf a, vf b) {
    return a - b;
}
GATUN_INLINE vf vf_mul(vf a, vf b) {
    return a * b;
}
GATUN_INLINE vf vf_fma(vf a, vf b, vf c) {
    return a * b + c;
}
/* The product is exact in double precision, so only the sum is rounded, to double and to float. */
GATUN_INLINE vf vf_fused(vf a, vf b, vf c) {
    return (float)((double)a * (double)b + (double)c);
}
GATUN_INLINE vf vf_div(vf a, vf b) {
    return a / b;
}
GATUN_INLINE vf vf_min(vf a, vf b) {
    return a < b ? a : b;
}
GATUN_INLINE vf vf_max(vf a, vf b) {
    return a > b ? a : b;
}
GATUN_INLINE vf vf_abs(vf v) {
    return float_from_bits(float_bits(v) & 0x7fffffffu);
}
GATUN_INLINE vf vf_flip(vf v, vf s) {
    return float_from_bits(float_bits(v) ^ (float_bits(s) & 0x80000000u));
}

typedef int vm;

GATUN_INLINE vm vf_less(vf a, vf b) {
    return a < b;
}
GATUN_INLINE vm vf_less_equal(vf a, vf b) {
    return a <= b;
}
GATUN_INLINE vm vm_and(vm a, vm b) {
    return a & b;
}
GATUN_INLINE vm vm_and_not(vm a, vm b) {
    return a & !b;
}
GATUN_INLINE int vm_any(vm m) {
    return m;
}
GATUN_INLINE unsigned vm_bits(vm m) {
    return (unsigned)m;
}
GATUN_INLINE vm vm_from_bits(unsigned bits) {
    return (vm)(bits & 1);
}
GATUN_INLINE vf vf_select(vm m, vf a, vf b) {
    return m ? a : b;
}
GATUN_INLINE vf vf_keep(vm m, vf v) {
    return m ? v : 0.0f;
}
GATUN_INLINE vf vf_drop(vm m, vf v) {
    return m ? 0.0f : v;
}

typedef uint32_t vi; /* two's complement */

GATUN_INLINE vi vi_set(int s) {
    return (vi)s;
}
GATUN_INLINE vi vi_add(vi a, vi b) {
    return a + b;
}
GATUN_INLINE vi vi_sub(vi a, vi b) {
    return a - b;
}
GATUN_INLINE vi vi_max(vi a, vi b) {
    return (int32_t)a > (int32_t)b ? a : b;
}
GATUN_INLINE vi vi_shift_left(vi v, const int bits) {
    return v << bits;
}
GATUN_INLINE vi vi_shift_right(vi v, const int bits) {
    return (vi)((int32_t)v >> bits);
}
GATUN_INLINE vi vf_bits(vf v) {
    return float_bits(v);
}
GATUN_INLINE vf vf_from_bits(vi v) {
    return float_from_bits(v);
}
GATUN_INLINE vm vi_negative(vi v) {
    return (vm)(v >> 31);
}
GATUN_INLINE vf vf_first(vf v, int n) {
    return n > 0 ? v : 0.0f;
}
GATUN_INLINE float vf_sum(vf v) {
    return v;
}
GATUN_INLINE void vf_sum_each(const vf v[8], float *sums) {
    for (int k = 0; k < 8; k++) {
        sums[k] = v[k];
    }
}
GATUN_INLINE int vf_all_less(vf a, vf b) {
    return a < b;
}
GATUN_INLINE void vf_stream_fence(void) {}

/* Not sqrt(): without -fno-math-errno a compiler keeps a library call for negative arguments. */
GATUN_INLINE double vf_sqrt_f64(double d) {
#if defined(__SSE2__)
    return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(d)));
#elif defined(__aarch64__)
    return vget_lane_f64(vsqrt_f64(vdup_n_f64(d)), 0);
#else
    return sqrt(d);
#endif
}

typedef double vd;

GATUN_INLINE vd vd_set(double s) {
    return s;
}
GATUN_INLINE vd vd_load(const double *p) {
    return *p;
}
GATUN_INLINE void vd_store(double *p, vd v) {
    *p = v;
}
GATUN_INLINE vd vd_widen(vf v) {
    return (double)v;
}
GATUN_INLINE vf vd_narrow(vd v) {
    return (float)v;
}
GATUN_INLINE vd vd_add(vd a, vd b) {
    return a + b;
}
GATUN_INLINE vd vd_sub(vd a, vd b) {
    return a - b;
}
GATUN_INLINE vd vd_mul(vd a, vd b) {
    return a * b;
}
GATUN_INLINE vd vd_div(vd a, vd b) {
    return a / b;
}
GATUN_INLINE vd vd_sqrt(vd v) {
    return vf_sqrt_f64(v);
}
GATUN_INLINE vd vd_fma(vd a, vd b, vd c) {
    return a * b + c;
}
GATUN_INLINE vd vd_max(vd a, vd b) {
    return a > b ? a : b;
}
GATUN_INLINE double vd_sum(vd v) {
    return v;
}

#endif
