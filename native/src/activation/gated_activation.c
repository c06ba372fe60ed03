/* SPDX-License-Identifier: Apache-2.0 */
/* y = f(gate) * value, compiled once per level; `g` is the gate. */
#include "element_tiles.h"

TILE_OF_TWO(relu, vf_mul(relu_value(g, c), x))
TILE_OF_TWO(gelu_erf, vf_mul(gelu_erf_value(g, c), x))
TILE_OF_TWO(gelu_tanh, vf_mul(gelu_tanh_value(g, c), x))
TILE_OF_TWO(silu, vf_mul(silu_value(g, c), x))
TILE_OF_TWO(swish, vf_mul(swish_value(g, c), x))
TILE_OF_TWO(sigmoid, vf_mul(sigmoid_value(g, c), x))

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
    case GATUN_SILU:
        return silu;
    default: /* GATUN_QUICK_GELU, GATUN_SWISH */
        return swish;
    }
}

static void block(const element_arguments *a, const element_block *b) {
    run_block(a, b, tile_of(&a->parameters));
}

const element_kernel GATUN_AT_LEVEL(gated_activation) = {block};
