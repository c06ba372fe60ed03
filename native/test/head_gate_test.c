/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "head_gate", "head_gate_backward": every level and storage type against the definition in double precision, with
 * strides, between guard pages, in place, with results left out, with gates inside a larger tensor, and with threads.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "check.h"
#include "gatun.h"
#include "guarded.h"
#include "levels.h"
#include "values.h"

enum { GATE, VALUE, DY, Y, DGATE, DVALUE, OPERANDS };

typedef struct gate_case {
    int dtype;
    long long tokens, heads, columns, gate_stride, in_stride, out_stride;
    enum placement placement;
} gate_case;

static guarded memory[OPERANDS];

static double sigma(double x) {
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static void *place(int operand, const gate_case *c, long long width, long long stride) {
    const size_t bytes = dtype_bytes(c->dtype);
    return guarded_place(&memory[operand], (size_t)((c->tokens - 1) * stride + width) * bytes, bytes, c->placement, 0);
}

static void fill(const gate_case *c, void *data, long long width, long long stride, uint64_t *random, double high) {
    for (long long token = 0; token < c->tokens; token++) {
        for (long long i = 0; i < width; i++) {
            dtype_store(c->dtype, data, token * stride + i, random_uniform(random, -high, high));
        }
    }
}

/* In units of 2^-23 * scale for float32; for 16-bit types of the last place, where float32 would not be off by more. */
static double error_of(int dtype, double got, double want, double scale) {
    const double distance = fabs(got - want), unit = 4 * 0x1p-23 * scale;
    if (!(distance > unit)) {
        return distance / unit;
    }
    const int digits = dtype == GATUN_BF16 ? 8 : 11, least = dtype == GATUN_BF16 ? -126 : -14;
    const int exponent = want != 0 && ilogb(want) > least ? ilogb(want) : least;
    return distance / (dtype == GATUN_F32 ? unit : ldexp(1, exponent - (digits - 1)));
}

static void check_results(const gate_case *c, const char *label) {
    double worst[3] = {0};
    for (long long token = 0; token < c->tokens; token++) {
        for (long long head = 0; head < c->heads; head++) {
            const double s = dtype_load(c->dtype, memory[GATE].data, token * c->gate_stride + head);
            double sum = 0, magnitudes = 0;
            for (long long j = 0; j < c->columns; j++) {
                const long long at = head * c->columns + j;
                const double v = dtype_load(c->dtype, memory[VALUE].data, token * c->in_stride + at);
                const double g = dtype_load(c->dtype, memory[DY].data, token * c->in_stride + at);
                const double y = dtype_load(c->dtype, memory[Y].data, token * c->out_stride + at);
                const double dvalue = dtype_load(c->dtype, memory[DVALUE].data, token * c->out_stride + at);
                worst[0] = fmax(worst[0], error_of(c->dtype, y, v * sigma(s), fabs(v)));
                worst[1] = fmax(worst[1], error_of(c->dtype, dvalue, g * sigma(s), fabs(g)));
                sum += g * v;
                magnitudes += fabs(g * v);
            }
            const double dgate = dtype_load(c->dtype, memory[DGATE].data, token * c->gate_stride + head);
            worst[2] = fmax(worst[2], error_of(c->dtype, dgate, sum * sigma(s) * sigma(-s), magnitudes));
        }
    }
    CHECK(worst[0] <= 1 && worst[1] <= 1 && worst[2] <= 1, "%s: y, dvalue and dgate are %.3g, %.3g and %.3g bounds off",
          label, worst[0], worst[1], worst[2]);
    for (int k = 0; k < OPERANDS; k++) {
        CHECK(guarded_margins_intact(&memory[k]), "%s: something was written around operand %d", label, k);
    }
}

static void run_case(gatun_context *context, const gate_case *c) {
    static uint64_t random = 17;
    const long long width = c->heads * c->columns;
    void *gate = place(GATE, c, c->heads, c->gate_stride), *value = place(VALUE, c, width, c->in_stride);
    void *dy = place(DY, c, width, c->in_stride), *y = place(Y, c, width, c->out_stride);
    void *dgate = place(DGATE, c, c->heads, c->gate_stride), *dvalue = place(DVALUE, c, width, c->out_stride);
    fill(c, gate, c->heads, c->gate_stride, &random, 8);
    fill(c, value, width, c->in_stride, &random, 2);
    fill(c, dy, width, c->in_stride, &random, 2);
    char label[160], message[256] = "";
    snprintf(label, sizeof label, "head_gate %s %s %lldx%lldx%lld@%lld,%lld,%lld",
             gatun_isa_name(gatun_context_isa(context)), dtype_name(c->dtype), c->tokens, c->heads, c->columns,
             c->gate_stride, c->in_stride, c->out_stride);
    CHECK(gatun_head_gate(context, c->dtype, c->tokens, c->heads, c->columns, gate, c->gate_stride, value, c->in_stride,
                          y, c->out_stride, message, sizeof message) == GATUN_OK,
          "%s: %s", label, message);
    CHECK(gatun_head_gate_backward(context, c->dtype, c->tokens, c->heads, c->columns, dy, c->in_stride, gate,
                                   c->gate_stride, value, c->in_stride, dgate, c->gate_stride, dvalue, c->out_stride,
                                   message, sizeof message) == GATUN_OK,
          "%s: %s", label, message);
    check_results(c, label);

    /* The same bits from several threads, with one result left out each, and in place. */
    const size_t bytes = dtype_bytes(c->dtype);
    const size_t out_bytes = memory[DVALUE].bytes, gate_bytes = memory[DGATE].bytes;
    unsigned char *kept_value = malloc(out_bytes + 1), *kept_gate = malloc(gate_bytes + 1);
    memcpy(kept_value, dvalue, out_bytes);
    memcpy(kept_gate, dgate, gate_bytes);
    gatun_context *threads = level_open(gatun_context_isa(context), 3);
    CHECK(gatun_head_gate_backward(threads, c->dtype, c->tokens, c->heads, c->columns, dy, c->in_stride, gate,
                                   c->gate_stride, value, c->in_stride, NULL, 0, dvalue, c->out_stride, NULL,
                                   0) == GATUN_OK &&
              memcmp(dvalue, kept_value, out_bytes) == 0,
          "%s: dvalue alone differs", label);
    CHECK(gatun_head_gate_backward(threads, c->dtype, c->tokens, c->heads, c->columns, dy, c->in_stride, gate,
                                   c->gate_stride, value, c->in_stride, gate, c->gate_stride, dy, c->in_stride, NULL,
                                   0) == GATUN_OK,
          "%s: in place", label);
    int same = 1;
    for (long long token = 0; token < c->tokens; token++) {
        same &= memcmp((char *)gate + (size_t)(token * c->gate_stride) * bytes,
                       kept_gate + (size_t)(token * c->gate_stride) * bytes, (size_t)c->heads * bytes) == 0;
        same &= memcmp((char *)dy + (size_t)(token * c->in_stride) * bytes,
                       kept_value + (size_t)(token * c->out_stride) * bytes, (size_t)width * bytes) == 0;
    }
    CHECK(same, "%s: in place it differs", label);
    gatun_context_destroy(threads);
    free(kept_value);
    free(kept_gate);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    const int reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0;
    case_file file;
    cases_read(argv[1], "head_gate", &file);
    int levels[LEVELS_MAX];
    const int count = levels_of("head_gate", levels);
    for (int l = 0; l < count; l++) {
        gatun_context *context = level_open(levels[l], 1);
        for (int i = 0; i < file.count; i++) {
            const shape_case *s = &file.cases[i];
            if (!(s->uses & CASE_CHECK) || s->rows == 0) {
                continue;
            }
            for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
                const long long heads = reduced ? 3 : i % 3 == 0 ? 70 : 24, width = heads * s->columns;
                const gate_case c = {dtype,
                                     s->rows,
                                     heads,
                                     s->columns,
                                     heads + i % 4,
                                     width + s->x_stride - s->columns,
                                     width + s->y_stride - s->columns,
                                     i % 2 ? PLACE_BEGIN : PLACE_END};
                run_case(context, &c);
            }
        }
        gatun_context_destroy(context);
    }
    for (int k = 0; k < OPERANDS; k++) {
        guarded_release(&memory[k]);
    }
    return check_finish("head_gate_test");
}
