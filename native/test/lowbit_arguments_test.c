/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every invalid argument of the low-bit functions gives GATUN_INVALID_ARGUMENT and a message that begins with the
 * argument's name, makes no matrix and touches no memory; tensors of no elements and no rows are fine.
 */
#include <limits.h>
#include <math.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gatun.h"

enum { OUTPUTS = 16, INPUTS = 256, ROWS = 3, UNTOUCHED = 0x5C };

typedef struct {
    alignas(64) unsigned char scratch[1 << 16];
    unsigned char codes[OUTPUTS * INPUTS * 4];
    float x[ROWS * INPUTS], y[ROWS * INPUTS], scales[OUTPUTS * INPUTS], bias[OUTPUTS];
    int ints[OUTPUTS * INPUTS];
} arena;

static arena memory, before;
static gatun_context *context;
static char message[256];
static gatun_lowbit_matrix *made;
static gatun_lowbit_matrix *const no_matrix = NULL;

/* A place for a matrix that must become NULL. */
static gatun_lowbit_matrix **place(void) {
    made = (gatun_lowbit_matrix *)(void *)&memory;
    memset(message, UNTOUCHED, sizeof message);
    memcpy(&before, &memory, sizeof memory);
    return &made;
}

static void rejected(const char *what, const char *name, int status) {
    const size_t length = strlen(name);
    CHECK(status == GATUN_INVALID_ARGUMENT, "%s, bad %s: status %d", what, name, status);
    CHECK(memchr(message, 0, sizeof message) != NULL && strncmp(message, name, length) == 0 && message[length] == ':',
          "%s, bad %s: message '%.100s'", what, name, message);
    CHECK(memcmp(&before, &memory, sizeof memory) == 0, "%s, bad %s: memory was touched", what, name);
}

/* `call` with a bad `name`; the call names place() before anything else. */
#define REJECTED(name, call) (place(), rejected(__func__, name, call))
#define REJECTED_MATRIX(name, call) \
    (place(), rejected(__func__, name, call), CHECK(made == no_matrix, "%s, bad %s: a matrix was made", __func__, name))

#define FROM_FLOATS(c, dtype, n, k, w, stride, bits, grid, group, scale, m) \
    gatun_lowbit_matrix_from_floats(c, dtype, n, k, w, stride, bits, grid, group, scale, m, message, sizeof message)

static void from_floats(void) {
    const void *w = memory.scales;
    const long long n = OUTPUTS, k = INPUTS;
    REJECTED("matrix", FROM_FLOATS(context, 0, n, k, w, k, 4, 0, 32, 0, NULL));
    REJECTED_MATRIX("context", FROM_FLOATS(NULL, 0, n, k, w, k, 4, 0, 32, 0, &made));
    REJECTED_MATRIX("dtype", FROM_FLOATS(context, 3, n, k, w, k, 4, 0, 32, 0, &made));
    REJECTED_MATRIX("dtype", FROM_FLOATS(context, -1, n, k, w, k, 4, 0, 32, 0, &made));
    REJECTED_MATRIX("outputs", FROM_FLOATS(context, 0, -1, k, w, k, 4, 0, 32, 0, &made));
    REJECTED_MATRIX("inputs", FROM_FLOATS(context, 0, n, -1, w, k, 4, 0, 32, 0, &made));
    REJECTED_MATRIX("inputs", FROM_FLOATS(context, 0, n, 1LL << 31, w, 1LL << 31, 4, 0, 32, 0, &made));
    REJECTED_MATRIX("weight", FROM_FLOATS(context, 0, n, k, NULL, k, 4, 0, 32, 0, &made));
    REJECTED_MATRIX("weight", FROM_FLOATS(context, 0, n, k, (const char *)w + 2, k, 4, 0, 32, 0, &made));
    REJECTED_MATRIX("weight", FROM_FLOATS(context, 0, LLONG_MAX, k, w, k, 4, 0, 32, 0, &made));
    REJECTED_MATRIX("weight", FROM_FLOATS(context, 0, n, k, w, LLONG_MAX / 8, 4, 0, 32, 0, &made));
    REJECTED_MATRIX("weight_stride", FROM_FLOATS(context, 0, n, k, w, k - 1, 4, 0, 32, 0, &made));
    static const int bits[] = {-4, 0, 1, 2, 3, 7, 9, 16};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        REJECTED_MATRIX("bits", FROM_FLOATS(context, 0, n, k, w, k, bits[i], 0, 32, 0, &made));
    }
    REJECTED_MATRIX("grid", FROM_FLOATS(context, 0, n, k, w, k, 4, 2, 32, 0, &made));
    REJECTED_MATRIX("grid", FROM_FLOATS(context, 0, n, k, w, k, 4, -1, 32, 0, &made));
    static const long long groups[] = {-2, 1, 16, 48, 512, LLONG_MAX, LLONG_MIN};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        REJECTED_MATRIX("group_size", FROM_FLOATS(context, 0, n, k, w, k, 4, 0, groups[i], 0, &made));
    }
    REJECTED_MATRIX("scale_dtype", FROM_FLOATS(context, 0, n, k, w, k, 4, 0, 32, 3, &made));
}

#define FROM_GGUF(c, type, n, k, p, bytes, in_place, m) \
    gatun_lowbit_matrix_from_gguf(c, type, n, k, p, bytes, in_place, m, message, sizeof message)

static void from_gguf(void) {
    const void *p = memory.codes;
    const long long n = OUTPUTS, k = INPUTS, bytes = n * k / 32 * 18;
    REJECTED("matrix", FROM_GGUF(context, 2, n, k, p, bytes, 0, NULL));
    REJECTED_MATRIX("context", FROM_GGUF(NULL, 2, n, k, p, bytes, 0, &made));
    static const int types[] = {-1, 0, 1, 4, 5, 9, 10, 11, 15, 20, 42, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        REJECTED_MATRIX("type", FROM_GGUF(context, types[i], n, k, p, bytes, 0, &made));
    }
    static const int packed_only[] = {GATUN_GGUF_Q4_1, GATUN_GGUF_Q5_0, GATUN_GGUF_Q5_1, GATUN_GGUF_Q5_K};
    for (size_t i = 0; i < sizeof packed_only / sizeof *packed_only; i++) {
        REJECTED_MATRIX("type", FROM_GGUF(context, packed_only[i], n, k, p, n * k, 1, &made));
    }
    REJECTED_MATRIX("in_place", FROM_GGUF(context, 2, n, k, p, bytes, 2, &made));
    REJECTED_MATRIX("outputs", FROM_GGUF(context, 2, -1, k, p, bytes, 0, &made));
    REJECTED_MATRIX("inputs", FROM_GGUF(context, 2, n, -32, p, bytes, 0, &made));
    REJECTED_MATRIX("inputs", FROM_GGUF(context, 2, n, 33, p, bytes, 0, &made));
    REJECTED_MATRIX("inputs", FROM_GGUF(context, GATUN_GGUF_Q4_K, n, 128, p, bytes, 0, &made));
    REJECTED_MATRIX("inputs", FROM_GGUF(context, 2, n, LLONG_MAX / 32 * 32, p, bytes, 0, &made));
    for (int in_place = 0; in_place <= 1; in_place++) {
        REJECTED_MATRIX("data", FROM_GGUF(context, 2, n, k, NULL, bytes, in_place, &made));
        REJECTED_MATRIX("data", FROM_GGUF(context, 2, n, k, p, bytes - 1, in_place, &made));
        REJECTED_MATRIX("data", FROM_GGUF(context, 2, n, k, p, -1, in_place, &made));
        REJECTED_MATRIX("data", FROM_GGUF(context, 2, LLONG_MAX, k, p, LLONG_MAX, in_place, &made));
        REJECTED_MATRIX("data", FROM_GGUF(context, 2, LLONG_MAX / 200, k, p, LLONG_MAX, in_place, &made));
        REJECTED_MATRIX("data", FROM_GGUF(context, 2, n, k, (const void *)(UINTPTR_MAX - 100), bytes, in_place, &made));
    }
}

#define FROM_AWQ(c, n, k, g, w, wb, z, zb, dtype, s, sb, m) \
    gatun_lowbit_matrix_from_awq(c, n, k, g, w, wb, z, zb, dtype, s, sb, m, message, sizeof message)

static void from_awq(void) {
    const void *p = memory.codes, *s = memory.scales;
    const long long n = OUTPUTS, k = INPUTS, g = 32, wb = n * k / 2, zb = n * k / g / 2, sb = n * k / g * 4;
    REJECTED("matrix", FROM_AWQ(context, n, k, g, p, wb, p, zb, 0, s, sb, NULL));
    REJECTED_MATRIX("context", FROM_AWQ(NULL, n, k, g, p, wb, p, zb, 0, s, sb, &made));
    REJECTED_MATRIX("outputs", FROM_AWQ(context, 12, k, g, p, wb, p, zb, 0, s, sb, &made));
    REJECTED_MATRIX("outputs", FROM_AWQ(context, -8, k, g, p, wb, p, zb, 0, s, sb, &made));
    REJECTED_MATRIX("inputs", FROM_AWQ(context, n, -k, g, p, wb, p, zb, 0, s, sb, &made));
    static const long long groups[] = {-1, 8, 24, 48, 512, LLONG_MIN};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        REJECTED_MATRIX("group_size", FROM_AWQ(context, n, k, groups[i], p, wb, p, zb, 0, s, sb, &made));
    }
    REJECTED_MATRIX("qweight", FROM_AWQ(context, n, k, g, NULL, wb, p, zb, 0, s, sb, &made));
    REJECTED_MATRIX("qweight", FROM_AWQ(context, n, k, g, p, wb - 1, p, zb, 0, s, sb, &made));
    REJECTED_MATRIX("qweight", FROM_AWQ(context, LLONG_MAX / 8 * 8, k, g, p, LLONG_MAX, p, zb, 0, s, sb, &made));
    REJECTED_MATRIX("qzeros", FROM_AWQ(context, n, k, g, p, wb, NULL, zb, 0, s, sb, &made));
    REJECTED_MATRIX("qzeros", FROM_AWQ(context, n, k, g, p, wb, p, zb - 1, 0, s, sb, &made));
    REJECTED_MATRIX("scales", FROM_AWQ(context, n, k, g, p, wb, p, zb, 0, NULL, sb, &made));
    REJECTED_MATRIX("scales", FROM_AWQ(context, n, k, g, p, wb, p, zb, 0, s, sb - 1, &made));
    REJECTED_MATRIX("scales", FROM_AWQ(context, n, k, g, p, wb, p, zb, 2, s, sb / 2 - 1, &made));
    REJECTED_MATRIX("scale_dtype", FROM_AWQ(context, n, k, g, p, wb, p, zb, 3, s, sb, &made));
}

#define FROM_GPTQ(c, bits, version, n, k, g, w, wb, z, zb, dtype, s, sb, i, ib, m)                          \
    gatun_lowbit_matrix_from_gptq(c, bits, version, n, k, g, w, wb, z, zb, dtype, s, sb, i, ib, m, message, \
                                  sizeof message)

static void from_gptq(void) {
    const void *p = memory.codes, *s = memory.scales;
    const long long n = OUTPUTS, k = INPUTS, g = 32, wb = n * k / 2, zb = n * k / g / 2, sb = n * k / g * 4;
    REJECTED("matrix", FROM_GPTQ(context, 4, 1, n, k, g, p, wb, p, zb, 0, s, sb, NULL, 0, NULL));
    REJECTED_MATRIX("context", FROM_GPTQ(NULL, 4, 1, n, k, g, p, wb, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("bits", FROM_GPTQ(context, 3, 1, n, k, g, p, wb, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("version", FROM_GPTQ(context, 4, 0, n, k, g, p, wb, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("version", FROM_GPTQ(context, 4, 3, n, k, g, p, wb, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("outputs", FROM_GPTQ(context, 4, 1, 12, k, g, p, wb, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("outputs", FROM_GPTQ(context, 8, 1, 6, k, g, p, wb, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("inputs", FROM_GPTQ(context, 4, 1, n, 252, g, p, wb, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("inputs", FROM_GPTQ(context, 4, 1, n, -8, g, p, wb, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("group_size", FROM_GPTQ(context, 4, 1, n, k, 8, p, wb, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("group_size", FROM_GPTQ(context, 4, 1, n, k, -1, p, wb, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("qweight", FROM_GPTQ(context, 4, 1, n, k, g, NULL, wb, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("qweight", FROM_GPTQ(context, 4, 1, n, k, g, p, wb - 1, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("qweight", FROM_GPTQ(context, 8, 1, n, k, g, p, 2 * wb - 1, p, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("qzeros", FROM_GPTQ(context, 4, 1, n, k, g, p, wb, NULL, zb, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("qzeros", FROM_GPTQ(context, 4, 1, n, k, g, p, wb, p, zb - 1, 0, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("scales", FROM_GPTQ(context, 4, 1, n, k, g, p, wb, p, zb, 0, NULL, sb, NULL, 0, &made));
    REJECTED_MATRIX("scales", FROM_GPTQ(context, 4, 1, n, k, g, p, wb, p, zb, 1, s, sb / 2 - 1, NULL, 0, &made));
    REJECTED_MATRIX("scale_dtype", FROM_GPTQ(context, 4, 1, n, k, g, p, wb, p, zb, 9, s, sb, NULL, 0, &made));
    REJECTED_MATRIX("g_idx", FROM_GPTQ(context, 4, 1, n, k, g, p, wb, p, zb, 0, s, sb, memory.ints, 4 * k - 1, &made));
    /* all inputs in group 0 */
    REJECTED_MATRIX("g_idx", FROM_GPTQ(context, 4, 1, n, k, g, p, wb, p, zb, 0, s, sb, memory.ints, 4 * k, &made));
}

#define FROM_NBITS(c, bits, n, k, g, b, bb, dtype, s, sb, zd, z, zb, m) \
    gatun_lowbit_matrix_from_nbits(c, bits, n, k, g, b, bb, dtype, s, sb, zd, z, zb, m, message, sizeof message)

static void from_nbits(void) {
    const void *p = memory.codes, *s = memory.scales;
    const long long n = OUTPUTS, k = INPUTS, g = 32, bb = n * k / 2, zb = n * k / g / 2, sb = n * k / g * 4;
    REJECTED("matrix", FROM_NBITS(context, 4, n, k, g, p, bb, 0, s, sb, -1, p, zb, NULL));
    REJECTED_MATRIX("context", FROM_NBITS(NULL, 4, n, k, g, p, bb, 0, s, sb, -1, p, zb, &made));
    REJECTED_MATRIX("bits", FROM_NBITS(context, 2, n, k, g, p, bb, 0, s, sb, -1, p, zb, &made));
    REJECTED_MATRIX("outputs", FROM_NBITS(context, 4, -1, k, g, p, bb, 0, s, sb, -1, p, zb, &made));
    REJECTED_MATRIX("inputs", FROM_NBITS(context, 4, n, -1, g, p, bb, 0, s, sb, -1, p, zb, &made));
    static const long long sizes[] = {-32, 0, 8, 24, 48, 1LL << 40, LLONG_MIN};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        REJECTED_MATRIX("block_size", FROM_NBITS(context, 4, n, k, sizes[i], p, bb, 0, s, sb, -1, p, zb, &made));
    }
    REJECTED_MATRIX("b", FROM_NBITS(context, 4, n, k, g, NULL, bb, 0, s, sb, -1, p, zb, &made));
    REJECTED_MATRIX("b", FROM_NBITS(context, 4, n, k, g, p, bb - 1, 0, s, sb, -1, p, zb, &made));
    REJECTED_MATRIX("b", FROM_NBITS(context, 4, LLONG_MAX / 4, k, g, p, bb, 0, s, sb, -1, p, zb, &made));
    /* the last block counts in full */
    REJECTED_MATRIX("b", FROM_NBITS(context, 4, n, k - 31, g, p, bb - 1, 0, s, sb, -1, p, zb, &made));
    REJECTED_MATRIX("scales", FROM_NBITS(context, 4, n, k, g, p, bb, 0, NULL, sb, -1, p, zb, &made));
    REJECTED_MATRIX("scales", FROM_NBITS(context, 4, n, k, g, p, bb, 0, s, sb - 1, -1, p, zb, &made));
    REJECTED_MATRIX("scale_dtype", FROM_NBITS(context, 4, n, k, g, p, bb, -1, s, sb, -1, p, zb, &made));
    REJECTED_MATRIX("zero_points", FROM_NBITS(context, 4, n, k, g, p, bb, 0, s, sb, -1, p, zb - 1, &made));
    REJECTED_MATRIX("zero_points", FROM_NBITS(context, 4, n, k, g, p, bb, 0, s, sb, 0, p, sb - 1, &made));
    REJECTED_MATRIX("zero_point_dtype", FROM_NBITS(context, 4, n, k, g, p, bb, 0, s, sb, 3, p, zb, &made));
}

#define FROM_JLAMA(c, bits, n, k, p, pb, s, sb, m) \
    gatun_lowbit_matrix_from_jlama(c, bits, n, k, p, pb, s, sb, m, message, sizeof message)

static void from_jlama(void) {
    const void *p = memory.codes, *s = memory.scales;
    const long long n = OUTPUTS, k = INPUTS, pb = n * k / 2, sb = n * k / 32 * 4;
    REJECTED("matrix", FROM_JLAMA(context, 4, n, k, p, pb, s, sb, NULL));
    REJECTED_MATRIX("context", FROM_JLAMA(NULL, 4, n, k, p, pb, s, sb, &made));
    REJECTED_MATRIX("bits", FROM_JLAMA(context, 5, n, k, p, pb, s, sb, &made));
    REJECTED_MATRIX("outputs", FROM_JLAMA(context, 4, -1, k, p, pb, s, sb, &made));
    REJECTED_MATRIX("inputs", FROM_JLAMA(context, 4, n, k - 1, p, pb, s, sb, &made));
    REJECTED_MATRIX("data", FROM_JLAMA(context, 4, n, k, NULL, pb, s, sb, &made));
    REJECTED_MATRIX("data", FROM_JLAMA(context, 4, n, k, p, pb - 1, s, sb, &made));
    REJECTED_MATRIX("data", FROM_JLAMA(context, 8, n, k, p, 2 * pb - 1, s, sb, &made));
    REJECTED_MATRIX("scales", FROM_JLAMA(context, 4, n, k, p, pb, NULL, sb, &made));
    REJECTED_MATRIX("scales", FROM_JLAMA(context, 4, n, k, p, pb, s, sb - 1, &made));
}

#define FROM_INT8(c, n, k, p, stride, s, z, m) \
    gatun_lowbit_matrix_from_int8(c, n, k, p, stride, s, z, m, message, sizeof message)

static void from_int8(void) {
    const void *p = memory.codes;
    const long long n = OUTPUTS, k = INPUTS;
    float *s = memory.scales;
    int *z = memory.ints;
    REJECTED("matrix", FROM_INT8(context, n, k, p, k, s, z, NULL));
    REJECTED_MATRIX("context", FROM_INT8(NULL, n, k, p, k, s, z, &made));
    REJECTED_MATRIX("outputs", FROM_INT8(context, -1, k, p, k, s, z, &made));
    REJECTED_MATRIX("inputs", FROM_INT8(context, n, -1, p, k, s, z, &made));
    REJECTED_MATRIX("codes", FROM_INT8(context, n, k, NULL, k, s, z, &made));
    REJECTED_MATRIX("codes", FROM_INT8(context, LLONG_MAX, k, p, k, NULL, NULL, &made));
    REJECTED_MATRIX("codes_stride", FROM_INT8(context, n, k, p, k - 1, s, z, &made));
    REJECTED_MATRIX("scales",
                    FROM_INT8(context, n, k, p, k, (const float *)(const void *)(memory.codes + 1), z, &made));
    static const int bad[] = {-129, 128, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        z[5] = bad[i];
        REJECTED_MATRIX("zero_points", FROM_INT8(context, n, k, p, k, s, z, &made));
    }
    z[5] = 0;
    s[3] = NAN;
    REJECTED_MATRIX("scales", FROM_INT8(context, n, k, p, k, s, z, &made));
    s[3] = 0;
}

static gatun_lowbit_matrix *good_matrix(int bits, long long group, long long inputs) {
    gatun_lowbit_matrix *matrix = NULL;
    float *weights = calloc((size_t)(OUTPUTS * inputs) + 1, sizeof *weights);
    const int status = FROM_FLOATS(context, GATUN_F32, OUTPUTS, inputs, weights, inputs, bits, GATUN_LOWBIT_SYMMETRIC,
                                   group, GATUN_F32, &matrix);
    CHECK(status == GATUN_OK, "a good matrix: status %d", status);
    free(weights);
    return matrix;
}

static void reading(void) {
    gatun_lowbit_matrix *m = good_matrix(4, 32, INPUTS);
    float *out = memory.scales;
#define DEQUANTIZE(c, m, begin, end, dtype, out, stride) \
    gatun_lowbit_matrix_dequantize(c, m, begin, end, dtype, out, stride, message, sizeof message)
#define UNPACK(c, m, begin, end, codes, s, o) \
    gatun_lowbit_matrix_unpack(c, m, begin, end, codes, s, o, message, sizeof message)
    REJECTED("context", DEQUANTIZE(NULL, m, 0, OUTPUTS, 0, out, INPUTS));
    REJECTED("matrix", DEQUANTIZE(context, NULL, 0, OUTPUTS, 0, out, INPUTS));
    static const long long ranges[][2] = {
        {-1, 3}, {3, 2}, {0, OUTPUTS + 1}, {OUTPUTS + 1, OUTPUTS + 1}, {0, LLONG_MIN}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        REJECTED("output_begin, output_end", DEQUANTIZE(context, m, ranges[i][0], ranges[i][1], 0, out, INPUTS));
        REJECTED("output_begin, output_end", UNPACK(context, m, ranges[i][0], ranges[i][1], NULL, NULL, NULL));
    }
    REJECTED("dtype", DEQUANTIZE(context, m, 0, OUTPUTS, 3, out, INPUTS));
    REJECTED("out", DEQUANTIZE(context, m, 0, OUTPUTS, 0, NULL, INPUTS));
    REJECTED("out", DEQUANTIZE(context, m, 0, OUTPUTS, 0, (char *)out + 1, INPUTS));
    REJECTED("out_stride", DEQUANTIZE(context, m, 0, OUTPUTS, 0, out, INPUTS - 1));
    REJECTED("context", UNPACK(NULL, m, 0, 1, NULL, NULL, NULL));
    REJECTED("matrix", UNPACK(context, NULL, 0, 1, NULL, NULL, NULL));
    REJECTED("scales", UNPACK(context, m, 0, 1, out, out, NULL));
    REJECTED("offsets", UNPACK(context, m, 0, 1, memory.codes, out, out));
    CHECK(UNPACK(context, m, 0, 1, NULL, NULL, NULL) == GATUN_OK, "nothing to unpack");
    CHECK(DEQUANTIZE(context, m, 4, 4, 0, NULL, INPUTS) == GATUN_OK, "no outputs");
    gatun_lowbit_matrix_destroy(m);
    CHECK(FROM_GGUF(context, GATUN_GGUF_Q4_0, 1, 32, memory.scales, 18, 1, &m) == GATUN_OK, "in place");
    REJECTED("out", DEQUANTIZE(context, m, 0, 1, 0, memory.scales, 32));
    gatun_lowbit_matrix_destroy(m);
    CHECK(gatun_lowbit_matrix_destroy(NULL) == GATUN_OK && gatun_lowbit_matrix_outputs(NULL) == -1 &&
              gatun_lowbit_matrix_inputs(NULL) == -1 && gatun_lowbit_matrix_bits(NULL) == -1 &&
              gatun_lowbit_matrix_scheme(NULL) == -1 && gatun_lowbit_matrix_gguf_type(NULL) == -1 &&
              gatun_lowbit_matrix_flags(NULL) == -1 && gatun_lowbit_matrix_group_size(NULL) == -1 &&
              gatun_lowbit_matrix_bytes(NULL) == -1 &&
              gatun_lowbit_matrix_permutation(NULL, memory.ints, 0) == GATUN_INVALID_ARGUMENT,
          "queries of NULL");
}

static void multiplying(void) {
    gatun_lowbit_matrix *m = good_matrix(4, 32, INPUTS);
    const float *x = memory.x, *bias = memory.bias;
    float *y = memory.y;
    void *s = memory.scratch;
    const long long k = INPUTS, n = OUTPUTS;
    long long bytes = -1;
    const int a = GATUN_LOWBIT_INT8_32;
    CHECK(gatun_lowbit_multiply_scratch(context, 0, ROWS, m, a, &bytes) == GATUN_OK && bytes > 0 &&
              bytes <= (long long)sizeof memory.scratch,
          "%lld bytes of scratch", bytes);
#define MULTIPLY(c, dtype, rows, x, xs, m, b, a, y, ys, s, sb) \
    gatun_lowbit_multiply(c, dtype, rows, x, xs, m, b, a, y, ys, s, sb, message, sizeof message)
    REJECTED("context", MULTIPLY(NULL, 0, ROWS, x, k, m, bias, a, y, n, s, bytes));
    REJECTED("dtype", MULTIPLY(context, 3, ROWS, x, k, m, bias, a, y, n, s, bytes));
    REJECTED("rows", MULTIPLY(context, 0, -1, x, k, m, bias, a, y, n, s, bytes));
    REJECTED("matrix", MULTIPLY(context, 0, ROWS, x, k, NULL, bias, a, y, n, s, bytes));
    static const int forms[] = {-1, GATUN_LOWBIT_INT8_CHANNEL, 16, 33, 512, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        REJECTED("activation", MULTIPLY(context, 0, ROWS, x, k, m, bias, forms[i], y, n, s, bytes));
        long long none;
        CHECK(gatun_lowbit_multiply_scratch(context, 0, ROWS, m, forms[i], &none) == GATUN_INVALID_ARGUMENT,
              "scratch of activation %d", forms[i]);
    }
    REJECTED("x", MULTIPLY(context, 0, ROWS, NULL, k, m, bias, a, y, n, s, bytes));
    REJECTED("x", MULTIPLY(context, 0, ROWS, (const char *)x + 2, k, m, bias, a, y, n, s, bytes));
    REJECTED("x", MULTIPLY(context, 0, ROWS, x, LLONG_MAX / 2, m, bias, a, y, n, s, bytes));
    REJECTED("x_stride", MULTIPLY(context, 0, ROWS, x, k - 1, m, bias, a, y, n, s, bytes));
    REJECTED("bias",
             MULTIPLY(context, 0, ROWS, x, k, m, (const float *)(const void *)(memory.codes + 1), a, y, n, s, bytes));
    REJECTED("y", MULTIPLY(context, 0, ROWS, x, k, m, bias, a, NULL, n, s, bytes));
    REJECTED("y", MULTIPLY(context, 0, ROWS, x, k, m, bias, a, memory.x, n, s, bytes));
    REJECTED("y", MULTIPLY(context, 0, ROWS, x, k, m, bias, a, memory.bias, n, s, bytes));
    REJECTED("y_stride", MULTIPLY(context, 0, ROWS, x, k, m, bias, a, y, n - 1, s, bytes));
    REJECTED("scratch", MULTIPLY(context, 0, ROWS, x, k, m, bias, a, y, n, NULL, bytes));
    REJECTED("scratch", MULTIPLY(context, 0, ROWS, x, k, m, bias, a, y, n, s, bytes - 1));
    REJECTED("scratch", MULTIPLY(context, 0, ROWS, x, k, m, bias, a, y, n, memory.scratch + 32, bytes));
    REJECTED("scratch", MULTIPLY(context, 0, ROWS, x, k, m, bias, a, memory.scratch, n, s, bytes));
    CHECK(gatun_lowbit_multiply_scratch(NULL, 0, ROWS, m, a, &bytes) == GATUN_INVALID_ARGUMENT &&
              gatun_lowbit_multiply_scratch(context, 0, ROWS, NULL, a, &bytes) == GATUN_INVALID_ARGUMENT &&
              gatun_lowbit_multiply_scratch(context, 0, ROWS, m, a, NULL) == GATUN_INVALID_ARGUMENT &&
              gatun_lowbit_multiply_scratch(context, 9, ROWS, m, a, &bytes) == GATUN_INVALID_ARGUMENT &&
              gatun_lowbit_multiply_scratch(context, 0, -1, m, a, &bytes) == GATUN_INVALID_ARGUMENT,
          "scratch of invalid arguments");
    CHECK(MULTIPLY(context, 0, 0, NULL, k, m, bias, a, NULL, n, NULL, 0) == GATUN_OK, "no rows: %s", message);
    gatun_lowbit_matrix_destroy(m);
    /* Whole rows on both sides have a limit. */
    static const long long most[] = {1118481, 541200, 266305, 65793};
    static const int bits[] = {4, 5, 6, 8};
    for (int i = 0; i < 4; i++) {
        for (int over = 0; over <= 1; over++) {
            m = good_matrix(bits[i], GATUN_LOWBIT_PER_CHANNEL, most[i] + over);
            CHECK(gatun_lowbit_multiply_scratch(context, 0, ROWS, m, GATUN_LOWBIT_INT8_ROW, &bytes) ==
                          (over ? GATUN_INVALID_ARGUMENT : GATUN_OK) &&
                      gatun_lowbit_multiply_scratch(context, 0, ROWS, m, GATUN_LOWBIT_INT8_256, &bytes) == GATUN_OK,
                  "%d bits, %lld inputs", bits[i], most[i] + over);
            gatun_lowbit_matrix_destroy(m);
        }
    }
}

/* No inputs: the bias, or 0. No outputs: nothing. */
static void empty(void) {
    gatun_lowbit_matrix *m = good_matrix(5, 64, 0);
    float y[ROWS * OUTPUTS];
    static const int forms[] = {GATUN_LOWBIT_FLOAT, GATUN_LOWBIT_INT8_ROW, GATUN_LOWBIT_INT8_64};
    for (int i = 0; i < 6; i++) {
        long long bytes = 0;
        for (int n = 0; n < OUTPUTS; n++) {
            memory.bias[n] = (float)n;
        }
        CHECK(gatun_lowbit_multiply_scratch(context, 0, ROWS, m, forms[i / 2], &bytes) == GATUN_OK &&
                  MULTIPLY(context, 0, ROWS, NULL, 0, m, i % 2 ? memory.bias : NULL, forms[i / 2], y, OUTPUTS,
                           memory.scratch, bytes) == GATUN_OK,
              "no inputs: %s", message);
        for (int n = 0; n < ROWS * OUTPUTS; n++) {
            CHECK(y[n] == (i % 2 ? (float)(n % OUTPUTS) : 0), "no inputs: y is %g", (double)y[n]);
        }
    }
    gatun_lowbit_matrix_destroy(m);
    for (int in_place = 0; in_place <= 1; in_place++) {
        m = NULL;
        CHECK(FROM_GGUF(context, GATUN_GGUF_Q8_0, 0, 64, NULL, 0, in_place, &m) == GATUN_OK &&
                  MULTIPLY(context, 0, ROWS, memory.x, 64, m, NULL, GATUN_LOWBIT_FLOAT, NULL, 0, NULL, 0) == GATUN_OK,
              "no outputs: %s", message);
        gatun_lowbit_matrix_destroy(m);
    }
}

static void quantizing(void) {
    const float *x = memory.x;
    float *s = memory.scales;
    int *sums = memory.ints;
    void *q = memory.codes;
    const long long k = INPUTS;
    const int a = GATUN_LOWBIT_INT8_64, channel = GATUN_LOWBIT_INT8_CHANNEL;
    float channels[INPUTS], centres[INPUTS] = {0};
    for (int i = 0; i < INPUTS; i++) {
        channels[i] = 1;
    }
#define QUANTIZE(c, dtype, rows, k, x, xs, a, cs, cc, limit, q, qs, s, sums)                               \
    gatun_lowbit_quantize_activations(c, dtype, rows, k, x, xs, a, cs, cc, limit, q, qs, s, sums, message, \
                                      sizeof message)
    REJECTED("context", QUANTIZE(NULL, 0, ROWS, k, x, k, a, NULL, NULL, 127, q, k, s, sums));
    REJECTED("dtype", QUANTIZE(context, 5, ROWS, k, x, k, a, NULL, NULL, 127, q, k, s, sums));
    REJECTED("rows", QUANTIZE(context, 0, -1, k, x, k, a, NULL, NULL, 127, q, k, s, sums));
    REJECTED("columns", QUANTIZE(context, 0, ROWS, -1, x, k, a, NULL, NULL, 127, q, k, s, sums));
    REJECTED("columns", QUANTIZE(context, 0, ROWS, 16909321, x, 16909321, 1, NULL, NULL, 127, q, 16909321, s, sums));
    REJECTED("x", QUANTIZE(context, 0, ROWS, k, NULL, k, a, NULL, NULL, 127, q, k, s, sums));
    REJECTED("x", QUANTIZE(context, 0, ROWS, k, (const char *)x + 1, k, a, NULL, NULL, 127, q, k, s, sums));
    REJECTED("x_stride", QUANTIZE(context, 0, ROWS, k, x, k - 1, a, NULL, NULL, 127, q, k, s, sums));
    REJECTED("activation", QUANTIZE(context, 0, ROWS, k, x, k, 0, NULL, NULL, 127, q, k, s, sums));
    REJECTED("activation", QUANTIZE(context, 0, ROWS, k, x, k, 16, NULL, NULL, 127, q, k, s, sums));
    REJECTED("channel_scales, channel_centres",
             QUANTIZE(context, 0, ROWS, k, x, k, a, channels, NULL, 127, q, k, s, sums));
    REJECTED("channel_scales, channel_centres",
             QUANTIZE(context, 0, ROWS, k, x, k, a, NULL, centres, 127, q, k, s, sums));
    REJECTED("channel_scales", QUANTIZE(context, 0, ROWS, k, x, k, channel, NULL, NULL, 127, q, k, NULL, sums));
    static const float bad[] = {0, -1, NAN, INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        channels[7] = bad[i];
        REJECTED("channel_scales", QUANTIZE(context, 0, ROWS, k, x, k, channel, channels, NULL, 127, q, k, NULL, sums));
    }
    channels[7] = 1;
    centres[9] = NAN;
    REJECTED("channel_centres", QUANTIZE(context, 0, ROWS, k, x, k, channel, channels, centres, 127, q, k, NULL, sums));
    centres[9] = 0;
    REJECTED("limit", QUANTIZE(context, 0, ROWS, k, x, k, a, NULL, NULL, 31, q, k, s, sums));
    REJECTED("limit", QUANTIZE(context, 0, ROWS, k, x, k, channel, channels, NULL, 0, q, k, NULL, sums));
    REJECTED("limit", QUANTIZE(context, 0, ROWS, k, x, k, channel, channels, NULL, 128, q, k, NULL, sums));
    REJECTED("codes", QUANTIZE(context, 0, ROWS, k, x, k, a, NULL, NULL, 127, NULL, k, s, sums));
    REJECTED("codes", QUANTIZE(context, 0, ROWS, k, x, k, a, NULL, NULL, 127, memory.x, k, s, sums));
    REJECTED("codes_stride", QUANTIZE(context, 0, ROWS, k, x, k, a, NULL, NULL, 127, q, k - 1, s, sums));
    REJECTED("scales", QUANTIZE(context, 0, ROWS, k, x, k, a, NULL, NULL, 127, q, k, NULL, sums));
    REJECTED("scales", QUANTIZE(context, 0, ROWS, k, x, k, channel, channels, NULL, 127, q, k, s, sums));
    REJECTED("sums", QUANTIZE(context, 0, ROWS, k, x, k, a, NULL, NULL, 127, q, k, s, (int *)(void *)s));
    CHECK(QUANTIZE(context, 0, 0, k, NULL, k, a, NULL, NULL, 127, NULL, k, NULL, NULL) == GATUN_OK, "no rows");
    CHECK(QUANTIZE(context, 0, ROWS, 0, NULL, 0, 1, NULL, NULL, 127, NULL, 0, NULL, NULL) == GATUN_OK, "no columns");
}

static void int8_products(void) {
    gatun_lowbit_matrix *m = NULL, *other;
    const long long k = INPUTS, n = OUTPUTS;
    const void *x = memory.codes;
    float *y = memory.y, *bias = memory.bias, *scales = memory.scales;
    int *zeros = memory.ints;
    void *s = memory.scratch;
    long long bytes = -1;
    CHECK(FROM_INT8(context, n, k, x, k, NULL, NULL, &m) == GATUN_OK &&
              gatun_int8_matmul_scratch(context, ROWS, m, &bytes) == GATUN_OK && bytes > 0,
          "%lld bytes of scratch", bytes);
#define MATMUL(c, rows, x, xs, rs, rz, m, b, result, y, ys, s, sb) \
    gatun_int8_matmul(c, rows, x, xs, rs, rz, m, b, result, y, ys, s, sb, message, sizeof message)
    REJECTED("context", MATMUL(NULL, ROWS, x, k, scales, zeros, m, bias, 0, y, n, s, bytes));
    REJECTED("rows", MATMUL(context, -1, x, k, scales, zeros, m, bias, 0, y, n, s, bytes));
    REJECTED("matrix", MATMUL(context, ROWS, x, k, scales, zeros, NULL, bias, 0, y, n, s, bytes));
    other = good_matrix(8, 32, INPUTS);
    REJECTED("matrix", MATMUL(context, ROWS, x, k, scales, zeros, other, bias, 0, y, n, s, bytes));
    gatun_lowbit_matrix_destroy(other);
    other = good_matrix(6, GATUN_LOWBIT_PER_CHANNEL, INPUTS);
    REJECTED("matrix", MATMUL(context, ROWS, x, k, scales, zeros, other, bias, 0, y, n, s, bytes));
    gatun_lowbit_matrix_destroy(other);
    other = good_matrix(8, GATUN_LOWBIT_PER_CHANNEL, INPUTS);
    CHECK(MATMUL(context, ROWS, x, k, scales, zeros, other, bias, 0, y, n, s, bytes) == GATUN_OK, "8 bits per channel");
    gatun_lowbit_matrix_destroy(other);
    REJECTED("result", MATMUL(context, ROWS, x, k, scales, zeros, m, bias, 2, y, n, s, bytes));
    REJECTED("bias", MATMUL(context, ROWS, x, k, NULL, zeros, m, bias, 1, y, n, s, bytes));
    REJECTED("row_scales", MATMUL(context, ROWS, x, k, scales, zeros, m, NULL, 1, y, n, s, bytes));
    REJECTED("x", MATMUL(context, ROWS, NULL, k, scales, zeros, m, bias, 0, y, n, s, bytes));
    REJECTED("x_stride", MATMUL(context, ROWS, x, k - 1, scales, zeros, m, bias, 0, y, n, s, bytes));
    REJECTED("row_scales", MATMUL(context, ROWS, x, k, (const float *)(const void *)(memory.codes + 1), zeros, m, bias,
                                  0, y, n, s, bytes));
    zeros[1] = 200;
    REJECTED("row_zero_points", MATMUL(context, ROWS, x, k, scales, zeros, m, bias, 0, y, n, s, bytes));
    zeros[1] = 0;
    REJECTED("y", MATMUL(context, ROWS, x, k, scales, zeros, m, bias, 0, NULL, n, s, bytes));
    REJECTED("y", MATMUL(context, ROWS, x, k, scales, zeros, m, bias, 0, memory.codes, n, s, bytes));
    REJECTED("y_stride", MATMUL(context, ROWS, x, k, scales, zeros, m, bias, 0, y, n - 1, s, bytes));
    REJECTED("scratch", MATMUL(context, ROWS, x, k, scales, zeros, m, bias, 0, y, n, s, bytes - 1));
    REJECTED("scratch", MATMUL(context, ROWS, x, k, scales, zeros, m, bias, 0, y, n, NULL, bytes));
    CHECK(gatun_int8_matmul_scratch(NULL, ROWS, m, &bytes) == GATUN_INVALID_ARGUMENT &&
              gatun_int8_matmul_scratch(context, ROWS, NULL, &bytes) == GATUN_INVALID_ARGUMENT &&
              gatun_int8_matmul_scratch(context, -1, m, &bytes) == GATUN_INVALID_ARGUMENT &&
              gatun_int8_matmul_scratch(context, ROWS, m, NULL) == GATUN_INVALID_ARGUMENT,
          "scratch of invalid arguments");
    CHECK(MATMUL(context, 0, NULL, k, NULL, NULL, m, bias, 0, NULL, n, NULL, 0) == GATUN_OK, "no rows");
    gatun_lowbit_matrix_destroy(m);
    /* Sums that might not fit 32 bits. */
    static const long long most[] = {131071, 65793, 33025};
    for (int sides = 0; sides < 3; sides++) {
        signed char *codes = calloc(1, (size_t)most[sides] + 1);
        const int zero = 1;
        CHECK(FROM_INT8(context, 1, most[sides] + 1, codes, most[sides] + 1, NULL, sides > 1 ? &zero : NULL, &m) ==
                  GATUN_OK,
              "a long row");
        void *scratch = aligned_alloc(64, 1 << 20);
        CHECK(gatun_int8_matmul_scratch(context, 1, m, &bytes) == GATUN_OK && bytes <= 1 << 20, "%lld bytes", bytes);
        int y_int;
        REJECTED("matrix", MATMUL(context, 1, codes, most[sides] + 1, NULL, sides > 0 ? &zero : NULL, m, NULL, 1,
                                  &y_int, 1, scratch, bytes));
        gatun_lowbit_matrix_destroy(m);
        free(scratch);
        free(codes);
    }
}

int main(int argc, char **argv) {
    (void)argc;
    if (gatun_context_create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, 1, &context, NULL, 0) != GATUN_OK) {
        check_abandon("no context");
    }
    from_floats();
    from_gguf();
    from_awq();
    from_gptq();
    from_nbits();
    from_jlama();
    from_int8();
    reading();
    multiplying();
    empty();
    quantizing();
    int8_products();
    gatun_context_destroy(context);
    return check_finish(argv[0]);
}
