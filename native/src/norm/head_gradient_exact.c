/* SPDX-License-Identifier: Apache-2.0 */
/* The backward pass of a head vector that float32 statistics cannot describe. */
#include "../simd/simd.h"
#include "head_damping.h"
#include "head_norm_kernel.h"
#include "row_scale.h"
#include "scalar_elements.h"

static double weight_of(const head_gradient_arguments *a, const head_gradient_role *role, long long j) {
    return role->gamma ? (double)a->weight_offset + load_element(role->gamma, j, a->parameter_dtype) : 1;
}

void head_gradient_exact(const head_gradient_arguments *a, const head_gradient_role *role, head_gradient_place at,
                         double *sums) {
    const double count = (double)a->head_columns;
    double squares = 0;
    for (long long j = 0; j < a->head_columns; j++) {
        double x = load_element(role->x, at.x + j, a->dtype);
        squares += x * x;
    }
    const double r = reciprocal_of_mean_square(squares / count, count, a->eps, a->eps_mode);
    double product = 0;
    for (long long j = 0; j < a->head_columns; j++) {
        double xh = load_element(role->x, at.x + j, a->dtype) * r;
        product += load_element(role->dy, at.dy + j, a->dtype) * weight_of(a, role, j) * xh;
    }
    product *= damping_of_mean_square(squares / count, count, a->eps, a->eps_mode) / count;
    for (long long j = 0; j < a->head_columns; j++) {
        double xh = load_element(role->x, at.x + j, a->dtype) * r;
        double dy = load_element(role->dy, at.dy + j, a->dtype);
        if (sums) {
            sums[j] += dy * xh;
        }
        if (role->dx) {
            store_element(role->dx, at.dx + j, a->dtype, (float)(r * (dy * weight_of(a, role, j) - xh * product)));
        }
    }
}
