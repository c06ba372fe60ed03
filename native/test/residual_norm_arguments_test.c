/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every invalid argument of the fused residual normalizations gives GATUN_INVALID_ARGUMENT and a message that begins
 * with the argument's name, and no memory is touched but the message. What the headers allow is accepted.
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "gatun.h"
#include "residual_norm_case.h"

enum { ROWS = 4, COLUMNS = 24, STRIDE = 32, ELEMENTS = ROWS * STRIDE, UNTOUCHED = 0x5C };

typedef struct arena {
    float x[ELEMENTS], residual[ELEMENTS], h[ELEMENTS], y[ELEMENTS];
    float bias[COLUMNS], gamma1[COLUMNS], beta1[COLUMNS], gamma[COLUMNS], beta[COLUMNS];
    float mean1[ROWS], mean_low1[ROWS], rstd1[ROWS], mean[ROWS], mean_low[ROWS], rstd[ROWS];
} arena;

static arena memory;
static arena expected;

typedef struct call {
    residual_norm_operation operation;
    gatun_context *context;
    int norm, dtype, parameter_dtype;
    long long rows, other_rows, columns; /* other_rows: of the tensors, not of the call */
    const void *x, *residual;
    long long x_stride, residual_stride;
    float alpha;
    const void *bias, *gamma1, *beta1, *gamma, *beta;
    float weight_offset, eps;
    int eps_mode, cast_mode, sum_mode;
    void *h, *y;
    long long h_stride, y_stride;
    float *mean1, *mean_low1, *rstd1, *mean, *mean_low, *rstd;
} call;

static int run(const call *c, char *message, long long message_bytes) {
    switch (c->operation) {
    case RESIDUAL_ADD_NORM:
        return gatun_residual_add_norm(c->context, c->norm, c->dtype, c->parameter_dtype, c->rows,
                                       c->rows + c->other_rows, c->columns, c->x, c->x_stride, c->residual,
                                       c->residual_stride, c->alpha, c->bias, c->gamma, c->beta, c->weight_offset,
                                       c->eps, c->eps_mode, c->cast_mode, c->sum_mode, c->h, c->h_stride, c->y,
                                       c->y_stride, c->mean, c->mean_low, c->rstd, message, message_bytes);
    case NORM_RESIDUAL_ADD:
        return gatun_norm_residual_add(
            c->context, c->norm, c->dtype, c->parameter_dtype, c->rows, c->rows + c->other_rows, c->columns, c->x,
            c->x_stride, c->bias, c->gamma, c->beta, c->weight_offset, c->eps, c->eps_mode, c->cast_mode, c->residual,
            c->residual_stride, c->alpha, c->h, c->h_stride, c->mean, c->mean_low, c->rstd, message, message_bytes);
    default:
        return gatun_norm_add_norm(c->context, c->norm, c->dtype, c->parameter_dtype, c->rows, c->rows + c->other_rows,
                                   c->columns, c->x, c->x_stride, c->gamma1, c->beta1, c->residual, c->residual_stride,
                                   c->alpha, c->gamma, c->beta, c->weight_offset, c->eps, c->eps_mode, c->cast_mode,
                                   c->sum_mode, c->h, c->h_stride, c->y, c->y_stride, c->mean1, c->mean_low1, c->rstd1,
                                   c->mean, c->mean_low, c->rstd, message, message_bytes);
    }
}

static call good_call(gatun_context *context, residual_norm_operation operation, int norm) {
    const int centered = norm == GATUN_LAYER_NORM;
    return (call){.operation = operation,
                  .context = context,
                  .norm = norm,
                  .dtype = GATUN_F32,
                  .parameter_dtype = GATUN_F32,
                  .rows = ROWS,
                  .columns = COLUMNS,
                  .x = memory.x,
                  .residual = memory.residual,
                  .x_stride = STRIDE,
                  .residual_stride = STRIDE,
                  .alpha = 1,
                  .bias = memory.bias,
                  .gamma1 = memory.gamma1,
                  .beta1 = memory.beta1,
                  .gamma = memory.gamma,
                  .beta = memory.beta,
                  .eps = 1e-5f,
                  .h = memory.h,
                  .y = memory.y,
                  .h_stride = STRIDE,
                  .y_stride = STRIDE,
                  .mean1 = centered ? memory.mean1 : NULL,
                  .mean_low1 = centered ? memory.mean_low1 : NULL,
                  .rstd1 = memory.rstd1,
                  .mean = centered ? memory.mean : NULL,
                  .mean_low = centered ? memory.mean_low : NULL,
                  .rstd = memory.rstd};
}

static void fill(void) {
    memset(&memory, UNTOUCHED, sizeof memory);
    expected = memory;
}

/* "gamma" and so on are "gamma2" in gatun_norm_add_norm. */
static void name_of(const call *c, const char *argument, char *name, size_t bytes) {
    static const char *const numbered[] = {"gamma", "beta", "mean", "mean_low", "rstd"};
    const char *suffix = "";
    for (size_t i = 0; i < sizeof numbered / sizeof *numbered; i++) {
        if (c->operation == NORM_ADD_NORM && strcmp(argument, numbered[i]) == 0) {
            suffix = "2";
        }
    }
    snprintf(name, bytes, "%s%s: ", argument, suffix);
}

/* The call fails, its message begins with `argument`, and memory holds what it held. */
static void reject(const call *c, const char *argument, const char *change) {
    char message[512];
    char name[64];
    char what[256];
    char cut[16];
    memset(message, UNTOUCHED, sizeof message);
    memset(cut, UNTOUCHED, sizeof cut);
    name_of(c, argument, name, sizeof name);
    snprintf(what, sizeof what, "%s, norm %d: %s", residual_norm_name(c->operation), c->norm, change);
    int status = run(c, message, sizeof message);
    if (CHECK(status == GATUN_INVALID_ARGUMENT, "%s: status %d", what, status) &&
        CHECK(memchr(message, 0, sizeof message) != NULL, "%s: message without NUL", what)) {
        CHECK(strncmp(message, name, strlen(name)) == 0, "%s: expected a message on %s, but it is '%s'", what, argument,
              message);
        CHECK(strlen(message) > strlen(name) + 9 && strlen(message) < 300, "%s: message '%s'", what, message);
        CHECK(run(c, cut, 8) == GATUN_INVALID_ARGUMENT && memcmp(cut, message, 7) == 0 && cut[7] == 0 &&
                  cut[8] == UNTOUCHED,
              "%s: message cut to 8 bytes", what);
        CHECK(run(c, NULL, 0) == GATUN_INVALID_ARGUMENT, "%s: without a message", what);
    }
    CHECK(memcmp(&memory, &expected, sizeof memory) == 0, "%s: memory was touched", what);
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
    REJECT(*good, "norm", norm = -1);
    REJECT(*good, "norm", norm = 2);
    REJECT(*good, "dtype", dtype = -1);
    REJECT(*good, "dtype", dtype = 3);
    REJECT(*good, "parameter_dtype", parameter_dtype = -1);
    REJECT(*good, "parameter_dtype", parameter_dtype = GATUN_BF16);
    REJECT(*good, "rows", rows = -1);
    REJECT(*good, "rows", rows = LLONG_MIN);
    REJECT(*good, "total_rows", other_rows = -1);
    REJECT(*good, "total_rows", other_rows = LLONG_MIN);
    REJECT(*good, "columns", columns = 0);
    REJECT(*good, "columns", columns = -1);
    REJECT(*good, "x_stride", x_stride = COLUMNS - 1);
    REJECT(*good, "x_stride", x_stride = -STRIDE);
    REJECT(*good, "residual_stride", residual_stride = COLUMNS - 1);
    REJECT(*good, "residual_stride", residual_stride = LLONG_MIN);
    REJECT(*good, "h_stride", h_stride = COLUMNS - 1);
    REJECT(*good, "h_stride", h_stride = 0);
    REJECT(*good, "alpha", alpha = NAN);
    REJECT(*good, "alpha", alpha = INFINITY);
    REJECT(*good, "eps", eps = NAN);
    REJECT(*good, "eps", eps = INFINITY);
    REJECT(*good, "eps", eps = -1e-9f);
    REJECT(*good, "weight_offset", weight_offset = NAN);
    REJECT(*good, "weight_offset", weight_offset = -INFINITY);
    REJECT(*good, "eps_mode", eps_mode = -1);
    REJECT(*good, "eps_mode", eps_mode = 3);
    REJECT(*good, "cast_mode", cast_mode = -1);
    REJECT(*good, "cast_mode", cast_mode = 2);
    if (good->operation != NORM_RESIDUAL_ADD) {
        REJECT(*good, "sum_mode", sum_mode = -1);
        REJECT(*good, "sum_mode", sum_mode = 2);
        REJECT(*good, "y_stride", y_stride = COLUMNS - 1);
    }
    call sixteen_bit = *good;
    sixteen_bit.dtype = GATUN_F16;
    REJECT(sixteen_bit, "parameter_dtype", parameter_dtype = GATUN_BF16);
    if (good->norm == GATUN_RMS_NORM) {
        REJECT(*good, "mean", mean = memory.mean);
        REJECT(*good, "mean_low", mean_low = memory.mean_low);
        if (good->operation == NORM_ADD_NORM) {
            REJECT(*good, "mean1", mean1 = memory.mean1);
            REJECT(*good, "mean_low1", mean_low1 = memory.mean_low1);
        }
    }
}

/* Sizes whose bytes no address space holds. */
static void check_overflow(const call *good) {
    REJECT(*good, "x", x_stride = LLONG_MAX);
    REJECT(*good, "residual", residual_stride = LLONG_MAX / 8);
    REJECT(*good, "h", h_stride = LLONG_MAX);
    if (good->operation != NORM_RESIDUAL_ADD) {
        REJECT(*good, "y", y_stride = LLONG_MAX);
    }
    call wide = *good;
    wide.rows = 1;
    wide.x_stride = wide.residual_stride = wide.h_stride = wide.y_stride = LLONG_MAX;
    REJECT(wide, "x", columns = LLONG_MAX);
}

static void check_pointers(const call *good) {
    REJECT(*good, "x", x = NULL);
    REJECT(*good, "residual", residual = NULL);
    /* Not a multiple of the element size. */
    REJECT(*good, "x", x = (const char *)memory.x + 2);
    REJECT(*good, "residual", residual = (const char *)memory.residual + 1);
    REJECT(*good, "gamma", gamma = (const char *)memory.gamma + 1);
    REJECT(*good, "beta", beta = (const char *)memory.beta + 2);
    REJECT(*good, "h", h = (char *)memory.h + 3);
    REJECT(*good, "rstd", rstd = (float *)(void *)((char *)memory.rstd + 2));
    if (good->operation == NORM_ADD_NORM) {
        REJECT(*good, "gamma1", gamma1 = (const char *)memory.gamma1 + 1);
        REJECT(*good, "beta1", beta1 = (const char *)memory.beta1 + 2);
    } else {
        REJECT(*good, "bias", bias = (const char *)memory.bias + 2);
    }
    if (good->operation == NORM_RESIDUAL_ADD) {
        REJECT(*good, "h", h = NULL);
    } else {
        REJECT(*good, "y", y = NULL);
        REJECT(*good, "y", y = (char *)memory.y + 3);
    }
}

/* An output over each input and over each other output. */
static void check_overlaps(const call *good) {
    REJECT(*good, "h", h = memory.x + 1);
    REJECT(*good, "h", h = memory.x + ELEMENTS - STRIDE);
    REJECT(*good, "h", h = memory.residual + 1);
    REJECT(*good, "h", h = memory.gamma - COLUMNS);
    REJECT(*good, "h", h = memory.beta);
    REJECT(*good, "rstd", rstd = memory.x + 2);
    REJECT(*good, "rstd", rstd = memory.residual);
    REJECT(*good, "rstd", rstd = memory.h + ELEMENTS - STRIDE + COLUMNS - 1);
    REJECT(*good, "rstd", rstd = memory.gamma);
    REJECT(*good, "rstd", rstd = memory.beta + COLUMNS - 1);
    if (good->norm == GATUN_LAYER_NORM) {
        REJECT(*good, "mean", mean = memory.h);
        REJECT(*good, "mean_low", mean_low = memory.mean);
        REJECT(*good, "rstd", rstd = memory.mean + 1);
    }
    call over_x = *good;
    over_x.h = memory.x;
    REJECT(over_x, "h", h_stride = STRIDE - 1);
    call over_residual = *good;
    over_residual.h = memory.residual;
    REJECT(over_residual, "h", h_stride = STRIDE - 1);
    if (good->operation == NORM_ADD_NORM) {
        REJECT(*good, "h", h = memory.gamma1);
        REJECT(*good, "h", h = memory.beta1);
        REJECT(*good, "rstd1", rstd1 = memory.y);
        REJECT(*good, "rstd", rstd = memory.rstd1 + 1);
    } else {
        REJECT(*good, "h", h = memory.bias);
        REJECT(*good, "rstd", rstd = memory.bias);
    }
    if (good->operation != NORM_RESIDUAL_ADD) {
        REJECT(*good, "y", y = memory.h);
        REJECT(*good, "y", y = memory.h + 1);
        REJECT(*good, "y", y = memory.x + 1);
        REJECT(*good, "y", y = memory.residual - 1);
        REJECT(*good, "y", y = memory.beta);
        REJECT(over_x, "y", y = memory.x);
        REJECT(over_residual, "y", y = memory.residual);
        over_x.h = memory.h;
        over_x.y = memory.x;
        REJECT(over_x, "y", y_stride = STRIDE - 1);
    }
}

static void accept(const call *c, const char *what) {
    char message[256];
    memset(message, UNTOUCHED, sizeof message);
    int status = run(c, message, sizeof message - 1);
    message[sizeof message - 1] = 0;
    CHECK(status == GATUN_OK, "%s, norm %d: %s: %s", residual_norm_name(c->operation), c->norm, what, message);
    CHECK(status != GATUN_OK || message[0] == UNTOUCHED, "%s: a message on success", what);
    fill();
}

#define ACCEPT(base, change) \
    do {                     \
        call c = (base);     \
        c.change;            \
        accept(&c, #change); \
    } while (0)

/* What the documentation allows is not rejected. */
static void check_allowed(const call *good) {
    accept(good, "a good call");
    ACCEPT(*good, h = memory.x);
    ACCEPT(*good, h = memory.residual);
    ACCEPT(*good, eps = 0);
    ACCEPT(*good, alpha = 0);
    call plain = *good;
    plain.bias = plain.gamma1 = plain.beta1 = plain.gamma = plain.beta = NULL;
    plain.mean1 = plain.mean_low1 = plain.rstd1 = plain.mean = plain.mean_low = plain.rstd = NULL;
    accept(&plain, "without options");
    call same = *good;
    same.residual = memory.x;
    accept(&same, "x as residual");
    call alone = *good;
    alone.alpha = 0;
    alone.residual = NULL;
    accept(&alone, "no residual");
    ACCEPT(alone, residual_stride = 0);
    if (good->operation != NORM_RESIDUAL_ADD) {
        ACCEPT(*good, y = memory.x);
        ACCEPT(*good, y = memory.residual);
        call crossed = *good;
        crossed.h = memory.x;
        crossed.y = memory.residual;
        accept(&crossed, "h over x, y over residual");
        crossed.h = memory.residual;
        crossed.y = memory.x;
        accept(&crossed, "h over residual, y over x");
        call unstored = *good;
        unstored.h = NULL;
        accept(&unstored, "h not stored");
        ACCEPT(unstored, h_stride = 0);
        ACCEPT(*good, sum_mode = GATUN_SUM_FLOAT32);
    }
    call none = *good;
    none.rows = 0;
    CHECK(run(&none, NULL, 0) == GATUN_OK, "no rows");
    none.x = none.residual = NULL;
    none.h = none.y = NULL;
    CHECK(run(&none, NULL, 0) == GATUN_OK, "no rows, no memory");
    CHECK(memcmp(&memory, &expected, sizeof memory) == 0, "no rows: memory was touched");
}

int main(int argc, char **argv) {
    (void)argc;
    gatun_context *context = NULL;
    if (gatun_context_create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, 2, &context, NULL, 0) != GATUN_OK) {
        check_abandon("no context");
    }
    for (int operation = 0; operation < RESIDUAL_NORM_OPERATIONS; operation++) {
        for (int norm = GATUN_LAYER_NORM; norm <= GATUN_RMS_NORM; norm++) {
            fill();
            call good = good_call(context, (residual_norm_operation)operation, norm);
            check_scalars(&good);
            check_overflow(&good);
            check_pointers(&good);
            check_overlaps(&good);
            check_allowed(&good);
        }
    }
    gatun_context_destroy(context);
    return check_finish(argv[0]);
}
