/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of PolyNorm that float32 cannot hold the powers of, in double precision. With u = x 2^-k, where k is the
 * exponent of the greatest element, and eps' = eps 2^(-2 p k):
 *     rho x^p = u^p / sqrt(E[u^(2 p)] + eps')
 */
#include <math.h>

#include "../norm/scalar_elements.h"
#include "../simd/simd.h"
#include "poly_norm_kernel.h"

/* 2^n, Inf above the range of double, and 0 below its normal numbers: such an eps does not matter. */
static double power_of_two(long long n) {
    if (n > 1023) {
        return (double)INFINITY;
    }
    if (n < -1022) {
        return 0;
    }
    const uint64_t bits = (uint64_t)(n + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static int exponent_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (int)(bits >> 52 & 0x7ff) - 1023;
}

static const void *row_at(const void *p, long long row, long long stride, int dtype) {
    return (const char *)p + row * stride * (dtype == GATUN_F32 ? 4 : 2);
}

/* Of a row: the scale 2^-k, and 1 / sqrt(E[u^(2 p)] + eps') for each p. */
typedef struct {
    double scale;
    int exponent;
    double rho[GATUN_POLY_NORM_MAX_ORDER];
    bool finite;
} exact_row;

static exact_row exact_row_of(const void *x, long long columns, int dtype, int order, float eps) {
    exact_row r = {.scale = 1, .finite = true};
    double greatest = 0;
    for (long long j = 0; j < columns; j++) {
        const double magnitude = fabs(load_element(x, j, dtype));
        r.finite = r.finite && magnitude <= 0x1p200;
        greatest = magnitude > greatest ? magnitude : greatest;
    }
    /* Where there is an eps, powers that double cannot hold do not matter beside it. */
    if (r.finite && greatest > 0 && (greatest > 1 || eps == 0)) {
        r.exponent = exponent_of(greatest);
        r.scale = power_of_two(-r.exponent);
    }
    double powers[GATUN_POLY_NORM_MAX_ORDER] = {0};
    for (long long j = 0; j < columns; j++) {
        const double u = load_element(x, j, dtype) * r.scale, square = u * u;
        double power = 1;
        for (int p = 0; p < order; p++) {
            power *= square;
            powers[p] += power;
        }
    }
    for (int p = 0; p < order; p++) {
        const double scaled_eps = eps == 0 ? 0 : (double)eps * power_of_two(-2LL * (p + 1) * r.exponent);
        r.rho[p] = 1 / vf_sqrt_f64(powers[p] / (double)columns + scaled_eps);
    }
    return r;
}

static double poly_norm_of(const exact_row *r, const float *coefficients, int order, double u) {
    double y = 0;
    for (int p = order; p >= 1; p--) {
        y = (y + (double)coefficients[p] * r->rho[p - 1]) * u;
    }
    return y + (double)coefficients[0];
}

void poly_norm_exact(const poly_norm_arguments *a, long long row) {
    const void *x = row_at(a->x, row, a->x_stride, a->dtype);
    const void *up = a->up ? row_at(a->up, row, a->up_stride, a->dtype) : 0;
    void *y = (char *)a->y + row * a->y_stride * (a->dtype == GATUN_F32 ? 4 : 2);
    const exact_row r = exact_row_of(x, a->columns, a->dtype, a->order, a->eps);
    for (int p = 0; a->rho && p < a->order; p++) {
        const double rho = r.rho[p] * power_of_two(-(p + 1LL) * r.exponent);
        a->rho[row * a->order + p] = r.finite ? (float)rho : (float)NAN;
    }
    for (long long j = 0; j < a->columns; j++) {
        const double value = poly_norm_of(&r, a->coefficients, a->order, load_element(x, j, a->dtype) * r.scale);
        const double factor = up ? load_element(up, j, a->dtype) : 1;
        store_element(y, j, a->dtype, r.finite ? (float)(value * factor) : (float)NAN);
    }
}

void poly_norm_backward_exact(const poly_norm_backward_arguments *a, long long row, double *coefficients) {
    const void *x = row_at(a->x, row, a->x_stride, a->dtype);
    const void *dy = row_at(a->dy, row, a->dy_stride, a->dtype);
    const void *up = a->up ? row_at(a->up, row, a->up_stride, a->dtype) : 0;
    const exact_row r = exact_row_of(x, a->columns, a->dtype, a->order, a->eps);
    const double nothing = r.finite ? 0 : (double)NAN; /* a row with NaN or Inf becomes NaN */
    double sums[GATUN_POLY_NORM_MAX_ORDER + 1] = {0};
    for (long long j = 0; j < a->columns; j++) {
        const double u = load_element(x, j, a->dtype) * r.scale;
        double term = load_element(dy, j, a->dtype) * (up ? load_element(up, j, a->dtype) : 1);
        for (int p = 0; p <= a->order; p++) {
            sums[p] += term;
            term *= u;
        }
    }
    if (coefficients) {
        coefficients[0] += sums[0];
    }
    for (int p = 0; coefficients && p < a->order; p++) {
        coefficients[p + 1] += r.rho[p] * sums[p + 1] + nothing;
    }
    const long long element = a->dtype == GATUN_F32 ? 4 : 2;
    void *dx = a->dx ? (char *)a->dx + row * a->dx_stride * element : 0;
    void *dup = a->dup ? (char *)a->dup + row * a->dup_stride * element : 0;
    for (long long j = 0; j < a->columns; j++) {
        const double u = load_element(x, j, a->dtype) * r.scale, g = load_element(dy, j, a->dtype);
        const double factor = up ? load_element(up, j, a->dtype) : 1;
        double sum = 0, power = 1; /* u^(p - 1) */
        for (int p = 0; p < a->order; p++) {
            const double rho = r.rho[p], mean = sums[p + 1] / (double)a->columns;
            sum += (double)a->coefficients[p + 1] * (p + 1) * power * rho * (g * factor - power * u * rho * rho * mean);
            power *= u;
        }
        const double value = poly_norm_of(&r, a->coefficients, a->order, u);
        if (dx) {
            store_element(dx, j, a->dtype, (float)(sum * r.scale + nothing));
        }
        if (dup) {
            store_element(dup, j, a->dtype, (float)(g * value + nothing));
        }
    }
}
