/* SPDX-License-Identifier: Apache-2.0 */
#include "residual_norm_driver.h"

#include <string.h>

#include "check.h"
#include "crash.h"
#include "levels.h"
#include "values.h"

static void report(const residual_norm_driver *driver) {
    const char *name = residual_norm_name(driver->operation), *level = gatun_isa_name(driver->isa);
    const char *norm = driver->norm == GATUN_LAYER_NORM ? "layer" : "rms";
    for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
        const row_norm_error *error = &driver->error[dtype];
        if (error->elements == 0) {
            continue;
        }
        if (dtype == GATUN_F32) {
            check_note("%s %s %s f32: greatest error %.2f of %.0f units, %lld results", name, norm, level,
                       error->greatest, driver->cases.bound[dtype], error->elements);
        } else {
            check_note("%s %s %s %s: %lld of %lld results are not the nearest", name, norm, level, dtype_name(dtype),
                       error->not_nearest, error->elements);
        }
    }
}

static void drive_level(residual_norm_driver *driver, void (*test)(residual_norm_driver *)) {
    driver->context = level_open(driver->isa, 1);
    driver->scalar = level_open(GATUN_ISA_SCALAR, 1);
    test(driver);
    report(driver);
    residual_norm_release(&driver->memory);
    residual_norm_release(&driver->other);
    gatun_context_destroy(driver->context);
    gatun_context_destroy(driver->scalar);
}

int residual_norm_drive(int argc, char **argv, void (*test)(residual_norm_driver *)) {
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    crash_catch();
    for (int operation = 0; operation < RESIDUAL_NORM_OPERATIONS; operation++) {
        const char *name = residual_norm_name((residual_norm_operation)operation);
        int levels[LEVELS_MAX];
        int count = levels_of(name, levels);
        for (int i = 0; i < count; i++) {
            for (int norm = GATUN_LAYER_NORM; norm <= GATUN_RMS_NORM; norm++) {
                residual_norm_driver driver = {.reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0,
                                               .operation = (residual_norm_operation)operation,
                                               .norm = norm,
                                               .isa = levels[i]};
                cases_read(argv[1], name, &driver.cases);
                drive_level(&driver, test);
            }
        }
    }
    return check_finish(argv[0]);
}

int residual_norm_drive_case(residual_norm_driver *driver, const residual_norm_case *test,
                             residual_norm_result *result) {
    return residual_norm_run(driver->context, test, driver->cases.bound[GATUN_F32], &driver->memory, result,
                             &driver->error[test->dtype]);
}
