/* SPDX-License-Identifier: Apache-2.0 */
/* PolyReLU forward, in the vector vocabulary. */
#include "polynomial.h"

GATUN_POLYNOMIAL_KERNEL(poly_relu, true)
