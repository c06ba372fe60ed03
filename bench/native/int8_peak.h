/* SPDX-License-Identifier: Apache-2.0 */
/* The most products of 8-bit integers that one core does in a nanosecond: bare loops, one per instruction set level. */
#ifndef GATUN_BENCH_INT8_PEAK_H
#define GATUN_BENCH_INT8_PEAK_H

/* Multiplications and additions (two for each product) of `turns` turns of the loop, and the nanoseconds they took. */
struct int8_peak {
    double operations, nanoseconds;
};

typedef struct int8_peak int8_peak_loop(long long turns);

int8_peak_loop int8_peak_baseline;
#if defined(__x86_64__)
int8_peak_loop int8_peak_avx2, int8_peak_avx512, int8_peak_avx512vnni;
#endif

#endif
