/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gatun_lowbit_multiply with weights of every format, at every level: all forms of activations and types against sums
 * in float64 of the same codes, within the bound of the header; permuted inputs; strides; memory around the operands;
 * more rows than are worked on at a time; the same bits from any number of threads; numbers that are not finite.
 */
#include "gatun.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "check.h"
#include "crash.h"
#include "fp_state.h"
#include "guarded.h"
#include "levels.h"
#include "lowbit_tensors.h"
#include "values.h"

enum { FORMS = 6 };
static const int activations[FORMS] = {GATUN_LOWBIT_FLOAT,   GATUN_LOWBIT_INT8_ROW, GATUN_LOWBIT_INT8_32,
                                       GATUN_LOWBIT_INT8_64, GATUN_LOWBIT_INT8_128, GATUN_LOWBIT_INT8_256};

/* Weights in the order that the matrix holds. */
typedef struct {
    tensor tensor;
    gatun_lowbit_matrix *matrix;
    double *code, *scale, *offset, *value; /* [outputs][inputs] */
} weights;

typedef struct {
    gatun_context *context;
    int isa;
    uint64_t random;
    double worst[2]; /* of the bound: float activations, int8 ones */
    guarded x, y, bias, scratch;
} driver;

typedef struct {
    const weights *weights;
    int activation, dtype;
    long long rows;
    bool has_bias;
    double magnitude; /* of x */
} product;

static void weights_make(driver *d, weights *w, tensor_format format, enum scale_fill fill) {
    char message[256] = "", text[256];
    tensor_make(&w->tensor, format, fill, &d->random);
    const int status = tensor_pack(&w->tensor, d->context, &w->matrix, message, sizeof message);
    if (status != GATUN_OK) {
        check_abandon("%s: status %d: %s", tensor_describe(&w->tensor, text, sizeof text), status, message);
    }
    const size_t count = (size_t)(format.outputs * format.inputs);
    double **const arrays[4] = {&w->code, &w->scale, &w->offset, &w->value};
    for (int i = 0; i < 4; i++) {
        *arrays[i] = malloc((count + 1) * sizeof(double));
    }
    for (size_t i = 0; i < count; i++) {
        const long long n = (long long)i / format.inputs, k = w->tensor.permutation[(long long)i % format.inputs];
        const tensor_weight at = tensor_at(&w->tensor, n, k);
        w->code[i] = at.code;
        w->scale[i] = (double)at.scale;
        w->offset[i] = at.zero < 0 ? (double)at.offset : -(double)at.zero * (double)at.scale;
        w->value[i] = (double)at.value;
    }
}

static void weights_free(weights *w) {
    gatun_lowbit_matrix_destroy(w->matrix);
    tensor_free(&w->tensor);
    free(w->code);
    free(w->scale);
    free(w->offset);
    free(w->value);
}

static long long activation_group(int activation, long long inputs) {
    return activation == GATUN_LOWBIT_INT8_ROW ? (inputs > 0 ? inputs : 1) : activation;
}

/* Codes and scales of a row of x by the formulas of gatun_lowbit_quantize_activations. */
static void quantize(const float *x, long long inputs, long long group, double *codes, double *scales) {
    for (long long begin = 0; begin < inputs; begin += group) {
        const long long end = begin + group < inputs ? begin + group : inputs;
        float largest = 0;
        bool finite = true;
        for (long long k = begin; k < end; k++) {
            finite = finite && isfinite(x[k]);
            largest = fmaxf(largest, fabsf(x[k]));
        }
        const float inverse = largest >= 0x1p-118f ? 127 / largest : 0;
        for (long long k = begin; k < end; k++) {
            const double code = finite ? rint((double)(x[k] * inverse)) : 0;
            codes[k] = code > 127 ? 127 : code < -127 ? -127 : code;
            scales[k] = finite ? (double)(largest / 127) : (double)NAN;
        }
    }
}

/* One output of a row, in the order of the matrix. */
static void expect(const product *p, long long n, const float *x, const double *codes, const double *scales,
                   const float *bias, double *value, double *bound) {
    const weights *w = p->weights;
    const long long inputs = w->tensor.format.inputs, at = n * inputs;
    const double b = bias ? (double)bias[n] : 0;
    *value = b;
    *bound = fabs(b);
    if (p->activation == GATUN_LOWBIT_FLOAT) {
        double sum = 0;
        for (long long k = 0; k < inputs; k++) {
            sum += (double)x[k] * w->value[at + k];
            /* s * u + c may take the place of the weight */
            *bound += fabs((double)x[k]) * fmax(fabs(w->value[at + k]), fabs(w->scale[at + k]));
        }
        *value += sum;
        *bound *= 4 * (double)(inputs + 1) * 0x1p-24;
        return;
    }
    const long long group = activation_group(p->activation, inputs);
    long long groups = 0;
    for (long long begin = 0; begin < inputs;) {
        /* Where two groupings do not fit into each other, both cut. */
        long long end = begin + 1;
        while (end < inputs && end / w->tensor.group == begin / w->tensor.group && end / group == begin / group) {
            end++;
        }
        groups += (end - begin + 255) / 256; /* long groups are summed in parts */
        double products = 0, sum = 0;
        for (long long k = begin; k < end; k++) {
            products += w->code[at + k] * codes[k];
            sum += codes[k];
        }
        const double first = w->scale[at + begin] * products, second = w->offset[at + begin] * sum;
        *value += scales[begin] * (first + second);
        *bound += fabs(scales[begin]) * (fabs(first) + fabs(second));
        begin = end;
    }
    *bound *= 4 * (double)(groups + 1) * 0x1p-24;
}

static void describe(const driver *d, const product *p, char *text, size_t bytes) {
    char of[256];
    snprintf(text, bytes, "lowbit_multiply at %s: %lld rows of %s, activation %d, %s", gatun_isa_name(d->isa), p->rows,
             dtype_name(p->dtype), p->activation, tensor_describe(&p->weights->tensor, of, sizeof of));
}

static void check_row(driver *d, const product *p, const char *name, long long m, const void *x, long long x_stride,
                      const float *bias, const void *y, long long y_stride) {
    const weights *w = p->weights;
    const long long inputs = w->tensor.format.inputs;
    float *row = malloc((size_t)(inputs + 1) * sizeof *row);
    double *codes = malloc((size_t)(inputs + 1) * sizeof *codes),
           *scales = malloc((size_t)(inputs + 1) * sizeof *scales);
    for (long long k = 0; k < inputs; k++) {
        row[k] = (float)dtype_load(p->dtype, x, m * x_stride + w->tensor.permutation[k]);
    }
    if (p->activation != GATUN_LOWBIT_FLOAT) {
        quantize(row, inputs, activation_group(p->activation, inputs), codes, scales);
    }
    for (long long n = 0; n < w->tensor.format.outputs; n++) {
        double value, bound;
        expect(p, n, row, codes, scales, bias, &value, &bound);
        const double found = dtype_load(p->dtype, y, m * y_stride + n);
        if (!isfinite(value)) {
            CHECK(p->activation == GATUN_LOWBIT_FLOAT ? !isfinite(found) : isnan(found) || !isnan(value),
                  "%s: y[%lld, %lld] is %g, not %g", name, m, n, found, value);
            continue;
        }
        const double last = p->dtype == GATUN_F32 ? 0 : p->dtype == GATUN_BF16 ? 0x1p-8 : 0x1p-11;
        const double least = p->dtype == GATUN_F16 ? 0x1p-25 : 0x1p-149;
        const double error = fabs(found - value) - last * fabs(value) - least;
        double *worst = &d->worst[p->activation != GATUN_LOWBIT_FLOAT];
        if (bound > 0 && error / bound > *worst) {
            *worst = error / bound;
        }
        if (!(error <= bound * (1 + last))) {
            CHECK(0, "%s: y[%lld, %lld] is %.9g, not %.9g: error %g, bound %g", name, m, n, found, value, error, bound);
            break;
        }
    }
    free(row);
    free(codes);
    free(scales);
}

static void *make_x(driver *d, const product *p, long long stride) {
    const long long inputs = p->weights->tensor.format.inputs;
    const size_t size = dtype_bytes(p->dtype), elements = p->rows > 0 ? (size_t)((p->rows - 1) * stride + inputs) : 0;
    void *x = guarded_place(&d->x, elements * size, size, random_bits(&d->random) & 1 ? PLACE_BEGIN : PLACE_END, 0);
    for (long long m = 0; m < p->rows; m++) {
        for (long long k = 0; k < inputs; k++) {
            dtype_store(p->dtype, x, m * stride + k, random_bell(&d->random) * p->magnitude);
        }
    }
    return x;
}

static long long scratch_of(driver *d, const product *p, const char *name) {
    long long bytes = -1;
    const int status =
        gatun_lowbit_multiply_scratch(d->context, p->dtype, p->rows, p->weights->matrix, p->activation, &bytes);
    CHECK(status == GATUN_OK && bytes >= 0, "%s: scratch of %lld bytes, status %d", name, bytes, status);
    return bytes;
}

static void check_product(driver *d, const product *p) {
    char name[512], message[256] = "untouched";
    describe(d, p, name, sizeof name);
    crash_name_case(name);
    const long long outputs = p->weights->tensor.format.outputs, inputs = p->weights->tensor.format.inputs;
    const long long x_stride = inputs + (long long)(random_bits(&d->random) % 3);
    const long long y_stride = outputs + (long long)(random_bits(&d->random) % 3);
    const size_t size = dtype_bytes(p->dtype),
                 elements = p->rows > 0 ? (size_t)((p->rows - 1) * y_stride + outputs) : 0;
    const void *x = make_x(d, p, x_stride);
    void *y = guarded_place(&d->y, elements * size, size, random_bits(&d->random) & 1 ? PLACE_BEGIN : PLACE_END, 0);
    float *bias = guarded_place(&d->bias, (size_t)outputs * sizeof *bias, sizeof *bias, PLACE_END, 0);
    for (long long n = 0; n < outputs; n++) {
        bias[n] = (float)random_bell(&d->random);
    }
    bias = p->has_bias ? bias : NULL;
    const long long bytes = scratch_of(d, p, name);
    void *scratch = bytes > 0 ? guarded_place(&d->scratch, (size_t)bytes, 64, PLACE_END, 0) : NULL;
    const fp_state before = fp_state_read();
    const int status = gatun_lowbit_multiply(d->context, p->dtype, p->rows, x, x_stride, p->weights->matrix, bias,
                                             p->activation, y, y_stride, scratch, bytes, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", name, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", name);
    for (long long m = 0; m < p->rows; m++) {
        check_row(d, p, name, m, x, x_stride, bias, y, y_stride);
        if (m + 1 < p->rows && !guarded_is_canary((char *)y + (size_t)(m * y_stride + outputs) * size,
                                                  (size_t)(y_stride - outputs) * size)) {
            CHECK(0, "%s: written behind row %lld of y", name, m);
        }
    }
    CHECK(guarded_margins_intact(&d->y) && guarded_margins_intact(&d->x) &&
              (bytes == 0 || guarded_margins_intact(&d->scratch)),
          "%s: other memory was written", name);
}

static tensor_format sized(tensor_format format, long long outputs, long long inputs) {
    const long long multiple = format.inputs;
    format.inputs = (inputs + multiple - 1) / multiple * multiple;
    const bool words = format.scheme == GATUN_LOWBIT_AWQ || format.scheme == GATUN_LOWBIT_GPTQ;
    format.outputs = words ? (outputs + 7) / 8 * 8 : outputs;
    return format;
}

static void check_formats(driver *d, bool reduced) {
    static const long long some_outputs[] = {1, 15, 16, 17, 33, 40}, some_inputs[] = {1, 31, 32, 100, 256, 288, 600};
    static const long long some_rows[] = {0, 1, 2, 3, 5, 7, 33};
    tensor_format format;
    for (int index = 0; tensor_format_at(index, &format); index++) {
        for (int time = 0; time < (reduced ? 2 : 5); time++) {
            const uint64_t r = random_bits(&d->random);
            weights w;
            weights_make(d, &w, sized(format, some_outputs[r % 6], some_inputs[(r >> 8) % 7]), SCALES_USUAL);
            for (int form = 0; form < FORMS; form++) {
                const uint64_t bits = random_bits(&d->random);
                const product p = {.weights = &w,
                                   .activation = activations[form],
                                   .dtype = (int)(bits % 4 > 2 ? 0 : bits % 4),
                                   .rows = some_rows[(bits >> 8) % 7],
                                   .has_bias = bits >> 16 & 1,
                                   .magnitude = 1};
                check_product(d, &p);
            }
            weights_free(&w);
        }
    }
}

static void check_cases(driver *d, const case_file *file) {
    tensor_format format;
    for (int i = 0; i < file->count; i++) {
        const shape_case *shape = &file->cases[i];
        if (shape->uses & CASE_CHECK && tensor_format_at((int)(random_bits(&d->random) % 31), &format)) {
            weights w;
            weights_make(d, &w, sized(format, shape->y_stride, shape->columns), SCALES_USUAL);
            const product p = {.weights = &w,
                               .activation = activations[random_bits(&d->random) % FORMS],
                               .rows = shape->rows,
                               .has_bias = true,
                               .magnitude = 1};
            check_product(d, &p);
            weights_free(&w);
        }
    }
}

/* More rows than are quantized or widened at a time, few outputs and inputs. */
static void check_many_rows(driver *d) {
    tensor_format format;
    for (int index = 0; tensor_format_at(index, &format); index += 5) {
        weights w;
        weights_make(d, &w, sized(format, 17, 32), SCALES_USUAL);
        for (int form = 0; form < 2; form++) {
            const product p = {
                .weights = &w, .activation = activations[form], .dtype = GATUN_BF16, .rows = 1100, .magnitude = 1};
            check_product(d, &p);
        }
        weights_free(&w);
    }
}

/* Activations of zeros, that are tiny, huge, NaN or infinite; no inputs at all. */
static void check_special_values(driver *d) {
    static const double magnitudes[] = {0, 1e-38, 1e20, 1e34};
    tensor_format format;
    for (int index = 0; tensor_format_at(index, &format); index += 4) {
        weights w;
        weights_make(d, &w, sized(format, 20, 300), SCALES_USUAL);
        for (int form = 0; form < FORMS; form++) {
            for (size_t i = 0; i < sizeof magnitudes / sizeof *magnitudes; i++) {
                const product p = {
                    .weights = &w, .activation = activations[form], .rows = 2, .magnitude = magnitudes[i]};
                check_product(d, &p);
            }
        }
        weights_free(&w);
    }
}

static int multiply(gatun_context *context, const product *p, const void *x, void *y) {
    const long long outputs = p->weights->tensor.format.outputs, inputs = p->weights->tensor.format.inputs;
    long long bytes = 0;
    gatun_lowbit_multiply_scratch(context, p->dtype, p->rows, p->weights->matrix, p->activation, &bytes);
    void *scratch = bytes > 0 ? aligned_alloc(64, (size_t)bytes) : NULL;
    const int status = gatun_lowbit_multiply(context, p->dtype, p->rows, x, inputs, p->weights->matrix, NULL,
                                             p->activation, y, outputs, scratch, bytes, NULL, 0);
    free(scratch);
    return status;
}

/* A row with a NaN or an infinity is not finite, and no other row is touched by it. */
static void check_special_rows(driver *d) {
    static const float specials[] = {NAN, INFINITY, -INFINITY};
    enum { ROWS = 5, OUTPUTS = 24, MOST = 320 };
    tensor_format format;
    for (int index = 0; tensor_format_at(index, &format); index++) {
        weights w;
        weights_make(d, &w, sized(format, OUTPUTS, 288), SCALES_USUAL);
        const long long inputs = w.tensor.format.inputs;
        float *x = malloc((size_t)(ROWS * inputs) * sizeof *x), y[ROWS * OUTPUTS];
        for (int form = 0; form < FORMS; form++) {
            const product p = {.weights = &w, .activation = activations[form], .rows = ROWS};
            for (long long i = 0; i < ROWS * inputs; i++) {
                x[i] = (float)random_bell(&d->random);
            }
            x[3 * inputs + inputs / 2] = specials[form % 3];
            CHECK(multiply(d->context, &p, x, y) == GATUN_OK, "a product");
            for (int i = 0; i < ROWS * OUTPUTS; i++) {
                const bool reached = i / OUTPUTS == 3;
                /* a weight of 0 times an infinity is NaN, other weights keep it */
                if (reached ? isfinite(y[i]) : !isfinite(y[i])) {
                    char text[256];
                    CHECK(0, "%s at %s, activation %d, special %g: y[%d, %d] is %g",
                          tensor_describe(&w.tensor, text, sizeof text), gatun_isa_name(d->isa), activations[form],
                          (double)specials[form % 3], i / OUTPUTS, i % OUTPUTS, (double)y[i]);
                    break;
                }
            }
        }
        free(x);
        weights_free(&w);
    }
}

static void check_threads(driver *d) {
    static const long long shapes[][3] = {{1, 1200, 512}, {3, 600, 768}, {130, 40, 512}, {250, 300, 256}};
    static const int formats[] = {0, 4, 5, 7, 8, 9, 10, 11, 12, 17, 30};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
            tensor_format format;
            weights w;
            tensor_format_at(formats[f], &format);
            format = sized(format, shapes[s][1], shapes[s][2]);
            char message[256];
            tensor_make(&w.tensor, format, SCALES_USUAL, &d->random);
            if (tensor_pack(&w.tensor, d->context, &w.matrix, message, sizeof message) != GATUN_OK) {
                check_abandon("%s", message);
            }
            const size_t count = (size_t)(shapes[s][0] * format.outputs);
            float *x = malloc((size_t)(shapes[s][0] * format.inputs) * sizeof *x);
            float *y[2] = {malloc(count * sizeof **y), malloc(count * sizeof **y)};
            for (long long i = 0; i < shapes[s][0] * format.inputs; i++) {
                x[i] = (float)random_bell(&d->random);
            }
            const product p = {.weights = &w, .activation = activations[(s + f) % FORMS], .rows = shapes[s][0]};
            for (int threads = 1; threads <= 3; threads++) {
                gatun_context *context = level_open(d->isa, threads);
                CHECK(multiply(context, &p, x, y[threads > 1]) == GATUN_OK, "a product");
                CHECK(threads == 1 || memcmp(y[0], y[1], count * sizeof **y) == 0,
                      "format %d, activation %d at %s: other bits with %d threads", formats[f], p.activation,
                      gatun_isa_name(d->isa), threads);
                gatun_context_destroy(context);
            }
            free(x);
            free(y[0]);
            free(y[1]);
            gatun_lowbit_matrix_destroy(w.matrix);
            tensor_free(&w.tensor);
        }
    }
}

int main(int argc, char **argv) {
    static case_file file;
    setenv("GATUN_THREADS", "8", 1);
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    const bool reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0;
    cases_read(argv[1], "lowbit_multiply", &file);
    crash_catch();
    int levels[LEVELS_MAX];
    const int count = levels_of("lowbit_multiply", levels);
    for (int i = 0; i < count; i++) {
        driver d = {.isa = levels[i], .random = 8};
        d.context = level_open(levels[i], 1);
        check_formats(&d, reduced);
        check_special_values(&d);
        check_special_rows(&d);
        check_many_rows(&d);
        check_threads(&d);
        if (!reduced) {
            check_cases(&d, &file);
        }
        check_note(
            "lowbit_multiply at %s: greatest error %.3f of the bound with float activations, %.3f with int8 ones",
            gatun_isa_name(levels[i]), d.worst[0], d.worst[1]);
        gatun_context_destroy(d.context);
        guarded_release(&d.x);
        guarded_release(&d.y);
        guarded_release(&d.bias);
        guarded_release(&d.scratch);
    }
    return check_finish(argv[0]);
}
