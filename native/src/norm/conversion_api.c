/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of the weight conversions: argument checks, and the split of the work over threads. */
#include <stddef.h>

#include "../core/context.h"
#include "norm_checks.h"
#include "norm_kernels.h"
#include "norm_tasks.h"

/* At least 1 row and 1 column. */
static int check_weight_sizes(long long rows, long long columns, message_buffer to) {
    if (rows < 1) {
        return REJECT(to, "rows: expected at least 1, but it is %lld", rows);
    }
    return check_sizes(rows, columns, to);
}

int gatun_zero_mean_rows_scratch(const gatun_context *context, long long rows, long long columns,
                                 long long *scratch_bytes) {
    if (!context || rows < 1 || columns < 1 || !scratch_bytes) {
        return GATUN_INVALID_ARGUMENT;
    }
    *scratch_bytes = 0; /* a stripe of columns has its sums on the stack */
    return GATUN_OK;
}

typedef struct {
    const zero_mean_kernel *kernel;
    const zero_mean_arguments *arguments;
    long long rows_per_task;
} zero_mean_job;

static void stripe_task(void *argument, long long index) {
    const zero_mean_job *job = argument;
    long long begin = index * ZERO_MEAN_STRIPE;
    job->kernel->stripe(job->arguments, begin, least(begin + ZERO_MEAN_STRIPE, job->arguments->columns));
}

static void mean_rows_task(void *argument, long long index) {
    const zero_mean_job *job = argument;
    long long begin = index * job->rows_per_task;
    job->kernel->rows(job->arguments, begin, least(begin + job->rows_per_task, job->arguments->rows));
}

int gatun_zero_mean_rows(gatun_context *context, int along, long long rows, long long columns, const float *weight,
                         long long weight_stride, float *out, long long out_stride, void *scratch,
                         long long scratch_bytes, char *message, long long message_bytes) {
    (void)scratch;
    (void)scratch_bytes;
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    if (along != 0 && along != 1) {
        return REJECT(to, "along: expected 0 or 1, but it is %d", along);
    }
    extents operands;
    operands.count = 0;
    int status;
    if ((status = check_weight_sizes(rows, columns, to)) ||
        (status = check_stride("weight_stride", weight_stride, columns, to)) ||
        (status = check_stride("out_stride", out_stride, columns, to)) ||
        (status = add_operand(&operands, "weight", weight, true, rows, columns, weight_stride, 4, to)) ||
        (status = add_operand(&operands, "out", out, true, rows, columns, out_stride, 4, to)) ||
        (status = check_overlaps(&operands, 1, (const allowed_alias[]){{"out", "weight"}}, 1, to))) {
        return status;
    }
    const long long row_bytes = 2 * columns * 4;
    /* As in norm_api.c. */
    const bool stream = rows * row_bytes > context->last_level_cache / 2 && weight != out;
    const zero_mean_arguments a = {rows, columns, weight, weight_stride, out, out_stride, stream};
    zero_mean_job job = {context->kernels.zero_mean_rows, &a, 0};
    if (along == 0) {
        gatun_pool_run(rows * row_bytes < SHARED_BYTES ? NULL : context->pool,
                       (columns + ZERO_MEAN_STRIPE - 1) / ZERO_MEAN_STRIPE, stripe_task, &job);
    } else {
        job.rows_per_task = rows_of_task(context->pool, rows, row_bytes);
        gatun_pool_run(context->pool, tasks_of_rows(rows, job.rows_per_task), mean_rows_task, &job);
    }
    return GATUN_OK;
}

typedef struct {
    const fold_kernel *kernel;
    const fold_affine_arguments *arguments;
    long long rows, rows_per_task;
} fold_job;

static void fold_task(void *argument, long long index) {
    const fold_job *job = argument;
    long long begin = index * job->rows_per_task;
    job->kernel->rows(job->arguments, begin, least(begin + job->rows_per_task, job->rows));
}

static int check_fold_memory(const fold_affine_arguments *a, long long rows, message_buffer to) {
    extents operands;
    operands.count = 0;
    int status;
    if ((status = add_operand(&operands, "weight", a->weight, true, rows, a->columns, a->weight_stride, 4, to)) ||
        (status = add_operand(&operands, "bias", a->bias, false, 1, rows, rows, 4, to)) ||
        (status = add_operand(&operands, "gamma", a->gamma, false, 1, a->columns, a->columns, 4, to)) ||
        (status = add_operand(&operands, "beta", a->beta, false, 1, a->columns, a->columns, 4, to))) {
        return status;
    }
    const int inputs = operands.count;
    if (a->bias_out && !a->bias && !a->beta) {
        return REJECT(to, "bias_out: expected NULL, since bias and beta are NULL");
    }
    if ((status = add_operand(&operands, "weight_out", a->weight_out, true, rows, a->columns, a->weight_out_stride, 4,
                              to)) ||
        (status = add_operand(&operands, "bias_out", a->bias_out, false, 1, rows, rows, 4, to))) {
        return status;
    }
    static const allowed_alias allowed[] = {{"weight_out", "weight"}, {"bias_out", "bias"}};
    return check_overlaps(&operands, inputs, allowed, 2, to);
}

int gatun_fold_affine(gatun_context *context, long long rows, long long columns, const float *weight,
                      long long weight_stride, const float *bias, const float *gamma, const float *beta,
                      float weight_offset, float *weight_out, long long weight_out_stride, float *bias_out,
                      char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    fold_affine_arguments a = {.columns = columns,
                               .weight = weight,
                               .weight_stride = weight_stride,
                               .bias = bias,
                               .gamma = gamma,
                               .beta = beta,
                               .weight_offset = weight_offset,
                               .weight_out = weight_out,
                               .weight_out_stride = weight_out_stride,
                               .bias_out = bias_out};
    int status;
    if ((status = check_weight_sizes(rows, columns, to)) ||
        (status = check_stride("weight_stride", weight_stride, columns, to)) ||
        (status = check_stride("weight_out_stride", weight_out_stride, columns, to)) ||
        (status = check_finite("weight_offset", weight_offset, to)) || (status = check_fold_memory(&a, rows, to))) {
        return status;
    }
    const long long row_bytes = 2 * columns * 4;
    a.stream = rows * row_bytes > context->last_level_cache / 2 && weight != weight_out;
    fold_job job = {context->kernels.fold_affine, &a, rows, rows_of_task(context->pool, rows, row_bytes)};
    gatun_pool_run(context->pool, tasks_of_rows(rows, job.rows_per_task), fold_task, &job);
    return GATUN_OK;
}
