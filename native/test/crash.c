/* SPDX-License-Identifier: Apache-2.0 */
#include "crash.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int catching;
static char latest[1024];

static void name_crash(int signal_number) {
    static const char introduction[] = "\nmemory outside the operands was accessed by\n    ";
    ssize_t written = write(STDERR_FILENO, introduction, sizeof introduction - 1);
    written += write(STDERR_FILENO, latest, strlen(latest));
    written += write(STDERR_FILENO, "\n", 1);
    (void)written;
    signal(signal_number, SIG_DFL);
}

void crash_catch(void) {
    static const int signals[] = {SIGSEGV, SIGBUS};
    catching = 1;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        void (*earlier)(int) = signal(signals[i], name_crash);
        if (earlier != SIG_DFL) {
            signal(signals[i], earlier); /* a sanitizer's, which tells more */
        }
    }
}

void crash_name_case(const char *description) {
    if (catching) {
        snprintf(latest, sizeof latest, "%s", description);
    }
}
