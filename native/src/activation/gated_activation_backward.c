/* SPDX-License-Identifier: Apache-2.0 */
/* From dy, gate and value: dgate = dy * value * f'(gate), dvalue = dy * f(gate), y = f(gate) * value; compiled once per
 * level. */
#include "element_tiles.h"

typedef struct {
    vf dy, gate, value;
} gated_vectors;

/* The gradient of a step is there or not, whatever comes in. */
GATUN_INLINE vf sloped(vf g, vf slope) {
    return vf_mul(g, slope);
}
GATUN_INLINE vf stepped(vf g, vf slope) {
    return vf_keep(vf_less(vf_zero(), slope), g);
}

GATUN_INLINE void gated_results(const gated_vectors v, const activation_both f, vf through_gate,
                                vf results[ELEMENT_OPERANDS]) {
    results[0] = through_gate;
    results[1] = vf_mul(v.dy, f.value);
    results[2] = vf_mul(f.value, v.value);
}

#define GATED_TILE(name, both, gradient)                                                               \
    static void name(const element_tile *tile, long long n, const activation_parameters *parameters) { \
        const activation_constants constants = constants_of(parameters);                               \
        const float *dy = tile->in[0], *gate = tile->in[1], *value = tile->in[2];                      \
        float *dgate = tile->out[0], *dvalue = tile->out[1], *y = tile->out[2];                        \
        vf results[ELEMENT_OPERANDS];                                                                  \
        long long j = 0;                                                                               \
        for (; j + VF_LANES <= n; j += VF_LANES) {                                                     \
            const gated_vectors v = {vf_load(dy + j), vf_load(gate + j), vf_load(value + j)};          \
            const activation_both f = both(v.gate, &constants);                                        \
            gated_results(v, f, gradient(vf_mul(v.dy, v.value), f.slope), results);                    \
            put(tile, dgate + j, results[0]);                                                          \
            put(tile, dvalue + j, results[1]);                                                         \
            put(tile, y + j, results[2]);                                                              \
        }                                                                                              \
        if (j < n) {                                                                                   \
            const int lanes = (int)(n - j);                                                            \
            const gated_vectors v = {vf_load_first(dy + j, lanes), vf_load_first(gate + j, lanes),     \
                                     vf_load_first(value + j, lanes)};                                 \
            const activation_both f = both(v.gate, &constants);                                        \
            gated_results(v, f, gradient(vf_mul(v.dy, v.value), f.slope), results);                    \
            vf_store_first(dgate + j, results[0], lanes);                                              \
            vf_store_first(dvalue + j, results[1], lanes);                                             \
            vf_store_first(y + j, results[2], lanes);                                                  \
        }                                                                                              \
    }

GATED_TILE(relu, relu_both, stepped)
GATED_TILE(gelu_erf, gelu_erf_both, sloped)
GATED_TILE(gelu_tanh, gelu_tanh_both, sloped)
GATED_TILE(swish, swish_both, sloped)
GATED_TILE(sigmoid, sigmoid_both, sloped)

static tile_function *tile_of(const activation_parameters *p) {
    switch (p->activation) {
    case GATUN_RELU:
        return relu;
    case GATUN_GELU_ERF:
        return gelu_erf;
    case GATUN_GELU_TANH:
        return gelu_tanh;
    case GATUN_SIGMOID:
        return sigmoid;
    default: /* GATUN_SILU, GATUN_QUICK_GELU, GATUN_SWISH */
        return swish;
    }
}

static void block(const element_arguments *a, const element_block *b) {
    run_block(a, b, tile_of(&a->parameters));
}

const element_kernel GATUN_AT_LEVEL(gated_activation_backward) = {block};
