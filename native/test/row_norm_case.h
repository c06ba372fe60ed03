/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of a row normalization on guarded memory: data from a seed, the call, and every check that can follow it.
 * The tests of the kernels, of threads and of the pool differ only in the cases they make.
 */
#ifndef GATUN_TEST_ROW_NORM_CASE_H
#define GATUN_TEST_ROW_NORM_CASE_H

#include <stddef.h>
#include <stdint.h>

#include "gatun.h"
#include "guarded.h"
#include "row_values.h"

typedef enum row_norm_operation { LAYER_NORM, RMS_NORM } row_norm_operation;

typedef struct row_norm_case {
    row_norm_operation operation;
    int dtype, parameter_dtype;
    long long rows, columns, statistics_columns; /* statistics_columns: RMSNorm only */
    long long other_rows;                        /* that other calls work on */
    long long x_stride, y_stride;
    int has_gamma, has_beta, in_place, saves_statistics;
    float weight_offset, eps;
    int eps_mode, cast_mode;
    row_values values;
    double base, scale;
    int has_special; /* x[rows / 2, special_column] is `special` */
    double special;
    long long special_column;
    enum placement placement;
    long long x_offset, y_offset, parameter_offset, statistics_offset; /* elements, with PLACE_BEGIN */
    uint64_t seed;
} row_norm_case;

/* The statistics that a call saved, NULL where it did not. */
typedef struct row_norm_saved {
    const float *mean, *mean_low, *rstd;
} row_norm_saved;

/* The memory of one caller; zero-initialised, reused from case to case. */
typedef struct row_norm_memory {
    guarded x, y, gamma, beta, mean, mean_low, rstd, scratch;
    unsigned char *x_copy, *packed;
    size_t x_copy_capacity, packed_capacity;
} row_norm_memory;

/* Results without padding, to compare calls bit by bit. */
typedef struct row_norm_result {
    const unsigned char *bytes; /* y row by row, then mean, mean_low and rstd where saved; owned by the memory */
    size_t count;
} row_norm_result;

/* The greatest error seen, in units of 2^-23 * (1 + |y|) for f32, as a count of 16-bit results one away from the
 * nearest for 16-bit types. */
typedef struct row_norm_error {
    double greatest;
    long long elements, not_nearest;
} row_norm_error;

/* Called with 1 before and with 0 after each call of a kernel, where a test has set it. */
extern void (*row_norm_call_hook)(int inside);

const char *row_norm_name(row_norm_operation operation);

/* The case of plain [rows, columns] with gamma, beta, eps 1e-5, unit noise, all strides equal to the columns. */
row_norm_case row_norm_case_plain(row_norm_operation operation, int dtype, long long rows, long long columns);

/* One line that names everything needed to repeat the case. */
void row_norm_describe(const row_norm_case *test, const gatun_context *context, char *text, size_t text_bytes);

/*
 * Runs the case. Checks the status, canaries, guard pages (by not crashing), inputs and floating-point state; then, if
 * `bound` is positive, every result against the float64 reference within `bound` units (bench/cases). Returns whether
 * all of it held; prints the case when not.
 */
int row_norm_run(gatun_context *context, const row_norm_case *test, double bound, row_norm_memory *memory,
                 row_norm_result *result, row_norm_error *error);

void row_norm_release(row_norm_memory *memory);

/* At least `bytes` bytes in a buffer that grows; ends the program where there is no memory. */
unsigned char *row_norm_reserve(unsigned char **buffer, size_t *capacity, size_t bytes);

#endif
