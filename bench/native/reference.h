/* SPDX-License-Identifier: Apache-2.0 */
/* The definitions in float64, storage types and errors, independently of the kernels under test. */
#ifndef GATUN_BENCH_REFERENCE_H
#define GATUN_BENCH_REFERENCE_H

static const float bench_eps = 1e-5f;

/* dtype: gatun_dtype */
double load_element(const void *memory, int dtype, long long index);

/* Truncates: enough to make valid numbers of any type from moderate ones. */
void store_element(void *memory, int dtype, long long index, float value);

/* The bound of the case files on float32 results, and on 16-bit ones before they are rounded. */
enum { float32_bound = 4 };

/* In the units of the case files: of 2^-23 * scale for float32, of the last place for 16-bit types. A 16-bit result is a
 * float32 result rounded: where that is within the bound of float32, it counts as at most one unit in the last place.
 * The scale of a result is 1 + |y|, that of a gradient the sum of the magnitudes of its terms. */
double error_units(double got, double expected, double scale, int dtype);

/* One row; `normalized` is the caller's. */
struct norm_row {
    int centered;
    long long columns;
    double mean, scale;
    double *normalized;
};

void normalize_row(struct norm_row *row, int norm, const double *x);

/* beta may be NULL. y may be what was normalized. */
void apply_norm(const struct norm_row *row, const float *gamma, const float *beta, double *y);

/* dx may be the upstream gradient. */
void norm_gradient(const struct norm_row *row, const float *gamma, const double *upstream, double *dx);

/* The magnitudes of the terms of the gradient, from those of the upstream gradient, which may be `scale`. */
void norm_gradient_scale(const struct norm_row *row, const float *gamma, const double *upstream, double *scale);

#endif
