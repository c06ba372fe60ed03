/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gatun_lowbit_quantize_activations at every level: codes, scales and sums bit for bit against their formulas, in
 * groups, rows and with given scales of columns; and gatun_int8_matmul: sums exact, with zero points on both sides,
 * codes of -128 and the longest sums that are allowed. Strides, memory around the operands, any number of threads.
 */
#include "gatun.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "check.h"
#include "crash.h"
#include "fp_state.h"
#include "guarded.h"
#include "levels.h"
#include "values.h"

typedef struct {
    gatun_context *context;
    int isa;
    uint64_t random;
    guarded x, codes, scales, sums, channels, centres, y, weights, zeros, row_scales, row_zeros, scratch, bias;
} driver;

typedef struct {
    int dtype, activation, limit;
    long long rows, columns, x_stride, codes_stride;
    bool has_sums, has_centres;
    double magnitude;
} quantization;

static enum placement any_placement(driver *d) {
    return random_bits(&d->random) & 1 ? PLACE_BEGIN : PLACE_END;
}

static size_t span(long long rows, long long columns, long long stride) {
    return rows > 0 && columns > 0 ? (size_t)((rows - 1) * stride + columns) : 0;
}

/* Ordinary numbers, some halves of what they are rounded to, some that are not finite. */
static double random_activation(driver *d, const quantization *q) {
    const uint64_t r = random_bits(&d->random);
    if (r % 1000 == 0) {
        return r >> 32 & 1 ? (double)NAN : (double)INFINITY;
    }
    return (r % 3 == 0 ? (double)((long long)(r >> 32) % 255 - 127) / 2 : random_bell(&d->random)) * q->magnitude;
}

static int expect_channel(const driver *d, const quantization *q, float x, long long k) {
    const float centre = q->has_centres ? ((const float *)(const void *)d->centres.data)[k] : 0;
    const double quotient = rint((double)((x - centre) / ((const float *)(const void *)d->channels.data)[k]));
    return isnan(quotient) ? 0 : quotient > q->limit ? q->limit : quotient < -q->limit ? -q->limit : (int)quotient;
}

static bool check_group(const driver *d, const quantization *q, const char *name, long long m, long long begin,
                        long long end, long long group, long long groups) {
    const signed char *codes = (const signed char *)d->codes.data + m * q->codes_stride;
    const bool channels = q->activation == GATUN_LOWBIT_INT8_CHANNEL;
    float largest = 0;
    bool finite = true;
    int sum = 0;
    for (long long k = begin; k < end; k++) {
        const float x = (float)dtype_load(q->dtype, d->x.data, m * q->x_stride + k);
        finite = finite && isfinite(x);
        largest = fmaxf(largest, fabsf(x));
    }
    const float inverse = finite && largest >= 0x1p-118f ? 127 / largest : 0;
    for (long long k = begin; k < end; k++) {
        const float x = (float)dtype_load(q->dtype, d->x.data, m * q->x_stride + k);
        int code = 0;
        if (channels) {
            code = expect_channel(d, q, x, k);
        } else if (finite) {
            code = (int)rint((double)(x * inverse));
        }
        sum += code;
        if (codes[k] != code) {
            CHECK(0, "%s: the code of %a at [%lld, %lld] is %d, not %d", name, (double)x, m, k, codes[k], code);
            return false;
        }
    }
    bool good = true;
    if (!channels) {
        const float scale = ((const float *)(const void *)d->scales.data)[m * groups + group];
        good = finite ? scale == largest / 127 : isnan(scale);
    }
    if (q->has_sums) {
        good = good && ((const int *)(const void *)d->sums.data)[m * groups + group] == sum;
    }
    if (!good) {
        CHECK(0, "%s: the scale or sum of row %lld, group %lld", name, m, group);
    }
    return good;
}

static void check_quantization(driver *d, const quantization *q) {
    char name[256], message[256] = "untouched";
    snprintf(name, sizeof name, "lowbit_quantize_activations at %s: [%lld, %lld] %s, activation %d, strides %lld, %lld",
             gatun_isa_name(d->isa), q->rows, q->columns, dtype_name(q->dtype), q->activation, q->x_stride,
             q->codes_stride);
    crash_name_case(name);
    const bool channels = q->activation == GATUN_LOWBIT_INT8_CHANNEL;
    const long long group = q->activation >= 32 ? q->activation : q->columns > 0 ? q->columns : 1;
    const long long groups = (q->columns + group - 1) / group;
    const size_t size = dtype_bytes(q->dtype), count = (size_t)(q->rows * groups), columns = (size_t)q->columns;
    unsigned char *x = guarded_place(&d->x, span(q->rows, q->columns, q->x_stride) * size, size, any_placement(d), 0);
    for (long long m = 0; m < q->rows; m++) {
        for (long long k = 0; k < q->columns; k++) {
            dtype_store(q->dtype, x, m * q->x_stride + k, random_activation(d, q));
        }
    }
    float *of_channels = guarded_place(&d->channels, columns * sizeof(float), 4, PLACE_END, 0);
    float *centres = guarded_place(&d->centres, columns * sizeof(float), 4, PLACE_END, 0);
    for (size_t k = 0; k < columns; k++) {
        of_channels[k] = (float)random_uniform(&d->random, 0.001, 0.1);
        centres[k] = (float)random_bell(&d->random);
    }
    void *codes = guarded_place(&d->codes, span(q->rows, q->columns, q->codes_stride), 1, any_placement(d), 0);
    float *scales = guarded_place(&d->scales, count * sizeof(float), 4, any_placement(d), 0);
    int *sums = guarded_place(&d->sums, count * sizeof(int), 4, any_placement(d), 0);
    const fp_state before = fp_state_read();
    const int status = gatun_lowbit_quantize_activations(
        d->context, q->dtype, q->rows, q->columns, x, q->x_stride, q->activation, channels ? of_channels : NULL,
        channels && q->has_centres ? centres : NULL, q->limit, codes, q->codes_stride, channels ? NULL : scales,
        q->has_sums ? sums : NULL, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", name, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", name);
    bool good = true;
    for (long long m = 0; m < q->rows && good; m++) {
        for (long long g = 0; g < groups && good; g++) {
            const long long begin = g * group, end = begin + group < q->columns ? begin + group : q->columns;
            good = check_group(d, q, name, m, begin, end, g, groups);
        }
        if (m + 1 < q->rows && q->columns > 0) {
            good = good && guarded_is_canary((char *)codes + m * q->codes_stride + q->columns,
                                             (size_t)(q->codes_stride - q->columns));
        }
    }
    CHECK(good && guarded_margins_intact(&d->codes) && guarded_margins_intact(&d->scales) &&
              guarded_margins_intact(&d->sums),
          "%s: other results or other memory", name);
    CHECK(q->has_sums || guarded_is_canary(sums, count * sizeof(int)), "%s: sums that nobody wanted", name);
}

static void check_quantizations(driver *d, bool reduced, const case_file *file) {
    static const int forms[] = {GATUN_LOWBIT_INT8_ROW, GATUN_LOWBIT_INT8_32,  GATUN_LOWBIT_INT8_64,
                                GATUN_LOWBIT_INT8_128, GATUN_LOWBIT_INT8_256, GATUN_LOWBIT_INT8_CHANNEL};
    static const double magnitudes[] = {1, 1, 1e-30, 1e-37, 1e-42, 1e34};
    for (int time = 0; time < (reduced ? 300 : 2000); time++) {
        const uint64_t r = random_bits(&d->random);
        quantization q = {.dtype = (int)(r % 3),
                          .activation = forms[(r >> 4) % 6],
                          .limit = 127,
                          .rows = (long long)((r >> 8) % 4),
                          .columns = (long long)((r >> 16) % ((r >> 12) % 4 == 0 ? 900 : 80)),
                          .has_sums = r >> 28 & 1,
                          .has_centres = r >> 29 & 1,
                          .magnitude = r % 3 == GATUN_F16 ? 1 : magnitudes[(r >> 32) % 6]};
        if (q.activation == GATUN_LOWBIT_INT8_CHANNEL && r >> 30 & 1) {
            q.limit = 31;
        }
        q.x_stride = q.columns + (long long)((r >> 40) % 3);
        q.codes_stride = q.columns + (long long)((r >> 44) % 3);
        check_quantization(d, &q);
    }
    for (int i = 0; i < file->count; i++) {
        const shape_case *s = &file->cases[i];
        for (int form = 0; form < 6 && s->uses & CASE_CHECK; form++) {
            const quantization q = {.dtype = form % 3,
                                    .activation = forms[form],
                                    .limit = 127,
                                    .rows = s->rows,
                                    .columns = s->columns,
                                    .x_stride = s->x_stride,
                                    .codes_stride = s->y_stride,
                                    .has_sums = true,
                                    .magnitude = 1};
            check_quantization(d, &q);
        }
    }
}

typedef struct {
    long long rows, outputs, inputs, x_stride, y_stride;
    bool integers, row_scales, row_zeros, weight_scales, weight_zeros, has_bias;
    bool greatest; /* all codes -128, all zero points 127 */
} int8_case;

static int random_int8(driver *d, const int8_case *c, int greatest) {
    return c->greatest ? greatest : (int)(random_bits(&d->random) % 256) - 128;
}

static void fill_codes(driver *d, const int8_case *c, signed char *codes, long long rows, long long stride) {
    for (long long m = 0; m < rows; m++) {
        for (long long k = 0; k < c->inputs; k++) {
            codes[m * stride + k] = (signed char)random_int8(d, c, -128);
        }
    }
}

static void check_results(driver *d, const int8_case *c, const char *name, const void *y) {
    const signed char *x = (const signed char *)d->x.data, *w = (const signed char *)d->weights.data;
    const float *row_scales = (const float *)(const void *)d->row_scales.data;
    const float *scales = (const float *)(const void *)d->scales.data,
                *bias = (const float *)(const void *)d->bias.data;
    const int *row_zeros = (const int *)(const void *)d->row_zeros.data;
    const int *zeros = (const int *)(const void *)d->zeros.data;
    for (long long m = 0; m < c->rows; m++) {
        for (long long n = 0; n < c->outputs; n++) {
            const int zx = c->row_zeros ? row_zeros[m] : 0, zw = c->weight_zeros ? zeros[n] : 0;
            long long sum = 0;
            for (long long k = 0; k < c->inputs; k++) {
                sum += (x[m * c->x_stride + k] - zx) * (w[n * c->inputs + k] - zw);
            }
            if (c->integers) {
                if (((const int *)y)[m * c->y_stride + n] != sum) {
                    CHECK(0, "%s: y[%lld, %lld] is %d, not %lld", name, m, n, ((const int *)y)[m * c->y_stride + n],
                          sum);
                    return;
                }
                continue;
            }
            const double product =
                (double)sum * (c->row_scales ? (double)row_scales[m] : 1) * (c->weight_scales ? (double)scales[n] : 1);
            const double b = c->has_bias ? (double)bias[n] : 0, found = (double)((const float *)y)[m * c->y_stride + n];
            if (!(fabs(found - product - b) <= 4 * 0x1p-24 * (fabs(product) + fabs(b)))) {
                CHECK(0, "%s: y[%lld, %lld] is %.9g, not %.9g", name, m, n, found, product + b);
                return;
            }
        }
    }
}

static void check_int8(driver *d, const int8_case *c) {
    char name[256], message[256] = "untouched";
    snprintf(name, sizeof name, "int8_matmul at %s: [%lld, %lld] x [%lld], integers %d, zero points %d, %d",
             gatun_isa_name(d->isa), c->rows, c->inputs, c->outputs, c->integers, c->row_zeros, c->weight_zeros);
    crash_name_case(name);
    signed char *x = guarded_place(&d->x, span(c->rows, c->inputs, c->x_stride), 1, any_placement(d), 0);
    signed char *w = guarded_place(&d->weights, (size_t)(c->outputs * c->inputs), 1, PLACE_END, 0);
    fill_codes(d, c, x, c->rows, c->x_stride);
    fill_codes(d, c, w, c->outputs, c->inputs);
    float *scales = guarded_place(&d->scales, (size_t)c->outputs * 4, 4, PLACE_END, 0);
    float *bias = guarded_place(&d->bias, (size_t)c->outputs * 4, 4, PLACE_END, 0);
    int *zeros = guarded_place(&d->zeros, (size_t)c->outputs * 4, 4, PLACE_END, 0);
    float *row_scales = guarded_place(&d->row_scales, (size_t)c->rows * 4, 4, PLACE_END, 0);
    int *row_zeros = guarded_place(&d->row_zeros, (size_t)c->rows * 4, 4, PLACE_END, 0);
    for (long long n = 0; n < c->outputs; n++) {
        scales[n] = (float)random_bell(&d->random);
        bias[n] = (float)random_bell(&d->random) * 100;
        zeros[n] = random_int8(d, c, 127);
    }
    for (long long m = 0; m < c->rows; m++) {
        row_scales[m] = (float)random_bell(&d->random);
        row_zeros[m] = random_int8(d, c, 127);
    }
    void *y = guarded_place(&d->y, span(c->rows, c->outputs, c->y_stride) * 4, 4, any_placement(d), 0);
    gatun_lowbit_matrix *matrix = NULL;
    int status =
        gatun_lowbit_matrix_from_int8(d->context, c->outputs, c->inputs, w, c->inputs, c->weight_scales ? scales : NULL,
                                      c->weight_zeros ? zeros : NULL, &matrix, message, sizeof message);
    if (!CHECK(status == GATUN_OK, "%s: status %d: %s", name, status, message)) {
        return;
    }
    long long bytes = -1;
    CHECK(gatun_int8_matmul_scratch(d->context, c->rows, matrix, &bytes) == GATUN_OK && bytes >= 0, "%s: scratch",
          name);
    void *scratch = bytes > 0 ? guarded_place(&d->scratch, (size_t)bytes, 64, PLACE_END, 0) : NULL;
    const fp_state before = fp_state_read();
    status = gatun_int8_matmul(d->context, c->rows, x, c->x_stride, c->row_scales ? row_scales : NULL,
                               c->row_zeros ? row_zeros : NULL, matrix, c->has_bias ? bias : NULL,
                               c->integers ? GATUN_INT8_TO_INT : GATUN_INT8_TO_FLOAT, y, c->y_stride, scratch, bytes,
                               message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", name, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", name);
    check_results(d, c, name, y);
    for (long long m = 0; m + 1 < c->rows && c->outputs > 0; m++) {
        if (!guarded_is_canary((char *)y + (m * c->y_stride + c->outputs) * 4,
                               (size_t)(c->y_stride - c->outputs) * 4)) {
            CHECK(0, "%s: written behind row %lld", name, m);
        }
    }
    CHECK(guarded_margins_intact(&d->y) && (bytes == 0 || guarded_margins_intact(&d->scratch)),
          "%s: other memory was written", name);
    gatun_lowbit_matrix_destroy(matrix);
}

static void check_int8_products(driver *d, bool reduced, const case_file *file) {
    for (int time = 0; time < (reduced ? 100 : 600); time++) {
        const uint64_t r = random_bits(&d->random);
        int8_case c = {.rows = (long long)(r % 9),
                       .outputs = (long long)((r >> 8) % 40),
                       .inputs = (long long)((r >> 16) % 330),
                       .integers = r >> 32 & 1,
                       .row_zeros = r >> 33 & 1,
                       .weight_scales = r >> 34 & 1,
                       .weight_zeros = r >> 35 & 1,
                       .greatest = (r >> 40) % 8 == 0};
        c.row_scales = !c.integers && (r >> 36 & 1);
        c.has_bias = !c.integers && (r >> 37 & 1);
        c.x_stride = c.inputs + (long long)((r >> 44) % 3);
        c.y_stride = c.outputs + (long long)((r >> 48) % 3);
        check_int8(d, &c);
    }
    for (int i = 0; i < file->count; i++) {
        const shape_case *s = &file->cases[i];
        if (s->uses & CASE_CHECK) {
            const int8_case c = {.rows = s->rows,
                                 .outputs = s->y_stride,
                                 .inputs = s->columns,
                                 .x_stride = s->x_stride,
                                 .y_stride = s->y_stride,
                                 .row_scales = true,
                                 .weight_scales = true,
                                 .has_bias = true};
            check_int8(d, &c);
        }
    }
    /* More rows than are prepared at a time; then the longest sums of the greatest codes. */
    const int8_case many = {
        .rows = 1050, .outputs = 5, .inputs = 33, .x_stride = 33, .y_stride = 5, .row_scales = true, .row_zeros = true};
    check_int8(d, &many);
    static const long long longest[] = {131071, 65793, 33025};
    for (int sides = 0; sides < 3; sides++) {
        const int8_case c = {.rows = 2,
                             .outputs = 3,
                             .inputs = longest[sides],
                             .x_stride = longest[sides],
                             .y_stride = 3,
                             .integers = true,
                             .row_zeros = sides > 0,
                             .weight_zeros = sides > 1,
                             .greatest = true};
        check_int8(d, &c);
    }
}

static void check_threads(driver *d) {
    enum { ROWS = 200, OUTPUTS = 150, INPUTS = 400 };
    signed char *x = malloc(ROWS * INPUTS), *codes = malloc(2 * ROWS * INPUTS);
    float *activations = malloc(sizeof(float) * ROWS * INPUTS), *y = malloc(sizeof(float) * 2 * ROWS * OUTPUTS);
    float *scales = malloc(sizeof(float) * 2 * ROWS);
    for (int i = 0; i < ROWS * INPUTS; i++) {
        x[i] = (signed char)random_bits(&d->random);
        activations[i] = (float)random_bell(&d->random);
    }
    gatun_lowbit_matrix *matrix = NULL;
    gatun_lowbit_matrix_from_int8(d->context, OUTPUTS, INPUTS, x, INPUTS, NULL, NULL, &matrix, NULL, 0);
    long long bytes = 0;
    gatun_int8_matmul_scratch(d->context, ROWS, matrix, &bytes);
    void *scratch = aligned_alloc(64, (size_t)bytes);
    for (int threads = 1; threads <= 3; threads++) {
        gatun_context *context = level_open(d->isa, threads);
        const int which = threads > 1;
        CHECK(gatun_lowbit_quantize_activations(context, GATUN_F32, ROWS, INPUTS, activations, INPUTS,
                                                GATUN_LOWBIT_INT8_ROW, NULL, NULL, 127, codes + which * ROWS * INPUTS,
                                                INPUTS, scales + which * ROWS, NULL, NULL, 0) == GATUN_OK &&
                  gatun_int8_matmul(context, ROWS, codes + which * ROWS * INPUTS, INPUTS, scales + which * ROWS, NULL,
                                    matrix, NULL, GATUN_INT8_TO_FLOAT, y + which * ROWS * OUTPUTS, OUTPUTS, scratch,
                                    bytes, NULL, 0) == GATUN_OK,
              "a product");
        CHECK(threads == 1 || (memcmp(codes, codes + ROWS * INPUTS, ROWS * INPUTS) == 0 &&
                               memcmp(scales, scales + ROWS, ROWS * sizeof *scales) == 0 &&
                               memcmp(y, y + ROWS * OUTPUTS, ROWS * OUTPUTS * sizeof *y) == 0),
              "int8 at %s: other bits with %d threads", gatun_isa_name(d->isa), threads);
        gatun_context_destroy(context);
    }
    gatun_lowbit_matrix_destroy(matrix);
    free(scratch);
    free(x);
    free(codes);
    free(activations);
    free(y);
    free(scales);
}

int main(int argc, char **argv) {
    static case_file files[2];
    setenv("GATUN_THREADS", "8", 1);
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    const bool reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0;
    cases_read(argv[1], "lowbit_quantize_activations", &files[0]);
    cases_read(argv[1], "int8_matmul", &files[1]);
    crash_catch();
    int levels[LEVELS_MAX];
    const int count = levels_of("int8_matmul", levels);
    for (int i = 0; i < count; i++) {
        driver d = {.isa = levels[i], .random = 9};
        d.context = level_open(levels[i], 1);
        check_quantizations(&d, reduced, &files[0]);
        check_int8_products(&d, reduced, &files[1]);
        check_threads(&d);
        gatun_context_destroy(d.context);
        guarded *const all[] = {&d.x,       &d.codes, &d.scales,     &d.sums,      &d.channels, &d.centres, &d.y,
                                &d.weights, &d.zeros, &d.row_scales, &d.row_zeros, &d.scratch,  &d.bias};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++) {
            guarded_release(all[j]);
        }
    }
    return check_finish(argv[0]);
}
