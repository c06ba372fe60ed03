/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations that join normalization and residual addition, with alpha = 1 and without a bias. Their backward passes
 * have saved statistics; where the gradient of the residual is also another gradient it is not written again.
 */
#include "operations.h"
#include "reference.h"

#include <math.h>

/* in: x, residual; out: h, y */
int call_residual_add_norm(const struct subject *s, char *message, long long message_bytes) {
    return gatun_residual_add_norm(s->context, s->operation->norm, s->dtype, GATUN_F32, s->shape->rows, s->shape->rows,
                                   s->shape->columns, s->in[0].data, s->in[0].stride, s->in[1].data, s->in[1].stride,
                                   1.0f, NULL, s->gamma[0], beta_of(s, 0), 0.0f, bench_eps, GATUN_EPS_IN_SQRT,
                                   GATUN_CAST_NONE, GATUN_SUM_ROUNDED, s->out[0].data, s->out[0].stride, s->out[1].data,
                                   s->out[1].stride, NULL, NULL, NULL, message, message_bytes);
}

/* in: x, residual; out: h */
int call_norm_residual_add(const struct subject *s, char *message, long long message_bytes) {
    return gatun_norm_residual_add(s->context, s->operation->norm, s->dtype, GATUN_F32, s->shape->rows, s->shape->rows,
                                   s->shape->columns, s->in[0].data, s->in[0].stride, NULL, s->gamma[0], beta_of(s, 0),
                                   0.0f, bench_eps, GATUN_EPS_IN_SQRT, GATUN_CAST_NONE, s->in[1].data, s->in[1].stride,
                                   1.0f, s->out[0].data, s->out[0].stride, NULL, NULL, NULL, message, message_bytes);
}

/* in: x, residual; out: h, y */
int call_norm_add_norm(const struct subject *s, char *message, long long message_bytes) {
    return gatun_norm_add_norm(
        s->context, s->operation->norm, s->dtype, GATUN_F32, s->shape->rows, s->shape->rows, s->shape->columns,
        s->in[0].data, s->in[0].stride, s->gamma[0], beta_of(s, 0), s->in[1].data, s->in[1].stride, 1.0f, s->gamma[1],
        beta_of(s, 1), 0.0f, bench_eps, GATUN_EPS_IN_SQRT, GATUN_CAST_NONE, GATUN_SUM_ROUNDED, s->out[0].data,
        s->out[0].stride, s->out[1].data, s->out[1].stride, NULL, NULL, NULL, NULL, NULL, NULL, message, message_bytes);
}

/* e->first holds what is added to the residual. Leaves in e->first the sum as it is stored. */
static void expect_sum(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[1], row, e->second);
    for (long long i = 0; i < s->width; i++)
        e->first[i] += e->second[i];
    expect_row(e, 0, row, e->first);
    load_row(s, &s->out[0], row, e->first);
}

static void norm_of_first(struct evaluation *e, int index) {
    const struct subject *s = e->subject;
    normalize_row(e->norm, s->operation->norm, e->first);
    apply_norm(e->norm, s->gamma[index], beta_of(s, index), e->first);
}

void define_residual_add_norm(struct evaluation *e, long long row) {
    load_row(e->subject, &e->subject->in[0], row, e->first);
    expect_sum(e, row);
    norm_of_first(e, 0);
    expect_row(e, 1, row, e->first);
}

void define_norm_residual_add(struct evaluation *e, long long row) {
    load_row(e->subject, &e->subject->in[0], row, e->first);
    norm_of_first(e, 0);
    expect_sum(e, row);
}

void define_norm_add_norm(struct evaluation *e, long long row) {
    define_norm_residual_add(e, row);
    norm_of_first(e, 1);
    expect_row(e, 1, row, e->first);
}

/* in: dy, dh_in, h; out: dx */
int call_residual_add_norm_backward(const struct subject *s, char *message, long long message_bytes) {
    return gatun_residual_add_norm_backward(
        s->context, s->operation->norm, s->dtype, GATUN_F32, s->shape->rows, s->shape->columns, s->in[0].data,
        s->in[0].stride, s->in[1].data, s->in[1].stride, s->in[2].data, s->in[2].stride, 1.0f, s->gamma[0], 0.0f,
        bench_eps, GATUN_EPS_IN_SQRT, of_layer_norm(s, s->mean[0]), of_layer_norm(s, s->mean_low[0]), s->rstd[0],
        s->out[0].data, s->out[0].stride, NULL, 0, s->dgamma[0], of_layer_norm(s, s->dbeta[0]), NULL, 0, s->shape->rows,
        s->scratch, s->scratch_bytes, message, message_bytes);
}

/* in: dh, x; out: dx */
int call_norm_residual_add_backward(const struct subject *s, char *message, long long message_bytes) {
    return gatun_norm_residual_add_backward(
        s->context, s->operation->norm, s->dtype, GATUN_F32, s->shape->rows, s->shape->columns, s->in[0].data,
        s->in[0].stride, s->in[1].data, s->in[1].stride, NULL, 1.0f, s->gamma[0], 0.0f, bench_eps, GATUN_EPS_IN_SQRT,
        of_layer_norm(s, s->mean[0]), of_layer_norm(s, s->mean_low[0]), s->rstd[0], s->out[0].data, s->out[0].stride,
        NULL, 0, s->dgamma[0], of_layer_norm(s, s->dbeta[0]), NULL, 0, s->shape->rows, s->scratch, s->scratch_bytes,
        message, message_bytes);
}

/* in: dy, dh_in, h, x; out: dx, dresidual */
int call_norm_add_norm_backward(const struct subject *s, char *message, long long message_bytes) {
    return gatun_norm_add_norm_backward(
        s->context, s->operation->norm, s->dtype, GATUN_F32, s->shape->rows, s->shape->columns, s->in[0].data,
        s->in[0].stride, s->in[1].data, s->in[1].stride, s->in[3].data, s->in[3].stride, s->in[2].data, s->in[2].stride,
        1.0f, s->gamma[0], s->gamma[1], 0.0f, bench_eps, GATUN_EPS_IN_SQRT, of_layer_norm(s, s->mean[0]),
        of_layer_norm(s, s->mean_low[0]), s->rstd[0], of_layer_norm(s, s->mean[1]), of_layer_norm(s, s->mean_low[1]),
        s->rstd[1], s->out[0].data, s->out[0].stride, s->out[1].data, s->out[1].stride, s->dgamma[0],
        of_layer_norm(s, s->dbeta[0]), s->dgamma[1], of_layer_norm(s, s->dbeta[1]), 0, s->shape->rows, s->scratch,
        s->scratch_bytes, message, message_bytes);
}

void derive_third_input(struct subject *s) {
    derive_statistics(s, &s->in[2], 0);
}

void derive_both_norms(struct subject *s) {
    derive_statistics(s, &s->in[3], 0);
    derive_statistics(s, &s->in[2], 1);
}

/* Leaves in e->first and e->scale the gradient of what was normalized. The upstream gradient is there already. */
static void gradient_of_norm(struct evaluation *e, const struct rows *normalized, long long row, int index) {
    const struct subject *s = e->subject;
    load_row(s, normalized, row, e->second);
    normalize_row(e->norm, s->operation->norm, e->second);
    add_gradients(e, index, e->first, e->scale);
    norm_gradient(e->norm, s->gamma[index], e->first, e->first);
    norm_gradient_scale(e->norm, s->gamma[index], e->scale, e->scale);
}

static void load_upstream(struct evaluation *e, long long row) {
    load_row(e->subject, &e->subject->in[0], row, e->first);
    for (long long i = 0; i < e->subject->width; i++)
        e->scale[i] = fabs(e->first[i]);
}

static void gradient_of_sum(struct evaluation *e, long long row, int index) {
    load_upstream(e, row);
    gradient_of_norm(e, &e->subject->in[2], row, index);
    load_row(e->subject, &e->subject->in[1], row, e->second);
    for (long long i = 0; i < e->subject->width; i++) {
        e->first[i] += e->second[i];
        e->scale[i] += fabs(e->second[i]);
    }
}

void define_residual_add_norm_backward(struct evaluation *e, long long row) {
    gradient_of_sum(e, row, 0);
    expect_gradient(e, 0, row, e->first, e->scale);
}

void define_norm_residual_add_backward(struct evaluation *e, long long row) {
    load_upstream(e, row);
    gradient_of_norm(e, &e->subject->in[1], row, 0);
    expect_gradient(e, 0, row, e->first, e->scale);
}

void define_norm_add_norm_backward(struct evaluation *e, long long row) {
    gradient_of_sum(e, row, 1);
    expect_gradient(e, 1, row, e->first, e->scale);
    gradient_of_norm(e, &e->subject->in[3], row, 0);
    expect_gradient(e, 0, row, e->first, e->scale);
}
