/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the CPU backend. */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "context.h"
#include "gatun/core.h"
#include "message.h"

#define LINE 64LL
#define HUGE_PAGE (2LL << 20)

int gatun_allocate(gatun_context *context, long long bytes, void **memory, char *message, long long message_bytes) {
    if (!context) {
        return gatun_fail(message, message_bytes, GATUN_INVALID_ARGUMENT, "context: expected one, but it is NULL");
    }
    if (!memory) {
        return gatun_fail(message, message_bytes, GATUN_INVALID_ARGUMENT,
                          "memory: expected a place for it, but it is NULL");
    }
    *memory = 0;
    if (bytes < 1) {
        return gatun_fail(message, message_bytes, GATUN_INVALID_ARGUMENT, "bytes: expected at least 1, but it is %lld",
                          bytes);
    }
    /* Every 4 KiB page of a large array would cost the kernels a TLB miss. */
    long long alignment = bytes >= 2 * HUGE_PAGE ? HUGE_PAGE : LINE;
    if (bytes <= LLONG_MAX - alignment) {
        long long rounded = (bytes + alignment - 1) / alignment * alignment;
        *memory = aligned_alloc((size_t)alignment, (size_t)rounded);
        if (*memory) {
#if defined(MADV_HUGEPAGE)
            if (alignment == HUGE_PAGE) {
                madvise(*memory, (size_t)rounded, MADV_HUGEPAGE); /* advice: where it is refused nothing is lost */
            }
#endif
            return GATUN_OK;
        }
    }
    return gatun_fail(message, message_bytes, GATUN_OUT_OF_MEMORY, "no memory for %lld bytes", bytes);
}

int gatun_free(gatun_context *context, void *memory, long long bytes) {
    (void)context;
    (void)bytes;
    free(memory);
    return GATUN_OK;
}
