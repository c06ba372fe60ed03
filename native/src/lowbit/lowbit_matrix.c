/* SPDX-License-Identifier: Apache-2.0 */
/* What a gatun_lowbit_matrix tells about itself, and its weights as numbers. */
#include <stdlib.h>
#include <string.h>

#include "../core/context.h"
#include "../norm/norm_checks.h"
#include "../norm/norm_tasks.h"
#include "../norm/scalar_elements.h"
#include "lowbit_object.h"
#include "lowbit_pack.h"

int gatun_lowbit_matrix_destroy(gatun_lowbit_matrix *matrix) {
    if (matrix) {
        gatun_free(NULL, matrix->data, matrix->packed.data_bytes);
        free(matrix->permutation);
        free(matrix);
    }
    return GATUN_OK;
}

long long gatun_lowbit_matrix_outputs(const gatun_lowbit_matrix *matrix) {
    return matrix ? matrix->packed.outputs : -1;
}

long long gatun_lowbit_matrix_inputs(const gatun_lowbit_matrix *matrix) {
    return matrix ? matrix->packed.inputs : -1;
}

int gatun_lowbit_matrix_bits(const gatun_lowbit_matrix *matrix) {
    return matrix ? matrix->packed.bits : -1;
}

int gatun_lowbit_matrix_scheme(const gatun_lowbit_matrix *matrix) {
    return matrix ? matrix->scheme : -1;
}

int gatun_lowbit_matrix_gguf_type(const gatun_lowbit_matrix *matrix) {
    return matrix ? matrix->gguf_type : -1;
}

int gatun_lowbit_matrix_flags(const gatun_lowbit_matrix *matrix) {
    return matrix ? matrix->flags : -1;
}

long long gatun_lowbit_matrix_group_size(const gatun_lowbit_matrix *matrix) {
    return matrix ? matrix->group_size : -1;
}

long long gatun_lowbit_matrix_bytes(const gatun_lowbit_matrix *matrix) {
    if (!matrix) {
        return -1;
    }
    return matrix->scheme == GATUN_LOWBIT_GGUF_IN_PLACE ? matrix->packed.outputs * matrix->source.row_bytes
                                                        : matrix->packed.data_bytes;
}

int gatun_lowbit_matrix_permutation(const gatun_lowbit_matrix *matrix, int *permutation, long long count) {
    if (!matrix || count != matrix->packed.inputs || (!permutation && count > 0)) {
        return GATUN_INVALID_ARGUMENT;
    }
    for (long long i = 0; i < count; i++) {
        permutation[i] = matrix->permutation ? (int)matrix->permutation[i] : (int)i;
    }
    return GATUN_OK;
}

/* Codes, scales and offsets of outputs in one tile. */
static void read_values(const gatun_lowbit_matrix *matrix, long long output, int count, long long chunk,
                        lowbit_values *values) {
    if (matrix->scheme == GATUN_LOWBIT_GGUF_IN_PLACE) {
        matrix->source.read(&matrix->source, output, count, chunk, values);
        lowbit_complete(&matrix->packed, count, chunk, values);
    } else {
        lowbit_unpack(&matrix->packed, output, count, chunk, values);
    }
}

/* The group of the chunk that input `k` of it is in. */
static inline int group_in_chunk(const lowbit_matrix *m, int k) {
    return m->group == 0 ? 0 : k / m->group;
}

/*
 * The weights of an output within a chunk, in the order of the matrix. The scales of all forms but F32 have so few bits
 * that s * u is exact in float32.
 */
static void weights_of(const lowbit_matrix *m, const lowbit_values *v, int row, int inputs, float *weights) {
    const int group = m->group == 0 ? LOWBIT_CHUNK : m->group;
    for (int begin = 0; begin < inputs; begin += group) {
        const int g = group_in_chunk(m, begin), end = inputs - begin < group ? inputs : begin + group;
        const float s = v->scales[g][row], c = v->offsets[g][row];
        const uint8_t *codes = v->codes[row];
        if (m->offsets != LOWBIT_OFFSETS_VALUES) {
            const int zero = v->zeros[g][row];
            for (int k = begin; k < end; k++) {
                weights[k] = (float)(codes[k] - zero) * s;
            }
        } else if (m->scales != LOWBIT_SCALES_F32) {
            for (int k = begin; k < end; k++) {
                weights[k] = (float)codes[k] * s + c;
            }
        } else {
            for (int k = begin; k < end; k++) {
                weights[k] = (float)((double)codes[k] * (double)s + (double)c);
            }
        }
    }
}

/* Outputs [begin, end), cut at the tiles. */
typedef struct {
    const gatun_lowbit_matrix *matrix;
    long long begin, end, first_tile;
    int dtype;
    void *out;
    long long out_stride;
    unsigned char *codes;
    float *scales, *offsets;
} read_job;

static long long outputs_of_task(const read_job *job, long long index, long long *end) {
    const long long tile = (job->first_tile + index) * LOWBIT_TILE;
    *end = least(tile + LOWBIT_TILE, job->end);
    return tile > job->begin ? tile : job->begin;
}

static void store_weights(const read_job *job, long long output, long long chunk, int inputs, const float *weights) {
    const int32_t *permutation = job->matrix->permutation;
    const long long row = (output - job->begin) * job->out_stride, first = lowbit_chunk_begin(chunk);
    if (!permutation && job->dtype == GATUN_F32) {
        memcpy((float *)job->out + row + first, weights, (size_t)inputs * sizeof *weights);
        return;
    }
    for (int k = 0; k < inputs; k++) {
        store_element(job->out, row + (permutation ? permutation[first + k] : first + k), job->dtype, weights[k]);
    }
}

static void dequantize_task(void *argument, long long index) {
    const read_job *job = argument;
    const lowbit_matrix *m = &job->matrix->packed;
    lowbit_values values;
    float weights[LOWBIT_CHUNK];
    long long end;
    const long long begin = outputs_of_task(job, index, &end);
    for (long long chunk = 0; chunk < m->chunks; chunk++) {
        const int inputs = lowbit_chunk_inputs(m, chunk);
        read_values(job->matrix, begin, (int)(end - begin), chunk, &values);
        for (long long output = begin; output < end; output++) {
            weights_of(m, &values, (int)(output - begin), inputs, weights);
            store_weights(job, output, chunk, inputs, weights);
        }
    }
}

static void unpack_task(void *argument, long long index) {
    const read_job *job = argument;
    const lowbit_matrix *m = &job->matrix->packed;
    const long long group_size = job->matrix->group_size;
    const long long groups = (m->inputs + group_size - 1) / group_size;
    lowbit_values values;
    long long end;
    const long long begin = outputs_of_task(job, index, &end);
    for (long long chunk = 0; chunk < m->chunks; chunk++) {
        const int inputs = lowbit_chunk_inputs(m, chunk);
        const long long first = lowbit_chunk_begin(chunk);
        read_values(job->matrix, begin, (int)(end - begin), chunk, &values);
        for (long long output = begin; output < end; output++) {
            const int row = (int)(output - begin);
            const long long to = output - job->begin;
            if (job->codes) {
                memcpy(job->codes + to * m->inputs + first, values.codes[row], (size_t)inputs);
            }
            for (long long group = (first + group_size - 1) / group_size; group * group_size < first + inputs;
                 group++) {
                const int g = group_in_chunk(m, (int)(group * group_size - first));
                if (job->scales) {
                    job->scales[to * groups + group] = values.scales[g][row];
                }
                if (job->offsets) {
                    job->offsets[to * groups + group] = values.offsets[g][row];
                }
            }
        }
    }
}

static int check_range(const gatun_context *context, const gatun_lowbit_matrix *matrix, long long begin, long long end,
                       message_buffer to) {
    if (!context) {
        return REJECT(to, "context: expected one, but it is NULL");
    }
    if (!matrix) {
        return REJECT(to, "matrix: expected one, but it is NULL");
    }
    if (begin < 0 || end < begin || end > matrix->packed.outputs) {
        return REJECT(to, "output_begin, output_end: expected a part of the %lld outputs, but they are %lld and %lld",
                      matrix->packed.outputs, begin, end);
    }
    return GATUN_OK;
}

static void run(const gatun_context *context, const read_job *job, gatun_task *task) {
    if (job->end > job->begin) {
        const long long tiles = (job->end - 1) / LOWBIT_TILE - job->first_tile + 1;
        const bool small = (job->end - job->begin) * job->matrix->packed.inputs * 4 < SHARED_BYTES;
        gatun_pool_run(small ? NULL : context->pool, tiles, task, (void *)job);
    }
}

int gatun_lowbit_matrix_dequantize(const gatun_context *context, const gatun_lowbit_matrix *matrix,
                                   long long output_begin, long long output_end, int dtype, void *out,
                                   long long out_stride, char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    int status;
    if ((status = check_range(context, matrix, output_begin, output_end, to)) ||
        (status = check_dtypes(dtype, dtype, to)) ||
        (status = check_stride("out_stride", out_stride, matrix->packed.inputs, to))) {
        return status;
    }
    const long long outputs = output_end - output_begin, inputs = matrix->packed.inputs;
    extents operands;
    operands.count = 0;
    lowbit_add_blocks(&operands, matrix);
    const int input_count = operands.count;
    if ((status = add_operand(&operands, "out", out, outputs > 0 && inputs > 0, outputs, inputs, out_stride,
                              element_bytes(dtype), to)) ||
        (status = check_overlaps(&operands, input_count, NULL, 0, to))) {
        return status;
    }
    const read_job job = {.matrix = matrix,
                          .begin = output_begin,
                          .end = output_end,
                          .first_tile = output_begin / LOWBIT_TILE,
                          .dtype = dtype,
                          .out = out,
                          .out_stride = out_stride};
    run(context, &job, dequantize_task);
    return GATUN_OK;
}

int gatun_lowbit_matrix_unpack(const gatun_context *context, const gatun_lowbit_matrix *matrix, long long output_begin,
                               long long output_end, void *codes, float *scales, float *offsets, char *message,
                               long long message_bytes) {
    message_buffer to = {message, message_bytes};
    int status = check_range(context, matrix, output_begin, output_end, to);
    if (status != GATUN_OK) {
        return status;
    }
    const long long outputs = output_end - output_begin, inputs = matrix->packed.inputs;
    const long long groups = (inputs + matrix->group_size - 1) / matrix->group_size;
    extents operands;
    operands.count = 0;
    lowbit_add_blocks(&operands, matrix);
    const int input_count = operands.count;
    if ((status = add_operand(&operands, "codes", codes, false, outputs, inputs, inputs, 1, to)) ||
        (status = add_operand(&operands, "scales", scales, false, outputs, groups, groups, 4, to)) ||
        (status = add_operand(&operands, "offsets", offsets, false, outputs, groups, groups, 4, to)) ||
        (status = check_overlaps(&operands, input_count, NULL, 0, to))) {
        return status;
    }
    const read_job job = {.matrix = matrix,
                          .begin = output_begin,
                          .end = output_end,
                          .first_tile = output_begin / LOWBIT_TILE,
                          .codes = codes,
                          .scales = scales,
                          .offsets = offsets};
    run(context, &job, unpack_task);
    return GATUN_OK;
}
