/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "alpha_dropout", "alpha_dropout_backward", "activation_mask", "activation_mask_backward": against a Philox and a mask of
 * the test's own, at every level; statistics, seeds, numbering of elements whatever the strides and threads; guard pages.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activation_reference.h"
#include "cases.h"
#include "check.h"
#include "gatun.h"
#include "guarded.h"
#include "levels.h"
#include "values.h"

static int reduced;
static const double limit = -1.7580993408473768599;

/* ---- Philox-4x32-10, word `i` of its stream ---- */

static uint32_t philox_word(uint64_t seed, uint64_t offset, uint64_t i) {
    uint32_t c[4] = {(uint32_t)(i / 4), (uint32_t)(i / 4 >> 32), (uint32_t)offset, (uint32_t)(offset >> 32)};
    uint32_t k[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int round = 0; round < 10; round++) {
        const uint64_t a = UINT64_C(0xD2511F53) * c[0], b = UINT64_C(0xCD9E8D57) * c[2];
        const uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k[0], (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k[1],
                                  (uint32_t)a};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9;
        k[1] += 0xBB67AE85;
    }
    return c[i % 4];
}

/* The known answers of Random123. */
static void test_philox(void) {
    CHECK(philox_word(0, 0, 0) == 0x6627e8d5 && philox_word(0, 0, 3) == 0x9b00dbd8, "the test's own Philox is wrong");
}

/* ---- alpha dropout ---- */

typedef struct dropout_call {
    int dtype;
    long long rows, columns, x_stride, y_stride;
    float probability;
    long long seed, offset;
    int per_row, selu;
} dropout_call;

static double selu(double x) {
    const activation_form form = {"selu", GATUN_SELU, 0, 0, 0};
    return activation_value(&form, x);
}
static double selu_gradient(double g, double x) {
    const activation_form form = {"selu", GATUN_SELU, 0, 0, 0};
    return activation_gradient(&form, g, x);
}

static void test_call(gatun_context *context, const dropout_call *c, enum placement placement) {
    static guarded memory[4];
    static uint64_t random = 11;
    const size_t bytes = dtype_bytes(c->dtype);
    const size_t in_bytes = (size_t)((c->rows - 1) * c->x_stride + c->columns) * bytes;
    const size_t out_bytes = (size_t)((c->rows - 1) * c->y_stride + c->columns) * bytes;
    void *x = guarded_place(&memory[0], in_bytes, bytes, placement, 0);
    void *dy = guarded_place(&memory[1], in_bytes, bytes, placement, 0);
    void *y = guarded_place(&memory[2], out_bytes, bytes, placement, 0);
    void *dx = guarded_place(&memory[3], out_bytes, bytes, placement, 0);
    for (long long row = 0; row < c->rows; row++) {
        for (long long column = 0; column < c->columns; column++) {
            dtype_store(c->dtype, x, row * c->x_stride + column, random_uniform(&random, -3, 3));
            dtype_store(c->dtype, dy, row * c->x_stride + column, random_uniform(&random, -3, 3));
        }
    }
    char message[256] = "";
    CHECK(gatun_alpha_dropout(context, c->dtype, c->rows, c->columns, x, c->x_stride, c->probability, c->seed,
                              c->offset, c->per_row, c->selu, y, c->y_stride, message, sizeof message) == GATUN_OK,
          "%s", message);
    CHECK(gatun_alpha_dropout_backward(context, c->dtype, c->rows, c->columns, dy, c->x_stride, c->selu ? x : NULL,
                                       c->selu ? c->x_stride : 0, c->probability, c->seed, c->offset, c->per_row,
                                       c->selu, dx, c->y_stride, message, sizeof message) == GATUN_OK,
          "%s", message);
    const double keep = 1 - (double)c->probability;
    const double scale = keep > 0 ? 1 / sqrt(keep + limit * limit * keep * (1 - keep)) : 0;
    const double shift = -scale * (1 - keep) * limit;
    long long wrong = 0;
    const double unit = c->dtype == GATUN_F32 ? 0x1p-21 : c->dtype == GATUN_BF16 ? 0x1p-7 : 0x1p-10;
    for (long long row = 0; row < c->rows; row++) {
        for (long long column = 0; column < c->columns; column++) {
            const uint64_t e = (uint64_t)(c->per_row ? row : row * c->columns + column);
            const int kept = philox_word((uint64_t)c->seed, (uint64_t)c->offset, e) < floor(keep * 0x1p32);
            const double v = dtype_load(c->dtype, x, row * c->x_stride + column);
            const double g = dtype_load(c->dtype, dy, row * c->x_stride + column);
            const double value = c->selu ? selu(v) : v;
            const double want = kept ? scale * value + shift : keep > 0 ? scale * limit + shift : 0;
            const double gradient = kept ? (c->selu ? selu_gradient(g * scale, v) : g * scale) : 0;
            wrong += !(fabs(dtype_load(c->dtype, y, row * c->y_stride + column) - want) <=
                       unit * (fabs(scale * value) + fabs(shift) + fabs(want)));
            wrong += !(fabs(dtype_load(c->dtype, dx, row * c->y_stride + column) - gradient) <=
                       unit * (0.01 + fabs(gradient)));
        }
    }
    CHECK(wrong == 0, "%s %s %lldx%lld@%lld,%lld p %g seed %lld offset %lld per row %d selu %d: %lld are wrong",
          gatun_isa_name(gatun_context_isa(context)), dtype_name(c->dtype), c->rows, c->columns, c->x_stride,
          c->y_stride, (double)c->probability, c->seed, c->offset, c->per_row, c->selu, wrong);
    for (int k = 0; k < 4; k++) {
        CHECK(guarded_margins_intact(&memory[k]), "something was written around operand %d", k);
    }
    /* In place, and with threads: the same bits. */
    void *copy = malloc(out_bytes);
    gatun_context *threads = level_open(gatun_context_isa(context), 3);
    memcpy(copy, y, out_bytes);
    if (c->x_stride == c->y_stride) {
        CHECK(gatun_alpha_dropout(threads, c->dtype, c->rows, c->columns, x, c->x_stride, c->probability, c->seed,
                                  c->offset, c->per_row, c->selu, x, c->x_stride, NULL, 0) == GATUN_OK,
              "in place");
        for (long long row = 0; row < c->rows; row++) {
            const size_t at = (size_t)(row * c->x_stride) * bytes;
            CHECK(memcmp((char *)copy + at, (char *)x + at, (size_t)c->columns * bytes) == 0,
                  "row %lld differs in place", row);
        }
    }
    gatun_context_destroy(threads);
    free(copy);
}

static void test_dropout(gatun_context *context) {
    static const long long shapes[][4] = {{1, 1, 1, 1},         {3, 7, 9, 8},       {2, 33, 33, 33},
                                          {5, 64, 64, 64},      {2, 513, 515, 515}, {1, 4099, 4099, 4099},
                                          {3, 1030, 1031, 1030}};
    static const float probabilities[] = {0, 0.1f, 0.5f, 0.99f, 1};
    int turn = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (size_t p = 0; p < sizeof probabilities / sizeof probabilities[0]; p++) {
            for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++, turn++) {
                const dropout_call c = {dtype,
                                        shapes[i][0],
                                        shapes[i][1],
                                        shapes[i][2],
                                        shapes[i][3],
                                        probabilities[p],
                                        turn % 3 == 0 ? -5 : (long long)turn << 33,
                                        turn % 4 == 0 ? 0 : -turn,
                                        turn % 5 == 0,
                                        turn % 2};
                test_call(context, &c, turn % 2 ? PLACE_BEGIN : PLACE_END);
            }
        }
    }
    /* Long enough for tasks, and for the caches. */
    const dropout_call c = {GATUN_F32, 3, reduced ? 20000 : 100003, 100003, 100003, 0.25f, 9, 1, 0, 0};
    test_call(context, &c, PLACE_END);
}

/* Mean and variance of a standard normal input stay within a few deviations of what they were. */
static void test_statistics(gatun_context *context) {
    enum { COUNT = 1000000 };
    float *x = malloc(COUNT * sizeof *x), *y = malloc(COUNT * sizeof *y);
    uint64_t random = 5;
    for (long long i = 0; i < COUNT; i++) {
        const double u = random_uniform(&random, 0x1p-60, 1), v = random_uniform(&random, 0, 1);
        x[i] = (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
    }
    CHECK(gatun_alpha_dropout(context, GATUN_F32, 1, COUNT, x, COUNT, 0.3f, 1234, 0, 0, 0, y, COUNT, NULL, 0) ==
              GATUN_OK,
          "statistics");
    double mean = 0, squares = 0;
    for (long long i = 0; i < COUNT; i++) {
        mean += y[i];
        squares += (double)y[i] * y[i];
    }
    mean /= COUNT;
    squares /= COUNT;
    CHECK(fabs(mean) < 5e-3 && fabs(squares - mean * mean - 1) < 1e-2, "mean %g, variance %g", mean,
          squares - mean * mean);
    free(x);
    free(y);
}

/* ---- masks ---- */

static void test_mask(gatun_context *context, int dtype, long long rows, long long columns, float lower, float upper) {
    static guarded memory[5];
    static uint64_t random = 13;
    const size_t bytes = dtype_bytes(dtype), size = (size_t)(rows * columns) * bytes;
    const long long words = columns / 64 + (columns % 64 != 0);
    void *x = guarded_place(&memory[0], size, bytes, PLACE_END, 0),
         *y = guarded_place(&memory[1], size, bytes, PLACE_END, 0);
    void *dy = guarded_place(&memory[2], size, bytes, PLACE_END, 0),
         *dx = guarded_place(&memory[3], size, bytes, PLACE_END, 0);
    long long *mask = guarded_place(&memory[4], (size_t)(rows * words) * 8, 8, PLACE_END, 0);
    const activation_form form = {"hard_swish", GATUN_HARD_SWISH, 0, 0, 0};
    for (long long i = 0; i < rows * columns; i++) {
        static const double special[] = {INFINITY, -INFINITY, NAN, 0, -0.0, 6, -1.5};
        dtype_store(dtype, x, i, i % 9 == 0 ? special[i / 9 % 7] : random_uniform(&random, -8, 8));
        dtype_store(dtype, dy, i, random_uniform(&random, -3, 3));
    }
    char message[256] = "";
    CHECK(gatun_activation_mask(context, GATUN_HARD_SWISH, 0, 0, dtype, rows, columns, x, columns, lower, upper, y,
                                columns, mask, message, sizeof message) == GATUN_OK,
          "%s", message);
    CHECK(gatun_activation_mask_backward(context, dtype, rows, columns, dy, columns, mask, 0, -1.5f, dx, columns,
                                         message, sizeof message) == GATUN_OK,
          "%s", message);
    long long wrong_bits = 0, wrong_values = 0, wrong_gradients = 0;
    for (long long row = 0; row < rows; row++) {
        for (long long column = 0; column < words * 64; column++) {
            const int bit = (int)((uint64_t)mask[row * words + column / 64] >> (column % 64) & 1);
            if (column >= columns) {
                wrong_bits += bit;
                continue;
            }
            const double v = dtype_load(dtype, x, row * columns + column);
            const double got = dtype_load(dtype, y, row * columns + column);
            const double want = dtype_round(dtype, activation_value(&form, v));
            wrong_bits += bit != ((double)lower < v && (isinf(upper) || !(v >= (double)upper)));
            wrong_values += !(isnan(want) ? isnan(got) : got == want || fabs(got - want) <= 0.01 * fabs(want));
            const double gradient = dtype_round(dtype, bit ? -1.5 * dtype_load(dtype, dy, row * columns + column) : 0);
            wrong_gradients += dtype_load(dtype, dx, row * columns + column) != gradient;
        }
    }
    CHECK(wrong_bits == 0 && wrong_values == 0 && wrong_gradients == 0,
          "mask %s %s %lldx%lld (%g, %g): %lld bits, %lld values and %lld gradients are wrong",
          gatun_isa_name(gatun_context_isa(context)), dtype_name(dtype), rows, columns, (double)lower, (double)upper,
          wrong_bits, wrong_values, wrong_gradients);
    for (int k = 0; k < 5; k++) {
        CHECK(guarded_margins_intact(&memory[k]), "something was written around operand %d", k);
    }
    /* In place and with threads. */
    long long *again = malloc((size_t)(rows * words) * 8);
    gatun_context *threads = level_open(gatun_context_isa(context), 3);
    CHECK(gatun_activation_mask(threads, GATUN_HARD_SWISH, 0, 0, dtype, rows, columns, x, columns, lower, upper, x,
                                columns, again, NULL, 0) == GATUN_OK &&
              memcmp(again, mask, (size_t)(rows * words) * 8) == 0 && memcmp(x, y, size) == 0,
          "mask %s %lldx%lld: in place it differs", dtype_name(dtype), rows, columns);
    gatun_context_destroy(threads);
    free(again);
}

static void test_masks(gatun_context *context) {
    static const long long shapes[][2] = {{1, 1}, {3, 63}, {2, 64}, {3, 65}, {2, 513}, {5, 128}, {1, 40001}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            test_mask(context, dtype, shapes[i][0], shapes[i][1], 0, 6);
            test_mask(context, dtype, shapes[i][0], shapes[i][1], -1.5f, INFINITY);
        }
    }
}

int main(int argc, char **argv) {
    reduced = argc > 1 && strcmp(argv[argc - 1], "--reduced") == 0;
    test_philox();
    int levels[LEVELS_MAX];
    const int count = levels_of("alpha_dropout", levels);
    for (int l = 0; l < count; l++) {
        gatun_context *context = level_open(levels[l], 1);
        test_dropout(context);
        test_statistics(context);
        test_masks(context);
        gatun_context_destroy(context);
    }
    return check_finish("alpha_dropout_test");
}
