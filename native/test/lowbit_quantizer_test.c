/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical quantizers of float weights, code by code against their formulas: all grids, widths, groups and types;
 * halves, zeros, constants, subnormal and huge weights; how far a weight may be from its code; weights and scales that
 * are refused.
 */
#include "gatun.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crash.h"
#include "guarded.h"
#include "levels.h"
#include "values.h"

enum { MOST_OUTPUTS = 40, MOST_INPUTS = 700 };

enum weight_fill { FILL_BELL, FILL_HALVES, FILL_POSITIVE, FILL_CONSTANT, FILL_ZERO, FILL_TINY, FILL_HUGE, FILLS };

typedef struct {
    int dtype, bits, grid, scale_dtype;
    long long outputs, inputs, group_size;
    enum weight_fill fill;
} quantizer_case;

typedef struct {
    gatun_context *context;
    uint64_t random;
    guarded memory;
    float weights[MOST_OUTPUTS * MOST_INPUTS]; /* what the stored ones are exactly */
    unsigned char codes[MOST_OUTPUTS * MOST_INPUTS];
    float scales[MOST_OUTPUTS * MOST_INPUTS], offsets[MOST_OUTPUTS * MOST_INPUTS], values[MOST_OUTPUTS * MOST_INPUTS];
} driver;

static double random_weight(driver *d, const quantizer_case *q) {
    switch (q->fill) {
    case FILL_HALVES: /* with a weight of 7 or 8 in the group many are half way between two codes */
        return (double)((long long)(random_bits(&d->random) % 33) - 16) / 2;
    case FILL_POSITIVE:
        return 3 + random_bell(&d->random) / 100;
    case FILL_CONSTANT:
        return 0.3;
    case FILL_ZERO:
        return random_bits(&d->random) & 1 ? 0.0 : -0.0;
    case FILL_TINY:
        return random_bell(&d->random) * 1e-40;
    case FILL_HUGE:
        return random_bell(&d->random) * 1e37;
    default:
        return random_bell(&d->random) / 16;
    }
}

static void *make_weights(driver *d, const quantizer_case *q, long long stride) {
    const size_t size = dtype_bytes(q->dtype);
    const size_t elements = q->outputs > 0 ? (size_t)((q->outputs - 1) * stride + q->inputs) : 0;
    unsigned char *p = guarded_place(&d->memory, elements * size, size, PLACE_END, 0);
    for (long long n = 0; n < q->outputs; n++) {
        for (long long k = 0; k < q->inputs; k++) {
            dtype_store(q->dtype, p, n * stride + k, random_weight(d, q));
            d->weights[n * q->inputs + k] = (float)dtype_load(q->dtype, p, n * stride + k);
        }
    }
    return p;
}

/* s and z of a group by the formulas of the header. */
static void expect_grid(const quantizer_case *q, float least, float greatest, float *scale, int *zero) {
    const int levels = (1 << q->bits) - 1;
    const float largest = greatest > -least ? greatest : least;
    if (q->grid == GATUN_LOWBIT_AFFINE) {
        *scale = (float)dtype_round(q->scale_dtype, (double)((greatest - least) / (float)levels));
        const double quotient = *scale > 0 ? (double)(-least / *scale) : 0;
        *zero = quotient < levels ? (int)round(quotient) : levels;
    } else if (q->bits == 8) {
        *scale = (float)dtype_round(q->scale_dtype, (double)(fabsf(largest) / 127));
        *zero = 128;
    } else {
        *scale = (float)dtype_round(q->scale_dtype, (double)(-largest / (float)(1 << (q->bits - 1))));
        *zero = 1 << (q->bits - 1);
    }
}

static int expect_code(const quantizer_case *q, float weight, float scale, int zero, float magnitude) {
    if (q->grid == GATUN_LOWBIT_SYMMETRIC && q->bits == 8) {
        const float inverse = magnitude >= 0x1p-118f ? 127 / magnitude : 0;
        return 128 + (int)rint((double)(weight * inverse));
    }
    const float inverse = fabsf(scale) >= FLT_MIN ? 1 / scale : 0;
    const double code = round((double)(weight * inverse + (float)zero)), most = (1 << q->bits) - 1;
    return (int)(code < 0 ? 0 : code > most ? most : code);
}

static void describe(const quantizer_case *q, char *text, size_t bytes) {
    snprintf(text, bytes, "[%lld, %lld] %s, %d bits, grid %d, groups of %lld, scales %s, weights %d", q->outputs,
             q->inputs, dtype_name(q->dtype), q->bits, q->grid, q->group_size, dtype_name(q->scale_dtype), q->fill);
}

/* One group of an output, whose scale was computed over `from` to `to`: inputs of one output, or all weights. */
static void check_group(const driver *d, const quantizer_case *q, const char *name, long long n, long long begin,
                        long long end, long long group, long long groups, long long from, long long to) {
    float least = 0, greatest = 0, scale;
    int zero;
    for (long long i = from; i < to; i++) {
        least = fminf(least, d->weights[i]);
        greatest = fmaxf(greatest, d->weights[i]);
    }
    expect_grid(q, least, greatest, &scale, &zero);
    const float magnitude = fmaxf(greatest, -least), found = d->scales[n * groups + group];
    if (!CHECK(found == scale && d->offsets[n * groups + group] == -(float)zero * scale,
               "%s: scale and offset of [%lld, %lld] are %a and %a, not %a and %a", name, n, begin, (double)found,
               (double)d->offsets[n * groups + group], (double)scale, (double)(-(float)zero * scale))) {
        return;
    }
    for (long long k = begin; k < end; k++) {
        const float weight = d->weights[n * q->inputs + k], value = d->values[n * q->inputs + k];
        const int code = d->codes[n * q->inputs + k], expected = expect_code(q, weight, scale, zero, magnitude);
        const bool good = code == expected && value == (float)(code - zero) * scale;
        /* Rounded scales can move the ends of the range; then weights there are clamped. */
        const double step = fabs((double)scale), slack = q->scale_dtype == GATUN_F32 ? 0.5001 : 0.5001 + 256 * 0x1p-8;
        const bool near = step < (double)FLT_MIN || fabs((double)value - (double)weight) <= slack * step ||
                          (q->grid == GATUN_LOWBIT_SYMMETRIC && fabs((double)value - (double)weight) <= 1.0001 * step);
        if (!good || !near) {
            CHECK(0, "%s: weight [%lld, %lld] of %a has code %d, expected %d, and becomes %a with scale %a", name, n, k,
                  (double)weight, code, expected, (double)value, (double)scale);
            return;
        }
    }
}

static void check_case(driver *d, const quantizer_case *q) {
    char name[256], message[256] = "untouched";
    describe(q, name, sizeof name);
    crash_name_case(name);
    const long long stride = q->inputs + (long long)(random_bits(&d->random) % 3);
    const void *weights = make_weights(d, q, stride);
    gatun_lowbit_matrix *matrix = NULL;
    const int status =
        gatun_lowbit_matrix_from_floats(d->context, q->dtype, q->outputs, q->inputs, weights, stride, q->bits, q->grid,
                                        q->group_size, q->scale_dtype, &matrix, message, sizeof message);
    if (!CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", name, status, message)) {
        return;
    }
    const long long group_size = gatun_lowbit_matrix_group_size(matrix);
    const long long groups = (q->inputs + group_size - 1) / group_size;
    CHECK(gatun_lowbit_matrix_scheme(matrix) == GATUN_LOWBIT_QUANTIZED &&
              group_size == (q->group_size > 0 ? q->group_size
                             : q->inputs > 0   ? q->inputs
                                               : 1),
          "%s: groups of %lld", name, group_size);
    CHECK(gatun_lowbit_matrix_unpack(d->context, matrix, 0, q->outputs, d->codes, d->scales, d->offsets, NULL, 0) ==
                  GATUN_OK &&
              gatun_lowbit_matrix_dequantize(d->context, matrix, 0, q->outputs, GATUN_F32, d->values, q->inputs, NULL,
                                             0) == GATUN_OK,
          "%s: not read back", name);
    for (long long n = 0; n < q->outputs; n++) {
        for (long long group = 0; group < groups; group++) {
            const long long begin = group * group_size;
            const long long end = begin + group_size < q->inputs ? begin + group_size : q->inputs;
            const bool all = q->group_size == GATUN_LOWBIT_PER_TENSOR;
            check_group(d, q, name, n, begin, end, group, groups, all ? 0 : n * q->inputs + begin,
                        all ? q->outputs * q->inputs : n * q->inputs + end);
        }
    }
    gatun_lowbit_matrix_destroy(matrix);
}

static void check_all(driver *d, bool reduced) {
    static const int all_bits[] = {4, 5, 6, 8};
    static const long long groups[] = {32, 64, 128, 256, GATUN_LOWBIT_PER_CHANNEL, GATUN_LOWBIT_PER_TENSOR};
    static const long long outputs[] = {0, 1, 15, 16, 17, 40}, inputs[] = {0, 1, 7, 31, 32, 33, 256, 300, 640, 700};
    for (int bits = 0; bits < 4; bits++) {
        for (int grid = 0; grid <= 1; grid++) {
            for (int group = 0; group < 6; group++) {
                for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
                    for (int time = 0; time < (reduced ? 2 : 8); time++) {
                        const uint64_t r = random_bits(&d->random);
                        quantizer_case q = {.dtype = dtype,
                                            .bits = all_bits[bits],
                                            .grid = grid,
                                            .group_size = groups[group],
                                            .scale_dtype = (int)((r >> 8) % 3),
                                            .outputs = outputs[(r >> 16) % 6],
                                            .inputs = inputs[(r >> 24) % 10],
                                            .fill = (enum weight_fill)((r >> 32) % FILLS)};
                        if (q.fill >= FILL_TINY) { /* beyond the range of 16-bit floats */
                            q.dtype = GATUN_F32;
                            q.scale_dtype = GATUN_F32;
                        }
                        check_case(d, &q);
                    }
                }
            }
        }
    }
}

static void check_refused(driver *d, quantizer_case q, long long n, long long k, double weight, const char *expected) {
    char message[256] = "", name[256];
    describe(&q, name, sizeof name);
    void *weights = make_weights(d, &q, q.inputs);
    dtype_store(q.dtype, weights, n * q.inputs + k, weight);
    gatun_lowbit_matrix *matrix = (gatun_lowbit_matrix *)(void *)d;
    const int status =
        gatun_lowbit_matrix_from_floats(d->context, q.dtype, q.outputs, q.inputs, weights, q.inputs, q.bits, q.grid,
                                        q.group_size, q.scale_dtype, &matrix, message, sizeof message);
    CHECK(status == GATUN_INVALID_ARGUMENT && matrix == NULL && strncmp(message, "weight: ", 8) == 0 &&
              strstr(message, expected) != NULL,
          "%s with %g at [%lld, %lld]: status %d: %s (expected '%s')", name, weight, n, k, status, message, expected);
}

static void check_all_refused(driver *d) {
    for (int grid = 0; grid <= 1; grid++) {
        quantizer_case q = {.bits = 4, .grid = grid, .outputs = 20, .inputs = 100, .group_size = 32};
        check_refused(d, q, 17, 70, (double)NAN, "output 17 has nan among the 32 inputs from 64 ");
        check_refused(d, q, 3, 99, (double)INFINITY, "output 3 has inf among the 4 inputs from 96 ");
        q.group_size = GATUN_LOWBIT_PER_CHANNEL;
        check_refused(d, q, 19, 0, -(double)INFINITY, "output 19 has inf among the 100 inputs from 0 ");
        q.group_size = 64;
        q.scale_dtype = GATUN_F16; /* 65504 * 15 is the most that fits with 4 bits */
        check_refused(d, q, 5, 5, 3e6, "output 5 and the 64 inputs from 0 ");
        q.scale_dtype = GATUN_BF16;
        q.fill = FILL_ZERO;
        check_refused(d, q, 5, 5, 1e-40, "output 5 and the 64 inputs from 0 ");
    }
    /* The range of both signs is twice that of a float. */
    quantizer_case wide = {.bits = 4, .grid = GATUN_LOWBIT_AFFINE, .outputs = 1, .inputs = 2, .group_size = 32};
    wide.fill = FILL_HUGE;
    float weights[2] = {FLT_MAX, -FLT_MAX};
    gatun_lowbit_matrix *matrix = NULL;
    CHECK(gatun_lowbit_matrix_from_floats(d->context, GATUN_F32, 1, 2, weights, 2, 4, wide.grid, 32, GATUN_F32, &matrix,
                                          NULL, 0) == GATUN_INVALID_ARGUMENT,
          "a range that is infinite");
}

/* The same bytes from any number of threads. */
static void check_threads(driver *d) {
    enum { OUTPUTS = 333, INPUTS = 1000 };
    float *weights = malloc(sizeof(float) * OUTPUTS * INPUTS);
    float *values[2] = {malloc(sizeof(float) * OUTPUTS * INPUTS), malloc(sizeof(float) * OUTPUTS * INPUTS)};
    for (int i = 0; i < OUTPUTS * INPUTS; i++) {
        weights[i] = (float)random_bell(&d->random);
    }
    static const long long groups[] = {128, GATUN_LOWBIT_PER_CHANNEL, GATUN_LOWBIT_PER_TENSOR};
    for (int g = 0; g < 3; g++) {
        for (int threads = 1; threads <= 3; threads++) {
            gatun_context *context = level_open(GATUN_ISA_SCALAR, threads);
            gatun_lowbit_matrix *matrix = NULL;
            const int status =
                gatun_lowbit_matrix_from_floats(context, GATUN_F32, OUTPUTS, INPUTS, weights, INPUTS, 5,
                                                GATUN_LOWBIT_AFFINE, groups[g], GATUN_F32, &matrix, NULL, 0);
            float *to = values[threads > 1];
            CHECK(status == GATUN_OK && gatun_lowbit_matrix_dequantize(context, matrix, 0, OUTPUTS, GATUN_F32, to,
                                                                       INPUTS, NULL, 0) == GATUN_OK,
                  "status %d", status);
            CHECK(threads == 1 || memcmp(values[0], values[1], sizeof(float) * OUTPUTS * INPUTS) == 0,
                  "groups of %lld: other bits with %d threads", groups[g], threads);
            gatun_lowbit_matrix_destroy(matrix);
            gatun_context_destroy(context);
        }
    }
    free(weights);
    free(values[0]);
    free(values[1]);
}

int main(int argc, char **argv) {
    static driver d = {.random = 6};
    setenv("GATUN_THREADS", "8", 1);
    d.context = level_open(GATUN_ISA_SCALAR, 1);
    crash_catch();
    check_all(&d, argc > 1 && strcmp(argv[1], "--reduced") == 0);
    check_all_refused(&d);
    check_threads(&d);
    guarded_release(&d.memory);
    gatun_context_destroy(d.context);
    return check_finish(argv[0]);
}
