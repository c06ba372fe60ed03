/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows at every level against double precision: all inner functions and combinations, shapes, strides, alignments and
 * guard pages, ends for each column, options left out, gradients against finite differences, ReLU-KAN's peak, NaN, the
 * same bits for every number of threads.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "check.h"
#include "fp_state.h"
#include "guarded.h"
#include "kan_window_reference.h"
#include "levels.h"
#include "values.h"

typedef struct window_case {
    int inner, combination, functions, per_column, dtype, accumulate, wants_dx, wants_dstarts, wants_dends;
    float scale;
    long long rows, columns, x_gap, phi_gap;
    enum placement placement;
    size_t offset;
    uint64_t seed;
    int nan_at; /* this element of x is NaN; -1 for none */
} window_case;

enum { X, STARTS, ENDS, PHI, DPHI, DX, DSTARTS, DENDS, OPERANDS };
static const char *const operand_names[OPERANDS] = {"x", "starts", "ends", "phi", "dphi", "dx", "dstarts", "dends"};

typedef struct operand {
    guarded memory;
    unsigned char *copy;
    void *data;
    int dtype;
    long long rows, width, stride;
} operand;

typedef struct driver {
    int isa, reduced;
    gatun_context *context;
    double bound[2], error[2];
    operand all[OPERANDS];
} driver;

static void place(driver *d, const window_case *t, int which, int dtype, long long rows, long long width, long long gap,
                  double middle, uint64_t *random) {
    operand *o = &d->all[which];
    o->dtype = dtype;
    o->rows = rows;
    o->width = width;
    o->stride = width + gap;
    const size_t offset = t->placement == PLACE_BEGIN ? t->offset * dtype_bytes(dtype) : 0;
    const size_t bytes = (size_t)((rows - 1) * o->stride + width) * dtype_bytes(dtype);
    o->data = guarded_place(&o->memory, bytes, dtype_bytes(dtype), t->placement, offset);
    for (long long i = 0; random && i < rows * width; i++) {
        dtype_store(dtype, o->data, i / width * o->stride + i % width, middle + random_bell(random));
    }
    free(o->copy);
    o->copy = malloc(bytes);
    memcpy(o->copy, o->data, bytes);
}

static void prepare(driver *d, const window_case *t) {
    uint64_t random = t->seed;
    const long long width = t->per_column ? t->columns : 1, all = t->functions * t->columns;
    place(d, t, X, t->dtype, t->rows, t->columns, t->x_gap, 0, &random);
    if (t->nan_at >= 0) {
        dtype_store(t->dtype, d->all[X].data, t->nan_at, NAN);
        memcpy(d->all[X].copy, d->all[X].data, d->all[X].memory.bytes);
    }
    place(d, t, STARTS, GATUN_F32, t->functions, width, 0, -1, &random);
    place(d, t, ENDS, GATUN_F32, t->functions, width, 0, 1, &random);
    place(d, t, PHI, t->dtype, t->rows, all, t->phi_gap, 0, NULL);
    place(d, t, DPHI, t->dtype, t->rows, all, t->phi_gap, 0, &random);
    place(d, t, DX, t->dtype, t->rows, t->columns, t->x_gap, 0, NULL);
    place(d, t, DSTARTS, GATUN_F32, t->functions, width, 0, 0, t->accumulate ? &random : NULL);
    place(d, t, DENDS, GATUN_F32, t->functions, width, 0, 0, t->accumulate ? &random : NULL);
}

static int forward(driver *d, gatun_context *context, const window_case *t, char *message, long long room) {
    operand *o = d->all;
    return gatun_kan_window_basis(context, t->inner, t->combination, t->functions, t->per_column, t->scale, t->dtype,
                                  t->rows, t->columns, o[X].data, o[X].stride, o[STARTS].data, o[ENDS].data,
                                  o[PHI].data, o[PHI].stride, message, room);
}

static int backward(driver *d, gatun_context *context, const window_case *t, char *message, long long room) {
    operand *o = d->all;
    return gatun_kan_window_basis_backward(context, t->inner, t->combination, t->functions, t->per_column, t->scale,
                                           t->dtype, t->rows, t->columns, o[DPHI].data, o[DPHI].stride, o[X].data,
                                           o[X].stride, o[STARTS].data, o[ENDS].data, t->wants_dx ? o[DX].data : NULL,
                                           o[DX].stride, t->wants_dstarts ? o[DSTARTS].data : NULL,
                                           t->wants_dends ? o[DENDS].data : NULL, t->accumulate, message, room);
}

static double load(const driver *d, int which, long long row, long long column) {
    return dtype_load(d->all[which].dtype, d->all[which].data, row * d->all[which].stride + column);
}

/* The error in units of 2^-23 * scale beyond the rounding to a 16-bit type. */
static double error_of(int dtype, double got, double expected, double scale) {
    if (isnan(expected) || isnan(got)) {
        return isnan(expected) && isnan(got) ? 0 : (double)INFINITY;
    }
    double distance = fabs(got - expected);
    if (dtype != GATUN_F32) {
        distance = fmax(distance - fabs(expected) * (dtype == GATUN_BF16 ? 0x1p-8 : 0x1p-11) -
                            (dtype == GATUN_BF16 ? 0x1p-134 : 0x1p-25),
                        0);
    }
    return distance == 0 || got == dtype_round(dtype, expected) ? 0 : distance / (0x1p-23 * scale);
}

/* What function m makes of column j of a row: the value, its derivatives by start and end; and their scales. */
typedef struct terms {
    double value, by_start, by_end, value_scale, slope_scale;
} terms;

static terms terms_at(const driver *d, const window_case *t, long long row, int m, long long j) {
    const double x = load(d, X, row, j), at = t->per_column ? (double)j : 0, scale = (double)t->scale;
    const double from = x - load(d, STARTS, m, (long long)at), to = load(d, ENDS, m, (long long)at) - x;
    const double u = window_inner(t->inner, from), v = window_inner(t->inner, to);
    const double g = window_inner_slope(t->inner, from), h = window_inner_slope(t->inner, to);
    const double big_u = fabs(u) + window_inner_scale(from), big_v = fabs(v) + window_inner_scale(to);
    const double big_g = fabs(g) + window_inner_scale(from), big_h = fabs(h) + window_inner_scale(to);
    return (terms){scale * window_combined(t->combination, u, v),
                   -scale * window_combined_slope(t->combination, u, v) * g,
                   scale * window_combined_slope(t->combination, v, u) * h,
                   fabs(scale) * window_combined(t->combination, big_u, big_v),
                   fabs(scale) * (window_combined_slope(t->combination, big_u, big_v) * big_g +
                                  window_combined_slope(t->combination, big_v, big_u) * big_h)};
}

static int note(driver *d, int direction, int dtype, double error) {
    if (dtype == GATUN_F32 && error > d->error[direction]) {
        d->error[direction] = error;
    }
    return error <= d->bound[direction];
}

static void check_intact(driver *d, const char *what, int first_output, const int *wanted, int count) {
    for (int k = 0; k < OPERANDS; k++) {
        operand *o = &d->all[k];
        const size_t element = dtype_bytes(o->dtype);
        int written = 0;
        for (int i = 0; i < count; i++) {
            written = written || (wanted[i] && k == first_output + i);
        }
        for (long long row = 0; written && row < o->rows; row++) {
            const size_t at = (size_t)(row * o->stride) * element;
            memcpy(o->copy + at, o->memory.data + at, (size_t)o->width * element);
        }
        CHECK(guarded_margins_intact(&o->memory) && memcmp(o->copy, o->memory.data, o->memory.bytes) == 0,
              "%s: memory of %s was written", what, operand_names[k]);
    }
}

static void describe(char *what, size_t room, const driver *d, const window_case *t, const char *direction) {
    snprintf(what, room, "%s %s %s: inner %d, combination %d, [%lld, %lld], %d functions, per column %d", direction,
             gatun_isa_name(d->isa), dtype_name(t->dtype), t->inner, t->combination, t->rows, t->columns, t->functions,
             t->per_column);
}

static void check_forward(driver *d, const window_case *t) {
    char what[256], message[256] = "untouched";
    describe(what, sizeof what, d, t, "forward");
    prepare(d, t);
    const fp_state before = fp_state_read();
    const int status = forward(d, d->context, t, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    int good = 1;
    for (long long i = 0; i < t->rows * t->functions * t->columns && good; i++) {
        const long long row = i / (t->functions * t->columns), at = i % (t->functions * t->columns);
        const terms e = terms_at(d, t, row, (int)(at / t->columns), at % t->columns);
        const double got = load(d, PHI, row, at), error = error_of(t->dtype, got, e.value, e.value_scale);
        good = CHECK(note(d, 0, t->dtype, error), "%s: phi[%lld, %lld] is %.9g, not %.17g: %.3g units", what, row, at,
                     got, e.value, error);
    }
    check_intact(d, what, PHI, (const int[]){1}, 1);
}

static void check_sums(driver *d, const window_case *t, const char *what, int which) {
    const long long width = t->per_column ? t->columns : 1;
    int good = 1;
    for (long long i = 0; i < t->functions * width && good; i++) {
        const int m = (int)(i / width);
        double expected = t->accumulate ? dtype_load(GATUN_F32, d->all[which].copy, i) : 0, scale = fabs(expected);
        for (long long j = t->per_column ? i % width : 0; j < (t->per_column ? i % width + 1 : t->columns); j++) {
            for (long long row = 0; row < t->rows; row++) {
                const terms e = terms_at(d, t, row, m, j);
                const double upstream = load(d, DPHI, row, m * t->columns + j);
                expected += upstream * (which == DSTARTS ? e.by_start : e.by_end);
                scale += fabs(upstream) * e.slope_scale;
            }
        }
        const double got = dtype_load(GATUN_F32, d->all[which].data, i);
        const double error = error_of(GATUN_F32, got, expected, scale);
        good = CHECK(note(d, 1, t->dtype, error), "%s: %s[%lld] is %.9g, not %.17g: %.3g units", what,
                     operand_names[which], i, got, expected, error);
    }
}

static void check_backward(driver *d, const window_case *t) {
    char what[256], message[256] = "untouched";
    describe(what, sizeof what, d, t, "backward");
    prepare(d, t);
    const fp_state before = fp_state_read();
    const int status = backward(d, d->context, t, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    int good = t->wants_dx;
    for (long long i = 0; i < t->rows * t->columns && good; i++) {
        double expected = 0, scale = 0;
        for (int m = 0; m < t->functions; m++) {
            const terms e = terms_at(d, t, i / t->columns, m, i % t->columns);
            const double upstream = load(d, DPHI, i / t->columns, m * t->columns + i % t->columns);
            expected -= upstream * (e.by_start + e.by_end);
            scale += fabs(upstream) * e.slope_scale;
        }
        const double got = load(d, DX, i / t->columns, i % t->columns);
        const double error = error_of(t->dtype, got, expected, scale);
        good = CHECK(note(d, 1, t->dtype, error), "%s: dx[%lld] is %.9g, not %.17g: %.3g units", what, i, got, expected,
                     error);
    }
    if (t->wants_dstarts) {
        check_sums(d, t, what, DSTARTS);
    }
    if (t->wants_dends) {
        check_sums(d, t, what, DENDS);
    }
    check_intact(d, what, DX, (const int[]){t->wants_dx, t->wants_dstarts, t->wants_dends}, 3);
}

static window_case plain_case(int inner, int combination, int dtype, long long rows, long long columns) {
    return (window_case){.inner = inner,
                         .combination = combination,
                         .functions = 4,
                         .dtype = dtype,
                         .wants_dx = 1,
                         .wants_dstarts = 1,
                         .wants_dends = 1,
                         .scale = 1,
                         .rows = rows,
                         .columns = columns,
                         .placement = PLACE_END,
                         .seed = (uint64_t)(rows * 10007 + columns * 31 + inner),
                         .nan_at = -1};
}

static void check_variants(driver *d, long long rows, long long columns, int count, uint64_t *random) {
    for (int variant = 0; variant < count; variant++) {
        const uint64_t bits = random_bits(random);
        window_case t = plain_case((int)(bits % 9), (int)(bits / 9 % 7), (int)(bits / 63 % 3), rows, columns);
        t.functions = 1 + (int)(bits >> 10 & 7);
        t.per_column = (int)(bits >> 13 & 1);
        t.scale = bits >> 14 & 1 ? 1 : -2.25f;
        t.accumulate = (int)(bits >> 15 & 1);
        t.wants_dx = (bits >> 16 & 3) != 0;
        t.wants_dstarts = (bits >> 18 & 3) != 0;
        t.wants_dends = (bits >> 20 & 3) != 0;
        t.x_gap = (long long)(bits >> 22 & 1) * 5;
        t.phi_gap = (long long)(bits >> 23 & 1) * 7;
        t.placement = bits >> 24 & 1 ? PLACE_BEGIN : PLACE_END;
        t.offset = bits >> 25 & 15;
        t.seed = bits;
        check_forward(d, &t);
        check_backward(d, &t);
    }
}

static void check_all(driver *d) {
    static const long long rows[] = {1, 2, 3, 33};
    uint64_t random = 7;
    for (int inner = 0; inner < 9; inner++) {
        for (int combination = 0; combination < 7; combination++) {
            window_case t = plain_case(inner, combination, GATUN_F32, 3, 37);
            check_forward(d, &t);
            check_backward(d, &t);
            t.nan_at = 36; /* reaches its own element, and the sums */
            check_forward(d, &t);
            check_backward(d, &t);
        }
    }
    for (long long columns = 1; columns <= 35; columns++) {
        check_variants(d, rows[columns % 4], columns, d->reduced ? 2 : 12, &random);
    }
    check_variants(d, 65, 130, d->reduced ? 1 : 6, &random);
}

/* The reference's slopes are those of its values. */
static void check_differences(void) {
    for (int inner = 0; inner < 9; inner++) {
        for (int i = 0; i < 61; i++) {
            const double t = -3.07 + 0.1 * i, step = 1e-5;
            const double difference = (window_inner(inner, t + step) - window_inner(inner, t - step)) / (2 * step);
            CHECK(fabs(difference - window_inner_slope(inner, t)) <= 1e-8, "inner %d at %g: %.9g, not %.9g", inner, t,
                  window_inner_slope(inner, t), difference);
        }
    }
    for (int c = 0; c < 7; c++) {
        const double u = 0.7, v = -1.3, step = 1e-5;
        const double difference = (window_combined(c, u + step, v) - window_combined(c, u - step, v)) / (2 * step);
        CHECK(fabs(difference - window_combined_slope(c, u, v)) <= 1e-8, "combination %d: %.9g, not %.9g", c,
              window_combined_slope(c, u, v), difference);
        CHECK(fabs(window_combined(c, u, v) - window_combined(c, v, u)) <= 1e-15, "combination %d is not symmetric", c);
    }
}

/* ReLU-KAN's windows of width w with the scale (4 / w^2)^2 have the peak 1, and are 0 outside. */
static void check_peak(driver *d) {
    const float x[5] = {-0.5f, 0, 1, 2, 2.5f}, start = 0, end = 2;
    float phi[5];
    const int status = gatun_kan_window_basis(d->context, GATUN_KAN_INNER_RELU, GATUN_KAN_QUAD1, 1, 0, 1, GATUN_F32, 1,
                                              5, x, 5, &start, &end, phi, 5, NULL, 0);
    CHECK(status == GATUN_OK && phi[0] == 0 && phi[1] == 0 && phi[2] == 1 && phi[3] == 0 && phi[4] == 0,
          "level %s: status %d, %g %g %g %g %g", gatun_isa_name(d->isa), status, (double)phi[0], (double)phi[1],
          (double)phi[2], (double)phi[3], (double)phi[4]);
}

static void check_no_rows(driver *d) {
    float dstarts[2] = {3, 3}, dends[2] = {3, 3};
    for (int accumulate = 1; accumulate >= 0; accumulate--) {
        const int status = gatun_kan_window_basis_backward(d->context, 0, 0, 2, 0, 1, GATUN_F32, 0, 1, NULL, 2, NULL, 1,
                                                           NULL, NULL, NULL, 1, dstarts, dends, accumulate, NULL, 0);
        CHECK(status == GATUN_OK && dstarts[1] == (accumulate ? 3.0f : 0.0f) && dends[0] == dstarts[1],
              "accumulate %d, no rows: status %d, %g %g", accumulate, status, (double)dstarts[1], (double)dends[0]);
    }
}

static void check_threads(driver *d) {
    window_case t = plain_case(0, 0, GATUN_F32, 300, 70);
    for (t.per_column = 0; t.per_column <= 1; t.per_column++) {
        unsigned char *one[OPERANDS] = {NULL};
        for (int threads = 1; threads <= 3; threads++) {
            gatun_context *context = level_open(d->isa, threads);
            prepare(d, &t);
            CHECK(forward(d, context, &t, NULL, 0) == GATUN_OK && backward(d, context, &t, NULL, 0) == GATUN_OK,
                  "a call failed");
            for (int k = PHI; k < OPERANDS; k++) {
                const guarded *memory = &d->all[k].memory;
                if (threads == 1) {
                    one[k] = malloc(memory->bytes);
                    memcpy(one[k], memory->data, memory->bytes);
                }
                CHECK(memcmp(one[k], memory->data, memory->bytes) == 0,
                      "%s at level %s: bits differ between 1 and %d threads", operand_names[k], gatun_isa_name(d->isa),
                      threads);
            }
            gatun_context_destroy(context);
        }
        for (int k = 0; k < OPERANDS; k++) {
            free(one[k]);
        }
    }
}

int main(int argc, char **argv) {
    setenv("GATUN_THREADS", "8", 1); /* as many as asked for, whatever this machine has */
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    static case_file files[2];
    cases_read(argv[1], "kan_window_basis", &files[0]);
    cases_read(argv[1], "kan_window_basis_backward", &files[1]);
    check_differences();
    int levels[LEVELS_MAX];
    const int count = levels_of("kan_window_basis", levels);
    CHECK(levels_of("kan_window_basis_backward", levels) == count, "not the same levels");
    for (int i = 0; i < count; i++) {
        driver d = {.isa = levels[i], .reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0};
        d.context = level_open(levels[i], 1);
        d.bound[0] = files[0].bound[GATUN_F32];
        d.bound[1] = files[1].bound[GATUN_F32];
        check_all(&d);
        check_peak(&d);
        check_no_rows(&d);
        check_threads(&d);
        check_note("%s: greatest errors %.3g forward, %.3g backward", gatun_isa_name(levels[i]), d.error[0],
                   d.error[1]);
        gatun_context_destroy(d.context);
        for (int k = 0; k < OPERANDS; k++) {
            guarded_release(&d.all[k].memory);
            free(d.all[k].copy);
        }
    }
    return check_finish(argv[0]);
}
