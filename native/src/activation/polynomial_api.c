/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of the element-wise polynomials: argument checks, and the split of the work over threads. */
#include <limits.h>

#include "activation_kernels.h"
#include "activation_tasks.h"

/* ---- forward ---- */

typedef struct {
    const polynomial_kernel *kernel;
    const polynomial_arguments *arguments;
    long long elements, elements_per_task;
} polynomial_job;

static void polynomial_task(void *argument, long long index) {
    const polynomial_job *job = argument;
    const long long begin = index * job->elements_per_task;
    job->kernel->elements(job->arguments, begin, least(begin + job->elements_per_task, job->elements));
}

static int check_shape(int dtype, int order, long long rows, long long columns, long long *elements,
                       message_buffer to) {
    int status;
    if ((status = check_elements(rows, columns, elements, to)) || (status = check_dtypes(dtype, dtype, to)) ||
        (status = check_range("order", order, 1, GATUN_POLYNOMIAL_MAX_ORDER, to))) {
        return status;
    }
    return GATUN_OK;
}

static int run_polynomial(const gatun_context *context, const polynomial_kernel *kernel, polynomial_arguments *a,
                          message_buffer to) {
    const long long bytes = element_bytes(a->dtype), rows = a->rows, columns = a->columns;
    long long elements;
    int status;
    if ((status = check_shape(a->dtype, a->order, rows, columns, &elements, to)) ||
        (status = check_stride("x_stride", a->x_stride, columns, to)) ||
        (status = check_stride("y_stride", a->y_stride, columns, to))) {
        return status;
    }
    if (rows == 0) {
        return GATUN_OK;
    }
    extents operands;
    operands.count = 0;
    static const allowed_alias allowed[] = {{"y", "x"}};
    if ((status = add_operand(&operands, "x", a->x, true, rows, columns, a->x_stride, bytes, to)) ||
        (status =
             add_operand(&operands, "coefficients", a->coefficients, true, 1, a->order + 1, a->order + 1, 4, to)) ||
        (status = add_operand(&operands, "y", a->y, true, rows, columns, a->y_stride, bytes, to)) ||
        (status = check_overlaps(&operands, 2, allowed, 1, to))) {
        return status;
    }
    if (a->x_stride == columns && a->y_stride == columns) {
        a->rows = 1;
        a->columns = elements;
    }
    const long long moved = 2 * elements * bytes;
    a->prefetch = moved > context->last_level_cache / 4;
    a->stream = moved > context->last_level_cache / 2 && a->x != a->y;
    polynomial_job job = {kernel, a, elements, elements_of_task(context, elements, moved)};
    gatun_pool_run(context->pool, tasks_of_rows(elements, job.elements_per_task), polynomial_task, &job);
    return GATUN_OK;
}

#define POLYNOMIAL(operation)                                                                                        \
    int gatun_##operation(gatun_context *context, int dtype, int order, long long rows, long long columns,           \
                          const void *x, long long x_stride, const float *coefficients, void *y, long long y_stride, \
                          char *message, long long message_bytes) {                                                  \
        const message_buffer to = {message, message_bytes};                                                          \
        polynomial_arguments a = {.dtype = dtype,                                                                    \
                                  .order = order,                                                                    \
                                  .rows = rows,                                                                      \
                                  .columns = columns,                                                                \
                                  .x = x,                                                                            \
                                  .x_stride = x_stride,                                                              \
                                  .coefficients = coefficients,                                                      \
                                  .y = y,                                                                            \
                                  .y_stride = y_stride};                                                             \
        int status = check_context(context, to);                                                                     \
        return status ? status : run_polynomial(context, context->kernels.operation, &a, to);                        \
    }

POLYNOMIAL(poly_relu)
POLYNOMIAL(poly_eval)

/* ---- backward ---- */

typedef struct {
    const polynomial_backward_kernel *kernel;
    const polynomial_backward_arguments *arguments;
    long long begin, end, elements_per_task;
} gradient_job;

static void gradient_task(void *argument, long long index) {
    const gradient_job *job = argument;
    const long long begin = job->begin + index * job->elements_per_task;
    job->kernel->elements(job->arguments, begin, least(begin + job->elements_per_task, job->end));
}

/* What the kernel does not see. */
typedef struct {
    float *dcoefficients;
    int accumulate;
    long long begin, end;
    void *scratch;
    long long scratch_bytes;
} gradient_call;

static long long pieces_of(long long elements) {
    return tasks_of_rows(elements, GATUN_BACKWARD_PIECE_ELEMENTS);
}

static long long scratch_bytes_of(int order, long long elements) {
    return pieces_of(elements) * (order + 1) * (long long)sizeof(double);
}

static int check_gradient_memory(const polynomial_backward_arguments *a, const gradient_call *c, long long elements,
                                 message_buffer to) {
    const long long bytes = element_bytes(a->dtype), rows = a->rows, columns = a->columns, count = a->order + 1;
    const bool touched = c->begin < c->end;
    extents operands;
    operands.count = 0;
    int status;
    if ((rows > 0 && ((status = add_operand(&operands, "dy", a->dy, touched, rows, columns, a->dy_stride, bytes, to)) ||
                      (status = add_operand(&operands, "x", a->x, touched, rows, columns, a->x_stride, bytes, to)))) ||
        (status = add_operand(&operands, "coefficients", a->coefficients, touched, 1, count, count, 4, to))) {
        return status;
    }
    const int inputs = operands.count;
    const long long needed = c->scratch || c->dcoefficients ? scratch_bytes_of(a->order, elements) : 0;
    if ((rows > 0 && (status = add_operand(&operands, "dx", a->dx, false, rows, columns, a->dx_stride, bytes, to))) ||
        (status = add_operand(&operands, "dcoefficients", c->dcoefficients, false, 1, count, count, 4, to)) ||
        (status = add_scratch(&operands, c->scratch, c->scratch_bytes, needed, SCRATCH_ALIGNMENT, to))) {
        return status;
    }
    static const allowed_alias allowed[] = {{"dx", "dy"}, {"dx", "x"}};
    return check_overlaps(&operands, inputs, allowed, 2, to);
}

static void visit_elements(const gatun_context *context, const polynomial_backward_kernel *kernel,
                           polynomial_backward_arguments *a, const gradient_call *c, long long elements) {
    const long long columns = a->columns;
    if (a->dy_stride == columns && a->x_stride == columns && (!a->dx || a->dx_stride == columns)) {
        a->rows = 1;
        a->columns = a->dy_stride = a->x_stride = a->dx_stride = elements;
    }
    const long long tensors = a->dx ? 3 : 2, bytes = element_bytes(a->dtype) * tensors;
    a->prefetch = elements * bytes > context->last_level_cache / 4;
    a->stream = elements * bytes > context->last_level_cache / 2 && a->dx && a->dx != a->dy && a->dx != a->x;
    const long long count = c->end - c->begin, per_task = elements_of_task(context, count, count * bytes);
    gradient_job job = {kernel, a, c->begin, c->end, per_task};
    gatun_pool_run(context->pool, tasks_of_rows(count, per_task), gradient_task, &job);
}

static int run_gradient(const gatun_context *context, const polynomial_backward_kernel *kernel,
                        polynomial_backward_arguments *a, const gradient_call *c, message_buffer to) {
    long long elements;
    int status;
    if ((status = check_shape(a->dtype, a->order, a->rows, a->columns, &elements, to)) ||
        (status = check_stride("dy_stride", a->dy_stride, a->columns, to)) ||
        (status = check_stride("x_stride", a->x_stride, a->columns, to)) ||
        (a->dx && (status = check_stride("dx_stride", a->dx_stride, a->columns, to))) ||
        (status = check_range("accumulate", c->accumulate, 0, 1, to)) ||
        (status = check_part("element_begin", c->begin, "element_end", c->end, elements, GATUN_BACKWARD_PIECE_ELEMENTS,
                             to)) ||
        (status = check_gradient("dcoefficients", c->dcoefficients, c->end, elements, to)) ||
        (status = check_gradient_memory(a, c, elements, to))) {
        return status;
    }
    a->partial = c->scratch;
    if (c->begin < c->end && (a->dx || a->partial)) {
        visit_elements(context, kernel, a, c, elements);
    }
    for (int i = 0; c->dcoefficients && i <= a->order; i++) {
        double sum = 0;
        for (long long piece = 0; piece < pieces_of(elements); piece++) {
            sum += a->partial[piece * (a->order + 1) + i];
        }
        put_gradient(&c->dcoefficients[i], sum, c->accumulate);
    }
    return GATUN_OK;
}

#define POLYNOMIAL_BACKWARD(operation)                                                                           \
    int gatun_##operation##_scratch(const gatun_context *context, int order, long long rows, long long columns,  \
                                    long long *scratch_bytes) {                                                  \
        const message_buffer nowhere = {0, 0};                                                                   \
        long long elements;                                                                                      \
        if (!context || !scratch_bytes || check_shape(GATUN_F32, order, rows, columns, &elements, nowhere)) {    \
            return GATUN_INVALID_ARGUMENT;                                                                       \
        }                                                                                                        \
        *scratch_bytes = scratch_bytes_of(order, elements);                                                      \
        return GATUN_OK;                                                                                         \
    }                                                                                                            \
    int gatun_##operation(gatun_context *context, int dtype, int order, long long rows, long long columns,       \
                          const void *dy, long long dy_stride, const void *x, long long x_stride,                \
                          const float *coefficients, void *dx, long long dx_stride, float *dcoefficients,        \
                          int accumulate, long long element_begin, long long element_end, void *scratch,         \
                          long long scratch_bytes, char *message, long long message_bytes) {                     \
        const message_buffer to = {message, message_bytes};                                                      \
        polynomial_backward_arguments a = {.dtype = dtype,                                                       \
                                           .order = order,                                                       \
                                           .rows = rows,                                                         \
                                           .columns = columns,                                                   \
                                           .dy = dy,                                                             \
                                           .dy_stride = dy_stride,                                               \
                                           .x = x,                                                               \
                                           .x_stride = x_stride,                                                 \
                                           .coefficients = coefficients,                                         \
                                           .dx = dx,                                                             \
                                           .dx_stride = dx_stride};                                              \
        const gradient_call c = {dcoefficients, accumulate, element_begin, element_end, scratch, scratch_bytes}; \
        int status = check_context(context, to);                                                                 \
        return status ? status : run_gradient(context, context->kernels.operation, &a, &c, to);                  \
    }

POLYNOMIAL_BACKWARD(poly_relu_backward)
POLYNOMIAL_BACKWARD(poly_eval_backward)
