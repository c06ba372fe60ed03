/* SPDX-License-Identifier: Apache-2.0 */
#include "element_tasks.h"

/* Operands that are interleaved count once, with twice the columns. */
static bool without_gaps(const element_arguments *a) {
    for (int k = 0; k < a->inputs; k++) {
        const long long width = a->interleaved && k >= a->inputs - 2 ? 2 : 1;
        if (a->in_stride[k] != width * a->columns) {
            return false;
        }
    }
    for (int k = 0; k < a->outputs; k++) {
        const long long width = a->interleaved && a->outputs > 1 && k < 2 ? 2 : 1;
        if (a->out[k] && a->out_stride[k] != width * a->columns) {
            return false;
        }
    }
    return true;
}

void join_rows(element_arguments *a) {
    if (without_gaps(a)) {
        a->columns *= a->rows;
        a->rows = 1;
    }
}

static int results_of(const element_arguments *a) {
    int results = 0;
    for (int k = 0; k < a->outputs; k++) {
        results += a->out[k] != 0;
    }
    return results;
}

static long long bytes_of(const element_arguments *a) {
    return (a->inputs + results_of(a)) * a->rows * a->columns * element_bytes(a->dtype);
}

/* Two streams past the caches would cost more than they save, and an interleaved pair is two to the core. */
void choose_memory(const gatun_context *context, element_arguments *a, bool in_place) {
    const long long bytes = bytes_of(a);
    a->prefetch = bytes > context->last_level_cache / 4;
    a->stream = bytes > context->last_level_cache / 2 && !in_place && results_of(a) == 1 && a->out[0];
}

typedef struct {
    const element_arguments *arguments;
    block_task *task;
    const void *job;
    long long rows, columns; /* of a block */
} blocks;

static void run_block_of(void *argument, long long index) {
    const blocks *b = argument;
    const element_arguments *a = b->arguments;
    const long long across = tasks_of_rows(a->columns, b->columns);
    const long long row = index / across * b->rows, column = index % across * b->columns;
    const element_block block = {row, least(row + b->rows, a->rows), column, least(column + b->columns, a->columns)};
    b->task(b->job, &block);
}

void run_blocks(const gatun_context *context, const element_arguments *a, block_task *task, const void *job) {
    const long long elements = elements_of_task(context, a->rows * a->columns, bytes_of(a));
    blocks b = {.arguments = a, .task = task, .job = job};
    b.columns = least(elements, a->columns);
    b.rows = elements > a->columns ? elements / a->columns : 1;
    gatun_pool_run(context->pool, tasks_of_rows(a->rows, b.rows) * tasks_of_rows(a->columns, b.columns), run_block_of,
                   &b);
}
