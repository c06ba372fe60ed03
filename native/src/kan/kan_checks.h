/* SPDX-License-Identifier: Apache-2.0 */
/* The argument checks that the entry points of this family share. */
#ifndef GATUN_KAN_CHECKS_H
#define GATUN_KAN_CHECKS_H

#include <float.h>

#include "../norm/norm_checks.h"
#include "kan_basis_kernel.h"

static inline int check_between(const char *name, long long value, long long low, long long high, message_buffer to) {
    if (value < low || value > high) {
        return REJECT(to, "%s: expected %lld to %lld, but it is %lld", name, low, high, value);
    }
    return GATUN_OK;
}

static inline int check_there(const gatun_context *context, message_buffer to) {
    return context ? GATUN_OK : REJECT(to, "context: expected one, but it is NULL");
}

/* A number of float32 in two parts. */
static inline void split_number(double number, float *high, float *low) {
    *high = (float)number;
    *low = (float)(number - (double)*high);
}

static inline int check_grid(float low, float high, double intervals, kan_basis *b, message_buffer to) {
    const double step = ((double)high - (double)low) / intervals;
    if (!isfinite(low) || !isfinite(high)) {
        return REJECT(to, "%s: expected a finite number, but it is %g", isfinite(low) ? "high" : "low",
                      (double)(isfinite(low) ? high : low));
    }
    if (!(low < high) || step < (double)FLT_MIN * 2 * GATUN_KAN_MAX_FUNCTIONS) {
        return REJECT(to, "high: expected to be above low, %g, by normal steps, but it is %g", (double)low,
                      (double)high);
    }
    split_number(((double)low + (double)high) / 2, &b->middle, &b->middle_low);
    split_number(1 / step, &b->per_step, &b->per_step_low);
    b->first = -0.5f * (float)(b->functions - 1);
    /* Gaussians are 0 from 11 steps on, wavelets from 15. */
    const double reach = step * (b->functions + 16);
    b->reach = reach < (double)FLT_MAX ? (float)reach : FLT_MAX;
    return GATUN_OK;
}

/* Checks what describes a basis, and fills `b`. */
static inline int check_basis(int basis, long long functions, int degree, float low, float high, int base, kan_basis *b,
                              message_buffer to) {
    int status;
    if ((status = check_between("basis", basis, GATUN_KAN_BSPLINE, GATUN_KAN_WAVELET, to)) ||
        (status = check_between("functions", functions, 1, GATUN_KAN_MAX_FUNCTIONS, to)) ||
        (status = check_between("base", base, 0, 1, to))) {
        return status;
    }
    b->functions = (int)functions;
    b->base = base == 1;
    switch (basis) {
    case GATUN_KAN_BSPLINE:
        if ((status = check_between("degree", degree, 1, GATUN_KAN_MAX_DEGREE, to)) ||
            (status = check_between("functions", functions, degree + 1, GATUN_KAN_MAX_FUNCTIONS, to))) {
            return status;
        }
        b->shape = (kan_shape)(KAN_SPLINE_1 + degree - 1);
        return check_grid(low, high, (double)(functions - degree), b, to);
    case GATUN_KAN_CHEBYSHEV:
        b->shape = KAN_CHEBYSHEV;
        return GATUN_OK;
    case GATUN_KAN_FOURIER:
        b->shape = KAN_FOURIER;
        return functions % 2 == 0 ? GATUN_OK
                                  : REJECT(to, "functions: expected an even number, but it is %lld", functions);
    default:
        b->shape = basis == GATUN_KAN_GAUSSIAN ? KAN_GAUSSIAN : KAN_WAVELET;
        if ((status = check_between("functions", functions, 2, GATUN_KAN_MAX_FUNCTIONS, to))) {
            return status;
        }
        return check_grid(low, high, (double)(functions - 1), b, to);
    }
}

/* rows >= 0 and columns >= 1, whose `width` elements for each column are countable; receives columns * width. */
static inline int check_expanded(long long rows, long long columns, long long width, long long *all,
                                 message_buffer to) {
    int status = check_sizes(rows, columns, to);
    if (!status && __builtin_mul_overflow(columns, width, all)) {
        return REJECT(to, "columns: %lld with %lld functions each are more than memory can hold", columns, width);
    }
    return status;
}

#endif
