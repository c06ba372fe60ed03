/* SPDX-License-Identifier: Apache-2.0 */
/* The group rational activation forward, in the vector vocabulary. */
#include "rational.h"

/* Results that bypass the caches are made in a buffer of so many elements. */
#define OUTPUT_PIECE 4096

/* y of `count` vectors x, in place. */
GATUN_INLINE void evaluate(const rational_coefficients *c, const int m, const int n, const bool terms, vf *v,
                           const int count) {
    vf p[TURN], s[TURN], q[TURN], base[TURN];
#pragma GCC unroll 4
    for (int k = 0; k < count; k++) {
        base[k] = terms ? vf_abs(v[k]) : v[k];
    }
    horner(c->a, m, v, p, count);
    denominator(c->b, n, terms, base, s, q, count);
#pragma GCC unroll 4
    for (int k = 0; k < count; k++) {
        v[k] = vf_div(p[k], q[k]);
    }
}

/* `n` columns of a group. */
GATUN_INLINE void rational_run(const rational_coefficients *c, const int m, const int d, const bool terms,
                               const void *x, void *y, long long n, fetcher *fetched, const int dtype) {
    const long long turn = TURN * VF_LANES, step = FETCH_STREAMS * LINE_BYTES / element_bytes(dtype) / turn * turn;
    fetcher ahead = *fetched;
    vf v[TURN];
    long long j = 0;
    while (j + turn <= n) {
        fetch(&ahead);
        const long long stop = least_of(j + step, n);
        for (; j + turn <= stop; j += turn) {
            load_turn(x, j, v, dtype);
            evaluate(c, m, d, terms, v, TURN);
            store_turn(y, j, v, dtype);
        }
    }
    for (; j < n; j += VF_LANES) {
        const int lanes = lanes_left(n - j, 0);
        v[0] = load_lanes(x, j, lanes, lanes == VF_LANES, dtype);
        evaluate(c, m, d, terms, v, 1);
        store_lanes(y, j, v[0], lanes, lanes == VF_LANES, dtype, false);
    }
    *fetched = ahead;
}

/* The columns of a group in a row, or some of them. */
typedef void rational_function(const rational_arguments *a, long long group, const void *x, void *y, long long n,
                               fetcher *fetched);

#define RATIONAL_RUN(name, dtype, m, d, terms)                                                                        \
    static void name(const rational_arguments *a, long long group, const void *x, void *y, long long n, fetcher *f) { \
        const rational_coefficients c = coefficients_of(a, group, m, d, terms, dtype);                                \
        rational_run(&c, m, d, terms, x, y, n, f, dtype);                                                             \
    }
#define RATIONAL_RUNS(suffix, dtype)                                            \
    RATIONAL_RUN(terms_##suffix, dtype, FAST_NUMERATOR, FAST_DENOMINATOR, true) \
    RATIONAL_RUN(sum_##suffix, dtype, FAST_NUMERATOR, FAST_DENOMINATOR, false)  \
    RATIONAL_RUN(any_##suffix, dtype, a->numerator_degree, a->denominator_degree, a->form == GATUN_DENOMINATOR_TERMS)
RATIONAL_RUNS(f32, GATUN_F32)
RATIONAL_RUNS(bf16, GATUN_BF16)
RATIONAL_RUNS(f16, GATUN_F16)

static rational_function *function_of(const rational_arguments *a) {
    static rational_function *const functions[3][3] = {
        {terms_f32, sum_f32, any_f32}, {terms_bf16, sum_bf16, any_bf16}, {terms_f16, sum_f16, any_f16}};
    const bool fast = a->numerator_degree == FAST_NUMERATOR && a->denominator_degree == FAST_DENOMINATOR;
    return functions[a->dtype][!fast ? 2 : a->form == GATUN_DENOMINATOR_TERMS ? 0 : 1];
}

static void rows(const rational_arguments *a, long long begin, long long end) {
    rational_function *const run = function_of(a);
    const long long bytes = element_bytes(a->dtype), width = a->columns / a->groups;
    const bool near = a->x_stride - a->columns <= a->columns / 8;
    block_fetcher ahead = fetch_blocks((const char *)a->x + begin * a->x_stride * bytes,
                                       (const char *)a->x + end * a->x_stride * bytes, 0, a->prefetch && near);
    float buffer[OUTPUT_PIECE];
    for (long long row = begin; row < end; row++) {
        const char *x = (const char *)a->x + row * a->x_stride * bytes;
        char *y = (char *)a->y + row * a->y_stride * bytes;
        for (long long first = 0; first < a->columns; first += OUTPUT_PIECE) {
            const long long last = least_of(first + OUTPUT_PIECE, a->columns);
            char *const to = a->stream ? (char *)buffer : y + first * bytes;
            fetch_block(&ahead, x + first * bytes);
            for (long long column = first; column < last;) {
                const long long group = column / width, stop = least_of((group + 1) * width, last);
                run(a, group, x + column * bytes, to + (column - first) * bytes, stop - column, &ahead.lines);
                column = stop;
            }
            if (a->stream) {
                stream_bytes(y + first * bytes, buffer, (last - first) * bytes);
            }
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

const rational_kernel GATUN_AT_LEVEL(rational) = {rows};
