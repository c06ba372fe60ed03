/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of the normalization family, by name. */
#ifndef GATUN_NORM_KERNELS_H
#define GATUN_NORM_KERNELS_H

#include "head_norm_kernel.h"
#include "residual_norm_kernel.h"
#include "row_norm_backward_kernel.h"
#include "row_norm_kernel.h"
#include "weight_conversion_kernel.h"

#define GATUN_OPERATION(operation, type) typedef type operation##_kernel;
#define GATUN_KERNEL(operation, isa, level) extern const operation##_kernel operation##_##level;
#include "norm.inc"
#undef GATUN_OPERATION
#undef GATUN_KERNEL

#endif
