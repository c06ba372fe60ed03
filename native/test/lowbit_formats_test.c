/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights of every format: golden bytes with the numbers they mean, random bytes against the formulas of the formats
 * bit for bit, read back as numbers and as codes, whole and in parts, packed and in place; scales of all kinds; codes
 * of -128; damaged tensors are refused.
 */
#include "gatun.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crash.h"
#include "levels.h"
#include "lowbit_tensors.h"
#include "values.h"

typedef struct {
    gatun_context *context;
    uint64_t random;
    bool reduced;
    guarded out;
} driver;

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The same bits, or both NaN. */
static bool same(float a, float b) {
    return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b));
}

static gatun_lowbit_matrix *pack(driver *d, const tensor *t) {
    gatun_lowbit_matrix *matrix = NULL;
    char message[256] = "untouched", text[256];
    const int status = tensor_pack(t, d->context, &matrix, message, sizeof message);
    CHECK(status == GATUN_OK && matrix != NULL && strcmp(message, "untouched") == 0, "%s: status %d: %s",
          tensor_describe(t, text, sizeof text), status, message);
    return matrix;
}

/* Weights [begin, end) as numbers of a type. */
static void check_numbers(driver *d, const tensor *t, const gatun_lowbit_matrix *matrix, long long begin, long long end,
                          int dtype) {
    char text[256], message[256] = "untouched";
    const long long inputs = t->format.inputs, stride = inputs + (long long)(random_bits(&d->random) % 3);
    const size_t size = dtype_bytes(dtype);
    const size_t elements = end > begin ? (size_t)((end - begin - 1) * stride + inputs) : 0;
    const enum placement placement = random_bits(&d->random) & 1 ? PLACE_BEGIN : PLACE_END;
    void *out = guarded_place(&d->out, elements * size, size, placement, 0);
    const int status =
        gatun_lowbit_matrix_dequantize(d->context, matrix, begin, end, dtype, out, stride, message, sizeof message);
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s",
          tensor_describe(t, text, sizeof text), status, message);
    for (long long n = begin; n < end; n++) {
        for (long long k = 0; k < inputs; k++) {
            const float expected = (float)dtype_round(dtype, (double)tensor_at(t, n, k).value);
            const float found = (float)dtype_load(dtype, out, (n - begin) * stride + k);
            if (!same(found, expected)) {
                CHECK(0, "%s: weight [%lld, %lld] as %s is %a, not %a", tensor_describe(t, text, sizeof text), n, k,
                      dtype_name(dtype), (double)found, (double)expected);
                return;
            }
        }
        if (n + 1 < end) {
            CHECK(guarded_is_canary((char *)out + (size_t)((n - begin) * stride + inputs) * size,
                                    (size_t)(stride - inputs) * size),
                  "%s: written between rows", tensor_describe(t, text, sizeof text));
        }
    }
    CHECK(guarded_margins_intact(&d->out), "%s: other memory was written", tensor_describe(t, text, sizeof text));
}

static void check_codes(driver *d, const tensor *t, const gatun_lowbit_matrix *matrix, long long begin, long long end) {
    char text[256];
    const long long inputs = t->format.inputs, groups = t->groups, count = end - begin;
    unsigned char *codes = malloc((size_t)(count * inputs) + 1);
    float *scales = malloc((size_t)(count * groups) * sizeof *scales + 1);
    float *offsets = malloc((size_t)(count * groups) * sizeof *offsets + 1);
    const int status = gatun_lowbit_matrix_unpack(d->context, matrix, begin, end, codes, scales, offsets, NULL, 0);
    bool good = CHECK(status == GATUN_OK, "%s: status %d", tensor_describe(t, text, sizeof text), status);
    for (long long n = begin; n < end && good; n++) {
        for (long long i = 0; i < inputs && good; i++) {
            const long long k = t->permutation[i], group = (n - begin) * groups + i / t->group;
            const tensor_weight w = tensor_at(t, n, k);
            const float offset = w.zero < 0 ? w.offset : -(float)w.zero * w.scale;
            good = codes[(n - begin) * inputs + i] == w.code && same(scales[group], w.scale) &&
                   (same(offsets[group], offset) || (offset == 0 && offsets[group] == 0));
            if (!good) {
                CHECK(0, "%s: at [%lld, %lld] code %d, scale %a, offset %a, expected %d, %a, %a",
                      tensor_describe(t, text, sizeof text), n, k, codes[(n - begin) * inputs + i],
                      (double)scales[group], (double)offsets[group], w.code, (double)w.scale, (double)offset);
            }
        }
    }
    CHECK(good, "%s: codes, scales and offsets", tensor_describe(t, text, sizeof text));
    free(codes);
    free(scales);
    free(offsets);
}

static void check_properties(const tensor *t, const gatun_lowbit_matrix *matrix) {
    char text[256];
    const tensor_format *f = &t->format;
    bool minus_128 = false, zero_ones = false, ordered = true;
    for (long long n = 0; n < f->outputs; n++) {
        for (long long k = 0; k < f->inputs; k++) {
            const tensor_weight w = tensor_at(t, n, k);
            minus_128 = minus_128 || (f->bits == 8 && w.code == 0 && f->scheme != GATUN_LOWBIT_GGUF_IN_PLACE);
            zero_ones = zero_ones || (f->scheme == GATUN_LOWBIT_GPTQ && f->version == 1 && w.zero == 0);
        }
    }
    for (long long k = 0; k < f->inputs; k++) {
        ordered = ordered && t->permutation[k] == k;
    }
    const int flags = (minus_128 ? GATUN_LOWBIT_HAS_MINUS_128 : 0) | (zero_ones ? GATUN_LOWBIT_GPTQ_ZERO_ONES : 0) |
                      (ordered ? 0 : GATUN_LOWBIT_HAS_PERMUTATION);
    int *permutation = malloc((size_t)f->inputs * sizeof *permutation + 1);
    CHECK(gatun_lowbit_matrix_outputs(matrix) == f->outputs && gatun_lowbit_matrix_inputs(matrix) == f->inputs &&
              gatun_lowbit_matrix_bits(matrix) == f->bits && gatun_lowbit_matrix_scheme(matrix) == f->scheme &&
              gatun_lowbit_matrix_gguf_type(matrix) == f->gguf_type &&
              gatun_lowbit_matrix_group_size(matrix) == (t->group > 0 ? t->group : 1) &&
              gatun_lowbit_matrix_flags(matrix) == flags,
          "%s: %d bits, groups of %lld, flags %d, expected %d", tensor_describe(t, text, sizeof text),
          gatun_lowbit_matrix_bits(matrix), gatun_lowbit_matrix_group_size(matrix), gatun_lowbit_matrix_flags(matrix),
          flags);
    CHECK(gatun_lowbit_matrix_bytes(matrix) * 8 >= f->outputs * f->inputs * f->bits, "%s: %lld bytes",
          tensor_describe(t, text, sizeof text), gatun_lowbit_matrix_bytes(matrix));
    CHECK(gatun_lowbit_matrix_permutation(matrix, permutation, f->inputs) == GATUN_OK &&
              memcmp(permutation, t->permutation, (size_t)f->inputs * sizeof *permutation) == 0,
          "%s: another permutation", tensor_describe(t, text, sizeof text));
    free(permutation);
}

static void check_tensor(driver *d, const tensor *t) {
    char text[256];
    crash_name_case(tensor_describe(t, text, sizeof text));
    gatun_lowbit_matrix *matrix = pack(d, t);
    const long long outputs = t->format.outputs;
    if (matrix) {
        check_properties(t, matrix);
        check_numbers(d, t, matrix, 0, outputs, GATUN_F32);
        check_codes(d, t, matrix, 0, outputs);
        const long long begin = (long long)(random_bits(&d->random) % (uint64_t)(outputs + 1));
        const long long end = begin + (long long)(random_bits(&d->random) % (uint64_t)(outputs - begin + 1));
        check_numbers(d, t, matrix, begin, end, random_bits(&d->random) & 1 ? GATUN_BF16 : GATUN_F16);
        check_codes(d, t, matrix, begin, end);
    }
    gatun_lowbit_matrix_destroy(matrix);
}

static void check_formats(driver *d) {
    static const long long outputs[] = {1, 15, 16, 17, 40}, inputs[] = {1, 31, 32, 100, 256, 288, 520, 1100};
    tensor_format format;
    for (int index = 0; tensor_format_at(index, &format); index++) {
        const long long multiple = format.inputs;
        const bool words = format.scheme == GATUN_LOWBIT_AWQ || format.scheme == GATUN_LOWBIT_GPTQ;
        for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
            format.inputs = (inputs[i] + multiple - 1) / multiple * multiple;
            format.outputs = outputs[(size_t)(index + (int)i) % 5];
            format.outputs = words ? (format.outputs + 7) / 8 * 8 : format.outputs;
            for (int time = 0; time < (d->reduced ? 1 : 4); time++) {
                tensor t;
                tensor_make(&t, format, time % 2 == 0 ? SCALES_FINITE : SCALES_USUAL, &d->random);
                check_tensor(d, &t);
                tensor_free(&t);
            }
        }
    }
}

/* Many blocks of each GGUF type, and all tensors again with more outputs than a task takes. */
static void check_many(driver *d) {
    tensor_format format;
    for (int index = 0; tensor_format_at(index, &format); index++) {
        tensor t;
        format.outputs = d->reduced ? 136 : 600;
        format.inputs = (300 + format.inputs - 1) / format.inputs * format.inputs;
        tensor_make(&t, format, SCALES_FINITE, &d->random);
        gatun_context *threads = level_open(GATUN_ISA_SCALAR, 3), *one = d->context;
        d->context = threads;
        check_tensor(d, &t);
        d->context = one;
        gatun_context_destroy(threads);
        tensor_free(&t);
    }
}

/* Scales that are NaN or infinite: as in ggml in place, refused elsewhere, with the place of the first one. */
static void check_special_scales(driver *d) {
    tensor_format format;
    for (int index = 0; tensor_format_at(index, &format); index++) {
        const bool in_place = format.scheme == GATUN_LOWBIT_GGUF_IN_PLACE;
        const long long multiple = format.inputs;
        format.inputs = (600 + multiple - 1) / multiple * multiple;
        format.outputs = 24;
        tensor t;
        tensor_make(&t, format, in_place ? SCALES_ANY : SCALES_USUAL, &d->random);
        if (in_place) {
            check_tensor(d, &t);
        } else if (format.scheme != GATUN_LOWBIT_GGUF) {
            gatun_lowbit_matrix *matrix = (gatun_lowbit_matrix *)(void *)d;
            char message[256] = "", text[256];
            const size_t size = dtype_bytes(t.format.scale_dtype);
            const long long bad = (long long)(random_bits(&d->random) % (t.scales.bytes / size));
            float aligned;
            dtype_store(t.format.scale_dtype, &aligned, 0,
                        random_bits(&d->random) & 1 ? (double)NAN : -(double)INFINITY);
            memcpy(t.scales.data + (size_t)bad * size, &aligned, size);
            const int status = tensor_pack(&t, d->context, &matrix, message, sizeof message);
            const bool by_group = format.scheme == GATUN_LOWBIT_AWQ || format.scheme == GATUN_LOWBIT_GPTQ;
            const long long output = by_group ? bad % format.outputs : bad / t.groups;
            const long long input = (by_group ? bad / format.outputs : bad % t.groups) * t.group;
            char place[64];
            snprintf(place, sizeof place, "output %lld and input %lld ", output, input);
            CHECK(status == GATUN_INVALID_ARGUMENT && matrix == NULL && strstr(message, place) != NULL,
                  "%s: a scale that is not finite at %s: status %d: %s", tensor_describe(&t, text, sizeof text), place,
                  status, message);
        } else {
            gatun_lowbit_matrix *matrix = (gatun_lowbit_matrix *)(void *)d;
            char message[256] = "", text[256];
            const size_t at = format.gguf_type == GATUN_GGUF_Q6_K ? 208 : 0;
            t.codes.data[at] = 0;
            t.codes.data[at + 1] = 0x7c; /* Inf */
            const int status = tensor_pack(&t, d->context, &matrix, message, sizeof message);
            CHECK(status == GATUN_INVALID_ARGUMENT && matrix == NULL && strncmp(message, "data: ", 6) == 0 &&
                      strstr(message, "output 0 and input 0 ") != NULL,
                  "%s: an infinite scale: status %d: %s", tensor_describe(&t, text, sizeof text), status, message);
        }
        tensor_free(&t);
    }
}

static void check_golden(driver *d, const char *name, gatun_lowbit_matrix *matrix, const float *expected,
                         long long outputs, long long inputs) {
    float found[4 * 256];
    CHECK(matrix != NULL && gatun_lowbit_matrix_dequantize(d->context, matrix, 0, outputs, GATUN_F32, found, inputs,
                                                           NULL, 0) == GATUN_OK,
          "%s: no golden matrix", name);
    for (long long i = 0; matrix && i < outputs * inputs; i++) {
        CHECK(found[i] == expected[i], "%s: golden weight [%lld, %lld] is %g, not %g", name, i / inputs, i % inputs,
              (double)found[i], (double)expected[i]);
    }
    gatun_lowbit_matrix_destroy(matrix);
}

static void check_golden_gguf(driver *d, int type, const char *name, const unsigned char *bytes, size_t size,
                              const float *expected, long long inputs) {
    for (int in_place = 0; in_place <= 1; in_place++) {
        if (in_place && type != GATUN_GGUF_Q4_0 && type != GATUN_GGUF_Q8_0 && type != GATUN_GGUF_Q4_K &&
            type != GATUN_GGUF_Q6_K) {
            continue;
        }
        gatun_lowbit_matrix *matrix = NULL;
        gatun_lowbit_matrix_from_gguf(d->context, type, 1, inputs, bytes, (long long)size, in_place, &matrix, NULL, 0);
        check_golden(d, name, matrix, expected, 1, inputs);
    }
}

/* d = 0x3800 is 0.5 and m = 0xbc00 is -1; low nibbles are elements 0 to 15, high ones 16 to 31. */
static void check_golden_blocks(driver *d) {
    static const unsigned char q4_0[18] = {0x00, 0x38, 0xf0, 0xe1, 0xd2, 0xc3, 0xb4, 0xa5, 0x96,
                                           0x87, 0x78, 0x69, 0x5a, 0x4b, 0x3c, 0x2d, 0x1e, 0x0f};
    /* (u - 8) / 2 for u = 0 .. 15, then 15 .. 0 */
    static const float q4_0_values[32] = {-4,   -3.5f, -3,    -2.5f, -2,    -1.5f, -1,    -0.5f, 0,     0.5f, 1,
                                          1.5f, 2,     2.5f,  3,     3.5f,  3.5f,  3,     2.5f,  2,     1.5f, 1,
                                          0.5f, 0,     -0.5f, -1,    -1.5f, -2,    -2.5f, -3,    -3.5f, -4};
    check_golden_gguf(d, GATUN_GGUF_Q4_0, "Q4_0", q4_0, sizeof q4_0, q4_0_values, 32);

    unsigned char q4_1[20] = {0x00, 0x38, 0x00, 0xbc};
    memcpy(q4_1 + 4, q4_0 + 2, 16);
    float values[256];
    for (int i = 0; i < 32; i++) {
        values[i] = q4_0_values[i] + 4 - 1; /* u / 2 - 1 */
    }
    check_golden_gguf(d, GATUN_GGUF_Q4_1, "Q4_1", q4_1, sizeof q4_1, values, 32);

    /* qh = 0x80000001: the fifth bit of elements 0 and 31, which adds 16 / 2 */
    unsigned char q5_0[22] = {0x00, 0x38, 0x01, 0x00, 0x00, 0x80};
    memcpy(q5_0 + 6, q4_0 + 2, 16);
    for (int i = 0; i < 32; i++) {
        values[i] = q4_0_values[i] - 4 + (i == 0 || i == 31 ? 8 : 0); /* (u - 16) / 2 */
    }
    check_golden_gguf(d, GATUN_GGUF_Q5_0, "Q5_0", q5_0, sizeof q5_0, values, 32);

    unsigned char q5_1[24] = {0x00, 0x38, 0x00, 0xbc, 0x01, 0x00, 0x00, 0x80};
    memcpy(q5_1 + 8, q4_0 + 2, 16);
    for (int i = 0; i < 32; i++) {
        values[i] += 8 - 1; /* u / 2 - 1 */
    }
    check_golden_gguf(d, GATUN_GGUF_Q5_1, "Q5_1", q5_1, sizeof q5_1, values, 32);

    /* bytes 0x80 = -128, 0xff = -1, 0x00, 0x7f = 127, then 4, 5, ... */
    unsigned char q8_0[34] = {0x00, 0x38, 0x80, 0xff, 0x00, 0x7f};
    values[0] = -64;
    values[1] = -0.5f;
    values[2] = 0;
    values[3] = 63.5f;
    for (int i = 4; i < 32; i++) {
        q8_0[2 + i] = (unsigned char)i;
        values[i] = (float)i / 2;
    }
    check_golden_gguf(d, GATUN_GGUF_Q8_0, "Q8_0", q8_0, sizeof q8_0, values, 32);
}

/*
 * d = 0.5, dmin = 1. Scales of the sub-blocks are 1, 2, 3, 63, 17, 34, 51, 60, minima 4, 5, 6, 62, 1, 18, 35, 49:
 *   bytes 0 to 3   sc[j] | (sc[j + 4] >> 4) << 6   0x01|1<<6 = 41, 02|2<<6 = 82, 03|3<<6 = c3, 3f|3<<6 = ff
 *   bytes 4 to 7   mn[j] | (mn[j + 4] >> 4) << 6   04|0<<6 = 04,  05|1<<6 = 45, 06|2<<6 = 86, 3e|3<<6 = fe
 *   bytes 8 to 11  (sc[j + 4] & 15) | (mn[j + 4] & 15) << 4   01|1<<4 = 11, 02|2<<4 = 22, 03|3<<4 = 33, 0c|1<<4 = 1c
 * Byte i of the codes is 0x0f & i in the low nibble (even sub-blocks), 0x0f - that in the high one (odd ones).
 */
static void check_golden_k(driver *d) {
    static const unsigned char head[16] = {0x00, 0x38, 0x00, 0x3c, 0x41, 0x82, 0xc3, 0xff,
                                           0x04, 0x45, 0x86, 0xfe, 0x11, 0x22, 0x33, 0x1c};
    static const int scales[8] = {1, 2, 3, 63, 17, 34, 51, 60}, minima[8] = {4, 5, 6, 62, 1, 18, 35, 49};
    unsigned char q4_k[144], q5_k[176];
    float values[256];
    memcpy(q4_k, head, sizeof head);
    for (int i = 0; i < 128; i++) {
        q4_k[16 + i] = (unsigned char)(i % 16 | (15 - i % 16) << 4);
    }
    for (int i = 0; i < 256; i++) {
        const int sub = i / 32, code = sub % 2 == 0 ? i % 16 : 15 - i % 16;
        values[i] = 0.5f * (float)scales[sub] * (float)code - (float)minima[sub];
    }
    check_golden_gguf(d, GATUN_GGUF_Q4_K, "Q4_K", q4_k, sizeof q4_k, values, 256);

    /* byte l of qh holds the fifth bits of the elements l of all sub-blocks: l = 0 of sub-blocks 0 and 7, l = 3 of 2 */
    memcpy(q5_k, head, sizeof head);
    memset(q5_k + 16, 0, 32);
    q5_k[16] = 0x81;
    q5_k[19] = 0x04;
    memcpy(q5_k + 48, q4_k + 16, 128);
    values[0] += 0.5f * 1 * 16;
    values[7 * 32] += 0.5f * 60 * 16;
    values[2 * 32 + 3] += 0.5f * 3 * 16;
    check_golden_gguf(d, GATUN_GGUF_Q5_K, "Q5_K", q5_k, sizeof q5_k, values, 256);

    /*
     * d = 0.5. All ql are 0x21, all qh 0xe4: elements 0 to 31 of each half have 1 | 0 << 4, 32 to 63 1 | 1 << 4, 64 to
     * 95 2 | 2 << 4 and 96 to 127 2 | 3 << 4. The scales of sixteen are 1, -1, 2, -2, ... 8, -8.
     */
    unsigned char q6_k[210];
    memset(q6_k, 0x21, 128);
    memset(q6_k + 128, 0xe4, 64);
    static const int codes[4] = {1, 17, 34, 50};
    for (int i = 0; i < 16; i++) {
        const int scale = i % 2 == 0 ? i / 2 + 1 : -(i / 2 + 1);
        q6_k[192 + i] = (unsigned char)scale;
        for (int j = 0; j < 16; j++) {
            values[16 * i + j] = 0.5f * (float)scale * (float)(codes[i / 2 % 4] - 32);
        }
    }
    q6_k[208] = 0x00;
    q6_k[209] = 0x38;
    check_golden_gguf(d, GATUN_GGUF_Q6_K, "Q6_K", q6_k, sizeof q6_k, values, 256);
}

/* Scales are 0.5 = 0x3800 throughout. */
static void check_golden_words(driver *d) {
    static const unsigned short half[8] = {0x3800, 0x3800, 0x3800, 0x3800, 0x3800, 0x3800, 0x3800, 0x3800};
    float values[8 * 16];
    gatun_lowbit_matrix *matrix = NULL;

    /*
     * AWQ, 16 inputs: the word 0x75316420 has nibbles 0, 2, 4, 6, 1, 3, 5, 7 from the low end, those of the outputs 0,
     * 2, 4, 6, 1, 3, 5, 7: output n has code n. Zero points 8: 0x88888888.
     */
    unsigned qweight[16], qzeros = 0x88888888u;
    for (int k = 0; k < 16; k++) {
        qweight[k] = 0x75316420u;
    }
    for (int i = 0; i < 8 * 16; i++) {
        values[i] = 0.5f * (float)(i / 16 - 8);
    }
    gatun_lowbit_matrix_from_awq(d->context, 8, 16, 16, qweight, sizeof qweight, &qzeros, sizeof qzeros, GATUN_F16,
                                 half, sizeof half, &matrix, NULL, 0);
    check_golden(d, "AWQ", matrix, values, 8, 16);

    /*
     * GPTQ, 16 inputs: each word holds inputs 0 to 7, or 8 to 15, of an output: 0x76543210 is code k. The zero points
     * are stored as 0xf6543210, the one of output 7 being -1: version 1 has 1 to 7 and 0, version 2 0 to 6 and 15.
     */
    unsigned gptq[16], zeros = 0xf6543210u;
    for (int i = 0; i < 16; i++) {
        gptq[i] = i < 8 ? 0x76543210u : 0xfedcba98u;
    }
    for (int version = 1; version <= 2; version++) {
        for (int i = 0; i < 8 * 16; i++) {
            const int n = i / 16, zero = version == 1 ? (n == 7 ? 0 : n + 1) : n == 7 ? 15 : n;
            values[i] = 0.5f * (float)(i % 16 - zero);
        }
        gatun_lowbit_matrix_from_gptq(d->context, 4, version, 8, 16, 16, gptq, sizeof gptq, &zeros, sizeof zeros,
                                      GATUN_F16, half, sizeof half, NULL, 0, &matrix, NULL, 0);
        CHECK(gatun_lowbit_matrix_flags(matrix) == (version == 1 ? GATUN_LOWBIT_GPTQ_ZERO_ONES : 0), "flags %d",
              gatun_lowbit_matrix_flags(matrix));
        check_golden(d, "GPTQ", matrix, values, 8, 16);
    }

    /* act-order: the odd inputs are of group 0, the even ones of group 1, whose scale is 1 = 0x3c00 and zero point 0 */
    unsigned two_zeros[2] = {0x88888888u, 0};
    unsigned short two_scales[16];
    int g_idx[16], order[16];
    for (int i = 0; i < 16; i++) {
        g_idx[i] = i % 2 == 0;
        two_scales[i] = i < 8 ? 0x3800 : 0x3c00;
    }
    for (int i = 0; i < 8 * 16; i++) {
        values[i] = i % 2 == 0 ? (float)(i % 16) : 0.5f * (float)(i % 16 - 8);
    }
    /* groups have a multiple of 16 inputs: eight each are refused */
    CHECK(gatun_lowbit_matrix_from_gptq(d->context, 4, 2, 8, 16, 8, gptq, sizeof gptq, two_zeros, sizeof two_zeros,
                                        GATUN_F16, two_scales, sizeof two_scales, g_idx, sizeof g_idx, &matrix, NULL,
                                        0) == GATUN_INVALID_ARGUMENT,
          "groups of 8");
    unsigned wide[32];
    int wide_idx[32];
    for (int i = 0; i < 32; i++) {
        wide[i] = i / 8 % 2 == 0 ? 0x76543210u : 0xfedcba98u;
        wide_idx[i] = i % 2 == 0;
    }
    float wide_values[8 * 32];
    for (int i = 0; i < 8 * 32; i++) {
        wide_values[i] = i % 2 == 0 ? (float)(i % 16) : 0.5f * (float)(i % 16 - 8);
    }
    gatun_lowbit_matrix_from_gptq(d->context, 4, 2, 8, 32, 16, wide, sizeof wide, two_zeros, sizeof two_zeros,
                                  GATUN_F16, two_scales, sizeof two_scales, wide_idx, sizeof wide_idx, &matrix, NULL,
                                  0);
    int wide_order[32];
    CHECK(gatun_lowbit_matrix_permutation(matrix, wide_order, 32) == GATUN_OK && wide_order[0] == 1 &&
              wide_order[15] == 31 && wide_order[16] == 0 && wide_order[31] == 30 &&
              gatun_lowbit_matrix_permutation(matrix, order, 16) == GATUN_INVALID_ARGUMENT,
          "the order of the inputs");
    check_golden(d, "GPTQ in act-order", matrix, wide_values, 8, 32);
}

/*
 * MatMulNBits with blocks of 16, 18 inputs, one output: 0x10, 0x32 .. are the codes 0, 1, 2, 3 ...; the last two inputs
 * are in the first byte of the second block, 0x1f; the rest of it is noise. Zero points 3 and 8: byte 0x83.
 */
static void check_golden_nbits(driver *d) {
    static const unsigned char b[16] = {0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe,
                                        0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const unsigned char zeros[1] = {0x83};
    static const float scales[2] = {0.5f, 2}, float_zeros[2] = {1.5f, 0.25f};
    float values[18];
    gatun_lowbit_matrix *matrix = NULL;
    for (int k = 0; k < 18; k++) {
        values[k] = k < 16 ? 0.5f * (float)(k - 3) : 2 * (float)((k == 16 ? 15 : 1) - 8);
    }
    gatun_lowbit_matrix_from_nbits(d->context, 4, 1, 18, 16, b, sizeof b, GATUN_F32, scales, sizeof scales, -1, zeros,
                                   sizeof zeros, &matrix, NULL, 0);
    check_golden(d, "MatMulNBits", matrix, values, 1, 18);
    for (int k = 0; k < 18; k++) {
        values[k] = k < 16 ? 0.5f * ((float)k - 1.5f) : 2 * ((k == 16 ? 15 : 1) - 0.25f);
    }
    gatun_lowbit_matrix_from_nbits(d->context, 4, 1, 18, 16, b, sizeof b, GATUN_F32, scales, sizeof scales, GATUN_F32,
                                   float_zeros, sizeof float_zeros, &matrix, NULL, 0);
    check_golden(d, "MatMulNBits with fractional zero points", matrix, values, 1, 18);
}

/* Groups that do not come out, groups that are not there. */
static void check_damaged_order(driver *d) {
    tensor t;
    tensor_make(&t,
                (tensor_format){.scheme = GATUN_LOWBIT_GPTQ,
                                .outputs = 8,
                                .inputs = 96,
                                .bits = 4,
                                .version = 1,
                                .group_size = 32,
                                .act_order = true},
                SCALES_USUAL, &d->random);
    static const int wrong[] = {-1, 3, 1 << 30, -2147483647 - 1};
    gatun_lowbit_matrix *matrix = NULL;
    char message[256];
    int saved;
    memcpy(&saved, t.order.data + 4 * 17, sizeof saved);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(t.order.data + 4 * 17, &wrong[i], sizeof wrong[i]);
        CHECK(tensor_pack(&t, d->context, &matrix, message, sizeof message) == GATUN_INVALID_ARGUMENT &&
                  strncmp(message, "g_idx: ", 7) == 0 && strstr(message, "input 17 "),
              "group %d: %s", wrong[i], message);
    }
    const int other = (saved + 1) % 3;
    memcpy(t.order.data + 4 * 17, &other, sizeof other);
    CHECK(tensor_pack(&t, d->context, &matrix, message, sizeof message) == GATUN_INVALID_ARGUMENT &&
              strncmp(message, "g_idx: ", 7) == 0,
          "a group of 31: %s", message);
    tensor_free(&t);
}

int main(int argc, char **argv) {
    setenv("GATUN_THREADS", "8", 1);
    driver d = {.random = 5, .reduced = argc > 1 && strcmp(argv[1], "--reduced") == 0};
    d.context = level_open(GATUN_ISA_SCALAR, 1);
    crash_catch();
    check_golden_blocks(&d);
    check_golden_k(&d);
    check_golden_words(&d);
    check_golden_nbits(&d);
    check_formats(&d);
    check_special_scales(&d);
    check_damaged_order(&d);
    check_many(&d);
    guarded_release(&d.out);
    gatun_context_destroy(d.context);
    return check_finish(argv[0]);
}
