/* SPDX-License-Identifier: Apache-2.0 */
/* LayerNorm backward, compiled once per level. */
#include "row_norm_backward.h"

GATUN_NORM_BACKWARD_KERNEL(layer_norm_backward, true)
