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
 * ROWS_TO_FOLD rows before it folds their sums into others; at the end the slabs are summed pairwise.
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

/* Which results a loop has; ANY asks for each operand whether it is there. */
typedef enum { DX, GRADIENTS, DX_AND_GRADIENTS, ANY } results;

/* `sums`: the sums of the next row over norm[sums - 1], 0 for none; `writes`: the results of this row; `stream`: past
 * the caches. */
typedef struct {
    composition composition;
    int dtype, sums;
    bool centered, gamma, writes, stream;
    results results;
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
    float *sums[BACKWARD_GRADIENTS];
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
    if (form.results == ANY ? o->gamma[norm] != 0 : form.gamma) {
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
    return form.results == ANY || form.gamma ? vf_mul(gradient, weight) : gradient;
}

/* What norm[norm] makes of its input. `low` is left out of sums over a row: take_sums puts it in. */
GATUN_INLINE vf normalized_at(const row_operands *r, const int norm, const column_vector at, const bool all, vf bias,
                              const bool low, const backward_form form) {
    const norm_constants *c = &r->norm[norm];
    vf x = load_lanes(r->x[norm], at.j, at.n, all, form.dtype);
    if (form.composition == NORM_ADD) {
        x = vf_add(x, bias);
    }
    if (form.centered) {
        x = vf_sub(x, c->center);
        x = low ? vf_sub(x, c->low) : x;
    }
    return vf_mul(x, c->rstd);
}

/* The gradient of the input of a norm, from g and xh. */
GATUN_INLINE vf through_norm(const norm_constants *c, vf g, vf xh, const backward_form form) {
    vf rest = form.centered ? vf_sub(g, vf_fma(xh, c->mean_gxh, c->mean_g)) : vf_fma(xh, c->mean_gxh, g);
    return vf_mul(rest, c->rstd);
}

GATUN_INLINE bool has_residual_gradient(const row_operands *r, const backward_form form) {
    return (form.composition == ADD_NORM || form.composition == TWO_NORMS) && r->dh_in;
}

GATUN_INLINE vf with_residual_gradient(const row_operands *r, vf gradient, const column_vector at, const bool all,
                                       const backward_form form) {
    if (has_residual_gradient(r, form)) {
        return vf_add(gradient, load_lanes(r->dh_in, at.j, at.n, all, form.dtype));
    }
    return gradient;
}

/* Adds what the lanes of a row contribute to its sums over norm[form.sums - 1]. */
GATUN_INLINE void add_products(const row_operands *r, const column_vector at, const bool all,
                               const column_parameters *p, vf *g_sum, vf *gxh_sum, const backward_form form) {
    vf gradient = load_lanes(r->dy, at.j, at.n, all, form.dtype);
    vf g = weighted(gradient, p->weight[0], form);
    vf xh = normalized_at(r, 0, at, all, p->bias, form.sums == 2, form);
    if (form.sums == 2) {
        gradient = with_residual_gradient(r, through_norm(&r->norm[0], g, xh, form), at, all, form);
        g = weighted(gradient, p->weight[1], form);
        g = all ? g : vf_first(g, at.n);
        xh = normalized_at(r, 1, at, all, p->bias, false, form);
    }
    if (form.centered) {
        *g_sum = vf_add(*g_sum, g);
    }
    *gxh_sum = vf_fma(g, xh, *gxh_sum);
}

/* A sum over rows that is being added to: the vector of its columns. */
GATUN_INLINE vf load_sum(const float *sums, const column_vector at, const bool all) {
    return all ? vf_load(sums + at.j) : vf_load_first(sums + at.j, at.n);
}
GATUN_INLINE void store_sum(float *sums, vf v, const column_vector at, const bool all) {
    all ? vf_store(sums + at.j, v) : vf_store_first(sums + at.j, v, at.n);
}
GATUN_INLINE void store_result(void *p, vf v, const column_vector at, const bool all, const backward_form form) {
    if (all) {
        store(p, at.j, v, form.dtype, form.stream);
    } else {
        store_first(p, at.j, v, at.n, form.dtype);
    }
}

/* Writes the results of the lanes of a row. */
GATUN_INLINE void write_vector(const pass_operands *o, const column_vector at, const bool all,
                               const column_parameters *p, const backward_form form) {
    const bool any = form.results == ANY;
    const row_operands *r = &o->row;
    const vf dy = load_lanes(r->dy, at.j, at.n, all, form.dtype);
    vf xh = normalized_at(r, 0, at, all, p->bias, true, form);
    vf result = vf_zero(), inner = vf_zero();
    if (form.results != GRADIENTS) {
        inner = through_norm(&r->norm[0], weighted(dy, p->weight[0], form), xh, form);
        result = inner = with_residual_gradient(r, inner, at, all, form);
    }
    if (any ? o->sums[0] != 0 : form.results != DX) {
        store_sum(o->sums[0], vf_fma(dy, xh, load_sum(o->sums[0], at, all)), at, all);
    }
    if (form.results != DX && o->sums[1]) {
        store_sum(o->sums[1], vf_add(dy, load_sum(o->sums[1], at, all)), at, all);
    }
    if (form.composition == TWO_NORMS) {
        xh = normalized_at(r, 1, at, all, p->bias, true, form);
        result = through_norm(&r->norm[1], weighted(inner, p->weight[1], form), xh, form);
        if (o->sums[2]) {
            store_sum(o->sums[2], vf_fma(inner, xh, load_sum(o->sums[2], at, all)), at, all);
        }
        if (o->sums[3]) {
            store_sum(o->sums[3], vf_add(inner, load_sum(o->sums[3], at, all)), at, all);
        }
    } else if (form.composition != ONE_NORM && o->sums[2]) {
        store_sum(o->sums[2], vf_add(inner, load_sum(o->sums[2], at, all)), at, all);
    }
    if (form.results == GRADIENTS) {
        return;
    }
    if (!any || r->dx) {
        store_result(r->dx, result, at, all, form);
    }
    if (any && r->dresidual) {
        store_result(r->dresidual, vf_mul(o->alpha, form.composition == NORM_ADD ? dy : inner), at, all, form);
    }
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
 * A block of whole vectors, `lines` lines of a tensor: takes the sums of the next row from column `j` on, and writes
 * the results of this one from `written` on. Where they stream, that is where a line of the outputs begins.
 */
GATUN_INLINE void visit_block(const pass_operands *o, long long j, long long written, int lines, const row_ahead *ahead,
                              running_row *running, const backward_form form) {
    vf g = vf_zero(), gxh = vf_zero();
    const int vectors = line_vectors(form.dtype);
    for (int line = 0; line < lines; line++) {
        if (form.sums) {
            fetch_line(ahead, o, line * LINE_BYTES, form);
        }
#pragma GCC unroll 4
        for (int k = 0; k < vectors; k++) {
            const column_vector at = {j, VF_LANES}, write_at = {form.sums && !form.stream ? j : written, VF_LANES};
            column_parameters p = parameters_at(o, form.sums ? at : write_at, true, form);
            if (form.sums) {
                add_products(&o->next, at, true, &p, &g, &gxh, form);
            }
            if (form.writes) {
                if (form.sums && form.stream) {
                    p = parameters_at(o, write_at, true, form);
                }
                write_vector(o, write_at, true, &p, form);
            }
            j += VF_LANES;
            written += VF_LANES;
        }
    }
    if (form.sums) {
        add_block(running, g, gxh);
    }
}

/* Columns [begin, end) of this row's results alone, with plain stores. */
GATUN_INLINE void write_columns(const pass_operands *o, long long begin, long long end, const backward_form form) {
    long long j = begin;
    for (; j + VF_LANES <= end; j += VF_LANES) {
        const column_vector at = {j, VF_LANES};
        const column_parameters p = parameters_at(o, at, true, form);
        write_vector(o, at, true, &p, form);
    }
    if (j < end) {
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
            add_products(&o->next, at, true, &p, &g, &gxh, form);
        }
        if (j < stop) {
            const column_vector at = {j, (int)(stop - j)};
            const column_parameters p = parameters_at(o, at, false, form);
            add_products(&o->next, at, false, &p, &g, &gxh, form);
        }
        add_block(running, g, gxh);
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
    const bool agree = !r->dx || !r->dresidual || lead_of(r->dresidual, dtype) == first;
    if (a->stream && agree && first + line <= c.statistics) {
        c.first = first;
        c.last = c.statistics - (c.statistics - first) % line;
    }
    return c;
}

/* The second pass over row `v` and the first over row `next`, over norm[0]; either may be NULL. */
GATUN_INLINE void visit_rows(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                             const row_visit *next, running_row *result, const backward_form form) {
    backward_form both = form, writing = form, summing = form;
    both.writes = writing.writes = true;
    both.sums = summing.sums = 1;
    backward_form streaming = both;
    streaming.stream = true;
    pass_operands o = operands_of_pass(a, sums, v ? v : next, next ? next : v, both);
    running_row running = no_running_row();
    const result_columns c = columns_of_results(a, &o.row, form.dtype);
    const int lines = FOLD / line_vectors(form.dtype);
    long long j = 0, written = c.first;
    if (v && next && c.last > 0) {
        for (; j + BLOCK <= a->columns && written + BLOCK <= c.last; j += BLOCK, written += BLOCK) {
            const row_ahead ahead = ahead_of(a, &o, next->row, j, form);
            visit_block(&o, j, written, lines, &ahead, &running, streaming);
        }
    } else if (v && next) {
        for (; j + BLOCK <= c.statistics; j += BLOCK, written += BLOCK) {
            const row_ahead ahead = ahead_of(a, &o, next->row, j, form);
            visit_block(&o, j, written, lines, &ahead, &running, both);
        }
    }
    if (v) {
        if (c.last > 0) {
            streaming.sums = 0;
            const long long line = line_vectors(form.dtype) * VF_LANES;
            visit_block(&o, written, written, (int)((c.last - written) / line), 0, &running, streaming);
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

/* Parameter gradients alone: they need no sums over a row. */
GATUN_INLINE void add_gradients(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                                backward_form form) {
    form.writes = true;
    const pass_operands o = operands_of_pass(a, sums, v, v, form);
    write_columns(&o, 0, a->columns, form);
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
typedef void inner_function(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                            running_row *result);
typedef row_moments moments_function(const row_norm_backward_arguments *a, int norm, long long row);
typedef struct {
    visit_function *visit;
    inner_function *inner;
    moments_function *moments;
} backward_passes;

/* The choices made at run time become constants one after the other. */
GATUN_INLINE void visit_results(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                                const row_visit *next, running_row *result, const int dtype, const bool centered,
                                const bool gamma) {
    backward_form form = {.composition = ONE_NORM, .dtype = dtype, .centered = centered, .gamma = gamma};
    if (!sums[0]) {
        form.results = DX;
        visit_rows(a, sums, v, next, result, form);
    } else {
        form.results = DX_AND_GRADIENTS;
        visit_rows(a, sums, v, next, result, form);
    }
}
GATUN_INLINE void visit_dtype(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                              const row_visit *next, running_row *result, const composition kind, const int dtype,
                              const bool centered) {
    backward_form form = {.composition = kind, .dtype = dtype, .centered = centered};
    if (kind != ONE_NORM) {
        form.results = ANY;
        visit_rows(a, sums, v, next, result, form);
    } else if (!a->dx) {
        form.results = GRADIENTS;
        add_gradients(a, sums, v, form);
    } else if (a->norm[0].gamma) {
        visit_results(a, sums, v, next, result, dtype, centered, true);
    } else {
        visit_results(a, sums, v, next, result, dtype, centered, false);
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

GATUN_INLINE void inner_any(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,
                            running_row *result, const composition kind, const bool centered) {
    backward_form form = {.composition = kind, .centered = centered, .results = ANY};
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

/* The moments of x + bias, whose chunks are summed into a buffer. */
GATUN_INLINE row_moments moments_of_sum(const row_norm_backward_arguments *a, const void *x, const int dtype,
                                        const bool centered) {
    float chunk[CHUNK];
    fetcher nothing = {0};
    row_moments row = {0, 0, 0};
    for (long long begin = 0; begin < a->columns; begin += CHUNK) {
        const long long count = a->columns - begin < CHUNK ? a->columns - begin : CHUNK;
        for (long long j = 0; j < count; j += VF_LANES) {
            const bool all = j + VF_LANES <= count;
            const int n = all ? VF_LANES : (int)(count - j);
            vf bias = a->parameter_dtype == GATUN_F32 ? load_lanes(a->bias, begin + j, n, all, GATUN_F32)
                                                      : load_lanes(a->bias, begin + j, n, all, dtype);
            vf sum = vf_add(load_lanes(x, begin + j, n, all, dtype), bias);
            all ? vf_store(chunk + j, sum) : vf_store_first(chunk + j, sum, n);
        }
        const float center = centered ? sample_mean(chunk, 0, count, GATUN_F32) : 0;
        row_moments moments = moments_of(chunk, 0, count, center, GATUN_F32, centered, &nothing);
        row = begin == 0 ? moments : merge_moments(row, moments);
    }
    return row;
}

GATUN_INLINE row_moments moments_of_row(const row_norm_backward_arguments *a, int norm, long long row, const int dtype,
                                        const composition kind, const bool centered) {
    const void *x = input_row(a->norm[norm].x, row, a->norm[norm].x_stride, dtype);
    if (kind == NORM_ADD && a->bias) {
        return moments_of_sum(a, x, dtype, centered);
    }
    const float center = centered ? sample_mean(x, 0, a->columns, dtype) : 0;
    fetcher nothing = {0};
    return moments_of(x, 0, a->statistics_columns, center, dtype, centered, &nothing);
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
    const double gxh = sums.gxh - (double)t->low * (double)t->rstd * sums.g;
    t->mean_g = centered ? (float)(sums.g / count) : 0;
    t->mean_gxh = (float)(t->response * gxh / count);
    v->exact |= !(t->mean_g >= -FLT_MAX && t->mean_g <= FLT_MAX && t->mean_gxh >= -FLT_MAX && t->mean_gxh <= FLT_MAX);
}

/* What a row needs before its first pass. */
GATUN_INLINE row_visit begin_row(const row_norm_backward_arguments *a, long long row, const backward_passes *passes,
                                 const composition kind) {
    row_visit v = {.row = row, .exact = false};
    take_statistics(a, &v, 0, passes->moments);
    if (kind == TWO_NORMS) {
        take_statistics(a, &v, 1, passes->moments);
    }
    return v;
}

/* What a row needs after its first pass over norm[0]. */
GATUN_INLINE void end_sums(const row_norm_backward_arguments *a, float *const *sums, row_visit *v,
                           const running_row *running, const backward_passes *passes, const composition kind,
                           const bool centered) {
    take_sums(a, v, 0, running, centered);
    if (kind == TWO_NORMS && !v->exact) {
        running_row inner;
        passes->inner(a, sums, v, &inner);
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

/* Rows [begin, end) of the kernel. */
GATUN_INLINE void backward_rows(const row_norm_backward_arguments *a, long long begin, long long end,
                                const backward_passes *passes, const composition kind, const bool centered) {
    const bool needs_sums = kind != ONE_NORM || a->dx;
    float *sums[BACKWARD_GRADIENTS] = {0};
    slab_rows slab = {0, 0, 0};
    if (a->partial && begin < end) {
        slab = rows_of_slab(a, slab_of_row(a->rows, a->slabs, begin));
    }
    row_visit next = {.row = begin - 1, .exact = true}; /* nothing to write before the first row */
    for (long long row = begin - 1; row < end; row++) {
        row_visit v = next;
        running_row running;
        if (a->partial && row >= begin) {
            slab = row < slab.end ? slab : rows_of_slab(a, slab.slab + 1);
            open_sums(a, sums, &slab, row);
        }
        bool summed = false;
        if (row + 1 < end) {
            next = begin_row(a, row + 1, passes, kind);
            summed = needs_sums && !next.exact;
        }
        if (!v.exact) {
            passes->visit(a, sums, &v, summed ? &next : 0, &running);
        } else {
            if (row >= begin) {
                row_norm_backward_exact(a, row, sums);
            }
            if (summed) {
                passes->visit(a, sums, 0, &next, &running);
            }
        }
        if (summed) {
            end_sums(a, sums, &next, &running, passes, kind, centered);
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
#define GATUN_BACKWARD_PASSES(name, kind, is_centered)                                                       \
    static void name##_visit(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,   \
                             const row_visit *next, running_row *result) {                                   \
        visit_any(a, sums, v, next, result, kind, is_centered);                                              \
    }                                                                                                        \
    static void name##_inner(const row_norm_backward_arguments *a, float *const *sums, const row_visit *v,   \
                             running_row *result) {                                                          \
        inner_any(a, sums, v, result, kind, is_centered);                                                    \
    }                                                                                                        \
    static row_moments name##_moments(const row_norm_backward_arguments *a, int norm, long long row) {       \
        return moments_any(a, norm, row, kind, is_centered);                                                 \
    }                                                                                                        \
    static void name##_rows(const row_norm_backward_arguments *a, long long begin, long long end) {          \
        const backward_passes passes = {name##_visit, kind == TWO_NORMS ? name##_inner : 0, name##_moments}; \
        backward_rows(a, begin, end, &passes, kind, is_centered);                                            \
    }

#define GATUN_SUM_SLABS                                                                           \
    static void sum_slabs(const row_norm_backward_arguments *a, long long begin, long long end) { \
        sum_slabs_of_columns(a, begin, end);                                                      \
    }

/* Defines the kernel `operation` of this level. */
#define GATUN_NORM_BACKWARD_KERNEL(operation, is_centered) \
    GATUN_BACKWARD_PASSES(norm, ONE_NORM, is_centered)     \
    GATUN_SUM_SLABS                                        \
    const row_norm_backward_kernel GATUN_AT_LEVEL(operation) = {norm_rows, sum_slabs};

/* The same for an operation with norms of either kind. */
#define GATUN_FUSED_BACKWARD_KERNEL(operation, kind)                                         \
    GATUN_BACKWARD_PASSES(layer, kind, true)                                                 \
    GATUN_BACKWARD_PASSES(rms, kind, false)                                                  \
    GATUN_SUM_SLABS                                                                          \
    static void rows(const row_norm_backward_arguments *a, long long begin, long long end) { \
        (a->centered ? layer_rows : rms_rows)(a, begin, end);                                \
    }                                                                                        \
    const row_norm_backward_kernel GATUN_AT_LEVEL(operation) = {rows, sum_slabs};

#endif
