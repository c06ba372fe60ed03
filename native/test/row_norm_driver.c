/* SPDX-License-Identifier: Apache-2.0 */
#include "row_norm_driver.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
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

/* Names the case that ran into a guard page, then lets the signal end the program. */
static void name_crash(int signal_number) {
    static const char introduction[] = "\nmemory outside the operands was accessed by\n    ";
    ssize_t written = write(STDERR_FILENO, introduction, sizeof introduction - 1);
    written += write(STDERR_FILENO, row_norm_current, strlen(row_norm_current));
    written += write(STDERR_FILENO, "\n", 1);
    (void)written;
    signal(signal_number, SIG_DFL);
}

static void catch_crashes(void) {
    static const int signals[] = {SIGSEGV, SIGBUS};
    row_norm_names_crashes = 1;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        void (*earlier)(int) = signal(signals[i], name_crash);
        if (earlier != SIG_DFL) {
            signal(signals[i], earlier); /* a sanitizer's, which tells more */
        }
    }
}

int row_norm_drive(int argc, char **argv, void (*test)(row_norm_driver *)) {
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    catch_crashes();
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
