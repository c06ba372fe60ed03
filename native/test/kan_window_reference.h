/* SPDX-License-Identifier: Apache-2.0 */
/* Windows by their definitions, in double precision. */
#ifndef GATUN_TEST_KAN_WINDOW_REFERENCE_H
#define GATUN_TEST_KAN_WINDOW_REFERENCE_H

double window_inner(int inner, double t);
double window_inner_slope(int inner, double t);
double window_combined(int combination, double u, double v);

/* The derivative by u; by v with the arguments exchanged. */
double window_combined_slope(int combination, double u, double v);

/* What rounding errors of an inner function, and of its slope, are relative to besides. */
double window_inner_scale(double t);

#endif
