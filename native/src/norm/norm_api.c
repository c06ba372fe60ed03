/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of the normalization family: argument checks, and the split of the work over threads. */
#include "../core/context.h"
#include "norm_checks.h"
#include "norm_kernels.h"
#include "norm_tasks.h"

/* Rows longer than this are shared by the threads, in segments. Both are fixed, since results depend on them. */
#define LONG_ROW 65536
#define SEGMENT 16384

static long long segments_of(long long columns) {
    return columns / SEGMENT + (columns % SEGMENT != 0);
}

static long long scratch_bytes_of(long long columns) {
    return columns > LONG_ROW ? segments_of(columns) * (long long)sizeof(row_moments) : 0;
}

static int check_modes(const row_norm_arguments *a, message_buffer to) {
    int status;
    if ((status = check_dtypes(a->dtype, a->parameter_dtype, to)) ||
        (status = check_statistics_columns(a->statistics_columns, a->columns, to)) ||
        (status = check_finite("weight_offset", a->weight_offset, to)) ||
        (status = check_eps(a->eps, a->eps_mode, to)) || (status = check_cast_mode(a->cast_mode, to))) {
        return status;
    }
    return GATUN_OK;
}

static int check_memory(const row_norm_arguments *a, void *scratch, long long scratch_bytes, message_buffer to) {
    long long bytes = element_bytes(a->dtype), parameter_bytes = element_bytes(a->parameter_dtype);
    long long rows = a->rows, columns = a->columns;
    extents operands;
    operands.count = 0;
    int status;
    if ((status = add_operand(&operands, "x", a->x, true, rows, columns, a->x_stride, bytes, to)) ||
        (status = add_operand(&operands, "gamma", a->gamma, false, 1, columns, columns, parameter_bytes, to)) ||
        (status = add_operand(&operands, "beta", a->beta, false, 1, columns, columns, parameter_bytes, to))) {
        return status;
    }
    const int inputs = operands.count;
    if ((status = add_operand(&operands, "y", a->y, true, rows, columns, a->y_stride, bytes, to)) ||
        (status = add_operand(&operands, "mean", a->mean, false, 1, rows, rows, 4, to)) ||
        (status = add_operand(&operands, "mean_low", a->mean_low, false, 1, rows, rows, 4, to)) ||
        (status = add_operand(&operands, "rstd", a->rstd, false, 1, rows, rows, 4, to)) ||
        (status = add_scratch(&operands, scratch, scratch_bytes, scratch_bytes_of(columns), 8, to))) {
        return status;
    }
    static const allowed_alias allowed[] = {{"y", "x"}};
    return check_overlaps(&operands, inputs, allowed, 1, to);
}

/* What the tasks of a job share. */
typedef struct {
    const row_norm_kernel *kernel;
    const row_norm_arguments *arguments;
    long long rows_per_task;
    long long row, columns; /* of a long row: which, and how many columns the pass covers */
    row_moments *moments;
    const row_scale *scale;
} row_norm_job;

static void rows_task(void *argument, long long index) {
    const row_norm_job *job = argument;
    long long begin = index * job->rows_per_task;
    job->kernel->rows(job->arguments, begin, least(begin + job->rows_per_task, job->arguments->rows));
}

static void moments_task(void *argument, long long index) {
    const row_norm_job *job = argument;
    long long begin = index * SEGMENT;
    job->moments[index] = job->kernel->moments(job->arguments, job->row, begin, least(begin + SEGMENT, job->columns));
}

static void apply_task(void *argument, long long index) {
    const row_norm_job *job = argument;
    long long begin = index * SEGMENT;
    job->kernel->apply(job->arguments, job->row, begin, least(begin + SEGMENT, job->columns), job->scale);
}

static void normalize_long_row(gatun_pool *pool, row_norm_job *job) {
    const row_norm_arguments *a = job->arguments;
    long long segments = segments_of(a->statistics_columns);
    job->columns = a->statistics_columns;
    gatun_pool_run(pool, segments, moments_task, job);
    row_moments moments = job->moments[0];
    for (long long s = 1; s < segments; s++) {
        moments = merge_moments(moments, job->moments[s]);
    }
    row_scale scale = row_norm_scale(a, job->row, moments);
    if (scale.exact) {
        row_norm_exact(a, job->row, job->kernel->centered);
        return;
    }
    job->scale = &scale;
    job->columns = a->columns;
    gatun_pool_run(pool, segments_of(a->columns), apply_task, job);
}

static void normalize(const gatun_context *context, const row_norm_kernel *kernel, row_norm_arguments *a,
                      void *scratch) {
    long long row_bytes = 2 * a->columns * element_bytes(a->dtype);
    const long long bytes = traffic_of_rows(a->total_rows, row_bytes);
    /* Neighbours use the last-level cache too: what comes from it is fetched ahead from a quarter of it on, and what
     * fills half of it is written past it. In place the lines of y are in the caches already. */
    a->prefetch = bytes > context->last_level_cache / 4;
    a->stream = bytes > context->last_level_cache / 2 && a->x != a->y;
    row_norm_job job = {.kernel = kernel, .arguments = a, .moments = scratch};
    if (a->columns > LONG_ROW) {
        for (job.row = 0; job.row < a->rows; job.row++) {
            normalize_long_row(context->pool, &job);
        }
    } else {
        job.rows_per_task = rows_of_task(context->pool, a->rows, row_bytes);
        gatun_pool_run(context->pool, tasks_of_rows(a->rows, job.rows_per_task), rows_task, &job);
    }
}

static int check_and_normalize(const gatun_context *context, const row_norm_kernel *kernel, row_norm_arguments *a,
                               void *scratch, long long scratch_bytes, message_buffer to) {
    int status;
    if ((status = check_sizes(a->rows, a->columns, to)) || (status = check_total_rows(a->rows, a->total_rows, to)) ||
        (status = check_modes(a, to)) || (status = check_stride("x_stride", a->x_stride, a->columns, to)) ||
        (status = check_stride("y_stride", a->y_stride, a->columns, to))) {
        return status;
    }
    if (a->rows == 0) {
        return GATUN_OK;
    }
    if ((status = check_memory(a, scratch, scratch_bytes, to))) {
        return status;
    }
    normalize(context, kernel, a, scratch);
    return GATUN_OK;
}

int gatun_layer_norm(gatun_context *context, int dtype, int parameter_dtype, long long rows, long long total_rows,
                     long long columns, const void *x, long long x_stride, const void *gamma, const void *beta,
                     float weight_offset, float eps, int eps_mode, int cast_mode, void *y, long long y_stride,
                     float *mean, float *mean_low, float *rstd, void *scratch, long long scratch_bytes, char *message,
                     long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    row_norm_arguments a = {.dtype = dtype,
                            .parameter_dtype = parameter_dtype,
                            .rows = rows,
                            .total_rows = total_rows,
                            .columns = columns,
                            .statistics_columns = columns,
                            .x = x,
                            .x_stride = x_stride,
                            .gamma = gamma,
                            .beta = beta,
                            .weight_offset = weight_offset,
                            .eps = eps,
                            .eps_mode = eps_mode,
                            .cast_mode = cast_mode,
                            .y = y,
                            .y_stride = y_stride,
                            .mean = mean,
                            .mean_low = mean_low,
                            .rstd = rstd};
    return check_and_normalize(context, context->kernels.layer_norm, &a, scratch, scratch_bytes, to);
}

int gatun_rms_norm(gatun_context *context, int dtype, int parameter_dtype, long long rows, long long total_rows,
                   long long columns, long long statistics_columns, const void *x, long long x_stride,
                   const void *gamma, const void *beta, float weight_offset, float eps, int eps_mode, int cast_mode,
                   void *y, long long y_stride, float *rstd, void *scratch, long long scratch_bytes, char *message,
                   long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    row_norm_arguments a = {.dtype = dtype,
                            .parameter_dtype = parameter_dtype,
                            .rows = rows,
                            .total_rows = total_rows,
                            .columns = columns,
                            .statistics_columns = statistics_columns,
                            .x = x,
                            .x_stride = x_stride,
                            .gamma = gamma,
                            .beta = beta,
                            .weight_offset = weight_offset,
                            .eps = eps,
                            .eps_mode = eps_mode,
                            .cast_mode = cast_mode,
                            .y = y,
                            .y_stride = y_stride,
                            .rstd = rstd};
    return check_and_normalize(context, context->kernels.rms_norm, &a, scratch, scratch_bytes, to);
}

static int scratch_query(const gatun_context *context, long long rows, long long columns, long long *scratch_bytes) {
    if (!context || rows < 0 || columns < 1 || !scratch_bytes) {
        return GATUN_INVALID_ARGUMENT;
    }
    *scratch_bytes = scratch_bytes_of(columns);
    return GATUN_OK;
}

int gatun_layer_norm_scratch(const gatun_context *context, long long rows, long long columns,
                             long long *scratch_bytes) {
    return scratch_query(context, rows, columns, scratch_bytes);
}

int gatun_rms_norm_scratch(const gatun_context *context, long long rows, long long columns, long long *scratch_bytes) {
    return scratch_query(context, rows, columns, scratch_bytes);
}
