/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backward passes of the rows that float32 cannot describe: each formula as it stands, in double precision. What an
 * element of the inner gradient is made of is computed anew wherever it is needed, since there is no room to keep it.
 */
#include "row_norm_backward_kernel.h"
#include "row_scale.h"
#include "scalar_elements.h"

/* What is the same for all elements of a row of a normalization. */
typedef struct {
    double mean, reciprocal, mean_g, mean_gxh;
} exact_terms;

/* A row of both normalizations. */
typedef struct {
    const row_norm_backward_arguments *arguments;
    const void *dy, *dh_in, *x[2];
    exact_terms terms[2];
} exact_row;

static const void *row_at(const void *p, long long row, long long stride, int dtype) {
    return p ? (const char *)p + row * stride * (dtype == GATUN_F32 ? 4 : 2) : 0;
}

static double input_of(const exact_row *r, int norm, long long j) {
    const row_norm_backward_arguments *a = r->arguments;
    double x = load_element(r->x[norm], j, a->dtype);
    return norm == 0 && a->bias ? (double)((float)x + (float)load_element(a->bias, j, a->parameter_dtype)) : x;
}

static double weight_of(const row_norm_backward_arguments *a, int norm, long long j) {
    const void *gamma = a->norm[norm].gamma;
    return gamma ? (double)a->weight_offset + load_element(gamma, j, a->parameter_dtype) : 1;
}

static double normalized(const exact_row *r, int norm, long long j) {
    return (input_of(r, norm, j) - r->terms[norm].mean) * r->terms[norm].reciprocal;
}

/* The gradient of what a normalization took in, from that of what it gave out. */
static double through_norm(const exact_row *r, int norm, long long j, double gradient) {
    const exact_terms *t = &r->terms[norm];
    double rest = gradient * weight_of(r->arguments, norm, j) - t->mean_g;
    if (j < r->arguments->statistics_columns) {
        rest -= normalized(r, norm, j) * t->mean_gxh;
    }
    return rest * t->reciprocal;
}

/* The gradient of the sum that norm[0] normalized. */
static double inner_gradient(const exact_row *r, long long j) {
    const row_norm_backward_arguments *a = r->arguments;
    double gradient = through_norm(r, 0, j, load_element(r->dy, j, a->dtype));
    return r->dh_in ? gradient + load_element(r->dh_in, j, a->dtype) : gradient;
}

static void take_terms(exact_row *r, int norm) {
    const row_norm_backward_arguments *a = r->arguments;
    exact_terms *t = &r->terms[norm];
    double count = (double)a->statistics_columns;
    double mean = 0, squares = 0, g = 0, gxh = 0;
    for (long long j = 0; a->centered && j < a->statistics_columns; j++) {
        mean += input_of(r, norm, j);
    }
    mean /= count;
    for (long long j = 0; j < a->statistics_columns; j++) {
        double deviation = input_of(r, norm, j) - mean;
        squares += deviation * deviation;
    }
    double reciprocal = reciprocal_of_mean_square(squares / count, count, a->eps, a->eps_mode);
    double response = response_of_mean_square(squares / count, count, reciprocal, a->eps, a->eps_mode);
    *t = (exact_terms){mean, reciprocal, 0, 0};
    for (long long j = 0; j < a->columns; j++) {
        double gradient = norm == 0 ? load_element(r->dy, j, a->dtype) : inner_gradient(r, j);
        double weighted = gradient * weight_of(a, norm, j);
        g += weighted;
        gxh += weighted * normalized(r, norm, j);
    }
    t->mean_g = a->centered ? g / count : 0;
    t->mean_gxh = response * gxh / count;
}

static void add_to(float *sums, long long j, double value) {
    if (sums) {
        sums[j] += (float)value;
    }
}

void row_norm_backward_exact(const row_norm_backward_arguments *a, long long row,
                             float *const sums[BACKWARD_GRADIENTS]) {
    exact_row r = {.arguments = a,
                   .dy = row_at(a->dy, row, a->dy_stride, a->dtype),
                   .dh_in = row_at(a->dh_in, row, a->dh_in_stride, a->dtype),
                   .x = {row_at(a->norm[0].x, row, a->norm[0].x_stride, a->dtype),
                         row_at(a->norm[1].x, row, a->norm[1].x_stride, a->dtype)}};
    void *dx = (void *)row_at(a->dx, row, a->dx_stride, a->dtype);
    void *dresidual = (void *)row_at(a->dresidual, row, a->dresidual_stride, a->dtype);
    const bool twice = r.x[1] != 0;
    take_terms(&r, 0);
    if (twice) {
        take_terms(&r, 1);
    }
    for (long long j = 0; j < a->columns; j++) {
        double dy = load_element(r.dy, j, a->dtype);
        double inner = inner_gradient(&r, j);
        double result = twice ? through_norm(&r, 1, j, inner) : inner;
        add_to(sums[0], j, dy * normalized(&r, 0, j));
        add_to(sums[1], j, dy);
        if (twice) {
            add_to(sums[2], j, inner * normalized(&r, 1, j));
            add_to(sums[3], j, inner);
        } else {
            add_to(sums[2], j, inner);
        }
        if (dx) {
            store_element(dx, j, a->dtype, (float)result);
        }
        if (dresidual) {
            store_element(dresidual, j, a->dtype, (float)((double)a->alpha * (a->residual_of_dy ? dy : inner)));
        }
    }
}
