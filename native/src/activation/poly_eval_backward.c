/* SPDX-License-Identifier: Apache-2.0 */
/* Backward of a polynomial of each element, in the vector vocabulary. */
#include "polynomial_backward.h"

GATUN_POLYNOMIAL_BACKWARD_KERNEL(poly_eval_backward, false)
