/* SPDX-License-Identifier: Apache-2.0 */
/* Philox-4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, SC 2011), a counter in each
 * lane. */
#ifndef GATUN_PHILOX_H
#define GATUN_PHILOX_H

#include "../simd/simd.h"

#define PHILOX_ROUNDS 10

/* The four words of the counters (counter + lane, offset) under the key `seed`. */
GATUN_INLINE void philox_words(uint64_t seed, uint64_t offset, uint64_t counter, vi words[4]) {
    uint32_t low[VF_LANES], high[VF_LANES];
    for (int k = 0; k < VF_LANES; k++) {
        low[k] = (uint32_t)(counter + (uint64_t)k);
        high[k] = (uint32_t)((counter + (uint64_t)k) >> 32);
    }
    vi c0 = vi_load(low), c1 = vi_load(high);
    vi c2 = vi_set((int)(uint32_t)offset), c3 = vi_set((int)(uint32_t)(offset >> 32));
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        vi low0, high0, low1, high1;
        vi_multiply(c0, vi_set((int)0xd2511f53u), &low0, &high0);
        vi_multiply(c2, vi_set((int)0xcd9e8d57u), &low1, &high1);
        c0 = vi_xor(vi_xor(high1, c1), vi_set((int)key0));
        c2 = vi_xor(vi_xor(high0, c3), vi_set((int)key1));
        c1 = low1;
        c3 = low0;
        key0 += 0x9e3779b9u;
        key1 += 0xbb67ae85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* Bit k of 16 to bit 4 k. */
GATUN_INLINE uint64_t spread_bits(uint64_t bits) {
    bits = (bits | bits << 24) & UINT64_C(0x000000ff000000ff);
    bits = (bits | bits << 12) & UINT64_C(0x000f000f000f000f);
    bits = (bits | bits << 6) & UINT64_C(0x0303030303030303);
    return (bits | bits << 3) & UINT64_C(0x1111111111111111);
}

/* For 4 * VF_LANES elements from 4 * counter on, a bit each: whether its word is less than `threshold`. */
GATUN_INLINE uint64_t philox_bits(uint64_t seed, uint64_t offset, uint64_t counter, uint32_t threshold) {
    const vi sign = vi_set(INT32_MIN), limit = vi_set((int)(threshold ^ 0x80000000u));
    vi words[4];
    philox_words(seed, offset, counter, words);
    uint64_t bits = 0;
#pragma GCC unroll 4
    for (int w = 0; w < 4; w++) {
        bits |= spread_bits(vm_bits(vi_less(vi_xor(words[w], sign), limit))) << w;
    }
    return bits;
}

#endif
