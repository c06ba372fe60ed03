/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every invalid argument of the per-head normalizations and of the weight conversions gives GATUN_INVALID_ARGUMENT and a
 * message that begins with the argument's name, and no memory is touched. What the headers allow is not rejected.
 */
#include <limits.h>
#include <math.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "gatun.h"

enum { TOKENS = 8, QUERIES = 3, KEYS = 2, COLUMNS = 4, WIDTH = (QUERIES + 2 * KEYS) * COLUMNS, STRIDE = WIDTH + 4 };
enum { ELEMENTS = TOKENS * STRIDE, ROWS = 6, MATRIX = 10, UNTOUCHED = 0x5C };
enum { K_AT = QUERIES * COLUMNS, V_AT = (QUERIES + KEYS) * COLUMNS };

typedef struct arena {
    float x[ELEMENTS], y[ELEMENTS], dy[ELEMENTS], dx[ELEMENTS];
    float gamma[3][COLUMNS], dgamma[3][COLUMNS], rstd[TOKENS * (QUERIES + 2 * KEYS)];
    float weight[ROWS * MATRIX], out[ROWS * MATRIX], bias[ROWS], bias_out[ROWS], affine[2][MATRIX];
    alignas(64) unsigned char scratch[4096];
} arena;

static arena memory;
static arena expected;

typedef enum operation { FORWARD, BACKWARD, ZERO_MEAN, FOLD, OPERATIONS } operation;
static const char *const operation_names[OPERATIONS] = {"qkv_head_rms_norm", "qkv_head_rms_norm_backward",
                                                        "zero_mean_rows", "fold_affine"};

/* The arguments of all four. */
typedef struct call {
    operation operation;
    gatun_context *context;
    int dtype, parameter_dtype;
    long long tokens, query_heads, key_value_heads, head_columns;
    const void *q, *k, *v;
    long long q_stride, k_stride, v_stride;
    const void *q_gamma, *k_gamma, *v_gamma;
    float weight_offset, eps;
    int eps_mode, cast_mode;
    void *q_out, *k_out, *v_out;
    long long q_out_stride, k_out_stride, v_out_stride;
    float *rstd;
    const void *dq_out, *dk_out, *dv_out;
    long long dq_out_stride, dk_out_stride, dv_out_stride;
    void *dq, *dk, *dv;
    long long dq_stride, dk_stride, dv_stride;
    float *dq_gamma, *dk_gamma, *dv_gamma;
    long long token_begin, token_end;
    void *scratch;
    long long scratch_bytes;
    int along;
    long long rows, columns;
    const float *weight, *bias, *gamma, *beta;
    float *out, *weight_out, *bias_out;
    long long weight_stride, out_stride, weight_out_stride;
} call;

static int run(const call *c, char *message, long long message_bytes) {
    switch (c->operation) {
    case FORWARD:
        return gatun_qkv_head_rms_norm(c->context, c->dtype, c->parameter_dtype, c->tokens, c->query_heads,
                                       c->key_value_heads, c->head_columns, c->q, c->q_stride, c->k, c->k_stride, c->v,
                                       c->v_stride, c->q_gamma, c->k_gamma, c->v_gamma, c->weight_offset, c->eps,
                                       c->eps_mode, c->cast_mode, c->q_out, c->q_out_stride, c->k_out, c->k_out_stride,
                                       c->v_out, c->v_out_stride, c->rstd, message, message_bytes);
    case BACKWARD:
        return gatun_qkv_head_rms_norm_backward(
            c->context, c->dtype, c->parameter_dtype, c->tokens, c->query_heads, c->key_value_heads, c->head_columns,
            c->dq_out, c->dq_out_stride, c->dk_out, c->dk_out_stride, c->dv_out, c->dv_out_stride, c->q, c->q_stride,
            c->k, c->k_stride, c->v, c->v_stride, c->q_gamma, c->k_gamma, c->v_gamma, c->weight_offset, c->eps,
            c->eps_mode, c->dq, c->dq_stride, c->dk, c->dk_stride, c->dv, c->dv_stride, c->dq_gamma, c->dk_gamma,
            c->dv_gamma, c->token_begin, c->token_end, c->scratch, c->scratch_bytes, message, message_bytes);
    case ZERO_MEAN:
        return gatun_zero_mean_rows(c->context, c->along, c->rows, c->columns, c->weight, c->weight_stride, c->out,
                                    c->out_stride, c->scratch, c->scratch_bytes, message, message_bytes);
    default:
        return gatun_fold_affine(c->context, c->rows, c->columns, c->weight, c->weight_stride, c->bias, c->gamma,
                                 c->beta, c->weight_offset, c->weight_out, c->weight_out_stride, c->bias_out, message,
                                 message_bytes);
    }
}

static call good_call(gatun_context *context, operation of) {
    call c = {.operation = of,
              .context = context,
              .dtype = GATUN_F32,
              .parameter_dtype = GATUN_F32,
              .tokens = TOKENS,
              .query_heads = QUERIES,
              .key_value_heads = KEYS,
              .head_columns = COLUMNS,
              .q = memory.x,
              .k = memory.x + K_AT,
              .v = memory.x + V_AT,
              .q_stride = STRIDE,
              .k_stride = STRIDE,
              .v_stride = STRIDE,
              .q_gamma = memory.gamma[0],
              .k_gamma = memory.gamma[1],
              .v_gamma = memory.gamma[2],
              .eps = 1e-5f,
              .q_out = memory.y,
              .k_out = memory.y + K_AT,
              .v_out = memory.y + V_AT,
              .q_out_stride = STRIDE,
              .k_out_stride = STRIDE,
              .v_out_stride = STRIDE,
              .rstd = memory.rstd,
              .dq_out = memory.dy,
              .dk_out = memory.dy + K_AT,
              .dv_out = memory.dy + V_AT,
              .dq_out_stride = STRIDE,
              .dk_out_stride = STRIDE,
              .dv_out_stride = STRIDE,
              .dq = memory.dx,
              .dk = memory.dx + K_AT,
              .dv = memory.dx + V_AT,
              .dq_stride = STRIDE,
              .dk_stride = STRIDE,
              .dv_stride = STRIDE,
              .dq_gamma = memory.dgamma[0],
              .dk_gamma = memory.dgamma[1],
              .dv_gamma = memory.dgamma[2],
              .token_end = TOKENS,
              .scratch = memory.scratch,
              .rows = ROWS,
              .columns = MATRIX - 1,
              .weight = memory.weight,
              .bias = memory.bias,
              .gamma = memory.affine[0],
              .beta = memory.affine[1],
              .out = memory.out,
              .weight_out = memory.out,
              .bias_out = memory.bias_out,
              .weight_stride = MATRIX,
              .out_stride = MATRIX,
              .weight_out_stride = MATRIX};
    const int status = gatun_qkv_head_rms_norm_backward_scratch(context, TOKENS, COLUMNS, &c.scratch_bytes);
    CHECK(status == GATUN_OK && c.scratch_bytes > 0 && c.scratch_bytes <= (long long)sizeof memory.scratch,
          "scratch query: status %d, %lld bytes", status, c.scratch_bytes);
    return c;
}

static void fill(void) {
    memset(&memory, UNTOUCHED, sizeof memory);
    expected = memory;
}

/* The call fails, its message begins with `argument`, and memory holds what it held. */
static void reject(const call *c, const char *argument, const char *what) {
    char message[512];
    memset(message, UNTOUCHED, sizeof message);
    const int status = run(c, message, sizeof message);
    CHECK(status == GATUN_INVALID_ARGUMENT, "%s: %s: status %d", operation_names[c->operation], what, status);
    if (status == GATUN_INVALID_ARGUMENT) {
        const size_t length = strlen(argument);
        CHECK(memchr(message, 0, sizeof message) != NULL && strncmp(message, argument, length) == 0 &&
                  strncmp(message + length, ": ", 2) == 0 && strlen(message) > length + 10 && strlen(message) < 300,
              "%s: %s: expected a message on %s, but it is '%s'", operation_names[c->operation], what, argument,
              message);
        char cut[8];
        memset(cut, UNTOUCHED, sizeof cut);
        CHECK(run(c, cut, 5) == GATUN_INVALID_ARGUMENT && memcmp(cut, message, 4) == 0 && cut[4] == 0 &&
                  cut[5] == UNTOUCHED,
              "%s: %s: message cut to 5 bytes", operation_names[c->operation], what);
        CHECK(run(c, NULL, 0) == GATUN_INVALID_ARGUMENT, "%s: %s: without a message", operation_names[c->operation],
              what);
    }
    CHECK(memcmp(&memory, &expected, sizeof memory) == 0, "%s: %s: memory was touched", operation_names[c->operation],
          what);
    fill();
}

#define REJECT(base, argument, change) \
    do {                               \
        call c = (base);               \
        c.change;                      \
        reject(&c, argument, #change); \
    } while (0)

static void allow(const call *c, const char *what) {
    char message[256];
    memset(message, UNTOUCHED, sizeof message);
    const int status = run(c, message, sizeof message);
    CHECK(status == GATUN_OK, "%s: %s: status %d: %.200s", operation_names[c->operation], what, status, message);
    CHECK(status != GATUN_OK || message[0] == UNTOUCHED, "%s: %s: a message on success", operation_names[c->operation],
          what);
    fill();
}

#define ALLOW(base, change) \
    do {                    \
        call c = (base);    \
        c.change;           \
        allow(&c, #change); \
    } while (0)

static void check_head_sizes(const call *good) {
    REJECT(*good, "context", context = NULL);
    REJECT(*good, "dtype", dtype = -1);
    REJECT(*good, "dtype", dtype = 3);
    REJECT(*good, "parameter_dtype", parameter_dtype = GATUN_BF16);
    REJECT(*good, "parameter_dtype", parameter_dtype = -1);
    REJECT(*good, "tokens", tokens = -1);
    REJECT(*good, "query_heads", query_heads = -1);
    REJECT(*good, "query_heads", query_heads = LLONG_MIN);
    REJECT(*good, "key_value_heads", key_value_heads = -1);
    REJECT(*good, "head_columns", head_columns = 0);
    REJECT(*good, "head_columns", head_columns = -1);
    REJECT(*good, "head_columns", key_value_heads = LLONG_MAX);
    REJECT(*good, "head_columns", head_columns = LLONG_MAX);
    REJECT(*good, "weight_offset", weight_offset = NAN);
    REJECT(*good, "weight_offset", weight_offset = -INFINITY);
    REJECT(*good, "eps", eps = NAN);
    REJECT(*good, "eps", eps = -1e-9f);
    REJECT(*good, "eps_mode", eps_mode = -1);
    REJECT(*good, "eps_mode", eps_mode = 3);
    REJECT(*good, "q_stride", q_stride = QUERIES * COLUMNS - 1);
    REJECT(*good, "k_stride", k_stride = KEYS * COLUMNS - 1);
    REJECT(*good, "v_stride", v_stride = -STRIDE);
    REJECT(*good, "q", q_stride = LLONG_MAX);
    REJECT(*good, "q", q = (const char *)memory.x + 2);
    REJECT(*good, "k_gamma", k_gamma = (const char *)memory.gamma + 1);
}

static void check_forward(const call *good) {
    check_head_sizes(good);
    REJECT(*good, "cast_mode", cast_mode = 2);
    REJECT(*good, "q_out_stride", q_out_stride = QUERIES * COLUMNS - 1);
    REJECT(*good, "v_out_stride", v_out_stride = 0);
    REJECT(*good, "q", q = NULL);
    REJECT(*good, "q_out", q_out = NULL);
    REJECT(*good, "k_out", k_out = NULL);
    REJECT(*good, "v_out", v_out = (char *)memory.y + 1);
    REJECT(*good, "rstd", rstd = memory.y);
    REJECT(*good, "rstd", rstd = memory.x + ELEMENTS - STRIDE);
    REJECT(*good, "rstd", rstd = memory.gamma[1]);
    /* Packed parts that meet: by one element at either side, by whole tokens, and with another stride. */
    REJECT(*good, "k_out", k_out = memory.y + K_AT - 1);
    REJECT(*good, "v_out", v_out = memory.y + V_AT - 1);
    REJECT(*good, "v_out", v_out = memory.y + STRIDE - KEYS * COLUMNS + 1);
    REJECT(*good, "k_out", k_out = memory.y + STRIDE);
    REJECT(*good, "k_out", k_out_stride = STRIDE - 1);
    REJECT(*good, "q_out", q_out = memory.x + STRIDE);
    REJECT(*good, "q_out", q_out = memory.x + K_AT);
    REJECT(*good, "q_out", q_out = memory.x; c.q_out_stride = STRIDE - 1);
    REJECT(*good, "k_out", k_out = memory.x);
    REJECT(*good, "q_out", q_out = memory.gamma[0] - 1);

    ALLOW(*good, rstd = NULL);
    ALLOW(*good, q_out = memory.x; c.k_out = memory.x + K_AT; c.v_out = memory.x + V_AT);
    ALLOW(*good, k = NULL; c.k_out = NULL; c.k_stride = c.k_out_stride = 0);
    ALLOW(*good, k = NULL; c.v = NULL; c.v_out = c.k_out = NULL);
    ALLOW(*good, q_gamma = NULL; c.k_gamma = c.v_gamma = NULL);
    ALLOW(*good, k_gamma = memory.gamma[0]);
    ALLOW(*good, query_heads = 0; c.q = c.q_out = NULL);
    ALLOW(*good, v_out = memory.y + STRIDE - KEYS * COLUMNS); /* in the gap */
    ALLOW(*good, q_out = memory.x);
    ALLOW(*good, eps = 0);
    call none = *good;
    none.tokens = 0;
    none.q = none.k = none.v = none.q_out = none.k_out = none.v_out = NULL;
    allow(&none, "no tokens, no memory");
}

static void check_backward(const call *good) {
    check_head_sizes(good);
    REJECT(*good, "dq_out_stride", dq_out_stride = 1);
    REJECT(*good, "dk_out_stride", dk_out_stride = -1);
    REJECT(*good, "dv_stride", dv_stride = KEYS * COLUMNS - 1);
    REJECT(*good, "dq_out", dq_out = NULL);
    REJECT(*good, "dv_out", dv_out = NULL);
    REJECT(*good, "dk", dk = (char *)memory.dx + 2);
    REJECT(*good, "dk_gamma", dk_gamma = (float *)(void *)((char *)memory.dgamma + 2));
    REJECT(*good, "token_begin", token_begin = -1);
    REJECT(*good, "token_begin", token_begin = 2);
    REJECT(*good, "token_begin", token_begin = TOKENS + 4);
    REJECT(*good, "token_end", token_end = 3);
    REJECT(*good, "token_end", token_end = TOKENS + 4);
    REJECT(*good, "token_end", token_begin = 4; c.token_end = 0);
    REJECT(*good, "dq_gamma", token_end = 4);
    REJECT(*good, "dk_gamma", k = NULL);
    REJECT(*good, "scratch", scratch = NULL);
    REJECT(*good, "scratch", scratch = memory.scratch + 8);
    REJECT(*good, "scratch", scratch_bytes = good->scratch_bytes - 1);
    REJECT(*good, "scratch", scratch_bytes = -1);
    REJECT(*good, "dq", dq = memory.x);
    REJECT(*good, "dq", dq = memory.dy + STRIDE);
    REJECT(*good, "dk", dk = memory.dx + 1);
    REJECT(*good, "dk", dk = memory.dy);
    REJECT(*good, "dq", dq = memory.dy; c.dq_stride = STRIDE - 1);
    REJECT(*good, "dv_gamma", dv_gamma = memory.dgamma[0] + 1);
    REJECT(*good, "dq_gamma", dq_gamma = memory.gamma[0]);
    REJECT(*good, "dq_gamma", dq_gamma = memory.dy);

    ALLOW(*good, dq = memory.dy; c.dk = memory.dy + K_AT; c.dv = memory.dy + V_AT);
    ALLOW(*good, dq = NULL; c.dk = c.dv = NULL);
    ALLOW(*good, dq_gamma = NULL; c.dk_gamma = c.dv_gamma = NULL; c.scratch = NULL);
    ALLOW(*good, q = NULL; c.dq_gamma = NULL);
    ALLOW(*good, k = NULL; c.v = NULL; c.dk_gamma = c.dv_gamma = NULL);
    ALLOW(*good, dq_gamma = NULL; c.dk_gamma = c.dv_gamma = NULL; c.token_end = 4);
    call last = *good;
    last.token_begin = TOKENS;
    last.q = last.k = last.v = last.dq_out = last.dk_out = last.dv_out = last.dq = last.dk = last.dv = NULL;
    allow(&last, "the end of a pass in pieces");
    call none = last;
    none.tokens = none.token_begin = none.token_end = 0;
    none.scratch = NULL;
    const int status = run(&none, NULL, 0);
    CHECK(status == GATUN_OK, "no tokens: status %d", status);
    for (int r = 0; r < 3; r++) {
        for (int i = 0; i < COLUMNS; i++) {
            CHECK(memory.dgamma[r][i] == 0, "no tokens: gradient %d is %g", i, (double)memory.dgamma[r][i]);
        }
    }
    fill();
}

static void check_conversions(const call *good, const char *out) {
    char out_stride[32];
    snprintf(out_stride, sizeof out_stride, "%s_stride", out);
    REJECT(*good, "context", context = NULL);
    REJECT(*good, "rows", rows = 0);
    REJECT(*good, "rows", rows = -1);
    REJECT(*good, "columns", columns = 0);
    REJECT(*good, "columns", columns = LLONG_MIN);
    REJECT(*good, "weight_stride", weight_stride = MATRIX - 2);
    REJECT(*good, out_stride, out_stride = c.weight_out_stride = MATRIX - 2);
    REJECT(*good, "weight", weight_stride = LLONG_MAX);
    REJECT(*good, "weight", weight = NULL);
    REJECT(*good, out, out = c.weight_out = NULL);
    REJECT(*good, "weight", weight = (const float *)(const void *)((const char *)memory.weight + 2));
    REJECT(*good, out, out = c.weight_out = memory.weight + 1);
    REJECT(*good, out, out = c.weight_out = memory.weight; c.out_stride = c.weight_out_stride = MATRIX - 1);
    ALLOW(*good, out = c.weight_out = memory.weight);
    ALLOW(*good, rows = 1);
}

static void check_zero_mean(const call *good) {
    check_conversions(good, "out");
    REJECT(*good, "along", along = 2);
    REJECT(*good, "along", along = -1);
    ALLOW(*good, along = 1);
    ALLOW(*good, scratch = NULL; c.scratch_bytes = 0);
    long long bytes = 77;
    CHECK(gatun_zero_mean_rows_scratch(good->context, 0, 1, &bytes) == GATUN_INVALID_ARGUMENT &&
              gatun_zero_mean_rows_scratch(good->context, 1, 0, &bytes) == GATUN_INVALID_ARGUMENT &&
              gatun_zero_mean_rows_scratch(NULL, 1, 1, &bytes) == GATUN_INVALID_ARGUMENT &&
              gatun_zero_mean_rows_scratch(good->context, 1, 1, NULL) == GATUN_INVALID_ARGUMENT && bytes == 77,
          "scratch query of zero_mean_rows with bad arguments, %lld bytes", bytes);
    CHECK(gatun_zero_mean_rows_scratch(good->context, 1, 1, &bytes) == GATUN_OK && bytes >= 0 && bytes < 77,
          "scratch query of zero_mean_rows: %lld bytes", bytes);
}

static void check_fold(const call *good) {
    check_conversions(good, "weight_out");
    REJECT(*good, "weight_offset", weight_offset = NAN);
    REJECT(*good, "bias", bias = (const float *)(const void *)((const char *)memory.bias + 1));
    REJECT(*good, "weight_out", weight_out = memory.affine[0] - 1);
    REJECT(*good, "bias_out", bias_out = memory.bias + 1);
    REJECT(*good, "bias_out", bias_out = memory.weight);
    REJECT(*good, "bias_out", bias_out = memory.out + 3);
    REJECT(*good, "bias_out", bias_out = memory.affine[1]);
    REJECT(*good, "bias_out", bias = NULL; c.beta = NULL);
    ALLOW(*good, bias_out = memory.bias);
    ALLOW(*good, bias_out = NULL);
    ALLOW(*good, bias = NULL);
    ALLOW(*good, gamma = NULL; c.beta = c.bias = NULL; c.bias_out = NULL);
}

static void check_gradient_scratch(gatun_context *context) {
    static const long long sizes[][2] = {{-1, 4}, {1, 0}, {1, -1}, {LLONG_MIN, 1}, {100, LLONG_MAX}};
    long long bytes = 77;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        CHECK(gatun_qkv_head_rms_norm_backward_scratch(context, sizes[i][0], sizes[i][1], &bytes) ==
                      GATUN_INVALID_ARGUMENT &&
                  bytes == 77,
              "scratch of %lld tokens, %lld columns: %lld bytes", sizes[i][0], sizes[i][1], bytes);
    }
    CHECK(gatun_qkv_head_rms_norm_backward_scratch(NULL, 1, 1, &bytes) == GATUN_INVALID_ARGUMENT &&
              gatun_qkv_head_rms_norm_backward_scratch(context, 1, 1, NULL) == GATUN_INVALID_ARGUMENT,
          "scratch query without a context or result");
    CHECK(gatun_qkv_head_rms_norm_backward_scratch(context, LLONG_MAX, 128, &bytes) == GATUN_OK && bytes < 1LL << 20,
          "scratch of many tokens: %lld bytes", bytes);
}

int main(int argc, char **argv) {
    (void)argc;
    gatun_context *context = NULL;
    if (gatun_context_create(GATUN_BACKEND_CPU, 0, GATUN_ISA_BEST, 2, &context, NULL, 0) != GATUN_OK) {
        check_abandon("no context");
    }
    fill();
    for (operation of = FORWARD; of < OPERATIONS; of++) {
        call good = good_call(context, of);
        allow(&good, "a good call");
        switch (of) {
        case FORWARD:
            check_forward(&good);
            break;
        case BACKWARD:
            check_backward(&good);
            break;
        case ZERO_MEAN:
            check_zero_mean(&good);
            break;
        default:
            check_fold(&good);
        }
    }
    check_gradient_scratch(context);
    gatun_context_destroy(context);
    return check_finish(argv[0]);
}
