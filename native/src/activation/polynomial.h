/* SPDX-License-Identifier: Apache-2.0 */
/* The element-wise polynomials in the vector vocabulary: of x, or of z = max(x, 0) where `relu` says so. */
#ifndef GATUN_POLYNOMIAL_FORWARD_H
#define GATUN_POLYNOMIAL_FORWARD_H

#include "activation_kernels.h"
#include "turns.h"

/* The order with a loop of its own, whose coefficients stay in registers. */
#define FAST_ORDER 3

/* The coefficients, as vectors. */
typedef struct {
    int order;
    vf a[GATUN_POLYNOMIAL_MAX_ORDER + 1];
} polynomial;

GATUN_INLINE polynomial polynomial_of(const float *coefficients, int order) {
    polynomial p = {.order = order};
    for (int i = 0; i <= order; i++) {
        p.a[i] = vf_set(coefficients[i]);
    }
    return p;
}

GATUN_INLINE polynomial derivative_of(const float *coefficients, int order) {
    polynomial p = {.order = order - 1};
    for (int i = 1; i <= order; i++) {
        p.a[i - 1] = vf_set((float)i * coefficients[i]);
    }
    return p;
}

/* What the polynomial is of. */
GATUN_INLINE void base_turn(const vf x[TURN], vf z[TURN], const bool relu) {
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        z[k] = relu ? vf_max(vf_zero(), x[k]) : x[k]; /* in this order NaN stays NaN */
    }
}

/* The polynomial of a turn, in place. Where the order is a constant there is no loop over coefficients. */
GATUN_INLINE void horner_turn(const polynomial *p, vf z[TURN], const int order) {
    if (__builtin_constant_p(order)) {
#pragma GCC unroll 4
        for (int k = 0; k < TURN; k++) {
            vf y = p->a[order];
#pragma GCC unroll 4
            for (int i = order - 1; i >= 0; i--) {
                y = vf_fma(y, z[k], p->a[i]);
            }
            z[k] = y;
        }
        return;
    }
    vf y[TURN];
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        y[k] = p->a[order];
    }
    for (int i = order - 1; i >= 0; i--) {
#pragma GCC unroll 4
        for (int k = 0; k < TURN; k++) {
            y[k] = vf_fma(y[k], z[k], p->a[i]);
        }
    }
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        z[k] = y[k];
    }
}

/* `n` neighbouring elements. A streaming form is called with whole lines only. */
GATUN_INLINE void polynomial_run(const float *coefficients, int order, const void *x, void *y, long long n,
                                 fetcher *fetched, const int dtype, const bool relu, const bool fast,
                                 const bool stream) {
    const polynomial p = polynomial_of(coefficients, fast ? FAST_ORDER : order);
    const long long turn = TURN * VF_LANES;
    const long long step = FETCH_STREAMS * LINE_BYTES / element_bytes(dtype) / turn * turn;
    fetcher ahead = *fetched;
    vf v[TURN];
    long long j = 0;
    while (j + turn <= n) {
        fetch(&ahead);
        const long long stop = j + step < n ? j + step : n;
        for (; j + turn <= stop; j += turn) {
            load_turn(x, j, v, dtype);
            base_turn(v, v, relu);
            horner_turn(&p, v, fast ? FAST_ORDER : order);
            store_turn(y, j, v, dtype, stream);
        }
    }
    if (j < n) {
        load_last_turn(x, j, n - j, v, dtype);
        base_turn(v, v, relu);
        horner_turn(&p, v, fast ? FAST_ORDER : order);
        store_last_turn(y, j, n - j, v, dtype);
    }
    *fetched = ahead;
}

/* The run of a type and order, with plain and with streaming stores. */
typedef void polynomial_function(const float *coefficients, int order, const void *x, void *y, long long n,
                                 fetcher *fetched);

/* The elements of a row, or of a part of it: where it streams, whole lines bypass the caches, and the ends are plain. */
GATUN_INLINE void polynomial_segment(const polynomial_arguments *a, const char *x, char *y, long long n, fetcher *ahead,
                                     const int dtype, polynomial_function *plain, polynomial_function *streaming) {
    const long long bytes = element_bytes(dtype), line = LINE_BYTES / bytes;
    if (a->stream && n >= 2 * line) {
        const long long lead = lead_of(y, dtype), whole = (n - lead) / line * line;
        if (lead > 0) {
            plain(a->coefficients, a->order, x, y, lead, ahead);
        }
        streaming(a->coefficients, a->order, x + lead * bytes, y + lead * bytes, whole, ahead);
        const long long done = lead + whole;
        x += done * bytes;
        y += done * bytes;
        n -= done;
    }
    if (n > 0) {
        plain(a->coefficients, a->order, x, y, n, ahead);
    }
}

GATUN_INLINE void polynomial_elements(const polynomial_arguments *a, long long begin, long long end, const int dtype,
                                      polynomial_function *const runs[2][2]) {
    const long long bytes = element_bytes(dtype);
    polynomial_function *const *run = runs[a->order == FAST_ORDER];
    long long row = begin / a->columns, column = begin % a->columns;
    const char *x = (const char *)a->x + (row * a->x_stride + column) * bytes;
    char *y = (char *)a->y + (row * a->y_stride + column) * bytes;
    const long long last = end - 1, last_at = last / a->columns * a->x_stride + last % a->columns;
    block_fetcher ahead = fetch_blocks(x, (const char *)a->x + last_at * bytes, 0, a->prefetch);
    while (begin < end) {
        const long long left = least_of(end - begin, a->columns - column);
        const long long n = least_of(left, FETCH_BLOCK / bytes);
        fetch_block(&ahead, x);
        polynomial_segment(a, x, y, n, &ahead.lines, dtype, run[0], run[1]);
        begin += n;
        column += n;
        x += n * bytes;
        y += n * bytes;
        if (column == a->columns) {
            column = 0;
            x += (a->x_stride - a->columns) * bytes;
            y += (a->y_stride - a->columns) * bytes;
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

#define GATUN_POLYNOMIAL_RUN(name, dtype, is_relu, is_fast, is_stream)                                            \
    static void name(const float *coefficients, int order, const void *x, void *y, long long n, fetcher *ahead) { \
        polynomial_run(coefficients, order, x, y, n, ahead, dtype, is_relu, is_fast, is_stream);                  \
    }
#define GATUN_POLYNOMIAL_RUNS(suffix, dtype, is_relu)                                         \
    GATUN_POLYNOMIAL_RUN(run_##suffix, dtype, is_relu, false, false)                          \
    GATUN_POLYNOMIAL_RUN(stream_##suffix, dtype, is_relu, false, true)                        \
    GATUN_POLYNOMIAL_RUN(fast_##suffix, dtype, is_relu, true, false)                          \
    GATUN_POLYNOMIAL_RUN(fast_stream_##suffix, dtype, is_relu, true, true)                    \
    static polynomial_function *const runs_##suffix[2][2] = {{run_##suffix, stream_##suffix}, \
                                                             {fast_##suffix, fast_stream_##suffix}};

/* Defines the kernel `operation` of this level. */
#define GATUN_POLYNOMIAL_KERNEL(operation, is_relu)                                       \
    GATUN_POLYNOMIAL_RUNS(f32, GATUN_F32, is_relu)                                        \
    GATUN_POLYNOMIAL_RUNS(bf16, GATUN_BF16, is_relu)                                      \
    GATUN_POLYNOMIAL_RUNS(f16, GATUN_F16, is_relu)                                        \
    static void elements(const polynomial_arguments *a, long long begin, long long end) { \
        switch (a->dtype) {                                                               \
        case GATUN_BF16:                                                                  \
            polynomial_elements(a, begin, end, GATUN_BF16, runs_bf16);                    \
            break;                                                                        \
        case GATUN_F16:                                                                   \
            polynomial_elements(a, begin, end, GATUN_F16, runs_f16);                      \
            break;                                                                        \
        default:                                                                          \
            polynomial_elements(a, begin, end, GATUN_F32, runs_f32);                      \
        }                                                                                 \
    }                                                                                     \
    const polynomial_kernel GATUN_AT_LEVEL(operation) = {elements};

#endif
