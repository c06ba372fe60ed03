/* SPDX-License-Identifier: Apache-2.0 */
/* Normalization, then residual addition, compiled once per level. */
#include "residual_norm.h"

GATUN_RESIDUAL_NORM_KERNEL(norm_residual_add, NORM_RESIDUAL_ADD)
