/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The n-th request of the library to the system fails, for n = 1, 2, ... until a run needs fewer than n: memory,
 * thread, mutex and condition, file, affinity. Every function then succeeds or returns an error with a message, results
 * stay right, and whatever was taken is given back. Linked with --wrap for each function below against the static library.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "row_norm_case.h"

static atomic_bool armed; /* only while a function of the library runs */
static atomic_long requests;
static atomic_long failing; /* the request that fails; 0 for none */
static atomic_long held;    /* what was taken and not given back */

static bool fails(void) {
    return atomic_load(&armed) && atomic_fetch_add(&requests, 1) + 1 == atomic_load(&failing);
}

static void *took(void *taken) {
    if (atomic_load(&armed) && taken != NULL) {
        atomic_fetch_add(&held, 1);
    }
    return taken;
}

static int took_unless(int error) {
    if (atomic_load(&armed) && error == 0) {
        atomic_fetch_add(&held, 1);
    }
    return error;
}

static void gave_back(bool something) {
    if (atomic_load(&armed) && something) {
        atomic_fetch_sub(&held, 1);
    }
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void *memory);
int __real_posix_memalign(void **memory, size_t alignment, size_t bytes);
void *__real_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset);
int __real_munmap(void *memory, size_t bytes);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument);
int __real_pthread_join(pthread_t thread, void **result);
int __real_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __real_pthread_mutex_destroy(pthread_mutex_t *mutex);
int __real_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);
int __real_pthread_cond_destroy(pthread_cond_t *condition);
int __real_open(const char *path, int flags, ...);
int __real_close(int file);
ssize_t __real_read(int file, void *buffer, size_t bytes);
int __real_sched_getaffinity(pid_t process, size_t bytes, cpu_set_t *set);

void *__wrap_malloc(size_t bytes) {
    return fails() ? NULL : took(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes) {
    return fails() ? NULL : took(__real_calloc(count, bytes));
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes) {
    return fails() ? NULL : took(__real_aligned_alloc(alignment, bytes));
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes) {
    return fails() ? ENOMEM : took_unless(__real_posix_memalign(memory, alignment, bytes));
}

void __wrap_free(void *memory) {
    gave_back(memory != NULL);
    __real_free(memory);
}

void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset) {
    if (fails()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void *memory = __real_mmap(address, bytes, protection, flags, file, offset);
    took(memory == MAP_FAILED ? NULL : memory);
    return memory;
}

int __wrap_munmap(void *memory, size_t bytes) {
    gave_back(true);
    return __real_munmap(memory, bytes);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    return fails() ? EAGAIN : took_unless(__real_pthread_create(thread, attributes, body, argument));
}

int __wrap_pthread_join(pthread_t thread, void **result) {
    gave_back(true);
    return __real_pthread_join(thread, result);
}

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes) {
    return fails() ? EAGAIN : took_unless(__real_pthread_mutex_init(mutex, attributes));
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex) {
    gave_back(true);
    return __real_pthread_mutex_destroy(mutex);
}

int __wrap_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes) {
    return fails() ? EAGAIN : took_unless(__real_pthread_cond_init(condition, attributes));
}

int __wrap_pthread_cond_destroy(pthread_cond_t *condition) {
    gave_back(true);
    return __real_pthread_cond_destroy(condition);
}

/* The library opens files for reading only, so there is no mode to pass on. */
int __wrap_open(const char *path, int flags, ...) {
    if (fails()) {
        errno = EMFILE;
        return -1;
    }
    int file = __real_open(path, flags);
    took_unless(file < 0);
    return file;
}

int __wrap_close(int file) {
    gave_back(true);
    return __real_close(file);
}

ssize_t __wrap_read(int file, void *buffer, size_t bytes) {
    if (fails()) {
        errno = EIO;
        return -1;
    }
    return __real_read(file, buffer, bytes);
}

int __wrap_sched_getaffinity(pid_t process, size_t bytes, cpu_set_t *set) {
    if (fails()) {
        errno = ENOSYS;
        return -1;
    }
    return __real_sched_getaffinity(process, bytes, set);
}

static void arm(int inside) {
    atomic_store(&armed, inside != 0);
}

static void check_status(const char *function, int status, const char *message) {
    CHECK(status == GATUN_OK || status == GATUN_OUT_OF_MEMORY || status == GATUN_UNAVAILABLE,
          "request %ld failed: %s returned %d: %s", atomic_load(&failing), function, status, message);
    CHECK(status == GATUN_OK || strlen(message) > 10, "request %ld failed: %s returned %d with message '%s'",
          atomic_load(&failing), function, status, message);
}

static void check_kernels(gatun_context *context, const row_norm_result *expected, row_norm_memory *memory) {
    for (int operation = LAYER_NORM; operation <= RMS_NORM; operation++) {
        row_norm_case test = row_norm_case_plain((row_norm_operation)operation, GATUN_F32, 1, 140001);
        row_norm_result result;
        row_norm_run(context, &test, 0, memory, &result, NULL);
        CHECK(result.count == expected[operation].count &&
                  memcmp(result.bytes, expected[operation].bytes, result.count) == 0,
              "request %ld failed: %s has other results", atomic_load(&failing),
              row_norm_name((row_norm_operation)operation));
    }
}

static void check_allocation(gatun_context *context, long long bytes) {
    char message[256] = "";
    void *memory = NULL;
    arm(1);
    int status = gatun_allocate(context, bytes, &memory, message, sizeof message);
    arm(0);
    check_status("gatun_allocate", status, message);
    CHECK((status == GATUN_OK) == (memory != NULL), "gatun_allocate: status %d, memory %p", status, memory);
    if (status == GATUN_OK) {
        memset(memory, 1, (size_t)bytes);
    }
    arm(1);
    gatun_free(context, memory, bytes);
    arm(0);
}

static void check_matrix(const char *function, int status, const char *message, gatun_lowbit_matrix *matrix) {
    arm(0);
    check_status(function, status, message);
    CHECK((status == GATUN_OK) == (matrix != NULL), "%s: status %d, matrix %p", function, status, (void *)matrix);
    arm(1);
    gatun_lowbit_matrix_destroy(matrix);
    arm(0);
}

/* Weights that need an array of scales, and such that need a permutation; all zeros. */
static void check_matrices(gatun_context *context) {
    enum { OUTPUTS = 600, INPUTS = 640 };
    static float weights[OUTPUTS * INPUTS];
    static int g_idx[INPUTS];
    char message[256] = "";
    for (int k = 0; k < INPUTS; k++) {
        g_idx[k] = k % 5;
    }
    gatun_lowbit_matrix *matrix = NULL;
    arm(1);
    int status =
        gatun_lowbit_matrix_from_floats(context, GATUN_F32, OUTPUTS, INPUTS, weights, INPUTS, 6, GATUN_LOWBIT_AFFINE,
                                        GATUN_LOWBIT_PER_CHANNEL, GATUN_F32, &matrix, message, sizeof message);
    check_matrix("gatun_lowbit_matrix_from_floats", status, message, matrix);
    arm(1);
    status = gatun_lowbit_matrix_from_gptq(context, 4, 2, OUTPUTS, INPUTS, 128, weights, sizeof weights, weights,
                                           sizeof weights, GATUN_F16, weights, sizeof weights, g_idx, sizeof g_idx,
                                           &matrix, message, sizeof message);
    check_matrix("gatun_lowbit_matrix_from_gptq", status, message, matrix);
    arm(1);
    status = gatun_lowbit_matrix_from_gguf(context, GATUN_GGUF_Q4_0, OUTPUTS, INPUTS, weights, sizeof weights, 1,
                                           &matrix, message, sizeof message);
    check_matrix("gatun_lowbit_matrix_from_gguf", status, message, matrix);
}

static void run_library(int threads, const row_norm_result *expected, row_norm_memory *memory) {
    char message[256] = "";
    gatun_context *context = NULL;
    arm(1);
    int status =
        gatun_context_create(GATUN_BACKEND_AUTO, 0, GATUN_ISA_BEST, threads, &context, message, sizeof message);
    arm(0);
    check_status("gatun_context_create", status, message);
    CHECK((status == GATUN_OK) == (context != NULL), "gatun_context_create: status %d, context %p", status,
          (void *)context);
    if (status != GATUN_OK) {
        return;
    }
    check_kernels(context, expected, memory);
    check_kernels(context, expected, memory); /* after a thread was refused, too */
    check_matrices(context);
    check_allocation(context, 100);
    check_allocation(context, 5 << 20);
    arm(1);
    gatun_context_destroy(context);
    arm(0);
}

static void check_every_request(int threads, const row_norm_result *expected, row_norm_memory *memory) {
    long n = 0;
    do {
        n++;
        atomic_store(&requests, 0);
        atomic_store(&failing, n);
        run_library(threads, expected, memory);
        CHECK(atomic_load(&held) == 0, "request %ld failed: %ld things were not given back", n, atomic_load(&held));
        atomic_store(&held, 0);
    } while (atomic_load(&requests) >= n && n < 1000);
    CHECK(n > 3 && n < 1000, "%ld requests", n - 1);
    check_note("%d threads: each of %ld requests to the system failed once", threads, n - 1);
}

int main(int argc, char **argv) {
    (void)argc;
    row_norm_memory memory = {0};
    static row_norm_memory expected_memory[2];
    row_norm_result expected[2];
    gatun_context *context = NULL;
    CHECK(gatun_context_create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, 1, &context, NULL, 0) == GATUN_OK, "a context");
    for (int operation = LAYER_NORM; operation <= RMS_NORM; operation++) {
        row_norm_case test = row_norm_case_plain((row_norm_operation)operation, GATUN_F32, 1, 140001);
        row_norm_run(context, &test, 4, &expected_memory[operation], &expected[operation], NULL);
    }
    gatun_context_destroy(context);

    row_norm_call_hook = arm;
    check_every_request(0, expected, &memory);
    setenv("GATUN_THREADS", "5", 1);
    check_every_request(4, expected, &memory);

    row_norm_release(&memory);
    row_norm_release(&expected_memory[LAYER_NORM]);
    row_norm_release(&expected_memory[RMS_NORM]);
    return check_finish(argv[0]);
}
