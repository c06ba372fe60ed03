/* SPDX-License-Identifier: Apache-2.0 */
#include "kan_window_reference.h"

#include <math.h>

#include "gatun.h"

static const double lambda = 1.0507009873554804934193349852946, alpha = 1.6732632423543772848170429916717;

static double sigma(double t) {
    return 1 / (1 + exp(-t));
}

double window_inner(int inner, double t) {
    switch (inner) {
    case GATUN_KAN_INNER_SILU:
        return t * sigma(t);
    case GATUN_KAN_INNER_RELU:
        return isnan(t) || t > 0 ? t : 0;
    case GATUN_KAN_INNER_GELU:
        return t * erfc(-t * sqrt(0.5)) / 2;
    case GATUN_KAN_INNER_ELU:
        return t > 0 ? t : expm1(t);
    case GATUN_KAN_INNER_SELU:
        return lambda * (t > 0 ? t : alpha * expm1(t));
    case GATUN_KAN_INNER_SOFTPLUS:
        return (t > 0 ? t : 0) + log1p(exp(-fabs(t)));
    case GATUN_KAN_INNER_SIGMOID:
        return sigma(t);
    case GATUN_KAN_INNER_LEAKY_RELU:
        return t > 0 ? t : t * 0.01;
    default:
        return tanh(t);
    }
}

double window_inner_slope(int inner, double t) {
    switch (inner) {
    case GATUN_KAN_INNER_SILU:
        return sigma(t) * (1 + t * (1 - sigma(t)));
    case GATUN_KAN_INNER_RELU:
        return isnan(t) ? t : t > 0;
    case GATUN_KAN_INNER_GELU:
        return erfc(-t * sqrt(0.5)) / 2 + t * exp(-t * t / 2) / sqrt(2 * acos(-1.0));
    case GATUN_KAN_INNER_ELU:
        return t > 0 ? 1 : exp(t);
    case GATUN_KAN_INNER_SELU:
        return lambda * (t > 0 ? 1 : alpha * exp(t));
    case GATUN_KAN_INNER_SOFTPLUS:
        return sigma(t);
    case GATUN_KAN_INNER_SIGMOID:
        return sigma(t) * sigma(-t);
    case GATUN_KAN_INNER_LEAKY_RELU:
        return isnan(t) ? t : t > 0 ? 1 : 0.01;
    default:
        return 1 / (cosh(t) * cosh(t));
    }
}

double window_inner_scale(double t) {
    return (1 + fabs(t)) * exp(-fabs(t));
}

double window_combined(int combination, double u, double v) {
    switch (combination) {
    case GATUN_KAN_QUAD1:
        return u * v * u * v;
    case GATUN_KAN_QUAD2:
        return u * v + u * u + v * v;
    case GATUN_KAN_SUM:
        return u + v;
    case GATUN_KAN_PROD:
        return u * v;
    case GATUN_KAN_SUM_PROD:
        return u + v + u * v;
    case GATUN_KAN_CUBIC1:
        return (u + v) * (u * u + v * v);
    default:
        return pow(u * v, 3);
    }
}

double window_combined_slope(int combination, double u, double v) {
    switch (combination) {
    case GATUN_KAN_QUAD1:
        return 2 * u * v * v;
    case GATUN_KAN_QUAD2:
        return v + 2 * u;
    case GATUN_KAN_SUM:
        return 1;
    case GATUN_KAN_PROD:
        return v;
    case GATUN_KAN_SUM_PROD:
        return 1 + v;
    case GATUN_KAN_CUBIC1:
        return 3 * u * u + 2 * u * v + v * v;
    default:
        return 3 * u * u * v * v * v;
    }
}
