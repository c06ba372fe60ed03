/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor_sources.h"

#include "gatun/lowbit.h"

static inline uint32_t load_word(const unsigned char *tensor, long long index) {
    uint32_t word;
    memcpy(&word, tensor + 4 * index, sizeof word);
    return word;
}

/* The eight nibbles of a word as bytes, the lowest one first. */
static inline uint64_t spread_nibbles(uint32_t word) {
    uint64_t x = word;
    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    return (x | x << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

/* Stores the scale with number `index` of the tensor where the packed form wants it. */
static inline void read_scale(const lowbit_source *source, long long index, int group, int row, lowbit_values *values) {
    if (source->shape.scales == LOWBIT_SCALES_F16) {
        memcpy(&values->half_scales[group][row], source->scales + 2 * index, sizeof(uint16_t));
    } else {
        values->scales[group][row] = load_scale(source->scales, source->scale_dtype, index);
    }
}

/* The group of the format that a group of the packed form, counted from that of the chunk, belongs to. */
static inline long long group_of(const lowbit_source *source, long long chunk, int group) {
    return (lowbit_chunk_begin(chunk) + group * source->shape.group) / source->group_size;
}

typedef int zero_of(const lowbit_source *source, long long output, long long group);

/* Scales [groups, outputs] and zero points, of the outputs next to each other. */
static void read_scales_by_group(const lowbit_source *source, long long output, int count, long long chunk,
                                 zero_of *zero, lowbit_values *values) {
    for (int g = 0; source->shape.group != 0 && g < lowbit_chunk_groups(&source->shape, chunk); g++) {
        const long long group = group_of(source, chunk, g);
        for (int row = 0; row < count; row++) {
            read_scale(source, group * source->shape.outputs + output + row, g, row, values);
        }
        for (int row = 0; source->shape.offsets == LOWBIT_OFFSETS_ZERO_POINTS && row < count; row++) {
            values->zeros[g][row] = (uint8_t)zero(source, output + row, group);
        }
    }
}

static lowbit_row row_of(float scale, int zero) {
    return (lowbit_row){.scale = scale, .offset = -(float)zero * scale, .zero = zero};
}

/* Where the j-th of eight outputs stands among the nibbles of a word. */
static const int awq_places[8] = {0, 4, 1, 5, 2, 6, 3, 7};

int awq_zero(const lowbit_source *source, long long output, long long group) {
    const uint32_t word = load_word(source->zeros, group * (source->shape.outputs >> 3) + (output >> 3));
    return (int)(word >> 4 * awq_places[output & 7] & 15);
}

/* Exchanges the bytes that `mask` selects of b with those `shift` bits further on of a. */
static inline void exchange(uint64_t *a, uint64_t *b, int shift, uint64_t mask) {
    const uint64_t t = ((*a >> shift) ^ *b) & mask;
    *b ^= t;
    *a ^= t << shift;
}

/* Byte j of row i becomes byte i of row j. */
static inline void transpose_bytes(uint64_t rows[8]) {
    for (int i = 0; i < 4; i++) {
        exchange(&rows[i], &rows[i + 4], 32, UINT64_C(0x00000000ffffffff));
    }
    for (int i = 0; i < 8; i += 4) {
        exchange(&rows[i], &rows[i + 2], 16, UINT64_C(0x0000ffff0000ffff));
        exchange(&rows[i + 1], &rows[i + 3], 16, UINT64_C(0x0000ffff0000ffff));
    }
    for (int i = 0; i < 8; i += 2) {
        exchange(&rows[i], &rows[i + 1], 8, UINT64_C(0x00ff00ff00ff00ff));
    }
}

void awq_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values) {
    const long long words = source->shape.outputs / 8;
    const int inputs = lowbit_chunk_inputs(&source->shape, chunk);
    for (int eight = 0; eight < count / 8; eight++) {
        const unsigned char *column = source->codes + 4 * (lowbit_chunk_begin(chunk) * words + output / 8 + eight);
        uint8_t(*codes)[LOWBIT_CHUNK] = values->codes + 8 * eight;
        for (int k = 0; k < inputs; k += 8) {
            uint64_t rows[8] = {0};
            for (int i = 0; i < 8 && k + i < inputs; i++) {
                rows[i] = spread_nibbles(load_word(column, (k + i) * words));
            }
            transpose_bytes(rows);
            for (int j = 0; j < 8; j++) {
                memcpy(&codes[j][k], &rows[awq_places[j]], 8); /* beyond the inputs there is room */
            }
        }
    }
    read_scales_by_group(source, output, count, chunk, awq_zero, values);
}

lowbit_row awq_row(const lowbit_source *source, long long output) {
    return row_of(load_scale(source->scales, source->scale_dtype, output), awq_zero(source, output, 0));
}

int gptq_zero(const lowbit_source *source, long long output, long long group) {
    const int bits = source->shape.bits, most = (1 << bits) - 1;
    const int shift = bits == 4 ? 3 : 2; /* 8 or 4 fields in a word */
    const uint32_t word = load_word(source->zeros, group * (source->shape.outputs >> shift) + (output >> shift));
    const int stored = (int)(word >> (int)(output & ((1 << shift) - 1)) * bits & (uint32_t)most);
    return source->version == 1 ? (stored + 1) & most : stored;
}

/* The codes of a row of words: 32 / bits inputs of each output. */
static inline void read_gptq_words(const unsigned char *words, int bits, int count, int k, lowbit_values *values) {
    for (int row = 0; row < count; row++) {
        const uint32_t word = load_word(words, row);
        if (bits == 4) {
            const uint64_t eight = spread_nibbles(word);
            memcpy(&values->codes[row][k], &eight, sizeof eight);
        } else {
            memcpy(&values->codes[row][k], &word, sizeof word);
        }
    }
}

void gptq_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values) {
    const int bits = source->shape.bits, fields = 32 / bits;
    const uint32_t most = (1u << bits) - 1;
    const long long outputs = source->shape.outputs, begin = lowbit_chunk_begin(chunk);
    const int inputs = lowbit_chunk_inputs(&source->shape, chunk);
    if (!source->permutation) {
        for (int k = 0; k < inputs; k += fields) {
            read_gptq_words(source->codes + 4 * ((begin + k) / fields * outputs + output), bits, count, k, values);
        }
    } else {
        for (int k = 0; k < inputs; k++) {
            const int input = source->permutation[begin + k], shift = input % fields * bits;
            const unsigned char *words = source->codes + 4 * (input / fields * outputs + output);
            for (int row = 0; row < count; row++) {
                values->codes[row][k] = (uint8_t)(load_word(words, row) >> shift & most);
            }
        }
    }
    read_scales_by_group(source, output, count, chunk, gptq_zero, values);
}

lowbit_row gptq_row(const lowbit_source *source, long long output) {
    return row_of(load_scale(source->scales, source->scale_dtype, output), gptq_zero(source, output, 0));
}

int nbits_zero(const lowbit_source *source, long long output, long long group) {
    if (!source->zeros) {
        return 1 << (source->shape.bits - 1);
    }
    if (source->zero_dtype >= 0) {
        return (int)load_scale(source->zeros, source->zero_dtype, output * source->groups + group);
    }
    if (source->shape.bits == 8) {
        return source->zeros[output * source->groups + group];
    }
    return source->zeros[output * ((source->groups + 1) / 2) + group / 2] >> 4 * (group % 2) & 15;
}

/* c of a group whose zero point is no integer. */
static float nbits_offset(const lowbit_source *source, long long output, long long group, float scale) {
    return -load_scale(source->zeros, source->zero_dtype, output * source->groups + group) * scale;
}

void nbits_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values) {
    const int bits = source->shape.bits, inputs = lowbit_chunk_inputs(&source->shape, chunk);
    for (int row = 0; row < count; row++) {
        const unsigned char *bytes =
            source->codes + (output + row) * source->row_bytes + lowbit_chunk_begin(chunk) * bits / 8;
        uint8_t *codes = values->codes[row];
        if (bits == 8) {
            memcpy(codes, bytes, (size_t)inputs);
        } else {
            for (int k = 0; k + 8 <= inputs; k += 8) {
                const uint64_t eight = spread_nibbles(load_word(bytes + k / 2, 0));
                memcpy(codes + k, &eight, sizeof eight);
            }
            for (int k = inputs / 8 * 8; k < inputs; k++) {
                codes[k] = bytes[k / 2] >> 4 * (k % 2) & 15;
            }
        }
        for (int g = 0; source->shape.group != 0 && g < lowbit_chunk_groups(&source->shape, chunk); g++) {
            const long long group = group_of(source, chunk, g);
            read_scale(source, (output + row) * source->groups + group, g, row, values);
            if (source->shape.offsets == LOWBIT_OFFSETS_ZERO_POINTS) {
                values->zeros[g][row] = (uint8_t)nbits_zero(source, output + row, group);
            } else if (source->shape.offsets == LOWBIT_OFFSETS_VALUES) {
                values->offsets[g][row] = nbits_offset(source, output + row, group, values->scales[g][row]);
            }
        }
    }
}

lowbit_row nbits_row(const lowbit_source *source, long long output) {
    const float scale = load_scale(source->scales, source->scale_dtype, output);
    if (source->fractional_zeros) {
        return (lowbit_row){.scale = scale, .offset = nbits_offset(source, output, 0, scale)};
    }
    return row_of(scale, nbits_zero(source, output, 0));
}

void jlama_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values) {
    const int bits = source->shape.bits, blocks = lowbit_chunk_inputs(&source->shape, chunk) / 32;
    for (int row = 0; row < count; row++) {
        const unsigned char *bytes =
            source->codes + (output + row) * source->row_bytes + lowbit_chunk_begin(chunk) * bits / 8;
        for (int b = 0; b < blocks; b++) {
            uint8_t *restrict codes = values->codes[row] + 32 * b;
            if (bits == 8) {
                for (int j = 0; j < 32; j++) {
                    codes[j] = bytes[32 * b + j] ^ 0x80;
                }
            } else {
                for (int j = 0; j < 16; j++) {
                    codes[j] = bytes[16 * b + j] & 15;
                }
                for (int j = 0; j < 16; j++) {
                    codes[16 + j] = bytes[16 * b + j] >> 4;
                }
            }
            if (source->shape.group != 0) {
                read_scale(source, (output + row) * source->groups + 8 * chunk + b, b, row, values);
            }
        }
    }
}

lowbit_row jlama_row(const lowbit_source *source, long long output) {
    return row_of(load_scale(source->scales, GATUN_F32, output), source->shape.bits == 8 ? 128 : 8);
}

void int8_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values) {
    const int inputs = lowbit_chunk_inputs(&source->shape, chunk);
    for (int row = 0; row < count; row++) {
        const unsigned char *bytes = source->codes + (output + row) * source->row_bytes + lowbit_chunk_begin(chunk);
        for (int k = 0; k < inputs; k++) {
            values->codes[row][k] = bytes[k] ^ 0x80;
        }
    }
}

lowbit_row int8_row(const lowbit_source *source, long long output) {
    int32_t zero = 0;
    if (source->zeros) {
        memcpy(&zero, source->zeros + 4 * output, sizeof zero);
    }
    return row_of(source->scales ? load_scale(source->scales, GATUN_F32, output) : 1.0f, 128 + zero);
}
