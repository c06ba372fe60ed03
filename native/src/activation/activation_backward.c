/* SPDX-License-Identifier: Apache-2.0 */
/* dx = g * f'(x), compiled once per level. */
#include "element_tiles.h"

TILE_OF_TWO(relu, vf_keep(relu_passes(x, c), g))
TILE_OF_TWO(clip, vf_keep(clip_passes(x, c), g))
TILE_OF_TWO(squared_relu, vf_mul(g, squared_relu_both(x, c).slope))
TILE_OF_TWO(hard_sigmoid, vf_keep(hard_sigmoid_passes(x, c), vf_mul(g, vf_set(SIXTH))))
TILE_OF_TWO(hard_swish, hard_swish_gradient(g, x, c))
TILE_OF_TWO(gelu_erf, vf_mul(g, gelu_erf_both(x, c).slope))
TILE_OF_TWO(gelu_tanh, vf_mul(g, gelu_tanh_both(x, c).slope))
TILE_OF_TWO(swish, vf_mul(g, swish_both(x, c).slope))
TILE_OF_TWO(sigmoid, vf_mul(g, sigmoid_both(x, c).slope))
TILE_OF_TWO(hyperbolic_tangent, tanh_gradient(g, x, c))
TILE_OF_TWO(selu, selu_gradient(g, x, c))
TILE_OF_TWO(crrelu, vf_mul(g, crrelu_both(x, c).slope))
TILE_OF_TWO(ft_clip_act, vf_keep(ft_clip_act_passes(x, c), g))
TILE_OF_TWO(pro_act, pro_act_gradient(g, x, c))
TILE_OF_TWO(pro_act_of_numbers, pro_act_number_gradient(g, x, c))
TILE_OF_TWO(sine, sine_gradient(g, x, c))

static tile_function *tile_of(const activation_parameters *p) {
    switch (p->activation) {
    case GATUN_RELU:
        return relu;
    case GATUN_RELU6:
    case GATUN_CLIP:
        return clip;
    case GATUN_SQUARED_RELU:
        return squared_relu;
    case GATUN_HARD_SIGMOID:
        return hard_sigmoid;
    case GATUN_HARD_SWISH:
        return hard_swish;
    case GATUN_GELU_ERF:
        return gelu_erf;
    case GATUN_GELU_TANH:
        return gelu_tanh;
    case GATUN_SIGMOID:
        return sigmoid;
    case GATUN_TANH:
        return hyperbolic_tangent;
    case GATUN_SELU:
        return selu;
    case GATUN_CRRELU:
        return crrelu;
    case GATUN_FT_CLIP_ACT:
        return ft_clip_act;
    case GATUN_PRO_ACT:
        return p->nan_to_zero ? pro_act_of_numbers : pro_act;
    case GATUN_SINE:
        return sine;
    default: /* GATUN_SILU, GATUN_QUICK_GELU, GATUN_SWISH */
        return swish;
    }
}

static void block(const element_arguments *a, const element_block *b) {
    run_block(a, b, tile_of(&a->parameters));
}

const element_kernel GATUN_AT_LEVEL(activation_backward) = {block};
