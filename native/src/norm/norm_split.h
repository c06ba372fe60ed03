/* SPDX-License-Identifier: Apache-2.0 */
/* How the rows of a call are shared by the threads. */
#ifndef GATUN_NORM_SPLIT_H
#define GATUN_NORM_SPLIT_H

/* Memory traffic below which waking a thread costs more than it brings, and the traffic of one task. */
#define SHARED_BYTES (256LL << 10)
#define TASK_BYTES (128LL << 10)

static inline long long least(long long a, long long b) {
    return a < b ? a : b;
}

static inline long long rows_of_task(long long row_bytes) {
    return row_bytes < TASK_BYTES ? TASK_BYTES / row_bytes : 1;
}

#endif
