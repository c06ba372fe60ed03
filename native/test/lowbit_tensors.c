/* SPDX-License-Identifier: Apache-2.0 */
#include "lowbit_tensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "values.h"

typedef struct {
    int type, inputs, bytes, bits, group;
    int halves[2]; /* where its binary16 values stand; -1 for none */
} block_format;

static const block_format blocks[] = {
    {GATUN_GGUF_Q4_0, 32, 18, 4, 32, {0, -1}},  {GATUN_GGUF_Q4_1, 32, 20, 4, 32, {0, 2}},
    {GATUN_GGUF_Q5_0, 32, 22, 5, 32, {0, -1}},  {GATUN_GGUF_Q5_1, 32, 24, 5, 32, {0, 2}},
    {GATUN_GGUF_Q8_0, 32, 34, 8, 32, {0, -1}},  {GATUN_GGUF_Q4_K, 256, 144, 4, 32, {0, 2}},
    {GATUN_GGUF_Q5_K, 256, 176, 5, 32, {0, 2}}, {GATUN_GGUF_Q6_K, 256, 210, 6, 16, {208, -1}},
};

static const block_format *block_of(int type) {
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (blocks[i].type == type) {
            return &blocks[i];
        }
    }
    check_abandon("no GGUF type %d", type);
}

static bool is_gguf(const tensor_format *f) {
    return f->scheme == GATUN_LOWBIT_GGUF || f->scheme == GATUN_LOWBIT_GGUF_IN_PLACE;
}

static double random_scale(int dtype, enum scale_fill fill, uint64_t *random) {
    for (;;) {
        if (fill == SCALES_USUAL) {
            const double value = exp2(random_uniform(random, -8, -2));
            return dtype_round(dtype, random_bits(random) & 1 ? value : -value);
        }
        uint64_t bits = random_bits(random);
        if (dtype == GATUN_F32 && fill == SCALES_FINITE) {
            bits &= 0xbfffffff; /* below 2: a product with a code must not overflow */
        }
        const double value = dtype_load(dtype, &bits, 0);
        if (fill == SCALES_ANY || (isfinite(value) && fabs(value) < 1e30)) {
            return value;
        }
    }
}

static void fill_scales(void *p, int dtype, long long count, enum scale_fill fill, uint64_t *random) {
    unsigned char *bytes = p;
    for (long long i = 0; i < count; i++) {
        float aligned;
        dtype_store(dtype, &aligned, 0, random_scale(dtype, fill, random));
        memcpy(bytes + i * (long long)dtype_bytes(dtype), &aligned, dtype_bytes(dtype));
    }
}

static unsigned char *place_random(guarded *memory, long long bytes, uint64_t *random) {
    unsigned char *p = guarded_place(memory, (size_t)bytes, 1, PLACE_END, 0);
    for (long long i = 0; i < bytes; i++) {
        p[i] = (unsigned char)random_bits(random);
    }
    return p;
}

static long long up(long long a, long long b) {
    return (a + b - 1) / b;
}

static void make_gguf(tensor *t, enum scale_fill fill, uint64_t *random) {
    const tensor_format *f = &t->format;
    const block_format *block = block_of(f->gguf_type);
    const long long count = f->outputs * (f->inputs / block->inputs);
    unsigned char *bytes = place_random(&t->codes, count * block->bytes, random);
    for (long long i = 0; i < count; i++) {
        for (int j = 0; j < 2 && block->halves[j] >= 0; j++) {
            fill_scales(bytes + i * block->bytes + block->halves[j], GATUN_F16, 1, fill, random);
        }
    }
    t->format.bits = block->bits;
    t->group = block->group;
}

/* Every group keeps its size, in random order of the inputs. */
static void shuffle_groups(tensor *t, uint64_t *random) {
    for (long long k = t->format.inputs - 1; k > 0; k--) {
        const long long other = (long long)(random_bits(random) % (uint64_t)(k + 1));
        const int group = t->g_idx[k];
        t->g_idx[k] = t->g_idx[other];
        t->g_idx[other] = group;
    }
}

static void order_inputs(tensor *t) {
    const long long inputs = t->format.inputs;
    t->permutation = malloc((size_t)inputs * sizeof *t->permutation);
    long long at = 0;
    for (long long group = 0; group < t->groups; group++) {
        for (long long k = 0; k < inputs; k++) {
            if (t->g_idx[k] == group) {
                t->permutation[at++] = (int)k;
            }
        }
    }
}

void tensor_make(tensor *t, tensor_format format, enum scale_fill fill, uint64_t *random) {
    memset(t, 0, sizeof *t);
    t->format = format;
    const long long outputs = format.outputs, inputs = format.inputs;
    t->group = format.group_size > 0 ? format.group_size : inputs;
    if (is_gguf(&format)) {
        make_gguf(t, fill, random);
    } else if (format.scheme == GATUN_LOWBIT_JLAMA) {
        t->group = 32;
        place_random(&t->codes, outputs * inputs * format.bits / 8, random);
    } else if (format.scheme == GATUN_LOWBIT_INT8) {
        t->format.bits = 8;
        t->group = inputs;
        place_random(&t->codes, outputs * inputs, random);
    } else if (format.scheme == GATUN_LOWBIT_AWQ) {
        t->format.bits = 4;
    }
    t->groups = up(inputs, t->group);
    t->g_idx = malloc((size_t)inputs * sizeof *t->g_idx);
    for (long long k = 0; k < inputs; k++) {
        t->g_idx[k] = (int)(k / t->group);
    }
    const int bits = t->format.bits;
    const int scale_dtype =
        format.scheme == GATUN_LOWBIT_JLAMA || format.scheme == GATUN_LOWBIT_INT8 ? GATUN_F32 : format.scale_dtype;
    t->format.scale_dtype = scale_dtype;
    if (format.scheme == GATUN_LOWBIT_AWQ || format.scheme == GATUN_LOWBIT_GPTQ) {
        place_random(&t->codes, outputs * inputs * bits / 8, random);
        place_random(&t->zeros, outputs * t->groups * bits / 8, random);
    } else if (format.scheme == GATUN_LOWBIT_NBITS) {
        place_random(&t->codes, outputs * t->groups * t->group * bits / 8, random);
        if (format.zero_dtype == ZEROS_PACKED) {
            place_random(&t->zeros, outputs * up(t->groups * bits, 8), random);
        } else if (format.zero_dtype >= 0) {
            unsigned char *zeros =
                place_random(&t->zeros, outputs * t->groups * (long long)dtype_bytes(format.zero_dtype), random);
            for (long long i = 0; i < outputs * t->groups; i++) {
                const double most = (1 << bits) - 1;
                const double zero = format.fractional_zeros ? random_uniform(random, -1, most)
                                                            : floor(random_uniform(random, 0, most + 1));
                float aligned;
                dtype_store(format.zero_dtype, &aligned, 0, zero);
                memcpy(zeros + i * (long long)dtype_bytes(format.zero_dtype), &aligned, dtype_bytes(format.zero_dtype));
            }
        }
    }
    if (!is_gguf(&format)) {
        const long long count = outputs * t->groups, size = (long long)dtype_bytes(scale_dtype);
        /* gatun_lowbit_matrix_from_int8 takes floats and ints, which are aligned */
        fill_scales(guarded_place(&t->scales, (size_t)(count * size), 1, PLACE_END, 0), scale_dtype, count, fill,
                    random);
    }
    if (format.scheme == GATUN_LOWBIT_INT8 && format.zero_dtype != ZEROS_NONE) {
        int *zeros = guarded_place(&t->zeros, (size_t)outputs * sizeof *zeros, sizeof *zeros, PLACE_END, 0);
        for (long long n = 0; n < outputs; n++) {
            zeros[n] = (int)(random_bits(random) % 256) - 128;
        }
    }
    if (format.act_order) {
        shuffle_groups(t, random);
    }
    order_inputs(t);
    if (format.scheme == GATUN_LOWBIT_GPTQ) {
        memcpy(guarded_place(&t->order, (size_t)inputs * sizeof *t->g_idx, 1, PLACE_END, 0), t->g_idx,
               (size_t)inputs * sizeof *t->g_idx);
    }
}

void tensor_free(tensor *t) {
    guarded_release(&t->codes);
    guarded_release(&t->scales);
    guarded_release(&t->zeros);
    guarded_release(&t->order);
    free(t->g_idx);
    free(t->permutation);
}

int tensor_pack(const tensor *t, const gatun_context *context, gatun_lowbit_matrix **matrix, char *message,
                long long message_bytes) {
    const tensor_format *f = &t->format;
    const void *codes = t->codes.data, *scales = t->scales.data, *zeros = t->zeros.data;
    const long long codes_bytes = (long long)t->codes.bytes, scales_bytes = (long long)t->scales.bytes,
                    zeros_bytes = (long long)t->zeros.bytes;
    switch (f->scheme) {
    case GATUN_LOWBIT_GGUF:
    case GATUN_LOWBIT_GGUF_IN_PLACE:
        return gatun_lowbit_matrix_from_gguf(context, f->gguf_type, f->outputs, f->inputs, codes, codes_bytes,
                                             f->scheme == GATUN_LOWBIT_GGUF_IN_PLACE, matrix, message, message_bytes);
    case GATUN_LOWBIT_AWQ:
        return gatun_lowbit_matrix_from_awq(context, f->outputs, f->inputs, f->group_size, codes, codes_bytes, zeros,
                                            zeros_bytes, f->scale_dtype, scales, scales_bytes, matrix, message,
                                            message_bytes);
    case GATUN_LOWBIT_GPTQ:
        return gatun_lowbit_matrix_from_gptq(context, f->bits, f->version, f->outputs, f->inputs, f->group_size, codes,
                                             codes_bytes, zeros, zeros_bytes, f->scale_dtype, scales, scales_bytes,
                                             t->order.data, (long long)t->order.bytes, matrix, message, message_bytes);
    case GATUN_LOWBIT_NBITS:
        return gatun_lowbit_matrix_from_nbits(
            context, f->bits, f->outputs, f->inputs, t->group, codes, codes_bytes, f->scale_dtype, scales, scales_bytes,
            f->zero_dtype == ZEROS_NONE ? -1 : f->zero_dtype, zeros, zeros_bytes, matrix, message, message_bytes);
    case GATUN_LOWBIT_JLAMA:
        return gatun_lowbit_matrix_from_jlama(context, f->bits, f->outputs, f->inputs, codes, codes_bytes, scales,
                                              scales_bytes, matrix, message, message_bytes);
    default:
        return gatun_lowbit_matrix_from_int8(context, f->outputs, f->inputs, codes, f->inputs, (const float *)scales,
                                             zeros, matrix, message, message_bytes);
    }
}

static float half_at(const unsigned char *p) {
    uint16_t aligned;
    memcpy(&aligned, p, sizeof aligned);
    return (float)dtype_load(GATUN_F16, &aligned, 0);
}

static float scale_at(const unsigned char *p, int dtype, long long index) {
    uint32_t aligned;
    memcpy(&aligned, p + index * (long long)dtype_bytes(dtype), dtype_bytes(dtype));
    return (float)dtype_load(dtype, &aligned, 0);
}

/* Bits [at, at + bits) of a tensor, counted from the low bits of its first byte. */
static int field(const unsigned char *p, long long at, int bits) {
    return p[at / 8] >> at % 8 & ((1 << bits) - 1);
}

/* The 6-bit scale or minimum j of Q4_K and Q5_K. */
static int six_bits(const unsigned char *q, int j, bool minimum) {
    if (j < 4) {
        return q[minimum ? j + 4 : j] & 63;
    }
    return minimum ? q[j + 4] >> 4 | q[j] >> 6 << 4 : (q[j + 4] & 15) | q[j - 4] >> 6 << 4;
}

/* Element i of a block, and its value by the operations of ggml. */
static tensor_weight gguf_at(int type, const unsigned char *b, int i) {
    tensor_weight w = {.zero = -1};
    const float d = half_at(b);
    w.scale = d;
    switch (type) {
    case GATUN_GGUF_Q4_0:
        w.code = b[2 + i % 16] >> 4 * (i / 16) & 15;
        w.zero = 8;
        break;
    case GATUN_GGUF_Q4_1:
        w.code = b[4 + i % 16] >> 4 * (i / 16) & 15;
        w.offset = half_at(b + 2);
        break;
    case GATUN_GGUF_Q5_0:
        w.code = (b[6 + i % 16] >> 4 * (i / 16) & 15) | field(b + 2, i, 1) << 4;
        w.zero = 16;
        break;
    case GATUN_GGUF_Q5_1:
        w.code = (b[8 + i % 16] >> 4 * (i / 16) & 15) | field(b + 4, i, 1) << 4;
        w.offset = half_at(b + 2);
        break;
    case GATUN_GGUF_Q8_0:
        w.code = (b[2 + i] < 128 ? b[2 + i] : b[2 + i] - 256) + 128;
        w.zero = 128;
        break;
    case GATUN_GGUF_Q4_K:
    case GATUN_GGUF_Q5_K: {
        const unsigned char *low = b + (type == GATUN_GGUF_Q4_K ? 16 : 48);
        w.code = low[32 * (i / 64) + i % 32] >> 4 * (i / 32 % 2) & 15;
        if (type == GATUN_GGUF_Q5_K) {
            w.code |= (b[16 + i % 32] >> i / 32 & 1) << 4;
        }
        w.scale = d * (float)six_bits(b + 4, i / 32, false);
        w.offset = -(half_at(b + 2) * (float)six_bits(b + 4, i / 32, true));
        break;
    }
    default: {
        const int n = i / 128, q = i % 128 / 32, l = i % 32;
        const int low = b[64 * n + l + 32 * (q & 1)] >> 4 * (q >> 1) & 15;
        const int high = b[128 + 32 * n + l] >> 2 * q & 3;
        const int sub = b[192 + i / 16];
        w.code = low | high << 4;
        w.scale = half_at(b + 208) * (float)(sub < 128 ? sub : sub - 256);
        w.zero = 32;
    }
    }
    w.value = w.zero < 0 ? w.scale * (float)w.code + w.offset : w.scale * (float)(w.code - w.zero);
    return w;
}

/* A field of a safetensors tensor of 32-bit words: word `index`, bits [shift, shift + bits). */
static int word_field(const unsigned char *p, long long index, int shift, int bits) {
    uint32_t word;
    memcpy(&word, p + 4 * index, sizeof word);
    return (int)(word >> shift & ((1u << bits) - 1));
}

tensor_weight tensor_at(const tensor *t, long long n, long long k) {
    const tensor_format *f = &t->format;
    const int bits = f->bits, fields = 32 / (bits == 5 || bits == 6 ? 8 : bits);
    const long long group = t->g_idx[k];
    const unsigned char *codes = t->codes.data, *zeros = t->zeros.data;
    tensor_weight w = {.zero = -1};
    if (is_gguf(f)) {
        const block_format *block = block_of(f->gguf_type);
        const long long index = n * (f->inputs / block->inputs) + k / block->inputs;
        return gguf_at(f->gguf_type, codes + index * block->bytes, (int)(k % block->inputs));
    }
    static const int awq_order[8] = {0, 2, 4, 6, 1, 3, 5, 7};
    switch (f->scheme) {
    case GATUN_LOWBIT_AWQ: {
        int p = 0;
        while (awq_order[p] != n % 8) {
            p++;
        }
        w.code = word_field(codes, k * (f->outputs / 8) + n / 8, 4 * p, 4);
        w.zero = word_field(zeros, group * (f->outputs / 8) + n / 8, 4 * p, 4);
        w.scale = scale_at(t->scales.data, f->scale_dtype, group * f->outputs + n);
        break;
    }
    case GATUN_LOWBIT_GPTQ: {
        w.code = word_field(codes, k / fields * f->outputs + n, (int)(k % fields) * bits, bits);
        const int stored =
            word_field(zeros, group * (f->outputs / fields) + n / fields, (int)(n % fields) * bits, bits);
        w.zero = f->version == 1 ? (stored + 1) % (1 << bits) : stored;
        w.scale = scale_at(t->scales.data, f->scale_dtype, group * f->outputs + n);
        break;
    }
    case GATUN_LOWBIT_NBITS: {
        w.code = field(codes + (n * t->groups + group) * (t->group * bits / 8), k % t->group * bits, bits);
        w.scale = scale_at(t->scales.data, f->scale_dtype, n * t->groups + group);
        if (f->zero_dtype == ZEROS_NONE) {
            w.zero = 1 << (bits - 1);
        } else if (f->zero_dtype == ZEROS_PACKED) {
            w.zero = field(zeros + n * up(t->groups * bits, 8), group * bits, bits);
        } else {
            const float zero = scale_at(zeros, f->zero_dtype, n * t->groups + group);
            w.zero = f->fractional_zeros ? -1 : (int)zero;
            w.offset = -zero * w.scale;
        }
        break;
    }
    case GATUN_LOWBIT_JLAMA:
        if (bits == 4) {
            w.code = codes[n * (f->inputs / 2) + k / 32 * 16 + k % 16] >> 4 * (k % 32 / 16) & 15;
        } else {
            w.code = codes[n * f->inputs + k] ^ 0x80;
        }
        w.zero = 1 << (bits - 1);
        w.scale = scale_at(t->scales.data, GATUN_F32, n * t->groups + group);
        break;
    default:
        w.code = codes[n * f->inputs + k] ^ 0x80;
        w.scale = scale_at(t->scales.data, GATUN_F32, n);
        w.zero = 128;
        if (zeros) {
            int zero;
            memcpy(&zero, zeros + 4 * n, sizeof zero);
            w.zero += zero;
        }
    }
    w.value = w.zero < 0 ? (float)((double)w.scale * w.code + (double)w.offset) : (float)(w.code - w.zero) * w.scale;
    return w;
}

const char *tensor_describe(const tensor *t, char *text, size_t bytes) {
    static const char *const names[] = {"quantized", "GGUF", "GGUF in place", "AWQ", "GPTQ", "NBITS", "JLAMA", "INT8"};
    const tensor_format *f = &t->format;
    snprintf(text, bytes, "%s%s type %d, [%lld, %lld], %d bits, groups of %lld, scales %s, zeros %d, version %d",
             names[f->scheme], f->act_order ? " in act-order" : "", f->gguf_type, f->outputs, f->inputs, f->bits,
             t->group, dtype_name(f->scale_dtype), f->zero_dtype, f->version);
    return text;
}

bool tensor_format_at(int index, tensor_format *format) {
    static const tensor_format formats[] = {
        {.scheme = GATUN_LOWBIT_GGUF, .inputs = 32, .gguf_type = GATUN_GGUF_Q4_0},
        {.scheme = GATUN_LOWBIT_GGUF, .inputs = 32, .gguf_type = GATUN_GGUF_Q4_1},
        {.scheme = GATUN_LOWBIT_GGUF, .inputs = 32, .gguf_type = GATUN_GGUF_Q5_0},
        {.scheme = GATUN_LOWBIT_GGUF, .inputs = 32, .gguf_type = GATUN_GGUF_Q5_1},
        {.scheme = GATUN_LOWBIT_GGUF, .inputs = 32, .gguf_type = GATUN_GGUF_Q8_0},
        {.scheme = GATUN_LOWBIT_GGUF, .inputs = 256, .gguf_type = GATUN_GGUF_Q4_K},
        {.scheme = GATUN_LOWBIT_GGUF, .inputs = 256, .gguf_type = GATUN_GGUF_Q5_K},
        {.scheme = GATUN_LOWBIT_GGUF, .inputs = 256, .gguf_type = GATUN_GGUF_Q6_K},
        {.scheme = GATUN_LOWBIT_GGUF_IN_PLACE, .inputs = 32, .gguf_type = GATUN_GGUF_Q4_0},
        {.scheme = GATUN_LOWBIT_GGUF_IN_PLACE, .inputs = 32, .gguf_type = GATUN_GGUF_Q8_0},
        {.scheme = GATUN_LOWBIT_GGUF_IN_PLACE, .inputs = 256, .gguf_type = GATUN_GGUF_Q4_K},
        {.scheme = GATUN_LOWBIT_GGUF_IN_PLACE, .inputs = 256, .gguf_type = GATUN_GGUF_Q6_K},
        {.scheme = GATUN_LOWBIT_AWQ, .inputs = 128, .group_size = 128, .scale_dtype = GATUN_F16},
        {.scheme = GATUN_LOWBIT_AWQ, .inputs = 48, .group_size = 48, .scale_dtype = GATUN_BF16},
        {.scheme = GATUN_LOWBIT_AWQ, .inputs = 64, .group_size = 32, .scale_dtype = GATUN_F32},
        {.scheme = GATUN_LOWBIT_AWQ, .inputs = 8, .group_size = 0, .scale_dtype = GATUN_F16},
        {.scheme = GATUN_LOWBIT_GPTQ, .inputs = 8, .bits = 4, .version = 1, .group_size = 32, .scale_dtype = GATUN_F16},
        {.scheme = GATUN_LOWBIT_GPTQ, .inputs = 8, .bits = 4, .version = 2, .group_size = 128, .act_order = true},
        {.scheme = GATUN_LOWBIT_GPTQ, .inputs = 4, .bits = 8, .version = 1, .group_size = 64, .act_order = true},
        {.scheme = GATUN_LOWBIT_GPTQ, .inputs = 4, .bits = 8, .version = 2, .group_size = 0, .scale_dtype = GATUN_F16},
        {.scheme = GATUN_LOWBIT_GPTQ,
         .inputs = 8,
         .bits = 4,
         .version = 1,
         .group_size = 512,
         .scale_dtype = GATUN_BF16},
        {.scheme = GATUN_LOWBIT_NBITS,
         .inputs = 1,
         .bits = 4,
         .group_size = 16,
         .scale_dtype = GATUN_F16,
         .zero_dtype = ZEROS_PACKED},
        {.scheme = GATUN_LOWBIT_NBITS, .inputs = 1, .bits = 4, .group_size = 32, .zero_dtype = ZEROS_NONE},
        {.scheme = GATUN_LOWBIT_NBITS, .inputs = 1, .bits = 4, .group_size = 128, .zero_dtype = GATUN_F16},
        {.scheme = GATUN_LOWBIT_NBITS, .inputs = 1, .bits = 8, .group_size = 32, .zero_dtype = ZEROS_PACKED},
        {.scheme = GATUN_LOWBIT_NBITS,
         .inputs = 1,
         .bits = 8,
         .group_size = 64,
         .scale_dtype = GATUN_F16,
         .zero_dtype = GATUN_F32,
         .fractional_zeros = true},
        {.scheme = GATUN_LOWBIT_NBITS,
         .inputs = 1,
         .bits = 4,
         .group_size = 1024,
         .zero_dtype = GATUN_F32,
         .fractional_zeros = true},
        {.scheme = GATUN_LOWBIT_JLAMA, .inputs = 32, .bits = 4},
        {.scheme = GATUN_LOWBIT_JLAMA, .inputs = 32, .bits = 8},
        {.scheme = GATUN_LOWBIT_INT8, .inputs = 1, .zero_dtype = ZEROS_NONE},
        {.scheme = GATUN_LOWBIT_INT8, .inputs = 1},
    };
    if (index < 0 || (size_t)index >= sizeof formats / sizeof *formats) {
        return false;
    }
    *format = formats[index];
    return true;
}
