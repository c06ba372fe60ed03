/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of a fused residual normalization on guarded memory: data from a seed, the call, and every check that can
 * follow it.
 */
#ifndef GATUN_TEST_RESIDUAL_NORM_CASE_H
#define GATUN_TEST_RESIDUAL_NORM_CASE_H

#include <stddef.h>
#include <stdint.h>

#include "gatun.h"
#include "guarded.h"
#include "row_norm_case.h"

typedef enum residual_norm_operation {
    RESIDUAL_ADD_NORM,
    NORM_RESIDUAL_ADD,
    NORM_ADD_NORM,
    RESIDUAL_NORM_OPERATIONS
} residual_norm_operation;

/* What the call is given as residual. The last three come with an alpha of 0. */
typedef enum residual_kind {
    RESIDUAL_NUMBERS,
    RESIDUAL_OF_NAN,
    RESIDUAL_INACCESSIBLE, /* an address in a guard page */
    RESIDUAL_NULL
} residual_kind;

/* Where an output is. */
typedef enum output_place { APART, OVER_X, OVER_RESIDUAL, NOT_STORED } output_place;

typedef struct residual_norm_case {
    residual_norm_operation operation;
    int norm; /* gatun_norm_kind */
    int dtype, parameter_dtype;
    long long rows, columns;
    long long other_rows; /* that other calls work on */
    long long x_stride, residual_stride, h_stride, y_stride;
    residual_kind residual;
    float alpha;
    int has_bias; /* not in NORM_ADD_NORM */
    /* Of the last normalization, which most operations have alone, and of the first of NORM_ADD_NORM. */
    int has_gamma, has_beta, saves_statistics;
    int has_gamma1, has_beta1, saves_statistics1;
    float weight_offset, eps;
    int eps_mode, cast_mode, sum_mode;
    output_place h_place, y_place; /* NORM_RESIDUAL_ADD has no y */
    row_values values, residual_values;
    double base, scale, residual_base, residual_scale;
    int has_special; /* x or residual [rows / 2, special_column] is `special` */
    int special_in_residual;
    double special;
    long long special_column;
    enum placement placement;
    long long x_offset, residual_offset, h_offset, y_offset, parameter_offset, statistics_offset; /* elements */
    uint64_t seed;
} residual_norm_case;

/* The operands of a call; outputs from OPERAND_H on. */
enum {
    OPERAND_X,
    OPERAND_RESIDUAL,
    OPERAND_BIAS,
    OPERAND_GAMMA1,
    OPERAND_BETA1,
    OPERAND_GAMMA,
    OPERAND_BETA,
    OPERAND_H,
    OPERAND_Y,
    OPERAND_MEAN1,
    OPERAND_MEAN_LOW1,
    OPERAND_RSTD1,
    OPERAND_MEAN,
    OPERAND_MEAN_LOW,
    OPERAND_RSTD,
    OPERANDS,
    INPUTS = OPERAND_H
};

/* The memory of one caller; zero-initialised, reused from case to case. */
typedef struct residual_norm_memory {
    guarded operands[OPERANDS];
    unsigned char *copies[INPUTS], *packed, *numbers;
    size_t copies_capacity[INPUTS], packed_capacity, numbers_capacity;
} residual_norm_memory;

/* Results without padding, to compare calls bit by bit: h row by row, y row by row, then the saved statistics; owned by
 * the memory. */
typedef struct residual_norm_result {
    const unsigned char *bytes;
    size_t count;
    size_t y_begin, statistics_begin;
} residual_norm_result;

const char *residual_norm_name(residual_norm_operation operation);

/* The case of plain [rows, columns] with what models use: a residual, gamma, beta with a mean, h stored, all apart. */
residual_norm_case residual_norm_case_plain(residual_norm_operation operation, int norm, int dtype, long long rows,
                                            long long columns);

/* One line that names everything needed to repeat the case. */
void residual_norm_describe(const residual_norm_case *test, const gatun_context *context, char *text,
                            size_t text_bytes);

/*
 * Runs the case. Checks the status, canaries, guard pages (by not crashing), inputs and floating-point state; then, if
 * `bound` is positive, every result against the float64 reference within `bound` units. Returns whether all of it held;
 * prints the case when not.
 */
int residual_norm_run(gatun_context *context, const residual_norm_case *test, double bound,
                      residual_norm_memory *memory, residual_norm_result *result, row_norm_error *error);

void residual_norm_release(residual_norm_memory *memory);

#endif
