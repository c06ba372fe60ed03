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

/* Statistics of one row of test->dtype. */
row_reference row_norm_reference(const row_norm_case *test, const void *row);

/* The exact result of one element before its rounding to the storage type; of CAST_NONE. */
double row_norm_reference_element(const row_norm_case *test, const row_reference *row, double x, double gamma,
                                  double beta);

/*
 * The results that `bound` allows: each rounding of a float32 value within bound * 2^-23 * (1 + |value|) of the exact
 * one. For a 16-bit type that is the nearest value, or either neighbour where the exact result lies that close to the
 * middle between two.
 */
interval row_norm_allowed(const row_norm_case *test, const row_reference *row, double x, double gamma, double beta,
                          double bound);

#endif
