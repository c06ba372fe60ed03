/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { PRINTED_FAILURES = 40 };

static atomic_llong checks;
static atomic_int failures;

int check_that(int condition, const char *file, int line, const char *expression, const char *format, ...) {
    atomic_fetch_add_explicit(&checks, 1, memory_order_relaxed);
    if (condition) {
        return 1;
    }
    int earlier = atomic_fetch_add_explicit(&failures, 1, memory_order_relaxed);
    if (earlier < PRINTED_FAILURES) {
        char explanation[1024];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(explanation, sizeof explanation, format, arguments);
        va_end(arguments);
        fprintf(stderr, "%s:%d: failed: %s\n    %s\n", file, line, expression, explanation);
    } else if (earlier == PRINTED_FAILURES) {
        fprintf(stderr, "further failures are counted, not printed\n");
    }
    return 0;
}

void check_note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

int check_failures(void) {
    return atomic_load(&failures);
}

int check_finish(const char *program) {
    long long count = atomic_load(&checks);
    int failed = atomic_load(&failures);
    printf("%s: %lld checks, %d failed\n", program, count, failed);
    if (count == 0) {
        fprintf(stderr, "%s: nothing was checked\n", program);
        return EXIT_FAILURE;
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void check_abandon(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}
