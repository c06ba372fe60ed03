/* SPDX-License-Identifier: Apache-2.0 */
/* Scalar conversions of the 16-bit storage types, exact and round-to-nearest-even, without any extension. */
#ifndef GATUN_SIMD_HALF_H
#define GATUN_SIMD_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float bf16_to_float(uint16_t stored) {
    return float_from_bits((uint32_t)stored << 16);
}

static inline uint16_t bf16_from_float(float value) {
    uint32_t bits = float_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return (uint16_t)((bits >> 16) | 0x40u); /* quiet, so that rounding cannot carry a NaN into Inf */
    }
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

static inline float f16_to_float(uint16_t stored) {
    uint32_t sign = (uint32_t)(stored & 0x8000u) << 16;
    uint32_t magnitude = stored & 0x7fffu;
    if (magnitude >= 0x7c00u) { /* Inf, or NaN made quiet as the hardware conversions do */
        return float_from_bits(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13) |
                               (magnitude > 0x7c00u ? 0x400000u : 0));
    }
    if (magnitude < 0x400u) { /* zero and subnormals: magnitude * 2^-24, exact */
        return float_from_bits(sign | float_bits((float)magnitude * 0x1p-24f));
    }
    return float_from_bits(sign | ((magnitude << 13) + 0x38000000u));
}

static inline uint16_t f16_from_float(float value) {
    uint32_t bits = float_bits(value);
    uint32_t sign = (bits >> 16) & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {
        return (uint16_t)(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
    }
    if (magnitude >= 0x477ff000u) { /* 65520 and above round to Inf */
        return (uint16_t)(sign | 0x7c00u);
    }
    if (magnitude < 0x38800000u) { /* below 2^-14: adding 0.5 aligns the subnormal's last place with that of the sum */
        return (uint16_t)(sign | (float_bits(float_from_bits(magnitude) + 0.5f) - 0x3f000000u));
    }
    return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13));
}

#endif
