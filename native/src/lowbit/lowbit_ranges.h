/* SPDX-License-Identifier: Apache-2.0 */
/* The products of one level that have files of their own. */
#ifndef GATUN_LOWBIT_RANGES_H
#define GATUN_LOWBIT_RANGES_H

#include "../simd/simd.h"
#include "lowbit_kernel.h"

/* More lanes or dot products of bytes do not speed up what reads blocks in place, or decodes to floats. */
#if defined(GATUN_LEVEL_AVX512) || defined(GATUN_LEVEL_AVX512VNNI)
#define LOWBIT_BLOCKS_LEVEL(stem) stem##_avx2
#else
#define LOWBIT_BLOCKS_LEVEL(stem) GATUN_AT_LEVEL(stem)
#endif
#if defined(GATUN_LEVEL_AVX512VNNI)
#define LOWBIT_FLOATS_LEVEL(stem) stem##_avx512
#else
#define LOWBIT_FLOATS_LEVEL(stem) GATUN_AT_LEVEL(stem)
#endif

lowbit_multiply_range LOWBIT_FLOATS_LEVEL(lowbit_multiply_floats);
lowbit_multiply_range LOWBIT_BLOCKS_LEVEL(lowbit_multiply_blocks);
lowbit_multiply_range LOWBIT_BLOCKS_LEVEL(lowbit_multiply_blocks_floats);

#endif
