/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector vocabulary for products of 8-bit integers, beside simd.h.
 *
 * `vi` is a vector of VF_LANES 32-bit integers, or as many groups of four bytes:
 *
 *   vi_zero()  vi_set(s)  vi_load(p)  vi_store(p, v)         p of any alignment
 *   vi_set_bytes(p)                  the four bytes at p in every lane
 *   vi_add  vi_mul                   modulo 2^32
 *   vi_and  vi_or                    bitwise
 *   vi_mask_bytes(b)                 every byte b
 *   vi_shift_left(v, n)  vi_shift_right(v, n)                 of the lanes, zeros come in
 *   vi_to_float(v)                   rounded to nearest even
 *   vi_load_s8(p)  vi_load_u8(p)     VF_LANES signed or unsigned bytes, widened
 *   vi_store_s8(p, v)                the lowest byte of each lane
 *   vi_magnitude(v)                  the bits of |v|: ordered as the magnitudes are, Inf and NaN above all numbers
 *   vi_max(a, b)                     signed
 *   vi_max_lanes(v)  vi_sum_lanes(v) over the lanes
 *   vi_round(v)                      to the nearest integer, ties to even; |v| < 2^31
 *   vi_round_quotient(a, b, limit)   a / b rounded to float, then as vi_round, between -limit and limit; 0 for NaN.
 *                                    1 <= limit <= 127
 *
 * With VI_FUSED_DOT:
 *   vi_dot(sum, u, q)                each lane: sum + u0 q0 + u1 q1 + u2 q2 + u3 q3 modulo 2^32, u unsigned and q signed
 *
 * Otherwise `vp` holds 16-bit sums that are to stay within 16 bits until they are widened:
 *   vp_zero()  vp_dot(sum, u, q)     adds products; u at most 127, and all sums of two neighbouring products added so
 *                                    far at most 32767
 *   vi_add_pairs(sum, pairs, factor) sum + factor * what vi_dot would have added; factor 1 or 16
 */
#ifndef GATUN_SIMD_INT8_H
#define GATUN_SIMD_INT8_H

#include <string.h>

#include "simd.h"

GATUN_INLINE int32_t four_bytes(const void *p) {
    int32_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    return bytes;
}

#if defined(GATUN_LEVEL_SCALAR)

typedef int32_t vi;
#define VI_FUSED_DOT 1

GATUN_INLINE vi vi_zero(void) {
    return 0;
}
GATUN_INLINE vi vi_set(int32_t s) {
    return s;
}
GATUN_INLINE vi vi_load(const void *p) {
    return four_bytes(p);
}
GATUN_INLINE void vi_store(void *p, vi v) {
    memcpy(p, &v, sizeof v);
}
GATUN_INLINE vi vi_set_bytes(const void *p) {
    return four_bytes(p);
}
GATUN_INLINE vi vi_add(vi a, vi b) {
    return (vi)((uint32_t)a + (uint32_t)b);
}
GATUN_INLINE vi vi_mul(vi a, vi b) {
    return (vi)((uint32_t)a * (uint32_t)b);
}
GATUN_INLINE vi vi_and(vi a, vi b) {
    return a & b;
}
GATUN_INLINE vi vi_or(vi a, vi b) {
    return a | b;
}
GATUN_INLINE vi vi_mask_bytes(int b) {
    return (vi)((uint32_t)b * 0x01010101u);
}
GATUN_INLINE vi vi_shift_left(vi v, int n) {
    return (vi)((uint32_t)v << n);
}
GATUN_INLINE vi vi_shift_right(vi v, int n) {
    return (vi)((uint32_t)v >> n);
}
GATUN_INLINE vf vi_to_float(vi v) {
    return (float)v;
}
GATUN_INLINE vi vi_load_s8(const void *p) {
    return *(const int8_t *)p;
}
GATUN_INLINE vi vi_load_u8(const void *p) {
    return *(const uint8_t *)p;
}
GATUN_INLINE void vi_store_s8(void *p, vi v) {
    *(int8_t *)p = (int8_t)v;
}
GATUN_INLINE vi vi_magnitude(vf v) {
    return (vi)(float_bits(v) & 0x7fffffffu);
}
GATUN_INLINE vi vi_max(vi a, vi b) {
    return a > b ? a : b;
}
GATUN_INLINE int32_t vi_max_lanes(vi v) {
    return v;
}
GATUN_INLINE int32_t vi_sum_lanes(vi v) {
    return v;
}
/* Up to 2^22, adding 1.5 * 2^23 leaves no place for a fraction. */
GATUN_INLINE vi vi_round(vf v) {
    return v < 0x1p22f && v > -0x1p22f ? (vi)((v + 0x1.8p23f) - 0x1.8p23f) : (vi)v;
}
GATUN_INLINE vi vi_round_quotient(vf a, vf b, vf limit) {
    float quotient = a / b;
    float clamped = quotient > limit ? limit : quotient < -limit ? -limit : quotient == quotient ? quotient : 0.0f;
    return vi_round(clamped);
}
GATUN_INLINE vi vi_dot(vi sum, vi u, vi q) {
    for (int b = 0; b < 4; b++) {
        sum = vi_add(sum, (int32_t)((uint32_t)u >> 8 * b & 255u) * (int8_t)((uint32_t)q >> 8 * b & 255u));
    }
    return sum;
}

#elif defined(GATUN_LEVEL_AVX2)

typedef __m256i vi;
typedef __m256i vp;
#define VI_FUSED_DOT 0

GATUN_INLINE vi vi_zero(void) {
    return _mm256_setzero_si256();
}
GATUN_INLINE vi vi_set(int32_t s) {
    return _mm256_set1_epi32(s);
}
GATUN_INLINE vi vi_load(const void *p) {
    return _mm256_loadu_si256((const __m256i *)p);
}
GATUN_INLINE void vi_store(void *p, vi v) {
    _mm256_storeu_si256((__m256i *)p, v);
}
GATUN_INLINE vi vi_set_bytes(const void *p) {
    return _mm256_set1_epi32(four_bytes(p));
}
GATUN_INLINE vi vi_add(vi a, vi b) {
    return _mm256_add_epi32(a, b);
}
GATUN_INLINE vi vi_mul(vi a, vi b) {
    return _mm256_mullo_epi32(a, b);
}
GATUN_INLINE vi vi_and(vi a, vi b) {
    return _mm256_and_si256(a, b);
}
GATUN_INLINE vi vi_or(vi a, vi b) {
    return _mm256_or_si256(a, b);
}
GATUN_INLINE vi vi_mask_bytes(int b) {
    return _mm256_set1_epi8((char)b);
}
GATUN_INLINE vi vi_shift_left(vi v, int n) {
    return _mm256_slli_epi32(v, n);
}
GATUN_INLINE vi vi_shift_right(vi v, int n) {
    return _mm256_srli_epi32(v, n);
}
GATUN_INLINE vf vi_to_float(vi v) {
    return _mm256_cvtepi32_ps(v);
}
GATUN_INLINE vi vi_load_s8(const void *p) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
GATUN_INLINE vi vi_load_u8(const void *p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
GATUN_INLINE void vi_store_s8(void *p, vi v) {
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64((__m128i *)p, _mm_packs_epi16(words, words));
}
GATUN_INLINE vi vi_magnitude(vf v) {
    return _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff));
}
GATUN_INLINE vi vi_max(vi a, vi b) {
    return _mm256_max_epi32(a, b);
}
GATUN_INLINE int32_t vi_max_lanes(vi v) {
    __m128i four = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}
GATUN_INLINE int32_t vi_sum_lanes(vi v) {
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}
GATUN_INLINE vi vi_round(vf v) {
    return _mm256_cvtps_epi32(_mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
GATUN_INLINE vi vi_round_quotient(vf a, vf b, vf limit) {
    __m256 quotient = _mm256_div_ps(a, b);
    __m256 number = _mm256_and_ps(quotient, _mm256_cmp_ps(quotient, quotient, _CMP_ORD_Q));
    return vi_round(_mm256_max_ps(_mm256_min_ps(number, limit), _mm256_sub_ps(_mm256_setzero_ps(), limit)));
}
GATUN_INLINE vp vp_zero(void) {
    return _mm256_setzero_si256();
}
GATUN_INLINE vp vp_dot(vp sum, vi u, vi q) {
    sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(u, q));
    __asm__("" : "+x"(sum)); /* else gcc adds up trees of products, which it has no registers for */
    return sum;
}
GATUN_INLINE vi vi_add_pairs(vi sum, vp pairs, int factor) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16((short)factor)));
}

#elif defined(GATUN_LEVEL_AVX512) || defined(GATUN_LEVEL_AVX512VNNI)

typedef __m512i vi;

GATUN_INLINE vi vi_zero(void) {
    return _mm512_setzero_si512();
}
GATUN_INLINE vi vi_set(int32_t s) {
    return _mm512_set1_epi32(s);
}
GATUN_INLINE vi vi_load(const void *p) {
    return _mm512_loadu_si512(p);
}
GATUN_INLINE void vi_store(void *p, vi v) {
    _mm512_storeu_si512(p, v);
}
GATUN_INLINE vi vi_set_bytes(const void *p) {
    return _mm512_set1_epi32(four_bytes(p));
}
GATUN_INLINE vi vi_add(vi a, vi b) {
    return _mm512_add_epi32(a, b);
}
GATUN_INLINE vi vi_mul(vi a, vi b) {
    return _mm512_mullo_epi32(a, b);
}
GATUN_INLINE vi vi_and(vi a, vi b) {
    return _mm512_and_si512(a, b);
}
GATUN_INLINE vi vi_or(vi a, vi b) {
    return _mm512_or_si512(a, b);
}
GATUN_INLINE vi vi_mask_bytes(int b) {
    return _mm512_set1_epi8((char)b);
}
GATUN_INLINE vi vi_shift_left(vi v, int n) {
    return _mm512_slli_epi32(v, (unsigned)n);
}
GATUN_INLINE vi vi_shift_right(vi v, int n) {
    return _mm512_srli_epi32(v, (unsigned)n);
}
GATUN_INLINE vf vi_to_float(vi v) {
    return _mm512_cvtepi32_ps(v);
}
GATUN_INLINE vi vi_load_s8(const void *p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p));
}
GATUN_INLINE vi vi_load_u8(const void *p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}
GATUN_INLINE void vi_store_s8(void *p, vi v) {
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(v));
}
GATUN_INLINE vi vi_magnitude(vf v) {
    return _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff));
}
GATUN_INLINE vi vi_max(vi a, vi b) {
    return _mm512_max_epi32(a, b);
}
GATUN_INLINE int32_t vi_max_lanes(vi v) {
    return _mm512_reduce_max_epi32(v);
}
GATUN_INLINE int32_t vi_sum_lanes(vi v) {
    return _mm512_reduce_add_epi32(v);
}
GATUN_INLINE vi vi_round(vf v) {
    return _mm512_cvt_roundps_epi32(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
GATUN_INLINE vi vi_round_quotient(vf a, vf b, vf limit) {
    __m512 quotient = _mm512_div_ps(a, b);
    __m512 number = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(quotient, quotient, _CMP_ORD_Q), quotient);
    return vi_round(_mm512_max_ps(_mm512_min_ps(number, limit), _mm512_sub_ps(_mm512_setzero_ps(), limit)));
}

#if defined(GATUN_LEVEL_AVX512VNNI)
#define VI_FUSED_DOT 1
GATUN_INLINE vi vi_dot(vi sum, vi u, vi q) {
    return _mm512_dpbusd_epi32(sum, u, q);
}
#else
typedef __m512i vp;
#define VI_FUSED_DOT 0
GATUN_INLINE vp vp_zero(void) {
    return _mm512_setzero_si512();
}
GATUN_INLINE vp vp_dot(vp sum, vi u, vi q) {
    sum = _mm512_add_epi16(sum, _mm512_maddubs_epi16(u, q));
    __asm__("" : "+v"(sum)); /* else gcc adds up trees of products, which it has no registers for */
    return sum;
}
GATUN_INLINE vi vi_add_pairs(vi sum, vp pairs, int factor) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16((short)factor)));
}
#endif

#elif defined(GATUN_LEVEL_NEON) || defined(GATUN_LEVEL_NEONDOT)

typedef int32x4_t vi;

GATUN_INLINE vi vi_zero(void) {
    return vdupq_n_s32(0);
}
GATUN_INLINE vi vi_set(int32_t s) {
    return vdupq_n_s32(s);
}
GATUN_INLINE vi vi_load(const void *p) {
    return vreinterpretq_s32_u8(vld1q_u8((const uint8_t *)p));
}
GATUN_INLINE void vi_store(void *p, vi v) {
    vst1q_u8((uint8_t *)p, vreinterpretq_u8_s32(v));
}
GATUN_INLINE vi vi_set_bytes(const void *p) {
    return vdupq_n_s32(four_bytes(p));
}
GATUN_INLINE vi vi_add(vi a, vi b) {
    return vaddq_s32(a, b);
}
GATUN_INLINE vi vi_mul(vi a, vi b) {
    return vmulq_s32(a, b);
}
GATUN_INLINE vi vi_and(vi a, vi b) {
    return vandq_s32(a, b);
}
GATUN_INLINE vi vi_or(vi a, vi b) {
    return vorrq_s32(a, b);
}
GATUN_INLINE vi vi_mask_bytes(int b) {
    return vreinterpretq_s32_u8(vdupq_n_u8((uint8_t)b));
}
GATUN_INLINE vi vi_shift_left(vi v, int n) {
    return vshlq_s32(v, vdupq_n_s32(n));
}
GATUN_INLINE vi vi_shift_right(vi v, int n) {
    return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(v), vdupq_n_s32(-n)));
}
GATUN_INLINE vf vi_to_float(vi v) {
    return vcvtq_f32_s32(v);
}
GATUN_INLINE vi vi_load_s8(const void *p) {
    int8x8_t bytes = vreinterpret_s8_s32(vdup_n_s32(four_bytes(p)));
    return vmovl_s16(vget_low_s16(vmovl_s8(bytes)));
}
GATUN_INLINE vi vi_load_u8(const void *p) {
    uint8x8_t bytes = vreinterpret_u8_s32(vdup_n_s32(four_bytes(p)));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
}
GATUN_INLINE void vi_store_s8(void *p, vi v) {
    int8x8_t bytes = vmovn_s16(vcombine_s16(vmovn_s32(v), vdup_n_s16(0)));
    int32_t four = vget_lane_s32(vreinterpret_s32_s8(bytes), 0);
    memcpy(p, &four, sizeof four);
}
GATUN_INLINE vi vi_magnitude(vf v) {
    return vandq_s32(vreinterpretq_s32_f32(v), vdupq_n_s32(0x7fffffff));
}
GATUN_INLINE vi vi_max(vi a, vi b) {
    return vmaxq_s32(a, b);
}
GATUN_INLINE int32_t vi_max_lanes(vi v) {
    return vmaxvq_s32(v);
}
GATUN_INLINE int32_t vi_sum_lanes(vi v) {
    return vaddvq_s32(v);
}
GATUN_INLINE vi vi_round(vf v) {
    return vcvtnq_s32_f32(v);
}
/* The conversion makes 0 of a NaN. */
GATUN_INLINE vi vi_round_quotient(vf a, vf b, vf limit) {
    return vcvtnq_s32_f32(vmaxq_f32(vminq_f32(vdivq_f32(a, b), limit), vnegq_f32(limit)));
}

typedef struct {
    int16x8_t low, high; /* products of bytes 0 to 7, of bytes 8 to 15 */
} vp;
#define VI_FUSED_DOT 0
GATUN_INLINE vp vp_zero(void) {
    return (vp){vdupq_n_s16(0), vdupq_n_s16(0)};
}
GATUN_INLINE vp vp_dot(vp sum, vi u, vi q) {
    int8x16_t u8 = vreinterpretq_s8_s32(u), q8 = vreinterpretq_s8_s32(q);
    return (vp){vmlal_s8(sum.low, vget_low_s8(u8), vget_low_s8(q8)), vmlal_high_s8(sum.high, u8, q8)};
}
GATUN_INLINE vi vi_add_pairs(vi sum, vp pairs, int factor) {
    return vmlaq_n_s32(sum, vpaddlq_s16(vpaddq_s16(pairs.low, pairs.high)), factor);
}

#endif

#endif
