/* SPDX-License-Identifier: Apache-2.0 */
/* A gatun_lowbit_matrix of the tensors of checkpoints: argument checks, and which packed form they get. */
#include <stdlib.h>
#include <string.h>

#include "lowbit_create.h"
#include "tensor_sources.h"

enum { OUTPUTS_TOGETHER = 8 }; /* tiles: a line of 64 bytes holds 128 codes of 4 bits */

static int check_bits(int bits, message_buffer to) {
    if (bits != 4 && bits != 8) {
        return REJECT(to, "bits: expected 4 or 8, but it is %d", bits);
    }
    return GATUN_OK;
}

/* The group size of a checkpoint in inputs, at least 1. */
static int check_group_size(long long group_size, long long inputs, long long *result, message_buffer to) {
    if (group_size != GATUN_LOWBIT_PER_CHANNEL && (group_size < 16 || group_size % 16 != 0)) {
        return REJECT(to, "group_size: expected a multiple of 16, or 0 for one group, but it is %lld", group_size);
    }
    const long long whole = inputs > 0 ? inputs : 1;
    *result = group_size == GATUN_LOWBIT_PER_CHANNEL ? whole : group_size;
    return GATUN_OK;
}

/* Zero points that are all the same need not be kept one by one. */
static void choose_zeros(lowbit_source *source, int (*zero_of)(const lowbit_source *, long long, long long)) {
    const bool any = source->shape.outputs > 0 && source->groups > 0;
    const int first = any ? zero_of(source, 0, 0) : 0;
    for (long long group = 0; group < source->groups; group++) {
        for (long long output = 0; output < source->shape.outputs; output++) {
            if (zero_of(source, output, group) != first) {
                choose_form(source, LOWBIT_OFFSETS_ZERO_POINTS, 0);
                return;
            }
        }
    }
    choose_form(source, LOWBIT_OFFSETS_CONSTANT, first);
}

int gatun_lowbit_matrix_from_awq(const gatun_context *context, long long outputs, long long inputs,
                                 long long group_size, const void *qweight, long long qweight_bytes, const void *qzeros,
                                 long long qzeros_bytes, int scale_dtype, const void *scales, long long scales_bytes,
                                 gatun_lowbit_matrix **matrix, char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    long long group = 1;
    int status;
    if ((status = check_common(context, outputs, inputs, matrix, to)) ||
        (status = check_group_size(group_size, inputs, &group, to)) || (status = check_scale_dtype(scale_dtype, to))) {
        return status;
    }
    if (outputs % 8 != 0) {
        return REJECT(to, "outputs: expected a multiple of 8, but it is %lld", outputs);
    }
    if (inputs % group != 0) {
        return REJECT(to, "group_size: expected a divisor of the %lld inputs, but it is %lld", inputs, group_size);
    }
    const long long groups = inputs / group;
    if ((status = check_tensor("qweight", qweight, qweight_bytes, inputs, outputs, 1, 4, to)) ||
        (status = check_tensor("qzeros", qzeros, qzeros_bytes, groups, outputs, 1, 4, to)) ||
        (status = check_tensor("scales", scales, scales_bytes, groups, outputs, element_bytes(scale_dtype), 8, to))) {
        return status;
    }
    lowbit_source source = {.shape = {.outputs = outputs, .inputs = inputs, .bits = 4},
                            .tiles_together = OUTPUTS_TOGETHER,
                            .read = awq_read,
                            .row = awq_row,
                            .codes = qweight,
                            .scales = scales,
                            .zeros = qzeros,
                            .group_size = group,
                            .groups = groups,
                            .scale_dtype = scale_dtype};
    choose_zeros(&source, awq_zero);
    return lowbit_create_format(context, &source, GATUN_LOWBIT_AWQ, "scales", matrix, to);
}

/* Orders the inputs by group, those of a group as they come; NULL where they are in that order already. */
static int order_by_group(const unsigned char *g_idx, long long inputs, long long group_size, long long groups,
                          int32_t **permutation, message_buffer to) {
    *permutation = NULL;
    long long *next = calloc((size_t)groups + 1, sizeof *next);
    int32_t *order = malloc((size_t)(inputs > 0 ? inputs : 1) * sizeof *order);
    int status = GATUN_OK;
    if (!next || !order) {
        status = gatun_fail(to.text, to.bytes, GATUN_OUT_OF_MEMORY, "no memory for the order of %lld inputs", inputs);
        goto done;
    }
    bool ascending = true;
    for (long long k = 0; k < inputs; k++) {
        int32_t group;
        memcpy(&group, g_idx + 4 * k, sizeof group);
        if (group < 0 || group >= groups) {
            status = REJECT(to, "g_idx: expected groups from 0 to %lld, but that of input %lld is %d", groups - 1, k,
                            (int)group);
            goto done;
        }
        ascending = ascending && group == k / group_size;
        next[group + 1]++;
    }
    for (long long group = 0; group < groups; group++) {
        const long long begin = group * group_size;
        const long long expected = inputs - begin < group_size ? inputs - begin : group_size;
        if (next[group + 1] != expected) {
            status = REJECT(to, "g_idx: expected %lld inputs of group %lld, but it has %lld", expected, group,
                            next[group + 1]);
            goto done;
        }
        next[group + 1] += next[group];
    }
    for (long long k = 0; k < inputs && !ascending; k++) {
        int32_t group;
        memcpy(&group, g_idx + 4 * k, sizeof group);
        order[next[group]++] = (int32_t)k;
    }
    if (!ascending) {
        *permutation = order;
        order = NULL;
    }
done:
    free(next);
    free(order);
    return status;
}

/* Whether a stored zero point of version 1 is all ones, so that z is 0. */
static bool has_wrapped_zero(const lowbit_source *source) {
    for (long long group = 0; group < source->groups; group++) {
        for (long long output = 0; output < source->shape.outputs; output++) {
            if (gptq_zero(source, output, group) == 0) {
                return true;
            }
        }
    }
    return false;
}

int gatun_lowbit_matrix_from_gptq(const gatun_context *context, int bits, int version, long long outputs,
                                  long long inputs, long long group_size, const void *qweight, long long qweight_bytes,
                                  const void *qzeros, long long qzeros_bytes, int scale_dtype, const void *scales,
                                  long long scales_bytes, const void *g_idx, long long g_idx_bytes,
                                  gatun_lowbit_matrix **matrix, char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    long long group = 1;
    int status;
    if ((status = check_common(context, outputs, inputs, matrix, to)) || (status = check_bits(bits, to)) ||
        (status = check_group_size(group_size, inputs, &group, to)) || (status = check_scale_dtype(scale_dtype, to))) {
        return status;
    }
    if (version != 1 && version != 2) {
        return REJECT(to, "version: expected 1 or 2, but it is %d", version);
    }
    const int fields = 32 / bits;
    if (outputs % fields != 0) {
        return REJECT(to, "outputs: expected a multiple of %d, but it is %lld", fields, outputs);
    }
    if (inputs % fields != 0) {
        return REJECT(to, "inputs: expected a multiple of %d, but it is %lld", fields, inputs);
    }
    const long long groups = divide_up(inputs, group);
    if ((status = check_tensor("qweight", qweight, qweight_bytes, inputs, outputs, 1, bits, to)) ||
        (status = check_tensor("qzeros", qzeros, qzeros_bytes, groups, outputs, 1, bits, to)) ||
        (status = check_tensor("scales", scales, scales_bytes, groups, outputs, element_bytes(scale_dtype), 8, to)) ||
        (g_idx && (status = check_tensor("g_idx", g_idx, g_idx_bytes, inputs, 1, 1, 32, to)))) {
        return status;
    }
    int32_t *permutation = NULL;
    if (g_idx && (status = order_by_group(g_idx, inputs, group, groups, &permutation, to))) {
        return status;
    }
    lowbit_source source = {.shape = {.outputs = outputs, .inputs = inputs, .bits = bits, .permutation = permutation},
                            .tiles_together = OUTPUTS_TOGETHER,
                            .read = gptq_read,
                            .row = gptq_row,
                            .codes = qweight,
                            .scales = scales,
                            .zeros = qzeros,
                            .group_size = group,
                            .groups = groups,
                            .scale_dtype = scale_dtype,
                            .permutation = permutation,
                            .version = version};
    choose_zeros(&source, gptq_zero);
    const bool wrapped = version == 1 && has_wrapped_zero(&source);
    status = lowbit_create_format(context, &source, GATUN_LOWBIT_GPTQ, "scales", matrix, to);
    if (status != GATUN_OK) {
        free(permutation);
        return status;
    }
    (*matrix)->permutation = permutation;
    (*matrix)->flags |= (permutation ? GATUN_LOWBIT_HAS_PERMUTATION : 0) | (wrapped ? GATUN_LOWBIT_GPTQ_ZERO_ONES : 0);
    return GATUN_OK;
}

/* Whether some zero point is no code. */
static bool has_fractional_zero(const lowbit_source *source) {
    const float most = (float)((1 << source->shape.bits) - 1);
    for (long long i = 0; i < source->shape.outputs * source->groups; i++) {
        const float zero = load_scale(source->zeros, source->zero_dtype, i);
        if (!(zero >= 0 && zero <= most) || zero != (float)(int)zero) {
            return true;
        }
    }
    return false;
}

static int check_zero_points(const void *zero_points, long long bytes, int dtype, int bits, long long outputs,
                             long long groups, message_buffer to) {
    if (!zero_points) {
        return GATUN_OK;
    }
    if (dtype == -1) {
        return check_tensor("zero_points", zero_points, bytes, outputs, divide_up(groups, 8 / bits), 1, 8, to);
    }
    if (dtype != GATUN_F32 && dtype != GATUN_BF16 && dtype != GATUN_F16) {
        return REJECT(to, "zero_point_dtype: expected -1, F32, BF16 or F16, but it is %d", dtype);
    }
    return check_tensor("zero_points", zero_points, bytes, outputs, groups, element_bytes(dtype), 8, to);
}

int gatun_lowbit_matrix_from_nbits(const gatun_context *context, int bits, long long outputs, long long inputs,
                                   long long block_size, const void *b, long long b_bytes, int scale_dtype,
                                   const void *scales, long long scales_bytes, int zero_point_dtype,
                                   const void *zero_points, long long zero_points_bytes, gatun_lowbit_matrix **matrix,
                                   char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    int status;
    if ((status = check_common(context, outputs, inputs, matrix, to)) || (status = check_bits(bits, to)) ||
        (status = check_scale_dtype(scale_dtype, to))) {
        return status;
    }
    if (block_size < 16 || block_size > INT32_MAX || (block_size & (block_size - 1)) != 0) {
        return REJECT(to, "block_size: expected a power of two from 16 to 2^30, but it is %lld", block_size);
    }
    const long long groups = divide_up(inputs, block_size);
    if ((status = check_tensor("b", b, b_bytes, outputs, groups, block_size, bits, to)) ||
        (status = check_tensor("scales", scales, scales_bytes, outputs, groups, element_bytes(scale_dtype), 8, to)) ||
        (status = check_zero_points(zero_points, zero_points_bytes, zero_point_dtype, bits, outputs, groups, to))) {
        return status;
    }
    lowbit_source source = {.shape = {.outputs = outputs, .inputs = inputs, .bits = bits},
                            .tiles_together = 1,
                            .read = nbits_read,
                            .row = nbits_row,
                            .codes = b,
                            .scales = scales,
                            .zeros = zero_points,
                            .row_bytes = groups * block_size * bits / 8,
                            .group_size = block_size,
                            .groups = groups,
                            .scale_dtype = scale_dtype,
                            .zero_dtype = zero_point_dtype};
    source.fractional_zeros = zero_points && zero_point_dtype >= 0 && has_fractional_zero(&source);
    if (source.fractional_zeros) {
        choose_form(&source, LOWBIT_OFFSETS_VALUES, 0);
    } else {
        choose_zeros(&source, nbits_zero);
    }
    return lowbit_create_format(context, &source, GATUN_LOWBIT_NBITS,
                                source.fractional_zeros ? "zero_points" : "scales", matrix, to);
}

int gatun_lowbit_matrix_from_jlama(const gatun_context *context, int bits, long long outputs, long long inputs,
                                   const void *data, long long data_bytes, const void *scales, long long scales_bytes,
                                   gatun_lowbit_matrix **matrix, char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    int status;
    if ((status = check_common(context, outputs, inputs, matrix, to)) || (status = check_bits(bits, to))) {
        return status;
    }
    if (inputs % 32 != 0) {
        return REJECT(to, "inputs: expected a multiple of 32, but it is %lld", inputs);
    }
    if ((status = check_tensor("data", data, data_bytes, outputs, inputs, 1, bits, to)) ||
        (status = check_tensor("scales", scales, scales_bytes, outputs, inputs / 32, 1, 32, to))) {
        return status;
    }
    lowbit_source source = {.shape = {.outputs = outputs, .inputs = inputs, .bits = bits},
                            .tiles_together = 1,
                            .read = jlama_read,
                            .row = jlama_row,
                            .codes = data,
                            .scales = scales,
                            .row_bytes = inputs * bits / 8,
                            .group_size = 32,
                            .groups = inputs / 32,
                            .scale_dtype = GATUN_F32};
    choose_form(&source, LOWBIT_OFFSETS_CONSTANT, bits == 8 ? 128 : 8);
    return lowbit_create_format(context, &source, GATUN_LOWBIT_JLAMA, "scales", matrix, to);
}

int gatun_lowbit_matrix_from_int8(const gatun_context *context, long long outputs, long long inputs, const void *codes,
                                  long long codes_stride, const float *scales, const int *zero_points,
                                  gatun_lowbit_matrix **matrix, char *message, long long message_bytes) {
    message_buffer to = {message, message_bytes};
    int status = check_common(context, outputs, inputs, matrix, to);
    if (status != GATUN_OK) {
        return status;
    }
    extents operands;
    operands.count = 0;
    if ((status = check_stride("codes_stride", codes_stride, inputs, to)) ||
        (status =
             add_operand(&operands, "codes", codes, outputs > 0 && inputs > 0, outputs, inputs, codes_stride, 1, to)) ||
        (status = add_operand(&operands, "scales", scales, false, 1, outputs, outputs, 4, to)) ||
        (status = add_operand(&operands, "zero_points", zero_points, false, 1, outputs, outputs, 4, to))) {
        return status;
    }
    bool same = true;
    for (long long i = 0; zero_points && i < outputs; i++) {
        if (zero_points[i] < -128 || zero_points[i] > 127) {
            return REJECT(to, "zero_points: expected -128 to 127, but that of output %lld is %d", i, zero_points[i]);
        }
        same = same && zero_points[i] == zero_points[0];
    }
    const int first = zero_points && outputs > 0 ? zero_points[0] : 0;
    lowbit_source source = {.shape = {.outputs = outputs, .inputs = inputs, .bits = 8},
                            .tiles_together = 1,
                            .read = int8_read,
                            .row = int8_row,
                            .codes = codes,
                            .scales = (const unsigned char *)scales,
                            .zeros = (const unsigned char *)zero_points,
                            .row_bytes = codes_stride,
                            .group_size = inputs > 0 ? inputs : 1,
                            .groups = inputs > 0,
                            .scale_dtype = GATUN_F32};
    choose_form(&source, same ? LOWBIT_OFFSETS_CONSTANT : LOWBIT_OFFSETS_ZERO_POINTS, same ? 128 + first : 0);
    return lowbit_create_format(context, &source, GATUN_LOWBIT_INT8, "scales", matrix, to);
}
