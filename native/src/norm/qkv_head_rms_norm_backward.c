/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RMSNorm of each head vector, backward, compiled once per level. A block of head vectors gives dx, and a float32 sum of
 * at most FOLD terms to each gradient of gamma, which is added to the sum of its slab in double precision.
 */
#include "head_damping.h"
#include "head_norm.h"

/* Head vectors whose two sums vf_sum_each takes at once. */
#define GROUP (HEAD_SUMS / 2)

/* A block of head vectors: where they begin, r, and k * E[g * xh]. */
typedef struct {
    const head_gradient_role *role;
    long long dy_at[FOLD], x_at[FOLD], dx_at[FOLD];
    float scales[FOLD], projections[FOLD];
    long long count;
} gradient_block;

/* weight_offset + gamma in float32, of columns [begin, end), at most a chunk. */
GATUN_INLINE void widen_weights(const head_gradient_arguments *a, const void *gamma, long long begin, long long end,
                                float *weights) {
    long long j = begin;
    for (; j + VF_LANES <= end; j += VF_LANES) {
        vf_store(weights + (j - begin), head_weights(gamma, a->parameter_dtype, a->weight_offset, j, VF_LANES, true));
    }
    if (j < end) {
        const int n = (int)(end - j);
        vf_store_first(weights + (j - begin), head_weights(gamma, a->parameter_dtype, a->weight_offset, j, n, false),
                       n);
    }
}

/* The sums of x * x of GROUP head vectors, then those of g * x, over columns [begin, end), at most a chunk. */
GATUN_INLINE void sums_of_chunk(const gradient_block *b, long long first, const float *weights, long long begin,
                                long long end, float *result, const int dtype, const bool folded) {
    const void *x = b->role->x, *dy = b->role->dy;
    const long long *x_at = b->x_at + first, *dy_at = b->dy_at + first;
    vf total[HEAD_SUMS], sums[HEAD_SUMS];
#pragma GCC unroll 8
    for (int k = 0; k < HEAD_SUMS; k++) {
        total[k] = sums[k] = vf_zero();
    }
    long long j = begin;
    do {
        const long long fold = folded && j + FOLD * VF_LANES < end ? j + FOLD * VF_LANES : end;
        for (; j + VF_LANES <= fold; j += VF_LANES) {
            const vf w = vf_load(weights + (j - begin));
#pragma GCC unroll 4
            for (int k = 0; k < GROUP; k++) {
                vf v = load(x, x_at[k] + j, dtype);
                sums[k] = vf_fma(v, v, sums[k]);
                sums[GROUP + k] = vf_fma(vf_mul(load(dy, dy_at[k] + j, dtype), w), v, sums[GROUP + k]);
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
        const int n = (int)(end - j);
        const vf w = vf_load_first(weights + (j - begin), n);
#pragma GCC unroll 4
        for (int k = 0; k < GROUP; k++) {
            vf v = load_first(x, x_at[k] + j, n, dtype);
            sums[k] = vf_fma(v, v, sums[k]);
            sums[GROUP + k] = vf_fma(vf_mul(load_first(dy, dy_at[k] + j, n, dtype), w), v, sums[GROUP + k]);
        }
    }
    if (folded) {
#pragma GCC unroll 8
        for (int k = 0; k < HEAD_SUMS; k++) {
            sums[k] = vf_add(total[k], sums[k]);
        }
    }
    vf_sum_each(sums, result);
}

/* `weights` has those of the only chunk, or is room for one after the other. */
GATUN_INLINE void sums_of_block(const head_gradient_arguments *a, const gradient_block *b, float *weights,
                                float *squares, float *products, const int dtype) {
    const long long columns = a->head_columns;
    double sums[FOLD][2] = {{0}};
    for (long long j = 0; j < columns; j += HEAD_CHUNK) {
        const long long end = j + HEAD_CHUNK < columns ? j + HEAD_CHUNK : columns;
        widen_weights(a, b->role->gamma, j, end, weights);
        for (long long k = 0; k < b->count; k += GROUP) {
            float result[HEAD_SUMS];
            if (columns <= FOLD * VF_LANES) {
                sums_of_chunk(b, k, weights, j, end, result, dtype, false);
            } else {
                sums_of_chunk(b, k, weights, j, end, result, dtype, true);
            }
            for (int i = 0; i < GROUP; i++) {
                sums[k + i][0] += (double)result[i];
                sums[k + i][1] += (double)result[GROUP + i];
            }
        }
    }
    for (long long k = 0; k < b->count; k++) {
        squares[k] = (float)sums[k][0];
        products[k] = (float)sums[k][1];
    }
}

/* From the sums to r and k * E[g * xh]; says whether float32 describes all of the block. */
GATUN_INLINE bool settle_scales(const head_gradient_arguments *a, gradient_block *b, float *squares,
                                const float *products) {
    const double count = (double)a->head_columns, share = 1 / count;
    bool plain;
    switch (a->eps_mode) {
    case GATUN_EPS_ADD:
        plain = head_scales(squares, b->scales, b->count, a->head_columns, a->eps, GATUN_EPS_ADD);
        break;
    case GATUN_EPS_CLAMP:
        plain = head_scales(squares, b->scales, b->count, a->head_columns, a->eps, GATUN_EPS_CLAMP);
        break;
    default:
        plain = head_scales(squares, b->scales, b->count, a->head_columns, a->eps, GATUN_EPS_IN_SQRT);
    }
    for (long long k = 0; k < b->count; k++) {
        double damping = a->eps_mode == GATUN_EPS_IN_SQRT
                             ? 1
                             : damping_of_mean_square((double)squares[k] * share, count, a->eps, a->eps_mode);
        b->projections[k] = (float)(damping * (double)b->scales[k] * (double)products[k] * share);
        plain &= b->projections[k] - b->projections[k] == 0; /* finite */
    }
    return plain;
}

/* Takes the vectors out of the block that float32 does not describe, and works on them in double precision. */
static void settle_exact(const head_gradient_arguments *a, gradient_block *b, double *sums) {
    long long plain = 0;
    for (long long k = 0; k < b->count; k++) {
        if (is_plain_scale(b->scales[k]) && b->projections[k] - b->projections[k] == 0) {
            b->dy_at[plain] = b->dy_at[k];
            b->x_at[plain] = b->x_at[k];
            b->dx_at[plain] = b->dx_at[k];
            b->scales[plain] = b->scales[k];
            b->projections[plain++] = b->projections[k];
        } else {
            head_gradient_place at = {b->dy_at[k], b->x_at[k], b->dx_at[k]};
            head_gradient_exact(a, b->role, at, sums);
        }
    }
    b->count = plain;
}

/* `width` vectors of columns from j on, of all head vectors; or, where `width` is 0, the last n columns. */
GATUN_INLINE void gradient_tile(const gradient_block *b, const float *weights, double *sums, long long j, int n,
                                const int width, const int dtype, const bool with_dx, const bool stream) {
    const void *x = b->role->x, *dy = b->role->dy;
    void *dx = b->role->dx;
    const int vectors = width == 0 ? 1 : width;
    vf folded[HEAD_TILE];
#pragma GCC unroll 8
    for (int t = 0; t < vectors; t++) {
        folded[t] = vf_zero();
    }
    for (long long k = 0; k < b->count; k++) {
        const vf r = vf_set(b->scales[k]), projection = vf_set(-b->projections[k]);
#pragma GCC unroll 8
        for (int t = 0; t < vectors; t++) {
            const long long column = j + t * VF_LANES;
            const vf xh = vf_mul(load_lanes(x, b->x_at[k] + column, n, width != 0, dtype), r);
            const vf gradient = load_lanes(dy, b->dy_at[k] + column, n, width != 0, dtype);
            folded[t] = vf_fma(gradient, xh, folded[t]);
            if (with_dx) {
                const vf w = load_lanes(weights, t * VF_LANES, n, width != 0, GATUN_F32);
                const vf result = vf_mul(vf_fma(projection, xh, vf_mul(gradient, w)), r);
                if (width == 0) {
                    store_first(dx, b->dx_at[k] + column, result, n, dtype);
                } else {
                    store(dx, b->dx_at[k] + column, result, dtype, stream);
                }
            }
        }
    }
    if (!sums) {
        return;
    }
    if (width == 0) {
        double last[VF_LANES];
        vd_store(last, vd_widen(folded[0]));
        for (int i = 0; i < n; i++) {
            sums[j + i] += last[i];
        }
    }
#pragma GCC unroll 8
    for (int t = 0; t < width; t++) {
        double *sum = sums + j + t * VF_LANES;
        vd_store(sum, vd_add(vd_load(sum), vd_widen(folded[t])));
    }
}

GATUN_INLINE void gradients_of_block(const head_gradient_arguments *a, const gradient_block *b, float *weights,
                                     double *sums, const int dtype, const bool with_dx, const bool stream) {
    const long long columns = a->head_columns;
    for (long long begin = 0; begin < columns; begin += HEAD_CHUNK) {
        const long long end = begin + HEAD_CHUNK < columns ? begin + HEAD_CHUNK : columns;
        if (columns > HEAD_CHUNK) {
            widen_weights(a, b->role->gamma, begin, end, weights);
        }
        long long j = begin;
        for (; j + HEAD_TILE * VF_LANES <= end; j += HEAD_TILE * VF_LANES) {
            gradient_tile(b, weights + (j - begin), sums, j, VF_LANES, HEAD_TILE, dtype, with_dx, stream);
        }
        for (; j + VF_LANES <= end; j += VF_LANES) {
            gradient_tile(b, weights + (j - begin), sums, j, VF_LANES, 1, dtype, with_dx, stream);
        }
        if (j < end) {
            gradient_tile(b, weights + (j - begin), sums, j, (int)(end - j), 0, dtype, with_dx, false);
        }
    }
}

GATUN_INLINE void backward_block(const head_gradient_arguments *a, const head_gradient_role *role, long long first,
                                 long long count, double *sums, const int dtype) {
    const long long columns = a->head_columns;
    float squares[FOLD], products[FOLD], weights[HEAD_CHUNK];
    gradient_block b;
    b.role = role;
    b.count = count;
    find_heads(b.dy_at, first, count, GROUP, role->heads, columns, role->dy_stride);
    find_heads(b.x_at, first, count, GROUP, role->heads, columns, role->x_stride);
    find_heads(b.dx_at, first, count, 1, role->heads, columns, role->dx_stride);
    sums_of_block(a, &b, weights, squares, products, dtype);
    if (!settle_scales(a, &b, squares, products)) {
        settle_exact(a, &b, sums);
    }
    if (!role->dx) {
        gradients_of_block(a, &b, weights, sums, dtype, false, false);
    } else if (a->stream && role->dx != role->dy && has_whole_lines(role->dx, role->dx_stride, columns, dtype)) {
        gradients_of_block(a, &b, weights, sums, dtype, true, true);
    } else {
        gradients_of_block(a, &b, weights, sums, dtype, true, false);
    }
}

GATUN_INLINE void backward_tokens(const head_gradient_arguments *a, long long begin, long long end, double *sums,
                                  const int dtype) {
    const long long block = vectors_of_block(a->head_columns, FOLD, GROUP, dtype);
    for (long long token = begin; token < end; token += GATUN_BACKWARD_PIECE_ROWS) {
        const long long stop = token + GATUN_BACKWARD_PIECE_ROWS < end ? token + GATUN_BACKWARD_PIECE_ROWS : end;
        for (int r = 0; r < a->role_count; r++) {
            const head_gradient_role *role = &a->roles[r];
            double *role_sums = sums ? sums + role->number * a->head_columns : NULL;
            const long long last = stop * role->heads;
            for (long long first = token * role->heads; first < last; first += block) {
                backward_block(a, role, first, first + block < last ? block : last - first, role_sums, dtype);
            }
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

static void tokens(const head_gradient_arguments *a, long long begin, long long end, double *sums) {
    switch (a->dtype) {
    case GATUN_BF16:
        backward_tokens(a, begin, end, sums, GATUN_BF16);
        break;
    case GATUN_F16:
        backward_tokens(a, begin, end, sums, GATUN_F16);
        break;
    default:
        backward_tokens(a, begin, end, sums, GATUN_F32);
    }
}

const head_gradient_kernel GATUN_AT_LEVEL(qkv_head_rms_norm_backward) = {tokens};
