/* SPDX-License-Identifier: Apache-2.0 */
/* One element at a time, of a type known at run time only: for the rare rows that are worked on in double precision. */
#ifndef GATUN_SCALAR_ELEMENTS_H
#define GATUN_SCALAR_ELEMENTS_H

#include "../simd/half.h"
#include "gatun/core.h"

static inline double load_element(const void *p, long long index, int dtype) {
    switch (dtype) {
    case GATUN_BF16:
        return (double)bf16_to_float(((const uint16_t *)p)[index]);
    case GATUN_F16:
        return (double)f16_to_float(((const uint16_t *)p)[index]);
    default:
        return (double)((const float *)p)[index];
    }
}

static inline void store_element(void *p, long long index, int dtype, float value) {
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
