/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies that the row normalizations share, in the vector vocabulary. `dtype` and the other const int and bool
 * arguments of the inline functions are constants wherever they are called, so that each combination becomes a loop of
 * its own without branches.
 *
 * Statistics are taken chunk by chunk. A chunk is short enough to stay in the level-1 cache between its two passes, and
 * for its running sums to lose nothing worth naming: each lane takes 64 additions before it is folded into double
 * precision. Chunks have a fixed size, so results depend neither on alignment nor on how work is shared.
 */
#ifndef GATUN_ROW_NORM_H
#define GATUN_ROW_NORM_H

#include "../simd/simd.h"
#include "norm_kernels.h"

#define UNROLL 4
#define BLOCK (UNROLL * VF_LANES)
#define CHUNK (64 * BLOCK)
#define LINE_BYTES 64

GATUN_INLINE long long element_bytes(const int dtype) {
    return dtype == GATUN_F32 ? 4 : 2;
}
GATUN_INLINE const void *element(const void *p, long long index, const int dtype) {
    return (const char *)p + index * element_bytes(dtype);
}
GATUN_INLINE vf load(const void *p, long long index, const int dtype) {
    p = element(p, index, dtype);
    return dtype == GATUN_F32 ? vf_load(p) : dtype == GATUN_BF16 ? vf_load_bf16(p) : vf_load_f16(p);
}
GATUN_INLINE vf load_first(const void *p, long long index, int n, const int dtype) {
    p = element(p, index, dtype);
    return dtype == GATUN_F32    ? vf_load_first(p, n)
           : dtype == GATUN_BF16 ? vf_load_first_bf16(p, n)
                                 : vf_load_first_f16(p, n);
}
GATUN_INLINE void store(void *p, long long index, vf v, const int dtype, const bool stream) {
    p = (char *)p + index * element_bytes(dtype);
    switch (dtype) {
    case GATUN_F32:
        stream ? vf_stream(p, v) : vf_store(p, v);
        break;
    case GATUN_BF16:
        stream ? vf_stream_bf16(p, v) : vf_store_bf16(p, v);
        break;
    default:
        stream ? vf_stream_f16(p, v) : vf_store_f16(p, v);
    }
}
GATUN_INLINE void store_first(void *p, long long index, vf v, int n, const int dtype) {
    p = (char *)p + index * element_bytes(dtype);
    switch (dtype) {
    case GATUN_F32:
        vf_store_first(p, v, n);
        break;
    case GATUN_BF16:
        vf_store_first_bf16(p, v, n);
        break;
    default:
        vf_store_first_f16(p, v, n);
    }
}
GATUN_INLINE vf round_to(vf v, const int dtype) {
    return dtype == GATUN_BF16 ? vf_round_bf16(v) : dtype == GATUN_F16 ? vf_round_f16(v) : v;
}

/* Fetches what a later row needs, as the current one's passes go along: a line for each block of a pass. */
typedef struct {
    const char *next, *end;
} fetcher;

GATUN_INLINE void fetch(fetcher *f) {
    if (f->next < f->end) {
        __builtin_prefetch(f->next, 0, 3);
        f->next += LINE_BYTES;
    }
}

typedef struct {
    vf lanes[UNROLL];
} accumulator;

GATUN_INLINE void clear(accumulator *a) {
    for (int k = 0; k < UNROLL; k++) {
        a->lanes[k] = vf_zero();
    }
}
GATUN_INLINE float total(const accumulator *a) {
    return vf_sum(vf_add(vf_add(a->lanes[0], a->lanes[1]), vf_add(a->lanes[2], a->lanes[3])));
}

/* What one vector of x adds to the running sums: v itself, or the deviation from a center and its square. */
typedef enum { SUM, SQUARES, DEVIATIONS } statistic;

GATUN_INLINE void add(const statistic kind, vf v, vf center, vf *sum, vf *squares) {
    if (kind == DEVIATIONS) {
        v = vf_sub(v, center);
    }
    if (kind != SQUARES) {
        *sum = vf_add(*sum, v);
    }
    if (kind != SUM) {
        *squares = vf_fma(v, v, *squares);
    }
}

/* One pass over x[begin, end), at most a chunk. */
GATUN_INLINE void accumulate(const statistic kind, const void *x, long long begin, long long end, float center,
                             const int dtype, fetcher *ahead, float *sum, float *squares) {
    accumulator sums, products;
    clear(&sums);
    clear(&products);
    vf c = vf_set(center);
    long long j = begin;
    for (; j + BLOCK <= end; j += BLOCK) {
        fetch(ahead);
#pragma GCC unroll 4
        for (int k = 0; k < UNROLL; k++) {
            add(kind, load(x, j + k * VF_LANES, dtype), c, &sums.lanes[k], &products.lanes[k]);
        }
    }
    int k = 0;
    for (; j + VF_LANES <= end; j += VF_LANES, k++) {
        add(kind, load(x, j, dtype), c, &sums.lanes[k], &products.lanes[k]);
    }
    if (j < end) {
        int n = (int)(end - j);
        vf v = load_first(x, j, n, dtype);
        if (kind == DEVIATIONS) {
            v = vf_first(vf_sub(v, c), n);
        }
        add(kind == DEVIATIONS ? SUM : kind, v, c, &sums.lanes[k], &products.lanes[k]);
        if (kind == DEVIATIONS) {
            products.lanes[k] = vf_fma(v, v, products.lanes[k]);
        }
    }
    *sum = total(&sums);
    *squares = total(&products);
}

/* The corrected two-pass: the second pass also sums the deviations, which gives back what the mean lost by rounding. */
GATUN_INLINE row_moments moments_about_mean(const void *x, long long begin, long long end, const int dtype,
                                            fetcher *ahead) {
    row_moments row = {0, 0, 0};
    for (long long j = begin; j < end; j += CHUNK) {
        long long stop = j + CHUNK < end ? j + CHUNK : end;
        float sum, squares, none;
        fetcher nothing = {0, 0};
        double count = (double)(stop - j);
        accumulate(SUM, x, j, stop, 0, dtype, &nothing, &sum, &none);
        float center = (float)((double)sum / count);
        accumulate(DEVIATIONS, x, j, stop, center, dtype, ahead, &sum, &squares);
        double low = (double)sum / count;
        double rest = (double)squares - (double)sum * low;
        row_moments chunk = {count, (double)center + low, rest < 0 ? 0 : rest};
        row = j == begin ? chunk : merge_moments(row, chunk);
    }
    return row;
}

GATUN_INLINE row_moments moments_about_zero(const void *x, long long begin, long long end, const int dtype,
                                            fetcher *ahead) {
    double all = 0;
    for (long long j = begin; j < end; j += CHUNK) {
        float none, squares;
        accumulate(SQUARES, x, j, j + CHUNK < end ? j + CHUNK : end, 0, dtype, ahead, &none, &squares);
        all += (double)squares;
    }
    return (row_moments){(double)(end - begin), 0, all};
}

GATUN_INLINE row_moments moments_of(const void *x, long long begin, long long end, const int dtype,
                                    const bool centered, fetcher *ahead) {
    return centered ? moments_about_mean(x, begin, end, dtype, ahead) : moments_about_zero(x, begin, end, dtype, ahead);
}

/* Everything constant that the output loop is specialized for. */
typedef struct {
    int dtype, parameter_dtype;
    bool centered, gamma, beta, llama, stream;
} output_form;

typedef struct {
    vf center, shift, rstd, offset;
} output_vectors;

GATUN_INLINE vf normalized(vf x, const output_vectors *o, const output_form form) {
    /* shift = -center_low * rstd: one rounding of a tiny term instead of another subtraction. */
    x = form.centered ? vf_fma(vf_sub(x, o->center), o->rstd, o->shift) : vf_mul(x, o->rstd);
    return form.llama ? round_to(x, form.dtype) : x;
}
GATUN_INLINE vf affine(vf xh, vf gamma, vf beta, const output_vectors *o, const output_form form) {
    if (form.gamma) {
        gamma = vf_add(gamma, o->offset);
        return form.beta ? vf_fma(xh, gamma, beta) : vf_mul(xh, gamma);
    }
    return form.beta ? vf_add(xh, beta) : xh;
}
GATUN_INLINE void output_vector(const row_norm_arguments *a, const void *x, void *y, long long j,
                                const output_vectors *o, const output_form form) {
    vf gamma = form.gamma ? load(a->gamma, j, form.parameter_dtype) : vf_zero();
    vf beta = form.beta ? load(a->beta, j, form.parameter_dtype) : vf_zero();
    store(y, j, affine(normalized(load(x, j, form.dtype), o, form), gamma, beta, o, form), form.dtype, form.stream);
}
GATUN_INLINE void output_first(const row_norm_arguments *a, const void *x, void *y, long long j, int n,
                               const output_vectors *o, const output_form form) {
    vf gamma = form.gamma ? load_first(a->gamma, j, n, form.parameter_dtype) : vf_zero();
    vf beta = form.beta ? load_first(a->beta, j, n, form.parameter_dtype) : vf_zero();
    vf xh = normalized(load_first(x, j, n, form.dtype), o, form);
    store_first(y, j, affine(xh, gamma, beta, o, form), n, form.dtype);
}

/* Columns [begin, end). A streaming form is called with whole lines only. */
GATUN_INLINE void output(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end,
                         const row_scale *scale, fetcher *ahead, const output_form form) {
    output_vectors o = {vf_set(scale->center), vf_set(-scale->center_low * scale->rstd), vf_set(scale->rstd),
                        vf_set(a->weight_offset)};
    long long j = begin;
    for (; j + BLOCK <= end; j += BLOCK) {
        fetch(ahead);
#pragma GCC unroll 4
        for (int k = 0; k < UNROLL; k++) {
            output_vector(a, x, y, j + k * VF_LANES, &o, form);
        }
    }
    for (; j + VF_LANES <= end; j += VF_LANES) {
        output_vector(a, x, y, j, &o, form);
    }
    if (!form.stream && j < end) {
        output_first(a, x, y, j, (int)(end - j), &o, form);
    }
}

/* The choices made at run time become constants of `output` one after the other. */
GATUN_INLINE void output_affine(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end,
                                const row_scale *scale, fetcher *ahead, const int dtype, const int parameter_dtype,
                                const bool centered, const bool llama, const bool stream) {
    if (a->gamma && a->beta) {
        output(a, x, y, begin, end, scale, ahead,
               (output_form){dtype, parameter_dtype, centered, true, true, llama, stream});
    } else if (a->gamma) {
        output(a, x, y, begin, end, scale, ahead,
               (output_form){dtype, parameter_dtype, centered, true, false, llama, stream});
    } else if (a->beta) {
        output(a, x, y, begin, end, scale, ahead,
               (output_form){dtype, parameter_dtype, centered, false, true, llama, stream});
    } else {
        output(a, x, y, begin, end, scale, ahead,
               (output_form){dtype, parameter_dtype, centered, false, false, llama, stream});
    }
}
GATUN_INLINE void output_rounded(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end,
                                 const row_scale *scale, fetcher *ahead, const int dtype, const bool centered,
                                 const bool stream) {
    bool widened = a->parameter_dtype == GATUN_F32;
    if (dtype == GATUN_F32) {
        output_affine(a, x, y, begin, end, scale, ahead, dtype, GATUN_F32, centered, false, stream);
    } else if (a->cast_mode == GATUN_CAST_LLAMA && widened) {
        output_affine(a, x, y, begin, end, scale, ahead, dtype, GATUN_F32, centered, true, stream);
    } else if (a->cast_mode == GATUN_CAST_LLAMA) {
        output_affine(a, x, y, begin, end, scale, ahead, dtype, dtype, centered, true, stream);
    } else if (widened) {
        output_affine(a, x, y, begin, end, scale, ahead, dtype, GATUN_F32, centered, false, stream);
    } else {
        output_affine(a, x, y, begin, end, scale, ahead, dtype, dtype, centered, false, stream);
    }
}
GATUN_INLINE void output_dtype(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end,
                               const row_scale *scale, fetcher *ahead, const bool centered, const bool stream) {
    switch (a->dtype) {
    case GATUN_BF16:
        output_rounded(a, x, y, begin, end, scale, ahead, GATUN_BF16, centered, stream);
        break;
    case GATUN_F16:
        output_rounded(a, x, y, begin, end, scale, ahead, GATUN_F16, centered, stream);
        break;
    default:
        output_rounded(a, x, y, begin, end, scale, ahead, GATUN_F32, centered, stream);
    }
}

/* Instantiated once each in a kernel file: the output pass with plain and with streaming stores. */
typedef void output_function(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end,
                             const row_scale *scale, fetcher *ahead);

/* The output pass over [begin, end): where it streams, whole lines bypass the caches, and the ends are plain. */
GATUN_INLINE void output_row(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end,
                             const row_scale *scale, fetcher *ahead, const int dtype, output_function *plain,
                             output_function *streaming) {
    if (a->stream) {
        long long per_line = LINE_BYTES / element_bytes(dtype);
        long long lead = (-(long long)(uintptr_t)element(y, begin, dtype) & (LINE_BYTES - 1)) / element_bytes(dtype);
        if (begin + lead + per_line <= end) {
            long long first = begin + lead;
            long long last = end - (end - first) % per_line;
            if (begin < first) {
                plain(a, x, y, begin, first, scale, ahead);
            }
            streaming(a, x, y, first, last, scale, ahead);
            begin = last;
        }
    }
    if (begin < end) {
        plain(a, x, y, begin, end, scale, ahead);
    }
}

GATUN_INLINE const void *row_of_x(const row_norm_arguments *a, long long row, const int dtype) {
    return element(a->x, row * a->x_stride, dtype);
}
GATUN_INLINE void *row_of_y(const row_norm_arguments *a, long long row, const int dtype) {
    return (char *)a->y + row * a->y_stride * element_bytes(dtype);
}

GATUN_INLINE void normalize_rows(const row_norm_arguments *a, long long begin, long long end, const int dtype,
                                 const bool centered, output_function *plain, output_function *streaming) {
    for (long long row = begin; row < end; row++) {
        const void *x = row_of_x(a, row, dtype);
        fetcher ahead = {0, 0};
        if (a->prefetch && row + 1 < a->rows) {
            ahead.next = row_of_x(a, row + 1, dtype);
            ahead.end = ahead.next + a->columns * element_bytes(dtype);
        }
        row_scale scale =
            row_norm_scale(a, row, moments_of(x, 0, a->statistics_columns, dtype, centered, &ahead));
        if (scale.exact) {
            row_norm_exact(a, row, centered);
        } else {
            output_row(a, x, row_of_y(a, row, dtype), 0, a->columns, &scale, &ahead, dtype, plain, streaming);
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

GATUN_INLINE void apply_columns(const row_norm_arguments *a, long long row, long long begin, long long end,
                                const row_scale *scale, const int dtype, output_function *plain,
                                output_function *streaming) {
    fetcher nothing = {0, 0};
    output_row(a, row_of_x(a, row, dtype), row_of_y(a, row, dtype), begin, end, scale, &nothing, dtype, plain,
               streaming);
    if (a->stream) {
        vf_stream_fence();
    }
}

/* Defines the kernel `operation` of this level. */
#define GATUN_ROW_NORM_KERNEL(operation, is_centered)                                                                  \
    static void plain(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end,             \
                      const row_scale *scale, fetcher *ahead) {                                                        \
        output_dtype(a, x, y, begin, end, scale, ahead, is_centered, false);                                           \
    }                                                                                                                  \
    static void streaming(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end,         \
                          const row_scale *scale, fetcher *ahead) {                                                    \
        output_dtype(a, x, y, begin, end, scale, ahead, is_centered, true);                                            \
    }                                                                                                                  \
    static void rows(const row_norm_arguments *a, long long begin, long long end) {                                    \
        switch (a->dtype) {                                                                                            \
        case GATUN_BF16:                                                                                               \
            normalize_rows(a, begin, end, GATUN_BF16, is_centered, plain, streaming);                                  \
            break;                                                                                                     \
        case GATUN_F16:                                                                                                \
            normalize_rows(a, begin, end, GATUN_F16, is_centered, plain, streaming);                                   \
            break;                                                                                                     \
        default:                                                                                                       \
            normalize_rows(a, begin, end, GATUN_F32, is_centered, plain, streaming);                                   \
        }                                                                                                              \
    }                                                                                                                  \
    static row_moments moments(const row_norm_arguments *a, long long row, long long begin, long long end) {           \
        fetcher nothing = {0, 0};                                                                                      \
        switch (a->dtype) {                                                                                            \
        case GATUN_BF16:                                                                                               \
            return moments_of(row_of_x(a, row, GATUN_BF16), begin, end, GATUN_BF16, is_centered, &nothing);            \
        case GATUN_F16:                                                                                                \
            return moments_of(row_of_x(a, row, GATUN_F16), begin, end, GATUN_F16, is_centered, &nothing);              \
        default:                                                                                                       \
            return moments_of(row_of_x(a, row, GATUN_F32), begin, end, GATUN_F32, is_centered, &nothing);              \
        }                                                                                                              \
    }                                                                                                                  \
    static void apply(const row_norm_arguments *a, long long row, long long begin, long long end,                      \
                      const row_scale *scale) {                                                                        \
        apply_columns(a, row, begin, end, scale, a->dtype, plain, streaming);                                          \
    }                                                                                                                  \
    const row_norm_kernel GATUN_AT_LEVEL(operation) = {rows, moments, apply, is_centered};

#endif
