/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions of weights when a model is loaded, compiled once per level: float32, in double precision inside. */
#include <stddef.h>

#include "../simd/simd.h"
#include "norm_kernels.h"

#define LINE_BYTES 64
#define LINE_COLUMNS (LINE_BYTES / (int)sizeof(float))

/* Rows that are added up before they meet the sums of their columns: fewer loads and stores of those. */
#define SUMMED_ROWS 4

/* The n columns from column j on: VF_LANES of them, where n says so, without a mask. */
GATUN_INLINE vf load_columns(const float *p, int n) {
    return n == VF_LANES ? vf_load(p) : vf_load_first(p, n);
}
GATUN_INLINE void store_columns(float *p, vf v, int n, const bool stream) {
    if (n < VF_LANES) {
        vf_store_first(p, v, n);
    } else if (stream) {
        vf_stream(p, v);
    } else {
        vf_store(p, v);
    }
}

/* Whether rows of a tensor begin with a whole line, so that they can be written past the caches. */
static bool rows_begin_lines(const float *p, long long stride) {
    return (uintptr_t)p % LINE_BYTES == 0 && stride % LINE_COLUMNS == 0;
}

GATUN_INLINE void add_columns(const float *row, long long stride, const int rows, int n, double *sums) {
    vd sum = vd_widen(load_columns(row, n));
    if (rows == SUMMED_ROWS) {
        vd second = vd_widen(load_columns(row + stride, n));
        vd third = vd_widen(load_columns(row + 2 * stride, n)), fourth = vd_widen(load_columns(row + 3 * stride, n));
        sum = vd_add(vd_add(sum, second), vd_add(third, fourth));
    }
    vd_store(sums, vd_add(vd_load(sums), sum));
}

/*
 * A stripe is a short piece of each row, too short for the processor to see it coming: `next` is the first of the rows
 * that follow, to be fetched meanwhile, or NULL.
 */
GATUN_INLINE void add_rows(const float *first, const float *next, long long stride, const int rows, long long columns,
                           double *sums) {
    long long j = 0;
    for (; j + LINE_COLUMNS <= columns; j += LINE_COLUMNS) {
        for (int row = 0; next && row < rows; row++) {
            __builtin_prefetch(next + j + row * stride);
        }
#pragma GCC unroll 4
        for (int k = 0; k < LINE_COLUMNS; k += VF_LANES) {
            add_columns(first + j + k, stride, rows, VF_LANES, sums + j + k);
        }
    }
    for (; j + VF_LANES <= columns; j += VF_LANES) {
        add_columns(first + j, stride, rows, VF_LANES, sums + j);
    }
    if (j < columns) {
        add_columns(first + j, stride, rows, (int)(columns - j), sums + j);
    }
}

GATUN_INLINE void subtract_means(const zero_mean_arguments *a, long long begin, long long columns, const double *means,
                                 const bool stream) {
    for (long long row = 0; row < a->rows; row++) {
        const float *weight = a->weight + row * a->weight_stride + begin;
        float *out = a->out + row * a->out_stride + begin;
        const float *next = row + SUMMED_ROWS < a->rows ? weight + SUMMED_ROWS * a->weight_stride : NULL;
        long long j = 0;
        for (; j + LINE_COLUMNS <= columns; j += LINE_COLUMNS) {
            if (next) {
                __builtin_prefetch(next + j);
            }
#pragma GCC unroll 4
            for (int k = 0; k < LINE_COLUMNS; k += VF_LANES) {
                vf result = vd_narrow(vd_sub(vd_widen(vf_load(weight + j + k)), vd_load(means + j + k)));
                store_columns(out + j + k, result, VF_LANES, stream);
            }
        }
        for (; j + VF_LANES <= columns; j += VF_LANES) {
            vf result = vd_narrow(vd_sub(vd_widen(vf_load(weight + j)), vd_load(means + j)));
            store_columns(out + j, result, VF_LANES, stream);
        }
        if (j < columns) {
            const int n = (int)(columns - j);
            vf result = vd_narrow(vd_sub(vd_widen(vf_load_first(weight + j, n)), vd_load(means + j)));
            vf_store_first(out + j, result, n);
        }
    }
}

static void zero_mean_stripe(const zero_mean_arguments *a, long long begin, long long end) {
    const long long columns = end - begin;
    const vd count = vd_set((double)a->rows);
    double sums[ZERO_MEAN_STRIPE]; /* a multiple of VF_LANES */
    for (long long j = 0; j < columns; j += VF_LANES) {
        vd_store(sums + j, vd_set(0));
    }
    const float *weight = a->weight + begin;
    long long row = 0;
    for (; row + SUMMED_ROWS <= a->rows; row += SUMMED_ROWS) {
        const bool more = row + 2 * SUMMED_ROWS <= a->rows;
        add_rows(weight + row * a->weight_stride, more ? weight + (row + SUMMED_ROWS) * a->weight_stride : NULL,
                 a->weight_stride, SUMMED_ROWS, columns, sums);
    }
    for (; row < a->rows; row++) {
        add_rows(weight + row * a->weight_stride, NULL, a->weight_stride, 1, columns, sums);
    }
    for (long long j = 0; j < columns; j += VF_LANES) {
        vd_store(sums + j, vd_div(vd_load(sums + j), count));
    }
    if (a->stream && rows_begin_lines(a->out, a->out_stride)) {
        subtract_means(a, begin, columns, sums, true);
        vf_stream_fence();
    } else {
        subtract_means(a, begin, columns, sums, false);
    }
}

#define ROW_SUMS 4

static double mean_of_row(const float *row, long long columns) {
    vd sums[ROW_SUMS];
#pragma GCC unroll 4
    for (int k = 0; k < ROW_SUMS; k++) {
        sums[k] = vd_set(0);
    }
    long long j = 0;
    for (; j + ROW_SUMS * VF_LANES <= columns; j += ROW_SUMS * VF_LANES) {
#pragma GCC unroll 4
        for (int k = 0; k < ROW_SUMS; k++) {
            sums[k] = vd_add(sums[k], vd_widen(vf_load(row + j + k * VF_LANES)));
        }
    }
    for (; j + VF_LANES <= columns; j += VF_LANES) {
        sums[0] = vd_add(sums[0], vd_widen(vf_load(row + j)));
    }
    if (j < columns) {
        sums[1] = vd_add(sums[1], vd_widen(vf_load_first(row + j, (int)(columns - j))));
    }
    return vd_sum(vd_add(vd_add(sums[0], sums[1]), vd_add(sums[2], sums[3]))) / (double)columns;
}

/* `next` is the row that follows, to be fetched meanwhile, or NULL. */
GATUN_INLINE void subtract_mean(const float *weight, const float *next, float *out, long long columns, double mean,
                                const bool stream) {
    const vd m = vd_set(mean);
    long long j = 0;
    for (; j + LINE_COLUMNS <= columns; j += LINE_COLUMNS) {
        if (next) {
            __builtin_prefetch(next + j, 0, 2);
        }
#pragma GCC unroll 4
        for (int k = 0; k < LINE_COLUMNS; k += VF_LANES) {
            store_columns(out + j + k, vd_narrow(vd_sub(vd_widen(vf_load(weight + j + k)), m)), VF_LANES, stream);
        }
    }
    for (; j + VF_LANES <= columns; j += VF_LANES) {
        store_columns(out + j, vd_narrow(vd_sub(vd_widen(vf_load(weight + j)), m)), VF_LANES, stream);
    }
    if (j < columns) {
        const int n = (int)(columns - j);
        vf_store_first(out + j, vd_narrow(vd_sub(vd_widen(vf_load_first(weight + j, n)), m)), n);
    }
}

static void zero_mean_of_rows(const zero_mean_arguments *a, long long begin, long long end) {
    const bool stream = a->stream && rows_begin_lines(a->out, a->out_stride);
    for (long long row = begin; row < end; row++) {
        const float *weight = a->weight + row * a->weight_stride;
        float *out = a->out + row * a->out_stride;
        const double mean = mean_of_row(weight, a->columns);
        const float *next = row + 1 < end ? weight + a->weight_stride : NULL;
        if (stream) {
            subtract_mean(weight, next, out, a->columns, mean, true);
        } else {
            subtract_mean(weight, next, out, a->columns, mean, false);
        }
    }
    if (stream) {
        vf_stream_fence();
    }
}

const zero_mean_kernel GATUN_AT_LEVEL(zero_mean_rows) = {zero_mean_stripe, zero_mean_of_rows};

/* Rows are folded tile by tile of columns, so that gamma and beta of a tile come from the level-1 cache. */
#define FOLDED_ROWS 16
#define FOLDED_COLUMNS 2048

/* The n columns from column j on; returns the sum of weight * beta with theirs. */
GATUN_INLINE vd fold_columns(const fold_affine_arguments *a, const float *weight, float *out, long long j, int n,
                             const bool has_gamma, const bool has_beta, const bool stream, vd sum) {
    const vf stored = load_columns(weight + j, n);
    const vd wide = vd_widen(stored);
    if (has_beta) {
        sum = vd_fma(wide, vd_widen(load_columns(a->beta + j, n)), sum);
    }
    vf result = stored;
    if (has_gamma) {
        vd gamma = vd_add(vd_widen(load_columns(a->gamma + j, n)), vd_set((double)a->weight_offset));
        result = vd_narrow(vd_mul(wide, gamma));
    }
    store_columns(out + j, result, n, stream);
    return sum;
}

/* Columns [begin, end) of a row, a tile at most; `next` is the row that follows, to be fetched meanwhile, or NULL. */
GATUN_INLINE double fold_tile(const fold_affine_arguments *a, const float *weight, const float *next, float *out,
                              long long begin, long long end, const bool has_gamma, const bool has_beta,
                              const bool stream) {
    vd even = vd_set(0), odd = vd_set(0);
    long long j = begin;
    for (; j + LINE_COLUMNS <= end; j += LINE_COLUMNS) {
        if (next) {
            __builtin_prefetch(next + j);
        }
#pragma GCC unroll 8
        for (int k = 0; k < LINE_COLUMNS; k += VF_LANES) {
            vd *sum = k / VF_LANES % 2 == 0 ? &even : &odd;
            *sum = fold_columns(a, weight, out, j + k, VF_LANES, has_gamma, has_beta, stream, *sum);
        }
    }
    for (; j + VF_LANES <= end; j += VF_LANES) {
        even = fold_columns(a, weight, out, j, VF_LANES, has_gamma, has_beta, stream, even);
    }
    if (j < end) {
        odd = fold_columns(a, weight, out, j, (int)(end - j), has_gamma, has_beta, false, odd);
    }
    return has_beta ? vd_sum(vd_add(even, odd)) : 0;
}

GATUN_INLINE void fold_rows(const fold_affine_arguments *a, long long begin, long long end, const bool has_gamma,
                            const bool has_beta, const bool stream) {
    for (long long first = begin; first < end; first += FOLDED_ROWS) {
        const long long last = first + FOLDED_ROWS < end ? first + FOLDED_ROWS : end;
        double sums[FOLDED_ROWS] = {0};
        for (long long j = 0; j < a->columns; j += FOLDED_COLUMNS) {
            const long long stop = j + FOLDED_COLUMNS < a->columns ? j + FOLDED_COLUMNS : a->columns;
            for (long long row = first; row < last; row++) {
                const float *weight = a->weight + row * a->weight_stride;
                sums[row - first] +=
                    fold_tile(a, weight, row + 1 < last ? weight + a->weight_stride : NULL,
                              a->weight_out + row * a->weight_out_stride, j, stop, has_gamma, has_beta, stream);
            }
        }
        for (long long row = first; a->bias_out && row < last; row++) {
            a->bias_out[row] = (float)((a->bias ? (double)a->bias[row] : 0) + sums[row - first]);
        }
    }
    if (stream) {
        vf_stream_fence();
    }
}

GATUN_INLINE void fold_rows_with(const fold_affine_arguments *a, long long begin, long long end, const bool has_gamma,
                                 const bool has_beta) {
    if (a->stream && rows_begin_lines(a->weight_out, a->weight_out_stride)) {
        fold_rows(a, begin, end, has_gamma, has_beta, true);
    } else {
        fold_rows(a, begin, end, has_gamma, has_beta, false);
    }
}

static void fold(const fold_affine_arguments *a, long long begin, long long end) {
    const bool has_beta = a->beta && a->bias_out;
    if (a->gamma && has_beta) {
        fold_rows_with(a, begin, end, true, true);
    } else if (a->gamma) {
        fold_rows_with(a, begin, end, true, false);
    } else if (has_beta) {
        fold_rows_with(a, begin, end, false, true);
    } else {
        fold_rows_with(a, begin, end, false, false);
    }
}

const fold_kernel GATUN_AT_LEVEL(fold_affine) = {fold};
