/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PolyReLU and polynomials of each element at every level against float64: shapes, strides, alignments and guard pages, in
 * place, every order, special values, every bf16 and f16 number; gradients of coefficients, also over calls that
 * continue one another, with the same bits for every number of threads and any strides; and the reference against finite
 * differences.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "check.h"
#include "crash.h"
#include "fp_state.h"
#include "levels.h"
#include "operand.h"
#include "values.h"

enum { MOST_COEFFICIENTS = GATUN_POLYNOMIAL_MAX_ORDER + 1, PIECE = GATUN_BACKWARD_PIECE_ELEMENTS };

typedef struct test_case {
    int relu, dtype, order;
    long long rows, columns, gap;
    int in_place; /* y is x; dx is dy (1) or x (2) */
    int wants_dx, wants_sums, accumulate;
    long long piece; /* elements of a call of the backward pass, 0 for all */
    enum placement placement;
    long long offset;
    double scale; /* of x */
    float coefficients[MOST_COEFFICIENTS];
    uint64_t seed;
} test_case;

typedef struct driver {
    int isa, reduced;
    gatun_context *context;
    double bound[2][2]; /* of float32 results before they are rounded: forward, backward; poly_eval, poly_relu */
    operand x, y, dy, dx;
    guarded scratch;
    float sums[MOST_COEFFICIENTS];
} driver;

static const char *name_of(const test_case *t, int backward) {
    static const char *const names[2][2] = {{"poly_eval", "poly_eval_backward"}, {"poly_relu", "poly_relu_backward"}};
    return names[t->relu][backward];
}

static void describe(const driver *d, const test_case *t, int backward, char *text, size_t bytes) {
    snprintf(text, bytes,
             "%s %s at level %s: order %d, [%lld, %lld] gap %lld, in place %d, dx %d, sums %d, accumulate %d, piece "
             "%lld, placement %d offset %lld, scale %g, seed %llu",
             name_of(t, backward), dtype_name(t->dtype), gatun_isa_name(d->isa), t->order, t->rows, t->columns, t->gap,
             t->in_place, t->wants_dx, t->wants_sums, t->accumulate, t->piece, (int)t->placement, t->offset, t->scale,
             (unsigned long long)t->seed);
}

static void fill(operand *o, double scale, uint64_t *random) {
    for (long long i = 0; i < o->rows; i++) {
        for (long long j = 0; j < o->columns; j++) {
            operand_set(o, i, j, scale * random_bell(random));
        }
    }
}

static void prepare(driver *d, const test_case *t) {
    uint64_t random = t->seed;
    operand *const all[] = {&d->x, &d->dy, &d->y, &d->dx};
    for (int k = 0; k < 4; k++) {
        /* In place strides are equal; otherwise no two are. */
        operand_place(all[k], t->dtype, t->rows, t->columns, t->gap == 0 || t->in_place ? t->gap : t->gap + k,
                      t->placement, t->offset);
    }
    fill(&d->x, t->scale, &random);
    fill(&d->dy, 1, &random);
    for (int k = 0; k < 4; k++) {
        operand_keep(all[k]);
    }
}

/* The polynomial at x, the sum of the magnitudes of its terms, its derivative and that of the magnitudes of its terms. */
static void define(const test_case *t, double x, double *y, double *y_scale, double *slope, double *slope_scale) {
    const double z = t->relu && x < 0 ? 0 : x;
    double power = 1;
    *y = (double)t->coefficients[0];
    *y_scale = fabs(*y);
    *slope = *slope_scale = 0;
    for (int i = 1; i <= t->order; i++) {
        const double a = (double)t->coefficients[i];
        *slope += i * a * power;
        *slope_scale += fabs(i * a * power);
        power *= z;
        *y += a * power;
        *y_scale += fabs(a * power);
    }
    if (t->relu && x <= 0) {
        *slope = *slope_scale = 0;
    }
}

static void check_forward(driver *d, const test_case *t) {
    char message[256] = "untouched", what[512];
    prepare(d, t);
    describe(d, t, 0, what, sizeof what);
    operand *y = t->in_place ? &d->x : &d->y;
    const fp_state before = fp_state_read();
    const int status = (t->relu ? gatun_poly_relu : gatun_poly_eval)(
        d->context, t->dtype, t->order, t->rows, t->columns, d->x.data, d->x.stride, t->coefficients, y->data,
        y->stride, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    int good = 1;
    for (long long i = 0; i < t->rows && good; i++) {
        for (long long j = 0; j < t->columns && good; j++) {
            double expected, scale, slope, slope_scale;
            define(t, operand_kept(&d->x, i, j), &expected, &scale, &slope, &slope_scale);
            const double got = operand_get(y, i, j), tolerance = d->bound[0][t->relu] * 0x1p-23 * scale + 0x1p-147;
            good = is_close(t->dtype, got, expected, tolerance);
            if (!good) {
                CHECK(0, "%s: y[%lld, %lld] of %.9g is %.9g, not %.17g", what, i, j, operand_kept(&d->x, i, j), got,
                      expected);
            }
        }
    }
    CHECK(good, "%s", what);
    CHECK(operand_intact(&d->x, t->in_place) && operand_intact(&d->y, !t->in_place) && operand_intact(&d->dy, 0),
          "%s: other memory was written", what);
}

static int call_backward(driver *d, gatun_context *context, const test_case *t, float *sums, char *message,
                         long long message_bytes) {
    operand *dx = t->in_place == 1 ? &d->dy : t->in_place == 2 ? &d->x : &d->dx;
    const long long elements = t->rows * t->columns;
    long long bytes = 0;
    int status = (t->relu ? gatun_poly_relu_backward_scratch
                          : gatun_poly_eval_backward_scratch)(context, t->order, t->rows, t->columns, &bytes);
    void *scratch = NULL;
    if (t->wants_sums && bytes > 0) {
        scratch = guarded_place(&d->scratch, (size_t)bytes, 64, PLACE_BEGIN, 0);
    }
    long long begin = 0;
    do {
        const long long end = t->piece > 0 && begin + t->piece < elements ? begin + t->piece : elements;
        if (status == GATUN_OK) {
            status = (t->relu ? gatun_poly_relu_backward : gatun_poly_eval_backward)(
                context, t->dtype, t->order, t->rows, t->columns, d->dy.data, d->dy.stride, d->x.data, d->x.stride,
                t->coefficients, t->wants_dx ? dx->data : NULL, dx->stride,
                t->wants_sums && end == elements ? sums : NULL, t->accumulate, begin, end, scratch, scratch ? bytes : 0,
                message, message_bytes);
        }
        begin = end;
    } while (begin < elements);
    return status;
}

static void check_sums(const driver *d, const test_case *t, const char *what) {
    double expected[MOST_COEFFICIENTS] = {0}, scale[MOST_COEFFICIENTS] = {0};
    for (long long i = 0; i < t->rows; i++) {
        for (long long j = 0; j < t->columns; j++) {
            const double x = operand_kept(&d->x, i, j), z = t->relu && x < 0 ? 0 : x;
            double term = operand_kept(&d->dy, i, j);
            for (int k = 0; k <= t->order; k++) {
                expected[k] += term;
                scale[k] += fabs(term);
                term *= z;
            }
        }
    }
    for (int k = 0; k <= t->order; k++) {
        const double start = t->accumulate ? 1 + k : 0;
        CHECK(is_close(GATUN_F32, (double)d->sums[k], start + expected[k],
                       d->bound[1][t->relu] * 0x1p-23 * (scale[k] + start) + 0x1p-147),
              "%s: dcoefficients[%d] is %.9g, not %.17g", what, k, (double)d->sums[k], start + expected[k]);
    }
}

static void check_backward(driver *d, const test_case *t) {
    char message[256] = "untouched", what[512];
    prepare(d, t);
    describe(d, t, 1, what, sizeof what);
    for (int k = 0; k < MOST_COEFFICIENTS; k++) {
        d->sums[k] = (float)(1 + k);
    }
    const fp_state before = fp_state_read();
    const int status = call_backward(d, d->context, t, d->sums, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    const operand *dx = t->in_place == 1 ? &d->dy : t->in_place == 2 ? &d->x : &d->dx;
    int good = 1;
    for (long long i = 0; i < t->rows && good && t->wants_dx; i++) {
        for (long long j = 0; j < t->columns && good; j++) {
            double y, y_scale, slope, scale;
            define(t, operand_kept(&d->x, i, j), &y, &y_scale, &slope, &scale);
            const double g = operand_kept(&d->dy, i, j), got = operand_get(dx, i, j);
            const double expected = slope == 0 ? 0 : g * slope;
            good = is_close(t->dtype, got, expected, d->bound[1][t->relu] * 0x1p-23 * fabs(g) * scale + 0x1p-147);
            if (!good) {
                CHECK(0, "%s: dx[%lld, %lld] at x = %.9g, dy = %.9g is %.9g, not %.17g", what, i, j,
                      operand_kept(&d->x, i, j), g, got, expected);
            }
        }
    }
    CHECK(good, "%s", what);
    if (t->wants_sums) {
        check_sums(d, t, what);
        CHECK(t->rows == 0 || guarded_margins_intact(&d->scratch), "%s: written beyond the scratch", what);
    }
    CHECK(operand_intact(&d->dy, t->wants_dx && t->in_place == 1) &&
              operand_intact(&d->x, t->wants_dx && t->in_place == 2) &&
              (t->wants_dx && t->in_place == 0 ? operand_intact(&d->dx, 1) : operand_intact(&d->dx, 0)),
          "%s: other memory was written", what);
}

static test_case plain_case(int relu, int dtype, long long rows, long long columns) {
    return (test_case){.relu = relu,
                       .dtype = dtype,
                       .order = 3,
                       .rows = rows,
                       .columns = columns,
                       .wants_dx = 1,
                       .wants_sums = 1,
                       .placement = PLACE_END,
                       .scale = 1,
                       .coefficients = {0.25f, 0.5f, -0.375f, 0.3f, 0.125f, -0.0625f, 0.03f, -0.01f, 0.005f},
                       .seed = (uint64_t)(rows * 10007 + columns)};
}

static void check_variants(driver *d, long long rows, long long columns, int count, uint64_t *random) {
    static const double scales[] = {1, 0.01, 20};
    for (int variant = 0; variant < count; variant++) {
        const uint64_t bits = random_bits(random);
        test_case t = plain_case((int)(bits & 1), (int)((bits >> 1) % 3), rows, columns);
        t.order = (bits >> 4 & 1) != 0 ? 3 : (int)(bits >> 5 & 7) + 1;
        t.gap = (long long)(bits >> 8 & 3) * 3;
        t.in_place = (int)((bits >> 10) % 3);
        t.wants_sums = (bits >> 13 & 7) != 0;
        t.wants_dx = (bits >> 16 & 7) != 0;
        t.accumulate = (int)(bits >> 19 & 1);
        t.piece = (long long)(bits >> 20 & 3) * PIECE;
        t.placement = bits >> 22 & 1 ? PLACE_BEGIN : PLACE_END;
        t.offset = (long long)(bits >> 23 & 15);
        t.scale = scales[(bits >> 28) % 3];
        t.seed = bits;
        check_forward(d, &t);
        check_backward(d, &t);
    }
}

static void check_shapes(driver *d, const case_file *files) {
    static const long long rows[] = {1, 2, 3, 5, 8, 33}, more[] = {127, 1000, 1023, 1025, 4095, 4096, 4097, 8200};
    uint64_t random = 7;
    for (long long columns = 1; columns <= 70; columns++) {
        check_variants(d, rows[columns % 6], columns, d->reduced ? 2 : 8, &random);
    }
    for (size_t c = 0; c < sizeof more / sizeof *more; c++) {
        check_variants(d, 1 + (long long)(c % 3) * 3, more[c], d->reduced ? 2 : 6, &random);
    }
    check_variants(d, 3000, 5, 3, &random);
    for (int f = 0; f < 4; f++) {
        for (int i = 0; i < files[f].count; i++) {
            const shape_case *shape = &files[f].cases[i];
            if ((shape->uses & CASE_CHECK) && (!d->reduced || shape->rows * shape->columns < 70000)) {
                check_variants(d, shape->rows, shape->columns, 1, &random);
            }
        }
    }
}

/* Every number of a 16-bit type, and float32 numbers of every exponent. */
static void check_all_numbers(driver *d) {
    for (int relu = 0; relu <= 1; relu++) {
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            test_case t = plain_case(relu, dtype, 16, 4096);
            t.order = 3;
            prepare(d, &t);
            for (uint32_t bits = 0; bits < 65536; bits++) {
                const long long row = bits / 4096, column = bits % 4096;
                const uint32_t word = bits << 16 | (bits * 40503u & 0xffff);
                const size_t at = (size_t)(row * d->x.stride + column);
                memcpy(d->x.data + at * dtype_bytes(dtype),
                       dtype == GATUN_F32 ? (const void *)&word : (const void *)&bits, dtype_bytes(dtype));
            }
            operand_keep(&d->x);
            const int status = (relu ? gatun_poly_relu : gatun_poly_eval)(d->context, dtype, t.order, t.rows, t.columns,
                                                                          d->x.data, d->x.stride, t.coefficients,
                                                                          d->y.data, d->y.stride, NULL, 0);
            CHECK(status == GATUN_OK, "status %d", status);
            int good = 1;
            for (uint32_t bits = 0; bits < 65536 && good; bits++) {
                const long long row = bits / 4096, column = bits % 4096;
                const double x = operand_get(&d->x, row, column), got = operand_get(&d->y, row, column);
                double expected, scale, slope, slope_scale;
                define(&t, x, &expected, &scale, &slope, &slope_scale);
                /* Where a power leaves the range of float32 a result may be infinite, or NaN between infinities. */
                if (!isnan(x) && scale > (double)FLT_MAX / 2) {
                    continue;
                }
                good = is_close(dtype, got, expected, d->bound[0][relu] * 0x1p-23 * scale + 0x1p-147);
                if (!good) {
                    CHECK(0, "%s %s at level %s of %.9g (bits %#x): %.9g, not %.17g", name_of(&t, 0), dtype_name(dtype),
                          gatun_isa_name(d->isa), x, bits, got, expected);
                }
            }
        }
    }
}

/* +-Inf, +-0 and NaN, alone in their places. */
static void check_specials(driver *d) {
    for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
        for (int order = 1; order <= GATUN_POLYNOMIAL_MAX_ORDER; order++) {
            test_case t = plain_case(1, dtype, 1, 40);
            const double specials[] = {NAN, (double)INFINITY, -(double)INFINITY, 0.0, -0.0};
            t.order = order;
            for (int i = 0; i <= order; i++) {
                t.coefficients[i] = 0.5f;
            }
            prepare(d, &t);
            for (int k = 0; k < 5; k++) {
                operand_set(&d->x, 0, 7 * k, specials[k]);
                operand_set(&d->dy, 0, 7 * k, 2);
            }
            gatun_poly_relu(d->context, dtype, order, 1, 40, d->x.data, 40, t.coefficients, d->y.data, 40, NULL, 0);
            gatun_poly_relu_backward(d->context, dtype, order, 1, 40, d->dy.data, 40, d->x.data, 40, t.coefficients,
                                     d->dx.data, 40, NULL, 0, 0, 40, NULL, 0, NULL, 0);
            const double y[] = {NAN, (double)INFINITY, 0.5, 0.5, 0.5};
            const double dx[] = {order == 1 ? 1 : NAN, order == 1 ? 1 : (double)INFINITY, 0, 0, 0};
            for (int k = 0; k < 5; k++) {
                const double got = operand_get(&d->y, 0, 7 * k), slope = operand_get(&d->dx, 0, 7 * k);
                CHECK(isnan(y[k]) ? isnan(got) : got == y[k], "poly_relu %s order %d of %g is %g", dtype_name(dtype),
                      order, specials[k], got);
                CHECK(isnan(dx[k]) ? isnan(slope) : slope == dx[k], "poly_relu_backward %s order %d at %g is %g",
                      dtype_name(dtype), order, specials[k], slope);
            }
            for (int j = 0; j < 40; j++) {
                CHECK(j % 7 == 0 || isfinite(operand_get(&d->y, 0, j)), "y[%d] caught a neighbour's special value", j);
            }
        }
    }
}

/* The same bits with more threads, with other strides, in pieces, and past the caches. */
static void check_same_bits(driver *d) {
    static const long long shapes[][2] = {{1, 200001}, {300, 700}, {20000, 7}, {1, 5}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            test_case t = plain_case((int)(s % 2), dtype, shapes[s][0], shapes[s][1]);
            t.order = s % 2 == 0 ? 3 : 6;
            float one[MOST_COEFFICIENTS];
            prepare(d, &t);
            CHECK(call_backward(d, d->context, &t, one, NULL, 0) == GATUN_OK, "call");
            unsigned char *bits = malloc(d->dx.bytes);
            memcpy(bits, d->dx.data, d->dx.bytes);
            for (int variant = 0; variant < 5; variant++) {
                gatun_context *context = level_open(d->isa, variant < 3 ? variant + 2 : 1);
                test_case other = t;
                float many[MOST_COEFFICIENTS];
                other.gap = variant == 3 ? 5 : 0;
                other.piece = variant >= 3 ? PIECE * (variant - 2) : 0;
                prepare(d, &other);
                CHECK(call_backward(d, context, &other, many, NULL, 0) == GATUN_OK, "call");
                int same = memcmp(one, many, (size_t)(t.order + 1) * sizeof *one) == 0;
                const size_t row = (size_t)t.columns * dtype_bytes(dtype);
                for (long long i = 0; i < t.rows; i++) {
                    same &= memcmp(bits + (size_t)i * row, d->dx.data + (size_t)(i * d->dx.stride) * dtype_bytes(dtype),
                                   row) == 0;
                }
                CHECK(same, "%s %s at level %s on [%lld, %lld]: other bits in variant %d", name_of(&t, 1),
                      dtype_name(dtype), gatun_isa_name(d->isa), t.rows, t.columns, variant);
                gatun_context_destroy(context);
            }
            free(bits);
        }
    }
}

/* More memory than the last-level cache: results written past it are the same, at any alignment. */
static void check_streams(driver *d) {
    enum { COUNT = 1 << 23 };
    for (long long offset = 0; offset < 3 && !d->reduced; offset++) {
        test_case t = plain_case(1, GATUN_F32, 1, COUNT + 37);
        t.placement = PLACE_BEGIN;
        t.offset = offset * 5;
        check_forward(d, &t);
        check_backward(d, &t);
    }
}

/* The derivatives that the tests expect, against central differences. */
static void check_differences(void) {
    uint64_t random = 3;
    for (int k = 0; k < 2000; k++) {
        test_case t = plain_case(k % 2, GATUN_F32, 1, 1);
        t.order = k % 8 + 1;
        const double x = random_uniform(&random, -2, 2), step = 1e-6;
        double low, high, scale, slope, slope_scale;
        if (fabs(x) < 1e-3) {
            continue;
        }
        define(&t, x - step, &low, &scale, &slope, &slope_scale);
        define(&t, x + step, &high, &scale, &slope, &slope_scale);
        define(&t, x, &scale, &scale, &slope, &slope_scale);
        CHECK(fabs((high - low) / (2 * step) - slope) <= 1e-6 * (1 + slope_scale),
              "order %d at %g: slope %.12g, difference quotient %.12g", t.order, x, slope, (high - low) / (2 * step));
    }
}

int main(int argc, char **argv) {
    static const char *const names[] = {"poly_eval", "poly_relu", "poly_eval_backward", "poly_relu_backward"};
    static case_file files[4];
    setenv("GATUN_THREADS", "8", 1); /* as many as asked for, whatever this machine has */
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    crash_catch();
    int levels[LEVELS_MAX], count = 0;
    for (int f = 0; f < 4; f++) {
        cases_read(argv[1], names[f], &files[f]);
        const int found = levels_of(names[f], levels);
        CHECK(f == 0 || found == count, "not the same levels");
        count = found;
    }
    check_differences();
    for (int i = 0; i < count; i++) {
        driver d = {.isa = levels[i], .reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0};
        d.context = level_open(levels[i], 1);
        for (int f = 0; f < 4; f++) {
            d.bound[f / 2][f % 2] = files[f].bound[GATUN_F32];
        }
        check_shapes(&d, files);
        check_all_numbers(&d);
        check_specials(&d);
        check_same_bits(&d);
        check_streams(&d);
        gatun_context_destroy(d.context);
        operand_release(&d.x);
        operand_release(&d.y);
        operand_release(&d.dy);
        operand_release(&d.dx);
        guarded_release(&d.scratch);
    }
    return check_finish(argv[0]);
}
