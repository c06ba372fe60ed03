/* SPDX-License-Identifier: Apache-2.0 */
/* Elements whose key reaches a threshold, in the vector vocabulary. */
#include "sparsity.h"

GATUN_INLINE void mask_block(const sparsity_arguments *a, long long begin, long long end, long long first,
                             long long last, const int dtype) {
    for (long long row = begin; row < end; row++) {
        if (a->keep_equal) {
            mask_columns(a, row, first, last, a->threshold, a->thresholds, true, dtype);
        } else {
            mask_columns(a, row, first, last, a->threshold, a->thresholds, false, dtype);
        }
    }
}

static void block(const sparsity_arguments *a, long long begin, long long end, long long first, long long last) {
    switch (a->dtype) {
    case GATUN_BF16:
        mask_block(a, begin, end, first, last, GATUN_BF16);
        break;
    case GATUN_F16:
        mask_block(a, begin, end, first, last, GATUN_F16);
        break;
    default:
        mask_block(a, begin, end, first, last, GATUN_F32);
    }
}

const sparsity_kernel GATUN_AT_LEVEL(threshold_mask) = {block};
