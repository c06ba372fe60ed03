/* SPDX-License-Identifier: Apache-2.0 */
#include "values.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "check.h"
#include "gatun.h"

size_t dtype_bytes(int dtype) {
    return dtype == GATUN_F32 ? 4 : 2;
}

const char *dtype_name(int dtype) {
    switch (dtype) {
    case GATUN_F32:
        return "f32";
    case GATUN_BF16:
        return "bf16";
    case GATUN_F16:
        return "f16";
    default:
        return "no dtype";
    }
}

int dtype_of_name(const char *name) {
    for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
        if (strcmp(name, dtype_name(dtype)) == 0) {
            return dtype;
        }
    }
    return -1;
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* 2^exponent, a normal number. */
static double power_of_two(int exponent) {
    return double_of((uint64_t)(exponent + 1023) << 52);
}

/* Rounds to `digits` significant bits with the smallest normal exponent `least` and the greatest `most`. */
static double round_to_format(double value, int digits, int least, int most) {
    if (value == 0 || !isfinite(value)) {
        return value;
    }
    double magnitude = fabs(value);
    double rounded;
    if (magnitude < power_of_two(least)) {
        rounded = ldexp(rint(ldexp(magnitude, digits - 1 - least)), least - (digits - 1));
    } else { /* a carry out of the fraction moves on to the exponent, as it should */
        int dropped = 53 - digits;
        uint64_t bits = bits_of(magnitude);
        bits += (UINT64_C(1) << (dropped - 1)) - 1 + ((bits >> dropped) & 1);
        rounded = double_of(bits >> dropped << dropped);
    }
    double limit = (2.0 - power_of_two(1 - digits)) * power_of_two(most);
    return copysign(rounded > limit ? INFINITY : rounded, value);
}

double dtype_round(int dtype, double value) {
    switch (dtype) {
    case GATUN_F32:
        return (float)value;
    case GATUN_BF16:
        return round_to_format(value, 8, -126, 127);
    case GATUN_F16:
        return round_to_format(value, 11, -14, 15);
    default:
        check_abandon("no such dtype: %d", dtype);
    }
}

static double bf16_value(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static double f16_value(uint16_t bits) {
    uint64_t sign = (uint64_t)(bits >> 15) << 63;
    uint64_t exponent = (bits >> 10) & 31;
    uint64_t fraction = bits & 1023;
    if (exponent == 0) {
        return copysign((double)fraction * 0x1p-24, double_of(sign | bits_of(1.0)));
    }
    return double_of(sign | (exponent == 31 ? 0x7FF : exponent - 15 + 1023) << 52 | fraction << 42);
}

static uint16_t f16_bits(double value) {
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    double magnitude = fabs(dtype_round(GATUN_F16, value));
    if (isnan(magnitude)) {
        return (uint16_t)(sign | 0x7E00);
    }
    if (isinf(magnitude)) {
        return (uint16_t)(sign | 0x7C00);
    }
    if (magnitude < 0x1p-14) {
        return (uint16_t)(sign | (uint16_t)(magnitude * 0x1p24));
    }
    return (uint16_t)(sign | ((bits_of(magnitude) >> 42) - ((UINT64_C(1023) - 15) << 10)));
}

static uint16_t bf16_bits(double value) {
    float rounded = (float)dtype_round(GATUN_BF16, value);
    uint32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return (uint16_t)((bits >> 16) | (isnan(value) ? 0x40 : 0));
}

double dtype_load(int dtype, const void *array, long long index) {
    if (dtype == GATUN_F32) {
        return ((const float *)array)[index];
    }
    uint16_t bits = ((const uint16_t *)array)[index];
    return dtype == GATUN_BF16 ? bf16_value(bits) : f16_value(bits);
}

void dtype_store(int dtype, void *array, long long index, double value) {
    if (dtype == GATUN_F32) {
        ((float *)array)[index] = (float)value;
    } else {
        ((uint16_t *)array)[index] = dtype == GATUN_BF16 ? bf16_bits(value) : f16_bits(value);
    }
}

uint64_t random_bits(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

double random_uniform(uint64_t *state, double low, double high) {
    return low + (high - low) * (double)(random_bits(state) >> 11) * 0x1p-53;
}

double random_bell(uint64_t *state) {
    uint64_t bits = random_bits(state);
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (double)((bits >> (16 * i)) & 0xFFFF);
    }
    return (sum * 0x1p-16 - 2.0) * 1.7320508075688772;
}
