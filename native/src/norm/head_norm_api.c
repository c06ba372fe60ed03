/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of the per-head normalizations: argument checks, and the split of the work over threads. */
#include <stddef.h>

#include "../core/context.h"
#include "norm_checks.h"
#include "norm_kernels.h"
#include "norm_tasks.h"

/*
 * The operands, inputs first, with what the check of overlaps needs beyond their extents. `own` is the number of the
 * input that an output may be, or -1.
 */
typedef struct {
    extents extents;
    struct {
        row_extent rows; /* the tokens of a tensor */
        int own;
    } pieces[sizeof((extents *)0)->all / sizeof(extent)];
} head_operands;

/* Adds a [columns] or [rows, columns] operand with equal stride; nothing where it is NULL. */
static int add_whole(head_operands *o, const char *name, const void *p, long long rows, long long columns,
                     long long bytes, message_buffer to) {
    o->pieces[o->extents.count].rows = (row_extent){0, 0};
    o->pieces[o->extents.count].own = -1;
    return add_operand(&o->extents, name, p, false, rows, columns, columns, bytes, to);
}

/* Adds a tensor of `width` elements per token. */
static int add_tokens(head_operands *o, const char *name, const void *p, long long tokens, long long width,
                      long long stride, int dtype, int own, message_buffer to) {
    const int added = o->extents.count;
    int status = add_operand(&o->extents, name, p, true, tokens, width, stride, element_bytes(dtype), to);
    if (!status) {
        o->pieces[added].rows = row_extent_of(tokens, width, stride, element_bytes(dtype));
        o->pieces[added].own = own;
    }
    return status;
}

static int check_head_overlaps(const head_operands *o, int inputs, message_buffer to) {
    for (int output = inputs; output < o->extents.count; output++) {
        for (int other = 0; other < output; other++) {
            if (other != o->pieces[output].own &&
                rows_overlap(&o->extents.all[output], o->pieces[output].rows, &o->extents.all[other],
                             o->pieces[other].rows)) {
                return REJECT(to, "%s: overlaps %s", o->extents.all[output].name, o->extents.all[other].name);
            }
        }
    }
    return GATUN_OK;
}

static int check_head_sizes(long long tokens, long long query_heads, long long key_value_heads, long long head_columns,
                            message_buffer to) {
    if (tokens < 0) {
        return REJECT(to, "tokens: expected at least 0, but it is %lld", tokens);
    }
    if (query_heads < 0) {
        return REJECT(to, "query_heads: expected at least 0, but it is %lld", query_heads);
    }
    if (key_value_heads < 0) {
        return REJECT(to, "key_value_heads: expected at least 0, but it is %lld", key_value_heads);
    }
    if (head_columns < 1) {
        return REJECT(to, "head_columns: expected at least 1, but it is %lld", head_columns);
    }
    long long heads, columns;
    if (__builtin_mul_overflow(key_value_heads, 2, &heads) || __builtin_add_overflow(heads, query_heads, &heads) ||
        __builtin_mul_overflow(heads, head_columns, &columns)) {
        return REJECT(to, "head_columns: %lld and twice %lld heads of %lld columns are more than memory can hold",
                      query_heads, key_value_heads, head_columns);
    }
    return GATUN_OK;
}

static const struct {
    const char *x, *x_stride, *gamma, *y, *y_stride;
} forward_names[HEAD_ROLES] = {{"q", "q_stride", "q_gamma", "q_out", "q_out_stride"},
                               {"k", "k_stride", "k_gamma", "k_out", "k_out_stride"},
                               {"v", "v_stride", "v_gamma", "v_out", "v_out_stride"}};

static bool is_left_out(long long heads, const void *x) {
    return heads == 0 || !x;
}

static int check_memory(const head_norm_arguments *a, long long tokens, message_buffer to) {
    const long long columns = a->head_columns, parameter_bytes = element_bytes(a->parameter_dtype);
    head_operands o;
    o.extents.count = 0;
    int own[HEAD_ROLES] = {0};
    int status;
    for (int r = 0; r < HEAD_ROLES; r++) {
        const head_role *role = &a->roles[r];
        own[r] = o.extents.count;
        if ((r == 0 && role->heads > 0) || !is_left_out(role->heads, role->x)) {
            if ((status = add_tokens(&o, forward_names[r].x, role->x, tokens, role->heads * columns, role->x_stride,
                                     a->dtype, -1, to)) ||
                (status = add_whole(&o, forward_names[r].gamma, role->gamma, 1, columns, parameter_bytes, to))) {
                return status;
            }
        }
    }
    const int inputs = o.extents.count;
    for (int r = 0; r < HEAD_ROLES; r++) {
        const head_role *role = &a->roles[r];
        const bool in_place = role->x == role->y && role->x_stride == role->y_stride;
        if (!is_left_out(role->heads, role->x) &&
            (status = add_tokens(&o, forward_names[r].y, role->y, tokens, role->heads * columns, role->y_stride,
                                 a->dtype, in_place ? own[r] : -1, to))) {
            return status;
        }
    }
    if ((status = add_whole(&o, "rstd", a->rstd, tokens, a->rstd_stride, 4, to))) {
        return status;
    }
    return check_head_overlaps(&o, inputs, to);
}

typedef struct {
    const head_norm_kernel *kernel;
    const head_norm_arguments *arguments;
    long long tokens, tokens_per_task;
} head_norm_job;

static void tokens_task(void *argument, long long index) {
    const head_norm_job *job = argument;
    long long begin = index * job->tokens_per_task;
    job->kernel->tokens(job->arguments, begin, least(begin + job->tokens_per_task, job->tokens));
}

/* Keeps the roles that are there. */
static void normalize(const gatun_context *context, head_norm_arguments *a, long long tokens) {
    long long heads = 0;
    for (int r = 0; r < HEAD_ROLES; r++) {
        if (!is_left_out(a->roles[r].heads, a->roles[r].x)) {
            heads += a->roles[r].heads;
            a->roles[a->role_count++] = a->roles[r];
        }
    }
    if (heads == 0) {
        return;
    }
    long long token_bytes = 2 * heads * a->head_columns * element_bytes(a->dtype);
    /* As in norm_api.c. */
    a->prefetch = tokens * token_bytes > context->last_level_cache / 4;
    a->stream = tokens * token_bytes > context->last_level_cache / 2;
    head_norm_job job = {context->kernels.qkv_head_rms_norm, a, tokens,
                         rows_of_task(context->pool, tokens, token_bytes)};
    gatun_pool_run(context->pool, tasks_of_rows(tokens, job.tokens_per_task), tokens_task, &job);
}

int gatun_qkv_head_rms_norm(gatun_context *context, int dtype, int parameter_dtype, long long tokens,
                            long long query_heads, long long key_value_heads, long long head_columns, const void *q,
                            long long q_stride, const void *k, long long k_stride, const void *v, long long v_stride,
                            const void *q_gamma, const void *k_gamma, const void *v_gamma, float weight_offset,
                            float eps, int eps_mode, int cast_mode, void *q_out, long long q_out_stride, void *k_out,
                            long long k_out_stride, void *v_out, long long v_out_stride, float *rstd, char *message,
                            long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    int status;
    if ((status = check_head_sizes(tokens, query_heads, key_value_heads, head_columns, to)) ||
        (status = check_dtypes(dtype, parameter_dtype, to)) ||
        (status = check_finite("weight_offset", weight_offset, to)) || (status = check_eps(eps, eps_mode, to)) ||
        (status = check_cast_mode(cast_mode, to))) {
        return status;
    }
    head_norm_arguments a = {
        .dtype = dtype,
        .parameter_dtype = parameter_dtype,
        .head_columns = head_columns,
        .roles = {{q, q_stride, q_gamma, q_out, q_out_stride, query_heads, 0},
                  {k, k_stride, k_gamma, k_out, k_out_stride, key_value_heads, query_heads},
                  {v, v_stride, v_gamma, v_out, v_out_stride, key_value_heads, query_heads + key_value_heads}},
        .weight_offset = weight_offset,
        .eps = eps,
        .eps_mode = eps_mode,
        .cast_mode = cast_mode,
        .rstd = rstd,
        .rstd_stride = query_heads + 2 * key_value_heads};
    for (int r = 0; r < HEAD_ROLES; r++) {
        const head_role *role = &a.roles[r];
        if (!is_left_out(role->heads, role->x) &&
            ((status = check_stride(forward_names[r].x_stride, role->x_stride, role->heads * head_columns, to)) ||
             (status = check_stride(forward_names[r].y_stride, role->y_stride, role->heads * head_columns, to)))) {
            return status;
        }
    }
    if (tokens == 0) {
        return GATUN_OK;
    }
    if ((status = check_memory(&a, tokens, to))) {
        return status;
    }
    normalize(context, &a, tokens);
    return GATUN_OK;
}

/*
 * The tokens of a backward pass are cut into slabs, each with sums of its own, at multiples of
 * GATUN_BACKWARD_PIECE_ROWS; a slab is the work of one task.
 */
#define GREATEST_SLABS 64
#define SLAB_TOKENS 16

static long long slabs_of(long long tokens) {
    return least(GREATEST_SLABS, tokens / SLAB_TOKENS + (tokens % SLAB_TOKENS != 0));
}

static long long slab_begin(long long slab, long long slabs, long long tokens) {
    long long pieces = tokens / GATUN_BACKWARD_PIECE_ROWS + (tokens % GATUN_BACKWARD_PIECE_ROWS != 0);
    /* slab * pieces / slabs without overflow */
    long long piece = pieces / slabs * slab + pieces % slabs * slab / slabs;
    return least(piece * GATUN_BACKWARD_PIECE_ROWS, tokens);
}

/* Fails where memory cannot hold it. */
static bool gradient_scratch_bytes(long long tokens, long long columns, long long *bytes) {
    return !__builtin_mul_overflow(slabs_of(tokens) * HEAD_ROLES * (long long)sizeof(double), columns, bytes);
}

int gatun_qkv_head_rms_norm_backward_scratch(const gatun_context *context, long long rows, long long columns,
                                             long long *scratch_bytes) {
    long long bytes;
    if (!context || rows < 0 || columns < 1 || !scratch_bytes || !gradient_scratch_bytes(rows, columns, &bytes)) {
        return GATUN_INVALID_ARGUMENT;
    }
    *scratch_bytes = bytes;
    return GATUN_OK;
}

static const struct {
    const char *dy, *dy_stride, *x, *x_stride, *gamma, *dx, *dx_stride, *dgamma;
} backward_names[HEAD_ROLES] = {{"dq_out", "dq_out_stride", "q", "q_stride", "q_gamma", "dq", "dq_stride", "dq_gamma"},
                                {"dk_out", "dk_out_stride", "k", "k_stride", "k_gamma", "dk", "dk_stride", "dk_gamma"},
                                {"dv_out", "dv_out_stride", "v", "v_stride", "v_gamma", "dv", "dv_stride", "dv_gamma"}};

/* What a backward call has besides the arguments of its kernel. */
typedef struct {
    const head_gradient_kernel *kernel;
    const head_gradient_arguments *arguments;
    long long tokens, begin, end, slabs;
    float *dgamma[HEAD_ROLES];
    double *sums; /* [slabs, HEAD_ROLES, head_columns], or NULL */
} head_gradient_job;

static int check_pieces(const head_gradient_job *job, message_buffer to) {
    const long long tokens = job->tokens, begin = job->begin, end = job->end;
    if (begin < 0 || begin > tokens || (begin % GATUN_BACKWARD_PIECE_ROWS != 0 && begin != tokens)) {
        return REJECT(to, "token_begin: expected a multiple of %d up to the %lld tokens, but it is %lld",
                      GATUN_BACKWARD_PIECE_ROWS, tokens, begin);
    }
    if (end < begin || end > tokens || (end % GATUN_BACKWARD_PIECE_ROWS != 0 && end != tokens)) {
        return REJECT(to, "token_end: expected a multiple of %d from %lld on, or the %lld tokens, but it is %lld",
                      GATUN_BACKWARD_PIECE_ROWS, begin, tokens, end);
    }
    return GATUN_OK;
}

static int check_gradient_strides(const head_gradient_arguments *a, message_buffer to) {
    for (int r = 0; r < HEAD_ROLES; r++) {
        const head_gradient_role *role = &a->roles[r];
        const long long width = role->heads * a->head_columns;
        int status;
        if (!is_left_out(role->heads, role->x) &&
            ((status = check_stride(backward_names[r].dy_stride, role->dy_stride, width, to)) ||
             (status = check_stride(backward_names[r].x_stride, role->x_stride, width, to)) ||
             (role->dx && (status = check_stride(backward_names[r].dx_stride, role->dx_stride, width, to))))) {
            return status;
        }
    }
    return GATUN_OK;
}

static int add_gradient_tensors(head_operands *o, const head_gradient_arguments *a, long long tokens, int *inputs,
                                message_buffer to) {
    int own[HEAD_ROLES], status;
    for (int r = 0; r < HEAD_ROLES; r++) {
        const head_gradient_role *role = &a->roles[r];
        const long long width = role->heads * a->head_columns;
        own[r] = o->extents.count;
        if (!is_left_out(role->heads, role->x) &&
            ((status =
                  add_tokens(o, backward_names[r].dy, role->dy, tokens, width, role->dy_stride, a->dtype, -1, to)) ||
             (status = add_tokens(o, backward_names[r].x, role->x, tokens, width, role->x_stride, a->dtype, -1, to)) ||
             (status = add_whole(o, backward_names[r].gamma, role->gamma, 1, a->head_columns,
                                 element_bytes(a->parameter_dtype), to)))) {
            return status;
        }
    }
    *inputs = o->extents.count;
    for (int r = 0; r < HEAD_ROLES; r++) {
        const head_gradient_role *role = &a->roles[r];
        const bool in_place = role->dx == role->dy && role->dx_stride == role->dy_stride;
        if (!is_left_out(role->heads, role->x) && role->dx &&
            (status = add_tokens(o, backward_names[r].dx, role->dx, tokens, role->heads * a->head_columns,
                                 role->dx_stride, a->dtype, in_place ? own[r] : -1, to))) {
            return status;
        }
    }
    return GATUN_OK;
}

static int check_gradient_memory(const head_gradient_arguments *a, const head_gradient_job *job, void *scratch,
                                 long long scratch_bytes, message_buffer to) {
    head_operands o;
    o.extents.count = 0;
    int inputs = 0, status;
    const bool works = job->begin < job->end;
    if (works && (status = add_gradient_tensors(&o, a, job->tokens, &inputs, to))) {
        return status;
    }
    bool sums = scratch != NULL;
    for (int r = 0; r < HEAD_ROLES; r++) {
        if (!job->dgamma[r]) {
            continue;
        }
        if (job->end != job->tokens) {
            return REJECT(to, "%s: expected NULL in a call that ends before the last token", backward_names[r].dgamma);
        }
        if (works && is_left_out(a->roles[r].heads, a->roles[r].x)) {
            return REJECT(to, "%s: expected NULL, since %s is left out", backward_names[r].dgamma, backward_names[r].x);
        }
        if ((status = add_whole(&o, backward_names[r].dgamma, job->dgamma[r], 1, a->head_columns, 4, to))) {
            return status;
        }
        sums = true;
    }
    long long needed = 0;
    if (sums && !gradient_scratch_bytes(job->tokens, a->head_columns, &needed)) {
        return REJECT(to, "head_columns: sums of %lld columns are more than memory can hold", a->head_columns);
    }
    o.pieces[o.extents.count].rows = (row_extent){0, 0};
    o.pieces[o.extents.count].own = -1;
    if ((status = add_scratch(&o.extents, scratch, scratch_bytes, needed, 64, to))) {
        return status;
    }
    return check_head_overlaps(&o, inputs, to);
}

static void slab_task(void *argument, long long slab) {
    const head_gradient_job *job = argument;
    const long long first = slab_begin(slab, job->slabs, job->tokens);
    const long long last = slab_begin(slab + 1, job->slabs, job->tokens);
    const long long begin = first > job->begin ? first : job->begin, end = least(last, job->end);
    if (begin >= end) {
        return;
    }
    const long long count = HEAD_ROLES * job->arguments->head_columns;
    double *sums = job->sums ? job->sums + slab * count : NULL;
    if (sums && begin == first) {
        for (long long i = 0; i < count; i++) {
            sums[i] = 0;
        }
    }
    job->kernel->tokens(job->arguments, begin, end, sums);
}

/* The sums of the slabs, pairwise in ascending order; they are lost. */
static void sum_slabs(const head_gradient_job *job) {
    const long long columns = job->arguments->head_columns, count = HEAD_ROLES * columns;
    for (long long width = 1; width < job->slabs; width *= 2) {
        for (long long slab = 0; slab + width < job->slabs; slab += 2 * width) {
            double *to = job->sums + slab * count;
            for (long long i = 0; i < count; i++) {
                to[i] += to[width * count + i];
            }
        }
    }
    for (int r = 0; r < HEAD_ROLES; r++) {
        for (long long j = 0; job->dgamma[r] && j < columns; j++) {
            job->dgamma[r][j] = job->slabs > 0 ? (float)job->sums[r * columns + j] : 0;
        }
    }
}

static void differentiate(const gatun_context *context, head_gradient_arguments *a, head_gradient_job *job) {
    long long heads = 0;
    for (int r = 0; r < HEAD_ROLES; r++) {
        if (job->begin < job->end && !is_left_out(a->roles[r].heads, a->roles[r].x) && (a->roles[r].dx || job->sums)) {
            heads += a->roles[r].heads;
            a->roles[a->role_count++] = a->roles[r];
        }
    }
    long long bytes = 3 * (job->end - job->begin) * heads * a->head_columns * element_bytes(a->dtype);
    a->prefetch = bytes > context->last_level_cache / 4;
    a->stream = bytes > context->last_level_cache / 2;
    job->slabs = slabs_of(job->tokens);
    if (job->begin < job->end) {
        gatun_pool_run(bytes < SHARED_BYTES ? NULL : context->pool, job->slabs, slab_task, job);
    }
    if (job->dgamma[0] || job->dgamma[1] || job->dgamma[2]) {
        sum_slabs(job);
    }
}

int gatun_qkv_head_rms_norm_backward(gatun_context *context, int dtype, int parameter_dtype, long long tokens,
                                     long long query_heads, long long key_value_heads, long long head_columns,
                                     const void *dq_out, long long dq_out_stride, const void *dk_out,
                                     long long dk_out_stride, const void *dv_out, long long dv_out_stride,
                                     const void *q, long long q_stride, const void *k, long long k_stride,
                                     const void *v, long long v_stride, const void *q_gamma, const void *k_gamma,
                                     const void *v_gamma, float weight_offset, float eps, int eps_mode, void *dq,
                                     long long dq_stride, void *dk, long long dk_stride, void *dv, long long dv_stride,
                                     float *dq_gamma, float *dk_gamma, float *dv_gamma, long long token_begin,
                                     long long token_end, void *scratch, long long scratch_bytes, char *message,
                                     long long message_bytes) {
    message_buffer to = {message, message_bytes};
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    int status;
    head_gradient_arguments a = {
        .dtype = dtype,
        .parameter_dtype = parameter_dtype,
        .head_columns = head_columns,
        .roles = {{dq_out, dq_out_stride, q, q_stride, q_gamma, dq, dq_stride, query_heads, 0},
                  {dk_out, dk_out_stride, k, k_stride, k_gamma, dk, dk_stride, key_value_heads, 1},
                  {dv_out, dv_out_stride, v, v_stride, v_gamma, dv, dv_stride, key_value_heads, 2}},
        .weight_offset = weight_offset,
        .eps = eps,
        .eps_mode = eps_mode};
    head_gradient_job job = {.kernel = context->kernels.qkv_head_rms_norm_backward,
                             .arguments = &a,
                             .tokens = tokens,
                             .begin = token_begin,
                             .end = token_end,
                             .dgamma = {dq_gamma, dk_gamma, dv_gamma},
                             .sums = scratch};
    if ((status = check_head_sizes(tokens, query_heads, key_value_heads, head_columns, to)) ||
        (status = check_dtypes(dtype, parameter_dtype, to)) ||
        (status = check_finite("weight_offset", weight_offset, to)) || (status = check_eps(eps, eps_mode, to)) ||
        (status = check_pieces(&job, to)) || (status = check_gradient_strides(&a, to)) ||
        (status = check_gradient_memory(&a, &job, scratch, scratch_bytes, to))) {
        return status;
    }
    differentiate(context, &a, &job);
    return GATUN_OK;
}
