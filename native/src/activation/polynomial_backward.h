/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backward passes of the element-wise polynomials in the vector vocabulary: of x, or of z = max(x, 0) where `relu`
 * says so. Each piece of GATUN_BACKWARD_PIECE_ELEMENTS neighbours has sums of its own, taken in an order that depends on
 * its length alone.
 */
#ifndef GATUN_POLYNOMIAL_BACKWARD_H
#define GATUN_POLYNOMIAL_BACKWARD_H

#include "polynomial.h"

#define PIECE GATUN_BACKWARD_PIECE_ELEMENTS

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

/* dx of a turn of gradients g, elements x and bases z. */
GATUN_INLINE void gradient_turn(const polynomial *derivative, const vf g[TURN], const vf x[TURN], const vf z[TURN],
                                vf dx[TURN], const bool relu, const bool fast) {
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        dx[k] = z[k];
    }
    horner_turn(derivative, dx, fast ? FAST_ORDER - 1 : derivative->order);
#pragma GCC unroll 4
    for (int k = 0; k < TURN; k++) {
        dx[k] = vf_mul(g[k], dx[k]);
        dx[k] = relu ? vf_select(vf_less_equal(x[k], vf_zero()), vf_zero(), dx[k]) : dx[k];
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
    vf sums[GATUN_POLYNOMIAL_MAX_ORDER + 1], g[TURN], v[TURN], z[TURN], d[TURN];
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
                load_turn(x, j, v, dtype);
                base_turn(v, z, relu);
                if (dx) {
                    gradient_turn(&derivative, g, v, z, d, relu, fast);
                    store_turn(dx, j, d, dtype, false);
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
        load_last_turn(x, j, n - j, v, dtype);
        base_turn(v, z, relu);
        if (dx) {
            gradient_turn(&derivative, g, v, z, d, relu, fast);
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

/* Where an element is, in a tensor of any row stride. */
GATUN_INLINE long long place_of(long long index, long long columns, long long stride) {
    return index / columns * stride + index % columns;
}

/* Elements [begin, begin + n) between a tensor and a buffer of float32 without gaps. */
GATUN_INLINE void gather(const void *p, long long stride, long long columns, long long begin, long long n, float *to,
                         const int dtype) {
    long long row = begin / columns, column = begin % columns;
    for (long long done = 0; done < n; row++, column = 0) {
        const long long from = row * stride + column, count = least_of(columns - column, n - done);
        for (long long j = 0; j < count; j += VF_LANES) {
            const int lanes = lanes_left(count - j, 0);
            const vf v = load_lanes(p, from + j, lanes, lanes == VF_LANES, dtype);
            store_lanes(to, done + j, v, lanes, lanes == VF_LANES, GATUN_F32, false);
        }
        done += count;
    }
}
GATUN_INLINE void scatter(void *p, long long stride, long long columns, long long begin, long long n, const float *from,
                          const int dtype) {
    long long row = begin / columns, column = begin % columns;
    for (long long done = 0; done < n; row++, column = 0) {
        const long long to = row * stride + column, count = least_of(columns - column, n - done);
        for (long long j = 0; j < count; j += VF_LANES) {
            const int lanes = lanes_left(count - j, 0);
            const vf v = load_lanes(from, done + j, lanes, lanes == VF_LANES, GATUN_F32);
            store_lanes(p, to + j, v, lanes, lanes == VF_LANES, dtype, false);
        }
        done += count;
    }
}

GATUN_INLINE void gradient_elements(const polynomial_backward_arguments *a, long long begin, long long end,
                                    const int dtype, gradient_function *const runs[2][2],
                                    gradient_function *const f32_runs[2][2]) {
    const int fast = a->order == FAST_ORDER, summed = a->partial != 0;
    const char *last = element(a->x, place_of(end - 1, a->columns, a->x_stride), dtype);
    const char *first = element(a->x, place_of(begin, a->columns, a->x_stride), dtype);
    block_fetcher ahead = fetch_blocks(first, last, (long long)((uintptr_t)a->dy - (uintptr_t)a->x),
                                       a->prefetch && a->dy_stride == a->x_stride);
    for (; begin < end; begin += PIECE) {
        const long long n = least_of(end - begin, PIECE), column = begin % a->columns;
        double *partial = summed ? a->partial + begin / PIECE * (a->order + 1) : 0;
        if (column + n <= a->columns) { /* in one row */
            const void *x = element(a->x, place_of(begin, a->columns, a->x_stride), dtype);
            const void *dy = element(a->dy, place_of(begin, a->columns, a->dy_stride), dtype);
            void *dx = a->dx ? (char *)a->dx + place_of(begin, a->columns, a->dx_stride) * element_bytes(dtype) : 0;
            fetch_block(&ahead, x);
            runs[fast][summed](a->coefficients, a->order, dy, x, dx, n, partial, &ahead.lines);
        } else {
            float dy[PIECE], x[PIECE];
            fetcher nothing = {0};
            gather(a->dy, a->dy_stride, a->columns, begin, n, dy, dtype);
            gather(a->x, a->x_stride, a->columns, begin, n, x, dtype);
            f32_runs[fast][summed](a->coefficients, a->order, dy, x, a->dx ? dy : 0, n, partial, &nothing);
            if (a->dx) {
                scatter(a->dx, a->dx_stride, a->columns, begin, n, dy, dtype);
            }
        }
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
            gradient_elements(a, begin, end, GATUN_BF16, runs_bf16, runs_f32);                     \
            break;                                                                                 \
        case GATUN_F16:                                                                            \
            gradient_elements(a, begin, end, GATUN_F16, runs_f16, runs_f32);                       \
            break;                                                                                 \
        default:                                                                                   \
            gradient_elements(a, begin, end, GATUN_F32, runs_f32, runs_f32);                       \
        }                                                                                          \
    }                                                                                              \
    const polynomial_backward_kernel GATUN_AT_LEVEL(operation) = {elements};

#endif
