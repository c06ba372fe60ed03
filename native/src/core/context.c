/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "gatun/core.h"
#include "message.h"

#define MOST_THREADS 1024

static const char no_gpu[] = "this version of libgatun has no CUDA backend";

int gatun_abi_version(void) {
    return GATUN_ABI_VERSION;
}

const char *gatun_build_hash(void) {
    return GATUN_BUILD_HASH;
}

int gatun_no_op(void) {
    return GATUN_OK;
}

int gatun_gpu_reason(char *reason, long long reason_bytes) {
    return gatun_copy_text(no_gpu, reason, reason_bytes);
}

static bool level_of_name(const char *name, int *isa) {
    for (int level = 0; level < GATUN_ISA_BEST; level++) {
        const char *known = gatun_isa_name(level);
        if (known && strcmp(known, name) == 0) {
            *isa = level;
            return true;
        }
    }
    return false;
}

/* The greatest level of a machine with `detected` that is not above `cap`: aarch64 has none between scalar and NEON. */
static int level_up_to(int cap, int detected) {
    if (cap >= detected) {
        return detected;
    }
    return detected == GATUN_ISA_NEON ? GATUN_ISA_SCALAR : cap;
}

/* The level to use: the greatest that CPU, argument and GATUN_ISA all allow. */
static int choose_isa(int cap, int *isa, char *message, long long message_bytes) {
    int detected = gatun_isa_detected();
    *isa = detected;
    if (cap != GATUN_ISA_BEST) {
        if (!gatun_isa_name(cap)) {
            return gatun_fail(message, message_bytes, GATUN_INVALID_ARGUMENT, "isa: expected a gatun_isa, but it is %d",
                              cap);
        }
        if (level_up_to(cap, detected) != cap) {
            return gatun_fail(message, message_bytes, GATUN_UNAVAILABLE,
                              "isa: %s was asked for, but this machine has %s at best", gatun_isa_name(cap),
                              gatun_isa_name(detected));
        }
        *isa = cap;
    }
    const char *variable = getenv("GATUN_ISA");
    if (variable && variable[0]) {
        int limit;
        if (!level_of_name(variable, &limit)) {
            return gatun_fail(message, message_bytes, GATUN_INVALID_ARGUMENT,
                              "GATUN_ISA: expected scalar, avx2, avx512, avx512vnni or neon, but it is '%s'", variable);
        }
        *isa = level_up_to(limit, *isa);
    }
    return GATUN_OK;
}

static int choose_threads(int asked, int *threads, char *message, long long message_bytes) {
    if (asked < 0) {
        return gatun_fail(message, message_bytes, GATUN_INVALID_ARGUMENT,
                          "threads: expected 0 (all available) or more, but it is %d", asked);
    }
    int available;
    const char *variable = getenv("GATUN_THREADS");
    if (variable && variable[0]) {
        char *end;
        long value = strtol(variable, &end, 10);
        if (*end || value < 1 || value > MOST_THREADS) {
            return gatun_fail(message, message_bytes, GATUN_INVALID_ARGUMENT,
                              "GATUN_THREADS: expected a number from 1 to %d, but it is '%s'", MOST_THREADS, variable);
        }
        available = (int)value;
    } else {
        available = gatun_cpu_count();
        available = available < MOST_THREADS ? available : MOST_THREADS;
    }
    *threads = asked > 0 && asked < available ? asked : available;
    return GATUN_OK;
}

int gatun_context_create(int backend, int device_index, int isa, int threads, gatun_context **context, char *message,
                         long long message_bytes) {
    if (!context) {
        return gatun_fail(message, message_bytes, GATUN_INVALID_ARGUMENT,
                          "context: expected a place for it, but it is NULL");
    }
    *context = 0;
    if (backend != GATUN_BACKEND_AUTO && backend != GATUN_BACKEND_CPU && backend != GATUN_BACKEND_CUDA) {
        return gatun_fail(message, message_bytes, GATUN_INVALID_ARGUMENT,
                          "backend: expected a gatun_backend, but it is %d", backend);
    }
    if (device_index < 0 || (backend != GATUN_BACKEND_CUDA && device_index > 0)) {
        return gatun_fail(message, message_bytes, GATUN_INVALID_ARGUMENT,
                          "device_index: expected 0, or the number of a GPU with the CUDA backend, but it is %d",
                          device_index);
    }
    if (backend == GATUN_BACKEND_CUDA) {
        return gatun_fail(message, message_bytes, GATUN_UNAVAILABLE, "%s", no_gpu);
    }
    int chosen_isa = GATUN_ISA_SCALAR, chosen_threads = 1;
    int status = choose_isa(isa, &chosen_isa, message, message_bytes);
    if (status != GATUN_OK) {
        return status;
    }
    status = choose_threads(threads, &chosen_threads, message, message_bytes);
    if (status != GATUN_OK) {
        return status;
    }

    gatun_context *created = malloc(sizeof *created);
    if (!created) {
        return gatun_fail(message, message_bytes, GATUN_OUT_OF_MEMORY, "no memory for a context");
    }
    *created = (struct gatun_context){
        GATUN_BACKEND_CPU, chosen_isa, chosen_threads, gatun_cpu_last_level_cache(), gatun_kernels_at(chosen_isa), 0};
    if (chosen_threads > 1) {
        created->pool = gatun_pool_create(chosen_threads);
        if (!created->pool) {
            free(created);
            return gatun_fail(message, message_bytes, GATUN_OUT_OF_MEMORY, "no memory for a pool of %d threads",
                              chosen_threads);
        }
    }
    *context = created;
    return GATUN_OK;
}

int gatun_context_destroy(gatun_context *context) {
    if (context) {
        gatun_pool_destroy(context->pool);
        free(context);
    }
    return GATUN_OK;
}

int gatun_context_backend(const gatun_context *context) {
    return context ? context->backend : -1;
}

int gatun_context_isa(const gatun_context *context) {
    return context ? context->isa : -1;
}

int gatun_context_threads(const gatun_context *context) {
    return context ? context->threads : -1;
}
