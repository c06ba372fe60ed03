/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "activation", "activation_backward", "activation_output_backward", "gated_activation", "gated_activation_backward":
 * every form at every level on the shapes of the case files, between guard pages, at all alignments, in place,
 * interleaved, with special values; and independent of threads, strides and pieces.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "check.h"
#include "element_case.h"
#include "levels.h"
#include "values.h"

static int reduced;

/* ---- calls and definitions ---- */

static int call_activation(gatun_context *context, const element_operation *o, const element_shape *s,
                           const element_operand *in, const element_operand *out, char *message, long long bytes) {
    const activation_form *f = o->form;
    return gatun_activation(context, f->activation, f->first, f->second, f->nan_to_zero, s->dtype, s->rows, s->columns,
                            in[0].data, in[0].stride, out[0].data, out[0].stride, message, bytes);
}
static void define_activation(const activation_form *f, const double *in, double *out, double *scale) {
    (void)scale;
    out[0] = activation_value(f, in[0]);
}

static int call_backward(gatun_context *context, const element_operation *o, const element_shape *s,
                         const element_operand *in, const element_operand *out, char *message, long long bytes) {
    const activation_form *f = o->form;
    return gatun_activation_backward(context, f->activation, f->first, f->second, f->nan_to_zero, s->dtype, s->rows,
                                     s->columns, in[0].data, in[0].stride, in[1].data, in[1].stride, out[0].data,
                                     out[0].stride, message, bytes);
}

/* Of the sum of magnitudes that a derivative is made of: 1, or what the parameters make of it. */
static double slope_scale(const activation_form *f) {
    switch (f->activation) {
    case GATUN_SINE:
        return 1 + fabs((double)f->first);
    case GATUN_PRO_ACT:
        return 1 + fabs((double)f->second) * (1 + fabs((double)f->first));
    default:
        return 1;
    }
}
static double gradient_scale(const activation_form *f, double g, double dx) {
    return isfinite(g) ? fabs(dx) + fabs(g) * slope_scale(f) : 1;
}
static void define_backward(const activation_form *f, const double *in, double *out, double *scale) {
    out[0] = activation_gradient(f, in[0], in[1]);
    scale[0] = 0x1p-126 + gradient_scale(f, in[0], out[0]);
}

static int call_output_backward(gatun_context *context, const element_operation *o, const element_shape *s,
                                const element_operand *in, const element_operand *out, char *message, long long bytes) {
    const activation_form *f = o->form;
    return gatun_activation_output_backward(context, f->activation, f->first, f->second, s->dtype, s->rows, s->columns,
                                            in[0].data, in[0].stride, in[1].data, in[1].stride, out[0].data,
                                            out[0].stride, message, bytes);
}
static void define_output_backward(const activation_form *f, const double *in, double *out, double *scale) {
    out[0] = activation_gradient_of_output(f, in[0], in[1]);
    scale[0] = 0x1p-126 + (isfinite(in[0]) ? fabs(in[0]) * (1 + fabs(in[1]) + in[1] * in[1]) : 1);
}

static int call_gated(gatun_context *context, const element_operation *o, const element_shape *s,
                      const element_operand *in, const element_operand *out, char *message, long long bytes) {
    const activation_form *f = o->form;
    return gatun_gated_activation(context, f->activation, f->first, s->dtype,
                                  s->interleaved ? GATUN_GATE_INTERLEAVED : GATUN_GATE_SEPARATE, s->rows, s->columns,
                                  in[0].data, in[0].stride, in[1].data, in[1].stride, out[0].data, out[0].stride,
                                  message, bytes);
}
static void define_gated(const activation_form *f, const double *in, double *out, double *scale) {
    const double value = activation_value(f, in[0]);
    out[0] = value * in[1];
    scale[0] = 0x1p-126 + (isfinite(in[1]) ? (1 + fabs(value)) * fabs(in[1]) : 1);
}

static int call_gated_backward(gatun_context *context, const element_operation *o, const element_shape *s,
                               const element_operand *in, const element_operand *out, char *message, long long bytes) {
    const activation_form *f = o->form;
    return gatun_gated_activation_backward(
        context, f->activation, f->first, s->dtype, s->interleaved ? GATUN_GATE_INTERLEAVED : GATUN_GATE_SEPARATE,
        s->rows, s->columns, in[0].data, in[0].stride, in[1].data, in[1].stride, in[2].data, in[2].stride, out[0].data,
        out[0].stride, out[1].data, out[1].stride, out[2].data, out[2].stride, message, bytes);
}
static void define_gated_backward(const activation_form *f, const double *in, double *out, double *scale) {
    const double value = activation_value(f, in[1]);
    out[0] = activation_gradient(f, in[0] * in[2], in[1]);
    out[1] = in[0] * value;
    out[2] = value * in[2];
    scale[0] = 0x1p-126 + gradient_scale(f, in[0] * in[2], out[0]);
    scale[1] = 0x1p-126 + (isfinite(in[0]) ? (1 + fabs(value)) * fabs(in[0]) : 1);
    scale[2] = 0x1p-126 + (isfinite(in[2]) ? (1 + fabs(value)) * fabs(in[2]) : 1);
}

typedef struct kind {
    const char *name;
    int inputs, outputs;
    element_call *call;
    void (*define)(const activation_form *form, const double *in, double *out, double *scale);
    int (*has)(const activation_form *form);
} kind;

static int always(const activation_form *form) {
    (void)form;
    return 1;
}
static const kind kinds[] = {
    {"activation", 1, 1, call_activation, define_activation, always},
    {"activation_backward", 2, 1, call_backward, define_backward, always},
    {"activation_output_backward", 2, 1, call_output_backward, define_output_backward, activation_has_output_form},
    {"gated_activation", 2, 1, call_gated, define_gated, activation_has_gated_form},
    {"gated_activation_backward", 3, 3, call_gated_backward, define_gated_backward, activation_has_gated_form},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static element_operation operation_of(const kind *k, const activation_form *form, double bound) {
    return (element_operation){.name = k->name,
                               .form = form,
                               .inputs = k->inputs,
                               .outputs = k->outputs,
                               .call = k->call,
                               .define = k->define,
                               .low = -7,
                               .high = 7,
                               .bound = bound};
}

/* ---- tests ---- */

/* Shapes of the case file, an alternating placement, and each dtype. */
static void test_cases(gatun_context *context, const kind *k, const case_file *file, const activation_form *form,
                       long long most) {
    const element_operation o = operation_of(k, form, file->bound[GATUN_F32]);
    for (int i = 0; i < file->count; i++) {
        const shape_case *c = &file->cases[i];
        if (!(c->uses & CASE_CHECK) || c->rows * c->columns > most) {
            continue;
        }
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            element_shape s = {.dtype = dtype,
                               .rows = c->rows,
                               .columns = c->columns,
                               .in_stride = c->x_stride,
                               .out_stride = c->y_stride,
                               .placement = i % 2 ? PLACE_BEGIN : PLACE_END};
            element_check(context, &o, &s, NULL);
            if (k->inputs > 1 && k->has == activation_has_gated_form && i % 3 == 0) {
                s.interleaved = 1;
                element_check(context, &o, &s, NULL);
            }
        }
    }
}

/* Every number of columns up to three vectors of the widest level, at every alignment of 64 bytes. */
static void test_sizes(gatun_context *context, const kind *k, const activation_form *form, double bound) {
    const element_operation o = operation_of(k, form, bound);
    for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
        for (long long columns = 1; columns <= (reduced ? 17 : 49); columns++) {
            element_shape s = {.dtype = dtype,
                               .rows = 2,
                               .columns = columns,
                               .in_stride = columns + 3,
                               .out_stride = columns,
                               .placement = columns % 2 ? PLACE_END : PLACE_BEGIN,
                               .offset = (size_t)(columns % 16) * dtype_bytes(dtype)};
            element_check(context, &o, &s, NULL);
        }
    }
}

static void test_in_place(gatun_context *context, const kind *k, const activation_form *form, double bound) {
    const element_operation o = operation_of(k, form, bound);
    for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
        element_shape s = {.dtype = dtype, .rows = 3, .columns = 1031, .in_stride = 1033, .out_stride = 1033};
        for (int input = 1; input <= k->inputs; input++) {
            for (int shift = 0; shift < k->outputs; shift++) {
                for (int output = 0; output < k->outputs; output++) {
                    s.in_place[output] = output == shift ? input : 0;
                }
                element_check(context, &o, &s, NULL);
            }
        }
        if (k->outputs == 3) {
            static const int orders[][3] = {{1, 2, 3}, {2, 3, 1}, {3, 2, 1}, {2, 3, 0}};
            for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
                memcpy(s.in_place, orders[i], sizeof s.in_place);
                element_check(context, &o, &s, NULL);
            }
            s.interleaved = 1;
            memcpy(s.in_place, (const int[]){2, 3, 1}, sizeof s.in_place);
            element_check(context, &o, &s, NULL);
            memset(s.in_place, 0, sizeof s.in_place);
            s.unwanted = 4;
            element_check(context, &o, &s, NULL);
            s.interleaved = 0;
            for (s.unwanted = 1; s.unwanted < 8; s.unwanted++) {
                element_check(context, &o, &s, NULL);
            }
        }
    }
}

/* One thread, several, one row, several, one with gaps: the same bits. */
static void test_splits(int isa, const kind *k, const activation_form *form, int dtype) {
    enum { ROWS = 6, COLUMNS = 40000 };
    const size_t bytes = dtype_bytes(dtype), elements = (size_t)ROWS * COLUMNS;
    unsigned char *in[ELEMENT_OPERANDS_MAX], *out[2][ELEMENT_OPERANDS_MAX];
    uint64_t random = 3;
    for (int i = 0; i < ELEMENT_OPERANDS_MAX; i++) {
        in[i] = malloc((elements + ROWS) * bytes);
        out[0][i] = malloc((elements + ROWS) * bytes);
        out[1][i] = malloc((elements + ROWS) * bytes);
        for (size_t e = 0; e < elements + ROWS; e++) {
            dtype_store(dtype, in[i], (long long)e, random_uniform(&random, -7, 7));
        }
    }
    const element_operation o = operation_of(k, form, 1);
    for (int run = 0; run < 4; run++) {
        gatun_context *context = level_open(isa, run == 1 ? 2 : run == 2 ? 7 : 1);
        /* The last one has gaps, and so is not one row: compared at the places that both have. */
        element_shape s = {.dtype = dtype, .rows = ROWS, .columns = run == 3 ? COLUMNS - 1 : COLUMNS};
        element_operand operands[2][ELEMENT_OPERANDS_MAX];
        for (int i = 0; i < ELEMENT_OPERANDS_MAX; i++) {
            operands[0][i] = (element_operand){in[i], COLUMNS};
            operands[1][i] = (element_operand){out[run > 0][i], COLUMNS};
        }
        CHECK(o.call(context, &o, &s, operands[0], operands[1], NULL, 0) == GATUN_OK, "%s", k->name);
        for (int i = 0; run > 0 && i < k->outputs; i++) {
            int same = 1;
            for (int row = 0; row < ROWS; row++) {
                const size_t at = (size_t)row * COLUMNS * bytes;
                same &= memcmp(out[0][i] + at, out[1][i] + at, (size_t)s.columns * bytes) == 0;
            }
            CHECK(same, "%s %s %s %s: run %d gives other bits", k->name, form->name, gatun_isa_name(isa),
                  dtype_name(dtype), run);
        }
        gatun_context_destroy(context);
    }
    for (int i = 0; i < ELEMENT_OPERANDS_MAX; i++) {
        free(in[i]);
        free(out[0][i]);
        free(out[1][i]);
    }
}

static void test_kind(const kind *k, const char *folder) {
    case_file file;
    cases_read(folder, k->name, &file);
    const double bound = file.bound[GATUN_F32];
    int levels[LEVELS_MAX];
    const int level_count = levels_of(k->name, levels);
    for (int l = 0; l < level_count; l++) {
        gatun_context *context = level_open(levels[l], 1);
        for (int i = 0; i < activation_form_count; i++) {
            const activation_form *form = &activation_forms[i];
            if (!k->has(form)) {
                continue;
            }
            const int thorough = form->activation == GATUN_SILU || form->activation == GATUN_CLIP;
            test_cases(context, k, &file, form, reduced ? 1100 : thorough ? 300000 : 20000);
            if (!reduced || thorough) {
                test_sizes(context, k, form, bound);
                test_in_place(context, k, form, bound);
            }
            if (form->activation == GATUN_SILU || form->activation == GATUN_RELU) {
                for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
                    test_splits(levels[l], k, form, dtype);
                }
            }
        }
        gatun_context_destroy(context);
    }
}

int main(int argc, char **argv) {
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0;
    for (int k = 0; k < KINDS; k++) {
        test_kind(&kinds[k], argv[1]);
    }
    element_release();
    return check_finish("activation_test");
}
