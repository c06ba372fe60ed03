/* SPDX-License-Identifier: Apache-2.0 */
/* Elements one by one, for the rows in double precision. */
#ifndef GATUN_EXACT_ELEMENT_H
#define GATUN_EXACT_ELEMENT_H

#include "../simd/simd.h"
#include "gatun/core.h"

static inline double load(const void *p, long long index, int dtype) {
    switch (dtype) {
    case GATUN_BF16:
        return (double)bf16_to_float(((const uint16_t *)p)[index]);
    case GATUN_F16:
        return (double)f16_to_float(((const uint16_t *)p)[index]);
    default:
        return (double)((const float *)p)[index];
    }
}

static inline void store(void *p, long long index, int dtype, float value) {
    switch (dtype) {
    case GATUN_BF16:
        ((uint16_t *)p)[index] = bf16_from_float(value);
        break;
    case GATUN_F16:
        ((uint16_t *)p)[index] = f16_from_float(value);
        break;
    default:
        ((float *)p)[index] = value;
    }
}

#endif
