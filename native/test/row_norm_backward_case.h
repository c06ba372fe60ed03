/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One backward pass of a row normalization on guarded memory: data from a seed, the calls, and every check that can
 * follow them.
 */
#ifndef GATUN_TEST_ROW_NORM_BACKWARD_CASE_H
#define GATUN_TEST_ROW_NORM_BACKWARD_CASE_H

#include <stddef.h>
#include <stdint.h>

#include "gatun.h"
#include "guarded.h"

typedef enum backward_operation {
    LAYER_NORM_BACKWARD,
    RMS_NORM_BACKWARD,
    RESIDUAL_ADD_NORM_BACKWARD,
    NORM_RESIDUAL_ADD_BACKWARD,
    NORM_ADD_NORM_BACKWARD,
    BACKWARD_OPERATIONS
} backward_operation;

/* What the call is given of the statistics. */
typedef enum backward_statistics {
    STATISTICS_SAVED,
    STATISTICS_WITHOUT_MEAN_LOW,
    STATISTICS_TAKEN_ANEW
} backward_statistics;

/* Which tensor an output shares its memory with. */
typedef enum backward_place { OWN_MEMORY, PLACE_OF_DY, PLACE_OF_DH_IN } backward_place;

/* The tensor with the special value. */
typedef enum backward_tensor { TENSOR_DY, TENSOR_DH_IN, TENSOR_X, TENSOR_X_OF_NORM1, BACKWARD_INPUTS } backward_tensor;

enum { BACKWARD_GRADIENTS_MAX = 4 };

typedef struct backward_case {
    backward_operation operation;
    int norm; /* gatun_norm_kind of an operation that takes one */
    int dtype, parameter_dtype;
    long long rows, columns, statistics_columns;
    long long x_stride, y_stride; /* of every input, of every output */
    int has_gamma, has_bias, has_dh_in, has_dx, has_dresidual;
    int gradients; /* a bit for each that is asked for: dgamma, dbeta, then dbias or those of norm 1 */
    backward_statistics statistics;
    backward_place dx_place, dresidual_place;
    float weight_offset, alpha, eps;
    int eps_mode;
    int constant; /* rows of x hold base alone */
    double base, scale, dy_base, dy_scale;
    int has_special; /* element [rows / 2, special_column] of special_tensor is `special` */
    backward_tensor special_tensor;
    double special;
    long long special_column;
    enum placement placement;
    long long x_offset, y_offset, parameter_offset; /* elements, with PLACE_BEGIN */
    int pieces; /* calls that the pass is cut into; 1: one call. With more, the seed says where */
    uint64_t seed;
} backward_case;

/* The memory of one caller; zero-initialised, reused from case to case. */
typedef struct backward_memory {
    guarded inputs[BACKWARD_INPUTS], gamma[2], bias, mean[2], mean_low[2], rstd[2];
    guarded dx, dresidual, gradients[BACKWARD_GRADIENTS_MAX], scratch;
    double *values;
    unsigned char *copies, *packed;
    size_t values_capacity, copies_capacity, packed_capacity;
} backward_memory;

/* Results without padding, to compare passes bit by bit; owned by the memory. */
typedef struct backward_result {
    const unsigned char *bytes;
    size_t count;
} backward_result;

/* The greatest error seen of dx and dresidual, and of the parameter gradients, in the units of the bound. */
typedef struct backward_error {
    double tensors, gradients;
} backward_error;

const char *backward_name(backward_operation operation);
int backward_is_fused(backward_operation operation);
int backward_is_centered(const backward_case *test);
int backward_norms(backward_operation operation);
int backward_gradients(backward_operation operation);

/* The case of plain [rows, columns] with every operand and result, eps 1e-5, unit noise, strides equal to columns. */
backward_case backward_case_plain(backward_operation operation, int dtype, long long rows, long long columns);

/* One line that names everything needed to repeat the case. */
void backward_describe(const backward_case *test, const gatun_context *context, char *text, size_t text_bytes);

/*
 * Runs the case. Checks the status, canaries, guard pages (by not crashing), inputs and floating-point state; then, if
 * `bound` is positive, every result against the float64 reference within `bound` units (bench/cases). Returns whether
 * all of it held; prints the case when not.
 */
int backward_run(gatun_context *context, const backward_case *test, double bound, backward_memory *memory,
                 backward_result *result, backward_error *error);

void backward_release(backward_memory *memory);

/* Where a test has set the first, the second holds the latest case, for a handler of a guard page's signal. */
extern int backward_names_crashes;
extern char backward_current[1024];

#endif
