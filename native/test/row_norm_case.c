/* SPDX-License-Identifier: Apache-2.0 */
#include "row_norm_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crash.h"
#include "fp_state.h"
#include "row_norm_reference.h"
#include "values.h"

/* The operands of one call, where they were placed. */
typedef struct operands {
    unsigned char *x, *y;
    void *gamma, *beta, *scratch;
    float *mean, *mean_low, *rstd;
    long long scratch_bytes;
    size_t x_bytes, y_bytes;
} operands;

void (*row_norm_call_hook)(int inside);

const char *row_norm_name(row_norm_operation operation) {
    return operation == LAYER_NORM ? "layer_norm" : "rms_norm";
}

row_norm_case row_norm_case_plain(row_norm_operation operation, int dtype, long long rows, long long columns) {
    return (row_norm_case){.operation = operation,
                           .dtype = dtype,
                           .parameter_dtype = GATUN_F32,
                           .rows = rows,
                           .columns = columns,
                           .statistics_columns = columns,
                           .x_stride = columns,
                           .y_stride = columns,
                           .has_gamma = 1,
                           .has_beta = 1,
                           .saves_statistics = 1,
                           .eps = 1e-5f,
                           .scale = 1,
                           .placement = PLACE_END,
                           .seed = (uint64_t)(rows * 1000003 + columns)};
}

void row_norm_describe(const row_norm_case *test, const gatun_context *context, char *text, size_t text_bytes) {
    char special[80] = "";
    if (test->has_special) {
        snprintf(special, sizeof special, " x[%lld,%lld]=%g", test->rows / 2, test->special_column, test->special);
    }
    snprintf(
        text, text_bytes,
        "%s at level %s, %d threads: x and y %s, parameters %s, [%lld, %lld], statistics columns %lld, strides x "
        "%lld y %lld, gamma %d beta %d in place %d, weight offset %g, eps %g mode %d, cast mode %d, values %d base "
        "%g scale %g%s, placed at the %s + x %lld y %lld parameters %lld statistics %lld elements, seed %llu",
        row_norm_name(test->operation), gatun_isa_name(gatun_context_isa(context)), gatun_context_threads(context),
        dtype_name(test->dtype), dtype_name(test->parameter_dtype), test->rows, test->columns, test->statistics_columns,
        test->x_stride, test->y_stride, test->has_gamma, test->has_beta, test->in_place, (double)test->weight_offset,
        (double)test->eps, test->eps_mode, test->cast_mode, (int)test->values, test->base, test->scale, special,
        test->placement == PLACE_BEGIN ? "begin" : "end", test->x_offset, test->y_offset, test->parameter_offset,
        test->statistics_offset, (unsigned long long)test->seed);
}

unsigned char *row_norm_reserve(unsigned char **buffer, size_t *capacity, size_t bytes) {
    if (*capacity < bytes) {
        free(*buffer);
        *buffer = malloc(bytes);
        *capacity = bytes;
        if (*buffer == NULL) {
            check_abandon("no memory for %zu bytes", bytes);
        }
    }
    return *buffer;
}

static void fill_input(const row_norm_case *test, void *x, uint64_t *random) {
    row_values_fill(test->values, test->base, test->scale, test->dtype, test->rows, test->columns, test->x_stride, x,
                    random);
    if (test->has_special && test->rows > 0) {
        dtype_store(test->dtype, x, test->rows / 2 * test->x_stride + test->special_column, test->special);
    }
}

static size_t extent(long long rows, long long columns, long long stride) {
    return rows == 0 ? 0 : (size_t)((rows - 1) * stride + columns);
}

static void *place(guarded *memory, const row_norm_case *test, size_t elements, size_t element_bytes,
                   long long offset) {
    return guarded_place(memory, elements * element_bytes, element_bytes, test->placement,
                         (size_t)offset * element_bytes);
}

static void *place_parameter(guarded *memory, const row_norm_case *test, double low, double high, uint64_t *random) {
    void *parameter =
        place(memory, test, (size_t)test->columns, dtype_bytes(test->parameter_dtype), test->parameter_offset);
    for (long long j = 0; j < test->columns; j++) {
        dtype_store(test->parameter_dtype, parameter, j, random_uniform(random, low, high));
    }
    return parameter;
}

static void prepare(gatun_context *context, const row_norm_case *test, row_norm_memory *memory, operands *operand) {
    uint64_t random = test->seed;
    size_t element = dtype_bytes(test->dtype);
    memset(operand, 0, sizeof *operand);
    operand->x_bytes = extent(test->rows, test->columns, test->x_stride) * element;
    operand->y_bytes = extent(test->rows, test->columns, test->y_stride) * element;
    operand->x = place(&memory->x, test, operand->x_bytes / element, element, test->x_offset);
    fill_input(test, operand->x, &random);
    memcpy(row_norm_reserve(&memory->x_copy, &memory->x_copy_capacity, operand->x_bytes + 1), operand->x,
           operand->x_bytes);
    if (test->in_place) {
        operand->y = operand->x;
    } else {
        operand->y = place(&memory->y, test, operand->y_bytes / element, element, test->y_offset);
        memset(operand->y, 0xA5, operand->y_bytes);
    }
    if (test->has_gamma) {
        operand->gamma = place_parameter(&memory->gamma, test, 0.5, 1.5, &random);
    }
    if (test->has_beta) {
        operand->beta = place_parameter(&memory->beta, test, -1.0, 1.0, &random);
    }
    if (test->saves_statistics) {
        size_t rows = (size_t)test->rows;
        operand->rstd = place(&memory->rstd, test, rows, sizeof(float), test->statistics_offset);
        if (test->operation == LAYER_NORM) {
            operand->mean = place(&memory->mean, test, rows, sizeof(float), test->statistics_offset);
            operand->mean_low = place(&memory->mean_low, test, rows, sizeof(float), test->statistics_offset);
        }
    }
    int status = test->operation == LAYER_NORM
                     ? gatun_layer_norm_scratch(context, test->rows, test->columns, &operand->scratch_bytes)
                     : gatun_rms_norm_scratch(context, test->rows, test->columns, &operand->scratch_bytes);
    CHECK(status == GATUN_OK && operand->scratch_bytes >= 0, "scratch query of %s [%lld, %lld]: status %d, %lld bytes",
          row_norm_name(test->operation), test->rows, test->columns, status, operand->scratch_bytes);
    if (operand->scratch_bytes > 0) {
        operand->scratch = guarded_place(&memory->scratch, (size_t)operand->scratch_bytes, 8, test->placement, 0);
    }
}

static int call(gatun_context *context, const row_norm_case *test, const operands *operand, char *message,
                long long message_bytes) {
    if (test->operation == LAYER_NORM) {
        return gatun_layer_norm(context, test->dtype, test->parameter_dtype, test->rows, test->rows + test->other_rows,
                                test->columns, operand->x, test->x_stride, operand->gamma, operand->beta,
                                test->weight_offset, test->eps, test->eps_mode, test->cast_mode, operand->y,
                                test->y_stride, operand->mean, operand->mean_low, operand->rstd, operand->scratch,
                                operand->scratch_bytes, message, message_bytes);
    }
    return gatun_rms_norm(context, test->dtype, test->parameter_dtype, test->rows, test->rows + test->other_rows,
                          test->columns, test->statistics_columns, operand->x, test->x_stride, operand->gamma,
                          operand->beta, test->weight_offset, test->eps, test->eps_mode, test->cast_mode, operand->y,
                          test->y_stride, operand->rstd, operand->scratch, operand->scratch_bytes, message,
                          message_bytes);
}

static int padding_intact(const row_norm_case *test, const operands *operand, const unsigned char *expected) {
    size_t element = dtype_bytes(test->dtype);
    size_t padding = (size_t)(test->y_stride - test->columns) * element;
    for (long long i = 0; i + 1 < test->rows && padding > 0; i++) {
        size_t at = (size_t)(i * test->y_stride + test->columns) * element;
        int intact = expected != NULL ? memcmp(operand->y + at, expected + at, padding) == 0
                                      : guarded_is_canary(operand->y + at, padding);
        if (!intact) {
            return 0;
        }
    }
    return 1;
}

static int margins_intact(const row_norm_case *test, const row_norm_memory *memory, const operands *operand) {
    return guarded_margins_intact(&memory->x) && (test->in_place || guarded_margins_intact(&memory->y)) &&
           (operand->gamma == NULL || guarded_margins_intact(&memory->gamma)) &&
           (operand->beta == NULL || guarded_margins_intact(&memory->beta)) &&
           (operand->mean == NULL || guarded_margins_intact(&memory->mean)) &&
           (operand->mean_low == NULL || guarded_margins_intact(&memory->mean_low)) &&
           (operand->rstd == NULL || guarded_margins_intact(&memory->rstd)) &&
           (operand->scratch == NULL || guarded_margins_intact(&memory->scratch));
}

static void note_error(const row_norm_case *test, double y, double exact, row_norm_error *error) {
    if (error == NULL || !isfinite(exact) || !isfinite(y)) {
        return;
    }
    error->elements++;
    if (test->dtype == GATUN_F32) {
        error->greatest = fmax(error->greatest, fabs(y - exact) / (0x1p-23 * (1.0 + fabs(exact))));
    } else if (test->cast_mode == GATUN_CAST_NONE && y != dtype_round(test->dtype, exact)) {
        error->not_nearest++;
    }
}

static int check_rows(const row_norm_case *test, const operands *operand, const unsigned char *x, double bound,
                      row_norm_error *error, const char *what) {
    const row_norm_saved saved = {operand->mean, operand->mean_low, operand->rstd};
    const row_uncertainty exact_source = {0, 0};
    for (long long i = 0; i < test->rows; i++) {
        const unsigned char *x_row = x + (size_t)(i * test->x_stride) * dtype_bytes(test->dtype);
        row_reference reference = row_norm_reference(test, x_row);
        if (!row_norm_check_statistics(&saved, &reference, i, bound, &exact_source, what)) {
            return 0;
        }
        for (long long j = 0; j < test->columns; j++) {
            double value = dtype_load(test->dtype, x_row, j);
            double gamma = test->has_gamma ? dtype_load(test->parameter_dtype, operand->gamma, j) : 1.0;
            double beta = test->has_beta ? dtype_load(test->parameter_dtype, operand->beta, j) : 0.0;
            double exact = row_norm_reference_element(test, &reference, value, gamma, beta);
            double y = dtype_load(test->dtype, operand->y, i * test->y_stride + j);
            interval allowed = row_norm_allowed(test, &reference, value, gamma, beta, bound);
            note_error(test, y, exact, error);
            if (!interval_holds(allowed, y)) {
                return CHECK(0,
                             "%s\n    y[%lld, %lld] is %.9g, expected %.17g, allowed %.9g to %.9g; x %.9g, mean "
                             "%.17g, r %.17g, gamma %.9g, beta %.9g",
                             what, i, j, y, exact, allowed.low, allowed.high, value, reference.mean, reference.r, gamma,
                             beta);
            }
        }
    }
    return CHECK(1, "%s", what);
}

static void pack(const row_norm_case *test, const operands *operand, row_norm_memory *memory, row_norm_result *result) {
    size_t row_bytes = (size_t)test->columns * dtype_bytes(test->dtype);
    size_t rows = (size_t)test->rows;
    unsigned char *to =
        row_norm_reserve(&memory->packed, &memory->packed_capacity, rows * (row_bytes + 3 * sizeof(float)) + 1);
    result->bytes = to;
    for (size_t i = 0; i < rows; i++, to += row_bytes) {
        memcpy(to, operand->y + i * (size_t)test->y_stride * dtype_bytes(test->dtype), row_bytes);
    }
    const float *saved[] = {operand->mean, operand->mean_low, operand->rstd};
    for (size_t k = 0; k < sizeof saved / sizeof *saved; k++) {
        if (saved[k] != NULL) {
            memcpy(to, saved[k], rows * sizeof(float));
            to += rows * sizeof(float);
        }
    }
    result->count = (size_t)(to - result->bytes);
}

int row_norm_run(gatun_context *context, const row_norm_case *test, double bound, row_norm_memory *memory,
                 row_norm_result *result, row_norm_error *error) {
    operands operand;
    char what[1024];
    char message[256] = "untouched";
    row_norm_describe(test, context, what, sizeof what);
    crash_name_case(what);
    prepare(context, test, memory, &operand);

    if (row_norm_call_hook != NULL) {
        row_norm_call_hook(1);
    }
    fp_state before = fp_state_read();
    int status = call(context, test, &operand, message, sizeof message);
    fp_state after = fp_state_read();
    if (row_norm_call_hook != NULL) {
        row_norm_call_hook(0);
    }

    int good = CHECK(status == GATUN_OK, "%s\n    status %d: %s", what, status, message);
    good &= CHECK(strcmp(message, "untouched") == 0, "%s\n    a message on success: %s", what, message);
    good &= CHECK(before.vector == after.vector && before.x87 == after.x87,
                  "%s\n    floating-point state changed from %llx, %llx to %llx, %llx", what,
                  (unsigned long long)before.vector, (unsigned long long)before.x87, (unsigned long long)after.vector,
                  (unsigned long long)after.x87);
    good &= CHECK(margins_intact(test, memory, &operand), "%s\n    memory around an operand was written", what);
    good &= CHECK(padding_intact(test, &operand, test->in_place ? memory->x_copy : NULL),
                  "%s\n    padding between the rows of y was written", what);
    good &=
        CHECK(test->in_place || memcmp(operand.x, memory->x_copy, operand.x_bytes) == 0, "%s\n    x was written", what);
    if (good && bound > 0) {
        good = check_rows(test, &operand, memory->x_copy, bound, error, what);
    }
    if (result != NULL) {
        pack(test, &operand, memory, result);
    }
    return good;
}

void row_norm_release(row_norm_memory *memory) {
    guarded *all[] = {&memory->x,    &memory->y,        &memory->gamma, &memory->beta,
                      &memory->mean, &memory->mean_low, &memory->rstd,  &memory->scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        guarded_release(all[i]);
    }
    free(memory->x_copy);
    free(memory->packed);
    memset(memory, 0, sizeof *memory);
}
