/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every invalid argument of the backward passes over rows gives GATUN_INVALID_ARGUMENT and a message that begins with
 * the argument's name, and no memory is touched; what gatun/norm.h allows is not rejected.
 */
#include <limits.h>
#include <math.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "row_norm_backward_case.h"

enum { ROWS = 22, COLUMNS = 24, STRIDE = 32, ELEMENTS = ROWS * STRIDE, UNTOUCHED = 0x5C };

typedef struct arena {
    float dy[ELEMENTS], dh_in[ELEMENTS], x[2][ELEMENTS], dx[ELEMENTS], dresidual[ELEMENTS];
    float gamma[2][COLUMNS], bias[COLUMNS], gradients[BACKWARD_GRADIENTS_MAX][COLUMNS];
    float mean[2][ROWS], mean_low[2][ROWS], rstd[2][ROWS];
    alignas(64) unsigned char scratch[1 << 14];
} arena;

static arena memory;
static arena expected;

/* The arguments of a call; [0] of the norm whose result dy belongs to, [1] of norm 1 of norm_add_norm. */
typedef struct call {
    backward_operation operation;
    gatun_context *context;
    int norm, dtype, parameter_dtype;
    long long rows, columns, statistics_columns;
    const void *dy, *dh_in, *x[2];
    long long dy_stride, dh_in_stride, x_stride[2];
    const void *gamma[2], *bias;
    float alpha, weight_offset, eps;
    int eps_mode;
    const float *mean[2], *mean_low[2], *rstd[2];
    void *dx, *dresidual;
    long long dx_stride, dresidual_stride;
    float *gradients[BACKWARD_GRADIENTS_MAX];
    long long row_begin, row_end;
    void *scratch;
    long long scratch_bytes;
} call;

/* What the headers call the arguments that are not named alike in all operations. */
typedef struct names {
    const char *dy, *dy_stride, *x[2], *x_stride[2], *gamma[2], *mean[2], *mean_low[2], *rstd[2];
    const char *gradients[BACKWARD_GRADIENTS_MAX];
} names;

static const names norm_names = {.dy = "dy",
                                 .dy_stride = "dy_stride",
                                 .x = {"x"},
                                 .x_stride = {"x_stride"},
                                 .gamma = {"gamma"},
                                 .mean = {"mean"},
                                 .mean_low = {"mean_low"},
                                 .rstd = {"rstd"},
                                 .gradients = {"dgamma", "dbeta", "dbias"}};

static names names_of(backward_operation operation) {
    names n = norm_names;
    if (operation == RESIDUAL_ADD_NORM_BACKWARD) {
        n.x[0] = "h";
        n.x_stride[0] = "h_stride";
    } else if (operation == NORM_RESIDUAL_ADD_BACKWARD) {
        n.dy = "dh";
        n.dy_stride = "dh_stride";
    } else if (operation == NORM_ADD_NORM_BACKWARD) {
        n = (names){.dy = "dy",
                    .dy_stride = "dy_stride",
                    .x = {"h", "x"},
                    .x_stride = {"h_stride", "x_stride"},
                    .gamma = {"gamma2", "gamma1"},
                    .mean = {"mean2", "mean1"},
                    .mean_low = {"mean_low2", "mean_low1"},
                    .rstd = {"rstd2", "rstd1"},
                    .gradients = {"dgamma2", "dbeta2", "dgamma1", "dbeta1"}};
    }
    return n;
}

static int run(const call *c, char *message, long long message_bytes) {
    switch (c->operation) {
    case LAYER_NORM_BACKWARD:
        return gatun_layer_norm_backward(c->context, c->dtype, c->parameter_dtype, c->rows, c->columns, c->dy,
                                         c->dy_stride, c->x[0], c->x_stride[0], c->gamma[0], c->weight_offset, c->eps,
                                         c->eps_mode, c->mean[0], c->mean_low[0], c->rstd[0], c->dx, c->dx_stride,
                                         c->gradients[0], c->gradients[1], c->row_begin, c->row_end, c->scratch,
                                         c->scratch_bytes, message, message_bytes);
    case RMS_NORM_BACKWARD:
        return gatun_rms_norm_backward(c->context, c->dtype, c->parameter_dtype, c->rows, c->columns,
                                       c->statistics_columns, c->dy, c->dy_stride, c->x[0], c->x_stride[0], c->gamma[0],
                                       c->weight_offset, c->eps, c->eps_mode, c->rstd[0], c->dx, c->dx_stride,
                                       c->gradients[0], c->gradients[1], c->row_begin, c->row_end, c->scratch,
                                       c->scratch_bytes, message, message_bytes);
    case RESIDUAL_ADD_NORM_BACKWARD:
        return gatun_residual_add_norm_backward(
            c->context, c->norm, c->dtype, c->parameter_dtype, c->rows, c->columns, c->dy, c->dy_stride, c->dh_in,
            c->dh_in_stride, c->x[0], c->x_stride[0], c->alpha, c->gamma[0], c->weight_offset, c->eps, c->eps_mode,
            c->mean[0], c->mean_low[0], c->rstd[0], c->dx, c->dx_stride, c->dresidual, c->dresidual_stride,
            c->gradients[0], c->gradients[1], c->gradients[2], c->row_begin, c->row_end, c->scratch, c->scratch_bytes,
            message, message_bytes);
    case NORM_RESIDUAL_ADD_BACKWARD:
        return gatun_norm_residual_add_backward(
            c->context, c->norm, c->dtype, c->parameter_dtype, c->rows, c->columns, c->dy, c->dy_stride, c->x[0],
            c->x_stride[0], c->bias, c->alpha, c->gamma[0], c->weight_offset, c->eps, c->eps_mode, c->mean[0],
            c->mean_low[0], c->rstd[0], c->dx, c->dx_stride, c->dresidual, c->dresidual_stride, c->gradients[0],
            c->gradients[1], c->gradients[2], c->row_begin, c->row_end, c->scratch, c->scratch_bytes, message,
            message_bytes);
    default:
        return gatun_norm_add_norm_backward(
            c->context, c->norm, c->dtype, c->parameter_dtype, c->rows, c->columns, c->dy, c->dy_stride, c->dh_in,
            c->dh_in_stride, c->x[1], c->x_stride[1], c->x[0], c->x_stride[0], c->alpha, c->gamma[1], c->gamma[0],
            c->weight_offset, c->eps, c->eps_mode, c->mean[1], c->mean_low[1], c->rstd[1], c->mean[0], c->mean_low[0],
            c->rstd[0], c->dx, c->dx_stride, c->dresidual, c->dresidual_stride, c->gradients[2], c->gradients[3],
            c->gradients[0], c->gradients[1], c->row_begin, c->row_end, c->scratch, c->scratch_bytes, message,
            message_bytes);
    }
}

static int scratch_query(backward_operation operation, const gatun_context *context, long long rows, long long columns,
                         long long *bytes) {
    int (*const queries[])(const gatun_context *, long long, long long, long long *) = {
        gatun_layer_norm_backward_scratch, gatun_rms_norm_backward_scratch, gatun_residual_add_norm_backward_scratch,
        gatun_norm_residual_add_backward_scratch, gatun_norm_add_norm_backward_scratch};
    return queries[operation](context, rows, columns, bytes);
}

static int has_dh_in(backward_operation operation) {
    return operation == RESIDUAL_ADD_NORM_BACKWARD || operation == NORM_ADD_NORM_BACKWARD;
}

static void fill(void) {
    memset(&memory, UNTOUCHED, sizeof memory);
    expected = memory;
}

static call good_call(gatun_context *context, backward_operation operation) {
    call c = {.operation = operation,
              .context = context,
              .norm = GATUN_LAYER_NORM,
              .dtype = GATUN_F32,
              .parameter_dtype = GATUN_F32,
              .rows = ROWS,
              .columns = COLUMNS,
              .statistics_columns = COLUMNS,
              .dy = memory.dy,
              .dh_in = memory.dh_in,
              .dy_stride = STRIDE,
              .dh_in_stride = STRIDE,
              .bias = memory.bias,
              .alpha = 1,
              .eps = 1e-5f,
              .dx = memory.dx,
              .dresidual = memory.dresidual,
              .dx_stride = STRIDE,
              .dresidual_stride = STRIDE,
              .row_end = ROWS,
              .scratch = memory.scratch};
    for (int i = 0; i < backward_norms(operation); i++) {
        c.x[i] = memory.x[i];
        c.x_stride[i] = STRIDE;
        c.gamma[i] = memory.gamma[i];
        c.rstd[i] = memory.rstd[i];
        if (operation != RMS_NORM_BACKWARD) {
            c.mean[i] = memory.mean[i];
            c.mean_low[i] = memory.mean_low[i];
        }
    }
    for (int g = 0; g < backward_gradients(operation); g++) {
        c.gradients[g] = memory.gradients[g];
    }
    int status = scratch_query(operation, context, ROWS, COLUMNS, &c.scratch_bytes);
    CHECK(status == GATUN_OK && c.scratch_bytes > 0 && c.scratch_bytes % 64 == 0 &&
              c.scratch_bytes <= (long long)sizeof memory.scratch,
          "%s: scratch query: status %d, %lld bytes", backward_name(operation), status, c.scratch_bytes);
    return c;
}

/* The call fails, its message begins with `argument`, and memory holds what it held. */
static void reject(const call *c, const char *argument, const char *what) {
    char message[512];
    memset(message, UNTOUCHED, sizeof message);
    const char *name = backward_name(c->operation);
    int status = run(c, message, sizeof message);
    CHECK(status == GATUN_INVALID_ARGUMENT, "%s: %s: status %d", name, what, status);
    if (status == GATUN_INVALID_ARGUMENT) {
        const size_t length = strlen(argument);
        CHECK(memchr(message, 0, sizeof message) != NULL, "%s: %s: message without NUL", name, what);
        CHECK(strncmp(message, argument, length) == 0 && strncmp(message + length, ": ", 2) == 0,
              "%s: %s: expected a message on %s, but it is '%s'", name, what, argument, message);
        CHECK(strlen(message) > length + 10 && strlen(message) < 300, "%s: %s: message '%s'", name, what, message);
        CHECK(run(c, NULL, 0) == GATUN_INVALID_ARGUMENT, "%s: %s: without a message", name, what);
    }
    CHECK(memcmp(&memory, &expected, sizeof memory) == 0, "%s: %s: memory was touched", name, what);
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
    REJECT(*good, "parameter_dtype", parameter_dtype = 3);
    REJECT(*good, "parameter_dtype", parameter_dtype = GATUN_BF16);
    REJECT(*good, "rows", rows = -1);
    REJECT(*good, "rows", rows = LLONG_MIN);
    REJECT(*good, "columns", columns = 0);
    REJECT(*good, "columns", columns = -1);
    REJECT(*good, "eps", eps = NAN);
    REJECT(*good, "eps", eps = INFINITY);
    REJECT(*good, "eps", eps = -1e-9f);
    REJECT(*good, "eps_mode", eps_mode = -1);
    REJECT(*good, "eps_mode", eps_mode = 3);
    REJECT(*good, "weight_offset", weight_offset = NAN);
    REJECT(*good, "weight_offset", weight_offset = INFINITY);
    if (good->operation == RMS_NORM_BACKWARD) {
        REJECT(*good, "statistics_columns", statistics_columns = 0);
        REJECT(*good, "statistics_columns", statistics_columns = COLUMNS + 1);
    }
    if (backward_is_fused(good->operation)) {
        REJECT(*good, "norm", norm = -1);
        REJECT(*good, "norm", norm = 2);
        REJECT(*good, "alpha", alpha = NAN);
        REJECT(*good, "alpha", alpha = -INFINITY);
    }
}

static void check_strides(const call *good, const names *n) {
    REJECT(*good, n->dy_stride, dy_stride = COLUMNS - 1);
    REJECT(*good, n->dy_stride, dy_stride = LLONG_MIN);
    REJECT(*good, "dx_stride", dx_stride = 0);
    REJECT(*good, n->dy, dy_stride = LLONG_MAX);
    REJECT(*good, "dx", dx_stride = LLONG_MAX / 8);
    for (int i = 0; i < backward_norms(good->operation); i++) {
        REJECT(*good, n->x_stride[i], x_stride[i] = COLUMNS - 1);
        REJECT(*good, n->x[i], x_stride[i] = LLONG_MAX);
    }
    if (has_dh_in(good->operation)) {
        REJECT(*good, "dh_in_stride", dh_in_stride = -STRIDE);
        REJECT(*good, "dh_in", dh_in_stride = LLONG_MAX);
    }
    if (backward_is_fused(good->operation)) {
        REJECT(*good, "dresidual_stride", dresidual_stride = COLUMNS - 1);
        REJECT(*good, "dresidual", dresidual_stride = LLONG_MAX);
    }
}

static void check_rows_of_call(const call *good, const names *n) {
    REJECT(*good, "row_begin", row_begin = -4);
    REJECT(*good, "row_begin", row_begin = 2);
    REJECT(*good, "row_begin", row_begin = ROWS + 4);
    REJECT(*good, "row_end", row_end = ROWS + 1);
    REJECT(*good, "row_end", row_end = 6);
    REJECT(*good, "row_end", row_end = -4);
    call piece = *good;
    piece.row_begin = 12;
    REJECT(piece, "row_end", row_end = 8);
    /* Parameter gradients belong to the last call alone. */
    for (int g = 0; g < backward_gradients(good->operation); g++) {
        call early = *good;
        early.row_end = 8;
        for (int other = 0; other < BACKWARD_GRADIENTS_MAX; other++) {
            early.gradients[other] = other == g ? good->gradients[g] : NULL;
        }
        reject(&early, n->gradients[g], "a parameter gradient before the last call");
    }
}

static void check_pointers(const call *good, const names *n) {
    REJECT(*good, n->dy, dy = NULL);
    REJECT(*good, n->dy, dy = (const char *)memory.dy + 2);
    REJECT(*good, "dx", dx = (char *)memory.dx + 1);
    for (int i = 0; i < backward_norms(good->operation); i++) {
        REJECT(*good, n->x[i], x[i] = NULL);
        REJECT(*good, n->x[i], x[i] = (const char *)memory.x[i] + 2);
        REJECT(*good, n->gamma[i], gamma[i] = (const char *)memory.gamma[i] + 3);
        REJECT(*good, n->rstd[i], rstd[i] = (const float *)((const char *)memory.rstd[i] + 2));
        if (good->operation == RMS_NORM_BACKWARD) {
            continue;
        }
        REJECT(*good, n->mean[i], mean[i] = NULL);
        REJECT(*good, n->rstd[i], rstd[i] = NULL);
        call anew = *good;
        anew.mean[i] = anew.rstd[i] = NULL;
        reject(&anew, n->mean_low[i], "mean_low without mean and rstd");
        if (backward_is_fused(good->operation)) {
            REJECT(*good, n->mean[0], norm = GATUN_RMS_NORM);
            call rms = *good;
            rms.norm = GATUN_RMS_NORM;
            rms.mean[0] = rms.mean[1] = NULL;
            reject(&rms, n->mean_low[0], "mean_low for RMSNorm");
        }
    }
    for (int g = 0; g < backward_gradients(good->operation); g++) {
        REJECT(*good, n->gradients[g], gradients[g] = (float *)((char *)memory.gradients[g] + 2));
    }
    if (has_dh_in(good->operation)) {
        REJECT(*good, "dh_in", dh_in = (const char *)memory.dh_in + 1);
    }
    if (good->operation == NORM_RESIDUAL_ADD_BACKWARD) {
        REJECT(*good, "bias", bias = (const char *)memory.bias + 2);
    }
    if (backward_is_fused(good->operation)) {
        REJECT(*good, "dresidual", dresidual = (char *)memory.dresidual + 2);
    }
}

static void check_overlaps(const call *good, const names *n) {
    const int fused = backward_is_fused(good->operation);
    REJECT(*good, "dx", dx = memory.dy + 1);
    REJECT(*good, "dx", dx = memory.dy + STRIDE);
    REJECT(*good, "dx", dx = memory.x[0]);
    REJECT(*good, "dx", dx = memory.gamma[0] - ELEMENTS + STRIDE);
    call same = *good;
    same.dx = memory.dy;
    REJECT(same, "dx", dx_stride = STRIDE - 1);
    for (int g = 0; g < backward_gradients(good->operation); g++) {
        REJECT(*good, n->gradients[g], gradients[g] = memory.dx + 3);
        REJECT(*good, n->gradients[g], gradients[g] = memory.dy + ELEMENTS - STRIDE);
        REJECT(*good, n->gradients[g], gradients[g] = memory.gamma[0]);
        REJECT(*good, n->gradients[g], gradients[g] = memory.rstd[0]);
    }
    REJECT(*good, n->gradients[1], gradients[1] = memory.gradients[0] + COLUMNS - 1);
    REJECT(*good, "scratch", scratch = memory.dx + (64 - (uintptr_t)memory.dx % 64) / 4);
    if (fused) {
        REJECT(*good, "dresidual", dresidual = memory.dx);
        REJECT(*good, "dresidual", dresidual = memory.x[0]);
        REJECT(*good, "dresidual", dresidual = memory.dy + STRIDE);
        call both = *good;
        both.dx = memory.dy;
        REJECT(both, "dresidual", dresidual = memory.dy);
    }
    if (has_dh_in(good->operation)) {
        call stride = *good;
        stride.dresidual = memory.dh_in;
        REJECT(stride, "dresidual", dresidual_stride = STRIDE - 1);
        REJECT(*good, "dx", dx = memory.dh_in + 4);
    }
}

static void check_scratch(const call *good) {
    REJECT(*good, "scratch", scratch = NULL);
    REJECT(*good, "scratch", scratch = memory.scratch + 32);
    REJECT(*good, "scratch", scratch_bytes = good->scratch_bytes - 1);
    REJECT(*good, "scratch", scratch_bytes = 0);
    REJECT(*good, "scratch", scratch_bytes = -1);
    call piece = *good;
    piece.row_end = 8;
    memset(piece.gradients, 0, sizeof piece.gradients);
    REJECT(piece, "scratch", scratch_bytes = good->scratch_bytes - 1);
}

static void check_scratch_query(gatun_context *context, backward_operation operation) {
    static const long long sizes[][2] = {{-1, 4}, {1, 0}, {1, -1}, {LLONG_MIN, 1}, {LLONG_MAX, LLONG_MAX}};
    const char *name = backward_name(operation);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        long long bytes = 77;
        int status = scratch_query(operation, context, sizes[i][0], sizes[i][1], &bytes);
        CHECK(status == GATUN_INVALID_ARGUMENT && bytes == 77, "%s: scratch of [%lld, %lld]: status %d, %lld bytes",
              name, sizes[i][0], sizes[i][1], status, bytes);
    }
    long long bytes = 77;
    CHECK(scratch_query(operation, context, 1, 1, NULL) == GATUN_INVALID_ARGUMENT, "%s: scratch query into NULL", name);
    CHECK(scratch_query(operation, NULL, 1, 1, &bytes) == GATUN_INVALID_ARGUMENT && bytes == 77,
          "%s: scratch query without a context", name);
    CHECK(scratch_query(operation, context, 0, 1000, &bytes) == GATUN_OK && bytes == 0, "%s: scratch for no rows",
          name);
}

static void check_untouched(const call *c, const char *what) {
    char message[64] = "untouched";
    CHECK(run(c, message, sizeof message) == GATUN_OK, "%s: %s: %s", backward_name(c->operation), what, message);
    CHECK(strcmp(message, "untouched") == 0, "%s: %s: a message on success", backward_name(c->operation), what);
    CHECK(memcmp(&memory, &expected, sizeof memory) == 0, "%s: %s: memory was touched", backward_name(c->operation),
          what);
    fill();
}

static void check_good(const call *c, const char *what) {
    char message[256] = "untouched";
    CHECK(run(c, message, sizeof message) == GATUN_OK, "%s: %s: %s", backward_name(c->operation), what, message);
    CHECK(strcmp(message, "untouched") == 0, "%s: %s: a message on success", backward_name(c->operation), what);
    fill();
}

/* What the documentation allows is not rejected. */
static void check_allowed(const call *good) {
    check_good(good, "a good call");
    call c = *good;
    c.dx = memory.dy;
    c.dresidual = has_dh_in(c.operation) ? memory.dh_in : memory.dresidual;
    check_good(&c, "in place");
    if (has_dh_in(c.operation)) {
        c.dx = memory.dh_in;
        c.dresidual = memory.dy;
        check_good(&c, "in place the other way round");
    }
    if (backward_is_fused(c.operation)) {
        c.dx = memory.dx;
        c.dresidual = memory.dy;
        check_good(&c, "dresidual in place");
    }
    c = *good;
    for (int i = 0; i < 2; i++) {
        c.mean[i] = c.mean_low[i] = c.rstd[i] = NULL;
        c.gamma[i] = NULL;
    }
    c.dh_in = c.bias = NULL;
    c.dh_in_stride = 0;
    check_good(&c, "without options");
    memset(c.gradients, 0, sizeof c.gradients);
    c.scratch = NULL;
    c.scratch_bytes = 0;
    check_good(&c, "without parameter gradients and scratch");
    c.dx = c.dresidual = NULL;
    c.dx_stride = c.dresidual_stride = 0;
    check_untouched(&c, "without results");
    c = *good;
    c.row_begin = c.row_end = 8;
    c.dy = c.dh_in = c.x[0] = c.x[1] = NULL;
    c.dx = c.dresidual = NULL;
    for (int i = 0; i < 2; i++) {
        c.mean[i] = c.mean_low[i] = c.rstd[i] = NULL;
    }
    memset(c.gradients, 0, sizeof c.gradients);
    check_untouched(&c, "an empty piece without tensors");
    c = *good;
    c.row_end = 8;
    memset(c.gradients, 0, sizeof c.gradients);
    check_good(&c, "a first piece");
}

/* With no rows the parameter gradients are 0, and nothing else is needed or touched. */
static void check_no_rows(const call *good) {
    call c = *good;
    c.rows = c.row_end = 0;
    c.dy = c.dh_in = c.x[0] = c.x[1] = NULL;
    c.scratch = NULL;
    c.scratch_bytes = 0;
    for (int g = 0; g < backward_gradients(c.operation); g++) {
        memset(expected.gradients[g], 0, sizeof expected.gradients[g]);
    }
    check_untouched(&c, "no rows");
    memset(c.gradients, 0, sizeof c.gradients);
    check_untouched(&c, "no rows and no results");
}

int main(int argc, char **argv) {
    (void)argc;
    gatun_context *context = NULL;
    if (gatun_context_create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, 2, &context, NULL, 0) != GATUN_OK) {
        check_abandon("no context");
    }
    for (int operation = 0; operation < BACKWARD_OPERATIONS; operation++) {
        fill();
        const call good = good_call(context, (backward_operation)operation);
        const names n = names_of((backward_operation)operation);
        check_scalars(&good);
        check_strides(&good, &n);
        check_rows_of_call(&good, &n);
        check_pointers(&good, &n);
        check_overlaps(&good, &n);
        check_scratch(&good);
        check_scratch_query(context, (backward_operation)operation);
        check_allowed(&good);
        check_no_rows(&good);
    }
    gatun_context_destroy(context);
    return check_finish(argv[0]);
}
