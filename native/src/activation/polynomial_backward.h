/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backward passes of the element-wise polynomials in the vector vocabulary: of x, or of z = max(x, 0) where `relu`
 * says so. Each piece of GATUN_BACKWARD_PIECE_ELEMENTS neighbours has sums of its own, taken in an order that depends on
 * its length alone.
 */
#ifndef GATUN_POLYNOMIAL_BACKWARD_H
#define GATUN_POLYNOMIAL_BACKWARD_H

#include "polynomial.h"

/* Adds the sums of dy z^i of a turn of gradients g and bases z. */
GATUN_INLINE void add_turn(vf *sums, const int order, const vf g[TURN], const vf z[TURN], const bool fast) {
    vf t[TURN];
    sums[0] = vf_add(sums[0], turn_sum(g));
    if (fast) {
#pragma GCC unroll 4
        for (int k = 0; k < TURN; k++) {
            t[k] = vf_mul(g[k], z[k]);
        }
        sums[1] = vf_add(sums[1], turn_sum(t));
#pragma GCC unroll 4
        for (int k = 0; k < TURN; k++) {
            t[k] = vf_mul(t[k], z[k]);
        }
        sums[2] = vf_add(sums[2], turn_sum(t));
        sums[3] = vf_add(sums[3], turn_dot(t, z));
        return;
    }
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        t[k] = g[k];
    }
    for (int i = 1; i <= order; i++) {
#pragma GCC unroll 4
        for (int k = 0; k < TURN; k++) {
            t[k] = vf_mul(t[k], z[k]);
        }
        sums[i] = vf_add(sums[i], turn_sum(t));
    }
}

/* dx of a turn of gradients g and bases z; that of a NaN stays one. */
GATUN_INLINE void gradient_turn(const polynomial *derivative, const vf g[TURN], const vf z[TURN], vf dx[TURN],
                                const bool relu, const bool fast) {
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        dx[k] = z[k];
    }
    horner_turn(derivative, dx, fast ? FAST_ORDER - 1 : derivative->order);
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        dx[k] = vf_mul(g[k], dx[k]);
        dx[k] = relu ? vf_drop(vf_less_equal(z[k], vf_zero()), dx[k]) : dx[k];
    }
}

/* A piece, of which dx (NULL for none) and the sums (NULL for none) are wanted. */
GATUN_INLINE void gradient_run(const float *coefficients, int order, const void *dy, const void *x, void *dx,
                               long long n, double *partial, fetcher *fetched, const int dtype, const bool relu,
                               const bool fast, const bool summed) {
    const int count = fast ? FAST_ORDER + 1 : GATUN_POLYNOMIAL_MAX_ORDER + 1;
    const polynomial derivative = derivative_of(coefficients, fast ? FAST_ORDER : order);
    const long long turn = TURN * VF_LANES;
    const long long step = FETCH_STREAMS * LINE_BYTES / element_bytes(dtype) / turn * turn;
    fetcher ahead = *fetched;
    vd folded[GATUN_POLYNOMIAL_MAX_ORDER + 1];
    vf sums[GATUN_POLYNOMIAL_MAX_ORDER + 1], g[TURN], z[TURN], d[TURN];
#pragma GCC unroll 9
    for (int i = 0; i < count; i++) {
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
                load_turn(dy, j, g, dtype);
                load_turn(x, j, z, dtype);
                base_turn(z, relu);
                if (dx) {
                    gradient_turn(&derivative, g, z, d, relu, fast);
                    store_turn(dx, j, d, dtype);
                }
                if (summed) {
                    add_turn(sums, order, g, z, fast);
                }
            }
        }
        if (summed) {
            fold_sums(folded, sums, count);
        }
    }
    if (j < n) {
        load_last_turn(dy, j, n - j, g, dtype);
        load_last_turn(x, j, n - j, z, dtype);
        base_turn(z, relu);
        if (dx) {
            gradient_turn(&derivative, g, z, d, relu, fast);
            store_last_turn(dx, j, n - j, d, dtype);
        }
        if (summed) {
            add_turn(sums, order, g, z, fast);
            fold_sums(folded, sums, count);
        }
    }
    for (int i = 0; summed && i <= order; i++) {
        partial[i] = vd_sum(folded[i]);
    }
    *fetched = ahead;
}

/* The run of a type and order, without sums and with them. */
typedef void gradient_function(const float *coefficients, int order, const void *dy, const void *x, void *dx,
                               long long n, double *partial, fetcher *fetched);

/* Elements [begin, begin + n) between a tensor and a buffer without gaps. */
GATUN_INLINE void gather(const void *p, long long stride, long long columns, long long begin, long long n, void *to,
                         const int dtype) {
    const long long bytes = element_bytes(dtype);
    for (long long done = 0, count; done < n; done += count) {
        count = least_of(columns - (begin + done) % columns, n - done);
        memcpy((char *)to + done * bytes, element(p, place_of(begin + done, columns, stride), dtype),
               (size_t)(count * bytes));
    }
}
GATUN_INLINE void scatter(void *p, long long stride, long long columns, long long begin, long long n, const void *from,
                          const int dtype, const bool stream) {
    const long long bytes = element_bytes(dtype);
    for (long long done = 0, count; done < n; done += count) {
        count = least_of(columns - (begin + done) % columns, n - done);
        void *to = (char *)p + place_of(begin + done, columns, stride) * bytes;
        if (stream) {
            stream_bytes(to, element(from, done, dtype), count * bytes);
        } else {
            memcpy(to, element(from, done, dtype), (size_t)(count * bytes));
        }
    }
}

/* A piece lies in one row, or is brought together in a buffer; dx is made in place or in a buffer. */
GATUN_INLINE void gradient_elements(const polynomial_backward_arguments *a, long long begin, long long end,
                                    const int dtype, gradient_function *const runs[2][2]) {
    const bool summed = a->partial != 0;
    gradient_function *const run = runs[a->order == FAST_ORDER][summed];
    const char *const first = element(a->x, place_of(begin, a->columns, a->x_stride), dtype);
    const char *const last = element(a->x, place_of(end - 1, a->columns, a->x_stride), dtype);
    block_fetcher ahead = fetch_blocks(first, last, (long long)((uintptr_t)a->dy - (uintptr_t)a->x),
                                       a->prefetch && a->dy_stride == a->x_stride);
    float dy_buffer[PIECE], x_buffer[PIECE], dx_buffer[PIECE];
    for (; begin < end; begin += PIECE) {
        const long long n = least_of(end - begin, PIECE);
        const bool whole = begin % a->columns + n <= a->columns;
        const void *x = element(a->x, place_of(begin, a->columns, a->x_stride), dtype);
        const void *dy = element(a->dy, place_of(begin, a->columns, a->dy_stride), dtype);
        void *dx = a->dx ? (char *)a->dx + place_of(begin, a->columns, a->dx_stride) * element_bytes(dtype) : 0;
        const bool buffered = dx && (a->stream || !whole);
        fetch_block(&ahead, x);
        if (!whole) {
            gather(a->dy, a->dy_stride, a->columns, begin, n, dy_buffer, dtype);
            gather(a->x, a->x_stride, a->columns, begin, n, x_buffer, dtype);
        }
        run(a->coefficients, a->order, whole ? dy : dy_buffer, whole ? x : x_buffer, buffered ? dx_buffer : dx, n,
            summed ? a->partial + begin / PIECE * (a->order + 1) : 0, &ahead.lines);
        if (buffered) {
            scatter(a->dx, a->dx_stride, a->columns, begin, n, dx_buffer, dtype, a->stream);
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

#define GATUN_GRADIENT_RUN(name, dtype, is_relu, is_fast, is_summed)                                             \
    static void name(const float *coefficients, int order, const void *dy, const void *x, void *dx, long long n, \
                     double *partial, fetcher *fetched) {                                                        \
        gradient_run(coefficients, order, dy, x, dx, n, partial, fetched, dtype, is_relu, is_fast, is_summed);   \
    }
#define GATUN_GRADIENT_RUNS(suffix, dtype, is_relu)                                       \
    GATUN_GRADIENT_RUN(run_##suffix, dtype, is_relu, false, false)                        \
    GATUN_GRADIENT_RUN(sums_##suffix, dtype, is_relu, false, true)                        \
    GATUN_GRADIENT_RUN(fast_##suffix, dtype, is_relu, true, false)                        \
    GATUN_GRADIENT_RUN(fast_sums_##suffix, dtype, is_relu, true, true)                    \
    static gradient_function *const runs_##suffix[2][2] = {{run_##suffix, sums_##suffix}, \
                                                           {fast_##suffix, fast_sums_##suffix}};

/* Defines the kernel `operation` of this level. */
#define GATUN_POLYNOMIAL_BACKWARD_KERNEL(operation, is_relu)                                       \
    GATUN_GRADIENT_RUNS(f32, GATUN_F32, is_relu)                                                   \
    GATUN_GRADIENT_RUNS(bf16, GATUN_BF16, is_relu)                                                 \
    GATUN_GRADIENT_RUNS(f16, GATUN_F16, is_relu)                                                   \
    static void elements(const polynomial_backward_arguments *a, long long begin, long long end) { \
        switch (a->dtype) {                                                                        \
        case GATUN_BF16:                                                                           \
            gradient_elements(a, begin, end, GATUN_BF16, runs_bf16);                               \
            break;                                                                                 \
        case GATUN_F16:                                                                            \
            gradient_elements(a, begin, end, GATUN_F16, runs_f16);                                 \
            break;                                                                                 \
        default:                                                                                   \
            gradient_elements(a, begin, end, GATUN_F32, runs_f32);                                 \
        }                                                                                          \
    }                                                                                              \
    const polynomial_backward_kernel GATUN_AT_LEVEL(operation) = {elements};

#endif
