/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once per level: the compiler's flags choose the vector, LIMIT_TABLE names the table. */
#include "limits_kernels.h"

#if defined(__AVX512F__)
#include <immintrin.h>
typedef __m512i vector;
#define LOAD(p) _mm512_load_si512((const void *)(p))
#define STORE(p, v) _mm512_store_si512((void *)(p), v)
#define STREAM(p, v) _mm512_stream_si512((void *)(p), v)
#define ADD(a, b) _mm512_add_epi32(a, b)
#define ZERO() _mm512_setzero_si512()
#define LOW(v) _mm_cvtsi128_si32(_mm512_castsi512_si128(v))
#define FENCE() _mm_sfence()
#elif defined(__AVX2__)
#include <immintrin.h>
typedef __m256i vector;
#define LOAD(p) _mm256_load_si256((const __m256i *)(const void *)(p))
#define STORE(p, v) _mm256_store_si256((__m256i *)(void *)(p), v)
#define STREAM(p, v) _mm256_stream_si256((__m256i *)(void *)(p), v)
#define ADD(a, b) _mm256_add_epi32(a, b)
#define ZERO() _mm256_setzero_si256()
#define LOW(v) _mm_cvtsi128_si32(_mm256_castsi256_si128(v))
#define FENCE() _mm_sfence()
#elif defined(__SSE2__)
#include <emmintrin.h>
typedef __m128i vector;
#define LOAD(p) _mm_load_si128((const __m128i *)(const void *)(p))
#define STORE(p, v) _mm_store_si128((__m128i *)(void *)(p), v)
#define STREAM(p, v) _mm_stream_si128((__m128i *)(void *)(p), v)
#define ADD(a, b) _mm_add_epi32(a, b)
#define ZERO() _mm_setzero_si128()
#define LOW(v) _mm_cvtsi128_si32(v)
#define FENCE() _mm_sfence()
#elif defined(__ARM_NEON)
#include <arm_neon.h>
typedef int32x4_t vector;
#define LOAD(p) vld1q_s32((const int *)(const void *)(p))
#define STORE(p, v) vst1q_s32((int *)(void *)(p), v)
/* NEON intrinsics have no non-temporal store; limits.c leaves those candidates out. */
#define STREAM(p, v) STORE(p, v)
#define ADD(a, b) vaddq_s32(a, b)
#define ZERO() vdupq_n_s32(0)
#define LOW(v) vgetq_lane_s32(v, 0)
#define FENCE() ((void)0)
#else
#error "bench/native/limits_kernels.c knows no vectors for this architecture"
#endif

#define INLINE static inline __attribute__((always_inline))

enum {
    VECTORS = LIMIT_LINE / (int)sizeof(vector), /* of a cache line */
    PLACES = 4,
    UNROLL = 4,
    AHEAD = 2048,  /* bytes by which each place is prefetched */
    RUN_LINES = 64 /* of one stream, before the next stream has its turn */
};

/* Copies of the pointers, which the compiler can keep in registers since nothing else has their address. */
struct pointers {
    const char *in[LIMIT_STREAMS];
    char *out[LIMIT_STREAMS];
};

INLINE void move_line(int reads, int writes, int stream, const struct pointers *p, size_t at, vector *sum) {
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) {
        const size_t offset = at + (size_t)v * sizeof(vector);
        vector value = ZERO();
        if (reads > 0)
            value = LOAD(p->in[0] + offset);
#pragma GCC unroll 4
        for (int r = 1; r < reads; r++)
            value = ADD(value, LOAD(p->in[r] + offset));
        if (writes == 0)
            sum[v] = ADD(sum[v], value);
#pragma GCC unroll 4
        for (int w = 0; w < writes; w++) {
            if (stream)
                STREAM(p->out[w] + offset, value);
            else
                STORE(p->out[w] + offset, value);
        }
    }
}

INLINE int low_of_sums(const vector *sum, int count) {
    vector total = ZERO();
#pragma GCC unroll 16
    for (int i = 0; i < count; i++)
        total = ADD(total, sum[i]);
    return LOW(total);
}

INLINE struct pointers copy_pointers(int reads, int writes, const struct limit_part *part) {
    struct pointers p = {{NULL}, {NULL}};
#pragma GCC unroll 4
    for (int r = 0; r < reads; r++)
        p.in[r] = part->in[r];
#pragma GCC unroll 4
    for (int w = 0; w < writes; w++)
        p.out[w] = part->out[w];
    return p;
}

INLINE int move_in_order(int reads, int writes, int stream, const struct limit_part *part) {
    const struct pointers p = copy_pointers(reads, writes, part);
    vector sum[UNROLL * VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < UNROLL * VECTORS; i++)
        sum[i] = ZERO();
    size_t line = 0;
    for (; line + UNROLL <= part->lines; line += UNROLL) {
#pragma GCC unroll 4
        for (int u = 0; u < UNROLL; u++)
            move_line(reads, writes, stream, &p, (line + (size_t)u) * LIMIT_LINE, sum + u * VECTORS);
    }
    for (; line < part->lines; line++)
        move_line(reads, writes, stream, &p, line * LIMIT_LINE, sum);
    if (stream)
        FENCE();
    return low_of_sums(sum, UNROLL * VECTORS);
}

INLINE int move_four_places(int reads, int writes, int stream, const struct limit_part *part) {
    const struct pointers p = copy_pointers(reads, writes, part);
    vector sum[PLACES * VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < PLACES * VECTORS; i++)
        sum[i] = ZERO();
    /* The last place gets what the others leave: less than the others, or with a remainder, more. */
    size_t distance = part->lines / PLACES + part->skew_lines;
    if (distance * (PLACES - 1) > part->lines)
        distance = part->lines / PLACES;
    const size_t last = part->lines - distance * (PLACES - 1);
    const size_t common = last < distance ? last : distance;
    for (size_t line = 0; line < common; line++) {
#pragma GCC unroll 4
        for (int place = 0; place < PLACES; place++) {
            const size_t at = ((size_t)place * distance + line) * LIMIT_LINE;
#pragma GCC unroll 4
            for (int r = 0; r < reads; r++)
                __builtin_prefetch(p.in[r] + at + AHEAD, 0, 3);
            move_line(reads, writes, stream, &p, at, sum + place * VECTORS);
        }
    }
    for (size_t line = common; line < distance; line++) {
#pragma GCC unroll 4
        for (int place = 0; place < PLACES - 1; place++)
            move_line(reads, writes, stream, &p, ((size_t)place * distance + line) * LIMIT_LINE, sum + place * VECTORS);
    }
    for (size_t line = common; line < last; line++)
        move_line(reads, writes, stream, &p, ((PLACES - 1) * distance + line) * LIMIT_LINE, sum);
    if (stream)
        FENCE();
    return low_of_sums(sum, PLACES * VECTORS);
}

/* A stream at a time, with a run of sums between them in the innermost cache. */
INLINE int move_in_runs(int reads, int writes, int stream, const struct limit_part *part) {
    const struct pointers p = copy_pointers(reads, writes, part);
    _Alignas(LIMIT_LINE) char run[RUN_LINES * LIMIT_LINE];
    for (size_t begin = 0; begin < part->lines; begin += RUN_LINES) {
        const size_t lines = part->lines - begin < RUN_LINES ? part->lines - begin : RUN_LINES;
        const size_t bytes = lines * LIMIT_LINE, from = begin * LIMIT_LINE;
#pragma GCC unroll 4
        for (int r = 0; r < reads; r++) {
            for (size_t at = 0; at < bytes; at += sizeof(vector)) {
                if (at % LIMIT_LINE == 0)
                    __builtin_prefetch(p.in[r] + from + at + sizeof run, 0, 3);
                const vector value = LOAD(p.in[r] + from + at);
                STORE(run + at, r > 0 ? ADD(LOAD(run + at), value) : value);
            }
        }
#pragma GCC unroll 4
        for (int w = 0; w < writes; w++) {
            for (size_t at = 0; at < bytes; at += sizeof(vector)) {
                if (stream)
                    STREAM(p.out[w] + from + at, LOAD(run + at));
                else
                    STORE(p.out[w] + from + at, LOAD(run + at));
            }
        }
    }
    if (stream)
        FENCE();
    return LOW(LOAD(run));
}

#define CASE_OF_SHAPE(FUNCTION, STREAMED, READS, WRITES) \
    if (part->reads == READS && part->writes == WRITES)  \
        return FUNCTION(READS, WRITES, STREAMED, part);
#define PLAIN_CASE(READS, WRITES) CASE_OF_SHAPE(move_in_order, 0, READS, WRITES)
#define NON_TEMPORAL_CASE(READS, WRITES) CASE_OF_SHAPE(move_in_order, 1, READS, WRITES)
#define PREFETCH_CASE(READS, WRITES) CASE_OF_SHAPE(move_four_places, 0, READS, WRITES)
#define NON_TEMPORAL_PREFETCH_CASE(READS, WRITES) CASE_OF_SHAPE(move_four_places, 1, READS, WRITES)
#define RUNS_CASE(READS, WRITES) CASE_OF_SHAPE(move_in_runs, 0, READS, WRITES)
#define NON_TEMPORAL_RUNS_CASE(READS, WRITES) CASE_OF_SHAPE(move_in_runs, 1, READS, WRITES)

static int plain(const struct limit_part *part) {
    LIMIT_SHAPES(PLAIN_CASE)
    return 0;
}

static int non_temporal(const struct limit_part *part) {
    LIMIT_SHAPES(NON_TEMPORAL_CASE)
    return 0;
}

static int prefetch(const struct limit_part *part) {
    LIMIT_SHAPES(PREFETCH_CASE)
    return 0;
}

static int non_temporal_prefetch(const struct limit_part *part) {
    LIMIT_SHAPES(NON_TEMPORAL_PREFETCH_CASE)
    return 0;
}

static int runs(const struct limit_part *part) {
    LIMIT_RUN_SHAPES(RUNS_CASE)
    return 0;
}

static int non_temporal_runs(const struct limit_part *part) {
    LIMIT_RUN_SHAPES(NON_TEMPORAL_RUNS_CASE)
    return 0;
}

limit_kernel *const LIMIT_TABLE[LIMIT_VARIANTS] = {plain, non_temporal,     prefetch, non_temporal_prefetch,
                                                   runs,  non_temporal_runs};
