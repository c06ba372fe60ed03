/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PolyNorm forward in the vector vocabulary; with `gated`, its product with another tensor. Orders up to 3 share the loops
 * of order 3, with coefficients that are 0.
 */
#ifndef GATUN_POLY_NORM_H
#define GATUN_POLY_NORM_H

#include "activation_kernels.h"
#include "poly_norm_scale.h"
#include "turns.h"

/* Rows whose divisions and square roots are done at a time, and the bytes of x that stay in the level-1 cache until
 * then. */
#define GROUP_ROWS 16
#define GROUP_BYTES 16384

/* Results that bypass the caches are made in a buffer of so many elements. */
#define OUTPUT_PIECE 4096

/* The lines that a pass over `bytes` keeps up with, where two passes share them: see FETCH_STEP. Rows of more than a
 * block are fetched by their first pass alone. */
GATUN_INLINE long long fetch_step(long long columns, const int dtype) {
    const long long turn = TURN * VF_LANES, bytes = element_bytes(dtype);
    const long long step = columns * bytes > FETCH_BLOCK ? FETCH_STEP / 2 : FETCH_STEP;
    return step / bytes / turn * turn;
}

/* The powers of a turn. */
GATUN_INLINE void add_powers(vf sums[GATUN_POLY_NORM_MAX_ORDER], const vf x[TURN], const bool quartic) {
    vf q[TURN], t[TURN];
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        q[k] = vf_mul(x[k], x[k]);
    }
    sums[0] = vf_add(sums[0], turn_sum(q));
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        t[k] = vf_mul(q[k], q[k]);
    }
    sums[1] = vf_add(sums[1], turn_sum(t));
    sums[2] = vf_add(sums[2], turn_dot(t, q));
    if (quartic) {
        sums[3] = vf_add(sums[3], turn_dot(t, t));
    }
}

/* The powers of `n` neighbours, at most a segment. */
GATUN_INLINE void sum_powers(const void *x, long long n, long long step, double powers[GATUN_POLY_NORM_MAX_ORDER],
                             fetcher *fetched, const int dtype, const bool quartic) {
    const int count = quartic ? 4 : 3;
    const long long turn = TURN * VF_LANES;
    fetcher ahead = *fetched;
    vd folded[GATUN_POLY_NORM_MAX_ORDER];
    vf sums[GATUN_POLY_NORM_MAX_ORDER], v[TURN];
#pragma GCC unroll 4
    for (int i = 0; i < GATUN_POLY_NORM_MAX_ORDER; i++) {
        folded[i] = vd_set(0);
        sums[i] = vf_zero();
    }
    long long j = 0;
    while (j + turn <= n) {
        const long long fold = least_of(j + FOLD * turn, n);
        while (j + turn <= fold) {
            fetch(&ahead);
            const long long stop = least_of(j + step, fold);
            for (; j + turn <= stop; j += turn) {
                load_turn(x, j, v, dtype);
                add_powers(sums, v, quartic);
            }
        }
        if (j + turn <= n) {
            fold_sums(folded, sums, count);
        }
    }
    if (j < n) {
        load_last_turn(x, j, n - j, v, dtype);
        add_powers(sums, v, quartic);
    }
#pragma GCC unroll 4
    for (int i = 0; i < count; i++) {
        powers[i] = n <= FOLD * turn ? (double)vf_sum(sums[i]) : vd_sum(vd_add(folded[i], vd_widen(sums[i])));
    }
    *fetched = ahead;
}

/* p[0] + x p[1] + ... of a turn, in place. */
GATUN_INLINE void evaluate_turn(const vf *p, vf v[TURN], const int order) {
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        vf y = p[order];
#pragma GCC unroll 4
        for (int i = order - 1; i >= 0; i--) {
            y = vf_fma(y, v[k], p[i]);
        }
        v[k] = y;
    }
}

GATUN_INLINE void multiply_turn(vf v[TURN], const vf by[TURN]) {
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        v[k] = vf_mul(v[k], by[k]);
    }
}

/* `n` neighbours; nothing is fetched with a step of 0. */
GATUN_INLINE void apply_factors(const poly_norm_factors *factors, const void *x, const void *up, void *y, long long n,
                                long long step, fetcher *fetched, const int dtype, const bool gated,
                                const bool quartic) {
    const int order = quartic ? 4 : 3;
    const long long turn = TURN * VF_LANES;
    fetcher ahead = *fetched;
    vf p[GATUN_POLY_NORM_MAX_ORDER + 1], v[TURN], u[TURN];
    for (int i = 0; i <= order; i++) {
        p[i] = coefficient(factors->a[i]);
    }
    long long j = 0;
    while (j + turn <= n) {
        if (step > 0) {
            fetch(&ahead);
        }
        const long long stop = step > 0 ? least_of(j + step, n) : n;
        for (; j + turn <= stop; j += turn) {
            load_turn(x, j, v, dtype);
            evaluate_turn(p, v, order);
            if (gated) {
                load_turn(up, j, u, dtype);
                multiply_turn(v, u);
            }
            store_turn(y, j, v, dtype);
        }
    }
    if (j < n) {
        load_last_turn(x, j, n - j, v, dtype);
        evaluate_turn(p, v, order);
        if (gated) {
            load_last_turn(up, j, n - j, u, dtype);
            multiply_turn(v, u);
        }
        store_last_turn(y, j, n - j, v, dtype);
    }
    *fetched = ahead;
}

/* The loops of a type: of an order up to 3, and of order 4. */
typedef struct {
    void (*sum)(const void *x, long long n, long long step, double *powers, fetcher *fetched);
    void (*apply)(const poly_norm_factors *factors, const void *x, const void *up, void *y, long long n, long long step,
                  fetcher *fetched);
} poly_norm_loops;

GATUN_INLINE const void *row_of(const void *p, long long row, long long stride, int dtype) {
    return (const char *)p + row * stride * element_bytes(dtype);
}

/* The segments of columns [begin, end) of a row, where begin is a multiple of a segment. */
GATUN_INLINE poly_norm_sums sum_columns(const poly_norm_arguments *a, const poly_norm_loops *loops, long long row,
                                        long long begin, long long end, block_fetcher *ahead) {
    const char *x = row_of(a->x, row, a->x_stride, a->dtype);
    const long long step = fetch_step(a->columns, a->dtype);
    poly_norm_sums total = {{0}};
    for (; begin < end; begin += POLY_NORM_SEGMENT) {
        double powers[GATUN_POLY_NORM_MAX_ORDER] = {0};
        const char *at = x + begin * element_bytes(a->dtype);
        fetch_block(ahead, at);
        loops->sum(at, least_of(end - begin, POLY_NORM_SEGMENT), step, powers, &ahead->lines);
        for (int i = 0; i < GATUN_POLY_NORM_MAX_ORDER; i++) {
            total.power[i] += powers[i];
        }
    }
    return total;
}

GATUN_INLINE void apply_columns(const poly_norm_arguments *a, const poly_norm_loops *loops, long long row,
                                long long begin, long long end, const poly_norm_factors *factors, fetcher *ahead) {
    const long long bytes = element_bytes(a->dtype);
    const long long step = a->columns * bytes > FETCH_BLOCK ? 0 : fetch_step(a->columns, a->dtype);
    float buffer[OUTPUT_PIECE];
    for (long long n; begin < end; begin += n) {
        n = a->stream ? least_of(end - begin, OUTPUT_PIECE) : end - begin;
        void *y = (char *)a->y + (row * a->y_stride + begin) * bytes;
        const void *up = a->up ? (const char *)a->up + (row * a->up_stride + begin) * bytes : 0;
        loops->apply(factors, (const char *)a->x + (row * a->x_stride + begin) * bytes, up, a->stream ? buffer : y, n,
                     step, ahead);
        if (a->stream) {
            stream_bytes(y, buffer, n * bytes);
        }
    }
}

/* The factors of up to GROUP_ROWS rows; powers[p][k] is of row `row` + k. Writes rho, too. */
GATUN_INLINE void group_factors(const poly_norm_arguments *a, long long row, long long rows,
                                double powers[GATUN_POLY_NORM_MAX_ORDER][GROUP_ROWS], poly_norm_factors *factors) {
    for (long long k = 0; k < rows; k++) {
        factors[k] = (poly_norm_factors){.a = {a->coefficients[0]}};
    }
    const vd count = vd_set((double)a->columns), eps = vd_set((double)a->eps), one = vd_set(1);
    for (int p = 0; p < a->order; p++) {
        double rho[GROUP_ROWS];
        for (long long k = 0; k < rows; k += VF_LANES) {
            const vd denominator = vd_add(vd_div(vd_load(&powers[p][k]), count), eps);
            vd_store(&powers[p][k], denominator);
            vd_store(&rho[k], vd_div(one, vd_sqrt(denominator)));
        }
        for (long long k = 0; k < rows; k++) {
            const double factor = (double)a->coefficients[p + 1] * rho[k];
            factors[k].a[p + 1] = (float)factor;
            factors[k].exact |= !is_between(powers[p][k], LEAST_DENOMINATOR, (double)GREATEST_DENOMINATOR);
            if (a->rho) {
                a->rho[(row + k) * a->order + p] = (float)rho[k];
            }
        }
    }
}

GATUN_INLINE poly_norm_factors row_factors(const poly_norm_arguments *a, long long row, const poly_norm_sums *sums) {
    double powers[GATUN_POLY_NORM_MAX_ORDER][GROUP_ROWS] = {{0}};
    poly_norm_factors factors;
    for (int p = 0; p < a->order; p++) {
        powers[p][0] = sums->power[p];
    }
    group_factors(a, row, 1, powers, &factors);
    return factors;
}

/* Groups of rows: first the sums of all, then their factors, then the second pass over all. */
GATUN_INLINE void poly_norm_rows(const poly_norm_arguments *a, const poly_norm_loops *loops, long long begin,
                                 long long end) {
    const long long row_bytes = a->columns * element_bytes(a->dtype);
    const long long most = row_bytes > GROUP_BYTES ? 1 : least_of(GROUP_BYTES / row_bytes, GROUP_ROWS);
    const bool near = a->x_stride - a->columns <= a->columns / 8;
    block_fetcher ahead = fetch_blocks(row_of(a->x, begin, a->x_stride, a->dtype),
                                       row_of(a->x, end, a->x_stride, a->dtype), 0, a->prefetch && near);
    for (long long row = begin; row < end; row += most) {
        const long long rows = least_of(end - row, most);
        double powers[GATUN_POLY_NORM_MAX_ORDER][GROUP_ROWS] = {{0}};
        poly_norm_factors factors[GROUP_ROWS];
        for (long long k = 0; k < rows; k++) {
            const poly_norm_sums sums = sum_columns(a, loops, row + k, 0, a->columns, &ahead);
            for (int p = 0; p < a->order; p++) {
                powers[p][k] = sums.power[p];
            }
        }
        group_factors(a, row, rows, powers, factors);
        for (long long k = 0; k < rows; k++) {
            if (factors[k].exact) {
                poly_norm_exact(a, row + k);
            } else {
                apply_columns(a, loops, row + k, 0, a->columns, &factors[k], &ahead.lines);
            }
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

#define GATUN_POLY_NORM_LOOPS(suffix, dtype, is_gated, is_quartic)                                                    \
    static void sum_##suffix(const void *x, long long n, long long step, double *powers, fetcher *fetched) {          \
        sum_powers(x, n, step, powers, fetched, dtype, is_quartic);                                                   \
    }                                                                                                                 \
    static void apply_##suffix(const poly_norm_factors *factors, const void *x, const void *up, void *y, long long n, \
                               long long step, fetcher *fetched) {                                                    \
        apply_factors(factors, x, up, y, n, step, fetched, dtype, is_gated, is_quartic);                              \
    }

/* Defines the kernel `operation` of this level. */
#define GATUN_POLY_NORM_KERNEL(operation, is_gated)                                                           \
    GATUN_POLY_NORM_LOOPS(f32, GATUN_F32, is_gated, false)                                                    \
    GATUN_POLY_NORM_LOOPS(bf16, GATUN_BF16, is_gated, false)                                                  \
    GATUN_POLY_NORM_LOOPS(f16, GATUN_F16, is_gated, false)                                                    \
    GATUN_POLY_NORM_LOOPS(quartic_f32, GATUN_F32, is_gated, true)                                             \
    GATUN_POLY_NORM_LOOPS(quartic_bf16, GATUN_BF16, is_gated, true)                                           \
    GATUN_POLY_NORM_LOOPS(quartic_f16, GATUN_F16, is_gated, true)                                             \
    static const poly_norm_loops loops_of[2][3] = {                                                           \
        {{sum_f32, apply_f32}, {sum_bf16, apply_bf16}, {sum_f16, apply_f16}},                                 \
        {{sum_quartic_f32, apply_quartic_f32},                                                                \
         {sum_quartic_bf16, apply_quartic_bf16},                                                              \
         {sum_quartic_f16, apply_quartic_f16}}};                                                              \
    static void rows(const poly_norm_arguments *a, long long begin, long long end) {                          \
        poly_norm_rows(a, &loops_of[a->order == 4][a->dtype], begin, end);                                    \
    }                                                                                                         \
    static poly_norm_sums sums(const poly_norm_arguments *a, long long row, long long begin, long long end) { \
        block_fetcher nothing = {0};                                                                          \
        return sum_columns(a, &loops_of[a->order == 4][a->dtype], row, begin, end, &nothing);                 \
    }                                                                                                         \
    static poly_norm_factors factors(const poly_norm_arguments *a, long long row, const poly_norm_sums *of) { \
        return row_factors(a, row, of);                                                                       \
    }                                                                                                         \
    static void apply(const poly_norm_arguments *a, long long row, long long begin, long long end,            \
                      const poly_norm_factors *of) {                                                          \
        fetcher nothing = {0};                                                                                \
        apply_columns(a, &loops_of[a->order == 4][a->dtype], row, begin, end, of, &nothing);                  \
        if (a->stream) {                                                                                      \
            vf_stream_fence();                                                                                \
        }                                                                                                     \
    }                                                                                                         \
    const poly_norm_kernel GATUN_AT_LEVEL(operation) = {rows, sums, factors, apply};

#endif
