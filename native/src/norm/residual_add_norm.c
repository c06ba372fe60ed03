/* SPDX-License-Identifier: Apache-2.0 */
/* Residual addition, then normalization of the sum, compiled once per level. */
#include "residual_norm.h"

GATUN_RESIDUAL_NORM_KERNEL(residual_add_norm, RESIDUAL_ADD_NORM)
