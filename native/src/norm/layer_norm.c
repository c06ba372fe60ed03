/* SPDX-License-Identifier: Apache-2.0 */
/* LayerNorm forward, compiled once per level: statistics about the row's mean. */
#include "row_norm.h"

GATUN_ROW_NORM_KERNEL(layer_norm, true)
