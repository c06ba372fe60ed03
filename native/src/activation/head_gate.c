/* SPDX-License-Identifier: Apache-2.0 */
/* y = value * sigma(gate), a gate for each head, compiled once per level. */
#include "head_gate.h"

static void scale_head(const head_gate_arguments *a, const void *value, void *y, float sigma) {
    float in[TILE], out[TILE];
    const vf factor = vf_set(sigma);
    for (long long column = 0; column < a->columns; column += TILE) {
        const long long n = least_of(TILE, a->columns - column);
        const float *x = head_input(a->dtype, value, column, n, in);
        float *result = head_output(a, y, column, out);
        for (long long j = 0; j < n; j += VF_LANES) {
            const int lanes = lanes_left(n - j, 0);
            const bool all = lanes == VF_LANES;
            store_lanes(result, j, vf_mul(load_lanes(x, j, lanes, all, GATUN_F32), factor), lanes, all, GATUN_F32,
                        false);
        }
        if (result == out) {
            narrow_elements(a->dtype, out, head_element(a->dtype, y, column), n, a->stream);
        }
    }
}

static void tokens(const head_gate_arguments *a, long long begin, long long end) {
    float sigma[GATE_TILE], buffer[GATE_TILE];
    const long long bytes = element_bytes(a->dtype);
    for (long long token = begin; token < end; token++) {
        const char *value = (const char *)a->value + token * a->value_stride * bytes;
        char *y = (char *)a->out + token * a->out_stride * bytes;
        for (long long head = 0; head < a->heads; head += GATE_TILE) {
            const long long n = least_of(GATE_TILE, a->heads - head);
            widen_elements(a->dtype, (const char *)a->gate + (token * a->gate_stride + head) * bytes, buffer, n);
            sigmoids(buffer, sigma, n);
            for (long long k = 0; k < n; k++) {
                const long long at = (head + k) * a->columns * bytes;
                scale_head(a, value + at, y + at, sigma[k]);
            }
        }
    }
    if (a->stream) {
        vf_stream_fence();
    }
}

const head_gate_kernel GATUN_AT_LEVEL(head_gate) = {tokens};
