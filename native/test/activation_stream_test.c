/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element-wise calls beyond the last-level cache, where results bypass it. In place they never do, so both ways have to
 * give the same bits; guard pages and canaries see whether whole lines stay within the rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gatun.h"
#include "guarded.h"
#include "levels.h"
#include "values.h"

enum { MEGABYTE = 1 << 20, MOST_BYTES = 96 * MEGABYTE };

/* As the kernel of the system sees it: sysconf has been wrong about shared caches. */
static long long last_level_cache(void) {
    long long kibibytes = 16 << 10;
    FILE *stream = fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "r");
    if (stream != NULL) {
        if (fscanf(stream, "%lldK", &kibibytes) != 1) {
            kibibytes = 16 << 10;
        }
        fclose(stream);
    }
    return kibibytes << 10;
}

typedef struct shape {
    int dtype;
    long long rows, columns, stride;
    size_t offset; /* of the result, in elements */
} shape;

/* y from x, which may be the same. */
typedef int operation(gatun_context *context, const shape *s, const void *x, void *y, long long *mask);

static int forward(gatun_context *context, const shape *s, const void *x, void *y, long long *mask) {
    (void)mask;
    return gatun_activation(context, GATUN_SILU, 0, 0, 0, s->dtype, s->rows, s->columns, x, s->stride, y, s->stride,
                            NULL, 0);
}
static int gated(gatun_context *context, const shape *s, const void *x, void *y, long long *mask) {
    (void)mask;
    return gatun_gated_activation(context, GATUN_RELU, 0, s->dtype, GATUN_GATE_SEPARATE, s->rows, s->columns, x,
                                  s->stride, x, s->stride, y, s->stride, NULL, 0);
}
static int gated_backward(gatun_context *context, const shape *s, const void *x, void *y, long long *mask) {
    (void)mask;
    return gatun_gated_activation_backward(context, GATUN_SIGMOID, 0, s->dtype, GATUN_GATE_SEPARATE, s->rows,
                                           s->columns, x, s->stride, x, s->stride, x, s->stride, y, s->stride, NULL, 0,
                                           NULL, 0, NULL, 0);
}
static int masked(gatun_context *context, const shape *s, const void *x, void *y, long long *mask) {
    return gatun_activation_mask(context, GATUN_RELU6, 0, 0, s->dtype, s->rows, s->columns, x, s->stride, 0, 6, y,
                                 s->stride, mask, NULL, 0);
}
static int mask_backward(gatun_context *context, const shape *s, const void *x, void *y, long long *mask) {
    return gatun_activation_mask_backward(context, s->dtype, s->rows, s->columns, x, s->stride, mask, -1, 2, y,
                                          s->stride, NULL, 0);
}
static int dropout(gatun_context *context, const shape *s, const void *x, void *y, long long *mask) {
    (void)mask;
    return gatun_alpha_dropout(context, s->dtype, s->rows, s->columns, x, s->stride, 0.3f, 5, 6, 0, 0, y, s->stride,
                               NULL, 0);
}

static operation *const operations[] = {forward, gated, gated_backward, masked, mask_backward, dropout};

static void check_shape(gatun_context *context, const shape *s) {
    static guarded memory;
    const size_t bytes = dtype_bytes(s->dtype), elements = (size_t)((s->rows - 1) * s->stride + s->columns);
    unsigned char *x = malloc(elements * bytes);
    long long *mask = malloc((size_t)(s->rows * (s->columns / 64 + 1)) * sizeof *mask);
    if (!x || !mask) {
        check_abandon("no memory for %zu elements", elements);
    }
    for (size_t k = 0; k < sizeof operations / sizeof operations[0]; k++) {
        uint64_t random = 19;
        for (size_t i = 0; i < elements; i += 4) {
            const double value = random_uniform(&random, -8, 8);
            for (size_t j = i; j < i + 4 && j < elements; j++) {
                dtype_store(s->dtype, x, (long long)j, value - (double)(j - i));
            }
        }
        void *y =
            guarded_place(&memory, elements * bytes, bytes, s->offset ? PLACE_BEGIN : PLACE_END, s->offset * bytes);
        CHECK(operations[k](context, s, x, y, mask) == GATUN_OK && operations[k](context, s, x, x, mask) == GATUN_OK,
              "operation %zu", k);
        int same = 1, intact = 1;
        for (long long row = 0; row < s->rows; row++) {
            const size_t at = (size_t)(row * s->stride) * bytes, end = at + (size_t)s->columns * bytes;
            same &= memcmp(x + at, (unsigned char *)y + at, end - at) == 0;
            intact &= row + 1 == s->rows ||
                      guarded_is_canary((unsigned char *)y + end, (size_t)(s->stride - s->columns) * bytes);
        }
        CHECK(same && intact && guarded_margins_intact(&memory),
              "operation %zu %s %s %lldx%lld@%lld: bits differ from those in place (%d), or something lies where it "
              "should not (%d)",
              k, gatun_isa_name(gatun_context_isa(context)), dtype_name(s->dtype), s->rows, s->columns, s->stride,
              !same, !intact);
    }
    free(x);
    free(mask);
}

int main(void) {
    long long bytes = last_level_cache();
    if (bytes > MOST_BYTES) {
        check_note("not tested: a last-level cache of %lld MiB", bytes / MEGABYTE);
        CHECK(1, "nothing to do");
        return check_finish("activation_stream_test");
    }
    bytes = bytes / 2 + bytes / 16; /* for each of x and y */
    int levels[LEVELS_MAX];
    const int count = levels_of("activation", levels);
    for (int l = 0; l < count; l++) {
        gatun_context *context = level_open(levels[l], 1);
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            const long long elements = bytes / (long long)dtype_bytes(dtype);
            if (levels[l] == GATUN_ISA_SCALAR && dtype != GATUN_BF16) {
                continue; /* the scalar level has no stores of that kind */
            }
            check_shape(context, &(shape){dtype, 1, elements + 5, elements + 5, 3});
            if (dtype == GATUN_F32) {
                check_shape(context, &(shape){dtype, elements / 1001 + 1, 1001, 1003, 0});
                check_shape(context, &(shape){dtype, elements / 17 + 1, 17, 18, 1});
            }
        }
        gatun_context_destroy(context);
    }
    return check_finish("activation_stream_test");
}
