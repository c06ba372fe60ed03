/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that float32 statistics cannot describe. */
#include "exact.h"
#include "row_scale.h"

row_scale row_norm_scale(const row_norm_arguments *a, long long row, row_moments moments) {
    return scale_of_row(a, row, moments);
}

void row_norm_exact(const row_norm_arguments *a, long long row, bool centered) {
    long long element = exact_element_bytes(a->dtype);
    const void *x = (const char *)a->x + row * a->x_stride * element;
    void *y = (char *)a->y + row * a->y_stride * element;
    double count = (double)a->statistics_columns;

    double mean = 0;
    if (centered) {
        for (long long j = 0; j < a->statistics_columns; j++) {
            mean += load_element(x, j, a->dtype);
        }
        mean /= count;
    }
    double squares = 0;
    for (long long j = 0; j < a->statistics_columns; j++) {
        double deviation = load_element(x, j, a->dtype) - mean;
        squares += deviation * deviation;
    }
    double reciprocal = reciprocal_of_mean_square(squares / count, count, a->eps, a->eps_mode);
    save_statistics(a, row, mean, reciprocal);

    for (long long j = 0; j < a->columns; j++) {
        double xh = (load_element(x, j, a->dtype) - mean) * reciprocal;
        store_element(y, j, a->dtype, (float)affine_exact(a, j, xh));
    }
}
