/* SPDX-License-Identifier: Apache-2.0 */
/* How the entry points of the activation family cut their work into tasks of the thread pool, and combine sums. */
#ifndef GATUN_ACTIVATION_TASKS_H
#define GATUN_ACTIVATION_TASKS_H

#include <limits.h>

#include "../core/context.h"
#include "../norm/norm_checks.h"
#include "../norm/norm_tasks.h"
#include "gatun/polynomial.h"

#define SCRATCH_ALIGNMENT 64

/* Tasks of each thread, so that one that is held up does not hold up the call; elements of a task at least and at most.
 * Multiples of the pieces of backward passes. */
#define TASKS_OF_THREAD 4
#define TASK_ELEMENTS 16384LL
#define MOST_TASK_ELEMENTS (1LL << 20)

/* Elements of one task: all where there is too little to share, or nobody to share it with. */
static inline long long elements_of_task(const gatun_context *context, long long elements, long long bytes) {
    if (!context->pool || bytes < SHARED_BYTES) {
        return elements;
    }
    const long long share = elements / ((long long)context->threads * TASKS_OF_THREAD);
    const long long whole = share / TASK_ELEMENTS * TASK_ELEMENTS;
    return whole < TASK_ELEMENTS ? TASK_ELEMENTS : least(whole, MOST_TASK_ELEMENTS);
}

/* The two places where a gradient of coefficients goes: what is there counts if `accumulate` says so. */
static inline void put_gradient(float *gradient, double sum, int accumulate) {
    *gradient = (float)(accumulate ? (double)*gradient + sum : sum);
}

/* ---- checks ---- */

static inline int check_context(const gatun_context *context, message_buffer to) {
    return context ? GATUN_OK : REJECT(to, "context: expected one, but it is NULL");
}

static inline int check_range(const char *name, long long value, long long least_value, long long greatest,
                              message_buffer to) {
    if (value < least_value || value > greatest) {
        return REJECT(to, "%s: expected %lld to %lld, but it is %lld", name, least_value, greatest, value);
    }
    return GATUN_OK;
}

/* `elements` receives rows * columns. */
static inline int check_elements(long long rows, long long columns, long long *elements, message_buffer to) {
    int status = check_sizes(rows, columns, to);
    if (!status && (__builtin_mul_overflow(rows, columns, elements) || *elements > LLONG_MAX / 8)) {
        return REJECT(to, "rows: %lld of %lld columns are more than memory can hold", rows, columns);
    }
    return status;
}

/* The part [begin, end) of `count` that a call of a backward pass works on, in whole pieces. */
static inline int check_part(const char *begin_name, long long begin, const char *end_name, long long end,
                             long long count, long long piece, message_buffer to) {
    if (begin < 0 || begin > count || (begin % piece != 0 && begin != count)) {
        return REJECT(to, "%s: expected 0 to %lld, a multiple of %lld or the end, but it is %lld", begin_name, count,
                      piece, begin);
    }
    if (end < begin || end > count || (end % piece != 0 && end != count)) {
        return REJECT(to, "%s: expected %lld to %lld, a multiple of %lld or the end, but it is %lld", end_name, begin,
                      count, piece, end);
    }
    return GATUN_OK;
}

/* Only the last call of a backward pass has gradients of coefficients. */
static inline int check_gradient(const char *name, const float *gradient, long long end, long long count,
                                 message_buffer to) {
    if (gradient && end < count) {
        return REJECT(to, "%s: expected NULL in a call that ends with %lld of %lld, before the last one", name, end,
                      count);
    }
    return GATUN_OK;
}

#endif
