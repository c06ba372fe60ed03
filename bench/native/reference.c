/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include "gatun.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const double unit = 0x1p-23;

static float bits_to_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t float_to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

double load_element(const void *memory, int dtype, long long index) {
    if (dtype == GATUN_F32)
        return (double)((const float *)memory)[index];
    const uint16_t half = ((const uint16_t *)memory)[index];
    if (dtype == GATUN_BF16)
        return (double)bits_to_float((uint32_t)half << 16);
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const double sign = half >> 15 ? -1.0 : 1.0;
    if (exponent == 31)
        return fraction == 0 ? sign * (double)INFINITY : (double)NAN;
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

void store_element(void *memory, int dtype, long long index, float value) {
    if (dtype == GATUN_F32) {
        ((float *)memory)[index] = value;
        return;
    }
    const uint32_t bits = float_to_bits(value);
    uint16_t half = (uint16_t)(bits >> 16);
    if (dtype == GATUN_F16) {
        const int exponent = (int)(bits >> 23 & 255) - 127 + 15;
        half = (uint16_t)(bits >> 16 & 0x8000);
        if (exponent > 0)
            half = (uint16_t)(half | exponent << 10 | (bits >> 13 & 1023));
    }
    ((uint16_t *)memory)[index] = half;
}

static double last_place(double value, int dtype) {
    const int precision = dtype == GATUN_BF16 ? 8 : 11, least = dtype == GATUN_BF16 ? -126 : -14;
    int exponent = least;
    if (value != 0.0 && isfinite(value) && ilogb(value) > least)
        exponent = ilogb(value);
    return ldexp(1.0, exponent - (precision - 1));
}

double error_units(double got, double expected, double scale, int dtype) {
    const double difference = fabs(got - expected);
    if (dtype == GATUN_F32)
        return difference == 0.0 ? 0.0 : difference / (unit * scale);
    const double place = last_place(expected, dtype), units = difference / place;
    const int as_float32 = difference - place / 2 <= float32_bound * unit * scale;
    return as_float32 && units > 1 ? 1 : units;
}

void normalize_row(struct norm_row *row, int norm, const double *x) {
    const long long n = row->columns;
    row->centered = norm == GATUN_LAYER_NORM;
    row->mean = 0.0;
    for (long long i = 0; row->centered && i < n; i++)
        row->mean += x[i];
    row->mean /= (double)n;
    double square = 0.0;
    for (long long i = 0; i < n; i++)
        square += (x[i] - row->mean) * (x[i] - row->mean);
    row->scale = 1.0 / sqrt(square / (double)n + (double)bench_eps);
    for (long long i = 0; i < n; i++)
        row->normalized[i] = (x[i] - row->mean) * row->scale;
}

void apply_norm(const struct norm_row *row, const float *gamma, const float *beta, double *y) {
    for (long long i = 0; i < row->columns; i++)
        y[i] = row->normalized[i] * (double)gamma[i] + (beta != NULL ? (double)beta[i] : 0.0);
}

void norm_gradient(const struct norm_row *row, const float *gamma, const double *upstream, double *dx) {
    double sum = 0.0, product = 0.0;
    const long long n = row->columns;
    for (long long i = 0; i < n; i++) {
        const double g = upstream[i] * (double)gamma[i];
        sum += g;
        product += g * row->normalized[i];
    }
    const double first = row->centered ? sum / (double)n : 0.0, second = product / (double)n;
    for (long long i = 0; i < n; i++)
        dx[i] = row->scale * (upstream[i] * (double)gamma[i] - first - row->normalized[i] * second);
}

void norm_gradient_scale(const struct norm_row *row, const float *gamma, const double *upstream, double *scale) {
    double sum = 0.0, product = 0.0;
    const long long n = row->columns;
    for (long long i = 0; i < n; i++) {
        const double g = upstream[i] * fabs((double)gamma[i]);
        sum += g;
        product += g * (1.0 + fabs(row->normalized[i]));
    }
    const double first = row->centered ? sum / (double)n : 0.0, second = product / (double)n;
    for (long long i = 0; i < n; i++) {
        const double g = upstream[i] * fabs((double)gamma[i]);
        scale[i] = row->scale * (g + first + (1.0 + fabs(row->normalized[i])) * second);
    }
}
