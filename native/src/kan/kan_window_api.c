/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of windows: argument checks, and the split of the work over threads. */
#include <stddef.h>

#include "../core/context.h"
#include "../norm/norm_tasks.h"
#include "kan_checks.h"
#include "kan_kernels.h"

typedef struct {
    const gatun_kernels *kernels;
    const kan_window_arguments *arguments;
    long long rows_per_task;
} window_job;

static void forward_task(void *argument, long long index) {
    const window_job *job = argument;
    const long long begin = index * job->rows_per_task;
    job->kernels->kan_window_basis->rows(job->arguments, begin,
                                         least(begin + job->rows_per_task, job->arguments->rows));
}

static void inputs_task(void *argument, long long index) {
    const window_job *job = argument;
    const long long begin = index * job->rows_per_task;
    job->kernels->kan_window_basis_backward->rows(job->arguments, begin,
                                                  least(begin + job->rows_per_task, job->arguments->rows));
}

static void parameters_task(void *argument, long long index) {
    const window_job *job = argument;
    job->kernels->kan_window_basis_backward->parameters(job->arguments, index);
}

static int check_windows(const gatun_context *context, const kan_window_arguments *a, long long functions,
                         long long *all, message_buffer to) {
    int status;
    if ((status = check_there(context, to)) ||
        (status = check_between("inner", a->inner, GATUN_KAN_INNER_SILU, GATUN_KAN_INNER_TANH, to)) ||
        (status = check_between("combination", a->combination, GATUN_KAN_QUAD1, GATUN_KAN_CUBIC2, to)) ||
        (status = check_between("functions", functions, 1, GATUN_KAN_MAX_FUNCTIONS, to)) ||
        (status = check_between("per_column", a->per_column, 0, 1, to)) ||
        (status = check_finite("scale", a->scale, to)) || (status = check_dtypes(a->dtype, a->dtype, to)) ||
        (status = check_expanded(a->rows, a->columns, functions, all, to))) {
        return status;
    }
    return check_stride("x_stride", a->x_stride, a->columns, to);
}

static int add_windows(extents *operands, const kan_window_arguments *a, message_buffer to) {
    const long long width = a->per_column ? a->columns : 1;
    int status;
    if ((status = add_operand(operands, "starts", a->starts, true, a->functions, width, width, 4, to))) {
        return status;
    }
    return add_operand(operands, "ends", a->ends, true, a->functions, width, width, 4, to);
}

/* Functions of exponentials take several times as long as what tasks are measured by. */
#define WINDOW_COST 4

static void run_rows(const gatun_context *context, window_job *job, gatun_task *task) {
    const kan_window_arguments *a = job->arguments;
    const long long row_bytes = a->columns * (1 + a->functions) * element_bytes(a->dtype) * WINDOW_COST;
    job->rows_per_task = rows_of_task(context->pool, a->rows, row_bytes);
    gatun_pool_run(context->pool, tasks_of_rows(a->rows, job->rows_per_task), task, job);
}

int gatun_kan_window_basis(gatun_context *context, int inner, int combination, long long functions, int per_column,
                           float scale, int dtype, long long rows, long long columns, const void *x, long long x_stride,
                           const float *starts, const float *ends, void *phi, long long phi_stride, char *message,
                           long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    const kan_window_arguments a = {.inner = inner,
                                    .combination = combination,
                                    .functions = (int)functions,
                                    .per_column = per_column,
                                    .dtype = dtype,
                                    .scale = scale,
                                    .rows = rows,
                                    .columns = columns,
                                    .x = x,
                                    .starts = starts,
                                    .ends = ends,
                                    .phi = phi,
                                    .x_stride = x_stride,
                                    .phi_stride = phi_stride};
    long long all;
    int status;
    if ((status = check_windows(context, &a, functions, &all, to)) ||
        (status = check_stride("phi_stride", phi_stride, all, to))) {
        return status;
    }
    if (rows == 0) {
        return GATUN_OK;
    }
    const long long bytes = element_bytes(dtype);
    extents operands;
    operands.count = 0;
    if ((status = add_operand(&operands, "x", x, true, rows, columns, x_stride, bytes, to)) ||
        (status = add_windows(&operands, &a, to)) ||
        (status = add_operand(&operands, "phi", phi, true, rows, all, phi_stride, bytes, to)) ||
        (status = check_overlaps(&operands, 3, NULL, 0, to))) {
        return status;
    }
    window_job job = {&context->kernels, &a, 0};
    run_rows(context, &job, forward_task);
    return GATUN_OK;
}

static int check_gradient_memory(const kan_window_arguments *a, long long all, message_buffer to) {
    const long long bytes = element_bytes(a->dtype), width = a->per_column ? a->columns : 1;
    extents operands;
    operands.count = 0;
    int status;
    if ((status = add_operand(&operands, "dphi", a->dphi, true, a->rows, all, a->phi_stride, bytes, to)) ||
        (status = add_operand(&operands, "x", a->x, true, a->rows, a->columns, a->x_stride, bytes, to)) ||
        (status = add_windows(&operands, a, to)) ||
        (status = add_operand(&operands, "dx", a->dx, false, a->rows, a->columns, a->dx_stride, bytes, to)) ||
        (status = add_operand(&operands, "dstarts", a->dstarts, false, a->functions, width, width, 4, to)) ||
        (status = add_operand(&operands, "dends", a->dends, false, a->functions, width, width, 4, to))) {
        return status;
    }
    return check_overlaps(&operands, 4, NULL, 0, to);
}

int gatun_kan_window_basis_backward(gatun_context *context, int inner, int combination, long long functions,
                                    int per_column, float scale, int dtype, long long rows, long long columns,
                                    const void *dphi, long long dphi_stride, const void *x, long long x_stride,
                                    const float *starts, const float *ends, void *dx, long long dx_stride,
                                    float *dstarts, float *dends, int accumulate, char *message,
                                    long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    const kan_window_arguments a = {.inner = inner,
                                    .combination = combination,
                                    .functions = (int)functions,
                                    .per_column = per_column,
                                    .dtype = dtype,
                                    .accumulate = accumulate,
                                    .scale = scale,
                                    .rows = rows,
                                    .columns = columns,
                                    .x = x,
                                    .dphi = dphi,
                                    .starts = starts,
                                    .ends = ends,
                                    .dx = dx,
                                    .dstarts = dstarts,
                                    .dends = dends,
                                    .x_stride = x_stride,
                                    .phi_stride = dphi_stride,
                                    .dx_stride = dx_stride};
    long long all;
    int status;
    if ((status = check_windows(context, &a, functions, &all, to)) ||
        (status = check_stride("dphi_stride", dphi_stride, all, to)) ||
        (status = dx ? check_stride("dx_stride", dx_stride, columns, to) : GATUN_OK) ||
        (status = check_between("accumulate", accumulate, 0, 1, to))) {
        return status;
    }
    const size_t sums = (size_t)(functions * (per_column ? columns : 1));
    if (rows == 0) {
        float *const gradients[] = {dstarts, dends};
        for (int i = 0; i < 2; i++) {
            if (gradients[i] && !accumulate) {
                memset(gradients[i], 0, sums * sizeof *gradients[i]);
            }
        }
        return GATUN_OK;
    }
    if ((status = check_gradient_memory(&a, all, to))) {
        return status;
    }
    window_job job = {&context->kernels, &a, 0};
    if (dx) {
        run_rows(context, &job, inputs_task);
    }
    if (dstarts || dends) {
        const double elements = (double)rows * (double)all * WINDOW_COST;
        gatun_pool_run(elements * element_bytes(dtype) < SHARED_BYTES ? NULL : context->pool, functions,
                       parameters_task, &job);
    }
    return GATUN_OK;
}
