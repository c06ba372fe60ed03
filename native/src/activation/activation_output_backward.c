/* SPDX-License-Identifier: Apache-2.0 */
/* dx = g * f'(x) from x = f(...), the output of the forward pass, compiled once per level. */
#include "element_tiles.h"

TILE_OF_TWO(relu, vf_keep(relu_passes(x, c), g))
TILE_OF_TWO(clip, vf_keep(clip_passes(x, c), g))
TILE_OF_TWO(sigmoid, sigmoid_output_gradient(g, x, c))
TILE_OF_TWO(hyperbolic_tangent, tanh_output_gradient(g, x, c))
TILE_OF_TWO(selu, selu_output_gradient(g, x, c))

static tile_function *tile_of(const activation_parameters *p) {
    switch (p->activation) {
    case GATUN_RELU:
        return relu;
    case GATUN_SIGMOID:
        return sigmoid;
    case GATUN_TANH:
        return hyperbolic_tangent;
    case GATUN_SELU:
        return selu;
    default: /* GATUN_RELU6, GATUN_CLIP */
        return clip;
    }
}

static void block(const element_arguments *a, const element_block *b) {
    run_block(a, b, tile_of(&a->parameters));
}

const element_kernel GATUN_AT_LEVEL(activation_output_backward) = {block};
