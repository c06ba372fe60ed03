/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels of packed low-bit products, at every level: against sums in 64 bits and double, exact where integers are
 * the result, within the bound of gatun_lowbit_multiply elsewhere; greatest codes; all shapes of tails; any split of
 * rows and outputs gives the same bits; operands end flush with inaccessible pages.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../src/core/kernels.h"
#include "check.h"
#include "crash.h"
#include "fp_state.h"
#include "levels.h"
#include "lowbit_weights.h"
#include "values.h"

typedef struct {
    int group, scales, offsets;
} weight_form;

static const weight_form weight_forms[] = {
    {32, LOWBIT_SCALES_F16, LOWBIT_OFFSETS_CONSTANT},     {32, LOWBIT_SCALES_F32, LOWBIT_OFFSETS_VALUES},
    {32, LOWBIT_SCALES_TWO_LEVEL, LOWBIT_OFFSETS_VALUES}, {16, LOWBIT_SCALES_TWO_LEVEL, LOWBIT_OFFSETS_CONSTANT},
    {16, LOWBIT_SCALES_F16, LOWBIT_OFFSETS_ZERO_POINTS},  {64, LOWBIT_SCALES_F16, LOWBIT_OFFSETS_VALUES},
    {128, LOWBIT_SCALES_F32, LOWBIT_OFFSETS_ZERO_POINTS}, {256, LOWBIT_SCALES_F32, LOWBIT_OFFSETS_CONSTANT},
    {0, LOWBIT_SCALES_F32, LOWBIT_OFFSETS_CONSTANT},      {0, LOWBIT_SCALES_F32, LOWBIT_OFFSETS_VALUES},
    {0, LOWBIT_SCALES_F32, LOWBIT_OFFSETS_ZERO_POINTS},
};
enum { WEIGHT_FORMS = sizeof weight_forms / sizeof weight_forms[0] };
static const int all_bits[] = {4, 5, 6, 8};
static const int activation_groups[] = {32, 64, 128, 256, 0};

typedef struct {
    const gatun_kernels *kernels;
    int isa;
    uint64_t random;
    guarded y, whole, bias;
    double worst; /* error, in parts of the bound */
} context;

typedef struct {
    const lowbit_weights *w;
    const lowbit_rows *x;
    const float *bias;
    int dtype;
    bool integers;
} product;

static size_t element_size(const product *p) {
    return p->integers || p->dtype == GATUN_F32 ? 4 : 2;
}

static lowbit_multiply_arguments arguments_of(const product *p, guarded *y, size_t y_stride) {
    const size_t rows = (size_t)p->x->activations.rows, size = element_size(p);
    const size_t outputs = (size_t)p->w->matrix.outputs;
    const size_t elements = rows == 0 || outputs == 0 ? 0 : (rows - 1) * y_stride + outputs;
    return (lowbit_multiply_arguments){.matrix = &p->w->matrix,
                                       .activations = p->x->activations,
                                       .bias = p->bias,
                                       .dtype = p->dtype,
                                       .integers = p->integers,
                                       .y = guarded_place(y, elements * size, size, PLACE_END, 0),
                                       .y_stride = (long long)y_stride};
}

static void compare(context *c, const product *p, const lowbit_multiply_arguments *a) {
    for (long long row = 0; row < a->activations.rows; row++) {
        for (long long output = 0; output < a->matrix->outputs; output++) {
            const lowbit_expected e = lowbit_expect(p->w, p->x, p->bias, row, output);
            const long long at = row * a->y_stride + output;
            if (p->integers) {
                const int32_t got = ((const int32_t *)a->y)[at];
                CHECK(got == (int32_t)(uint32_t)(uint64_t)e.integer, "row %lld output %lld: %d, expected %lld", row,
                      output, got, (long long)e.integer);
                continue;
            }
            const double got = dtype_load(p->dtype, a->y, at);
            const bool rounded = p->dtype != GATUN_F32; /* rounding is monotonic */
            const double low = rounded ? dtype_round(p->dtype, e.value - e.bound) : e.value - e.bound;
            const double high = rounded ? dtype_round(p->dtype, e.value + e.bound) : e.value + e.bound;
            CHECK(got >= low && got <= high, "row %lld output %lld: %.9g, expected %.9g within %g", row, output, got,
                  e.value, e.bound);
            const double error = fabs(got - e.value);
            c->worst = !rounded && e.bound > 0 && error / e.bound > c->worst ? error / e.bound : c->worst;
        }
        const size_t gap = (size_t)(a->y_stride - a->matrix->outputs) * element_size(p);
        if (row + 1 < a->activations.rows && gap > 0 && a->matrix->outputs > 0) {
            const unsigned char *after =
                (const unsigned char *)a->y + (size_t)(row * a->y_stride + a->matrix->outputs) * element_size(p);
            CHECK(guarded_is_canary(after, gap), "row %lld: wrote between the rows of y", row);
        }
    }
}

static void describe(const context *c, const product *p, char *text, size_t bytes) {
    const lowbit_matrix *m = &p->w->matrix;
    snprintf(text, bytes,
             "%s, M %lld N %lld K %lld, %d bits, group %d, scales %d, offsets %d, zero %d, activations in groups of "
             "%d, to %s",
             gatun_isa_name(c->isa), p->x->activations.rows, m->outputs, m->inputs, m->bits, m->group, m->scales,
             m->offsets, m->zero, p->x->activations.group, p->integers ? "integers" : dtype_name(p->dtype));
}

/* Once as a whole, against the definition; once in pieces, which must give the same bits. */
static void run(context *c, const product *p) {
    lowbit_multiply_range *multiply =
        p->integers ? c->kernels->int8_matmul->multiply : c->kernels->lowbit_multiply->packed;
    const long long rows = p->x->activations.rows, outputs = p->w->matrix.outputs;
    const size_t stride = (size_t)outputs + (size_t)(random_bits(&c->random) % 3);
    const int failures = check_failures();
    char name[256];
    describe(c, p, name, sizeof name);
    crash_name_case(name);
    const fp_state before = fp_state_read();
    lowbit_multiply_arguments whole = arguments_of(p, &c->whole, stride);
    multiply(&whole, 0, rows, 0, outputs);
    const fp_state after = fp_state_read();
    CHECK(after.vector == before.vector && after.x87 == before.x87, "floating-point modes changed");
    compare(c, p, &whole);
    lowbit_multiply_arguments split = arguments_of(p, &c->y, stride);
    for (long long output = 0; output < outputs;) {
        const long long tiles = 1 + (long long)(random_bits(&c->random) % 4);
        const long long end = output + tiles * LOWBIT_TILE < outputs ? output + tiles * LOWBIT_TILE : outputs;
        for (long long row = 0; row < rows;) {
            const long long left = rows - row, n = 1 + (long long)(random_bits(&c->random) % 9);
            multiply(&split, row, row + (n < left ? n : left), output, end);
            row += n < left ? n : left;
        }
        output = end;
    }
    CHECK(c->whole.bytes == c->y.bytes && memcmp(whole.y, split.y, c->whole.bytes) == 0,
          "pieces give other bits than the whole");
    CHECK(guarded_margins_intact(&c->whole) && guarded_margins_intact(&c->y), "wrote beyond y");
    if (check_failures() != failures) {
        check_note("  above: %s", name);
    }
}

static void test_case(context *c, long long rows, long long outputs, long long inputs, int bits, weight_form form,
                      int activation_group, enum lowbit_fill fill, int dtype) {
    const int zero = form.offsets == LOWBIT_OFFSETS_CONSTANT ? (int)(random_bits(&c->random) & ((1u << bits) - 1)) : 0;
    lowbit_matrix description = {.outputs = outputs,
                                 .inputs = inputs,
                                 .bits = bits,
                                 .group = form.group,
                                 .scales = form.scales,
                                 .offsets = form.offsets,
                                 .zero = zero};
    lowbit_weights w;
    lowbit_rows x;
    lowbit_weights_make(&w, description, fill, &c->random);
    lowbit_rows_make(&x, rows, &w.matrix, activation_group, false, fill, &c->random);
    float *bias = guarded_place(&c->bias, (size_t)outputs * sizeof *bias, sizeof *bias, PLACE_END, 0);
    for (long long n = 0; n < outputs; n++) {
        bias[n] = (float)random_uniform(&c->random, -2, 2);
    }
    product p = {.w = &w, .x = &x, .bias = random_bits(&c->random) % 2 ? bias : NULL, .dtype = dtype};
    run(c, &p);
    if (x.activations.group == 0 && form.offsets != LOWBIT_OFFSETS_VALUES) {
        p.bias = NULL;
        p.integers = true;
        run(c, &p);
        lowbit_rows_free(&x);
        lowbit_rows_make(&x, rows, &w.matrix, 0, true, fill, &c->random);
        run(c, &p);
    }
    lowbit_rows_free(&x);
    lowbit_weights_free(&w);
}

static void test_level(context *c, bool reduced) {
    static const long long some_rows[] = {0, 1, 2, 3, 4, 5, 6, 7, 33, 97};
    static const long long some_outputs[] = {0, 1, 15, 16, 17, 31, 32, 33, 47, 64, 65};
    static const long long some_inputs[] = {0,  1,   15,  16,  17,  31,  32,  33,  48,
                                            64, 100, 255, 256, 257, 272, 288, 513, 800};
    /* Every form with every kind of activations, each at random shapes. */
    const int times = reduced ? 1 : 12;
    for (int bits = 0; bits < 4; bits++) {
        for (int form = 0; form < WEIGHT_FORMS; form++) {
            for (int group = 0; group < 5; group++) {
                for (int time = 0; time < times; time++) {
                    const uint64_t r = random_bits(&c->random);
                    long long rows = some_rows[r % 10];
                    const long long outputs = some_outputs[(r >> 8) % 11], inputs = some_inputs[(r >> 16) % 18];
                    if (rows > 8 && (outputs > 33 || inputs > 300) && (reduced || (r >> 24) % 4 != 0)) {
                        rows = 5;
                    }
                    const enum lowbit_fill fill = (r >> 32) % 4 == 0   ? FILL_GREATEST
                                                  : (r >> 32) % 4 == 1 ? FILL_ONES
                                                                       : FILL_RANDOM;
                    const int dtype = (r >> 40) % 4 == 0 ? GATUN_BF16 : (r >> 40) % 4 == 1 ? GATUN_F16 : GATUN_F32;
                    test_case(c, rows, outputs, inputs, all_bits[bits], weight_forms[form], activation_groups[group],
                              fill, dtype);
                }
            }
        }
        /* The longest sums of the greatest codes, exact. */
        test_case(c, 7, 33, reduced ? 1000 : 9000, all_bits[bits], weight_forms[8], 0, FILL_GREATEST, GATUN_F32);
    }
}

int main(int argc, char **argv) {
    const bool reduced = argc > 1 && strcmp(argv[1], "--reduced") == 0;
    crash_catch();
    int levels[LEVELS_MAX];
    const int count = levels_of("lowbit_multiply", levels);
    for (int i = 0; i < count; i++) {
        const gatun_kernels kernels = gatun_kernels_at(levels[i]);
        context c = {.kernels = &kernels, .isa = levels[i], .random = 4};
        test_level(&c, reduced);
        check_note("lowbit_multiply, int8_matmul at %s: greatest error %.2f of the bound", gatun_isa_name(levels[i]),
                   c.worst);
        guarded_release(&c.y);
        guarded_release(&c.whole);
        guarded_release(&c.bias);
    }
    return check_finish(argv[0]);
}
