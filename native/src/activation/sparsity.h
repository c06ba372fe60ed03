/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and masks in the vector vocabulary. */
#ifndef GATUN_SPARSITY_H
#define GATUN_SPARSITY_H

#include "../simd/elements.h"
#include "activation_kernels.h"

GATUN_INLINE const void *place_in(const void *p, long long row, long long stride, long long column, const int dtype) {
    return (const char *)p + (row * stride + column) * element_bytes(dtype);
}

/* |x| scale of `lanes` columns from j on. */
GATUN_INLINE vf key_of(const sparsity_arguments *a, const void *x, long long j, const int lanes, const bool all,
                       const int dtype) {
    const vf key = vf_abs(load_lanes(x, j, lanes, all, dtype));
    return a->scale ? vf_mul(key, load_lanes(a->scale, j, lanes, all, GATUN_F32)) : key;
}

/* The columns of a row whose key is at least `threshold`, or above it unless `keep_equal`; thresholds[column], where
 * there are some. What is not less stays, so that NaN does. */
GATUN_INLINE void mask_lanes(const sparsity_arguments *a, const void *x, const void *values, void *y, vf threshold,
                             const float *thresholds, const bool keep_equal, long long j, const int lanes,
                             const bool all, const int dtype) {
    const vf key = key_of(a, x, j, lanes, all, dtype);
    const vf bound = thresholds ? load_lanes(thresholds, j, lanes, all, GATUN_F32) : threshold;
    const vf value = load_lanes(values, j, lanes, all, dtype);
    const vm dropped = keep_equal ? vf_less(key, bound) : vf_less_equal(key, bound);
    store_lanes(y, j, vf_drop(dropped, value), lanes, all, dtype, false);
}
GATUN_INLINE void mask_columns(const sparsity_arguments *a, long long row, long long first, long long last,
                               float threshold, const float *thresholds, const bool keep_equal, const int dtype) {
    const void *x = place_in(a->x, row, a->x_stride, 0, dtype);
    const void *values = place_in(a->values, row, a->values_stride, 0, dtype);
    void *y = (char *)a->y + row * a->y_stride * element_bytes(dtype);
    const vf bound = vf_set(threshold);
    long long j = first;
    for (; j + VF_LANES <= last; j += VF_LANES) {
        mask_lanes(a, x, values, y, bound, thresholds, keep_equal, j, VF_LANES, true, dtype);
    }
    if (j < last) {
        mask_lanes(a, x, values, y, bound, thresholds, keep_equal, j, (int)(last - j), false, dtype);
    }
}

#endif
