/* SPDX-License-Identifier: Apache-2.0 */
#include "guarded.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

enum { MARGIN = 256, CANARY = 0xA5 };

static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void reserve(guarded *memory, size_t bytes) {
    size_t page = page_size();
    size_t capacity = (bytes + page - 1) / page * page;
    if (capacity == 0) {
        capacity = page;
    }
    if (memory->capacity >= capacity) {
        return;
    }
    guarded_release(memory);
    unsigned char *mapping =
        mmap(NULL, capacity + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) {
        check_abandon("no memory for a test buffer of %zu bytes", capacity);
    }
    if (mprotect(mapping, page, PROT_NONE) != 0 || mprotect(mapping + page + capacity, page, PROT_NONE) != 0) {
        check_abandon("mprotect failed on a guard page");
    }
    memory->begin = mapping + page;
    memory->capacity = capacity;
}

static unsigned char *margin_begin(const guarded *memory) {
    size_t before = (size_t)(memory->data - memory->begin);
    return memory->data - (before < MARGIN ? before : MARGIN);
}

static unsigned char *margin_end(const guarded *memory) {
    size_t after = (size_t)(memory->begin + memory->capacity - (memory->data + memory->bytes));
    return memory->data + memory->bytes + (after < MARGIN ? after : MARGIN);
}

void *guarded_place(guarded *memory, size_t bytes, size_t alignment, enum placement placement, size_t offset) {
    reserve(memory, bytes + offset + alignment);
    memory->bytes = bytes;
    if (placement == PLACE_BEGIN) {
        memory->data = memory->begin + offset;
    } else {
        memory->data = memory->begin + (memory->capacity - bytes) / alignment * alignment;
    }
    unsigned char *begin = margin_begin(memory);
    memset(begin, CANARY, (size_t)(margin_end(memory) - begin));
    return memory->data;
}

int guarded_is_canary(const void *data, size_t bytes) {
    const unsigned char *byte = data;
    for (size_t i = 0; i < bytes; i++) {
        if (byte[i] != CANARY) {
            return 0;
        }
    }
    return 1;
}

int guarded_margins_intact(const guarded *memory) {
    unsigned char *begin = margin_begin(memory);
    unsigned char *after = memory->data + memory->bytes;
    return guarded_is_canary(begin, (size_t)(memory->data - begin)) &&
           guarded_is_canary(after, (size_t)(margin_end(memory) - after));
}

void guarded_release(guarded *memory) {
    if (memory->begin != NULL) {
        size_t page = page_size();
        munmap(memory->begin - page, memory->capacity + 2 * page);
    }
    memset(memory, 0, sizeof *memory);
}
