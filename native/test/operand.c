/* SPDX-License-Identifier: Apache-2.0 */
#include "operand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gatun.h"
#include "values.h"

void operand_place(operand *o, int dtype, long long rows, long long columns, long long gap, enum placement placement,
                   long long offset) {
    const size_t element = dtype_bytes(dtype);
    o->dtype = dtype;
    o->rows = rows;
    o->columns = columns;
    o->stride = columns + gap;
    o->bytes = rows == 0 ? 0 : (size_t)((rows - 1) * o->stride + columns) * element;
    o->data = guarded_place(&o->memory, o->bytes, element, placement,
                            placement == PLACE_BEGIN ? (size_t)offset * element : 0);
}

void operand_set(operand *o, long long row, long long column, double value) {
    dtype_store(o->dtype, o->data, row * o->stride + column, value);
}

double operand_get(const operand *o, long long row, long long column) {
    return dtype_load(o->dtype, o->data, row * o->stride + column);
}

double operand_kept(const operand *o, long long row, long long column) {
    return dtype_load(o->dtype, o->copy, row * o->stride + column);
}

void operand_keep(operand *o) {
    if (o->capacity < o->bytes || !o->copy) {
        free(o->copy);
        o->capacity = o->bytes + 64;
        o->copy = malloc(o->capacity);
        if (o->copy == NULL) {
            check_abandon("no memory for %zu bytes", o->capacity);
        }
    }
    memcpy(o->copy, o->data, o->bytes);
}

int operand_intact(const operand *o, int is_result) {
    if (!guarded_margins_intact(&o->memory)) {
        return 0;
    }
    if (!is_result) {
        return memcmp(o->data, o->copy, o->bytes) == 0;
    }
    const size_t element = dtype_bytes(o->dtype), gap = (size_t)(o->stride - o->columns) * element;
    for (long long row = 0; row + 1 < o->rows; row++) {
        if (!guarded_is_canary(o->data + (size_t)(row * o->stride + o->columns) * element, gap)) {
            return 0;
        }
    }
    return 1;
}

void operand_release(operand *o) {
    guarded_release(&o->memory);
    free(o->copy);
    memset(o, 0, sizeof *o);
}

int is_close(int dtype, double got, double expected, double tolerance) {
    if (isnan(expected) || isnan(got)) {
        return isnan(expected) && isnan(got);
    }
    if (got == expected) {
        return 1;
    }
    if (!isfinite(expected)) {
        return 0;
    }
    return got >= dtype_round(dtype, expected - tolerance) && got <= dtype_round(dtype, expected + tolerance);
}
