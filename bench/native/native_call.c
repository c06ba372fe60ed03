/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "limits.h"

#include "gatun.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Functions of libgatun, looked up by name so that this library needs none at link time. */
struct entry_points {
    __typeof__(&gatun_context_create) context_create;
    __typeof__(&gatun_context_destroy) context_destroy;
    __typeof__(&gatun_layer_norm_scratch) layer_norm_scratch;
    __typeof__(&gatun_rms_norm_scratch) rms_norm_scratch;
    __typeof__(&gatun_layer_norm) layer_norm;
    __typeof__(&gatun_rms_norm) rms_norm;
};

struct gatun_native_call {
    void *library;
    struct entry_points gatun;
    gatun_context *context;
    int is_layer_norm, dtype;
    long long rows, columns, x_stride, y_stride, scratch_bytes;
    const void *x;
    const float *gamma, *beta;
    float eps;
    void *y, *scratch;
};

static int find(void *library, const char *name, void *pointer, size_t bytes, char *message, long long message_bytes) {
    void *address = dlsym(library, name);
    if (address == NULL) {
        if (message != NULL && message_bytes > 0)
            snprintf(message, (size_t)message_bytes, "library: has no function %s", name);
        return 0;
    }
    memcpy(pointer, &address, bytes);
    return 1;
}

static int call_once(const gatun_native_call *c, char *message, long long message_bytes) {
    if (c->is_layer_norm)
        return c->gatun.layer_norm(c->context, c->dtype, GATUN_F32, c->rows, c->rows, c->columns, c->x, c->x_stride,
                                   c->gamma, c->beta, 0.0f, c->eps, GATUN_EPS_IN_SQRT, GATUN_CAST_NONE, c->y,
                                   c->y_stride, NULL, NULL, NULL, c->scratch, c->scratch_bytes, message, message_bytes);
    return c->gatun.rms_norm(c->context, c->dtype, GATUN_F32, c->rows, c->rows, c->columns, c->columns, c->x,
                             c->x_stride, c->gamma, c->beta, 0.0f, c->eps, GATUN_EPS_IN_SQRT, GATUN_CAST_NONE, c->y,
                             c->y_stride, NULL, c->scratch, c->scratch_bytes, message, message_bytes);
}

gatun_native_call *gatun_native_call_create(const char *library, const char *operation, int dtype, int isa, int threads,
                                            long long rows, long long columns, const void *x, long long x_stride,
                                            const float *gamma, const float *beta, float eps, void *y,
                                            long long y_stride, char *message, long long message_bytes) {
    gatun_native_call *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->is_layer_norm = strcmp(operation, "layer_norm") == 0;
    c->dtype = dtype;
    c->rows = rows;
    c->columns = columns;
    c->x = x;
    c->x_stride = x_stride;
    c->gamma = gamma;
    c->beta = beta;
    c->eps = eps;
    c->y = y;
    c->y_stride = y_stride;
    c->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (c->library == NULL) {
        const char *reason = dlerror();
        if (message != NULL && message_bytes > 0)
            snprintf(message, (size_t)message_bytes, "library: %s", reason != NULL ? reason : library);
        gatun_native_call_destroy(c);
        return NULL;
    }
    if (!c->is_layer_norm && strcmp(operation, "rms_norm") != 0) {
        if (message != NULL && message_bytes > 0)
            snprintf(message, (size_t)message_bytes, "operation: expected layer_norm or rms_norm, but it is %s",
                     operation);
        gatun_native_call_destroy(c);
        return NULL;
    }
#define FIND(NAME) find(c->library, "gatun_" #NAME, &c->gatun.NAME, sizeof c->gatun.NAME, message, message_bytes)
    if (!FIND(context_create) || !FIND(context_destroy) || !FIND(layer_norm_scratch) || !FIND(rms_norm_scratch) ||
        !FIND(layer_norm) || !FIND(rms_norm)) {
        gatun_native_call_destroy(c);
        return NULL;
    }
    int status = c->gatun.context_create(GATUN_BACKEND_CPU, 0, isa, threads, &c->context, message, message_bytes);
    if (status == GATUN_OK) {
        status = c->is_layer_norm ? c->gatun.layer_norm_scratch(c->context, rows, columns, &c->scratch_bytes)
                                  : c->gatun.rms_norm_scratch(c->context, rows, columns, &c->scratch_bytes);
    }
    if (status == GATUN_OK && c->scratch_bytes > 0) {
        c->scratch = malloc((size_t)c->scratch_bytes);
        status = c->scratch != NULL ? GATUN_OK : GATUN_OUT_OF_MEMORY;
    }
    if (status == GATUN_OK)
        status = call_once(c, message, message_bytes);
    if (status != GATUN_OK) {
        gatun_native_call_destroy(c);
        return NULL;
    }
    return c;
}

void gatun_native_call_destroy(gatun_native_call *call) {
    if (call == NULL)
        return;
    if (call->context != NULL)
        call->gatun.context_destroy(call->context);
    if (call->library != NULL)
        dlclose(call->library);
    free(call->scratch);
    free(call);
}

double gatun_native_call_run(gatun_native_call *call, long long calls) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    int status = GATUN_OK;
    for (long long i = 0; i < calls; i++)
        status |= call_once(call, NULL, 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (status != GATUN_OK)
        return -1.0;
    return (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
}
