/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: what creates one, what does not and why, caps from arguments and environment, descriptions, memory. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gatun.h"

static int create(int backend, int device_index, int isa, int threads, gatun_context **context, char *message,
                  long long message_bytes) {
    *context = (gatun_context *)(intptr_t)0x55;
    return gatun_context_create(backend, device_index, isa, threads, context, message, message_bytes);
}

static void reject(int backend, int device_index, int isa, int threads, int expected_status, const char *word) {
    gatun_context *context;
    char message[512] = "";
    int status = create(backend, device_index, isa, threads, &context, message, sizeof message);
    CHECK(status == expected_status, "backend %d device %d isa %d threads %d: status %d, expected %d", backend,
          device_index, isa, threads, status, expected_status);
    if (status == GATUN_OK) {
        gatun_context_destroy(context);
        return;
    }
    CHECK(context == NULL, "a failed creation left a context");
    CHECK(strstr(message, word) != NULL, "expected a message with '%s', but it is '%s'", word, message);
    for (long long bytes = 0; bytes < 20; bytes++) {
        char cut[24];
        memset(cut, 'z', sizeof cut);
        CHECK(create(backend, device_index, isa, threads, &context, cut, bytes) == expected_status, "short message");
        CHECK(cut[bytes] == 'z', "message of %lld bytes overflowed", bytes);
        CHECK(bytes == 0 || (strlen(cut) == (size_t)bytes - 1 && memcmp(cut, message, (size_t)bytes - 1) == 0),
              "message cut to %lld bytes", bytes);
    }
    CHECK(create(backend, device_index, isa, threads, &context, NULL, 0) == expected_status, "no message");
}

static void check_bad_arguments(void) {
    char message[512] = "";
    reject(-1, 0, GATUN_ISA_BEST, 1, GATUN_INVALID_ARGUMENT, "backend");
    reject(3, 0, GATUN_ISA_BEST, 1, GATUN_INVALID_ARGUMENT, "backend");
    reject(GATUN_BACKEND_CPU, -1, GATUN_ISA_BEST, 1, GATUN_INVALID_ARGUMENT, "device_index");
    reject(GATUN_BACKEND_CPU, 1, GATUN_ISA_BEST, 1, GATUN_INVALID_ARGUMENT, "device_index");
    reject(GATUN_BACKEND_CPU, 0, -1, 1, GATUN_INVALID_ARGUMENT, "isa");
    reject(GATUN_BACKEND_CPU, 0, 9, 1, GATUN_INVALID_ARGUMENT, "isa");
    reject(GATUN_BACKEND_CPU, 0, 256, 1, GATUN_INVALID_ARGUMENT, "isa");
    reject(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, -1, GATUN_INVALID_ARGUMENT, "threads");
    CHECK(gatun_context_create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, 1, NULL, message, sizeof message) ==
              GATUN_INVALID_ARGUMENT,
          "context NULL");
    CHECK(strstr(message, "context") != NULL, "message '%s'", message);
}

static void check_unavailable(void) {
    reject(GATUN_BACKEND_CUDA, 0, GATUN_ISA_BEST, 1, GATUN_UNAVAILABLE, "CUDA");
#if defined(__x86_64__)
    reject(GATUN_BACKEND_CPU, 0, GATUN_ISA_NEON, 1, GATUN_UNAVAILABLE, "neon");
    for (int isa = gatun_isa_detected() + 1; isa <= GATUN_ISA_AVX512VNNI; isa++) {
        reject(GATUN_BACKEND_CPU, 0, isa, 1, GATUN_UNAVAILABLE, gatun_isa_name(isa));
    }
#else
    reject(GATUN_BACKEND_CPU, 0, GATUN_ISA_AVX2, 1, GATUN_UNAVAILABLE, "avx2");
#endif
}

/* A context's level and threads, or -1 where it cannot be created. */
static int level_of(int isa) {
    gatun_context *context;
    if (create(GATUN_BACKEND_CPU, 0, isa, 1, &context, NULL, 0) != GATUN_OK) {
        return -1;
    }
    int level = gatun_context_isa(context);
    CHECK(gatun_context_backend(context) == GATUN_BACKEND_CPU, "backend %d", gatun_context_backend(context));
    gatun_context_destroy(context);
    return level;
}

static int threads_of(int threads) {
    gatun_context *context;
    if (create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, threads, &context, NULL, 0) != GATUN_OK) {
        return -1;
    }
    int count = gatun_context_threads(context);
    gatun_context_destroy(context);
    return count;
}

static void check_levels(void) {
    int detected = gatun_isa_detected();
    unsetenv("GATUN_ISA");
    CHECK(gatun_isa_name(detected) != NULL, "level %d has no name", detected);
    int best = level_of(GATUN_ISA_BEST);
    CHECK(best <= detected && best >= 0, "level %d on a machine with %d", best, detected);
    CHECK(level_of(GATUN_ISA_SCALAR) == GATUN_ISA_SCALAR, "capped to scalar");
    setenv("GATUN_ISA", "scalar", 1);
    CHECK(level_of(GATUN_ISA_BEST) == GATUN_ISA_SCALAR, "GATUN_ISA=scalar");
    CHECK(gatun_isa_detected() == detected, "detection is not capped");
    setenv("GATUN_ISA", gatun_isa_name(detected), 1);
    CHECK(level_of(GATUN_ISA_BEST) == best, "GATUN_ISA=%s", gatun_isa_name(detected));
    CHECK(level_of(GATUN_ISA_SCALAR) == GATUN_ISA_SCALAR, "the argument caps below GATUN_ISA");
    static const char *const names[] = {"scalar", "avx2", "avx512", "avx512vnni", "neon"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        setenv("GATUN_ISA", names[i], 1);
        int level = level_of(GATUN_ISA_BEST);
        int here = detected == GATUN_ISA_NEON ? level == GATUN_ISA_NEON || level == GATUN_ISA_SCALAR
                                              : level >= GATUN_ISA_SCALAR && level <= detected;
        CHECK(here, "GATUN_ISA=%s gives level %d on a machine with %d", names[i], level, detected);
    }
    unsetenv("GATUN_ISA");
}

static void check_bad_environment(void) {
    static const char *const levels[] = {"sse9", "AVX", "avx2 "};
    static const char *const counts[] = {"many", "-1", "3x", "99999999999999999999"};
    char message[512];
    gatun_context *context;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        setenv("GATUN_ISA", levels[i], 1);
        message[0] = 0;
        int status = create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, 1, &context, message, sizeof message);
        CHECK(status == GATUN_INVALID_ARGUMENT && strstr(message, "GATUN_ISA") != NULL,
              "GATUN_ISA='%s': status %d, message '%s'", levels[i], status, message);
        gatun_context_destroy(context);
    }
    unsetenv("GATUN_ISA");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        setenv("GATUN_THREADS", counts[i], 1);
        message[0] = 0;
        int status = create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, 0, &context, message, sizeof message);
        CHECK(status == GATUN_INVALID_ARGUMENT && strstr(message, "GATUN_THREADS") != NULL,
              "GATUN_THREADS='%s': status %d, message '%s'", counts[i], status, message);
        gatun_context_destroy(context);
    }
    unsetenv("GATUN_THREADS");
}

static void check_threads(void) {
    unsetenv("GATUN_THREADS");
    int every = threads_of(0);
    CHECK(every >= 1, "%d threads by default", every);
    CHECK(threads_of(1) == 1, "one thread");
    CHECK(threads_of(2) >= 1 && threads_of(2) <= 2, "two threads");
    CHECK(threads_of(1000000) >= 1, "a million threads asked for, %d used", threads_of(1000000));
    setenv("GATUN_THREADS", "1", 1);
    CHECK(threads_of(0) == 1, "GATUN_THREADS=1");
    unsetenv("GATUN_THREADS");
}

static void check_descriptions(void) {
    CHECK(gatun_abi_version() == GATUN_ABI_VERSION, "ABI %d", gatun_abi_version());
    CHECK(gatun_build_hash() != NULL && strlen(gatun_build_hash()) >= 8, "build hash '%s'", gatun_build_hash());
    CHECK(gatun_no_op() == GATUN_OK, "no-op");
    static const struct {
        int isa;
        const char *name;
    } names[] = {{GATUN_ISA_SCALAR, "scalar"},
                 {GATUN_ISA_AVX2, "avx2"},
                 {GATUN_ISA_AVX512, "avx512"},
                 {GATUN_ISA_AVX512VNNI, "avx512vnni"},
                 {GATUN_ISA_NEON, "neon"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *name = gatun_isa_name(names[i].isa);
        CHECK(name != NULL && strcmp(name, names[i].name) == 0, "level %d is '%s'", names[i].isa, name);
    }
    CHECK(gatun_isa_name(-1) == NULL && gatun_isa_name(7) == NULL && gatun_isa_name(GATUN_ISA_BEST) == NULL,
          "names of what is no level");
}

static void check_text(const char *what, int (*describe)(char *, long long)) {
    char full[1024];
    memset(full, 'z', sizeof full);
    CHECK(describe(full, sizeof full) == GATUN_OK && memchr(full, 0, sizeof full) != NULL, "%s", what);
    CHECK(strlen(full) > 0 && strchr(full, '\n') == NULL, "%s: '%s'", what, full);
    check_note("%s: %s", what, full);
    for (long long bytes = 1; bytes < 16; bytes++) {
        char cut[20];
        memset(cut, 'z', sizeof cut);
        size_t kept = strlen(full) < (size_t)bytes ? strlen(full) : (size_t)bytes - 1;
        CHECK(describe(cut, bytes) == GATUN_OK && cut[bytes] == 'z' && strlen(cut) == kept &&
                  memcmp(cut, full, kept) == 0,
              "%s cut to %lld bytes", what, bytes);
    }
    CHECK(describe(NULL, 0) == GATUN_OK || describe(NULL, 0) == GATUN_INVALID_ARGUMENT, "%s into NULL", what);
}

static void check_kernels(void) {
    const char *operation = NULL;
    int isa = -1;
    int count = 0;
    while (gatun_kernel_describe(count, &operation, &isa) == GATUN_OK) {
        CHECK(operation != NULL && gatun_isa_name(isa) != NULL, "kernel %d", count);
        count++;
    }
    CHECK(count >= 2, "%d kernels", count);
    CHECK(gatun_kernel_describe(count, &operation, &isa) == GATUN_INVALID_ARGUMENT, "past the last kernel");
    CHECK(gatun_kernel_describe(-1, &operation, &isa) == GATUN_INVALID_ARGUMENT, "kernel -1");
    CHECK(gatun_kernel_describe(1 << 30, &operation, &isa) == GATUN_INVALID_ARGUMENT, "kernel 2^30");
}

static void check_memory_of(gatun_context *context, long long bytes, uintptr_t alignment) {
    void *memory = NULL;
    char message[256] = "";
    int status = gatun_allocate(context, bytes, &memory, message, sizeof message);
    if (!CHECK(status == GATUN_OK && memory != NULL, "%lld bytes: status %d, %s", bytes, status, message)) {
        return;
    }
    CHECK((uintptr_t)memory % alignment == 0, "%lld bytes at %p, expected a multiple of %llu", bytes, memory,
          (unsigned long long)alignment);
    memset(memory, 1, (size_t)bytes);
    CHECK(gatun_free(context, memory, bytes) == GATUN_OK, "freeing %lld bytes", bytes);
}

static void reject_allocation(gatun_context *context, long long bytes, int expected_status, const char *word) {
    void *memory = (void *)(intptr_t)0x55;
    char message[256] = "";
    int status = gatun_allocate(context, bytes, &memory, message, sizeof message);
    CHECK(status == expected_status, "%lld bytes: status %d, expected %d", bytes, status, expected_status);
    CHECK(strstr(message, word) != NULL, "%lld bytes: message '%s'", bytes, message);
    CHECK(memory == NULL || memory == (void *)(intptr_t)0x55, "%lld bytes: memory %p", bytes, memory);
}

static void check_memory(void) {
    static const long long sizes[] = {1, 63, 64, 4096, 100003, (4 << 20) - 1};
    gatun_context *context;
    CHECK(create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, 1, &context, NULL, 0) == GATUN_OK, "a context");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_memory_of(context, sizes[i], 64);
    }
    check_memory_of(context, 4 << 20, 2 << 20);
    check_memory_of(context, (8 << 20) + 1, 2 << 20);
    reject_allocation(context, 0, GATUN_INVALID_ARGUMENT, "bytes");
    reject_allocation(context, -1, GATUN_INVALID_ARGUMENT, "bytes");
    reject_allocation(context, 1LL << 60, GATUN_OUT_OF_MEMORY, "1152921504606846976");
    reject_allocation(context, INT64_MAX, GATUN_OUT_OF_MEMORY, "9223372036854775807");
    reject_allocation(NULL, 64, GATUN_INVALID_ARGUMENT, "context");
    CHECK(gatun_allocate(context, 64, NULL, NULL, 0) == GATUN_INVALID_ARGUMENT, "memory NULL");
    CHECK(gatun_free(context, NULL, 64) == GATUN_OK, "freeing NULL");
    CHECK(gatun_context_destroy(context) == GATUN_OK, "destroying");
    CHECK(gatun_context_destroy(NULL) == GATUN_OK, "destroying NULL");
}

static void check_automatic_backend(void) {
    gatun_context *context;
    char reason[512] = "";
    CHECK(create(GATUN_BACKEND_AUTO, 0, GATUN_ISA_BEST, 1, &context, NULL, 0) == GATUN_OK, "the automatic backend");
    int backend = gatun_context_backend(context);
    CHECK(backend == GATUN_BACKEND_CPU || backend == GATUN_BACKEND_CUDA, "backend %d", backend);
    CHECK(gatun_gpu_reason(reason, sizeof reason) == GATUN_OK, "the reason");
    CHECK((backend == GATUN_BACKEND_CPU) == (strlen(reason) > 0), "backend %d, reason '%s'", backend, reason);
    gatun_context_destroy(context);
}

int main(int argc, char **argv) {
    (void)argc;
    check_bad_arguments();
    check_unavailable();
    check_levels();
    check_threads();
    check_bad_environment();
    check_descriptions();
    check_text("CPU", gatun_cpu_describe);
    check_text("GPU", gatun_gpu_reason);
    check_kernels();
    check_memory();
    check_automatic_backend();
    return check_finish(argv[0]);
}
