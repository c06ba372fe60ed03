/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every invalid argument of the element-wise activations gives GATUN_INVALID_ARGUMENT and a message that begins with the
 * argument's name, and no memory is touched; what gatun/activation.h allows is not rejected.
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "gatun.h"
#include "levels.h"

enum { ROWS = 4, COLUMNS = 24, STRIDE = 64, ELEMENTS = ROWS * STRIDE, UNTOUCHED = 0x5C, HEADS = 3, HEAD_COLUMNS = 8 };

static float memory[8][ELEMENTS];
static float expected[8][ELEMENTS];
static long long mask[ROWS];

typedef struct call {
    gatun_context *context;
    int activation;
    float first, second;
    int nan_to_zero, dtype, layout;
    long long rows, columns, heads;
    const void *in[3];
    long long in_stride[3];
    void *out[3];
    long long out_stride[3];
    float lower, upper, scale0, scale1, probability;
    int per_row, selu;
    long long *mask;
} call;

typedef int call_function(const call *c, char *message, long long bytes);

static int activation(const call *c, char *message, long long bytes) {
    return gatun_activation(c->context, c->activation, c->first, c->second, c->nan_to_zero, c->dtype, c->rows,
                            c->columns, c->in[0], c->in_stride[0], c->out[0], c->out_stride[0], message, bytes);
}
static int backward(const call *c, char *message, long long bytes) {
    return gatun_activation_backward(c->context, c->activation, c->first, c->second, c->nan_to_zero, c->dtype, c->rows,
                                     c->columns, c->in[0], c->in_stride[0], c->in[1], c->in_stride[1], c->out[0],
                                     c->out_stride[0], message, bytes);
}
static int output_backward(const call *c, char *message, long long bytes) {
    return gatun_activation_output_backward(c->context, c->activation, c->first, c->second, c->dtype, c->rows,
                                            c->columns, c->in[0], c->in_stride[0], c->in[1], c->in_stride[1], c->out[0],
                                            c->out_stride[0], message, bytes);
}
static int gated(const call *c, char *message, long long bytes) {
    return gatun_gated_activation(c->context, c->activation, c->first, c->dtype, c->layout, c->rows, c->columns,
                                  c->in[0], c->in_stride[0], c->in[1], c->in_stride[1], c->out[0], c->out_stride[0],
                                  message, bytes);
}
static int gated_backward(const call *c, char *message, long long bytes) {
    return gatun_gated_activation_backward(c->context, c->activation, c->first, c->dtype, c->layout, c->rows,
                                           c->columns, c->in[0], c->in_stride[0], c->in[1], c->in_stride[1], c->in[2],
                                           c->in_stride[2], c->out[0], c->out_stride[0], c->out[1], c->out_stride[1],
                                           c->out[2], c->out_stride[2], message, bytes);
}
static int head_gate(const call *c, char *message, long long bytes) {
    return gatun_head_gate(c->context, c->dtype, c->rows, c->heads, c->columns, c->in[0], c->in_stride[0], c->in[1],
                           c->in_stride[1], c->out[0], c->out_stride[0], message, bytes);
}
static int head_gate_backward(const call *c, char *message, long long bytes) {
    return gatun_head_gate_backward(c->context, c->dtype, c->rows, c->heads, c->columns, c->in[0], c->in_stride[0],
                                    c->in[1], c->in_stride[1], c->in[2], c->in_stride[2], c->out[0], c->out_stride[0],
                                    c->out[1], c->out_stride[1], message, bytes);
}
static int mask_forward(const call *c, char *message, long long bytes) {
    return gatun_activation_mask(c->context, c->activation, c->first, c->second, c->dtype, c->rows, c->columns,
                                 c->in[0], c->in_stride[0], c->lower, c->upper, c->out[0], c->out_stride[0], c->mask,
                                 message, bytes);
}
static int mask_backward(const call *c, char *message, long long bytes) {
    return gatun_activation_mask_backward(c->context, c->dtype, c->rows, c->columns, c->in[0], c->in_stride[0], c->mask,
                                          c->scale0, c->scale1, c->out[0], c->out_stride[0], message, bytes);
}
static int dropout(const call *c, char *message, long long bytes) {
    return gatun_alpha_dropout(c->context, c->dtype, c->rows, c->columns, c->in[0], c->in_stride[0], c->probability, 1,
                               2, c->per_row, c->selu, c->out[0], c->out_stride[0], message, bytes);
}
static int dropout_backward(const call *c, char *message, long long bytes) {
    return gatun_alpha_dropout_backward(c->context, c->dtype, c->rows, c->columns, c->in[0], c->in_stride[0], c->in[1],
                                        c->in_stride[1], c->probability, 1, 2, c->per_row, c->selu, c->out[0],
                                        c->out_stride[0], message, bytes);
}

static const struct entry {
    call_function *run;
    int inputs, outputs, has_kind, has_nan_to_zero, has_gate, has_heads;
    const char *in[3], *out[3];
} entries[] = {
    {activation, 1, 1, 1, 1, 0, 0, {"x"}, {"y"}},
    {backward, 2, 1, 1, 1, 0, 0, {"dy", "x"}, {"dx"}},
    {output_backward, 2, 1, 1, 0, 0, 0, {"dy", "y"}, {"dx"}},
    {gated, 2, 1, 1, 0, 1, 0, {"gate", "value"}, {"y"}},
    {gated_backward, 3, 3, 1, 0, 1, 0, {"dy", "gate", "value"}, {"dgate", "dvalue", "y"}},
    {head_gate, 2, 1, 0, 0, 0, 1, {"gate", "value"}, {"y"}},
    {head_gate_backward, 3, 2, 0, 0, 0, 1, {"dy", "gate", "value"}, {"dgate", "dvalue"}},
    {mask_forward, 1, 1, 1, 0, 0, 0, {"x"}, {"y"}},
    {mask_backward, 1, 1, 0, 0, 0, 0, {"dy"}, {"dx"}},
    {dropout, 1, 1, 0, 0, 0, 0, {"x"}, {"y"}},
    {dropout_backward, 2, 1, 0, 0, 0, 0, {"dy", "x"}, {"dx"}},
};
enum { ENTRIES = sizeof entries / sizeof entries[0] };

static gatun_context *context;

static call valid(const struct entry *e) {
    call c = {.context = context,
              .activation = e->has_kind ? GATUN_RELU : 0,
              .dtype = GATUN_F32,
              .rows = ROWS,
              .columns = e->has_heads ? HEAD_COLUMNS : COLUMNS,
              .heads = HEADS,
              .lower = 0,
              .upper = 6,
              .scale1 = 1,
              .probability = 0.5f,
              .selu = 1,
              .mask = mask};
    for (int k = 0; k < 3; k++) {
        c.in[k] = memory[k];
        c.out[k] = memory[3 + k];
        c.in_stride[k] = c.out_stride[k] = STRIDE;
    }
    return c;
}

static void expect_rejected(const struct entry *e, const call *c, const char *name) {
    char message[256] = "";
    memset(memory, UNTOUCHED, sizeof memory);
    memset(mask, UNTOUCHED, sizeof mask);
    const int status = e->run(c, message, sizeof message);
    CHECK(status == GATUN_INVALID_ARGUMENT, "entry %d, %s: status %d, expected GATUN_INVALID_ARGUMENT",
          (int)(e - entries), name, status);
    char start[64];
    snprintf(start, sizeof start, "%s: ", name);
    CHECK(strncmp(message, start, strlen(start)) == 0, "entry %d: expected a message about %s, got '%s'",
          (int)(e - entries), name, message);
    CHECK(memcmp(memory, expected, sizeof memory) == 0, "entry %d, %s: memory was touched", (int)(e - entries), name);
    CHECK(e->run(c, NULL, 0) == GATUN_INVALID_ARGUMENT, "entry %d, %s: without a message", (int)(e - entries), name);
}

static void expect_accepted(const struct entry *e, const call *c, const char *what) {
    char message[256] = "";
    memset(memory, 0, sizeof memory);
    CHECK(e->run(c, message, sizeof message) == GATUN_OK, "entry %d, %s: %s", (int)(e - entries), what, message);
}

#define REJECTED(name, ...)           \
    do {                              \
        call c = valid(e);            \
        __VA_ARGS__;                  \
        expect_rejected(e, &c, name); \
    } while (0)
#define ACCEPTED(what, ...)           \
    do {                              \
        call c = valid(e);            \
        __VA_ARGS__;                  \
        expect_accepted(e, &c, what); \
    } while (0)

static void test_common(const struct entry *e) {
    char name[64];
    const char *rows = e->has_heads ? "tokens" : "rows";
    ACCEPTED("as it is", (void)0);
    REJECTED("context", c.context = NULL);
    REJECTED("dtype", c.dtype = 3);
    REJECTED("dtype", c.dtype = -1);
    REJECTED(rows, c.rows = -1);
    REJECTED("columns", c.columns = 0);
    ACCEPTED("no rows", c.rows = 0; memset(c.in, 0, sizeof c.in); memset(c.out, 0, sizeof c.out));
    for (int k = 0; k < e->inputs; k++) {
        const int is_gate = e->has_heads && k == e->inputs - 2;
        snprintf(name, sizeof name, "%s_stride", e->in[k]);
        REJECTED(name, c.in_stride[k] = is_gate ? HEADS - 1 : COLUMNS - 1);
        ACCEPTED(name, c.in_stride[k] = is_gate ? HEADS : COLUMNS);
        REJECTED(e->in[k], c.in[k] = NULL);
        REJECTED(e->in[k], c.in[k] = (const char *)memory[k] + 2);
        REJECTED(e->in[k], c.in_stride[k] = LLONG_MAX / 8);
    }
    for (int k = 0; k < e->outputs; k++) {
        const int is_gate = e->has_heads && e->outputs == 2 && k == 0;
        snprintf(name, sizeof name, "%s_stride", e->out[k]);
        REJECTED(name, c.out_stride[k] = is_gate ? HEADS - 1 : COLUMNS - 1);
        REJECTED(e->out[k], c.out[k] = (char *)memory[3 + k] + 1);
        if (e->outputs == 1) {
            REJECTED(e->out[k], c.out[k] = NULL);
        } else {
            ACCEPTED("without a result", c.out[k] = NULL; c.out_stride[k] = 0);
        }
        /* Part of an input, shifted by a row and an element. */
        for (int i = 0; i < e->inputs; i++) {
            REJECTED(e->out[k], c.out[k] = memory[i] + STRIDE + 1);
            REJECTED(e->out[k], c.out[k] = memory[i] + 1);
            REJECTED(e->out[k], c.out[k] = memory[i]; c.out_stride[k] = STRIDE + 1);
        }
        for (int other = 0; other < k; other++) {
            REJECTED(e->out[k], c.out[k] = memory[3 + other]);
        }
    }
    if (!e->has_heads) {
        for (int i = 0; i < e->inputs; i++) {
            ACCEPTED("in place", c.out[0] = memory[i]);
        }
        REJECTED("rows", c.rows = LLONG_MAX / 4);
    }
}

static void test_kind(const struct entry *e) {
    REJECTED("activation", c.activation = -1);
    REJECTED("activation", c.activation = GATUN_SINE + 1);
    if (e->has_gate) {
        REJECTED("activation", c.activation = GATUN_TANH);
        REJECTED("first", c.activation = GATUN_SWISH; c.first = NAN);
        ACCEPTED("swish", c.activation = GATUN_SWISH; c.first = -1);
        ACCEPTED("ignored parameters", c.activation = GATUN_SILU; c.first = NAN);
        return;
    }
    if (e->run == output_backward) {
        REJECTED("activation", c.activation = GATUN_GELU_ERF);
        ACCEPTED("tanh", c.activation = GATUN_TANH; c.first = NAN);
    } else {
        for (int kind = GATUN_RELU; kind <= GATUN_SINE; kind++) {
            ACCEPTED("every kind", c.activation = kind; c.first = 1; c.second = 2);
        }
        REJECTED("first", c.activation = GATUN_SWISH; c.first = INFINITY);
        REJECTED("first", c.activation = GATUN_CRRELU; c.first = NAN);
        REJECTED("first", c.activation = GATUN_SINE; c.first = -INFINITY);
        REJECTED("first", c.activation = GATUN_FT_CLIP_ACT; c.first = -1);
        REJECTED("first", c.activation = GATUN_FT_CLIP_ACT; c.first = NAN);
        ACCEPTED("no clipping", c.activation = GATUN_FT_CLIP_ACT; c.first = INFINITY);
        REJECTED("first", c.activation = GATUN_PRO_ACT; c.first = INFINITY; c.second = 1);
        REJECTED("second", c.activation = GATUN_PRO_ACT; c.first = 1; c.second = 0);
        REJECTED("second", c.activation = GATUN_PRO_ACT; c.first = 1; c.second = INFINITY);
    }
    REJECTED("first", c.activation = GATUN_CLIP; c.first = NAN; c.second = 1);
    REJECTED("second", c.activation = GATUN_CLIP; c.first = 0; c.second = NAN);
    REJECTED("first", c.activation = GATUN_CLIP; c.first = 2; c.second = 1);
    ACCEPTED("no bounds", c.activation = GATUN_CLIP; c.first = -INFINITY; c.second = INFINITY);
    if (e->has_nan_to_zero) {
        REJECTED("nan_to_zero", c.nan_to_zero = 2);
        REJECTED("nan_to_zero", c.nan_to_zero = 1);
        ACCEPTED("NaN to zero", c.activation = GATUN_FT_CLIP_ACT; c.first = 1; c.nan_to_zero = 1);
    }
}

/* Halves of one tensor, neighbours in one tensor. */
static void test_layouts(const struct entry *e) {
    const int gate = e->inputs - 2, value = gate + 1;
    const int both = e->outputs == 3;
    REJECTED("layout", c.layout = 2);
    ACCEPTED("halves", c.in[gate] = memory[6]; c.in[value] = memory[6] + COLUMNS);
    ACCEPTED("halves in the other order", c.in[value] = memory[6]; c.in[gate] = memory[6] + COLUMNS);
    ACCEPTED("in place of a half", c.in[gate] = memory[6]; c.in[value] = memory[6] + COLUMNS; c.out[0] = memory[6]);
    REJECTED(e->out[0], c.in[gate] = memory[6]; c.in[value] = memory[6] + COLUMNS; c.out[0] = memory[6] + 1);
    const float *pair = memory[6];
    float *out_pair = memory[7];
    ACCEPTED(
        "neighbours", c.layout = 1; c.in[gate] = pair; c.in[value] = pair + 1; if (both) {
            c.out[0] = out_pair;
            c.out[1] = out_pair + 1;
        });
    ACCEPTED(
        "neighbours in the other order", c.layout = 1; c.in[gate] = pair + 1; c.in[value] = pair; if (both) {
            c.out[0] = out_pair;
            c.out[1] = out_pair + 1;
        });
    REJECTED("value", c.layout = 1; c.in[gate] = pair; c.in[value] = pair + 2);
    REJECTED("value", c.layout = 1; c.in[gate] = pair; c.in[value] = pair);
    REJECTED("value", c.layout = 1; c.in[value] = NULL);
    REJECTED("gate_stride", c.layout = 1; c.in[gate] = pair; c.in[value] = pair + 1;
             c.in_stride[gate] = 2 * COLUMNS - 1);
    REJECTED("value_stride", c.layout = 1; c.in[gate] = pair; c.in[value] = pair + 1; c.in_stride[value] = STRIDE + 1);
    if (both) {
        ACCEPTED("neighbours in place", c.layout = 1; c.in[gate] = pair; c.in[value] = pair + 1;
                 c.out[0] = (void *)(size_t)c.in[gate]; c.out[1] = memory[6] + 1; c.out[2] = memory[0]);
        REJECTED("dvalue", c.layout = 1; c.in[gate] = pair; c.in[value] = pair + 1; c.out[0] = out_pair;
                 c.out[1] = NULL);
        REJECTED("dvalue", c.layout = 1; c.in[gate] = pair; c.in[value] = pair + 1; c.out[0] = out_pair;
                 c.out[1] = out_pair + 3);
    } else {
        REJECTED("y", c.layout = 1; c.in[gate] = pair; c.in[value] = pair + 1; c.out[0] = memory[6]);
    }
}

static void test_masks(const struct entry *e) {
    REJECTED("mask", c.mask = NULL);
    REJECTED("mask", c.mask = (long long *)(void *)((char *)mask + 4));
    if (e->run == mask_forward) {
        REJECTED("lower", c.lower = NAN);
        REJECTED("upper", c.upper = NAN);
        ACCEPTED("no upper bound", c.lower = -INFINITY; c.upper = INFINITY);
        REJECTED("mask", c.mask = (long long *)(void *)memory[0]);
        REJECTED("mask", c.mask = (long long *)(void *)memory[3]);
    } else {
        REJECTED("scale0", c.scale0 = INFINITY);
        REJECTED("scale1", c.scale1 = NAN);
        REJECTED("dx", c.mask = (long long *)(void *)memory[3]);
    }
}

static void test_dropout(const struct entry *e) {
    REJECTED("probability", c.probability = -0.1f);
    REJECTED("probability", c.probability = 1.1f);
    REJECTED("probability", c.probability = NAN);
    REJECTED("per_row", c.per_row = 2);
    REJECTED("selu", c.selu = -1);
    ACCEPTED("certain", c.probability = 1);
    if (e->run == dropout_backward) {
        ACCEPTED("without x", c.selu = 0; c.in[1] = NULL; c.in_stride[1] = 0);
    }
}

int main(void) {
    context = level_open(GATUN_ISA_SCALAR, 1);
    memset(expected, UNTOUCHED, sizeof expected);
    for (int i = 0; i < ENTRIES; i++) {
        const struct entry *e = &entries[i];
        test_common(e);
        if (e->has_kind) {
            test_kind(e);
        }
        if (e->has_gate) {
            test_layouts(e);
        }
        if (e->run == mask_forward || e->run == mask_backward) {
            test_masks(e);
        }
        if (e->run == dropout || e->run == dropout_backward) {
            test_dropout(e);
        }
    }
    const struct entry *e = &entries[5];
    REJECTED("heads", c.heads = -1);
    REJECTED("columns", c.heads = LLONG_MAX / 2);
    ACCEPTED("no heads", c.heads = 0; c.in[0] = NULL);
    gatun_context_destroy(context);
    return check_finish("activation_arguments_test");
}
