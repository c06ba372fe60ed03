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
                                                   const int n, const bool terms, const int dtype) {
    rational_coefficients c;
    const bool plain = dtype != GATUN_BF16; /* what bf16 is rounded without care for NaN needs: see load_turn */
    const float *numerator = a->numerator + (a->numerator_shared ? 0 : group * (m + 1));
    const float *of_group = a->denominator + (a->denominator_shared ? 0 : group * n);
    for (int i = 0; i <= m; i++) {
        c.a[i] = plain ? vf_set(numerator[i]) : coefficient(numerator[i]);
    }
    for (int j = 0; j < n; j++) {
        c.b[j] = plain ? vf_set(of_group[j]) : coefficient(of_group[j]);
        c.b[j] = terms ? vf_abs(c.b[j]) : c.b[j];
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

/* Q of `base`, which is |x| where the form has magnitudes of terms, else x; the sum s is there in the other form. */
GATUN_INLINE void denominator(const vf *b, const int degree, const bool terms, const vf *base, vf *s, vf *q,
                              const int count) {
    horner(b, degree - 1, base, q, count);
#pragma GCC unroll 4
    for (int k = 0; k < count; k++) {
        if (terms) {
            q[k] = vf_fma(q[k], base[k], vf_set(1));
        } else {
            s[k] = vf_mul(q[k], base[k]);
            q[k] = vf_add(vf_set(1), vf_abs(s[k]));
        }
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
