/* SPDX-License-Identifier: Apache-2.0 */
#include "element_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fp_state.h"
#include "values.h"

static guarded in_memory[ELEMENT_OPERANDS_MAX], out_memory[ELEMENT_OPERANDS_MAX];
static unsigned char *kept[ELEMENT_OPERANDS_MAX]; /* the inputs before the call */

static const double special_values[] = {0.0,  -0.0, INFINITY, -INFINITY, NAN,  1e-40, -1e-40, 1e-30, -1e-30, 3.0,
                                        -3.0, 6.0,  2.5,      -1.25,     0.75, -1.5,  1e4,    -1e4,  65504,  -65504};

/* The memory of an operand: that of a pair is one. */
typedef struct place {
    unsigned char *data;
    long long stride, first, step; /* elements */
} place;

static size_t elements_of(long long rows, long long width, long long stride) {
    return rows == 0 ? 0 : (size_t)((rows - 1) * stride + width);
}

static place place_operand(guarded *memory, const element_shape *s, long long stride, int pair, int second) {
    const size_t bytes = dtype_bytes(s->dtype);
    const long long width = pair ? 2 * s->columns : s->columns, distance = pair ? 2 * stride + 1 : stride;
    place p = {.stride = distance, .first = second, .step = pair ? 2 : 1};
    if (!second) {
        p.data = guarded_place(memory, elements_of(s->rows, width, distance) * bytes, bytes, s->placement, s->offset);
    }
    return p;
}

static long long index_of(const place *p, long long row, long long column) {
    return row * p->stride + p->first + column * p->step;
}

static void fill(const element_operation *o, const element_shape *s, const place *p, uint64_t *random, int operand) {
    for (long long row = 0; row < s->rows; row++) {
        for (long long column = 0; column < s->columns; column++) {
            double value = random_uniform(random, o->low, o->high);
            /* Special values in one operand at a time, so that every result has only one to follow. */
            if (random_bits(random) % 16 == 0 && (int)(column % o->inputs) == operand) {
                value = special_values[random_bits(random) % (sizeof special_values / sizeof special_values[0])];
            }
            dtype_store(s->dtype, p->data, index_of(p, row, column), value);
        }
    }
}

static double last_place(double value, int dtype) {
    const int digits = dtype == GATUN_BF16 ? 8 : 11, least = dtype == GATUN_BF16 ? -126 : -14;
    const int exponent = value != 0 && isfinite(value) && ilogb(value) > least ? ilogb(value) : least;
    return ldexp(1, exponent - (digits - 1));
}

/* The error in units of its bound. */
static double error_of(const element_operation *o, int dtype, double got, double want, double scale) {
    const double distance = fabs(got - want), unit = o->bound * 0x1p-23 * scale;
    if (isnan(want) || isnan(got)) {
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    }
    if (isinf(dtype_round(dtype, want)) || isinf(got)) {
        return got == dtype_round(dtype, want) ? 0 : INFINITY;
    }
    if (dtype == GATUN_F32 || distance <= unit) {
        return distance / unit;
    }
    return distance / last_place(want, dtype);
}

static void compare(const element_operation *o, const element_shape *s, const place *in, const place *out,
                    const char *label, void *results) {
    double worst = 0, at[ELEMENT_OPERANDS_MAX] = {0}, got_there = 0, wanted = 0;
    int output = 0;
    for (long long row = 0; row < s->rows; row++) {
        for (long long column = 0; column < s->columns; column++) {
            double values[ELEMENT_OPERANDS_MAX], want[ELEMENT_OPERANDS_MAX];
            double scale[ELEMENT_OPERANDS_MAX] = {NAN, NAN, NAN};
            for (int k = 0; k < o->inputs; k++) {
                const int owner = s->interleaved && k == o->inputs - 1 ? k - 1 : k;
                values[k] = dtype_load(s->dtype, kept[owner], index_of(&in[k], row, column));
            }
            o->define(o->form, values, want, scale);
            for (int k = 0; k < o->outputs; k++) {
                if (s->unwanted >> k & 1) {
                    continue;
                }
                const double got = dtype_load(s->dtype, out[k].data, index_of(&out[k], row, column));
                const double error =
                    error_of(o, s->dtype, got, want[k], isnan(scale[k]) ? 1 + fabs(want[k]) : scale[k]);
                if (error > worst) {
                    worst = error;
                    output = k;
                    memcpy(at, values, sizeof at);
                    got_there = got;
                    wanted = want[k];
                }
                if (results && k == 0) {
                    memcpy((unsigned char *)results + (size_t)(row * s->columns + column) * dtype_bytes(s->dtype),
                           out[k].data + (size_t)index_of(&out[k], row, column) * dtype_bytes(s->dtype),
                           dtype_bytes(s->dtype));
                }
            }
        }
    }
    CHECK(worst <= 1, "%s: output %d of %g, %g, %g is %.9g, expected %.9g: %.3g bounds", label, output, at[0], at[1],
          at[2], got_there, wanted, worst);
}

/* What lies between the rows of a result. */
static void check_gaps(const element_shape *s, const place *p, long long width, const char *label, int k) {
    const size_t bytes = dtype_bytes(s->dtype);
    int intact = 1;
    for (long long row = 0; row + 1 < s->rows && p->stride > width; row++) {
        intact &=
            guarded_is_canary(p->data + (size_t)(row * p->stride + width) * bytes, (size_t)(p->stride - width) * bytes);
    }
    CHECK(intact, "%s: output %d: what lies between the rows has changed", label, k);
}

void element_check(gatun_context *context, const element_operation *o, const element_shape *s, void *results) {
    static uint64_t random = 7;
    char label[256], message[256] = "";
    snprintf(label, sizeof label, "%s %s %s %s %lldx%lld@%lld,%lld%s in place %d%d%d", o->name,
             o->form ? o->form->name : "", gatun_isa_name(gatun_context_isa(context)), dtype_name(s->dtype), s->rows,
             s->columns, s->in_stride, s->out_stride, s->interleaved ? " interleaved" : "", s->in_place[0],
             s->in_place[1], s->in_place[2]);
    place in[ELEMENT_OPERANDS_MAX], out[ELEMENT_OPERANDS_MAX];
    element_operand in_operands[ELEMENT_OPERANDS_MAX], out_operands[ELEMENT_OPERANDS_MAX];
    const size_t bytes = dtype_bytes(s->dtype);
    for (int k = 0; k < o->inputs; k++) {
        const int pair = s->interleaved && k >= o->inputs - 2, second = pair && k == o->inputs - 1;
        in[k] = place_operand(&in_memory[k], s, s->in_stride, pair, second);
        in[k].data = second ? in[k - 1].data : in[k].data;
        fill(o, s, &in[k], &random, k);
        in_operands[k] = (element_operand){in[k].data + (size_t)in[k].first * bytes, in[k].stride};
    }
    for (int k = 0; k < o->inputs; k++) {
        kept[k] = realloc(kept[k], in_memory[k].bytes + 1);
        if (!kept[k]) {
            check_abandon("no memory for the inputs");
        }
        if (in_memory[k].data) {
            memcpy(kept[k], in_memory[k].data, in_memory[k].bytes);
        }
    }
    for (int k = 0; k < o->outputs; k++) {
        const int pair = s->interleaved && o->outputs > 1 && k < 2, second = pair && k == 1;
        if (s->in_place[k]) {
            out[k] = in[s->in_place[k] - 1];
        } else {
            out[k] = place_operand(&out_memory[k], s, s->out_stride, pair, second);
            out[k].data = second ? out[0].data : out[k].data;
        }
        out_operands[k] = (element_operand){out[k].data + (size_t)out[k].first * bytes, out[k].stride};
        if (s->unwanted >> k & 1) {
            out_operands[k].data = NULL;
        }
    }
    const fp_state before = fp_state_read();
    const int status = o->call(context, o, s, in_operands, out_operands, message, sizeof message);
    const fp_state after = fp_state_read();
    if (!CHECK(status == GATUN_OK, "%s: status %d: %s", label, status, message)) {
        return;
    }
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point modes have changed", label);
    compare(o, s, in, out, label, results);
    for (int k = 0; k < o->inputs; k++) {
        int overwritten = 0;
        for (int output = 0; output < o->outputs; output++) {
            overwritten |= s->in_place[output] && in[s->in_place[output] - 1].data == in[k].data;
        }
        const int second = s->interleaved && k == o->inputs - 1;
        if (!second) {
            CHECK(overwritten || memcmp(kept[k], in_memory[k].data, in_memory[k].bytes) == 0,
                  "%s: input %d has changed", label, k);
            CHECK(guarded_margins_intact(&in_memory[k]), "%s: something was written around input %d", label, k);
        }
    }
    for (int k = 0; k < o->outputs; k++) {
        const int pair = s->interleaved && o->outputs > 1 && k < 2, second = pair && k == 1;
        if (!s->in_place[k] && !second && !(s->unwanted >> k & 1)) {
            CHECK(guarded_margins_intact(&out_memory[k]), "%s: something was written around output %d", label, k);
            check_gaps(s, &out[k], pair ? 2 * s->columns : s->columns, label, k);
        }
    }
}

void element_release(void) {
    for (int k = 0; k < ELEMENT_OPERANDS_MAX; k++) {
        guarded_release(&in_memory[k]);
        guarded_release(&out_memory[k]);
        free(kept[k]);
        kept[k] = NULL;
    }
}
