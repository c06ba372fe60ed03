/* SPDX-License-Identifier: Apache-2.0 */
/* RMSNorm forward, compiled once per level: statistics about zero. */
#include "row_norm.h"

GATUN_ROW_NORM_KERNEL(rms_norm, false)
