/* SPDX-License-Identifier: Apache-2.0 */
/* RMSNorm of each head vector, forward, compiled once per level. */
#include <string.h>

#include "head_norm.h"

/* Sums of the squares of eight head vectors over columns [begin, end), at most a chunk. */
GATUN_INLINE void squares_of_chunk(const void *x, const long long *at, long long begin, long long end, float *squares,
                                   const int dtype, const bool folded) {
    vf total[HEAD_SUMS], sums[HEAD_SUMS];
#pragma GCC unroll 8
    for (int k = 0; k < HEAD_SUMS; k++) {
        total[k] = sums[k] = vf_zero();
    }
    long long j = begin;
    do {
        const long long fold = folded && j + FOLD * VF_LANES < end ? j + FOLD * VF_LANES : end;
        for (; j + 2 * VF_LANES <= fold; j += 2 * VF_LANES) {
#pragma GCC unroll 8
            for (int k = 0; k < HEAD_SUMS; k++) {
                vf_pair v = load_pair(x, at[k] + j, dtype);
                sums[k] = vf_fma(v.first, v.first, sums[k]);
                sums[k] = vf_fma(v.second, v.second, sums[k]);
            }
        }
        if (j + VF_LANES <= fold) {
#pragma GCC unroll 8
            for (int k = 0; k < HEAD_SUMS; k++) {
                vf v = load(x, at[k] + j, dtype);
                sums[k] = vf_fma(v, v, sums[k]);
            }
            j += VF_LANES;
        }
        if (folded) {
#pragma GCC unroll 8
            for (int k = 0; k < HEAD_SUMS; k++) {
                total[k] = vf_add(total[k], sums[k]);
                sums[k] = vf_zero();
            }
        }
    } while (j + VF_LANES <= end);
    if (j < end) {
#pragma GCC unroll 8
        for (int k = 0; k < HEAD_SUMS; k++) {
            vf v = load_first(x, at[k] + j, (int)(end - j), dtype);
            sums[k] = vf_fma(v, v, sums[k]);
        }
    }
    if (folded) {
#pragma GCC unroll 8
        for (int k = 0; k < HEAD_SUMS; k++) {
            sums[k] = vf_add(total[k], sums[k]);
        }
    }
    vf_sum_each(sums, squares);
}

GATUN_INLINE void squares_of_heads(const void *x, const long long *at, long long columns, float *squares,
                                   const int dtype) {
    if (columns <= FOLD * VF_LANES) {
        squares_of_chunk(x, at, 0, columns, squares, dtype, false);
        return;
    }
    double sums[HEAD_SUMS] = {0};
    for (long long j = 0; j < columns; j += HEAD_CHUNK) {
        squares_of_chunk(x, at, j, j + HEAD_CHUNK < columns ? j + HEAD_CHUNK : columns, squares, dtype, true);
        for (int k = 0; k < HEAD_SUMS; k++) {
            sums[k] += (double)squares[k];
        }
    }
    for (int k = 0; k < HEAD_SUMS; k++) {
        squares[k] = (float)sums[k];
    }
}

/* A block of head vectors: where they begin, and their scales. */
typedef struct {
    const head_role *role;
    void *y; /* of the role, or where results wait until they are copied there */
    long long x_at[HEAD_BLOCK], y_at[HEAD_BLOCK];
    float scales[HEAD_BLOCK];
    long long count;
    long long ahead; /* how far behind x there is what comes next, to be fetched; 0 for nothing */
} head_block;

/* What weighs the columns of a tile: HEAD_TILE vectors, pair by pair, or fewer. */
GATUN_INLINE void load_weights(const head_norm_arguments *a, const void *gamma, long long j, const int width,
                               const int dtype, vf_pair *weights) {
#pragma GCC unroll 4
    for (int t = 0; t < width / 2; t++) {
        const long long column = j + 2 * t * VF_LANES;
        weights[t].first = head_weights(gamma, a->parameter_dtype, a->weight_offset, column, VF_LANES, true);
        weights[t].second =
            head_weights(gamma, a->parameter_dtype, a->weight_offset, column + VF_LANES, VF_LANES, true);
        if (dtype == GATUN_BF16) {
            vf_split(&weights[t].first, &weights[t].second);
        }
    }
}

/* `width` vectors of columns from j on, an even number, of all head vectors. */
GATUN_INLINE void output_tile(const head_norm_arguments *a, const head_block *b, long long j, const int width,
                              const int dtype, const bool llama, const bool stream) {
    const void *x = b->role->x;
    void *y = b->y;
    vf_pair weights[HEAD_TILE / 2];
    load_weights(a, b->role->gamma, j, width, dtype, weights);
    for (long long k = 0; k < b->count; k++) {
        const vf scale = vf_set(b->scales[k]);
        if (b->ahead > 0) {
            fetch_columns(element(x, b->x_at[k] + b->ahead + j, dtype), width * VF_LANES * element_bytes(dtype));
        }
#pragma GCC unroll 4
        for (int t = 0; t < width / 2; t++) {
            vf_pair v = load_pair(x, b->x_at[k] + j + 2 * t * VF_LANES, dtype);
            v.first = vf_mul(v.first, scale);
            v.second = vf_mul(v.second, scale);
            if (llama) {
                v.first = dtype == GATUN_BF16 ? vf_round_number_bf16(v.first) : round_to(v.first, dtype);
                v.second = dtype == GATUN_BF16 ? vf_round_number_bf16(v.second) : round_to(v.second, dtype);
            }
            v.first = vf_mul(v.first, weights[t].first);
            v.second = vf_mul(v.second, weights[t].second);
            store_pair(y, b->y_at[k] + j + 2 * t * VF_LANES, v, dtype, stream);
        }
    }
}

/* The n columns from j on, up to a vector. */
GATUN_INLINE void output_rest(const head_norm_arguments *a, const head_block *b, long long j, int n, const bool all,
                              const int dtype, const bool llama, const bool stream) {
    const vf weights = head_weights(b->role->gamma, a->parameter_dtype, a->weight_offset, j, n, all);
    for (long long k = 0; k < b->count; k++) {
        vf xh = vf_mul(load_lanes(b->role->x, b->x_at[k] + j, n, all, dtype), vf_set(b->scales[k]));
        vf result = vf_mul(llama ? round_to(xh, dtype) : xh, weights);
        if (all) {
            store(b->y, b->y_at[k] + j, result, dtype, stream);
        } else {
            store_first(b->y, b->y_at[k] + j, result, n, dtype);
        }
    }
}

GATUN_INLINE void output_block(const head_norm_arguments *a, const head_block *b, const int dtype, const bool llama,
                               const bool stream) {
    const long long columns = a->head_columns;
    long long j = 0;
    for (; j + HEAD_TILE * VF_LANES <= columns; j += HEAD_TILE * VF_LANES) {
        output_tile(a, b, j, HEAD_TILE, dtype, llama, stream);
    }
    for (; j + 2 * VF_LANES <= columns; j += 2 * VF_LANES) {
        output_tile(a, b, j, 2, dtype, llama, stream);
    }
    if (j + VF_LANES <= columns) {
        output_rest(a, b, j, VF_LANES, true, dtype, llama, stream);
        j += VF_LANES;
    }
    if (j < columns) {
        output_rest(a, b, j, (int)(columns - j), false, dtype, llama, false);
    }
}

static void normalize_head_exactly(const head_norm_arguments *a, const head_block *b, long long k, float *rstd) {
    const row_norm_arguments row = {.dtype = a->dtype,
                                    .parameter_dtype = a->parameter_dtype,
                                    .rows = 1,
                                    .columns = a->head_columns,
                                    .statistics_columns = a->head_columns,
                                    .x = element(b->role->x, b->x_at[k], a->dtype),
                                    .gamma = b->role->gamma,
                                    .weight_offset = a->weight_offset,
                                    .eps = a->eps,
                                    .eps_mode = a->eps_mode,
                                    .cast_mode = a->cast_mode,
                                    .y = (char *)b->role->y + b->y_at[k] * element_bytes(a->dtype),
                                    .rstd = rstd};
    row_norm_exact(&row, 0, false);
}

static void save_scales(const head_norm_arguments *a, const head_block *b, long long first) {
    long long rstd_at[HEAD_BLOCK];
    find_heads(rstd_at, first, b->count, 1, b->role->heads, 1, a->rstd_stride);
    for (long long k = 0; k < b->count; k++) {
        a->rstd[b->role->rstd_column + rstd_at[k]] = b->scales[k];
    }
}

/* Takes the vectors out of the block that float32 does not describe, or all, and normalizes them in double precision. */
static void settle_exact(const head_norm_arguments *a, head_block *b, long long first, bool all) {
    long long rstd_at[HEAD_BLOCK], plain = 0;
    find_heads(rstd_at, first, b->count, 1, b->role->heads, 1, a->rstd_stride);
    for (long long k = 0; k < b->count; k++) {
        if (!all && is_plain_scale(b->scales[k])) {
            b->x_at[plain] = b->x_at[k];
            b->y_at[plain] = b->y_at[k];
            b->scales[plain++] = b->scales[k];
        } else {
            normalize_head_exactly(a, b, k, a->rstd ? a->rstd + b->role->rstd_column + rstd_at[k] : NULL);
        }
    }
    b->count = plain;
}

GATUN_INLINE void output_cast(const head_norm_arguments *a, const head_block *b, const int dtype, const bool stream) {
    if (dtype != GATUN_F32 && a->cast_mode == GATUN_CAST_LLAMA) {
        output_block(a, b, dtype, true, stream);
    } else {
        output_block(a, b, dtype, false, stream);
    }
}

/* Copies results that lie one behind the other: whole lines past the caches, and the ends as usual. */
static void copy_past_caches(char *to, const char *from, long long bytes) {
    long long lead = -(long long)(uintptr_t)to & (LINE_BYTES - 1);
    lead = lead < bytes ? lead : bytes;
    memcpy(to, from, (size_t)lead);
    long long at = lead;
    for (; at + LINE_BYTES <= bytes; at += LINE_BYTES) {
#pragma GCC unroll 4
        for (int part = 0; part < LINE_BYTES; part += VF_STREAM_BYTES) {
            vf_stream((float *)(void *)(to + at + part), vf_load((const float *)(const void *)(from + at + part)));
        }
    }
    memcpy(to + at, from + at, (size_t)(bytes - at));
}

/*
 * Where head vectors are no whole lines, the lines of a block are: its results wait in the level-1 cache until all of
 * those that lie next to each other are there.
 */
GATUN_INLINE void output_past_caches(const head_norm_arguments *a, head_block *b, const int dtype) {
    const long long columns = a->head_columns, bytes = columns * element_bytes(dtype);
    if (has_whole_lines(b->role->y, b->role->y_stride, columns, dtype)) {
        output_cast(a, b, dtype, true);
        return;
    }
    if (VF_STREAM_BYTES < 32 || b->count * bytes > HEAD_BLOCK_BYTES) {
        output_cast(a, b, dtype, false);
        return;
    }
    _Alignas(LINE_BYTES) char waiting[HEAD_BLOCK_BYTES];
    long long to[HEAD_BLOCK];
    for (long long k = 0; k < b->count; k++) {
        to[k] = b->y_at[k];
        b->y_at[k] = k * columns;
    }
    b->y = waiting;
    output_cast(a, b, dtype, false);
    for (long long k = 0, next; k < b->count; k = next) {
        for (next = k + 1; next < b->count && to[next] == to[next - 1] + columns; next++) {
        }
        copy_past_caches((char *)b->role->y + to[k] * element_bytes(dtype), waiting + k * bytes, (next - k) * bytes);
    }
}

GATUN_INLINE void normalize_block(const head_norm_arguments *a, const head_role *role, long long first, long long count,
                                  long long ahead, bool numbers, const int dtype) {
    const long long columns = a->head_columns;
    float squares[HEAD_BLOCK];
    head_block b;
    b.role = role;
    b.y = role->y;
    b.count = count;
    b.ahead = ahead * role->x_stride;
    find_heads(b.x_at, first, count, HEAD_SUMS, role->heads, columns, role->x_stride);
    find_heads(b.y_at, first, count, 1, role->heads, columns, role->y_stride);
    for (long long k = 0; k < count; k += HEAD_SUMS) {
        squares_of_heads(role->x, b.x_at + k, columns, squares + k, dtype);
    }
    bool plain;
    switch (a->eps_mode) {
    case GATUN_EPS_ADD:
        plain = head_scales(squares, b.scales, count, columns, a->eps, GATUN_EPS_ADD);
        break;
    case GATUN_EPS_CLAMP:
        plain = head_scales(squares, b.scales, count, columns, a->eps, GATUN_EPS_CLAMP);
        break;
    default:
        plain = head_scales(squares, b.scales, count, columns, a->eps, GATUN_EPS_IN_SQRT);
    }
    if (a->rstd) {
        save_scales(a, &b, first);
    }
    if (!plain || !numbers) {
        settle_exact(a, &b, first, !numbers);
    }
    if (a->stream && role->x != role->y) {
        output_past_caches(a, &b, dtype);
    } else {
        output_cast(a, &b, dtype, false);
    }
}

/* All roles of a few tokens follow one another, as they do in a packed tensor: enough for each role to fill a block. */
static long long tokens_of_visit(const head_role *roles, int count, long long block) {
    long long fewest = block;
    for (int r = 0; r < count; r++) {
        fewest = roles[r].heads < fewest ? roles[r].heads : fewest;
    }
    return (block + fewest - 1) / fewest;
}

/* Whether all weights are finite: then no result of a plain vector is NaN, as store_pair wants it. */
GATUN_INLINE bool weights_are_numbers(const head_norm_arguments *a, const void *gamma) {
    const vf below = vf_set(-FLT_MAX), above = vf_set(FLT_MAX);
    bool numbers = true;
    for (long long j = 0; j < a->head_columns; j += VF_LANES) {
        const long long left = a->head_columns - j;
        vf w = head_weights(gamma, a->parameter_dtype, a->weight_offset, j, (int)(left < VF_LANES ? left : VF_LANES),
                            left >= VF_LANES);
        numbers &= vf_all_less(below, w) & vf_all_less(w, above);
    }
    return numbers;
}

GATUN_INLINE void normalize_tokens(const head_norm_arguments *a, long long begin, long long end, const int dtype) {
    const long long block = vectors_of_block(a->head_columns, HEAD_BLOCK, HEAD_SUMS, dtype);
    const long long visit = tokens_of_visit(a->roles, a->role_count, block);
    bool numbers[HEAD_ROLES];
    for (int r = 0; r < a->role_count; r++) {
        numbers[r] = dtype != GATUN_BF16 || weights_are_numbers(a, a->roles[r].gamma);
    }
    for (long long token = begin; token < end; token += visit) {
        const long long stop = token + visit < end ? token + visit : end;
        const long long ahead = a->prefetch && stop + visit <= end ? visit : 0;
        for (int r = 0; r < a->role_count; r++) {
            const head_role *role = &a->roles[r];
            const long long last = stop * role->heads;
            for (long long first = token * role->heads; first < last; first += block) {
                normalize_block(a, role, first, first + block < last ? block : last - first, ahead, numbers[r], dtype);
            }
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

static void tokens(const head_norm_arguments *a, long long begin, long long end) {
    switch (a->dtype) {
    case GATUN_BF16:
        normalize_tokens(a, begin, end, GATUN_BF16);
        break;
    case GATUN_F16:
        normalize_tokens(a, begin, end, GATUN_F16);
        break;
    default:
        normalize_tokens(a, begin, end, GATUN_F32);
    }
}

const head_norm_kernel GATUN_AT_LEVEL(qkv_head_rms_norm) = {tokens};
