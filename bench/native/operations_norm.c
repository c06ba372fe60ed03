/* SPDX-License-Identifier: Apache-2.0 */
/* LayerNorm and RMSNorm, forward and, from saved statistics, backward. */
#include "operations.h"
#include "reference.h"

#include <math.h>

int call_layer_norm(const struct subject *s, char *message, long long message_bytes) {
    return gatun_layer_norm(s->context, s->dtype, GATUN_F32, s->shape->rows, s->shape->rows, s->shape->columns,
                            s->in[0].data, s->in[0].stride, s->gamma[0], s->beta[0], 0.0f, bench_eps, GATUN_EPS_IN_SQRT,
                            GATUN_CAST_NONE, s->out[0].data, s->out[0].stride, NULL, NULL, NULL, s->scratch,
                            s->scratch_bytes, message, message_bytes);
}

int call_rms_norm(const struct subject *s, char *message, long long message_bytes) {
    return gatun_rms_norm(s->context, s->dtype, GATUN_F32, s->shape->rows, s->shape->rows, s->shape->columns,
                          s->shape->columns, s->in[0].data, s->in[0].stride, s->gamma[0], NULL, 0.0f, bench_eps,
                          GATUN_EPS_IN_SQRT, GATUN_CAST_NONE, s->out[0].data, s->out[0].stride, NULL, s->scratch,
                          s->scratch_bytes, message, message_bytes);
}

void define_layer_norm(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    normalize_row(e->norm, s->operation->norm, e->first);
    apply_norm(e->norm, s->gamma[0], beta_of(s, 0), e->first);
    expect_row(e, 0, row, e->first);
}

void define_rms_norm(struct evaluation *e, long long row) {
    define_layer_norm(e, row);
}

/* in: dy, x; out: dx */
int call_layer_norm_backward(const struct subject *s, char *message, long long message_bytes) {
    return gatun_layer_norm_backward(s->context, s->dtype, GATUN_F32, s->shape->rows, s->shape->columns, s->in[0].data,
                                     s->in[0].stride, s->in[1].data, s->in[1].stride, s->gamma[0], 0.0f, bench_eps,
                                     GATUN_EPS_IN_SQRT, s->mean[0], s->mean_low[0], s->rstd[0], s->out[0].data,
                                     s->out[0].stride, s->dgamma[0], s->dbeta[0], 0, s->shape->rows, s->scratch,
                                     s->scratch_bytes, message, message_bytes);
}

int call_rms_norm_backward(const struct subject *s, char *message, long long message_bytes) {
    return gatun_rms_norm_backward(s->context, s->dtype, GATUN_F32, s->shape->rows, s->shape->columns,
                                   s->shape->columns, s->in[0].data, s->in[0].stride, s->in[1].data, s->in[1].stride,
                                   s->gamma[0], 0.0f, bench_eps, GATUN_EPS_IN_SQRT, s->rstd[0], s->out[0].data,
                                   s->out[0].stride, s->dgamma[0], NULL, 0, s->shape->rows, s->scratch,
                                   s->scratch_bytes, message, message_bytes);
}

void derive_second_input(struct subject *s) {
    derive_statistics(s, &s->in[1], 0);
}

void define_layer_norm_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[1], row, e->first);
    normalize_row(e->norm, s->operation->norm, e->first);
    load_row(s, &s->in[0], row, e->first);
    for (long long i = 0; i < s->width; i++)
        e->scale[i] = fabs(e->first[i]);
    add_gradients(e, 0, e->first, e->scale);
    norm_gradient(e->norm, s->gamma[0], e->first, e->first);
    norm_gradient_scale(e->norm, s->gamma[0], e->scale, e->scale);
    expect_gradient(e, 0, row, e->first, e->scale);
}

void define_rms_norm_backward(struct evaluation *e, long long row) {
    define_layer_norm_backward(e, row);
}
