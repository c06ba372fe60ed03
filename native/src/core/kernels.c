/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels.h"

#include <stddef.h>

#include "gatun/core.h"

gatun_kernels gatun_kernels_at(int isa) {
    gatun_kernels kernels;
#define GATUN_OPERATION(operation, type) kernels.operation = 0;
#define GATUN_KERNEL(operation, needed, level)    \
    if (GATUN_ISA_##needed <= isa) {              \
        kernels.operation = &operation##_##level; \
    }
#include "kernels.inc"
#undef GATUN_OPERATION
#undef GATUN_KERNEL
    return kernels;
}

int gatun_kernel_describe(int index, const char **operation, int *isa) {
    static const struct {
        const char *operation;
        int isa;
    } kernels[] = {
#define GATUN_OPERATION(operation, type)
#define GATUN_KERNEL(operation, needed, level) {#operation, GATUN_ISA_##needed},
#include "kernels.inc"
#undef GATUN_OPERATION
#undef GATUN_KERNEL
    };
    if (index < 0 || (size_t)index >= sizeof kernels / sizeof kernels[0] || !operation || !isa) {
        return GATUN_INVALID_ARGUMENT;
    }
    *operation = kernels[index].operation;
    *isa = kernels[index].isa;
    return GATUN_OK;
}
