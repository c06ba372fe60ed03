/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of alpha dropout. */
#include "element_tasks.h"

typedef struct {
    const dropout_kernel *kernel;
    const dropout_arguments *arguments;
} dropout_job;

static void dropout_task(const void *argument, const element_block *block) {
    const dropout_job *job = argument;
    job->kernel->block(job->arguments, block);
}

static int check_and_run(const gatun_context *context, const dropout_kernel *kernel, dropout_arguments *d,
                         const char *const names[3], const char *const strides[3], int per_row, int selu,
                         message_buffer to) {
    element_arguments *a = &d->elements;
    const long long rows = a->rows, columns = a->columns, bytes = element_bytes(a->dtype);
    long long elements;
    int status;
    if ((status = check_context(context, to)) || (status = check_dtypes(a->dtype, a->dtype, to)) ||
        (status = check_elements(rows, columns, &elements, to))) {
        return status;
    }
    for (int k = 0; k < a->inputs; k++) {
        if ((status = check_stride(strides[k], a->in_stride[k], columns, to))) {
            return status;
        }
    }
    if (!(d->probability >= 0 && d->probability <= 1)) {
        return REJECT(to, "probability: expected 0 to 1, but it is %g", (double)d->probability);
    }
    if ((status = check_flag("per_row", per_row, to)) || (status = check_flag("selu", selu, to)) ||
        (status = check_stride(strides[2], a->out_stride[0], columns, to))) {
        return status;
    }
    if (rows == 0) {
        return GATUN_OK;
    }
    element_operands o = {.inputs = a->inputs};
    for (int k = 0; k < a->inputs; k++) {
        if ((status = add_tensor(&o, names[k], a->in[k], true, rows, columns, a->in_stride[k], bytes, 0, to))) {
            return status;
        }
    }
    if ((status = add_tensor(&o, names[2], a->out[0], true, rows, columns, a->out_stride[0], bytes, ANY_INPUT, to)) ||
        (status = check_places(&o, to))) {
        return status;
    }
    if (!per_row) {
        join_rows(a);
    }
    choose_memory(context, a, any_in_place(&o));
    const dropout_job job = {kernel, d};
    run_blocks(context, a, dropout_task, &job);
    return GATUN_OK;
}

int gatun_alpha_dropout(gatun_context *context, int dtype, long long rows, long long columns, const void *x,
                        long long x_stride, float probability, long long seed, long long offset, int per_row, int selu,
                        void *y, long long y_stride, char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    dropout_arguments d = {.elements = {.dtype = dtype,
                                        .inputs = 1,
                                        .outputs = 1,
                                        .rows = rows,
                                        .columns = columns,
                                        .in = {x},
                                        .in_stride = {x_stride},
                                        .out = {y},
                                        .out_stride = {y_stride}},
                           .probability = probability,
                           .seed = (uint64_t)seed,
                           .offset = (uint64_t)offset,
                           .per_row = per_row != 0,
                           .selu = selu != 0,
                           .row_elements = columns};
    static const char *const names[3] = {"x", 0, "y"}, *const strides[3] = {"x_stride", 0, "y_stride"};
    return check_and_run(context, context ? context->kernels.alpha_dropout : 0, &d, names, strides, per_row, selu, to);
}

int gatun_alpha_dropout_backward(gatun_context *context, int dtype, long long rows, long long columns, const void *dy,
                                 long long dy_stride, const void *x, long long x_stride, float probability,
                                 long long seed, long long offset, int per_row, int selu, void *dx, long long dx_stride,
                                 char *message, long long message_bytes) {
    const message_buffer to = {message, message_bytes};
    dropout_arguments d = {.elements = {.dtype = dtype,
                                        .inputs = selu == 1 ? 2 : 1,
                                        .outputs = 1,
                                        .rows = rows,
                                        .columns = columns,
                                        .in = {dy, x},
                                        .in_stride = {dy_stride, x_stride},
                                        .out = {dx},
                                        .out_stride = {dx_stride}},
                           .probability = probability,
                           .seed = (uint64_t)seed,
                           .offset = (uint64_t)offset,
                           .per_row = per_row != 0,
                           .selu = selu != 0,
                           .row_elements = columns};
    static const char *const names[3] = {"dy", "x", "dx"};
    static const char *const strides[3] = {"dy_stride", "x_stride", "dx_stride"};
    return check_and_run(context, context ? context->kernels.alpha_dropout_backward : 0, &d, names, strides, per_row,
                         selu, to);
}
