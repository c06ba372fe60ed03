/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job is open to the workers from its publication until the caller finds no task left. A worker that comes later,
 * from a slow wake-up, finds it closed and touches nothing of it: so the caller waits only for workers that are in the
 * middle of a task, never for one that still sleeps.
 *
 * `inside` and `open` are a Dekker pair: a worker enters (inside + 1) and then looks at `open`; the caller clears
 * `open` and then looks at `inside`. Both in sequentially consistent order, one of them sees the other. The same holds
 * for `sleepers` and `job` between a worker that goes to sleep and the caller that publishes.
 */
#define _POSIX_C_SOURCE 200809L
#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

/* How often a waiting thread looks before it sleeps or yields: some tens of microseconds. */
#define WORKER_SPINS 2000
#define CALLER_SPINS 20000

#define LINE 64

struct gatun_pool {
    int capacity; /* workers at most */
    int started;  /* workers running; written by the owner of `busy` */
    bool failed;  /* the system refused a thread: do not ask again */
    pthread_t *workers;
    pthread_mutex_t mutex; /* for sleeping only */
    pthread_cond_t wake;

    _Alignas(LINE) atomic_int busy;
    atomic_bool stopping;
    atomic_int sleepers;
    _Alignas(LINE) atomic_uint job; /* counts publications */
    atomic_bool open;
    gatun_task *task;
    void *arguments;
    long long tasks;
    uint64_t fp_modes;
    _Alignas(LINE) atomic_llong next;
    _Alignas(LINE) atomic_int inside;
};

static inline void relax(void) {
#if defined(__SSE2__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline uint64_t fp_modes(void) {
#if defined(__SSE2__)
    return _mm_getcsr();
#elif defined(__aarch64__)
    uint64_t modes;
    __asm__ volatile("mrs %0, fpcr" : "=r"(modes));
    return modes;
#else
    return 0;
#endif
}

static inline void set_fp_modes(uint64_t modes) {
#if defined(__SSE2__)
    _mm_setcsr((unsigned)modes);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(modes));
#else
    (void)modes;
#endif
}

static void run_tasks(gatun_pool *pool) {
    gatun_task *task = pool->task;
    void *arguments = pool->arguments;
    long long tasks = pool->tasks;
    for (;;) {
        long long index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (index >= tasks) {
            return;
        }
        task(arguments, index);
    }
}

/* Waits for a publication after `seen`, and returns its number. */
static unsigned wait_for_job(gatun_pool *pool, unsigned seen) {
    for (int spin = 0; spin < WORKER_SPINS; spin++) {
        unsigned job = atomic_load_explicit(&pool->job, memory_order_acquire);
        if (job != seen) {
            return job;
        }
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    unsigned job;
    while ((job = atomic_load(&pool->job)) == seen) {
        pthread_cond_wait(&pool->wake, &pool->mutex);
    }
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
    return job;
}

static void publish(gatun_pool *pool) {
    atomic_fetch_add(&pool->job, 1);
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->mutex);
    }
}

static void *worker(void *argument) {
    gatun_pool *pool = argument;
    unsigned seen = 0;
    for (;;) {
        seen = wait_for_job(pool, seen);
        if (atomic_load(&pool->stopping)) {
            return 0;
        }
        atomic_fetch_add(&pool->inside, 1);
        if (atomic_load(&pool->open)) {
            set_fp_modes(pool->fp_modes);
            run_tasks(pool);
        }
        atomic_fetch_sub(&pool->inside, 1);
    }
}

/* Starts the workers that are missing, with every signal blocked: the JVM's own threads take them. */
static void start_workers(gatun_pool *pool) {
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        pool->failed = true;
        return;
    }
    while (pool->started < pool->capacity && !pool->failed) {
        if (pthread_create(&pool->workers[pool->started], 0, worker, pool) == 0) {
            pool->started++;
        } else {
            pool->failed = true;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, 0);
}

gatun_pool *gatun_pool_create(int threads) {
    gatun_pool *pool = aligned_alloc(LINE, sizeof *pool);
    if (!pool) {
        return 0;
    }
    memset(pool, 0, sizeof *pool);
    pool->capacity = threads - 1;
    pool->workers = calloc((size_t)pool->capacity, sizeof *pool->workers);
    if (!pool->workers) {
        goto no_workers;
    }
    if (pthread_mutex_init(&pool->mutex, 0) != 0) {
        goto no_mutex;
    }
    if (pthread_cond_init(&pool->wake, 0) != 0) {
        goto no_condition;
    }
    return pool;

no_condition:
    pthread_mutex_destroy(&pool->mutex);
no_mutex:
    free(pool->workers);
no_workers:
    free(pool);
    return 0;
}

void gatun_pool_destroy(gatun_pool *pool) {
    if (!pool) {
        return;
    }
    atomic_store(&pool->stopping, true);
    publish(pool);
    for (int i = 0; i < pool->started; i++) {
        pthread_join(pool->workers[i], 0);
    }
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool);
}

void gatun_pool_run(gatun_pool *pool, long long tasks, gatun_task *task, void *arguments) {
    int idle = 0;
    if (!pool || tasks < 2 || !atomic_compare_exchange_strong(&pool->busy, &idle, 1)) {
        for (long long i = 0; i < tasks; i++) {
            task(arguments, i);
        }
        return;
    }
    if (pool->started < pool->capacity && !pool->failed) {
        start_workers(pool);
    }
    pool->task = task;
    pool->arguments = arguments;
    pool->tasks = tasks;
    pool->fp_modes = fp_modes();
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store(&pool->open, true);
    publish(pool);
    run_tasks(pool);
    atomic_store(&pool->open, false);
    for (int spin = 0; atomic_load(&pool->inside) > 0; spin++) {
        if (spin < CALLER_SPINS) {
            relax();
        } else {
            sched_yield(); /* the system took the processor from a worker in the middle of a task */
        }
    }
    atomic_store(&pool->busy, 0);
}
