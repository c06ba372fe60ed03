/* SPDX-License-Identifier: Apache-2.0 */
/* The block formats of GGUF files. */
#ifndef GATUN_GGUF_BLOCKS_H
#define GATUN_GGUF_BLOCKS_H

#include "lowbit_source.h"

typedef struct {
    int type;         /* gatun_gguf_type */
    const char *name; /* "Q4_0" */
    int inputs, bytes;
    int bits, group, scales, offsets, zero; /* of the packed form */
    bool in_place;                          /* whether there are kernels that read the blocks themselves */
} gguf_format;

/* NULL for a type that is not known. */
const gguf_format *gguf_format_of(int type);

/* lowbit_source.read of all types. */
void gguf_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values);

#endif
