/* SPDX-License-Identifier: Apache-2.0 */
/* Reads bench/cases/<operation>.cases: shapes and error bounds, one source for tests, benchmarks and conformance. */
#ifndef GATUN_TEST_CASES_H
#define GATUN_TEST_CASES_H

enum { CASES_MAX = 256, CASE_CHECK = 1, CASE_BENCH = 2, CASE_QUICK = 4 };

typedef struct shape_case {
    long long rows, columns, x_stride, y_stride;
    int uses; /* CASE_CHECK | ... */
} shape_case;

typedef struct case_file {
    char operation[64];
    double bound[3]; /* by gatun_dtype, 0 where the file has none */
    int count;
    shape_case cases[CASES_MAX];
} case_file;

/* Reads the file or ends the program with a message that holds its name and the faulty line. */
void cases_read(const char *folder, const char *operation, case_file *file);

#endif
