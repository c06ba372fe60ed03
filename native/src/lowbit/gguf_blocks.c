/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GGUF blocks as on disk (ggml, ggml-common.h), little-endian. Loops have a fixed count of bytes, so that the compiler
 * makes vectors of them at the baseline.
 */
#include "gguf_blocks.h"

#include <stddef.h>
#include <string.h>

#include "../simd/half.h"
#include "gatun/lowbit.h"

static const gguf_format formats[] = {
    {GATUN_GGUF_Q4_0, "Q4_0", 32, 18, 4, 32, LOWBIT_SCALES_F16, LOWBIT_OFFSETS_CONSTANT, 8, true},
    {GATUN_GGUF_Q4_1, "Q4_1", 32, 20, 4, 32, LOWBIT_SCALES_F16, LOWBIT_OFFSETS_VALUES, 0, false},
    {GATUN_GGUF_Q5_0, "Q5_0", 32, 22, 5, 32, LOWBIT_SCALES_F16, LOWBIT_OFFSETS_CONSTANT, 16, false},
    {GATUN_GGUF_Q5_1, "Q5_1", 32, 24, 5, 32, LOWBIT_SCALES_F16, LOWBIT_OFFSETS_VALUES, 0, false},
    {GATUN_GGUF_Q8_0, "Q8_0", 32, 34, 8, 32, LOWBIT_SCALES_F16, LOWBIT_OFFSETS_CONSTANT, 128, true},
    {GATUN_GGUF_Q4_K, "Q4_K", 256, 144, 4, 32, LOWBIT_SCALES_TWO_LEVEL, LOWBIT_OFFSETS_VALUES, 0, true},
    {GATUN_GGUF_Q5_K, "Q5_K", 256, 176, 5, 32, LOWBIT_SCALES_TWO_LEVEL, LOWBIT_OFFSETS_VALUES, 0, false},
    {GATUN_GGUF_Q6_K, "Q6_K", 256, 210, 6, 16, LOWBIT_SCALES_TWO_LEVEL, LOWBIT_OFFSETS_CONSTANT, 32, true},
};

const gguf_format *gguf_format_of(int type) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (formats[i].type == type) {
            return &formats[i];
        }
    }
    return NULL;
}

static inline uint16_t load_half(const unsigned char *p) {
    uint16_t bits;
    memcpy(&bits, p, sizeof bits);
    return bits;
}

/* Byte i of 16: input i in the low four bits, input i + 16 in the high ones. */
static inline void low_nibbles(const unsigned char *restrict bytes, uint8_t *restrict codes) {
    for (int i = 0; i < 16; i++) {
        codes[i] = bytes[i] & 15;
    }
    for (int i = 0; i < 16; i++) {
        codes[16 + i] = bytes[i] >> 4;
    }
}

/* 32 signed bytes as codes. */
static inline void flip_signs(const unsigned char *restrict bytes, uint8_t *restrict codes) {
    for (int i = 0; i < 32; i++) {
        codes[i] = bytes[i] ^ 0x80;
    }
}

/* Adds bit i of the 32 bits at `bits` to code i, as its bit 4. */
static inline void add_fifth_bits(const unsigned char *bits, uint8_t *codes) {
    for (int i = 0; i < 4; i++) {
        /* Byte j gets bit j of the byte; then that bit moves to place 7, and from there to place 4. */
        uint64_t spread = bits[i] * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201), eight;
        spread = (spread + UINT64_C(0x00406070787c7e7f)) & UINT64_C(0x8080808080808080);
        memcpy(&eight, codes + 8 * i, sizeof eight);
        eight |= spread >> 3;
        memcpy(codes + 8 * i, &eight, sizeof eight);
    }
}

/*
 * Blocks of 32 inputs: d, perhaps m, perhaps 32 fifth bits, then codes. Bits and offsets are constants where it is
 * called.
 */
static inline __attribute__((always_inline)) void read_blocks(const int bits, const bool offsets,
                                                              const unsigned char *block, int blocks, int row,
                                                              lowbit_values *values) {
    const int bits_at = offsets ? 4 : 2, codes_at = bits_at + (bits == 5 ? 4 : 0);
    const int bytes = codes_at + (bits == 8 ? 32 : 16);
    uint8_t *codes = values->codes[row];
    for (int i = 0; i < blocks; i++, block += bytes, codes += 32) {
        values->half_scales[i][row] = load_half(block);
        if (offsets) {
            values->half_offsets[i][row] = load_half(block + 2);
        }
        if (bits == 8) {
            flip_signs(block + codes_at, codes);
            continue;
        }
        low_nibbles(block + codes_at, codes);
        if (bits == 5) {
            add_fifth_bits(block + bits_at, codes);
        }
    }
}

/* The eight 6-bit scales and minima of Q4_K and Q5_K. */
static void read_sub_scales(const unsigned char *q, int row, lowbit_values *values) {
    for (int j = 0; j < 4; j++) {
        values->sub_scales[j][row] = (int8_t)(q[j] & 63);
        values->sub_offsets[j][row] = (int8_t)(q[j + 4] & 63);
        values->sub_scales[j + 4][row] = (int8_t)((q[j + 8] & 15) | (q[j] >> 6) << 4);
        values->sub_offsets[j + 4][row] = (int8_t)((q[j + 8] >> 4) | (q[j + 4] >> 6) << 4);
    }
}

/* d, dmin, scales[12], for 5 bits qh[32], qs[128]. */
static void read_q4_q5_k(const unsigned char *block, bool fifth_bits, int row, lowbit_values *values) {
    values->super_scales[row] = load_half(block);
    values->super_offsets[row] = load_half(block + 2);
    read_sub_scales(block + 4, row, values);
    const unsigned char *high = block + 16, *low = high + (fifth_bits ? 32 : 0);
    for (int half = 0; half < 4; half++, low += 32) {
        uint8_t *restrict codes = values->codes[row] + 64 * half;
        for (int i = 0; i < 32; i++) {
            codes[i] = low[i] & 15;
        }
        for (int i = 0; i < 32; i++) {
            codes[32 + i] = low[i] >> 4;
        }
        for (int i = 0; fifth_bits && i < 32; i++) {
            codes[i] = (uint8_t)(codes[i] | (high[i] >> (2 * half) & 1) << 4);
        }
        for (int i = 0; fifth_bits && i < 32; i++) {
            codes[32 + i] = (uint8_t)(codes[32 + i] | (high[i] >> (2 * half + 1) & 1) << 4);
        }
    }
}

/* ql[128], qh[64], scales[16], d. */
static void read_q6_k(const unsigned char *block, int row, lowbit_values *values) {
    const unsigned char *low = block, *high = block + 128;
    values->super_scales[row] = load_half(block + 208);
    for (int i = 0; i < 16; i++) {
        memcpy(&values->sub_scales[i][row], block + 192 + i, 1);
    }
    for (int half = 0; half < 2; half++, low += 64, high += 32) {
        uint8_t *restrict codes = values->codes[row] + 128 * half;
        for (int i = 0; i < 32; i++) {
            codes[i] = (uint8_t)((low[i] & 15) | (high[i] & 3) << 4);
        }
        for (int i = 0; i < 32; i++) {
            codes[32 + i] = (uint8_t)((low[32 + i] & 15) | (high[i] >> 2 & 3) << 4);
        }
        for (int i = 0; i < 32; i++) {
            codes[64 + i] = (uint8_t)(low[i] >> 4 | (high[i] >> 4 & 3) << 4);
        }
        for (int i = 0; i < 32; i++) {
            codes[96 + i] = (uint8_t)(low[32 + i] >> 4 | (high[i] >> 6) << 4);
        }
    }
}

void gguf_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values) {
    const gguf_format *format = gguf_format_of(source->gguf_type);
    const int blocks = lowbit_chunk_inputs(&source->shape, chunk) / format->inputs;
    const int chunk_bytes = LOWBIT_CHUNK / format->inputs * format->bytes;
    const long long block_bytes = chunk * chunk_bytes;
    for (int row = 0; row < count; row++) {
        const unsigned char *block = source->codes + (output + row) * source->row_bytes + block_bytes;
        for (int i = 0; i < chunk_bytes; i += 64) { /* so many streams are more than the hardware fetches ahead */
            __builtin_prefetch(block + chunk_bytes + i);
        }
        switch (source->gguf_type) {
        case GATUN_GGUF_Q4_K:
        case GATUN_GGUF_Q5_K:
            read_q4_q5_k(block, source->gguf_type == GATUN_GGUF_Q5_K, row, values);
            break;
        case GATUN_GGUF_Q6_K:
            read_q6_k(block, row, values);
            break;
        case GATUN_GGUF_Q4_0:
            read_blocks(4, false, block, blocks, row, values);
            break;
        case GATUN_GGUF_Q4_1:
            read_blocks(4, true, block, blocks, row, values);
            break;
        case GATUN_GGUF_Q5_0:
            read_blocks(5, false, block, blocks, row, values);
            break;
        case GATUN_GGUF_Q5_1:
            read_blocks(5, true, block, blocks, row, values);
            break;
        default:
            read_blocks(8, false, block, blocks, row, values);
        }
    }
}
