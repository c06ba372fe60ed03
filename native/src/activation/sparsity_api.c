/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of activation sparsity: argument checks, and the split of the work over threads. */
#include <limits.h>

#include "activation_kernels.h"
#include "activation_tasks.h"

/* Columns of one task of a long row. */
#define TASK_COLUMNS 65536

static int check_call(const sparsity_arguments *a, message_buffer to) {
    long long elements;
    int status;
    if ((status = check_elements(a->rows, a->columns, &elements, to)) ||
        (status = check_dtypes(a->dtype, a->dtype, to)) ||
        (status = check_stride("x_stride", a->x_stride, a->columns, to)) ||
        (status = check_stride("values_stride", a->values_stride, a->columns, to)) ||
        (status = check_stride("y_stride", a->y_stride, a->columns, to))) {
        return status;
    }
    return GATUN_OK;
}

static int check_memory(const sparsity_arguments *a, message_buffer to) {
    const long long bytes = element_bytes(a->dtype), rows = a->rows, columns = a->columns;
    extents operands;
    operands.count = 0;
    int status;
    if ((status = add_operand(&operands, "x", a->x, true, rows, columns, a->x_stride, bytes, to)) ||
        (status = add_operand(&operands, "values", a->values, true, rows, columns, a->values_stride, bytes, to)) ||
        (status = add_operand(&operands, "scale", a->scale, false, 1, columns, columns, 4, to)) ||
        (status = add_operand(&operands, "thresholds", a->thresholds, false, 1, columns, columns, 4, to))) {
        return status;
    }
    const int inputs = operands.count;
    if ((status = add_operand(&operands, "y", a->y, true, rows, columns, a->y_stride, bytes, to))) {
        return status;
    }
    static const allowed_alias allowed[] = {{"y", "x"}, {"y", "values"}};
    return check_overlaps(&operands, inputs, allowed, 2, to);
}

typedef struct {
    const sparsity_kernel *kernel;
    const sparsity_arguments *arguments;
    long long rows_per_task, columns_per_task, tasks_of_row;
} sparsity_job;

static void block_task(void *argument, long long index) {
    const sparsity_job *job = argument;
    const sparsity_arguments *a = job->arguments;
    const long long begin = index / job->tasks_of_row * job->rows_per_task;
    const long long first = index % job->tasks_of_row * job->columns_per_task;
    job->kernel->block(a, begin, least(begin + job->rows_per_task, a->rows), first,
                       least(first + job->columns_per_task, a->columns));
}

static int run(const gatun_context *context, const sparsity_kernel *kernel, const sparsity_arguments *a,
               bool whole_rows, message_buffer to) {
    int status = check_call(a, to);
    if (status || a->rows == 0 || (status = check_memory(a, to))) {
        return status;
    }
    const long long row_bytes = (a->values == a->x ? 2 : 3) * a->columns * element_bytes(a->dtype);
    sparsity_job job = {kernel, a, rows_of_task(context->pool, a->rows, row_bytes),
                        whole_rows ? a->columns : TASK_COLUMNS, 1};
    job.tasks_of_row = tasks_of_rows(a->columns, job.columns_per_task);
    gatun_pool_run(context->pool, tasks_of_rows(a->rows, job.rows_per_task) * job.tasks_of_row, block_task, &job);
    return GATUN_OK;
}

int gatun_threshold_mask(gatun_context *context, int dtype, long long rows, long long columns, const void *x,
                         long long x_stride, const float *scale, const float *thresholds, float threshold,
                         int keep_equal, const void *values, long long values_stride, void *y, long long y_stride,
                         char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    const sparsity_arguments a = {.dtype = dtype,
                                  .rows = rows,
                                  .columns = columns,
                                  .x = x,
                                  .x_stride = x_stride,
                                  .scale = scale,
                                  .thresholds = thresholds,
                                  .threshold = threshold,
                                  .keep_equal = keep_equal != 0,
                                  .values = values,
                                  .values_stride = values_stride,
                                  .y = y,
                                  .y_stride = y_stride};
    int status;
    if ((status = check_context(context, to)) || (status = check_range("keep_equal", keep_equal, 0, 1, to))) {
        return status;
    }
    return run(context, context->kernels.threshold_mask, &a, false, to);
}

int gatun_topk_mask_rows(gatun_context *context, int dtype, long long rows, long long columns, long long kept,
                         const void *x, long long x_stride, const float *scale, const void *values,
                         long long values_stride, void *y, long long y_stride, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    const sparsity_arguments a = {.dtype = dtype,
                                  .rows = rows,
                                  .columns = columns,
                                  .x = x,
                                  .x_stride = x_stride,
                                  .scale = scale,
                                  .kept = kept,
                                  .values = values,
                                  .values_stride = values_stride,
                                  .y = y,
                                  .y_stride = y_stride};
    int status;
    if ((status = check_context(context, to)) || (status = check_range("kept", kept, 0, LLONG_MAX, to))) {
        return status;
    }
    /* 32-bit counts. */
    if (columns > INT_MAX) {
        return REJECT(to, "columns: expected at most %d, but it is %lld", INT_MAX, columns);
    }
    return run(context, context->kernels.topk_mask_rows, &a, true, to);
}
