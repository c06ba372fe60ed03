/* SPDX-License-Identifier: Apache-2.0 */
/* PolyNorm of a gate times another tensor, in the vector vocabulary. */
#include "poly_norm.h"

GATUN_POLY_NORM_KERNEL(poly_norm_mul, true)
