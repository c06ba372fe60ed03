/* SPDX-License-Identifier: Apache-2.0 */
/* The element-wise polynomials in the vector vocabulary: of x, or of z = max(x, 0) where `relu` says so. */
#ifndef GATUN_POLYNOMIAL_FORWARD_H
#define GATUN_POLYNOMIAL_FORWARD_H

#include "activation_kernels.h"
#include "turns.h"

/* The order with a loop of its own, whose coefficients stay in registers. */
#define FAST_ORDER 3

/* Where an element is, in a tensor of any row stride. */
GATUN_INLINE long long place_of(long long index, long long columns, long long stride) {
    return index / columns * stride + index % columns;
}

/* The coefficients, as vectors. */
typedef struct {
    int order;
    vf a[GATUN_POLYNOMIAL_MAX_ORDER + 1];
} polynomial;

GATUN_INLINE polynomial polynomial_of(const float *coefficients, int order) {
    polynomial p = {.order = order};
    for (int i = 0; i <= order; i++) {
        p.a[i] = coefficient(coefficients[i]);
    }
    return p;
}

GATUN_INLINE polynomial derivative_of(const float *coefficients, int order) {
    polynomial p = {.order = order - 1};
    for (int i = 1; i <= order; i++) {
        p.a[i - 1] = coefficient((float)i * coefficients[i]);
    }
    return p;
}

/* What the polynomial is of, in place. */
GATUN_INLINE void base_turn(vf v[TURN], const bool relu) {
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        v[k] = relu ? vf_max(vf_zero(), v[k]) : v[k]; /* in this order NaN stays NaN */
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

/* `n` neighbouring elements. */
GATUN_INLINE void polynomial_run(const float *coefficients, int order, const void *x, void *y, long long n,
                                 fetcher *fetched, const int dtype, const bool relu, const bool fast) {
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
            base_turn(v, relu);
            horner_turn(&p, v, fast ? FAST_ORDER : order);
            store_turn(y, j, v, dtype);
        }
    }
    if (j < n) {
        load_last_turn(x, j, n - j, v, dtype);
        base_turn(v, relu);
        horner_turn(&p, v, fast ? FAST_ORDER : order);
        store_last_turn(y, j, n - j, v, dtype);
    }
    *fetched = ahead;
}

/* The run of a type, of any order and of FAST_ORDER. */
typedef void polynomial_function(const float *coefficients, int order, const void *x, void *y, long long n,
                                 fetcher *fetched);

/* What is written past the caches is made in a buffer in the innermost one, of PIECE elements. */
#define PIECE GATUN_BACKWARD_PIECE_ELEMENTS

GATUN_INLINE void polynomial_elements(const polynomial_arguments *a, long long begin, long long end, const int dtype,
                                      polynomial_function *const runs[2]) {
    const long long bytes = element_bytes(dtype);
    polynomial_function *const run = runs[a->order == FAST_ORDER];
    const char *const last = element(a->x, place_of(end - 1, a->columns, a->x_stride), dtype);
    block_fetcher ahead =
        fetch_blocks(element(a->x, place_of(begin, a->columns, a->x_stride), dtype), last, 0, a->prefetch);
    float buffer[PIECE];
    while (begin < end) {
        const long long n = least_of(least_of(end - begin, a->columns - begin % a->columns), PIECE);
        const void *x = element(a->x, place_of(begin, a->columns, a->x_stride), dtype);
        void *y = (char *)a->y + place_of(begin, a->columns, a->y_stride) * bytes;
        fetch_block(&ahead, x);
        run(a->coefficients, a->order, x, a->stream ? buffer : y, n, &ahead.lines);
        if (a->stream) {
            stream_bytes(y, buffer, n * bytes);
        }
        begin += n;
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

#define GATUN_POLYNOMIAL_RUN(name, dtype, is_relu, is_fast)                                                       \
    static void name(const float *coefficients, int order, const void *x, void *y, long long n, fetcher *ahead) { \
        polynomial_run(coefficients, order, x, y, n, ahead, dtype, is_relu, is_fast);                             \
    }
#define GATUN_POLYNOMIAL_RUNS(suffix, dtype, is_relu)         \
    GATUN_POLYNOMIAL_RUN(run_##suffix, dtype, is_relu, false) \
    GATUN_POLYNOMIAL_RUN(fast_##suffix, dtype, is_relu, true) \
    static polynomial_function *const runs_##suffix[2] = {run_##suffix, fast_##suffix};

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
