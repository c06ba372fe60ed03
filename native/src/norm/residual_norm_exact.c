/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the fused residual normalizations that float32 statistics cannot describe. */
#include "exact.h"
#include "residual_norm_kernel.h"
#include "row_scale.h"

/* One row of the operands. */
typedef struct {
    const residual_norm_arguments *a;
    const void *x, *residual;
    double mean, reciprocal; /* of the inner normalization */
} exact_row;

/* What is normalized: the sum as it is rounded, or the float32 sum x + bias where the residual follows the
 * normalization. */
static double source(const exact_row *r, long long j, residual_norm_operation operation) {
    const residual_norm_arguments *a = r->a;
    const row_norm_arguments *norm = &a->norm;
    double value = load_element(r->x, j, norm->dtype);
    if (operation == NORM_ADD_NORM) {
        value = affine_exact(&a->inner, j, (value - r->mean) * r->reciprocal);
    } else if (a->bias) {
        value += load_element(a->bias, j, norm->parameter_dtype);
    }
    if (operation == NORM_RESIDUAL_ADD) {
        return rounded(value, GATUN_F32);
    }
    if (r->residual) {
        value += (double)a->alpha * load_element(r->residual, j, norm->dtype);
    }
    return rounded(value, a->sum_mode == GATUN_SUM_ROUNDED ? norm->dtype : GATUN_F32);
}

static double source_of_inner(const exact_row *r, long long j, residual_norm_operation operation) {
    (void)operation;
    return load_element(r->x, j, r->a->norm.dtype);
}

typedef double source_function(const exact_row *r, long long j, residual_norm_operation operation);

static void statistics(const exact_row *r, const row_norm_arguments *norm, long long row, bool centered,
                       residual_norm_operation operation, source_function *value, double *mean, double *reciprocal) {
    double count = (double)norm->columns;
    *mean = 0;
    if (centered) {
        for (long long j = 0; j < norm->columns; j++) {
            *mean += value(r, j, operation);
        }
        *mean /= count;
    }
    double squares = 0;
    for (long long j = 0; j < norm->columns; j++) {
        double deviation = value(r, j, operation) - *mean;
        squares += deviation * deviation;
    }
    *reciprocal = reciprocal_of_mean_square(squares / count, count, norm->eps, norm->eps_mode);
    save_statistics(norm, row, *mean, *reciprocal);
}

void residual_norm_exact(const residual_norm_arguments *a, long long row, bool centered,
                         residual_norm_operation operation) {
    const row_norm_arguments *norm = &a->norm;
    long long element = exact_element_bytes(norm->dtype);
    exact_row r = {.a = a,
                   .x = (const char *)norm->x + row * norm->x_stride * element,
                   .residual = a->residual ? (const char *)a->residual + row * a->residual_stride * element : 0};
    if (operation == NORM_ADD_NORM) {
        statistics(&r, &a->inner, row, centered, operation, source_of_inner, &r.mean, &r.reciprocal);
    }
    double mean, reciprocal;
    statistics(&r, norm, row, centered, operation, source, &mean, &reciprocal);
    void *h = a->h ? (char *)a->h + row * a->h_stride * element : 0;
    void *y = norm->y ? (char *)norm->y + row * norm->y_stride * element : 0;
    for (long long j = 0; j < norm->columns; j++) {
        double sum = source(&r, j, operation);
        double result = affine_exact(norm, j, (sum - mean) * reciprocal);
        if (operation == NORM_RESIDUAL_ADD) {
            if (r.residual) {
                result += (double)a->alpha * load_element(r.residual, j, norm->dtype);
            }
            store_element(h, j, norm->dtype, (float)result);
        } else {
            if (h) {
                store_element(h, j, norm->dtype, (float)sum);
            }
            store_element(y, j, norm->dtype, (float)result);
        }
    }
}
