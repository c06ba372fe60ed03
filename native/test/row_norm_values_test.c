/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that break careless normalization: large common offsets, squares that overflow or underflow, constant rows,
 * subnormal numbers, NaN and infinities at each place of a row, signed zeros.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "check.h"
#include "row_norm_driver.h"
#include "values.h"

static const long long some_columns[] = {1, 2, 5, 16, 63, 130, 1000, 4096};
enum { SOME_COLUMNS = sizeof some_columns / sizeof *some_columns };

static int representable(int dtype, double magnitude) {
    return isfinite(dtype_round(dtype, magnitude));
}

static void run_modes(row_norm_driver *driver, row_norm_case test) {
    for (int mode = GATUN_EPS_IN_SQRT; mode <= GATUN_EPS_CLAMP; mode++) {
        test.eps_mode = mode;
        test.cast_mode = (int)(test.seed % 2);
        row_norm_drive_case(driver, &test, NULL);
    }
}

/* Noise of every magnitude on every offset that the type can hold. */
static void check_magnitudes(row_norm_driver *driver, int dtype, long long columns) {
    static const double bases[] = {0, 1e2, 1e4, 3e4, 1e7};
    static const double scales[] = {1e-38, 1e-30, 1e-20, 1e-3, 1, 4, 1e15, 1e19, 1e30, 9e37};
    static const float epsilons[] = {0.0f, 1e-12f, 1e-5f, 1e12f};
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
            row_norm_case test = row_norm_case_plain(driver->operation, dtype, 2, columns);
            test.base = bases[b];
            test.scale = scales[s];
            /* An offset that the noise cannot move would make constant rows, which have a test of their own. */
            int vanishes = bases[b] != 0 && scales[s] < 1;
            int coarse = bases[b] == 1e7 && scales[s] == 1;
            if (!representable(dtype, test.base + 4 * test.scale) || vanishes || coarse ||
                dtype_round(dtype, test.scale) == 0) {
                continue;
            }
            for (size_t e = 0; e < sizeof epsilons / sizeof *epsilons; e++) {
                /* With eps 0 a row without variance has no normalization. */
                if (epsilons[e] == 0 && (columns < 5 || (dtype != GATUN_F32 && bases[b] != 0))) {
                    continue;
                }
                test.eps = epsilons[e];
                test.seed += 1;
                test.has_beta = (int)(test.seed % 3 == 0);
                run_modes(driver, test);
            }
        }
    }
}

static void check_patterns(row_norm_driver *driver, int dtype, long long columns) {
    static const double bases[] = {0, 1, -3, 1e4, 1e7, 1e30};
    for (row_values values = VALUES_CONSTANT; values < VALUES_KINDS; values++) {
        for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
            row_norm_case test = row_norm_case_plain(driver->operation, dtype, 3, columns);
            test.values = values;
            test.base = bases[b];
            test.scale = 2;
            if (!representable(dtype, bases[b])) {
                continue;
            }
            run_modes(driver, test);
        }
    }
}

/* Rows of zeros and eps 0: 0 / 0 is NaN by the formula; nothing but that row may be touched by it. */
static void check_zero_over_zero(row_norm_driver *driver, int dtype, long long columns) {
    row_norm_case test = row_norm_case_plain(driver->operation, dtype, 2, columns);
    test.values = VALUES_SIGNED_ZERO;
    test.eps = 0;
    run_modes(driver, test);
}

/* A NaN or infinity in the middle row of three leaves its neighbours alone. */
static void check_specials(row_norm_driver *driver, int dtype, long long columns) {
    const double specials[] = {NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 65504, 1e-45, -0.0};
    for (size_t s = 0; s < sizeof specials / sizeof *specials; s++) {
        const long long places[] = {0, columns / 2, columns - 1};
        for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
            row_norm_case test = row_norm_case_plain(driver->operation, dtype, 3, columns);
            test.has_special = 1;
            test.special = dtype_round(dtype, specials[s]);
            test.special_column = places[p];
            test.seed += s * 3 + p;
            run_modes(driver, test);
            if (driver->operation == RMS_NORM && columns > 1) {
                test.statistics_columns = columns / 2; /* a special value behind them stays alone in its row, too */
                run_modes(driver, test);
            }
        }
    }
}

/* RMSNorm without beta keeps the sign of a zero: -0 * r * gamma = -0. */
static void check_signs_of_zero(row_norm_driver *driver, int dtype, long long columns) {
    row_norm_case test = row_norm_case_plain(RMS_NORM, dtype, 1, columns);
    row_norm_result result;
    test.values = VALUES_SIGNED_ZERO;
    test.has_beta = 0;
    for (int has_gamma = 0; has_gamma <= 1; has_gamma++) {
        test.has_gamma = has_gamma;
        row_norm_drive_case(driver, &test, &result);
        for (long long j = 0; j < columns; j++) {
            double y = dtype_load(dtype, result.bytes, j);
            CHECK(y == 0 && !signbit(y) == (j % 2 == 0), "rms_norm %s %s, %lld columns, gamma %d: y[%lld] is %g",
                  gatun_isa_name(driver->isa), dtype_name(dtype), columns, has_gamma, j, y);
        }
    }
}

/* Powers of two over the whole range of float32, eps 0: squares overflow, underflow, or x itself is subnormal. */
static void check_scales(row_norm_driver *driver, long long columns) {
    static const double scales[] = {0x1p-140, 0x1p-126, 0x1p-100, 0x1p-60, 0x1p-20, 0x1p20, 0x1p60, 0x1p100, 0x1p124};
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        row_norm_case test = row_norm_case_plain(driver->operation, GATUN_F32, 2, columns);
        test.values = VALUES_ALTERNATING;
        test.base = scales[s];
        test.scale = 2 * scales[s];
        test.eps = 0;
        row_norm_drive_case(driver, &test, NULL);
    }
}

static void test_kernel(row_norm_driver *driver) {
    for (int c = 0; c < SOME_COLUMNS; c += driver->reduced ? 2 : 1) {
        long long columns = some_columns[c];
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            check_magnitudes(driver, dtype, columns);
            check_patterns(driver, dtype, columns);
            check_zero_over_zero(driver, dtype, columns);
            check_specials(driver, dtype, columns);
            if (driver->operation == RMS_NORM) {
                check_signs_of_zero(driver, dtype, columns);
            }
        }
        if (columns > 1) {
            check_scales(driver, columns);
        }
    }
}

int main(int argc, char **argv) {
    return row_norm_drive(argc, argv, test_kernel);
}
