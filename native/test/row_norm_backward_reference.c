/* SPDX-License-Identifier: Apache-2.0 */
#include "row_norm_backward_reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static long long statistics_columns(const backward_case *test) {
    return test->operation == RMS_NORM_BACKWARD ? test->statistics_columns : test->columns;
}

static double *array_of(long long count) {
    double *array = calloc((size_t)(count > 0 ? count : 1), sizeof *array);
    if (array == NULL) {
        check_abandon("no memory for %lld numbers", count);
    }
    return array;
}

static norm_statistics statistics_of(const backward_case *test, const double *x) {
    const long long n = statistics_columns(test);
    const double count = (double)n;
    norm_statistics s = {0, 0, 1};
    for (long long j = 0; j < n && backward_is_centered(test); j++) {
        s.mean += x[j];
    }
    s.mean /= count;
    double squares = 0, rest = 0;
    for (long long j = 0; j < n; j++) {
        double deviation = x[j] - s.mean;
        squares += deviation * deviation;
        rest += deviation;
    }
    if (backward_is_centered(test)) {
        s.mean += rest / count;
        squares -= rest * rest / count;
        squares = squares < 0 ? 0 : squares;
    }
    const double mean_square = squares / count, eps = test->eps;
    switch (test->eps_mode) {
    case GATUN_EPS_IN_SQRT:
        s.r = 1 / sqrt(mean_square + eps);
        break;
    case GATUN_EPS_ADD:
        s.r = 1 / (sqrt(mean_square) + eps);
        s.k = mean_square == 0 ? 0 : 1 / (sqrt(mean_square) * s.r);
        break;
    default: {
        const double norm = sqrt(squares);
        s.k = norm < eps ? 0 : 1; /* a NaN norm stays */
        s.r = sqrt(count) / (norm < eps ? eps : norm);
    }
    }
    return s;
}

/* What norm 0 takes in: x, and of norm_residual_add a float32 sum with the bias. */
static double input_of(const backward_inputs *inputs, int norm, long long at, long long column) {
    const double x = inputs->tensors[norm == 0 ? TENSOR_X : TENSOR_X_OF_NORM1][at];
    return norm == 0 && inputs->bias != NULL ? (double)(float)(x + inputs->bias[column]) : x;
}

norm_statistics backward_statistics_of(const backward_case *test, const backward_inputs *inputs, int norm,
                                       long long row) {
    double *x = array_of(test->columns);
    for (long long j = 0; j < test->columns; j++) {
        x[j] = input_of(inputs, norm, row * test->columns + j, j);
    }
    const norm_statistics s = statistics_of(test, x);
    free(x);
    return s;
}

static double factor(const backward_case *test, const double *gamma, long long column) {
    return gamma != NULL ? (double)test->weight_offset + gamma[column] : 1;
}

/* A row of numbers with their scales. */
typedef struct scaled_row {
    double *value, *scale;
} scaled_row;

/* In place: the gradient of what a norm gave out becomes that of what it took in. Adds to dgamma and dbeta. */
static void through_norm(const backward_case *test, const backward_inputs *inputs, int norm, long long row,
                         scaled_row gradient, const backward_outputs *outputs, int first_gradient) {
    const long long columns = test->columns, n = statistics_columns(test);
    const norm_statistics s = inputs->statistics[norm][row];
    double *xh = array_of(columns);
    double g_sum = 0, gxh_sum = 0, g_scale = 0, gxh_scale = 0;
    for (long long j = 0; j < columns; j++) {
        xh[j] = (input_of(inputs, norm, row * columns + j, j) - s.mean) * s.r;
        const double error_of_xh = 1 + fabs(xh[j]);
        outputs->gradients[first_gradient][j] += gradient.value[j] * xh[j];
        outputs->gradient_scales[first_gradient][j] += gradient.scale[j] * error_of_xh;
        outputs->gradients[first_gradient + 1][j] += gradient.value[j];
        outputs->gradient_scales[first_gradient + 1][j] += gradient.scale[j];
        const double w = factor(test, inputs->gamma[norm], j);
        gradient.value[j] *= w;
        gradient.scale[j] *= fabs(w);
        g_sum += gradient.value[j];
        g_scale += gradient.scale[j];
        gxh_sum += gradient.value[j] * xh[j];
        gxh_scale += gradient.scale[j] * error_of_xh;
    }
    for (long long j = 0; j < columns; j++) {
        double rest = gradient.value[j], scale = gradient.scale[j];
        if (backward_is_centered(test)) {
            rest -= g_sum / (double)n;
            scale += g_scale / (double)n;
        }
        if (j < n) {
            rest -= s.k * xh[j] * gxh_sum / (double)n;
            scale += s.k * (1 + fabs(xh[j])) * gxh_scale / (double)n;
        }
        gradient.value[j] = s.r * rest;
        gradient.scale[j] = s.r * scale;
    }
    free(xh);
}

static void backward_row(const backward_case *test, const backward_inputs *inputs, const backward_outputs *outputs,
                         long long row) {
    const long long columns = test->columns, begin = row * columns;
    const scaled_row gradient = {outputs->dx + begin, outputs->dx_scale + begin};
    const scaled_row residual = {outputs->dresidual + begin, outputs->dresidual_scale + begin};
    const double *dy = inputs->tensors[TENSOR_DY] + begin;
    for (long long j = 0; j < columns; j++) {
        gradient.value[j] = dy[j];
        gradient.scale[j] = fabs(dy[j]);
    }
    through_norm(test, inputs, 0, row, gradient, outputs, 0);
    if (test->operation == NORM_ADD_NORM_BACKWARD || test->operation == RESIDUAL_ADD_NORM_BACKWARD) {
        for (long long j = 0; j < columns && inputs->tensors[TENSOR_DH_IN] != NULL; j++) {
            const double dh_in = inputs->tensors[TENSOR_DH_IN][begin + j];
            gradient.value[j] += dh_in;
            gradient.scale[j] += fabs(dh_in);
        }
    }
    const double alpha = test->alpha;
    for (long long j = 0; j < columns; j++) {
        const int of_dy = test->operation == NORM_RESIDUAL_ADD_BACKWARD;
        residual.value[j] = alpha * (of_dy ? dy[j] : gradient.value[j]);
        residual.scale[j] = fabs(alpha) * (of_dy ? fabs(dy[j]) : gradient.scale[j]);
    }
    if (test->operation == NORM_ADD_NORM_BACKWARD) {
        through_norm(test, inputs, 1, row, gradient, outputs, 2);
        return;
    }
    for (long long j = 0; j < columns && backward_gradients(test->operation) == 3; j++) {
        outputs->gradients[2][j] += gradient.value[j];
        outputs->gradient_scales[2][j] += gradient.scale[j];
    }
}

void backward_reference(const backward_case *test, const backward_inputs *inputs, const backward_outputs *outputs) {
    for (int g = 0; g < BACKWARD_GRADIENTS_MAX; g++) {
        for (long long j = 0; j < test->columns; j++) {
            outputs->gradients[g][j] = outputs->gradient_scales[g][j] = 0;
        }
    }
    for (long long row = 0; row < test->rows; row++) {
        backward_row(test, inputs, outputs, row);
    }
}

static void normalize(const backward_case *test, const double *x, const double *gamma, const double *beta, double *y) {
    const norm_statistics s = statistics_of(test, x);
    for (long long j = 0; j < test->columns; j++) {
        y[j] = (x[j] - s.mean) * s.r * factor(test, gamma, j) + (beta != NULL ? beta[j] : 0);
    }
}

void backward_forward(const backward_case *test, const forward_row *row) {
    const long long columns = test->columns;
    double *sum = array_of(columns);
    for (long long j = 0; j < columns; j++) {
        sum[j] = row->x[j] + (row->bias != NULL ? row->bias[j] : 0);
    }
    switch (test->operation) {
    case LAYER_NORM_BACKWARD:
    case RMS_NORM_BACKWARD:
        normalize(test, sum, row->gamma[0], row->beta[0], row->y);
        break;
    case RESIDUAL_ADD_NORM_BACKWARD:
        for (long long j = 0; j < columns; j++) {
            row->h[j] = (double)test->alpha * row->residual[j] + sum[j];
        }
        normalize(test, row->h, row->gamma[0], row->beta[0], row->y);
        break;
    case NORM_RESIDUAL_ADD_BACKWARD:
        normalize(test, sum, row->gamma[0], row->beta[0], row->y);
        for (long long j = 0; j < columns; j++) {
            row->y[j] += (double)test->alpha * row->residual[j];
        }
        break;
    default:
        normalize(test, sum, row->gamma[1], row->beta[1], row->h);
        for (long long j = 0; j < columns; j++) {
            row->h[j] += (double)test->alpha * row->residual[j];
        }
        normalize(test, row->h, row->gamma[0], row->beta[0], row->y);
    }
    free(sum);
}
