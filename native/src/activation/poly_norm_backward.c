/* SPDX-License-Identifier: Apache-2.0 */
/* PolyNorm backward, in the vector vocabulary. */
#include "poly_norm_backward.h"

GATUN_POLY_NORM_BACKWARD_KERNEL(poly_norm_backward, false)
