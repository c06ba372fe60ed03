/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of the activation family, by name. */
#ifndef GATUN_ACTIVATION_KERNELS_H
#define GATUN_ACTIVATION_KERNELS_H

#include "element_kernel.h"
#include "poly_norm_kernel.h"
#include "polynomial_kernel.h"
#include "rational_kernel.h"
#include "sparsity_kernel.h"

#define GATUN_OPERATION(operation, type) typedef type operation##_kernel;
#define GATUN_KERNEL(operation, isa, level) extern const operation##_kernel operation##_##level;
#include "activation.inc"
#undef GATUN_OPERATION
#undef GATUN_KERNEL

#endif
