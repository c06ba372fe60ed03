/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exp, expm1, sine and cosine within 2 units in the last place, tanh and sigmoid within 3, at each level, against the C
 * library in double precision. Of all floats a sample by default;
 *     vector_math_test --exhaustive [FUNCTION] [LEVEL]
 * takes all 2^32, and prints the greatest error of each function: some minutes for each.
 */
#include "vector_math_probe.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "gatun.h"

enum { BLOCK = 4096 };

static double sigmoid(double x) {
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static const struct {
    const char *name;
    double (*define)(double);
    double limit;
    int odd;
} functions[PROBES] = {
    {"exp", exp, 2, 0}, {"expm1", expm1, 2, 1}, {"sin", sin, 2, 1},
    {"cos", cos, 2, 0}, {"tanh", tanh, 3, 1},   {"sigmoid", sigmoid, 3, 0},
};

static const struct {
    int isa;
    vector_math_probe *probe;
} levels[] = {
    {GATUN_ISA_SCALAR, vector_math_scalar},
#if defined(__x86_64__)
    {GATUN_ISA_AVX2, vector_math_avx2},
    {GATUN_ISA_AVX512, vector_math_avx512},
#elif defined(__aarch64__)
    {GATUN_ISA_NEON, vector_math_neon},
#endif
};

/* In units in the last place; what is beyond the greatest float counts as Inf. */
static double error_of(double got, double want) {
    if (isnan(want) || isnan(got)) {
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    }
    if (isinf((float)want) || isinf(got)) {
        return got == (float)want || (isinf(got) && fabs(want) > 0x1.fffffep127) ? 0 : INFINITY;
    }
    const int exponent = want != 0 && ilogb(want) > -126 ? ilogb(want) : -126;
    return fabs(got - want) / ldexp(1, exponent - 23);
}

/* Every `step`-th float. */
static void measure(int level, int function, uint64_t step) {
    float x[BLOCK], y[BLOCK], at = 0;
    double worst = 0;
    for (uint64_t bits = 0; bits < UINT64_C(1) << 32; bits += BLOCK * step) {
        for (int i = 0; i < BLOCK; i++) {
            const uint32_t chosen = (uint32_t)(bits + (uint64_t)i * step);
            memcpy(&x[i], &chosen, sizeof chosen);
        }
        levels[level].probe(function, x, y, BLOCK);
        for (int i = 0; i < BLOCK; i++) {
            const double error = error_of(y[i], functions[function].define(x[i]));
            if (error > worst) {
                worst = error;
                at = x[i];
            }
        }
    }
    const char *name = functions[function].name, *isa = gatun_isa_name(levels[level].isa);
    if (step == 1) {
        check_note("%s %s: %.3f units in the last place at most, at %.9g (%a)", name, isa, worst, (double)at,
                   (double)at);
    }
    CHECK(worst <= functions[function].limit, "%s %s: %.3f units in the last place at %.9g, expected %g at most", name,
          isa, worst, (double)at, functions[function].limit);
}

static void check_points(int level, int function) {
    float x[16] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e-45f, -1e-45f, 0x1p17f, -0x1p17f, 0x1.000002p17f}, y[16];
    levels[level].probe(function, x, y, 16);
    for (int i = 0; i < 16; i++) {
        const double want = functions[function].define(x[i]);
        CHECK(error_of(y[i], want) <= functions[function].limit, "%s %s: %g gives %g, expected %g",
              functions[function].name, gatun_isa_name(levels[level].isa), (double)x[i], (double)y[i], want);
        if (functions[function].odd && x[i] == 0) {
            CHECK(y[i] == 0 && !signbit(x[i]) == !signbit(y[i]), "%s of %g is %g", functions[function].name,
                  (double)x[i], (double)y[i]);
        }
    }
}

int main(int argc, char **argv) {
    int first = 1, exhaustive = 0;
    uint64_t step = 4099;
    if (argc > 1 && strcmp(argv[1], "--exhaustive") == 0) {
        exhaustive = 1;
        step = 1;
        first = 2;
    } else if (argc > 1 && strcmp(argv[argc - 1], "--reduced") == 0) {
        step = 65537;
    }
    const char *function_name = exhaustive && argc > first ? argv[first] : NULL;
    const char *level_name = exhaustive && argc > first + 1 ? argv[first + 1] : NULL;
    for (size_t level = 0; level < sizeof levels / sizeof levels[0]; level++) {
        const char *isa = gatun_isa_name(levels[level].isa);
        if (levels[level].isa > gatun_isa_detected()) {
            check_note("%s: not executed, this machine has %s", isa, gatun_isa_name(gatun_isa_detected()));
            continue;
        }
        for (int function = 0; function < PROBES; function++) {
            if ((function_name && strcmp(function_name, functions[function].name) != 0) ||
                (level_name && strcmp(level_name, isa) != 0)) {
                continue;
            }
            check_points((int)level, function);
            measure((int)level, function, step);
        }
    }
    return check_finish("vector_math_test");
}
