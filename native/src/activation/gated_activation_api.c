/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of the gated activations. */
#include "element_tasks.h"

typedef struct {
    const element_kernel *kernel;
    const element_arguments *arguments;
} gated_job;

static void gated_task(const void *argument, const element_block *block) {
    const gated_job *job = argument;
    job->kernel->block(job->arguments, block);
}

static int check_gate(int activation, message_buffer to) {
    switch (activation) {
    case GATUN_RELU:
    case GATUN_GELU_ERF:
    case GATUN_GELU_TANH:
    case GATUN_QUICK_GELU:
    case GATUN_SILU:
    case GATUN_SWISH:
    case GATUN_SIGMOID:
        return GATUN_OK;
    default:
        return REJECT(to,
                      "activation: expected GATUN_RELU, GATUN_GELU_ERF, GATUN_GELU_TANH, GATUN_QUICK_GELU, "
                      "GATUN_SILU, GATUN_SWISH or GATUN_SIGMOID, but it is %d",
                      activation);
    }
}

/* A gate and a value, given or computed. */
typedef struct {
    const char *gate_name, *value_name, *gate_stride_name, *value_stride_name;
    const void *gate, *value;
    long long gate_stride, value_stride;
} gate_pair;

static int check_pair_strides(const gate_pair *p, long long columns, int layout, message_buffer to) {
    int status;
    if (layout == GATUN_GATE_SEPARATE) {
        if ((p->gate && (status = check_stride(p->gate_stride_name, p->gate_stride, columns, to))) ||
            (p->value && (status = check_stride(p->value_stride_name, p->value_stride, columns, to)))) {
            return status;
        }
        return GATUN_OK;
    }
    if (p->gate_stride / 2 < columns) {
        return REJECT(to, "%s: expected at least twice the %lld columns, but it is %lld", p->gate_stride_name, columns,
                      p->gate_stride);
    }
    if (p->value_stride != p->gate_stride) {
        return REJECT(to, "%s: expected that of its neighbour, %lld, but it is %lld", p->value_stride_name,
                      p->gate_stride, p->value_stride);
    }
    return GATUN_OK;
}

/* Adds both tensors, or the one that they are in. */
static int add_pair(element_operands *o, const gate_pair *p, bool required, long long rows, long long columns,
                    long long bytes, int layout, unsigned places, message_buffer to) {
    int status;
    if (layout == GATUN_GATE_SEPARATE) {
        if ((status =
                 add_tensor(o, p->gate_name, p->gate, required, rows, columns, p->gate_stride, bytes, places, to)) ||
            (status =
                 add_tensor(o, p->value_name, p->value, required, rows, columns, p->value_stride, bytes, places, to))) {
            return status;
        }
        return GATUN_OK;
    }
    const uintptr_t gate = (uintptr_t)p->gate, value = (uintptr_t)p->value;
    const uintptr_t distance = gate < value ? value - gate : gate - value;
    if (p->gate && p->value && distance != (uintptr_t)bytes) {
        return REJECT(to, "%s: expected it next to %s, at %p, but it is %p", p->value_name, p->gate_name, p->gate,
                      p->value);
    }
    if (!p->value) {
        return add_tensor(o, p->value_name, p->value, true, rows, columns, p->value_stride, bytes, places, to);
    }
    return gate < value
               ? add_tensor(o, p->gate_name, p->gate, true, rows, 2 * columns, p->gate_stride, bytes, places, to)
               : add_tensor(o, p->value_name, p->value, true, rows, 2 * columns, p->gate_stride, bytes, places, to);
}

static int check_layout(int layout, message_buffer to) {
    return layout == GATUN_GATE_SEPARATE || layout == GATUN_GATE_INTERLEAVED
               ? GATUN_OK
               : REJECT(to, "layout: expected a gatun_gate_layout, but it is %d", layout);
}

/* The checks that come first, and those of the sizes. */
static int check_call(const gatun_context *context, element_arguments *a, int layout, message_buffer to) {
    long long elements;
    int status;
    if ((status = check_context(context, to)) || (status = check_gate(a->parameters.activation, to)) ||
        (status = check_activation(&a->parameters, to)) || (status = check_dtypes(a->dtype, a->dtype, to)) ||
        (status = check_layout(layout, to)) || (status = check_elements(a->rows, a->columns, &elements, to))) {
        return status;
    }
    return GATUN_OK;
}

static void run(const gatun_context *context, const element_kernel *kernel, element_arguments *a,
                const element_operands *o) {
    join_rows(a);
    choose_memory(context, a, any_in_place(o));
    const gated_job job = {kernel, a};
    run_blocks(context, a, gated_task, &job);
}

int gatun_gated_activation(gatun_context *context, int activation, float first, int dtype, int layout, long long rows,
                           long long columns, const void *gate, long long gate_stride, const void *value,
                           long long value_stride, void *y, long long y_stride, char *message,
                           long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    element_arguments a = {.parameters = {activation, first, 0, false},
                           .dtype = dtype,
                           .inputs = 2,
                           .outputs = 1,
                           .rows = rows,
                           .columns = columns,
                           .in = {gate, value},
                           .in_stride = {gate_stride, value_stride},
                           .out = {y},
                           .out_stride = {y_stride},
                           .interleaved = layout == GATUN_GATE_INTERLEAVED};
    const gate_pair in = {"gate", "value", "gate_stride", "value_stride", gate, value, gate_stride, value_stride};
    const long long bytes = element_bytes(dtype);
    const unsigned places = layout == GATUN_GATE_SEPARATE ? ANY_INPUT : 0;
    int status;
    if ((status = check_call(context, &a, layout, to)) || (status = check_pair_strides(&in, columns, layout, to)) ||
        (status = check_stride("y_stride", y_stride, columns, to))) {
        return status;
    }
    if (rows == 0) {
        return GATUN_OK;
    }
    element_operands o = {.inputs = layout == GATUN_GATE_SEPARATE ? 2 : 1};
    if ((status = add_pair(&o, &in, true, rows, columns, bytes, layout, 0, to)) ||
        (status = add_tensor(&o, "y", y, true, rows, columns, y_stride, bytes, places, to)) ||
        (status = check_places(&o, to))) {
        return status;
    }
    run(context, context->kernels.gated_activation, &a, &o);
    return GATUN_OK;
}

int gatun_gated_activation_backward(gatun_context *context, int activation, float first, int dtype, int layout,
                                    long long rows, long long columns, const void *dy, long long dy_stride,
                                    const void *gate, long long gate_stride, const void *value, long long value_stride,
                                    void *dgate, long long dgate_stride, void *dvalue, long long dvalue_stride, void *y,
                                    long long y_stride, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    element_arguments a = {.parameters = {activation, first, 0, false},
                           .dtype = dtype,
                           .inputs = 3,
                           .outputs = 3,
                           .rows = rows,
                           .columns = columns,
                           .in = {dy, gate, value},
                           .in_stride = {dy_stride, gate_stride, value_stride},
                           .out = {dgate, dvalue, y},
                           .out_stride = {dgate_stride, dvalue_stride, y_stride},
                           .interleaved = layout == GATUN_GATE_INTERLEAVED};
    const gate_pair in = {"gate", "value", "gate_stride", "value_stride", gate, value, gate_stride, value_stride};
    const gate_pair out = {"dgate", "dvalue", "dgate_stride", "dvalue_stride",
                           dgate,   dvalue,   dgate_stride,   dvalue_stride};
    const bool separate = layout == GATUN_GATE_SEPARATE;
    const long long bytes = element_bytes(dtype);
    int status;
    if ((status = check_call(context, &a, layout, to)) ||
        (status = check_stride("dy_stride", dy_stride, columns, to)) ||
        (status = check_pair_strides(&in, columns, layout, to)) ||
        (status = check_pair_strides(&out, columns, layout, to)) ||
        (y && (status = check_stride("y_stride", y_stride, columns, to)))) {
        return status;
    }
    if (rows == 0) {
        return GATUN_OK;
    }
    element_operands o = {.inputs = separate ? 3 : 2};
    if ((status = add_tensor(&o, "dy", dy, true, rows, columns, dy_stride, bytes, 0, to)) ||
        (status = add_pair(&o, &in, true, rows, columns, bytes, layout, 0, to)) ||
        (status = add_pair(&o, &out, !separate, rows, columns, bytes, layout, separate ? ANY_INPUT : 2, to)) ||
        (status = add_tensor(&o, "y", y, false, rows, columns, y_stride, bytes, separate ? ANY_INPUT : 1, to)) ||
        (status = check_places(&o, to))) {
        return status;
    }
    run(context, context->kernels.gated_activation_backward, &a, &o);
    return GATUN_OK;
}
