/* SPDX-License-Identifier: Apache-2.0 */
/* A polynomial of each element, in the vector vocabulary. */
#include "polynomial.h"

GATUN_POLYNOMIAL_KERNEL(poly_eval, false)
