/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of the group rational activation: argument checks, and the split of the work over threads. */
#include <limits.h>

#include "../norm/backward_slabs.h"
#include "activation_kernels.h"
#include "activation_tasks.h"

/* Rows shorter than this are not written past the caches: most of their lines have neighbours in other rows. */
#define STREAMED_ROW_BYTES 1024

static int check_groups(const char *name, long long given, long long groups, message_buffer to) {
    if (given != 1 && given != groups) {
        return REJECT(to, "%s: expected 1 or the %lld groups, but it is %lld", name, groups, given);
    }
    return GATUN_OK;
}

static int check_shape(const rational_arguments *a, message_buffer to) {
    long long elements;
    int status;
    if ((status = check_elements(a->rows, a->columns, &elements, to)) ||
        (status = check_dtypes(a->dtype, a->dtype, to)) ||
        (status = check_range("numerator_degree", a->numerator_degree, 1, GATUN_POLYNOMIAL_MAX_ORDER, to)) ||
        (status = check_range("denominator_degree", a->denominator_degree, 1, GATUN_POLYNOMIAL_MAX_ORDER, to)) ||
        (status = check_range("groups", a->groups, 1, a->columns, to))) {
        return status;
    }
    if (a->columns % a->groups != 0) {
        return REJECT(to, "groups: expected a divisor of the %lld columns, but it is %lld", a->columns, a->groups);
    }
    return GATUN_OK;
}

static int check_common(rational_arguments *a, long long numerator_groups, long long denominator_groups,
                        message_buffer to) {
    int status;
    if ((status = check_shape(a, to)) ||
        (status = check_range("denominator_form", a->form, GATUN_DENOMINATOR_TERMS, GATUN_DENOMINATOR_SUM, to)) ||
        (status = check_groups("numerator_groups", numerator_groups, a->groups, to)) ||
        (status = check_groups("denominator_groups", denominator_groups, a->groups, to)) ||
        (status = check_stride("x_stride", a->x_stride, a->columns, to))) {
        return status;
    }
    a->numerator_shared = numerator_groups == 1;
    a->denominator_shared = denominator_groups == 1;
    return GATUN_OK;
}

static long long numerators_of(const rational_arguments *a) {
    return (a->numerator_degree + 1) * (a->numerator_shared ? 1 : a->groups);
}
static long long denominators_of(const rational_arguments *a) {
    return a->denominator_degree * (a->denominator_shared ? 1 : a->groups);
}

static int add_coefficients(extents *operands, const rational_arguments *a, bool required, message_buffer to) {
    const long long numerators = numerators_of(a), denominators = denominators_of(a);
    int status = add_operand(operands, "numerator", a->numerator, required, 1, numerators, numerators, 4, to);
    return status
               ? status
               : add_operand(operands, "denominator", a->denominator, required, 1, denominators, denominators, 4, to);
}

/* ---- forward ---- */

typedef struct {
    const rational_kernel *kernel;
    const rational_arguments *arguments;
    long long rows_per_task;
} forward_job;

static void rows_task(void *argument, long long index) {
    const forward_job *job = argument;
    const long long begin = index * job->rows_per_task;
    job->kernel->rows(job->arguments, begin, least(begin + job->rows_per_task, job->arguments->rows));
}

int gatun_rational(gatun_context *context, int dtype, int numerator_degree, int denominator_degree,
                   int denominator_form, long long rows, long long columns, long long groups, const void *x,
                   long long x_stride, const float *numerator, long long numerator_groups, const float *denominator,
                   long long denominator_groups, void *y, long long y_stride, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    rational_arguments a = {.dtype = dtype,
                            .numerator_degree = numerator_degree,
                            .denominator_degree = denominator_degree,
                            .form = denominator_form,
                            .rows = rows,
                            .columns = columns,
                            .groups = groups,
                            .x = x,
                            .x_stride = x_stride,
                            .numerator = numerator,
                            .denominator = denominator,
                            .y = y,
                            .y_stride = y_stride};
    int status;
    if ((status = check_context(context, to)) ||
        (status = check_common(&a, numerator_groups, denominator_groups, to)) ||
        (status = check_stride("y_stride", y_stride, columns, to))) {
        return status;
    }
    if (rows == 0) {
        return GATUN_OK;
    }
    const long long bytes = element_bytes(dtype);
    extents operands;
    operands.count = 0;
    static const allowed_alias allowed[] = {{"y", "x"}};
    if ((status = add_operand(&operands, "x", x, true, rows, columns, x_stride, bytes, to)) ||
        (status = add_coefficients(&operands, &a, true, to)) ||
        (status = add_operand(&operands, "y", y, true, rows, columns, y_stride, bytes, to)) ||
        (status = check_overlaps(&operands, 3, allowed, 1, to))) {
        return status;
    }
    const long long row_bytes = 2 * columns * bytes;
    a.prefetch = rows * row_bytes > context->last_level_cache / 4;
    a.stream = rows * row_bytes > context->last_level_cache / 2 && x != y && columns * bytes >= STREAMED_ROW_BYTES;
    if (groups == 1 && x_stride == columns && y_stride == columns) {
        /* One set of coefficients for all: rows of any length will do. */
        const long long elements = rows * columns, longer = elements_of_task(context, elements, rows * row_bytes);
        if (elements % longer == 0) {
            a.rows = elements / longer;
            a.columns = a.x_stride = a.y_stride = longer;
        }
    }
    forward_job job = {context->kernels.rational, &a, rows_of_task(context->pool, a.rows, 2 * a.columns * bytes)};
    gatun_pool_run(context->pool, tasks_of_rows(a.rows, job.rows_per_task), rows_task, &job);
    return GATUN_OK;
}

/* ---- backward ---- */

/* What the kernel does not see. */
typedef struct {
    float *dnumerator, *ddenominator;
    int accumulate;
    long long begin, end;
    void *scratch;
    long long scratch_bytes;
} backward_call;

static long long sums_of_slab(const rational_arguments *a) {
    return a->groups * units_of_group(a) * (a->numerator_degree + 1 + a->denominator_degree);
}

static bool scratch_bytes_of(const rational_arguments *a, long long *bytes) {
    return !__builtin_mul_overflow(sums_of_slab(a), slabs_of_rows(a->rows) * (long long)sizeof(double), bytes);
}

static int check_backward_memory(const rational_arguments *a, const backward_call *c, message_buffer to) {
    const long long bytes = element_bytes(a->dtype), rows = a->rows, columns = a->columns;
    const long long numerators = numerators_of(a), denominators = denominators_of(a);
    const bool touched = c->begin < c->end;
    extents operands;
    operands.count = 0;
    int status;
    if ((rows > 0 && ((status = add_operand(&operands, "dy", a->dy, touched, rows, columns, a->dy_stride, bytes, to)) ||
                      (status = add_operand(&operands, "x", a->x, touched, rows, columns, a->x_stride, bytes, to)))) ||
        (status = add_coefficients(&operands, a, touched || c->ddenominator, to))) {
        return status;
    }
    const int inputs = operands.count;
    long long needed;
    if (!scratch_bytes_of(a, &needed)) {
        return REJECT(to, "groups: the gradients of %lld are more than memory can hold", a->groups);
    }
    const bool summed = c->scratch || c->dnumerator || c->ddenominator;
    if ((rows > 0 && (status = add_operand(&operands, "dx", a->dx, false, rows, columns, a->dx_stride, bytes, to))) ||
        (status = add_operand(&operands, "dnumerator", c->dnumerator, false, 1, numerators, numerators, 4, to)) ||
        (status =
             add_operand(&operands, "ddenominator", c->ddenominator, false, 1, denominators, denominators, 4, to)) ||
        (status = add_scratch(&operands, c->scratch, c->scratch_bytes, summed ? needed : 0, SCRATCH_ALIGNMENT, to))) {
        return status;
    }
    static const allowed_alias allowed[] = {{"dx", "dy"}, {"dx", "x"}};
    return check_overlaps(&operands, inputs, allowed, 2, to);
}

typedef struct {
    const rational_backward_kernel *kernel;
    const rational_arguments *arguments;
    const backward_call *call;
    double *sums; /* NULL for none */
    long long slabs, first_slab, units, units_per_task, tasks_of_slab;
} backward_job;

static void slab_task(void *argument, long long index) {
    const backward_job *job = argument;
    const rational_arguments *a = job->arguments;
    const long long slab = job->first_slab + index / job->tasks_of_slab;
    const long long first_unit = index % job->tasks_of_slab * job->units_per_task;
    const long long last_unit = least(first_unit + job->units_per_task, job->units);
    const long long first = first_row_of_slab(a->rows, job->slabs, slab);
    const long long last = first_row_of_slab(a->rows, job->slabs, slab + 1);
    double *sums = 0;
    if (job->sums) {
        const long long count = a->numerator_degree + 1 + a->denominator_degree;
        sums = job->sums + slab * job->units * count;
        if (first >= job->call->begin) {
            memset(sums + first_unit * count, 0, (size_t)((last_unit - first_unit) * count) * sizeof *sums);
        }
    }
    const long long begin = first > job->call->begin ? first : job->call->begin, end = least(last, job->call->end);
    if (begin < end) {
        job->kernel->rows(a, begin, end, first_unit, last_unit, sums);
    }
}

static void visit_slabs(const gatun_context *context, backward_job *job) {
    const rational_arguments *a = job->arguments;
    const long long begin = job->call->begin, end = job->call->end;
    const long long bytes = (end - begin) * a->columns * element_bytes(a->dtype) * (a->dx ? 3 : 2);
    gatun_pool *pool = bytes >= SHARED_BYTES ? context->pool : 0;
    job->first_slab = slab_of_row(a->rows, job->slabs, begin);
    const long long slabs = slab_of_row(a->rows, job->slabs, end - 1) - job->first_slab + 1;
    const long long wanted = pool ? (long long)context->threads * TASKS_OF_THREAD : 1;
    job->tasks_of_slab = least((wanted + slabs - 1) / slabs, job->units);
    job->units_per_task = tasks_of_rows(job->units, job->tasks_of_slab);
    job->tasks_of_slab = tasks_of_rows(job->units, job->units_per_task);
    gatun_pool_run(pool, slabs * job->tasks_of_slab, slab_task, job);
}

/* The sum over slabs and over the units of a group, or of all, of sum `index` of a unit. */
static double total_of(const backward_job *job, bool shared, long long group, int index) {
    const rational_arguments *a = job->arguments;
    const long long count = a->numerator_degree + 1 + a->denominator_degree, units = units_of_group(a);
    const long long first = shared ? 0 : group * units, last = shared ? job->units : first + units;
    double sum = 0;
    for (long long slab = 0; slab < job->slabs; slab++) {
        for (long long unit = first; unit < last; unit++) {
            sum += job->sums[(slab * job->units + unit) * count + index];
        }
    }
    return sum;
}

static void put_gradients(const backward_job *job) {
    const rational_arguments *a = job->arguments;
    const backward_call *c = job->call;
    const int m = a->numerator_degree, n = a->denominator_degree;
    for (long long group = 0; c->dnumerator && group < (a->numerator_shared ? 1 : a->groups); group++) {
        for (int i = 0; i <= m; i++) {
            put_gradient(&c->dnumerator[group * (m + 1) + i], total_of(job, a->numerator_shared, group, i),
                         c->accumulate);
        }
    }
    for (long long group = 0; c->ddenominator && group < (a->denominator_shared ? 1 : a->groups); group++) {
        for (int j = 0; j < n; j++) {
            const double sum = total_of(job, a->denominator_shared, group, m + 1 + j);
            const bool negative = a->form == GATUN_DENOMINATOR_TERMS && a->denominator[group * n + j] < 0;
            put_gradient(&c->ddenominator[group * n + j], negative ? sum : -sum, c->accumulate);
        }
    }
}

int gatun_rational_backward_scratch(const gatun_context *context, int numerator_degree, int denominator_degree,
                                    long long rows, long long columns, long long groups, long long *scratch_bytes) {
    const message_buffer nowhere = {0, 0};
    const rational_arguments a = {.numerator_degree = numerator_degree,
                                  .denominator_degree = denominator_degree,
                                  .rows = rows,
                                  .columns = columns,
                                  .groups = groups};
    if (!context || !scratch_bytes || check_shape(&a, nowhere) || !scratch_bytes_of(&a, scratch_bytes)) {
        return GATUN_INVALID_ARGUMENT;
    }
    return GATUN_OK;
}

int gatun_rational_backward(gatun_context *context, int dtype, int numerator_degree, int denominator_degree,
                            int denominator_form, long long rows, long long columns, long long groups, const void *dy,
                            long long dy_stride, const void *x, long long x_stride, const float *numerator,
                            long long numerator_groups, const float *denominator, long long denominator_groups,
                            void *dx, long long dx_stride, float *dnumerator, float *ddenominator, int accumulate,
                            long long row_begin, long long row_end, void *scratch, long long scratch_bytes,
                            char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    rational_arguments a = {.dtype = dtype,
                            .numerator_degree = numerator_degree,
                            .denominator_degree = denominator_degree,
                            .form = denominator_form,
                            .rows = rows,
                            .columns = columns,
                            .groups = groups,
                            .x = x,
                            .x_stride = x_stride,
                            .numerator = numerator,
                            .denominator = denominator,
                            .dy = dy,
                            .dy_stride = dy_stride,
                            .dx = dx,
                            .dx_stride = dx_stride};
    const backward_call c = {dnumerator, ddenominator, accumulate, row_begin, row_end, scratch, scratch_bytes};
    int status;
    if ((status = check_context(context, to)) ||
        (status = check_common(&a, numerator_groups, denominator_groups, to)) ||
        (status = check_stride("dy_stride", dy_stride, columns, to)) ||
        (dx && (status = check_stride("dx_stride", dx_stride, columns, to))) ||
        (status = check_range("accumulate", accumulate, 0, 1, to)) ||
        (status = check_part("row_begin", row_begin, "row_end", row_end, rows, GATUN_BACKWARD_PIECE_ROWS, to)) ||
        (status = check_gradient("dnumerator", dnumerator, row_end, rows, to)) ||
        (status = check_gradient("ddenominator", ddenominator, row_end, rows, to)) ||
        (status = check_backward_memory(&a, &c, to))) {
        return status;
    }
    backward_job job = {.kernel = context->kernels.rational_backward,
                        .arguments = &a,
                        .call = &c,
                        .sums = scratch,
                        .slabs = slabs_of_rows(rows),
                        .units = groups * units_of_group(&a)};
    if (row_begin < row_end && (dx || scratch)) {
        visit_slabs(context, &job);
    }
    put_gradients(&job);
    return GATUN_OK;
}
