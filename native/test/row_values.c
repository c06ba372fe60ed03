/* SPDX-License-Identifier: Apache-2.0 */
#include "row_values.h"

#include <math.h>

#include "values.h"

static double make_value(row_values values, double base, double scale, long long column, long long hot_column,
                         uint64_t *random) {
    switch (values) {
    case VALUES_CONSTANT:
        return base;
    case VALUES_ONE_HOT:
        return column == hot_column ? scale : 0.0;
    case VALUES_ALTERNATING:
        return base + (column % 2 == 0 ? scale : -scale);
    case VALUES_SIGNED_ZERO:
        return column % 2 == 0 ? 0.0 : -0.0;
    default:
        return base + scale * random_bell(random);
    }
}

void row_values_fill(row_values values, double base, double scale, int dtype, long long rows, long long columns,
                     long long stride, void *to, uint64_t *random) {
    for (long long i = 0; i < rows; i++) {
        long long hot_column = (long long)(random_bits(random) % (uint64_t)columns);
        for (long long j = 0; j < columns; j++) {
            dtype_store(dtype, to, i * stride + j, make_value(values, base, scale, j, hot_column, random));
        }
        for (long long j = columns; j < stride && i + 1 < rows; j++) {
            dtype_store(dtype, to, i * stride + j, NAN);
        }
    }
}
