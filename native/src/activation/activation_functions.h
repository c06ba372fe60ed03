/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The activation functions on vectors of float32: `<name>_value` gives f(x), and `<name>_both` f(x) and f'(x) together,
 * sharing what they can. Where a derivative is a mask, it is `<name>_passes`: in which lanes the gradient goes through.
 */
#ifndef GATUN_ACTIVATION_FUNCTIONS_H
#define GATUN_ACTIVATION_FUNCTIONS_H

#include "../simd/vector_math.h"

/* The parameters of a call, in all lanes. */
typedef struct {
    vf first, second;
} activation_constants;

typedef struct {
    vf value, slope;
} activation_both;

GATUN_INLINE vf relu_value(vf x, const activation_constants *c) {
    (void)c;
    return vf_max(vf_zero(), x);
}
GATUN_INLINE vm relu_passes(vf x, const activation_constants *c) {
    (void)c;
    return vf_less(vf_zero(), x);
}
GATUN_INLINE activation_both relu_both(vf x, const activation_constants *c) {
    return (activation_both){relu_value(x, c), vf_keep(relu_passes(x, c), vf_set(1))};
}

GATUN_INLINE vf clip_value(vf x, const activation_constants *c) {
    return vf_min(c->second, vf_max(c->first, x));
}
GATUN_INLINE vm clip_passes(vf x, const activation_constants *c) {
    return vm_and(vf_less(c->first, x), vf_less(x, c->second));
}

GATUN_INLINE vf squared_relu_value(vf x, const activation_constants *c) {
    const vf positive = relu_value(x, c);
    return vf_mul(positive, positive);
}
GATUN_INLINE activation_both squared_relu_both(vf x, const activation_constants *c) {
    const vf positive = relu_value(x, c);
    return (activation_both){vf_mul(positive, positive), vf_add(positive, positive)};
}

#define SIXTH 0x1.555556p-3f
GATUN_INLINE vf hard_sigmoid_value(vf x, const activation_constants *c) {
    (void)c;
    return vf_min(vf_set(1), vf_max(vf_zero(), vf_fma(x, vf_set(SIXTH), vf_set(0.5f))));
}
GATUN_INLINE vm hard_sigmoid_passes(vf x, const activation_constants *c) {
    (void)c;
    return vm_and(vf_less(vf_set(-3), x), vf_less(x, vf_set(3)));
}

/* The factor comes first: x * 6 could overflow. At 3 and above it is 1. */
GATUN_INLINE vf hard_swish_value(vf x, const activation_constants *c) {
    (void)c;
    const vf factor = vf_mul(vf_min(vf_set(6), vf_max(vf_zero(), vf_add(x, vf_set(3)))), vf_set(SIXTH));
    return vf_select(vf_less_equal(x, vf_set(-3)), vf_set(-0.0f), vf_mul(x, factor));
}
GATUN_INLINE vf hard_swish_gradient(vf g, vf x, const activation_constants *c) {
    (void)c;
    const vf third = vf_mul(vf_add(x, vf_set(1.5f)), vf_set(2 * SIXTH));
    const vf slope = vf_select(vf_less_equal(vf_set(3), x), vf_set(1), third);
    return vf_drop(vf_less_equal(x, vf_set(-3)), vf_mul(g, slope));
}

/* Phi(x) = 1 - T(x), and T(a) - a * phi(a) is what its tail and that of x * phi(x) have in common. */
#define ROOT_OF_TWO_PI_INVERSE 0x1.988454p-2f
GATUN_INLINE vf gelu_erf_value(vf x, const activation_constants *c) {
    (void)c;
    const vf_normal t = vf_normal_tail(vf_abs(x));
    const vf part = vf_div(vf_mul(vf_mul(t.argument, t.numerator), t.root), t.denominator);
    return vf_sub(vf_max(vf_set(-0.0f), x), vf_mul(part, t.root));
}
GATUN_INLINE activation_both gelu_erf_both(vf x, const activation_constants *c) {
    (void)c;
    const vf_normal t = vf_normal_tail(vf_abs(x));
    const vf ratio = vf_div(t.numerator, t.denominator);
    const vf value = vf_sub(vf_max(vf_set(-0.0f), x), vf_mul(vf_mul(vf_mul(t.argument, ratio), t.root), t.root));
    const vf tail = vf_mul(vf_fma(t.argument, vf_set(-ROOT_OF_TWO_PI_INVERSE), ratio), t.root);
    const vf slope = vf_select(vf_less(x, vf_zero()), vf_mul(tail, t.root), vf_fma(vf_negate(tail), t.root, vf_set(1)));
    return (activation_both){value, slope};
}

/* x * sigma(first * x): what rounding takes from the exponent of the tail goes back into it. Where t is clamped, the
 * difference is no such loss, and is bounded away. */
#define PRODUCT_LOSS 0x1p-16f
GATUN_INLINE vf_logistic swish_logistic(vf x, const activation_constants *c, vf *t) {
    *t = vf_clamp_logistic(vf_negate(vf_mul(x, c->first)));
    const vf low = vf_min(vf_set(PRODUCT_LOSS), vf_max(vf_set(-PRODUCT_LOSS), vf_fused(x, c->first, *t)));
    return vf_logistic_of(vf_power_of_sum(*t, vf_negate(low)));
}
/* Where sigma is 0, but for what no float32 can hold. */
GATUN_INLINE vf swish_bounded(vf x, vf y, const activation_constants *c) {
    const vm gone = vf_less(vf_mul(x, c->first), vf_set(-LOGISTIC_GREATEST));
    return vf_select(gone, vf_xor_sign(vf_zero(), x), y);
}
GATUN_INLINE vf swish_value(vf x, const activation_constants *c) {
    vf t;
    const vf_logistic l = swish_logistic(x, c, &t);
    return swish_bounded(x, vf_mul(vf_div(x, l.denominator), l.scale), c);
}
GATUN_INLINE activation_both swish_both(vf x, const activation_constants *c) {
    vf t;
    const vf_logistic l = swish_logistic(x, c, &t);
    const vf inverse = vf_div(vf_set(1), l.denominator);
    const vf value = swish_bounded(x, vf_mul(vf_mul(x, inverse), l.scale), c);
    const vf bracket = vf_fma(vf_negate(t), vf_mul(l.power, inverse), vf_set(1));
    return (activation_both){value, vf_mul(vf_mul(bracket, inverse), l.scale)};
}

/* With the factor 1 there is no loss to put back, and where sigma is 0 x is bounded, so that the product is -0. */
GATUN_INLINE vf silu_value(vf x, const activation_constants *c) {
    (void)c;
    const vf v = vf_max(vf_set(-LOGISTIC_GREATEST), x);
    const vf_logistic l = vf_logistic_of_minus(vf_min(vf_set(-LOGISTIC_LOWEST), v));
    return vf_mul(vf_div(v, l.denominator), l.scale);
}

/*
 * x * sigma(2 u), u = sqrt(2 / pi) * (x + 0.044715 x^3): the tail needs more digits of u than float32 has, so u and the
 * rest of its division by ln 2 are in double precision.
 */
#define GELU_TANH_GREATEST 11.0f /* beyond, the tail is 0 in float32 */
GATUN_INLINE vf_logistic gelu_tanh_logistic(vf bounded) {
    const vd x = vd_widen(bounded), round = vd_set(0x1.8p52);
    const vd minus_2u = vd_mul(x, vd_fma(vd_mul(x, x), vd_set(-0.071354816272276), vd_set(-1.5957691216057307)));
    const vd n = vd_sub(vd_fma(minus_2u, vd_set(0x1.71547652b82fep+0), round), round);
    const vf rest = vd_narrow(vd_fma(n, vd_set(-0x1.62e42fefa39efp-1), minus_2u));
    return vf_logistic_of((vf_power){vf_exp_of_rest(rest), vf_add(vd_narrow(n), vf_set(VF_ROUND))});
}
GATUN_INLINE vf gelu_tanh_bounded(vf x) {
    return vf_min(vf_set(GELU_TANH_GREATEST), vf_max(vf_set(-GELU_TANH_GREATEST), x));
}
GATUN_INLINE vf gelu_tanh_tailed(vf x, vf y) {
    return vf_select(vf_less(x, vf_set(-GELU_TANH_GREATEST)), vf_set(-0.0f), y);
}
GATUN_INLINE vf gelu_tanh_value(vf x, const activation_constants *c) {
    (void)c;
    const vf_logistic l = gelu_tanh_logistic(gelu_tanh_bounded(x));
    return gelu_tanh_tailed(x, vf_mul(vf_div(x, l.denominator), l.scale));
}
GATUN_INLINE activation_both gelu_tanh_both(vf x, const activation_constants *c) {
    (void)c;
    const vf v = gelu_tanh_bounded(x);
    const vf_logistic l = gelu_tanh_logistic(v);
    const vf inverse = vf_div(vf_set(1), l.denominator);
    const vf value = gelu_tanh_tailed(x, vf_mul(vf_mul(x, inverse), l.scale));
    const vf inner = vf_mul(v, vf_fma(vf_mul(v, v), vf_set(0.21406445f), vf_set(1.5957691f)));
    const vf bracket = vf_fma(inner, vf_mul(l.power, inverse), vf_set(1));
    return (activation_both){value, vf_mul(vf_mul(bracket, inverse), l.scale)};
}

/* h / (1 + h^2) for h = exp(-a), a >= 0: the derivative of a logistic function is its square. */
#define SECANT_GREATEST 60.0f
GATUN_INLINE vf half_secant(vf a) {
    const vf_power e = vf_power_of(vf_negate(vf_min(vf_set(SECANT_GREATEST), a)));
    const vf h = vf_mul(e.significand, vf_two_to(e.exponent));
    return vf_div(h, vf_fma(h, h, vf_set(1)));
}

GATUN_INLINE vf sigmoid_value(vf x, const activation_constants *c) {
    (void)c;
    return vf_sigmoid(x);
}
GATUN_INLINE activation_both sigmoid_both(vf x, const activation_constants *c) {
    (void)c;
    const vf secant = half_secant(vf_mul(vf_abs(x), vf_set(0.5f)));
    return (activation_both){vf_sigmoid(x), vf_mul(secant, secant)};
}
GATUN_INLINE vf sigmoid_output_gradient(vf g, vf y, const activation_constants *c) {
    (void)c;
    return vf_mul(g, vf_mul(y, vf_sub(vf_set(1), y)));
}

GATUN_INLINE vf tanh_value(vf x, const activation_constants *c) {
    (void)c;
    return vf_tanh(x);
}
GATUN_INLINE vf tanh_gradient(vf g, vf x, const activation_constants *c) {
    (void)c;
    const vf half = half_secant(vf_abs(x)), secant = vf_add(half, half);
    return vf_mul(vf_mul(g, secant), secant);
}
GATUN_INLINE vf tanh_output_gradient(vf g, vf y, const activation_constants *c) {
    (void)c;
    return vf_mul(g, vf_mul(vf_sub(vf_set(1), y), vf_add(vf_set(1), y)));
}

#define SELU_LAMBDA 1.05070098735548049f
#define SELU_LAMBDA_ALPHA 1.75809934084737686f
GATUN_INLINE vf selu_value(vf x, const activation_constants *c) {
    (void)c;
    const vf negative = vf_min(vf_zero(), x);
    return vf_select(vf_less(x, vf_zero()), vf_mul(vf_expm1_of_negative(negative), vf_set(SELU_LAMBDA_ALPHA)),
                     vf_mul(x, vf_set(SELU_LAMBDA)));
}
GATUN_INLINE vf selu_gradient(vf g, vf x, const activation_constants *c) {
    (void)c;
    const vf_power e = vf_power_of(vf_max(vf_set(EXP_LOWEST), vf_min(vf_zero(), x)));
    const vf tail = vf_scale(vf_mul(vf_mul(g, vf_set(SELU_LAMBDA_ALPHA)), e.significand), e.exponent);
    return vf_select(vf_less(vf_zero(), x), vf_mul(g, vf_set(SELU_LAMBDA)), tail);
}
GATUN_INLINE vf selu_output_gradient(vf g, vf y, const activation_constants *c) {
    (void)c;
    return vf_mul(g, vf_select(vf_less(vf_zero(), y), vf_set(SELU_LAMBDA), vf_add(y, vf_set(SELU_LAMBDA_ALPHA))));
}

/* root is exp(-x^2 / 4), so its square, with what is multiplied in between, keeps its digits. */
GATUN_INLINE vf crrelu_value(vf x, const activation_constants *c) {
    const vf bounded = vf_min(vf_set(NORMAL_GREATEST), vf_max(vf_set(-NORMAL_GREATEST), x));
    const vf root = vf_normal_root(bounded);
    return vf_fma(vf_mul(vf_mul(c->first, bounded), root), root, relu_value(x, c));
}
GATUN_INLINE activation_both crrelu_both(vf x, const activation_constants *c) {
    const vf bounded = vf_min(vf_set(NORMAL_GREATEST), vf_max(vf_set(-NORMAL_GREATEST), x));
    const vf root = vf_normal_root(bounded);
    const vf value = vf_fma(vf_mul(vf_mul(c->first, bounded), root), root, relu_value(x, c));
    const vf factor = vf_mul(c->first, vf_fma(vf_negate(bounded), bounded, vf_set(1)));
    const vf step = vf_keep(relu_passes(x, c), vf_set(1));
    return (activation_both){value, vf_fma(vf_mul(factor, root), root, step)};
}

/* NaN becomes 0 where it is not inside, and stays where it is not outside. */
GATUN_INLINE vf ft_clip_act_value(vf x, const activation_constants *c) {
    return vf_drop(vf_less(x, vf_zero()), vf_drop(vf_less(c->first, x), x));
}
GATUN_INLINE vf ft_clip_act_number(vf x, const activation_constants *c) {
    return vf_keep(vm_and(vf_less_equal(vf_zero(), x), vf_less_equal(x, c->first)), x);
}
GATUN_INLINE vm ft_clip_act_passes(vf x, const activation_constants *c) {
    return vm_and(vf_less(vf_zero(), x), vf_less_equal(x, c->first));
}

#define PRO_ACT_GREATEST 88.0f
GATUN_INLINE vf pro_act_exponent(vf x, const activation_constants *c) {
    return vf_mul(c->second, vf_sub(x, c->first));
}
GATUN_INLINE activation_both pro_act_inside(vf x, const activation_constants *c) {
    const vf_logistic l = vf_logistic_of(vf_power_of(vf_clamp_logistic(pro_act_exponent(x, c))));
    const vf inverse = vf_div(vf_set(1), l.denominator);
    const vf bracket = vf_fma(vf_mul(vf_negate(c->second), x), vf_mul(l.power, inverse), vf_set(1));
    const vf sigma = vf_mul(l.scale, inverse);
    return (activation_both){vf_mul(x, sigma), vf_mul(bracket, sigma)};
}
GATUN_INLINE vf pro_act_zero(vf x, vf result, const activation_constants *c) {
    return vf_drop(vf_less_equal(x, vf_zero()),
                   vf_drop(vf_less(vf_set(PRO_ACT_GREATEST), pro_act_exponent(x, c)), result));
}
GATUN_INLINE vm pro_act_counts(vf x, const activation_constants *c) {
    return vm_and(vf_less(vf_zero(), x), vf_less_equal(pro_act_exponent(x, c), vf_set(PRO_ACT_GREATEST)));
}
GATUN_INLINE vf pro_act_value(vf x, const activation_constants *c) {
    return pro_act_zero(x, pro_act_inside(x, c).value, c);
}
GATUN_INLINE vf pro_act_number(vf x, const activation_constants *c) {
    return vf_keep(pro_act_counts(x, c), pro_act_inside(x, c).value);
}
GATUN_INLINE vf pro_act_gradient(vf g, vf x, const activation_constants *c) {
    return pro_act_zero(x, vf_mul(g, pro_act_inside(x, c).slope), c);
}
GATUN_INLINE vf pro_act_number_gradient(vf g, vf x, const activation_constants *c) {
    return vf_keep(pro_act_counts(x, c), vf_mul(g, pro_act_inside(x, c).slope));
}

GATUN_INLINE vf sine_value(vf x, const activation_constants *c) {
    return vf_sin(vf_mul(c->first, x));
}
GATUN_INLINE vf sine_gradient(vf g, vf x, const activation_constants *c) {
    return vf_mul(g, vf_mul(c->first, vf_cos(vf_mul(c->first, x))));
}

#endif
