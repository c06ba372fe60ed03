/* SPDX-License-Identifier: Apache-2.0 */
/* Products from registers into twelve sums, as many as hide the latency; compiled once per level as PEAK_LOOP. */
#define _POSIX_C_SOURCE 199309L
#include "int8_peak.h"

#include <stdint.h>
#include <time.h>

#define SUMS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
enum { SUM_COUNT = 12 };

/* The assembly hides from the compiler that every turn does the same. */
#if defined(__AVX512VNNI__)
#include <immintrin.h>
enum { LANES = 64 };
#define DECLARE(i) __m512i sum##i = _mm512_setzero_si512();
#define STEP(i) __asm__ volatile("vpdpbusd %1, %2, %0" : "+v"(sum##i) : "v"(q), "v"(u));
#define KEEP(i) __asm__ volatile("" : : "v"(sum##i));
#define OPERANDS const __m512i u = _mm512_set1_epi8(1), q = _mm512_set1_epi8(1);
#elif defined(__AVX512BW__)
#include <immintrin.h>
enum { LANES = 64 };
#define DECLARE(i) __m512i sum##i = _mm512_setzero_si512();
#define STEP(i)                                                                                                       \
    {                                                                                                                 \
        __m512i pairs;                                                                                                \
        __asm__ volatile("vpmaddubsw %2, %3, %1\n\tvpaddw %1, %0, %0" : "+v"(sum##i), "=&v"(pairs) : "v"(q), "v"(u)); \
    }
#define KEEP(i) __asm__ volatile("" : : "v"(sum##i));
#define OPERANDS const __m512i u = _mm512_set1_epi8(1), q = _mm512_set1_epi8(1);
#elif defined(__AVX2__)
#include <immintrin.h>
enum { LANES = 32 };
#define DECLARE(i) __m256i sum##i = _mm256_setzero_si256();
#define STEP(i)                                                                                                       \
    {                                                                                                                 \
        __m256i pairs;                                                                                                \
        __asm__ volatile("vpmaddubsw %2, %3, %1\n\tvpaddw %1, %0, %0" : "+x"(sum##i), "=&x"(pairs) : "x"(q), "x"(u)); \
    }
#define KEEP(i) __asm__ volatile("" : : "x"(sum##i));
#define OPERANDS const __m256i u = _mm256_set1_epi8(1), q = _mm256_set1_epi8(1);
#elif defined(__aarch64__)
#include <arm_neon.h>
enum { LANES = 8 };
#define DECLARE(i) int16x8_t sum##i = vdupq_n_s16(0);
#define STEP(i) __asm__ volatile("smlal %0.8h, %1.8b, %2.8b" : "+w"(sum##i) : "w"(u), "w"(q));
#define KEEP(i) __asm__ volatile("" : : "w"(sum##i));
#define OPERANDS const int8x8_t u = vdup_n_s8(1), q = vdup_n_s8(1);
#else
enum { LANES = 1 };
#define DECLARE(i) int32_t sum##i = 0;
#define STEP(i)                          \
    __asm__ volatile("" : "+r"(sum##i)); \
    sum##i += u * q;
#define KEEP(i) __asm__ volatile("" : : "r"(sum##i));
#define OPERANDS          \
    int32_t u = 1, q = 1; \
    __asm__ volatile("" : "+r"(u), "+r"(q));
#endif

struct int8_peak PEAK_LOOP(long long turns) {
    OPERANDS
    SUMS(DECLARE)
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long long i = 0; i < turns; i++) {
        SUMS(STEP)
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    SUMS(KEEP)
    return (struct int8_peak){2.0 * LANES * SUM_COUNT * (double)turns,
                              1e9 * (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec)};
}
