/* SPDX-License-Identifier: Apache-2.0 */
#include "residual_norm_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "crash.h"
#include "fp_state.h"
#include "residual_norm_reference.h"
#include "values.h"

static const char *const names[OPERANDS] = {"x", "residual", "bias",      "gamma1", "beta1", "gamma",    "beta", "h",
                                            "y", "mean1",    "mean_low1", "rstd1",  "mean",  "mean_low", "rstd"};

/* Where an operand lies; `p` NULL where there is none. */
typedef struct operand {
    unsigned char *p;
    int present, dtype;
    long long rows, columns, stride, offset;
} operand;

const char *residual_norm_name(residual_norm_operation operation) {
    static const char *const all[] = {"residual_add_norm", "norm_residual_add", "norm_add_norm"};
    return all[operation];
}

residual_norm_case residual_norm_case_plain(residual_norm_operation operation, int norm, int dtype, long long rows,
                                            long long columns) {
    int centered = norm == GATUN_LAYER_NORM;
    return (residual_norm_case){.operation = operation,
                                .norm = norm,
                                .dtype = dtype,
                                .parameter_dtype = GATUN_F32,
                                .rows = rows,
                                .columns = columns,
                                .x_stride = columns,
                                .residual_stride = columns,
                                .h_stride = columns,
                                .y_stride = columns,
                                .alpha = 1,
                                .has_gamma = 1,
                                .has_beta = centered,
                                .saves_statistics = 1,
                                .has_gamma1 = 1,
                                .has_beta1 = centered,
                                .saves_statistics1 = 1,
                                .eps = 1e-5f,
                                .y_place = operation == NORM_RESIDUAL_ADD ? NOT_STORED : APART,
                                .scale = 1,
                                .residual_scale = 1,
                                .placement = PLACE_END,
                                .seed = (uint64_t)(rows * 1000003 + columns)};
}

void residual_norm_describe(const residual_norm_case *test, const gatun_context *context, char *text,
                            size_t text_bytes) {
    static const char *const places[] = {"apart", "over x", "over residual", "not stored"};
    static const char *const residuals[] = {"numbers", "NaN", "inaccessible", "NULL"};
    char special[80] = "";
    if (test->has_special) {
        snprintf(special, sizeof special, " %s[%lld,%lld]=%g", test->special_in_residual ? "residual" : "x",
                 test->rows / 2, test->special_column, test->special);
    }
    snprintf(text, text_bytes,
             "%s with %s at level %s, %d threads: %s, parameters %s, [%lld, %lld], strides x %lld residual %lld h %lld "
             "y %lld, residual %s, alpha %.9g, bias %d gamma1 %d beta1 %d gamma %d beta %d, h %s, y %s, statistics %d "
             "%d, weight offset %g, eps %g mode %d, cast mode %d, sum mode %d, x %d base %g scale %g, residual %d base "
             "%g scale %g%s, placed at the %s + x %lld residual %lld h %lld y %lld parameters %lld statistics %lld "
             "elements, seed %llu",
             residual_norm_name(test->operation), test->norm == GATUN_LAYER_NORM ? "layer norm" : "rms norm",
             gatun_isa_name(gatun_context_isa(context)), gatun_context_threads(context), dtype_name(test->dtype),
             dtype_name(test->parameter_dtype), test->rows, test->columns, test->x_stride, test->residual_stride,
             test->h_stride, test->y_stride, residuals[test->residual], (double)test->alpha, test->has_bias,
             test->has_gamma1, test->has_beta1, test->has_gamma, test->has_beta, places[test->h_place],
             places[test->y_place], test->saves_statistics1, test->saves_statistics, (double)test->weight_offset,
             (double)test->eps, test->eps_mode, test->cast_mode, test->sum_mode, (int)test->values, test->base,
             test->scale, (int)test->residual_values, test->residual_base, test->residual_scale, special,
             test->placement == PLACE_BEGIN ? "begin" : "end", test->x_offset, test->residual_offset, test->h_offset,
             test->y_offset, test->parameter_offset, test->statistics_offset, (unsigned long long)test->seed);
}

static operand tensor(const residual_norm_case *test, int present, long long stride, long long offset) {
    return (operand){NULL, present, test->dtype, test->rows, test->columns, stride, offset};
}
static operand parameter(const residual_norm_case *test, int present) {
    return (operand){NULL, present, test->parameter_dtype, 1, test->columns, test->columns, test->parameter_offset};
}
static operand statistic(const residual_norm_case *test, int present) {
    return (operand){NULL, present, GATUN_F32, test->rows, 1, 1, test->statistics_offset};
}

/* The operands of the case, without addresses. */
static void list_operands(const residual_norm_case *test, operand all[OPERANDS]) {
    const int two = test->operation == NORM_ADD_NORM, centered = test->norm == GATUN_LAYER_NORM;
    all[OPERAND_X] = tensor(test, 1, test->x_stride, test->x_offset);
    all[OPERAND_RESIDUAL] = tensor(test, test->residual != RESIDUAL_NULL, test->residual_stride, test->residual_offset);
    all[OPERAND_BIAS] = parameter(test, !two && test->has_bias);
    all[OPERAND_GAMMA1] = parameter(test, two && test->has_gamma1);
    all[OPERAND_BETA1] = parameter(test, two && test->has_beta1);
    all[OPERAND_GAMMA] = parameter(test, test->has_gamma);
    all[OPERAND_BETA] = parameter(test, test->has_beta);
    all[OPERAND_H] = tensor(test, test->h_place != NOT_STORED, test->h_stride, test->h_offset);
    all[OPERAND_Y] = tensor(test, test->y_place != NOT_STORED, test->y_stride, test->y_offset);
    for (int low = OPERAND_MEAN1; low <= OPERAND_RSTD1; low++) {
        all[low] = statistic(test, two && test->saves_statistics1 && (centered || low == OPERAND_RSTD1));
    }
    for (int last = OPERAND_MEAN; last <= OPERAND_RSTD; last++) {
        all[last] = statistic(test, test->saves_statistics && (centered || last == OPERAND_RSTD));
    }
}

static size_t bytes_of(const operand *o) {
    return o->rows == 0 ? 0 : (size_t)((o->rows - 1) * o->stride + o->columns) * dtype_bytes(o->dtype);
}

/* Where the memory of an output that lies over an input is; else its own. */
static int memory_of(const residual_norm_case *test, int index) {
    output_place place = index == OPERAND_H ? test->h_place : index == OPERAND_Y ? test->y_place : APART;
    return place == OVER_X ? OPERAND_X : place == OVER_RESIDUAL ? OPERAND_RESIDUAL : index;
}

/* Each input has numbers of its own, so that the first rows of a case do not depend on how many there are. */
static void fill(const residual_norm_case *test, int index, const operand *o) {
    uint64_t random = test->seed ^ (uint64_t)(index + 1) * UINT64_C(0x9E3779B97F4A7C15);
    const int is_residual = index == OPERAND_RESIDUAL;
    if (index > OPERAND_RESIDUAL) {
        const int is_factor = index == OPERAND_GAMMA1 || index == OPERAND_GAMMA;
        for (long long j = 0; j < o->columns; j++) {
            dtype_store(o->dtype, o->p, j, random_uniform(&random, is_factor ? 0.5 : -1.0, is_factor ? 1.5 : 1.0));
        }
        return;
    }
    if (is_residual && test->residual != RESIDUAL_NUMBERS) {
        row_values_fill(VALUES_CONSTANT, NAN, 0, o->dtype, o->rows, o->columns, o->stride, o->p, &random);
        return;
    }
    if (is_residual) {
        row_values_fill(test->residual_values, test->residual_base, test->residual_scale, o->dtype, o->rows, o->columns,
                        o->stride, o->p, &random);
    } else {
        row_values_fill(test->values, test->base, test->scale, o->dtype, o->rows, o->columns, o->stride, o->p, &random);
    }
    if (test->has_special && test->special_in_residual == is_residual && o->rows > 0) {
        dtype_store(o->dtype, o->p, o->rows / 2 * o->stride + test->special_column, test->special);
    }
}

static void prepare(const residual_norm_case *test, residual_norm_memory *memory, operand all[OPERANDS]) {
    list_operands(test, all);
    for (int i = 0; i < OPERANDS; i++) {
        operand *o = &all[i];
        if (!o->present || memory_of(test, i) != i) {
            continue;
        }
        size_t element = dtype_bytes(o->dtype);
        o->p = guarded_place(&memory->operands[i], bytes_of(o), element, test->placement, (size_t)o->offset * element);
        if (i >= INPUTS) {
            memset(o->p, 0xA5, bytes_of(o));
            continue;
        }
        fill(test, i, o);
        row_norm_reserve(&memory->copies[i], &memory->copies_capacity[i], bytes_of(o) + 1);
        memcpy(memory->copies[i], o->p, bytes_of(o));
    }
    if (test->residual == RESIDUAL_INACCESSIBLE) {
        all[OPERAND_RESIDUAL].p = memory->operands[OPERAND_RESIDUAL].begin - sysconf(_SC_PAGESIZE);
    }
    all[OPERAND_H].p = all[OPERAND_H].present ? all[memory_of(test, OPERAND_H)].p : NULL;
    all[OPERAND_Y].p = all[OPERAND_Y].present ? all[memory_of(test, OPERAND_Y)].p : NULL;
}

static int call(gatun_context *context, const residual_norm_case *test, const operand *o, char *message,
                long long message_bytes) {
    float *mean = (float *)(void *)o[OPERAND_MEAN].p, *mean_low = (float *)(void *)o[OPERAND_MEAN_LOW].p;
    float *rstd = (float *)(void *)o[OPERAND_RSTD].p;
    switch (test->operation) {
    case RESIDUAL_ADD_NORM:
        return gatun_residual_add_norm(context, test->norm, test->dtype, test->parameter_dtype, test->rows,
                                       test->rows + test->other_rows, test->columns, o[OPERAND_X].p, test->x_stride,
                                       o[OPERAND_RESIDUAL].p, test->residual_stride, test->alpha, o[OPERAND_BIAS].p,
                                       o[OPERAND_GAMMA].p, o[OPERAND_BETA].p, test->weight_offset, test->eps,
                                       test->eps_mode, test->cast_mode, test->sum_mode, o[OPERAND_H].p, test->h_stride,
                                       o[OPERAND_Y].p, test->y_stride, mean, mean_low, rstd, message, message_bytes);
    case NORM_RESIDUAL_ADD:
        return gatun_norm_residual_add(context, test->norm, test->dtype, test->parameter_dtype, test->rows,
                                       test->rows + test->other_rows, test->columns, o[OPERAND_X].p, test->x_stride,
                                       o[OPERAND_BIAS].p, o[OPERAND_GAMMA].p, o[OPERAND_BETA].p, test->weight_offset,
                                       test->eps, test->eps_mode, test->cast_mode, o[OPERAND_RESIDUAL].p,
                                       test->residual_stride, test->alpha, o[OPERAND_H].p, test->h_stride, mean,
                                       mean_low, rstd, message, message_bytes);
    default:
        return gatun_norm_add_norm(context, test->norm, test->dtype, test->parameter_dtype, test->rows,
                                   test->rows + test->other_rows, test->columns, o[OPERAND_X].p, test->x_stride,
                                   o[OPERAND_GAMMA1].p, o[OPERAND_BETA1].p, o[OPERAND_RESIDUAL].p,
                                   test->residual_stride, test->alpha, o[OPERAND_GAMMA].p, o[OPERAND_BETA].p,
                                   test->weight_offset, test->eps, test->eps_mode, test->cast_mode, test->sum_mode,
                                   o[OPERAND_H].p, test->h_stride, o[OPERAND_Y].p, test->y_stride,
                                   (float *)(void *)o[OPERAND_MEAN1].p, (float *)(void *)o[OPERAND_MEAN_LOW1].p,
                                   (float *)(void *)o[OPERAND_RSTD1].p, mean, mean_low, rstd, message, message_bytes);
    }
}

static int padding_intact(const operand *o, const unsigned char *expected) {
    size_t element = dtype_bytes(o->dtype);
    size_t padding = (size_t)(o->stride - o->columns) * element;
    for (long long i = 0; i + 1 < o->rows && padding > 0; i++) {
        size_t at = (size_t)(i * o->stride + o->columns) * element;
        if (!(expected != NULL ? memcmp(o->p + at, expected + at, padding) == 0
                               : guarded_is_canary(o->p + at, padding))) {
            return 0;
        }
    }
    return 1;
}

static int is_overwritten(const residual_norm_case *test, int input) {
    return memory_of(test, OPERAND_H) == input || memory_of(test, OPERAND_Y) == input;
}

/* Nothing was written but the elements of the outputs. */
static int check_memory(const residual_norm_case *test, const residual_norm_memory *memory, const operand *all,
                        const char *what) {
    int good = 1;
    for (int i = 0; i < OPERANDS; i++) {
        const operand *o = &all[i];
        if (!o->present) {
            continue;
        }
        const int at = memory_of(test, i);
        good &= CHECK(guarded_margins_intact(&memory->operands[at]), "%s\n    memory around %s was written", what,
                      names[i]);
        if (i >= INPUTS) {
            good &= CHECK(padding_intact(o, at < INPUTS ? memory->copies[at] : NULL),
                          "%s\n    padding between the rows of %s was written", what, names[i]);
        } else if (!is_overwritten(test, i) && !(i == OPERAND_RESIDUAL && test->residual == RESIDUAL_INACCESSIBLE)) {
            good &= CHECK(memcmp(o->p, memory->copies[i], bytes_of(o)) == 0, "%s\n    %s was written", what, names[i]);
        }
    }
    return good;
}

/* One row of an operand in float64 at `to`, moved on behind it; NULL where the operand is not there. */
static const double *numbers(const operand *o, const void *data, long long row, double **to) {
    if (!o->present) {
        return NULL;
    }
    double *begin = *to;
    for (long long j = 0; j < o->columns; j++) {
        begin[j] = dtype_load(o->dtype, data, row * o->stride + j);
    }
    *to += o->columns;
    return begin;
}

static void note_error(const residual_norm_case *test, double value, double exact, double scale,
                       row_norm_error *error) {
    if (error == NULL || !isfinite(exact) || !isfinite(value)) {
        return;
    }
    error->elements++;
    if (test->dtype == GATUN_F32) {
        error->greatest = fmax(error->greatest, fabs(value - exact) / (0x1p-23 * (1.0 + scale)));
    } else if (test->cast_mode == GATUN_CAST_NONE && value != dtype_round(test->dtype, exact)) {
        error->not_nearest++;
    }
}

static int check_row(const residual_norm_case *test, const operand *all, const residual_norm_row *row, long long i,
                     double bound, residual_norm_reference *reference, row_norm_error *error, const char *what) {
    static const row_uncertainty none = {0, 0};
    const row_norm_saved saved1 = {(const float *)(void *)all[OPERAND_MEAN1].p,
                                   (const float *)(void *)all[OPERAND_MEAN_LOW1].p,
                                   (const float *)(void *)all[OPERAND_RSTD1].p};
    const row_norm_saved saved = {(const float *)(void *)all[OPERAND_MEAN].p,
                                  (const float *)(void *)all[OPERAND_MEAN_LOW].p,
                                  (const float *)(void *)all[OPERAND_RSTD].p};
    residual_norm_reference_row(test, row, bound, reference);
    if (!row_norm_check_statistics(&saved1, &reference->statistics1, i, bound, &none, what) ||
        (isfinite(reference->uncertainty.root_mean_square) &&
         !row_norm_check_statistics(&saved, &reference->statistics, i, bound, &reference->uncertainty, what))) {
        return 0;
    }
    for (long long j = 0; j < test->columns; j++) {
        double exact = residual_norm_exact_y(reference, row, j);
        if (row->h != NULL) {
            interval allowed = residual_norm_allowed_h(test, reference, row, j, bound);
            if (!interval_holds(allowed, row->h[j])) {
                return CHECK(0, "%s\n    h[%lld, %lld] is %.9g, allowed %.9g to %.9g; x %.9g, residual %.9g", what, i,
                             j, row->h[j], allowed.low, allowed.high, row->x[j],
                             row->residual ? row->residual[j] : 0.0);
            }
            if (test->operation == NORM_RESIDUAL_ADD) {
                double sum = exact + (row->residual ? (double)test->alpha * row->residual[j] : 0);
                note_error(test, row->h[j], sum, fmax(fabs(exact), fabs(sum)), error);
            }
        }
        if (all[OPERAND_Y].present) {
            interval allowed = residual_norm_allowed_y(reference, row, j, bound);
            double y = dtype_load(test->dtype, all[OPERAND_Y].p, i * test->y_stride + j);
            if (reference->uncertainty.root_mean_square == 0) {
                note_error(test, y, exact, fabs(exact), error);
            }
            if (!interval_holds(allowed, y)) {
                return CHECK(0,
                             "%s\n    y[%lld, %lld] is %.9g, expected %.17g, allowed %.9g to %.9g; sum %.9g +- %.3g, "
                             "mean %.17g, r %.17g",
                             what, i, j, y, exact, allowed.low, allowed.high, reference->source[j],
                             reference->source_error[j], reference->statistics.mean, reference->statistics.r);
            }
        }
    }
    return 1;
}

static int check_rows(const residual_norm_case *test, const operand *all, double bound, residual_norm_memory *memory,
                      row_norm_error *error, const char *what) {
    size_t bytes = (OPERANDS + 2) * (size_t)test->columns * sizeof(double);
    double *to = (double *)(void *)row_norm_reserve(&memory->numbers, &memory->numbers_capacity, bytes);
    residual_norm_row row = {0};
    residual_norm_reference reference = {.source = to, .source_error = to + test->columns};
    to += 2 * test->columns;
    row.bias = numbers(&all[OPERAND_BIAS], all[OPERAND_BIAS].p, 0, &to);
    row.gamma1 = numbers(&all[OPERAND_GAMMA1], all[OPERAND_GAMMA1].p, 0, &to);
    row.beta1 = numbers(&all[OPERAND_BETA1], all[OPERAND_BETA1].p, 0, &to);
    row.gamma = numbers(&all[OPERAND_GAMMA], all[OPERAND_GAMMA].p, 0, &to);
    row.beta = numbers(&all[OPERAND_BETA], all[OPERAND_BETA].p, 0, &to);
    for (long long i = 0; i < test->rows; i++) {
        double *next = to;
        row.x = numbers(&all[OPERAND_X], memory->copies[OPERAND_X], i, &next);
        row.residual = test->residual == RESIDUAL_NUMBERS
                           ? numbers(&all[OPERAND_RESIDUAL], memory->copies[OPERAND_RESIDUAL], i, &next)
                           : NULL;
        row.h = numbers(&all[OPERAND_H], all[OPERAND_H].p, i, &next);
        if (!check_row(test, all, &row, i, bound, &reference, error, what)) {
            return 0;
        }
    }
    return CHECK(1, "%s", what);
}

static unsigned char *pack_operand(const operand *o, unsigned char *to) {
    size_t row_bytes = (size_t)o->columns * dtype_bytes(o->dtype);
    for (long long i = 0; i < o->rows && o->present; i++, to += row_bytes) {
        memcpy(to, o->p + (size_t)(i * o->stride) * dtype_bytes(o->dtype), row_bytes);
    }
    return to;
}

static void pack(const residual_norm_case *test, const operand *all, residual_norm_memory *memory,
                 residual_norm_result *result) {
    size_t row_bytes = 2 * (size_t)test->columns * dtype_bytes(test->dtype) + 6 * sizeof(float);
    unsigned char *to = row_norm_reserve(&memory->packed, &memory->packed_capacity, (size_t)test->rows * row_bytes + 1);
    result->bytes = to;
    for (int i = INPUTS; i < OPERANDS; i++) {
        if (i == OPERAND_Y) {
            result->y_begin = (size_t)(to - result->bytes);
        } else if (i == OPERAND_MEAN1) {
            result->statistics_begin = (size_t)(to - result->bytes);
        }
        to = pack_operand(&all[i], to);
    }
    result->count = (size_t)(to - result->bytes);
}

int residual_norm_run(gatun_context *context, const residual_norm_case *test, double bound,
                      residual_norm_memory *memory, residual_norm_result *result, row_norm_error *error) {
    operand all[OPERANDS];
    char what[1024];
    char message[256] = "untouched";
    residual_norm_describe(test, context, what, sizeof what);
    crash_name_case(what);
    prepare(test, memory, all);

    fp_state before = fp_state_read();
    int status = call(context, test, all, message, sizeof message);
    fp_state after = fp_state_read();

    int good = CHECK(status == GATUN_OK, "%s\n    status %d: %s", what, status, message);
    good &= CHECK(strcmp(message, "untouched") == 0, "%s\n    a message on success: %s", what, message);
    good &=
        CHECK(before.vector == after.vector && before.x87 == after.x87, "%s\n    floating-point state changed", what);
    good &= check_memory(test, memory, all, what);
    if (good && bound > 0) {
        good = check_rows(test, all, bound, memory, error, what);
    }
    if (result != NULL) {
        pack(test, all, memory, result);
    }
    return good;
}

void residual_norm_release(residual_norm_memory *memory) {
    for (int i = 0; i < OPERANDS; i++) {
        guarded_release(&memory->operands[i]);
    }
    for (int i = 0; i < INPUTS; i++) {
        free(memory->copies[i]);
    }
    free(memory->packed);
    free(memory->numbers);
    memset(memory, 0, sizeof *memory);
}
