/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions that count failures instead of ending the program, so that one run shows them all. */
#ifndef GATUN_TEST_CHECK_H
#define GATUN_TEST_CHECK_H

/* Counts one check; prints file, line and the formatted explanation when `condition` is zero. Returns `condition`. */
#define CHECK(condition, ...) check_that((condition) != 0, __FILE__, __LINE__, #condition, __VA_ARGS__)

int check_that(int condition, const char *file, int line, const char *expression, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Prints one line about what a test found or could not do on this machine. */
void check_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How many checks failed so far. May be called from any thread, as may check_that. */
int check_failures(void);

/* Prints the summary; the exit status of the program. A program that checked nothing has failed. */
int check_finish(const char *program);

/* Prints the message and ends the program: for faults of the test's own set-up. */
_Noreturn void check_abandon(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
