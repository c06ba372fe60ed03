/* SPDX-License-Identifier: Apache-2.0 */
#include "activation_reference.h"

#include <math.h>

#include "check.h"
#include "gatun.h"

const activation_form activation_forms[] = {
    {"relu", GATUN_RELU, 0, 0, 0},
    {"relu6", GATUN_RELU6, 0, 0, 0},
    {"squared_relu", GATUN_SQUARED_RELU, 0, 0, 0},
    {"clip", GATUN_CLIP, -1.25f, 0.75f, 0},
    {"clip from below", GATUN_CLIP, 0.5f, INFINITY, 0},
    {"hard_sigmoid", GATUN_HARD_SIGMOID, 0, 0, 0},
    {"hard_swish", GATUN_HARD_SWISH, 0, 0, 0},
    {"gelu_erf", GATUN_GELU_ERF, 0, 0, 0},
    {"gelu_tanh", GATUN_GELU_TANH, 0, 0, 0},
    {"quick_gelu", GATUN_QUICK_GELU, 0, 0, 0},
    {"silu", GATUN_SILU, 0, 0, 0},
    {"swish", GATUN_SWISH, -0.75f, 0, 0},
    {"sigmoid", GATUN_SIGMOID, 0, 0, 0},
    {"tanh", GATUN_TANH, 0, 0, 0},
    {"selu", GATUN_SELU, 0, 0, 0},
    {"crrelu", GATUN_CRRELU, -0.3f, 0, 0},
    {"ft_clip_act", GATUN_FT_CLIP_ACT, 2.5f, 0, 0},
    {"ft_clip_act of numbers", GATUN_FT_CLIP_ACT, 2.5f, 0, 1},
    {"pro_act", GATUN_PRO_ACT, 2.5f, 20, 0},
    {"pro_act of numbers", GATUN_PRO_ACT, -0.5f, 3, 1},
    {"sine", GATUN_SINE, 30, 0, 0},
};
const int activation_form_count = sizeof activation_forms / sizeof activation_forms[0];

static const double root_of_half = 0.70710678118654752440, root_of_two_over_pi = 0.79788456080286535588;
static const double root_of_two_pi_inverse = 0.39894228040143267794;
static const double selu_lambda = 1.0507009873554804935, selu_alpha = 1.6732632423543772848;

static double sigma(double x) {
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

/* a * b, where an infinite a meets a b that goes to 0 faster. */
static double vanishing(double a, double b) {
    return b == 0 ? copysign(0.0, a) : a * b;
}

static double slope_of_swish(double x, double beta) {
    const double s = sigma(beta * x), rest = sigma(-beta * x);
    return vanishing(1 + vanishing(beta * x, rest), s);
}

static double factor_of(const activation_form *form) {
    return form->activation == GATUN_SILU ? 1 : form->activation == GATUN_QUICK_GELU ? 1.702f : (double)form->first;
}

static double gelu_tanh_argument(double x) {
    return 2 * root_of_two_over_pi * (x + 0.044715 * x * x * x);
}

/* x, bounded: what the correction of CRReLU is made of vanishes beyond. */
static double bounded(double x, double bound) {
    return x > bound ? bound : x < -bound ? -bound : x;
}

static int pro_act_is_zero(const activation_form *form, double x) {
    const float exponent = form->second * ((float)x - form->first);
    return x <= 0 || exponent > 88;
}

double activation_value(const activation_form *form, double x) {
    const double first = form->first, second = form->second;
    if (isnan(x)) {
        return form->nan_to_zero ? 0 : x;
    }
    switch (form->activation) {
    case GATUN_RELU:
        return x > 0 ? x : 0;
    case GATUN_RELU6:
        return bounded(x > 0 ? x : 0, 6);
    case GATUN_SQUARED_RELU:
        return x > 0 ? x * x : 0;
    case GATUN_CLIP:
        return x < first ? first : x > second ? second : x;
    case GATUN_HARD_SIGMOID:
        return x <= -3 ? 0 : x >= 3 ? 1 : x / 6 + 0.5;
    case GATUN_HARD_SWISH:
        return x <= -3 ? -0.0 : x >= 3 ? x : x * (x + 3) / 6;
    case GATUN_GELU_ERF:
        return vanishing(x, 0.5 * erfc(-x * root_of_half));
    case GATUN_GELU_TANH:
        return vanishing(x, sigma(gelu_tanh_argument(x)));
    case GATUN_QUICK_GELU:
    case GATUN_SILU:
    case GATUN_SWISH:
        return vanishing(x, sigma(factor_of(form) * x));
    case GATUN_SIGMOID:
        return sigma(x);
    case GATUN_TANH:
        return tanh(x);
    case GATUN_SELU:
        return x > 0 ? selu_lambda * x : selu_lambda * selu_alpha * expm1(x);
    case GATUN_CRRELU: {
        const double b = bounded(x, 40);
        return (x > 0 ? x : 0) + first * b * exp(-b * b / 2);
    }
    case GATUN_FT_CLIP_ACT:
        return x >= 0 && x <= first ? x : 0;
    case GATUN_PRO_ACT:
        return pro_act_is_zero(form, x) ? 0 : x * sigma(-second * (x - first));
    case GATUN_SINE:
        return sin((double)(form->first * (float)x));
    default:
        check_abandon("no such activation: %d", form->activation);
    }
}

double activation_gradient(const activation_form *form, double g, double x) {
    const double first = form->first, second = form->second;
    if (isnan(x) && form->nan_to_zero) {
        return 0;
    }
    switch (form->activation) {
    case GATUN_RELU:
        return x > 0 ? g : 0;
    case GATUN_RELU6:
        return x > 0 && x < 6 ? g : 0;
    case GATUN_SQUARED_RELU:
        return isnan(x) ? x : g * 2 * (x > 0 ? x : 0);
    case GATUN_CLIP:
        return x > first && x < second ? g : 0;
    case GATUN_HARD_SIGMOID:
        return x > -3 && x < 3 ? g / 6 : 0;
    case GATUN_HARD_SWISH:
        return x <= -3 ? 0 : x >= 3 ? g : g * (2 * x + 3) / 6;
    case GATUN_GELU_ERF: {
        const double b = bounded(x, 60);
        return g * (0.5 * erfc(-x * root_of_half) + b * exp(-b * b / 2) * root_of_two_pi_inverse);
    }
    case GATUN_GELU_TANH: {
        const double b = bounded(x, 60), u = gelu_tanh_argument(b);
        return g * (sigma(u) + b * sigma(u) * sigma(-u) * 2 * root_of_two_over_pi * (1 + 0.134145 * b * b));
    }
    case GATUN_QUICK_GELU:
    case GATUN_SILU:
    case GATUN_SWISH:
        return g * slope_of_swish(x, factor_of(form));
    case GATUN_SIGMOID:
        return g * sigma(x) * sigma(-x);
    case GATUN_TANH:
        return g / (cosh(x) * cosh(x));
    case GATUN_SELU:
        return x > 0 ? g * selu_lambda : g * selu_lambda * selu_alpha * exp(x);
    case GATUN_CRRELU: {
        const double b = bounded(x, 40);
        return g * ((x > 0 ? 1 : 0) + first * (1 - b * b) * exp(-b * b / 2));
    }
    case GATUN_FT_CLIP_ACT:
        return x > 0 && x <= first ? g : 0;
    case GATUN_PRO_ACT: {
        if (pro_act_is_zero(form, x)) {
            return 0;
        }
        const double v = second * (x - first);
        return g * sigma(-v) * (1 - second * x * sigma(v));
    }
    case GATUN_SINE:
        return g * first * cos((double)(form->first * (float)x));
    default:
        check_abandon("no such activation: %d", form->activation);
    }
}

double activation_gradient_of_output(const activation_form *form, double g, double y) {
    switch (form->activation) {
    case GATUN_RELU:
        return y > 0 ? g : 0;
    case GATUN_RELU6:
        return y > 0 && y < 6 ? g : 0;
    case GATUN_CLIP:
        return y > (double)form->first && y < (double)form->second ? g : 0;
    case GATUN_SIGMOID:
        return g * y * (1 - y);
    case GATUN_TANH:
        return g * (1 - y * y);
    case GATUN_SELU:
        return y > 0 ? g * selu_lambda : g * (y + selu_lambda * selu_alpha);
    default:
        return NAN;
    }
}

int activation_has_output_form(const activation_form *form) {
    return !isnan(activation_gradient_of_output(form, 1, 0.25));
}

int activation_has_gated_form(const activation_form *form) {
    switch (form->activation) {
    case GATUN_RELU:
    case GATUN_GELU_ERF:
    case GATUN_GELU_TANH:
    case GATUN_QUICK_GELU:
    case GATUN_SILU:
    case GATUN_SWISH:
    case GATUN_SIGMOID:
        return 1;
    default:
        return 0;
    }
}
