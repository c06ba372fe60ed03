/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that float32 statistics cannot describe. */
#include "exact_element.h"
#include "norm_kernels.h"
#include "row_scale.h"

row_scale row_norm_scale(const row_norm_arguments *a, long long row, row_moments moments) {
    return scale_of_row(a, row, moments);
}

static double rounded(double value, int dtype) {
    switch (dtype) {
    case GATUN_BF16:
        return (double)vf_round_bf16((float)value);
    case GATUN_F16:
        return (double)vf_round_f16((float)value);
    default:
        return (double)(float)value;
    }
}

void row_norm_exact(const row_norm_arguments *a, long long row, bool centered) {
    long long element = a->dtype == GATUN_F32 ? 4 : 2;
    const void *x = (const char *)a->x + row * a->x_stride * element;
    void *y = (char *)a->y + row * a->y_stride * element;
    double count = (double)a->statistics_columns;

    double mean = 0;
    if (centered) {
        for (long long j = 0; j < a->statistics_columns; j++) {
            mean += load(x, j, a->dtype);
        }
        mean /= count;
    }
    double squares = 0;
    for (long long j = 0; j < a->statistics_columns; j++) {
        double deviation = load(x, j, a->dtype) - mean;
        squares += deviation * deviation;
    }
    double reciprocal = reciprocal_of_mean_square(squares / count, count, a->eps, a->eps_mode);
    save_statistics(a, row, mean, reciprocal);

    for (long long j = 0; j < a->columns; j++) {
        double value = (load(x, j, a->dtype) - mean) * reciprocal;
        if (a->cast_mode == GATUN_CAST_LLAMA) {
            value = rounded(value, a->dtype);
        }
        if (a->gamma) {
            value *= (double)a->weight_offset + load(a->gamma, j, a->parameter_dtype);
        }
        if (a->beta) {
            value += load(a->beta, j, a->parameter_dtype);
        }
        store(y, j, a->dtype, (float)value);
    }
}
