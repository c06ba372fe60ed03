/* SPDX-License-Identifier: Apache-2.0 */
/* The argument checks that the entry points of the normalization family share. */
#ifndef GATUN_NORM_CHECKS_H
#define GATUN_NORM_CHECKS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../core/message.h"
#include "gatun/norm.h"

/* Where the sentence about a bad argument goes. */
typedef struct {
    char *text;
    long long bytes;
} message_buffer;

#define REJECT(to, ...) gatun_fail((to).text, (to).bytes, GATUN_INVALID_ARGUMENT, __VA_ARGS__)

/* The bytes [begin, end) of an argument, and the elements from one row to the next. */
typedef struct {
    const char *name;
    uintptr_t begin, end;
    long long stride;
} extent;

/* The arguments that are there: inputs first, then outputs. */
typedef struct {
    extent all[24];
    int count;
} extents;

static inline long long element_bytes(int dtype) {
    return dtype == GATUN_F32 ? 4 : 2;
}

/* Adds the extent of a [rows, columns] argument, which must be there if `required`. */
static inline int add_operand(extents *operands, const char *name, const void *p, bool required, long long rows,
                              long long columns, long long stride, long long bytes, message_buffer to) {
    if (!p) {
        return required ? REJECT(to, "%s: expected %lld rows of %lld elements, but it is NULL", name, rows, columns)
                        : GATUN_OK;
    }
    long long span = 0;
    if (rows > 0 && columns > 0 &&
        (__builtin_mul_overflow(rows - 1, stride, &span) || __builtin_add_overflow(span, columns, &span) ||
         __builtin_mul_overflow(span, bytes, &span) || (uintptr_t)span > UINTPTR_MAX - (uintptr_t)p)) {
        return REJECT(to, "%s: %lld rows with stride %lld are more than memory can hold", name, rows, stride);
    }
    if (((uintptr_t)p & (uintptr_t)(bytes - 1)) != 0) {
        return REJECT(to, "%s: expected an address that is a multiple of its element size %lld, but it is %p", name,
                      bytes, p);
    }
    operands->all[operands->count++] = (extent){name, (uintptr_t)p, (uintptr_t)p + (uintptr_t)span, stride};
    return GATUN_OK;
}

/* An output that may be an input: the same address and stride. */
typedef struct {
    const char *output, *input;
} allowed_alias;

/* No output overlaps another operand, except for those that are allowed in place. The first `inputs` are inputs. */
static inline int check_overlaps(const extents *operands, int inputs, const allowed_alias *allowed, int allowed_count,
                                 message_buffer to) {
    for (int output = inputs; output < operands->count; output++) {
        const extent *o = &operands->all[output];
        for (int other = 0; other < output; other++) {
            const extent *e = &operands->all[other];
            if (o->begin >= e->end || e->begin >= o->end) {
                continue;
            }
            bool same = false;
            for (int i = 0; i < allowed_count && o->begin == e->begin && o->stride == e->stride; i++) {
                same = same || (strcmp(allowed[i].output, o->name) == 0 && strcmp(allowed[i].input, e->name) == 0);
            }
            if (!same) {
                return REJECT(to, "%s: overlaps %s", o->name, e->name);
            }
        }
    }
    return GATUN_OK;
}

static inline int check_sizes(long long rows, long long columns, message_buffer to) {
    if (rows < 0) {
        return REJECT(to, "rows: expected at least 0, but it is %lld", rows);
    }
    if (columns < 1) {
        return REJECT(to, "columns: expected at least 1, but it is %lld", columns);
    }
    return GATUN_OK;
}

static inline int check_stride(const char *name, long long stride, long long columns, message_buffer to) {
    if (stride < columns) {
        return REJECT(to, "%s: expected at least the %lld columns, but it is %lld", name, columns, stride);
    }
    return GATUN_OK;
}

static inline int check_dtypes(int dtype, int parameter_dtype, message_buffer to) {
    if (dtype != GATUN_F32 && dtype != GATUN_BF16 && dtype != GATUN_F16) {
        return REJECT(to, "dtype: expected F32, BF16 or F16, but it is %d", dtype);
    }
    if (parameter_dtype != GATUN_F32 && parameter_dtype != dtype) {
        return REJECT(to, "parameter_dtype: expected F32 or the dtype of x, but it is %d", parameter_dtype);
    }
    return GATUN_OK;
}

static inline int check_statistics_columns(long long statistics_columns, long long columns, message_buffer to) {
    if (statistics_columns < 1 || statistics_columns > columns) {
        return REJECT(to, "statistics_columns: expected 1 to the %lld columns, but it is %lld", columns,
                      statistics_columns);
    }
    return GATUN_OK;
}

static inline int check_finite(const char *name, float value, message_buffer to) {
    if (!isfinite(value)) {
        return REJECT(to, "%s: expected a finite number, but it is %g", name, (double)value);
    }
    return GATUN_OK;
}

static inline int check_eps(float eps, int eps_mode, message_buffer to) {
    if (!isfinite(eps) || eps < 0) {
        return REJECT(to, "eps: expected a finite number of at least 0, but it is %g", (double)eps);
    }
    if (eps_mode < GATUN_EPS_IN_SQRT || eps_mode > GATUN_EPS_CLAMP) {
        return REJECT(to, "eps_mode: expected a gatun_eps_mode, but it is %d", eps_mode);
    }
    return GATUN_OK;
}

static inline int check_cast_mode(int cast_mode, message_buffer to) {
    if (cast_mode != GATUN_CAST_NONE && cast_mode != GATUN_CAST_LLAMA) {
        return REJECT(to, "cast_mode: expected a gatun_cast_mode, but it is %d", cast_mode);
    }
    return GATUN_OK;
}

/* Scratch memory of `needed` bytes at a multiple of `alignment`; an output where there is any. */
static inline int add_scratch(extents *operands, void *scratch, long long scratch_bytes, long long needed,
                              long long alignment, message_buffer to) {
    if (needed == 0) {
        return GATUN_OK;
    }
    if (!scratch || scratch_bytes < needed || (uintptr_t)scratch % (uintptr_t)alignment != 0) {
        return REJECT(to, "scratch: expected %lld bytes at a multiple of %lld, but it is %lld at %p", needed, alignment,
                      scratch ? scratch_bytes : 0, scratch);
    }
    operands->all[operands->count++] =
        (extent){"scratch", (uintptr_t)scratch, (uintptr_t)scratch + (uintptr_t)needed, 0};
    return GATUN_OK;
}

#endif
