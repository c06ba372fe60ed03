/* SPDX-License-Identifier: Apache-2.0 */
/* The vector vocabulary for the aarch64 baseline: NEON with FMA and conversions of binary16. */
#ifndef GATUN_SIMD_NEON_H
#define GATUN_SIMD_NEON_H

#include <arm_neon.h>

typedef float32x4_t vf;

#define VF_LANES 4
#define VF_STREAM_BYTES 16

GATUN_INLINE vf vf_zero(void) {
    return vdupq_n_f32(0.0f);
}
GATUN_INLINE vf vf_set(float s) {
    return vdupq_n_f32(s);
}

/* All bits set in the first n lanes. */
GATUN_INLINE uint32x4_t vf_first_mask(int n) {
    static const int32_t lanes[VF_LANES] = {0, 1, 2, 3};
    return vcltq_s32(vld1q_s32(lanes), vdupq_n_s32(n));
}

GATUN_INLINE vf vf_load(const float *p) {
    return vld1q_f32(p);
}
/* NEON has no masked access: the first n elements go one by one. */
GATUN_INLINE vf vf_load_first(const float *p, int n) {
    vf v = vdupq_n_f32(0.0f);
    if (n > 0) {
        v = vld1q_lane_f32(p, v, 0);
    }
    if (n > 1) {
        v = vld1q_lane_f32(p + 1, v, 1);
    }
    if (n > 2) {
        v = vld1q_lane_f32(p + 2, v, 2);
    }
    return v;
}
GATUN_INLINE void vf_store(float *p, vf v) {
    vst1q_f32(p, v);
}
GATUN_INLINE void vf_store_first(float *p, vf v, int n) {
    if (n > 0) {
        vst1q_lane_f32(p, v, 0);
    }
    if (n > 1) {
        vst1q_lane_f32(p + 1, v, 1);
    }
    if (n > 2) {
        vst1q_lane_f32(p + 2, v, 2);
    }
}
/* Compilers offer no portable intrinsic for STNP, and it is no more than a hint. */
GATUN_INLINE void vf_stream(float *p, vf v) {
    vst1q_f32(p, v);
}

GATUN_INLINE uint16x4_t vf_load_first_16bit(const uint16_t *p, int n) {
    uint16x4_t v = vdup_n_u16(0);
    if (n > 0) {
        v = vld1_lane_u16(p, v, 0);
    }
    if (n > 1) {
        v = vld1_lane_u16(p + 1, v, 1);
    }
    if (n > 2) {
        v = vld1_lane_u16(p + 2, v, 2);
    }
    return v;
}
GATUN_INLINE void vf_store_first_16bit(uint16_t *p, uint16x4_t v, int n) {
    if (n > 0) {
        vst1_lane_u16(p, v, 0);
    }
    if (n > 1) {
        vst1_lane_u16(p + 1, v, 1);
    }
    if (n > 2) {
        vst1_lane_u16(p + 2, v, 2);
    }
}

GATUN_INLINE vf vf_widen_bf16(uint16x4_t stored) {
    return vreinterpretq_f32_u32(vshll_n_u16(stored, 16));
}
/* The nearest bf16 in the upper half of each lane; the lower half is rubbish. */
GATUN_INLINE uint32x4_t vf_nearest_bf16(vf v) {
    uint32x4_t bits = vreinterpretq_u32_f32(v);
    uint32x4_t even = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(even, vdupq_n_u32(0x7fff)));
    uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    return vbslq_u32(vceqq_f32(v, v), rounded, quiet);
}
GATUN_INLINE uint16x4_t vf_narrow_bf16(vf v) {
    return vshrn_n_u32(vf_nearest_bf16(v), 16);
}
GATUN_INLINE vf vf_load_bf16(const uint16_t *p) {
    return vf_widen_bf16(vld1_u16(p));
}
GATUN_INLINE vf vf_load_first_bf16(const uint16_t *p, int n) {
    return vf_widen_bf16(vf_load_first_16bit(p, n));
}
GATUN_INLINE void vf_store_bf16(uint16_t *p, vf v) {
    vst1_u16(p, vf_narrow_bf16(v));
}
GATUN_INLINE void vf_store_first_bf16(uint16_t *p, vf v, int n) {
    vf_store_first_16bit(p, vf_narrow_bf16(v), n);
}
GATUN_INLINE void vf_stream_bf16(uint16_t *p, vf v) {
    vst1_u16(p, vf_narrow_bf16(v));
}
GATUN_INLINE void vf_store_two_bf16(uint16_t *p, vf a, vf b) {
    vst1q_u16(p, vcombine_u16(vf_narrow_bf16(a), vf_narrow_bf16(b)));
}
GATUN_INLINE void vf_stream_two_bf16(uint16_t *p, vf a, vf b) {
    vf_store_two_bf16(p, a, b);
}
GATUN_INLINE vf vf_round_bf16(vf v) {
    return vreinterpretq_f32_u32(vandq_u32(vf_nearest_bf16(v), vdupq_n_u32(0xffff0000u)));
}

/* As vf_nearest_bf16, without care for NaN. */
GATUN_INLINE uint32x4_t vf_nearest_number_bf16(vf v) {
    uint32x4_t bits = vreinterpretq_u32_f32(v);
    uint32x4_t even = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    return vaddq_u32(bits, vaddq_u32(even, vdupq_n_u32(0x7fff)));
}
GATUN_INLINE vf vf_round_number_bf16(vf v) {
    return vreinterpretq_f32_u32(vandq_u32(vf_nearest_number_bf16(v), vdupq_n_u32(0xffff0000u)));
}
GATUN_INLINE void vf_load_even_odd_bf16(const uint16_t *p, vf *even, vf *odd) {
    uint32x4_t stored = vreinterpretq_u32_u16(vld1q_u16(p));
    *even = vreinterpretq_f32_u32(vshlq_n_u32(stored, 16));
    *odd = vreinterpretq_f32_u32(vandq_u32(stored, vdupq_n_u32(0xffff0000u)));
}
GATUN_INLINE void vf_store_even_odd_bf16(uint16_t *p, vf even, vf odd) {
    /* The upper half of each odd lane stays, and that of the even lane moves in below. */
    uint32x4_t stored = vsriq_n_u32(vf_nearest_number_bf16(odd), vf_nearest_number_bf16(even), 16);
    vst1q_u16(p, vreinterpretq_u16_u32(stored));
}
GATUN_INLINE void vf_stream_even_odd_bf16(uint16_t *p, vf even, vf odd) {
    vf_store_even_odd_bf16(p, even, odd);
}
GATUN_INLINE void vf_split(vf *first, vf *second) {
    const vf a = *first, b = *second;
    *first = vuzp1q_f32(a, b);
    *second = vuzp2q_f32(a, b);
}
GATUN_INLINE void vf_merge(vf *even, vf *odd) {
    const vf a = *even, b = *odd;
    *even = vzip1q_f32(a, b);
    *odd = vzip2q_f32(a, b);
}

GATUN_INLINE vf vf_widen_f16(uint16x4_t stored) {
    return vcvt_f32_f16(vreinterpret_f16_u16(stored));
}
GATUN_INLINE uint16x4_t vf_narrow_f16(vf v) {
    return vreinterpret_u16_f16(vcvt_f16_f32(v));
}
GATUN_INLINE vf vf_load_f16(const uint16_t *p) {
    return vf_widen_f16(vld1_u16(p));
}
GATUN_INLINE vf vf_load_first_f16(const uint16_t *p, int n) {
    return vf_widen_f16(vf_load_first_16bit(p, n));
}
GATUN_INLINE void vf_store_f16(uint16_t *p, vf v) {
    vst1_u16(p, vf_narrow_f16(v));
}
GATUN_INLINE void vf_store_first_f16(uint16_t *p, vf v, int n) {
    vf_store_first_16bit(p, vf_narrow_f16(v), n);
}
GATUN_INLINE void vf_stream_f16(uint16_t *p, vf v) {
    vst1_u16(p, vf_narrow_f16(v));
}
GATUN_INLINE vf vf_round_f16(vf v) {
    return vcvt_f32_f16(vcvt_f16_f32(v));
}

GATUN_INLINE vf vf_add(vf a, vf b) {
    return vaddq_f32(a, b);
}
GATUN_INLINE vf vf_sub(vf a, vf b) {
    return vsubq_f32(a, b);
}
GATUN_INLINE vf vf_mul(vf a, vf b) {
    return vmulq_f32(a, b);
}
GATUN_INLINE vf vf_fma(vf a, vf b, vf c) {
    return vfmaq_f32(c, a, b);
}
GATUN_INLINE vf vf_fused(vf a, vf b, vf c) {
    return vfmaq_f32(c, a, b);
}
GATUN_INLINE vf vf_div(vf a, vf b) {
    return vdivq_f32(a, b);
}
GATUN_INLINE vf vf_min(vf a, vf b) {
    return vminq_f32(a, b);
}
GATUN_INLINE vf vf_max(vf a, vf b) {
    return vmaxq_f32(a, b);
}
GATUN_INLINE vf vf_abs(vf v) {
    return vabsq_f32(v);
}
GATUN_INLINE vf vf_flip(vf v, vf s) {
    uint32x4_t sign = vandq_u32(vreinterpretq_u32_f32(s), vdupq_n_u32(0x80000000u));
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(v), sign));
}

typedef uint32x4_t vm;

GATUN_INLINE vm vf_less(vf a, vf b) {
    return vcltq_f32(a, b);
}
GATUN_INLINE vm vf_less_equal(vf a, vf b) {
    return vcleq_f32(a, b);
}
GATUN_INLINE vm vm_and(vm a, vm b) {
    return vandq_u32(a, b);
}
GATUN_INLINE vm vm_and_not(vm a, vm b) {
    return vbicq_u32(a, b);
}
GATUN_INLINE int vm_any(vm m) {
    return vmaxvq_u32(m) != 0;
}
GATUN_INLINE unsigned vm_bits(vm m) {
    static const uint32_t lanes[VF_LANES] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(m, vld1q_u32(lanes)));
}
GATUN_INLINE vm vm_from_bits(unsigned bits) {
    static const uint32_t lanes[VF_LANES] = {1, 2, 4, 8};
    return vtstq_u32(vdupq_n_u32(bits), vld1q_u32(lanes));
}
GATUN_INLINE vf vf_select(vm m, vf a, vf b) {
    return vbslq_f32(m, a, b);
}
GATUN_INLINE vf vf_keep(vm m, vf v) {
    return vreinterpretq_f32_u32(vandq_u32(m, vreinterpretq_u32_f32(v)));
}
GATUN_INLINE vf vf_drop(vm m, vf v) {
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), m));
}

typedef int32x4_t vi;

GATUN_INLINE vi vi_set(int s) {
    return vdupq_n_s32(s);
}
GATUN_INLINE vi vi_add(vi a, vi b) {
    return vaddq_s32(a, b);
}
GATUN_INLINE vi vi_sub(vi a, vi b) {
    return vsubq_s32(a, b);
}
GATUN_INLINE vi vi_max(vi a, vi b) {
    return vmaxq_s32(a, b);
}
GATUN_INLINE vi vi_shift_left(vi v, const int bits) {
    return vshlq_s32(v, vdupq_n_s32(bits));
}
GATUN_INLINE vi vi_shift_right(vi v, const int bits) {
    return vshlq_s32(v, vdupq_n_s32(-bits));
}
GATUN_INLINE vi vf_bits(vf v) {
    return vreinterpretq_s32_f32(v);
}
GATUN_INLINE vf vf_from_bits(vi v) {
    return vreinterpretq_f32_s32(v);
}
GATUN_INLINE vm vi_negative(vi v) {
    return vcltzq_s32(v);
}
GATUN_INLINE vf vf_first(vf v, int n) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), vf_first_mask(n)));
}
GATUN_INLINE float vf_sum(vf v) {
    float32x2_t two = vadd_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
GATUN_INLINE void vf_sum_each(const vf v[8], float *sums) {
    vst1q_f32(sums, vpaddq_f32(vpaddq_f32(v[0], v[1]), vpaddq_f32(v[2], v[3])));
    vst1q_f32(sums + 4, vpaddq_f32(vpaddq_f32(v[4], v[5]), vpaddq_f32(v[6], v[7])));
}
GATUN_INLINE int vf_all_less(vf a, vf b) {
    return vminvq_u32(vcltq_f32(a, b)) != 0;
}
GATUN_INLINE void vf_stream_fence(void) {}
GATUN_INLINE double vf_sqrt_f64(double d) {
    return vget_lane_f64(vsqrt_f64(vdup_n_f64(d)), 0);
}

typedef struct {
    float64x2_t low, high; /* lanes 0 and 1, lanes 2 and 3 */
} vd;

GATUN_INLINE vd vd_set(double s) {
    return (vd){vdupq_n_f64(s), vdupq_n_f64(s)};
}
GATUN_INLINE vd vd_load(const double *p) {
    return (vd){vld1q_f64(p), vld1q_f64(p + 2)};
}
GATUN_INLINE void vd_store(double *p, vd v) {
    vst1q_f64(p, v.low);
    vst1q_f64(p + 2, v.high);
}
GATUN_INLINE vd vd_widen(vf v) {
    return (vd){vcvt_f64_f32(vget_low_f32(v)), vcvt_high_f64_f32(v)};
}
GATUN_INLINE vf vd_narrow(vd v) {
    return vcvt_high_f32_f64(vcvt_f32_f64(v.low), v.high);
}
GATUN_INLINE vd vd_add(vd a, vd b) {
    return (vd){vaddq_f64(a.low, b.low), vaddq_f64(a.high, b.high)};
}
GATUN_INLINE vd vd_sub(vd a, vd b) {
    return (vd){vsubq_f64(a.low, b.low), vsubq_f64(a.high, b.high)};
}
GATUN_INLINE vd vd_mul(vd a, vd b) {
    return (vd){vmulq_f64(a.low, b.low), vmulq_f64(a.high, b.high)};
}
GATUN_INLINE vd vd_div(vd a, vd b) {
    return (vd){vdivq_f64(a.low, b.low), vdivq_f64(a.high, b.high)};
}
GATUN_INLINE vd vd_sqrt(vd v) {
    return (vd){vsqrtq_f64(v.low), vsqrtq_f64(v.high)};
}
GATUN_INLINE vd vd_fma(vd a, vd b, vd c) {
    return (vd){vfmaq_f64(c.low, a.low, b.low), vfmaq_f64(c.high, a.high, b.high)};
}
GATUN_INLINE vd vd_max(vd a, vd b) {
    return (vd){vmaxq_f64(a.low, b.low), vmaxq_f64(a.high, b.high)};
}
GATUN_INLINE double vd_sum(vd v) {
    return vaddvq_f64(vaddq_f64(v.low, v.high));
}

#endif
