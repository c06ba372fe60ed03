/* SPDX-License-Identifier: Apache-2.0 */
/* How the entry points of the normalization family cut their work into tasks of the thread pool. */
#ifndef GATUN_NORM_TASKS_H
#define GATUN_NORM_TASKS_H

#include <limits.h>

#include "../core/threads.h"

/* Memory traffic below which waking a thread costs more than it brings, and the traffic of one task. */
#define SHARED_BYTES (256LL << 10)
#define TASK_BYTES (128LL << 10)

static inline long long least(long long a, long long b) {
    return a < b ? a : b;
}

/* The traffic of all the rows that a call is part of; their number is the caller's word. */
static inline long long traffic_of_rows(long long rows, long long row_bytes) {
    return rows > LLONG_MAX / row_bytes ? LLONG_MAX : rows * row_bytes;
}

/* Rows of one task: all where there is too little to share, or nobody to share it with. */
static inline long long rows_of_task(const gatun_pool *pool, long long rows, long long row_bytes) {
    if (!pool || rows * row_bytes < SHARED_BYTES) {
        return rows;
    }
    return row_bytes < TASK_BYTES ? TASK_BYTES / row_bytes : 1;
}
static inline long long tasks_of_rows(long long rows, long long rows_per_task) {
    return (rows + rows_per_task - 1) / rows_per_task;
}

#endif
