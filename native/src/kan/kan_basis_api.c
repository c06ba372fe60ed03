/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of bases: argument checks, and the split of the work over threads. */
#include <stddef.h>

#include "../core/context.h"
#include "../norm/norm_tasks.h"
#include "kan_checks.h"
#include "kan_kernels.h"

/* A call of either direction. Tasks are rows, or pieces of them where rows are long. */
typedef struct {
    const gatun_kernels *kernels;
    const kan_basis *basis;
    int dtype;
    long long rows, columns;
    const void *x;
    long long x_stride;
    const void *dphi; /* NULL in the forward pass */
    void *out;        /* phi or dx */
    long long phi_stride, dx_stride;
    long long rows_per_task, columns_per_task, tasks_of_row;
} basis_job;

static const void *element_of(const void *p, long long index, int dtype) {
    return (const char *)p + index * element_bytes(dtype);
}

static void basis_task(void *argument, long long index) {
    const basis_job *job = argument;
    const long long first = index / job->tasks_of_row * job->rows_per_task;
    const long long last = least(first + job->rows_per_task, job->rows);
    const long long column = index % job->tasks_of_row * job->columns_per_task;
    const long long columns = least(job->columns_per_task, job->columns - column);
    for (long long row = first; row < last; row++) {
        const void *x = element_of(job->x, row * job->x_stride + column, job->dtype);
        const long long phi = row * job->phi_stride + column;
        if (job->dphi) {
            void *dx = (char *)job->out + (row * job->dx_stride + column) * element_bytes(job->dtype);
            job->kernels->kan_basis_backward->gradient(job->basis, element_of(job->dphi, phi, job->dtype), job->dtype,
                                                       job->columns, x, job->dtype, columns, dx);
        } else {
            job->kernels->kan_basis->expand(job->basis, x, job->dtype, columns,
                                            (char *)job->out + phi * element_bytes(job->dtype), job->dtype,
                                            job->columns);
        }
    }
}

/* Columns of a task where a row is more than one: whole cache lines. */
#define TASK_COLUMNS 4096

static void run(gatun_context *context, basis_job *job, long long width) {
    const long long column_bytes = (1 + width) * element_bytes(job->dtype);
    job->rows_per_task = rows_of_task(context->pool, job->rows, job->columns * column_bytes);
    job->columns_per_task = job->columns;
    if (context->pool && job->rows_per_task == 1 && job->columns > TASK_COLUMNS) {
        job->columns_per_task = TASK_COLUMNS;
    }
    job->tasks_of_row = tasks_of_rows(job->columns, job->columns_per_task);
    gatun_pool_run(context->pool, tasks_of_rows(job->rows, job->rows_per_task) * job->tasks_of_row, basis_task, job);
}

int gatun_kan_basis(gatun_context *context, int basis, long long functions, int degree, float low, float high, int base,
                    int dtype, long long rows, long long columns, const void *x, long long x_stride, void *phi,
                    long long phi_stride, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    kan_basis b = {0};
    long long all;
    int status;
    if ((status = check_there(context, to)) ||
        (status = check_basis(basis, functions, degree, low, high, base, &b, to)) ||
        (status = check_dtypes(dtype, dtype, to)) ||
        (status = check_expanded(rows, columns, functions + base, &all, to)) ||
        (status = check_stride("x_stride", x_stride, columns, to)) ||
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
        (status = add_operand(&operands, "phi", phi, true, rows, all, phi_stride, bytes, to)) ||
        (status = check_overlaps(&operands, 1, NULL, 0, to))) {
        return status;
    }
    basis_job job = {.kernels = &context->kernels,
                     .basis = &b,
                     .dtype = dtype,
                     .rows = rows,
                     .columns = columns,
                     .x = x,
                     .x_stride = x_stride,
                     .out = phi,
                     .phi_stride = phi_stride};
    run(context, &job, functions + base);
    return GATUN_OK;
}

int gatun_kan_basis_backward(gatun_context *context, int basis, long long functions, int degree, float low, float high,
                             int base, int dtype, long long rows, long long columns, const void *dphi,
                             long long dphi_stride, const void *x, long long x_stride, void *dx, long long dx_stride,
                             char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    kan_basis b = {0};
    long long all;
    int status;
    if ((status = check_there(context, to)) ||
        (status = check_basis(basis, functions, degree, low, high, base, &b, to)) ||
        (status = check_dtypes(dtype, dtype, to)) ||
        (status = check_expanded(rows, columns, functions + base, &all, to)) ||
        (status = check_stride("dphi_stride", dphi_stride, all, to)) ||
        (status = check_stride("x_stride", x_stride, columns, to)) ||
        (status = check_stride("dx_stride", dx_stride, columns, to))) {
        return status;
    }
    if (rows == 0) {
        return GATUN_OK;
    }
    const long long bytes = element_bytes(dtype);
    extents operands;
    operands.count = 0;
    static const allowed_alias allowed[] = {{"dx", "x"}};
    if ((status = add_operand(&operands, "dphi", dphi, true, rows, all, dphi_stride, bytes, to)) ||
        (status = add_operand(&operands, "x", x, true, rows, columns, x_stride, bytes, to)) ||
        (status = add_operand(&operands, "dx", dx, true, rows, columns, dx_stride, bytes, to)) ||
        (status = check_overlaps(&operands, 2, allowed, 1, to))) {
        return status;
    }
    basis_job job = {.kernels = &context->kernels,
                     .basis = &b,
                     .dtype = dtype,
                     .rows = rows,
                     .columns = columns,
                     .x = x,
                     .x_stride = x_stride,
                     .dphi = dphi,
                     .out = dx,
                     .phi_stride = dphi_stride,
                     .dx_stride = dx_stride};
    run(context, &job, functions + base);
    return GATUN_OK;
}
