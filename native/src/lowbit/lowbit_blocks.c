/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of GGUF blocks in place. Every output is a row of blocks; per chunk of 256 inputs its integer sums, one for
 * each group of 32 or 16 inputs, become the lanes of a vector.
 */
#include "../simd/half.h"
#include "../simd/int8.h"
#include "gatun/lowbit.h"
#include "lowbit_kernels.h"
#include "lowbit_ranges.h"

/* Lanes of the sums of an output: those of any level that compiles this file divide it. */
enum { LANES = 8, LANE_VECTORS = LANES / VF_LANES, MOST_GROUPS = LOWBIT_CHUNK / 16, BLOCK_ROWS = 32 };

enum { Q4_0_BYTES = 18, Q8_0_BYTES = 34, Q4_K_BYTES = 144, Q6_K_BYTES = 210 };

/* Where the members of a block of a K-quant are. */
enum { Q4_K_SCALES = 4, Q4_K_CODES = 16, Q6_K_HIGH = 128, Q6_K_SCALES = 192, Q6_K_D = 208 };

static int chunk_bytes(int type) {
    switch (type) {
    case GATUN_GGUF_Q4_0:
        return LOWBIT_CHUNK / 32 * Q4_0_BYTES;
    case GATUN_GGUF_Q8_0:
        return LOWBIT_CHUNK / 32 * Q8_0_BYTES;
    case GATUN_GGUF_Q4_K:
        return Q4_K_BYTES;
    default:
        return Q6_K_BYTES;
    }
}

static const unsigned char *row_of(const lowbit_blocks *b, long long output) {
    const long long blocks = b->inputs / 32;
    switch (b->type) {
    case GATUN_GGUF_Q4_0:
        return b->data + output * (blocks * Q4_0_BYTES);
    case GATUN_GGUF_Q8_0:
        return b->data + output * (blocks * Q8_0_BYTES);
    case GATUN_GGUF_Q4_K:
        return b->data + output * (blocks / 8 * Q4_K_BYTES);
    default:
        return b->data + output * (blocks / 8 * Q6_K_BYTES);
    }
}

static float half_at(const unsigned char *p) {
    uint16_t bits;
    memcpy(&bits, p, sizeof bits);
    return f16_to_float(bits);
}

/* The 6-bit scales and minima of Q4_K. */
static void unpack_q4_k(const unsigned char *packed, uint8_t scale[8], uint8_t minimum[8]) {
    for (int j = 0; j < 4; j++) {
        scale[j] = packed[j] & 63;
        minimum[j] = packed[j + 4] & 63;
        scale[j + 4] = (uint8_t)((packed[j + 8] & 15) | packed[j] >> 6 << 4);
        minimum[j + 4] = (uint8_t)(packed[j + 8] >> 4 | packed[j + 4] >> 6 << 4);
    }
}

/* s and c of the groups of a chunk that has `blocks` blocks of 32 inputs. */
static void group_floats(int type, const unsigned char *chunk, int blocks, float *scale, float *offset) {
    switch (type) {
    case GATUN_GGUF_Q4_0:
    case GATUN_GGUF_Q8_0:
        for (int i = 0; i < blocks; i++) {
            scale[i] = half_at(chunk + i * (type == GATUN_GGUF_Q4_0 ? Q4_0_BYTES : Q8_0_BYTES));
        }
        break;
    case GATUN_GGUF_Q4_K: {
        uint8_t scales[8], minima[8];
        const vf d = vf_set(half_at(chunk)), minus_dmin = vf_set(-half_at(chunk + 2));
        unpack_q4_k(chunk + Q4_K_SCALES, scales, minima);
        for (int i = 0; i < 8; i += VF_LANES) {
            vf_store(scale + i, vf_mul(d, vi_to_float(vi_load_u8(scales + i))));
            vf_store(offset + i, vf_mul(minus_dmin, vi_to_float(vi_load_u8(minima + i))));
        }
        break;
    }
    default: {
        const vf d = vf_set(half_at(chunk + Q6_K_D));
        for (int i = 0; i < 16; i += VF_LANES) {
            vf_store(scale + i, vf_mul(d, vi_to_float(vi_load_s8(chunk + Q6_K_SCALES + i))));
        }
    }
    }
}

#if defined(GATUN_LEVEL_AVX2)

/* The products of 32 unsigned codes below 64 and activations, in eight partial sums. */
GATUN_INLINE __m256i products(__m256i u, const int8_t *q) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(u, vi_load(q)), _mm256_set1_epi16(1));
}

/* Of signed weights; no activation is -128. */
GATUN_INLINE __m256i signed_products(__m256i w, const int8_t *q) {
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(vi_load(q), w));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* The lower halves of four vectors added up each to lanes 0 to 3, the upper halves to lanes 4 to 7. */
GATUN_INLINE __m256i sum_halves(const __m256i v[4]) {
    return _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
}

static void q4_0_sums(const unsigned char *chunk, int blocks, const int8_t *q, int32_t *sums) {
    __m256i v[8];
    for (int i = 0; i < 8; i++) {
        v[i] = _mm256_setzero_si256();
    }
    for (int i = 0; i < blocks; i++) {
        __m128i nibbles = _mm_loadu_si128((const __m128i *)(chunk + i * Q4_0_BYTES + 2));
        __m256i u = _mm256_inserti128_si256(_mm256_castsi128_si256(nibbles), _mm_srli_epi16(nibbles, 4), 1);
        v[i] = products(_mm256_and_si256(u, vi_mask_bytes(15)), q + 32 * i);
    }
    __m256i a = sum_halves(v), b = sum_halves(v + 4);
    vi_store(sums, _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31)));
}

static void q8_0_sums(const unsigned char *chunk, int blocks, const int8_t *q, int32_t *sums) {
    __m256i v[8];
    for (int i = 0; i < 8; i++) {
        v[i] = _mm256_setzero_si256();
    }
    for (int i = 0; i < blocks; i++) {
        v[i] = signed_products(vi_load(chunk + i * Q8_0_BYTES + 2), q + 32 * i);
    }
    __m256i a = sum_halves(v), b = sum_halves(v + 4);
    vi_store(sums, _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31)));
}

static void q4_k_sums(const unsigned char *chunk, const int8_t *q, int32_t *sums) {
    __m256i v[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m256i nibbles = vi_load(chunk + Q4_K_CODES + 32 * i);
        v[2 * i] = products(_mm256_and_si256(nibbles, vi_mask_bytes(15)), q + 64 * i);
        v[2 * i + 1] = products(_mm256_and_si256(_mm256_srli_epi16(nibbles, 4), vi_mask_bytes(15)), q + 64 * i + 32);
    }
    __m256i a = sum_halves(v), b = sum_halves(v + 4);
    vi_store(sums, _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31)));
}

static void q6_k_sums(const unsigned char *chunk, const int8_t *q, int32_t *sums) {
    const __m256i low = vi_mask_bytes(15), high = vi_mask_bytes(0x30);
    const __m256i in_turn = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
        const __m256i first = vi_load(chunk + 64 * half), second = vi_load(chunk + 64 * half + 32);
        const __m256i bits = vi_load(chunk + Q6_K_HIGH + 32 * half);
        const int8_t *at = q + 128 * half;
        __m256i v[4];
        v[0] = products(
            _mm256_or_si256(_mm256_and_si256(first, low), _mm256_and_si256(_mm256_slli_epi16(bits, 4), high)), at);
        v[1] =
            products(_mm256_or_si256(_mm256_and_si256(second, low), _mm256_and_si256(_mm256_slli_epi16(bits, 2), high)),
                     at + 32);
        v[2] = products(
            _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(first, 4), low), _mm256_and_si256(bits, high)), at + 64);
        v[3] = products(_mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(second, 4), low),
                                        _mm256_and_si256(_mm256_srli_epi16(bits, 2), high)),
                        at + 96);
        vi_store(sums + 8 * half, _mm256_permutevar8x32_epi32(sum_halves(v), in_turn));
    }
}

/* The sums of u * q, or of w * q for Q8_0, of the groups of a chunk; 0 for those that it does not have. */
static void chunk_sums(int type, const unsigned char *chunk, int blocks, const int8_t *q, int32_t *sums) {
    switch (type) {
    case GATUN_GGUF_Q4_0:
        q4_0_sums(chunk, blocks, q, sums);
        break;
    case GATUN_GGUF_Q8_0:
        q8_0_sums(chunk, blocks, q, sums);
        break;
    case GATUN_GGUF_Q4_K:
        q4_k_sums(chunk, q, sums);
        break;
    default:
        q6_k_sums(chunk, q, sums);
    }
}

#else

/* Input k of a chunk: its code, or its signed weight for Q8_0. */
GATUN_INLINE int code_at(int type, const unsigned char *chunk, int k) {
    switch (type) {
    case GATUN_GGUF_Q4_0:
        return chunk[k / 32 * Q4_0_BYTES + 2 + k % 16] >> 4 * (k % 32 / 16) & 15;
    case GATUN_GGUF_Q8_0:
        return (int8_t)chunk[k / 32 * Q8_0_BYTES + 2 + k % 32];
    case GATUN_GGUF_Q4_K:
        return chunk[Q4_K_CODES + k / 64 * 32 + k % 32] >> 4 * (k / 32 % 2) & 15;
    default: {
        const int half = k / 128, quarter = k % 128 / 32, l = k % 32;
        return (chunk[64 * half + l + 32 * (quarter & 1)] >> 4 * (quarter >> 1) & 15) |
               (chunk[Q6_K_HIGH + 32 * half + l] >> 2 * quarter & 3) << 4;
    }
    }
}

static void chunk_sums(int type, const unsigned char *chunk, int blocks, const int8_t *q, int32_t *sums) {
    const int group = type == GATUN_GGUF_Q6_K ? 16 : 32;
    for (int g = 0; g < LOWBIT_CHUNK / group; g++) {
        int32_t sum = 0;
        for (int k = g * group; k < (g + 1) * group && k < 32 * blocks; k++) {
            sum += code_at(type, chunk, k) * q[k];
        }
        sums[g] = sum;
    }
}

#endif

/* One output of one row of activations. */
static float multiply_row(const lowbit_multiply_arguments *a, long long row, const unsigned char *blocks) {
    const lowbit_activations *x = &a->activations;
    const int type = a->blocks->type, step = chunk_bytes(type), group = type == GATUN_GGUF_Q6_K ? 16 : 32;
    const bool offsets = type == GATUN_GGUF_Q4_K;
    int32_t sums[MOST_GROUPS] = {0};
    float scale[MOST_GROUPS] = {0}, offset[MOST_GROUPS] = {0};
    vf total[LANE_VECTORS];
    for (int v = 0; v < LANE_VECTORS; v++) {
        total[v] = vf_zero();
    }
    for (long long k = 0; k < x->inputs; k += LOWBIT_CHUNK) {
        const long long chunk = k / LOWBIT_CHUNK, left = (x->inputs - k) / 32;
        const int count = left < 8 ? (int)left : 8, groups = count * 32 / group;
        const long long at = row * x->groups_stride + chunk * x->groups_chunk;
        const unsigned char *from = blocks + chunk * step;
        __builtin_prefetch(from + 1024);
        __builtin_prefetch(from + 1024 + 64);
        chunk_sums(type, from, count, x->codes + row * x->codes_stride + chunk * x->codes_chunk, sums);
        group_floats(type, from, count, scale, offset);
        if (count == 8) {
            for (int i = 0; i < groups; i += VF_LANES) {
                const int v = i / VF_LANES % LANE_VECTORS;
                vf sum = vi_to_float(vi_add(vi_load(sums + i), vi_load(x->sums + at + i)));
                total[v] = vf_fma(vf_mul(sum, vf_load(scale + i)), vf_load(x->scales + at + i), total[v]);
                if (offsets) {
                    total[v] = vf_fma(vf_load(offset + i), vf_load(x->scaled_sums + at + i), total[v]);
                }
            }
            continue;
        }
        /* Only blocks of 32 inputs end within a chunk, and they have no offsets. */
        float lanes[LANES] = {0};
        for (int i = 0; i < groups; i++) {
            lanes[i] = (float)(sums[i] + x->sums[at + i]) * scale[i] * x->scales[at + i];
        }
        for (int v = 0; v < LANE_VECTORS; v++) {
            total[v] = vf_add(total[v], vf_load(lanes + v * VF_LANES));
        }
    }
    vf sum = total[0];
    for (int v = 1; v < LANE_VECTORS; v++) {
        sum = vf_add(sum, total[v]);
    }
    return vf_sum(sum);
}

static void store_output(const lowbit_multiply_arguments *a, long long row, long long output, float value) {
    const float result = a->bias ? value + a->bias[output] : value;
    const long long at = row * a->y_stride + output;
    switch (a->dtype) {
    case GATUN_F32:
        ((float *)a->y)[at] = result;
        break;
    case GATUN_BF16:
        ((uint16_t *)a->y)[at] = bf16_from_float(result);
        break;
    default:
        ((uint16_t *)a->y)[at] = f16_from_float(result);
    }
}

void GATUN_AT_LEVEL(lowbit_multiply_blocks)(const lowbit_multiply_arguments *a, long long row_begin, long long row_end,
                                            long long output_begin, long long output_end) {
    for (long long output = output_begin; output < output_end; output++) {
        const unsigned char *blocks = row_of(a->blocks, output);
        for (long long row = row_begin; row < row_end; row++) {
            store_output(a, row, output, multiply_row(a, row, blocks));
        }
    }
}

/* ---- float activations ---- */

GATUN_INLINE void put_nibbles(const unsigned char *from, int n, int shift, vf zero, vf scale, vf offset, float *to) {
    for (int i = 0; i < n; i += VF_LANES) {
        vi code = vi_and(vi_shift_right(vi_load_u8(from + i), shift), vi_set(15));
        vf_store(to + i, vf_fma(vf_sub(vi_to_float(code), zero), scale, offset));
    }
}

/* The weights of a chunk, as ggml decodes them. */
static void decode_chunk(int type, const unsigned char *chunk, int blocks, float *weights) {
    float scale[MOST_GROUPS], offset[MOST_GROUPS];
    group_floats(type, chunk, blocks, scale, offset);
    switch (type) {
    case GATUN_GGUF_Q4_0:
        for (int i = 0; i < blocks; i++) {
            const unsigned char *codes = chunk + i * Q4_0_BYTES + 2;
            for (int high = 0; high < 2; high++) {
                put_nibbles(codes, 16, 4 * high, vf_set(8), vf_set(scale[i]), vf_zero(), weights + 32 * i + 16 * high);
            }
        }
        break;
    case GATUN_GGUF_Q8_0:
        for (int i = 0; i < 32 * blocks; i += VF_LANES) {
            vf w = vi_to_float(vi_load_s8(chunk + i / 32 * Q8_0_BYTES + 2 + i % 32));
            vf_store(weights + i, vf_mul(w, vf_set(scale[i / 32])));
        }
        break;
    case GATUN_GGUF_Q4_K:
        for (int i = 0; i < 8; i++) {
            put_nibbles(chunk + Q4_K_CODES + i / 2 * 32, 32, 4 * (i % 2), vf_zero(), vf_set(scale[i]),
                        vf_set(offset[i]), weights + 32 * i);
        }
        break;
    default:
        for (int k = 0; k < LOWBIT_CHUNK; k += VF_LANES) {
            const int half = k / 128, quarter = k % 128 / 32, l = k % 32;
            vi low = vi_load_u8(chunk + 64 * half + l + 32 * (quarter & 1));
            vi high = vi_load_u8(chunk + Q6_K_HIGH + 32 * half + l);
            low = vi_and(vi_shift_right(low, 4 * (quarter >> 1)), vi_set(15));
            high = vi_shift_left(vi_and(vi_shift_right(high, 2 * quarter), vi_set(3)), 4);
            vf w = vf_sub(vi_to_float(vi_or(low, high)), vf_set(32));
            vf_store(weights + k, vf_mul(w, vf_set(scale[k / 16])));
        }
    }
}

void GATUN_AT_LEVEL(lowbit_multiply_blocks_floats)(const lowbit_multiply_arguments *a, long long row_begin,
                                                   long long row_end, long long output_begin, long long output_end) {
    const lowbit_blocks *b = a->blocks;
    const int step = chunk_bytes(b->type);
    float weights[LOWBIT_CHUNK];
    float sums[BLOCK_ROWS][LANES];
    for (long long begin = row_begin; begin < row_end; begin += BLOCK_ROWS) {
        const int rows = row_end - begin < BLOCK_ROWS ? (int)(row_end - begin) : BLOCK_ROWS;
        for (long long output = output_begin; output < output_end; output++) {
            const unsigned char *blocks = row_of(b, output);
            memset(sums, 0, sizeof sums);
            for (long long k = 0; k < b->inputs; k += LOWBIT_CHUNK) {
                const int n = b->inputs - k < LOWBIT_CHUNK ? (int)(b->inputs - k) : LOWBIT_CHUNK;
                decode_chunk(b->type, blocks + k / LOWBIT_CHUNK * step, n / 32, weights);
                for (int r = 0; r < rows; r++) {
                    const float *x = a->floats + (begin + r) * a->floats_stride + k;
                    vf total[LANE_VECTORS];
                    for (int v = 0; v < LANE_VECTORS; v++) {
                        total[v] = vf_load(sums[r] + v * VF_LANES);
                    }
                    for (int i = 0; i < n; i += LANES) {
                        for (int v = 0; v < LANE_VECTORS; v++) {
                            const int at = i + v * VF_LANES;
                            total[v] = vf_fma(vf_load(weights + at), vf_load(x + at), total[v]);
                        }
                    }
                    for (int v = 0; v < LANE_VECTORS; v++) {
                        vf_store(sums[r] + v * VF_LANES, total[v]);
                    }
                }
            }
            for (int r = 0; r < rows; r++) {
                vf total = vf_load(sums[r]);
                for (int v = 1; v < LANE_VECTORS; v++) {
                    total = vf_add(total, vf_load(sums[r] + v * VF_LANES));
                }
                store_output(a, begin + r, output, vf_sum(total));
            }
        }
    }
}
