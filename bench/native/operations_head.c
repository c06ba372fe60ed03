/* SPDX-License-Identifier: Apache-2.0 */
/* RMSNorm of each head of queries, keys and values, which lie in one packed tensor. */
#include "operations.h"
#include "reference.h"

#include <math.h>

/* The first head of a role: queries, keys, values. */
static void *role(const struct subject *s, const struct rows *packed, int index) {
    const long long head = index == 0 ? 0 : QUERY_HEADS + (index - 1) * KEY_VALUE_HEADS;
    return (char *)packed->data + head * s->shape->columns * (s->dtype == GATUN_F32 ? 4 : 2);
}

static int role_of_head(int head) {
    return head < QUERY_HEADS ? 0 : head < QUERY_HEADS + KEY_VALUE_HEADS ? 1 : 2;
}

/* in: qkv; out: qkv_out */
int call_qkv_head_rms_norm(const struct subject *s, char *message, long long message_bytes) {
    const struct rows *x = &s->in[0], *y = &s->out[0];
    return gatun_qkv_head_rms_norm(s->context, s->dtype, GATUN_F32, s->shape->rows, QUERY_HEADS, KEY_VALUE_HEADS,
                                   s->shape->columns, role(s, x, 0), x->stride, role(s, x, 1), x->stride, role(s, x, 2),
                                   x->stride, s->gamma[0], s->gamma[1], s->gamma[2], 0.0f, bench_eps, GATUN_EPS_IN_SQRT,
                                   GATUN_CAST_NONE, role(s, y, 0), y->stride, role(s, y, 1), y->stride, role(s, y, 2),
                                   y->stride, NULL, message, message_bytes);
}

void define_qkv_head_rms_norm(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    for (int head = 0; head < HEADS; head++) {
        double *vector = e->first + head * s->shape->columns;
        normalize_row(e->norm, GATUN_RMS_NORM, vector);
        apply_norm(e->norm, s->gamma[role_of_head(head)], NULL, vector);
    }
    expect_row(e, 0, row, e->first);
}

/* in: dqkv_out, qkv; out: dqkv */
int call_qkv_head_rms_norm_backward(const struct subject *s, char *message, long long message_bytes) {
    const struct rows *dy = &s->in[0], *x = &s->in[1], *dx = &s->out[0];
    return gatun_qkv_head_rms_norm_backward(
        s->context, s->dtype, GATUN_F32, s->shape->rows, QUERY_HEADS, KEY_VALUE_HEADS, s->shape->columns,
        role(s, dy, 0), dy->stride, role(s, dy, 1), dy->stride, role(s, dy, 2), dy->stride, role(s, x, 0), x->stride,
        role(s, x, 1), x->stride, role(s, x, 2), x->stride, s->gamma[0], s->gamma[1], s->gamma[2], 0.0f, bench_eps,
        GATUN_EPS_IN_SQRT, role(s, dx, 0), dx->stride, role(s, dx, 1), dx->stride, role(s, dx, 2), dx->stride,
        s->dgamma[0], s->dgamma[1], s->dgamma[2], 0, s->shape->rows, s->scratch, s->scratch_bytes, message,
        message_bytes);
}

void define_qkv_head_rms_norm_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    load_row(s, &s->in[1], row, e->second);
    for (int head = 0; head < HEADS; head++) {
        const long long from = head * s->shape->columns;
        const int index = role_of_head(head);
        double *gradient = e->first + from, *scale = e->scale + from;
        for (long long i = 0; i < s->shape->columns; i++)
            scale[i] = fabs(gradient[i]);
        normalize_row(e->norm, GATUN_RMS_NORM, e->second + from);
        add_gradients(e, index, gradient, scale);
        norm_gradient(e->norm, s->gamma[index], gradient, gradient);
        norm_gradient_scale(e->norm, s->gamma[index], scale, scale);
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}
