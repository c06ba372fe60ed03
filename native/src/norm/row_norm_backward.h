/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies that the backward passes of the row normalizations share, in the vector vocabulary. As in row_norm.h, the
 * const arguments are constants wherever the inline functions are called.
 *
 * The results of a row need two sums over it, and so two passes. The second pass over one row and the first over the
 * next are one loop, so that reading, computing and writing keep going side by side, and the second finds its row in
 * the caches. Blocks of columns that the two do not share have loops of their own. The operations on each element and
 * their order are the same in both ways, and so are the bits.
 *
 * Sums over rows (the parameter gradients) are kept for each slab of rows apart, in float32. A slab takes
 * ROWS_TO_FOLD rows before it folds their sums into others; at the end the slabs are summed pairwise. A loop over two rows
 * adds both to dgamma and dbeta, and the next loop none, so that those move once for two rows.
 */
#ifndef GATUN_ROW_NORM_BACKWARD_H
#define GATUN_ROW_NORM_BACKWARD_H

#include "backward_slabs.h"
#include "row_norm.h"

/* A running sum over a row takes FOLD vectors, then it is folded; after BLOCKS of those into double precision. */
#define BLOCK (FOLD * VF_LANES)
#define BLOCKS 32

/* How far ahead of the first pass its tensors are fetched. */
#define BYTES_AHEAD 2048

/* How an operation is composed; TWO_NORMS: norm[1], and its result added to what norm[0] normalizes. */
typedef enum { ONE_NORM, ADD_NORM, NORM_ADD, TWO_NORMS } composition;

/*
 * `writes`: the results of a row; `sums`: those of the next row over norm[sums - 1], 0 for none. `stream`: results go past
 * the caches; `shifted`: their lines do not begin where the blocks of the sums do. Operations with several optional
 * operands ask for each whether it is there; with one norm alone, `gamma` says that and dx is there.
 */
typedef struct {
    composition composition;
    int dtype, sums;
    bool centered, gamma, writes, stream, shifted;
} backward_form;

/* What is the same for all elements of a row: dx = rstd * (g - mean_g - xh * mean_gxh), xh = (x - center - low) * rstd. */
typedef struct {
    float center, low, rstd, mean_g, mean_gxh;
    double response; /* k in gatun/norm.h */
} row_terms;

/* A row on its way through the passes. */
typedef struct {
    long long row;
    row_terms terms[2]; /* of each norm */
    bool exact;         /* float32 cannot represent it: the row goes to row_norm_backward_exact */
    bool added;         /* to dgamma and dbeta of norm[0] */
} row_visit;

/* The sums over a row: of g, where it is centered, and of g * xh. */
typedef struct {
    double g, gxh;
} row_sums;

/* Those sums on their way: of up to BLOCKS blocks, and of the blocks before them. */
typedef struct {
    vf g, gxh;
    int blocks;
    row_sums earlier;
} running_row;

GATUN_INLINE running_row no_running_row(void) {
    return (running_row){vf_zero(), vf_zero(), 0, {0, 0}};
}

GATUN_INLINE row_sums sums_of_row(const running_row *r) {
    return (row_sums){r->earlier.g + (double)vf_sum(r->g), r->earlier.gxh + (double)vf_sum(r->gxh)};
}

GATUN_INLINE void add_block(running_row *r, vf g, vf gxh) {
    if (r->blocks == BLOCKS) {
        *r = (running_row){vf_zero(), vf_zero(), 0, sums_of_row(r)};
    }
    r->g = vf_add(r->g, g);
    r->gxh = vf_add(r->gxh, gxh);
    r->blocks++;
}

/* The constants of a norm and a row. */
typedef struct {
    vf center, low, rstd, mean_g, mean_gxh;
} norm_constants;

/* A row's operands. */
typedef struct {
    const void *dy, *dh_in, *x[2];
    void *dx, *dresidual;
    norm_constants norm[2];
} row_operands;

/* Those of a pass, held apart from the arguments so that no store can seem to change them. */
typedef struct {
    row_operands row, next; /* whose results are written, and whose sums are taken */
    const void *gamma[2], *bias;
    float *sums[BACKWARD_GRADIENTS]; /* the first two NULL where the row has been added to them */
    vf offset, alpha;
    bool wide;
} pass_operands;

GATUN_INLINE const void *input_row(const void *p, long long row, long long stride, const int dtype) {
    return p ? element(p, row * stride, dtype) : 0;
}
GATUN_INLINE void *output_row(void *p, long long row, long long stride, const int dtype) {
    return p ? (char *)p + row * stride * element_bytes(dtype) : 0;
}

GATUN_INLINE norm_constants constants_of(const row_terms *t, const backward_form form) {
    return (norm_constants){vf_set(t->center), vf_set(t->low), vf_set(t->rstd), vf_set(t->mean_g),
                            vf_set(form.centered ? t->mean_gxh : -t->mean_gxh)};
}

GATUN_INLINE row_operands operands_of_row(const row_norm_backward_arguments *a, const row_visit *v,
                                          const backward_form form) {
    row_operands o;
    o.dy = input_row(a->dy, v->row, a->dy_stride, form.dtype);
    o.dh_in = input_row(a->dh_in, v->row, a->dh_in_stride, form.dtype);
    o.dx = output_row(a->dx, v->row, a->dx_stride, form.dtype);
    o.dresidual = output_row(a->dresidual, v->row, a->dresidual_stride, form.dtype);
    o.x[0] = input_row(a->norm[0].x, v->row, a->norm[0].x_stride, form.dtype);
    o.norm[0] = constants_of(&v->terms[0], form);
    if (form.composition == TWO_NORMS) {
        o.x[1] = input_row(a->norm[1].x, v->row, a->norm[1].x_stride, form.dtype);
        o.norm[1] = constants_of(&v->terms[1], form);
    }
    return o;
}

GATUN_INLINE pass_operands operands_of_pass(const row_norm_backward_arguments *a, float *const *sums,
                                            const row_visit *v, const row_visit *next, const backward_form form) {
    pass_operands o;
    if (form.writes) {
        o.row = operands_of_row(a, v, form);
    }
    if (form.sums) {
        o.next = operands_of_row(a, next, form);
    }
#pragma GCC unroll 2
    for (int norm = 0; norm < 2; norm++) {
        o.gamma[norm] = a->norm[norm].gamma;
    }
#pragma GCC unroll 4
    for (int g = 0; g < BACKWARD_GRADIENTS; g++) {
        o.sums[g] = sums[g];
    }
    o.bias = a->bias;
    o.offset = vf_set(a->weight_offset);
    o.alpha = vf_set(a->alpha);
    o.wide = a->parameter_dtype == GATUN_F32;
    return o;
}

/* Lanes from column j on: n of them, or VF_LANES if `all`. */
typedef struct {
    long long j;
    int n;
} column_vector;

/* What the columns bring to every row. */
typedef struct {
    vf weight[2], bias;
} column_parameters;

GATUN_INLINE vf load_parameter(const pass_operands *o, const void *p, const column_vector at, const bool all,
                               const backward_form form) {
    return form.dtype == GATUN_F32 || o->wide ? load_lanes(p, at.j, at.n, all, GATUN_F32)
                                              : load_lanes(p, at.j, at.n, all, form.dtype);
}

GATUN_INLINE vf weight_at(const pass_operands *o, const int norm, const column_vector at, const bool all,
                          const backward_form form) {
    if (form.composition != ONE_NORM ? o->gamma[norm] != 0 : form.gamma) {
        return vf_add(load_parameter(o, o->gamma[norm], at, all, form), o->offset);
    }
    return vf_set(1);
}

GATUN_INLINE column_parameters parameters_at(const pass_operands *o, const column_vector at, const bool all,
                                             const backward_form form) {
    column_parameters p;
    p.weight[0] = weight_at(o, 0, at, all, form);
    if (form.composition == TWO_NORMS) {
        p.weight[1] = weight_at(o, 1, at, all, form);
    }
    p.bias = form.composition == NORM_ADD && o->bias ? load_parameter(o, o->bias, at, all, form) : vf_zero();
    return p;
}

GATUN_INLINE vf weighted(vf gradient, vf weight, const backward_form form) {
    return form.composition != ONE_NORM || form.gamma ? vf_mul(gradient, weight) : gradient;
}

/* What norm[norm] makes of its input. */
GATUN_INLINE vf normalized_at(const row_operands *r, const int norm, const column_vector at, const bool all, vf bias,
                              const backward_form form) {
    const norm_constants *c = &r->norm[norm];
    vf x = load_lanes(r->x[norm], at.j, at.n, all, form.dtype);
    if (form.composition == NORM_ADD) {
        x = vf_add(x, bias);
    }
    return vf_mul(form.centered ? vf_sub(vf_sub(x, c->center), c->low) : x, c->rstd);
}

/* dy and the xh of norm[0]: what a row adds to dgamma and dbeta. */
typedef struct {
    vf dy, xh;
} row_values;

GATUN_INLINE row_values values_at(const row_operands *r, const column_vector at, const bool all,
                                  const column_parameters *p, const backward_form form) {
    return (row_values){load_lanes(r->dy, at.j, at.n, all, form.dtype), normalized_at(r, 0, at, all, p->bias, form)};
}

/* The gradient of the input of a norm, from g and xh. */
GATUN_INLINE vf through_norm(const norm_constants *c, vf g, vf xh, const backward_form form) {
    vf rest = form.centered ? vf_sub(g, vf_fma(xh, c->mean_gxh, c->mean_g)) : vf_fma(xh, c->mean_gxh, g);
    return vf_mul(rest, c->rstd);
}

GATUN_INLINE bool has_residual_gradient(const row_operands *r, const backward_form form) {
    return (form.composition == ADD_NORM || form.composition == TWO_NORMS) && r->dh_in;
}

/* The gradient of the input of norm[0]; of the sum that it normalized, where there is one. */
GATUN_INLINE vf inner_gradient(const row_operands *r, const column_vector at, const bool all, const row_values *v,
                               const column_parameters *p, const backward_form form) {
    vf gradient = through_norm(&r->norm[0], weighted(v->dy, p->weight[0], form), v->xh, form);
    if (has_residual_gradient(r, form)) {
        gradient = vf_add(gradient, load_lanes(r->dh_in, at.j, at.n, all, form.dtype));
    }
    return gradient;
}

/* Adds what the lanes of a row contribute to its sums over norm[form.sums - 1]. */
GATUN_INLINE row_values sum_vector(const row_operands *r, const column_vector at, const bool all,
                                   const column_parameters *p, vf *g_sum, vf *gxh_sum, const backward_form form) {
    const row_values v = values_at(r, at, all, p, form);
    vf g = weighted(v.dy, p->weight[0], form), xh = v.xh;
    if (form.sums == 2) {
        g = weighted(inner_gradient(r, at, all, &v, p, form), p->weight[1], form);
        g = all ? g : vf_first(g, at.n);
        xh = normalized_at(r, 1, at, all, p->bias, form);
    }
    if (form.centered) {
        *g_sum = vf_add(*g_sum, g);
    }
    *gxh_sum = vf_fma(g, xh, *gxh_sum);
    return v;
}

/* A sum over rows that is being added to: the vector of its columns. */
GATUN_INLINE vf load_sum(const float *sums, const column_vector at, const bool all) {
    return all ? vf_load(sums + at.j) : vf_load_first(sums + at.j, at.n);
}
GATUN_INLINE void store_sum(float *sums, vf v, const column_vector at, const bool all) {
    all ? vf_store(sums + at.j, v) : vf_store_first(sums + at.j, v, at.n);
}

/* Adds rows to dgamma and dbeta of norm[0], in their order. */
GATUN_INLINE void add_values(const pass_operands *o, const column_vector at, const bool all, const row_values *rows,
                             const int count) {
    vf sum = load_sum(o->sums[0], at, all);
#pragma GCC unroll 2
    for (int k = 0; k < count; k++) {
        sum = vf_fma(rows[k].dy, rows[k].xh, sum);
    }
    store_sum(o->sums[0], sum, at, all);
    if (o->sums[1]) {
        sum = load_sum(o->sums[1], at, all);
#pragma GCC unroll 2
        for (int k = 0; k < count; k++) {
            sum = vf_add(sum, rows[k].dy);
        }
        store_sum(o->sums[1], sum, at, all);
    }
}

GATUN_INLINE void store_result(void *p, vf v, const column_vector at, const bool all, const backward_form form) {
    if (all) {
        store(p, at.j, v, form.dtype, form.stream);
    } else {
        store_first(p, at.j, v, at.n, form.dtype);
    }
}

/* Writes the results of the lanes of a row, and adds to the sums over rows that are made from them. */
GATUN_INLINE row_values write_vector(const pass_operands *o, const column_vector at, const bool all,
                                     const column_parameters *p, const backward_form form) {
    const row_operands *r = &o->row;
    const row_values v = values_at(r, at, all, p, form);
    const vf inner = inner_gradient(r, at, all, &v, p, form);
    vf result = inner;
    if (form.composition == TWO_NORMS) {
        const vf xh = normalized_at(r, 1, at, all, p->bias, form);
        result = through_norm(&r->norm[1], weighted(inner, p->weight[1], form), xh, form);
        if (o->sums[2]) {
            store_sum(o->sums[2], vf_fma(inner, xh, load_sum(o->sums[2], at, all)), at, all);
        }
        if (o->sums[3]) {
            store_sum(o->sums[3], vf_add(load_sum(o->sums[3], at, all), inner), at, all);
        }
    } else if (form.composition != ONE_NORM && o->sums[2]) {
        store_sum(o->sums[2], vf_add(load_sum(o->sums[2], at, all), inner), at, all);
    }
    if (form.composition == ONE_NORM || r->dx) {
        store_result(r->dx, result, at, all, form);
    }
    if (form.composition != ONE_NORM && r->dresidual) {
        store_result(r->dresidual, vf_mul(o->alpha, form.composition == NORM_ADD ? v.dy : inner), at, all, form);
    }
    return v;
}

GATUN_INLINE bool statistics_are_saved(const row_norm_backward_arguments *a, const int norm) {
    return a->norm[norm].rstd && a->eps_mode == GATUN_EPS_IN_SQRT;
}

/* The inputs of the next row, some way ahead. */
typedef struct {
    const char *dy, *dh_in, *x[2];
} row_ahead;

GATUN_INLINE void fetch_line(const row_ahead *ahead, const pass_operands *o, const long long bytes,
                             const backward_form form) {
    __builtin_prefetch(ahead->dy + bytes, 0, 2);
    __builtin_prefetch(ahead->x[0] + bytes, 0, 2);
    if (form.composition == TWO_NORMS) {
        __builtin_prefetch(ahead->x[1] + bytes, 0, 2);
    }
    if (has_residual_gradient(&o->next, form)) {
        __builtin_prefetch(ahead->dh_in + bytes, 0, 2);
    }
}

/* Of the row from `p` on, `column` columns ahead: what does not fit into it is in the row after it, if there is one. */
GATUN_INLINE const char *column_ahead(const void *p, const long long column, const long long columns,
                                      const long long to_row_after, const int dtype) {
    return element(p, column < columns ? column : to_row_after + column - columns, dtype);
}

/* Of the input of a norm, which is read a row earlier where its statistics are taken anew. */
GATUN_INLINE const char *input_ahead(const row_norm_backward_arguments *a, const pass_operands *o, const int norm,
                                     long long j, const long long column, const long long after,
                                     const backward_form form) {
    return column_ahead(o->next.x[norm], statistics_are_saved(a, norm) ? column : j + a->columns, a->columns,
                        after * a->norm[norm].x_stride, form.dtype);
}

/* What a pass that takes the sums of `row` from column `j` on fetches meanwhile. */
GATUN_INLINE row_ahead ahead_of(const row_norm_backward_arguments *a, const pass_operands *o, long long row,
                                long long j, const backward_form form) {
    const long long columns = a->columns, column = j + BYTES_AHEAD / element_bytes(form.dtype);
    const long long after = row + 1 < a->rows; /* 1 where there is one */
    row_ahead ahead = {.dy = column_ahead(o->next.dy, column, columns, after * a->dy_stride, form.dtype)};
    ahead.x[0] = input_ahead(a, o, 0, j, column, after, form);
    if (form.composition == TWO_NORMS) {
        ahead.x[1] = input_ahead(a, o, 1, j, column, after, form);
    }
    if (has_residual_gradient(&o->next, form)) {
        ahead.dh_in = column_ahead(o->next.dh_in, column, columns, after * a->dh_in_stride, form.dtype);
    }
    return ahead;
}

/* Vectors of a tensor's line, or of a block where that is shorter. */
GATUN_INLINE int line_vectors(const int dtype) {
    const int vectors = (int)(LINE_BYTES / element_bytes(dtype) / VF_LANES);
    return vectors < FOLD ? vectors : FOLD;
}

/*
 * Whole vectors, `lines` lines of a tensor: a block of the next row's sums from column `j` on, and this row's results
 * from there on, or if `shifted` from `written` on. Both rows are added to dgamma and dbeta at `j`.
 */
GATUN_INLINE void visit_block(const pass_operands *o, long long j, long long written, const int lines,
                              const row_ahead *ahead, running_row *running, const backward_form form) {
    vf g = vf_zero(), gxh = vf_zero();
    const int vectors = line_vectors(form.dtype);
    for (int line = 0; line < lines; line++) {
        fetch_line(ahead, o, line * LINE_BYTES, form);
#pragma GCC unroll 4
        for (int k = 0; k < vectors; k++) {
            const column_vector at = {j, VF_LANES}, write_at = {form.shifted ? written : j, VF_LANES};
            const column_parameters p = parameters_at(o, at, true, form);
            row_values rows[2];
            rows[1] = sum_vector(&o->next, at, true, &p, &g, &gxh, form);
            if (form.shifted) {
                const column_parameters q = parameters_at(o, write_at, true, form);
                write_vector(o, write_at, true, &q, form);
            } else {
                rows[0] = write_vector(o, write_at, true, &p, form);
            }
            if (o->sums[0]) {
                if (form.shifted) {
                    rows[0] = values_at(&o->row, at, true, &p, form);
                }
                add_values(o, at, true, rows, 2);
            }
            j += VF_LANES;
            written += VF_LANES;
        }
    }
    add_block(running, g, gxh);
}

/* Columns [begin, end) of this row's results alone; a streaming form is called with whole lines. */
GATUN_INLINE void write_columns(const pass_operands *o, long long begin, long long end, const backward_form form) {
    long long j = begin;
    for (; j + VF_LANES <= end; j += VF_LANES) {
        const column_vector at = {j, VF_LANES};
        const column_parameters p = parameters_at(o, at, true, form);
        write_vector(o, at, true, &p, form);
    }
    if (!form.stream && j < end) {
        const column_vector at = {j, (int)(end - j)};
        const column_parameters p = parameters_at(o, at, false, form);
        write_vector(o, at, false, &p, form);
    }
}

/* Columns [begin, end) of the next row's sums alone; begins at a block. */
GATUN_INLINE void sum_columns(const pass_operands *o, long long begin, long long end, running_row *running,
                              const backward_form form) {
    for (long long block = begin; block < end; block += BLOCK) {
        const long long stop = block + BLOCK < end ? block + BLOCK : end;
        vf g = vf_zero(), gxh = vf_zero();
        long long j = block;
        for (; j + VF_LANES <= stop; j += VF_LANES) {
            const column_vector at = {j, VF_LANES};
            const column_parameters p = parameters_at(o, at, true, form);
            sum_vector(&o->next, at, true, &p, &g, &gxh, form);
        }
        if (j < stop) {
            const column_vector at = {j, (int)(stop - j)};
            const column_parameters p = parameters_at(o, at, false, form);
            sum_vector(&o->next, at, false, &p, &g, &gxh, form);
        }
        add_block(running, g, gxh);
    }
}

/* Adds columns [begin, end) of this row, and of the next if `count` is 2, to dgamma and dbeta. */
GATUN_INLINE void add_vector(const pass_operands *o, const column_vector at, const bool all, const int count,
                             const backward_form form) {
    const column_parameters p = parameters_at(o, at, all, form);
    row_values rows[2];
    rows[0] = values_at(&o->row, at, all, &p, form);
    if (count == 2) {
        rows[1] = values_at(&o->next, at, all, &p, form);
    }
    add_values(o, at, all, rows, count);
}
GATUN_INLINE void add_columns(const pass_operands *o, long long begin, long long end, const int count,
                              const backward_form form) {
    long long j = begin;
    for (; j + VF_LANES <= end; j += VF_LANES) {
        add_vector(o, (column_vector){j, VF_LANES}, true, count, form);
    }
    if (j < end) {
        add_vector(o, (column_vector){j, (int)(end - j)}, false, count, form);
    }
}

/* Columns of this row's results: [first, last) in whole lines past the caches, if any, the rest in plain stores. Those
 * from `statistics` on do without the term of the statistics. */
typedef struct {
    long long first, last, statistics;
} result_columns;

GATUN_INLINE result_columns columns_of_results(const row_norm_backward_arguments *a, const row_operands *r,
                                               const int dtype) {
    result_columns c = {0, 0, a->statistics_columns};
    const long long line = LINE_BYTES / element_bytes(dtype);
    const long long first = lead_of(r->dx ? r->dx : r->dresidual, dtype);
    /* Two streams of stores past the caches, side by side, take several times as long as plain ones. */
    const bool alone = !r->dx || !r->dresidual;
    if (a->stream && alone && first + line <= c.statistics) {
        c.first = first;
        c.last = c.statistics - (c.statistics - first) % line;
    }
    return c;
}

/* The blocks that the second pass over a row and the first over the next share. Returns where the next block begins. */
GATUN_INLINE long long visit_blocks(const row_norm_backward_arguments *a, const pass_operands *o, long long next_row,
                                    const long long first, const long long last, running_row *running,
                                    backward_form form) {
    const int lines = FOLD / line_vectors(form.dtype);
    long long j = 0;
    form.writes = true;
    form.sums = 1;
    for (; j + BLOCK <= a->columns && first + j + BLOCK <= last; j += BLOCK) {
        const row_ahead ahead = ahead_of(a, o, next_row, j, form);
        visit_block(o, j, first + j, lines, &ahead, running, form);
    }
    return j;
}

/*
 * The second pass over row `v` and the first over row `next`, over norm[0]; either may be NULL. Where sums[0] is there,
 * both are added to dgamma and dbeta.
 */
GATUN_INLINE void visit_rows(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                             const row_visit *next, running_row *result, const backward_form form) {
    backward_form writing = form, summing = form, streaming = form, shifted = form, adding = form;
    writing.writes = adding.writes = true;
    summing.sums = adding.sums = 1;
    streaming.stream = shifted.stream = shifted.shifted = true;
    pass_operands o = operands_of_pass(a, sums, v ? v : next, next ? next : v, adding);
    running_row running = no_running_row();
    const result_columns c = columns_of_results(a, &o.row, form.dtype);
    long long j = 0;
    if (v && next) {
        if (c.last == 0) {
            j = visit_blocks(a, &o, next->row, 0, c.statistics, &running, form);
        } else if (c.first == 0) {
            j = visit_blocks(a, &o, next->row, 0, c.last, &running, streaming);
        } else {
            j = visit_blocks(a, &o, next->row, c.first, c.last, &running, shifted);
        }
    }
    /* Before the results may take the place of dy. */
    if (sums[0] && next) {
        add_columns(&o, j, a->columns, 2, form);
    } else if (sums[0]) {
        add_columns(&o, j, a->columns, 1, form);
    }
    if (v) {
        long long written = c.first + j;
        if (c.last > 0) {
            streaming.writes = true;
            write_columns(&o, written, c.last, streaming);
            written = c.last;
        }
        const long long ranges[3][2] = {{0, c.first}, {written, c.statistics}, {c.statistics, a->columns}};
        for (int range = 0; range < 3; range++) {
            if (range == 2) {
                o.row.norm[0].mean_gxh = vf_zero();
            }
            write_columns(&o, ranges[range][0], ranges[range][1], writing);
        }
    }
    if (next) {
        sum_columns(&o, j, a->columns, &running, summing);
    }
    *result = running;
}

/* Rows without other results: `v`, and `next` unless it is NULL, are added to dgamma and dbeta. */
GATUN_INLINE void add_rows(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                           const row_visit *next, backward_form form) {
    form.writes = true;
    form.sums = 1;
    const pass_operands o = operands_of_pass(a, sums, v, next ? next : v, form);
    if (next) {
        add_columns(&o, 0, a->columns, 2, form);
    } else {
        add_columns(&o, 0, a->columns, 1, form);
    }
}

/* The first pass over a row for norm[1], whose gradient comes out of norm[0]. */
GATUN_INLINE void sum_inner(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                            running_row *result, backward_form form) {
    form.sums = 2;
    const pass_operands o = operands_of_pass(a, sums, v, v, form);
    running_row running = no_running_row();
    sum_columns(&o, 0, a->columns, &running, form);
    *result = running;
}

/* The passes of a kernel, instantiated once each in its file. */
typedef void visit_function(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                            const row_visit *next, running_row *result);
typedef void add_function(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                          const row_visit *next);
typedef void inner_function(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                            running_row *result);
typedef row_moments moments_function(const row_norm_backward_arguments *a, int norm, long long row);
typedef struct {
    visit_function *visit;
    add_function *add;     /* ONE_NORM alone */
    inner_function *inner; /* TWO_NORMS alone */
    moments_function *moments;
} backward_passes;

/* The choices made at run time become constants one after the other. */
GATUN_INLINE void visit_dtype(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                              const row_visit *next, running_row *result, const composition kind, const int dtype,
                              const bool centered) {
    backward_form form = {.composition = kind, .dtype = dtype, .centered = centered};
    if (kind != ONE_NORM || !a->norm[0].gamma) {
        visit_rows(a, sums, v, next, result, form);
    } else {
        form.gamma = true;
        visit_rows(a, sums, v, next, result, form);
    }
}
GATUN_INLINE void visit_any(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                            const row_visit *next, running_row *result, const composition kind, const bool centered) {
    switch (a->dtype) {
    case GATUN_BF16:
        visit_dtype(a, sums, v, next, result, kind, GATUN_BF16, centered);
        break;
    case GATUN_F16:
        visit_dtype(a, sums, v, next, result, kind, GATUN_F16, centered);
        break;
    default:
        visit_dtype(a, sums, v, next, result, kind, GATUN_F32, centered);
    }
}

GATUN_INLINE void add_any(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                          const row_visit *next, const bool centered) {
    backward_form form = {.composition = ONE_NORM, .centered = centered};
    switch (a->dtype) {
    case GATUN_BF16:
        form.dtype = GATUN_BF16;
        add_rows(a, sums, v, next, form);
        break;
    case GATUN_F16:
        form.dtype = GATUN_F16;
        add_rows(a, sums, v, next, form);
        break;
    default:
        form.dtype = GATUN_F32;
        add_rows(a, sums, v, next, form);
    }
}

GATUN_INLINE void inner_any(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                            running_row *result, const bool centered) {
    backward_form form = {.composition = TWO_NORMS, .centered = centered};
    switch (a->dtype) {
    case GATUN_BF16:
        form.dtype = GATUN_BF16;
        sum_inner(a, sums, v, result, form);
        break;
    case GATUN_F16:
        form.dtype = GATUN_F16;
        sum_inner(a, sums, v, result, form);
        break;
    default:
        form.dtype = GATUN_F32;
        sum_inner(a, sums, v, result, form);
    }
}

GATUN_INLINE row_moments moments_of_row(const row_norm_backward_arguments *a, int norm, long long row, const int dtype,
                                        const composition kind, const bool centered) {
    const row_source source = {.x = input_row(a->norm[norm].x, row, a->norm[norm].x_stride, dtype),
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
GATUN_INLINE void take_statistics(const row_norm_backward_arguments *a, row_visit *v, const int norm,
                                  moments_function *moments) {
    const backward_norm *n = &a->norm[norm];
    row_terms *t = &v->terms[norm];
    *t = (row_terms){.response = 1};
    if (statistics_are_saved(a, norm)) {
        t->center = n->mean ? n->mean[v->row] : 0;
        t->low = n->mean_low ? n->mean_low[v->row] : 0;
        t->rstd = n->rstd[v->row];
        /* written so that NaN is exact too */
        v->exact |= !(t->rstd >= FLT_MIN && t->rstd < (float)(1 / SMALLEST_DENOMINATOR) && t->center >= -FLT_MAX &&
                      t->center <= FLT_MAX);
    } else {
        const row_moments m = moments(a, norm, v->row);
        const double mean_square = m.squares / m.count;
        const double reciprocal = reciprocal_of_mean_square(mean_square, m.count, a->eps, a->eps_mode);
        t->center = (float)m.mean;
        t->low = (float)(m.mean - (double)t->center);
        t->rstd = (float)reciprocal;
        t->response = response_of_mean_square(mean_square, m.count, reciprocal, a->eps, a->eps_mode);
        v->exact |= !(mean_square <= DBL_MAX && reciprocal < 1 / SMALLEST_DENOMINATOR && t->rstd >= FLT_MIN);
    }
    const float shift = t->low * t->rstd;
    if (shift < LEAST_SHIFT && shift > -LEAST_SHIFT) {
        t->low = 0;
    }
}

GATUN_INLINE void take_sums(const row_norm_backward_arguments *a, row_visit *v, const int norm,
                            const running_row *running, const bool centered) {
    row_terms *t = &v->terms[norm];
    const row_sums sums = sums_of_row(running);
    const double count = (double)a->statistics_columns;
    t->mean_g = centered ? (float)(sums.g / count) : 0;
    t->mean_gxh = (float)(t->response * sums.gxh / count);
    v->exact |= !(t->mean_g >= -FLT_MAX && t->mean_g <= FLT_MAX && t->mean_gxh >= -FLT_MAX && t->mean_gxh <= FLT_MAX);
}

/* What a row needs before its first pass. */
GATUN_INLINE row_visit begin_row(const row_norm_backward_arguments *a, long long row, const backward_passes *passes,
                                 const composition kind) {
    row_visit v = {.row = row};
    take_statistics(a, &v, 0, passes->moments);
    if (kind == TWO_NORMS) {
        take_statistics(a, &v, 1, passes->moments);
    }
    return v;
}

/* What a row needs after its first pass over norm[0]. */
GATUN_INLINE void end_sums(const row_norm_backward_arguments *a, row_visit *v, const running_row *running,
                           const backward_passes *passes, const composition kind, const bool centered) {
    take_sums(a, v, 0, running, centered);
    if (kind == TWO_NORMS && !v->exact) {
        float *none[BACKWARD_GRADIENTS] = {0};
        running_row inner;
        passes->inner(a, none, v, &inner);
        take_sums(a, v, 1, &inner, centered);
    }
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

/* Where the contributions of the row go. The first row of a slab clears its sums. */
GATUN_INLINE void open_sums(const row_norm_backward_arguments *a, float **sums, const slab_rows *s, long long row) {
    const long long before = row - s->begin;
    for (int g = 0; g < a->gradients; g++) {
        if (!a->summed[g]) {
            continue;
        }
        sums[g] = partial_sums(a, s->slab, 0, g);
        if (before == 0) {
            for (long long j = 0; j < a->partial_stride; j += VF_LANES) {
                vf_store(sums[g] + j, vf_zero());
            }
        } else if (before % ROWS_TO_FOLD == 0) {
            fold_sums(a, s->slab, g, before == ROWS_TO_FOLD);
        }
    }
}

/* Where the sums of a kernel's rows go while it walks through the slabs. */
typedef struct {
    slab_rows slab;
    float *sums[BACKWARD_GRADIENTS];
} open_slab;

GATUN_INLINE open_slab no_slab(const row_norm_backward_arguments *a, long long begin) {
    open_slab s = {{0, 0, 0}, {0}};
    if (a->partial) {
        s.slab = rows_of_slab(a, slab_of_row(a->rows, a->slabs, begin));
    }
    return s;
}

GATUN_INLINE void enter_row(const row_norm_backward_arguments *a, open_slab *s, long long row) {
    if (a->partial) {
        s->slab = row < s->slab.end ? s->slab : rows_of_slab(a, s->slab.slab + 1);
        open_sums(a, s->sums, &s->slab, row);
    }
}

/* Parameter gradients alone: they need no sums over rows, and take two rows of a slab at once. */
GATUN_INLINE void add_gradients(const row_norm_backward_arguments *a, long long begin, long long end,
                                const backward_passes *passes) {
    open_slab s = no_slab(a, begin);
    for (long long row = begin; row < end; row += 2) {
        enter_row(a, &s, row);
        row_visit pair[2] = {begin_row(a, row, passes, ONE_NORM)};
        const int count = row + 1 < end ? 2 : 1;
        if (count == 2) {
            pair[1] = begin_row(a, row + 1, passes, ONE_NORM);
        }
        if (count == 2 && !pair[0].exact && !pair[1].exact) {
            passes->add(a, s.sums, &pair[0], &pair[1]);
            continue;
        }
        for (int k = 0; k < count; k++) {
            if (pair[k].exact) {
                row_norm_backward_exact(a, row + k, s.sums);
            } else {
                passes->add(a, s.sums, &pair[k], 0);
            }
        }
    }
}

/* The second pass over `v`, and the first over `next` unless it is NULL. */
GATUN_INLINE void visit(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v, row_visit *next,
                        running_row *running, const backward_passes *passes) {
    float *own[BACKWARD_GRADIENTS], *none[BACKWARD_GRADIENTS] = {0};
    for (int g = 0; g < BACKWARD_GRADIENTS; g++) {
        own[g] = g < 2 && v->added ? 0 : sums[g];
    }
    if (v->exact) {
        row_norm_backward_exact(a, v->row, own);
        if (next) {
            passes->visit(a, none, 0, next, running);
        }
    } else if (next && own[0] && v->row % 2 != 0) { /* the two may be of different slabs */
        passes->visit(a, own, v, 0, running);
        passes->visit(a, none, 0, next, running);
    } else {
        passes->visit(a, own, v, next, running);
        if (next) {
            next->added = own[0] != 0;
        }
    }
}

/* Rows [begin, end) of the kernel. */
GATUN_INLINE void backward_rows(const row_norm_backward_arguments *a, long long begin, long long end,
                                const backward_passes *passes, const composition kind, const bool centered) {
    if (begin >= end) {
        return;
    }
    if (kind == ONE_NORM && !a->dx) {
        add_gradients(a, begin, end, passes);
        return;
    }
    float *none[BACKWARD_GRADIENTS] = {0};
    open_slab s = no_slab(a, begin);
    running_row running;
    row_visit next = begin_row(a, begin, passes, kind);
    if (!next.exact) {
        passes->visit(a, none, 0, &next, &running);
        end_sums(a, &next, &running, passes, kind, centered);
    }
    for (long long row = begin; row < end; row++) {
        const row_visit v = next;
        enter_row(a, &s, row);
        if (row + 1 < end) {
            next = begin_row(a, row + 1, passes, kind);
        }
        const bool sums_next = row + 1 < end && !next.exact;
        visit(a, s.sums, &v, sums_next ? &next : 0, &running, passes);
        if (sums_next) {
            end_sums(a, &next, &running, passes, kind, centered);
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

/* Defines the passes and the rows of a kernel. */
#define GATUN_BACKWARD_PASSES(name, kind, is_centered, add, inner)                                         \
    static void name##_visit(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v, \
                             const row_visit *next, running_row *result) {                                 \
        visit_any(a, sums, v, next, result, kind, is_centered);                                            \
    }                                                                                                      \
    static row_moments name##_moments(const row_norm_backward_arguments *a, int norm, long long row) {     \
        return moments_any(a, norm, row, kind, is_centered);                                               \
    }                                                                                                      \
    static void name##_rows(const row_norm_backward_arguments *a, long long begin, long long end) {        \
        const backward_passes passes = {name##_visit, add, inner, name##_moments};                         \
        backward_rows(a, begin, end, &passes, kind, is_centered);                                          \
    }

#define GATUN_BACKWARD_ADD(name, is_centered)                                                      \
    static void name(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v, \
                     const row_visit *next) {                                                      \
        add_any(a, sums, v, next, is_centered);                                                    \
    }

#define GATUN_BACKWARD_INNER(name, is_centered)                                                    \
    static void name(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v, \
                     running_row *result) {                                                        \
        inner_any(a, sums, v, result, is_centered);                                                \
    }

#define GATUN_SUM_SLABS                                                                           \
    static void sum_slabs(const row_norm_backward_arguments *a, long long begin, long long end) { \
        sum_slabs_of_columns(a, begin, end);                                                      \
    }

/* Defines the kernel `operation` of this level. */
#define GATUN_NORM_BACKWARD_KERNEL(operation, is_centered)          \
    GATUN_BACKWARD_ADD(norm_add, is_centered)                       \
    GATUN_BACKWARD_PASSES(norm, ONE_NORM, is_centered, norm_add, 0) \
    GATUN_SUM_SLABS                                                 \
    const row_norm_backward_kernel GATUN_AT_LEVEL(operation) = {norm_rows, sum_slabs};

/* The same for an operation whose norm, or norms, are of either kind. */
#define GATUN_EITHER_BACKWARD_KERNEL(operation)                                              \
    GATUN_SUM_SLABS                                                                          \
    static void rows(const row_norm_backward_arguments *a, long long begin, long long end) { \
        (a->centered ? layer_rows : rms_rows)(a, begin, end);                                \
    }                                                                                        \
    const row_norm_backward_kernel GATUN_AT_LEVEL(operation) = {rows, sum_slabs};

#define GATUN_FUSED_BACKWARD_KERNEL(operation, kind) \
    GATUN_BACKWARD_PASSES(layer, kind, true, 0, 0)   \
    GATUN_BACKWARD_PASSES(rms, kind, false, 0, 0)    \
    GATUN_EITHER_BACKWARD_KERNEL(operation)

#define GATUN_TWO_NORMS_BACKWARD_KERNEL(operation)                \
    GATUN_BACKWARD_INNER(layer_inner, true)                       \
    GATUN_BACKWARD_INNER(rms_inner, false)                        \
    GATUN_BACKWARD_PASSES(layer, TWO_NORMS, true, 0, layer_inner) \
    GATUN_BACKWARD_PASSES(rms, TWO_NORMS, false, 0, rms_inner)    \
    GATUN_EITHER_BACKWARD_KERNEL(operation)

#endif
