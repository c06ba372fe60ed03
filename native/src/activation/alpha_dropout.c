/* SPDX-License-Identifier: Apache-2.0 */
/* Alpha dropout forward, compiled once per level. */
#include "alpha_dropout.h"

GATUN_INLINE vf forward(const dropout_factors *f, vf x, vf same, vm keep) {
    (void)same;
    return vf_select(keep, vf_fma(x, vf_set(f->scale), vf_set(f->shift)), vf_set(f->dropped));
}
GATUN_INLINE vf forward_selu(const dropout_factors *f, vf x, vf same, vm keep) {
    return forward(f, selu_value(x, 0), same, keep);
}

static void block(const dropout_arguments *d, const element_block *b) {
    if (d->selu) {
        dropout_block(d, b, forward_selu);
    } else {
        dropout_block(d, b, forward);
    }
}

const dropout_kernel GATUN_AT_LEVEL(alpha_dropout) = {block};
