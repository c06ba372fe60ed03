/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of the activations. */
#include "activation_checks.h"

#define QUICK_GELU_FACTOR 1.702f

int check_activation(activation_parameters *p, message_buffer to) {
    int status;
    switch (p->activation) {
    case GATUN_RELU:
    case GATUN_SQUARED_RELU:
    case GATUN_HARD_SIGMOID:
    case GATUN_HARD_SWISH:
    case GATUN_GELU_ERF:
    case GATUN_GELU_TANH:
    case GATUN_SIGMOID:
    case GATUN_TANH:
    case GATUN_SELU:
        break;
    case GATUN_RELU6:
        p->first = 0;
        p->second = 6;
        break;
    case GATUN_SILU:
        p->first = 1;
        break;
    case GATUN_QUICK_GELU:
        p->first = QUICK_GELU_FACTOR;
        break;
    case GATUN_CLIP:
        if ((status = check_bound("first", p->first, to)) || (status = check_bound("second", p->second, to))) {
            return status;
        }
        if (p->first > p->second) {
            return REJECT(to, "first: expected at most second, %g, but it is %g", (double)p->second, (double)p->first);
        }
        break;
    case GATUN_SWISH:
    case GATUN_CRRELU:
    case GATUN_SINE:
        if ((status = check_finite("first", p->first, to))) {
            return status;
        }
        break;
    case GATUN_FT_CLIP_ACT:
        if (!(p->first >= 0)) {
            return REJECT(to, "first: expected a number of at least 0, but it is %g", (double)p->first);
        }
        break;
    case GATUN_PRO_ACT:
        if ((status = check_finite("first", p->first, to))) {
            return status;
        }
        if (!isfinite(p->second) || p->second <= 0) {
            return REJECT(to, "second: expected a finite number above 0, but it is %g", (double)p->second);
        }
        break;
    default:
        return REJECT(to, "activation: expected a gatun_activation_kind, but it is %d", p->activation);
    }
    const bool of_errors = p->activation == GATUN_FT_CLIP_ACT || p->activation == GATUN_PRO_ACT;
    if (p->nan_to_zero && !of_errors) {
        return REJECT(to, "nan_to_zero: expected 0 for any but GATUN_FT_CLIP_ACT and GATUN_PRO_ACT, but it is 1");
    }
    return GATUN_OK;
}
