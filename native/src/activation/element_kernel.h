/* SPDX-License-Identifier: Apache-2.0 */
/* What the entry points of the element-wise activations and their kernels say to each other. */
#ifndef GATUN_ELEMENT_KERNEL_H
#define GATUN_ELEMENT_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "gatun/activation.h"

/* Inputs, and outputs, at most. */
#define ELEMENT_OPERANDS 3

typedef struct {
    int activation;
    float first, second;
    bool nan_to_zero;
} activation_parameters;

/*
 * The checked arguments of an operation whose results at a place depend on its inputs there alone. Operands are
 * [rows, columns], in the order of the operation's tile functions; tensors without gaps between their rows are passed as
 * one row.
 */
typedef struct {
    activation_parameters parameters;
    int dtype, inputs, outputs;
    long long rows, columns;
    const void *in[ELEMENT_OPERANDS];
    long long in_stride[ELEMENT_OPERANDS];
    void *out[ELEMENT_OPERANDS]; /* NULL for one that is not wanted */
    long long out_stride[ELEMENT_OPERANDS];
    bool interleaved; /* the last two of several inputs, and the first two of several outputs, are neighbours */
    bool prefetch;    /* inputs come from memory: fetch what follows */
    bool stream;      /* outputs will not be read again before they have left the caches: bypass them */
} element_arguments;

/* A part of a tensor. */
typedef struct {
    long long row_begin, row_end, column_begin, column_end;
} element_block;

typedef struct {
    void (*block)(const element_arguments *arguments, const element_block *block);
} element_kernel;

/* Bits of [rows, columns] elements: words of 64, each row from a word of its own on. */
static inline long long mask_words(long long columns) {
    return columns / 64 + (columns % 64 != 0);
}

/* Masks: forward with bounds and a mask that is written, backward with scales and one that is read. */
typedef struct {
    element_arguments elements;
    float lower, upper, scale0, scale1;
    uint64_t *mask;
    const uint64_t *read_mask;
} mask_arguments;

/* Blocks begin at columns that are multiples of 64. */
typedef struct {
    void (*block)(const mask_arguments *arguments, const element_block *block);
} mask_kernel;

/* Alpha dropout. */
typedef struct {
    element_arguments elements;
    float probability;
    uint64_t seed, offset;
    bool per_row, selu;
    long long row_elements; /* from one row to the next in the numbering of the elements */
} dropout_arguments;

typedef struct {
    void (*block)(const dropout_arguments *arguments, const element_block *block);
} dropout_kernel;

/* One gate for each head. */
typedef struct {
    int dtype;
    long long heads, columns;
    const void *dy, *gate, *value; /* no dy in the forward pass */
    long long dy_stride, gate_stride, value_stride;
    void *out, *dgate; /* y or dvalue; NULL for none */
    long long out_stride, dgate_stride;
    bool stream;
} head_gate_arguments;

typedef struct {
    void (*tokens)(const head_gate_arguments *arguments, long long begin, long long end);
} head_gate_kernel;

#endif
