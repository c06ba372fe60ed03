/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads in one context at once, where all but one find its pool busy; contexts made and destroyed in numbers
 * from several threads; pools that sleep between calls. Meant to run under ThreadSanitizer as well.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "row_norm_case.h"

enum { CALLERS = 6, STORM_THREADS = 4 };

static int rounds = 25; /* fewer with --reduced, for sanitizers */

typedef struct caller {
    pthread_t thread;
    gatun_context *shared;
    int number;
} caller;

static gatun_context *open_context(int threads) {
    gatun_context *context = NULL;
    char message[256] = "";
    if (gatun_context_create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, threads, &context, message, sizeof message) !=
        GATUN_OK) {
        check_abandon("no context: %s", message);
    }
    return context;
}

/* Short rows split over threads, then one long row cut into blocks; each caller has data of its own. */
static row_norm_case case_of(int number, int round) {
    int operation = (number + round) % 2;
    row_norm_case test = (round / 2) % 2 == 0
                             ? row_norm_case_plain((row_norm_operation)operation, round % 3, 64 + number, 777)
                             : row_norm_case_plain((row_norm_operation)operation, round % 3, 1, 140000 + number);
    test.seed += (uint64_t)(number * 1000 + round);
    return test;
}

static void *call_shared(void *argument) {
    const caller *self = argument;
    row_norm_memory memory = {0};
    row_norm_memory single_memory = {0};
    gatun_context *single = open_context(1);
    for (int round = 0; round < rounds; round++) {
        row_norm_case test = case_of(self->number, round);
        row_norm_result result;
        row_norm_result expected;
        row_norm_run(self->shared, &test, 0, &memory, &result, NULL);
        row_norm_run(single, &test, 0, &single_memory, &expected, NULL);
        CHECK(result.count == expected.count && memcmp(result.bytes, expected.bytes, result.count) == 0,
              "caller %d, round %d: bits differ from those of one thread", self->number, round);
    }
    gatun_context_destroy(single);
    row_norm_release(&memory);
    row_norm_release(&single_memory);
    return NULL;
}

static void *storm(void *argument) {
    const caller *self = argument;
    row_norm_memory memory = {0};
    for (int round = 0; round < rounds; round++) {
        gatun_context *context = open_context(1 + (self->number + round) % 4);
        row_norm_case test = case_of(self->number, round);
        if (round % 3 != 0) { /* else a context that never made its pool */
            row_norm_run(context, &test, 0, &memory, NULL, NULL);
        }
        CHECK(gatun_context_destroy(context) == GATUN_OK, "destroying");
    }
    row_norm_release(&memory);
    return NULL;
}

static void run_threads(void *(*body)(void *), int count, gatun_context *shared) {
    caller callers[CALLERS];
    for (int i = 0; i < count; i++) {
        callers[i].shared = shared;
        callers[i].number = i;
        if (pthread_create(&callers[i].thread, NULL, body, &callers[i]) != 0) {
            check_abandon("thread %d of the test was not created", i);
        }
    }
    for (int i = 0; i < count; i++) {
        pthread_join(callers[i].thread, NULL);
    }
}

/* Threads of this process, or -1 where the system does not tell. */
static int thread_count(void) {
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    if (tasks == NULL) {
        return -1;
    }
    for (const struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        count += entry->d_name[0] != '.';
    }
    closedir(tasks);
    return count;
}

static void sleep_milliseconds(long milliseconds) {
    struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* The pool's threads have gone to sleep between these calls; an awakening that was lost would hang here. */
static void check_sleepy_pool(void) {
    row_norm_memory memory = {0};
    gatun_context *context = open_context(4);
    row_norm_error error = {0};
    for (int round = 0; round < 20; round++) {
        row_norm_case test = case_of(1, round);
        row_norm_run(context, &test, round < 4 ? 4 : 0, &memory, NULL, &error);
        sleep_milliseconds(round % 4 * 4);
    }
    gatun_context_destroy(context);
    row_norm_release(&memory);
}

static void *do_nothing(void *argument) {
    return argument;
}

static void check_threads_made(void) {
    row_norm_memory memory = {0};
    pthread_t first;
    if (pthread_create(&first, NULL, do_nothing, NULL) == 0) { /* sanitizers start threads of their own with it */
        pthread_join(first, NULL);
    }
    sleep_milliseconds(20);
    int before = thread_count();
    gatun_context *context = open_context(1);
    row_norm_case test = row_norm_case_plain(LAYER_NORM, GATUN_F32, 1, 200000);
    row_norm_run(context, &test, 0, &memory, NULL, NULL);
    CHECK(thread_count() == before, "a context of one thread made others: %d, then %d", before, thread_count());
    gatun_context_destroy(context);
    context = open_context(2);
    CHECK(thread_count() == before, "threads before they were needed: %d, then %d", before, thread_count());
    row_norm_run(context, &test, 0, &memory, NULL, NULL);
    int used = gatun_context_threads(context);
    if (before > 0) {
        CHECK(thread_count() <= before + used - 1, "%d threads, then %d with %d in use", before, thread_count(), used);
    }
    gatun_context_destroy(context);
    /* A joined thread may stay visible for a moment. */
    for (int tries = 0; tries < 200 && thread_count() != before; tries++) {
        sleep_milliseconds(5);
    }
    CHECK(thread_count() == before, "threads left behind: %d, then %d", before, thread_count());
    row_norm_release(&memory);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--reduced") == 0) {
        rounds = 7;
    }
    setenv("GATUN_THREADS", "4", 1); /* as many as asked for, whatever this machine has */
    check_threads_made();
    gatun_context *shared = open_context(3);
    check_note("a call uses %d threads", gatun_context_threads(shared));
    run_threads(call_shared, CALLERS, shared);
    gatun_context_destroy(shared);
    run_threads(storm, STORM_THREADS, NULL);
    check_sleepy_pool();
    return check_finish(argv[0]);
}
