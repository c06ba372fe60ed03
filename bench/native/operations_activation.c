/* SPDX-License-Identifier: Apache-2.0 */
/* Activations, gates, masks and alpha dropout. */
#include "operations.h"
#include "reference.h"

#include <math.h>
#include <stdint.h>

static const double root_of_half = 0.70710678118654752440, root_of_two_pi = 2.50662827463100050242;
static const double root_of_two_over_pi = 0.79788456080286535588;
static const double selu_lambda = 1.0507009873554804935, selu_limit = 1.7580993408473768599;
static const float drop_probability = 0.25f;

static double logistic(double x) {
    return 1.0 / (1.0 + exp(-x));
}

static double clamped(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

static double value_of(const struct operation *o, double x) {
    switch (o->activation) {
    case GATUN_RELU:
        return clamped(x, 0.0, INFINITY);
    case GATUN_RELU6:
        return clamped(x, 0.0, 6.0);
    case GATUN_SQUARED_RELU:
        return clamped(x, 0.0, INFINITY) * x;
    case GATUN_CLIP:
        return clamped(x, (double)o->first, (double)o->second);
    case GATUN_HARD_SIGMOID:
        return clamped(x / 6.0 + 0.5, 0.0, 1.0);
    case GATUN_HARD_SWISH:
        return x * clamped(x + 3.0, 0.0, 6.0) / 6.0;
    case GATUN_GELU_ERF:
        return 0.5 * x * erfc(-x * root_of_half);
    case GATUN_GELU_TANH:
        return 0.5 * x * (1.0 + tanh(root_of_two_over_pi * (x + 0.044715 * x * x * x)));
    case GATUN_SILU:
        return x * logistic(x);
    case GATUN_SIGMOID:
        return logistic(x);
    case GATUN_TANH:
        return tanh(x);
    case GATUN_SELU:
        return x > 0.0 ? selu_lambda * x : selu_limit * expm1(x);
    case GATUN_SINE:
        return sin((double)(o->first * (float)x));
    default:
        return NAN;
    }
}

static double slope_of(const struct operation *o, double x) {
    switch (o->activation) {
    case GATUN_RELU:
        return x > 0.0;
    case GATUN_RELU6:
        return x > 0.0 && x < 6.0;
    case GATUN_GELU_ERF:
        return 0.5 * erfc(-x * root_of_half) + x * exp(-0.5 * x * x) / root_of_two_pi;
    case GATUN_GELU_TANH: {
        const double t = tanh(root_of_two_over_pi * (x + 0.044715 * x * x * x));
        return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * root_of_two_over_pi * (1.0 + 0.134145 * x * x);
    }
    case GATUN_SILU:
        return logistic(x) * (1.0 + x * logistic(-x));
    case GATUN_SIGMOID:
        return logistic(x) * logistic(-x);
    case GATUN_TANH:
        return 1.0 - tanh(x) * tanh(x);
    case GATUN_SELU:
        return x > 0.0 ? selu_lambda : selu_limit * exp(x);
    case GATUN_SINE:
        return (double)o->first * cos((double)(o->first * (float)x));
    default:
        return NAN;
    }
}

/* in: x; out: y */
int call_activation(const struct subject *s, char *message, long long message_bytes) {
    const struct operation *o = s->operation;
    return gatun_activation(s->context, o->activation, o->first, o->second, 0, s->dtype, s->shape->rows,
                            s->shape->columns, s->in[0].data, s->in[0].stride, s->out[0].data, s->out[0].stride,
                            message, message_bytes);
}

void define_activation(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    for (long long i = 0; i < s->width; i++)
        e->first[i] = value_of(s->operation, e->first[i]);
    expect_row(e, 0, row, e->first);
}

/* in: dy, x; out: dx */
int call_activation_backward(const struct subject *s, char *message, long long message_bytes) {
    const struct operation *o = s->operation;
    return gatun_activation_backward(s->context, o->activation, o->first, o->second, 0, s->dtype, s->shape->rows,
                                     s->shape->columns, s->in[0].data, s->in[0].stride, s->in[1].data, s->in[1].stride,
                                     s->out[0].data, s->out[0].stride, message, message_bytes);
}

void define_activation_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    load_row(s, &s->in[1], row, e->second);
    for (long long i = 0; i < s->width; i++) {
        const double slope = slope_of(s->operation, e->second[i]);
        e->scale[i] = fabs(e->first[i]) * (1.0 + fabs(slope));
        e->first[i] *= slope;
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}

/* in: dy, y; out: dx */
int call_activation_output_backward(const struct subject *s, char *message, long long message_bytes) {
    const struct operation *o = s->operation;
    return gatun_activation_output_backward(s->context, o->activation, o->first, o->second, s->dtype, s->shape->rows,
                                            s->shape->columns, s->in[0].data, s->in[0].stride, s->in[1].data,
                                            s->in[1].stride, s->out[0].data, s->out[0].stride, message, message_bytes);
}

void define_activation_output_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    load_row(s, &s->in[1], row, e->second);
    for (long long i = 0; i < s->width; i++) {
        const double y = e->second[i];
        const double slope = s->operation->activation == GATUN_TANH ? 1.0 - y * y
                             : y > 0.0                              ? selu_lambda
                                                                    : y + selu_limit;
        e->scale[i] = fabs(e->first[i]) * (2.0 + y * y);
        e->first[i] *= slope;
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}

/* in: gate, value; out: y */
int call_gated_activation(const struct subject *s, char *message, long long message_bytes) {
    return gatun_gated_activation(s->context, s->operation->activation, 0.0f, s->dtype, GATUN_GATE_SEPARATE,
                                  s->shape->rows, s->shape->columns, s->in[0].data, s->in[0].stride, s->in[1].data,
                                  s->in[1].stride, s->out[0].data, s->out[0].stride, message, message_bytes);
}

void define_gated_activation(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    load_row(s, &s->in[1], row, e->second);
    for (long long i = 0; i < s->width; i++) {
        const double value = value_of(s->operation, e->first[i]);
        e->scale[i] = (1.0 + fabs(value)) * fabs(e->second[i]);
        e->first[i] = value * e->second[i];
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}

/* in: dy, gate, value; out: dgate, dvalue */
int call_gated_activation_backward(const struct subject *s, char *message, long long message_bytes) {
    return gatun_gated_activation_backward(
        s->context, s->operation->activation, 0.0f, s->dtype, GATUN_GATE_SEPARATE, s->shape->rows, s->shape->columns,
        s->in[0].data, s->in[0].stride, s->in[1].data, s->in[1].stride, s->in[2].data, s->in[2].stride, s->out[0].data,
        s->out[0].stride, s->out[1].data, s->out[1].stride, NULL, 0, message, message_bytes);
}

void define_gated_activation_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    for (int output = 0; output < 2; output++) {
        load_row(s, &s->in[2], row, e->first);
        load_row(s, &s->in[1], row, e->second);
        load_row(s, &s->in[0], row, e->scale);
        for (long long i = 0; i < s->width; i++) {
            const double factor =
                output == 0 ? e->first[i] * slope_of(s->operation, e->second[i]) : value_of(s->operation, e->second[i]);
            e->first[i] = e->scale[i] * factor;
            e->scale[i] = fabs(e->scale[i]) * (3.0 + fabs(factor));
        }
        expect_gradient(e, output, row, e->first, e->scale);
    }
}

/* ---- masks, in the scratch memory ---- */

static long long words_of(long long columns) {
    return (columns + 63) / 64;
}

int mask_bytes(const gatun_context *context, long long rows, long long columns, long long *bytes) {
    (void)context;
    *bytes = rows * words_of(columns) * (long long)sizeof(long long);
    return GATUN_OK;
}

void derive_mask(struct subject *s) {
    uint64_t *words = s->scratch;
    for (long long i = 0; i < s->shape->rows * words_of(s->shape->columns); i++)
        words[i] = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(i + 1);
}

static int bit_of(const struct subject *s, long long row, long long column) {
    const uint64_t *words = s->scratch;
    return (int)(words[row * words_of(s->shape->columns) + column / 64] >> (column % 64) & 1);
}

int call_activation_mask(const struct subject *s, char *message, long long message_bytes) {
    return gatun_activation_mask(s->context, s->operation->activation, 0.0f, 0.0f, s->dtype, s->shape->rows,
                                 s->shape->columns, s->in[0].data, s->in[0].stride, 0.0f, 6.0f, s->out[0].data,
                                 s->out[0].stride, s->scratch, message, message_bytes);
}

void define_activation_mask(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->second);
    for (long long i = 0; i < s->width; i++) {
        e->first[i] = value_of(s->operation, e->second[i]);
        if (bit_of(s, row, i) != (e->second[i] > 0.0 && e->second[i] < 6.0))
            note_error(e, INFINITY);
    }
    expect_row(e, 0, row, e->first);
}

int call_activation_mask_backward(const struct subject *s, char *message, long long message_bytes) {
    return gatun_activation_mask_backward(s->context, s->dtype, s->shape->rows, s->shape->columns, s->in[0].data,
                                          s->in[0].stride, s->scratch, 0.0f, 1.0f, s->out[0].data, s->out[0].stride,
                                          message, message_bytes);
}

void define_activation_mask_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    for (long long i = 0; i < s->width; i++)
        e->first[i] = bit_of(s, row, i) ? e->first[i] : 0.0;
    expect_row(e, 0, row, e->first);
}

/* ---- alpha dropout ---- */

int call_alpha_dropout(const struct subject *s, char *message, long long message_bytes) {
    return gatun_alpha_dropout(s->context, s->dtype, s->shape->rows, s->shape->columns, s->in[0].data, s->in[0].stride,
                               drop_probability, 42, 0, 0, 0, s->out[0].data, s->out[0].stride, message, message_bytes);
}

int call_alpha_dropout_backward(const struct subject *s, char *message, long long message_bytes) {
    return gatun_alpha_dropout_backward(s->context, s->dtype, s->shape->rows, s->shape->columns, s->in[0].data,
                                        s->in[0].stride, NULL, 0, drop_probability, 42, 0, 0, 0, s->out[0].data,
                                        s->out[0].stride, message, message_bytes);
}

/* Philox-4x32-10 with key 42, word by word. */
static int is_kept(uint64_t element) {
    uint32_t c[4] = {(uint32_t)(element / 4), (uint32_t)(element / 4 >> 32), 0, 0}, k[2] = {42, 0};
    for (int round = 0; round < 10; round++) {
        const uint64_t a = UINT64_C(0xd2511f53) * c[0], b = UINT64_C(0xcd9e8d57) * c[2];
        const uint32_t c1 = c[1], c3 = c[3];
        c[0] = (uint32_t)(b >> 32) ^ c1 ^ k[0];
        c[1] = (uint32_t)b;
        c[2] = (uint32_t)(a >> 32) ^ c3 ^ k[1];
        c[3] = (uint32_t)a;
        k[0] += 0x9e3779b9u;
        k[1] += 0xbb67ae85u;
    }
    return c[element % 4] < floor((1.0 - (double)drop_probability) * 0x1p32);
}

static void expect_dropout(struct evaluation *e, long long row, int is_backward) {
    const struct subject *s = e->subject;
    const double keep = 1.0 - (double)drop_probability;
    const double scale = 1.0 / sqrt(keep + selu_limit * selu_limit * keep * (1.0 - keep));
    const double shift = scale * (1.0 - keep) * selu_limit;
    load_row(s, &s->in[0], row, e->first);
    for (long long i = 0; i < s->width; i++) {
        const int kept = is_kept((uint64_t)(row * s->width + i));
        if (is_backward)
            e->first[i] = kept ? e->first[i] * scale : 0.0;
        else
            e->first[i] = kept ? e->first[i] * scale + shift : shift - scale * selu_limit;
    }
    expect_row(e, 0, row, e->first);
}

void define_alpha_dropout(struct evaluation *e, long long row) {
    expect_dropout(e, row, 0);
}

void define_alpha_dropout_backward(struct evaluation *e, long long row) {
    expect_dropout(e, row, 1);
}

/* ---- gates of heads, in the scratch memory: those of all tokens, and room for their gradients ---- */

int gate_bytes(const gatun_context *context, long long rows, long long columns, long long *bytes) {
    (void)context;
    (void)columns;
    *bytes = 2 * rows * HEADS * (long long)sizeof(float);
    return GATUN_OK;
}

void derive_gates(struct subject *s) {
    for (long long i = 0; i < s->shape->rows * HEADS; i++)
        store_element(s->scratch, s->dtype, i, (float)(i % 17 - 8) * 0.375f);
}

static void *gate_gradients(const struct subject *s) {
    return (char *)s->scratch + s->shape->rows * HEADS * (long long)sizeof(float);
}

int call_head_gate(const struct subject *s, char *message, long long message_bytes) {
    return gatun_head_gate(s->context, s->dtype, s->shape->rows, HEADS, s->shape->columns, s->scratch, HEADS,
                           s->in[0].data, s->in[0].stride, s->out[0].data, s->out[0].stride, message, message_bytes);
}

void define_head_gate(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    for (long long i = 0; i < s->width; i++)
        e->first[i] *= logistic(load_element(s->scratch, s->dtype, row * HEADS + i / s->shape->columns));
    expect_row(e, 0, row, e->first);
}

/* in: dy, value; out: dvalue */
int call_head_gate_backward(const struct subject *s, char *message, long long message_bytes) {
    return gatun_head_gate_backward(s->context, s->dtype, s->shape->rows, HEADS, s->shape->columns, s->in[0].data,
                                    s->in[0].stride, s->scratch, HEADS, s->in[1].data, s->in[1].stride,
                                    gate_gradients(s), HEADS, s->out[0].data, s->out[0].stride, message, message_bytes);
}

void define_head_gate_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    load_row(s, &s->in[1], row, e->second);
    for (long long head = 0; head < HEADS; head++) {
        const double gate = load_element(s->scratch, s->dtype, row * HEADS + head);
        double sum = 0.0, magnitudes = 0.0;
        for (long long i = head * s->shape->columns; i < (head + 1) * s->shape->columns; i++) {
            sum += e->first[i] * e->second[i];
            magnitudes += fabs(e->first[i] * e->second[i]);
            e->first[i] *= logistic(gate);
        }
        const double got = load_element(gate_gradients(s), s->dtype, row * HEADS + head);
        note_error(e, error_units(got, sum * logistic(gate) * logistic(-gate), 0x1p-20 + magnitudes, s->dtype));
    }
    expect_row(e, 0, row, e->first);
}
