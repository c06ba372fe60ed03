/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results are the same bits for every number of threads, rows split over threads or one long row cut into blocks, also
 * under a caller's rounding mode that the pool's threads have to take over.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fp_state.h"
#include "row_norm_driver.h"
#include "values.h"

typedef struct shape {
    long long rows, columns, stride;
} shape;

static const int thread_counts[] = {2, 3, 5, 8};
enum { THREAD_COUNTS = sizeof thread_counts / sizeof *thread_counts };

static gatun_context *open_threads(int isa, int threads) {
    gatun_context *context = NULL;
    char message[256] = "";
    int status = gatun_context_create(GATUN_BACKEND_CPU, 0, isa, threads, &context, message, sizeof message);
    if (status != GATUN_OK) {
        check_abandon("no context with %d threads: status %d: %s", threads, status, message);
    }
    CHECK(gatun_context_threads(context) == threads, "%d threads asked for, %d used", threads,
          gatun_context_threads(context));
    return context;
}

static void check_shape(row_norm_driver *driver, gatun_context **pools, const shape *size, int dtype, int unusual) {
    row_norm_case test = row_norm_case_plain(driver->operation, dtype, size->rows, size->columns);
    test.x_stride = size->stride;
    test.y_stride = size->stride;
    test.base = 3;
    fp_state usual = fp_state_read();
    row_norm_result one;
    if (unusual) {
        fp_state_write(fp_state_unusual(usual));
    }
    row_norm_run(driver->context, &test, 0, &driver->scalar_memory, &one, NULL);
    for (int i = unusual ? THREAD_COUNTS - 1 : 0; i < THREAD_COUNTS; i++) {
        row_norm_result many;
        row_norm_run(pools[i], &test, 0, &driver->memory, &many, NULL);
        int same = one.count == many.count && memcmp(one.bytes, many.bytes, one.count) == 0;
        if (!same) {
            char what[1024];
            row_norm_describe(&test, pools[i], what, sizeof what);
            CHECK(0, "%s\n    bits differ from those of one thread%s", what,
                  unusual ? ", rounding up and flushing subnormals" : "");
        }
        CHECK(same, "same bits");
    }
    fp_state_write(usual);
    if (!unusual) {
        row_norm_drive_case(driver, &test, NULL);
    }
}

static void test_kernel(row_norm_driver *driver) {
    static const shape shapes[] = {{1, 100, 100},       {3, 1000, 1003},    {33, 1024, 1024},  {257, 768, 768},
                                   {4096, 33, 40},      {1, 65536, 65536},  {1, 65537, 65537}, {2, 70001, 70016},
                                   {3, 131073, 131073}, {1, 300001, 300001}};
    gatun_context *pools[THREAD_COUNTS];
    for (int i = 0; i < THREAD_COUNTS; i++) {
        pools[i] = open_threads(driver->isa, thread_counts[i]);
    }
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        if (driver->reduced && shapes[s].rows * shapes[s].columns > 70000) {
            continue;
        }
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype += driver->reduced ? 2 : 1) {
            check_shape(driver, pools, &shapes[s], dtype, 0);
            check_shape(driver, pools, &shapes[s], dtype, 1);
        }
    }
    for (int i = 0; i < THREAD_COUNTS; i++) {
        gatun_context_destroy(pools[i]);
    }
}

int main(int argc, char **argv) {
    setenv("GATUN_THREADS", "8", 1); /* as many as asked for, whatever this machine has */
    return row_norm_drive(argc, argv, test_kernel);
}
