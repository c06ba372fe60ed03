/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching ahead what a pass over rows will need next. */
#ifndef GATUN_SIMD_FETCH_H
#define GATUN_SIMD_FETCH_H

#include "elements.h"

/*
 * Brings the next group of rows towards the core while this one is worked on. Memory answers four streams a quarter
 * faster than one, so a line of each of FETCH_STREAMS neighbouring pieces of the group is fetched in turn, at the pace
 * at which the last pass of the statistics and the output pass consume rows: half of a row's lines in each.
 */
#define FETCH_STREAMS 4
#define STREAM_BYTES 16384          /* of a stream: shorter rows share one, or it would end before it is under way */
#define GREATEST_STREAM_BYTES 65536 /* four longer ones would not stay in the level-2 cache until they are used */
typedef struct {
    const char *next;    /* in the first stream */
    long long between;   /* bytes from one stream to the next */
    long long lines;     /* left in each stream */
    long long companion; /* bytes from each stream to one that goes along with it; 0 for none */
} fetcher;

/* The bytes of a pass that a call of `fetch` keeps up with. */
#define FETCH_STEP (2 * FETCH_STREAMS * LINE_BYTES)

GATUN_INLINE void fetch(fetcher *f) {
    if (f->lines > 0) {
#pragma GCC unroll 4
        for (int k = 0; k < FETCH_STREAMS; k++) {
            __builtin_prefetch(f->next + k * f->between, 0, 2);
        }
        if (f->companion != 0) {
#pragma GCC unroll 4
            for (int k = 0; k < FETCH_STREAMS; k++) {
                __builtin_prefetch((const char *)((uintptr_t)f->next + (uintptr_t)f->companion) + k * f->between, 0, 2);
            }
        }
        f->next += LINE_BYTES;
        f->lines--;
    }
}

/*
 * The same for a pass over memory from one end to the other: FETCH_STREAMS pieces of STREAM_BYTES at a time. The pass
 * calls `fetch_block` with the address it has come to, at least once for each block, and `fetch` for each
 * FETCH_STREAMS lines of it.
 */
#define FETCH_BLOCK (FETCH_STREAMS * STREAM_BYTES)
typedef struct {
    uintptr_t next, end; /* the block that is to be fetched next, and where the memory ends */
    long long companion; /* as in fetcher */
    fetcher lines;
} block_fetcher;

/* Nothing is fetched where `wanted` is false. */
GATUN_INLINE block_fetcher fetch_blocks(const void *begin, const void *end, long long companion, bool wanted) {
    return (block_fetcher){(uintptr_t)begin + FETCH_BLOCK, wanted ? (uintptr_t)end : 0, companion, {0}};
}

GATUN_INLINE void fetch_block(block_fetcher *f, const void *at) {
    if ((uintptr_t)at + FETCH_BLOCK < f->next || f->next >= f->end) {
        return;
    }
    const long long left = (long long)(f->end - f->next), bytes = left < FETCH_BLOCK ? left : FETCH_BLOCK;
    const long long between = (bytes / FETCH_STREAMS + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    f->lines = (fetcher){(const char *)f->next, between, between / LINE_BYTES, f->companion};
    f->next += FETCH_BLOCK;
}

#endif
