/* SPDX-License-Identifier: Apache-2.0 */
/* How the entry points of the normalization family cut their work into tasks of the thread pool. */
#ifndef GATUN_NORM_TASKS_H
#define GATUN_NORM_TASKS_H

/* Memory traffic below which waking a thread costs more than it brings, and the traffic of one task. */
#define SHARED_BYTES (256LL << 10)
#define TASK_BYTES (128LL << 10)

static inline long long least(long long a, long long b) {
    return a < b ? a : b;
}

#endif
