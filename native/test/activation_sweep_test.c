/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every activation over all values of the 16-bit types, forward and backward: at most 1 unit in the last place from the
 * definition. In float32: GELU, SiLU and quick GELU at most 8 units in the last place over their whole range, negative
 * tail included; backward against central differences of the definition; NaN, infinities and zeros.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "activation_reference.h"
#include "check.h"
#include "gatun.h"
#include "levels.h"
#include "values.h"

enum { ALL_16_BIT = 65536 };

static int reduced;

static int forward(gatun_context *context, const activation_form *f, int dtype, long long n, const void *x, void *y) {
    return gatun_activation(context, f->activation, f->first, f->second, f->nan_to_zero, dtype, 1, n, x, n, y, n, NULL,
                            0);
}
static int backward(gatun_context *context, const activation_form *f, int dtype, long long n, const void *g,
                    const void *x, void *dx) {
    return gatun_activation_backward(context, f->activation, f->first, f->second, f->nan_to_zero, dtype, 1, n, g, n, x,
                                     n, dx, n, NULL, 0);
}

/* In units in the last place of a format; of subnormal values those of subnormals. */
static double ulps(double got, double want, int digits, int least) {
    if (isnan(want) || isnan(got)) {
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    }
    const int exponent = want != 0 && isfinite(want) && ilogb(want) > least ? ilogb(want) : least;
    return fabs(got - want) / ldexp(1, exponent - (digits - 1));
}
static double ulps_of(int dtype, double got, double want) {
    const double rounded = dtype_round(dtype, want);
    if (isinf(rounded) || isinf(got)) {
        return got == rounded ? 0 : INFINITY;
    }
    return dtype == GATUN_F32    ? ulps(got, want, 24, -126)
           : dtype == GATUN_BF16 ? ulps(got, want, 8, -126)
                                 : ulps(got, want, 11, -14);
}

static void sweep(gatun_context *context, const activation_form *f, int dtype, int isa) {
    static uint16_t x[ALL_16_BIT], one[ALL_16_BIT], result[ALL_16_BIT];
    for (int i = 0; i < ALL_16_BIT; i++) {
        x[i] = (uint16_t)i;
        dtype_store(dtype, one, i, 1.0);
    }
    for (int is_backward = 0; is_backward < 2; is_backward++) {
        const int status = is_backward ? backward(context, f, dtype, ALL_16_BIT, one, x, result)
                                       : forward(context, f, dtype, ALL_16_BIT, x, result);
        CHECK(status == GATUN_OK, "%s: status %d", f->name, status);
        double worst = 0, at = 0, got_there = 0;
        for (int i = 0; i < ALL_16_BIT; i++) {
            const double v = dtype_load(dtype, x, i), got = dtype_load(dtype, result, i);
            const double error =
                ulps_of(dtype, got, is_backward ? activation_gradient(f, 1, v) : activation_value(f, v));
            if (error > worst) {
                worst = error;
                at = v;
                got_there = got;
            }
        }
        CHECK(worst <= 1, "%s%s %s %s: %g gives %.9g, %.3g units in the last place off", f->name,
              is_backward ? " backward" : "", gatun_isa_name(isa), dtype_name(dtype), at, got_there, worst);
    }
}

/* Floats spread evenly over all exponents, tails included. */
static void sample_ulps(gatun_context *context, const activation_form *f, double limit, int isa) {
    enum { BLOCK = 4096 };
    static float x[BLOCK], y[BLOCK];
    double worst = 0, at = 0, got_there = 0;
    uint32_t bits = 12345;
    for (int block = 0; block < (reduced ? 8 : 128); block++) {
        for (int i = 0; i < BLOCK; i++) {
            bits += 8191 * 977;
            uint32_t chosen = bits;
            if (i % 2) { /* -16 .. 16, where something happens */
                const float near = (float)((double)(int32_t)bits * 0x1p-27);
                memcpy(&chosen, &near, sizeof chosen);
            }
            memcpy(&x[i], &chosen, sizeof chosen);
        }
        CHECK(forward(context, f, GATUN_F32, BLOCK, x, y) == GATUN_OK, "%s", f->name);
        for (int i = 0; i < BLOCK; i++) {
            const double error = ulps_of(GATUN_F32, y[i], activation_value(f, x[i]));
            if (error > worst) {
                worst = error;
                at = x[i];
                got_there = y[i];
            }
        }
    }
    CHECK(worst <= limit, "%s %s: %.9g gives %.9g, %.3g units in the last place off, expected %g at most", f->name,
          gatun_isa_name(isa), at, got_there, worst, limit);
}

/* The gradient of the library against the slope of the definition. */
static void compare_with_differences(gatun_context *context, const activation_form *f, int isa) {
    enum { POINTS = 997 };
    static const double kinks[] = {0, 6, -3, 3, -1.25, 0.75, 0.5, 2.5, -0.5};
    static float x[POINTS], g[POINTS], dx[POINTS];
    for (int i = 0; i < POINTS; i++) {
        x[i] = (float)(-7 + 14.0 * i / POINTS);
        g[i] = 1;
    }
    CHECK(backward(context, f, GATUN_F32, POINTS, g, x, dx) == GATUN_OK, "%s", f->name);
    double worst = 0, at = 0;
    for (int i = 0; i < POINTS && f->activation != GATUN_SINE; i++) {
        const double v = x[i], step = 1e-5;
        int near_kink = 0;
        for (size_t k = 0; k < sizeof kinks / sizeof kinks[0]; k++) {
            near_kink |= fabs(v - kinks[k]) < 2 * step;
        }
        const double slope = (activation_value(f, v + step) - activation_value(f, v - step)) / (2 * step);
        const double error = fabs(slope - dx[i]) / (1 + fabs(slope));
        if (!near_kink && error > worst) {
            worst = error;
            at = v;
        }
    }
    CHECK(worst < 1e-5, "%s %s: at %g the gradient is %g off the difference quotient", f->name, gatun_isa_name(isa), at,
          worst);
}

/* The points of the contract. */
static void check_limits(gatun_context *context, int isa) {
    static const struct {
        int activation;
        float x, y;
    } limits[] = {
        {GATUN_SILU, -INFINITY, -0.0f},
        {GATUN_GELU_ERF, -INFINITY, -0.0f},
        {GATUN_GELU_TANH, -INFINITY, -0.0f},
        {GATUN_QUICK_GELU, -INFINITY, -0.0f},
        {GATUN_SILU, INFINITY, INFINITY},
        {GATUN_GELU_ERF, INFINITY, INFINITY},
        {GATUN_GELU_TANH, INFINITY, INFINITY},
        {GATUN_TANH, INFINITY, 1},
        {GATUN_TANH, -INFINITY, -1},
        {GATUN_TANH, -0.0f, -0.0f},
        {GATUN_SIGMOID, -INFINITY, 0},
        {GATUN_SIGMOID, INFINITY, 1},
        {GATUN_SELU, -0.0f, -0.0f},
        {GATUN_SILU, -0.0f, -0.0f},
        {GATUN_GELU_ERF, -0.0f, -0.0f},
        {GATUN_HARD_SWISH, -INFINITY, -0.0f},
        {GATUN_HARD_SWISH, -3, -0.0f},
        {GATUN_HARD_SWISH, INFINITY, INFINITY},
        {GATUN_SELU, -INFINITY, -1.7580993f},
        {GATUN_HARD_SIGMOID, INFINITY, 1},
        {GATUN_RELU6, INFINITY, 6},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        float y = 42;
        const activation_form f = {"limit", limits[i].activation, 0, 0, 0};
        CHECK(forward(context, &f, GATUN_F32, 1, &limits[i].x, &y) == GATUN_OK, "activation %d", limits[i].activation);
        CHECK(y == limits[i].y && !signbit(y) == !signbit(limits[i].y), "%s: activation %d of %g is %g, expected %g",
              gatun_isa_name(isa), limits[i].activation, (double)limits[i].x, (double)y, (double)limits[i].y);
    }
    for (int i = 0; i < activation_form_count; i++) {
        const activation_form *f = &activation_forms[i];
        float x = NAN, y = 42;
        CHECK(forward(context, f, GATUN_F32, 1, &x, &y) == GATUN_OK, "%s", f->name);
        CHECK(f->nan_to_zero ? y == 0 : isnan(y), "%s %s: NaN gives %g", f->name, gatun_isa_name(isa), (double)y);
        if (f->activation == GATUN_PRO_ACT) {
            x = INFINITY;
            CHECK(forward(context, f, GATUN_F32, 1, &x, &y) == GATUN_OK && y == 0, "%s %s: Inf gives %g", f->name,
                  gatun_isa_name(isa), (double)y);
        }
        if (f->activation == GATUN_SINE) {
            x = INFINITY;
            CHECK(forward(context, f, GATUN_F32, 1, &x, &y) == GATUN_OK && isnan(y), "%s %s: Inf gives %g", f->name,
                  gatun_isa_name(isa), (double)y);
        }
    }
}

int main(int argc, char **argv) {
    reduced = argc > 1 && strcmp(argv[argc - 1], "--reduced") == 0;
    int levels[LEVELS_MAX];
    const int count = levels_of("activation", levels);
    for (int l = 0; l < count; l++) {
        gatun_context *context = level_open(levels[l], 1);
        check_limits(context, levels[l]);
        for (int i = 0; i < activation_form_count; i++) {
            const activation_form *f = &activation_forms[i];
            if (!reduced || i % 4 == l % 4) {
                sweep(context, f, GATUN_BF16, levels[l]);
                sweep(context, f, GATUN_F16, levels[l]);
            }
            compare_with_differences(context, f, levels[l]);
            switch (f->activation) {
            case GATUN_GELU_ERF:
            case GATUN_GELU_TANH:
            case GATUN_QUICK_GELU:
            case GATUN_SILU:
                sample_ulps(context, f, 8, levels[l]);
                break;
            case GATUN_TANH:
            case GATUN_SIGMOID:
            case GATUN_SELU:
                sample_ulps(context, f, 3, levels[l]);
                break;
            default:
                break;
            }
        }
        gatun_context_destroy(context);
    }
    return check_finish("activation_sweep_test");
}
