/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of the activations: y = f(x), and its gradients. */
#include "element_tasks.h"

typedef struct {
    const element_kernel *kernel;
    const element_arguments *arguments;
} element_job;

static void element_task(const void *argument, const element_block *block) {
    const element_job *job = argument;
    job->kernel->block(job->arguments, block);
}

static void run_elements(const gatun_context *context, const element_kernel *kernel, element_arguments *a,
                         bool in_place) {
    join_rows(a);
    choose_memory(context, a, in_place);
    const element_job job = {kernel, a};
    run_blocks(context, a, element_task, &job);
}

/* The names of the inputs, the last of which is that of the activation, and of the output. */
typedef struct {
    const char *in[2], *in_stride[2], *out, *out_stride;
} element_names;

static int check_and_run(const gatun_context *context, const element_kernel *kernel, element_arguments *a,
                         const element_names *names, message_buffer to) {
    const long long rows = a->rows, columns = a->columns, bytes = element_bytes(a->dtype);
    long long elements;
    int status;
    if ((status = check_elements(rows, columns, &elements, to))) {
        return status;
    }
    for (int k = 0; k < a->inputs; k++) {
        if ((status = check_stride(names->in_stride[k], a->in_stride[k], columns, to))) {
            return status;
        }
    }
    if ((status = check_stride(names->out_stride, a->out_stride[0], columns, to))) {
        return status;
    }
    if (rows == 0) {
        return GATUN_OK;
    }
    element_operands o = {.inputs = a->inputs};
    for (int k = 0; k < a->inputs; k++) {
        if ((status = add_tensor(&o, names->in[k], a->in[k], true, rows, columns, a->in_stride[k], bytes, 0, to))) {
            return status;
        }
    }
    if ((status = add_tensor(&o, names->out, a->out[0], true, rows, columns, a->out_stride[0], bytes, ANY_INPUT, to)) ||
        (status = check_places(&o, to))) {
        return status;
    }
    run_elements(context, kernel, a, any_in_place(&o));
    return GATUN_OK;
}

/* The checks that come first, so that messages name the first argument that is wrong. */
static int check_kind(const gatun_context *context, activation_parameters *p, int dtype, message_buffer to) {
    int status;
    if ((status = check_context(context, to)) || (status = check_activation(p, to)) ||
        (status = check_dtypes(dtype, dtype, to))) {
        return status;
    }
    return GATUN_OK;
}

int gatun_activation(gatun_context *context, int activation, float first, float second, int nan_to_zero, int dtype,
                     long long rows, long long columns, const void *x, long long x_stride, void *y, long long y_stride,
                     char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    element_arguments a = {.parameters = {activation, first, second, nan_to_zero != 0},
                           .dtype = dtype,
                           .inputs = 1,
                           .outputs = 1,
                           .rows = rows,
                           .columns = columns,
                           .in = {x},
                           .in_stride = {x_stride},
                           .out = {y},
                           .out_stride = {y_stride}};
    static const element_names names = {{"x"}, {"x_stride"}, "y", "y_stride"};
    int status;
    if ((status = check_flag("nan_to_zero", nan_to_zero, to)) ||
        (status = check_kind(context, &a.parameters, dtype, to))) {
        return status;
    }
    return check_and_run(context, context->kernels.activation, &a, &names, to);
}

int gatun_activation_backward(gatun_context *context, int activation, float first, float second, int nan_to_zero,
                              int dtype, long long rows, long long columns, const void *dy, long long dy_stride,
                              const void *x, long long x_stride, void *dx, long long dx_stride, char *message,
                              long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    element_arguments a = {.parameters = {activation, first, second, nan_to_zero != 0},
                           .dtype = dtype,
                           .inputs = 2,
                           .outputs = 1,
                           .rows = rows,
                           .columns = columns,
                           .in = {dy, x},
                           .in_stride = {dy_stride, x_stride},
                           .out = {dx},
                           .out_stride = {dx_stride}};
    static const element_names names = {{"dy", "x"}, {"dy_stride", "x_stride"}, "dx", "dx_stride"};
    int status;
    if ((status = check_flag("nan_to_zero", nan_to_zero, to)) ||
        (status = check_kind(context, &a.parameters, dtype, to))) {
        return status;
    }
    return check_and_run(context, context->kernels.activation_backward, &a, &names, to);
}

static int check_from_output(int activation, message_buffer to) {
    switch (activation) {
    case GATUN_RELU:
    case GATUN_RELU6:
    case GATUN_CLIP:
    case GATUN_SIGMOID:
    case GATUN_TANH:
    case GATUN_SELU:
        return GATUN_OK;
    default:
        return REJECT(to,
                      "activation: expected GATUN_RELU, GATUN_RELU6, GATUN_CLIP, GATUN_SIGMOID, GATUN_TANH or "
                      "GATUN_SELU, whose output says what its derivative is, but it is %d",
                      activation);
    }
}

int gatun_activation_output_backward(gatun_context *context, int activation, float first, float second, int dtype,
                                     long long rows, long long columns, const void *dy, long long dy_stride,
                                     const void *y, long long y_stride, void *dx, long long dx_stride, char *message,
                                     long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    element_arguments a = {.parameters = {activation, first, second, false},
                           .dtype = dtype,
                           .inputs = 2,
                           .outputs = 1,
                           .rows = rows,
                           .columns = columns,
                           .in = {dy, y},
                           .in_stride = {dy_stride, y_stride},
                           .out = {dx},
                           .out_stride = {dx_stride}};
    static const element_names names = {{"dy", "y"}, {"dy_stride", "y_stride"}, "dx", "dx_stride"};
    int status;
    if ((status = check_context(context, to)) || (status = check_from_output(activation, to)) ||
        (status = check_kind(context, &a.parameters, dtype, to))) {
        return status;
    }
    return check_and_run(context, context->kernels.activation_output_backward, &a, &names, to);
}

/* ---- masks ---- */

typedef struct {
    const mask_kernel *kernel;
    const mask_arguments *arguments;
} mask_job;

static void mask_task(const void *argument, const element_block *block) {
    const mask_job *job = argument;
    job->kernel->block(job->arguments, block);
}

/* The mask is an input of the backward pass, and an output of the other. */
static int check_and_run_mask(const gatun_context *context, const mask_kernel *kernel, mask_arguments *m,
                              const element_names *names, message_buffer to) {
    element_arguments *a = &m->elements;
    const long long rows = a->rows, columns = a->columns, bytes = element_bytes(a->dtype);
    const long long words = mask_words(columns);
    const bool reads = kernel == context->kernels.activation_mask_backward;
    long long elements;
    int status;
    if ((status = check_elements(rows, columns, &elements, to)) ||
        (status = check_stride(names->in_stride[0], a->in_stride[0], columns, to)) ||
        (status = check_stride(names->out_stride, a->out_stride[0], columns, to))) {
        return status;
    }
    if (rows == 0) {
        return GATUN_OK;
    }
    element_operands o = {.inputs = reads ? 2 : 1};
    if ((status = add_tensor(&o, names->in[0], a->in[0], true, rows, columns, a->in_stride[0], bytes, 0, to)) ||
        (reads && (status = add_tensor(&o, "mask", m->read_mask, true, rows, words, words, 8, 0, to))) ||
        (status = add_tensor(&o, names->out, a->out[0], true, rows, columns, a->out_stride[0], bytes, 1, to)) ||
        (!reads && (status = add_tensor(&o, "mask", m->mask, true, rows, words, words, 8, 0, to))) ||
        (status = check_places(&o, to))) {
        return status;
    }
    if (columns % 64 == 0) {
        join_rows(a);
    }
    choose_memory(context, a, any_in_place(&o));
    const mask_job job = {kernel, m};
    run_blocks(context, a, mask_task, &job);
    return GATUN_OK;
}

int gatun_activation_mask(gatun_context *context, int activation, float first, float second, int dtype, long long rows,
                          long long columns, const void *x, long long x_stride, float lower, float upper, void *y,
                          long long y_stride, long long *mask, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    mask_arguments m = {.elements = {.parameters = {activation, first, second, false},
                                     .dtype = dtype,
                                     .inputs = 1,
                                     .outputs = 1,
                                     .rows = rows,
                                     .columns = columns,
                                     .in = {x},
                                     .in_stride = {x_stride},
                                     .out = {y},
                                     .out_stride = {y_stride}},
                        .lower = lower,
                        .upper = upper,
                        .mask = (uint64_t *)(void *)mask};
    static const element_names names = {{"x"}, {"x_stride"}, "y", "y_stride"};
    int status;
    if ((status = check_kind(context, &m.elements.parameters, dtype, to)) ||
        (status = check_bound("lower", lower, to)) || (status = check_bound("upper", upper, to))) {
        return status;
    }
    if (isinf(upper) && upper > 0) {
        m.upper = NAN; /* which no x reaches */
    }
    return check_and_run_mask(context, context->kernels.activation_mask, &m, &names, to);
}

int gatun_activation_mask_backward(gatun_context *context, int dtype, long long rows, long long columns, const void *dy,
                                   long long dy_stride, const long long *mask, float scale0, float scale1, void *dx,
                                   long long dx_stride, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    mask_arguments m = {.elements = {.dtype = dtype,
                                     .inputs = 1,
                                     .outputs = 1,
                                     .rows = rows,
                                     .columns = columns,
                                     .in = {dy},
                                     .in_stride = {dy_stride},
                                     .out = {dx},
                                     .out_stride = {dx_stride}},
                        .scale0 = scale0,
                        .scale1 = scale1,
                        .read_mask = (const uint64_t *)(const void *)mask};
    static const element_names names = {{"dy"}, {"dy_stride"}, "dx", "dx_stride"};
    int status;
    if ((status = check_context(context, to)) || (status = check_dtypes(dtype, dtype, to)) ||
        (status = check_finite("scale0", scale0, to)) || (status = check_finite("scale1", scale1, to))) {
        return status;
    }
    return check_and_run_mask(context, context->kernels.activation_mask_backward, &m, &names, to);
}
