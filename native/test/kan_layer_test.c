/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers of Kolmogorov-Arnold networks at every level against double precision: shapes around the tiles, strides,
 * alignments and guard pages, all bases and types, options left out, gradients against finite differences, the same bits
 * for every number of threads and every choice of rows.
 */
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

typedef struct layer_case {
    kan_description basis;
    int dtype, has_bias, wants_dx, wants_dweight, wants_dbias, accumulate;
    long long rows, columns, outputs, x_gap, y_gap;
    enum placement placement;
    size_t offset;
    uint64_t seed;
} layer_case;

enum { X, WEIGHT, BIAS, DY, Y, DX, DWEIGHT, DBIAS, OPERANDS };
static const char *const operand_names[OPERANDS] = {"x", "weight", "bias", "dy", "y", "dx", "dweight", "dbias"};

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
    case_file files[2];
    operand all[OPERANDS];
    double error[2];
} driver;

static int functions_of(const layer_case *t) {
    return t->basis.functions + t->basis.base;
}

static void place(driver *d, const layer_case *t, int which, int dtype, long long rows, long long width, long long gap,
                  uint64_t *random) {
    operand *o = &d->all[which];
    o->dtype = dtype;
    o->rows = rows;
    o->width = width;
    o->stride = width + gap;
    const size_t offset = t->placement == PLACE_BEGIN ? t->offset * dtype_bytes(dtype) : 0;
    const size_t bytes = (size_t)((rows - 1) * o->stride + width) * dtype_bytes(dtype);
    o->data = guarded_place(&o->memory, bytes, dtype_bytes(dtype), t->placement, offset);
    for (long long i = 0; random && i < rows * width; i++) {
        dtype_store(dtype, o->data, i / width * o->stride + i % width, random_bell(random));
    }
    free(o->copy);
    o->copy = malloc(bytes);
    memcpy(o->copy, o->data, bytes);
}

static void prepare(driver *d, const layer_case *t) {
    uint64_t random = t->seed;
    const long long weights = functions_of(t) * t->outputs;
    place(d, t, X, t->dtype, t->rows, t->columns, t->x_gap, &random);
    place(d, t, WEIGHT, GATUN_F32, t->columns, weights, 0, &random);
    place(d, t, BIAS, GATUN_F32, 1, t->outputs, 0, &random);
    place(d, t, DY, t->dtype, t->rows, t->outputs, t->y_gap, &random);
    place(d, t, Y, t->dtype, t->rows, t->outputs, t->y_gap, NULL);
    place(d, t, DX, t->dtype, t->rows, t->columns, t->x_gap, NULL);
    uint64_t *before = t->accumulate ? &random : NULL;
    place(d, t, DWEIGHT, GATUN_F32, t->columns, weights, 0, before);
    place(d, t, DBIAS, GATUN_F32, 1, t->outputs, 0, before);
}

static int forward(driver *d, gatun_context *context, const layer_case *t, char *message, long long room) {
    const kan_description *b = &t->basis;
    return gatun_kan_layer(context, b->basis, b->functions, b->degree, b->low, b->high, b->base, t->dtype, t->rows,
                           t->columns, t->outputs, d->all[X].data, d->all[X].stride, d->all[WEIGHT].data,
                           t->has_bias ? d->all[BIAS].data : NULL, d->all[Y].data, d->all[Y].stride, message, room);
}

static int backward(driver *d, gatun_context *context, const layer_case *t, char *message, long long room) {
    const kan_description *b = &t->basis;
    return gatun_kan_layer_backward(
        context, b->basis, b->functions, b->degree, b->low, b->high, b->base, t->dtype, t->rows, t->columns, t->outputs,
        d->all[DY].data, d->all[DY].stride, d->all[X].data, d->all[X].stride, t->wants_dx ? d->all[WEIGHT].data : NULL,
        t->wants_dx ? d->all[DX].data : NULL, d->all[DX].stride, t->wants_dweight ? d->all[DWEIGHT].data : NULL,
        t->wants_dbias ? d->all[DBIAS].data : NULL, t->accumulate, message, room);
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
    return distance == 0 ? 0 : distance / (0x1p-23 * scale);
}

static double load(const driver *d, int which, long long row, long long column) {
    return dtype_load(d->all[which].dtype, d->all[which].data, row * d->all[which].stride + column);
}

static void describe(char *what, size_t room, const driver *d, const layer_case *t, const char *direction) {
    snprintf(what, room, "%s %s %s %s: [%lld, %lld] to %lld, %d functions, degree %d, base %d", direction,
             gatun_isa_name(d->isa), dtype_name(t->dtype), kan_basis_name(t->basis.basis), t->rows, t->columns,
             t->outputs, t->basis.functions, t->basis.degree, t->basis.base);
}

static void check_intact(driver *d, const char *what, int first_output, const int *wanted, int count) {
    for (int k = 0; k < OPERANDS; k++) {
        operand *o = &d->all[k];
        int written = 0;
        for (int i = 0; i < count; i++) {
            written = written || (wanted[i] && k == first_output + i);
        }
        const size_t element = dtype_bytes(o->dtype);
        for (long long row = 0; written && row < o->rows; row++) {
            const size_t at = (size_t)(row * o->stride) * element;
            memcpy(o->copy + at, o->memory.data + at, (size_t)o->width * element);
        }
        CHECK(guarded_margins_intact(&o->memory) && memcmp(o->copy, o->memory.data, o->memory.bytes) == 0,
              "%s: memory of %s was written", what, operand_names[k]);
    }
}

/* phi of every element, and its slope where it is wanted: [rows, columns, functions]. */
static double *functions_at(const driver *d, const layer_case *t, double (*of)(const kan_description *, int, double)) {
    const int width = functions_of(t);
    double *values = malloc((size_t)(t->rows * t->columns * width) * sizeof *values);
    for (long long i = 0; i < t->rows * t->columns; i++) {
        for (int m = 0; m < width; m++) {
            values[i * width + m] = of(&t->basis, m, load(d, X, i / t->columns, i % t->columns));
        }
    }
    return values;
}

static int note(driver *d, int direction, int dtype, double error, double bound) {
    if (dtype == GATUN_F32 && error > d->error[direction]) {
        d->error[direction] = error;
    }
    return error <= bound;
}

static void check_forward(driver *d, const layer_case *t) {
    char what[256], message[256] = "untouched";
    const double bound = d->files[0].bound[t->dtype];
    describe(what, sizeof what, d, t, "forward");
    prepare(d, t);
    const fp_state before = fp_state_read();
    const int status = forward(d, d->context, t, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    double *phi = functions_at(d, t, kan_function);
    const long long terms = t->columns * functions_of(t);
    int good = 1;
    for (long long i = 0; i < t->rows * t->outputs && good; i++) {
        const long long row = i / t->outputs, o = i % t->outputs;
        double expected = t->has_bias ? load(d, BIAS, 0, o) : 0, scale = fabs(expected);
        for (long long k = 0; k < terms; k++) {
            const double weight = dtype_load(GATUN_F32, d->all[WEIGHT].data, k * t->outputs + o);
            expected += phi[row * terms + k] * weight;
            scale += (1 + fabs(phi[row * terms + k])) * fabs(weight);
        }
        const double got = load(d, Y, row, o), error = error_of(t->dtype, got, expected, scale);
        good = CHECK(note(d, 0, t->dtype, error, bound), "%s: y[%lld, %lld] is %.9g, not %.17g: %.3g units", what, row,
                     o, got, expected, error);
    }
    free(phi);
    check_intact(d, what, Y, (const int[]){1}, 1);
}

static void check_input_gradient(driver *d, const layer_case *t, const char *what) {
    const int width = functions_of(t);
    double *slopes = functions_at(d, t, kan_slope), *scales = functions_at(d, t, kan_slope_scale);
    int good = 1;
    for (long long i = 0; i < t->rows * t->columns && good; i++) {
        const long long row = i / t->columns, column = i % t->columns;
        double expected = 0, scale = 0;
        for (int m = 0; m < width; m++) {
            double dphi = 0, magnitude = 0;
            for (long long o = 0; o < t->outputs; o++) {
                const double weight = dtype_load(GATUN_F32, d->all[WEIGHT].data, (column * width + m) * t->outputs + o);
                dphi += load(d, DY, row, o) * weight;
                magnitude += fabs(load(d, DY, row, o) * weight);
            }
            expected += dphi * slopes[i * width + m];
            scale += magnitude * (fabs(slopes[i * width + m]) + scales[i * width + m]);
        }
        if (kan_is_jump(&t->basis, load(d, X, row, column))) {
            continue;
        }
        const double got = load(d, DX, row, column), error = error_of(t->dtype, got, expected, scale);
        good = CHECK(note(d, 1, t->dtype, error, d->files[1].bound[GATUN_F32]),
                     "%s: dx[%lld, %lld] is %.9g, not %.17g: %.3g units", what, row, column, got, expected, error);
    }
    free(slopes);
    free(scales);
}

static void check_weight_gradient(driver *d, const layer_case *t, const char *what) {
    const long long terms = t->columns * functions_of(t);
    double *phi = functions_at(d, t, kan_function);
    int good = 1;
    for (long long i = 0; i < (terms + 1) * t->outputs && good; i++) {
        const long long k = i / t->outputs, o = i % t->outputs;
        const int which = k == terms ? DBIAS : DWEIGHT;
        if (!(k == terms ? t->wants_dbias : t->wants_dweight)) {
            continue;
        }
        const long long at = k == terms ? o : i;
        double expected = t->accumulate ? dtype_load(GATUN_F32, d->all[which].copy, at) : 0, scale = fabs(expected);
        for (long long row = 0; row < t->rows; row++) {
            const double function = k == terms ? 1 : phi[row * terms + k];
            expected += load(d, DY, row, o) * function;
            scale += fabs(load(d, DY, row, o)) * (1 + fabs(function));
        }
        const double got = dtype_load(GATUN_F32, d->all[which].data, at);
        const double error = error_of(GATUN_F32, got, expected, scale);
        good = CHECK(note(d, 1, t->dtype, error, d->files[1].bound[GATUN_F32]),
                     "%s: %s[%lld, %lld] is %.9g, not %.17g: %.3g units", what, operand_names[which], k, o, got,
                     expected, error);
    }
    free(phi);
}

static void check_backward(driver *d, const layer_case *t) {
    char what[256], message[256] = "untouched";
    describe(what, sizeof what, d, t, "backward");
    prepare(d, t);
    const fp_state before = fp_state_read();
    const int status = backward(d, d->context, t, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    if (t->wants_dx) {
        check_input_gradient(d, t, what);
    }
    check_weight_gradient(d, t, what);
    check_intact(d, what, DX, (const int[]){t->wants_dx, t->wants_dweight, t->wants_dbias}, 3);
}

static layer_case plain_case(int basis, int dtype, long long rows, long long columns, long long outputs) {
    return (layer_case){.basis = {.basis = basis, .degree = 3, .base = 1, .functions = 8, .low = -1, .high = 1},
                        .dtype = dtype,
                        .has_bias = 1,
                        .wants_dx = 1,
                        .wants_dweight = 1,
                        .wants_dbias = 1,
                        .rows = rows,
                        .columns = columns,
                        .outputs = outputs,
                        .placement = PLACE_END,
                        .seed = (uint64_t)(rows * 10007 + columns)};
}

static void check_variants(driver *d, long long rows, long long columns, long long outputs, int count,
                           uint64_t *random) {
    for (int variant = 0; variant < count; variant++) {
        const uint64_t bits = random_bits(random);
        layer_case t = plain_case((int)(bits % 5), (int)(bits / 5 % 3), rows, columns, outputs);
        t.basis.degree = 1 + (int)(bits >> 8 & 7) % 5;
        t.basis.functions = t.basis.basis == GATUN_KAN_BSPLINE ? t.basis.degree + 1 + (int)(bits >> 12 & 7)
                                                               : 2 + 2 * (int)(bits >> 12 & 3);
        t.basis.base = (int)(bits >> 16 & 1);
        t.has_bias = (int)(bits >> 17 & 1);
        t.wants_dx = (bits >> 18 & 3) != 0;
        t.wants_dweight = (bits >> 20 & 3) != 0;
        t.wants_dbias = (int)(bits >> 22 & 1);
        t.accumulate = (int)(bits >> 23 & 1);
        t.x_gap = (long long)(bits >> 24 & 1) * 5;
        t.y_gap = (long long)(bits >> 25 & 1) * 7;
        t.placement = bits >> 26 & 1 ? PLACE_BEGIN : PLACE_END;
        t.offset = bits >> 27 & 15;
        t.seed = bits;
        check_forward(d, &t);
        check_backward(d, &t);
    }
}

static void check_shapes(driver *d) {
    static const long long rows[] = {1, 2, 3, 4, 5, 31, 33}, columns[] = {1, 2, 3, 13, 15, 16, 29};
    static const long long outputs[] = {1, 2, 7, 8, 9, 23, 24, 25, 47, 49, 191, 192, 193, 200};
    uint64_t random = 7;
    for (int i = 0; i < 14; i++) {
        for (int j = 0; j < 7; j++) {
            check_variants(d, rows[(i + j) % 7], columns[j], outputs[i], d->reduced ? 1 : 2, &random);
        }
    }
    check_variants(d, 97, 17, 30, d->reduced ? 1 : 10, &random);
    for (int i = 0; i < d->files[0].count; i++) {
        const shape_case *shape = &d->files[0].cases[i];
        if (shape->uses & CASE_CHECK && shape->rows * shape->columns < 10000) {
            check_variants(d, shape->rows, shape->columns, 16, 1, &random);
        }
    }
    /* As many functions as there can be: one column fills a tile. */
    layer_case t = plain_case(GATUN_KAN_BSPLINE, GATUN_F32, 5, 3, 10);
    t.basis.functions = GATUN_KAN_MAX_FUNCTIONS;
    check_forward(d, &t);
    check_backward(d, &t);
}

/* Without rows, gradients of weights are 0, or what they were. */
static void check_no_rows(driver *d) {
    for (int accumulate = 0; accumulate <= 1; accumulate++) {
        float dweight[18] = {3, 3, 3}, dbias[2] = {5, 5};
        const int status =
            gatun_kan_layer_backward(d->context, GATUN_KAN_BSPLINE, 8, 3, -1, 1, 1, GATUN_F32, 0, 1, 2, NULL, 2, NULL,
                                     1, NULL, NULL, 1, dweight, dbias, accumulate, NULL, 0);
        CHECK(status == GATUN_OK && dweight[0] == (accumulate ? 3.0f : 0.0f) && dbias[1] == (accumulate ? 5.0f : 0.0f),
              "accumulate %d, no rows: status %d, dweight %g, dbias %g", accumulate, status, (double)dweight[0],
              (double)dbias[1]);
    }
    CHECK(gatun_kan_layer(d->context, GATUN_KAN_BSPLINE, 8, 3, -1, 1, 1, GATUN_F32, 0, 1, 2, NULL, 1, NULL, NULL, NULL,
                          2, NULL, 0) == GATUN_OK,
          "no rows are no work");
}

/* A row by itself, in another batch, and with other threads: the same bits. */
static void check_bits(driver *d) {
    static const long long shapes[][3] = {{100, 70, 30}, {40, 33, 400}, {3, 300, 200}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        layer_case t = plain_case((int)s, GATUN_F32, shapes[s][0], shapes[s][1], shapes[s][2]);
        unsigned char *one[OPERANDS] = {NULL};
        for (int threads = 1; threads <= 3; threads++) {
            gatun_context *context = level_open(d->isa, threads);
            prepare(d, &t);
            CHECK(forward(d, context, &t, NULL, 0) == GATUN_OK && backward(d, context, &t, NULL, 0) == GATUN_OK,
                  "a call failed");
            for (int k = Y; k < OPERANDS; k++) {
                const guarded *memory = &d->all[k].memory;
                if (threads == 1) {
                    one[k] = malloc(memory->bytes);
                    memcpy(one[k], memory->data, memory->bytes);
                }
                CHECK(memcmp(one[k], memory->data, memory->bytes) == 0,
                      "%s at level %s on [%lld, %lld] to %lld: bits differ between 1 and %d threads", operand_names[k],
                      gatun_isa_name(d->isa), t.rows, t.columns, t.outputs, threads);
            }
            gatun_context_destroy(context);
        }
        for (long long row = 0; row < t.rows; row += 2) {
            float y[400];
            const kan_description *b = &t.basis;
            gatun_kan_layer(d->context, b->basis, b->functions, b->degree, b->low, b->high, b->base, GATUN_F32, 1,
                            t.columns, t.outputs, (const float *)d->all[X].data + row * t.columns, t.columns,
                            d->all[WEIGHT].data, d->all[BIAS].data, y, t.outputs, NULL, 0);
            CHECK(memcmp(y, one[Y] + (size_t)(row * t.outputs) * sizeof *y, (size_t)t.outputs * sizeof *y) == 0,
                  "level %s: row %lld by itself has other bits", gatun_isa_name(d->isa), row);
        }
        for (int k = Y; k < OPERANDS; k++) {
            free(one[k]);
        }
    }
}

int main(int argc, char **argv) {
    setenv("GATUN_THREADS", "8", 1); /* as many as asked for, whatever this machine has */
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    int levels[LEVELS_MAX];
    CHECK(levels_of("kan_layer_backward", levels) == levels_of("kan_layer", levels), "not the same levels");
    const int count = levels_of("kan_layer", levels);
    for (int i = 0; i < count; i++) {
        driver d = {.isa = levels[i], .reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0};
        d.context = level_open(levels[i], 1);
        cases_read(argv[1], "kan_layer", &d.files[0]);
        cases_read(argv[1], "kan_layer_backward", &d.files[1]);
        check_shapes(&d);
        check_no_rows(&d);
        check_bits(&d);
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
