/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payne, Hanek: Radian reduction for trigonometric functions, SIGNUM Newsletter 18 (1983). x is m * 2^e with an integer m
 * of 24 bits. Of the digits of 2/pi, those that times m * 2^e are multiples of 4, whole turns, are left out; of the others
 * 96 are enough: no float comes nearer to a multiple of pi/2 than about 2^-30.
 */
#include "large_angle.h"

#include <stdint.h>

#include "half.h"

/* 32 zero bits, then those of 2/pi behind the point. */
static const uint32_t two_over_pi[] = {0,           0xa2f9836eu, 0x4e441529u, 0xfc2757d1u,
                                       0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu};

/* 32 bits from bit `at` on. */
static uint64_t digits(int at) {
    const int word = at / 32, bit = at % 32;
    return (two_over_pi[word] << bit) | (uint32_t)((uint64_t)two_over_pi[word + 1] >> (32 - bit));
}

void gatun_reduce_angles(const float *x, float beyond, float *turns, float *rest, int count) {
    for (int i = 0; i < count; i++) {
        const uint32_t bits = float_bits(x[i]);
        if (!(x[i] >= beyond)) {
            continue;
        }
        if (bits >= 0x7f800000u) {
            rest[i] = x[i] - x[i];
            continue;
        }
        const uint64_t m = (bits & 0x7fffffu) | 0x800000u;
        const int e = (int)(bits >> 23) - 150;
        /* The first digit that counts is that of 2^(1 - e), e - 2 behind the point: e + 30 in the table. */
        const int at = e + 30;
        /* In units of 2^-64 turns. */
        const uint64_t part = (m * digits(at) << 32) + m * digits(at + 32) + (m * digits(at + 64) >> 32);
        const uint64_t quarters = (part + (UINT64_C(1) << 61)) >> 62;
        const uint64_t left = part - (quarters << 62);
        const double signed_left = left >> 63 ? -(double)(~left + 1) : (double)left;
        turns[i] = (float)quarters;
        rest[i] = (float)(signed_left * 3.4061215800865546e-19); /* 2 pi * 2^-64 */
    }
}
