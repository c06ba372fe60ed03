/* SPDX-License-Identifier: Apache-2.0 */
/* Alpha dropout backward, compiled once per level. */
#include "alpha_dropout.h"

GATUN_INLINE vf backward(const dropout_factors *f, vf dy, vf same, vm keep) {
    (void)same;
    return vf_keep(keep, vf_mul(dy, vf_set(f->scale)));
}
GATUN_INLINE vf backward_selu(const dropout_factors *f, vf dy, vf x, vm keep) {
    return vf_keep(keep, selu_gradient(vf_mul(dy, vf_set(f->scale)), x, 0));
}

static void block(const dropout_arguments *d, const element_block *b) {
    if (d->selu) {
        dropout_block(d, b, backward_selu);
    } else {
        dropout_block(d, b, backward);
    }
}

const dropout_kernel GATUN_AT_LEVEL(alpha_dropout_backward) = {block};
