/* SPDX-License-Identifier: Apache-2.0 */
/* How element-wise operations are cut into tasks of the thread pool: blocks that begin at multiples of 64 columns. */
#ifndef GATUN_ELEMENT_TASKS_H
#define GATUN_ELEMENT_TASKS_H

#include "activation_checks.h"

typedef void block_task(const void *job, const element_block *block);

/* Tensors without gaps between their rows become one row. */
void join_rows(element_arguments *a);

/* What the size of the operands says about the caches. */
void choose_memory(const gatun_context *context, element_arguments *a, bool in_place);

/* Runs `task` for blocks that together are the rows and columns of `a`, on the context's threads. */
void run_blocks(const gatun_context *context, const element_arguments *a, block_task *task, const void *job);

#endif
