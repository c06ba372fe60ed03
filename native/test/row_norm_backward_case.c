/* SPDX-License-Identifier: Apache-2.0 */
#include "row_norm_backward_case.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fp_state.h"
#include "row_norm_backward_reference.h"
#include "values.h"

/* The operands of one pass, where they were placed. */
typedef struct operands {
    void *inputs[BACKWARD_INPUTS], *gamma[2], *bias, *dx, *dresidual, *scratch;
    float *mean[2], *mean_low[2], *rstd[2], *gradients[BACKWARD_GRADIENTS_MAX];
    long long scratch_bytes;
    size_t input_bytes, output_bytes;
} operands;

int backward_names_crashes;
char backward_current[1024];

const char *backward_name(backward_operation operation) {
    static const char *const names[] = {"layer_norm_backward", "rms_norm_backward", "residual_add_norm_backward",
                                        "norm_residual_add_backward", "norm_add_norm_backward"};
    return names[operation];
}

int backward_is_fused(backward_operation operation) {
    return operation >= RESIDUAL_ADD_NORM_BACKWARD;
}

int backward_is_centered(const backward_case *test) {
    return backward_is_fused(test->operation) ? test->norm == GATUN_LAYER_NORM : test->operation == LAYER_NORM_BACKWARD;
}

int backward_norms(backward_operation operation) {
    return operation == NORM_ADD_NORM_BACKWARD ? 2 : 1;
}

int backward_gradients(backward_operation operation) {
    return operation == NORM_ADD_NORM_BACKWARD ? 4 : backward_is_fused(operation) ? 3 : 2;
}

static int has_input(const backward_case *test, backward_tensor tensor) {
    switch (tensor) {
    case TENSOR_DH_IN:
        return test->has_dh_in &&
               (test->operation == RESIDUAL_ADD_NORM_BACKWARD || backward_norms(test->operation) > 1);
    case TENSOR_X_OF_NORM1:
        return backward_norms(test->operation) > 1;
    default:
        return 1;
    }
}

static int has_dresidual(const backward_case *test) {
    return test->has_dresidual && backward_is_fused(test->operation);
}

static int has_bias(const backward_case *test) {
    return test->has_bias && test->operation == NORM_RESIDUAL_ADD_BACKWARD;
}

static int has_gradient(const backward_case *test, int gradient) {
    return gradient < backward_gradients(test->operation) && (test->gradients >> gradient & 1);
}

static int is_given_statistics(const backward_case *test) {
    return test->statistics != STATISTICS_TAKEN_ANEW;
}

backward_case backward_case_plain(backward_operation operation, int dtype, long long rows, long long columns) {
    return (backward_case){.operation = operation,
                           .norm = GATUN_LAYER_NORM,
                           .dtype = dtype,
                           .parameter_dtype = GATUN_F32,
                           .rows = rows,
                           .columns = columns,
                           .statistics_columns = columns,
                           .x_stride = columns,
                           .y_stride = columns,
                           .has_gamma = 1,
                           .has_bias = 1,
                           .has_dh_in = 1,
                           .has_dx = 1,
                           .has_dresidual = 1,
                           .gradients = 15,
                           .alpha = 1,
                           .eps = 1e-5f,
                           .scale = 1,
                           .dy_scale = 1,
                           .placement = PLACE_END,
                           .pieces = 1,
                           .seed = (uint64_t)(rows * 1000003 + columns)};
}

void backward_describe(const backward_case *test, const gatun_context *context, char *text, size_t text_bytes) {
    char special[80] = "";
    if (test->has_special) {
        snprintf(special, sizeof special, ", tensor %d [%lld, %lld] = %g", (int)test->special_tensor, test->rows / 2,
                 test->special_column, test->special);
    }
    snprintf(
        text, text_bytes,
        "%s of norm %d at level %s, %d threads: %s, parameters %s, [%lld, %lld], statistics columns %lld, strides "
        "in %lld out %lld, gamma %d bias %d dh_in %d dx %d dresidual %d gradients %d, statistics %d, places %d %d, "
        "weight offset %g alpha %g eps %g mode %d, constant %d base %g scale %g dy base %g scale %g%s, placed at "
        "the %s + %lld %lld %lld, pieces %d, seed %llu",
        backward_name(test->operation), test->norm, gatun_isa_name(gatun_context_isa(context)),
        gatun_context_threads(context), dtype_name(test->dtype), dtype_name(test->parameter_dtype), test->rows,
        test->columns, test->statistics_columns, test->x_stride, test->y_stride, test->has_gamma, test->has_bias,
        test->has_dh_in, test->has_dx, test->has_dresidual, test->gradients, (int)test->statistics, (int)test->dx_place,
        (int)test->dresidual_place, (double)test->weight_offset, (double)test->alpha, (double)test->eps, test->eps_mode,
        test->constant, test->base, test->scale, test->dy_base, test->dy_scale, special,
        test->placement == PLACE_BEGIN ? "begin" : "end", test->x_offset, test->y_offset, test->parameter_offset,
        test->pieces, (unsigned long long)test->seed);
}

static void *reserve(void *buffer, size_t *capacity, size_t bytes) {
    if (*capacity >= bytes && buffer != NULL) {
        return buffer;
    }
    free(buffer);
    buffer = malloc(bytes);
    *capacity = bytes;
    if (buffer == NULL) {
        check_abandon("no memory for %zu bytes", bytes);
    }
    return buffer;
}

static size_t extent_of(const backward_case *test, long long stride) {
    return test->rows == 0 ? 0 : (size_t)((test->rows - 1) * stride + test->columns);
}

static void *place(guarded *memory, const backward_case *test, size_t elements, size_t element, long long offset) {
    return guarded_place(memory, elements * element, element, test->placement, (size_t)offset * element);
}

/* Fills a tensor; the padding between rows is NaN, so that a result that takes it in shows. */
static void fill_tensor(const backward_case *test, backward_tensor tensor, void *data, uint64_t *random) {
    const int is_gradient = tensor == TENSOR_DY || tensor == TENSOR_DH_IN;
    const double base = is_gradient ? test->dy_base : test->base, scale = is_gradient ? test->dy_scale : test->scale;
    for (long long i = 0; i < test->rows; i++) {
        for (long long j = 0; j < test->columns; j++) {
            const double noise = !is_gradient && test->constant ? 0 : scale * random_bell(random);
            dtype_store(test->dtype, data, i * test->x_stride + j, base + noise);
        }
        for (long long j = test->columns; j < test->x_stride && i + 1 < test->rows; j++) {
            dtype_store(test->dtype, data, i * test->x_stride + j, NAN);
        }
    }
    if (test->has_special && test->special_tensor == tensor && test->rows > 0) {
        dtype_store(test->dtype, data, test->rows / 2 * test->x_stride + test->special_column, test->special);
    }
}

static void *place_parameter(guarded *memory, const backward_case *test, double low, double high, uint64_t *random) {
    void *data = place(memory, test, (size_t)test->columns, dtype_bytes(test->parameter_dtype), test->parameter_offset);
    for (long long j = 0; j < test->columns; j++) {
        dtype_store(test->parameter_dtype, data, j, random_uniform(random, low, high));
    }
    return data;
}

static void *place_output(guarded *memory, const backward_case *test, backward_place where, const operands *o) {
    if (where != OWN_MEMORY) {
        return o->inputs[where == PLACE_OF_DY ? TENSOR_DY : TENSOR_DH_IN];
    }
    void *data =
        place(memory, test, o->output_bytes / dtype_bytes(test->dtype), dtype_bytes(test->dtype), test->y_offset);
    memset(data, 0xA5, o->output_bytes);
    return data;
}

static long long scratch_bytes_of(gatun_context *context, const backward_case *test) {
    int (*const queries[])(const gatun_context *, long long, long long, long long *) = {
        gatun_layer_norm_backward_scratch, gatun_rms_norm_backward_scratch, gatun_residual_add_norm_backward_scratch,
        gatun_norm_residual_add_backward_scratch, gatun_norm_add_norm_backward_scratch};
    long long bytes = -1;
    int status = queries[test->operation](context, test->rows, test->columns, &bytes);
    CHECK(status == GATUN_OK && bytes >= 0, "scratch query of %s [%lld, %lld]: status %d, %lld bytes",
          backward_name(test->operation), test->rows, test->columns, status, bytes);
    return bytes;
}

static void prepare(gatun_context *context, const backward_case *test, backward_memory *memory, operands *o) {
    uint64_t random = test->seed;
    const size_t element = dtype_bytes(test->dtype);
    memset(o, 0, sizeof *o);
    o->input_bytes = extent_of(test, test->x_stride) * element;
    o->output_bytes = extent_of(test, test->y_stride) * element;
    memory->copies = reserve(memory->copies, &memory->copies_capacity, BACKWARD_INPUTS * o->input_bytes + 1);
    for (int t = 0; t < BACKWARD_INPUTS; t++) {
        if (has_input(test, t)) {
            o->inputs[t] = place(&memory->inputs[t], test, o->input_bytes / element, element, test->x_offset + t);
            fill_tensor(test, t, o->inputs[t], &random);
            memcpy(memory->copies + (size_t)t * o->input_bytes, o->inputs[t], o->input_bytes);
        }
    }
    for (int norm = 0; norm < backward_norms(test->operation); norm++) {
        if (test->has_gamma) {
            o->gamma[norm] = place_parameter(&memory->gamma[norm], test, 0.5, 1.5, &random);
        }
        if (is_given_statistics(test)) {
            o->rstd[norm] = place(&memory->rstd[norm], test, (size_t)test->rows, sizeof(float), test->parameter_offset);
        }
        if (is_given_statistics(test) && backward_is_centered(test)) {
            o->mean[norm] = place(&memory->mean[norm], test, (size_t)test->rows, sizeof(float), test->parameter_offset);
        }
        if (test->statistics == STATISTICS_SAVED && backward_is_centered(test)) {
            o->mean_low[norm] =
                place(&memory->mean_low[norm], test, (size_t)test->rows, sizeof(float), test->parameter_offset);
        }
    }
    if (has_bias(test)) {
        o->bias = place_parameter(&memory->bias, test, -1, 1, &random);
    }
    if (test->has_dx) {
        o->dx = place_output(&memory->dx, test, test->dx_place, o);
    }
    if (has_dresidual(test)) {
        o->dresidual = place_output(&memory->dresidual, test, test->dresidual_place, o);
    }
    int sums = 0;
    for (int g = 0; g < BACKWARD_GRADIENTS_MAX; g++) {
        if (has_gradient(test, g)) {
            o->gradients[g] =
                place(&memory->gradients[g], test, (size_t)test->columns, sizeof(float), test->parameter_offset);
            memset(o->gradients[g], 0xA5, (size_t)test->columns * sizeof(float));
            sums = 1;
        }
    }
    o->scratch_bytes = scratch_bytes_of(context, test);
    if (sums && o->scratch_bytes > 0) {
        o->scratch = guarded_place(&memory->scratch, (size_t)o->scratch_bytes, 64, PLACE_END, 0);
        memset(o->scratch, 0xFF, (size_t)o->scratch_bytes); /* NaN */
    }
}

/* The numbers of a case in float64: inputs, what stands for the statistics, and room for the reference's results. */
typedef struct numbers {
    double *tensors[BACKWARD_INPUTS], *gamma[2], *bias;
    norm_statistics *statistics[2];
    backward_inputs inputs;
    backward_outputs outputs;
} numbers;

static double *take(double **next, long long count) {
    double *array = *next;
    *next += count;
    return array;
}

static double *take_parameter(const backward_case *test, const void *data, double **next) {
    double *array = take(next, test->columns);
    for (long long j = 0; j < test->columns; j++) {
        array[j] = dtype_load(test->parameter_dtype, data, j);
    }
    return array;
}

/* Statistics that float32 cannot hold are not used: the library takes them anew. */
static int is_representable(norm_statistics s) {
    return (float)s.r >= FLT_MIN && s.r < 0x1p50 && fabs(s.mean) <= (double)FLT_MAX;
}

/* Saves the statistics as a forward pass does, and lets the reference see what the call sees. */
static void save_statistics(const backward_case *test, const operands *o, numbers *n) {
    for (int norm = 0; norm < backward_norms(test->operation); norm++) {
        for (long long i = 0; i < test->rows; i++) {
            norm_statistics s = backward_statistics_of(test, &n->inputs, norm, i);
            if (o->rstd[norm] != NULL) {
                norm_statistics seen = {0, (float)s.r, 1};
                o->rstd[norm][i] = (float)s.r;
                if (o->mean[norm] != NULL) {
                    seen.mean = o->mean[norm][i] = (float)s.mean;
                }
                if (o->mean_low[norm] != NULL) {
                    seen.mean += o->mean_low[norm][i] = (float)(s.mean - (double)(float)s.mean);
                }
                s = test->eps_mode == GATUN_EPS_IN_SQRT && is_representable(s) ? seen : s;
            }
            n->statistics[norm][i] = s;
        }
    }
}

static void take_numbers(const backward_case *test, backward_memory *memory, const operands *o, numbers *n) {
    const long long elements = test->rows * test->columns;
    const size_t statistics_bytes = 2 * (size_t)test->rows * sizeof(norm_statistics);
    memory->values = reserve(memory->values, &memory->values_capacity,
                             (size_t)(8 * elements + 11 * test->columns) * sizeof(double) + statistics_bytes);
    double *next = memory->values;
    memset(n, 0, sizeof *n);
    for (int t = 0; t < BACKWARD_INPUTS; t++) {
        if (o->inputs[t] != NULL) {
            n->tensors[t] = take(&next, elements);
            for (long long i = 0; i < elements; i++) {
                n->tensors[t][i] =
                    dtype_load(test->dtype, o->inputs[t], i / test->columns * test->x_stride + i % test->columns);
            }
        }
        n->inputs.tensors[t] = n->tensors[t];
    }
    for (int norm = 0; norm < 2; norm++) {
        n->inputs.gamma[norm] = o->gamma[norm] != NULL ? take_parameter(test, o->gamma[norm], &next) : NULL;
    }
    n->inputs.bias = o->bias != NULL ? take_parameter(test, o->bias, &next) : NULL;
    n->outputs.dx = take(&next, elements);
    n->outputs.dx_scale = take(&next, elements);
    n->outputs.dresidual = take(&next, elements);
    n->outputs.dresidual_scale = take(&next, elements);
    for (int g = 0; g < BACKWARD_GRADIENTS_MAX; g++) {
        n->outputs.gradients[g] = take(&next, test->columns);
        n->outputs.gradient_scales[g] = take(&next, test->columns);
    }
    for (int norm = 0; norm < 2; norm++) {
        n->statistics[norm] = (norm_statistics *)next + norm * test->rows;
        n->inputs.statistics[norm] = n->statistics[norm];
    }
    save_statistics(test, o, n);
}

static int call(gatun_context *context, const backward_case *test, const operands *o, long long row_begin,
                long long row_end, int last, char *message, long long message_bytes) {
    float *gradients[BACKWARD_GRADIENTS_MAX] = {0};
    for (int g = 0; g < BACKWARD_GRADIENTS_MAX && last; g++) {
        gradients[g] = o->gradients[g];
    }
    switch (test->operation) {
    case LAYER_NORM_BACKWARD:
        return gatun_layer_norm_backward(context, test->dtype, test->parameter_dtype, test->rows, test->columns,
                                         o->inputs[TENSOR_DY], test->x_stride, o->inputs[TENSOR_X], test->x_stride,
                                         o->gamma[0], test->weight_offset, test->eps, test->eps_mode, o->mean[0],
                                         o->mean_low[0], o->rstd[0], o->dx, test->y_stride, gradients[0], gradients[1],
                                         row_begin, row_end, o->scratch, o->scratch_bytes, message, message_bytes);
    case RMS_NORM_BACKWARD:
        return gatun_rms_norm_backward(context, test->dtype, test->parameter_dtype, test->rows, test->columns,
                                       test->statistics_columns, o->inputs[TENSOR_DY], test->x_stride,
                                       o->inputs[TENSOR_X], test->x_stride, o->gamma[0], test->weight_offset, test->eps,
                                       test->eps_mode, o->rstd[0], o->dx, test->y_stride, gradients[0], gradients[1],
                                       row_begin, row_end, o->scratch, o->scratch_bytes, message, message_bytes);
    case RESIDUAL_ADD_NORM_BACKWARD:
        return gatun_residual_add_norm_backward(
            context, test->norm, test->dtype, test->parameter_dtype, test->rows, test->columns, o->inputs[TENSOR_DY],
            test->x_stride, o->inputs[TENSOR_DH_IN], test->x_stride, o->inputs[TENSOR_X], test->x_stride, test->alpha,
            o->gamma[0], test->weight_offset, test->eps, test->eps_mode, o->mean[0], o->mean_low[0], o->rstd[0], o->dx,
            test->y_stride, o->dresidual, test->y_stride, gradients[0], gradients[1], gradients[2], row_begin, row_end,
            o->scratch, o->scratch_bytes, message, message_bytes);
    case NORM_RESIDUAL_ADD_BACKWARD:
        return gatun_norm_residual_add_backward(
            context, test->norm, test->dtype, test->parameter_dtype, test->rows, test->columns, o->inputs[TENSOR_DY],
            test->x_stride, o->inputs[TENSOR_X], test->x_stride, o->bias, test->alpha, o->gamma[0], test->weight_offset,
            test->eps, test->eps_mode, o->mean[0], o->mean_low[0], o->rstd[0], o->dx, test->y_stride, o->dresidual,
            test->y_stride, gradients[0], gradients[1], gradients[2], row_begin, row_end, o->scratch, o->scratch_bytes,
            message, message_bytes);
    default:
        return gatun_norm_add_norm_backward(
            context, test->norm, test->dtype, test->parameter_dtype, test->rows, test->columns, o->inputs[TENSOR_DY],
            test->x_stride, o->inputs[TENSOR_DH_IN], test->x_stride, o->inputs[TENSOR_X_OF_NORM1], test->x_stride,
            o->inputs[TENSOR_X], test->x_stride, test->alpha, o->gamma[1], o->gamma[0], test->weight_offset, test->eps,
            test->eps_mode, o->mean[1], o->mean_low[1], o->rstd[1], o->mean[0], o->mean_low[0], o->rstd[0], o->dx,
            test->y_stride, o->dresidual, test->y_stride, gradients[2], gradients[3], gradients[0], gradients[1],
            row_begin, row_end, o->scratch, o->scratch_bytes, message, message_bytes);
    }
}

/* One call, or as many as test->pieces, cut at random multiples of GATUN_BACKWARD_PIECE_ROWS; the last may be empty. */
static int call_pieces(gatun_context *context, const backward_case *test, const operands *o, char *message,
                       long long message_bytes) {
    uint64_t random = test->seed + 1;
    long long begin = 0;
    for (int piece = 1; piece < test->pieces; piece++) {
        const long long left = (test->rows - begin) / GATUN_BACKWARD_PIECE_ROWS;
        const int rest = piece + 1 == test->pieces && random_bits(&random) % 2 == 0;
        const long long end =
            rest ? test->rows
                 : begin + (long long)(random_bits(&random) % (uint64_t)(left + 1)) * GATUN_BACKWARD_PIECE_ROWS;
        int status = call(context, test, o, begin, end, 0, message, message_bytes);
        if (status != GATUN_OK) {
            return status;
        }
        begin = end;
    }
    return call(context, test, o, begin, test->rows, 1, message, message_bytes);
}

static int padding_intact(const backward_case *test, const unsigned char *data, const unsigned char *expected) {
    const size_t element = dtype_bytes(test->dtype), padding = (size_t)(test->y_stride - test->columns) * element;
    for (long long i = 0; i + 1 < test->rows && padding > 0; i++) {
        const size_t at = (size_t)(i * test->y_stride + test->columns) * element;
        if (!(expected != NULL ? memcmp(data + at, expected + at, padding) == 0
                               : guarded_is_canary(data + at, padding))) {
            return 0;
        }
    }
    return 1;
}

static int check_output_memory(const backward_case *test, const backward_memory *memory, const operands *o,
                               const void *data, const guarded *own, backward_place where, const char *what) {
    if (data == NULL) {
        return 1;
    }
    const backward_tensor input = where == PLACE_OF_DY ? TENSOR_DY : TENSOR_DH_IN;
    const unsigned char *copy = where == OWN_MEMORY ? NULL : memory->copies + (size_t)input * o->input_bytes;
    return CHECK((where != OWN_MEMORY || guarded_margins_intact(own)) && padding_intact(test, data, copy),
                 "%s\n    memory around or between the rows of an output was written", what);
}

static int check_memory(const backward_case *test, const backward_memory *memory, const operands *o, const char *what) {
    int good = check_output_memory(test, memory, o, o->dx, &memory->dx, test->dx_place, what) &
               check_output_memory(test, memory, o, o->dresidual, &memory->dresidual, test->dresidual_place, what);
    for (int t = 0; t < BACKWARD_INPUTS; t++) {
        if (o->inputs[t] == NULL) {
            continue;
        }
        const int taken = o->inputs[t] == o->dx || o->inputs[t] == o->dresidual;
        good &=
            CHECK(guarded_margins_intact(&memory->inputs[t]) &&
                      (taken || memcmp(o->inputs[t], memory->copies + (size_t)t * o->input_bytes, o->input_bytes) == 0),
                  "%s\n    input %d was written", what, t);
    }
    for (int g = 0; g < BACKWARD_GRADIENTS_MAX; g++) {
        good &= CHECK(o->gradients[g] == NULL || guarded_margins_intact(&memory->gradients[g]),
                      "%s\n    memory around parameter gradient %d was written", what, g);
    }
    return good & CHECK(o->scratch == NULL || guarded_margins_intact(&memory->scratch),
                        "%s\n    memory around the scratch was written", what);
}

/* A result within `bound` units of 2^-23 * scale of the exact one, then rounded to its type. */
static int is_allowed(int dtype, double value, double exact, double scale, double bound, double *greatest) {
    if (isnan(exact)) {
        return isnan(value);
    }
    const double slack = isfinite(exact) ? bound * 0x1p-23 * scale + 0x1p-148 : 0;
    if (dtype == GATUN_F32 && isfinite(exact) && isfinite(value) && scale > 0x1p-100) {
        *greatest = fmax(*greatest, fabs(value - exact) / (0x1p-23 * scale));
    }
    return value >= dtype_round(dtype, exact - slack) && value <= dtype_round(dtype, exact + slack);
}

static int check_tensor(const backward_case *test, const void *data, const double *exact, const double *scale,
                        double bound, backward_error *error, const char *name, const char *what) {
    for (long long i = 0; i < test->rows && data != NULL; i++) {
        for (long long j = 0; j < test->columns; j++) {
            const long long at = i * test->columns + j;
            const double value = dtype_load(test->dtype, data, i * test->y_stride + j);
            if (!is_allowed(test->dtype, value, exact[at], scale[at], bound, &error->tensors)) {
                return CHECK(0, "%s\n    %s[%lld, %lld] is %.9g, expected %.17g, %.3g units off", what, name, i, j,
                             value, exact[at], fabs(value - exact[at]) / (0x1p-23 * scale[at]));
            }
        }
    }
    return CHECK(1, "%s", what);
}

static int check_results(const backward_case *test, const operands *o, const numbers *n, double bound,
                         backward_error *error, const char *what) {
    backward_error ignored = {0, 0};
    error = error != NULL ? error : &ignored;
    int good = check_tensor(test, o->dx, n->outputs.dx, n->outputs.dx_scale, bound, error, "dx", what) &&
               check_tensor(test, o->dresidual, n->outputs.dresidual, n->outputs.dresidual_scale, bound, error,
                            "dresidual", what);
    for (int g = 0; g < BACKWARD_GRADIENTS_MAX && good; g++) {
        for (long long j = 0; j < test->columns && good && o->gradients[g] != NULL; j++) {
            const double exact = n->outputs.gradients[g][j], scale = n->outputs.gradient_scales[g][j];
            const double value = (double)o->gradients[g][j];
            /* Terms that are too great for float32 may sum up to anything infinite, or cancel to NaN. */
            const int overflows = scale > (double)FLT_MAX && !isfinite(value);
            good = CHECK(overflows || is_allowed(GATUN_F32, value, exact, scale, bound, &error->gradients),
                         "%s\n    gradient %d [%lld] is %.9g, expected %.17g, %.3g units off", what, g, j, value, exact,
                         fabs(value - exact) / (0x1p-23 * scale));
        }
    }
    return good;
}

static unsigned char *pack_tensor(const backward_case *test, const unsigned char *data, unsigned char *to) {
    const size_t element = dtype_bytes(test->dtype), row_bytes = (size_t)test->columns * element;
    for (long long i = 0; i < test->rows && data != NULL; i++, to += row_bytes) {
        memcpy(to, data + (size_t)(i * test->y_stride) * element, row_bytes);
    }
    return to;
}

static void pack(const backward_case *test, const operands *o, backward_memory *memory, backward_result *result) {
    const size_t tensor_bytes = (size_t)(test->rows * test->columns) * dtype_bytes(test->dtype);
    const size_t gradient_bytes = (size_t)test->columns * sizeof(float);
    memory->packed = reserve(memory->packed, &memory->packed_capacity,
                             2 * tensor_bytes + BACKWARD_GRADIENTS_MAX * gradient_bytes + 1);
    unsigned char *to = pack_tensor(test, o->dx, memory->packed);
    to = pack_tensor(test, o->dresidual, to);
    for (int g = 0; g < BACKWARD_GRADIENTS_MAX; g++) {
        if (o->gradients[g] != NULL) {
            memcpy(to, o->gradients[g], gradient_bytes);
            to += gradient_bytes;
        }
    }
    *result = (backward_result){memory->packed, (size_t)(to - memory->packed)};
}

int backward_run(gatun_context *context, const backward_case *test, double bound, backward_memory *memory,
                 backward_result *result, backward_error *error) {
    operands o;
    numbers n;
    char what[sizeof backward_current];
    char message[256] = "untouched";
    backward_describe(test, context, what, sizeof what);
    if (backward_names_crashes) {
        memcpy(backward_current, what, sizeof what);
    }
    prepare(context, test, memory, &o);
    take_numbers(test, memory, &o, &n);

    fp_state before = fp_state_read();
    int status = call_pieces(context, test, &o, message, sizeof message);
    fp_state after = fp_state_read();

    int good = CHECK(status == GATUN_OK, "%s\n    status %d: %s", what, status, message);
    good &= CHECK(strcmp(message, "untouched") == 0, "%s\n    a message on success: %s", what, message);
    good &=
        CHECK(before.vector == after.vector && before.x87 == after.x87, "%s\n    floating-point state changed", what);
    good &= check_memory(test, memory, &o, what);
    if (good && bound > 0) {
        backward_reference(test, &n.inputs, &n.outputs);
        good = check_results(test, &o, &n, bound, error, what);
    }
    if (result != NULL) {
        pack(test, &o, memory, result);
    }
    return good;
}

void backward_release(backward_memory *memory) {
    guarded *singles[] = {&memory->bias, &memory->dx, &memory->dresidual, &memory->scratch};
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
        guarded_release(singles[i]);
    }
    for (int i = 0; i < BACKWARD_INPUTS; i++) {
        guarded_release(&memory->inputs[i]);
    }
    for (int i = 0; i < BACKWARD_GRADIENTS_MAX; i++) {
        guarded_release(&memory->gradients[i]);
    }
    for (int i = 0; i < 2; i++) {
        guarded_release(&memory->gamma[i]);
        guarded_release(&memory->mean[i]);
        guarded_release(&memory->mean_low[i]);
        guarded_release(&memory->rstd[i]);
    }
    free(memory->values);
    free(memory->copies);
    free(memory->packed);
    memset(memory, 0, sizeof *memory);
}
