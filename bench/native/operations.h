/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations as the C harness sees them: their arrays, what they cost at least, their definition, their call. A new
 * one is a line of the table in operations.c, with its functions in the file of its family.
 */
#ifndef GATUN_BENCH_OPERATIONS_H
#define GATUN_BENCH_OPERATIONS_H

#include "cases.h"
#include "gatun.h"

#include <stddef.h>

enum {
    MAX_READS = 4,
    MAX_WRITES = 3,
    MAX_NORMS = 3, /* of which an operation has parameters of their own */
    MESSAGE_BYTES = 512,
    COEFFICIENTS = 64, /* room behind vectors of columns for gradients of coefficients */
    QUERY_HEADS = 16,
    KEY_VALUE_HEADS = 4,
    KAN_FUNCTIONS = 8,
    KAN_DEGREE = 3,
    KAN_OUTPUTS = 64,
    HEADS = QUERY_HEADS + 2 * KEY_VALUE_HEADS
};

struct subject;
struct evaluation;

struct operation {
    const char *function, *variant;  /* gatun_FUNCTION; "" where there are no variants */
    int norm;                        /* gatun_norm_kind, where that is an argument or the operation itself */
    int along;                       /* of gatun_zero_mean_rows */
    int activation;                  /* gatun_activation_kind */
    float first, second;             /* its parameters */
    int relu, gated;                 /* poly_relu, not poly_eval; poly_norm_mul, not poly_norm */
    int in_place;                    /* the first output is the second input, the second output the first input */
    int reads, writes;               /* arrays of rows */
    int functions;                   /* of which rows of phi and dphi consist, the last input or output; 0 for none */
    int outputs;                     /* of a layer: the width of y, or of dy, the second input; 0 for none */
    int basis;                       /* gatun_kan_basis_kind, or gatun_kan_inner */
    int heads;                       /* of which a row consists, 1 for a row of columns */
    int flops;                       /* of the formula for each element, as bench/jmh counts them */
    int column_vectors, row_vectors; /* float32 vectors that count among the bytes that must move */
    int quick;                       /* in a quick run */

    /* NULL for no scratch */
    int (*scratch)(const gatun_context *, long long rows, long long columns, long long *bytes);
    int (*call)(const struct subject *, char *message, long long message_bytes);

    /* Computes the inputs that follow from others; may be NULL. */
    void (*derive)(struct subject *);

    /* Compares one row of the outputs. */
    void (*define)(struct evaluation *, long long row);
};

struct rows {
    void *memory, *data; /* what was allocated, and the first element */
    long long width, stride, bytes;
};

/* A case with its arrays. */
struct subject {
    const struct operation *operation;
    const struct bench_case *shape;
    int dtype;
    long long width; /* elements of a row */
    gatun_context *context;
    struct rows in[MAX_READS], out[MAX_WRITES];
    float *gamma[MAX_NORMS], *beta[MAX_NORMS], *dgamma[MAX_NORMS], *dbeta[MAX_NORMS];
    float *mean[MAX_NORMS], *mean_low[MAX_NORMS], *rstd[MAX_NORMS];
    float *bias, *bias_out;
    float *weight, *dweight; /* of a layer: columns * functions * outputs */
    void *scratch;
    long long scratch_bytes;
};

/* The outputs of a subject against the definition in float64. */
struct evaluation {
    const struct subject *subject;
    double error;                   /* the greatest; infinite when something is not a number */
    double *first, *second, *scale; /* a row each */
    struct norm_row *norm;
    double *dgamma[MAX_NORMS], *dbeta[MAX_NORMS], *dgamma_scale[MAX_NORMS], *dbeta_scale[MAX_NORMS];
    double *column_means;
};

/* All operations, those of one function next to each other; `count` receives how many. */
const struct operation *all_operations(int *count);

/* Returns 1, or 0 with a reason; free_subject in either case. The offset shifts outputs against their allocation. */
int make_subject(struct subject *, const struct operation *, const struct bench_case *, int dtype, int isa, int threads,
                 long long offset, char *message);
void free_subject(struct subject *);

/* The greatest error after one call on a fresh subject, in units of the case files. */
double error_of(struct subject *);

double minimal_bytes(const struct subject *);

/* The size of an array of rows; the mean where they differ. */
long long mean_stream_bytes(const struct subject *);
double flops(const struct subject *);

/* ---- for the families ---- */

static inline const float *beta_of(const struct subject *s, int index) {
    return s->operation->norm == GATUN_LAYER_NORM ? s->beta[index] : NULL;
}

static inline float *of_layer_norm(const struct subject *s, float *vector) {
    return s->operation->norm == GATUN_LAYER_NORM ? vector : NULL;
}

void load_row(const struct subject *, const struct rows *, long long row, double *values);
void expect_row(struct evaluation *, int output, long long row, const double *values);
void expect_gradient(struct evaluation *, int output, long long row, const double *values, const double *scale);
void note_error(struct evaluation *, double error);

/* Adds a row's part to the gradients of the parameters of a norm, which evaluation->norm is. */
void add_gradients(struct evaluation *, int index, const double *upstream, const double *scale);

/* Saves the statistics of an array for the norm of this index. */
void derive_statistics(struct subject *, const struct rows *, int index);

#define FAMILY_FUNCTIONS(NAME)                                                       \
    int call_##NAME(const struct subject *, char *message, long long message_bytes); \
    void define_##NAME(struct evaluation *, long long row);
FAMILY_FUNCTIONS(layer_norm)
FAMILY_FUNCTIONS(rms_norm)
FAMILY_FUNCTIONS(layer_norm_backward)
FAMILY_FUNCTIONS(rms_norm_backward)
FAMILY_FUNCTIONS(residual_add_norm)
FAMILY_FUNCTIONS(norm_residual_add)
FAMILY_FUNCTIONS(norm_add_norm)
FAMILY_FUNCTIONS(residual_add_norm_backward)
FAMILY_FUNCTIONS(norm_residual_add_backward)
FAMILY_FUNCTIONS(norm_add_norm_backward)
FAMILY_FUNCTIONS(qkv_head_rms_norm)
FAMILY_FUNCTIONS(qkv_head_rms_norm_backward)
FAMILY_FUNCTIONS(zero_mean_rows)
FAMILY_FUNCTIONS(fold_affine)
FAMILY_FUNCTIONS(activation)
FAMILY_FUNCTIONS(activation_backward)
FAMILY_FUNCTIONS(activation_output_backward)
FAMILY_FUNCTIONS(gated_activation)
FAMILY_FUNCTIONS(gated_activation_backward)
FAMILY_FUNCTIONS(head_gate)
FAMILY_FUNCTIONS(head_gate_backward)
FAMILY_FUNCTIONS(activation_mask)
FAMILY_FUNCTIONS(activation_mask_backward)
FAMILY_FUNCTIONS(alpha_dropout)
FAMILY_FUNCTIONS(alpha_dropout_backward)
FAMILY_FUNCTIONS(poly_relu)
FAMILY_FUNCTIONS(poly_relu_backward)
FAMILY_FUNCTIONS(poly_norm)
FAMILY_FUNCTIONS(poly_norm_backward)
FAMILY_FUNCTIONS(rational)
FAMILY_FUNCTIONS(rational_backward)
FAMILY_FUNCTIONS(threshold_mask)
FAMILY_FUNCTIONS(topk_mask_rows)
int polynomial_scratch(const gatun_context *, long long rows, long long columns, long long *bytes);
int poly_norm_scratch(const gatun_context *, long long rows, long long columns, long long *bytes);
int poly_norm_backward_scratch(const gatun_context *, long long rows, long long columns, long long *bytes);
int rational_scratch(const gatun_context *, long long rows, long long columns, long long *bytes);
int mask_bytes(const gatun_context *, long long rows, long long columns, long long *bytes);
int gate_bytes(const gatun_context *, long long rows, long long columns, long long *bytes);
void derive_mask(struct subject *);
void derive_gates(struct subject *);
FAMILY_FUNCTIONS(kan_basis)
FAMILY_FUNCTIONS(kan_basis_backward)
FAMILY_FUNCTIONS(kan_layer)
FAMILY_FUNCTIONS(kan_layer_backward)
FAMILY_FUNCTIONS(kan_window_basis)
FAMILY_FUNCTIONS(kan_window_basis_backward)
void derive_second_input(struct subject *);
void derive_third_input(struct subject *);
void derive_both_norms(struct subject *);

#endif
