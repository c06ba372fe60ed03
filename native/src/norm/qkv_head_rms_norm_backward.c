/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RMSNorm of each head vector, backward, compiled once per level. A block of head vectors gives dx, and a float32 sum of
 * at most FOLD terms to each gradient of gamma, which is added to the sum of its slab in double precision.
 */
#include <math.h>

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
    long long dy_ahead, x_ahead; /* how far behind them there is what comes next, to be fetched; 0 for nothing */
} gradient_block;

/*
 * weight_offset + gamma in float32, of columns [begin, end), at most a chunk. Pair by pair they are in the order of
 * load_pair.
 */
GATUN_INLINE void widen_weights(const head_gradient_arguments *a, const void *gamma, long long begin, long long end,
                                float *weights, const int dtype) {
    long long j = begin;
    for (; j + 2 * VF_LANES <= end; j += 2 * VF_LANES) {
        vf first = head_weights(gamma, a->parameter_dtype, a->weight_offset, j, VF_LANES, true);
        vf second = head_weights(gamma, a->parameter_dtype, a->weight_offset, j + VF_LANES, VF_LANES, true);
        if (dtype == GATUN_BF16) {
            vf_split(&first, &second);
        }
        vf_store(weights + (j - begin), first);
        vf_store(weights + (j - begin) + VF_LANES, second);
    }
    if (j + VF_LANES <= end) {
        vf_store(weights + (j - begin), head_weights(gamma, a->parameter_dtype, a->weight_offset, j, VF_LANES, true));
        j += VF_LANES;
    }
    if (j < end) {
        const int n = (int)(end - j);
        vf_store_first(weights + (j - begin), head_weights(gamma, a->parameter_dtype, a->weight_offset, j, n, false),
                       n);
    }
}

GATUN_INLINE void add_products(vf x, vf g, vf *squares, vf *products) {
    *squares = vf_fma(x, x, *squares);
    *products = vf_fma(g, x, *products);
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
        for (; j + 2 * VF_LANES <= fold; j += 2 * VF_LANES) {
            const vf w = vf_load(weights + (j - begin)), second = vf_load(weights + (j - begin) + VF_LANES);
#pragma GCC unroll 4
            for (int k = 0; k < GROUP; k++) {
                const vf_pair v = load_pair(x, x_at[k] + j, dtype), g = load_pair(dy, dy_at[k] + j, dtype);
                add_products(v.first, vf_mul(g.first, w), &sums[k], &sums[GROUP + k]);
                add_products(v.second, vf_mul(g.second, second), &sums[k], &sums[GROUP + k]);
            }
        }
        if (j + VF_LANES <= fold) {
            const vf w = vf_load(weights + (j - begin));
#pragma GCC unroll 4
            for (int k = 0; k < GROUP; k++) {
                add_products(load(x, x_at[k] + j, dtype), vf_mul(load(dy, dy_at[k] + j, dtype), w), &sums[k],
                             &sums[GROUP + k]);
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
        const int n = (int)(end - j);
        const vf w = vf_load_first(weights + (j - begin), n);
#pragma GCC unroll 4
        for (int k = 0; k < GROUP; k++) {
            add_products(load_first(x, x_at[k] + j, n, dtype), vf_mul(load_first(dy, dy_at[k] + j, n, dtype), w),
                         &sums[k], &sums[GROUP + k]);
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

/* The sums of all of the block. Leaves the weights of the last chunk, which is often the only one. */
GATUN_INLINE void sums_of_block(const head_gradient_arguments *a, const gradient_block *b, float *weights,
                                float *squares, float *products, const int dtype) {
    const long long columns = a->head_columns;
    double sums[FOLD][2];
    for (long long j = 0; j < columns; j += HEAD_CHUNK) {
        const long long end = j + HEAD_CHUNK < columns ? j + HEAD_CHUNK : columns;
        widen_weights(a, b->role->gamma, j, end, weights, dtype);
        for (long long k = 0; k < b->count; k += GROUP) {
            float result[HEAD_SUMS];
            if (columns <= FOLD * VF_LANES) {
                sums_of_chunk(b, k, weights, j, end, result, dtype, false);
            } else {
                sums_of_chunk(b, k, weights, j, end, result, dtype, true);
            }
            for (int i = 0; i < GROUP; i++) {
                sums[k + i][0] = (j == 0 ? 0 : sums[k + i][0]) + (double)result[i];
                sums[k + i][1] = (j == 0 ? 0 : sums[k + i][1]) + (double)result[GROUP + i];
                squares[k + i] = (float)sums[k + i][0];
                products[k + i] = (float)sums[k + i][1];
            }
        }
    }
}

/* Whether the vector's r, and the projection of its gradient on xh, are numbers that float32 describes. */
static bool is_plain_vector(const gradient_block *b, long long k) {
    return is_plain_scale(b->scales[k]) && fabsf(b->projections[k]) <= FLT_MAX;
}

/* From the sums to r and k * E[g * xh]; says whether all of the block is plain. Overwrites what is behind its end. */
GATUN_INLINE bool settle_scales(const head_gradient_arguments *a, gradient_block *b, float *squares, float *products) {
    const double count = (double)a->head_columns, share = 1 / count;
    const vf greatest = vf_set(FLT_MAX), least = vf_set(-FLT_MAX);
    bool plain = true;
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
    for (long long k = 0; a->eps_mode != GATUN_EPS_IN_SQRT && k < b->count; k++) {
        products[k] *= (float)damping_of_mean_square((double)squares[k] * share, count, a->eps, a->eps_mode);
    }
    for (long long k = b->count; k % VF_LANES != 0; k++) {
        products[k] = products[b->count - 1];
    }
    for (long long k = 0; k < b->count; k += VF_LANES) {
        vd scaled = vd_mul(vd_widen(vf_load(products + k)), vd_widen(vf_load(b->scales + k)));
        vf projections = vd_narrow(vd_mul(scaled, vd_set(share)));
        plain &= vf_all_less(projections, greatest) & vf_all_less(least, projections);
        vf_store(b->projections + k, projections);
    }
    return plain;
}

/* Takes the vectors out of the block that float32 does not describe, and works on them in double precision. */
static void settle_exact(const head_gradient_arguments *a, gradient_block *b, double *sums) {
    long long plain = 0;
    for (long long k = 0; k < b->count; k++) {
        if (is_plain_vector(b, k)) {
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

/* dx, where it is wanted; adds to the running sum of the gradient of gamma. */
GATUN_INLINE vf gradient(vf x, vf dy, vf weights, vf r, vf projection, vf *folded) {
    const vf xh = vf_mul(x, r);
    *folded = vf_fma(dy, xh, *folded);
    return vf_mul(vf_fma(projection, xh, vf_mul(dy, weights)), r);
}

GATUN_INLINE void add_to_sums(double *sums, vf folded) {
    vd_store(sums, vd_add(vd_load(sums), vd_widen(folded)));
}

/* `width` vectors of columns from j on, an even number, of all head vectors. */
GATUN_INLINE void gradient_tile(const gradient_block *b, const float *weights, double *sums, long long j,
                                const int width, const int dtype, const bool with_dx, const bool stream) {
    const void *x = b->role->x, *dy = b->role->dy;
    vf_pair folded[HEAD_TILE / 2];
#pragma GCC unroll 4
    for (int t = 0; t < width / 2; t++) {
        folded[t].first = folded[t].second = vf_zero();
    }
    for (long long k = 0; k < b->count; k++) {
        const vf r = vf_set(b->scales[k]), projection = vf_set(-b->projections[k]);
        if (b->x_ahead > 0) {
            fetch_columns(element(x, b->x_at[k] + b->x_ahead + j, dtype), width * VF_LANES * element_bytes(dtype));
            fetch_columns(element(dy, b->dy_at[k] + b->dy_ahead + j, dtype), width * VF_LANES * element_bytes(dtype));
        }
#pragma GCC unroll 4
        for (int t = 0; t < width / 2; t++) {
            const long long column = j + 2 * t * VF_LANES;
            const vf_pair v = load_pair(x, b->x_at[k] + column, dtype), g = load_pair(dy, b->dy_at[k] + column, dtype);
            const vf first = vf_load(weights + 2 * t * VF_LANES), second = vf_load(weights + (2 * t + 1) * VF_LANES);
            vf_pair result;
            result.first = gradient(v.first, g.first, first, r, projection, &folded[t].first);
            result.second = gradient(v.second, g.second, second, r, projection, &folded[t].second);
            if (with_dx) {
                store_pair(b->role->dx, b->dx_at[k] + column, result, dtype, stream);
            }
        }
    }
    if (!sums) {
        return;
    }
#pragma GCC unroll 4
    for (int t = 0; t < width / 2; t++) {
        if (dtype == GATUN_BF16) {
            vf_merge(&folded[t].first, &folded[t].second);
        }
        add_to_sums(sums + j + 2 * t * VF_LANES, folded[t].first);
        add_to_sums(sums + j + (2 * t + 1) * VF_LANES, folded[t].second);
    }
}

/* The n columns from j on, up to a vector. */
GATUN_INLINE void gradient_rest(const gradient_block *b, const float *weights, double *sums, long long j, int n,
                                const bool all, const int dtype, const bool with_dx, const bool stream) {
    const vf w = load_lanes(weights, 0, n, all, GATUN_F32);
    vf folded = vf_zero();
    for (long long k = 0; k < b->count; k++) {
        const vf x = load_lanes(b->role->x, b->x_at[k] + j, n, all, dtype);
        const vf dy = load_lanes(b->role->dy, b->dy_at[k] + j, n, all, dtype);
        const vf result = gradient(x, dy, w, vf_set(b->scales[k]), vf_set(-b->projections[k]), &folded);
        if (with_dx && all) {
            store(b->role->dx, b->dx_at[k] + j, result, dtype, stream);
        } else if (with_dx) {
            store_first(b->role->dx, b->dx_at[k] + j, result, n, dtype);
        }
    }
    if (sums && all) {
        add_to_sums(sums + j, folded);
    } else if (sums) {
        double last[VF_LANES];
        vd_store(last, vd_widen(folded));
        for (int i = 0; i < n; i++) {
            sums[j + i] += last[i];
        }
    }
}

GATUN_INLINE void gradients_of_block(const head_gradient_arguments *a, const gradient_block *b, float *weights,
                                     double *sums, const int dtype, const bool with_dx, const bool stream) {
    const long long columns = a->head_columns;
    for (long long begin = 0; begin < columns; begin += HEAD_CHUNK) {
        const long long end = begin + HEAD_CHUNK < columns ? begin + HEAD_CHUNK : columns;
        if (columns > HEAD_CHUNK) {
            widen_weights(a, b->role->gamma, begin, end, weights, dtype);
        }
        long long j = begin;
        for (; j + HEAD_TILE * VF_LANES <= end; j += HEAD_TILE * VF_LANES) {
            gradient_tile(b, weights + (j - begin), sums, j, HEAD_TILE, dtype, with_dx, stream);
        }
        for (; j + 2 * VF_LANES <= end; j += 2 * VF_LANES) {
            gradient_tile(b, weights + (j - begin), sums, j, 2, dtype, with_dx, stream);
        }
        if (j + VF_LANES <= end) {
            gradient_rest(b, weights + (j - begin), sums, j, VF_LANES, true, dtype, with_dx, stream);
            j += VF_LANES;
        }
        if (j < end) {
            gradient_rest(b, weights + (j - begin), sums, j, (int)(end - j), false, dtype, with_dx, false);
        }
    }
}

GATUN_INLINE void backward_block(const head_gradient_arguments *a, const head_gradient_role *role, long long first,
                                 long long count, long long ahead, double *sums, const int dtype) {
    const long long columns = a->head_columns;
    float squares[FOLD], products[FOLD], weights[HEAD_CHUNK];
    gradient_block b;
    b.role = role;
    b.count = count;
    b.dy_ahead = ahead * role->dy_stride;
    b.x_ahead = ahead * role->x_stride;
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
        const bool goes_on = a->prefetch && stop + GATUN_BACKWARD_PIECE_ROWS <= end;
        for (int r = 0; r < a->role_count; r++) {
            const head_gradient_role *role = &a->roles[r];
            double *role_sums = sums ? sums + role->number * a->head_columns : NULL;
            const long long last = stop * role->heads;
            for (long long first = token * role->heads; first < last; first += block) {
                backward_block(a, role, first, first + block < last ? block : last - first,
                               goes_on ? GATUN_BACKWARD_PIECE_ROWS : 0, role_sums, dtype);
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
