/* SPDX-License-Identifier: Apache-2.0 */
/* The vector vocabulary for x86-64-v3: AVX2, FMA, F16C. */
#ifndef GATUN_SIMD_AVX2_H
#define GATUN_SIMD_AVX2_H

#include <immintrin.h>
#include <string.h>

typedef __m256 vf;

#define VF_LANES 8
#define VF_STREAM_BYTES 32

GATUN_INLINE vf vf_zero(void) {
    return _mm256_setzero_ps();
}
GATUN_INLINE vf vf_set(float s) {
    return _mm256_set1_ps(s);
}

/* All bits set in the first n lanes. */
GATUN_INLINE __m256i vf_first_mask(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

GATUN_INLINE vf vf_load(const float *p) {
    return _mm256_loadu_ps(p);
}
GATUN_INLINE vf vf_load_first(const float *p, int n) {
    return _mm256_maskload_ps(p, vf_first_mask(n));
}
GATUN_INLINE void vf_store(float *p, vf v) {
    _mm256_storeu_ps(p, v);
}
GATUN_INLINE void vf_store_first(float *p, vf v, int n) {
    _mm256_maskstore_ps(p, vf_first_mask(n), v);
}
GATUN_INLINE void vf_stream(float *p, vf v) {
    _mm256_stream_ps(p, v);
}

/* AVX2 has no masked 16-bit access: the first n elements go through registers and a small buffer. */
GATUN_INLINE __m128i vf_load_first_16bit(const uint16_t *p, int n) {
    uint16_t buffer[VF_LANES] = {0};
    memcpy(buffer, p, (size_t)n * sizeof *p);
    return _mm_loadu_si128((const __m128i *)buffer);
}
GATUN_INLINE void vf_store_first_16bit(uint16_t *p, __m128i v, int n) {
    uint16_t buffer[VF_LANES];
    _mm_storeu_si128((__m128i *)buffer, v);
    memcpy(p, buffer, (size_t)n * sizeof *p);
}

GATUN_INLINE vf vf_widen_bf16(__m128i stored) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(stored), 16));
}
/* The nearest bf16 in the upper half of each lane; the lower half is rubbish. */
GATUN_INLINE __m256i vf_nearest_bf16(vf v) {
    __m256i bits = _mm256_castps_si256(v);
    __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    __m256 nan = _mm256_cmp_ps(v, v, _CMP_UNORD_Q);
    return _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_castsi256_ps(quiet), nan));
}
GATUN_INLINE __m128i vf_narrow_bf16(vf v) {
    __m256i halves = _mm256_srli_epi32(vf_nearest_bf16(v), 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}
GATUN_INLINE vf vf_load_bf16(const uint16_t *p) {
    return vf_widen_bf16(_mm_loadu_si128((const __m128i *)p));
}
GATUN_INLINE vf vf_load_first_bf16(const uint16_t *p, int n) {
    return vf_widen_bf16(vf_load_first_16bit(p, n));
}
GATUN_INLINE void vf_store_bf16(uint16_t *p, vf v) {
    _mm_storeu_si128((__m128i *)p, vf_narrow_bf16(v));
}
GATUN_INLINE void vf_store_first_bf16(uint16_t *p, vf v, int n) {
    vf_store_first_16bit(p, vf_narrow_bf16(v), n);
}
GATUN_INLINE void vf_stream_bf16(uint16_t *p, vf v) {
    _mm_stream_si128((__m128i *)p, vf_narrow_bf16(v));
}
/*
 * Rounded in 16-bit halves, so for both vectors at once. The upper half goes up by one where the lower one is above
 * 0x8000, or 0x8000 and the upper half odd; not where the value is a NaN, whose upper half is quiet after arithmetic.
 */
GATUN_INLINE __m256i vf_narrow_two_bf16(vf a, vf b) {
    const __m256i low_half = _mm256_set1_epi32(0xffff);
    __m256i a_bits = _mm256_castps_si256(a), b_bits = _mm256_castps_si256(b);
    __m256i upper = _mm256_packus_epi32(_mm256_srli_epi32(a_bits, 16), _mm256_srli_epi32(b_bits, 16));
    __m256i lower = _mm256_packus_epi32(_mm256_and_si256(a_bits, low_half), _mm256_and_si256(b_bits, low_half));
    __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi16(1));
    __m256i past_half = _mm256_xor_si256(_mm256_adds_epu16(lower, odd), _mm256_set1_epi16((short)0x8000));
    __m256i up = _mm256_cmpgt_epi16(past_half, _mm256_setzero_si256());
    __m256i magnitude = _mm256_and_si256(upper, _mm256_set1_epi16(0x7fff));
    __m256i nan = _mm256_cmpgt_epi16(magnitude, _mm256_set1_epi16(0x7f80));
    __m256i rounded = _mm256_sub_epi16(upper, _mm256_andnot_si256(nan, up));
    return _mm256_permute4x64_epi64(rounded, 0xd8);
}
GATUN_INLINE void vf_store_two_bf16(uint16_t *p, vf a, vf b) {
    _mm256_storeu_si256((__m256i *)p, vf_narrow_two_bf16(a, b));
}
GATUN_INLINE void vf_stream_two_bf16(uint16_t *p, vf a, vf b) {
    _mm256_stream_si256((__m256i *)p, vf_narrow_two_bf16(a, b));
}
GATUN_INLINE vf vf_round_bf16(vf v) {
    __m256i upper = _mm256_set1_epi32((int)0xffff0000u);
    return _mm256_castsi256_ps(_mm256_and_si256(vf_nearest_bf16(v), upper));
}

/* As vf_nearest_bf16, without care for NaN. */
GATUN_INLINE __m256i vf_nearest_number_bf16(vf v) {
    __m256i bits = _mm256_castps_si256(v);
    __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    return _mm256_add_epi32(bits, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
}
GATUN_INLINE vf vf_round_number_bf16(vf v) {
    __m256i upper = _mm256_set1_epi32((int)0xffff0000u);
    return _mm256_castsi256_ps(_mm256_and_si256(vf_nearest_number_bf16(v), upper));
}
GATUN_INLINE void vf_load_even_odd_bf16(const uint16_t *p, vf *even, vf *odd) {
    __m256i stored = _mm256_loadu_si256((const __m256i *)p);
    *even = _mm256_castsi256_ps(_mm256_slli_epi32(stored, 16));
    *odd = _mm256_castsi256_ps(_mm256_and_si256(stored, _mm256_set1_epi32((int)0xffff0000u)));
}
GATUN_INLINE __m256i vf_narrow_even_odd_bf16(vf even, vf odd) {
    __m256i lower = _mm256_srli_epi32(vf_nearest_number_bf16(even), 16);
    return _mm256_blend_epi16(lower, vf_nearest_number_bf16(odd), 0xaa);
}
GATUN_INLINE void vf_store_even_odd_bf16(uint16_t *p, vf even, vf odd) {
    _mm256_storeu_si256((__m256i *)p, vf_narrow_even_odd_bf16(even, odd));
}
GATUN_INLINE void vf_stream_even_odd_bf16(uint16_t *p, vf even, vf odd) {
    _mm256_stream_si256((__m256i *)p, vf_narrow_even_odd_bf16(even, odd));
}
GATUN_INLINE void vf_split(vf *first, vf *second) {
    __m256 even = _mm256_shuffle_ps(*first, *second, 0x88), odd = _mm256_shuffle_ps(*first, *second, 0xdd);
    *first = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(even), 0xd8));
    *second = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(odd), 0xd8));
}
GATUN_INLINE void vf_merge(vf *even, vf *odd) {
    __m256 low = _mm256_unpacklo_ps(*even, *odd), high = _mm256_unpackhi_ps(*even, *odd);
    *even = _mm256_permute2f128_ps(low, high, 0x20);
    *odd = _mm256_permute2f128_ps(low, high, 0x31);
}

GATUN_INLINE vf vf_load_f16(const uint16_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
GATUN_INLINE vf vf_load_first_f16(const uint16_t *p, int n) {
    return _mm256_cvtph_ps(vf_load_first_16bit(p, n));
}
GATUN_INLINE void vf_store_f16(uint16_t *p, vf v) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
GATUN_INLINE void vf_store_first_f16(uint16_t *p, vf v, int n) {
    vf_store_first_16bit(p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT), n);
}
GATUN_INLINE void vf_stream_f16(uint16_t *p, vf v) {
    _mm_stream_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
GATUN_INLINE vf vf_round_f16(vf v) {
    return _mm256_cvtph_ps(_mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

GATUN_INLINE vf vf_add(vf a, vf b) {
    return _mm256_add_ps(a, b);
}
GATUN_INLINE vf vf_sub(vf a, vf b) {
    return _mm256_sub_ps(a, b);
}
GATUN_INLINE vf vf_mul(vf a, vf b) {
    return _mm256_mul_ps(a, b);
}
GATUN_INLINE vf vf_fma(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}
GATUN_INLINE vf vf_fused(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}
GATUN_INLINE vf vf_div(vf a, vf b) {
    return _mm256_div_ps(a, b);
}
GATUN_INLINE vf vf_min(vf a, vf b) {
    return _mm256_min_ps(a, b);
}
GATUN_INLINE vf vf_max(vf a, vf b) {
    return _mm256_max_ps(a, b);
}
GATUN_INLINE vf vf_abs(vf v) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
}
GATUN_INLINE vf vf_flip(vf v, vf s) {
    return _mm256_xor_ps(v, _mm256_and_ps(s, _mm256_set1_ps(-0.0f)));
}

typedef __m256 vm;

GATUN_INLINE vm vf_less(vf a, vf b) {
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}
GATUN_INLINE vm vf_less_equal(vf a, vf b) {
    return _mm256_cmp_ps(a, b, _CMP_LE_OQ);
}
GATUN_INLINE vm vm_and(vm a, vm b) {
    return _mm256_and_ps(a, b);
}
GATUN_INLINE vm vm_and_not(vm a, vm b) {
    return _mm256_andnot_ps(b, a);
}
GATUN_INLINE int vm_any(vm m) {
    return _mm256_movemask_ps(m) != 0;
}
GATUN_INLINE unsigned vm_bits(vm m) {
    return (unsigned)_mm256_movemask_ps(m);
}
GATUN_INLINE vm vm_from_bits(unsigned bits) {
    const __m256i lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)bits), lanes), lanes));
}
GATUN_INLINE vf vf_select(vm m, vf a, vf b) {
    return _mm256_blendv_ps(b, a, m);
}
GATUN_INLINE vf vf_keep(vm m, vf v) {
    return _mm256_and_ps(m, v);
}
GATUN_INLINE vf vf_drop(vm m, vf v) {
    return _mm256_andnot_ps(m, v);
}

typedef __m256i vi;

GATUN_INLINE vi vi_set(int s) {
    return _mm256_set1_epi32(s);
}
GATUN_INLINE vi vi_add(vi a, vi b) {
    return _mm256_add_epi32(a, b);
}
GATUN_INLINE vi vi_sub(vi a, vi b) {
    return _mm256_sub_epi32(a, b);
}
GATUN_INLINE vi vi_max(vi a, vi b) {
    return _mm256_max_epi32(a, b);
}
GATUN_INLINE vi vi_shift_left(vi v, const int bits) {
    return _mm256_slli_epi32(v, bits);
}
GATUN_INLINE vi vi_shift_right(vi v, const int bits) {
    return _mm256_srai_epi32(v, bits);
}
GATUN_INLINE vi vf_bits(vf v) {
    return _mm256_castps_si256(v);
}
GATUN_INLINE vf vf_from_bits(vi v) {
    return _mm256_castsi256_ps(v);
}
GATUN_INLINE vm vi_negative(vi v) {
    return _mm256_castsi256_ps(_mm256_srai_epi32(v, 31));
}
GATUN_INLINE vf vf_first(vf v, int n) {
    return _mm256_and_ps(v, _mm256_castsi256_ps(vf_first_mask(n)));
}
GATUN_INLINE float vf_sum(vf v) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
GATUN_INLINE void vf_sum_each(const vf v[8], float *sums) {
    __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
    __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
    vf_store(sums, _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31)));
}
GATUN_INLINE int vf_all_less(vf a, vf b) {
    return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ)) == 0xff;
}
GATUN_INLINE void vf_stream_fence(void) {
    _mm_sfence();
}
GATUN_INLINE double vf_sqrt_f64(double d) {
    return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(d)));
}

typedef struct {
    __m256d low, high; /* lanes 0 to 3, lanes 4 to 7 */
} vd;

GATUN_INLINE vd vd_set(double s) {
    return (vd){_mm256_set1_pd(s), _mm256_set1_pd(s)};
}
GATUN_INLINE vd vd_load(const double *p) {
    return (vd){_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)};
}
GATUN_INLINE void vd_store(double *p, vd v) {
    _mm256_storeu_pd(p, v.low);
    _mm256_storeu_pd(p + 4, v.high);
}
GATUN_INLINE vd vd_widen(vf v) {
    return (vd){_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
}
GATUN_INLINE vf vd_narrow(vd v) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(v.low)), _mm256_cvtpd_ps(v.high), 1);
}
GATUN_INLINE vd vd_add(vd a, vd b) {
    return (vd){_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)};
}
GATUN_INLINE vd vd_sub(vd a, vd b) {
    return (vd){_mm256_sub_pd(a.low, b.low), _mm256_sub_pd(a.high, b.high)};
}
GATUN_INLINE vd vd_mul(vd a, vd b) {
    return (vd){_mm256_mul_pd(a.low, b.low), _mm256_mul_pd(a.high, b.high)};
}
GATUN_INLINE vd vd_div(vd a, vd b) {
    return (vd){_mm256_div_pd(a.low, b.low), _mm256_div_pd(a.high, b.high)};
}
GATUN_INLINE vd vd_sqrt(vd v) {
    return (vd){_mm256_sqrt_pd(v.low), _mm256_sqrt_pd(v.high)};
}
GATUN_INLINE vd vd_fma(vd a, vd b, vd c) {
    return (vd){_mm256_fmadd_pd(a.low, b.low, c.low), _mm256_fmadd_pd(a.high, b.high, c.high)};
}
GATUN_INLINE vd vd_max(vd a, vd b) {
    return (vd){_mm256_max_pd(a.low, b.low), _mm256_max_pd(a.high, b.high)};
}
GATUN_INLINE double vd_sum(vd v) {
    __m256d four = _mm256_add_pd(v.low, v.high);
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

#endif
