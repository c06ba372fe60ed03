/* SPDX-License-Identifier: Apache-2.0 */
/* What both passes of the group rational activation share, in the vector vocabulary. */
#ifndef GATUN_RATIONAL_H
#define GATUN_RATIONAL_H

#include "activation_kernels.h"
#include "turns.h"

/* The degrees with loops of their own. */
#define FAST_NUMERATOR 5
#define FAST_DENOMINATOR 4

/* Coefficients of a group, as vectors: a[i] of the numerator and b[j - 1] of the denominator, or its magnitude. */
typedef struct {
    vf a[GATUN_POLYNOMIAL_MAX_ORDER + 1], b[GATUN_POLYNOMIAL_MAX_ORDER];
} rational_coefficients;

GATUN_INLINE rational_coefficients coefficients_of(const rational_arguments *a, long long group, const int m,
                                                   const int n, const bool terms) {
    rational_coefficients c;
    const float *numerator = a->numerator + (a->numerator_shared ? 0 : group * (m + 1));
    const float *denominator = a->denominator + (a->denominator_shared ? 0 : group * n);
    for (int i = 0; i <= m; i++) {
        c.a[i] = coefficient(numerator[i]);
    }
    for (int j = 0; j < n; j++) {
        c.b[j] = terms ? vf_abs(coefficient(denominator[j])) : coefficient(denominator[j]);
    }
    return c;
}

GATUN_INLINE void horner_step(vf p, const vf *x, vf *y, const int count) {
#pragma GCC unroll 4
    for (int k = 0; k < count; k++) {
        y[k] = vf_fma(y[k], x[k], p);
    }
}

/* p[0] + p[1] x + ... + p[degree] x^degree of `count` vectors. Where the degree is a constant there is no loop over
 * coefficients. */
GATUN_INLINE void horner(const vf *p, const int degree, const vf *x, vf *y, const int count) {
#pragma GCC unroll 4
    for (int k = 0; k < count; k++) {
        y[k] = p[degree];
    }
    if (__builtin_constant_p(degree)) {
#pragma GCC unroll 8
        for (int i = degree - 1; i >= 0; i--) {
            horner_step(p[i], x, y, count);
        }
        return;
    }
    for (int i = degree - 1; i >= 0; i--) {
        horner_step(p[i], x, y, count);
    }
}

/* Q - 1 without its outer magnitude: of |x| where the form has magnitudes of terms, else of x. */
GATUN_INLINE void denominator_sum(const vf *b, const int degree, const vf *x, vf *s, const int count) {
    horner(b, degree - 1, x, s, count);
#pragma GCC unroll 4
    for (int k = 0; k < count; k++) {
        s[k] = vf_mul(s[k], x[k]);
    }
}

/* Two neighbouring vectors: of bf16 those at even and those at odd places. */
GATUN_INLINE void load_pair(const void *p, long long j, vf v[2], const int dtype) {
    if (dtype == GATUN_BF16) {
        vf_load_even_odd_bf16(element(p, j, dtype), &v[0], &v[1]);
    } else {
        v[0] = load(p, j, dtype);
        v[1] = load(p, j + VF_LANES, dtype);
    }
}
GATUN_INLINE void store_pair(void *p, long long j, const vf v[2], const int dtype) {
    if (dtype == GATUN_BF16) {
        vf_store_even_odd_bf16((uint16_t *)p + j, v[0], v[1]);
    } else {
        store(p, j, v[0], dtype, false);
        store(p, j + VF_LANES, v[1], dtype, false);
    }
}

#endif
