/* SPDX-License-Identifier: Apache-2.0 */
/* A gatun_lowbit_matrix of float weights. */
#include <stdlib.h>

#include "float_source.h"
#include "lowbit_create.h"

/* Ranges of rows, then grids of rows, in the same memory. */
typedef struct {
    const lowbit_source *source;
    float_range *ranges;
} range_job;

enum { ROWS_OF_RANGE_TASK = 16 };

static void range_task(void *argument, long long index) {
    const range_job *job = argument;
    const lowbit_matrix *m = &job->source->shape;
    const long long begin = index * ROWS_OF_RANGE_TASK;
    for (long long i = begin; i < m->outputs && i < begin + ROWS_OF_RANGE_TASK; i++) {
        job->ranges[i] = float_range_of_row(job->source, i, 0, m->inputs);
    }
}

/* The grid of each row, or of the one of all; free *grids. */
static int grids_of_rows(const gatun_context *context, const lowbit_source *source, lowbit_row **grids,
                         message_buffer to) {
    const long long outputs = source->shape.outputs;
    const size_t count = (size_t)(outputs > 0 ? outputs : 1);
    float_range *ranges = count <= SIZE_MAX / sizeof *ranges ? malloc(count * sizeof *ranges) : NULL;
    lowbit_row *rows = count <= SIZE_MAX / sizeof *rows ? malloc(count * sizeof *rows) : NULL;
    if (!ranges || !rows) {
        free(ranges);
        free(rows);
        return gatun_fail(to.text, to.bytes, GATUN_OUT_OF_MEMORY, "no memory for the scales of %lld outputs", outputs);
    }
    range_job job = {source, ranges};
    gatun_pool_run(context->pool, divide_up(outputs, ROWS_OF_RANGE_TASK), range_task, &job);
    if (source->per_tensor) {
        float_range all = {0, 0, 0};
        for (long long i = 0; i < outputs; i++) {
            all = float_range_join(all, ranges[i]);
        }
        rows[0] = float_grid(source, all);
    } else {
        for (long long i = 0; i < outputs; i++) {
            rows[i] = float_grid(source, ranges[i]);
        }
    }
    free(ranges);
    *grids = rows;
    return GATUN_OK;
}

/* Why a group cannot be quantized. */
static int reject_weights(const lowbit_source *source, lowbit_findings findings, message_buffer to) {
    const long long inputs = source->shape.inputs;
    const long long left = inputs - findings.bad_input;
    const long long length = source->shape.group == 0 || left < source->shape.group ? left : source->shape.group;
    const float_range range =
        float_range_of_row(source, findings.bad_output, findings.bad_input, findings.bad_input + length);
    if (!isfinite(range.magnitude)) {
        return REJECT(to, "weight: expected finite numbers, but output %lld has %g among the %lld inputs from %lld on",
                      findings.bad_output, (double)range.magnitude, length, findings.bad_input);
    }
    return REJECT(
        to,
        "weight: the scale of output %lld and the %lld inputs from %lld on, with weights of up to %g, is not in "
        "the range of scale_dtype",
        findings.bad_output, length, findings.bad_input, (double)range.magnitude);
}

static int check_quantizer(int bits, int grid, long long group_size, message_buffer to) {
    if (bits != 4 && bits != 5 && bits != 6 && bits != 8) {
        return REJECT(to, "bits: expected 4, 5, 6 or 8, but it is %d", bits);
    }
    if (grid != GATUN_LOWBIT_SYMMETRIC && grid != GATUN_LOWBIT_AFFINE) {
        return REJECT(to, "grid: expected a gatun_lowbit_grid, but it is %d", grid);
    }
    if (group_size != 32 && group_size != 64 && group_size != 128 && group_size != 256 &&
        group_size != GATUN_LOWBIT_PER_CHANNEL && group_size != GATUN_LOWBIT_PER_TENSOR) {
        return REJECT(to, "group_size: expected 32, 64, 128, 256, or a gatun_lowbit_group, but it is %lld", group_size);
    }
    return GATUN_OK;
}

int gatun_lowbit_matrix_from_floats(const gatun_context *context, int dtype, long long outputs, long long inputs,
                                    const void *weight, long long weight_stride, int bits, int grid,
                                    long long group_size, int scale_dtype, gatun_lowbit_matrix **matrix, char *message,
                                    long long message_bytes) {
    message_buffer to = {message, message_bytes};
    extents operands;
    operands.count = 0;
    int status;
    if ((status = check_common(context, outputs, inputs, matrix, to)) || (status = check_dtypes(dtype, dtype, to)) ||
        (status = check_quantizer(bits, grid, group_size, to)) || (status = check_scale_dtype(scale_dtype, to)) ||
        (status = check_stride("weight_stride", weight_stride, inputs, to)) ||
        (status = add_operand(&operands, "weight", weight, outputs > 0 && inputs > 0, outputs, inputs, weight_stride,
                              element_bytes(dtype), to))) {
        return status;
    }
    const long long group = group_size > 0 ? group_size : inputs > 0 ? inputs : 1;
    lowbit_source source = {.shape = {.outputs = outputs, .inputs = inputs, .bits = bits},
                            .tiles_together = 1,
                            .read = float_read,
                            .row = float_row,
                            .group_size = group,
                            .groups = divide_up(inputs, group),
                            .scale_dtype = scale_dtype,
                            .dtype = dtype,
                            .grid = grid,
                            .weights = weight,
                            .weights_stride = weight_stride,
                            .per_tensor = group_size == GATUN_LOWBIT_PER_TENSOR};
    choose_form(&source, grid == GATUN_LOWBIT_SYMMETRIC ? LOWBIT_OFFSETS_CONSTANT : LOWBIT_OFFSETS_ZERO_POINTS,
                1 << (bits - 1));
    lowbit_row *rows = NULL;
    if (source.shape.group == 0 && (status = grids_of_rows(context, &source, &rows, to))) {
        return status;
    }
    source.rows = rows;
    lowbit_findings findings = {-1, 0, false};
    status = lowbit_create(context, &source, GATUN_LOWBIT_QUANTIZED, matrix, &findings, to);
    free(rows);
    if (status == GATUN_OK && findings.bad_output >= 0) {
        return reject_weights(&source, findings, to);
    }
    return status;
}
