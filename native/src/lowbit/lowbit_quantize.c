/* SPDX-License-Identifier: Apache-2.0 */
/* Activations as int8 codes (the canonical quantizer), or widened to float32. */
#include "../simd/half.h"
#include "../simd/int8.h"
#include "gatun/core.h"
#include "lowbit_kernels.h"

/* Inputs that are brought to float32, in the order of the matrix, at a time; every group but a whole row divides it. */
enum { PART = LOWBIT_CHUNK };

GATUN_INLINE vf load_vector(int dtype, const void *x, long long at) {
    return dtype == GATUN_F32    ? vf_load((const float *)x + at)
           : dtype == GATUN_BF16 ? vf_load_bf16((const uint16_t *)x + at)
                                 : vf_load_f16((const uint16_t *)x + at);
}

GATUN_INLINE float load_element(int dtype, const void *x, long long at) {
    return dtype == GATUN_F32    ? ((const float *)x)[at]
           : dtype == GATUN_BF16 ? bf16_to_float(((const uint16_t *)x)[at])
                                 : f16_to_float(((const uint16_t *)x)[at]);
}

/* Elements [begin, begin + PART) of a row of `columns`, with 0 beyond its end. Returns how many there are. */
static int load_part(int dtype, const void *x, const int32_t *permutation, long long row_at, long long columns,
                     long long begin, float *part) {
    const int n = columns - begin < PART ? (int)(columns - begin) : PART;
    int i = 0;
    if (!permutation) {
        for (; i + VF_LANES <= n; i += VF_LANES) {
            vf_store(part + i, load_vector(dtype, x, row_at + begin + i));
        }
    }
    for (; i < n; i++) {
        part[i] = load_element(dtype, x, row_at + (permutation ? permutation[begin + i] : begin + i));
    }
    memset(part + n, 0, (size_t)(PART - n) * sizeof *part);
    return n;
}

static int32_t greatest_magnitude(const float *part, int n) {
    vi greatest = vi_zero();
    for (int i = 0; i < n; i += VF_LANES) {
        greatest = vi_max(greatest, vi_magnitude(vf_load(part + i)));
    }
    return vi_max_lanes(greatest);
}

/* The scale of a group whose greatest magnitude has these bits, and what its elements are multiplied with. */
typedef struct {
    float scale, inverse;
    bool finite;
} group_scale;

static group_scale scale_of(int32_t magnitude) {
    const int32_t infinity = 0x7f800000;
    const float amax = float_from_bits((uint32_t)magnitude);
    group_scale g = {.finite = magnitude < infinity};
    g.scale = g.finite ? amax / 127.0f : float_from_bits(0x7fc00000u);
    /* Below, 127 / amax would be infinite, or nearly. */
    g.inverse = g.finite && amax >= 0x1p-118f ? 127.0f / amax : 0.0f;
    return g;
}

/* Codes of n elements, a multiple of 16; returns their sum. */
static int32_t quantize_part(const float *part, int n, const group_scale *g, int8_t *codes) {
    if (!g->finite) {
        memset(codes, 0, (size_t)n);
        return 0;
    }
    const vf inverse = vf_set(g->inverse);
    vi sum = vi_zero();
    for (int i = 0; i < n; i += VF_LANES) {
        vi q = vi_round(vf_mul(vf_load(part + i), inverse));
        vi_store_s8(codes + i, q);
        sum = vi_add(sum, q);
    }
    return vi_sum_lanes(sum);
}

/* As quantize_part, with the scale and centre of each column, of which there are `count`. */
static int32_t quantize_channels(const lowbit_quantize_arguments *a, const float *part, long long begin, int count,
                                 int8_t *codes) {
    const vf limit = vf_set((float)a->limit);
    vi sum = vi_zero();
    for (int i = 0; i < PART; i += VF_LANES) {
        const int n = count - i < VF_LANES ? (count > i ? count - i : 0) : VF_LANES;
        vi q = vi_zero();
        if (n == VF_LANES) {
            vf centre = a->channel_centres ? vf_load(a->channel_centres + begin + i) : vf_zero();
            q = vi_round_quotient(vf_sub(vf_load(part + i), centre), vf_load(a->channel_scales + begin + i), limit);
        } else if (n > 0) {
            /* Beyond the row, 0 / 0 is a NaN, whose code is 0. */
            vf centre = a->channel_centres ? vf_load_first(a->channel_centres + begin + i, n) : vf_zero();
            vf scale = vf_load_first(a->channel_scales + begin + i, n);
            q = vi_round_quotient(vf_sub(vf_load(part + i), centre), scale, limit);
        }
        vi_store_s8(codes + i, q);
        sum = vi_add(sum, q);
    }
    return vi_sum_lanes(sum);
}

static void store_group(const lowbit_quantize_arguments *a, long long row, long long group, float scale, int32_t sum) {
    const long long in_chunk = a->finer_group == 0 ? 1 : LOWBIT_CHUNK / a->finer_group;
    const long long at = row * a->groups_stride + group / in_chunk * a->groups_chunk + group % in_chunk;
    if (a->scales) {
        a->scales[at] = scale;
    }
    if (a->scaled_sums) {
        a->scaled_sums[at] = scale * (float)sum;
    }
    if (a->sums) {
        a->sums[at] = (int32_t)((uint32_t)a->sums_factor * (uint32_t)sum);
    }
}

static void quantize_row(const lowbit_quantize_arguments *a, long long row) {
    const long long row_at = row * a->x_stride;
    _Alignas(64) float part[PART];
    _Alignas(64) int8_t codes[PART];
    group_scale of_row = {.scale = 1.0f};
    if (a->group == 0 && !a->channel_scales) {
        int32_t greatest = 0;
        for (long long begin = 0; begin < a->columns; begin += PART) {
            load_part(a->dtype, a->x, NULL, row_at, a->columns, begin, part);
            int32_t magnitude = greatest_magnitude(part, PART);
            greatest = magnitude > greatest ? magnitude : greatest;
        }
        of_row = scale_of(greatest);
    }
    const int group = a->group == 0 ? PART : a->group;
    const int finer = a->finer_group == 0 ? PART : a->finer_group;
    uint32_t row_sum = 0;
    for (long long begin = 0; begin < a->columns; begin += PART) {
        const int n = load_part(a->dtype, a->x, a->permutation, row_at, a->columns, begin, part);
        if (a->channel_scales) {
            row_sum += (uint32_t)quantize_channels(a, part, begin, n, codes);
        } else {
            memset(codes, 0, sizeof codes);
            for (int first = 0; first < n; first += group) {
                group_scale g = of_row;
                if (a->group != 0) {
                    g = scale_of(greatest_magnitude(part + first, group));
                }
                for (int i = first; i < first + group && i < n; i += finer) {
                    int32_t sum = quantize_part(part + i, finer, &g, codes + i);
                    row_sum += (uint32_t)sum;
                    if (a->finer_group != 0) {
                        store_group(a, row, (begin + i) / finer, g.scale, sum);
                    }
                }
            }
        }
        const long long left = a->codes_columns - begin;
        memcpy(a->codes + row * a->codes_stride + begin / PART * a->codes_chunk, codes,
               (size_t)(left < PART ? left : PART));
    }
    if (a->finer_group == 0 && a->columns > 0) {
        store_group(a, row, 0, of_row.scale, (int32_t)row_sum);
    }
}

static void quantize_rows(const lowbit_quantize_arguments *a, long long begin, long long end) {
    for (long long row = begin; row < end; row++) {
        quantize_row(a, row);
    }
}

static void widen_rows(const lowbit_widen_arguments *a, long long begin, long long end) {
    _Alignas(64) float part[PART];
    for (long long row = begin; row < end; row++) {
        for (long long at = 0; at < a->columns; at += PART) {
            load_part(a->dtype, a->x, a->permutation, row * a->x_stride, a->columns, at, part);
            const long long left = a->out_columns - at;
            memcpy(a->out + row * a->out_stride + at, part, (size_t)(left < PART ? left : PART) * sizeof *part);
        }
    }
}

static void prepare_rows(const int8_prepare_arguments *a, long long begin, long long end) {
    for (long long row = begin; row < end; row++) {
        const int8_t *x = a->x + row * a->x_stride;
        int32_t sum = 0;
        for (long long at = 0; at < a->columns; at += PART) {
            const int n = a->columns - at < PART ? (int)(a->columns - at) : PART;
            int8_t *codes = a->codes + row * a->codes_stride + at / PART * a->codes_chunk;
            vi sums = vi_zero();
            memcpy(codes, x + at, (size_t)n);
            memset(codes + n, 0, (size_t)(-n & (LOWBIT_SLICE - 1)));
            for (int i = 0; i < n; i += VF_LANES) {
                sums = vi_add(sums, vi_load_s8(codes + i));
            }
            sum += vi_sum_lanes(sums);
        }
        a->sums[row] = sum - (a->zeros ? (int32_t)a->columns * a->zeros[row] : 0);
    }
}

const lowbit_quantize_activations_kernel GATUN_AT_LEVEL(lowbit_quantize_activations) = {
    .rows = quantize_rows, .widen = widen_rows, .prepare = prepare_rows};
