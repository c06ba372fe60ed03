/* SPDX-License-Identifier: Apache-2.0 */
/* Backward of a normalization and a residual addition, compiled once per level. */
#include "row_norm_backward.h"

GATUN_FUSED_BACKWARD_KERNEL(norm_residual_add_backward, NORM_ADD)
