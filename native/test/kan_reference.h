/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of bases by their definitions, in double precision. */
#ifndef GATUN_TEST_KAN_REFERENCE_H
#define GATUN_TEST_KAN_REFERENCE_H

typedef struct kan_description {
    int basis, degree, base;
    int functions; /* without the base */
    float low, high;
} kan_description;

const char *kan_basis_name(int basis);

/* phi[m](x), the base for m = functions. */
double kan_function(const kan_description *basis, int m, double x);

/* phi[m]'(x), and what its rounding errors are relative to. */
double kan_slope(const kan_description *basis, int m, double x);
double kan_slope_scale(const kan_description *basis, int m, double x);

/* Whether x is so close to a jump of a slope that rounding decides on the side of it. */
int kan_is_jump(const kan_description *basis, double x);

#endif
