/* SPDX-License-Identifier: Apache-2.0 */
/* Backward of a residual addition and a normalization of the sum, compiled once per level. */
#include "row_norm_backward.h"

GATUN_FUSED_BACKWARD_KERNEL(residual_add_norm_backward, ADD_NORM)
