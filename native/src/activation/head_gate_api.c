/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of the gate of attention heads. */
#include "activation_checks.h"

typedef struct {
    const head_gate_kernel *kernel;
    const head_gate_arguments *arguments;
    long long tokens, tokens_per_task;
} head_gate_job;

static void tokens_task(void *argument, long long index) {
    const head_gate_job *job = argument;
    const long long begin = index * job->tokens_per_task;
    job->kernel->tokens(job->arguments, begin, least(begin + job->tokens_per_task, job->tokens));
}

static int check_sizes_of(const gatun_context *context, const head_gate_arguments *a, long long tokens,
                          long long *width, message_buffer to) {
    int status;
    if ((status = check_context(context, to)) || (status = check_dtypes(a->dtype, a->dtype, to))) {
        return status;
    }
    if (tokens < 0) {
        return REJECT(to, "tokens: expected at least 0, but it is %lld", tokens);
    }
    if (a->heads < 0) {
        return REJECT(to, "heads: expected at least 0, but it is %lld", a->heads);
    }
    if (a->columns < 1) {
        return REJECT(to, "columns: expected at least 1, but it is %lld", a->columns);
    }
    if (__builtin_mul_overflow(a->heads, a->columns, width)) {
        return REJECT(to, "columns: %lld heads of %lld columns are more than memory can hold", a->heads, a->columns);
    }
    return GATUN_OK;
}

static int check_head_stride(const char *name, long long stride, long long width, message_buffer to) {
    return stride < width
               ? REJECT(to, "%s: expected at least the %lld elements of a token, but it is %lld", name, width, stride)
               : GATUN_OK;
}

static void run(const gatun_context *context, const head_gate_kernel *kernel, head_gate_arguments *a, long long tokens,
                long long width, int tensors, bool in_place) {
    const long long token_bytes = tensors * width * element_bytes(a->dtype);
    a->stream = tokens * token_bytes > context->last_level_cache / 2 && !in_place;
    head_gate_job job = {kernel, a, tokens, rows_of_task(context->pool, tokens, token_bytes)};
    gatun_pool_run(context->pool, tasks_of_rows(tokens, job.tokens_per_task), tokens_task, &job);
}

int gatun_head_gate(gatun_context *context, int dtype, long long tokens, long long heads, long long columns,
                    const void *gate, long long gate_stride, const void *value, long long value_stride, void *y,
                    long long y_stride, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    head_gate_arguments a = {.dtype = dtype,
                             .heads = heads,
                             .columns = columns,
                             .gate = gate,
                             .value = value,
                             .gate_stride = gate_stride,
                             .value_stride = value_stride,
                             .out = y,
                             .out_stride = y_stride};
    const long long bytes = element_bytes(dtype);
    long long width;
    int status;
    if ((status = check_sizes_of(context, &a, tokens, &width, to)) ||
        (status = check_head_stride("gate_stride", gate_stride, heads, to)) ||
        (status = check_head_stride("value_stride", value_stride, width, to)) ||
        (status = check_head_stride("y_stride", y_stride, width, to))) {
        return status;
    }
    if (tokens == 0 || heads == 0) {
        return GATUN_OK;
    }
    element_operands o = {.inputs = 2};
    if ((status = add_tensor(&o, "gate", gate, true, tokens, heads, gate_stride, bytes, 0, to)) ||
        (status = add_tensor(&o, "value", value, true, tokens, width, value_stride, bytes, 0, to)) ||
        (status = add_tensor(&o, "y", y, true, tokens, width, y_stride, bytes, 2, to)) ||
        (status = check_places(&o, to))) {
        return status;
    }
    run(context, context->kernels.head_gate, &a, tokens, width, 2, any_in_place(&o));
    return GATUN_OK;
}

int gatun_head_gate_backward(gatun_context *context, int dtype, long long tokens, long long heads, long long columns,
                             const void *dy, long long dy_stride, const void *gate, long long gate_stride,
                             const void *value, long long value_stride, void *dgate, long long dgate_stride,
                             void *dvalue, long long dvalue_stride, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    head_gate_arguments a = {.dtype = dtype,
                             .heads = heads,
                             .columns = columns,
                             .dy = dy,
                             .gate = gate,
                             .value = value,
                             .dy_stride = dy_stride,
                             .gate_stride = gate_stride,
                             .value_stride = value_stride,
                             .out = dvalue,
                             .dgate = dgate,
                             .out_stride = dvalue_stride,
                             .dgate_stride = dgate_stride};
    const long long bytes = element_bytes(dtype);
    long long width;
    int status;
    if ((status = check_sizes_of(context, &a, tokens, &width, to)) ||
        (status = check_head_stride("dy_stride", dy_stride, width, to)) ||
        (status = check_head_stride("gate_stride", gate_stride, heads, to)) ||
        (status = check_head_stride("value_stride", value_stride, width, to)) ||
        (dgate && (status = check_head_stride("dgate_stride", dgate_stride, heads, to))) ||
        (dvalue && (status = check_head_stride("dvalue_stride", dvalue_stride, width, to)))) {
        return status;
    }
    if (tokens == 0 || heads == 0) {
        return GATUN_OK;
    }
    element_operands o = {.inputs = 3};
    if ((status = add_tensor(&o, "dy", dy, true, tokens, width, dy_stride, bytes, 0, to)) ||
        (status = add_tensor(&o, "gate", gate, true, tokens, heads, gate_stride, bytes, 0, to)) ||
        (status = add_tensor(&o, "value", value, true, tokens, width, value_stride, bytes, 0, to)) ||
        (status = add_tensor(&o, "dgate", dgate, false, tokens, heads, dgate_stride, bytes, 2, to)) ||
        (status = add_tensor(&o, "dvalue", dvalue, false, tokens, width, dvalue_stride, bytes, 1 | 4, to)) ||
        (status = check_places(&o, to))) {
        return status;
    }
    if (dgate || dvalue) {
        run(context, context->kernels.head_gate_backward, &a, tokens, width, 3, any_in_place(&o));
    }
    return GATUN_OK;
}
