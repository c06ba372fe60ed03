/* SPDX-License-Identifier: Apache-2.0 */
/* PolyReLU backward, in the vector vocabulary. */
#include "polynomial_backward.h"

GATUN_POLYNOMIAL_BACKWARD_KERNEL(poly_relu_backward, true)
