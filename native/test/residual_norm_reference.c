/* SPDX-License-Identifier: Apache-2.0 */
#include "residual_norm_reference.h"

#include <math.h>

#include "values.h"

static row_norm_case norm_alone(const residual_norm_case *test, int has_gamma, int has_beta) {
    return (row_norm_case){.operation = test->norm == GATUN_LAYER_NORM ? LAYER_NORM : RMS_NORM,
                           .dtype = test->dtype,
                           .parameter_dtype = test->parameter_dtype,
                           .rows = test->rows,
                           .columns = test->columns,
                           .statistics_columns = test->columns,
                           .has_gamma = has_gamma,
                           .has_beta = has_beta,
                           .weight_offset = test->weight_offset,
                           .eps = test->eps,
                           .eps_mode = test->eps_mode,
                           .cast_mode = test->cast_mode};
}

static double or_else(const double *array, long long j, double absent) {
    return array != NULL ? array[j] : absent;
}

/* One rounding to float32, and what float64 itself loses. */
static double rounding_error(double value) {
    return isfinite(value) ? 0x1p-24 * fabs(value) + 0x1p-150 : 0;
}

/* alpha * residual + [low, high] in float32: one rounding, or another one of the product where it is inexact. */
static interval add_residual(const residual_norm_case *test, const residual_norm_row *row, long long j, interval i) {
    double product = row->residual != NULL ? (double)test->alpha * row->residual[j] : 0;
    double error = (double)(float)product == product ? 0 : rounding_error(product);
    if (isfinite(product)) {
        error += 0x1p-51 * fmax(fabs(product), fmin(fabs(i.low), fabs(i.high)));
    }
    if (row->residual != NULL) {
        i.low += product;
        i.high += product;
    }
    return (interval){dtype_round(GATUN_F32, isfinite(i.low) ? i.low - error : i.low),
                      dtype_round(GATUN_F32, isfinite(i.high) ? i.high + error : i.high)};
}

/* The float32 sums that may be h before it is rounded to its type. */
static interval allowed_sum(const residual_norm_case *test, const residual_norm_reference *reference,
                            const residual_norm_row *row, long long j, double bound) {
    if (test->operation == RESIDUAL_ADD_NORM) {
        double x = row->x[j] + or_else(row->bias, j, 0);
        double error = row->bias != NULL ? rounding_error(x) : 0;
        return add_residual(test, row, j, (interval){x - error, x + error});
    }
    if (test->operation == NORM_ADD_NORM) {
        return add_residual(test, row, j,
                            row_norm_allowed_before_rounding(&reference->norm1, &reference->statistics1, row->x[j],
                                                             or_else(row->gamma1, j, 1), or_else(row->beta1, j, 0),
                                                             bound, 0));
    }
    return add_residual(test, row, j,
                        row_norm_allowed_before_rounding(&reference->norm, &reference->statistics, reference->source[j],
                                                         or_else(row->gamma, j, 1), or_else(row->beta, j, 0), bound,
                                                         0));
}

interval residual_norm_allowed_h(const residual_norm_case *test, const residual_norm_reference *reference,
                                 const residual_norm_row *row, long long j, double bound) {
    interval sum = allowed_sum(test, reference, row, j, bound);
    return (interval){dtype_round(test->dtype, sum.low), dtype_round(test->dtype, sum.high)};
}

/* Sets the source of column j to what the last normalization of an operation starts from. */
static void find_source(const residual_norm_case *test, const residual_norm_row *row, long long j, double bound,
                        residual_norm_reference *reference) {
    double *source = &reference->source[j], *error = &reference->source_error[j];
    *error = 0;
    if (test->operation == NORM_RESIDUAL_ADD) {
        *source = row->bias != NULL ? (double)(float)(row->x[j] + row->bias[j]) : row->x[j];
        return;
    }
    int rounded = test->dtype == GATUN_F32 || test->sum_mode == GATUN_SUM_ROUNDED;
    if (rounded && row->h != NULL) {
        *source = row->h[j];
        return;
    }
    interval sum =
        rounded ? residual_norm_allowed_h(test, reference, row, j, bound) : allowed_sum(test, reference, row, j, bound);
    *source = sum.low;
    if (sum.high != sum.low && !isnan(sum.low)) {
        *source = sum.low / 2 + sum.high / 2;
        *error = sum.high / 2 - sum.low / 2;
    }
}

void residual_norm_reference_row(const residual_norm_case *test, const residual_norm_row *row, double bound,
                                 residual_norm_reference *reference) {
    double sum = 0;
    double squares = 0;
    reference->norm1 = norm_alone(test, test->has_gamma1, test->has_beta1);
    reference->norm = norm_alone(test, test->has_gamma, test->has_beta);
    if (test->operation == NORM_ADD_NORM) {
        reference->statistics1 = row_norm_reference_of_numbers(&reference->norm1, row->x);
    }
    for (long long j = 0; j < test->columns; j++) {
        find_source(test, row, j, bound, reference);
        sum += reference->source_error[j];
        squares += reference->source_error[j] * reference->source_error[j];
    }
    reference->statistics = row_norm_reference_of_numbers(&reference->norm, reference->source);
    double columns = (double)test->columns;
    reference->uncertainty =
        (row_uncertainty){test->norm == GATUN_LAYER_NORM ? sum / columns : 0, sqrt(squares / columns)};
}

interval residual_norm_allowed_y(const residual_norm_reference *reference, const residual_norm_row *row, long long j,
                                 double bound) {
    double xh_error = row_uncertainty_of_xh(&reference->uncertainty, &reference->statistics, reference->source[j],
                                            reference->source_error[j]);
    if (isinf(xh_error) || isinf(reference->uncertainty.root_mean_square)) {
        return (interval){-INFINITY, INFINITY};
    }
    interval allowed =
        row_norm_allowed_before_rounding(&reference->norm, &reference->statistics, reference->source[j],
                                         or_else(row->gamma, j, 1), or_else(row->beta, j, 0), bound, xh_error);
    return (interval){dtype_round(reference->norm.dtype, allowed.low),
                      dtype_round(reference->norm.dtype, allowed.high)};
}

double residual_norm_exact_y(const residual_norm_reference *reference, const residual_norm_row *row, long long j) {
    return row_norm_reference_element(&reference->norm, &reference->statistics, reference->source[j],
                                      or_else(row->gamma, j, 1), or_else(row->beta, j, 0));
}
