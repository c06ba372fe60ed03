/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bases of KAN layers at every level against double precision: shapes, strides, alignments and guard pages, all
 * degrees and grids, knots and saturation, special values, gradients against finite differences, the same bits for every
 * number of threads.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "check.h"
#include "fp_state.h"
#include "guarded.h"
#include "kan_reference.h"
#include "levels.h"
#include "values.h"

typedef struct basis_case {
    kan_description basis;
    int dtype, in_place;
    long long rows, columns, x_gap, phi_gap;
    enum placement placement;
    size_t offset; /* elements */
    double base, scale;
    uint64_t seed;
    int exact_knots;     /* float32 tells on which side of a knot x lies */
    const float *values; /* of x, repeated; or NULL for noise */
    int value_count;
} basis_case;

typedef struct driver {
    int isa, reduced;
    gatun_context *context;
    case_file files[2];
    guarded x, phi, dx;
    unsigned char *copies[3];
    double error[2]; /* forward, backward, float32 */
} driver;

/* An operand in guarded memory. */
typedef struct operand {
    void *data;
    long long stride;
} operand;

static size_t bytes_of(const basis_case *t, long long width, long long stride) {
    return (size_t)((t->rows - 1) * stride + width) * dtype_bytes(t->dtype);
}

static operand place(guarded *memory, const basis_case *t, long long width, long long gap) {
    const size_t offset = t->placement == PLACE_BEGIN ? t->offset * dtype_bytes(t->dtype) : 0;
    const size_t bytes = bytes_of(t, width, width + gap);
    return (operand){guarded_place(memory, bytes, dtype_bytes(t->dtype), t->placement, offset), width + gap};
}

static void keep(driver *d, int index, const guarded *memory) {
    free(d->copies[index]);
    d->copies[index] = malloc(memory->bytes);
    memcpy(d->copies[index], memory->data, memory->bytes);
}

/* Whether nothing but [rows, width] of an operand has changed, and nothing at all of one that is read. */
static int intact(driver *d, int index, const guarded *memory, const basis_case *t, long long width, long long stride,
                  int written) {
    const size_t element = dtype_bytes(t->dtype);
    for (long long row = 0; written && row < t->rows; row++) {
        memcpy(d->copies[index] + (size_t)(row * stride) * element, memory->data + (size_t)(row * stride) * element,
               (size_t)width * element);
    }
    return guarded_margins_intact(memory) && memcmp(d->copies[index], memory->data, memory->bytes) == 0;
}

/* The error in units of 2^-23 * scale beyond the rounding to a 16-bit type. */
static double error_of(int dtype, double got, double expected, double scale) {
    if (isnan(expected) || isnan(got)) {
        return isnan(expected) && isnan(got) ? 0 : (double)INFINITY;
    }
    if (got == dtype_round(dtype, expected)) {
        return 0;
    }
    double distance = fabs(got - expected);
    if (dtype != GATUN_F32) {
        const double last_place =
            fmax(fabs(expected) * (dtype == GATUN_BF16 ? 0x1p-8 : 0x1p-11), dtype == GATUN_BF16 ? 0x1p-134 : 0x1p-25);
        distance = fmax(distance - last_place, 0);
    }
    return distance / (0x1p-23 * scale);
}

static int forward(gatun_context *context, const basis_case *t, operand x, operand phi, char *message, long long room) {
    const kan_description *b = &t->basis;
    return gatun_kan_basis(context, b->basis, b->functions, b->degree, b->low, b->high, b->base, t->dtype, t->rows,
                           t->columns, x.data, x.stride, phi.data, phi.stride, message, room);
}

static int backward(gatun_context *context, const basis_case *t, operand dphi, operand x, operand dx, char *message,
                    long long room) {
    const kan_description *b = &t->basis;
    return gatun_kan_basis_backward(context, b->basis, b->functions, b->degree, b->low, b->high, b->base, t->dtype,
                                    t->rows, t->columns, dphi.data, dphi.stride, x.data, x.stride, dx.data, dx.stride,
                                    message, room);
}

static void fill(const basis_case *t, operand x, long long width, double base, double scale, uint64_t *random) {
    for (long long row = 0; row < t->rows; row++) {
        for (long long j = 0; j < width; j++) {
            dtype_store(t->dtype, x.data, row * x.stride + j, base + scale * random_bell(random));
        }
    }
}

static void describe(char *what, size_t room, const driver *d, const basis_case *t, const char *direction) {
    snprintf(what, room, "%s %s %s %s: [%lld, %lld], %d functions, degree %d, base %d, grid %g to %g", direction,
             gatun_isa_name(d->isa), dtype_name(t->dtype), kan_basis_name(t->basis.basis), t->rows, t->columns,
             t->basis.functions, t->basis.degree, t->basis.base, (double)t->basis.low, (double)t->basis.high);
}

static operand make_x(driver *d, const basis_case *t, uint64_t *random) {
    const operand x = place(&d->x, t, t->columns, t->x_gap);
    fill(t, x, t->columns, t->base, t->scale, random);
    for (long long i = 0; t->values && i < t->rows * t->columns; i++) {
        dtype_store(t->dtype, x.data, i / t->columns * x.stride + i % t->columns,
                    (double)t->values[i % t->value_count]);
    }
    keep(d, 0, &d->x);
    return x;
}

static void check_forward(driver *d, const basis_case *t, double bound) {
    const int all = t->basis.functions + t->basis.base;
    uint64_t random = t->seed;
    char what[256], message[256] = "untouched";
    describe(what, sizeof what, d, t, "forward");
    const operand x = make_x(d, t, &random), phi = place(&d->phi, t, all * t->columns, t->phi_gap);
    keep(d, 1, &d->phi);
    const fp_state before = fp_state_read();
    const int status = forward(d->context, t, x, phi, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    int good = 1;
    for (long long i = 0; i < t->rows * t->columns * all && good; i++) {
        const long long row = i / (t->columns * all), m = i / t->columns % all, column = i % t->columns;
        const double value = dtype_load(t->dtype, x.data, row * x.stride + column);
        const double expected = kan_function(&t->basis, (int)m, value);
        const double got = dtype_load(t->dtype, phi.data, row * phi.stride + m * t->columns + column);
        const double error = error_of(t->dtype, got, expected, 1 + fabs(expected));
        if (t->dtype == GATUN_F32 && error > d->error[0]) {
            d->error[0] = error;
        }
        good = CHECK(error <= bound, "%s: phi[%lld, %lld, %lld] of %.9g is %.9g, not %.17g: %.3g units", what, row, m,
                     column, value, got, expected, error);
    }
    CHECK(intact(d, 0, &d->x, t, t->columns, x.stride, 0) && intact(d, 1, &d->phi, t, all * t->columns, phi.stride, 1),
          "%s: other memory was written", what);
}

static void check_backward(driver *d, const basis_case *t, double bound) {
    const int all = t->basis.functions + t->basis.base;
    uint64_t random = t->seed;
    char what[256], message[256] = "untouched";
    describe(what, sizeof what, d, t, "backward");
    const operand x = make_x(d, t, &random), dphi = place(&d->phi, t, all * t->columns, t->phi_gap);
    operand dx = place(&d->dx, t, t->columns, t->phi_gap);
    fill(t, dphi, all * t->columns, 0, 1, &random);
    keep(d, 1, &d->phi);
    keep(d, 2, &d->dx);
    if (t->in_place) {
        dx = x;
    }
    const fp_state before = fp_state_read();
    const int status = backward(d->context, t, dphi, x, dx, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    int good = 1;
    for (long long i = 0; i < t->rows * t->columns && good; i++) {
        const long long row = i / t->columns, column = i % t->columns;
        const double value = dtype_load(t->dtype, d->copies[0], row * x.stride + column);
        double expected = 0, scale = 0;
        for (int m = 0; m < all; m++) {
            const double upstream = dtype_load(t->dtype, dphi.data, row * dphi.stride + m * t->columns + column);
            const double slope = kan_slope(&t->basis, m, value);
            expected += upstream * slope;
            scale += fabs(upstream) * (fabs(slope) + kan_slope_scale(&t->basis, m, value));
        }
        const double got = dtype_load(t->dtype, dx.data, row * dx.stride + column);
        const double error = error_of(t->dtype, got, expected, scale);
        if (!t->exact_knots && kan_is_jump(&t->basis, value)) {
            continue;
        }
        if (t->dtype == GATUN_F32 && error > d->error[1]) {
            d->error[1] = error;
        }
        good = CHECK(error <= bound, "%s: dx[%lld, %lld] at %.9g is %.9g, not %.17g: %.3g units", what, row, column,
                     value, got, expected, error);
    }
    CHECK(intact(d, 0, &d->x, t, t->columns, x.stride, t->in_place) &&
              intact(d, 1, &d->phi, t, all * t->columns, dphi.stride, 0) &&
              intact(d, 2, &d->dx, t, t->columns, dx.stride, !t->in_place),
          "%s: other memory was written", what);
}

static void check_both(driver *d, const basis_case *t) {
    check_forward(d, t, d->files[0].bound[GATUN_F32]);
    check_backward(d, t, d->files[1].bound[GATUN_F32]);
}

static basis_case plain_case(int basis, int dtype, long long rows, long long columns) {
    return (basis_case){.basis = {.basis = basis, .degree = 3, .functions = 8, .low = -1, .high = 1},
                        .dtype = dtype,
                        .rows = rows,
                        .columns = columns,
                        .placement = PLACE_END,
                        .scale = 1,
                        .seed = (uint64_t)(rows * 10007 + columns)};
}

static void check_variants(driver *d, long long rows, long long columns, int count, uint64_t *random) {
    static const float lows[] = {-1, -1.5f, 0, -7, 1000}, widths[] = {2, 3, 1, 13, 0.37f};
    for (int variant = 0; variant < count; variant++) {
        const uint64_t bits = random_bits(random);
        basis_case t = plain_case((int)(bits % 5), (int)(bits / 5 % 3), rows, columns);
        t.basis.degree = 1 + (int)(bits >> 8 & 7) % 5;
        t.basis.functions = t.basis.basis == GATUN_KAN_BSPLINE ? t.basis.degree + 1 + (int)(bits >> 12 & 7)
                                                               : 2 + 2 * (int)(bits >> 12 & 3);
        t.basis.base = (int)(bits >> 16 & 1);
        const int grid = (int)(bits >> 17 & 7) % 5;
        t.basis.low = lows[grid];
        t.basis.high = lows[grid] + widths[grid];
        t.x_gap = (long long)(bits >> 20 & 1) * 5;
        t.phi_gap = (long long)(bits >> 21 & 1) * 7;
        t.placement = bits >> 22 & 1 ? PLACE_BEGIN : PLACE_END;
        t.offset = bits >> 23 & 15;
        const int has_grid = t.basis.basis != GATUN_KAN_CHEBYSHEV && t.basis.basis != GATUN_KAN_FOURIER;
        t.base = has_grid ? (double)lows[grid] + (double)widths[grid] / 2 : 0;
        t.scale = has_grid ? (double)widths[grid] / 2 : bits >> 27 & 1 ? 1 : 4;
        t.seed = bits;
        /* x far from 0 is coarse against the grid, and so is every result. */
        if (!has_grid || t.base < 100 || t.dtype == GATUN_F32) {
            check_forward(d, &t, d->files[0].bound[GATUN_F32]);
            t.in_place = (int)(bits >> 28 & 1);
            check_backward(d, &t, d->files[1].bound[GATUN_F32]);
        }
    }
}

static void check_shapes(driver *d) {
    static const long long rows[] = {1, 2, 3, 5}, more[] = {127, 128, 129, 1000, 1025};
    uint64_t random = 7;
    for (long long columns = 1; columns <= 40; columns++) {
        check_variants(d, rows[columns % 4], columns, d->reduced ? 6 : 40, &random);
    }
    for (size_t c = 0; c < sizeof more / sizeof *more; c++) {
        check_variants(d, rows[c % 4], more[c], d->reduced ? 5 : 20, &random);
    }
    for (int f = 0; f < 2; f++) {
        for (int i = 0; i < d->files[f].count; i++) {
            const shape_case *shape = &d->files[f].cases[i];
            if (shape->uses & CASE_CHECK) {
                check_variants(d, shape->rows, shape->columns, 2, &random);
            }
        }
    }
}

/* Knots and their neighbours, the ends of the grid and of its extension, saturation, and what is no number. */
static void check_values(driver *d) {
    static const float values[] = {-2.2f, -1.8f, -1.4f, -1,     -0.6f,   -0.2f, 0.2f,    0.6f,     1,  1.4f, 1.8f,
                                   2.2f,  0,     -0.0f, 1e-45f, -1e-38f, 9,     -9,      9.5f,     20, -44,  60,
                                   -88,   100,   -104,  1e4f,   -1e6f,   1e30f, FLT_MAX, -FLT_MAX, NAN};
    static const float ends[] = {INFINITY, -INFINITY, 3, NAN};
    enum { VALUES = sizeof values / sizeof *values };
    float all[3 * VALUES];
    for (int i = 0; i < VALUES; i++) {
        all[3 * i] = nextafterf(values[i], -INFINITY);
        all[3 * i + 1] = values[i];
        all[3 * i + 2] = nextafterf(values[i], INFINITY);
    }
    for (int basis = GATUN_KAN_BSPLINE; basis <= GATUN_KAN_WAVELET; basis++) {
        for (int degree = 1; degree <= (basis == GATUN_KAN_BSPLINE ? 5 : 1); degree++) {
            for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
                basis_case t = plain_case(basis, dtype, 1, 3 * VALUES);
                t.basis.degree = degree;
                t.basis.functions = basis == GATUN_KAN_BSPLINE ? 5 + degree : 6;
                t.basis.base = 1;
                t.values = all;
                t.value_count = 3 * VALUES;
                check_forward(d, &t, d->files[0].bound[GATUN_F32]);
                if (basis != GATUN_KAN_FOURIER) {
                    t.values = ends;
                    t.value_count = 4;
                    t.columns = 9;
                    check_forward(d, &t, d->files[0].bound[GATUN_F32]);
                    if (degree > 1 || basis != GATUN_KAN_BSPLINE) {
                        check_backward(d, &t, d->files[1].bound[GATUN_F32]);
                    }
                }
            }
        }
    }
}

/* On knots that float32 holds exactly, the slope of degree 1 is that to their right. */
static void check_slopes_on_knots(driver *d) {
    static const float knots[] = {-2, -1, 0, 1, 2, -0.0f};
    basis_case t = plain_case(GATUN_KAN_BSPLINE, GATUN_F32, 1, 6);
    t.basis = (kan_description){.basis = GATUN_KAN_BSPLINE, .degree = 1, .functions = 5, .low = -2, .high = 2};
    t.exact_knots = 1;
    t.values = knots;
    t.value_count = 6;
    check_both(d, &t);
}

/* Central differences of what the forward pass gives: wide, since that is float32. */
static void check_differences(driver *d) {
    enum { COLUMNS = 61 };
    for (int basis = GATUN_KAN_BSPLINE; basis <= GATUN_KAN_WAVELET; basis++) {
        const kan_description b = {.basis = basis, .degree = 3, .base = 1, .functions = 8, .low = -2, .high = 2};
        for (int m = 0; m <= b.functions; m++) {
            for (int i = 0; i < COLUMNS; i++) {
                const double x = -3.07 + 0.1 * i, step = 1e-5;
                const double difference = (kan_function(&b, m, x + step) - kan_function(&b, m, x - step)) / (2 * step);
                CHECK(fabs(difference - kan_slope(&b, m, x)) <= 1e-7, "%s: slope %d at %g is %.9g, not %.9g",
                      kan_basis_name(basis), m, x, kan_slope(&b, m, x), difference);
            }
        }
    }
    (void)d;
}

static void check_threads(driver *d) {
    static const long long shapes[][2] = {{300, 70}, {7, 5000}, {4000, 3}, {1, 60000}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        basis_case t = plain_case((int)s, GATUN_F32, shapes[s][0], shapes[s][1]);
        t.basis.base = 1;
        unsigned char *one[2] = {NULL, NULL};
        for (int threads = 1; threads <= 3; threads++) {
            uint64_t random = 3;
            gatun_context *context = level_open(d->isa, threads);
            const operand x = make_x(d, &t, &random), phi = place(&d->phi, &t, 9 * t.columns, 0);
            const operand dx = place(&d->dx, &t, t.columns, 0);
            CHECK(forward(context, &t, x, phi, NULL, 0) == GATUN_OK &&
                      backward(context, &t, phi, x, dx, NULL, 0) == GATUN_OK,
                  "a call failed");
            const guarded *outputs[2] = {&d->phi, &d->dx};
            for (int k = 0; k < 2; k++) {
                if (threads == 1) {
                    one[k] = malloc(outputs[k]->bytes);
                    memcpy(one[k], outputs[k]->data, outputs[k]->bytes);
                }
                CHECK(memcmp(one[k], outputs[k]->data, outputs[k]->bytes) == 0,
                      "%s at level %s on [%lld, %lld]: bits differ between 1 and %d threads", k ? "dx" : "phi",
                      gatun_isa_name(d->isa), t.rows, t.columns, threads);
            }
            gatun_context_destroy(context);
        }
        free(one[0]);
        free(one[1]);
    }
}

int main(int argc, char **argv) {
    setenv("GATUN_THREADS", "8", 1); /* as many as asked for, whatever this machine has */
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    int levels[LEVELS_MAX];
    CHECK(levels_of("kan_basis_backward", levels) == levels_of("kan_basis", levels), "not the same levels");
    const int count = levels_of("kan_basis", levels);
    for (int i = 0; i < count; i++) {
        driver d = {.isa = levels[i], .reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0};
        d.context = level_open(levels[i], 1);
        cases_read(argv[1], "kan_basis", &d.files[0]);
        cases_read(argv[1], "kan_basis_backward", &d.files[1]);
        check_shapes(&d);
        check_values(&d);
        check_slopes_on_knots(&d);
        check_differences(&d);
        check_threads(&d);
        check_note("%s: greatest errors %.3g forward, %.3g backward", gatun_isa_name(levels[i]), d.error[0],
                   d.error[1]);
        gatun_context_destroy(d.context);
        guarded *all[] = {&d.x, &d.phi, &d.dx};
        for (int k = 0; k < 3; k++) {
            guarded_release(all[k]);
            free(d.copies[k]);
        }
    }
    return check_finish(argv[0]);
}
