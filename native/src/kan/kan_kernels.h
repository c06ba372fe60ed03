/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of Kolmogorov-Arnold networks, by name. */
#ifndef GATUN_KAN_KERNELS_H
#define GATUN_KAN_KERNELS_H

#include "kan_basis_kernel.h"
#include "kan_layer_kernel.h"
#include "kan_window_kernel.h"

#define GATUN_OPERATION(operation, type) typedef type operation##_kernel;
#define GATUN_KERNEL(operation, isa, level) extern const operation##_kernel operation##_##level;
#include "kan.inc"
#undef GATUN_OPERATION
#undef GATUN_KERNEL

#endif
