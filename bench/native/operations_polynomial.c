/* SPDX-License-Identifier: Apache-2.0 */
/* Polynomial and rational activations and activation sparsity. Gradients of coefficients are in dgamma[0] and, of a
 * denominator, dgamma[1]. */
#include "operations.h"
#include "reference.h"

#include <math.h>
#include <stdlib.h>

enum { ORDER = 3, NUMERATOR = 5, DENOMINATOR = 4, GROUPS = 8, KEPT_OF = 10 };

static const float coefficients[ORDER + 1] = {0.125f, 0.333f, 0.333f, 0.333f};
static const float norm_eps = 1e-6f, mask_threshold = 1.0f;

/* Swish as KAT begins with it: the numerator for all groups, a denominator for each. */
static const float numerator[NUMERATOR + 1] = {3.054879741e-7f, 0.5000007854f,   0.2499978342f,
                                               0.05326628273f,  0.005803034571f, 2.751961022e-4f};
static const float denominator[GROUPS * DENOMINATOR] = {
    -4.111554956e-6f, 0.1065289934f,   -1.269000740e-6f, 5.502331264e-4f, -4.111554956e-6f, 0.1065289934f,
    -1.269000740e-6f, 5.502331264e-4f, -4.111554956e-6f, 0.1065289934f,   -1.269000740e-6f, 5.502331264e-4f,
    -4.111554956e-6f, 0.1065289934f,   -1.269000740e-6f, 5.502331264e-4f, -4.111554956e-6f, 0.1065289934f,
    -1.269000740e-6f, 5.502331264e-4f, -4.111554956e-6f, 0.1065289934f,   -1.269000740e-6f, 5.502331264e-4f,
    -4.111554956e-6f, 0.1065289934f,   -1.269000740e-6f, 5.502331264e-4f, -4.111554956e-6f, 0.1065289934f,
    -1.269000740e-6f, 5.502331264e-4f};

static double base_of(const struct subject *s, double x) {
    return s->operation->relu && x < 0.0 ? 0.0 : x;
}

/* ---- polynomials of each element ---- */

int polynomial_scratch(const gatun_context *context, long long rows, long long columns, long long *bytes) {
    return gatun_poly_relu_backward_scratch(context, ORDER, rows, columns, bytes);
}

/* in: x; out: y */
int call_poly_relu(const struct subject *s, char *message, long long message_bytes) {
    return (s->operation->relu ? gatun_poly_relu : gatun_poly_eval)(
        s->context, s->dtype, ORDER, s->shape->rows, s->shape->columns, s->in[0].data, s->in[0].stride, coefficients,
        s->out[0].data, s->out[0].stride, message, message_bytes);
}

void define_poly_relu(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    for (long long i = 0; i < s->width; i++) {
        const double z = base_of(s, e->first[i]);
        double power = 1.0;
        e->first[i] = e->scale[i] = 0.0;
        for (int k = 0; k <= ORDER; k++) {
            e->first[i] += (double)coefficients[k] * power;
            e->scale[i] += fabs((double)coefficients[k] * power);
            power *= z;
        }
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}

/* in: dy, x; out: dx */
int call_poly_relu_backward(const struct subject *s, char *message, long long message_bytes) {
    return (s->operation->relu ? gatun_poly_relu_backward : gatun_poly_eval_backward)(
        s->context, s->dtype, ORDER, s->shape->rows, s->shape->columns, s->in[0].data, s->in[0].stride, s->in[1].data,
        s->in[1].stride, coefficients, s->out[0].data, s->out[0].stride, s->dgamma[0], 0, 0,
        s->shape->rows * s->shape->columns, s->scratch, s->scratch_bytes, message, message_bytes);
}

void define_poly_relu_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    load_row(s, &s->in[1], row, e->second);
    for (long long i = 0; i < s->width; i++) {
        const double g = e->first[i], z = base_of(s, e->second[i]);
        double power = 1.0, slope = 0.0, scale = 0.0;
        for (int k = 0; k <= ORDER; k++) {
            e->dgamma[0][k] += g * power;
            e->dgamma_scale[0][k] += fabs(g * power);
            if (k < ORDER) {
                slope += (k + 1) * (double)coefficients[k + 1] * power;
                scale += fabs((k + 1) * (double)coefficients[k + 1] * power);
            }
            power *= z;
        }
        const int flat = s->operation->relu && e->second[i] <= 0.0;
        e->first[i] = flat ? 0.0 : g * slope;
        e->scale[i] = fabs(g) * scale;
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}

/* ---- PolyNorm ---- */

int poly_norm_scratch(const gatun_context *context, long long rows, long long columns, long long *bytes) {
    return gatun_poly_norm_scratch(context, ORDER, rows, columns, bytes);
}

int poly_norm_backward_scratch(const gatun_context *context, long long rows, long long columns, long long *bytes) {
    return gatun_poly_norm_backward_scratch(context, ORDER, rows, columns, bytes);
}

/* in: x, or gate and up; out: y */
int call_poly_norm(const struct subject *s, char *message, long long message_bytes) {
    if (s->operation->gated)
        return gatun_poly_norm_mul(s->context, s->dtype, ORDER, s->shape->rows, s->shape->columns, s->in[0].data,
                                   s->in[0].stride, s->in[1].data, s->in[1].stride, coefficients, norm_eps,
                                   s->out[0].data, s->out[0].stride, NULL, s->scratch, s->scratch_bytes, message,
                                   message_bytes);
    return gatun_poly_norm(s->context, s->dtype, ORDER, s->shape->rows, s->shape->columns, s->in[0].data,
                           s->in[0].stride, coefficients, norm_eps, s->out[0].data, s->out[0].stride, NULL, s->scratch,
                           s->scratch_bytes, message, message_bytes);
}

static void reciprocals(const double *x, long long columns, double *rho) {
    double squares[ORDER] = {0.0};
    for (long long i = 0; i < columns; i++) {
        double power = 1.0;
        for (int p = 0; p < ORDER; p++) {
            power *= x[i] * x[i];
            squares[p] += power;
        }
    }
    for (int p = 0; p < ORDER; p++)
        rho[p] = 1.0 / sqrt(squares[p] / (double)columns + (double)norm_eps);
}

static double poly_norm_of(const double *rho, double x, double *scale) {
    double y = (double)coefficients[0], power = 1.0;
    *scale = fabs(y);
    for (int p = 0; p < ORDER; p++) {
        power *= x;
        y += (double)coefficients[p + 1] * rho[p] * power;
        *scale += fabs((double)coefficients[p + 1] * rho[p] * power);
    }
    return y;
}

void define_poly_norm(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    double rho[ORDER];
    load_row(s, &s->in[0], row, e->first);
    if (s->operation->gated)
        load_row(s, &s->in[1], row, e->second);
    reciprocals(e->first, s->width, rho);
    for (long long i = 0; i < s->width; i++) {
        const double up = s->operation->gated ? e->second[i] : 1.0;
        e->first[i] = up * poly_norm_of(rho, e->first[i], &e->scale[i]);
        e->scale[i] *= fabs(up);
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}

/* in: dy, x, or dy, gate, up; out: dx, or dgate and dup */
int call_poly_norm_backward(const struct subject *s, char *message, long long message_bytes) {
    if (s->operation->gated)
        return gatun_poly_norm_mul_backward(
            s->context, s->dtype, ORDER, s->shape->rows, s->shape->columns, s->in[0].data, s->in[0].stride,
            s->in[1].data, s->in[1].stride, s->in[2].data, s->in[2].stride, coefficients, norm_eps, NULL,
            s->out[0].data, s->out[0].stride, s->out[1].data, s->out[1].stride, s->dgamma[0], 0, 0, s->shape->rows,
            s->scratch, s->scratch_bytes, message, message_bytes);
    return gatun_poly_norm_backward(s->context, s->dtype, ORDER, s->shape->rows, s->shape->columns, s->in[0].data,
                                    s->in[0].stride, s->in[1].data, s->in[1].stride, coefficients, norm_eps, NULL,
                                    s->out[0].data, s->out[0].stride, s->dgamma[0], 0, 0, s->shape->rows, s->scratch,
                                    s->scratch_bytes, message, message_bytes);
}

void define_poly_norm_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    const int gated = s->operation->gated;
    double *up = e->norm->normalized, *dup = e->column_means;
    double rho[ORDER], mean[ORDER + 1] = {0.0}, magnitude[ORDER + 1] = {0.0};
    load_row(s, &s->in[0], row, e->first);
    load_row(s, &s->in[1], row, e->second);
    if (gated)
        load_row(s, &s->in[2], row, up);
    reciprocals(e->second, s->width, rho);
    for (long long i = 0; i < s->width; i++) {
        double term = e->first[i] * (gated ? up[i] : 1.0);
        for (int p = 0; p <= ORDER; p++) {
            mean[p] += term / (double)s->width;
            magnitude[p] += fabs(term) / (double)s->width;
            term *= e->second[i];
        }
    }
    for (int p = 0; p <= ORDER; p++) {
        const double factor = (p == 0 ? 1.0 : rho[p - 1]) * (double)s->width;
        e->dgamma[0][p] += factor * mean[p];
        e->dgamma_scale[0][p] += factor * magnitude[p];
    }
    if (gated) {
        for (long long i = 0; i < s->width; i++) {
            dup[i] = e->first[i] * poly_norm_of(rho, e->second[i], &e->scale[i]);
            e->scale[i] *= fabs(e->first[i]);
        }
        expect_gradient(e, 1, row, dup, e->scale);
    }
    for (long long i = 0; i < s->width; i++) {
        const double g = e->first[i] * (gated ? up[i] : 1.0), x = e->second[i];
        double power = 1.0;
        e->first[i] = e->scale[i] = 0.0;
        for (int p = 1; p <= ORDER; p++) {
            const double r = rho[p - 1], factor = (double)coefficients[p] * p * power * r;
            power *= x;
            e->first[i] += factor * (g - power * r * r * mean[p]);
            e->scale[i] += fabs(factor) * (fabs(g) + fabs(power) * r * r * magnitude[p]);
        }
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}

/* ---- rational ---- */

int rational_scratch(const gatun_context *context, long long rows, long long columns, long long *bytes) {
    return gatun_rational_backward_scratch(context, NUMERATOR, DENOMINATOR, rows, columns, GROUPS, bytes);
}

/* in: x; out: y */
int call_rational(const struct subject *s, char *message, long long message_bytes) {
    return gatun_rational(s->context, s->dtype, NUMERATOR, DENOMINATOR, GATUN_DENOMINATOR_TERMS, s->shape->rows,
                          s->shape->columns, GROUPS, s->in[0].data, s->in[0].stride, numerator, 1, denominator, GROUPS,
                          s->out[0].data, s->out[0].stride, message, message_bytes);
}

/* P, P', Q and Q' at x, and the magnitudes of the terms of P and P'. */
struct quotient {
    double p, dp, q, dq, p_scale, dp_scale;
};

static struct quotient quotient_at(double x, const float *b) {
    struct quotient r = {.q = 1.0};
    double power = 1.0;
    for (int i = 0; i <= NUMERATOR; i++) {
        r.p += (double)numerator[i] * power;
        r.p_scale += fabs((double)numerator[i] * power);
        if (i < NUMERATOR) {
            r.dp += (i + 1) * (double)numerator[i + 1] * power;
            r.dp_scale += fabs((i + 1) * (double)numerator[i + 1] * power);
        }
        power *= x;
    }
    power = 1.0;
    for (int j = 1; j <= DENOMINATOR; j++) {
        r.dq += j * fabs((double)b[j - 1]) * power;
        power *= fabs(x);
        r.q += fabs((double)b[j - 1]) * power;
    }
    return r;
}

void define_rational(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    for (long long i = 0; i < s->width; i++) {
        const struct quotient r = quotient_at(e->first[i], denominator + i / (s->width / GROUPS) * DENOMINATOR);
        e->first[i] = r.p / r.q;
        e->scale[i] = r.p_scale / r.q;
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}

/* in: dy, x; out: dx */
int call_rational_backward(const struct subject *s, char *message, long long message_bytes) {
    return gatun_rational_backward(s->context, s->dtype, NUMERATOR, DENOMINATOR, GATUN_DENOMINATOR_TERMS,
                                   s->shape->rows, s->shape->columns, GROUPS, s->in[0].data, s->in[0].stride,
                                   s->in[1].data, s->in[1].stride, numerator, 1, denominator, GROUPS, s->out[0].data,
                                   s->out[0].stride, s->dgamma[0], s->dgamma[1], 0, 0, s->shape->rows, s->scratch,
                                   s->scratch_bytes, message, message_bytes);
}

void define_rational_backward(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    load_row(s, &s->in[1], row, e->second);
    for (long long i = 0; i < s->width; i++) {
        const long long group = i / (s->width / GROUPS);
        const float *b = denominator + group * DENOMINATOR;
        const double x = e->second[i];
        const struct quotient r = quotient_at(x, b);
        const double h = e->first[i] / r.q, value = r.p / r.q, value_scale = r.p_scale / r.q;
        double power = 1.0;
        for (int k = 0; k <= NUMERATOR; k++) {
            e->dgamma[0][k] += h * power;
            e->dgamma_scale[0][k] += fabs(h * power);
            power *= x;
        }
        power = fabs(x);
        for (int k = 0; k < DENOMINATOR; k++) {
            e->dgamma[1][group * DENOMINATOR + k] += (b[k] < 0.0f ? 1.0 : -1.0) * h * value * power;
            e->dgamma_scale[1][group * DENOMINATOR + k] += fabs(h) * value_scale * power;
            power *= fabs(x);
        }
        e->first[i] = h * (r.dp - value * (x < 0.0 ? -r.dq : r.dq));
        e->scale[i] = fabs(h) * (r.dp_scale + value_scale * r.dq);
    }
    expect_gradient(e, 0, row, e->first, e->scale);
}

/* ---- sparsity ---- */

/* in: x; out: y */
int call_threshold_mask(const struct subject *s, char *message, long long message_bytes) {
    return gatun_threshold_mask(s->context, s->dtype, s->shape->rows, s->shape->columns, s->in[0].data, s->in[0].stride,
                                NULL, NULL, mask_threshold, 1, s->in[0].data, s->in[0].stride, s->out[0].data,
                                s->out[0].stride, message, message_bytes);
}

void define_threshold_mask(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    load_row(s, &s->in[0], row, e->first);
    for (long long i = 0; i < s->width; i++)
        e->first[i] = fabs(e->first[i]) >= (double)mask_threshold ? e->first[i] : 0.0;
    expect_row(e, 0, row, e->first);
}

int call_topk_mask_rows(const struct subject *s, char *message, long long message_bytes) {
    return gatun_topk_mask_rows(s->context, s->dtype, s->shape->rows, s->shape->columns, s->shape->columns / KEPT_OF,
                                s->in[0].data, s->in[0].stride, NULL, s->in[0].data, s->in[0].stride, s->out[0].data,
                                s->out[0].stride, message, message_bytes);
}

static int by_magnitude(const void *a, const void *b) {
    const double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return x > y ? -1 : x < y;
}

void define_topk_mask_rows(struct evaluation *e, long long row) {
    const struct subject *s = e->subject;
    const long long kept = s->width / KEPT_OF;
    load_row(s, &s->in[0], row, e->first);
    load_row(s, &s->in[0], row, e->second);
    qsort(e->second, (size_t)s->width, sizeof *e->second, by_magnitude);
    const double least = kept > 0 ? fabs(e->second[kept - 1]) : INFINITY;
    long long equal = 0; /* of the least, the lowest columns */
    for (long long i = 0; i < kept; i++)
        equal += fabs(e->second[i]) == least;
    for (long long i = 0; i < s->width; i++) {
        const double key = fabs(e->first[i]);
        const int stays = key > least || (key == least && equal-- > 0);
        e->first[i] = stays ? e->first[i] : 0.0;
    }
    expect_row(e, 0, row, e->first);
}
