/* SPDX-License-Identifier: Apache-2.0 */
#include "row_norm_reference.h"

#include <float.h>
#include <math.h>

#include "values.h"

static long long statistics_columns(const row_norm_case *test) {
    return test->operation == RMS_NORM ? test->statistics_columns : test->columns;
}

static double reciprocal_scale(const row_norm_case *test, double mean_square) {
    double eps = test->eps;
    switch (test->eps_mode) {
    case GATUN_EPS_IN_SQRT:
        return 1.0 / sqrt(mean_square + eps);
    case GATUN_EPS_ADD:
        return 1.0 / (sqrt(mean_square) + eps);
    default: {
        double n = (double)statistics_columns(test);
        double norm = sqrt(n * mean_square);
        return sqrt(n) / (norm < eps ? eps : norm); /* a NaN norm stays */
    }
    }
}

row_reference row_norm_reference(const row_norm_case *test, const void *row) {
    long long n = statistics_columns(test);
    double mean = 0;
    if (test->operation == LAYER_NORM) {
        for (long long j = 0; j < n; j++) {
            mean += dtype_load(test->dtype, row, j);
        }
        mean /= (double)n;
    }
    double squares = 0;
    double rest = 0;
    for (long long j = 0; j < n; j++) {
        double d = dtype_load(test->dtype, row, j) - mean;
        squares += d * d;
        rest += d;
    }
    if (test->operation == LAYER_NORM) {
        double correction = rest / (double)n;
        mean += correction;
        squares -= rest * correction;
        if (squares < 0) {
            squares = 0;
        }
    }
    row_reference reference = {mean, squares / (double)n, 0};
    reference.r = reciprocal_scale(test, reference.mean_square);
    return reference;
}

static double factor_of(const row_norm_case *test, double gamma) {
    return test->has_gamma ? (double)test->weight_offset + gamma : 1.0;
}

static double affine(const row_norm_case *test, double xh, double gamma, double beta) {
    double product = test->has_gamma ? xh * factor_of(test, gamma) : xh;
    return test->has_beta ? product + beta : product;
}

double row_norm_reference_element(const row_norm_case *test, const row_reference *row, double x, double gamma,
                                  double beta) {
    return affine(test, (x - row->mean) * row->r, gamma, beta);
}

static interval widen(double value, double bound, int dtype) {
    double error = bound * 0x1p-23 * (1.0 + fabs(value));
    if (isinf(value)) {
        error = 0;
    }
    return (interval){dtype_round(dtype, value - error), dtype_round(dtype, value + error)};
}

interval row_norm_allowed(const row_norm_case *test, const row_reference *row, double x, double gamma, double beta,
                          double bound) {
    double xh = (x - row->mean) * row->r;
    if (test->cast_mode == GATUN_CAST_NONE || test->dtype == GATUN_F32) {
        interval allowed = widen(affine(test, xh, gamma, beta), bound, test->dtype);
        /* Behind the statistics columns xh itself may leave the range of float32, and so the arithmetic. */
        if (isfinite(xh) && fabs(xh) > FLT_MAX) {
            double infinite = affine(test, copysign(INFINITY, xh), gamma, beta);
            allowed.low = fmin(allowed.low, infinite);
            allowed.high = fmax(allowed.high, infinite);
        }
        return allowed;
    }
    interval first = widen(xh, bound, test->dtype);
    interval a = widen(affine(test, first.low, gamma, beta), bound, test->dtype);
    interval b = widen(affine(test, first.high, gamma, beta), bound, test->dtype);
    if (isnan(a.low) || isnan(b.low)) {
        return (interval){NAN, NAN};
    }
    return (interval){fmin(a.low, b.low), fmax(a.high, b.high)};
}
