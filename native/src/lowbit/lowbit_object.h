/* SPDX-License-Identifier: Apache-2.0 */
/* What a gatun_lowbit_matrix is. */
#ifndef GATUN_LOWBIT_OBJECT_H
#define GATUN_LOWBIT_OBJECT_H

#include "../norm/norm_checks.h"
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

/* The blocks of a matrix in place are an input, like other operands. */
static inline void lowbit_add_blocks(extents *operands, const gatun_lowbit_matrix *matrix) {
    if (matrix->scheme == GATUN_LOWBIT_GGUF_IN_PLACE) {
        const uintptr_t begin = (uintptr_t)matrix->blocks.data;
        operands->all[operands->count++] =
            (extent){"the blocks of matrix", begin, begin + (uintptr_t)gatun_lowbit_matrix_bytes(matrix), 0};
    }
}

#endif
