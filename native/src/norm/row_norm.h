/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies that the row normalizations share, in the vector vocabulary. `dtype` and the other const int and bool
 * arguments of the inline functions are constants wherever they are called, so that each combination becomes a loop of
 * its own without branches.
 *
 * Statistics are taken chunk by chunk in float32, and chunks are merged in double precision. Within a chunk each lane
 * takes FOLD additions before it is folded into another: a row of like values rounds every addition to the same side,
 * and so loses at most FOLD + FOLDS half units. Chunks have a fixed size, so results depend neither on alignment nor on
 * how work is shared.
 */
#ifndef GATUN_ROW_NORM_H
#define GATUN_ROW_NORM_H

#include "../simd/elements.h"
#include "../simd/fetch.h"
#include "../simd/simd.h"
#include "norm_kernels.h"
#include "row_scale.h"

/* Running sums side by side: as many as hide the latency of an addition, and fit into the registers. */
#define SUMS 8
#define SUMS_WITH_SQUARES 4

#define FOLD 16
#define FOLDS 8
#define CHUNK (FOLDS * FOLD * SUMS_WITH_SQUARES * VF_LANES)

/* What follows xh. The common forms have a loop each; GENERAL looks what there is, and of which type. */
typedef enum { NEITHER, GAMMA, GAMMA_AND_BETA, GENERAL } affine_form;

/* Everything constant that the output loop is specialized for. */
typedef struct {
    int dtype, parameter_dtype;
    affine_form affine;
    bool centered, llama, stream;
} output_form;

/* The operands of an output pass, held apart from the arguments so that no store can seem to change them. */
typedef struct {
    const void *x, *gamma, *beta;
    void *y;
    vf center, factor, shift, offset;
    bool widened; /* gamma and beta are float32 */
    bool llama;   /* GATUN_CAST_LLAMA */
} output_operands;

GATUN_INLINE output_operands output_operands_of(const row_norm_arguments *a, const void *x, void *y,
                                                const row_scale *scale, const bool centered) {
    return (output_operands){x,
                             a->gamma,
                             a->beta,
                             y,
                             vf_set(scale->center),
                             vf_set(centered ? -scale->rstd : scale->rstd),
                             vf_set(-scale->center_low * scale->rstd),
                             vf_set(a->weight_offset),
                             a->parameter_dtype == GATUN_F32,
                             a->cast_mode == GATUN_CAST_LLAMA};
}

GATUN_INLINE vf load_affine(const output_operands *o, const void *p, long long j, const int n, const bool all,
                            const output_form form) {
    if (form.affine == GENERAL && o->widened) {
        return load_lanes(p, j, n, all, GATUN_F32);
    }
    return load_lanes(p, j, n, all, form.parameter_dtype);
}

/* What becomes of lanes x from column j on. */
GATUN_INLINE vf normalized(const output_operands *o, vf x, long long j, const int n, const bool all,
                           const output_form form) {
    /* (center - x) * -rstd + -center_low * rstd: one rounding of a tiny term instead of another subtraction. */
    vf xh = form.centered ? vf_fma(vf_sub(o->center, x), o->factor, o->shift) : vf_mul(x, o->factor);
    if (form.llama || (form.affine == GENERAL && form.dtype != GATUN_F32 && o->llama)) {
        xh = round_to(xh, form.dtype);
    }
    switch (form.affine) {
    case NEITHER:
        return xh;
    case GAMMA:
        return vf_mul(xh, load_affine(o, o->gamma, j, n, all, form));
    case GAMMA_AND_BETA:
        return vf_fma(xh, load_affine(o, o->gamma, j, n, all, form), load_affine(o, o->beta, j, n, all, form));
    default: {
        vf weight = o->gamma ? vf_add(load_affine(o, o->gamma, j, n, all, form), o->offset) : vf_set(1);
        return o->beta ? vf_fma(xh, weight, load_affine(o, o->beta, j, n, all, form)) : vf_mul(xh, weight);
    }
    }
}

/* What is normalized: x, or what a fused operation makes of it: x + alpha * residual, the same with bias and residual
 * where they are there, or norm(x) + alpha * residual. */
typedef enum { X, SUM_OF_TWO, GENERAL_SUM, NORM_AND_RESIDUAL } source_kind;
typedef struct {
    source_kind kind;
    int dtype;
    output_form inner; /* of NORM_AND_RESIDUAL */
} source_form;

/* The rows that a source is made of; only x is always there. */
typedef struct {
    const void *x, *residual, *bias;
    vf alpha;
    bool rounded;          /* the sum, to a 16-bit type of x */
    output_operands inner; /* of NORM_AND_RESIDUAL */
} row_source;

GATUN_INLINE vf source_lanes(const row_source *s, long long j, const int n, const bool all, const source_form form) {
    vf v = load_lanes(s->x, j, n, all, form.dtype);
    if (form.kind == X) {
        return v;
    }
    if (form.kind == NORM_AND_RESIDUAL) {
        v = normalized(&s->inner, v, j, n, all, form.inner);
    } else if (form.kind == GENERAL_SUM && s->bias) {
        v = vf_add(v, s->inner.widened ? load_lanes(s->bias, j, n, all, GATUN_F32)
                                       : load_lanes(s->bias, j, n, all, form.dtype));
    }
    if (form.kind == SUM_OF_TWO || s->residual) {
        v = vf_fma(s->alpha, load_lanes(s->residual, j, n, all, form.dtype), v);
    }
    return form.dtype != GATUN_F32 && s->rounded ? round_to(v, form.dtype) : v;
}
GATUN_INLINE source_form source_x(const int dtype) {
    return (source_form){.kind = X, .dtype = dtype};
}

/* What a vector of x adds to the running sums: itself, its square, or center - x and the square of it. (That way round
 * x comes straight from memory into the subtraction.) */
typedef enum { SUM, SQUARES, DEVIATIONS } statistic;

typedef struct {
    vf sums[SUMS], squares[SUMS];
} running_sums;

GATUN_INLINE void add(const statistic kind, vf v, running_sums *r, const int k) {
    if (kind != SQUARES) {
        r->sums[k] = vf_add(r->sums[k], v);
    }
    if (kind != SUM) {
        r->squares[k] = vf_fma(v, v, r->squares[k]);
    }
}

/* The sum of the vectors in a fixed tree order. */
GATUN_INLINE float total(const vf *v, const int count) {
    vf pairs[SUMS];
#pragma GCC unroll 8
    for (int k = 0; k < count; k++) {
        pairs[k] = v[k];
    }
#pragma GCC unroll 4
    for (int width = count / 2; width > 0; width /= 2) {
#pragma GCC unroll 4
        for (int k = 0; k < width; k++) {
            pairs[k] = vf_add(pairs[k], pairs[k + width]);
        }
    }
    return vf_sum(pairs[0]);
}

typedef struct {
    float sum, squares;
} chunk_sums;

GATUN_INLINE running_sums no_sums(const int count) {
    running_sums r;
#pragma GCC unroll 8
    for (int k = 0; k < count; k++) {
        r.sums[k] = r.squares[k] = vf_zero();
    }
    return r;
}

/* Two neighbouring vectors of a source, for sums: of bf16 in whatever order costs least. */
GATUN_INLINE void source_two(const row_source *s, long long j, vf two[2], const source_form form) {
    if (form.kind == X && form.dtype == GATUN_BF16) {
        vf_load_even_odd_bf16(element(s->x, j, form.dtype), &two[0], &two[1]);
    } else {
        two[0] = source_lanes(s, j, VF_LANES, true, form);
        two[1] = source_lanes(s, j + VF_LANES, VF_LANES, true, form);
    }
}
GATUN_INLINE vf addend(const statistic kind, const row_source *s, long long j, vf center, const source_form form) {
    vf v = source_lanes(s, j, VF_LANES, true, form);
    return kind == DEVIATIONS ? vf_sub(center, v) : v;
}

/* Adds whole turns of `count` vectors of columns [j, end) to the sums. Returns where it stopped. */
GATUN_INLINE long long add_turns(const statistic kind, const row_source *s, long long j, long long end, vf center,
                                 running_sums *sums, const int count, fetcher *ahead, const source_form form) {
    const long long turn = count * VF_LANES;
    const long long step = FETCH_STEP / element_bytes(form.dtype) / turn * turn;
    running_sums r = *sums;
    while (j + turn <= end) {
        fetch(ahead);
        const long long stop = j + step < end ? j + step : end;
        for (; j + turn <= stop; j += turn) {
#pragma GCC unroll 8
            for (int k = 0; k < count; k += 2) {
                vf two[2];
                source_two(s, j + k * VF_LANES, two, form);
                add(kind, kind == DEVIATIONS ? vf_sub(center, two[0]) : two[0], &r, k);
                add(kind, kind == DEVIATIONS ? vf_sub(center, two[1]) : two[1], &r, k + 1);
            }
        }
    }
    *sums = r;
    return j;
}

/* One pass over columns [begin, end), at most a chunk, for squares or deviations. */
GATUN_INLINE chunk_sums accumulate(const statistic kind, const row_source *s, long long begin, long long end,
                                   float center, const source_form form, fetcher *ahead) {
    const int count = kind == DEVIATIONS ? SUMS_WITH_SQUARES : SUMS;
    const vf c = vf_set(center);
    const long long turn = count * VF_LANES;
    running_sums folded = no_sums(count);
    long long j = begin;
    if (form.kind <= SUM_OF_TWO) { /* other sources outweigh the addition that this saves, and take long to compile */
        const long long fold = begin + FOLD * turn < end ? begin + FOLD * turn : end;
        j = add_turns(kind, s, begin, fold, c, &folded, count, ahead, form);
    }
    while (j + turn <= end) {
        const long long fold = j + FOLD * turn < end ? j + FOLD * turn : end;
        running_sums r = no_sums(count);
        j = add_turns(kind, s, j, fold, c, &r, count, ahead, form);
#pragma GCC unroll 8
        for (int k = 0; k < count; k++) {
            folded.sums[k] = vf_add(folded.sums[k], r.sums[k]);
            folded.squares[k] = vf_add(folded.squares[k], r.squares[k]);
        }
    }
    /* What is left is less than a turn of the loop: each vector has a running sum of its own. */
#pragma GCC unroll 8
    for (int k = 0; k < count; k++) {
        if (j + VF_LANES <= end) {
            add(kind, addend(kind, s, j, c, form), &folded, k);
            j += VF_LANES;
        }
    }
    if (j < end) {
        int n = (int)(end - j);
        vf v = source_lanes(s, j, n, false, form);
        /* Lanes that are not there are 0 in x, but not in every source. */
        add(kind, vf_first(kind == DEVIATIONS ? vf_sub(c, v) : v, n), &folded, 0);
    }
    return (chunk_sums){kind == SQUARES ? 0 : total(folded.sums, count), total(folded.squares, count)};
}

/* Entries whose mean stands in for that of a chunk: its error is an eighth of their standard deviation or less. */
#define SAMPLE (SUMS * VF_LANES > 64 ? SUMS * VF_LANES : 64)

GATUN_INLINE float sample_mean(const row_source *s, long long begin, long long end, const source_form form) {
    const long long count = end - begin < SAMPLE ? end - begin : SAMPLE, stop = begin + count;
    fetcher nothing = {0};
    running_sums r = no_sums(SUMS);
    long long j = add_turns(SUM, s, begin, stop, vf_zero(), &r, SUMS, &nothing, form);
    for (; j + VF_LANES <= stop; j += VF_LANES) {
        add(SUM, addend(SUM, s, j, vf_zero(), form), &r, 0);
    }
    if (j < stop) {
        const int n = (int)(stop - j);
        add(SUM, vf_first(source_lanes(s, j, n, false, form), n), &r, 0);
    }
    return total(r.sums, SUMS) * (1 / (float)count);
}

/*
 * One pass about a center near the mean, then corrected by the mean deviation A / n. That is as good as a pass about
 * the mean itself while A / n is small against the deviations, (A / n)^2 <= Q / 4n; else the pass is repeated about the
 * mean that the first one found. `center` is for the first chunk; each later one takes the mean of the chunk before it.
 */
GATUN_INLINE row_moments moments_about_mean(const row_source *s, long long begin, long long end, float center,
                                            const source_form form, fetcher *ahead) {
    row_moments row = {0, 0, 0};
    for (long long j = begin; j < end; j += CHUNK) {
        const long long stop = j + CHUNK < end ? j + CHUNK : end;
        const double count = (double)(stop - j), share = 1 / count;
        chunk_sums sums;
        double low;
        for (int pass = 1;; pass++) {
            sums = accumulate(DEVIATIONS, s, j, stop, center, form, ahead);
            low = -(double)sums.sum * share;
            if (pass == 2 || (double)sums.sum * -low <= 0.25 * (double)sums.squares) {
                break;
            }
            center = (float)((double)center + low);
        }
        double squares = (double)sums.squares + (double)sums.sum * low;
        row_moments chunk = {count, (double)center + low, squares < 0 ? 0 : squares};
        row = j == begin ? chunk : merge_moments(row, chunk);
        center = (float)chunk.mean;
    }
    return row;
}

GATUN_INLINE row_moments moments_about_zero(const row_source *s, long long begin, long long end, const source_form form,
                                            fetcher *ahead) {
    double squares = 0;
    for (long long j = begin; j < end; j += CHUNK) {
        long long stop = j + CHUNK < end ? j + CHUNK : end;
        squares += (double)accumulate(SQUARES, s, j, stop, 0, form, ahead).squares;
    }
    return (row_moments){(double)(end - begin), 0, squares};
}

GATUN_INLINE row_moments moments_of(const row_source *s, long long begin, long long end, float center,
                                    const source_form form, const bool centered, fetcher *ahead) {
    return centered ? moments_about_mean(s, begin, end, center, form, ahead)
                    : moments_about_zero(s, begin, end, form, ahead);
}

#define SHORT_TILE 16 /* vectors; in fewer, an access that crosses a line costs less than a masked one */

GATUN_INLINE vf output_vector(const output_operands *o, long long j, const output_form form) {
    return normalized(o, load(o->x, j, form.dtype), j, VF_LANES, true, form);
}

/* Where the first whole vector of y begins in columns [begin, end); `begin` where that is no gain. Java arrays lie half a
 * vector off, and then every other access would cross a line. */
GATUN_INLINE long long first_aligned(const void *y, long long begin, long long end, const int dtype) {
    const long long lead = lead_of(element(y, begin, dtype), dtype) % VF_LANES;
    return end - begin > SHORT_TILE * VF_LANES ? begin + lead : begin;
}

/* Columns [begin, end). A streaming form is called with whole lines only. */
GATUN_INLINE void output(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end,
                         const row_scale *scale, fetcher *fetched, const output_form form) {
    const output_operands o = output_operands_of(a, x, y, scale, form.centered);
    fetcher ahead = *fetched;
    long long j = begin;
    if (!form.stream && (j = first_aligned(y, begin, end, form.dtype)) > begin) {
        const int n = (int)(j - begin);
        store_first(y, begin, normalized(&o, load_first(x, begin, n, form.dtype), begin, n, false, form), n,
                    form.dtype);
    }
    const int unroll = form.dtype == GATUN_F32 ? 8 : 4;
    const long long turn = unroll * VF_LANES;
    const long long step = FETCH_STEP / element_bytes(form.dtype) / turn * turn;
    while (j + turn <= end) {
        fetch(&ahead);
        const long long stop = j + step < end ? j + step : end;
        for (; j + turn <= stop; j += turn) {
#pragma GCC unroll 8
            for (int k = 0; k < unroll; k += 2) {
                const long long at = j + k * VF_LANES;
                vf first = output_vector(&o, at, form), next = output_vector(&o, at + VF_LANES, form);
                store_two(o.y, at, first, next, form.dtype, form.stream);
            }
        }
    }
    for (; j + VF_LANES <= end; j += VF_LANES) {
        store(o.y, j, output_vector(&o, j, form), form.dtype, form.stream);
    }
    if (!form.stream && j < end) {
        const int n = (int)(end - j);
        store_first(y, j, normalized(&o, load_first(x, j, n, form.dtype), j, n, false, form), n, form.dtype);
    }
    *fetched = ahead;
}

/* The choices made at run time become constants of `output` one after the other. */
GATUN_INLINE void output_affine(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end,
                                const row_scale *scale, fetcher *ahead, const int dtype, const int parameter_dtype,
                                const bool centered, const bool llama, const bool stream) {
    if (a->gamma ? a->weight_offset != 0 : a->beta != 0) {
        output(a, x, y, begin, end, scale, ahead,
               (output_form){dtype, parameter_dtype, GENERAL, centered, llama, stream});
    } else if (a->beta) {
        output(a, x, y, begin, end, scale, ahead,
               (output_form){dtype, parameter_dtype, GAMMA_AND_BETA, centered, llama, stream});
    } else if (a->gamma) {
        output(a, x, y, begin, end, scale, ahead,
               (output_form){dtype, parameter_dtype, GAMMA, centered, llama, stream});
    } else {
        output(a, x, y, begin, end, scale, ahead,
               (output_form){dtype, parameter_dtype, NEITHER, centered, llama, stream});
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
GATUN_INLINE void output_columns(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end,
                                 const row_scale *scale, fetcher *ahead, const int dtype, output_function *plain,
                                 output_function *streaming) {
    if (a->stream) {
        long long first = begin + lead_of(element(y, begin, dtype), dtype);
        if (first + LINE_BYTES / element_bytes(dtype) <= end) {
            long long last = end - (end - first) % (LINE_BYTES / element_bytes(dtype));
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

/*
 * Rows are worked on in groups: first the statistics of all, then the output pass over all, tile by tile of columns. So
 * gamma and beta come from the level-1 cache for all but the first row, and the square root and division of one row
 * hide behind the sums of the next. From memory, a long row without one of gamma and beta is a group of its own: what a
 * group would save there is less than what it loses when x leaves the level-1 cache between its two passes.
 */
#define GROUP_ROWS 4
#define GROUP_BYTES (192LL << 10) /* of x: stays in the level-2 cache between the two passes */
#define SHORT_ROW_BYTES 8192
#define TILE_BYTES 4096          /* of x: with as much of y and of the parameters, it fits into the level-1 cache */
#define STREAMED_TILE_BYTES 8192 /* streaming stores want to stay with a row for longer */

GATUN_INLINE long long rows_of_group(const row_norm_arguments *a, const int dtype) {
    long long bytes = a->columns * element_bytes(dtype);
    if (a->prefetch && bytes > SHORT_ROW_BYTES && !(a->gamma && a->beta)) {
        return 1;
    }
    long long rows = GROUP_BYTES / bytes;
    return rows < 1 ? 1 : rows < GROUP_ROWS ? rows : GROUP_ROWS;
}

/* How many rows one stream brings: several short ones, unless they lie far apart; 0 where nothing is to be fetched. */
GATUN_INLINE long long rows_of_stream(const row_norm_arguments *a, const int dtype) {
    long long bytes = a->columns * element_bytes(dtype);
    if (!a->prefetch || bytes > GREATEST_STREAM_BYTES) {
        return 0;
    }
    return a->x_stride - a->columns > a->columns / 8 || bytes > STREAM_BYTES ? 1 : STREAM_BYTES / bytes;
}

/* Brings FETCH_STREAMS times `rows` rows from `row` on; nothing where they are not all there. */
GATUN_INLINE fetcher fetch_rows(const row_norm_arguments *a, long long row, long long rows, long long end,
                                const int dtype) {
    if (row + FETCH_STREAMS * rows > end) {
        return (fetcher){0};
    }
    long long between = rows * a->x_stride * element_bytes(dtype);
    long long bytes = rows == 1 ? a->columns * element_bytes(dtype) : between;
    return (fetcher){row_of_x(a, row, dtype), between, (bytes + LINE_BYTES - 1) / LINE_BYTES, 0};
}

GATUN_INLINE void normalize_group(const row_norm_arguments *a, long long begin, long long end, fetcher *ahead,
                                  const int dtype, const bool centered, output_function *plain,
                                  output_function *streaming) {
    row_scale scales[GROUP_ROWS];
    float centers[GROUP_ROWS] = {0};
    const long long rows = end - begin;
    for (long long k = 0; centered && k < rows; k++) {
        const row_source source = {.x = row_of_x(a, begin + k, dtype)};
        centers[k] = sample_mean(&source, 0, a->columns, source_x(dtype));
    }
    for (long long k = 0; k < rows; k++) {
        const row_source source = {.x = row_of_x(a, begin + k, dtype)};
        scales[k] = scale_of_row(
            a, begin + k, moments_of(&source, 0, a->statistics_columns, centers[k], source_x(dtype), centered, ahead));
    }
    const long long width = (a->stream ? STREAMED_TILE_BYTES : TILE_BYTES) / element_bytes(dtype);
    for (long long tile = (a->columns - 1) / width * width; tile >= 0; tile -= width) {
        for (long long k = 0; k < rows; k++) {
            if (!scales[k].exact) {
                void *y = row_of_y(a, begin + k, dtype);
                const long long lead = lead_of(y, dtype);
                long long first = tile == 0 ? 0 : tile + lead, last = tile + width + lead;
                last = last < a->columns ? last : a->columns;
                if (first < last) {
                    output_columns(a, row_of_x(a, begin + k, dtype), y, first, last, &scales[k], ahead, dtype, plain,
                                   streaming);
                }
            }
        }
    }
    for (long long k = 0; k < rows; k++) {
        if (scales[k].exact) {
            row_norm_exact(a, begin + k, centered);
        }
    }
}

GATUN_INLINE void normalize_rows(const row_norm_arguments *a, long long begin, long long end, const int dtype,
                                 const bool centered, output_function *plain, output_function *streaming) {
    const long long group = rows_of_group(a, dtype);
    const long long stream_rows = rows_of_stream(a, dtype);
    fetcher ahead = {0};
    for (long long row = begin, fetched = begin; row < end; row += group) {
        if (stream_rows > 0 && row >= fetched) {
            fetched += FETCH_STREAMS * stream_rows;
            ahead = fetch_rows(a, fetched, stream_rows, end, dtype);
        }
        normalize_group(a, row, row + group < end ? row + group : end, &ahead, dtype, centered, plain, streaming);
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

GATUN_INLINE row_moments moments_of_columns(const row_norm_arguments *a, long long row, long long begin, long long end,
                                            const int dtype, const bool centered) {
    const row_source source = {.x = row_of_x(a, row, dtype)};
    const float center = centered ? sample_mean(&source, begin, end, source_x(dtype)) : 0;
    fetcher nothing = {0};
    return moments_of(&source, begin, end, center, source_x(dtype), centered, &nothing);
}

GATUN_INLINE void apply_columns(const row_norm_arguments *a, long long row, long long begin, long long end,
                                const row_scale *scale, const int dtype, output_function *plain,
                                output_function *streaming) {
    fetcher nothing = {0};
    output_columns(a, row_of_x(a, row, dtype), row_of_y(a, row, dtype), begin, end, scale, &nothing, dtype, plain,
                   streaming);
    if (a->stream) {
        vf_stream_fence();
    }
}

/* Defines the kernel `operation` of this level. */
#define GATUN_ROW_NORM_KERNEL(operation, is_centered)                                                          \
    static void plain(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end,     \
                      const row_scale *scale, fetcher *ahead) {                                                \
        output_dtype(a, x, y, begin, end, scale, ahead, is_centered, false);                                   \
    }                                                                                                          \
    static void streaming(const row_norm_arguments *a, const void *x, void *y, long long begin, long long end, \
                          const row_scale *scale, fetcher *ahead) {                                            \
        output_dtype(a, x, y, begin, end, scale, ahead, is_centered, true);                                    \
    }                                                                                                          \
    static void rows(const row_norm_arguments *a, long long begin, long long end) {                            \
        switch (a->dtype) {                                                                                    \
        case GATUN_BF16:                                                                                       \
            normalize_rows(a, begin, end, GATUN_BF16, is_centered, plain, streaming);                          \
            break;                                                                                             \
        case GATUN_F16:                                                                                        \
            normalize_rows(a, begin, end, GATUN_F16, is_centered, plain, streaming);                           \
            break;                                                                                             \
        default:                                                                                               \
            normalize_rows(a, begin, end, GATUN_F32, is_centered, plain, streaming);                           \
        }                                                                                                      \
    }                                                                                                          \
    static row_moments moments(const row_norm_arguments *a, long long row, long long begin, long long end) {   \
        switch (a->dtype) {                                                                                    \
        case GATUN_BF16:                                                                                       \
            return moments_of_columns(a, row, begin, end, GATUN_BF16, is_centered);                            \
        case GATUN_F16:                                                                                        \
            return moments_of_columns(a, row, begin, end, GATUN_F16, is_centered);                             \
        default:                                                                                               \
            return moments_of_columns(a, row, begin, end, GATUN_F32, is_centered);                             \
        }                                                                                                      \
    }                                                                                                          \
    static void apply(const row_norm_arguments *a, long long row, long long begin, long long end,              \
                      const row_scale *scale) {                                                                \
        apply_columns(a, row, begin, end, scale, a->dtype, plain, streaming);                                  \
    }                                                                                                          \
    const row_norm_kernel GATUN_AT_LEVEL(operation) = {rows, moments, apply, is_centered};

#endif
