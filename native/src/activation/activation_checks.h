/* SPDX-License-Identifier: Apache-2.0 */
/* The argument checks that the entry points of the element-wise activations share. */
#ifndef GATUN_ACTIVATION_CHECKS_H
#define GATUN_ACTIVATION_CHECKS_H

#include "activation_kernels.h"
#include "activation_tasks.h"

/* The operands, inputs first, with what the check of overlaps needs beyond their extents. */
typedef struct {
    extents extents;
    int inputs;
    struct {
        row_extent rows;
        unsigned places; /* the inputs that an output may be: bit k for operand k */
    } more[sizeof((extents *)0)->all / sizeof(extent)];
} element_operands;

#define ANY_INPUT (~0u)

/* Adds a [rows, columns] operand; nothing where it is NULL and not required. */
static inline int add_tensor(element_operands *o, const char *name, const void *p, bool required, long long rows,
                             long long columns, long long stride, long long bytes, unsigned places, message_buffer to) {
    const int added = o->extents.count;
    const int status = add_operand(&o->extents, name, p, required, rows, columns, stride, bytes, to);
    if (!status) {
        o->more[added].rows = row_extent_of(rows, columns, stride, bytes);
        o->more[added].places = places;
    }
    return status;
}

/* Whether an output is exactly one of the inputs that it may be. */
static inline bool is_in_place(const element_operands *o, int output, int input) {
    const extent *e = &o->extents.all[output], *f = &o->extents.all[input];
    return input < o->inputs && (o->more[output].places >> input & 1) && e->begin == f->begin && e->end == f->end &&
           e->stride == f->stride;
}

static inline int check_places(const element_operands *o, message_buffer to) {
    for (int output = o->inputs; output < o->extents.count; output++) {
        for (int other = 0; other < output; other++) {
            if (!is_in_place(o, output, other) && rows_overlap(&o->extents.all[output], o->more[output].rows,
                                                               &o->extents.all[other], o->more[other].rows)) {
                return REJECT(to, "%s: overlaps %s", o->extents.all[output].name, o->extents.all[other].name);
            }
        }
    }
    return GATUN_OK;
}

/* Whether any output is written where an input was read. */
static inline bool any_in_place(const element_operands *o) {
    for (int output = o->inputs; output < o->extents.count; output++) {
        for (int input = 0; input < o->inputs; input++) {
            if (o->extents.all[output].begin == o->extents.all[input].begin) {
                return true;
            }
        }
    }
    return false;
}

static inline int check_flag(const char *name, int value, message_buffer to) {
    return value == 0 || value == 1 ? GATUN_OK : REJECT(to, "%s: expected 0 or 1, but it is %d", name, value);
}

static inline int check_bound(const char *name, float value, message_buffer to) {
    return isnan(value) ? REJECT(to, "%s: expected a number, but it is NaN", name) : GATUN_OK;
}

/* Checks the parameters of an activation, and puts those of special cases of another one in their places. */
int check_activation(activation_parameters *p, message_buffer to);

#endif
