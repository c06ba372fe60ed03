/* SPDX-License-Identifier: Apache-2.0 */
/* The best kernel of every operation at a level, made from the .inc lists of the families. */
#ifndef GATUN_KERNELS_H
#define GATUN_KERNELS_H

#include "../activation/activation_kernels.h"
#include "../kan/kan_kernels.h"
#include "../lowbit/lowbit_kernels.h"
#include "../norm/norm_kernels.h"

typedef struct {
#define GATUN_OPERATION(operation, type) const type *operation;
#define GATUN_KERNEL(operation, isa, level)
#include "kernels.inc"
#undef GATUN_OPERATION
#undef GATUN_KERNEL
} gatun_kernels;

/* The last kernel listed of each operation whose level is not above `isa`. */
gatun_kernels gatun_kernels_at(int isa);

#endif
