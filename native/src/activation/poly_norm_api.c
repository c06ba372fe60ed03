/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of PolyNorm: argument checks, and the split of the work over threads. */
#include <limits.h>

#include "../norm/backward_slabs.h"
#include "activation_kernels.h"
#include "activation_tasks.h"

/* Rows longer than this are shared by the threads. */
#define LONG_ROW 65536

/* Rows shorter than this are not written past the caches: most of their lines have neighbours in other rows. */
#define STREAMED_ROW_BYTES 1024

static long long segments_of(long long columns) {
    return tasks_of_rows(columns, POLY_NORM_SEGMENT);
}

static int check_shape(int dtype, int order, long long rows, long long columns, message_buffer to) {
    long long elements;
    int status;
    if ((status = check_elements(rows, columns, &elements, to)) || (status = check_dtypes(dtype, dtype, to)) ||
        (status = check_range("order", order, 1, GATUN_POLY_NORM_MAX_ORDER, to))) {
        return status;
    }
    return GATUN_OK;
}

static int check_positive_eps(float eps, message_buffer to) {
    if (!isfinite(eps) || eps < 0) {
        return REJECT(to, "eps: expected a finite number of at least 0, but it is %g", (double)eps);
    }
    return GATUN_OK;
}

/* ---- forward ---- */

/* What an operation calls its input. */
typedef struct {
    const char *x, *x_stride;
} input_names;
static const input_names plain_names = {"x", "x_stride"}, gated_names = {"gate", "gate_stride"};

static long long forward_scratch_bytes(long long columns) {
    return columns > LONG_ROW ? segments_of(columns) * (long long)sizeof(poly_norm_sums) : 0;
}

static int check_forward_memory(const poly_norm_arguments *a, const input_names *names, bool gated, void *scratch,
                                long long scratch_bytes, message_buffer to) {
    const long long bytes = element_bytes(a->dtype), rows = a->rows, columns = a->columns, count = a->order + 1;
    extents operands;
    operands.count = 0;
    int status;
    if ((status = add_operand(&operands, names->x, a->x, true, rows, columns, a->x_stride, bytes, to)) ||
        (status = add_operand(&operands, "up", a->up, gated, rows, columns, a->up_stride, bytes, to)) ||
        (status = add_operand(&operands, "coefficients", a->coefficients, true, 1, count, count, 4, to))) {
        return status;
    }
    const int inputs = operands.count;
    if ((status = add_operand(&operands, "y", a->y, true, rows, columns, a->y_stride, bytes, to)) ||
        (status = add_operand(&operands, "rho", a->rho, false, rows, a->order, a->order, 4, to)) ||
        (status =
             add_scratch(&operands, scratch, scratch_bytes, forward_scratch_bytes(columns), SCRATCH_ALIGNMENT, to))) {
        return status;
    }
    const allowed_alias allowed[] = {{"y", names->x}, {"y", "up"}};
    return check_overlaps(&operands, inputs, allowed, 2, to);
}

typedef struct {
    const poly_norm_kernel *kernel;
    const poly_norm_arguments *arguments;
    long long rows_per_task;
    long long row; /* a long one */
    poly_norm_sums *sums;
    poly_norm_factors factors;
} forward_job;

static void rows_task(void *argument, long long index) {
    const forward_job *job = argument;
    const long long begin = index * job->rows_per_task;
    job->kernel->rows(job->arguments, begin, least(begin + job->rows_per_task, job->arguments->rows));
}

static void sums_task(void *argument, long long index) {
    const forward_job *job = argument;
    const long long begin = index * POLY_NORM_SEGMENT;
    job->sums[index] =
        job->kernel->sums(job->arguments, job->row, begin, least(begin + POLY_NORM_SEGMENT, job->arguments->columns));
}

static void apply_task(void *argument, long long index) {
    const forward_job *job = argument;
    const long long begin = index * POLY_NORM_SEGMENT;
    job->kernel->apply(job->arguments, job->row, begin, least(begin + POLY_NORM_SEGMENT, job->arguments->columns),
                       &job->factors);
}

static void share_long_row(gatun_pool *pool, forward_job *job) {
    const long long segments = segments_of(job->arguments->columns);
    gatun_pool_run(pool, segments, sums_task, job);
    poly_norm_sums sums = {{0}};
    for (long long s = 0; s < segments; s++) {
        for (int p = 0; p < GATUN_POLY_NORM_MAX_ORDER; p++) {
            sums.power[p] += job->sums[s].power[p];
        }
    }
    job->factors = job->kernel->factors(job->arguments, job->row, &sums);
    if (job->factors.exact) {
        poly_norm_exact(job->arguments, job->row);
        return;
    }
    gatun_pool_run(pool, segments, apply_task, job);
}

static int run_forward(const gatun_context *context, const poly_norm_kernel *kernel, poly_norm_arguments *a,
                       const input_names *names, bool gated, void *scratch, long long scratch_bytes,
                       message_buffer to) {
    int status;
    if ((status = check_shape(a->dtype, a->order, a->rows, a->columns, to)) ||
        (status = check_stride(names->x_stride, a->x_stride, a->columns, to)) ||
        (gated && (status = check_stride("up_stride", a->up_stride, a->columns, to))) ||
        (status = check_stride("y_stride", a->y_stride, a->columns, to)) || (status = check_positive_eps(a->eps, to))) {
        return status;
    }
    if (a->rows == 0) {
        return GATUN_OK;
    }
    if ((status = check_forward_memory(a, names, gated, scratch, scratch_bytes, to))) {
        return status;
    }
    const long long width = a->columns * element_bytes(a->dtype), row_bytes = width * (gated ? 3 : 2);
    const long long bytes = a->rows * row_bytes;
    a->prefetch = bytes > context->last_level_cache / 4;
    a->stream = bytes > context->last_level_cache / 2 && a->y != a->x && a->y != a->up && width >= STREAMED_ROW_BYTES;
    forward_job job = {.kernel = kernel, .arguments = a, .sums = scratch};
    if (context->pool && a->columns > LONG_ROW) {
        for (job.row = 0; job.row < a->rows; job.row++) {
            share_long_row(context->pool, &job);
        }
    } else {
        job.rows_per_task = rows_of_task(context->pool, a->rows, row_bytes);
        gatun_pool_run(context->pool, tasks_of_rows(a->rows, job.rows_per_task), rows_task, &job);
    }
    return GATUN_OK;
}

static int forward_scratch(const gatun_context *context, int order, long long rows, long long columns,
                           long long *scratch_bytes) {
    const message_buffer nowhere = {0, 0};
    if (!context || !scratch_bytes || check_shape(GATUN_F32, order, rows, columns, nowhere)) {
        return GATUN_INVALID_ARGUMENT;
    }
    *scratch_bytes = forward_scratch_bytes(columns);
    return GATUN_OK;
}

int gatun_poly_norm_scratch(const gatun_context *context, int order, long long rows, long long columns,
                            long long *scratch_bytes) {
    return forward_scratch(context, order, rows, columns, scratch_bytes);
}

int gatun_poly_norm_mul_scratch(const gatun_context *context, int order, long long rows, long long columns,
                                long long *scratch_bytes) {
    return forward_scratch(context, order, rows, columns, scratch_bytes);
}

int gatun_poly_norm(gatun_context *context, int dtype, int order, long long rows, long long columns, const void *x,
                    long long x_stride, const float *coefficients, float eps, void *y, long long y_stride, float *rho,
                    void *scratch, long long scratch_bytes, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    poly_norm_arguments a = {.dtype = dtype,
                             .order = order,
                             .rows = rows,
                             .columns = columns,
                             .x = x,
                             .x_stride = x_stride,
                             .coefficients = coefficients,
                             .eps = eps,
                             .y = y,
                             .y_stride = y_stride,
                             .rho = rho};
    int status = check_context(context, to);
    return status
               ? status
               : run_forward(context, context->kernels.poly_norm, &a, &plain_names, false, scratch, scratch_bytes, to);
}

int gatun_poly_norm_mul(gatun_context *context, int dtype, int order, long long rows, long long columns,
                        const void *gate, long long gate_stride, const void *up, long long up_stride,
                        const float *coefficients, float eps, void *y, long long y_stride, float *rho, void *scratch,
                        long long scratch_bytes, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    poly_norm_arguments a = {.dtype = dtype,
                             .order = order,
                             .rows = rows,
                             .columns = columns,
                             .x = gate,
                             .x_stride = gate_stride,
                             .up = up,
                             .up_stride = up_stride,
                             .coefficients = coefficients,
                             .eps = eps,
                             .y = y,
                             .y_stride = y_stride,
                             .rho = rho};
    int status = check_context(context, to);
    return status ? status
                  : run_forward(context, context->kernels.poly_norm_mul, &a, &gated_names, true, scratch, scratch_bytes,
                                to);
}

/* ---- backward ---- */

/* What an operation calls its arguments. */
typedef struct {
    const char *x, *x_stride, *dx, *dx_stride;
} backward_names;
static const backward_names plain_backward = {"x", "x_stride", "dx", "dx_stride"},
                            gated_backward = {"gate", "gate_stride", "dgate", "dgate_stride"};

/* What the kernel does not see. */
typedef struct {
    const backward_names *names;
    bool gated;
    float *dcoefficients;
    int accumulate;
    long long begin, end;
    void *scratch;
    long long scratch_bytes;
} backward_call;

/* The sums of dcoefficients of each slab of rows, and behind them those of the segments of a long row. */
static long long slab_sums_bytes(int order, long long rows) {
    const long long bytes = slabs_of_rows(rows) * (order + 1) * (long long)sizeof(double);
    return tasks_of_rows(bytes, SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT;
}

static long long backward_scratch_bytes(int order, long long rows, long long columns) {
    const long long segments = columns > LONG_ROW ? segments_of(columns) : 0;
    return slab_sums_bytes(order, rows) + segments * (long long)sizeof(poly_norm_gradient_sums);
}

static int check_backward_memory(const poly_norm_backward_arguments *a, const backward_call *c, message_buffer to) {
    const long long bytes = element_bytes(a->dtype), rows = a->rows, columns = a->columns, count = a->order + 1;
    const bool touched = c->begin < c->end;
    extents operands;
    operands.count = 0;
    int status;
    if ((rows > 0 &&
         ((status = add_operand(&operands, "dy", a->dy, touched, rows, columns, a->dy_stride, bytes, to)) ||
          (status = add_operand(&operands, c->names->x, a->x, touched, rows, columns, a->x_stride, bytes, to)) ||
          (status = add_operand(&operands, "up", a->up, touched && c->gated, rows, columns, a->up_stride, bytes, to)) ||
          (status = add_operand(&operands, "rho", a->rho, false, rows, a->order, a->order, 4, to)))) ||
        (status = add_operand(&operands, "coefficients", a->coefficients, touched, 1, count, count, 4, to))) {
        return status;
    }
    const int inputs = operands.count;
    const bool needed = c->scratch || c->dcoefficients || (touched && columns > LONG_ROW);
    if ((rows > 0 &&
         ((status = add_operand(&operands, c->names->dx, a->dx, false, rows, columns, a->dx_stride, bytes, to)) ||
          (status = add_operand(&operands, "dup", a->dup, false, rows, columns, a->dup_stride, bytes, to)))) ||
        (status = add_operand(&operands, "dcoefficients", c->dcoefficients, false, 1, count, count, 4, to)) ||
        (status = add_scratch(&operands, c->scratch, c->scratch_bytes,
                              needed ? backward_scratch_bytes(a->order, rows, columns) : 0, SCRATCH_ALIGNMENT, to))) {
        return status;
    }
    const allowed_alias allowed[] = {{c->names->dx, "dy"}, {c->names->dx, c->names->x}, {c->names->dx, "up"},
                                     {"dup", "dy"},        {"dup", c->names->x},        {"dup", "up"}};
    return check_overlaps(&operands, inputs, allowed, 6, to);
}

static int check_backward(const poly_norm_backward_arguments *a, const backward_call *c, message_buffer to) {
    int status;
    if ((status = check_shape(a->dtype, a->order, a->rows, a->columns, to)) ||
        (status = check_stride("dy_stride", a->dy_stride, a->columns, to)) ||
        (status = check_stride(c->names->x_stride, a->x_stride, a->columns, to)) ||
        (c->gated && (status = check_stride("up_stride", a->up_stride, a->columns, to))) ||
        (a->dx && (status = check_stride(c->names->dx_stride, a->dx_stride, a->columns, to))) ||
        (a->dup && (status = check_stride("dup_stride", a->dup_stride, a->columns, to))) ||
        (status = check_positive_eps(a->eps, to)) || (status = check_range("accumulate", c->accumulate, 0, 1, to)) ||
        (status = check_part("row_begin", c->begin, "row_end", c->end, a->rows, GATUN_BACKWARD_PIECE_ROWS, to)) ||
        (status = check_gradient("dcoefficients", c->dcoefficients, c->end, a->rows, to))) {
        return status;
    }
    return check_backward_memory(a, c, to);
}

typedef struct {
    const poly_norm_backward_kernel *kernel;
    const poly_norm_backward_arguments *arguments;
    const backward_call *call;
    double *slab_sums; /* NULL for none */
    long long slabs, first_slab, rows_per_task;
    long long row; /* a long one */
    poly_norm_gradient_sums *sums;
    poly_norm_gradient_factors factors;
} backward_job;

/* The sums of a slab, 0 before its first row. */
static double *begin_slab(const backward_job *job, long long slab) {
    if (!job->slab_sums) {
        return 0;
    }
    const poly_norm_backward_arguments *a = job->arguments;
    double *sums = job->slab_sums + slab * (a->order + 1);
    if (first_row_of_slab(a->rows, job->slabs, slab) >= job->call->begin) {
        memset(sums, 0, (size_t)(a->order + 1) * sizeof *sums);
    }
    return sums;
}

static void slab_task(void *argument, long long index) {
    const backward_job *job = argument;
    const long long slab = job->first_slab + index, rows = job->arguments->rows;
    const long long first = first_row_of_slab(rows, job->slabs, slab);
    const long long last = first_row_of_slab(rows, job->slabs, slab + 1);
    double *sums = begin_slab(job, slab);
    const long long begin = first > job->call->begin ? first : job->call->begin;
    if (begin < least(last, job->call->end)) {
        job->kernel->rows(job->arguments, begin, least(last, job->call->end), sums);
    }
}

static void gradient_rows_task(void *argument, long long index) {
    const backward_job *job = argument;
    const long long begin = job->call->begin + index * job->rows_per_task;
    job->kernel->rows(job->arguments, begin, least(begin + job->rows_per_task, job->call->end), 0);
}

static void gradient_sums_task(void *argument, long long index) {
    const backward_job *job = argument;
    const long long begin = index * POLY_NORM_SEGMENT;
    job->sums[index] =
        job->kernel->sums(job->arguments, job->row, begin, least(begin + POLY_NORM_SEGMENT, job->arguments->columns));
}

static void gradient_apply_task(void *argument, long long index) {
    const backward_job *job = argument;
    const long long begin = index * POLY_NORM_SEGMENT;
    job->kernel->apply(job->arguments, job->row, begin, least(begin + POLY_NORM_SEGMENT, job->arguments->columns),
                       &job->factors);
}

static void share_long_gradient_row(gatun_pool *pool, backward_job *job, double *slab_sums) {
    const poly_norm_backward_arguments *a = job->arguments;
    const long long segments = segments_of(a->columns);
    gatun_pool_run(pool, segments, gradient_sums_task, job);
    poly_norm_gradient_sums sums = {{0}, {0}};
    for (long long s = 0; s < segments; s++) {
        for (int p = 0; p <= GATUN_POLY_NORM_MAX_ORDER; p++) {
            sums.gradient[p] += job->sums[s].gradient[p];
        }
        for (int p = 0; p < GATUN_POLY_NORM_MAX_ORDER; p++) {
            sums.power[p] += job->sums[s].power[p];
        }
    }
    job->factors = job->kernel->factors(a, job->row, &sums);
    if (job->factors.exact) {
        poly_norm_backward_exact(a, job->row, slab_sums);
        return;
    }
    for (int p = 0; slab_sums && p <= a->order; p++) {
        slab_sums[p] += job->factors.share[p];
    }
    if (a->dx || a->dup) {
        gatun_pool_run(pool, segments, gradient_apply_task, job);
    }
}

static void visit_rows(const gatun_context *context, backward_job *job) {
    const poly_norm_backward_arguments *a = job->arguments;
    const long long begin = job->call->begin, end = job->call->end;
    const long long row_bytes = a->columns * element_bytes(a->dtype) * (job->call->gated ? 5 : 3);
    job->first_slab = slab_of_row(a->rows, job->slabs, begin);
    if (context->pool && a->columns > LONG_ROW) {
        double *sums = 0;
        long long slab = job->first_slab - 1;
        for (job->row = begin; job->row < end; job->row++) {
            const long long own = slab_of_row(a->rows, job->slabs, job->row);
            if (own != slab) {
                slab = own;
                sums = begin_slab(job, slab);
            }
            share_long_gradient_row(context->pool, job, sums);
        }
    } else if (job->slab_sums) {
        const long long last_slab = slab_of_row(a->rows, job->slabs, end - 1);
        gatun_pool *pool = (end - begin) * row_bytes >= SHARED_BYTES ? context->pool : 0;
        gatun_pool_run(pool, last_slab - job->first_slab + 1, slab_task, job);
    } else {
        job->rows_per_task = rows_of_task(context->pool, end - begin, row_bytes);
        gatun_pool_run(context->pool, tasks_of_rows(end - begin, job->rows_per_task), gradient_rows_task, job);
    }
}

static int run_backward(const gatun_context *context, const poly_norm_backward_kernel *kernel,
                        poly_norm_backward_arguments *a, const backward_call *c, message_buffer to) {
    int status = check_backward(a, c, to);
    if (status) {
        return status;
    }
    const long long width = a->columns * element_bytes(a->dtype);
    const long long bytes = a->rows * width * (c->gated ? 5 : 3);
    a->prefetch = bytes > context->last_level_cache / 4;
    a->stream = bytes > context->last_level_cache / 2 && a->dx && !a->dup && a->dx != a->dy && a->dx != a->x &&
                a->dx != a->up && width >= STREAMED_ROW_BYTES;
    backward_job job = {.kernel = kernel,
                        .arguments = a,
                        .call = c,
                        .slab_sums = c->scratch,
                        .slabs = slabs_of_rows(a->rows),
                        .sums = (void *)((char *)c->scratch + (c->scratch ? slab_sums_bytes(a->order, a->rows) : 0))};
    if (c->begin < c->end && (a->dx || a->dup || c->scratch)) {
        visit_rows(context, &job);
    }
    for (int p = 0; c->dcoefficients && p <= a->order; p++) {
        double sum = 0;
        for (long long slab = 0; slab < job.slabs; slab++) {
            sum += job.slab_sums[slab * (a->order + 1) + p];
        }
        put_gradient(&c->dcoefficients[p], sum, c->accumulate);
    }
    return GATUN_OK;
}

static int backward_scratch(const gatun_context *context, int order, long long rows, long long columns,
                            long long *scratch_bytes) {
    const message_buffer nowhere = {0, 0};
    if (!context || !scratch_bytes || check_shape(GATUN_F32, order, rows, columns, nowhere)) {
        return GATUN_INVALID_ARGUMENT;
    }
    *scratch_bytes = backward_scratch_bytes(order, rows, columns);
    return GATUN_OK;
}

int gatun_poly_norm_backward_scratch(const gatun_context *context, int order, long long rows, long long columns,
                                     long long *scratch_bytes) {
    return backward_scratch(context, order, rows, columns, scratch_bytes);
}

int gatun_poly_norm_mul_backward_scratch(const gatun_context *context, int order, long long rows, long long columns,
                                         long long *scratch_bytes) {
    return backward_scratch(context, order, rows, columns, scratch_bytes);
}

int gatun_poly_norm_backward(gatun_context *context, int dtype, int order, long long rows, long long columns,
                             const void *dy, long long dy_stride, const void *x, long long x_stride,
                             const float *coefficients, float eps, const float *rho, void *dx, long long dx_stride,
                             float *dcoefficients, int accumulate, long long row_begin, long long row_end,
                             void *scratch, long long scratch_bytes, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    poly_norm_backward_arguments a = {.dtype = dtype,
                                      .order = order,
                                      .rows = rows,
                                      .columns = columns,
                                      .dy = dy,
                                      .dy_stride = dy_stride,
                                      .x = x,
                                      .x_stride = x_stride,
                                      .coefficients = coefficients,
                                      .eps = eps,
                                      .rho = rho,
                                      .dx = dx,
                                      .dx_stride = dx_stride};
    const backward_call c = {&plain_backward, false,   dcoefficients, accumulate,
                             row_begin,       row_end, scratch,       scratch_bytes};
    int status = check_context(context, to);
    return status ? status : run_backward(context, context->kernels.poly_norm_backward, &a, &c, to);
}

int gatun_poly_norm_mul_backward(gatun_context *context, int dtype, int order, long long rows, long long columns,
                                 const void *dy, long long dy_stride, const void *gate, long long gate_stride,
                                 const void *up, long long up_stride, const float *coefficients, float eps,
                                 const float *rho, void *dgate, long long dgate_stride, void *dup, long long dup_stride,
                                 float *dcoefficients, int accumulate, long long row_begin, long long row_end,
                                 void *scratch, long long scratch_bytes, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    poly_norm_backward_arguments a = {.dtype = dtype,
                                      .order = order,
                                      .rows = rows,
                                      .columns = columns,
                                      .dy = dy,
                                      .dy_stride = dy_stride,
                                      .x = gate,
                                      .x_stride = gate_stride,
                                      .up = up,
                                      .up_stride = up_stride,
                                      .coefficients = coefficients,
                                      .eps = eps,
                                      .rho = rho,
                                      .dx = dgate,
                                      .dx_stride = dgate_stride,
                                      .dup = dup,
                                      .dup_stride = dup_stride};
    const backward_call c = {&gated_backward, true,    dcoefficients, accumulate,
                             row_begin,       row_end, scratch,       scratch_bytes};
    int status = check_context(context, to);
    return status ? status : run_backward(context, context->kernels.poly_norm_mul_backward, &a, &c, to);
}
