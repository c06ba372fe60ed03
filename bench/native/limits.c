/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "limits.h"

#include "gatun/core.h"
#include "limits_kernels.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum {
    MAX_CANDIDATES = 32,
    NAME_BYTES = 48,
    MAX_THREADS = 1024,
    HUGE_PAGE = 2 << 20,
    HUGE_FROM = 4 << 20, /* as gatun_allocate: the kernels' own buffers have huge pages from this size on */
    SPINS = 1000         /* a worker that has run lately waits this long before it sleeps */
};

/* Distances between neighbouring streams beyond their length, and between the four places of one beyond a quarter. */
static const size_t paddings[] = {0, 17 * LIMIT_LINE, 2048 + 3 * LIMIT_LINE};
static const size_t skews[] = {0, 5};

struct candidate {
    char name[NAME_BYTES];
    enum limit_variant variant;
    size_t padding, skew_lines;
    double best; /* nanoseconds per call, from calibration */
};

struct worker {
    struct gatun_limit *limit;
    pthread_t thread;
    int index;
};

struct gatun_limit {
    int reads, writes, in_place, threads, candidates;
    size_t lines; /* of each stream */
    char *memory, *mapping;
    size_t mapping_bytes;
    limit_kernel *const *kernels;
    struct candidate candidate[MAX_CANDIDATES];

    /* The job of the moment, written by the caller before `generation` moves on. */
    int job;
    long long calls;
    atomic_int generation, arrived, started, finished, stop;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int started_workers;
    struct worker *workers;
    atomic_int sink;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void run_part(struct gatun_limit *limit, int thread) {
    const struct candidate *c = &limit->candidate[limit->job];
    const size_t first = limit->lines * (size_t)thread / (size_t)limit->threads;
    const size_t end = limit->lines * ((size_t)thread + 1) / (size_t)limit->threads;
    const size_t distance = limit->lines * LIMIT_LINE + c->padding;
    struct limit_part part = {
        .reads = limit->reads, .writes = limit->writes, .lines = end - first, .skew_lines = c->skew_lines};
    for (int r = 0; r < limit->reads; r++)
        part.in[r] = limit->memory + (size_t)r * distance + first * LIMIT_LINE;
    for (int w = 0; w < limit->writes; w++)
        part.out[w] =
            limit->memory + (size_t)((limit->in_place ? 0 : limit->reads) + w) * distance + first * LIMIT_LINE;
    limit_kernel *const kernel = limit->kernels[c->variant];
    int sum = 0;
    for (long long i = 0; i < limit->calls; i++)
        sum ^= kernel(&part);
    atomic_fetch_xor_explicit(&limit->sink, sum, memory_order_relaxed);
}

static void *work(void *argument) {
    struct worker *self = argument;
    struct gatun_limit *limit = self->limit;
    int seen = 0;
    for (;;) {
        for (int i = 0; i < SPINS && atomic_load(&limit->generation) == seen; i++)
            relax();
        if (atomic_load(&limit->generation) == seen) {
            pthread_mutex_lock(&limit->mutex);
            while (atomic_load(&limit->generation) == seen)
                pthread_cond_wait(&limit->wake, &limit->mutex);
            pthread_mutex_unlock(&limit->mutex);
        }
        seen = atomic_load(&limit->generation);
        if (atomic_load(&limit->stop))
            return NULL;
        atomic_fetch_add(&limit->arrived, 1);
        while (atomic_load(&limit->started) != seen)
            relax();
        run_part(limit, self->index);
        atomic_fetch_add(&limit->finished, 1);
    }
}

static void next_generation(struct gatun_limit *limit) {
    pthread_mutex_lock(&limit->mutex);
    atomic_fetch_add(&limit->generation, 1);
    pthread_cond_broadcast(&limit->wake);
    pthread_mutex_unlock(&limit->mutex);
}

double gatun_limit_run(gatun_limit *limit, int candidate, long long calls) {
    limit->job = candidate;
    limit->calls = calls;
    const int others = limit->threads - 1;
    if (others > 0) {
        atomic_store(&limit->arrived, 0);
        atomic_store(&limit->finished, 0);
        next_generation(limit);
        while (atomic_load(&limit->arrived) < others)
            relax();
    }
    const double start = now();
    atomic_store(&limit->started, atomic_load(&limit->generation));
    run_part(limit, 0);
    while (others > 0 && atomic_load(&limit->finished) < others)
        relax();
    return now() - start;
}

static int compare_candidates(const void *a, const void *b) {
    const struct candidate *left = a, *right = b;
    return (left->best > right->best) - (left->best < right->best);
}

void gatun_limit_calibrate(gatun_limit *limit, double nanoseconds) {
    long long calls[MAX_CANDIDATES];
    for (int i = 0; i < limit->candidates; i++) {
        limit->candidate[i].best = 1e300;
        /* The second run is warm, and doubling it finds how many calls a sample needs. */
        gatun_limit_run(limit, i, 1);
        calls[i] = 1;
        while (gatun_limit_run(limit, i, calls[i]) < nanoseconds / 2)
            calls[i] *= 2;
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < limit->candidates; i++) {
            const double each = gatun_limit_run(limit, i, calls[i]) / (double)calls[i];
            if (each < limit->candidate[i].best)
                limit->candidate[i].best = each;
        }
    }
    qsort(limit->candidate, (size_t)limit->candidates, sizeof limit->candidate[0], compare_candidates);
}

static void add_candidates(struct gatun_limit *limit, enum limit_variant variant, const char *suffix) {
    const int four = variant == LIMIT_PREFETCH || variant == LIMIT_NON_TEMPORAL_PREFETCH;
    for (size_t s = 0; s < (four ? sizeof skews / sizeof skews[0] : 1); s++) {
        for (size_t p = 0; p < sizeof paddings / sizeof paddings[0]; p++) {
            struct candidate *c = &limit->candidate[limit->candidates++];
            c->variant = variant;
            c->padding = paddings[p];
            c->skew_lines = skews[s];
            const char *place = limit->in_place ? "-in-place" : "";
            if (limit->writes == 0 && limit->reads == 1)
                snprintf(c->name, sizeof c->name, "read%s", suffix);
            else if (limit->writes == 0)
                snprintf(c->name, sizeof c->name, "read%d%s", limit->reads, suffix);
            else if (limit->reads == 0)
                snprintf(c->name, sizeof c->name, "fill%s", suffix);
            else if (limit->reads == 1 && limit->writes == 1)
                snprintf(c->name, sizeof c->name, "copy%s%s", place, suffix);
            else if (limit->reads == 2 && limit->writes == 1)
                snprintf(c->name, sizeof c->name, "triad%s%s", place, suffix);
            else
                snprintf(c->name, sizeof c->name, "%dr%dw%s%s", limit->reads, limit->writes, place, suffix);
        }
    }
}

static limit_kernel *const *choose_kernels(int isa) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (isa >= GATUN_ISA_AVX512 && __builtin_cpu_supports("avx512f"))
        return limit_kernels_avx512;
    if (isa >= GATUN_ISA_AVX2 && __builtin_cpu_supports("avx2"))
        return limit_kernels_avx2;
#else
    (void)isa;
#endif
    return limit_kernels_baseline;
}

#define SHAPE_TEST(READS, WRITES) (reads == READS && writes == WRITES) ||

static int is_shape(int reads, int writes) {
    return LIMIT_SHAPES(SHAPE_TEST) 0;
}

static int is_run_shape(int reads, int writes) {
    return LIMIT_RUN_SHAPES(SHAPE_TEST) 0;
}

gatun_limit *gatun_limit_create(int reads, int writes, int in_place, long long bytes, int threads, int isa) {
    if (!is_shape(reads, writes) || (in_place && writes > reads) || bytes <= 0 || threads < 1 || threads > MAX_THREADS)
        return NULL;
    struct gatun_limit *limit = calloc(1, sizeof *limit);
    if (limit == NULL)
        return NULL;
    limit->reads = reads;
    limit->writes = writes;
    limit->in_place = in_place;
    limit->threads = threads;
    limit->lines = ((size_t)bytes + LIMIT_LINE - 1) / LIMIT_LINE;
    limit->kernels = choose_kernels(isa);
    pthread_mutex_init(&limit->mutex, NULL);
    pthread_cond_init(&limit->wake, NULL);
    add_candidates(limit, LIMIT_PLAIN, "");
    add_candidates(limit, LIMIT_PREFETCH, "-prefetch");
    if (is_run_shape(reads, writes))
        add_candidates(limit, LIMIT_RUNS, "-runs");
#if defined(__x86_64__)
    if (writes > 0) {
        add_candidates(limit, LIMIT_NON_TEMPORAL, "-nt");
        add_candidates(limit, LIMIT_NON_TEMPORAL_PREFETCH, "-nt-prefetch");
        if (is_run_shape(reads, writes))
            add_candidates(limit, LIMIT_NON_TEMPORAL_RUNS, "-nt-runs");
    }
#endif

    size_t padding = 0;
    for (size_t p = 0; p < sizeof paddings / sizeof paddings[0]; p++)
        padding = paddings[p] > padding ? paddings[p] : padding;
    const size_t used = (size_t)(in_place ? reads : reads + writes) * (limit->lines * LIMIT_LINE + padding);
    limit->mapping_bytes = used + HUGE_PAGE;
    limit->mapping = mmap(NULL, limit->mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (limit->mapping == MAP_FAILED) {
        limit->mapping = NULL;
        gatun_limit_destroy(limit);
        return NULL;
    }
    limit->memory = limit->mapping + (HUGE_PAGE - (uintptr_t)limit->mapping % HUGE_PAGE) % HUGE_PAGE;
#if defined(MADV_HUGEPAGE)
    if (used >= HUGE_FROM)
        madvise(limit->memory, used, MADV_HUGEPAGE);
#endif
    memset(limit->memory, 1, used);

    if (threads > 1) {
        limit->workers = calloc((size_t)threads - 1, sizeof *limit->workers);
        if (limit->workers == NULL) {
            gatun_limit_destroy(limit);
            return NULL;
        }
    }
    for (int i = 0; i < threads - 1; i++) {
        struct worker *worker = &limit->workers[i];
        worker->limit = limit;
        worker->index = i + 1;
        if (pthread_create(&worker->thread, NULL, work, worker) != 0) {
            gatun_limit_destroy(limit);
            return NULL;
        }
        limit->started_workers++;
    }
    return limit;
}

void gatun_limit_destroy(gatun_limit *limit) {
    if (limit == NULL)
        return;
    if (limit->started_workers > 0) {
        atomic_store(&limit->stop, 1);
        next_generation(limit);
        for (int i = 0; i < limit->started_workers; i++)
            pthread_join(limit->workers[i].thread, NULL);
    }
    free(limit->workers);
    if (limit->mapping != NULL)
        munmap(limit->mapping, limit->mapping_bytes);
    pthread_cond_destroy(&limit->wake);
    pthread_mutex_destroy(&limit->mutex);
    free(limit);
}

int gatun_limit_candidates(const gatun_limit *limit) {
    return limit->candidates;
}

const char *gatun_limit_name(const gatun_limit *limit, int candidate) {
    return candidate >= 0 && candidate < limit->candidates ? limit->candidate[candidate].name : NULL;
}

long long gatun_limit_bytes(const gatun_limit *limit) {
    return (long long)(limit->lines * LIMIT_LINE) * (limit->reads + limit->writes);
}
