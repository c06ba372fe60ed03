/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fused residual normalizations of every level against the float64 reference and against the scalar level: every
 * number of columns up to two vectors of the widest level and more, primes, the shapes of the case files, options in
 * random combinations, and each way of placing h and y. Operands end, then begin, flush with a guard page.
 */
#include <math.h>
#include <string.h>

#include "check.h"
#include "residual_norm_driver.h"
#include "values.h"

/* Every remainder of the vectors of the widest level, with and without a whole turn of four before it. */
enum { COLUMNS_MAX = 49 };

static int take(uint64_t *random, int choices) {
    return (int)(random_bits(random) % (uint64_t)choices);
}

static int is_free(const residual_norm_case *test, output_place place) {
    return place != OVER_RESIDUAL || test->residual <= RESIDUAL_OF_NAN;
}

/* h and y: apart or over an input, but not over the same one; h of most operations may be missing. */
static void choose_places(residual_norm_case *test, uint64_t *random) {
    const int choices = test->operation == NORM_RESIDUAL_ADD ? NOT_STORED : NOT_STORED + 1;
    do {
        test->h_place = (output_place)take(random, choices);
    } while (!is_free(test, test->h_place));
    if (test->operation == NORM_RESIDUAL_ADD) {
        test->y_place = NOT_STORED;
        return;
    }
    do {
        test->y_place = (output_place)take(random, NOT_STORED);
    } while (!is_free(test, test->y_place) || (test->y_place != APART && test->y_place == test->h_place));
}

static long long stride_over(const residual_norm_case *test, output_place place, long long otherwise) {
    return place == OVER_X ? test->x_stride : place == OVER_RESIDUAL ? test->residual_stride : otherwise;
}

static void choose_strides(residual_norm_case *test, uint64_t *random) {
    test->x_stride = test->columns + take(random, 3) * 5;
    test->residual_stride = test->columns + take(random, 3) * 7;
    test->h_stride = stride_over(test, test->h_place, test->columns + take(random, 3) * 3);
    test->y_stride = stride_over(test, test->y_place, test->columns + take(random, 3) * 11);
}

/* What no kernel has a form of its own for. */
static void choose_unusual(residual_norm_case *test, uint64_t *random) {
    static const float offsets[] = {0, 1, -0.25f};
    test->residual = take(random, 2) == 0 ? RESIDUAL_NUMBERS : (residual_kind)take(random, RESIDUAL_NULL + 1);
    test->has_bias = test->operation != NORM_ADD_NORM && take(random, 2);
    test->has_gamma = take(random, 2);
    test->has_beta = take(random, 2);
    test->has_gamma1 = take(random, 2);
    test->has_beta1 = take(random, 2);
    test->weight_offset = offsets[take(random, 3)];
}

static void choose_options(residual_norm_case *test, int unusual, uint64_t *random) {
    static const float alphas[] = {1, 1, 0.5f, -1, 2.83f};
    static const double bases[] = {0, 0, 3, 100};
    static const float epsilons[] = {1e-5f, 1e-12f, 0.5f, 1e12f};
    if (unusual) {
        choose_unusual(test, random);
    }
    test->alpha = test->residual == RESIDUAL_NUMBERS ? alphas[take(random, 5)] : 0;
    test->placement = take(random, 2) == 0 ? PLACE_END : PLACE_BEGIN;
    test->x_offset = take(random, 17);
    test->residual_offset = take(random, 17);
    test->h_offset = take(random, 17);
    test->y_offset = take(random, 17);
    test->parameter_offset = take(random, 17);
    test->eps = epsilons[take(random, 4) * take(random, 2)];
    test->eps_mode = take(random, 3);
    test->cast_mode = take(random, 2);
    test->sum_mode = test->operation == NORM_RESIDUAL_ADD ? 0 : take(random, 2);
    test->parameter_dtype = take(random, 2) == 0 ? GATUN_F32 : test->dtype;
    test->saves_statistics = take(random, 4) != 0;
    test->saves_statistics1 = take(random, 4) != 0;
    test->base = bases[take(random, 4)];
    test->residual_base = bases[take(random, 4)];
    test->seed = random_bits(random);
    choose_places(test, random);
    choose_strides(test, random);
}

/*
 * Both meet the reference within the bound, so they may differ by twice that; in 16 bits that is a unit, or two where a
 * cast mode rounds twice. What was rounded may be greater than the result: the normalization before a residual was
 * added, xh before beta was.
 */
static double tolerance(const residual_norm_case *test, double value, double bound) {
    double magnitude = fabs(value) + (test->operation == NORM_RESIDUAL_ADD ? 512 : 1);
    if (test->dtype == GATUN_F32) {
        return 2 * bound * 0x1p-23 * magnitude;
    }
    double unit = test->dtype == GATUN_F16 ? 0x1p-10 : 0x1p-7;
    if (test->cast_mode == GATUN_CAST_LLAMA) {
        return 2 * bound * unit * magnitude;
    }
    return bound * unit * fabs(value) + 2 * bound * 0x1p-23 * magnitude;
}

static int near(const residual_norm_case *test, double here, double there, double bound) {
    return here == there || fabs(here - there) <= tolerance(test, there, bound) || (isnan(here) && isnan(there));
}

/* Rows of y are compared where both levels normalized the same h: it is stored, or is a sum that all round alike. */
static int check_row_against_scalar(const residual_norm_driver *driver, const residual_norm_case *test,
                                    const residual_norm_result *here, const residual_norm_result *there, long long i) {
    double bound = driver->cases.bound[test->dtype];
    size_t row_bytes = (size_t)test->columns * dtype_bytes(test->dtype);
    size_t h_row = (size_t)i * row_bytes;
    if (test->operation == NORM_RESIDUAL_ADD) {
        for (long long j = i * test->columns; j < (i + 1) * test->columns; j++) {
            if (!near(test, dtype_load(test->dtype, here->bytes, j), dtype_load(test->dtype, there->bytes, j), bound)) {
                return 0;
            }
        }
        return 1;
    }
    if (test->h_place == NOT_STORED || (test->dtype != GATUN_F32 && test->sum_mode != GATUN_SUM_ROUNDED) ||
        memcmp(here->bytes + h_row, there->bytes + h_row, row_bytes) != 0) {
        return 1;
    }
    for (long long j = i * test->columns; j < (i + 1) * test->columns; j++) {
        if (!near(test, dtype_load(test->dtype, here->bytes + here->y_begin, j),
                  dtype_load(test->dtype, there->bytes + there->y_begin, j), bound)) {
            return 0;
        }
    }
    return 1;
}

static void check_against_scalar(residual_norm_driver *driver, const residual_norm_case *test,
                                 const residual_norm_result *result) {
    residual_norm_result scalar;
    char what[1024];
    residual_norm_describe(test, driver->context, what, sizeof what);
    residual_norm_run(driver->scalar, test, 0, &driver->other, &scalar, NULL);
    for (long long i = 0; i < test->rows; i++) {
        if (!CHECK(check_row_against_scalar(driver, test, result, &scalar, i),
                   "%s\n    row %lld differs from that of the scalar level", what, i)) {
            return;
        }
    }
}

static void run_both(residual_norm_driver *driver, const residual_norm_case *test) {
    residual_norm_result result;
    if (residual_norm_drive_case(driver, test, &result) && driver->isa != GATUN_ISA_SCALAR) {
        check_against_scalar(driver, test, &result);
    }
}

/* Half of the cases are of the common form in all but what its loops do not see. */
static void check_columns(residual_norm_driver *driver, long long columns, int variants, const long long *rows,
                          int row_counts) {
    uint64_t random = (uint64_t)(columns * 4 + driver->operation);
    for (int variant = 0; variant < variants; variant++) {
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            residual_norm_case test = residual_norm_case_plain(driver->operation, driver->norm, dtype,
                                                               rows[take(&random, row_counts)], columns);
            choose_options(&test, variant % 2, &random);
            run_both(driver, &test);
        }
    }
}

static void check_all_columns(residual_norm_driver *driver) {
    static const long long rows[] = {1, 2, 3, 5, 5, 0}, many_rows[] = {2, 5, 33}, few_rows[] = {1, 2};
    static const long long some[] = {61,  64,  67,  97,  127,  128,  129,  191,  193,  256,
                                     257, 521, 767, 768, 1021, 1024, 1031, 2053, 4095, 4096};
    static const long long long_rows[] = {8191, 16384, 65537};
    for (long long columns = 1; columns <= COLUMNS_MAX; columns++) {
        check_columns(driver, columns, driver->reduced ? 12 : 36, rows, 6);
    }
    for (size_t i = 0; i < sizeof some / sizeof *some; i += driver->reduced ? 4 : 1) {
        check_columns(driver, some[i], driver->reduced ? 4 : 6, some[i] < 1000 ? many_rows : few_rows,
                      some[i] < 1000 ? 3 : 2);
    }
    for (size_t i = 0; i < sizeof long_rows / sizeof *long_rows && !driver->reduced; i++) {
        check_columns(driver, long_rows[i], 2, few_rows, 2);
    }
}

static void check_shapes(residual_norm_driver *driver) {
    static const double bases[] = {0, 100, 1e4};
    for (int i = 0; i < driver->cases.count; i++) {
        const shape_case *shape = &driver->cases.cases[i];
        long long most = driver->reduced ? 10000 : 100000;
        if (!(shape->uses & CASE_CHECK) || shape->rows * shape->columns > most) {
            continue;
        }
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            residual_norm_case test =
                residual_norm_case_plain(driver->operation, driver->norm, dtype, shape->rows, shape->columns);
            test.x_stride = test.residual_stride = shape->x_stride;
            test.h_stride = test.y_stride = shape->y_stride;
            test.base = bases[i % 3];
            run_both(driver, &test);
        }
    }
}

/* The same data at every element-granular offset from a 64-byte boundary gives the same bits. */
static void check_alignments(residual_norm_driver *driver, int dtype, long long columns, int unusual) {
    long long offsets = 64 / (long long)dtype_bytes(dtype);
    unsigned char aligned[2 * 3 * 200 * 4 + 6 * 3 * 4];
    for (long long offset = 0; offset < offsets; offset++) {
        residual_norm_result result;
        char what[1024];
        residual_norm_case test = residual_norm_case_plain(driver->operation, driver->norm, dtype, 3, columns);
        test.placement = PLACE_BEGIN;
        test.x_stride = columns + 1;
        test.residual_stride = columns + 2;
        test.h_stride = columns + 5;
        test.y_stride = columns + 3;
        test.parameter_dtype = columns % 2 == 0 ? GATUN_F32 : dtype;
        test.has_bias = test.operation != NORM_ADD_NORM && unusual;
        test.x_offset = offset;
        test.residual_offset = offset * 3 % offsets;
        test.h_offset = (offset * 7 + 3 * (offset / 8)) % offsets;
        test.y_offset = (offset * 5 + 1) % offsets;
        test.parameter_offset = (offset * 5 + 2) % offsets;
        test.statistics_offset = offset % 16;
        residual_norm_run(driver->context, &test, offset == 0 ? driver->cases.bound[GATUN_F32] : 0, &driver->memory,
                          &result, NULL);
        if (offset == 0) {
            CHECK(result.count <= sizeof aligned, "%zu bytes", result.count);
            memcpy(aligned, result.bytes, result.count);
        }
        residual_norm_describe(&test, driver->context, what, sizeof what);
        CHECK(memcmp(aligned, result.bytes, result.count) == 0, "%s\n    bits differ from those of aligned operands",
              what);
    }
}

static void check_all_alignments(residual_norm_driver *driver) {
    static const long long columns[] = {1, 3, 8, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 191, 193};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i += driver->reduced ? 4 : 1) {
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            check_alignments(driver, dtype, columns[i], (int)(i % 2));
        }
    }
}

/* y, the statistics and h itself are the same bits whether h is stored or not, and wherever h and y are. */
static void check_places(residual_norm_driver *driver, int dtype, long long columns, int unusual) {
    unsigned char apart[2 * 3 * 200 * 4 + 6 * 3 * 4];
    residual_norm_result first = {0};
    uint64_t random = (uint64_t)columns;
    residual_norm_case test = residual_norm_case_plain(driver->operation, driver->norm, dtype, 3, columns);
    choose_options(&test, unusual, &random);
    test.residual = RESIDUAL_NUMBERS;
    test.alpha = 2.83f;
    for (int place = 0; place < 16; place++) {
        residual_norm_result result;
        char what[1024];
        test.h_place = (output_place)(place % 4);
        test.y_place = driver->operation == NORM_RESIDUAL_ADD ? NOT_STORED : (output_place)(place / 4);
        int both = test.h_place == test.y_place && test.h_place != APART;
        if (both || (test.y_place == NOT_STORED) != (driver->operation == NORM_RESIDUAL_ADD)) {
            continue;
        }
        test.h_stride = stride_over(&test, test.h_place, columns);
        test.y_stride = stride_over(&test, test.y_place, columns);
        residual_norm_drive_case(driver, &test, &result);
        residual_norm_describe(&test, driver->context, what, sizeof what);
        if (place == 0) {
            first = result;
            CHECK(result.count <= sizeof apart, "%zu bytes", result.count);
            memcpy(apart, result.bytes, result.count);
        }
        size_t from = test.h_place == NOT_STORED ? first.y_begin : 0;
        CHECK(result.count == first.count - from && memcmp(apart + from, result.bytes, result.count) == 0,
              "%s\n    bits differ from those of a call with all apart", what);
    }
}

static void check_all_places(residual_norm_driver *driver) {
    static const long long columns[] = {1, 7, 32, 61, 128, 199};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            check_places(driver, dtype, columns[i], 0);
            check_places(driver, dtype, columns[i], 1);
        }
    }
}

/* gatun_residual_add_norm gives what gatun_layer_norm or gatun_rms_norm gives for the h that it stored. */
static void check_against_separate_calls(residual_norm_driver *driver, int dtype, long long columns) {
    enum { ROWS = 3 };
    static float y[ROWS * 4096];
    residual_norm_case test = residual_norm_case_plain(RESIDUAL_ADD_NORM, driver->norm, dtype, ROWS, columns);
    residual_norm_result fused;
    char what[1024];
    test.has_gamma = test.has_beta = 0;
    test.alpha = 2.83f;
    if (!residual_norm_drive_case(driver, &test, &fused)) {
        return;
    }
    residual_norm_describe(&test, driver->context, what, sizeof what);
    int status = driver->norm == GATUN_LAYER_NORM
                     ? gatun_layer_norm(driver->context, dtype, dtype, ROWS, ROWS, columns, fused.bytes, columns, NULL,
                                        NULL, 0, test.eps, 0, 0, y, columns, NULL, NULL, NULL, NULL, 0, NULL, 0)
                     : gatun_rms_norm(driver->context, dtype, dtype, ROWS, ROWS, columns, columns, fused.bytes, columns,
                                      NULL, NULL, 0, test.eps, 0, 0, y, columns, NULL, NULL, 0, NULL, 0);
    CHECK(status == GATUN_OK, "%s\n    the separate call: status %d", what, status);
    for (long long i = 0; i < ROWS * columns; i++) {
        double here = dtype_load(dtype, fused.bytes + fused.y_begin, i), there = dtype_load(dtype, y, i);
        if (!CHECK(near(&test, here, there, driver->cases.bound[dtype]),
                   "%s\n    element %lld is %.9g, %.9g by separate calls", what, i, here, there)) {
            return;
        }
    }
}

static void test_kernel(residual_norm_driver *driver) {
    check_all_columns(driver);
    check_shapes(driver);
    check_all_alignments(driver);
    check_all_places(driver);
    if (driver->operation == RESIDUAL_ADD_NORM) {
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            check_against_separate_calls(driver, dtype, 100);
            check_against_separate_calls(driver, dtype, 4096);
        }
    }
}

int main(int argc, char **argv) {
    return residual_norm_drive(argc, argv, test_kernel);
}
