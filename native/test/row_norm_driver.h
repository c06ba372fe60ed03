/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a test of row normalization for each listed kernel at each level that this machine can execute. */
#ifndef GATUN_TEST_ROW_NORM_DRIVER_H
#define GATUN_TEST_ROW_NORM_DRIVER_H

#include "cases.h"
#include "row_norm_case.h"

typedef struct row_norm_driver {
    const char *cases_folder;
    int reduced; /* a smaller grid, for sanitizers and emulators */
    row_norm_operation operation;
    int isa;
    gatun_context *context; /* one thread, at that level */
    gatun_context *scalar;  /* one thread, at the scalar level */
    case_file cases;
    row_norm_memory memory, scalar_memory;
    row_norm_error error[3]; /* by dtype */
} row_norm_driver;

/* Arguments of the program: the folder of the case files, then perhaps --reduced. Returns its exit status. */
int row_norm_drive(int argc, char **argv, void (*test)(row_norm_driver *));

/* Runs the case at the level against the float64 reference within the case file's bound. */
int row_norm_drive_case(row_norm_driver *driver, const row_norm_case *test, row_norm_result *result);

#endif
