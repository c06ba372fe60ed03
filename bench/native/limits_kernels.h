/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of limits.c: one table for each instruction set level, all from limits_kernels.c. */
#ifndef GATUN_BENCH_LIMITS_KERNELS_H
#define GATUN_BENCH_LIMITS_KERNELS_H

#include <stddef.h>

enum { LIMIT_LINE = 64, LIMIT_STREAMS = 4 };

enum limit_variant {
    LIMIT_PLAIN,
    LIMIT_NON_TEMPORAL,
    LIMIT_PREFETCH,
    LIMIT_NON_TEMPORAL_PREFETCH,
    LIMIT_RUNS,
    LIMIT_NON_TEMPORAL_RUNS,
    LIMIT_VARIANTS
};

/* The part of the streams that one thread moves. */
struct limit_part {
    int reads, writes;
    const char *in[LIMIT_STREAMS];
    char *out[LIMIT_STREAMS];
    size_t lines;
    size_t skew_lines; /* by how much the four places are further apart than a quarter */
};

/* Moves one part; the return value only keeps the reads alive. */
typedef int limit_kernel(const struct limit_part *part);

/* The combinations of reads and writes that are built; those of several streams can move them one after the other. */
#define LIMIT_RUN_SHAPES(X) X(2, 1) X(3, 1) X(1, 2) X(2, 2) X(3, 2) X(4, 2)
#define LIMIT_SHAPES(X) X(1, 0) X(2, 0) X(0, 1) X(1, 1) LIMIT_RUN_SHAPES(X)

extern limit_kernel *const limit_kernels_baseline[LIMIT_VARIANTS];
#if defined(__x86_64__)
extern limit_kernel *const limit_kernels_avx2[LIMIT_VARIANTS];
extern limit_kernel *const limit_kernels_avx512[LIMIT_VARIANTS];
#endif

#endif
