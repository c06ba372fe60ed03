/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mathematical functions in the vector vocabulary. The greatest errors over all floats, in units in the last place (ULP;
 * of subnormal results the units of those), are held at each level by vector_math_test:
 *
 *   vf_exp(x)  vf_expm1(x)  vf_sin(x)  vf_cos(x)  2
 *   vf_tanh(x)  vf_sigmoid(x)                     3
 *
 * NaN gives NaN, +-Inf the limit (NaN for sine and cosine), an odd function of -0 is -0.
 *
 * Kernels that put a logistic or normal factor on something else take the parts, and scale last: a product with a factor
 * that is subnormal already would have lost its digits.
 */
#ifndef GATUN_VECTOR_MATH_H
#define GATUN_VECTOR_MATH_H

#include "large_angle.h"
#include "simd.h"

/* n + VF_ROUND has the integer next to n in its lowest bits, in two's complement, and vf_sub takes VF_ROUND off again. */
#define VF_ROUND 0x1.8p23f

/* ln 2 in two parts: products of the first one with integers of up to 9 bits are exact. */
#define LN2_HIGH 0x1.62e4p-1f
#define LN2_LOW 0x1.7f7d1cp-20f
#define LOG2_E 0x1.715476p+0f

/* exp(x) = significand * 2^n, significand in [0.7, 1.42], and exponent = n + VF_ROUND. */
typedef struct {
    vf significand, exponent;
} vf_power;

/* exp of the remainder r of a division by ln 2, |r| <= 0.3467: relative error 3e-9 before rounding. */
GATUN_INLINE vf vf_exp_of_rest(vf r) {
    vf p = vf_fma(vf_set(0x1.6a4d5ap-10f), r, vf_set(0x1.12398ep-7f));
    p = vf_fma(p, r, vf_set(0x1.5558b0p-5f));
    p = vf_fma(p, r, vf_set(0x1.555492p-3f));
    p = vf_fma(p, r, vf_set(0x1.fffffcp-2f));
    p = vf_fma(p, r, vf_set(1));
    return vf_fma(p, r, vf_set(1));
}

/* expm1 of such a remainder: relative error 1.4e-8 before rounding. */
GATUN_INLINE vf vf_expm1_of_rest(vf r) {
    vf p = vf_fma(vf_set(0x1.6b9c68p-10f), r, vf_set(0x1.12254ap-7f));
    p = vf_fma(p, r, vf_set(0x1.5556f2p-5f));
    p = vf_fma(p, r, vf_set(0x1.5554b4p-3f));
    p = vf_fma(p, r, vf_set(0x1.fffffep-2f));
    return vf_fma(vf_mul(r, r), p, r);
}

/* x = n * ln 2 + rest, exponent = n + VF_ROUND, for |x| < 350. */
typedef struct {
    vf rest, exponent;
} vf_rest;
GATUN_INLINE vf_rest vf_rest_of(vf x) {
    const vf exponent = vf_fma(x, vf_set(LOG2_E), vf_set(VF_ROUND));
    const vf n = vf_sub(exponent, vf_set(VF_ROUND));
    return (vf_rest){vf_fma(n, vf_set(-LN2_LOW), vf_fma(n, vf_set(-LN2_HIGH), x)), exponent};
}

/* exp(x), and exp(x + low) for a small low, such as what the rounding of x lost; |x| < 177. */
GATUN_INLINE vf_power vf_power_of(vf x) {
    const vf_rest e = vf_rest_of(x);
    return (vf_power){vf_exp_of_rest(e.rest), e.exponent};
}
GATUN_INLINE vf_power vf_power_of_sum(vf x, vf low) {
    const vf_rest e = vf_rest_of(x);
    return (vf_power){vf_exp_of_rest(vf_add(e.rest, low)), e.exponent};
}

/* 2^(n / 2), rounded down, and 2^n over that, each a normal number for |n| <= 252. */
typedef struct {
    vf half, rest;
} vf_two_scales;
GATUN_INLINE vf_two_scales vf_scales_of(vf exponent) {
    const vi n = vf_bits(exponent), half = vi_shift_right(n, 1), bias = vi_set(127);
    return (vf_two_scales){vf_from_bits(vi_shift_left(vi_add(half, bias), 23)),
                           vf_from_bits(vi_shift_left(vi_add(vi_sub(n, half), bias), 23))};
}

/* v * 2^n, rounded once, for |n| <= 252. */
GATUN_INLINE vf vf_scale(vf v, vf exponent) {
    const vf_two_scales scales = vf_scales_of(exponent);
    return vf_mul(vf_mul(v, scales.half), scales.rest);
}

/* v * 2^n for a normal v whose product is normal: n is added to the exponent. */
GATUN_INLINE vf vf_scale_normal(vf v, vf exponent) {
    return vf_from_bits(vi_add(vf_bits(v), vi_shift_left(vf_bits(exponent), 23)));
}

/* Beyond these bounds exp is 0 and Inf. */
#define EXP_LOWEST (-104.0f)
#define EXP_GREATEST 89.0f

GATUN_INLINE vf vf_exp(vf x) {
    const vf_power e = vf_power_of(vf_min(vf_set(EXP_GREATEST), vf_max(vf_set(EXP_LOWEST), x)));
    return vf_scale(e.significand, e.exponent);
}

/* 2^n * (expm1(r) + (1 - 2^-n)); the sum is exact or benign, and 0 - expm1(r) alone - for n = 0. */
GATUN_INLINE vf vf_expm1(vf x) {
    const vf bounded = vf_min(vf_set(EXP_GREATEST), vf_max(vf_set(-20), x));
    const vf_rest e = vf_rest_of(bounded);
    const vi inverse = vi_max(vi_sub(vi_set(127 + 0x4b400000), vf_bits(e.exponent)), vi_set(0));
    const vf minus_one = vf_sub(vf_set(1), vf_from_bits(vi_shift_left(inverse, 23)));
    return vf_flip(vf_abs(vf_scale(vf_add(vf_expm1_of_rest(e.rest), minus_one), e.exponent)), x);
}

/*
 * 1 / (1 + exp(t + low)) = scale / denominator, for t clamped to [LOGISTIC_LOWEST, LOGISTIC_GREATEST]. Below, the
 * quotient is 1; above, v / denominator * scale is 0 for |v| < 2^100. power is exp(t) * scale.
 */
#define LOGISTIC_LOWEST (-24.0f)
#define LOGISTIC_GREATEST 174.0f
typedef struct {
    vf denominator, scale, power;
} vf_logistic;

GATUN_INLINE vf vf_clamp_logistic(vf t) {
    return vf_min(vf_set(LOGISTIC_GREATEST), vf_max(vf_set(LOGISTIC_LOWEST), t));
}
/* scale is 2^-(n/2), so that neither it nor exp(t) * scale leaves the normal numbers. */
GATUN_INLINE vf_logistic vf_logistic_of(vf_power e) {
    const vi n = vf_bits(e.exponent), half = vi_shift_left(vi_shift_right(n, 1), 23), one = vi_set(127 << 23);
    const vf scale = vf_from_bits(vi_sub(one, half));
    const vf power = vf_mul(e.significand, vf_from_bits(vi_add(vi_sub(vi_shift_left(n, 23), half), one)));
    return (vf_logistic){vf_add(scale, power), scale, power};
}

GATUN_INLINE vf vf_sigmoid(vf x) {
    const vf_logistic l = vf_logistic_of(vf_power_of(vf_clamp_logistic(vf_flip(x, vf_set(-0.0f)))));
    return vf_div(l.scale, l.denominator);
}

/* -expm1(-2 a) / (2 + expm1(-2 a)) for a = |x|, with the sign of x; from TANH_GREATEST on it is 1. */
#define TANH_GREATEST 10.0f
GATUN_INLINE vf vf_tanh(vf x) {
    const vf twice = vf_mul(vf_min(vf_set(TANH_GREATEST), vf_abs(x)), vf_set(-2));
    const vf_rest e = vf_rest_of(twice);
    const vf power = vf_from_bits(vi_shift_left(vi_add(vf_bits(e.exponent), vi_set(127)), 23));
    const vf minus = vf_fma(vf_expm1_of_rest(e.rest), power, vf_sub(power, vf_set(1)));
    return vf_flip(vf_abs(vf_div(minus, vf_add(minus, vf_set(2)))), x);
}

/*
 * The tail T(a) = 1 - Phi(a) = root^2 * P(a) / Q(a) of the normal distribution, with root = exp(-a^2 / 4), for 0 <= a:
 * clamped to NORMAL_GREATEST, where T is 0 in float32. P / Q is a minimax quotient for Mills' ratio, of relative error
 * 6e-9; root is a normal number, so multiplied twice it leaves each factor its digits.
 */
#define NORMAL_GREATEST 15.0f
typedef struct {
    vf argument, numerator, denominator, root;
} vf_normal;

GATUN_INLINE vf_normal vf_normal_tail(vf magnitude) {
    const vf a = vf_min(vf_set(NORMAL_GREATEST), magnitude);
    vf p = vf_fma(vf_set(0x1.102e12p-8f), a, vf_set(0x1.4ee4c0p-5f));
    vf q = vf_fma(vf_set(0x1.551f94p-7f), a, vf_set(0x1.a3c07ap-4f));
    p = vf_fma(p, a, vf_set(0x1.78c3fap-3f));
    q = vf_fma(q, a, vf_set(0x1.e2b7d8p-2f));
    p = vf_fma(p, a, vf_set(0x1.c1d2fcp-2f));
    q = vf_fma(q, a, vf_set(0x1.349e64p+0f));
    p = vf_fma(p, a, vf_set(0.5f));
    q = vf_fma(q, a, vf_set(0x1.ad2bb0p+0f));
    q = vf_fma(q, a, vf_set(1));
    const vf square = vf_mul(a, a), low = vf_fused(a, a, vf_flip(square, vf_set(-0.0f)));
    const vf_power e = vf_power_of_sum(vf_mul(square, vf_set(-0.25f)), vf_mul(low, vf_set(-0.25f)));
    return (vf_normal){a, p, q, vf_scale_normal(e.significand, e.exponent)};
}

/* Beyond this magnitude angles are reduced one by one. */
#define ANGLE_GREATEST 0x1p17f

typedef struct {
    vf sine, cosine;
} vf_angle;

/* Sine and cosine of |x|. Cody, Waite: pi/2 in three parts; the first difference is exact, the others lose half a unit. */
GATUN_INLINE vf_angle vf_sincos_of_magnitude(vf a) {
    vf turned = vf_fma(a, vf_set(0x1.45f306p-1f), vf_set(VF_ROUND));
    vf n = vf_sub(turned, vf_set(VF_ROUND));
    vf r = vf_fused(n, vf_set(-0x1.921fb6p+0f), a);
    r = vf_fused(n, vf_set(0x1.777a5cp-25f), r);
    r = vf_fused(n, vf_set(0x1.ee59dap-50f), r);
    if (vm_any(vf_less(vf_set(ANGLE_GREATEST), a))) {
        float angles[VF_LANES], turns[VF_LANES], rest[VF_LANES];
        vf_store(angles, a);
        vf_store(turns, n);
        vf_store(rest, r);
        gatun_reduce_angles(angles, ANGLE_GREATEST, turns, rest, VF_LANES);
        turned = vf_add(vf_load(turns), vf_set(VF_ROUND));
        r = vf_load(rest);
    }
    const vf y = vf_mul(r, r);
    vf s = vf_fma(vf_set(-0x1.9953fap-13f), y, vf_set(0x1.110778p-7f));
    vf c = vf_fma(vf_set(0x1.99e80cp-16f), y, vf_set(-0x1.6c0c28p-10f));
    s = vf_fma(s, y, vf_set(-0x1.555546p-3f));
    c = vf_fma(c, y, vf_set(0x1.55554ap-5f));
    s = vf_fma(vf_mul(s, y), r, r);
    c = vf_fma(vf_mul(c, y), y, vf_fma(y, vf_set(-0.5f), vf_set(1)));
    const vi quarters = vf_bits(turned);
    const vm odd = vi_negative(vi_shift_left(quarters, 31));
    const vf sine_sign = vf_from_bits(vi_shift_left(quarters, 30));
    const vf cosine_sign = vf_from_bits(vi_shift_left(vi_add(quarters, vi_set(1)), 30));
    return (vf_angle){vf_flip(vf_select(odd, c, s), sine_sign), vf_flip(vf_select(odd, s, c), cosine_sign)};
}
GATUN_INLINE vf vf_sin(vf x) {
    return vf_flip(vf_sincos_of_magnitude(vf_abs(x)).sine, x);
}
GATUN_INLINE vf vf_cos(vf x) {
    return vf_sincos_of_magnitude(vf_abs(x)).cosine;
}

#endif
