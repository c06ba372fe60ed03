/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the per-head normalizations share. A head vector is short (64 to 128 elements), so its horizontal sum, square root
 * and division would take as long as the rest of it. Therefore head vectors are worked on in blocks that stay in the
 * level-1 cache: first the sums of all, eight running side by side, then all their scales as vectors, then the output of
 * all, tile by tile of columns, with the parameters of the tile in registers.
 *
 * What is summed is added in an order that depends on the columns alone: each lane takes FOLD additions before it is
 * folded into another, as in row_norm.h, and chunks are added in double precision.
 */
#ifndef GATUN_HEAD_NORM_H
#define GATUN_HEAD_NORM_H

#include "row_norm.h"

#define HEAD_CHUNK (FOLDS * FOLD * VF_LANES)

/* Vectors that vf_sum_each takes at once. */
#define HEAD_SUMS 8

/* Greatest number of head vectors in a block; a multiple of HEAD_SUMS and of VF_LANES. */
#define HEAD_BLOCK 32
#define HEAD_BLOCK_BYTES 8192 /* of each tensor */

/* Vectors of a tile of columns: with as many of parameters they fit into the registers. */
#define HEAD_TILE 8

/*
 * Vectors of columns are worked on two by two. Two of bf16 are the elements at even and at odd places, which takes half
 * the instructions of one after the other; those of other types, and of parameters, are split where it matters.
 */
typedef struct {
    vf first, second;
} vf_pair;

GATUN_INLINE vf_pair load_pair(const void *p, long long index, const int dtype) {
    vf_pair pair;
    if (dtype == GATUN_BF16) {
        vf_load_even_odd_bf16(element(p, index, dtype), &pair.first, &pair.second);
    } else {
        pair.first = load(p, index, dtype);
        pair.second = load(p, index + VF_LANES, dtype);
    }
    return pair;
}
/* No NaN, where it is bf16. */
GATUN_INLINE void store_pair(void *p, long long index, vf_pair pair, const int dtype, const bool stream) {
    if (dtype == GATUN_BF16) {
        uint16_t *to = (uint16_t *)p + index;
        stream ? vf_stream_even_odd_bf16(to, pair.first, pair.second)
               : vf_store_even_odd_bf16(to, pair.first, pair.second);
    } else {
        store(p, index, pair.first, dtype, stream);
        store(p, index + VF_LANES, pair.second, dtype, stream);
    }
}

GATUN_INLINE long long vectors_of_block(long long columns, long long greatest, long long multiple, const int dtype) {
    long long vectors = HEAD_BLOCK_BYTES / (columns * element_bytes(dtype)) / multiple * multiple;
    return vectors < multiple ? multiple : vectors < greatest ? vectors : greatest;
}

/*
 * Where `count` head vectors from number `first` on begin in a tensor: the heads of all tokens are numbered through. A
 * block that is not a multiple of `multiple` ends with repetitions of its last vector.
 */
GATUN_INLINE void find_heads(long long *found, long long first, long long count, long long multiple, long long heads,
                             long long columns, long long stride) {
    long long row = first / heads * stride, left = heads - first % heads, at = row + (heads - left) * columns;
    long long k = 0;
    for (; k < count; k++) {
        found[k] = at;
        at += columns;
        if (--left == 0) {
            at = row += stride;
            left = heads;
        }
    }
    for (; k % multiple != 0; k++) {
        found[k] = found[count - 1];
    }
}

/* Whether each head vector is made of whole lines, so that it can be written past the caches. */
GATUN_INLINE bool has_whole_lines(const void *p, long long stride, long long columns, const int dtype) {
    const long long line = LINE_BYTES / element_bytes(dtype);
    return (uintptr_t)p % LINE_BYTES == 0 && stride % line == 0 && columns % line == 0;
}

/* Brings `bytes` of a head vector into the level-2 cache, HEAD_TILE vectors at most. */
GATUN_INLINE void fetch_columns(const void *p, const long long bytes) {
#pragma GCC unroll 8
    for (int line = 0; line < (bytes + LINE_BYTES - 1) / LINE_BYTES; line++) {
        __builtin_prefetch((const char *)p + line * LINE_BYTES, 0, 2);
    }
}

/* 1 where there is no gamma. */
GATUN_INLINE vf head_weights(const void *gamma, const int parameter_dtype, float offset, long long j, int n,
                             const bool all) {
    if (!gamma) {
        return vf_set(1);
    }
    vf weights = parameter_dtype == GATUN_F32    ? load_lanes(gamma, j, n, all, GATUN_F32)
                 : parameter_dtype == GATUN_BF16 ? load_lanes(gamma, j, n, all, GATUN_BF16)
                                                 : load_lanes(gamma, j, n, all, GATUN_F16);
    return offset == 0 ? weights : vf_add(weights, vf_set(offset));
}

/* Whether float32 described the vector: its sum did not overflow (then r is 0), nor lose bits to underflow; no NaN. */
GATUN_INLINE bool is_plain_scale(float scale) {
    return scale > 0 && scale < (float)(1 / SMALLEST_DENOMINATOR);
}

/*
 * r of `count` head vectors with those sums of squares, and whether all are plain. Both arrays hold a multiple of
 * VF_LANES; what is behind `count` is overwritten.
 */
GATUN_INLINE bool head_scales(float *squares, float *scales, long long count, long long columns, float eps,
                              const int eps_mode) {
    const vd one = vd_set(1), least = vd_set((double)eps);
    const vd share = vd_set(1 / (double)columns), root = vd_sqrt(vd_set((double)columns));
    const vf below = vf_zero(), above = vf_set((float)(1 / SMALLEST_DENOMINATOR));
    bool plain = true;
    for (long long k = count; k % VF_LANES != 0; k++) {
        squares[k] = squares[count - 1];
    }
    for (long long k = 0; k < count; k += VF_LANES) {
        vd sum = vd_widen(vf_load(squares + k));
        vd scale = eps_mode == GATUN_EPS_IN_SQRT ? vd_div(one, vd_sqrt(vd_fma(sum, share, least)))
                   : eps_mode == GATUN_EPS_ADD   ? vd_div(one, vd_add(vd_sqrt(vd_mul(sum, share)), least))
                                                 : vd_div(root, vd_max(least, vd_sqrt(sum)));
        vf narrow = vd_narrow(scale);
        plain &= vf_all_less(below, narrow) & vf_all_less(narrow, above);
        vf_store(scales + k, narrow);
    }
    return plain;
}

#endif
