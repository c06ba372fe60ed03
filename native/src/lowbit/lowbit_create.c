/* SPDX-License-Identifier: Apache-2.0 */
/* Making a gatun_lowbit_matrix, and those of GGUF blocks. */
#include "lowbit_create.h"

#include <stdlib.h>
#include <string.h>

#include "gguf_blocks.h"

/* An object with room for the packed form of `source`. */
static int create_object(const gatun_context *context, const lowbit_source *source, int scheme,
                         gatun_lowbit_matrix **object, message_buffer to) {
    lowbit_matrix packed = source->shape;
    if (!lowbit_layout(&packed)) {
        return REJECT(to, "outputs: %lld outputs of %lld inputs are more than memory can hold", packed.outputs,
                      packed.inputs);
    }
    gatun_lowbit_matrix *created = malloc(sizeof *created);
    if (!created) {
        return gatun_fail(to.text, to.bytes, GATUN_OUT_OF_MEMORY, "no memory for a matrix");
    }
    memset(created, 0, sizeof *created);
    created->scheme = scheme;
    created->group_size = source->group_size;
    created->packed = packed;
    if (packed.data_bytes > 0) {
        void *data;
        const int status = gatun_allocate((gatun_context *)context, packed.data_bytes, &data, to.text, to.bytes);
        if (status != GATUN_OK) {
            free(created);
            return status;
        }
        created->data = data;
    }
    created->packed.data = created->data;
    *object = created;
    return GATUN_OK;
}

int lowbit_create(const gatun_context *context, lowbit_source *source, int scheme, gatun_lowbit_matrix **matrix,
                  lowbit_findings *findings, message_buffer to) {
    gatun_lowbit_matrix *created = NULL;
    const int status = create_object(context, source, scheme, &created, to);
    if (status != GATUN_OK) {
        return status;
    }
    source->shape = created->packed;
    *findings = lowbit_pack(context->pool, source, created->data);
    if (findings->bad_output >= 0) {
        gatun_lowbit_matrix_destroy(created);
        return GATUN_OK;
    }
    if (findings->minus_128) {
        created->flags |= GATUN_LOWBIT_HAS_MINUS_128;
    }
    *matrix = created;
    return GATUN_OK;
}

int lowbit_create_format(const gatun_context *context, lowbit_source *source, int scheme, const char *scales,
                         gatun_lowbit_matrix **matrix, message_buffer to) {
    lowbit_findings findings = {-1, 0, false};
    const int status = lowbit_create(context, source, scheme, matrix, &findings, to);
    if (status == GATUN_OK && findings.bad_output >= 0) {
        return REJECT(
            to, "%s: expected finite scales and offsets, but that of output %lld and input %lld is not, or overflows",
            scales, findings.bad_output, findings.bad_input);
    }
    return status;
}

static int refer_to_blocks(const lowbit_source *source, gatun_lowbit_matrix **matrix, message_buffer to) {
    gatun_lowbit_matrix *created = malloc(sizeof *created);
    if (!created) {
        return gatun_fail(to.text, to.bytes, GATUN_OUT_OF_MEMORY, "no memory for a matrix");
    }
    memset(created, 0, sizeof *created);
    created->packed = source->shape;
    lowbit_layout(&created->packed); /* how many chunks there are; whether it could be packed does not matter */
    created->source = *source;
    created->source.shape = created->packed;
    created->blocks = (lowbit_blocks){source->gguf_type, source->shape.outputs, source->shape.inputs, source->codes};
    *matrix = created;
    return GATUN_OK;
}

int gatun_lowbit_matrix_from_gguf(const gatun_context *context, int type, long long outputs, long long inputs,
                                  const void *data, long long data_bytes, int in_place, gatun_lowbit_matrix **matrix,
                                  char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    int status = check_common(context, outputs, inputs, matrix, to);
    if (status != GATUN_OK) {
        return status;
    }
    const gguf_format *format = gguf_format_of(type);
    if (!format) {
        return REJECT(to, "type: expected a gatun_gguf_type, but it is %d", type);
    }
    if (in_place != 0 && in_place != 1) {
        return REJECT(to, "in_place: expected 0 or 1, but it is %d", in_place);
    }
    if (in_place && !format->in_place) {
        return REJECT(to, "type: expected Q4_0, Q8_0, Q4_K or Q6_K in place, but it is %s", format->name);
    }
    if (inputs % format->inputs != 0) {
        return REJECT(to, "inputs: expected a multiple of the %d of a block of %s, but it is %lld", format->inputs,
                      format->name, inputs);
    }
    if ((status = check_tensor("data", data, data_bytes, outputs, inputs / format->inputs, format->bytes, 8, to))) {
        return status;
    }
    lowbit_source source = {.shape = {.outputs = outputs,
                                      .inputs = inputs,
                                      .bits = format->bits,
                                      .group = format->group,
                                      .scales = format->scales,
                                      .offsets = format->offsets,
                                      .zero = format->zero},
                            .tiles_together = 1,
                            .read = gguf_read,
                            .codes = data,
                            .row_bytes = inputs / format->inputs * format->bytes,
                            .group_size = format->group,
                            .groups = inputs / format->group,
                            .gguf_type = type};
    status = in_place ? refer_to_blocks(&source, matrix, to)
                      : lowbit_create_format(context, &source, GATUN_LOWBIT_GGUF, "data", matrix, to);
    if (status == GATUN_OK) {
        (*matrix)->scheme = in_place ? GATUN_LOWBIT_GGUF_IN_PLACE : GATUN_LOWBIT_GGUF;
        (*matrix)->group_size = format->group;
        (*matrix)->gguf_type = type;
    }
    return status;
}
