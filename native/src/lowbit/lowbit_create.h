/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions that make a gatun_lowbit_matrix share. */
#ifndef GATUN_LOWBIT_CREATE_H
#define GATUN_LOWBIT_CREATE_H

#include <limits.h>

#include "../core/context.h"
#include "../norm/norm_checks.h"
#include "lowbit_object.h"
#include "lowbit_pack.h"

static inline int check_common(const gatun_context *context, long long outputs, long long inputs,
                               gatun_lowbit_matrix **matrix, message_buffer to) {
    if (!matrix) {
        return REJECT(to, "matrix: expected a place for it, but it is NULL");
    }
    *matrix = NULL;
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    if (outputs < 0) {
        return REJECT(to, "outputs: expected at least 0, but it is %lld", outputs);
    }
    if (inputs < 0 || inputs > INT32_MAX) {
        return REJECT(to, "inputs: expected 0 to %d, but it is %lld", INT32_MAX, inputs);
    }
    return GATUN_OK;
}

/* A tensor of count * element_bits bits, `count` being the product of three sizes. */
static inline int check_tensor(const char *name, const void *p, long long bytes, long long a, long long b, long long c,
                               int element_bits, message_buffer to) {
    long long needed;
    if (__builtin_mul_overflow(a, b, &needed) || __builtin_mul_overflow(needed, c, &needed) ||
        __builtin_mul_overflow(needed, (long long)element_bits, &needed)) {
        return REJECT(to, "%s: its shape is more than memory can hold", name);
    }
    needed /= 8;
    if (bytes < needed || (!p && needed > 0)) {
        return REJECT(to, "%s: expected %lld bytes, but it is %lld at %p", name, needed, bytes, p);
    }
    if ((uintptr_t)bytes > UINTPTR_MAX - (uintptr_t)p) {
        return REJECT(to, "%s: %lld bytes at %p are more than memory can hold", name, bytes, p);
    }
    return GATUN_OK;
}

static inline int check_scale_dtype(int dtype, message_buffer to) {
    if (dtype != GATUN_F32 && dtype != GATUN_BF16 && dtype != GATUN_F16) {
        return REJECT(to, "scale_dtype: expected F32, BF16 or F16, but it is %d", dtype);
    }
    return GATUN_OK;
}

static inline long long divide_up(long long a, long long b) {
    return a / b + (a % b != 0);
}

/* How the packed form keeps groups and scales, from group_size, groups and scale_dtype. */
static inline void choose_form(lowbit_source *source, int offsets, int zero) {
    lowbit_matrix *m = &source->shape;
    m->group = source->groups <= 1 ? 0 : lowbit_packed_group(source->group_size);
    m->scales = m->group != 0 && source->scale_dtype == GATUN_F16 && offsets != LOWBIT_OFFSETS_VALUES
                    ? LOWBIT_SCALES_F16
                    : LOWBIT_SCALES_F32;
    m->offsets = offsets;
    m->zero = offsets == LOWBIT_OFFSETS_CONSTANT ? zero : 0;
}

/*
 * Packs `source` into a new matrix, which takes over its permutation. Where scales or offsets cannot be used there is
 * none, and the caller says so.
 */
int lowbit_create(const gatun_context *context, lowbit_source *source, int scheme, gatun_lowbit_matrix **matrix,
                  lowbit_findings *findings, message_buffer to);

/* The same for tensors of a format; `scales` names the argument with scales and offsets. */
int lowbit_create_format(const gatun_context *context, lowbit_source *source, int scheme, const char *scales,
                         gatun_lowbit_matrix **matrix, message_buffer to);

#endif
