/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PolyNorm backward in the vector vocabulary; with `gated`, of its product with another tensor. Orders up to 3 share the
 * loops of order 3, with coefficients that are 0.
 */
#ifndef GATUN_POLY_NORM_BACKWARD_H
#define GATUN_POLY_NORM_BACKWARD_H

#include "poly_norm.h"

/* Powers of x in the sums: with those of the gradient, gradient[0] .. gradient[4], power[0] .. power[3]. */
#define GRADIENT_SUMS (GATUN_POLY_NORM_MAX_ORDER + 1)

/* g = dy, or dy * up. */
GATUN_INLINE void gate_turn(vf g[TURN], const vf up[TURN], const bool gated) {
    if (gated) {
        multiply_turn(g, up);
    }
}

/* Adds g x^p of a turn. */
GATUN_INLINE void add_gradients(vf sums[GRADIENT_SUMS], const vf g[TURN], const vf x[TURN], const bool quartic) {
    vf t[TURN];
    sums[0] = vf_add(sums[0], turn_sum(g));
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        t[k] = vf_mul(g[k], x[k]);
    }
    sums[1] = vf_add(sums[1], turn_sum(t));
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        t[k] = vf_mul(t[k], x[k]);
    }
    sums[2] = vf_add(sums[2], turn_sum(t));
    if (quartic) {
#pragma GCC unroll 4
        for (int k = 0; k < TURN; k++) {
            t[k] = vf_mul(t[k], x[k]);
        }
        sums[3] = vf_add(sums[3], turn_sum(t));
    }
    sums[quartic ? 4 : 3] = vf_add(sums[quartic ? 4 : 3], turn_dot(t, x));
}

/* What a pass reads and writes from a column on; up, dx and dup may be NULL. */
typedef struct {
    const char *dy, *x, *up;
    char *dx, *dup;
} gradient_rows;

/* The sums of `n` neighbours, at most a segment; those of powers where `powers` says so. */
GATUN_INLINE void sum_gradients(const gradient_rows *r, long long n, long long step, const bool powers,
                                poly_norm_gradient_sums *result, fetcher *fetched, const int dtype, const bool gated,
                                const bool quartic) {
    const int count = quartic ? 5 : 4;
    const long long turn = TURN * VF_LANES;
    const char *const dy = r->dy, *const x = r->x, *const up = r->up;
    fetcher ahead = *fetched;
    vd folded[GRADIENT_SUMS], folded_powers[GATUN_POLY_NORM_MAX_ORDER];
    vf sums[GRADIENT_SUMS], power_sums[GATUN_POLY_NORM_MAX_ORDER], g[TURN], v[TURN], u[TURN];
    for (int i = 0; i < GRADIENT_SUMS; i++) {
        folded[i] = vd_set(0);
        sums[i] = vf_zero();
    }
    for (int i = 0; i < GATUN_POLY_NORM_MAX_ORDER; i++) {
        folded_powers[i] = vd_set(0);
        power_sums[i] = vf_zero();
    }
    long long j = 0;
    while (j + turn <= n) {
        const long long fold = least_of(j + FOLD * turn, n);
        while (j + turn <= fold) {
            fetch(&ahead);
            const long long stop = least_of(j + step, fold);
            for (; j + turn <= stop; j += turn) {
                load_turn(dy, j, g, dtype);
                load_turn(x, j, v, dtype);
                if (gated) {
                    load_turn(up, j, u, dtype);
                }
                gate_turn(g, u, gated);
                add_gradients(sums, g, v, quartic);
                if (powers) {
                    add_powers(power_sums, v, quartic);
                }
            }
        }
        fold_sums(folded, sums, count);
        if (powers) {
            fold_sums(folded_powers, power_sums, count - 1);
        }
    }
    if (j < n) {
        load_last_turn(dy, j, n - j, g, dtype);
        load_last_turn(x, j, n - j, v, dtype);
        if (gated) {
            load_last_turn(up, j, n - j, u, dtype);
        }
        gate_turn(g, u, gated);
        add_gradients(sums, g, v, quartic);
        add_powers(power_sums, v, quartic);
        fold_sums(folded, sums, count);
        fold_sums(folded_powers, power_sums, count - 1);
    }
#pragma GCC unroll 5
    for (int i = 0; i < count; i++) {
        result->gradient[i] = vd_sum(folded[i]);
    }
    if (powers) {
#pragma GCC unroll 4
        for (int i = 0; i < count - 1; i++) {
            result->power[i] = vd_sum(folded_powers[i]);
        }
    }
    *fetched = ahead;
}

/* dx of a turn, in g: g (a[0] + a[1] x + ...) - x (b[0] + b[1] x^2 + ...). */
GATUN_INLINE void gradient_turn(const vf *a, const vf *b, vf g[TURN], const vf x[TURN], const int order) {
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        const vf q = vf_mul(x[k], x[k]);
        vf of_g = a[order - 1], of_x = b[order - 1];
#pragma GCC unroll 4
        for (int i = order - 2; i >= 0; i--) {
            of_g = vf_fma(of_g, x[k], a[i]);
            of_x = vf_fma(of_x, q, b[i]); /* b has the other sign */
        }
        g[k] = vf_fma(g[k], of_g, vf_mul(x[k], of_x));
    }
}

GATUN_INLINE void apply_gradients(const poly_norm_gradient_factors *factors, const gradient_rows *r, long long n,
                                  long long step, fetcher *fetched, const int dtype, const bool gated,
                                  const bool quartic) {
    const int order = quartic ? 4 : 3;
    const long long turn = TURN * VF_LANES;
    const char *const dy = r->dy, *const x = r->x, *const up = r->up;
    char *const dx = r->dx, *const dup = r->dup;
    fetcher ahead = *fetched;
    vf a[GATUN_POLY_NORM_MAX_ORDER], b[GATUN_POLY_NORM_MAX_ORDER], p[GATUN_POLY_NORM_MAX_ORDER + 1];
    vf g[TURN], v[TURN], u[TURN];
    for (int i = 0; i < order; i++) {
        a[i] = coefficient(factors->a[i]);
        b[i] = coefficient(-factors->b[i]);
    }
    for (int i = 0; gated && i <= order; i++) {
        p[i] = coefficient(factors->forward[i]);
    }
    long long j = 0;
    while (j < n) {
        if (step > 0) {
            fetch(&ahead);
        }
        const long long stop = step > 0 ? least_of(j + step, n) : n;
        do {
            const bool whole = j + turn <= n;
            if (whole) {
                load_turn(dy, j, g, dtype);
                load_turn(x, j, v, dtype);
                if (gated) {
                    load_turn(up, j, u, dtype);
                }
            } else {
                load_last_turn(dy, j, n - j, g, dtype);
                load_last_turn(x, j, n - j, v, dtype);
                if (gated) {
                    load_last_turn(up, j, n - j, u, dtype);
                }
            }
            vf value[TURN];
            if (gated) {
#pragma GCC unroll 4
                for (int k = 0; k < TURN; k++) {
                    value[k] = v[k];
                }
                evaluate_turn(p, value, order);
                multiply_turn(value, g);
            }
            gate_turn(g, u, gated);
            gradient_turn(a, b, g, v, order);
            if (whole) {
                if (dx) {
                    store_turn(dx, j, g, dtype);
                }
                if (gated && dup) {
                    store_turn(dup, j, value, dtype);
                }
            } else {
                if (dx) {
                    store_last_turn(dx, j, n - j, g, dtype);
                }
                if (gated && dup) {
                    store_last_turn(dup, j, n - j, value, dtype);
                }
            }
            j += turn;
        } while (j < stop);
    }
    *fetched = ahead;
}

typedef struct {
    void (*sum)(const gradient_rows *r, long long n, long long step, bool powers, poly_norm_gradient_sums *result,
                fetcher *fetched);
    void (*apply)(const poly_norm_gradient_factors *factors, const gradient_rows *r, long long n, long long step,
                  fetcher *fetched);
} poly_norm_gradient_loops;

/* The rows of a call from column `begin` on. */
GATUN_INLINE gradient_rows gradient_rows_of(const poly_norm_backward_arguments *a, long long row, long long begin) {
    const long long bytes = element_bytes(a->dtype);
    return (gradient_rows){
        (const char *)a->dy + (row * a->dy_stride + begin) * bytes,
        (const char *)a->x + (row * a->x_stride + begin) * bytes,
        a->up ? (const char *)a->up + (row * a->up_stride + begin) * bytes : 0,
        a->dx ? (char *)a->dx + (row * a->dx_stride + begin) * bytes : 0,
        a->dup ? (char *)a->dup + (row * a->dup_stride + begin) * bytes : 0,
    };
}

GATUN_INLINE poly_norm_gradient_sums sum_gradient_columns(const poly_norm_backward_arguments *a,
                                                          const poly_norm_gradient_loops *loops, long long row,
                                                          long long begin, long long end, block_fetcher *ahead) {
    const long long step = fetch_step(a->columns, a->dtype);
    poly_norm_gradient_sums total = {{0}, {0}};
    for (; begin < end; begin += POLY_NORM_SEGMENT) {
        poly_norm_gradient_sums part = {{0}, {0}};
        const gradient_rows r = gradient_rows_of(a, row, begin);
        fetch_block(ahead, r.x);
        loops->sum(&r, least_of(end - begin, POLY_NORM_SEGMENT), step, a->rho == 0, &part, &ahead->lines);
        for (int i = 0; i < GRADIENT_SUMS; i++) {
            total.gradient[i] += part.gradient[i];
        }
        for (int i = 0; i < GATUN_POLY_NORM_MAX_ORDER; i++) {
            total.power[i] += part.power[i];
        }
    }
    return total;
}

GATUN_INLINE void apply_gradient_columns(const poly_norm_backward_arguments *a, const poly_norm_gradient_loops *loops,
                                         long long row, long long begin, long long end,
                                         const poly_norm_gradient_factors *factors, fetcher *ahead) {
    const long long bytes = element_bytes(a->dtype);
    const long long step = a->columns * bytes > FETCH_BLOCK ? 0 : fetch_step(a->columns, a->dtype);
    float buffer[OUTPUT_PIECE];
    for (long long n; begin < end; begin += n) {
        gradient_rows r = gradient_rows_of(a, row, begin);
        char *const dx = r.dx;
        n = a->stream ? least_of(end - begin, OUTPUT_PIECE) : end - begin;
        if (a->stream) {
            r.dx = (char *)buffer;
        }
        loops->apply(factors, &r, n, step, ahead);
        if (a->stream) {
            stream_bytes(dx, buffer, n * bytes);
        }
    }
}

/* The factors of up to GROUP_ROWS rows. */
GATUN_INLINE void group_gradient_factors(const poly_norm_backward_arguments *a, long long row, long long rows,
                                         const poly_norm_gradient_sums *sums, poly_norm_gradient_factors *factors) {
    const double count = (double)a->columns;
    for (long long k = 0; k < rows; k++) {
        factors[k] = (poly_norm_gradient_factors){.forward = {a->coefficients[0]}, .share = {sums[k].gradient[0]}};
    }
    for (int p = 0; p < a->order; p++) {
        double denominators[GROUP_ROWS] = {0}, rho[GROUP_ROWS];
        for (long long k = 0; k < rows; k++) {
            denominators[k] = sums[k].power[p];
        }
        for (long long k = 0; a->rho == 0 && k < rows; k += VF_LANES) {
            const vd mean = vd_div(vd_load(&denominators[k]), vd_set(count));
            const vd denominator = vd_add(mean, vd_set((double)a->eps));
            vd_store(&denominators[k], denominator);
            vd_store(&rho[k], vd_div(vd_set(1), vd_sqrt(denominator)));
        }
        for (long long k = 0; k < rows; k++) {
            if (a->rho) {
                rho[k] = (double)a->rho[(row + k) * a->order + p];
                denominators[k] = 1 / (rho[k] * rho[k]);
            }
            const double reciprocal = rho[k], factor = (double)a->coefficients[p + 1] * reciprocal;
            const double of_g = factor * (p + 1);
            const double of_x = of_g * reciprocal * reciprocal * (sums[k].gradient[p + 1] / count);
            factors[k].forward[p + 1] = (float)factor;
            factors[k].a[p] = (float)of_g;
            factors[k].b[p] = (float)of_x;
            factors[k].share[p + 1] = reciprocal * sums[k].gradient[p + 1];
            factors[k].exact |= !is_between(denominators[k], LEAST_DENOMINATOR, GREATEST_GRADIENT_DENOMINATOR) ||
                                !is_float(of_g) || !is_float(of_x);
        }
    }
}

GATUN_INLINE void poly_norm_gradient_rows(const poly_norm_backward_arguments *a, const poly_norm_gradient_loops *loops,
                                          long long begin, long long end, double *coefficients) {
    const long long row_bytes = 2 * a->columns * element_bytes(a->dtype);
    const long long most = row_bytes > GROUP_BYTES ? 1 : least_of(GROUP_BYTES / row_bytes, GROUP_ROWS);
    const bool near = a->x_stride - a->columns <= a->columns / 8 && a->dy_stride == a->x_stride;
    block_fetcher ahead =
        fetch_blocks(row_of(a->x, begin, a->x_stride, a->dtype), row_of(a->x, end, a->x_stride, a->dtype),
                     (long long)((uintptr_t)a->dy - (uintptr_t)a->x), a->prefetch && near);
    for (long long row = begin; row < end; row += most) {
        const long long rows = least_of(end - row, most);
        poly_norm_gradient_sums sums[GROUP_ROWS];
        poly_norm_gradient_factors factors[GROUP_ROWS];
        for (long long k = 0; k < rows; k++) {
            sums[k] = sum_gradient_columns(a, loops, row + k, 0, a->columns, &ahead);
        }
        group_gradient_factors(a, row, rows, sums, factors);
        for (long long k = 0; k < rows; k++) {
            if (factors[k].exact) {
                poly_norm_backward_exact(a, row + k, coefficients);
                continue;
            }
            for (int p = 0; coefficients && p <= a->order; p++) {
                coefficients[p] += factors[k].share[p];
            }
            if (a->dx || a->dup) {
                apply_gradient_columns(a, loops, row + k, 0, a->columns, &factors[k], &ahead.lines);
            }
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

#define GATUN_POLY_NORM_GRADIENT_LOOPS(suffix, dtype, is_gated, is_quartic)                                 \
    static void sum_gradients_##suffix(const gradient_rows *r, long long n, long long step, bool powers,    \
                                       poly_norm_gradient_sums *result, fetcher *fetched) {                 \
        if (powers) {                                                                                       \
            sum_gradients(r, n, step, true, result, fetched, dtype, is_gated, is_quartic);                  \
        } else {                                                                                            \
            sum_gradients(r, n, step, false, result, fetched, dtype, is_gated, is_quartic);                 \
        }                                                                                                   \
    }                                                                                                       \
    static void apply_gradients_##suffix(const poly_norm_gradient_factors *factors, const gradient_rows *r, \
                                         long long n, long long step, fetcher *fetched) {                   \
        apply_gradients(factors, r, n, step, fetched, dtype, is_gated, is_quartic);                         \
    }

/* Defines the kernel `operation` of this level. */
#define GATUN_POLY_NORM_BACKWARD_KERNEL(operation, is_gated)                                                        \
    GATUN_POLY_NORM_GRADIENT_LOOPS(f32, GATUN_F32, is_gated, false)                                                 \
    GATUN_POLY_NORM_GRADIENT_LOOPS(bf16, GATUN_BF16, is_gated, false)                                               \
    GATUN_POLY_NORM_GRADIENT_LOOPS(f16, GATUN_F16, is_gated, false)                                                 \
    GATUN_POLY_NORM_GRADIENT_LOOPS(quartic_f32, GATUN_F32, is_gated, true)                                          \
    GATUN_POLY_NORM_GRADIENT_LOOPS(quartic_bf16, GATUN_BF16, is_gated, true)                                        \
    GATUN_POLY_NORM_GRADIENT_LOOPS(quartic_f16, GATUN_F16, is_gated, true)                                          \
    static const poly_norm_gradient_loops loops_of[2][3] = {                                                        \
        {{sum_gradients_f32, apply_gradients_f32},                                                                  \
         {sum_gradients_bf16, apply_gradients_bf16},                                                                \
         {sum_gradients_f16, apply_gradients_f16}},                                                                 \
        {{sum_gradients_quartic_f32, apply_gradients_quartic_f32},                                                  \
         {sum_gradients_quartic_bf16, apply_gradients_quartic_bf16},                                                \
         {sum_gradients_quartic_f16, apply_gradients_quartic_f16}}};                                                \
    static void rows(const poly_norm_backward_arguments *a, long long begin, long long end, double *coefficients) { \
        poly_norm_gradient_rows(a, &loops_of[a->order == 4][a->dtype], begin, end, coefficients);                   \
    }                                                                                                               \
    static poly_norm_gradient_sums sums(const poly_norm_backward_arguments *a, long long row, long long begin,      \
                                        long long end) {                                                            \
        block_fetcher nothing = {0};                                                                                \
        return sum_gradient_columns(a, &loops_of[a->order == 4][a->dtype], row, begin, end, &nothing);              \
    }                                                                                                               \
    static poly_norm_gradient_factors factors(const poly_norm_backward_arguments *a, long long row,                 \
                                              const poly_norm_gradient_sums *of) {                                  \
        poly_norm_gradient_factors result;                                                                          \
        group_gradient_factors(a, row, 1, of, &result);                                                             \
        return result;                                                                                              \
    }                                                                                                               \
    static void apply(const poly_norm_backward_arguments *a, long long row, long long begin, long long end,         \
                      const poly_norm_gradient_factors *of) {                                                       \
        fetcher nothing = {0};                                                                                      \
        apply_gradient_columns(a, &loops_of[a->order == 4][a->dtype], row, begin, end, of, &nothing);               \
        if (a->stream) {                                                                                            \
            vf_stream_fence();                                                                                      \
        }                                                                                                           \
    }                                                                                                               \
    const poly_norm_backward_kernel GATUN_AT_LEVEL(operation) = {rows, sums, factors, apply};

#endif
