/* SPDX-License-Identifier: Apache-2.0 */
/* Bases of Kolmogorov-Arnold networks: splines and Gaussians on [-1, 1]. */
#include "operations.h"
#include "reference.h"

#include <math.h>

static const float grid_low = -1, grid_high = 1;

int call_kan_basis(const struct subject *s, char *message, long long message_bytes) {
    return gatun_kan_basis(s->context, s->operation->basis, KAN_FUNCTIONS, KAN_DEGREE, grid_low, grid_high, 0, s->dtype,
                           s->shape->rows, s->shape->columns, s->in[0].data, s->in[0].stride, s->out[0].data,
                           s->out[0].stride, message, message_bytes);
}

int call_kan_basis_backward(const struct subject *s, char *message, long long message_bytes) {
    return gatun_kan_basis_backward(s->context, s->operation->basis, KAN_FUNCTIONS, KAN_DEGREE, grid_low, grid_high, 0,
                                    s->dtype, s->shape->rows, s->shape->columns, s->in[1].data, s->in[1].stride,
                                    s->in[0].data, s->in[0].stride, s->out[0].data, s->out[0].stride, message,
                                    message_bytes);
}

/* The B-spline with knots 0, 1, 2, ... (Cox, de Boor). */
static double spline(int degree, double t) {
    if (degree == 0)
        return t >= 0 && t < 1;
    return (t * spline(degree - 1, t) + (degree + 1 - t) * spline(degree - 1, t - 1)) / degree;
}

static double step_of(int basis) {
    return ((double)grid_high - (double)grid_low) / (KAN_FUNCTIONS - (basis == GATUN_KAN_BSPLINE ? KAN_DEGREE : 1));
}

static double value_of(int basis, int m, double x) {
    const double steps = (x - (double)grid_low) / step_of(basis) - m;
    switch (basis) {
    case GATUN_KAN_BSPLINE:
        return spline(KAN_DEGREE, steps + KAN_DEGREE);
    case GATUN_KAN_CHEBYSHEV:
        return cos(m * acos(tanh(x)));
    case GATUN_KAN_FOURIER:
        return m < KAN_FUNCTIONS / 2 ? cos((m + 1) * x) : sin((m - KAN_FUNCTIONS / 2 + 1) * x);
    default:
        return exp(-steps * steps);
    }
}

/* The derivative, and in `scale` what its rounding errors are relative to besides. */
static double slope_of(int basis, int m, double x, double *scale) {
    const double step = step_of(basis), steps = (x - (double)grid_low) / step - m;
    const int k = m % (KAN_FUNCTIONS / 2) + 1;
    *scale = 1 / step;
    switch (basis) {
    case GATUN_KAN_BSPLINE:
        return (spline(KAN_DEGREE - 1, steps + KAN_DEGREE) - spline(KAN_DEGREE - 1, steps + KAN_DEGREE - 1)) / step;
    case GATUN_KAN_CHEBYSHEV: {
        const double angle = acos(tanh(x)), decay = 1 / (cosh(x) * cosh(x));
        *scale = m * m * decay;
        return m == 0 ? 0 : m * sin(m * angle) / sin(angle) * decay;
    }
    case GATUN_KAN_FOURIER:
        *scale = k;
        return m < KAN_FUNCTIONS / 2 ? -k * sin(k * x) : k * cos(k * x);
    default:
        return -2 * steps * exp(-steps * steps) / step;
    }
}

void define_kan_basis(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    for (int m = 0; m < KAN_FUNCTIONS; m++) {
        for (long long i = 0; i < s->width; i++)
            e->second[m * s->width + i] = value_of(s->operation->basis, m, e->first[i]);
    }
    expect_row(e, 0, row, e->second);
}

void define_kan_basis_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    load_row(s, &s->in[1], row, e->second);
    for (long long i = 0; i < s->width; i++) {
        const double x = e->first[i];
        e->first[i] = e->scale[i] = 0;
        for (int m = 0; m < KAN_FUNCTIONS; m++) {
            double scale;
            const double upstream = e->second[m * s->width + i], slope = slope_of(s->operation->basis, m, x, &scale);
            e->first[i] += upstream * slope;
            e->scale[i] += fabs(upstream) * (fabs(slope) + scale);
        }
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}

int call_kan_layer(const struct subject *s, char *message, long long message_bytes) {
    return gatun_kan_layer(s->context, s->operation->basis, KAN_FUNCTIONS, KAN_DEGREE, grid_low, grid_high, 0, s->dtype,
                           s->shape->rows, s->shape->columns, KAN_OUTPUTS, s->in[0].data, s->in[0].stride, s->weight,
                           NULL, s->out[0].data, s->out[0].stride, message, message_bytes);
}

int call_kan_layer_backward(const struct subject *s, char *message, long long message_bytes) {
    return gatun_kan_layer_backward(s->context, s->operation->basis, KAN_FUNCTIONS, KAN_DEGREE, grid_low, grid_high, 0,
                                    s->dtype, s->shape->rows, s->shape->columns, KAN_OUTPUTS, s->in[1].data,
                                    s->in[1].stride, s->in[0].data, s->in[0].stride, s->weight, s->out[0].data,
                                    s->out[0].stride, s->dweight, NULL, 0, message, message_bytes);
}

void define_kan_layer(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    double y[KAN_OUTPUTS] = {0}, scale[KAN_OUTPUTS] = {0};
    load_row(s, &s->in[0], row, e->first);
    for (long long k = 0; k < s->width * KAN_FUNCTIONS; k++) {
        const double phi = value_of(s->operation->basis, (int)(k % KAN_FUNCTIONS), e->first[k / KAN_FUNCTIONS]);
        for (int o = 0; o < KAN_OUTPUTS; o++) {
            const double weight = (double)s->weight[k * KAN_OUTPUTS + o];
            y[o] += phi * weight;
            scale[o] += (1 + fabs(phi)) * fabs(weight);
        }
    }
    expect_gradient(e, 0, row, y, scale);
}

/* dx of each row; dweight is left to the native tests. */
void define_kan_layer_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    double dy[KAN_OUTPUTS];
    load_row(s, &s->in[0], row, e->first);
    load_row(s, &s->in[1], row, dy);
    for (long long i = 0; i < s->width; i++) {
        const double x = e->first[i];
        e->first[i] = e->scale[i] = 0;
        for (int m = 0; m < KAN_FUNCTIONS; m++) {
            double slope_scale, sum = 0, magnitude = 0;
            const double slope = slope_of(s->operation->basis, m, x, &slope_scale);
            for (int o = 0; o < KAN_OUTPUTS; o++) {
                const double product = dy[o] * (double)s->weight[(i * KAN_FUNCTIONS + m) * KAN_OUTPUTS + o];
                sum += product;
                magnitude += fabs(product);
            }
            e->first[i] += sum * slope;
            e->scale[i] += magnitude * (fabs(slope) + slope_scale);
        }
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}

/* ---- windows: ends shared by all columns, AF-KAN's and ReLU-KAN's grid of 5 intervals, order 3 ---- */

static void make_ends(float starts[KAN_FUNCTIONS], float ends[KAN_FUNCTIONS]) {
    for (int m = 0; m < KAN_FUNCTIONS; m++) {
        starts[m] = (float)(m - 3) / 5;
        ends[m] = (float)(m + 1) / 5;
    }
}

int call_kan_window_basis(const struct subject *s, char *message, long long message_bytes) {
    float starts[KAN_FUNCTIONS], ends[KAN_FUNCTIONS];
    make_ends(starts, ends);
    return gatun_kan_window_basis(s->context, s->operation->basis, GATUN_KAN_QUAD1, KAN_FUNCTIONS, 0, 1.0f, s->dtype,
                                  s->shape->rows, s->shape->columns, s->in[0].data, s->in[0].stride, starts, ends,
                                  s->out[0].data, s->out[0].stride, message, message_bytes);
}

int call_kan_window_basis_backward(const struct subject *s, char *message, long long message_bytes) {
    float starts[KAN_FUNCTIONS], ends[KAN_FUNCTIONS];
    make_ends(starts, ends);
    return gatun_kan_window_basis_backward(s->context, s->operation->basis, GATUN_KAN_QUAD1, KAN_FUNCTIONS, 0, 1.0f,
                                           s->dtype, s->shape->rows, s->shape->columns, s->in[1].data, s->in[1].stride,
                                           s->in[0].data, s->in[0].stride, starts, ends, s->out[0].data,
                                           s->out[0].stride, NULL, NULL, 0, message, message_bytes);
}

static double inner_value(int inner, double t) {
    return inner == GATUN_KAN_INNER_RELU ? fmax(t, 0) : t / (1 + exp(-t));
}

static double inner_slope(int inner, double t) {
    const double sigma = 1 / (1 + exp(-t));
    return inner == GATUN_KAN_INNER_RELU ? t > 0 : sigma * (1 + t * (1 - sigma));
}

static double slack(double t) {
    return (1 + fabs(t)) * exp(-fabs(t));
}

void define_kan_window_basis(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    const int inner = s->operation->basis;
    float starts[KAN_FUNCTIONS], ends[KAN_FUNCTIONS];
    make_ends(starts, ends);
    load_row(s, &s->in[0], row, e->first);
    for (int m = 0; m < KAN_FUNCTIONS; m++) {
        for (long long i = 0; i < s->width; i++) {
            const double u = inner_value(inner, e->first[i] - (double)starts[m]);
            const double v = inner_value(inner, (double)ends[m] - e->first[i]);
            e->second[m * s->width + i] = u * v * u * v;
        }
    }
    expect_row(e, 0, row, e->second);
}

void define_kan_window_basis_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    const int inner = s->operation->basis;
    float starts[KAN_FUNCTIONS], ends[KAN_FUNCTIONS];
    make_ends(starts, ends);
    load_row(s, &s->in[0], row, e->first);
    load_row(s, &s->in[1], row, e->second);
    for (long long i = 0; i < s->width; i++) {
        const double x = e->first[i];
        e->first[i] = e->scale[i] = 0;
        for (int m = 0; m < KAN_FUNCTIONS; m++) {
            const double from = x - (double)starts[m], to = (double)ends[m] - x;
            const double u = inner_value(inner, from), v = inner_value(inner, to);
            const double g = inner_slope(inner, from), h = inner_slope(inner, to), dphi = e->second[m * s->width + i];
            const double big_u = fabs(u) + slack(from), big_v = fabs(v) + slack(to);
            e->first[i] += dphi * (2 * u * v * v * g - 2 * v * u * u * h);
            e->scale[i] +=
                fabs(dphi) * 2 * big_u * big_v * (big_v * (fabs(g) + slack(from)) + big_u * (fabs(h) + slack(to)));
        }
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}
