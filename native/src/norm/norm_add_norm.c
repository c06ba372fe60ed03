/* SPDX-License-Identifier: Apache-2.0 */
/* Normalization, residual addition, normalization of the sum, compiled once per level. */
#include "residual_norm.h"

GATUN_RESIDUAL_NORM_KERNEL(norm_add_norm, NORM_ADD_NORM)
