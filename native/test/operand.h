/* SPDX-License-Identifier: Apache-2.0 */
/* A [rows, columns] operand of a call in guarded memory, and comparisons of results with float64. */
#ifndef GATUN_TEST_OPERAND_H
#define GATUN_TEST_OPERAND_H

#include <stdint.h>

#include "guarded.h"

typedef struct operand {
    guarded memory;
    unsigned char *data;
    unsigned char *copy; /* what it held before the call */
    size_t bytes, capacity;
    int dtype;
    long long rows, columns, stride;
} operand;

/* Places an operand whose rows are `gap` elements apart, filled with canaries. `offset`: elements, with PLACE_BEGIN. */
void operand_place(operand *o, int dtype, long long rows, long long columns, long long gap, enum placement placement,
                   long long offset);

void operand_set(operand *o, long long row, long long column, double value);

/* Of the operand, and of what it held when operand_keep was called. */
double operand_get(const operand *o, long long row, long long column);
double operand_kept(const operand *o, long long row, long long column);

/* Remembers what it holds. */
void operand_keep(operand *o);

/* Whether nothing was written: but for its elements, where it is a result. */
int operand_intact(const operand *o, int is_result);

void operand_release(operand *o);

/*
 * Whether `got` is the value of a result of `dtype` that is `expected` but for an error of `tolerance` before it was
 * rounded.
 */
int is_close(int dtype, double got, double expected, double tolerance);

#endif
