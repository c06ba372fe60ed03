/* SPDX-License-Identifier: Apache-2.0 */
/* RMSNorm backward, compiled once per level. */
#include "row_norm_backward.h"

GATUN_NORM_BACKWARD_KERNEL(rms_norm_backward, false)
