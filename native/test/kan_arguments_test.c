/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every invalid argument of the operations of Kolmogorov-Arnold networks gives GATUN_INVALID_ARGUMENT and a message that
 * begins with the argument's name, and no memory is touched. What the header allows is not rejected.
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "gatun.h"

enum { ROWS = 3, COLUMNS = 4, FUNCTIONS = 6, WIDTH = (FUNCTIONS + 1) * COLUMNS, OUTPUTS = 5 };
enum { X_STRIDE = COLUMNS + 1, PHI_STRIDE = WIDTH + 2, Y_STRIDE = OUTPUTS + 1 };

typedef struct arena {
    float x[ROWS * X_STRIDE], dx[ROWS * X_STRIDE], phi[ROWS * PHI_STRIDE], dphi[ROWS * PHI_STRIDE];
    float y[ROWS * Y_STRIDE], dy[ROWS * Y_STRIDE], weight[WIDTH * OUTPUTS], dweight[WIDTH * OUTPUTS];
    float bias[OUTPUTS], dbias[OUTPUTS], starts[FUNCTIONS * COLUMNS], ends[FUNCTIONS * COLUMNS];
    float dstarts[FUNCTIONS * COLUMNS], dends[FUNCTIONS * COLUMNS];
} arena;

static arena memory, expected;

typedef enum operation { BASIS, BASIS_BACKWARD, LAYER, LAYER_BACKWARD, WINDOW, WINDOW_BACKWARD, OPERATIONS } operation;
static const char *const operation_names[OPERATIONS] = {"kan_basis",        "kan_basis_backward",
                                                        "kan_layer",        "kan_layer_backward",
                                                        "kan_window_basis", "kan_window_basis_backward"};

/* The arguments of all. */
typedef struct call {
    operation operation;
    gatun_context *context;
    int basis, degree, base, inner, combination, per_column, dtype, accumulate;
    float low, high, scale;
    long long functions, rows, columns, outputs, x_stride, phi_stride, y_stride, dx_stride;
    const void *x, *dphi, *dy;
    const float *weight, *bias, *starts, *ends;
    void *phi, *y, *dx;
    float *dweight, *dbias, *dstarts, *dends;
} call;

static int run(const call *c, char *message, long long room) {
    switch (c->operation) {
    case BASIS:
        return gatun_kan_basis(c->context, c->basis, c->functions, c->degree, c->low, c->high, c->base, c->dtype,
                               c->rows, c->columns, c->x, c->x_stride, c->phi, c->phi_stride, message, room);
    case BASIS_BACKWARD:
        return gatun_kan_basis_backward(c->context, c->basis, c->functions, c->degree, c->low, c->high, c->base,
                                        c->dtype, c->rows, c->columns, c->dphi, c->phi_stride, c->x, c->x_stride, c->dx,
                                        c->dx_stride, message, room);
    case LAYER:
        return gatun_kan_layer(c->context, c->basis, c->functions, c->degree, c->low, c->high, c->base, c->dtype,
                               c->rows, c->columns, c->outputs, c->x, c->x_stride, c->weight, c->bias, c->y,
                               c->y_stride, message, room);
    case LAYER_BACKWARD:
        return gatun_kan_layer_backward(c->context, c->basis, c->functions, c->degree, c->low, c->high, c->base,
                                        c->dtype, c->rows, c->columns, c->outputs, c->dy, c->y_stride, c->x,
                                        c->x_stride, c->weight, c->dx, c->dx_stride, c->dweight, c->dbias,
                                        c->accumulate, message, room);
    case WINDOW:
        return gatun_kan_window_basis(c->context, c->inner, c->combination, c->functions, c->per_column, c->scale,
                                      c->dtype, c->rows, c->columns, c->x, c->x_stride, c->starts, c->ends, c->phi,
                                      c->phi_stride, message, room);
    default:
        return gatun_kan_window_basis_backward(c->context, c->inner, c->combination, c->functions, c->per_column,
                                               c->scale, c->dtype, c->rows, c->columns, c->dphi, c->phi_stride, c->x,
                                               c->x_stride, c->starts, c->ends, c->dx, c->dx_stride, c->dstarts,
                                               c->dends, c->accumulate, message, room);
    }
}

static call good_call(gatun_context *context, operation of) {
    return (call){.operation = of,
                  .context = context,
                  .basis = GATUN_KAN_BSPLINE,
                  .degree = 3,
                  .base = 1,
                  .per_column = 1,
                  .low = -1,
                  .high = 1,
                  .scale = 1,
                  .functions = FUNCTIONS,
                  .rows = ROWS,
                  .columns = COLUMNS,
                  .outputs = OUTPUTS,
                  .x_stride = X_STRIDE,
                  .phi_stride = PHI_STRIDE,
                  .y_stride = Y_STRIDE,
                  .dx_stride = X_STRIDE,
                  .x = memory.x,
                  .dphi = memory.dphi,
                  .dy = memory.dy,
                  .weight = memory.weight,
                  .bias = memory.bias,
                  .starts = memory.starts,
                  .ends = memory.ends,
                  .phi = memory.phi,
                  .y = memory.y,
                  .dx = memory.dx,
                  .dweight = memory.dweight,
                  .dbias = memory.dbias,
                  .dstarts = memory.dstarts,
                  .dends = memory.dends};
}

static void reset(void) {
    memset(&memory, 0x3C, sizeof memory);
    expected = memory;
}

static void rejected(const call *c, const char *name) {
    char message[256] = "";
    reset();
    const int status = run(c, message, sizeof message);
    CHECK(status == GATUN_INVALID_ARGUMENT, "%s with a bad %s: status %d", operation_names[c->operation], name, status);
    CHECK(strncmp(message, name, strlen(name)) == 0 && message[strlen(name)] == ':', "%s with a bad %s: %s",
          operation_names[c->operation], name, message);
    CHECK(memcmp(&memory, &expected, sizeof memory) == 0, "%s with a bad %s: memory was touched",
          operation_names[c->operation], name);
    CHECK(run(c, NULL, 0) == GATUN_INVALID_ARGUMENT, "%s with a bad %s, no message", operation_names[c->operation],
          name);
}

static void accepted(const call *c, const char *what) {
    char message[256] = "untouched";
    reset();
    const int status = run(c, message, sizeof message);
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s, %s: status %d, %s",
          operation_names[c->operation], what, status, message);
}

/* The good call with one argument changed. */
#define REJECTED(FIELD, VALUE, NAME)        \
    do {                                    \
        call bad_ = good_call(context, of); \
        bad_.FIELD = VALUE;                 \
        rejected(&bad_, NAME);              \
    } while (0)
#define ACCEPTED(FIELD, VALUE)                 \
    do {                                       \
        call good_ = good_call(context, of);   \
        good_.FIELD = VALUE;                   \
        accepted(&good_, #FIELD " = " #VALUE); \
    } while (0)

static void check_common(gatun_context *context, operation of) {
    call good = good_call(context, of);
    accepted(&good, "as it should be");
    REJECTED(context, NULL, "context");
    REJECTED(functions, 0, "functions");
    REJECTED(functions, GATUN_KAN_MAX_FUNCTIONS + 1, "functions");
    REJECTED(functions, LLONG_MIN, "functions");
    REJECTED(functions, LLONG_MAX, "functions");
    REJECTED(dtype, -1, "dtype");
    REJECTED(dtype, 3, "dtype");
    REJECTED(rows, -1, "rows");
    REJECTED(columns, 0, "columns");
    REJECTED(x_stride, COLUMNS - 1, "x_stride");
    REJECTED(x_stride, LLONG_MAX, "x");
    REJECTED(x, NULL, "x");
    REJECTED(x, (const char *)memory.x + 1, "x");
    ACCEPTED(x_stride, COLUMNS);
    ACCEPTED(dtype, GATUN_BF16);
    ACCEPTED(dtype, GATUN_F16);
    call none = good_call(context, of);
    none.rows = 0;
    none.x = none.dphi = none.dy = none.phi = none.y = none.dx = NULL;
    accepted(&none, "no rows, no tensors");
}

static void check_descriptions(gatun_context *context, operation of) {
    REJECTED(basis, -1, "basis");
    REJECTED(basis, GATUN_KAN_WAVELET + 1, "basis");
    REJECTED(degree, 0, "degree");
    REJECTED(degree, GATUN_KAN_MAX_DEGREE + 1, "degree");
    REJECTED(functions, 3, "functions");
    REJECTED(base, 2, "base");
    REJECTED(base, -1, "base");
    REJECTED(low, NAN, "low");
    REJECTED(low, -INFINITY, "low");
    REJECTED(high, INFINITY, "high");
    REJECTED(high, -1, "high");
    REJECTED(high, -2, "high");
    ACCEPTED(base, 0);
    ACCEPTED(functions, 4);
    for (int basis = GATUN_KAN_CHEBYSHEV; basis <= GATUN_KAN_WAVELET; basis++) {
        const int has_grid = basis == GATUN_KAN_GAUSSIAN || basis == GATUN_KAN_WAVELET;
        call c = good_call(context, of);
        c.basis = basis;
        c.degree = -7; /* ignored */
        accepted(&c, "another basis");
        c.functions = 1;
        if (basis == GATUN_KAN_CHEBYSHEV) {
            accepted(&c, "one polynomial");
        } else {
            rejected(&c, "functions");
        }
        c.functions = FUNCTIONS;
        c.low = 3;
        if (has_grid) {
            rejected(&c, "high");
            c.low = 0;
            c.high = 1e-40f;
            rejected(&c, "high");
        } else {
            accepted(&c, "a grid that is ignored");
        }
    }
    call tiny = good_call(context, of);
    tiny.low = -3e38f;
    tiny.high = 3e38f;
    accepted(&tiny, "a grid of all numbers");
}

static void check_basis(gatun_context *context, operation of) {
    check_descriptions(context, of);
    const char *const phi = of == BASIS ? "phi" : "dphi", *const stride = of == BASIS ? "phi_stride" : "dphi_stride";
    REJECTED(phi_stride, WIDTH - 1, stride);
    REJECTED(phi_stride, LLONG_MAX, phi);
    REJECTED(columns, LLONG_MAX / 2, "columns");
    if (of == BASIS) {
        REJECTED(phi, NULL, "phi");
        REJECTED(phi, memory.x, "phi");
    } else {
        REJECTED(dphi, NULL, "dphi");
        REJECTED(dx, NULL, "dx");
        REJECTED(dx, memory.dphi, "dx");
        REJECTED(dx, memory.x + 1, "dx");
        REJECTED(dx_stride, COLUMNS - 1, "dx_stride");
        ACCEPTED(dx, memory.x);
    }
}

static void check_layer(gatun_context *context, operation of) {
    check_descriptions(context, of);
    REJECTED(outputs, 0, "outputs");
    REJECTED(outputs, LLONG_MAX, "outputs");
    REJECTED(y_stride, OUTPUTS - 1, of == LAYER ? "y_stride" : "dy_stride");
    REJECTED(y_stride, LLONG_MAX, of == LAYER ? "y" : "dy");
    REJECTED(weight, NULL, "weight");
    REJECTED(weight, (const float *)((const char *)memory.weight + 2), "weight");
    if (of == LAYER) {
        REJECTED(y, NULL, "y");
        REJECTED(y, memory.x, "y");
        REJECTED(y, memory.weight, "y");
        REJECTED(y, memory.bias, "y");
        ACCEPTED(bias, NULL);
        return;
    }
    REJECTED(dy, NULL, "dy");
    REJECTED(dx, memory.x, "dx");
    REJECTED(dx, memory.dy, "dx");
    REJECTED(dx_stride, COLUMNS - 1, "dx_stride");
    REJECTED(dweight, memory.weight, "dweight");
    REJECTED(dbias, memory.dy, "dbias");
    REJECTED(dbias, memory.dweight, "dbias");
    REJECTED(accumulate, 2, "accumulate");
    ACCEPTED(accumulate, 1);
    ACCEPTED(dx, NULL);
    ACCEPTED(dweight, NULL);
    ACCEPTED(dbias, NULL);
    call sums = good_call(context, of);
    sums.weight = NULL;
    sums.dx = NULL;
    accepted(&sums, "sums alone, without weights");
}

static void check_window(gatun_context *context, operation of) {
    REJECTED(inner, -1, "inner");
    REJECTED(inner, GATUN_KAN_INNER_TANH + 1, "inner");
    REJECTED(combination, -1, "combination");
    REJECTED(combination, GATUN_KAN_CUBIC2 + 1, "combination");
    REJECTED(per_column, 2, "per_column");
    REJECTED(scale, NAN, "scale");
    REJECTED(scale, INFINITY, "scale");
    REJECTED(starts, NULL, "starts");
    REJECTED(ends, NULL, "ends");
    REJECTED(phi_stride, FUNCTIONS * COLUMNS - 1, of == WINDOW ? "phi_stride" : "dphi_stride");
    REJECTED(columns, LLONG_MAX / 2, "columns");
    ACCEPTED(per_column, 0);
    ACCEPTED(scale, 0);
    if (of == WINDOW) {
        REJECTED(phi, NULL, "phi");
        REJECTED(phi, memory.starts, "phi");
        return;
    }
    REJECTED(dphi, NULL, "dphi");
    REJECTED(dx, memory.x, "dx");
    REJECTED(dx_stride, COLUMNS - 1, "dx_stride");
    REJECTED(dstarts, memory.starts, "dstarts");
    REJECTED(dends, memory.dstarts, "dends");
    REJECTED(accumulate, -1, "accumulate");
    ACCEPTED(dx, NULL);
    ACCEPTED(dstarts, NULL);
    ACCEPTED(dends, NULL);
}

int main(int argc, char **argv) {
    (void)argc;
    gatun_context *context = NULL;
    if (gatun_context_create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, 1, &context, NULL, 0) != GATUN_OK) {
        check_abandon("no context");
    }
    for (operation of = BASIS; of < OPERATIONS; of++) {
        check_common(context, of);
        if (of <= BASIS_BACKWARD) {
            check_basis(context, of);
        } else if (of <= LAYER_BACKWARD) {
            check_layer(context, of);
        } else {
            check_window(context, of);
        }
    }
    gatun_context_destroy(context);
    return check_finish(argv[0]);
}
