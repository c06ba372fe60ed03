/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of the low-bit products: argument checks, scratch memory, and the split of the work over threads. */
#include <limits.h>
#include <stddef.h>

#include "../core/context.h"
#include "../norm/norm_checks.h"
#include "../norm/norm_tasks.h"
#include "lowbit_kernels.h"
#include "lowbit_object.h"

enum {
    ROWS_OF_CODES = 1024, /* rows that are quantized, then multiplied, at a time: scratch memory stays bounded */
    ROWS_OF_FLOATS = 384, /* the same where they are widened to float32 */
    ROWS_OF_TASK = 96,
    FEW_ROWS = 8,
    OUTPUTS_OF_FEW = 64, /* outputs of a task with few rows: these wait for memory */
    OUTPUTS_OF_MANY = 128
};

/* Products of codes below which waking a thread costs more than it brings. */
#define SHARED_PRODUCTS 262144.0

/* Rows of activations as the kernels want them, and where their parts lie in scratch memory. */
typedef struct {
    long long rows; /* at a time */
    long long bytes;
    bool in_x; /* floats that can be used where they are */
    long long floats_at, floats_stride;
    lowbit_activations codes; /* without addresses */
    bool scaled;              /* whether scaled_sums are needed */
    int sums_factor;
    long long codes_at, scales_at, scaled_sums_at, sums_at;
} staging;

static long long round_up(long long a, long long b) {
    return (a + b - 1) / b * b;
}

static long long append_part(staging *s, long long elements, long long bytes) {
    const long long at = s->bytes;
    s->bytes += round_up(elements * bytes, 64);
    return at;
}

static staging stage_floats(const gatun_lowbit_matrix *matrix, int dtype, long long rows) {
    const long long inputs = matrix->packed.inputs;
    staging s = {.in_x = dtype == GATUN_F32 && !matrix->permutation && inputs % LOWBIT_SLICE == 0};
    if (s.in_x) {
        s.rows = rows;
        return s;
    }
    s.rows = least(rows, ROWS_OF_FLOATS);
    /* Rows a power of two apart would all fall on the same few places of the first-level cache. */
    s.floats_stride = round_up(inputs, LOWBIT_SLICE) + 16;
    s.floats_at = append_part(&s, s.rows * s.floats_stride, 4);
    return s;
}

static staging stage_codes(const gatun_lowbit_matrix *matrix, int activation, long long rows) {
    const lowbit_matrix *m = &matrix->packed;
    const bool in_place = matrix->scheme == GATUN_LOWBIT_GGUF_IN_PLACE;
    const int type = matrix->blocks.type;
    staging s = {.rows = least(rows, ROWS_OF_CODES)};
    const int group = lowbit_finer_group(in_place ? lowbit_blocks_group(type) : m->group,
                                         activation == GATUN_LOWBIT_INT8_ROW ? 0 : activation);
    s.codes = (lowbit_activations){.rows = s.rows, .inputs = m->inputs, .group = group};
    s.scaled = in_place ? lowbit_blocks_need_scaled_sums(type) : lowbit_needs_scaled_sums(m, group);
    s.sums_factor = in_place ? lowbit_blocks_sums_factor(type) : lowbit_sums_factor(m, group);
    long long codes, groups;
    lowbit_activations_plan(&s.codes, &codes, &groups);
    s.codes_at = append_part(&s, codes, 1);
    s.scales_at = append_part(&s, groups, 4);
    s.scaled_sums_at = s.scaled ? append_part(&s, groups, 4) : 0;
    s.sums_at = append_part(&s, groups, 4);
    return s;
}

static staging stage(const gatun_lowbit_matrix *matrix, int dtype, int activation, long long rows) {
    return activation == GATUN_LOWBIT_FLOAT ? stage_floats(matrix, dtype, rows) : stage_codes(matrix, activation, rows);
}

static bool is_group(int activation) {
    return activation == GATUN_LOWBIT_INT8_32 || activation == GATUN_LOWBIT_INT8_64 ||
           activation == GATUN_LOWBIT_INT8_128 || activation == GATUN_LOWBIT_INT8_256;
}

/* What the shape and the form of a product must satisfy. */
static int check_product(int dtype, long long rows, const gatun_lowbit_matrix *matrix, int activation,
                         message_buffer to) {
    int status = check_dtypes(dtype, dtype, to);
    if (status != GATUN_OK) {
        return status;
    }
    if (rows < 0) {
        return REJECT(to, "rows: expected at least 0, but it is %lld", rows);
    }
    if (!matrix) {
        return REJECT(to, "matrix: expected one, but it is NULL");
    }
    if (activation != GATUN_LOWBIT_FLOAT && activation != GATUN_LOWBIT_INT8_ROW && !is_group(activation)) {
        return REJECT(to, "activation: expected GATUN_LOWBIT_FLOAT, _INT8_ROW or _INT8_32 to _INT8_256, but it is %d",
                      activation);
    }
    const lowbit_matrix *m = &matrix->packed;
    const long long most = INT32_MAX / (((1LL << m->bits) - 1) * 128);
    if (activation == GATUN_LOWBIT_INT8_ROW && m->group == 0 && m->inputs > most) {
        return REJECT(to,
                      "activation: with rows as groups of activations and of weights of %d bits, expected at most %lld "
                      "inputs, but there are %lld; smaller groups of activations have no such limit",
                      m->bits, most, m->inputs);
    }
    return GATUN_OK;
}

int gatun_lowbit_multiply_scratch(const gatun_context *context, int dtype, long long rows,
                                  const gatun_lowbit_matrix *matrix, int activation, long long *scratch_bytes) {
    const message_buffer none = {NULL, 0};
    if (!context || !scratch_bytes || check_product(dtype, rows, matrix, activation, none) != GATUN_OK) {
        return GATUN_INVALID_ARGUMENT;
    }
    *scratch_bytes = stage(matrix, dtype, activation, rows).bytes;
    return GATUN_OK;
}

/* A product of some rows, cut into pieces: row_pieces of rows times those of outputs. */
typedef struct {
    lowbit_multiply_range *multiply;
    const lowbit_multiply_arguments *arguments;
    long long rows, outputs, rows_per_task, outputs_per_task, output_pieces;
} product_job;

static void product_task(void *argument, long long index) {
    const product_job *job = argument;
    const long long row = index / job->output_pieces * job->rows_per_task;
    const long long output = index % job->output_pieces * job->outputs_per_task;
    job->multiply(job->arguments, row, least(row + job->rows_per_task, job->rows), output,
                  least(output + job->outputs_per_task, job->outputs));
}

static void run_product(gatun_context *context, lowbit_multiply_range *multiply, const lowbit_multiply_arguments *a,
                        long long rows, long long outputs, long long inputs) {
    product_job job = {multiply, a, rows, outputs, rows, rows > FEW_ROWS ? OUTPUTS_OF_MANY : OUTPUTS_OF_FEW, 0};
    job.output_pieces = (outputs + job.outputs_per_task - 1) / job.outputs_per_task;
    if (job.output_pieces < 4LL * context->threads) {
        job.rows_per_task = ROWS_OF_TASK;
    }
    const bool small = (double)rows * (double)outputs * (double)inputs < SHARED_PRODUCTS;
    gatun_pool_run(small ? NULL : context->pool, tasks_of_rows(rows, job.rows_per_task) * job.output_pieces,
                   product_task, &job);
}

/* Rows that a kernel prepares for a product, shared by the threads. */
typedef struct {
    void (*prepare)(const void *arguments, long long begin, long long end);
    const void *arguments;
    long long rows, rows_per_task;
} prepare_job;

static void prepare_task(void *argument, long long index) {
    const prepare_job *job = argument;
    const long long begin = index * job->rows_per_task;
    job->prepare(job->arguments, begin, least(begin + job->rows_per_task, job->rows));
}

static void run_rows(gatun_context *context, void (*prepare)(const void *, long long, long long), const void *arguments,
                     long long rows, long long row_bytes) {
    if (rows == 0) {
        return;
    }
    prepare_job job = {prepare, arguments, rows, rows_of_task(context->pool, rows, row_bytes)};
    gatun_pool_run(context->pool, tasks_of_rows(rows, job.rows_per_task), prepare_task, &job);
}

typedef struct {
    const lowbit_quantize_activations_kernel *kernel;
    const void *arguments;
} kernel_call;

static void call_quantize(const void *arguments, long long begin, long long end) {
    const kernel_call *call = arguments;
    call->kernel->rows(call->arguments, begin, end);
}

static void call_widen(const void *arguments, long long begin, long long end) {
    const kernel_call *call = arguments;
    call->kernel->widen(call->arguments, begin, end);
}

static void call_prepare(const void *arguments, long long begin, long long end) {
    const kernel_call *call = arguments;
    call->kernel->prepare(call->arguments, begin, end);
}

static const void *row_of(const void *x, int dtype, long long row, long long stride) {
    return (const char *)x + row * stride * element_bytes(dtype);
}

static const float *widen_rows(gatun_context *context, const gatun_lowbit_matrix *matrix, const staging *s, int dtype,
                               long long rows, const void *x, long long x_stride, char *scratch) {
    if (s->in_x) {
        return x;
    }
    float *floats = (float *)(void *)(scratch + s->floats_at);
    const lowbit_widen_arguments a = {.dtype = dtype,
                                      .columns = matrix->packed.inputs,
                                      .x = x,
                                      .x_stride = x_stride,
                                      .permutation = matrix->permutation,
                                      .out = floats,
                                      .out_stride = s->floats_stride,
                                      .out_columns = round_up(matrix->packed.inputs, LOWBIT_SLICE)};
    const kernel_call call = {context->kernels.lowbit_quantize_activations, &a};
    run_rows(context, call_widen, &call, rows, 8 * a.columns);
    return floats;
}

static lowbit_activations quantize_rows(gatun_context *context, const gatun_lowbit_matrix *matrix, const staging *s,
                                        int dtype, int activation, long long rows, const void *x, long long x_stride,
                                        char *scratch) {
    const long long inputs = matrix->packed.inputs;
    int8_t *codes = (int8_t *)(scratch + s->codes_at);
    float *scales = (float *)(void *)(scratch + s->scales_at);
    float *scaled_sums = s->scaled ? (float *)(void *)(scratch + s->scaled_sums_at) : NULL;
    int32_t *sums = (int32_t *)(void *)(scratch + s->sums_at);
    lowbit_activations planned = {.rows = rows,
                                  .inputs = inputs,
                                  .group = s->codes.group,
                                  .codes = codes,
                                  .scales = scales,
                                  .scaled_sums = scaled_sums,
                                  .sums = sums};
    long long code_count, group_count;
    lowbit_activations_plan(&planned, &code_count, &group_count);
    const lowbit_quantize_arguments a = {.dtype = dtype,
                                         .rows = rows,
                                         .columns = inputs,
                                         .x = x,
                                         .x_stride = x_stride,
                                         .permutation = matrix->permutation,
                                         .group = activation == GATUN_LOWBIT_INT8_ROW ? 0 : activation,
                                         .limit = 127,
                                         .codes = codes,
                                         .codes_stride = planned.codes_stride,
                                         .codes_chunk = planned.codes_chunk,
                                         .codes_columns = round_up(inputs, LOWBIT_SLICE),
                                         .finer_group = planned.group,
                                         .groups_stride = planned.groups_stride,
                                         .groups_chunk = planned.groups_chunk,
                                         .scales = scales,
                                         .scaled_sums = scaled_sums,
                                         .sums = sums,
                                         .sums_factor = s->sums_factor};
    const kernel_call call = {context->kernels.lowbit_quantize_activations, &a};
    run_rows(context, call_quantize, &call, rows, 5 * inputs);
    return planned;
}

int gatun_lowbit_multiply(gatun_context *context, int dtype, long long rows, const void *x, long long x_stride,
                          const gatun_lowbit_matrix *matrix, const float *bias, int activation, void *y,
                          long long y_stride, void *scratch, long long scratch_bytes, char *message,
                          long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    int status = check_product(dtype, rows, matrix, activation, to);
    if (status != GATUN_OK) {
        return status;
    }
    const long long outputs = matrix->packed.outputs, inputs = matrix->packed.inputs;
    const staging s = stage(matrix, dtype, activation, rows);
    extents operands;
    operands.count = 0;
    if ((status = check_stride("x_stride", x_stride, inputs, to)) ||
        (status = check_stride("y_stride", y_stride, outputs, to)) ||
        (status = add_operand(&operands, "x", x, rows > 0 && inputs > 0, rows, inputs, x_stride, element_bytes(dtype),
                              to)) ||
        (status = add_operand(&operands, "bias", bias, false, 1, outputs, outputs, 4, to))) {
        return status;
    }
    lowbit_add_blocks(&operands, matrix);
    const int inputs_count = operands.count;
    if ((status = add_operand(&operands, "y", y, rows > 0 && outputs > 0, rows, outputs, y_stride, element_bytes(dtype),
                              to)) ||
        (status = add_scratch(&operands, scratch, scratch_bytes, s.bytes, 64, to)) ||
        (status = check_overlaps(&operands, inputs_count, NULL, 0, to))) {
        return status;
    }
    const bool in_place = matrix->scheme == GATUN_LOWBIT_GGUF_IN_PLACE;
    const lowbit_multiply_kernel *kernel = context->kernels.lowbit_multiply;
    for (long long row = 0; row < rows && outputs > 0; row += s.rows) {
        const long long count = least(s.rows, rows - row);
        const void *part = row_of(x, dtype, row, x_stride);
        lowbit_multiply_arguments a = {.matrix = in_place ? NULL : &matrix->packed,
                                       .blocks = in_place ? &matrix->blocks : NULL,
                                       .bias = bias,
                                       .dtype = dtype,
                                       .y = (char *)y + row * y_stride * element_bytes(dtype),
                                       .y_stride = y_stride};
        lowbit_multiply_range *multiply;
        if (activation == GATUN_LOWBIT_FLOAT) {
            a.floats = widen_rows(context, matrix, &s, dtype, count, part, x_stride, scratch);
            a.floats_stride = s.in_x ? x_stride : s.floats_stride;
            multiply = in_place ? kernel->blocks_float : kernel->packed_float;
        } else {
            a.activations = quantize_rows(context, matrix, &s, dtype, activation, count, part, x_stride, scratch);
            multiply = in_place ? kernel->blocks : kernel->packed;
        }
        run_product(context, multiply, &a, count, outputs, inputs);
    }
    return GATUN_OK;
}

/* What belongs to GATUN_LOWBIT_INT8_CHANNEL, and what does not. */
static int check_channels(const lowbit_quantize_arguments *a, int activation, message_buffer to) {
    if (activation != GATUN_LOWBIT_INT8_CHANNEL) {
        if (a->channel_scales || a->channel_centres) {
            return REJECT(to, "channel_scales, channel_centres: expected NULL, but activation is %d", activation);
        }
        if (a->limit != 127) {
            return REJECT(to, "limit: expected 127, but it is %d", a->limit);
        }
        return GATUN_OK;
    }
    if (!a->channel_scales && a->columns > 0) {
        return REJECT(to, "channel_scales: expected %lld numbers, but it is NULL", a->columns);
    }
    if (a->limit < 1 || a->limit > 127) {
        return REJECT(to, "limit: expected 1 to 127, but it is %d", a->limit);
    }
    for (long long k = 0; k < a->columns; k++) {
        if (!(a->channel_scales[k] > 0) || !isfinite(a->channel_scales[k])) {
            return REJECT(to, "channel_scales: expected finite numbers above 0, but that of column %lld is %g", k,
                          (double)a->channel_scales[k]);
        }
        if (a->channel_centres && !isfinite(a->channel_centres[k])) {
            return REJECT(to, "channel_centres: expected finite numbers, but that of column %lld is %g", k,
                          (double)a->channel_centres[k]);
        }
    }
    return GATUN_OK;
}

int gatun_lowbit_quantize_activations(gatun_context *context, int dtype, long long rows, long long columns,
                                      const void *x, long long x_stride, int activation, const float *channel_scales,
                                      const float *channel_centres, int limit, void *codes, long long codes_stride,
                                      float *scales, int *sums, char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    int status = check_dtypes(dtype, dtype, to);
    if (status != GATUN_OK) {
        return status;
    }
    if (rows < 0) {
        return REJECT(to, "rows: expected at least 0, but it is %lld", rows);
    }
    if (columns < 0) {
        return REJECT(to, "columns: expected at least 0, but it is %lld", columns);
    }
    const bool channels = activation == GATUN_LOWBIT_INT8_CHANNEL;
    if (!channels && activation != GATUN_LOWBIT_INT8_ROW && !is_group(activation)) {
        return REJECT(
            to, "activation: expected GATUN_LOWBIT_INT8_ROW, _INT8_32 to _INT8_256 or _INT8_CHANNEL, but it is %d",
            activation);
    }
    const int group = is_group(activation) ? activation : 0;
    const long long groups = lowbit_groups(columns, group);
    if (group == 0 && sums && columns > INT32_MAX / 127) {
        return REJECT(to, "columns: expected at most %d, so that their sum fits 32 bits, but it is %lld",
                      INT32_MAX / 127, columns);
    }
    const lowbit_quantize_arguments a = {.dtype = dtype,
                                         .rows = rows,
                                         .columns = columns,
                                         .x = x,
                                         .x_stride = x_stride,
                                         .group = group,
                                         .channel_scales = channel_scales,
                                         .channel_centres = channel_centres,
                                         .limit = limit,
                                         .codes = codes,
                                         .codes_stride = codes_stride,
                                         .codes_chunk = LOWBIT_CHUNK,
                                         .codes_columns = columns,
                                         .finer_group = group,
                                         .groups_stride = groups,
                                         .groups_chunk = group == 0 ? 0 : LOWBIT_CHUNK / group,
                                         .scales = scales,
                                         .sums = sums,
                                         .sums_factor = 1};
    if (channels && scales) {
        return REJECT(to, "scales: expected NULL with GATUN_LOWBIT_INT8_CHANNEL");
    }
    extents operands;
    operands.count = 0;
    const bool any = rows > 0 && columns > 0;
    if ((status = check_stride("x_stride", x_stride, columns, to)) ||
        (status = check_stride("codes_stride", codes_stride, columns, to)) ||
        (status = add_operand(&operands, "x", x, any, rows, columns, x_stride, element_bytes(dtype), to)) ||
        (status = add_operand(&operands, "channel_scales", channel_scales, false, 1, columns, columns, 4, to)) ||
        (status = add_operand(&operands, "channel_centres", channel_centres, false, 1, columns, columns, 4, to))) {
        return status;
    }
    const int inputs_count = operands.count;
    if ((status = add_operand(&operands, "codes", codes, any, rows, columns, codes_stride, 1, to)) ||
        (status = add_operand(&operands, "scales", scales, any && !channels, rows, groups, groups, 4, to)) ||
        (status = add_operand(&operands, "sums", sums, false, rows, groups, groups, 4, to)) ||
        (status = check_overlaps(&operands, inputs_count, NULL, 0, to)) ||
        (status = check_channels(&a, activation, to))) {
        return status;
    }
    const kernel_call call = {context->kernels.lowbit_quantize_activations, &a};
    run_rows(context, call_quantize, &call, any ? rows : 0, (element_bytes(dtype) + 1) * columns);
    return GATUN_OK;
}

static bool has_zero_points(const lowbit_matrix *m) {
    return m->offsets != LOWBIT_OFFSETS_CONSTANT || m->zero != 128;
}

static int check_int8(long long rows, const gatun_lowbit_matrix *matrix, message_buffer to) {
    if (rows < 0) {
        return REJECT(to, "rows: expected at least 0, but it is %lld", rows);
    }
    if (!matrix) {
        return REJECT(to, "matrix: expected one, but it is NULL");
    }
    const lowbit_matrix *m = &matrix->packed;
    if (m->bits != 8 || m->group != 0 || m->offsets == LOWBIT_OFFSETS_VALUES) {
        return REJECT(to,
                      "matrix: expected 8 bits, whole rows as groups and integer zero points, but it has %d bits and "
                      "groups of %lld",
                      m->bits, matrix->group_size);
    }
    return GATUN_OK;
}

static staging stage_int8(const gatun_lowbit_matrix *matrix, long long rows) {
    staging s = {.rows = least(rows, ROWS_OF_CODES)};
    s.codes = (lowbit_activations){.rows = s.rows, .inputs = matrix->packed.inputs};
    long long codes, groups;
    lowbit_activations_plan(&s.codes, &codes, &groups);
    s.codes_at = append_part(&s, codes, 1);
    s.scales_at = append_part(&s, groups, 4);
    s.sums_at = append_part(&s, groups, 4);
    return s;
}

int gatun_int8_matmul_scratch(const gatun_context *context, long long rows, const gatun_lowbit_matrix *matrix,
                              long long *scratch_bytes) {
    const message_buffer none = {NULL, 0};
    if (!context || !scratch_bytes || check_int8(rows, matrix, none) != GATUN_OK) {
        return GATUN_INVALID_ARGUMENT;
    }
    *scratch_bytes = stage_int8(matrix, rows).bytes;
    return GATUN_OK;
}

/* Limits that keep the sums within 32 bits, and the zero points within those of int8. */
static int check_int8_range(const lowbit_matrix *m, long long rows, const int *row_zero_points, message_buffer to) {
    const int sides = (row_zero_points != NULL) + has_zero_points(m);
    const long long most = sides == 0 ? 131071 : sides == 1 ? 65793 : 33025;
    if (m->inputs > most) {
        return REJECT(to, "matrix: expected at most %lld inputs, so that sums fit 32 bits, but it has %lld", most,
                      m->inputs);
    }
    for (long long row = 0; row_zero_points && row < rows; row++) {
        if (row_zero_points[row] < -128 || row_zero_points[row] > 127) {
            return REJECT(to, "row_zero_points: expected -128 to 127, but that of row %lld is %d", row,
                          row_zero_points[row]);
        }
    }
    return GATUN_OK;
}

int gatun_int8_matmul(gatun_context *context, long long rows, const void *x, long long x_stride,
                      const float *row_scales, const int *row_zero_points, const gatun_lowbit_matrix *matrix,
                      const float *bias, int result, void *y, long long y_stride, void *scratch,
                      long long scratch_bytes, char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    int status = check_int8(rows, matrix, to);
    if (status != GATUN_OK) {
        return status;
    }
    if (result != GATUN_INT8_TO_FLOAT && result != GATUN_INT8_TO_INT) {
        return REJECT(to, "result: expected a gatun_int8_result, but it is %d", result);
    }
    const bool integers = result == GATUN_INT8_TO_INT;
    if (integers && (bias || row_scales)) {
        return REJECT(to, "%s: expected NULL with GATUN_INT8_TO_INT", bias ? "bias" : "row_scales");
    }
    const lowbit_matrix *m = &matrix->packed;
    const staging s = stage_int8(matrix, rows);
    extents operands;
    operands.count = 0;
    if ((status = check_stride("x_stride", x_stride, m->inputs, to)) ||
        (status = check_stride("y_stride", y_stride, m->outputs, to)) ||
        (status = add_operand(&operands, "x", x, rows > 0 && m->inputs > 0, rows, m->inputs, x_stride, 1, to)) ||
        (status = add_operand(&operands, "row_scales", row_scales, false, 1, rows, rows, 4, to)) ||
        (status = add_operand(&operands, "row_zero_points", row_zero_points, false, 1, rows, rows, 4, to)) ||
        (status = add_operand(&operands, "bias", bias, false, 1, m->outputs, m->outputs, 4, to))) {
        return status;
    }
    const int inputs_count = operands.count;
    if ((status = add_operand(&operands, "y", y, rows > 0 && m->outputs > 0, rows, m->outputs, y_stride, 4, to)) ||
        (status = add_scratch(&operands, scratch, scratch_bytes, s.bytes, 64, to)) ||
        (status = check_overlaps(&operands, inputs_count, NULL, 0, to)) ||
        (status = check_int8_range(m, rows, row_zero_points, to))) {
        return status;
    }
    char *parts = scratch;
    for (long long row = 0; row < rows && m->outputs > 0; row += s.rows) {
        const long long count = least(s.rows, rows - row);
        int8_t *codes = (int8_t *)(parts + s.codes_at);
        float *ones = (float *)(void *)(parts + s.scales_at);
        int32_t *sums = (int32_t *)(void *)(parts + s.sums_at);
        for (long long i = 0; i < count; i++) {
            ones[i] = 1;
        }
        lowbit_activations planned = {.rows = count,
                                      .inputs = m->inputs,
                                      .codes = codes,
                                      .scales = row_scales ? row_scales + row : ones,
                                      .sums = sums,
                                      .zeros = row_zero_points ? row_zero_points + row : NULL};
        long long code_count, group_count;
        lowbit_activations_plan(&planned, &code_count, &group_count);
        const int8_prepare_arguments prepare = {.columns = m->inputs,
                                                .x = (const int8_t *)x + row * x_stride,
                                                .x_stride = x_stride,
                                                .zeros = planned.zeros,
                                                .codes = codes,
                                                .codes_stride = planned.codes_stride,
                                                .codes_chunk = planned.codes_chunk,
                                                .sums = sums};
        const kernel_call call = {context->kernels.lowbit_quantize_activations, &prepare};
        run_rows(context, call_prepare, &call, count, 2 * m->inputs);
        const lowbit_multiply_arguments a = {.matrix = m,
                                             .activations = planned,
                                             .bias = bias,
                                             .dtype = GATUN_F32,
                                             .integers = integers,
                                             .y = (float *)y + row * y_stride,
                                             .y_stride = y_stride};
        run_product(context, context->kernels.int8_matmul->multiply, &a, count, m->outputs, m->inputs);
    }
    return GATUN_OK;
}
