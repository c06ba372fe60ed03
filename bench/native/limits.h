/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the memory system of this machine can do, measured beside the kernels that are compared with it.
 *
 * A limit moves a number of streams of equal length: `reads` of them are read, their sum goes to each of `writes`. One
 * read and one write is a copy. It has several candidates: plain loops and non-temporal stores, each also with four
 * places of each stream in flight and software prefetch, or, with several streams, in runs of one stream after the
 * other; all at several distances between the streams, since streams a power of two apart evict each other and run
 * badly. The limit is the best of them, so a caller calibrates once and then samples the leading candidates in turn with
 * what it compares.
 *
 * Benchmark code: Java calls it through libgatun_limits, the C harness links it; libgatun never contains it.
 */
#ifndef GATUN_BENCH_LIMITS_H
#define GATUN_BENCH_LIMITS_H

#if defined(__GNUC__)
#define GATUN_LIMITS_API __attribute__((visibility("default")))
#else
#define GATUN_LIMITS_API
#endif

typedef struct gatun_limit gatun_limit;
typedef struct gatun_native_call gatun_native_call;

/*
 * Memory and threads for one limit; NULL when the shape is not among those built or memory or threads cannot be had.
 *   reads, writes  how many streams: 1+0, 2+0, 0+1, 1+1, 2+1, 3+1, 1+2, 2+2, 3+2 or 4+2
 *   in_place       whether the streams that are written are the first of those that are read
 *   bytes          of each stream, > 0; rounded up to whole cache lines of 64 bytes
 *   threads        >= 1; each moves its own part of every stream
 *   isa            greatest gatun_isa of the loops; 255 for none
 */
GATUN_LIMITS_API gatun_limit *gatun_limit_create(int reads, int writes, int in_place, long long bytes, int threads,
                                                 int isa);
GATUN_LIMITS_API void gatun_limit_destroy(gatun_limit *limit);

GATUN_LIMITS_API int gatun_limit_candidates(const gatun_limit *limit);

/* "copy-nt-prefetch" and so on: the streams, whether stores are non-temporal, whether four
 * places are in flight or streams take turns. */
GATUN_LIMITS_API const char *gatun_limit_name(const gatun_limit *limit, int candidate);

/* Bytes read and written by one call, without the reads that caches do on their own account. */
GATUN_LIMITS_API long long gatun_limit_bytes(const gatun_limit *limit);

/* Nanoseconds of `calls` calls of a candidate, from when all threads are awake until the last one is done. */
GATUN_LIMITS_API double gatun_limit_run(gatun_limit *limit, int candidate, long long calls);

/* Runs all candidates in turn, three samples of at least `nanoseconds` each, and numbers them anew, the fastest first. */
GATUN_LIMITS_API void gatun_limit_calibrate(gatun_limit *limit, double nanoseconds);

/*
 * A row kernel of libgatun bound to its arguments, for calls timed without any Java in them. NULL on failure, with the
 * reason in `message`.
 *   library      path of libgatun
 *   operation    "layer_norm" or "rms_norm"
 *   dtype        gatun_dtype of x and y; gamma and beta are float32 and may be NULL
 *   isa          gatun_isa cap; 255 for none
 */
GATUN_LIMITS_API gatun_native_call *gatun_native_call_create(const char *library, const char *operation, int dtype,
                                                             int isa, int threads, long long rows, long long columns,
                                                             const void *x, long long x_stride, const float *gamma,
                                                             const float *beta, float eps, void *y, long long y_stride,
                                                             char *message, long long message_bytes);
GATUN_LIMITS_API void gatun_native_call_destroy(gatun_native_call *call);

/* Nanoseconds of `calls` calls one after the other, or -1 when one fails. */
GATUN_LIMITS_API double gatun_native_call_run(gatun_native_call *call, long long calls);

#endif
