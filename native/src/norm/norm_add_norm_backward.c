/* SPDX-License-Identifier: Apache-2.0 */
/* Backward of a normalization, a residual addition and a normalization of the sum, compiled once per level. */
#include "row_norm_backward.h"

GATUN_TWO_NORMS_BACKWARD_KERNEL(norm_add_norm_backward)
