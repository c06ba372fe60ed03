/* SPDX-License-Identifier: Apache-2.0 */
/* The thread pool of a context. */
#ifndef GATUN_THREADS_H
#define GATUN_THREADS_H

typedef struct gatun_pool gatun_pool;

/* One of the numbered pieces of a job. */
typedef void gatun_task(void *arguments, long long index);

/* A pool for jobs of up to `threads` threads, the caller's included; it starts none yet. NULL when memory is short. */
gatun_pool *gatun_pool_create(int threads);

/* Ends the pool's threads. No job may be running. NULL is a no-op. */
void gatun_pool_destroy(gatun_pool *pool);

/*
 * Runs task(arguments, i) for every i in [0, tasks), on the caller and on the pool's threads, which take over the
 * caller's floating-point modes. Alone on the caller where `pool` is NULL, busy with another job, or cannot start
 * threads. Returns when all tasks are done.
 */
void gatun_pool_run(gatun_pool *pool, long long tasks, gatun_task *task, void *arguments);

#endif
