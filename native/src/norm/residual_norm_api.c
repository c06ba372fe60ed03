/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of the fused residual normalizations, forward: argument checks, and the split over threads. */
#include "../core/context.h"
#include "norm_checks.h"
#include "norm_kernels.h"
#include "norm_tasks.h"

static int check_modes(const residual_norm_arguments *a, int norm, message_buffer to) {
    const row_norm_arguments *n = &a->norm;
    int status;
    if (norm != GATUN_LAYER_NORM && norm != GATUN_RMS_NORM) {
        return REJECT(to, "norm: expected a gatun_norm_kind, but it is %d", norm);
    }
    if ((status = check_dtypes(n->dtype, n->parameter_dtype, to)) || (status = check_finite("alpha", a->alpha, to)) ||
        (status = check_finite("weight_offset", n->weight_offset, to)) ||
        (status = check_eps(n->eps, n->eps_mode, to)) || (status = check_cast_mode(n->cast_mode, to))) {
        return status;
    }
    if (a->sum_mode != GATUN_SUM_ROUNDED && a->sum_mode != GATUN_SUM_FLOAT32) {
        return REJECT(to, "sum_mode: expected a gatun_sum_mode, but it is %d", a->sum_mode);
    }
    return GATUN_OK;
}

static int check_strides(const residual_norm_arguments *a, message_buffer to) {
    const long long columns = a->norm.columns;
    int status;
    if ((status = check_stride("x_stride", a->norm.x_stride, columns, to)) ||
        (a->residual && (status = check_stride("residual_stride", a->residual_stride, columns, to))) ||
        (a->h && (status = check_stride("h_stride", a->h_stride, columns, to))) ||
        (a->norm.y && (status = check_stride("y_stride", a->norm.y_stride, columns, to)))) {
        return status;
    }
    return GATUN_OK;
}

/* An RMS normalization takes no mean. */
static int check_means(const row_norm_arguments *n, const char *name, const char *low_name, int norm,
                       message_buffer to) {
    if (norm == GATUN_RMS_NORM && (n->mean || n->mean_low)) {
        return REJECT(to, "%s: expected NULL, since RMS normalization takes no mean", n->mean ? name : low_name);
    }
    return GATUN_OK;
}

/* The names of one normalization's operands in messages. */
typedef struct {
    const char *gamma, *beta, *mean, *mean_low, *rstd;
} norm_names;

static const norm_names only_norm = {"gamma", "beta", "mean", "mean_low", "rstd"};
static const norm_names first_norm = {"gamma1", "beta1", "mean1", "mean_low1", "rstd1"};
static const norm_names second_norm = {"gamma2", "beta2", "mean2", "mean_low2", "rstd2"};

static int add_parameters(extents *operands, const row_norm_arguments *n, const norm_names *names, message_buffer to) {
    const long long columns = n->columns, bytes = element_bytes(n->parameter_dtype);
    int status;
    if ((status = add_operand(operands, names->gamma, n->gamma, false, 1, columns, columns, bytes, to)) ||
        (status = add_operand(operands, names->beta, n->beta, false, 1, columns, columns, bytes, to))) {
        return status;
    }
    return GATUN_OK;
}

static int add_statistics(extents *operands, const row_norm_arguments *n, const norm_names *names, message_buffer to) {
    const long long rows = n->rows;
    int status;
    if ((status = add_operand(operands, names->mean, n->mean, false, 1, rows, rows, 4, to)) ||
        (status = add_operand(operands, names->mean_low, n->mean_low, false, 1, rows, rows, 4, to)) ||
        (status = add_operand(operands, names->rstd, n->rstd, false, 1, rows, rows, 4, to))) {
        return status;
    }
    return GATUN_OK;
}

static int check_memory(const residual_norm_arguments *a, residual_norm_operation operation, message_buffer to) {
    const row_norm_arguments *n = &a->norm;
    const bool two_norms = operation == NORM_ADD_NORM;
    const norm_names *names = two_norms ? &second_norm : &only_norm;
    const long long rows = n->rows, columns = n->columns, bytes = element_bytes(n->dtype);
    extents operands;
    operands.count = 0;
    int status;
    if ((status = add_operand(&operands, "x", n->x, true, rows, columns, n->x_stride, bytes, to)) ||
        (status = add_operand(&operands, "residual", a->residual, a->alpha != 0, rows, columns, a->residual_stride,
                              bytes, to)) ||
        (status = add_operand(&operands, "bias", a->bias, false, 1, columns, columns, element_bytes(n->parameter_dtype),
                              to)) ||
        (two_norms && (status = add_parameters(&operands, &a->inner, &first_norm, to))) ||
        (status = add_parameters(&operands, n, names, to))) {
        return status;
    }
    const int inputs = operands.count;
    const bool only_h = operation == NORM_RESIDUAL_ADD;
    if ((status = add_operand(&operands, "h", a->h, only_h, rows, columns, a->h_stride, bytes, to)) ||
        (status = add_operand(&operands, "y", n->y, !only_h, rows, columns, n->y_stride, bytes, to)) ||
        (two_norms && (status = add_statistics(&operands, &a->inner, &first_norm, to))) ||
        (status = add_statistics(&operands, n, names, to))) {
        return status;
    }
    static const allowed_alias allowed[] = {{"h", "residual"}, {"h", "x"}, {"y", "x"}, {"y", "residual"}};
    return check_overlaps(&operands, inputs, allowed, 4, to);
}

/* What the tasks of a job share. */
typedef struct {
    void (*rows)(const residual_norm_arguments *a, long long begin, long long end);
    const residual_norm_arguments *arguments;
    long long rows_per_task;
} residual_norm_job;

static void rows_task(void *argument, long long index) {
    const residual_norm_job *job = argument;
    const long long begin = index * job->rows_per_task;
    job->rows(job->arguments, begin, least(begin + job->rows_per_task, job->arguments->norm.rows));
}

static bool is_input(const residual_norm_arguments *a, const void *output) {
    return output && (output == a->norm.x || output == a->residual);
}

static void normalize(const gatun_context *context, const residual_norm_kernel *kernel, int norm,
                      residual_norm_arguments *a) {
    row_norm_arguments *n = &a->norm;
    const int operands = 1 + (a->residual != 0) + (a->h != 0) + (n->y != 0);
    const long long row_bytes = operands * n->columns * element_bytes(n->dtype);
    const long long bytes = traffic_of_rows(n->total_rows, row_bytes);
    n->prefetch = bytes > context->last_level_cache / 4;
    n->stream = bytes > context->last_level_cache / 2 && !is_input(a, a->h) && !is_input(a, n->y);
    residual_norm_job job = {kernel->rows[norm], a, rows_of_task(context->pool, n->rows, row_bytes)};
    gatun_pool_run(context->pool, tasks_of_rows(n->rows, job.rows_per_task), rows_task, &job);
}

static int check_and_normalize(const gatun_context *context, residual_norm_operation operation,
                               const residual_norm_kernel *kernel, int norm, residual_norm_arguments *a,
                               message_buffer to) {
    const bool two_norms = operation == NORM_ADD_NORM;
    const norm_names *names = two_norms ? &second_norm : &only_norm;
    int status;
    if ((status = check_sizes(a->norm.rows, a->norm.columns, to)) ||
        (status = check_total_rows(a->norm.rows, a->norm.total_rows, to)) || (status = check_modes(a, norm, to)) ||
        (status = check_strides(a, to)) ||
        (two_norms && (status = check_means(&a->inner, first_norm.mean, first_norm.mean_low, norm, to))) ||
        (status = check_means(&a->norm, names->mean, names->mean_low, norm, to))) {
        return status;
    }
    if (a->norm.rows == 0) {
        return GATUN_OK;
    }
    if ((status = check_memory(a, operation, to))) {
        return status;
    }
    if (a->alpha == 0) {
        a->residual = 0;
    }
    normalize(context, kernel, norm, a);
    return GATUN_OK;
}

int gatun_residual_add_norm(gatun_context *context, int norm, int dtype, int parameter_dtype, long long rows,
                            long long total_rows, long long columns, const void *x, long long x_stride,
                            const void *residual, long long residual_stride, float alpha, const void *bias,
                            const void *gamma, const void *beta, float weight_offset, float eps, int eps_mode,
                            int cast_mode, int sum_mode, void *h, long long h_stride, void *y, long long y_stride,
                            float *mean, float *mean_low, float *rstd, char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    residual_norm_arguments a = {.norm = {.dtype = dtype,
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
                                          .rstd = rstd},
                                 .residual = residual,
                                 .residual_stride = residual_stride,
                                 .alpha = alpha,
                                 .bias = bias,
                                 .sum_mode = sum_mode,
                                 .h = h,
                                 .h_stride = h_stride};
    return check_and_normalize(context, RESIDUAL_ADD_NORM, context->kernels.residual_add_norm, norm, &a, to);
}

int gatun_norm_residual_add(gatun_context *context, int norm, int dtype, int parameter_dtype, long long rows,
                            long long total_rows, long long columns, const void *x, long long x_stride,
                            const void *bias, const void *gamma, const void *beta, float weight_offset, float eps,
                            int eps_mode, int cast_mode, const void *residual, long long residual_stride, float alpha,
                            void *h, long long h_stride, float *mean, float *mean_low, float *rstd, char *message,
                            long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    residual_norm_arguments a = {.norm = {.dtype = dtype,
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
                                          .mean = mean,
                                          .mean_low = mean_low,
                                          .rstd = rstd},
                                 .residual = residual,
                                 .residual_stride = residual_stride,
                                 .alpha = alpha,
                                 .bias = bias,
                                 .sum_mode = GATUN_SUM_FLOAT32,
                                 .h = h,
                                 .h_stride = h_stride};
    return check_and_normalize(context, NORM_RESIDUAL_ADD, context->kernels.norm_residual_add, norm, &a, to);
}

int gatun_norm_add_norm(gatun_context *context, int norm, int dtype, int parameter_dtype, long long rows,
                        long long total_rows, long long columns, const void *x, long long x_stride, const void *gamma1,
                        const void *beta1, const void *residual, long long residual_stride, float alpha,
                        const void *gamma2, const void *beta2, float weight_offset, float eps, int eps_mode,
                        int cast_mode, int sum_mode, void *h, long long h_stride, void *y, long long y_stride,
                        float *mean1, float *mean_low1, float *rstd1, float *mean2, float *mean_low2, float *rstd2,
                        char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    residual_norm_arguments a = {.norm = {.dtype = dtype,
                                          .parameter_dtype = parameter_dtype,
                                          .rows = rows,
                                          .total_rows = total_rows,
                                          .columns = columns,
                                          .statistics_columns = columns,
                                          .x = x,
                                          .x_stride = x_stride,
                                          .gamma = gamma2,
                                          .beta = beta2,
                                          .weight_offset = weight_offset,
                                          .eps = eps,
                                          .eps_mode = eps_mode,
                                          .cast_mode = cast_mode,
                                          .y = y,
                                          .y_stride = y_stride,
                                          .mean = mean2,
                                          .mean_low = mean_low2,
                                          .rstd = rstd2},
                                 .residual = residual,
                                 .residual_stride = residual_stride,
                                 .alpha = alpha,
                                 .sum_mode = sum_mode,
                                 .h = h,
                                 .h_stride = h_stride};
    a.inner = a.norm;
    a.inner.gamma = gamma1;
    a.inner.beta = beta1;
    a.inner.mean = mean1;
    a.inner.mean_low = mean_low1;
    a.inner.rstd = rstd1;
    return check_and_normalize(context, NORM_ADD_NORM, context->kernels.norm_add_norm, norm, &a, to);
}
