/* SPDX-License-Identifier: Apache-2.0 */
/* y = f(x), compiled once per level. */
#include "element_tiles.h"

TILE_OF_ONE(relu, relu_value(x, c))
TILE_OF_ONE(clip, clip_value(x, c))
TILE_OF_ONE(squared_relu, squared_relu_value(x, c))
TILE_OF_ONE(hard_sigmoid, hard_sigmoid_value(x, c))
TILE_OF_ONE(hard_swish, hard_swish_value(x, c))
TILE_OF_ONE(gelu_erf, gelu_erf_value(x, c))
TILE_OF_ONE(gelu_tanh, gelu_tanh_value(x, c))
TILE_OF_ONE(silu, silu_value(x, c))
TILE_OF_ONE(swish, swish_value(x, c))
TILE_OF_ONE(sigmoid, sigmoid_value(x, c))
TILE_OF_ONE(hyperbolic_tangent, tanh_value(x, c))
TILE_OF_ONE(selu, selu_value(x, c))
TILE_OF_ONE(crrelu, crrelu_value(x, c))
TILE_OF_ONE(ft_clip_act, ft_clip_act_value(x, c))
TILE_OF_ONE(ft_clip_act_of_numbers, ft_clip_act_number(x, c))
TILE_OF_ONE(pro_act, pro_act_value(x, c))
TILE_OF_ONE(pro_act_of_numbers, pro_act_number(x, c))
TILE_OF_ONE(sine, sine_value(x, c))

tile_function *forward_tile_of(const activation_parameters *p) {
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
        return p->nan_to_zero ? ft_clip_act_of_numbers : ft_clip_act;
    case GATUN_PRO_ACT:
        return p->nan_to_zero ? pro_act_of_numbers : pro_act;
    case GATUN_SINE:
        return sine;
    case GATUN_SILU:
        return silu;
    default: /* GATUN_QUICK_GELU, GATUN_SWISH */
        return swish;
    }
}

static void block(const element_arguments *a, const element_block *b) {
    run_block(a, b, forward_tile_of(&a->parameters));
}

const element_kernel GATUN_AT_LEVEL(activation) = {block};
