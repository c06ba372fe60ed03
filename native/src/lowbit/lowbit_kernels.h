/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of the low-bit family, by name. */
#ifndef GATUN_LOWBIT_KERNELS_H
#define GATUN_LOWBIT_KERNELS_H

#include "lowbit_kernel.h"

#define GATUN_OPERATION(operation, type)
#define GATUN_KERNEL(operation, isa, level) extern const operation##_kernel operation##_##level;
#include "lowbit.inc"
#undef GATUN_OPERATION
#undef GATUN_KERNEL

#endif
