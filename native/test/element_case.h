/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs an element-wise operation on operands between guard pages and compares each element of its results with the
 * definition; gaps between rows, margins, inputs and floating-point modes must be as they were.
 */
#ifndef GATUN_TEST_ELEMENT_CASE_H
#define GATUN_TEST_ELEMENT_CASE_H

#include "activation_reference.h"
#include "gatun.h"
#include "guarded.h"

enum { ELEMENT_OPERANDS_MAX = 3 };

/* Where an operand lies: rows `stride` elements apart, elements of a row `step` apart. */
typedef struct element_operand {
    void *data;
    long long stride;
} element_operand;

struct element_operation;

typedef struct element_shape {
    int dtype;
    long long rows, columns;
    long long in_stride, out_stride; /* of an interleaved pair twice as much and one more */
    enum placement placement;
    size_t offset;                      /* bytes, with PLACE_BEGIN */
    int interleaved;                    /* the last two inputs, and the first two of several outputs */
    int unwanted;                       /* bit k: output k is NULL */
    int in_place[ELEMENT_OPERANDS_MAX]; /* output k is input in_place[k] - 1; 0 for memory of its own */
} element_shape;

typedef int element_call(gatun_context *context, const struct element_operation *operation, const element_shape *shape,
                         const element_operand *in, const element_operand *out, char *message, long long message_bytes);

typedef struct element_operation {
    const char *name; /* such as activation_backward */
    const activation_form *form;
    int inputs, outputs;
    element_call *call;
    /* The results from the inputs, and what an error of theirs is measured against: 1 + |y| if it is not set. */
    void (*define)(const activation_form *form, const double *in, double *out, double *scale);
    double low, high; /* of the inputs */
    double bound;     /* of float32, in units of 2^-23 * scale */
} element_operation;

/* Calls and checks. The results go to `results`, in rows without gaps, where it is not NULL. */
void element_check(gatun_context *context, const element_operation *operation, const element_shape *shape,
                   void *results);

void element_release(void);

#endif
