/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random weights in every format that a gatun_lowbit_matrix is made from, with what they mean: one element at a time by
 * the formulas of the formats, independently of the library. Tensors end flush with an inaccessible page.
 */
#ifndef GATUN_TEST_LOWBIT_TENSORS_H
#define GATUN_TEST_LOWBIT_TENSORS_H

#include <stdbool.h>
#include <stdint.h>

#include "gatun.h"
#include "guarded.h"

enum scale_fill {
    SCALES_USUAL,  /* between 2^-8 and 2^-2, both signs */
    SCALES_FINITE, /* all finite values of the type, subnormal ones and zeros of both signs */
    SCALES_ANY     /* all values */
};

enum zeros_kind { ZEROS_NONE = -2, ZEROS_PACKED = -1 };

typedef struct {
    int scheme; /* gatun_lowbit_scheme but GATUN_LOWBIT_QUANTIZED */
    long long outputs, inputs;
    int gguf_type;         /* GGUF */
    int bits;              /* GPTQ, NBITS, JLAMA */
    long long group_size;  /* AWQ, GPTQ, NBITS; 0: one group */
    int version;           /* GPTQ */
    bool act_order;        /* GPTQ */
    int scale_dtype;       /* AWQ, GPTQ, NBITS */
    int zero_dtype;        /* NBITS: ZEROS_NONE, ZEROS_PACKED or a gatun_dtype; INT8: ZEROS_NONE or not */
    bool fractional_zeros; /* NBITS with a gatun_dtype */
} tensor_format;

/* One weight: (u - zero) * scale, or scale * u + offset where `zero` is -1. */
typedef struct {
    int code, zero;
    float scale, offset;
    float value; /* as the format's own decoder gives it */
} tensor_weight;

typedef struct {
    tensor_format format;
    long long group, groups; /* in inputs, at least 1; and how many */
    guarded codes, scales, zeros, order;
    int *g_idx;       /* [inputs], the group of each input */
    int *permutation; /* [inputs], as gatun_lowbit_matrix_permutation */
} tensor;

void tensor_make(tensor *t, tensor_format format, enum scale_fill fill, uint64_t *random);
void tensor_free(tensor *t);

/* A matrix of it. */
int tensor_pack(const tensor *t, const gatun_context *context, gatun_lowbit_matrix **matrix, char *message,
                long long message_bytes);

tensor_weight tensor_at(const tensor *t, long long output, long long input);

/* What a failure says about it. */
const char *tensor_describe(const tensor *t, char *text, size_t bytes);

/* All formats one after the other, `inputs` being what those of a tensor must be a multiple of; false past the last. */
bool tensor_format_at(int index, tensor_format *format);

#endif
