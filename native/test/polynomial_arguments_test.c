/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every invalid argument of the polynomial and rational activations and of activation sparsity gives
 * GATUN_INVALID_ARGUMENT and a message that begins with the argument's name, and no memory is touched. What the header
 * allows is not rejected.
 */
#include <limits.h>
#include <math.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "gatun.h"
#include "levels.h"

enum { ROWS = 8, COLUMNS = 6, STRIDE = 8, ELEMENTS = ROWS * STRIDE, GROUPS = 3 };

typedef struct arena {
    float x[ELEMENTS], up[ELEMENTS], y[ELEMENTS], dy[ELEMENTS], dx[ELEMENTS], dup[ELEMENTS], rho[4 * ROWS];
    float coefficients[32], other[32], dcoefficients[32], dother[32];
    alignas(64) unsigned char scratch[16384];
} arena;

static arena memory, expected;

typedef enum operation {
    POLY_RELU,
    POLY_EVAL_BACKWARD,
    POLY_NORM,
    POLY_NORM_MUL,
    POLY_NORM_BACKWARD,
    POLY_NORM_MUL_BACKWARD,
    RATIONAL,
    RATIONAL_BACKWARD,
    THRESHOLD_MASK,
    TOPK_MASK_ROWS,
    OPERATIONS
} operation;
static const char *const operation_names[OPERATIONS] = {"poly_relu",     "poly_eval_backward", "poly_norm",
                                                        "poly_norm_mul", "poly_norm_backward", "poly_norm_mul_backward",
                                                        "rational",      "rational_backward",  "threshold_mask",
                                                        "topk_mask_rows"};

/* The arguments of all. x is the gate of poly_norm_mul, dx its gradient. */
typedef struct call {
    operation operation;
    gatun_context *context;
    int dtype, order, denominator_degree, form;
    long long rows, columns, groups, kept;
    const void *dy, *x, *up, *values;
    long long dy_stride, x_stride, up_stride, values_stride;
    const float *coefficients, *denominator, *scale, *thresholds;
    long long numerator_groups, denominator_groups;
    float eps;
    void *y, *dx, *dup;
    long long y_stride, dx_stride, dup_stride;
    float *rho;
    float *dcoefficients, *ddenominator;
    int accumulate, keep_equal;
    long long begin, end;
    void *scratch;
    long long scratch_bytes;
} call;

static int run(const call *c, char *message, long long bytes) {
    switch (c->operation) {
    case POLY_RELU:
        return gatun_poly_relu(c->context, c->dtype, c->order, c->rows, c->columns, c->x, c->x_stride, c->coefficients,
                               c->y, c->y_stride, message, bytes);
    case POLY_EVAL_BACKWARD:
        return gatun_poly_eval_backward(c->context, c->dtype, c->order, c->rows, c->columns, c->dy, c->dy_stride, c->x,
                                        c->x_stride, c->coefficients, c->dx, c->dx_stride, c->dcoefficients,
                                        c->accumulate, c->begin * c->columns, c->end * c->columns, c->scratch,
                                        c->scratch_bytes, message, bytes);
    case POLY_NORM:
        return gatun_poly_norm(c->context, c->dtype, c->order, c->rows, c->columns, c->x, c->x_stride, c->coefficients,
                               c->eps, c->y, c->y_stride, c->rho, c->scratch, c->scratch_bytes, message, bytes);
    case POLY_NORM_MUL:
        return gatun_poly_norm_mul(c->context, c->dtype, c->order, c->rows, c->columns, c->x, c->x_stride, c->up,
                                   c->up_stride, c->coefficients, c->eps, c->y, c->y_stride, c->rho, c->scratch,
                                   c->scratch_bytes, message, bytes);
    case POLY_NORM_BACKWARD:
        return gatun_poly_norm_backward(c->context, c->dtype, c->order, c->rows, c->columns, c->dy, c->dy_stride, c->x,
                                        c->x_stride, c->coefficients, c->eps, c->rho, c->dx, c->dx_stride,
                                        c->dcoefficients, c->accumulate, c->begin, c->end, c->scratch, c->scratch_bytes,
                                        message, bytes);
    case POLY_NORM_MUL_BACKWARD:
        return gatun_poly_norm_mul_backward(c->context, c->dtype, c->order, c->rows, c->columns, c->dy, c->dy_stride,
                                            c->x, c->x_stride, c->up, c->up_stride, c->coefficients, c->eps, c->rho,
                                            c->dx, c->dx_stride, c->dup, c->dup_stride, c->dcoefficients, c->accumulate,
                                            c->begin, c->end, c->scratch, c->scratch_bytes, message, bytes);
    case RATIONAL:
        return gatun_rational(c->context, c->dtype, c->order, c->denominator_degree, c->form, c->rows, c->columns,
                              c->groups, c->x, c->x_stride, c->coefficients, c->numerator_groups, c->denominator,
                              c->denominator_groups, c->y, c->y_stride, message, bytes);
    case RATIONAL_BACKWARD:
        return gatun_rational_backward(c->context, c->dtype, c->order, c->denominator_degree, c->form, c->rows,
                                       c->columns, c->groups, c->dy, c->dy_stride, c->x, c->x_stride, c->coefficients,
                                       c->numerator_groups, c->denominator, c->denominator_groups, c->dx, c->dx_stride,
                                       c->dcoefficients, c->ddenominator, c->accumulate, c->begin, c->end, c->scratch,
                                       c->scratch_bytes, message, bytes);
    case THRESHOLD_MASK:
        return gatun_threshold_mask(c->context, c->dtype, c->rows, c->columns, c->x, c->x_stride, c->scale,
                                    c->thresholds, 1, c->keep_equal, c->values, c->values_stride, c->y, c->y_stride,
                                    message, bytes);
    default:
        return gatun_topk_mask_rows(c->context, c->dtype, c->rows, c->columns, c->kept, c->x, c->x_stride, c->scale,
                                    c->values, c->values_stride, c->y, c->y_stride, message, bytes);
    }
}

static call good_call(gatun_context *context, operation of) {
    return (call){.operation = of,
                  .context = context,
                  .dtype = GATUN_F32,
                  .order = 3,
                  .denominator_degree = 2,
                  .rows = ROWS,
                  .columns = COLUMNS,
                  .groups = GROUPS,
                  .kept = 2,
                  .dy = memory.dy,
                  .x = memory.x,
                  .up = memory.up,
                  .values = memory.up,
                  .dy_stride = STRIDE,
                  .x_stride = STRIDE,
                  .up_stride = STRIDE,
                  .values_stride = STRIDE,
                  .coefficients = memory.coefficients,
                  .denominator = memory.other,
                  .numerator_groups = 1,
                  .denominator_groups = GROUPS,
                  .eps = 1e-6f,
                  .y = memory.y,
                  .dx = memory.dx,
                  .dup = memory.dup,
                  .y_stride = STRIDE,
                  .dx_stride = STRIDE,
                  .dup_stride = STRIDE,
                  .dcoefficients = memory.dcoefficients,
                  .ddenominator = memory.dother,
                  .end = ROWS,
                  .scratch = memory.scratch,
                  .scratch_bytes = sizeof memory.scratch};
}

static void reset(void) {
    memset(&memory, 0x3C, sizeof memory);
    memcpy(&expected, &memory, sizeof memory);
}

static void rejects(const call *c, const char *argument, const char *why) {
    char message[256] = "";
    reset();
    const int status = run(c, message, sizeof message);
    const size_t length = strlen(argument);
    CHECK(status == GATUN_INVALID_ARGUMENT, "%s, %s: status %d", operation_names[c->operation], why, status);
    CHECK(strncmp(message, argument, length) == 0 && message[length] == ':',
          "%s, %s: expected a message about %s: '%s'", operation_names[c->operation], why, argument, message);
    CHECK(memcmp(&memory, &expected, sizeof memory) == 0, "%s, %s: memory was touched", operation_names[c->operation],
          why);
    CHECK(run(c, NULL, 0) == status, "%s, %s: without a message another status", operation_names[c->operation], why);
}

static void accepts(const call *c, const char *why) {
    char message[256] = "";
    reset();
    const int status = run(c, message, sizeof message);
    CHECK(status == GATUN_OK, "%s, %s: status %d: %s", operation_names[c->operation], why, status, message);
}

/* Runs `statement` on a good call `c`, which then is rejected for `argument`. */
#define BAD(argument, statement)           \
    do {                                   \
        call c = good_call(context, of);   \
        statement;                         \
        rejects(&c, argument, #statement); \
    } while (0)
#define GOOD(statement)                  \
    do {                                 \
        call c = good_call(context, of); \
        statement;                       \
        accepts(&c, #statement);         \
    } while (0)

static void check_common(gatun_context *context, operation of) {
    const int gated = of == POLY_NORM_MUL || of == POLY_NORM_MUL_BACKWARD;
    const char *const x = gated ? "gate" : "x", *const x_stride = gated ? "gate_stride" : "x_stride";
    GOOD((void)0);
    BAD("context", c.context = NULL);
    BAD("dtype", c.dtype = 7);
    BAD("rows", c.rows = -1);
    BAD("columns", c.columns = 0);
    BAD(x_stride, c.x_stride = COLUMNS - 1);
    BAD(x, c.x = NULL);
    BAD(x, c.x = (const char *)memory.x + 1);
    BAD(x, c.x_stride = LLONG_MAX / 4);
    BAD("rows", c.rows = LLONG_MAX / 2);
}

static void check_forward(gatun_context *context, operation of) {
    BAD("y_stride", c.y_stride = COLUMNS - 1);
    BAD("y", c.y = NULL);
    BAD("y", c.y = memory.x + 1);
    BAD("y", (c.y = memory.x, c.y_stride = STRIDE + 1, c.rows = 2));
    GOOD(c.y = memory.x);
    GOOD((c.rows = 0, c.x = NULL, c.y = NULL, c.end = 0));
}

static void check_coefficients(gatun_context *context, operation of) {
    const int rational = of == RATIONAL || of == RATIONAL_BACKWARD;
    const int norm = !rational && of != POLY_RELU && of != POLY_EVAL_BACKWARD;
    const char *const order = rational ? "numerator_degree" : "order";
    BAD(order, c.order = 0);
    BAD(order, c.order = norm ? 5 : 9);
    BAD(rational ? "numerator" : "coefficients", c.coefficients = NULL);
    BAD(rational ? "numerator" : "coefficients",
        c.coefficients = (const float *)(const void *)((const char *)memory.coefficients + 2));
    for (int good = 1; good <= (norm ? 4 : 8); good++) {
        GOOD(c.order = good);
    }
    if (norm) {
        BAD("eps", c.eps = -1);
        BAD("eps", c.eps = NAN);
        BAD("eps", c.eps = INFINITY);
        GOOD(c.eps = 0);
    }
    if (rational) {
        BAD("denominator_degree", c.denominator_degree = 0);
        BAD("denominator_degree", c.denominator_degree = 9);
        BAD("denominator_form", c.form = 2);
        BAD("denominator_form", c.form = -1);
        BAD("groups", c.groups = 0);
        BAD("groups", c.groups = COLUMNS + 1);
        BAD("groups", c.groups = 4);
        BAD("numerator_groups", c.numerator_groups = 2);
        BAD("denominator_groups", c.denominator_groups = 0);
        BAD("denominator", c.denominator = NULL);
        GOOD(c.numerator_groups = GROUPS);
        GOOD(c.denominator_groups = 1);
    }
}

static void check_backward(gatun_context *context, operation of) {
    const int elements = of == POLY_EVAL_BACKWARD, rational = of == RATIONAL_BACKWARD;
    const int gated = of == POLY_NORM_MUL_BACKWARD;
    const char *const dx = gated ? "dgate" : "dx", *const gradient = rational ? "dnumerator" : "dcoefficients";
    BAD("dy_stride", c.dy_stride = COLUMNS - 1);
    BAD("dy", c.dy = NULL);
    BAD(gated ? "dgate_stride" : "dx_stride", c.dx_stride = COLUMNS - 1);
    BAD(dx, c.dx = memory.dy + 1);
    BAD(dx, c.dx = (char *)memory.dx + 2);
    BAD("accumulate", c.accumulate = 2);
    BAD(gradient, c.dcoefficients = memory.x);
    BAD("scratch", c.scratch = NULL);
    BAD("scratch", c.scratch = memory.scratch + 8);
    BAD("scratch", c.scratch_bytes = 8);
    BAD(elements ? "element_begin" : "row_begin", c.begin = -1);
    BAD(elements ? "element_begin" : "row_begin", c.begin = 1);
    BAD(elements ? "element_end" : "row_end", c.end = ROWS + 1);
    BAD(elements ? "element_end" : "row_end", c.end = 5);
    if (!elements) {
        BAD(gradient, c.end = GATUN_BACKWARD_PIECE_ROWS);
        GOOD((c.end = GATUN_BACKWARD_PIECE_ROWS, c.dcoefficients = c.ddenominator = NULL));
    }
    GOOD(c.dx = memory.dy);
    GOOD(c.dx = memory.x);
    GOOD(c.dx = NULL);
    GOOD((c.dcoefficients = c.ddenominator = NULL, c.scratch = NULL, c.scratch_bytes = 0));
    GOOD((c.begin = ROWS, c.x = c.dy = c.up = NULL, c.dx = c.dup = NULL));
    GOOD((c.rows = 0, c.end = 0, c.x = c.dy = c.up = NULL, c.dx = c.dup = NULL));
    call none = good_call(context, of);
    none.rows = none.end = 0;
    accepts(&none, "no rows");
    CHECK(memory.dcoefficients[0] == 0 && memory.dcoefficients[3] == 0, "%s: gradients of no rows are %g, %g",
          operation_names[of], (double)memory.dcoefficients[0], (double)memory.dcoefficients[3]);
    if (gated) {
        BAD("dup", c.dup = memory.dx);
        BAD("dup_stride", c.dup_stride = 1);
        GOOD(c.dup = memory.up);
        GOOD(c.dup = NULL);
    }
}

static void check_masks(gatun_context *context, operation of) {
    BAD("values_stride", c.values_stride = COLUMNS - 1);
    BAD("values", c.values = NULL);
    BAD("y", c.y = memory.up + 2);
    GOOD(c.y = memory.up);
    GOOD(c.values = memory.x);
    GOOD(c.scale = memory.coefficients);
    BAD("scale", c.scale = (const float *)(const void *)((const char *)memory.other + 1));
    if (of == THRESHOLD_MASK) {
        BAD("keep_equal", c.keep_equal = 2);
        GOOD((c.keep_equal = 1, c.thresholds = memory.other));
    } else {
        BAD("kept", c.kept = -1);
        GOOD(c.kept = 0);
        GOOD(c.kept = COLUMNS + 5);
    }
}

static void check_queries(gatun_context *context) {
    long long bytes = -1;
    CHECK(gatun_poly_relu_backward_scratch(context, 3, 10, 1000, &bytes) == GATUN_OK && bytes > 0, "poly_relu");
    CHECK(gatun_poly_eval_backward_scratch(context, 9, 10, 1000, &bytes) == GATUN_INVALID_ARGUMENT, "order 9");
    CHECK(gatun_poly_norm_scratch(context, 3, 10, 1000, &bytes) == GATUN_OK && bytes == 0, "a short row");
    CHECK(gatun_poly_norm_mul_scratch(context, 3, 10, 100000, &bytes) == GATUN_OK && bytes > 0, "a long row");
    CHECK(gatun_poly_norm_backward_scratch(context, 3, -1, 10, &bytes) == GATUN_INVALID_ARGUMENT, "rows");
    CHECK(gatun_poly_norm_mul_backward_scratch(context, 4, 1, 10, NULL) == GATUN_INVALID_ARGUMENT, "NULL");
    CHECK(gatun_rational_backward_scratch(context, 5, 4, 10, 10, 3, &bytes) == GATUN_INVALID_ARGUMENT, "groups");
    CHECK(gatun_rational_backward_scratch(NULL, 5, 4, 10, 10, 5, &bytes) == GATUN_INVALID_ARGUMENT, "context");
}

int main(int argc, char **argv) {
    (void)argc;
    gatun_context *context = level_open(GATUN_ISA_SCALAR, 1);
    for (operation of = 0; of < OPERATIONS; of++) {
        const int backward = of == POLY_EVAL_BACKWARD || of == POLY_NORM_BACKWARD || of == POLY_NORM_MUL_BACKWARD ||
                             of == RATIONAL_BACKWARD;
        check_common(context, of);
        if (of < THRESHOLD_MASK) {
            check_coefficients(context, of);
        } else {
            check_masks(context, of);
        }
        if (backward) {
            check_backward(context, of);
        } else {
            check_forward(context, of);
        }
        if (of == POLY_NORM_MUL || of == POLY_NORM_MUL_BACKWARD) {
            BAD("up", c.up = NULL);
            BAD("up_stride", c.up_stride = 0);
        }
    }
    check_queries(context);
    gatun_context_destroy(context);
    return check_finish(argv[0]);
}
