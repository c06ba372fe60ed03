/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of an operand of the tests hold. */
#ifndef GATUN_TEST_ROW_VALUES_H
#define GATUN_TEST_ROW_VALUES_H

#include <stdint.h>

typedef enum row_values {
    VALUES_BELL,        /* base + scale * bell-shaped noise */
    VALUES_CONSTANT,    /* base */
    VALUES_ONE_HOT,     /* scale at one position, else 0 */
    VALUES_ALTERNATING, /* base + scale, base - scale, ... */
    VALUES_SIGNED_ZERO, /* +0, -0, ... */
    VALUES_KINDS
} row_values;

/* Fills [rows, columns]; the padding between rows is NaN, so that a result that takes it in shows. */
void row_values_fill(row_values values, double base, double scale, int dtype, long long rows, long long columns,
                     long long stride, void *to, uint64_t *random);

#endif
