/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group rational activation backward, in the vector vocabulary. Of some rows and the columns of a group, a first sweep
 * makes dx, and puts aside x, h = dy / Q and u = h F s, with s the sign of the denominator's sum where it has one; a
 * second sweep takes the sums of h x^i and u |x|^j or u x^j. One sweep would need more registers than there are.
 */
#include "rational.h"

/* Elements between the sweeps: they stay in the level-1 cache. */
#define TILE 1024

/* Turns of the second sweep whose sums are added in float32, before they are added to those of the tile. */
#define FOLD_TURNS 8

/* The sums of a unit, as vectors, with room for those that are summed eight at a time. */
#define SUM_VECTORS (RATIONAL_SUMS + 7)

/* What lies between the sweeps; with room for a vector that begins with the last element, and for zeros behind it. */
typedef struct {
    float x[TILE + TURN * VF_LANES], h[TILE + TURN * VF_LANES], u[TILE + TURN * VF_LANES];
    long long filled;
} tile;

/* Coefficients of a group and of the derivatives. */
typedef struct {
    rational_coefficients of;
    vf da[GATUN_POLYNOMIAL_MAX_ORDER], db[GATUN_POLYNOMIAL_MAX_ORDER];
} gradient_coefficients;

GATUN_INLINE gradient_coefficients derivatives_of(const rational_arguments *a, long long group, const int m,
                                                  const int n, const bool terms, const int dtype) {
    gradient_coefficients c;
    c.of = coefficients_of(a, group, m, n, terms, dtype);
    for (int i = 1; i <= m; i++) {
        c.da[i - 1] = vf_mul(vf_set((float)i), c.of.a[i]);
    }
    for (int j = 1; j <= n; j++) {
        c.db[j - 1] = vf_mul(vf_set((float)j), c.of.b[j - 1]);
    }
    return c;
}

/* From `count` vectors g and x: dx in g, and h and u. */
GATUN_INLINE void gradient(const gradient_coefficients *c, const int m, const int n, const bool terms, vf *g,
                           const vf *x, vf *h, vf *u, const int count) {
    vf base[2], p[2], s[2], q[2], dp[2], ds[2];
#pragma GCC unroll 2
    for (int k = 0; k < count; k++) {
        base[k] = terms ? vf_abs(x[k]) : x[k];
    }
    denominator(c->of.b, n, terms, base, s, q, count);
    horner(c->of.a, m, x, p, count);
    horner(c->da, m - 1, x, dp, count);
    horner(c->db, n - 1, base, ds, count);
#pragma GCC unroll 2
    for (int k = 0; k < count; k++) {
        const vf reciprocal = vf_div(vf_set(1), q[k]);
        const vm negative = vf_less(terms ? x[k] : s[k], vf_zero()); /* not for -0 */
        h[k] = vf_mul(g[k], reciprocal);
        const vf product = vf_mul(h[k], vf_mul(p[k], reciprocal)), signed_product = vf_flip(negative, product);
        g[k] = vf_sub(vf_mul(h[k], dp[k]), vf_mul(signed_product, ds[k]));
        u[k] = terms ? product : signed_product;
    }
}

/* The first sweep over `n` columns. dx may be NULL. */
GATUN_INLINE void first_sweep(const gradient_coefficients *c, const int m, const int d, const bool terms,
                              const void *dy, const void *x, void *dx, long long n, tile *t, const int dtype) {
    float *const tx = t->x + t->filled, *const th = t->h + t->filled, *const tu = t->u + t->filled;
    vf g[2], v[2], h[2], u[2];
    long long j = 0;
    for (; j + 2 * VF_LANES <= n; j += 2 * VF_LANES) {
        load_pair(dy, j, g, dtype);
        load_pair(x, j, v, dtype);
        gradient(c, m, d, terms, g, v, h, u, 2);
        if (dx) {
            store_pair(dx, j, g, dtype);
        }
#pragma GCC unroll 2
        for (int k = 0; k < 2; k++) {
            vf_store(tx + j + k * VF_LANES, v[k]);
            vf_store(th + j + k * VF_LANES, h[k]);
            vf_store(tu + j + k * VF_LANES, u[k]);
        }
    }
    for (; j < n; j += VF_LANES) {
        const int lanes = lanes_left(n - j, 0);
        g[0] = load_lanes(dy, j, lanes, lanes == VF_LANES, dtype);
        v[0] = load_lanes(x, j, lanes, lanes == VF_LANES, dtype);
        gradient(c, m, d, terms, g, v, h, u, 1);
        if (dx) {
            store_lanes(dx, j, g[0], lanes, lanes == VF_LANES, dtype, false);
        }
        vf_store(tx + j, v[0]);
        vf_store(th + j, h[0]);
        vf_store(tu + j, u[0]);
    }
    t->filled += n;
}

GATUN_INLINE void moment_step(vf *sum, vf t[TURN], const vf x[TURN]) {
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        t[k] = vf_mul(t[k], x[k]);
    }
    *sum = vf_add(*sum, turn_sum(t));
}

/* Adds the sums of t, t x, ... t x^(count - 1) of a turn. */
GATUN_INLINE void add_moments(vf *sums, const int count, vf t[TURN], const vf x[TURN]) {
    sums[0] = vf_add(sums[0], turn_sum(t));
    if (__builtin_constant_p(count)) {
#pragma GCC unroll 8
        for (int i = 1; i < count; i++) {
            moment_step(&sums[i], t, x);
        }
        return;
    }
    for (int i = 1; i < count; i++) {
        moment_step(&sums[i], t, x);
    }
}

/* v = 0, or v += w, for `count` vectors: without a loop where it is a constant. */
GATUN_INLINE void clear_sums(vf *v, const int count) {
    if (__builtin_constant_p(count)) {
#pragma GCC unroll 16
        for (int i = 0; i < count; i++) {
            v[i] = vf_zero();
        }
        return;
    }
    for (int i = 0; i < count; i++) {
        v[i] = vf_zero();
    }
}
GATUN_INLINE void add_sums(vf *v, const vf *w, const int count) {
    if (__builtin_constant_p(count)) {
#pragma GCC unroll 16
        for (int i = 0; i < count; i++) {
            v[i] = vf_add(v[i], w[i]);
        }
        return;
    }
    for (int i = 0; i < count; i++) {
        v[i] = vf_add(v[i], w[i]);
    }
}

/* The second sweep: adds the sums of the tile, and empties it. */
GATUN_INLINE void second_sweep(tile *t, const int m, const int n, const bool terms, double *sums) {
    const int count = m + 1 + n;
    const long long turn = TURN * VF_LANES, filled = t->filled;
    vf folded[SUM_VECTORS], running[RATIONAL_SUMS], v[TURN], w[TURN];
    for (long long j = filled; j % turn != 0; j += VF_LANES - j % VF_LANES) {
        vf_store(t->x + j, vf_zero());
        vf_store(t->h + j, vf_zero());
        vf_store(t->u + j, vf_zero());
    }
    clear_sums(folded, (count + 7) / 8 * 8);
    for (long long j = 0; j < filled;) {
        const long long fold = least_of(j + FOLD_TURNS * turn, filled);
        clear_sums(running, count);
        for (; j < fold; j += turn) {
            load_turn(t->x, j, v, GATUN_F32);
            load_turn(t->h, j, w, GATUN_F32);
            add_moments(running, m + 1, w, v);
            load_turn(t->u, j, w, GATUN_F32);
#pragma GCC unroll 4
            for (int k = 0; k < TURN; k++) {
                v[k] = terms ? vf_abs(v[k]) : v[k];
                w[k] = vf_mul(w[k], v[k]);
            }
            add_moments(running + m + 1, n, w, v);
        }
        add_sums(folded, running, count);
    }
    float totals[SUM_VECTORS];
    for (int i = 0; i < count; i += 8) {
        vf_sum_each(folded + i, totals + i);
    }
    for (int i = 0; i < count; i++) {
        sums[i] += (double)totals[i];
    }
    t->filled = 0;
}

/* A part of a group's columns in some rows; `sums` may be NULL. */
typedef void gradient_function(const rational_arguments *a, long long group, long long begin, long long end,
                               long long first, long long last, double *sums);

GATUN_INLINE void gradient_run(const rational_arguments *a, long long group, long long begin, long long end,
                               long long first, long long last, double *sums, const int dtype, const int m, const int n,
                               const bool terms) {
    const long long bytes = element_bytes(dtype);
    const gradient_coefficients c = derivatives_of(a, group, m, n, terms, dtype);
    tile t;
    t.filled = 0;
    for (long long row = begin; row < end; row++) {
        for (long long column = first, count; column < last; column += count) {
            count = least_of(last - column, TILE - t.filled);
            const void *dy = (const char *)a->dy + (row * a->dy_stride + column) * bytes;
            const void *x = (const char *)a->x + (row * a->x_stride + column) * bytes;
            void *dx = a->dx ? (char *)a->dx + (row * a->dx_stride + column) * bytes : 0;
            first_sweep(&c, m, n, terms, dy, x, dx, count, &t, dtype);
            if (!sums) {
                t.filled = 0;
            } else if (t.filled == TILE) {
                second_sweep(&t, m, n, terms, sums);
            }
        }
    }
    if (t.filled > 0) {
        second_sweep(&t, m, n, terms, sums);
    }
}

#define GRADIENT_RUN(name, dtype, m, n, terms)                                                                      \
    static void name(const rational_arguments *a, long long group, long long begin, long long end, long long first, \
                     long long last, double *sums) {                                                                \
        gradient_run(a, group, begin, end, first, last, sums, dtype, m, n, terms);                                  \
    }
#define GRADIENT_RUNS(suffix, dtype)                                            \
    GRADIENT_RUN(terms_##suffix, dtype, FAST_NUMERATOR, FAST_DENOMINATOR, true) \
    GRADIENT_RUN(sum_##suffix, dtype, FAST_NUMERATOR, FAST_DENOMINATOR, false)  \
    GRADIENT_RUN(any_##suffix, dtype, a->numerator_degree, a->denominator_degree, a->form == GATUN_DENOMINATOR_TERMS)
GRADIENT_RUNS(f32, GATUN_F32)
GRADIENT_RUNS(bf16, GATUN_BF16)
GRADIENT_RUNS(f16, GATUN_F16)

static gradient_function *function_of(const rational_arguments *a) {
    static gradient_function *const functions[3][3] = {
        {terms_f32, sum_f32, any_f32}, {terms_bf16, sum_bf16, any_bf16}, {terms_f16, sum_f16, any_f16}};
    const bool fast = a->numerator_degree == FAST_NUMERATOR && a->denominator_degree == FAST_DENOMINATOR;
    return functions[a->dtype][!fast ? 2 : a->form == GATUN_DENOMINATOR_TERMS ? 0 : 1];
}

static void rows(const rational_arguments *a, long long begin, long long end, long long first_unit, long long last_unit,
                 double *sums) {
    gradient_function *const run = function_of(a);
    const long long width = a->columns / a->groups, units = units_of_group(a);
    const int count = a->numerator_degree + 1 + a->denominator_degree;
    for (long long row = begin; row < end; row += GATUN_BACKWARD_PIECE_ROWS) {
        const long long stop = least_of(row + GATUN_BACKWARD_PIECE_ROWS, end);
        for (long long unit = first_unit; unit < last_unit; unit++) {
            const long long group = unit / units, first = unit % units * RATIONAL_UNIT;
            const long long last = least_of(first + RATIONAL_UNIT, width);
            run(a, group, row, stop, group * width + first, group * width + last, sums ? sums + unit * count : 0);
        }
    }
}

const rational_backward_kernel GATUN_AT_LEVEL(rational_backward) = {rows};
