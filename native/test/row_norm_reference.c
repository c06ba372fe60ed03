/* SPDX-License-Identifier: Apache-2.0 */
#include "row_norm_reference.h"

#include <float.h>
#include <math.h>

#include "check.h"
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

typedef double number_function(int dtype, const void *row, long long index);

static double number(int dtype, const void *row, long long index) {
    (void)dtype;
    return ((const double *)row)[index];
}

static row_reference reference_of(const row_norm_case *test, const void *row, number_function *value) {
    long long n = statistics_columns(test);
    double mean = 0;
    if (test->operation == LAYER_NORM) {
        for (long long j = 0; j < n; j++) {
            mean += value(test->dtype, row, j);
        }
        mean /= (double)n;
    }
    double squares = 0;
    double rest = 0;
    for (long long j = 0; j < n; j++) {
        double d = value(test->dtype, row, j) - mean;
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

row_reference row_norm_reference(const row_norm_case *test, const void *row) {
    return reference_of(test, row, dtype_load);
}

row_reference row_norm_reference_of_numbers(const row_norm_case *test, const double *row) {
    return reference_of(test, row, number);
}

double row_uncertainty_of_scale(const row_uncertainty *source, const row_reference *row) {
    if (source->root_mean_square == 0 || isnan(row->r)) {
        return 0;
    }
    double rest = 1 - source->root_mean_square * row->r;
    return rest > 0 ? source->root_mean_square * row->r / rest : INFINITY;
}

/* x' / d' - x / d = ((x' - x) - (x / d) * (d' - d)) / d', with x about the mean and the denominator d. */
double row_uncertainty_of_xh(const row_uncertainty *source, const row_reference *row, double x, double own) {
    double difference = own + source->mean;
    if (difference == 0 && source->root_mean_square == 0) {
        return 0;
    }
    double scale = row_uncertainty_of_scale(source, row);
    if (isinf(scale)) {
        return INFINITY;
    }
    return difference * row->r * (1 + scale) + fabs((x - row->mean) * row->r) * scale;
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

static interval widen(double value, double bound) {
    double error = isinf(value) ? 0 : bound * 0x1p-23 * (1.0 + fabs(value));
    return (interval){value - error, value + error};
}

static interval rounded(interval i, int dtype) {
    return (interval){dtype_round(dtype, i.low), dtype_round(dtype, i.high)};
}

int interval_holds(interval allowed, double value) {
    if (isnan(allowed.low) || isnan(allowed.high)) {
        return isnan(value);
    }
    return value >= allowed.low && value <= allowed.high;
}

interval row_norm_allowed_before_rounding(const row_norm_case *test, const row_reference *row, double x, double gamma,
                                          double beta, double bound, double xh_error) {
    double xh = (x - row->mean) * row->r;
    interval xh_allowed = {xh - xh_error, xh + xh_error};
    if (test->cast_mode == GATUN_CAST_LLAMA && test->dtype != GATUN_F32) {
        xh_allowed.low = dtype_round(test->dtype, widen(xh_allowed.low, bound).low);
        xh_allowed.high = dtype_round(test->dtype, widen(xh_allowed.high, bound).high);
    }
    interval a = widen(affine(test, xh_allowed.low, gamma, beta), bound);
    interval b = widen(affine(test, xh_allowed.high, gamma, beta), bound);
    if (isnan(a.low) || isnan(b.low)) {
        return (interval){NAN, NAN};
    }
    interval allowed = {fmin(a.low, b.low), fmax(a.high, b.high)};
    /* Behind the statistics columns xh itself may leave the range of float32, and so the arithmetic. */
    if (isfinite(xh) && fabs(xh) > FLT_MAX) {
        double infinite = affine(test, copysign(INFINITY, xh), gamma, beta);
        allowed.low = fmin(allowed.low, infinite);
        allowed.high = fmax(allowed.high, infinite);
    }
    return allowed;
}

interval row_norm_allowed(const row_norm_case *test, const row_reference *row, double x, double gamma, double beta,
                          double bound) {
    return rounded(row_norm_allowed_before_rounding(test, row, x, gamma, beta, bound, 0), test->dtype);
}

int row_norm_check_statistics(const row_norm_saved *saved, const row_reference *reference, long long row, double bound,
                              const row_uncertainty *source, const char *what) {
    int good = 1;
    if (saved->rstd != NULL) {
        double r = dtype_round(GATUN_F32, reference->r);
        double rstd = saved->rstd[row];
        double slack = isfinite(r) ? (bound * 0x1p-23 + row_uncertainty_of_scale(source, reference)) * r + 0x1p-149 : 0;
        good = CHECK(isnan(r) ? isnan(rstd) : rstd == r || fabs(rstd - r) <= slack,
                     "%s\n    row %lld: rstd is %.9g, expected %.9g", what, row, rstd, r);
    }
    if (saved->mean == NULL) {
        return good;
    }
    double mean = saved->mean[row];
    double both = mean + (double)saved->mean_low[row];
    if (!isfinite(reference->mean)) {
        return CHECK(!isfinite(mean), "%s\n    row %lld: mean is %.9g, expected %g", what, row, mean,
                     reference->mean) &&
               good;
    }
    /* What a backward pass loses: the error of (x - mean) * r in the units of the bound. */
    double deviation = sqrt(reference->mean_square);
    double allowed = bound * 0x1p-23 * deviation + 0x1p-46 * fabs(reference->mean) + source->mean + 0x1p-149;
    good &= CHECK(fabs(both - reference->mean) <= allowed,
                  "%s\n    row %lld: mean + mean_low is %.17g, expected %.17g within %g", what, row, both,
                  reference->mean, allowed);
    good &= CHECK(fabs(mean - reference->mean) <= allowed + 0x1p-24 * fabs(reference->mean) + 0x1p-149,
                  "%s\n    row %lld: mean is %.9g, expected %.9g", what, row, mean, reference->mean);
    return good;
}
