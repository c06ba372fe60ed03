/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fused residual normalizations in float64, from their definitions, and what their roundings allow.
 *
 * A normalization is sensitive to what goes into it, so a result is judged from the sum that the kernel normalized: the
 * stored h, where that is the one. Else the sum is known within an interval (one number for most of 16 bits), and xh
 * may differ by what a sum from there changes. Within that the bound is the one of the plain normalizations.
 */
#ifndef GATUN_TEST_RESIDUAL_NORM_REFERENCE_H
#define GATUN_TEST_RESIDUAL_NORM_REFERENCE_H

#include "residual_norm_case.h"
#include "row_norm_reference.h"

/* One row of the operands in float64; NULL for what is not there. */
typedef struct residual_norm_row {
    const double *x, *residual, *bias, *gamma1, *beta1, *gamma, *beta;
    const double *h; /* the stored one */
} residual_norm_row;

/* What the last normalization starts from, and the statistics of both. */
typedef struct residual_norm_reference {
    row_norm_case norm1, norm; /* the normalizations alone */
    row_reference statistics1, statistics;
    double *source, *source_error; /* what is normalized last, per column, and how far the kernel's may be from it */
    row_uncertainty uncertainty;
} residual_norm_reference;

/* The values of h that may be stored for column j. Needs the statistics of the first normalization, or of the only one
 * where h follows it. */
interval residual_norm_allowed_h(const residual_norm_case *test, const residual_norm_reference *reference,
                                 const residual_norm_row *row, long long j, double bound);

/* Fills `reference` for a row; source and source_error have room for the columns. */
void residual_norm_reference_row(const residual_norm_case *test, const residual_norm_row *row, double bound,
                                 residual_norm_reference *reference);

/* The values of y that are allowed for column j, and the exact one for the source. */
interval residual_norm_allowed_y(const residual_norm_reference *reference, const residual_norm_row *row, long long j,
                                 double bound);
double residual_norm_exact_y(const residual_norm_reference *reference, const residual_norm_row *row, long long j);

#endif
