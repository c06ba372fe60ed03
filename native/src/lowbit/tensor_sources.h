/* SPDX-License-Identifier: Apache-2.0 */
/* lowbit_source.read and .row of the formats whose codes, scales and zero points are tensors of their own. */
#ifndef GATUN_TENSOR_SOURCES_H
#define GATUN_TENSOR_SOURCES_H

#include <string.h>

#include "../simd/half.h"
#include "gatun/core.h"
#include "lowbit_source.h"

void awq_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values);
void gptq_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values);
void nbits_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values);
void jlama_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values);
void int8_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values);

lowbit_row awq_row(const lowbit_source *source, long long output);
lowbit_row gptq_row(const lowbit_source *source, long long output);
lowbit_row nbits_row(const lowbit_source *source, long long output);
lowbit_row jlama_row(const lowbit_source *source, long long output);
lowbit_row int8_row(const lowbit_source *source, long long output);

/* The zero point of a group of an output, of formats where it is an integer. */
int awq_zero(const lowbit_source *source, long long output, long long group);
int gptq_zero(const lowbit_source *source, long long output, long long group);
int nbits_zero(const lowbit_source *source, long long output, long long group);

/* Element `index` of a tensor of a gatun_dtype, at any alignment. */
static inline float load_scale(const unsigned char *p, int dtype, long long index) {
    uint16_t bits;
    float value;
    if (dtype == GATUN_F32) {
        memcpy(&value, p + 4 * index, sizeof value);
        return value;
    }
    memcpy(&bits, p + 2 * index, sizeof bits);
    return dtype == GATUN_F16 ? f16_to_float(bits) : bf16_to_float(bits);
}

#endif
