/* SPDX-License-Identifier: Apache-2.0 */
/* RMSNorm of each head vector, forward, compiled once per level. */
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
        for (; j + VF_LANES <= fold; j += VF_LANES) {
#pragma GCC unroll 8
            for (int k = 0; k < HEAD_SUMS; k++) {
                vf v = load(x, at[k] + j, dtype);
                sums[k] = vf_fma(v, v, sums[k]);
            }
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
    long long x_at[HEAD_BLOCK], y_at[HEAD_BLOCK];
    float scales[HEAD_BLOCK];
    long long count;
} head_block;

/* `width` vectors of columns from j on, of all head vectors; or, where `width` is 0, the last n columns. */
GATUN_INLINE void output_tile(const head_norm_arguments *a, const head_block *b, long long j, int n, const int width,
                              const int dtype, const bool llama, const bool stream) {
    const void *x = b->role->x;
    void *y = b->role->y;
    vf weights[HEAD_TILE];
    if (width == 0) {
        weights[0] = head_weights(b->role->gamma, a->parameter_dtype, a->weight_offset, j, n, false);
    }
#pragma GCC unroll 8
    for (int t = 0; t < width; t++) {
        weights[t] =
            head_weights(b->role->gamma, a->parameter_dtype, a->weight_offset, j + t * VF_LANES, VF_LANES, true);
    }
    for (long long k = 0; k < b->count; k++) {
        const vf scale = vf_set(b->scales[k]);
        if (width == 0) {
            vf xh = vf_mul(load_first(x, b->x_at[k] + j, n, dtype), scale);
            xh = llama ? round_to(xh, dtype) : xh;
            store_first(y, b->y_at[k] + j, vf_mul(xh, weights[0]), n, dtype);
        }
#pragma GCC unroll 8
        for (int t = 0; t < width; t++) {
            vf xh = vf_mul(load(x, b->x_at[k] + j + t * VF_LANES, dtype), scale);
            xh = llama ? round_to(xh, dtype) : xh;
            store(y, b->y_at[k] + j + t * VF_LANES, vf_mul(xh, weights[t]), dtype, stream);
        }
    }
}

GATUN_INLINE void output_block(const head_norm_arguments *a, const head_block *b, const int dtype, const bool llama,
                               const bool stream) {
    const long long columns = a->head_columns;
    long long j = 0;
    for (; j + HEAD_TILE * VF_LANES <= columns; j += HEAD_TILE * VF_LANES) {
        output_tile(a, b, j, 0, HEAD_TILE, dtype, llama, stream);
    }
    for (; j + VF_LANES <= columns; j += VF_LANES) {
        output_tile(a, b, j, 0, 1, dtype, llama, stream);
    }
    if (j < columns) {
        output_tile(a, b, j, (int)(columns - j), 0, dtype, llama, false);
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

/* Takes the vectors out of the block that float32 does not describe, and normalizes them in double precision. */
static void settle_exact(const head_norm_arguments *a, head_block *b, long long first) {
    long long rstd_at[HEAD_BLOCK], plain = 0;
    find_heads(rstd_at, first, b->count, 1, b->role->heads, 1, a->rstd_stride);
    for (long long k = 0; k < b->count; k++) {
        if (is_plain_scale(b->scales[k])) {
            b->x_at[plain] = b->x_at[k];
            b->y_at[plain] = b->y_at[k];
            b->scales[plain++] = b->scales[k];
        } else {
            normalize_head_exactly(a, b, k, a->rstd ? a->rstd + b->role->rstd_column + rstd_at[k] : NULL);
        }
    }
    b->count = plain;
}

GATUN_INLINE void normalize_block(const head_norm_arguments *a, const head_role *role, long long first, long long count,
                                  const int dtype) {
    const long long columns = a->head_columns;
    float squares[HEAD_BLOCK];
    head_block b;
    b.role = role;
    b.count = count;
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
    if (!plain) {
        settle_exact(a, &b, first);
    }
    const bool stream = a->stream && role->x != role->y && has_whole_lines(role->y, role->y_stride, columns, dtype);
    if (dtype != GATUN_F32 && a->cast_mode == GATUN_CAST_LLAMA) {
        stream ? output_block(a, &b, dtype, true, true) : output_block(a, &b, dtype, true, false);
    } else {
        stream ? output_block(a, &b, dtype, false, true) : output_block(a, &b, dtype, false, false);
    }
}

/* All roles of a few tokens follow one another, as they do in a packed tensor: enough for each to fill vf_sum_each. */
static long long tokens_of_visit(const head_role *roles, int count) {
    long long fewest = HEAD_SUMS;
    for (int r = 0; r < count; r++) {
        fewest = roles[r].heads < fewest ? roles[r].heads : fewest;
    }
    return HEAD_SUMS / fewest;
}

GATUN_INLINE void normalize_tokens(const head_norm_arguments *a, long long begin, long long end, const int dtype) {
    const long long block = vectors_of_block(a->head_columns, HEAD_BLOCK, HEAD_SUMS, dtype);
    const long long visit = tokens_of_visit(a->roles, a->role_count);
    for (long long token = begin; token < end; token += visit) {
        const long long stop = token + visit < end ? token + visit : end;
        for (int r = 0; r < a->role_count; r++) {
            const head_role *role = &a->roles[r];
            const long long last = stop * role->heads;
            for (long long first = token * role->heads; first < last; first += block) {
                normalize_block(a, role, first, first + block < last ? block : last - first, dtype);
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
