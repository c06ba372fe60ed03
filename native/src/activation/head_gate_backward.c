/* SPDX-License-Identifier: Apache-2.0 */
/* dvalue = dy * sigma(gate) and dgate = sigma(gate) (1 - sigma(gate)) sum(dy * value), compiled once per level. */
#include "head_gate.h"

/* Running sums, so that additions need not wait for one another. */
#define SUMS 4

/* The sum of dy * value over a head, whose order depends on its columns alone; writes dvalue where it is wanted. */
static float head_sum(const head_gate_arguments *a, const void *dy, const void *value, void *dvalue, float sigma) {
    float first[TILE], second[TILE], out[TILE];
    const vf factor = vf_set(sigma);
    vf sums[SUMS] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    for (long long column = 0; column < a->columns; column += TILE) {
        const long long n = least_of(TILE, a->columns - column);
        const float *g = head_input(a->dtype, dy, column, n, first);
        const float *x = head_input(a->dtype, value, column, n, second);
        float *result = dvalue ? head_output(a, dvalue, column, out) : out;
        for (long long j = 0; j < n; j += SUMS * VF_LANES) {
#pragma GCC unroll 4
            for (int k = 0; k < SUMS; k++) {
                const long long at = j + k * VF_LANES;
                const int lanes = lanes_left(n - j, k);
                if (lanes > 0) {
                    const bool all = lanes == VF_LANES;
                    const vf v = load_lanes(g, at, lanes, all, GATUN_F32);
                    sums[k] = vf_fma(v, load_lanes(x, at, lanes, all, GATUN_F32), sums[k]);
                    store_lanes(result, at, vf_mul(v, factor), lanes, all, GATUN_F32, false);
                }
            }
        }
        if (dvalue && result == out) {
            narrow_elements(a->dtype, out, head_element(a->dtype, dvalue, column), n, a->stream);
        }
    }
    return vf_sum(vf_add(vf_add(sums[0], sums[1]), vf_add(sums[2], sums[3])));
}

static void tokens(const head_gate_arguments *a, long long begin, long long end) {
    float sigma[GATE_TILE], gate[GATE_TILE], gradient[GATE_TILE];
    const long long bytes = element_bytes(a->dtype);
    for (long long token = begin; token < end; token++) {
        const char *dy = (const char *)a->dy + token * a->dy_stride * bytes;
        const char *value = (const char *)a->value + token * a->value_stride * bytes;
        char *dvalue = a->out ? (char *)a->out + token * a->out_stride * bytes : 0;
        for (long long head = 0; head < a->heads; head += GATE_TILE) {
            const long long n = least_of(GATE_TILE, a->heads - head);
            widen_elements(a->dtype, (const char *)a->gate + (token * a->gate_stride + head) * bytes, gate, n);
            sigmoids(gate, sigma, n);
            for (long long k = 0; k < n; k++) {
                const long long at = (head + k) * a->columns * bytes;
                gradient[k] = head_sum(a, dy + at, value + at, dvalue ? dvalue + at : 0, sigma[k]);
            }
            if (!a->dgate) {
                continue;
            }
            for (long long j = 0; j < n; j += VF_LANES) {
                const int lanes = lanes_left(n - j, 0);
                const bool all = lanes == VF_LANES;
                const vf slope = sigmoid_both(load_lanes(gate, j, lanes, all, GATUN_F32), 0).slope;
                const vf sum = load_lanes(gradient, j, lanes, all, GATUN_F32);
                store_lanes(gradient, j, vf_mul(slope, sum), lanes, all, GATUN_F32, false);
            }
            narrow_elements(a->dtype, gradient, (char *)a->dgate + (token * a->dgate_stride + head) * bytes, n, false);
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

const head_gate_kernel GATUN_AT_LEVEL(head_gate_backward) = {tokens};
