/* SPDX-License-Identifier: Apache-2.0 */
#include "row_norm_driver.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "values.h"

static gatun_context *open_level(int isa) {
    gatun_context *context = NULL;
    char message[256] = "";
    int status = gatun_context_create(GATUN_BACKEND_CPU, 0, isa, 1, &context, message, sizeof message);
    if (status != GATUN_OK) {
        check_abandon("no context at level %s: status %d: %s", gatun_isa_name(isa), status, message);
    }
    return context;
}

static int operation_of_name(const char *name) {
    for (row_norm_operation operation = LAYER_NORM; operation <= RMS_NORM; operation++) {
        if (strcmp(name, row_norm_name(operation)) == 0) {
            return (int)operation;
        }
    }
    return -1;
}

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
    const char *name;
    int isa;
    int kernels[2] = {0, 0};
    for (int index = 0; gatun_kernel_describe(index, &name, &isa) == GATUN_OK; index++) {
        int operation = operation_of_name(name);
        if (!CHECK(operation >= 0, "kernel %d, %s at level %s, has no native test", index, name, gatun_isa_name(isa))) {
            continue;
        }
        if (isa > gatun_isa_detected()) {
            check_note("%s %s: not executed, this machine has %s", name, gatun_isa_name(isa),
                       gatun_isa_name(gatun_isa_detected()));
            continue;
        }
        kernels[operation]++;
        row_norm_driver driver = {.cases_folder = argv[1],
                                  .reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0,
                                  .operation = (row_norm_operation)operation,
                                  .isa = isa,
                                  .context = open_level(isa),
                                  .scalar = open_level(GATUN_ISA_SCALAR)};
        CHECK(gatun_context_isa(driver.context) == isa, "asked for level %s, got %s", gatun_isa_name(isa),
              gatun_isa_name(gatun_context_isa(driver.context)));
        cases_read(driver.cases_folder, name, &driver.cases);
        test(&driver);
        report(&driver);
        row_norm_release(&driver.memory);
        row_norm_release(&driver.scalar_memory);
        gatun_context_destroy(driver.context);
        gatun_context_destroy(driver.scalar);
    }
    CHECK(kernels[LAYER_NORM] > 0 && kernels[RMS_NORM] > 0, "%d kernels of layer_norm and %d of rms_norm executed",
          kernels[LAYER_NORM], kernels[RMS_NORM]);
    return check_finish(argv[0]);
}

int row_norm_drive_case(row_norm_driver *driver, const row_norm_case *test, row_norm_result *result) {
    return row_norm_run(driver->context, test, driver->cases.bound[GATUN_F32], &driver->memory, result,
                        &driver->error[test->dtype]);
}
