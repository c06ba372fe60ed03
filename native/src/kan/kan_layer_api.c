/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of layers: argument checks, and the split of the work over threads. */
#include <stddef.h>

#include "../core/context.h"
#include "../norm/norm_tasks.h"
#include "kan_checks.h"
#include "kan_kernels.h"

/* Products below which waking a thread costs more than it brings. */
#define SHARED_PRODUCTS 200000.0

typedef struct {
    const gatun_kernels *kernels;
    const kan_layer_arguments *arguments;
    long long output_tiles;
} layer_job;

static long long tiles(long long all, long long of_tile) {
    return tasks_of_rows(all, of_tile);
}

static void forward_task(void *argument, long long index) {
    const layer_job *job = argument;
    job->kernels->kan_layer->tile(job->arguments, index / job->output_tiles, index % job->output_tiles);
}

static void inputs_task(void *argument, long long index) {
    const layer_job *job = argument;
    job->kernels->kan_layer_backward->inputs(job->arguments, index);
}

static void weights_task(void *argument, long long index) {
    const layer_job *job = argument;
    job->kernels->kan_layer_backward->weights(job->arguments, index / job->output_tiles, index % job->output_tiles);
}

static int check_layer(gatun_context *context, int basis, long long functions, int degree, float low, float high,
                       int base, kan_layer_arguments *a, long long *weights_of_column, message_buffer to) {
    int status;
    if ((status = check_there(context, to)) ||
        (status = check_basis(basis, functions, degree, low, high, base, &a->basis, to)) ||
        (status = check_dtypes(a->dtype, a->dtype, to)) || (status = check_sizes(a->rows, a->columns, to))) {
        return status;
    }
    if (a->outputs < 1) {
        return REJECT(to, "outputs: expected at least 1, but it is %lld", a->outputs);
    }
    if (__builtin_mul_overflow(functions + base, a->outputs, weights_of_column)) {
        return REJECT(to, "outputs: %lld for %lld functions each are more than memory can hold", a->outputs,
                      functions + base);
    }
    a->expander = context->kernels.kan_basis;
    a->gradient = context->kernels.kan_basis_backward;
    return check_stride("x_stride", a->x_stride, a->columns, to);
}

/* A pool where there is work for it. */
static gatun_pool *pool_for(const gatun_context *context, const kan_layer_arguments *a) {
    const double products = (double)a->rows * (double)a->columns * kan_layer_width(a) * (double)a->outputs;
    return products < SHARED_PRODUCTS ? NULL : context->pool;
}

int gatun_kan_layer(gatun_context *context, int basis, long long functions, int degree, float low, float high, int base,
                    int dtype, long long rows, long long columns, long long outputs, const void *x, long long x_stride,
                    const float *weight, const float *bias, void *y, long long y_stride, char *message,
                    long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    kan_layer_arguments a = {.dtype = dtype,
                             .rows = rows,
                             .columns = columns,
                             .outputs = outputs,
                             .x = x,
                             .x_stride = x_stride,
                             .weight = weight,
                             .bias = bias,
                             .y = y,
                             .y_stride = y_stride};
    long long weights_of_column;
    int status;
    if ((status = check_layer(context, basis, functions, degree, low, high, base, &a, &weights_of_column, to)) ||
        (status = check_stride("y_stride", y_stride, outputs, to))) {
        return status;
    }
    if (rows == 0) {
        return GATUN_OK;
    }
    const long long bytes = element_bytes(dtype);
    extents operands;
    operands.count = 0;
    if ((status = add_operand(&operands, "x", x, true, rows, columns, x_stride, bytes, to)) ||
        (status =
             add_operand(&operands, "weight", weight, true, columns, weights_of_column, weights_of_column, 4, to)) ||
        (status = add_operand(&operands, "bias", bias, false, 1, outputs, outputs, 4, to))) {
        return status;
    }
    const int inputs = operands.count;
    if ((status = add_operand(&operands, "y", y, true, rows, outputs, y_stride, bytes, to)) ||
        (status = check_overlaps(&operands, inputs, NULL, 0, to))) {
        return status;
    }
    layer_job job = {&context->kernels, &a, tiles(outputs, KAN_TILE_OUTPUTS)};
    gatun_pool_run(pool_for(context, &a), tiles(rows, KAN_TILE_ROWS) * job.output_tiles, forward_task, &job);
    return GATUN_OK;
}

static int check_gradient_memory(const kan_layer_arguments *a, long long weights_of_column, message_buffer to) {
    const long long bytes = element_bytes(a->dtype);
    extents operands;
    operands.count = 0;
    int status;
    if ((status = add_operand(&operands, "dy", a->dy, a->rows > 0, a->rows, a->outputs, a->dy_stride, bytes, to)) ||
        (status = add_operand(&operands, "x", a->x, a->rows > 0, a->rows, a->columns, a->x_stride, bytes, to)) ||
        (status = add_operand(&operands, "weight", a->weight, a->dx != NULL && a->rows > 0, a->columns,
                              weights_of_column, weights_of_column, 4, to))) {
        return status;
    }
    const int inputs = operands.count;
    if ((status = add_operand(&operands, "dx", a->dx, false, a->rows, a->columns, a->dx_stride, bytes, to)) ||
        (status = add_operand(&operands, "dweight", a->dweight, false, a->columns, weights_of_column, weights_of_column,
                              4, to)) ||
        (status = add_operand(&operands, "dbias", a->dbias, false, 1, a->outputs, a->outputs, 4, to))) {
        return status;
    }
    return check_overlaps(&operands, inputs, NULL, 0, to);
}

int gatun_kan_layer_backward(gatun_context *context, int basis, long long functions, int degree, float low, float high,
                             int base, int dtype, long long rows, long long columns, long long outputs, const void *dy,
                             long long dy_stride, const void *x, long long x_stride, const float *weight, void *dx,
                             long long dx_stride, float *dweight, float *dbias, int accumulate, char *message,
                             long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    kan_layer_arguments a = {.dtype = dtype,
                             .accumulate = accumulate,
                             .rows = rows,
                             .columns = columns,
                             .outputs = outputs,
                             .x = x,
                             .x_stride = x_stride,
                             .dy = dy,
                             .dy_stride = dy_stride,
                             .weight = weight,
                             .dx = dx,
                             .dx_stride = dx_stride,
                             .dweight = dweight,
                             .dbias = dbias};
    long long weights_of_column;
    int status;
    if ((status = check_layer(context, basis, functions, degree, low, high, base, &a, &weights_of_column, to)) ||
        (status = check_stride("dy_stride", dy_stride, outputs, to)) ||
        (status = dx ? check_stride("dx_stride", dx_stride, columns, to) : GATUN_OK) ||
        (status = check_between("accumulate", accumulate, 0, 1, to)) ||
        (status = check_gradient_memory(&a, weights_of_column, to))) {
        return status;
    }
    if (rows == 0) {
        if (dweight && !accumulate) {
            memset(dweight, 0, (size_t)(columns * weights_of_column) * sizeof *dweight);
        }
        if (dbias && !accumulate) {
            memset(dbias, 0, (size_t)outputs * sizeof *dbias);
        }
        return GATUN_OK;
    }
    layer_job job = {&context->kernels, &a, tiles(outputs, KAN_TILE_OUTPUTS)};
    if (dx) {
        gatun_pool_run(pool_for(context, &a), tiles(rows, KAN_TILE_ROWS), inputs_task, &job);
    }
    if (dweight || dbias) {
        const long long column_tiles = dweight ? tiles(columns, kan_layer_columns(&a)) : 1;
        gatun_pool_run(pool_for(context, &a), column_tiles * job.output_tiles, weights_task, &job);
    }
    return GATUN_OK;
}
