/* SPDX-License-Identifier: Apache-2.0 */
/* The vector vocabulary for x86-64-v4: AVX-512 F, BW, CD, DQ, VL. */
#ifndef GATUN_SIMD_AVX512_H
#define GATUN_SIMD_AVX512_H

#include <immintrin.h>

typedef __m512 vf;

#define VF_LANES 16
#define VF_STREAM_BYTES 64

GATUN_INLINE vf vf_zero(void) {
    return _mm512_setzero_ps();
}
GATUN_INLINE vf vf_set(float s) {
    return _mm512_set1_ps(s);
}

/* The first n lanes. */
GATUN_INLINE __mmask16 vf_first_mask(int n) {
    return (__mmask16)((1u << n) - 1u);
}

GATUN_INLINE vf vf_load(const float *p) {
    return _mm512_loadu_ps(p);
}
GATUN_INLINE vf vf_load_first(const float *p, int n) {
    return _mm512_maskz_loadu_ps(vf_first_mask(n), p);
}
GATUN_INLINE void vf_store(float *p, vf v) {
    _mm512_storeu_ps(p, v);
}
GATUN_INLINE void vf_store_first(float *p, vf v, int n) {
    _mm512_mask_storeu_ps(p, vf_first_mask(n), v);
}
GATUN_INLINE void vf_stream(float *p, vf v) {
    _mm512_stream_ps(p, v);
}

GATUN_INLINE vf vf_widen_bf16(__m256i stored) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(stored), 16));
}
/* The nearest bf16 in the upper half of each lane; the lower half is rubbish. */
GATUN_INLINE __m512i vf_nearest_bf16(vf v) {
    __m512i bits = _mm512_castps_si512(v);
    __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff)));
    __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
}
GATUN_INLINE __m256i vf_narrow_bf16(vf v) {
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(vf_nearest_bf16(v), 16));
}
GATUN_INLINE vf vf_load_bf16(const uint16_t *p) {
    return vf_widen_bf16(_mm256_loadu_si256((const __m256i *)p));
}
GATUN_INLINE vf vf_load_first_bf16(const uint16_t *p, int n) {
    return vf_widen_bf16(_mm256_maskz_loadu_epi16(vf_first_mask(n), p));
}
GATUN_INLINE void vf_store_bf16(uint16_t *p, vf v) {
    _mm256_storeu_si256((__m256i *)p, vf_narrow_bf16(v));
}
GATUN_INLINE void vf_store_first_bf16(uint16_t *p, vf v, int n) {
    _mm256_mask_storeu_epi16(p, vf_first_mask(n), vf_narrow_bf16(v));
}
GATUN_INLINE void vf_stream_bf16(uint16_t *p, vf v) {
    _mm256_stream_si256((__m256i *)p, vf_narrow_bf16(v));
}
GATUN_INLINE void vf_store_two_bf16(uint16_t *p, vf a, vf b) {
    vf_store_bf16(p, a);
    vf_store_bf16(p + VF_LANES, b);
}
GATUN_INLINE void vf_stream_two_bf16(uint16_t *p, vf a, vf b) {
    vf_stream_bf16(p, a);
    vf_stream_bf16(p + VF_LANES, b);
}
GATUN_INLINE vf vf_round_bf16(vf v) {
    __m512i upper = _mm512_set1_epi32((int)0xffff0000u);
    return _mm512_castsi512_ps(_mm512_and_si512(vf_nearest_bf16(v), upper));
}

/* As vf_nearest_bf16, without care for NaN. */
GATUN_INLINE __m512i vf_nearest_number_bf16(vf v) {
    __m512i bits = _mm512_castps_si512(v);
    __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    return _mm512_add_epi32(bits, _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff)));
}
GATUN_INLINE vf vf_round_number_bf16(vf v) {
    __m512i upper = _mm512_set1_epi32((int)0xffff0000u);
    return _mm512_castsi512_ps(_mm512_and_si512(vf_nearest_number_bf16(v), upper));
}
GATUN_INLINE void vf_load_even_odd_bf16(const uint16_t *p, vf *even, vf *odd) {
    __m512i stored = _mm512_loadu_si512(p);
    *even = _mm512_castsi512_ps(_mm512_slli_epi32(stored, 16));
    *odd = _mm512_castsi512_ps(_mm512_and_si512(stored, _mm512_set1_epi32((int)0xffff0000u)));
}
GATUN_INLINE __m512i vf_narrow_even_odd_bf16(vf even, vf odd) {
    __m512i lower = _mm512_srli_epi32(vf_nearest_number_bf16(even), 16);
    return _mm512_mask_blend_epi16(0xaaaaaaaau, lower, vf_nearest_number_bf16(odd));
}
GATUN_INLINE void vf_store_even_odd_bf16(uint16_t *p, vf even, vf odd) {
    _mm512_storeu_si512(p, vf_narrow_even_odd_bf16(even, odd));
}
GATUN_INLINE void vf_stream_even_odd_bf16(uint16_t *p, vf even, vf odd) {
    _mm512_stream_si512((__m512i *)(void *)p, vf_narrow_even_odd_bf16(even, odd));
}
GATUN_INLINE void vf_split(vf *first, vf *second) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    const vf a = *first, b = *second;
    *first = _mm512_permutex2var_ps(a, even, b);
    *second = _mm512_permutex2var_ps(a, odd, b);
}
GATUN_INLINE void vf_merge(vf *even, vf *odd) {
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const vf a = *even, b = *odd;
    *even = _mm512_permutex2var_ps(a, low, b);
    *odd = _mm512_permutex2var_ps(a, high, b);
}

GATUN_INLINE vf vf_load_f16(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
GATUN_INLINE vf vf_load_first_f16(const uint16_t *p, int n) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(vf_first_mask(n), p));
}
GATUN_INLINE void vf_store_f16(uint16_t *p, vf v) {
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
GATUN_INLINE void vf_store_first_f16(uint16_t *p, vf v, int n) {
    _mm256_mask_storeu_epi16(p, vf_first_mask(n), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
GATUN_INLINE void vf_stream_f16(uint16_t *p, vf v) {
    _mm256_stream_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
GATUN_INLINE vf vf_round_f16(vf v) {
    return _mm512_cvtph_ps(_mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

GATUN_INLINE vf vf_add(vf a, vf b) {
    return _mm512_add_ps(a, b);
}
GATUN_INLINE vf vf_sub(vf a, vf b) {
    return _mm512_sub_ps(a, b);
}
GATUN_INLINE vf vf_mul(vf a, vf b) {
    return _mm512_mul_ps(a, b);
}
GATUN_INLINE vf vf_fma(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
GATUN_INLINE vf vf_fused(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
GATUN_INLINE vf vf_div(vf a, vf b) {
    return _mm512_div_ps(a, b);
}
GATUN_INLINE vf vf_min(vf a, vf b) {
    return _mm512_min_ps(a, b);
}
GATUN_INLINE vf vf_max(vf a, vf b) {
    return _mm512_max_ps(a, b);
}
GATUN_INLINE vf vf_abs(vf v) {
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), v);
}
GATUN_INLINE vf vf_flip(vf v, vf s) {
    return _mm512_xor_ps(v, _mm512_and_ps(s, _mm512_set1_ps(-0.0f)));
}

typedef __mmask16 vm;

GATUN_INLINE vm vf_less(vf a, vf b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
GATUN_INLINE vm vf_less_equal(vf a, vf b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ);
}
GATUN_INLINE vm vm_and(vm a, vm b) {
    return (vm)(a & b);
}
GATUN_INLINE vm vm_and_not(vm a, vm b) {
    return (vm)(a & ~b);
}
GATUN_INLINE int vm_any(vm m) {
    return m != 0;
}
GATUN_INLINE unsigned vm_bits(vm m) {
    return m;
}
GATUN_INLINE vm vm_from_bits(unsigned bits) {
    return (vm)bits;
}
GATUN_INLINE vf vf_select(vm m, vf a, vf b) {
    return _mm512_mask_blend_ps(m, b, a);
}
GATUN_INLINE vf vf_keep(vm m, vf v) {
    return _mm512_maskz_mov_ps(m, v);
}
GATUN_INLINE vf vf_drop(vm m, vf v) {
    return _mm512_maskz_mov_ps((vm)~m, v);
}

typedef __m512i vi;

GATUN_INLINE vi vi_set(int s) {
    return _mm512_set1_epi32(s);
}
GATUN_INLINE vi vi_add(vi a, vi b) {
    return _mm512_add_epi32(a, b);
}
GATUN_INLINE vi vi_sub(vi a, vi b) {
    return _mm512_sub_epi32(a, b);
}
GATUN_INLINE vi vi_max(vi a, vi b) {
    return _mm512_max_epi32(a, b);
}
GATUN_INLINE vi vi_shift_left(vi v, const int bits) {
    return _mm512_slli_epi32(v, (unsigned)bits);
}
GATUN_INLINE vi vi_shift_right(vi v, const int bits) {
    return _mm512_srai_epi32(v, (unsigned)bits);
}
GATUN_INLINE vi vf_bits(vf v) {
    return _mm512_castps_si512(v);
}
GATUN_INLINE vf vf_from_bits(vi v) {
    return _mm512_castsi512_ps(v);
}
GATUN_INLINE vm vi_negative(vi v) {
    return _mm512_movepi32_mask(v);
}
GATUN_INLINE vf vf_first(vf v, int n) {
    return _mm512_maskz_mov_ps(vf_first_mask(n), v);
}
GATUN_INLINE float vf_sum(vf v) {
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
GATUN_INLINE __m256 vf_add_halves(vf v) {
    return _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
}
GATUN_INLINE void vf_sum_each(const vf v[8], float *sums) {
    __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(vf_add_halves(v[0]), vf_add_halves(v[1])),
                              _mm256_hadd_ps(vf_add_halves(v[2]), vf_add_halves(v[3])));
    __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(vf_add_halves(v[4]), vf_add_halves(v[5])),
                              _mm256_hadd_ps(vf_add_halves(v[6]), vf_add_halves(v[7])));
    _mm256_storeu_ps(sums, _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31)));
}
GATUN_INLINE int vf_all_less(vf a, vf b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ) == 0xffff;
}
GATUN_INLINE void vf_stream_fence(void) {
    _mm_sfence();
}
GATUN_INLINE double vf_sqrt_f64(double d) {
    return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(d)));
}

typedef struct {
    __m512d low, high; /* lanes 0 to 7, lanes 8 to 15 */
} vd;

GATUN_INLINE vd vd_set(double s) {
    return (vd){_mm512_set1_pd(s), _mm512_set1_pd(s)};
}
GATUN_INLINE vd vd_load(const double *p) {
    return (vd){_mm512_loadu_pd(p), _mm512_loadu_pd(p + 8)};
}
GATUN_INLINE void vd_store(double *p, vd v) {
    _mm512_storeu_pd(p, v.low);
    _mm512_storeu_pd(p + 8, v.high);
}
GATUN_INLINE vd vd_widen(vf v) {
    return (vd){_mm512_cvtps_pd(_mm512_castps512_ps256(v)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1))};
}
GATUN_INLINE vf vd_narrow(vd v) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(v.low)), _mm512_cvtpd_ps(v.high), 1);
}
GATUN_INLINE vd vd_add(vd a, vd b) {
    return (vd){_mm512_add_pd(a.low, b.low), _mm512_add_pd(a.high, b.high)};
}
GATUN_INLINE vd vd_sub(vd a, vd b) {
    return (vd){_mm512_sub_pd(a.low, b.low), _mm512_sub_pd(a.high, b.high)};
}
GATUN_INLINE vd vd_mul(vd a, vd b) {
    return (vd){_mm512_mul_pd(a.low, b.low), _mm512_mul_pd(a.high, b.high)};
}
GATUN_INLINE vd vd_div(vd a, vd b) {
    return (vd){_mm512_div_pd(a.low, b.low), _mm512_div_pd(a.high, b.high)};
}
GATUN_INLINE vd vd_sqrt(vd v) {
    return (vd){_mm512_sqrt_pd(v.low), _mm512_sqrt_pd(v.high)};
}
GATUN_INLINE vd vd_fma(vd a, vd b, vd c) {
    return (vd){_mm512_fmadd_pd(a.low, b.low, c.low), _mm512_fmadd_pd(a.high, b.high, c.high)};
}
GATUN_INLINE vd vd_max(vd a, vd b) {
    return (vd){_mm512_max_pd(a.low, b.low), _mm512_max_pd(a.high, b.high)};
}
GATUN_INLINE double vd_sum(vd v) {
    __m512d eight = _mm512_add_pd(v.low, v.high);
    __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

#endif
