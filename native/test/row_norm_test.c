/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row normalization kernels of every level against the float64 reference and against the scalar level: every
 * number of columns up to three vectors and one, primes, the shapes of the case files, all alignments, every
 * combination of the options. Operands end, then begin, flush with a guard page.
 */
#include <math.h>
#include <string.h>

#include "check.h"
#include "row_norm_driver.h"
#include "values.h"

/* Three passes of the main loop at the widest level (four vectors of 16 floats), and one. */
enum { COLUMNS_MAX = 3 * 4 * 16 + 1 };

/*
 * Both meet the reference within the bound, so they may differ by twice that. Where 16-bit results are rounded twice, a
 * unit of the first rounding is as large as that of y - beta. Around 0 a float32 difference remains.
 */
static double scalar_tolerance(const row_norm_case *test, double y, double bound) {
    if (test->dtype == GATUN_F32) {
        return 2 * bound * 0x1p-23 * (1 + fabs(y));
    }
    double unit = test->dtype == GATUN_F16 ? 0x1p-10 : 0x1p-7;
    if (test->cast_mode == GATUN_CAST_LLAMA) {
        return 2 * bound * unit * (fabs(y) + test->has_beta) + 0x1p-20;
    }
    return bound * unit * fabs(y) + 0x1p-20;
}

static void check_against_scalar(row_norm_driver *driver, const row_norm_case *test, const row_norm_result *result) {
    row_norm_result scalar;
    char what[1024];
    row_norm_run(driver->scalar, test, 0, &driver->scalar_memory, &scalar, NULL);
    row_norm_describe(test, driver->context, what, sizeof what);
    double bound = driver->cases.bound[test->dtype];
    for (long long i = 0; i < test->rows * test->columns; i++) {
        double here = dtype_load(test->dtype, result->bytes, i);
        double there = dtype_load(test->dtype, scalar.bytes, i);
        if (!(here == there || fabs(here - there) <= scalar_tolerance(test, there, bound))) {
            CHECK(0, "%s\n    element %lld is %.9g, %.9g at the scalar level", what, i, here, there);
            return;
        }
    }
    CHECK(1, "%s", what);
}

static void run_both(row_norm_driver *driver, const row_norm_case *test) {
    row_norm_result result;
    if (row_norm_drive_case(driver, test, &result) && driver->isa != GATUN_ISA_SCALAR) {
        check_against_scalar(driver, test, &result);
    }
}

/* Variant 0 .. VARIANTS - 1 of the options; the rest follows from the seed. */
enum { VARIANTS = 2 * 2 * 2 * 2 * 3 * 2 * 2 };

static int take(int *code, int choices) {
    int choice = *code % choices;
    *code /= choices;
    return choice;
}

static void choose_variant(row_norm_case *test, int code, uint64_t *random) {
    test->placement = take(&code, 2) == 0 ? PLACE_END : PLACE_BEGIN;
    test->has_gamma = take(&code, 2);
    test->has_beta = take(&code, 2);
    test->in_place = take(&code, 2);
    test->eps_mode = take(&code, 3);
    test->cast_mode = take(&code, 2);
    test->parameter_dtype = take(&code, 2) == 0 ? GATUN_F32 : test->dtype;
    test->seed = random_bits(random);
    test->weight_offset = random_bits(random) % 2 == 0 ? 0.0f : 1.0f;
    test->saves_statistics = random_bits(random) % 4 != 0;
    test->x_stride = test->columns + (long long)(random_bits(random) % 3) * 5;
    test->y_stride = test->in_place ? test->x_stride : test->columns + (long long)(random_bits(random) % 3) * 3;
    if (test->operation == RMS_NORM && random_bits(random) % 2 == 0) {
        test->statistics_columns = 1 + (long long)(random_bits(random) % (uint64_t)test->columns);
    }
    static const double bases[] = {0, 0, 3, 100};
    test->base = bases[random_bits(random) % 4];
}

static void check_columns(row_norm_driver *driver, long long columns, int first_variant, int variant_step) {
    uint64_t random = (uint64_t)columns;
    for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
        for (int code = first_variant; code < VARIANTS; code += variant_step) {
            row_norm_case test = row_norm_case_plain(driver->operation, dtype, 2, columns);
            choose_variant(&test, code, &random);
            run_both(driver, &test);
        }
    }
}

static void check_all_columns(row_norm_driver *driver) {
    static const long long primes[] = {197, 251, 257, 509, 521, 769, 1021, 1031, 2053, 4099, 8209};
    for (long long columns = 1; columns <= COLUMNS_MAX; columns++) {
        /* The steps are prime to the number of variants, so neighbouring column counts meet all of them. */
        int step = driver->reduced ? 41 : 5;
        check_columns(driver, columns, (int)(columns % step), step);
    }
    for (size_t i = 0; i < sizeof primes / sizeof *primes; i++) {
        check_columns(driver, primes[i], (int)(i * 7), driver->reduced ? 97 : 43);
    }
}

static void check_shapes(row_norm_driver *driver) {
    static const double bases[] = {0, 100, 1e4};
    for (int i = 0; i < driver->cases.count; i++) {
        const shape_case *shape = &driver->cases.cases[i];
        if (!(shape->uses & CASE_CHECK) || (driver->reduced && shape->rows * shape->columns > 100000)) {
            continue;
        }
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            row_norm_case test = row_norm_case_plain(driver->operation, dtype, shape->rows, shape->columns);
            test.x_stride = shape->x_stride;
            test.y_stride = shape->y_stride;
            test.base = bases[i % 3];
            run_both(driver, &test);
        }
    }
}

/* The same data at every element-granular offset from a 64-byte boundary gives the same bits. */
static void check_alignments(row_norm_driver *driver, int dtype, long long columns) {
    long long offsets = 64 / (long long)dtype_bytes(dtype);
    unsigned char aligned[3 * 200 * 4 + 3 * 3 * 4];
    for (long long offset = 0; offset < offsets; offset++) {
        row_norm_result result;
        char what[1024];
        row_norm_case test = row_norm_case_plain(driver->operation, dtype, 3, columns);
        test.placement = PLACE_BEGIN;
        test.x_stride = columns + 1;
        test.y_stride = columns + 3;
        test.parameter_dtype = columns % 2 == 0 ? GATUN_F32 : dtype;
        test.x_offset = offset;
        test.y_offset = (offset * 7 + 3 * (offset / 8)) % offsets;
        test.parameter_offset = (offset * 5 + 2) % offsets;
        test.statistics_offset = offset % 16;
        row_norm_drive_case(driver, &test, &result);
        if (offset == 0) {
            CHECK(result.count <= sizeof aligned, "%zu bytes", result.count);
            memcpy(aligned, result.bytes, result.count);
        }
        row_norm_describe(&test, driver->context, what, sizeof what);
        CHECK(memcmp(aligned, result.bytes, result.count) == 0, "%s\n    bits differ from those of aligned operands",
              what);
    }
}

static void check_all_alignments(row_norm_driver *driver) {
    static const long long columns[] = {1, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 191, 193};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i += driver->reduced ? 3 : 1) {
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            check_alignments(driver, dtype, columns[i]);
        }
    }
}

static void test_kernel(row_norm_driver *driver) {
    check_all_columns(driver);
    check_shapes(driver);
    check_all_alignments(driver);
}

int main(int argc, char **argv) {
    return row_norm_drive(argc, argv, test_kernel);
}
