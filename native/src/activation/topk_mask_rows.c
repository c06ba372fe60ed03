/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The elements of a row with the greatest keys. A key that is not negative is ordered as its bits are, so the least key
 * that is kept is found by a radix select: its upper 11 bits from the numbers of keys that begin with each, then 10 bits
 * more among those that begin so, then the last 10.
 */
#include <math.h>

#include "../simd/half.h"
#include "sparsity.h"

/* Keys that are made at a time. */
#define TILE 512

#define FIRST_BITS 11
#define NEXT_BITS 10

/* Any NaN: above the bits of Inf. */
#define NAN_KEY 0x7f800001u

typedef struct {
    uint32_t least;  /* the least key that is kept */
    long long equal; /* how many of those equal to it, from the lowest column on */
    bool all_equal;  /* that is all of them */
} selection;

GATUN_INLINE void make_keys(const sparsity_arguments *a, const void *x, long long first, long long count, float *keys,
                            const int dtype) {
    long long j = 0;
    for (; j + VF_LANES <= count; j += VF_LANES) {
        vf_store(keys + j, key_of(a, x, first + j, VF_LANES, true, dtype));
    }
    if (j < count) {
        vf_store_first(keys + j, key_of(a, x, first + j, (int)(count - j), false, dtype), (int)(count - j));
    }
}

static inline uint32_t bits_of_key(float key) {
    const uint32_t bits = float_bits(key) & 0x7fffffffu; /* a product with a scale of -0 is -0 */
    return bits > 0x7f800000u ? NAN_KEY : bits;
}

/* Counts the keys whose bits above `shift` + `width` are those of `prefix`, by the `width` bits above `shift`. */
GATUN_INLINE void count_keys(const sparsity_arguments *a, const void *x, uint32_t prefix, int shift, int width,
                             uint32_t *counts, const int dtype) {
    float keys[TILE];
    memset(counts, 0, sizeof *counts << width);
    const uint32_t mask = (1u << width) - 1;
    for (long long first = 0; first < a->columns; first += TILE) {
        const long long count = least_of(a->columns - first, TILE);
        make_keys(a, x, first, count, keys, dtype);
        for (long long j = 0; j < count; j++) {
            const uint32_t bits = bits_of_key(keys[j]);
            if (bits >> (shift + width) == prefix) {
                counts[bits >> shift & mask]++;
            }
        }
    }
}

GATUN_INLINE selection select_key(const sparsity_arguments *a, const void *x, const int dtype) {
    static const int widths[] = {FIRST_BITS, NEXT_BITS, NEXT_BITS};
    uint32_t counts[1 << FIRST_BITS], prefix = 0, bucket = 0;
    long long wanted = a->kept;
    for (int pass = 0, shift = FIRST_BITS + 2 * NEXT_BITS; pass < 3; pass++) {
        shift -= widths[pass];
        count_keys(a, x, prefix, shift, widths[pass], counts, dtype);
        bucket = (1u << widths[pass]) - 1;
        while (counts[bucket] < wanted) {
            wanted -= counts[bucket--];
        }
        prefix = prefix << widths[pass] | bucket;
        if (counts[bucket] == wanted) { /* all of them */
            return (selection){prefix << shift, wanted, true};
        }
    }
    return (selection){prefix, wanted, false};
}

/* Keeps what is greater, and the first that are equal. */
GATUN_INLINE void keep_first(const sparsity_arguments *a, long long row, const selection *s, const int dtype) {
    const long long bytes = element_bytes(dtype);
    const char *x = place_in(a->x, row, a->x_stride, 0, dtype);
    const char *values = place_in(a->values, row, a->values_stride, 0, dtype);
    char *y = (char *)a->y + row * a->y_stride * bytes;
    float keys[TILE];
    long long equal = s->equal;
    for (long long first = 0; first < a->columns; first += TILE) {
        const long long count = least_of(a->columns - first, TILE);
        make_keys(a, x, first, count, keys, dtype);
        for (long long j = 0; j < count; j++) {
            const uint32_t bits = bits_of_key(keys[j]);
            const bool tied = bits == s->least, kept = bits > s->least || (tied && equal > 0);
            equal -= tied;
            char *to = y + (first + j) * bytes;
            if (kept) {
                memmove(to, values + (first + j) * bytes, (size_t)bytes);
            } else {
                memset(to, 0, (size_t)bytes);
            }
        }
    }
}

GATUN_INLINE void topk_rows(const sparsity_arguments *a, long long begin, long long end, const int dtype) {
    for (long long row = begin; row < end; row++) {
        if (a->kept == 0 || a->kept >= a->columns) { /* none, or all */
            const bool none = a->kept == 0;
            char *y = (char *)a->y + row * a->y_stride * element_bytes(dtype);
            const size_t bytes = (size_t)(a->columns * element_bytes(dtype));
            if (none) {
                memset(y, 0, bytes);
            } else {
                memmove(y, place_in(a->values, row, a->values_stride, 0, dtype), bytes);
            }
            continue;
        }
        const selection s = select_key(a, place_in(a->x, row, a->x_stride, 0, dtype), dtype);
        if (s.all_equal && s.least <= 0x7f800000u) {
            mask_columns(a, row, 0, a->columns, float_from_bits(s.least), 0, true, dtype);
        } else {
            keep_first(a, row, &s, dtype);
        }
    }
}

static void block(const sparsity_arguments *a, long long begin, long long end, long long first, long long last) {
    (void)first;
    (void)last;
    switch (a->dtype) {
    case GATUN_BF16:
        topk_rows(a, begin, end, GATUN_BF16);
        break;
    case GATUN_F16:
        topk_rows(a, begin, end, GATUN_F16);
        break;
    default:
        topk_rows(a, begin, end, GATUN_F32);
    }
}

const sparsity_kernel GATUN_AT_LEVEL(topk_mask_rows) = {block};
