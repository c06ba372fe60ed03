/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The weight conversions at every level against double precision: shapes, strides, alignments and guard pages, in place,
 * options left out, special values, the same bits for every number of threads; and what they are for: a LayerNorm with
 * its affine part is an RMSNorm behind them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "check.h"
#include "fp_state.h"
#include "guarded.h"
#include "levels.h"
#include "values.h"

typedef struct matrix {
    guarded memory;
    float *data;
    float *copy; /* what it held before the call */
    long long rows, columns, stride;
} matrix;

typedef struct weight_case {
    long long rows, columns, gap;
    int along, in_place; /* `along` of zero_mean_rows */
    int has_bias, has_gamma, has_beta, wants_bias;
    float weight_offset;
    enum placement placement;
    size_t offset; /* elements */
    double base, scale;
    uint64_t seed;
} weight_case;

typedef struct driver {
    int isa, reduced;
    gatun_context *context;
    matrix weight, out, bias, bias_out, gamma, beta;
} driver;

static size_t bytes_of(const matrix *m) {
    return (size_t)((m->rows - 1) * m->stride + m->columns) * sizeof(float);
}

static void place(matrix *m, const weight_case *test, long long rows, long long columns, long long gap) {
    m->rows = rows;
    m->columns = columns;
    m->stride = columns + gap;
    const size_t offset = test->placement == PLACE_BEGIN ? test->offset * sizeof(float) : 0;
    m->data = guarded_place(&m->memory, bytes_of(m), sizeof(float), test->placement, offset);
}

static void keep_copy(matrix *m) {
    free(m->copy);
    m->copy = malloc(bytes_of(m));
    if (m->copy == NULL) {
        check_abandon("no memory for %zu bytes", bytes_of(m));
    }
    memcpy(m->copy, m->data, bytes_of(m));
}

static void fill(matrix *m, double base, double scale, uint64_t *random) {
    for (long long i = 0; i < m->rows; i++) {
        for (long long j = 0; j < m->columns; j++) {
            m->data[i * m->stride + j] = (float)(base + scale * random_bell(random));
        }
    }
}

static void prepare(driver *d, const weight_case *test) {
    uint64_t random = test->seed;
    place(&d->weight, test, test->rows, test->columns, test->gap);
    fill(&d->weight, test->base, test->scale, &random);
    place(&d->out, test, test->rows, test->columns, test->in_place ? test->gap : test->gap * 2);
    place(&d->bias, test, 1, test->rows, 0);
    fill(&d->bias, 0, 1, &random);
    place(&d->bias_out, test, 1, test->rows, 0);
    place(&d->gamma, test, 1, test->columns, 0);
    fill(&d->gamma, 1, 0.25, &random);
    place(&d->beta, test, 1, test->columns, 0);
    fill(&d->beta, 0, 1, &random);
    matrix *all[] = {&d->weight, &d->out, &d->bias, &d->bias_out, &d->gamma, &d->beta};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        keep_copy(all[i]);
    }
}

static void release(driver *d) {
    matrix *all[] = {&d->weight, &d->out, &d->bias, &d->bias_out, &d->gamma, &d->beta};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        guarded_release(&all[i]->memory);
        free(all[i]->copy);
    }
}

static int zero_mean(driver *d, gatun_context *context, const weight_case *test, char *message, long long bytes) {
    matrix *out = test->in_place ? &d->weight : &d->out;
    return gatun_zero_mean_rows(context, test->along, test->rows, test->columns, d->weight.data, d->weight.stride,
                                out->data, out->stride, NULL, 0, message, bytes);
}

static int fold(driver *d, gatun_context *context, const weight_case *test, char *message, long long bytes) {
    matrix *out = test->in_place ? &d->weight : &d->out;
    float *bias_out = test->in_place && test->has_bias ? d->bias.data : d->bias_out.data;
    const int wants_bias = test->wants_bias && (test->has_bias || test->has_beta);
    return gatun_fold_affine(context, test->rows, test->columns, d->weight.data, d->weight.stride,
                             test->has_bias ? d->bias.data : NULL, test->has_gamma ? d->gamma.data : NULL,
                             test->has_beta ? d->beta.data : NULL, test->weight_offset, out->data, out->stride,
                             wants_bias ? bias_out : NULL, message, bytes);
}

/* Whether two results are the same, or within `slack` of each other. */
static int is_near(double result, double expected, double slack) {
    if (isnan(expected)) {
        return isnan(result);
    }
    return result == (double)(float)expected || fabs(result - expected) <= slack + 0x1p-23 * fabs(expected) * 0.51;
}

static int check_intact(driver *d, matrix *result, matrix *second) {
    matrix *all[] = {&d->weight, &d->out, &d->bias, &d->bias_out, &d->gamma, &d->beta};
    int good = 1;
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        matrix *m = all[k];
        for (long long i = 0; (m == result || m == second) && i < m->rows; i++) {
            memcpy(m->copy + i * m->stride, m->data + i * m->stride, (size_t)m->columns * sizeof(float));
        }
        good &= guarded_margins_intact(&m->memory) && memcmp(m->copy, m->data, bytes_of(m)) == 0;
    }
    return good;
}

static void check_zero_mean(driver *d, const weight_case *test) {
    char message[256] = "untouched";
    prepare(d, test);
    const fp_state before = fp_state_read();
    const int status = zero_mean(d, d->context, test, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "status %d: %s", status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "floating-point state changed");
    const matrix *w = &d->weight;
    matrix *out = test->in_place ? &d->weight : &d->out;
    double *means = calloc((size_t)(test->along == 0 ? test->columns : test->rows), sizeof *means);
    for (long long i = 0; i < test->rows; i++) {
        for (long long j = 0; j < test->columns; j++) {
            means[test->along == 0 ? j : i] += (double)w->copy[i * w->stride + j];
        }
    }
    int good = 1;
    for (long long i = 0; i < test->rows && good; i++) {
        for (long long j = 0; j < test->columns && good; j++) {
            const double mean = test->along == 0 ? means[j] / (double)test->rows : means[i] / (double)test->columns;
            const double expected = (double)w->copy[i * w->stride + j] - mean;
            const double slack = isfinite(expected) ? 0x1p-46 * (fabs(test->base) + test->scale) : 0;
            good = is_near((double)out->data[i * out->stride + j], expected, slack);
            CHECK(good,
                  "zero_mean_rows at level %s along %d: [%lld, %lld] in place %d, out[%lld, %lld] is %.9g, not %.17g",
                  gatun_isa_name(d->isa), test->along, test->rows, test->columns, test->in_place, i, j,
                  (double)out->data[i * out->stride + j], expected);
        }
    }
    free(means);
    CHECK(check_intact(d, out, out),
          "zero_mean_rows at level %s along %d: [%lld, %lld] in place %d: other memory was "
          "written",
          gatun_isa_name(d->isa), test->along, test->rows, test->columns, test->in_place);
}

static void check_fold(driver *d, const weight_case *test) {
    char message[256] = "untouched", what[512];
    prepare(d, test);
    const fp_state before = fp_state_read();
    const int status = fold(d, d->context, test, message, sizeof message);
    const fp_state after = fp_state_read();
    snprintf(what, sizeof what, "fold_affine at level %s: [%lld, %lld] bias %d gamma %d beta %d in place %d",
             gatun_isa_name(d->isa), test->rows, test->columns, test->has_bias, test->has_gamma, test->has_beta,
             test->in_place);
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    const matrix *w = &d->weight;
    matrix *out = test->in_place ? &d->weight : &d->out;
    matrix *bias_out = test->in_place && test->has_bias ? &d->bias : &d->bias_out;
    const int wants_bias = test->wants_bias && (test->has_bias || test->has_beta);
    int good = 1;
    for (long long i = 0; i < test->rows && good; i++) {
        double bias = test->has_bias ? (double)d->bias.copy[i] : 0, magnitude = fabs(bias);
        for (long long j = 0; j < test->columns && good; j++) {
            const double weight = (double)w->copy[i * w->stride + j];
            const double gamma = test->has_gamma ? (double)test->weight_offset + (double)d->gamma.copy[j] : 1;
            bias += test->has_beta ? weight * (double)d->beta.copy[j] : 0;
            magnitude += test->has_beta ? fabs(weight * (double)d->beta.copy[j]) : 0;
            good = is_near((double)out->data[i * out->stride + j], weight * gamma, 0);
            CHECK(good, "%s: weight_out[%lld, %lld] is %.9g, not %.17g", what, i, j,
                  (double)out->data[i * out->stride + j], weight * gamma);
        }
        if (wants_bias && good) {
            good = is_near((double)bias_out->data[i], bias, isfinite(bias) ? 0x1p-44 * magnitude : 0);
            CHECK(good, "%s: bias_out[%lld] is %.9g, not %.17g", what, i, (double)bias_out->data[i], bias);
        }
    }
    CHECK(check_intact(d, out, wants_bias ? bias_out : out), "%s: other memory was written", what);
}

static weight_case plain_case(long long rows, long long columns) {
    return (weight_case){.rows = rows,
                         .columns = columns,
                         .has_bias = 1,
                         .has_gamma = 1,
                         .has_beta = 1,
                         .wants_bias = 1,
                         .placement = PLACE_END,
                         .base = 3,
                         .scale = 1,
                         .seed = (uint64_t)(rows * 10007 + columns)};
}

static void check_variants(driver *d, long long rows, long long columns, int count, uint64_t *random) {
    static const double bases[] = {0, 3, 1e4, 1e30}, scales[] = {1, 1e-3, 1e30};
    for (int variant = 0; variant < count; variant++) {
        const uint64_t bits = random_bits(random);
        weight_case test = plain_case(rows, columns);
        test.gap = (long long)(bits % 3) * 5;
        test.in_place = (int)(bits >> 2 & 1);
        test.placement = bits >> 3 & 1 ? PLACE_BEGIN : PLACE_END;
        test.offset = bits >> 4 & 15;
        test.has_bias = (int)(bits >> 8 & 1);
        test.has_gamma = (int)(bits >> 9 & 1);
        test.has_beta = (int)(bits >> 10 & 1);
        test.wants_bias = (bits >> 11 & 3) != 0;
        test.weight_offset = bits >> 13 & 1 ? 1.0f : 0.0f;
        test.base = bases[bits >> 16 & 3];
        test.scale = scales[(bits >> 18) % 3];
        test.seed = bits;
        check_fold(d, &test);
        for (test.along = 0; test.along <= 1; test.along++) {
            check_zero_mean(d, &test);
        }
    }
}

static void check_shapes(driver *d, const case_file *files) {
    static const long long rows[] = {1, 2, 3, 4, 5, 8, 33}, more[] = {127, 128, 129, 1000, 1023, 1024, 1025, 3000};
    uint64_t random = 7;
    for (long long columns = 1; columns <= 70; columns++) {
        check_variants(d, rows[columns % 7], columns, d->reduced ? 2 : 8, &random);
    }
    for (size_t c = 0; c < sizeof more / sizeof *more; c++) {
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            check_variants(d, rows[r], more[c], d->reduced ? 1 : 3, &random);
        }
    }
    check_variants(d, 1000, 3, 2, &random);
    for (int f = 0; f < 2; f++) {
        for (int i = 0; i < files[f].count; i++) {
            const shape_case *shape = &files[f].cases[i];
            if (shape->uses & CASE_CHECK) {
                check_variants(d, shape->rows, shape->columns, 1, &random);
            }
        }
    }
}

/* NaN and infinities reach the rows or columns whose mean they are in, and no others. */
static void check_specials(driver *d) {
    static const float specials[] = {NAN, INFINITY, -INFINITY};
    enum { ROWS = 6, COLUMNS = 37 };
    for (size_t s = 0; s < sizeof specials / sizeof *specials; s++) {
        for (int along = 0; along <= 1; along++) {
            float weight[ROWS][COLUMNS], out[ROWS][COLUMNS];
            for (int i = 0; i < ROWS * COLUMNS; i++) {
                weight[i / COLUMNS][i % COLUMNS] = (float)(i % 11);
            }
            weight[4][35] = specials[s];
            gatun_zero_mean_rows(d->context, along, ROWS, COLUMNS, &weight[0][0], COLUMNS, &out[0][0], COLUMNS, NULL, 0,
                                 NULL, 0);
            for (int i = 0; i < ROWS * COLUMNS; i++) {
                const int row = i / COLUMNS, column = i % COLUMNS, reached = along == 0 ? column == 35 : row == 4;
                const float value = out[row][column];
                CHECK(reached ? !isfinite(value) : isfinite(value), "along %d, special %g: out[%d, %d] is %g", along,
                      (double)specials[s], row, column, (double)value);
            }
            CHECK(isnan(out[4][35]), "along %d, special %g less its mean is %g", along, (double)specials[s],
                  (double)out[4][35]);
        }
    }
}

static void check_threads(driver *d) {
    static const long long shapes[][2] = {{300, 700}, {64, 5000}, {4000, 33}, {1, 100000}};
    float *one[2] = {malloc(400000 * sizeof(float)), malloc(8000 * sizeof(float))};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        for (int operation = 0; operation < 3; operation++) {
            weight_case test = plain_case(shapes[s][0], shapes[s][1]);
            test.along = operation;
            for (int threads = 1; threads <= 3; threads++) {
                gatun_context *context = level_open(d->isa, threads);
                prepare(d, &test);
                const int status =
                    operation < 2 ? zero_mean(d, context, &test, NULL, 0) : fold(d, context, &test, NULL, 0);
                CHECK(status == GATUN_OK, "status %d", status);
                if (threads == 1) {
                    memcpy(one[0], d->out.data, bytes_of(&d->out));
                    memcpy(one[1], d->bias_out.data, bytes_of(&d->bias_out));
                }
                CHECK(memcmp(one[0], d->out.data, bytes_of(&d->out)) == 0 &&
                          memcmp(one[1], d->bias_out.data, bytes_of(&d->bias_out)) == 0,
                      "operation %d at level %s on [%lld, %lld]: bits differ between 1 and %d threads", operation,
                      gatun_isa_name(d->isa), test.rows, test.columns, threads);
                gatun_context_destroy(context);
            }
        }
    }
    free(one[0]);
    free(one[1]);
}

/* More memory than the last-level cache: written past it where that is possible, with the same bits. */
static void check_streams(driver *d) {
    for (int operation = 0; operation < 3 && !d->reduced; operation++) {
        weight_case test = plain_case(2100, 2052);
        test.gap = 12;
        test.placement = PLACE_BEGIN;
        test.along = operation;
        test.in_place = 1;
        prepare(d, &test);
        operation < 2 ? zero_mean(d, d->context, &test, NULL, 0) : fold(d, d->context, &test, NULL, 0);
        const size_t bytes = bytes_of(&d->weight);
        float *in_place = malloc(bytes);
        memcpy(in_place, d->weight.data, bytes);
        test.in_place = 0;
        prepare(d, &test);
        d->out.stride = d->weight.stride;
        operation < 2 ? zero_mean(d, d->context, &test, NULL, 0) : fold(d, d->context, &test, NULL, 0);
        int same = 1;
        for (long long i = 0; i < test.rows; i++) {
            same &= memcmp(in_place + i * d->out.stride, d->out.data + i * d->out.stride,
                           (size_t)test.columns * sizeof(float)) == 0;
        }
        CHECK(same, "operation %d at level %s: bits differ from those of a call in place", operation,
              gatun_isa_name(d->isa));
        free(in_place);
    }
}

enum { FEATURES = 48, INPUTS = 20, OUTPUTS = 9 };

static void multiply(const float *weight, const float *bias, const double *x, int rows, int columns, double *y) {
    for (int i = 0; i < rows; i++) {
        y[i] = (double)bias[i];
        for (int j = 0; j < columns; j++) {
            y[i] += (double)weight[i * columns + j] * x[j];
        }
    }
}

/* A producer W x + b, LayerNorm with an affine part, a consumer V y + c; and the same after the conversions. */
static void check_equivalence(driver *d) {
    float w[FEATURES * INPUTS], b[FEATURES], v[OUTPUTS * FEATURES], c[OUTPUTS], gamma[FEATURES], beta[FEATURES];
    float centred_w[FEATURES * INPUTS], centred_b[FEATURES], folded_v[OUTPUTS * FEATURES], folded_c[OUTPUTS];
    double x[INPUTS], h[FEATURES], z[OUTPUTS], converted[OUTPUTS];
    uint64_t random = 11;
    float *filled[] = {w, b, v, c, beta, gamma};
    const int sizes[] = {FEATURES * INPUTS, FEATURES, OUTPUTS * FEATURES, OUTPUTS, FEATURES, FEATURES};
    for (int k = 0; k < 6; k++) {
        for (int i = 0; i < sizes[k]; i++) {
            filled[k][i] = (float)(random_bell(&random) + (k == 5) + 0.5);
        }
    }
    for (int j = 0; j < INPUTS; j++) {
        x[j] = random_bell(&random);
    }
    gatun_zero_mean_rows(d->context, 0, FEATURES, INPUTS, w, INPUTS, centred_w, INPUTS, NULL, 0, NULL, 0);
    gatun_zero_mean_rows(d->context, 1, 1, FEATURES, b, FEATURES, centred_b, FEATURES, NULL, 0, NULL, 0);
    gatun_fold_affine(d->context, OUTPUTS, FEATURES, v, FEATURES, c, gamma, beta, 0.0f, folded_v, FEATURES, folded_c,
                      NULL, 0);

    double mean = 0, squares = 0;
    multiply(w, b, x, FEATURES, INPUTS, h);
    for (int i = 0; i < FEATURES; i++) {
        mean += h[i] / FEATURES;
    }
    for (int i = 0; i < FEATURES; i++) {
        squares += (h[i] - mean) * (h[i] - mean) / FEATURES;
    }
    for (int i = 0; i < FEATURES; i++) {
        h[i] = (h[i] - mean) / sqrt(squares + 1e-5) * (double)gamma[i] + (double)beta[i];
    }
    multiply(v, c, h, OUTPUTS, FEATURES, z);

    squares = 0;
    multiply(centred_w, centred_b, x, FEATURES, INPUTS, h);
    for (int i = 0; i < FEATURES; i++) {
        squares += h[i] * h[i] / FEATURES;
    }
    for (int i = 0; i < FEATURES; i++) {
        h[i] /= sqrt(squares + 1e-5);
    }
    multiply(folded_v, folded_c, h, OUTPUTS, FEATURES, converted);
    for (int i = 0; i < OUTPUTS; i++) {
        /* Weights rounded once: half a unit each, over the terms of both products. */
        CHECK(fabs(z[i] - converted[i]) <= 0x1p-23 * 100, "output %d is %.12g after the conversions, %.12g before", i,
              converted[i], z[i]);
    }
}

int main(int argc, char **argv) {
    static case_file files[2];
    setenv("GATUN_THREADS", "8", 1); /* as many as asked for, whatever this machine has */
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    cases_read(argv[1], "zero_mean_rows", &files[0]);
    cases_read(argv[1], "fold_affine", &files[1]);
    int levels[LEVELS_MAX];
    CHECK(levels_of("fold_affine", levels) == levels_of("zero_mean_rows", levels), "not the same levels");
    const int count = levels_of("zero_mean_rows", levels);
    for (int i = 0; i < count; i++) {
        driver d = {.isa = levels[i], .reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0};
        d.context = level_open(levels[i], 1);
        check_shapes(&d, files);
        check_specials(&d);
        check_threads(&d);
        check_streams(&d);
        check_equivalence(&d);
        gatun_context_destroy(d.context);
        release(&d);
    }
    return check_finish(argv[0]);
}
