/* SPDX-License-Identifier: Apache-2.0 */
/* PolyNorm forward, in the vector vocabulary. */
#include "poly_norm.h"

GATUN_POLY_NORM_KERNEL(poly_norm, false)
