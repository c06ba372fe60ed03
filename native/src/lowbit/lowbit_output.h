/* SPDX-License-Identifier: Apache-2.0 */
/* Results of low-bit products: the bias, and the storage type of y. */
#ifndef GATUN_LOWBIT_OUTPUT_H
#define GATUN_LOWBIT_OUTPUT_H

#include "../simd/int8.h"
#include "gatun/core.h"
#include "lowbit_kernel.h"

/* Writes the first n of VF_LANES results of a row, from output `output` on. */
GATUN_INLINE void store_outputs(const lowbit_multiply_arguments *a, long long row, long long output, vf v, int n) {
    if (a->bias) {
        v = vf_add(v, n == VF_LANES ? vf_load(a->bias + output) : vf_load_first(a->bias + output, n));
    }
    const long long at = row * a->y_stride + output;
    switch (a->dtype) {
    case GATUN_F32:
        if (n == VF_LANES) {
            vf_store((float *)a->y + at, v);
        } else {
            vf_store_first((float *)a->y + at, v, n);
        }
        break;
    case GATUN_BF16:
        if (n == VF_LANES) {
            vf_store_bf16((uint16_t *)a->y + at, v);
        } else {
            vf_store_first_bf16((uint16_t *)a->y + at, v, n);
        }
        break;
    default:
        if (n == VF_LANES) {
            vf_store_f16((uint16_t *)a->y + at, v);
        } else {
            vf_store_first_f16((uint16_t *)a->y + at, v, n);
        }
    }
}

/* Writes the outputs of a tile, as far as they exist: `rows` rows of `block`, which are `stride` apart. */
static void store_tile(const lowbit_multiply_arguments *a, long long row, int rows, long long tile, const float *block,
                       int stride) {
    const long long output = tile * LOWBIT_TILE, outputs = a->matrix->outputs - output;
    const int n = outputs < LOWBIT_TILE ? (int)outputs : LOWBIT_TILE;
    for (int r = 0; r < rows; r++) {
        const float *from = block + r * stride;
        if (a->integers) {
            memcpy((int32_t *)a->y + (row + r) * a->y_stride + output, from, (size_t)n * sizeof(int32_t));
            continue;
        }
        for (int lane = 0; lane < n; lane += VF_LANES) {
            store_outputs(a, row + r, output + lane, vf_load(from + lane), n - lane < VF_LANES ? n - lane : VF_LANES);
        }
    }
}

#endif
