/* SPDX-License-Identifier: Apache-2.0 */
/* From a source to the packed form, and back. */
#ifndef GATUN_LOWBIT_PACK_H
#define GATUN_LOWBIT_PACK_H

#include "../core/threads.h"
#include "lowbit_source.h"

/* What packing found; `bad_output` is -1 if all scales and offsets can be used. */
typedef struct {
    long long bad_output, bad_input; /* the first output, and there the first input of a group, with a bad one */
    bool minus_128;                  /* some 8-bit code is 0 */
} lowbit_findings;

/* Writes the whole packed form of source->shape to `data`, shape.data_bytes at a multiple of LOWBIT_ALIGNMENT. */
lowbit_findings lowbit_pack(gatun_pool *pool, const lowbit_source *source, unsigned char *data);

/*
 * Reads `count` outputs of one tile back: their codes, and their scales and offsets as float32 into values->scales and
 * values->offsets; c is rounded where it is -z * s.
 */
void lowbit_unpack(const lowbit_matrix *matrix, long long output, int count, long long chunk, lowbit_values *values);

/* The same of what a source read: completes values->scales and values->offsets, and values->zeros. */
void lowbit_complete(const lowbit_matrix *shape, int count, long long chunk, lowbit_values *values);

#endif
