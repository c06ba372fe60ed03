/* SPDX-License-Identifier: Apache-2.0 */
/* The levels at which a test runs the kernels of an operation. */
#ifndef GATUN_TEST_LEVELS_H
#define GATUN_TEST_LEVELS_H

#include "gatun.h"

enum { LEVELS_MAX = 32 };

/*
 * The levels for which `operation` lists a kernel and that this machine can execute, lesser ones first; says which
 * others are listed. At least one is expected. Returns how many.
 */
int levels_of(const char *operation, int levels[LEVELS_MAX]);

/* A context of the CPU at that level. Ends the program where there is none. */
gatun_context *level_open(int isa, int threads);

#endif
