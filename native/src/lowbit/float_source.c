/* SPDX-License-Identifier: Apache-2.0 */
#include "float_source.h"

#include <math.h>
#include <string.h>

#include "../simd/half.h"
#include "gatun/lowbit.h"

/* Below, 1 / s is subnormal or infinite, and codes would depend on how a machine treats that. */
#define LEAST_SCALE 0x1p-126f
#define LEAST_MAGNITUDE 0x1p-118f

/* `count` weights of an output, as float32. Those behind them are fetched: many rows are read at a time. */
static const float *load_weights(const lowbit_source *source, long long output, long long begin, int count,
                                 float *buffer) {
    const long long at = output * source->weights_stride + begin;
    const int bytes = source->dtype == GATUN_F32 ? 4 : 2;
    const char *next = (const char *)source->weights + (at + count) * bytes;
    for (int i = 0; i < count * bytes; i += 64) {
        __builtin_prefetch(next + i);
    }
    if (source->dtype == GATUN_F32) {
        return (const float *)source->weights + at;
    }
    const uint16_t *stored = (const uint16_t *)source->weights + at;
    for (int i = 0; i < count; i++) {
        buffer[i] = source->dtype == GATUN_F16 ? f16_to_float(stored[i]) : bf16_to_float(stored[i]);
    }
    return buffer;
}

/* Lane by lane, so that the compiler can make vectors of it; magnitudes compare like their bits. */
static float_range range_of(const float *weights, int count) {
    enum { LANES = 8 };
    float least[LANES] = {0}, greatest[LANES] = {0};
    int32_t magnitude[LANES] = {0};
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
            const float w = weights[i + lane];
            least[lane] = w < least[lane] ? w : least[lane];
            greatest[lane] = w > greatest[lane] ? w : greatest[lane];
        }
        for (int lane = 0; lane < LANES; lane++) {
            const int32_t bits = (int32_t)(float_bits(weights[i + lane]) & 0x7fffffffu);
            magnitude[lane] = bits > magnitude[lane] ? bits : magnitude[lane];
        }
    }
    for (; i < count; i++) {
        const int32_t bits = (int32_t)(float_bits(weights[i]) & 0x7fffffffu);
        least[0] = weights[i] < least[0] ? weights[i] : least[0];
        greatest[0] = weights[i] > greatest[0] ? weights[i] : greatest[0];
        magnitude[0] = bits > magnitude[0] ? bits : magnitude[0];
    }
    for (int lane = 1; lane < LANES; lane++) {
        least[0] = least[lane] < least[0] ? least[lane] : least[0];
        greatest[0] = greatest[lane] > greatest[0] ? greatest[lane] : greatest[0];
        magnitude[0] = magnitude[lane] > magnitude[0] ? magnitude[lane] : magnitude[0];
    }
    return (float_range){least[0], greatest[0], float_from_bits((uint32_t)magnitude[0])};
}

float_range float_range_of_row(const lowbit_source *source, long long output, long long begin, long long end) {
    float buffer[LOWBIT_CHUNK];
    float_range all = {0, 0, 0};
    for (long long at = begin; at < end; at += LOWBIT_CHUNK) {
        const int count = end - at < LOWBIT_CHUNK ? (int)(end - at) : LOWBIT_CHUNK;
        const float_range part = range_of(load_weights(source, output, at, count, buffer), count);
        all.least = part.least < all.least ? part.least : all.least;
        all.greatest = part.greatest > all.greatest ? part.greatest : all.greatest;
        all.magnitude = float_bits(part.magnitude) > float_bits(all.magnitude) ? part.magnitude : all.magnitude;
    }
    return all;
}

/* s as scale_dtype holds it; NaN where that is infinite, or zero instead of something else. */
static float rounded_scale(const lowbit_source *source, float scale) {
    float rounded = scale;
    if (source->scale_dtype == GATUN_F16) {
        rounded = f16_to_float(f16_from_float(scale));
    } else if (source->scale_dtype == GATUN_BF16) {
        rounded = bf16_to_float(bf16_from_float(scale));
    }
    return isinf(rounded) || (rounded == 0 && scale != 0) ? NAN : rounded;
}

/* Half away from zero, of x >= 0. */
static inline int round_half_up(float x) {
    const int whole = (int)x;
    return whole + (x - (float)whole >= 0.5f);
}

lowbit_row float_grid(const lowbit_source *source, float_range range) {
    const int bits = source->shape.bits;
    lowbit_row row = {NAN, NAN, range.magnitude, 0};
    if (!isfinite(range.magnitude)) {
        return row;
    }
    if (source->grid == GATUN_LOWBIT_AFFINE) {
        row.scale = rounded_scale(source, (range.greatest - range.least) / (float)((1 << bits) - 1));
        if (row.scale > 0) {
            const float zero = -range.least / row.scale;
            row.zero = zero < (float)((1 << bits) - 1) ? round_half_up(zero) : (1 << bits) - 1;
        }
    } else if (bits == 8) {
        row.scale = rounded_scale(source, range.magnitude / 127);
        row.zero = 128;
    } else {
        const float largest = range.greatest > -range.least ? range.greatest : range.least;
        row.scale = rounded_scale(source, -largest / (float)(1 << (bits - 1)));
        row.zero = 1 << (bits - 1);
    }
    row.offset = -(float)row.zero * row.scale;
    return row;
}

/* Codes of 32 weights: round(w * inverse + zero) half away from zero, within [0, most]. */
static inline void quantize_half_away(const float *restrict w, float inverse, float zero, float most,
                                      uint8_t *restrict codes) {
    int32_t rounded[32];
    for (int i = 0; i < 32; i++) {
        float x = w[i] * inverse + zero;
        x = x > 0 ? x : 0;
        x = x < most ? x : most;
        const int32_t whole = (int32_t)x;
        rounded[i] = whole + (x - (float)whole >= 0.5f);
    }
    for (int i = 0; i < 32; i++) {
        codes[i] = (uint8_t)rounded[i];
    }
}

/* Codes of 32 weights: 128 + rint(w * inverse), within 1 and 255. */
static inline void quantize_half_even(const float *restrict w, float inverse, uint8_t *restrict codes) {
    int32_t rounded[32];
    for (int i = 0; i < 32; i++) {
        const float x = w[i] * inverse + 0x1.8p23f; /* whose last place is 1 */
        memcpy(&rounded[i], &x, sizeof x);
    }
    for (int i = 0; i < 32; i++) {
        codes[i] = (uint8_t)(rounded[i] + 128);
    }
}

/* The codes of `count` weights of one group; whole slices are written. */
static void quantize(const lowbit_source *source, const float *weights, int count, lowbit_row row, uint8_t *codes) {
    const int bits = source->shape.bits;
    const bool half_even = source->grid == GATUN_LOWBIT_SYMMETRIC && bits == 8;
    float inverse = 0;
    if (half_even) {
        inverse = row.magnitude >= LEAST_MAGNITUDE ? 127 / row.magnitude : 0;
    } else if (fabsf(row.scale) >= LEAST_SCALE) {
        inverse = 1 / row.scale;
    }
    for (int i = 0; i < count; i += LOWBIT_SLICE) {
        float padded[LOWBIT_SLICE];
        const float *slice = weights + i;
        if (count - i < LOWBIT_SLICE) {
            memset(padded, 0, sizeof padded);
            memcpy(padded, slice, (size_t)(count - i) * sizeof *slice);
            slice = padded;
        }
        if (half_even) {
            quantize_half_even(slice, inverse, codes + i);
        } else {
            quantize_half_away(slice, inverse, (float)row.zero, (float)((1 << bits) - 1), codes + i);
        }
    }
}

lowbit_row float_row(const lowbit_source *source, long long output) {
    return source->rows[source->per_tensor ? 0 : output];
}

void float_read(const lowbit_source *source, long long output, int count, long long chunk, lowbit_values *values) {
    const lowbit_matrix *shape = &source->shape;
    const int inputs = lowbit_chunk_inputs(shape, chunk), group = shape->group == 0 ? LOWBIT_CHUNK : shape->group;
    for (int i = 0; i < count; i++) {
        float buffer[LOWBIT_CHUNK];
        const float *weights = load_weights(source, output + i, lowbit_chunk_begin(chunk), inputs, buffer);
        for (int begin = 0, g = 0; begin < inputs; begin += group, g++) {
            const int length = inputs - begin < group ? inputs - begin : group;
            const lowbit_row row =
                source->rows ? float_row(source, output + i) : float_grid(source, range_of(weights + begin, length));
            quantize(source, weights + begin, length, row, values->codes[i] + begin);
            values->scales[g][i] = row.scale;
            values->half_scales[g][i] = f16_from_float(row.scale);
            values->zeros[g][i] = (uint8_t)row.zero;
        }
    }
}
