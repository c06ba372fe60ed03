/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies that the backward passes of the row normalizations share, in the vector vocabulary. As in row_norm.h, the
 * const arguments are constants wherever the inline functions are called.
 *
 * Rows are visited in groups of four that begin at multiples of four. First the two sums over each row that its dx needs
 * are taken, of all rows of the group side by side; then one pass over the columns writes the group's results and adds
 * to the sums over rows, so that those, and gamma, move once for four rows. Rows too long for that are visited one by
 * one, four pieces of a row side by side. The operations on each element and their order are the same in both ways, and
 * so are the bits.
 *
 * Sums over rows (the parameter gradients) are kept for each slab of rows apart, in float32. A slab takes
 * ROWS_TO_FOLD rows before it folds their sums into others; at the end the slabs are summed pairwise.
 */
#ifndef GATUN_ROW_NORM_BACKWARD_H
#define GATUN_ROW_NORM_BACKWARD_H

#include "backward_slabs.h"
#include "row_norm.h"

/* Rows of a group, or pieces of a row, side by side: each has two running sums, and as many hide the latency of FMA. */
#define STRANDS GATUN_BACKWARD_PIECE_ROWS

/* Of a running sum: FOLD vectors, then it is folded; after BLOCKS of those into double precision. */
#define BLOCK (FOLD * VF_LANES)
#define BLOCKS 32

/* The inputs of a group that is visited as one: they stay in the level-2 cache until they are used again, and so do
 * those of the next group on their way there. */
#define BACKWARD_GROUP_BYTES (160LL << 10)

/* How an operation is composed; TWO_NORMS: norm[1], and its result added to what norm[0] normalizes. */
typedef enum { ONE_NORM, ADD_NORM, NORM_ADD, TWO_NORMS } composition;

/* Which results a loop has; ANY asks for each operand whether it is there. */
typedef enum { DX, GRADIENTS, DX_AND_GRADIENTS, ANY } results;

typedef struct {
    composition composition;
    int dtype, rows;
    bool centered, low, gamma; /* low: some mean of the group has a mean_low that counts */
    results results;
} backward_form;

/* What is the same for all elements of a row: dx = rstd * (g - mean_g - xh * mean_gxh), xh = (x - center - low) * rstd. */
typedef struct {
    float center, low, rstd, mean_g, mean_gxh;
    double response; /* k in gatun/norm.h */
    bool exact;      /* float32 cannot represent it: the row goes to row_norm_backward_exact */
} row_terms;

/* The rows of a group, 1 or 4, while they are worked on. */
typedef struct {
    long long row;
    row_terms terms[2][STRANDS]; /* of each norm */
    float *sums[BACKWARD_GRADIENTS];
    bool stream_dx, stream_dresidual;
} row_visit;

/* Brings the inputs of the next group: each tensor in four streams, its four rows or the quarters of one row. */
typedef struct {
    fetcher tensors[4];
    int count;
} group_fetcher;

GATUN_INLINE void fetch_group(group_fetcher *ahead) {
    for (int t = 0; t < ahead->count; t++) {
        fetch(&ahead->tensors[t]);
    }
}

/* Columns of a pass over `rows` rows at once that a call of `fetch_group` keeps up with. */
GATUN_INLINE long long fetch_columns(const backward_form form) {
    return FETCH_STEP / form.rows / element_bytes(form.dtype);
}

/* Rows of a tensor; the stride is in bytes. */
typedef struct {
    char *first;
    long long stride;
} tensor_rows;

GATUN_INLINE tensor_rows rows_from(const void *p, long long row, long long stride, const int dtype) {
    const long long bytes = stride * element_bytes(dtype);
    return (tensor_rows){p ? (char *)(uintptr_t)p + row * bytes : 0, bytes};
}
GATUN_INLINE void *row_of(const tensor_rows *t, const int k) {
    return t->first + k * t->stride;
}

/* The operands of a pass, held apart from the arguments so that no store can seem to change them. */
typedef struct {
    tensor_rows x;
    const void *gamma;
    vf center[STRANDS], low[STRANDS], rstd[STRANDS], mean_g[STRANDS], mean_gxh[STRANDS];
} norm_operands;

typedef struct {
    tensor_rows dy, dh_in, dx, dresidual;
    norm_operands norm[2];
    const void *bias;
    vf offset, alpha;
    float *sums[BACKWARD_GRADIENTS];
    bool wide, residual_of_dy, stream_dx, stream_dresidual;
} group_operands;

GATUN_INLINE norm_operands operands_of_norm(const row_norm_backward_arguments *a, const row_visit *v, const int norm,
                                            const backward_form form) {
    norm_operands o;
    o.x = rows_from(a->norm[norm].x, v->row, a->norm[norm].x_stride, form.dtype);
    o.gamma = a->norm[norm].gamma;
#pragma GCC unroll 4
    for (int k = 0; k < form.rows; k++) {
        const row_terms *t = &v->terms[norm][k];
        o.center[k] = vf_set(t->center);
        o.low[k] = vf_set(t->low);
        o.rstd[k] = vf_set(t->rstd);
        o.mean_g[k] = vf_set(t->mean_g);
        o.mean_gxh[k] = vf_set(form.centered ? t->mean_gxh : -t->mean_gxh);
    }
    return o;
}

GATUN_INLINE group_operands operands_of(const row_norm_backward_arguments *a, const row_visit *v,
                                        const backward_form form) {
    group_operands o;
    o.dy = rows_from(a->dy, v->row, a->dy_stride, form.dtype);
    o.dh_in = rows_from(a->dh_in, v->row, a->dh_in_stride, form.dtype);
    o.dx = rows_from(a->dx, v->row, a->dx_stride, form.dtype);
    o.dresidual = rows_from(a->dresidual, v->row, a->dresidual_stride, form.dtype);
    o.norm[0] = operands_of_norm(a, v, 0, form);
    if (form.composition == TWO_NORMS) {
        o.norm[1] = operands_of_norm(a, v, 1, form);
    }
    o.bias = a->bias;
    o.offset = vf_set(a->weight_offset);
    o.alpha = vf_set(a->alpha);
#pragma GCC unroll 4
    for (int g = 0; g < BACKWARD_GRADIENTS; g++) {
        o.sums[g] = v->sums[g];
    }
    o.wide = a->parameter_dtype == GATUN_F32;
    o.residual_of_dy = a->residual_of_dy;
    o.stream_dx = v->stream_dx;
    o.stream_dresidual = v->stream_dresidual;
    return o;
}

/* Lanes from column j on: n of them, or VF_LANES if `all`. */
typedef struct {
    long long j;
    int n;
} column_vector;

GATUN_INLINE vf load_parameter(const group_operands *o, const void *p, const column_vector at, const bool all,
                               const backward_form form) {
    return form.dtype == GATUN_F32 || o->wide ? load_lanes(p, at.j, at.n, all, GATUN_F32)
                                              : load_lanes(p, at.j, at.n, all, form.dtype);
}

GATUN_INLINE vf weight_at(const group_operands *o, const int norm, const column_vector at, const bool all,
                          const backward_form form) {
    const void *gamma = o->norm[norm].gamma;
    if (form.results == ANY ? gamma != 0 : form.gamma) {
        return vf_add(load_parameter(o, gamma, at, all, form), o->offset);
    }
    return vf_set(1);
}

GATUN_INLINE vf weighted(vf gradient, vf weight, const backward_form form) {
    return form.results == ANY || form.gamma ? vf_mul(gradient, weight) : gradient;
}

/* What row k of norm[norm] makes of its input. `low` is left out of sums over a row: terms_of puts it in. */
GATUN_INLINE vf normalized_at(const group_operands *o, const int norm, const int k, const column_vector at,
                              const bool all, vf bias, const bool low, const backward_form form) {
    const norm_operands *m = &o->norm[norm];
    vf x = load_lanes(row_of(&m->x, k), at.j, at.n, all, form.dtype);
    if (form.composition == NORM_ADD) {
        x = vf_add(x, bias);
    }
    if (form.centered) {
        x = vf_sub(x, m->center[k]);
        x = low ? vf_sub(x, m->low[k]) : x;
    }
    return vf_mul(x, m->rstd[k]);
}

/* The gradient of the input of row k of a norm, from g and xh. */
GATUN_INLINE vf through_norm(const norm_operands *m, const int k, vf g, vf xh, const backward_form form) {
    vf rest = form.centered ? vf_sub(g, vf_fma(xh, m->mean_gxh[k], m->mean_g[k])) : vf_fma(xh, m->mean_gxh[k], g);
    return vf_mul(rest, m->rstd[k]);
}

GATUN_INLINE vf with_residual_gradient(const group_operands *o, vf gradient, const int k, const column_vector at,
                                       const bool all, const backward_form form) {
    if ((form.composition == ADD_NORM || form.composition == TWO_NORMS) && o->dh_in.first) {
        return vf_add(gradient, load_lanes(row_of(&o->dh_in, k), at.j, at.n, all, form.dtype));
    }
    return gradient;
}

GATUN_INLINE vf bias_at(const group_operands *o, const column_vector at, const bool all, const backward_form form) {
    return form.composition == NORM_ADD && o->bias ? load_parameter(o, o->bias, at, all, form) : vf_zero();
}

/* The sums over a row: of g, where it is centered, and of g * xh. */
typedef struct {
    double g, gxh;
} row_sums;

/* What row k adds to the running sums of norm[norm]; `weights` and `bias` are those of the columns. */
GATUN_INLINE void add_products(const group_operands *o, const int norm, const int k, const column_vector at,
                               const bool all, const vf *weights, vf bias, vf *g_sum, vf *gxh_sum,
                               const backward_form form) {
    vf gradient = load_lanes(row_of(&o->dy, k), at.j, at.n, all, form.dtype);
    vf g = weighted(gradient, weights[0], form);
    vf xh = normalized_at(o, 0, k, at, all, bias, norm == 1 && form.low, form);
    if (norm == 1) {
        gradient = with_residual_gradient(o, through_norm(&o->norm[0], k, g, xh, form), k, at, all, form);
        g = weighted(gradient, weights[1], form);
        g = all ? g : vf_first(g, at.n);
        xh = normalized_at(o, 1, k, at, all, bias, false, form);
    }
    if (form.centered) {
        *g_sum = vf_add(*g_sum, g);
    }
    *gxh_sum = vf_fma(g, xh, *gxh_sum);
}

typedef struct {
    vf g[STRANDS], gxh[STRANDS];
} strand_sums;

GATUN_INLINE strand_sums no_strand_sums(void) {
    strand_sums s;
#pragma GCC unroll 4
    for (int k = 0; k < STRANDS; k++) {
        s.g[k] = s.gxh[k] = vf_zero();
    }
    return s;
}

/* Sums of `vectors` vectors, at most FOLD, from column j on: of form.rows rows and `blocks` blocks of a row each. */
GATUN_INLINE strand_sums sum_strands(const group_operands *o, long long j, const long long vectors, const int norm,
                                     const int blocks, group_fetcher *ahead, const backward_form form) {
    strand_sums s = no_strand_sums();
    const long long step = fetch_columns(form) / blocks;
    const long long end = j + vectors * VF_LANES;
    while (j < end) {
        fetch_group(ahead);
        const long long stop = j + step < end ? j + step : end;
        for (; j < stop; j += VF_LANES) {
#pragma GCC unroll 4
            for (int b = 0; b < blocks; b++) {
                const column_vector at = {j + b * BLOCK, VF_LANES};
                const vf weights[2] = {weight_at(o, 0, at, true, form),
                                       norm == 1 ? weight_at(o, 1, at, true, form) : vf_zero()};
                const vf bias = bias_at(o, at, true, form);
#pragma GCC unroll 4
                for (int k = 0; k < form.rows; k++) {
                    add_products(o, norm, k, at, true, weights, bias, &s.g[k + b], &s.gxh[k + b], form);
                }
            }
        }
    }
    return s;
}

GATUN_INLINE void fold_strands(strand_sums *folded, const strand_sums *s, const int blocks, const backward_form form) {
#pragma GCC unroll 4
    for (int b = 0; b < blocks; b++) {
#pragma GCC unroll 4
        for (int k = 0; k < form.rows; k++) {
            folded->g[k] = vf_add(folded->g[k], s->g[k + b]);
            folded->gxh[k] = vf_add(folded->gxh[k], s->gxh[k + b]);
        }
    }
}

/* Adds columns [begin, end), at most BLOCKS blocks, of the rows of a group. */
GATUN_INLINE void sum_columns(const group_operands *o, long long begin, long long end, const int norm,
                              group_fetcher *ahead, row_sums *sums, const backward_form form) {
    strand_sums folded = no_strand_sums();
    long long j = begin;
    if (form.rows == 1) {
        for (; j + STRANDS * BLOCK <= end; j += STRANDS * BLOCK) {
            const strand_sums s = sum_strands(o, j, FOLD, norm, STRANDS, ahead, form);
            fold_strands(&folded, &s, STRANDS, form);
        }
    }
    while (j + VF_LANES <= end) {
        const long long left = (end - j) / VF_LANES, vectors = left < FOLD ? left : FOLD;
        const strand_sums s = sum_strands(o, j, vectors, norm, 1, ahead, form);
        fold_strands(&folded, &s, 1, form);
        j += vectors * VF_LANES;
    }
    if (j < end) {
        const column_vector at = {j, (int)(end - j)};
        const vf weights[2] = {weight_at(o, 0, at, false, form),
                               norm == 1 ? weight_at(o, 1, at, false, form) : vf_zero()};
        const vf bias = bias_at(o, at, false, form);
#pragma GCC unroll 4
        for (int k = 0; k < form.rows; k++) {
            add_products(o, norm, k, at, false, weights, bias, &folded.g[k], &folded.gxh[k], form);
        }
    }
#pragma GCC unroll 4
    for (int k = 0; k < form.rows; k++) {
        sums[k].g += form.centered ? (double)vf_sum(folded.g[k]) : 0;
        sums[k].gxh += (double)vf_sum(folded.gxh[k]);
    }
}

GATUN_INLINE void sum_rows(const row_norm_backward_arguments *a, const row_visit *v, const int norm,
                           group_fetcher *fetched, row_sums *sums, const backward_form form) {
    const group_operands o = operands_of(a, v, form);
    group_fetcher ahead = *fetched;
    for (long long j = 0; j < a->columns; j += BLOCKS * BLOCK) {
        const long long stop = j + BLOCKS * BLOCK < a->columns ? j + BLOCKS * BLOCK : a->columns;
        sum_columns(&o, j, stop, norm, &ahead, sums, form);
    }
    *fetched = ahead;
}

/* A sum over rows that is being added to: the vector of its columns. */
GATUN_INLINE vf load_sum(const float *sums, const column_vector at, const bool all) {
    return all ? vf_load(sums + at.j) : vf_load_first(sums + at.j, at.n);
}
GATUN_INLINE void store_sum(float *sums, vf v, const column_vector at, const bool all) {
    all ? vf_store(sums + at.j, v) : vf_store_first(sums + at.j, v, at.n);
}

GATUN_INLINE void store_result(const tensor_rows *t, vf v, const int k, const column_vector at, const bool all,
                               const bool stream, const backward_form form) {
    if (!all) {
        store_first(row_of(t, k), at.j, v, at.n, form.dtype);
    } else if (stream) {
        store(row_of(t, k), at.j, v, form.dtype, true);
    } else {
        store(row_of(t, k), at.j, v, form.dtype, false);
    }
}

/* One vector of columns of the rows of a group. */
GATUN_INLINE void write_vector(const group_operands *o, const column_vector at, const bool all,
                               const backward_form form) {
    const bool any = form.results == ANY;
    const bool sums[BACKWARD_GRADIENTS] = {any ? o->sums[0] != 0 : form.results != DX, form.results != DX && o->sums[1],
                                           form.composition != ONE_NORM && o->sums[2],
                                           form.composition == TWO_NORMS && o->sums[3]};
    vf sum[BACKWARD_GRADIENTS];
#pragma GCC unroll 4
    for (int g = 0; g < BACKWARD_GRADIENTS; g++) {
        sum[g] = sums[g] ? load_sum(o->sums[g], at, all) : vf_zero();
    }
    const vf weights[2] = {form.results == GRADIENTS ? vf_zero() : weight_at(o, 0, at, all, form),
                           form.composition == TWO_NORMS ? weight_at(o, 1, at, all, form) : vf_zero()};
    const vf bias = bias_at(o, at, all, form);
#pragma GCC unroll 4
    for (int k = 0; k < form.rows; k++) {
        const vf dy = load_lanes(row_of(&o->dy, k), at.j, at.n, all, form.dtype);
        vf xh = normalized_at(o, 0, k, at, all, bias, form.low, form);
        sum[0] = sums[0] ? vf_fma(dy, xh, sum[0]) : sum[0];
        sum[1] = sums[1] ? vf_add(sum[1], dy) : sum[1];
        if (form.results == GRADIENTS) {
            continue;
        }
        vf result = through_norm(&o->norm[0], k, weighted(dy, weights[0], form), xh, form);
        result = with_residual_gradient(o, result, k, at, all, form);
        const vf inner = result;
        if (form.composition == TWO_NORMS) {
            xh = normalized_at(o, 1, k, at, all, bias, form.low, form);
            result = through_norm(&o->norm[1], k, weighted(inner, weights[1], form), xh, form);
            sum[2] = sums[2] ? vf_fma(inner, xh, sum[2]) : sum[2];
            sum[3] = sums[3] ? vf_add(sum[3], inner) : sum[3];
        } else if (form.composition != ONE_NORM) {
            sum[2] = sums[2] ? vf_add(sum[2], inner) : sum[2];
        }
        if (!any || o->dx.first) {
            store_result(&o->dx, result, k, at, all, o->stream_dx, form);
        }
        if (any && o->dresidual.first) {
            store_result(&o->dresidual, vf_mul(o->alpha, form.composition == NORM_ADD ? dy : inner), k, at, all,
                         o->stream_dresidual, form);
        }
    }
#pragma GCC unroll 4
    for (int g = 0; g < BACKWARD_GRADIENTS; g++) {
        if (sums[g]) {
            store_sum(o->sums[g], sum[g], at, all);
        }
    }
}

/* Columns [begin, end) of the rows of a group. */
GATUN_INLINE void write_columns(const row_norm_backward_arguments *a, const row_visit *v, long long begin,
                                long long end, group_fetcher *fetched, const backward_form form) {
    const group_operands o = operands_of(a, v, form);
    group_fetcher ahead = *fetched;
    const long long step = fetch_columns(form);
    long long j = begin;
    while (j + VF_LANES <= end) {
        fetch_group(&ahead);
        const long long stop = j + step < end ? j + step : end;
        for (; j + VF_LANES <= stop; j += VF_LANES) {
            write_vector(&o, (column_vector){j, VF_LANES}, true, form);
        }
    }
    if (j < end) {
        write_vector(&o, (column_vector){j, (int)(end - j)}, false, form);
    }
    *fetched = ahead;
}

/* The passes of a kernel, instantiated once each in its file: `rows` is 1 or 4. */
typedef void sum_function(const row_norm_backward_arguments *a, const row_visit *v, int norm, int rows,
                          group_fetcher *ahead, row_sums *sums);
typedef void write_function(const row_norm_backward_arguments *a, const row_visit *v, long long begin, long long end,
                            int rows, group_fetcher *ahead);
typedef row_moments moments_function(const row_norm_backward_arguments *a, int norm, long long row);
typedef struct {
    sum_function *sum;
    write_function *write;
    moments_function *moments;
} backward_passes;

/* The choices made at run time become constants one after the other. */
GATUN_INLINE void sum_of_rows(const row_norm_backward_arguments *a, const row_visit *v, const int norm, int rows,
                              group_fetcher *ahead, row_sums *sums, const composition kind, const int dtype,
                              const bool centered, const bool gamma) {
    const results wanted = kind == ONE_NORM ? DX_AND_GRADIENTS : ANY;
    if (rows == 1) {
        sum_rows(a, v, norm, ahead, sums, (backward_form){kind, dtype, 1, centered, centered, gamma, wanted});
    } else {
        sum_rows(a, v, norm, ahead, sums, (backward_form){kind, dtype, STRANDS, centered, centered, gamma, wanted});
    }
}
GATUN_INLINE void sum_dtype(const row_norm_backward_arguments *a, const row_visit *v, int norm, int rows,
                            group_fetcher *ahead, row_sums *sums, const composition kind, const int dtype,
                            const bool centered) {
    if (kind == TWO_NORMS && norm == 1) {
        sum_of_rows(a, v, 1, rows, ahead, sums, kind, dtype, centered, true);
    } else if (kind != ONE_NORM || a->norm[0].gamma) {
        sum_of_rows(a, v, 0, rows, ahead, sums, kind, dtype, centered, true);
    } else {
        sum_of_rows(a, v, 0, rows, ahead, sums, kind, dtype, centered, false);
    }
}
GATUN_INLINE void sum_any(const row_norm_backward_arguments *a, const row_visit *v, int norm, int rows,
                          group_fetcher *ahead, row_sums *sums, const composition kind, const bool centered) {
    switch (a->dtype) {
    case GATUN_BF16:
        sum_dtype(a, v, norm, rows, ahead, sums, kind, GATUN_BF16, centered);
        break;
    case GATUN_F16:
        sum_dtype(a, v, norm, rows, ahead, sums, kind, GATUN_F16, centered);
        break;
    default:
        sum_dtype(a, v, norm, rows, ahead, sums, kind, GATUN_F32, centered);
    }
}

GATUN_INLINE void write_rows(const row_norm_backward_arguments *a, const row_visit *v, long long begin, long long end,
                             int rows, group_fetcher *ahead, const composition kind, const int dtype,
                             const bool centered, const bool low, const bool gamma, const results wanted) {
    if (rows == 1) {
        write_columns(a, v, begin, end, ahead, (backward_form){kind, dtype, 1, centered, low, gamma, wanted});
    } else {
        write_columns(a, v, begin, end, ahead, (backward_form){kind, dtype, STRANDS, centered, low, gamma, wanted});
    }
}
GATUN_INLINE void write_results(const row_norm_backward_arguments *a, const row_visit *v, long long begin,
                                long long end, int rows, group_fetcher *ahead, const int dtype, const bool centered,
                                const bool low, const bool gamma) {
    if (!v->sums[0]) {
        write_rows(a, v, begin, end, rows, ahead, ONE_NORM, dtype, centered, low, gamma, DX);
    } else if (a->dx) {
        write_rows(a, v, begin, end, rows, ahead, ONE_NORM, dtype, centered, low, gamma, DX_AND_GRADIENTS);
    } else {
        write_rows(a, v, begin, end, rows, ahead, ONE_NORM, dtype, centered, low, false, GRADIENTS);
    }
}
GATUN_INLINE void write_dtype(const row_norm_backward_arguments *a, const row_visit *v, long long begin, long long end,
                              int rows, group_fetcher *ahead, const composition kind, const int dtype,
                              const bool centered) {
    bool low = false;
    for (int k = 0; k < rows; k++) {
        low |= v->terms[0][k].low != 0;
    }
    if (kind != ONE_NORM) {
        write_rows(a, v, begin, end, rows, ahead, kind, dtype, centered, centered, true, ANY);
    } else if (centered && low && a->norm[0].gamma) {
        write_results(a, v, begin, end, rows, ahead, dtype, centered, true, true);
    } else if (centered && low) {
        write_results(a, v, begin, end, rows, ahead, dtype, centered, true, false);
    } else if (a->norm[0].gamma) {
        write_results(a, v, begin, end, rows, ahead, dtype, centered, false, true);
    } else {
        write_results(a, v, begin, end, rows, ahead, dtype, centered, false, false);
    }
}
GATUN_INLINE void write_any(const row_norm_backward_arguments *a, const row_visit *v, long long begin, long long end,
                            int rows, group_fetcher *ahead, const composition kind, const bool centered) {
    switch (a->dtype) {
    case GATUN_BF16:
        write_dtype(a, v, begin, end, rows, ahead, kind, GATUN_BF16, centered);
        break;
    case GATUN_F16:
        write_dtype(a, v, begin, end, rows, ahead, kind, GATUN_F16, centered);
        break;
    default:
        write_dtype(a, v, begin, end, rows, ahead, kind, GATUN_F32, centered);
    }
}

GATUN_INLINE row_moments moments_of_row(const row_norm_backward_arguments *a, int norm, long long row, const int dtype,
                                        const composition kind, const bool centered) {
    const row_source source = {.x = rows_from(a->norm[norm].x, row, a->norm[norm].x_stride, dtype).first,
                               .bias = a->bias,
                               .inner = {.widened = a->parameter_dtype == GATUN_F32}};
    const source_form form = {.kind = kind == NORM_ADD ? GENERAL_SUM : X, .dtype = dtype};
    const float center = centered ? sample_mean(&source, 0, a->columns, form) : 0;
    fetcher nothing = {0};
    return moments_of(&source, 0, a->statistics_columns, center, form, centered, &nothing);
}
GATUN_INLINE row_moments moments_any(const row_norm_backward_arguments *a, int norm, long long row,
                                     const composition kind, const bool centered) {
    switch (a->dtype) {
    case GATUN_BF16:
        return moments_of_row(a, norm, row, GATUN_BF16, kind, centered);
    case GATUN_F16:
        return moments_of_row(a, norm, row, GATUN_F16, kind, centered);
    default:
        return moments_of_row(a, norm, row, GATUN_F32, kind, centered);
    }
}

/* What a mean_low changes in xh below this is less than a rounding of it: the row does without. */
#define LEAST_SHIFT 0x1p-28f

/* The terms of a row before its sums are known. */
GATUN_INLINE row_terms terms_before_sums(const row_norm_backward_arguments *a, const int norm, long long row,
                                         moments_function *moments) {
    const backward_norm *n = &a->norm[norm];
    row_terms t = {.response = 1};
    if (n->rstd && a->eps_mode == GATUN_EPS_IN_SQRT) {
        t.center = n->mean ? n->mean[row] : 0;
        t.low = n->mean_low ? n->mean_low[row] : 0;
        t.rstd = n->rstd[row];
        /* written so that NaN is exact too */
        t.exact = !(t.rstd >= FLT_MIN && t.rstd < (float)(1 / SMALLEST_DENOMINATOR) && t.center >= -FLT_MAX &&
                    t.center <= FLT_MAX);
    } else {
        const row_moments m = moments(a, norm, row);
        const double mean_square = m.squares / m.count;
        const double reciprocal = reciprocal_of_mean_square(mean_square, m.count, a->eps, a->eps_mode);
        t.center = (float)m.mean;
        t.low = (float)(m.mean - (double)t.center);
        t.rstd = (float)reciprocal;
        t.response = response_of_mean_square(mean_square, m.count, reciprocal, a->eps, a->eps_mode);
        t.exact = !(mean_square <= DBL_MAX && reciprocal < 1 / SMALLEST_DENOMINATOR && t.rstd >= FLT_MIN);
    }
    const float shift = t.low * t.rstd;
    if (shift < LEAST_SHIFT && shift > -LEAST_SHIFT) {
        t.low = 0;
    }
    return t;
}

GATUN_INLINE void take_sums(const row_norm_backward_arguments *a, row_terms *t, const row_sums *sums,
                            const bool centered) {
    const double count = (double)a->statistics_columns;
    const double gxh = sums->gxh - (double)t->low * (double)t->rstd * sums->g;
    t->mean_g = centered ? (float)(sums->g / count) : 0;
    t->mean_gxh = (float)(t->response * gxh / count);
    t->exact |= !(t->mean_g >= -FLT_MAX && t->mean_g <= FLT_MAX && t->mean_gxh >= -FLT_MAX && t->mean_gxh <= FLT_MAX);
}

/* The terms of `rows` rows from v->row on, 1 or 4. Whether float32 can represent them all. */
GATUN_INLINE bool take_terms(const row_norm_backward_arguments *a, row_visit *v, const int rows, group_fetcher *ahead,
                             const backward_passes *passes, const composition kind, const bool centered) {
    bool exact = false;
    for (int norm = 0; norm < (kind == TWO_NORMS ? 2 : 1) && !exact; norm++) {
        for (int k = 0; k < rows; k++) {
            v->terms[norm][k] = terms_before_sums(a, norm, v->row + k, passes->moments);
            exact |= v->terms[norm][k].exact;
        }
        if (exact) {
            break;
        }
        if (kind == ONE_NORM && !a->dx) {
            break; /* parameter gradients alone need no sums over rows */
        }
        row_sums sums[STRANDS] = {{0, 0}};
        passes->sum(a, v, norm, rows, ahead, sums);
        for (int k = 0; k < rows; k++) {
            take_sums(a, &v->terms[norm][k], &sums[k], centered);
            exact |= v->terms[norm][k].exact;
        }
    }
    return !exact;
}

GATUN_INLINE void *row_of_output(void *p, long long row, long long stride, const int dtype) {
    return p ? (char *)p + row * stride * element_bytes(dtype) : 0;
}

/* Columns [begin, end): those behind the statistics columns do without the term of the statistics. */
GATUN_INLINE void write_range(const row_norm_backward_arguments *a, const row_visit *v, long long begin, long long end,
                              const int rows, group_fetcher *ahead, const backward_passes *passes) {
    const long long statistics = a->statistics_columns;
    if (begin < statistics && begin < end) {
        passes->write(a, v, begin, end < statistics ? end : statistics, rows, ahead);
    }
    if (end > statistics) {
        row_visit scaled = *v;
        for (int k = 0; k < rows; k++) {
            scaled.terms[0][k].mean_gxh = 0;
        }
        scaled.stream_dx = scaled.stream_dresidual = false; /* they begin anywhere in a line */
        passes->write(a, &scaled, begin < statistics ? statistics : begin, end, rows, ahead);
    }
}

/* The output pass over `rows` rows; where it streams, whole lines bypass the caches, and the ends are plain. */
GATUN_INLINE void write_group(const row_norm_backward_arguments *a, row_visit *v, const int rows, group_fetcher *ahead,
                              const backward_passes *passes) {
    const int dtype = a->dtype;
    const void *dx = row_of_output(a->dx, v->row, a->dx_stride, dtype);
    const void *dresidual = row_of_output(a->dresidual, v->row, a->dresidual_stride, dtype);
    const long long line = LINE_BYTES / element_bytes(dtype);
    const long long first = lead_of(dx ? dx : dresidual, dtype), last = a->columns - (a->columns - first) % line;
    v->stream_dx = v->stream_dresidual = false;
    if (!a->stream || first + line > a->columns) {
        write_range(a, v, 0, a->columns, rows, ahead, passes);
        return;
    }
    write_range(a, v, 0, first, rows, ahead, passes);
    v->stream_dx = dx != 0;
    v->stream_dresidual = dresidual && lead_of(dresidual, dtype) == first;
    write_range(a, v, first, last, rows, ahead, passes);
    v->stream_dx = v->stream_dresidual = false;
    write_range(a, v, last, a->columns, rows, ahead, passes);
}

/* Whether streaming stores to four rows can go side by side: only if their lines begin at the same columns. */
GATUN_INLINE bool lines_agree(const row_norm_backward_arguments *a) {
    const long long line = LINE_BYTES / element_bytes(a->dtype);
    return (!a->dx || a->dx_stride % line == 0) && (!a->dresidual || a->dresidual_stride % line == 0);
}

GATUN_INLINE void fold_sums(const row_norm_backward_arguments *a, long long slab, const int gradient, bool first) {
    float *sums = partial_sums(a, slab, 0, gradient), *folded = partial_sums(a, slab, 1, gradient);
    for (long long j = 0; j < a->partial_stride; j += VF_LANES) {
        vf sum = vf_load(sums + j);
        vf_store(folded + j, first ? sum : vf_add(vf_load(folded + j), sum));
        vf_store(sums + j, vf_zero());
    }
}

/* The slab that rows are in. */
typedef struct {
    long long slab, begin, end;
} slab_rows;

GATUN_INLINE slab_rows rows_of_slab(const row_norm_backward_arguments *a, long long slab) {
    return (slab_rows){slab, first_row_of_slab(a->rows, a->slabs, slab),
                       first_row_of_slab(a->rows, a->slabs, slab + 1)};
}

/* Where the contributions of the group go. The first row of a slab clears its sums. */
GATUN_INLINE void open_sums(const row_norm_backward_arguments *a, row_visit *v, const slab_rows *s) {
    const long long before = v->row - s->begin;
    for (int g = 0; g < a->gradients; g++) {
        if (!a->summed[g]) {
            continue;
        }
        v->sums[g] = partial_sums(a, s->slab, 0, g);
        if (before == 0) {
            for (long long j = 0; j < a->partial_stride; j += VF_LANES) {
                vf_store(v->sums[g] + j, vf_zero());
            }
        } else if (before % ROWS_TO_FOLD == 0) {
            fold_sums(a, s->slab, g, before == ROWS_TO_FOLD);
        }
    }
}

GATUN_INLINE void visit_row(const row_norm_backward_arguments *a, row_visit *v, group_fetcher *ahead,
                            const backward_passes *passes, const composition kind, const bool centered) {
    if (take_terms(a, v, 1, ahead, passes, kind, centered)) {
        write_group(a, v, 1, ahead, passes);
    } else {
        row_norm_backward_exact(a, v->row, v->sums);
    }
}

/* Brings four streams of `rows` rows of a tensor; nothing where there are none. */
GATUN_INLINE void fetch_tensor(group_fetcher *ahead, const row_norm_backward_arguments *a, const void *p, long long row,
                               long long stride, const int rows) {
    if (p) {
        const long long element = element_bytes(a->dtype), bytes = a->columns * element;
        const long long between = rows == 1 ? bytes / FETCH_STREAMS : stride * element;
        ahead->tensors[ahead->count++] = (fetcher){(const char *)p + row * stride * element, between,
                                                   ((rows == 1 ? between : bytes) + LINE_BYTES - 1) / LINE_BYTES};
    }
}

GATUN_INLINE group_fetcher fetch_rows_ahead(const row_norm_backward_arguments *a, long long row, const int rows,
                                            long long end) {
    group_fetcher ahead = {.count = 0};
    if (a->prefetch && row + rows <= end) {
        fetch_tensor(&ahead, a, a->dy, row, a->dy_stride, rows);
        fetch_tensor(&ahead, a, a->norm[0].x, row, a->norm[0].x_stride, rows);
        fetch_tensor(&ahead, a, a->norm[1].x, row, a->norm[1].x_stride, rows);
        fetch_tensor(&ahead, a, a->dh_in, row, a->dh_in_stride, rows);
    }
    return ahead;
}

/* Rows [begin, end) of the kernel. */
GATUN_INLINE void backward_rows(const row_norm_backward_arguments *a, long long begin, long long end,
                                const backward_passes *passes, const composition kind, const bool centered) {
    const int inputs = 2 + (a->dh_in != 0) + (kind == TWO_NORMS);
    const long long row_bytes = inputs * a->columns * element_bytes(a->dtype);
    const bool fits = STRANDS * row_bytes <= BACKWARD_GROUP_BYTES;
    const bool together = fits && (!a->stream || lines_agree(a));
    slab_rows slab = {0, 0, 0};
    if (a->partial && begin < end) {
        slab = rows_of_slab(a, slab_of_row(a->rows, a->slabs, begin));
    }
    for (long long row = begin; row < end; row += STRANDS) {
        row_visit v = {.row = row};
        const long long stop = row + STRANDS < end ? row + STRANDS : end;
        if (a->partial) {
            slab = row < slab.end ? slab : rows_of_slab(a, slab.slab + 1);
            open_sums(a, &v, &slab);
        }
        if (together && stop == row + STRANDS) {
            group_fetcher ahead = fetch_rows_ahead(a, stop, STRANDS, end);
            if (take_terms(a, &v, STRANDS, &ahead, passes, kind, centered)) {
                write_group(a, &v, STRANDS, &ahead, passes);
                continue;
            }
        }
        for (; v.row < stop; v.row++) {
            group_fetcher ahead = fetch_rows_ahead(a, v.row + 1, 1, end);
            visit_row(a, &v, &ahead, passes, kind, centered);
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

GATUN_INLINE bool has_folded(const row_norm_backward_arguments *a, long long slab) {
    const slab_rows s = rows_of_slab(a, slab);
    return s.end - s.begin > ROWS_TO_FOLD;
}

/* The sum of a gradient's slabs, pairwise in ascending order, at most MOST_SLABS of them. */
GATUN_INLINE vf sum_of_slabs(const row_norm_backward_arguments *a, const int gradient, const column_vector at,
                             const bool all) {
    vf sums[7]; /* of 1, 2, 4 .. 64 slabs: those that the bits of `slab` name */
#pragma GCC unroll 7
    for (int level = 0; level < 7; level++) {
        sums[level] = vf_zero();
    }
    for (long long slab = 0; slab < a->slabs; slab++) {
        vf sum = load_sum(partial_sums(a, slab, 0, gradient), at, all);
        if (a->levels > 1 && has_folded(a, slab)) {
            sum = vf_add(load_sum(partial_sums(a, slab, 1, gradient), at, all), sum);
        }
        int level = 0;
        for (; slab >> level & 1; level++) {
            sum = vf_add(sums[level], sum);
        }
        sums[level] = sum;
    }
    vf total_sum = vf_zero();
    for (int level = 0; a->slabs >> level; level++) {
        if (a->slabs >> level & 1) {
            total_sum = vf_add(sums[level], total_sum);
        }
    }
    return total_sum;
}

GATUN_INLINE void sum_slabs_of_columns(const row_norm_backward_arguments *a, long long begin, long long end) {
    for (int g = 0; g < a->gradients; g++) {
        if (!a->gradient[g]) {
            continue;
        }
        long long j = begin;
        for (; j + VF_LANES <= end; j += VF_LANES) {
            const column_vector at = {j, VF_LANES};
            store_sum(a->gradient[g], sum_of_slabs(a, g, at, true), at, true);
        }
        if (j < end) {
            const column_vector at = {j, (int)(end - j)};
            store_sum(a->gradient[g], sum_of_slabs(a, g, at, false), at, false);
        }
    }
}

/* Defines the kernel `operation` of this level. */
#define GATUN_BACKWARD_PASSES(name, kind, is_centered)                                                                 \
    static void name##_sum(const row_norm_backward_arguments *a, const row_visit *v, int norm, int rows,               \
                           group_fetcher *ahead, row_sums *sums) {                                                     \
        sum_any(a, v, norm, rows, ahead, sums, kind, is_centered);                                                     \
    }                                                                                                                  \
    static void name##_write(const row_norm_backward_arguments *a, const row_visit *v, long long begin, long long end, \
                             int rows, group_fetcher *ahead) {                                                         \
        write_any(a, v, begin, end, rows, ahead, kind, is_centered);                                                   \
    }                                                                                                                  \
    static row_moments name##_moments(const row_norm_backward_arguments *a, int norm, long long row) {                 \
        return moments_any(a, norm, row, kind, is_centered);                                                           \
    }                                                                                                                  \
    static void name##_rows(const row_norm_backward_arguments *a, long long begin, long long end) {                    \
        const backward_passes passes = {name##_sum, name##_write, name##_moments};                                     \
        backward_rows(a, begin, end, &passes, kind, is_centered);                                                      \
    }

#define GATUN_SUM_SLABS                                                                           \
    static void sum_slabs(const row_norm_backward_arguments *a, long long begin, long long end) { \
        sum_slabs_of_columns(a, begin, end);                                                      \
    }

#define GATUN_NORM_BACKWARD_KERNEL(operation, is_centered) \
    GATUN_BACKWARD_PASSES(norm, ONE_NORM, is_centered)     \
    GATUN_SUM_SLABS                                        \
    const row_norm_backward_kernel GATUN_AT_LEVEL(operation) = {norm_rows, sum_slabs};

#define GATUN_FUSED_BACKWARD_KERNEL(operation, kind)                                         \
    GATUN_BACKWARD_PASSES(layer, kind, true)                                                 \
    GATUN_BACKWARD_PASSES(rms, kind, false)                                                  \
    GATUN_SUM_SLABS                                                                          \
    static void rows(const row_norm_backward_arguments *a, long long begin, long long end) { \
        (a->centered ? layer_rows : rms_rows)(a, begin, end);                                \
    }                                                                                        \
    const row_norm_backward_kernel GATUN_AT_LEVEL(operation) = {rows, sum_slabs};

#endif
