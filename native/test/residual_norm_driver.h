/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a test of the fused residual normalizations for each operation, kind of norm and level of this machine. */
#ifndef GATUN_TEST_RESIDUAL_NORM_DRIVER_H
#define GATUN_TEST_RESIDUAL_NORM_DRIVER_H

#include "cases.h"
#include "residual_norm_case.h"

typedef struct residual_norm_driver {
    int reduced; /* a smaller grid, for sanitizers and emulators */
    residual_norm_operation operation;
    int norm; /* gatun_norm_kind */
    int isa;
    gatun_context *context; /* one thread, at that level */
    gatun_context *scalar;  /* one thread, at the scalar level */
    case_file cases;
    residual_norm_memory memory, other;
    row_norm_error error[3]; /* by dtype */
} residual_norm_driver;

/* Arguments of the program: the folder of the case files, then perhaps --reduced. Returns its exit status. */
int residual_norm_drive(int argc, char **argv, void (*test)(residual_norm_driver *));

/* Runs the case at the level against the float64 reference within the case file's bound. */
int residual_norm_drive_case(residual_norm_driver *driver, const residual_norm_case *test,
                             residual_norm_result *result);

#endif
