/* SPDX-License-Identifier: Apache-2.0 */
/* What a gatun_lowbit_matrix is. */
#ifndef GATUN_LOWBIT_OBJECT_H
#define GATUN_LOWBIT_OBJECT_H

#include "gatun/lowbit.h"
#include "lowbit_kernel.h"
#include "lowbit_source.h"

struct gatun_lowbit_matrix {
    lowbit_matrix packed; /* without data where the matrix is in place */
    lowbit_source source; /* of a matrix in place */
    lowbit_blocks blocks; /* the same for kernels; no data otherwise */
    int scheme, gguf_type, flags;
    long long group_size; /* of the format */
    unsigned char *data;
    int32_t *permutation;
};

#endif
