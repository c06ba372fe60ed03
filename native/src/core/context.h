/* SPDX-License-Identifier: Apache-2.0 */
/* A context: the kernels of its level, and its threads. */
#ifndef GATUN_CONTEXT_H
#define GATUN_CONTEXT_H

#include "kernels.h"
#include "threads.h"

struct gatun_context {
    int backend, isa, threads;
    long long last_level_cache;
    gatun_kernels kernels;
    gatun_pool *pool; /* NULL with one thread */
};

#endif
