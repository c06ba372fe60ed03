/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row normalizations and their gradients in float64, from their definitions, over dense [rows, columns] arrays.
 * Norm 0 is the one whose result dy belongs to; norm 1, of norm_add_norm alone, comes before it.
 */
#ifndef GATUN_TEST_ROW_NORM_BACKWARD_REFERENCE_H
#define GATUN_TEST_ROW_NORM_BACKWARD_REFERENCE_H

#include "row_norm_backward_case.h"

/* Statistics of a row: of the definition, or what a call was given in their place. */
typedef struct norm_statistics {
    double mean, r, k; /* k: how r answers to a change of the mean square, in gatun/norm.h */
} norm_statistics;

typedef struct backward_inputs {
    const double *tensors[BACKWARD_INPUTS]; /* NULL where there is none */
    const double *gamma[2], *bias;          /* likewise */
    const norm_statistics *statistics[2];   /* by row */
} backward_inputs;

/*
 * Results, each with its scale: the sum of the magnitudes of the terms that it is made of, where a term with xh counts
 * 1 + |xh|, since xh itself is known to units of 2^-23 * (1 + |xh|). A float32 result is as good as can be where its
 * error is a few units of 2^-23 * scale.
 */
typedef struct backward_outputs {
    double *dx, *dx_scale, *dresidual, *dresidual_scale;                                 /* [rows, columns] */
    double *gradients[BACKWARD_GRADIENTS_MAX], *gradient_scales[BACKWARD_GRADIENTS_MAX]; /* [columns] */
} backward_outputs;

/* Of row `row` of what norm[norm] takes in. */
norm_statistics backward_statistics_of(const backward_case *test, const backward_inputs *inputs, int norm,
                                       long long row);

void backward_reference(const backward_case *test, const backward_inputs *inputs, const backward_outputs *outputs);

/*
 * The forward pass of the operation, of one row: y (of norm_residual_add: h), and h where it is another result. x,
 * residual and the parameters as in gatun/norm.h; gamma[0], beta[0] of the last norm.
 */
typedef struct forward_row {
    const double *x, *residual, *bias, *gamma[2], *beta[2];
    double *y, *h;
} forward_row;
void backward_forward(const backward_case *test, const forward_row *row);

#endif
