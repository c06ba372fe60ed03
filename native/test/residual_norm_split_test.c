/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results of the fused residual normalizations are the same bits however the rows are worked on: by any number of
 * threads, also under a caller's rounding mode that the pool's threads have to take over; alone or before others, which
 * are fetched ahead; and written past the caches, which calls in place never do. Guard pages and canaries see whether
 * whole lines stay within the rows.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fp_state.h"
#include "levels.h"
#include "residual_norm_driver.h"
#include "values.h"

enum { MEGABYTE = 1 << 20 };

typedef struct shape {
    long long rows, columns, stride;
} shape;

static const int thread_counts[] = {2, 3, 5};
enum { THREAD_COUNTS = sizeof thread_counts / sizeof *thread_counts };

static void expect_same(const residual_norm_driver *driver, const residual_norm_case *test, const void *one,
                        const void *other, size_t bytes, const char *than) {
    char what[1024];
    residual_norm_describe(test, driver->context, what, sizeof what);
    CHECK(memcmp(one, other, bytes) == 0, "%s\n    bits differ from those of %s", what, than);
}

static void check_threads(residual_norm_driver *driver, gatun_context **pools, const shape *size, int dtype,
                          int unusual) {
    residual_norm_case test =
        residual_norm_case_plain(driver->operation, driver->norm, dtype, size->rows, size->columns);
    test.x_stride = test.residual_stride = test.h_stride = test.y_stride = size->stride;
    test.base = 3;
    test.residual_values = VALUES_ONE_HOT;
    fp_state usual = fp_state_read();
    residual_norm_result one;
    if (unusual) {
        fp_state_write(fp_state_unusual(usual));
    }
    residual_norm_run(driver->context, &test, 0, &driver->other, &one, NULL);
    for (int i = unusual ? 1 : 0; i < THREAD_COUNTS; i++) {
        residual_norm_result many;
        residual_norm_run(pools[i], &test, 0, &driver->memory, &many, NULL);
        expect_same(driver, &test, one.bytes, many.bytes, one.count,
                    unusual ? "several threads, rounding up and flushing subnormals" : "several threads");
    }
    fp_state_write(usual);
}

static void check_all_threads(residual_norm_driver *driver) {
    static const shape shapes[] = {{1, 100, 100},   {3, 1000, 1003}, {33, 1024, 1024},
                                   {257, 768, 768}, {4096, 33, 40},  {2, 65537, 65537}};
    gatun_context *pools[THREAD_COUNTS];
    for (int i = 0; i < THREAD_COUNTS; i++) {
        pools[i] = level_open(driver->isa, thread_counts[i]);
    }
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            if (!driver->reduced || (shapes[s].rows * shapes[s].columns < 70000 && dtype != GATUN_BF16)) {
                check_threads(driver, pools, &shapes[s], dtype, 0);
                if (s % 2 == 0) {
                    check_threads(driver, pools, &shapes[s], dtype, 1);
                }
            }
        }
    }
    for (int i = 0; i < THREAD_COUNTS; i++) {
        gatun_context_destroy(pools[i]);
    }
}

/* The first rows alone give the bits that they have before others. */
static void check_first_rows(residual_norm_driver *driver, const residual_norm_case *test,
                             const residual_norm_result *result) {
    residual_norm_case first = *test;
    residual_norm_result few;
    size_t row_bytes = (size_t)test->columns * dtype_bytes(test->dtype);
    first.rows = test->rows < 7 ? test->rows : 7;
    first.other_rows = 0;
    residual_norm_run(driver->context, &first, driver->cases.bound[GATUN_F32], &driver->other, &few, NULL);
    expect_same(driver, &first, result->bytes, few.bytes, (size_t)first.rows * row_bytes, "a call with more rows");
    expect_same(driver, &first, result->bytes + result->y_begin, few.bytes + few.y_begin,
                few.statistics_begin - few.y_begin, "a call with more rows");
}

/* A call whose tensors are said to be greater than any cache writes past it, the same in place does not. */
static void check_stream(residual_norm_driver *driver, const residual_norm_case *test) {
    residual_norm_case in_place = *test;
    residual_norm_result apart;
    residual_norm_result over;
    residual_norm_run(driver->context, test, 0, &driver->memory, &apart, NULL);
    check_first_rows(driver, test, &apart);
    in_place.h_place = test->h_place == NOT_STORED ? NOT_STORED : OVER_RESIDUAL;
    in_place.h_stride = test->residual_stride;
    in_place.y_place = test->y_place == NOT_STORED ? NOT_STORED : OVER_X;
    in_place.y_stride = test->x_stride;
    residual_norm_run(driver->context, &in_place, 0, &driver->other, &over, NULL);
    CHECK(apart.count == over.count, "%zu and %zu bytes", apart.count, over.count);
    expect_same(driver, test, apart.bytes, over.bytes, apart.count, "a call in place");
}

/* Part of a tensor without end: some rows, for the operands that the case has. */
static residual_norm_case part(const residual_norm_driver *driver, int dtype, long long columns, long long padding,
                               long long bytes) {
    const int operands = driver->operation == NORM_RESIDUAL_ADD ? 3 : 4;
    const long long rows = bytes / operands / (columns * (long long)dtype_bytes(dtype)) + 1;
    residual_norm_case test = residual_norm_case_plain(driver->operation, driver->norm, dtype, rows, columns);
    test.other_rows = LLONG_MAX - rows;
    test.x_stride = test.residual_stride = test.h_stride = test.y_stride = columns + padding;
    test.values = VALUES_ALTERNATING;
    test.base = 1;
    test.residual_values = VALUES_ONE_HOT;
    test.residual_scale = 100;
    return test;
}

static void check_streams(residual_norm_driver *driver) {
    const long long bytes = 2 * MEGABYTE;
    for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
        residual_norm_case test = part(driver, dtype, 1001, dtype == GATUN_F16 ? 11 : 0, bytes);
        check_stream(driver, &test);
        if (driver->isa == GATUN_ISA_SCALAR) {
            return; /* it has no stores of that kind */
        }
        if (dtype != GATUN_F32) {
            continue;
        }
        /* h and y at different places of a line, so that not both have whole lines. */
        test.placement = PLACE_BEGIN;
        test.h_offset = 3;
        test.y_offset = 8;
        check_stream(driver, &test);
    }
    residual_norm_case test = part(driver, GATUN_F32, 257, 2, bytes);
    test.residual_stride = test.columns; /* the residual is not fetched along with x */
    check_stream(driver, &test);
    test = part(driver, GATUN_F32, 16, 0, bytes);
    check_stream(driver, &test);
    test = part(driver, GATUN_F32, MEGABYTE / 4 + 5, 0, bytes);
    check_stream(driver, &test);
    if (driver->operation != NORM_RESIDUAL_ADD) {
        test = part(driver, GATUN_F32, 1030, 0, bytes * 4 / 3);
        test.h_place = NOT_STORED;
        check_stream(driver, &test);
    }
}

static void test_kernel(residual_norm_driver *driver) {
    check_all_threads(driver);
    check_streams(driver);
}

int main(int argc, char **argv) {
    setenv("GATUN_THREADS", "8", 1); /* as many as asked for, whatever this machine has */
    return residual_norm_drive(argc, argv, test_kernel);
}
