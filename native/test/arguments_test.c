/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every invalid argument that the headers document gives GATUN_INVALID_ARGUMENT and a message that begins with the
 * argument's name, and no memory is touched but the message, which always ends in NUL within its bytes.
 */
#include <limits.h>
#include <math.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "gatun.h"

enum { ROWS = 4, COLUMNS = 24, STRIDE = 32, ELEMENTS = ROWS * STRIDE, LONG_COLUMNS = 300000, UNTOUCHED = 0x5C };

typedef struct arena {
    float x[ELEMENTS], y[ELEMENTS], gamma[COLUMNS], beta[COLUMNS], mean[ROWS], mean_low[ROWS], rstd[ROWS];
    float long_x[LONG_COLUMNS], long_y[LONG_COLUMNS];
    alignas(64) unsigned char scratch[1 << 20];
} arena;

static arena memory;
static arena expected;

typedef struct call {
    int layer_norm;
    gatun_context *context;
    int dtype, parameter_dtype;
    long long rows, other_rows, columns, statistics_columns; /* other_rows: of the tensors, not of the call */
    const void *x;
    long long x_stride;
    const void *gamma, *beta;
    float weight_offset, eps;
    int eps_mode, cast_mode;
    void *y;
    long long y_stride;
    float *mean, *mean_low, *rstd;
    void *scratch;
    long long scratch_bytes;
} call;

static int run(const call *c, char *message, long long message_bytes) {
    if (c->layer_norm) {
        return gatun_layer_norm(c->context, c->dtype, c->parameter_dtype, c->rows, c->rows + c->other_rows, c->columns,
                                c->x, c->x_stride, c->gamma, c->beta, c->weight_offset, c->eps, c->eps_mode,
                                c->cast_mode, c->y, c->y_stride, c->mean, c->mean_low, c->rstd, c->scratch,
                                c->scratch_bytes, message, message_bytes);
    }
    return gatun_rms_norm(c->context, c->dtype, c->parameter_dtype, c->rows, c->rows + c->other_rows, c->columns,
                          c->statistics_columns, c->x, c->x_stride, c->gamma, c->beta, c->weight_offset, c->eps,
                          c->eps_mode, c->cast_mode, c->y, c->y_stride, c->rstd, c->scratch, c->scratch_bytes, message,
                          message_bytes);
}

static long long scratch_bytes(gatun_context *context, int layer_norm, long long rows, long long columns) {
    long long bytes = -1;
    int status = layer_norm ? gatun_layer_norm_scratch(context, rows, columns, &bytes)
                            : gatun_rms_norm_scratch(context, rows, columns, &bytes);
    CHECK(status == GATUN_OK && bytes >= 0, "scratch query: status %d, %lld bytes", status, bytes);
    return bytes;
}

static call good_call(gatun_context *context, int layer_norm) {
    return (call){.layer_norm = layer_norm,
                  .context = context,
                  .dtype = GATUN_F32,
                  .parameter_dtype = GATUN_F32,
                  .rows = ROWS,
                  .columns = COLUMNS,
                  .statistics_columns = COLUMNS,
                  .x = memory.x,
                  .x_stride = STRIDE,
                  .gamma = memory.gamma,
                  .beta = memory.beta,
                  .eps = 1e-5f,
                  .y = memory.y,
                  .y_stride = STRIDE,
                  .mean = layer_norm ? memory.mean : NULL,
                  .mean_low = layer_norm ? memory.mean_low : NULL,
                  .rstd = memory.rstd};
}

/* A single row so long that the call needs scratch memory. */
static call long_call(gatun_context *context, int layer_norm) {
    call c = good_call(context, layer_norm);
    c.rows = 1;
    c.columns = c.statistics_columns = c.x_stride = c.y_stride = LONG_COLUMNS;
    c.x = memory.long_x;
    c.y = memory.long_y;
    c.gamma = c.beta = NULL;
    c.scratch = memory.scratch;
    c.scratch_bytes = scratch_bytes(context, layer_norm, 1, LONG_COLUMNS);
    CHECK(c.scratch_bytes > 16 && c.scratch_bytes <= (long long)sizeof memory.scratch,
          "%lld bytes of scratch for a row of %d columns", c.scratch_bytes, LONG_COLUMNS);
    return c;
}

static void fill(void) {
    memset(&memory, UNTOUCHED, sizeof memory);
    expected = memory;
}

static void check_message_buffers(const call *c, const char *full, const char *what) {
    for (long long bytes = 0; bytes <= 24; bytes++) {
        char buffer[32];
        memset(buffer, UNTOUCHED, sizeof buffer);
        CHECK(run(c, buffer, bytes) == GATUN_INVALID_ARGUMENT, "%s: with %lld bytes of message", what, bytes);
        size_t kept = bytes == 0 ? 0 : strlen(full) < (size_t)bytes ? strlen(full) : (size_t)bytes - 1;
        CHECK(memcmp(buffer, full, kept) == 0, "%s: message cut to %lld bytes", what, bytes);
        CHECK(bytes == 0 || buffer[kept] == 0, "%s: message of %lld bytes without NUL", what, bytes);
        CHECK(buffer[bytes] == UNTOUCHED, "%s: message of %lld bytes overflowed", what, bytes);
    }
    CHECK(run(c, NULL, 0) == GATUN_INVALID_ARGUMENT, "%s: without a message", what);
    CHECK(run(c, NULL, 100) == GATUN_INVALID_ARGUMENT, "%s: NULL message of 100 bytes", what);
}

/* The call fails, its message begins with `argument`, and memory holds what it held. */
static void reject(const call *c, const char *argument, const char *what) {
    char message[512];
    char context[256];
    memset(message, UNTOUCHED, sizeof message);
    snprintf(context, sizeof context, "%s: %s", c->layer_norm ? "layer_norm" : "rms_norm", what);
    int status = run(c, message, sizeof message);
    CHECK(status == GATUN_INVALID_ARGUMENT, "%s: status %d", context, status);
    if (status == GATUN_INVALID_ARGUMENT) {
        CHECK(memchr(message, 0, sizeof message) != NULL, "%s: message without NUL", context);
        size_t length = strlen(argument);
        CHECK(strncmp(message, argument, length) == 0 && strncmp(message + length, ": ", 2) == 0,
              "%s: expected a message on %s, but it is '%s'", context, argument, message);
        CHECK(strlen(message) > length + 10 && strlen(message) < 300, "%s: message '%s'", context, message);
        check_message_buffers(c, message, context);
    }
    CHECK(memcmp(&memory, &expected, sizeof memory) == 0, "%s: memory was touched", context);
    fill();
}

#define REJECT(base, argument, change) \
    do {                               \
        call c = (base);               \
        c.change;                      \
        reject(&c, argument, #change); \
    } while (0)

static void check_scalars(const call *good) {
    REJECT(*good, "context", context = NULL);
    REJECT(*good, "dtype", dtype = -1);
    REJECT(*good, "dtype", dtype = 3);
    REJECT(*good, "parameter_dtype", parameter_dtype = -1);
    REJECT(*good, "parameter_dtype", parameter_dtype = 3);
    REJECT(*good, "parameter_dtype", parameter_dtype = GATUN_BF16);
    REJECT(*good, "rows", rows = -1);
    REJECT(*good, "rows", rows = LLONG_MIN);
    REJECT(*good, "total_rows", other_rows = -1);
    REJECT(*good, "total_rows", other_rows = LLONG_MIN);
    REJECT(*good, "columns", columns = 0);
    REJECT(*good, "columns", columns = -1);
    REJECT(*good, "x_stride", x_stride = COLUMNS - 1);
    REJECT(*good, "x_stride", x_stride = 0);
    REJECT(*good, "x_stride", x_stride = -STRIDE);
    REJECT(*good, "y_stride", y_stride = COLUMNS - 1);
    REJECT(*good, "y_stride", y_stride = LLONG_MIN);
    REJECT(*good, "eps", eps = NAN);
    REJECT(*good, "eps", eps = INFINITY);
    REJECT(*good, "eps", eps = -1e-9f);
    REJECT(*good, "weight_offset", weight_offset = NAN);
    REJECT(*good, "weight_offset", weight_offset = INFINITY);
    REJECT(*good, "eps_mode", eps_mode = -1);
    REJECT(*good, "eps_mode", eps_mode = 3);
    REJECT(*good, "cast_mode", cast_mode = -1);
    REJECT(*good, "cast_mode", cast_mode = 2);
    if (!good->layer_norm) {
        REJECT(*good, "statistics_columns", statistics_columns = 0);
        REJECT(*good, "statistics_columns", statistics_columns = -1);
        REJECT(*good, "statistics_columns", statistics_columns = COLUMNS + 1);
    }
    call sixteen_bit = *good;
    sixteen_bit.dtype = GATUN_F16;
    REJECT(sixteen_bit, "parameter_dtype", parameter_dtype = GATUN_BF16);
}

/* Sizes whose bytes no address space holds. */
static void check_overflow(const call *good) {
    REJECT(*good, "x", x_stride = LLONG_MAX);
    REJECT(*good, "x", x_stride = LLONG_MAX / 8);
    REJECT(*good, "y", y_stride = LLONG_MAX);
    call wide = *good;
    wide.rows = 1;
    wide.x_stride = wide.y_stride = wide.statistics_columns = LLONG_MAX;
    REJECT(wide, "x", columns = LLONG_MAX);
    call tall = *good;
    tall.mean = tall.mean_low = tall.rstd = NULL;
    tall.columns = tall.statistics_columns = tall.x_stride = tall.y_stride = 1;
    REJECT(tall, "x", rows = LLONG_MAX);
}

static void check_pointers(const call *good) {
    REJECT(*good, "x", x = NULL);
    REJECT(*good, "y", y = NULL);
    /* Not a multiple of the element size. */
    REJECT(*good, "x", x = (const char *)memory.x + 2);
    REJECT(*good, "gamma", gamma = (const char *)memory.gamma + 1);
    REJECT(*good, "beta", beta = (const char *)memory.beta + 2);
    REJECT(*good, "y", y = (char *)memory.y + 3);
}

static void check_overlaps(const call *good) {
    REJECT(*good, "y", y = memory.x + 1);
    REJECT(*good, "y", y = memory.x + ELEMENTS - STRIDE);
    REJECT(*good, "y", y = memory.gamma - COLUMNS);
    REJECT(*good, "y", y = memory.beta - ELEMENTS);
    REJECT(*good, "rstd", rstd = memory.x + 2);
    REJECT(*good, "rstd", rstd = memory.y + ELEMENTS - STRIDE + COLUMNS - 1);
    REJECT(*good, "rstd", rstd = memory.gamma);
    REJECT(*good, "rstd", rstd = memory.beta + COLUMNS - 1);
    if (good->layer_norm) {
        REJECT(*good, "mean", mean = memory.y);
        REJECT(*good, "mean", mean = memory.x);
        REJECT(*good, "mean_low", mean_low = memory.mean);
        REJECT(*good, "mean_low", mean_low = memory.x + 5);
        REJECT(*good, "rstd", rstd = memory.mean + 1);
        REJECT(*good, "rstd", rstd = memory.mean_low);
    }
    call same = *good;
    same.y = memory.x;
    REJECT(same, "y", y_stride = STRIDE - 1);
}

static void check_scratch(const call *good) {
    REJECT(*good, "scratch", scratch = NULL);
    REJECT(*good, "scratch", scratch = memory.scratch + 4);
    REJECT(*good, "scratch", scratch = memory.long_y);
    REJECT(*good, "scratch", scratch = memory.long_x);
    REJECT(*good, "scratch", scratch_bytes = good->scratch_bytes - 1);
    REJECT(*good, "scratch", scratch_bytes = 0);
    REJECT(*good, "scratch", scratch_bytes = -1);
}

static void check_scratch_query(gatun_context *context, int layer_norm) {
    static const long long sizes[][2] = {{-1, 4}, {1, 0}, {1, -1}, {LLONG_MIN, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        long long bytes = 77;
        int status = layer_norm ? gatun_layer_norm_scratch(context, sizes[i][0], sizes[i][1], &bytes)
                                : gatun_rms_norm_scratch(context, sizes[i][0], sizes[i][1], &bytes);
        CHECK(status == GATUN_INVALID_ARGUMENT && bytes == 77, "scratch of [%lld, %lld]: status %d, %lld bytes",
              sizes[i][0], sizes[i][1], status, bytes);
    }
    long long bytes = 77;
    CHECK((layer_norm ? gatun_layer_norm_scratch(context, 1, 1, NULL) : gatun_rms_norm_scratch(context, 1, 1, NULL)) ==
              GATUN_INVALID_ARGUMENT,
          "scratch query into NULL");
    CHECK((layer_norm ? gatun_layer_norm_scratch(NULL, 1, 1, &bytes) : gatun_rms_norm_scratch(NULL, 1, 1, &bytes)) ==
                  GATUN_INVALID_ARGUMENT &&
              bytes == 77,
          "scratch query without a context");
    CHECK(scratch_bytes(context, layer_norm, 1000, 1024) == 0, "scratch for short rows");
    CHECK(scratch_bytes(context, layer_norm, 0, 1024) == 0, "scratch for no rows");
}

/* What the documentation allows is not rejected. */
static void check_allowed(const call *good) {
    char message[64];
    memset(message, UNTOUCHED, sizeof message);
    call c = *good;
    CHECK(run(&c, message, sizeof message) == GATUN_OK, "a good call: %s", message);
    CHECK(message[0] == UNTOUCHED && memcmp(message, message + 1, sizeof message - 1) == 0, "a message on success");
    c.gamma = c.beta = NULL;
    c.mean = c.mean_low = c.rstd = NULL;
    c.y = memory.x;
    CHECK(run(&c, message, sizeof message) == GATUN_OK, "in place without options: %s", message);
    c.eps = 0;
    c.eps_mode = GATUN_EPS_CLAMP;
    CHECK(run(&c, message, sizeof message) == GATUN_OK, "eps 0: %s", message);
    fill();
    c = *good;
    c.rows = 0;
    CHECK(run(&c, message, sizeof message) == GATUN_OK, "no rows: %s", message);
    c.x = c.y = NULL;
    CHECK(run(&c, message, sizeof message) == GATUN_OK, "no rows, no memory: %s", message);
    CHECK(memcmp(&memory, &expected, sizeof memory) == 0, "no rows: memory was touched");
}

int main(int argc, char **argv) {
    (void)argc;
    gatun_context *context = NULL;
    if (gatun_context_create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, 2, &context, NULL, 0) != GATUN_OK) {
        check_abandon("no context");
    }
    for (int layer_norm = 0; layer_norm <= 1; layer_norm++) {
        fill();
        call good = good_call(context, layer_norm);
        check_scalars(&good);
        check_overflow(&good);
        check_pointers(&good);
        check_overlaps(&good);
        call needs_scratch = long_call(context, layer_norm);
        check_scratch(&needs_scratch);
        CHECK(run(&needs_scratch, NULL, 0) == GATUN_OK, "a good call with scratch");
        fill();
        check_scratch_query(context, layer_norm);
        check_allowed(&good);
    }
    gatun_context_destroy(context);
    return check_finish(argv[0]);
}
