/* SPDX-License-Identifier: Apache-2.0 */
/* LayerNorm and RMSNorm in float64, from their definitions. */
#ifndef GATUN_TEST_ROW_NORM_REFERENCE_H
#define GATUN_TEST_ROW_NORM_REFERENCE_H

#include "row_norm_case.h"

typedef struct row_reference {
    double mean, mean_square, r; /* mean 0 for RMSNorm */
} row_reference;

typedef struct interval {
    double low, high;
} interval;

/* By how much the numbers that a kernel normalized may differ from those of the reference: the mean of the greatest
 * differences, where the norm takes a mean, and their root mean square. */
typedef struct row_uncertainty {
    double mean, root_mean_square;
} row_uncertainty;

/* Whether a result is in the interval; NaN, where an end of it is NaN. */
int interval_holds(interval allowed, double value);

/* Statistics of one row of test->dtype, or of one row of any numbers. */
row_reference row_norm_reference(const row_norm_case *test, const void *row);
row_reference row_norm_reference_of_numbers(const row_norm_case *test, const double *row);

/* The exact result of one element before its rounding to the storage type; of CAST_NONE. */
double row_norm_reference_element(const row_norm_case *test, const row_reference *row, double x, double gamma,
                                  double beta);

/* How much the scale changes for it, relatively. Each eps_mode has a denominator 1 / r that changes by no more than the
 * root mean square of the differences, since it is a seminorm of the row under a function of slope 1 or less. */
double row_uncertainty_of_scale(const row_uncertainty *source, const row_reference *row);

/* How much the xh of x changes for it, and for a difference of `own` in x itself. */
double row_uncertainty_of_xh(const row_uncertainty *source, const row_reference *row, double x, double own);

/*
 * The results that `bound` allows: each rounding of a float32 value within bound * 2^-23 * (1 + |value|) of the exact
 * one. For a 16-bit type that is the nearest value, or either neighbour where the exact result lies that close to the
 * middle between two.
 */
interval row_norm_allowed(const row_norm_case *test, const row_reference *row, double x, double gamma, double beta,
                          double bound);

/* The same before the last rounding to the storage type, where xh is uncertain by `xh_error`. */
interval row_norm_allowed_before_rounding(const row_norm_case *test, const row_reference *row, double x, double gamma,
                                          double beta, double bound, double xh_error);

/* Checks the saved statistics of a row; whether they are right. */
int row_norm_check_statistics(const row_norm_saved *saved, const row_reference *reference, long long row, double bound,
                              const row_uncertainty *source, const char *what);

#endif
