/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of the backward passes over rows: argument checks, and the split of the work over threads. */
#include "../core/context.h"
#include "backward_slabs.h"
#include "norm_checks.h"
#include "norm_kernels.h"

/* Memory traffic below which waking a thread costs more than it brings, and the traffic of one task. */
#define SHARED_BYTES (256LL << 10)
#define TASK_BYTES (128LL << 10)

/* Columns of the parameter gradients that one task sums over the slabs. */
#define TASK_COLUMNS 512

#define SCRATCH_ALIGNMENT 64
#define FLOATS_OF_LINE (SCRATCH_ALIGNMENT / 4)

/* What an operation calls its arguments. */
typedef struct {
    const char *dy, *dy_stride, *x[2], *x_stride[2], *gamma[2], *mean[2], *mean_low[2], *rstd[2];
    const char *gradient[BACKWARD_GRADIENTS];
} argument_names;

/* A call: the arguments of the kernel, and what it does not see. */
typedef struct {
    const row_norm_backward_kernel *kernel;
    row_norm_backward_arguments arguments;
    const argument_names *names;
    int norms;
    long long row_begin, row_end;
    void *scratch;
    long long scratch_bytes;
    message_buffer to;
} backward_call;

static bool wants_gradients(const row_norm_backward_arguments *a) {
    for (int g = 0; g < a->gradients; g++) {
        if (a->gradient[g]) {
            return true;
        }
    }
    return false;
}

static bool scratch_bytes_of(long long rows, long long columns, int gradients, long long *bytes) {
    const long long slabs = slabs_of_rows(rows), arrays = slabs * levels_of_sums(rows, slabs) * gradients;
    const long long lines = columns / FLOATS_OF_LINE + (columns % FLOATS_OF_LINE != 0);
    return !__builtin_mul_overflow(lines, arrays * SCRATCH_ALIGNMENT, bytes);
}

static int check_strides(const backward_call *c) {
    const row_norm_backward_arguments *a = &c->arguments;
    int status = check_stride(c->names->dy_stride, a->dy_stride, a->columns, c->to);
    for (int i = 0; i < c->norms && !status; i++) {
        status = check_stride(c->names->x_stride[i], a->norm[i].x_stride, a->columns, c->to);
    }
    if (!status && a->dh_in) {
        status = check_stride("dh_in_stride", a->dh_in_stride, a->columns, c->to);
    }
    if (!status && a->dx) {
        status = check_stride("dx_stride", a->dx_stride, a->columns, c->to);
    }
    if (!status && a->dresidual) {
        status = check_stride("dresidual_stride", a->dresidual_stride, a->columns, c->to);
    }
    return status;
}

static int check_rows_of_call(const backward_call *c) {
    const long long rows = c->arguments.rows, begin = c->row_begin, end = c->row_end;
    if (begin < 0 || begin > rows || (begin % GATUN_BACKWARD_PIECE_ROWS != 0 && begin != rows)) {
        return REJECT(c->to, "row_begin: expected 0 to the %lld rows, a multiple of %d or their end, but it is %lld",
                      rows, GATUN_BACKWARD_PIECE_ROWS, begin);
    }
    if (end < begin || end > rows || (end % GATUN_BACKWARD_PIECE_ROWS != 0 && end != rows)) {
        return REJECT(c->to,
                      "row_end: expected row_begin %lld to the %lld rows, a multiple of %d or their end, but it "
                      "is %lld",
                      begin, rows, GATUN_BACKWARD_PIECE_ROWS, end);
    }
    for (int g = 0; g < c->arguments.gradients; g++) {
        if (c->arguments.gradient[g] && end < rows) {
            return REJECT(c->to, "%s: expected NULL in a call that ends with row %lld of %lld, before the last one",
                          c->names->gradient[g], end, rows);
        }
    }
    return GATUN_OK;
}

/* The statistics of a norm are all there, but perhaps mean_low, or none is. */
static int check_statistics(const backward_call *c, int norm) {
    const backward_norm *n = &c->arguments.norm[norm];
    const argument_names *names = c->names;
    if (!c->arguments.centered) {
        if (n->mean || n->mean_low) {
            return REJECT(c->to, "%s: expected NULL for RMSNorm, but it is %p",
                          n->mean ? names->mean[norm] : names->mean_low[norm],
                          (const void *)(n->mean ? n->mean : n->mean_low));
        }
        return GATUN_OK;
    }
    if (n->rstd && !n->mean) {
        return REJECT(c->to, "%s: expected together with %s, but it is NULL", names->mean[norm], names->rstd[norm]);
    }
    if (n->mean && !n->rstd) {
        return REJECT(c->to, "%s: expected together with %s, but it is NULL", names->rstd[norm], names->mean[norm]);
    }
    if (n->mean_low && !n->mean) {
        return REJECT(c->to, "%s: expected NULL without %s, but it is %p", names->mean_low[norm], names->mean[norm],
                      (const void *)n->mean_low);
    }
    return GATUN_OK;
}

static int add_inputs(const backward_call *c, extents *operands) {
    const row_norm_backward_arguments *a = &c->arguments;
    const argument_names *names = c->names;
    const long long bytes = element_bytes(a->dtype), parameter_bytes = element_bytes(a->parameter_dtype);
    const long long rows = a->rows, columns = a->columns;
    const bool touched = c->row_begin < c->row_end;
    const message_buffer to = c->to;
    int status;
    if (rows > 0 &&
        ((status = add_operand(operands, names->dy, a->dy, touched, rows, columns, a->dy_stride, bytes, to)) ||
         (status = add_operand(operands, "dh_in", a->dh_in, false, rows, columns, a->dh_in_stride, bytes, to)))) {
        return status;
    }
    if ((status = add_operand(operands, "bias", a->bias, false, 1, columns, columns, parameter_bytes, to))) {
        return status;
    }
    for (int i = 0; i < c->norms; i++) {
        const backward_norm *n = &a->norm[i];
        if ((status =
                 add_operand(operands, names->gamma[i], n->gamma, false, 1, columns, columns, parameter_bytes, to))) {
            return status;
        }
        if (rows > 0 &&
            ((status = add_operand(operands, names->x[i], n->x, touched, rows, columns, n->x_stride, bytes, to)) ||
             (status = add_operand(operands, names->mean[i], n->mean, false, 1, rows, rows, 4, to)) ||
             (status = add_operand(operands, names->mean_low[i], n->mean_low, false, 1, rows, rows, 4, to)) ||
             (status = add_operand(operands, names->rstd[i], n->rstd, false, 1, rows, rows, 4, to)))) {
            return status;
        }
    }
    return GATUN_OK;
}

static int add_outputs(const backward_call *c, extents *operands) {
    const row_norm_backward_arguments *a = &c->arguments;
    const long long bytes = element_bytes(a->dtype), rows = a->rows, columns = a->columns;
    int status;
    if (rows > 0 && ((status = add_operand(operands, "dx", a->dx, false, rows, columns, a->dx_stride, bytes, c->to)) ||
                     (status = add_operand(operands, "dresidual", a->dresidual, false, rows, columns,
                                           a->dresidual_stride, bytes, c->to)))) {
        return status;
    }
    for (int g = 0; g < a->gradients; g++) {
        if ((status =
                 add_operand(operands, c->names->gradient[g], a->gradient[g], false, 1, columns, columns, 4, c->to))) {
            return status;
        }
    }
    long long needed;
    if (!scratch_bytes_of(rows, columns, a->gradients, &needed)) {
        return REJECT(c->to, "columns: the parameter gradients of %lld are more than memory can hold", columns);
    }
    const bool keeps_sums = c->scratch || wants_gradients(a);
    return add_scratch(operands, c->scratch, c->scratch_bytes, keeps_sums ? needed : 0, SCRATCH_ALIGNMENT, c->to);
}

/* dx and dresidual may take the place of dy or dh_in: element by element they are read before they are written. */
static bool may_alias(const backward_call *c, const extent *output, const extent *input) {
    const row_norm_backward_arguments *a = &c->arguments;
    const uintptr_t at = output->begin, dx = (uintptr_t)a->dx, dresidual = (uintptr_t)a->dresidual;
    if (at != input->begin || (at != dx && at != dresidual)) {
        return false;
    }
    const long long stride = at == dx ? a->dx_stride : a->dresidual_stride;
    return (at == (uintptr_t)a->dy && stride == a->dy_stride) ||
           (at == (uintptr_t)a->dh_in && stride == a->dh_in_stride);
}

static int check_memory(const backward_call *c) {
    extents operands;
    operands.count = 0;
    int status = add_inputs(c, &operands);
    const int inputs = operands.count;
    if (status || (status = add_outputs(c, &operands))) {
        return status;
    }
    for (int output = inputs; output < operands.count; output++) {
        const extent *o = &operands.all[output];
        for (int other = 0; other < output; other++) {
            const extent *e = &operands.all[other];
            if (o->begin < e->end && e->begin < o->end && (other >= inputs || !may_alias(c, o, e))) {
                return REJECT(c->to, "%s: overlaps %s", o->name, e->name);
            }
        }
    }
    return GATUN_OK;
}

static int check_call(const backward_call *c) {
    const row_norm_backward_arguments *a = &c->arguments;
    int status;
    if ((status = check_sizes(a->rows, a->columns, c->to)) ||
        (status = check_dtypes(a->dtype, a->parameter_dtype, c->to)) ||
        (status = check_statistics_columns(a->statistics_columns, a->columns, c->to)) ||
        (status = check_finite("alpha", a->alpha, c->to)) ||
        (status = check_finite("weight_offset", a->weight_offset, c->to)) ||
        (status = check_eps(a->eps, a->eps_mode, c->to)) || (status = check_strides(c)) ||
        (status = check_rows_of_call(c))) {
        return status;
    }
    for (int i = 0; i < c->norms; i++) {
        if ((status = check_statistics(c, i))) {
            return status;
        }
    }
    return check_memory(c);
}

/* What the tasks of a job share. */
typedef struct {
    const backward_call *call;
    long long first, rows; /* the first slab, and the rows of a task where there are no slabs */
} backward_job;

static long long least(long long a, long long b) {
    return a < b ? a : b;
}
static long long greatest(long long a, long long b) {
    return a > b ? a : b;
}

static void slab_task(void *argument, long long index) {
    const backward_job *job = argument;
    const row_norm_backward_arguments *a = &job->call->arguments;
    const long long slab = job->first + index;
    job->call->kernel->rows(a, greatest(job->call->row_begin, first_row_of_slab(a->rows, a->slabs, slab)),
                            least(job->call->row_end, first_row_of_slab(a->rows, a->slabs, slab + 1)));
}

static void rows_task(void *argument, long long index) {
    const backward_job *job = argument;
    const long long begin = job->call->row_begin + index * job->rows;
    job->call->kernel->rows(&job->call->arguments, begin, least(begin + job->rows, job->call->row_end));
}

static void sums_task(void *argument, long long index) {
    const backward_job *job = argument;
    const row_norm_backward_arguments *a = &job->call->arguments;
    const long long begin = index * TASK_COLUMNS;
    job->call->kernel->sum_slabs(a, begin, least(begin + TASK_COLUMNS, a->columns));
}

/* The sums over rows that this call keeps: those that are wanted, where it is a whole pass; else all, since calls that
 * continue it may want any. */
static void choose_sums(backward_call *c) {
    row_norm_backward_arguments *a = &c->arguments;
    const bool kept = a->rows > 0 && c->scratch;
    const bool whole = c->row_begin == 0 && c->row_end == a->rows && wants_gradients(a);
    a->slabs = slabs_of_rows(a->rows);
    a->levels = levels_of_sums(a->rows, a->slabs);
    a->partial_stride = (a->columns / FLOATS_OF_LINE + (a->columns % FLOATS_OF_LINE != 0)) * FLOATS_OF_LINE;
    a->partial = kept ? c->scratch : 0;
    for (int g = 0; g < a->gradients; g++) {
        /* The first comes with any of the others: a loop without it would save little. */
        a->summed[g] = kept && (!whole || g == 0 || a->gradient[g]);
    }
}

/* Whether an output takes the place of an input, whose lines are in the caches already. */
static bool in_place(const row_norm_backward_arguments *a) {
    return (a->dx && (a->dx == a->dy || a->dx == a->dh_in)) ||
           (a->dresidual && (a->dresidual == a->dy || a->dresidual == a->dh_in));
}

static void visit_rows(gatun_pool *pool, backward_call *c) {
    row_norm_backward_arguments *a = &c->arguments;
    backward_job job = {.call = c};
    if (!pool) {
        c->kernel->rows(a, c->row_begin, c->row_end);
    } else if (a->partial) {
        job.first = slab_of_row(a->rows, a->slabs, c->row_begin);
        gatun_pool_run(pool, slab_of_row(a->rows, a->slabs, c->row_end - 1) - job.first + 1, slab_task, &job);
    } else {
        const long long piece_bytes = 3 * a->columns * element_bytes(a->dtype) * GATUN_BACKWARD_PIECE_ROWS;
        job.rows = greatest(TASK_BYTES / piece_bytes, 1) * GATUN_BACKWARD_PIECE_ROWS;
        gatun_pool_run(pool, (c->row_end - c->row_begin + job.rows - 1) / job.rows, rows_task, &job);
    }
}

static int run_backward(const gatun_context *context, backward_call *c) {
    int status = check_call(c);
    if (status) {
        return status;
    }
    row_norm_backward_arguments *a = &c->arguments;
    const bool wanted = wants_gradients(a);
    choose_sums(c);
    const long long tensor_bytes = a->rows * a->columns * element_bytes(a->dtype);
    const int outputs = (a->dx != 0) + (a->dresidual != 0);
    const int tensors = 1 + c->norms + (a->dh_in != 0) + outputs;
    /* As in the forward pass: neighbours use the last-level cache too. */
    a->stream = tensor_bytes * tensors > context->last_level_cache / 2 && outputs > 0 && !in_place(a);
    gatun_pool *pool = (c->row_end - c->row_begin) * a->columns * element_bytes(a->dtype) * tensors >= SHARED_BYTES
                           ? context->pool
                           : 0;
    if (c->row_begin < c->row_end && (outputs > 0 || a->partial)) {
        visit_rows(pool, c);
    }
    if (wanted) {
        backward_job job = {.call = c};
        const bool shared = a->slabs * a->columns * 4 >= SHARED_BYTES;
        gatun_pool_run(shared ? context->pool : 0, (a->columns + TASK_COLUMNS - 1) / TASK_COLUMNS, sums_task, &job);
    }
    return GATUN_OK;
}

static const argument_names norm_names = {.dy = "dy",
                                          .dy_stride = "dy_stride",
                                          .x = {"x"},
                                          .x_stride = {"x_stride"},
                                          .gamma = {"gamma"},
                                          .mean = {"mean"},
                                          .mean_low = {"mean_low"},
                                          .rstd = {"rstd"},
                                          .gradient = {"dgamma", "dbeta"}};

int gatun_layer_norm_backward(gatun_context *context, int dtype, int parameter_dtype, long long rows, long long columns,
                              const void *dy, long long dy_stride, const void *x, long long x_stride, const void *gamma,
                              float weight_offset, float eps, int eps_mode, const float *mean, const float *mean_low,
                              const float *rstd, void *dx, long long dx_stride, float *dgamma, float *dbeta,
                              long long row_begin, long long row_end, void *scratch, long long scratch_bytes,
                              char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    backward_call c = {.kernel = context->kernels.layer_norm_backward,
                       .arguments = {.dtype = dtype,
                                     .parameter_dtype = parameter_dtype,
                                     .centered = true,
                                     .rows = rows,
                                     .columns = columns,
                                     .statistics_columns = columns,
                                     .dy = dy,
                                     .dy_stride = dy_stride,
                                     .norm = {{x, x_stride, gamma, mean, mean_low, rstd}},
                                     .weight_offset = weight_offset,
                                     .eps = eps,
                                     .eps_mode = eps_mode,
                                     .dx = dx,
                                     .dx_stride = dx_stride,
                                     .gradient = {dgamma, dbeta},
                                     .gradients = 2},
                       .names = &norm_names,
                       .norms = 1,
                       .row_begin = row_begin,
                       .row_end = row_end,
                       .scratch = scratch,
                       .scratch_bytes = scratch_bytes,
                       .to = to};
    return run_backward(context, &c);
}

int gatun_rms_norm_backward(gatun_context *context, int dtype, int parameter_dtype, long long rows, long long columns,
                            long long statistics_columns, const void *dy, long long dy_stride, const void *x,
                            long long x_stride, const void *gamma, float weight_offset, float eps, int eps_mode,
                            const float *rstd, void *dx, long long dx_stride, float *dgamma, float *dbeta,
                            long long row_begin, long long row_end, void *scratch, long long scratch_bytes,
                            char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    backward_call c = {.kernel = context->kernels.rms_norm_backward,
                       .arguments = {.dtype = dtype,
                                     .parameter_dtype = parameter_dtype,
                                     .rows = rows,
                                     .columns = columns,
                                     .statistics_columns = statistics_columns,
                                     .dy = dy,
                                     .dy_stride = dy_stride,
                                     .norm = {{x, x_stride, gamma, 0, 0, rstd}},
                                     .weight_offset = weight_offset,
                                     .eps = eps,
                                     .eps_mode = eps_mode,
                                     .dx = dx,
                                     .dx_stride = dx_stride,
                                     .gradient = {dgamma, dbeta},
                                     .gradients = 2},
                       .names = &norm_names,
                       .norms = 1,
                       .row_begin = row_begin,
                       .row_end = row_end,
                       .scratch = scratch,
                       .scratch_bytes = scratch_bytes,
                       .to = to};
    return run_backward(context, &c);
}

/* Of the operations that contain a norm of either kind. */
static int check_norm(int norm, message_buffer to) {
    if (norm != GATUN_LAYER_NORM && norm != GATUN_RMS_NORM) {
        return REJECT(to, "norm: expected a gatun_norm_kind, but it is %d", norm);
    }
    return GATUN_OK;
}

static const argument_names residual_add_norm_names = {.dy = "dy",
                                                       .dy_stride = "dy_stride",
                                                       .x = {"h"},
                                                       .x_stride = {"h_stride"},
                                                       .gamma = {"gamma"},
                                                       .mean = {"mean"},
                                                       .mean_low = {"mean_low"},
                                                       .rstd = {"rstd"},
                                                       .gradient = {"dgamma", "dbeta", "dbias"}};

int gatun_residual_add_norm_backward(gatun_context *context, int norm, int dtype, int parameter_dtype, long long rows,
                                     long long columns, const void *dy, long long dy_stride, const void *dh_in,
                                     long long dh_in_stride, const void *h, long long h_stride, float alpha,
                                     const void *gamma, float weight_offset, float eps, int eps_mode, const float *mean,
                                     const float *mean_low, const float *rstd, void *dx, long long dx_stride,
                                     void *dresidual, long long dresidual_stride, float *dgamma, float *dbeta,
                                     float *dbias, long long row_begin, long long row_end, void *scratch,
                                     long long scratch_bytes, char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    backward_call c = {.kernel = context->kernels.residual_add_norm_backward,
                       .arguments = {.dtype = dtype,
                                     .parameter_dtype = parameter_dtype,
                                     .centered = norm == GATUN_LAYER_NORM,
                                     .rows = rows,
                                     .columns = columns,
                                     .statistics_columns = columns,
                                     .dy = dy,
                                     .dy_stride = dy_stride,
                                     .dh_in = dh_in,
                                     .dh_in_stride = dh_in_stride,
                                     .norm = {{h, h_stride, gamma, mean, mean_low, rstd}},
                                     .alpha = alpha,
                                     .weight_offset = weight_offset,
                                     .eps = eps,
                                     .eps_mode = eps_mode,
                                     .dx = dx,
                                     .dx_stride = dx_stride,
                                     .dresidual = dresidual,
                                     .dresidual_stride = dresidual_stride,
                                     .gradient = {dgamma, dbeta, dbias},
                                     .gradients = 3},
                       .names = &residual_add_norm_names,
                       .norms = 1,
                       .row_begin = row_begin,
                       .row_end = row_end,
                       .scratch = scratch,
                       .scratch_bytes = scratch_bytes,
                       .to = to};
    int status = check_norm(norm, to);
    return status ? status : run_backward(context, &c);
}

static const argument_names norm_residual_add_names = {.dy = "dh",
                                                       .dy_stride = "dh_stride",
                                                       .x = {"x"},
                                                       .x_stride = {"x_stride"},
                                                       .gamma = {"gamma"},
                                                       .mean = {"mean"},
                                                       .mean_low = {"mean_low"},
                                                       .rstd = {"rstd"},
                                                       .gradient = {"dgamma", "dbeta", "dbias"}};

int gatun_norm_residual_add_backward(gatun_context *context, int norm, int dtype, int parameter_dtype, long long rows,
                                     long long columns, const void *dh, long long dh_stride, const void *x,
                                     long long x_stride, const void *bias, float alpha, const void *gamma,
                                     float weight_offset, float eps, int eps_mode, const float *mean,
                                     const float *mean_low, const float *rstd, void *dx, long long dx_stride,
                                     void *dresidual, long long dresidual_stride, float *dgamma, float *dbeta,
                                     float *dbias, long long row_begin, long long row_end, void *scratch,
                                     long long scratch_bytes, char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    backward_call c = {.kernel = context->kernels.norm_residual_add_backward,
                       .arguments = {.dtype = dtype,
                                     .parameter_dtype = parameter_dtype,
                                     .centered = norm == GATUN_LAYER_NORM,
                                     .rows = rows,
                                     .columns = columns,
                                     .statistics_columns = columns,
                                     .dy = dh,
                                     .dy_stride = dh_stride,
                                     .norm = {{x, x_stride, gamma, mean, mean_low, rstd}},
                                     .bias = bias,
                                     .alpha = alpha,
                                     .weight_offset = weight_offset,
                                     .eps = eps,
                                     .eps_mode = eps_mode,
                                     .dx = dx,
                                     .dx_stride = dx_stride,
                                     .dresidual = dresidual,
                                     .dresidual_stride = dresidual_stride,
                                     .residual_of_dy = true,
                                     .gradient = {dgamma, dbeta, dbias},
                                     .gradients = 3},
                       .names = &norm_residual_add_names,
                       .norms = 1,
                       .row_begin = row_begin,
                       .row_end = row_end,
                       .scratch = scratch,
                       .scratch_bytes = scratch_bytes,
                       .to = to};
    int status = check_norm(norm, to);
    return status ? status : run_backward(context, &c);
}

static const argument_names norm_add_norm_names = {.dy = "dy",
                                                   .dy_stride = "dy_stride",
                                                   .x = {"h", "x"},
                                                   .x_stride = {"h_stride", "x_stride"},
                                                   .gamma = {"gamma2", "gamma1"},
                                                   .mean = {"mean2", "mean1"},
                                                   .mean_low = {"mean_low2", "mean_low1"},
                                                   .rstd = {"rstd2", "rstd1"},
                                                   .gradient = {"dgamma2", "dbeta2", "dgamma1", "dbeta1"}};

int gatun_norm_add_norm_backward(gatun_context *context, int norm, int dtype, int parameter_dtype, long long rows,
                                 long long columns, const void *dy, long long dy_stride, const void *dh_in,
                                 long long dh_in_stride, const void *x, long long x_stride, const void *h,
                                 long long h_stride, float alpha, const void *gamma1, const void *gamma2,
                                 float weight_offset, float eps, int eps_mode, const float *mean1,
                                 const float *mean_low1, const float *rstd1, const float *mean2, const float *mean_low2,
                                 const float *rstd2, void *dx, long long dx_stride, void *dresidual,
                                 long long dresidual_stride, float *dgamma1, float *dbeta1, float *dgamma2,
                                 float *dbeta2, long long row_begin, long long row_end, void *scratch,
                                 long long scratch_bytes, char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    backward_call c = {.kernel = context->kernels.norm_add_norm_backward,
                       .arguments = {.dtype = dtype,
                                     .parameter_dtype = parameter_dtype,
                                     .centered = norm == GATUN_LAYER_NORM,
                                     .rows = rows,
                                     .columns = columns,
                                     .statistics_columns = columns,
                                     .dy = dy,
                                     .dy_stride = dy_stride,
                                     .dh_in = dh_in,
                                     .dh_in_stride = dh_in_stride,
                                     .norm = {{h, h_stride, gamma2, mean2, mean_low2, rstd2},
                                              {x, x_stride, gamma1, mean1, mean_low1, rstd1}},
                                     .alpha = alpha,
                                     .weight_offset = weight_offset,
                                     .eps = eps,
                                     .eps_mode = eps_mode,
                                     .dx = dx,
                                     .dx_stride = dx_stride,
                                     .dresidual = dresidual,
                                     .dresidual_stride = dresidual_stride,
                                     .gradient = {dgamma2, dbeta2, dgamma1, dbeta1},
                                     .gradients = 4},
                       .names = &norm_add_norm_names,
                       .norms = 2,
                       .row_begin = row_begin,
                       .row_end = row_end,
                       .scratch = scratch,
                       .scratch_bytes = scratch_bytes,
                       .to = to};
    int status = check_norm(norm, to);
    return status ? status : run_backward(context, &c);
}

static int scratch_query(const gatun_context *context, long long rows, long long columns, int gradients,
                         long long *scratch_bytes) {
    long long bytes;
    if (!context || rows < 0 || columns < 1 || !scratch_bytes || !scratch_bytes_of(rows, columns, gradients, &bytes)) {
        return GATUN_INVALID_ARGUMENT;
    }
    *scratch_bytes = bytes;
    return GATUN_OK;
}

int gatun_layer_norm_backward_scratch(const gatun_context *context, long long rows, long long columns,
                                      long long *scratch_bytes) {
    return scratch_query(context, rows, columns, 2, scratch_bytes);
}

int gatun_rms_norm_backward_scratch(const gatun_context *context, long long rows, long long columns,
                                    long long *scratch_bytes) {
    return scratch_query(context, rows, columns, 2, scratch_bytes);
}

int gatun_residual_add_norm_backward_scratch(const gatun_context *context, long long rows, long long columns,
                                             long long *scratch_bytes) {
    return scratch_query(context, rows, columns, 3, scratch_bytes);
}

int gatun_norm_residual_add_backward_scratch(const gatun_context *context, long long rows, long long columns,
                                             long long *scratch_bytes) {
    return scratch_query(context, rows, columns, 3, scratch_bytes);
}

int gatun_norm_add_norm_backward_scratch(const gatun_context *context, long long rows, long long columns,
                                         long long *scratch_bytes) {
    return scratch_query(context, rows, columns, 4, scratch_bytes);
}
