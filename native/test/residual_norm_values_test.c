/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that break careless fused normalizations: large common offsets, sums whose squares overflow or underflow where
 * those of x do not and the other way round, constant rows, subnormal numbers, NaN and infinities at each place of x
 * and of the residual, sums beyond a 16-bit type.
 */
#include <float.h>
#include <math.h>

#include "check.h"
#include "residual_norm_driver.h"
#include "values.h"

static const long long some_columns[] = {1, 2, 5, 16, 63, 130, 400};
enum { SOME_COLUMNS = sizeof some_columns / sizeof *some_columns };

static int representable(int dtype, double magnitude) {
    return isfinite(dtype_round(dtype, magnitude));
}

/* Every mode of eps; the options that change what is done with special values follow from the seed. */
static void run_modes(residual_norm_driver *driver, residual_norm_case test) {
    for (int mode = GATUN_EPS_IN_SQRT; mode <= GATUN_EPS_CLAMP; mode++) {
        test.seed += 1;
        test.eps_mode = mode;
        test.cast_mode = (int)(test.seed % 2);
        test.sum_mode = (int)(test.seed / 2 % 2);
        test.has_bias = test.operation != NORM_ADD_NORM && test.seed / 4 % 2;
        test.h_place = (output_place)(test.seed % (test.operation == NORM_RESIDUAL_ADD ? NOT_STORED : NOT_STORED + 1));
        residual_norm_drive_case(driver, &test, NULL);
    }
}

static residual_norm_case plain(const residual_norm_driver *driver, int dtype, long long rows, long long columns) {
    return residual_norm_case_plain(driver->operation, driver->norm, dtype, rows, columns);
}

/* Noise of different magnitudes in x and in the residual: either may be lost in the other, or overflow alone. */
static void check_magnitudes(residual_norm_driver *driver, int dtype, long long columns) {
    static const double scales[] = {1e-38, 1e-30, 1e-20, 1e-3, 1, 300, 1e15, 1e19, 1e30, 9e37};
    static const float epsilons[] = {1e-12f, 1e-5f, 1e12f};
    enum { SCALES = sizeof scales / sizeof *scales };
    for (int s = 0; s < SCALES * SCALES; s++) {
        residual_norm_case test = plain(driver, dtype, 2, columns);
        test.scale = scales[s / SCALES];
        test.residual_scale = scales[s % SCALES];
        test.alpha = s % 3 == 0 ? 1 : 0.5f;
        if (!representable(dtype, 4 * test.scale) || !representable(dtype, 4 * test.residual_scale)) {
            continue;
        }
        test.eps = epsilons[s % 3];
        test.seed += (uint64_t)s;
        run_modes(driver, test);
    }
}

/* Offsets that the rows have in common; in x and the residual together they may cancel. */
static void check_offsets(residual_norm_driver *driver, int dtype, long long columns) {
    static const double bases[] = {0, 1e2, -1e2, 1e4, 1e6, -1e6, 1e7};
    enum { BASES = sizeof bases / sizeof *bases };
    for (int b = 0; b < BASES * BASES; b++) {
        residual_norm_case test = plain(driver, dtype, 2, columns);
        test.base = bases[b / BASES];
        test.residual_base = bases[b % BASES];
        test.scale = fabs(test.base) < 1e7 ? 1 : 4;
        test.residual_scale = fabs(test.residual_base) < 1e7 ? 1 : 4;
        test.seed += (uint64_t)b;
        if (representable(dtype, test.base) && representable(dtype, test.residual_base)) {
            run_modes(driver, test);
        }
    }
}

static void check_patterns(residual_norm_driver *driver, int dtype, long long columns) {
    static const double bases[] = {0, 1, -3, 1e4, 1e7, 1e30};
    for (int values = VALUES_CONSTANT; values < VALUES_KINDS * VALUES_KINDS; values++) {
        residual_norm_case test = plain(driver, dtype, 3, columns);
        test.values = (row_values)(values % VALUES_KINDS);
        test.residual_values = (row_values)(values / VALUES_KINDS);
        test.base = bases[values % 6];
        test.residual_base = bases[values / 6 % 6];
        test.scale = test.residual_scale = 2;
        test.seed += (uint64_t)values;
        if (representable(dtype, test.base) && representable(dtype, test.residual_base)) {
            run_modes(driver, test);
        }
    }
}

/* Sums of zeros and eps 0: 0 / 0 is NaN by the formula. */
static void check_zero_over_zero(residual_norm_driver *driver, int dtype, long long columns) {
    residual_norm_case test = plain(driver, dtype, 2, columns);
    test.values = test.residual_values = VALUES_SIGNED_ZERO;
    test.eps = 0;
    run_modes(driver, test);
}

/* A NaN, infinity or great number in the middle row of three leaves its neighbours alone. */
static void check_specials(residual_norm_driver *driver, int dtype, long long columns) {
    const double specials[] = {NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 1e30, 65504, 1e-45, -0.0};
    for (size_t s = 0; s < sizeof specials / sizeof *specials; s++) {
        const long long places[] = {0, columns / 2, columns - 1};
        for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
            residual_norm_case test = plain(driver, dtype, 3, columns);
            test.has_special = 1;
            test.special = dtype_round(dtype, specials[s]);
            test.special_column = places[p];
            test.alpha = p == 1 ? 2.83f : 1;
            test.seed += s * 3 + p;
            run_modes(driver, test);
            test.special_in_residual = 1;
            run_modes(driver, test);
        }
    }
}

/* F16 sums around its greatest number: h is an infinity where it is rounded, and y is what follows from that. */
static void check_sums_beyond_f16(residual_norm_driver *driver, long long columns) {
    for (int mode = GATUN_SUM_ROUNDED; mode <= GATUN_SUM_FLOAT32; mode++) {
        residual_norm_case test = plain(driver, GATUN_F16, 3, columns);
        test.base = test.residual_base = 30000;
        test.scale = test.residual_scale = 2000;
        test.sum_mode = driver->operation == NORM_RESIDUAL_ADD ? 0 : mode;
        residual_norm_drive_case(driver, &test, NULL);
    }
}

/* Powers of two over the whole range of float32, eps 0: squares overflow, underflow, or numbers are subnormal. */
static void check_scales(residual_norm_driver *driver, long long columns) {
    static const double scales[] = {0x1p-140, 0x1p-126, 0x1p-100, 0x1p-60, 0x1p-20, 0x1p20, 0x1p60, 0x1p100, 0x1p124};
    enum { SCALES = sizeof scales / sizeof *scales };
    for (int s = 0; s < SCALES * SCALES; s++) {
        residual_norm_case test = plain(driver, GATUN_F32, 2, columns);
        test.values = test.residual_values = VALUES_ALTERNATING;
        test.base = scales[s / SCALES];
        test.scale = 2 * test.base;
        test.residual_base = scales[s % SCALES];
        test.residual_scale = 2 * test.residual_base;
        test.eps = 0;
        residual_norm_drive_case(driver, &test, NULL);
    }
}

static void test_kernel(residual_norm_driver *driver) {
    for (int c = 0; c < SOME_COLUMNS; c += driver->reduced ? 2 : 1) {
        long long columns = some_columns[c];
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            check_magnitudes(driver, dtype, columns);
            check_offsets(driver, dtype, columns);
            check_patterns(driver, dtype, columns);
            check_zero_over_zero(driver, dtype, columns);
            check_specials(driver, dtype, columns);
        }
        check_sums_beyond_f16(driver, columns);
        if (columns > 1) {
            check_scales(driver, columns);
        }
    }
    if (!driver->reduced) {
        check_specials(driver, GATUN_F32, 4096); /* several chunks of the statistics */
    }
}

int main(int argc, char **argv) {
    return residual_norm_drive(argc, argv, test_kernel);
}
