/* SPDX-License-Identifier: Apache-2.0 */
/* Case files of bench/cases: their format is described at the top of each. */
#ifndef GATUN_BENCH_CASES_H
#define GATUN_BENCH_CASES_H

enum { BENCH_DTYPES = 3 };

struct bench_case {
    long long rows, columns, x_stride, y_stride;
    int check, bench, quick;
};

struct bench_operation {
    char name[64], direction[16];
    double bound[BENCH_DTYPES]; /* by gatun_dtype; negative where the file states none */
    struct bench_case *cases;
    int count;
};

/* Reads every *.cases file of a directory, in the order of their names. Returns how many, or -1 after a message on the
 * error stream. */
int read_cases(const char *directory, struct bench_operation **operations);
void free_cases(struct bench_operation *operations, int count);

#endif
