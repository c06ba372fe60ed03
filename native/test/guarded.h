/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory between two inaccessible pages. Sanitizers do not see masked vector loads and stores; the processor does, so
 * an operand that ends or begins flush with such a page shows every access beyond it.
 */
#ifndef GATUN_TEST_GUARDED_H
#define GATUN_TEST_GUARDED_H

#include <stddef.h>

typedef struct guarded {
    unsigned char *begin; /* first accessible byte, at the start of a page */
    size_t capacity;      /* accessible bytes, a multiple of the page size */
    unsigned char *data;  /* the operand that was placed last */
    size_t bytes;
} guarded;

enum placement {
    PLACE_BEGIN, /* the first byte follows the guard page; `offset` moves the operand on from there */
    PLACE_END    /* the last byte precedes the guard page; no offset */
};

/*
 * Places an operand of `bytes` bytes, growing the memory if needed, fills it and the margins around it with canaries,
 * and returns its address. Bytes must be a multiple of `alignment` or the operand ends short of the guard page.
 */
void *guarded_place(guarded *memory, size_t bytes, size_t alignment, enum placement placement, size_t offset);

/* Whether the margins before and after the operand still hold their canaries. */
int guarded_margins_intact(const guarded *memory);

/* Whether `bytes` bytes at `data` still hold canaries. */
int guarded_is_canary(const void *data, size_t bytes);

void guarded_release(guarded *memory);

#endif
