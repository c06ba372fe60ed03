/* SPDX-License-Identifier: Apache-2.0 */
#include "row_norm_driver.h"

#include <string.h>

#include "check.h"
#include "crash.h"
#include "levels.h"
#include "values.h"

static void report(const row_norm_driver *driver) {
    for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
        const row_norm_error *error = &driver->error[dtype];
        if (error->elements == 0) {
            continue;
        }
        if (dtype == GATUN_F32) {
            check_note("%s %s f32: greatest error %.2f of %.0f units of 2^-23 (1 + |y|), %lld results",
                       row_norm_name(driver->operation), gatun_isa_name(driver->isa), error->greatest,
                       driver->cases.bound[dtype], error->elements);
        } else {
            check_note("%s %s %s: %lld of %lld results are not the nearest", row_norm_name(driver->operation),
                       gatun_isa_name(driver->isa), dtype_name(dtype), error->not_nearest, error->elements);
        }
    }
}

int row_norm_drive(int argc, char **argv, void (*test)(row_norm_driver *)) {
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    crash_catch();
    for (row_norm_operation operation = LAYER_NORM; operation <= RMS_NORM; operation++) {
        int levels[LEVELS_MAX];
        int count = levels_of(row_norm_name(operation), levels);
        for (int i = 0; i < count; i++) {
            row_norm_driver driver = {.cases_folder = argv[1],
                                      .reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0,
                                      .operation = operation,
                                      .isa = levels[i],
                                      .context = level_open(levels[i], 1),
                                      .scalar = level_open(GATUN_ISA_SCALAR, 1)};
            cases_read(driver.cases_folder, row_norm_name(operation), &driver.cases);
            test(&driver);
            report(&driver);
            row_norm_release(&driver.memory);
            row_norm_release(&driver.scalar_memory);
            gatun_context_destroy(driver.context);
            gatun_context_destroy(driver.scalar);
        }
    }
    return check_finish(argv[0]);
}

int row_norm_drive_case(row_norm_driver *driver, const row_norm_case *test, row_norm_result *result) {
    return row_norm_run(driver->context, test, driver->cases.bound[GATUN_F32], &driver->memory, result,
                        &driver->error[test->dtype]);
}
