/* SPDX-License-Identifier: Apache-2.0 */
/* What rational_api.c and the kernels of the group rational activation say to each other. */
#ifndef GATUN_RATIONAL_KERNEL_H
#define GATUN_RATIONAL_KERNEL_H

#include <stdbool.h>

#include "gatun/polynomial.h"

/* Columns of a group whose sums are taken apart from those of its other columns, so that threads can share long rows. */
#define RATIONAL_UNIT 16384

/* Sums of a unit: those of the numerator's coefficients, then those of the denominator's. */
#define RATIONAL_SUMS (2 * GATUN_POLYNOMIAL_MAX_ORDER + 1)

/* The checked arguments of both passes; names as in gatun/polynomial.h. */
typedef struct {
    int dtype, numerator_degree, denominator_degree, form;
    long long rows, columns, groups;
    const void *x;
    long long x_stride;
    const float *numerator, *denominator;
    bool numerator_shared, denominator_shared; /* one set of coefficients for all groups */
    void *y;
    long long y_stride;
    const void *dy; /* backward; from here on */
    long long dy_stride;
    void *dx;
    long long dx_stride;
    bool prefetch; /* rows come from memory: fetch those that follow */
    bool stream;   /* results will not be read again before they have left the caches: bypass them */
} rational_arguments;

/* Rows [begin, end). */
typedef struct {
    void (*rows)(const rational_arguments *arguments, long long begin, long long end);
} rational_kernel;

/*
 * Units [first_unit, last_unit) of rows [begin, end), where begin is a multiple of GATUN_BACKWARD_PIECE_ROWS. `sums`:
 * RATIONAL_SUMS numbers for each of all units, that are added to piece by piece; NULL for none.
 */
typedef struct {
    void (*rows)(const rational_arguments *arguments, long long begin, long long end, long long first_unit,
                 long long last_unit, double *sums);
} rational_backward_kernel;

static inline long long units_of_group(const rational_arguments *a) {
    const long long width = a->columns / a->groups;
    return width / RATIONAL_UNIT + (width % RATIONAL_UNIT != 0);
}

#endif
