/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions of weights when a model is loaded. */
#include "operations.h"
#include "reference.h"

#include <math.h>

int call_zero_mean_rows(const struct subject *s, char *message, long long message_bytes) {
    return gatun_zero_mean_rows(s->context, s->operation->along, s->shape->rows, s->shape->columns, s->in[0].data,
                                s->in[0].stride, s->out[0].data, s->out[0].stride, s->scratch, s->scratch_bytes,
                                message, message_bytes);
}

static void find_column_means(struct evaluation *e) {
    const struct subject *s = e->subject;
    for (long long row = 0; row < s->shape->rows; row++) {
        load_row(s, &s->in[0], row, e->first);
        for (long long i = 0; i < s->width; i++)
            e->column_means[i] += e->first[i] / (double)s->shape->rows;
    }
}

void define_zero_mean_rows(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    if (s->operation->along == 0 && row == 0)
        find_column_means(e);
    load_row(s, &s->in[0], row, e->first);
    double mean = 0.0;
    for (long long i = 0; i < s->width; i++)
        mean += e->first[i] / (double)s->width;
    for (long long i = 0; i < s->width; i++)
        e->first[i] -= s->operation->along == 0 ? e->column_means[i] : mean;
    expect_row(e, 0, row, e->first);
}

int call_fold_affine(const struct subject *s, char *message, long long message_bytes) {
    return gatun_fold_affine(s->context, s->shape->rows, s->shape->columns, s->in[0].data, s->in[0].stride, s->bias,
                             s->gamma[0], s->beta[0], 0.0f, s->out[0].data, s->out[0].stride, s->bias_out, message,
                             message_bytes);
}

void define_fold_affine(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    double bias = (double)s->bias[row];
    for (long long i = 0; i < s->width; i++) {
        bias += e->first[i] * (double)s->beta[0][i];
        e->first[i] *= (double)s->gamma[0][i];
    }
    expect_row(e, 0, row, e->first);
    note_error(e, error_units((double)s->bias_out[row], bias, 1.0 + fabs(bias), GATUN_F32));
}
