/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on part of tensors that are greater than any cache: kernels bypass it when they store. In place they never do, so
 * both ways have to give the same bits; guard pages and canaries see whether whole lines stay within the rows.
 */
#include <limits.h>
#include <string.h>

#include "check.h"
#include "row_norm_driver.h"
#include "values.h"

static void check_shape(row_norm_driver *driver, int dtype, long long rows, long long columns, long long padding) {
    row_norm_case test = row_norm_case_plain(driver->operation, dtype, rows, columns);
    row_norm_result outside;
    row_norm_result in_place;
    char what[1024];
    test.other_rows = LLONG_MAX - rows;
    test.values = VALUES_ALTERNATING;
    test.x_stride = test.y_stride = columns + padding;
    test.has_special = 1;
    test.special = 1000;
    test.special_column = columns / 3;
    row_norm_run(driver->context, &test, 0, &driver->memory, &outside, NULL);
    test.in_place = 1;
    row_norm_run(driver->context, &test, 0, &driver->scalar_memory, &in_place, NULL);
    row_norm_describe(&test, driver->context, what, sizeof what);
    CHECK(outside.count == in_place.count && memcmp(outside.bytes, in_place.bytes, outside.count) == 0,
          "%s\n    bits differ from those of a call that is not in place", what);
}

static void test_kernel(row_norm_driver *driver) {
    const long long bytes = 1 << 20; /* of each of x and y */
    for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
        long long elements = bytes / (long long)dtype_bytes(dtype);
        check_shape(driver, dtype, elements / 1001 + 1, 1001, 0);
        if (driver->isa == GATUN_ISA_SCALAR) {
            break; /* it has no stores of that kind */
        }
        if (dtype == GATUN_F32) {
            check_shape(driver, dtype, elements / 257 + 1, 257, 2);
            check_shape(driver, dtype, elements / 16 + 1, 16, 0);
            check_shape(driver, dtype, 1, elements + 5, 0);
        }
    }
}

int main(int argc, char **argv) {
    return row_norm_drive(argc, argv, test_kernel);
}
