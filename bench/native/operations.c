/* SPDX-License-Identifier: Apache-2.0 */
#include "operations.h"

#include "reference.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int dtype_bytes[BENCH_DTYPES] = {4, 2, 2};

#define NORMS(NAME, NORM, FLOPS)                                                                             \
    {                                                                                                        \
        .function = #NAME, .variant = "", .norm = NORM, .reads = 1, .writes = 1, .heads = 1, .flops = FLOPS, \
        .quick = 1, .scratch = gatun_##NAME##_scratch, .call = call_##NAME, .define = define_##NAME          \
    }
#define RESIDUAL(NAME, VARIANT, NORM, IN_PLACE, WRITES, FLOPS)                                                   \
    {                                                                                                            \
        .function = #NAME, .variant = VARIANT, .norm = NORM, .in_place = IN_PLACE, .reads = 2, .writes = WRITES, \
        .heads = 1, .flops = FLOPS, .quick = NORM == GATUN_RMS_NORM && !IN_PLACE, .call = call_##NAME,           \
        .define = define_##NAME                                                                                  \
    }
/* gamma, dgamma and, in LayerNorm, dbeta; rstd and, in LayerNorm, mean and mean_low: of each norm. */
#define BACKWARD(NAME, VARIANT, NORM, READS, WRITES, NORMS_OF_ROW, FLOPS, DERIVE)                                      \
    {                                                                                                                  \
        .function = #NAME, .variant = VARIANT, .norm = NORM, .reads = READS, .writes = WRITES, .heads = 1,             \
        .flops = FLOPS, .column_vectors = NORMS_OF_ROW * (NORM == GATUN_LAYER_NORM ? 3 : 2),                           \
        .row_vectors = NORMS_OF_ROW * (NORM == GATUN_LAYER_NORM ? 3 : 1),                                              \
        .quick = NORM == GATUN_RMS_NORM || VARIANT[0] == '\0', .scratch = gatun_##NAME##_scratch, .call = call_##NAME, \
        .derive = DERIVE, .define = define_##NAME                                                                      \
    }

#define ACTIVATION(NAME, VARIANT, KIND, READS, WRITES, FLOPS)                                                   \
    {                                                                                                           \
        .function = #NAME, .variant = VARIANT, .activation = KIND, .first = KIND == GATUN_SINE ? 30.0f : -1.0f, \
        .second = 1.0f, .reads = READS, .writes = WRITES, .heads = 1, .flops = FLOPS,                           \
        .quick = KIND == GATUN_SILU || KIND == GATUN_GELU_ERF || KIND == GATUN_TANH, .call = call_##NAME,       \
        .define = define_##NAME                                                                                 \
    }
/* With memory beside the rows: a mask, or the gates of the heads. */
#define ACTIVATION_WITH(NAME, VARIANT, KIND, READS, HEADS_OF_ROW, SCRATCH, DERIVE)                                     \
    {                                                                                                                  \
        .function = #NAME, .variant = VARIANT, .activation = KIND, .reads = READS, .writes = 1, .heads = HEADS_OF_ROW, \
        .flops = 2, .quick = 1, .scratch = SCRATCH, .derive = DERIVE, .call = call_##NAME, .define = define_##NAME     \
    }

/* Functions that share a call and a definition with another, BODY. */
#define POLYNOMIAL(NAME, BODY, RELU, GATED, READS, WRITES, FLOPS, SCRATCH)                                            \
    {                                                                                                                 \
        .function = #NAME, .variant = "", .relu = RELU, .gated = GATED, .reads = READS, .writes = WRITES, .heads = 1, \
        .flops = FLOPS, .quick = 1, .scratch = SCRATCH, .call = call_##BODY, .define = define_##BODY                  \
    }

/* FLOPS of each function; one input, or two. */
#define BASIS(NAME, VARIANT, KIND, QUICK, READS, FLOPS)                                                                \
    {                                                                                                                  \
        .function = #NAME, .variant = VARIANT, .basis = KIND, .functions = KAN_FUNCTIONS, .reads = READS, .writes = 1, \
        .heads = 1, .flops = FLOPS * KAN_FUNCTIONS, .quick = QUICK, .call = call_##NAME, .define = define_##NAME       \
    }

#define LAYER(NAME, VARIANT, KIND, QUICK, READS, FLOPS)                                                           \
    {                                                                                                             \
        .function = #NAME, .variant = VARIANT, .basis = KIND, .functions = KAN_FUNCTIONS, .outputs = KAN_OUTPUTS, \
        .reads = READS, .writes = 1, .heads = 1, .flops = FLOPS * KAN_FUNCTIONS * KAN_OUTPUTS,                    \
        .column_vectors = READS * KAN_FUNCTIONS * KAN_OUTPUTS, .quick = QUICK, .call = call_##NAME,               \
        .define = define_##NAME                                                                                   \
    }

static const struct operation operations[] = {
    NORMS(layer_norm, GATUN_LAYER_NORM, 8),
    NORMS(rms_norm, GATUN_RMS_NORM, 4),
    BACKWARD(layer_norm_backward, "", GATUN_LAYER_NORM, 2, 1, 1, 13, derive_second_input),
    BACKWARD(rms_norm_backward, "", GATUN_RMS_NORM, 2, 1, 1, 9, derive_second_input),
    RESIDUAL(residual_add_norm, "layer", GATUN_LAYER_NORM, 0, 2, 9),
    RESIDUAL(residual_add_norm, "layer-in-place", GATUN_LAYER_NORM, 1, 2, 9),
    RESIDUAL(residual_add_norm, "rms", GATUN_RMS_NORM, 0, 2, 5),
    RESIDUAL(residual_add_norm, "rms-in-place", GATUN_RMS_NORM, 1, 2, 5),
    BACKWARD(residual_add_norm_backward, "layer", GATUN_LAYER_NORM, 3, 1, 1, 14, derive_third_input),
    BACKWARD(residual_add_norm_backward, "rms", GATUN_RMS_NORM, 3, 1, 1, 10, derive_third_input),
    RESIDUAL(norm_residual_add, "layer", GATUN_LAYER_NORM, 0, 1, 9),
    RESIDUAL(norm_residual_add, "rms", GATUN_RMS_NORM, 0, 1, 5),
    BACKWARD(norm_residual_add_backward, "layer", GATUN_LAYER_NORM, 2, 1, 1, 13, derive_second_input),
    BACKWARD(norm_residual_add_backward, "rms", GATUN_RMS_NORM, 2, 1, 1, 9, derive_second_input),
    RESIDUAL(norm_add_norm, "layer", GATUN_LAYER_NORM, 0, 2, 17),
    RESIDUAL(norm_add_norm, "rms", GATUN_RMS_NORM, 0, 2, 9),
    BACKWARD(norm_add_norm_backward, "layer", GATUN_LAYER_NORM, 4, 2, 2, 27, derive_both_norms),
    BACKWARD(norm_add_norm_backward, "rms", GATUN_RMS_NORM, 4, 2, 2, 19, derive_both_norms),
    {.function = "qkv_head_rms_norm",
     .variant = "",
     .norm = GATUN_RMS_NORM,
     .reads = 1,
     .writes = 1,
     .heads = HEADS,
     .flops = 4,
     .quick = 1,
     .call = call_qkv_head_rms_norm,
     .define = define_qkv_head_rms_norm},
    {.function = "qkv_head_rms_norm_backward",
     .variant = "",
     .norm = GATUN_RMS_NORM,
     .reads = 2,
     .writes = 1,
     .heads = HEADS,
     .flops = 11,
     .column_vectors = 6,
     .quick = 1,
     .scratch = gatun_qkv_head_rms_norm_backward_scratch,
     .call = call_qkv_head_rms_norm_backward,
     .define = define_qkv_head_rms_norm_backward},
    {.function = "zero_mean_rows",
     .variant = "rows",
     .along = 0,
     .reads = 1,
     .writes = 1,
     .heads = 1,
     .flops = 2,
     .quick = 1,
     .scratch = gatun_zero_mean_rows_scratch,
     .call = call_zero_mean_rows,
     .define = define_zero_mean_rows},
    {.function = "zero_mean_rows",
     .variant = "columns",
     .along = 1,
     .reads = 1,
     .writes = 1,
     .heads = 1,
     .flops = 2,
     .scratch = gatun_zero_mean_rows_scratch,
     .call = call_zero_mean_rows,
     .define = define_zero_mean_rows},
    {.function = "fold_affine",
     .variant = "",
     .reads = 1,
     .writes = 1,
     .heads = 1,
     .flops = 3,
     .quick = 1,
     .call = call_fold_affine,
     .define = define_fold_affine},
    ACTIVATION(activation, "relu", GATUN_RELU, 1, 1, 1),
    ACTIVATION(activation, "relu6", GATUN_RELU6, 1, 1, 2),
    ACTIVATION(activation, "squared_relu", GATUN_SQUARED_RELU, 1, 1, 2),
    ACTIVATION(activation, "clip", GATUN_CLIP, 1, 1, 2),
    ACTIVATION(activation, "hard_sigmoid", GATUN_HARD_SIGMOID, 1, 1, 4),
    ACTIVATION(activation, "hard_swish", GATUN_HARD_SWISH, 1, 1, 5),
    ACTIVATION(activation, "gelu_erf", GATUN_GELU_ERF, 1, 1, 30),
    ACTIVATION(activation, "gelu_tanh", GATUN_GELU_TANH, 1, 1, 25),
    ACTIVATION(activation, "silu", GATUN_SILU, 1, 1, 20),
    ACTIVATION(activation, "sigmoid", GATUN_SIGMOID, 1, 1, 19),
    ACTIVATION(activation, "tanh", GATUN_TANH, 1, 1, 20),
    ACTIVATION(activation, "selu", GATUN_SELU, 1, 1, 18),
    ACTIVATION(activation, "sine", GATUN_SINE, 1, 1, 18),
    ACTIVATION(activation_backward, "relu", GATUN_RELU, 2, 1, 1),
    ACTIVATION(activation_backward, "gelu_erf", GATUN_GELU_ERF, 2, 1, 33),
    ACTIVATION(activation_backward, "gelu_tanh", GATUN_GELU_TANH, 2, 1, 32),
    ACTIVATION(activation_backward, "silu", GATUN_SILU, 2, 1, 25),
    ACTIVATION(activation_backward, "tanh", GATUN_TANH, 2, 1, 22),
    ACTIVATION(activation_backward, "selu", GATUN_SELU, 2, 1, 19),
    ACTIVATION(activation_backward, "sine", GATUN_SINE, 2, 1, 20),
    ACTIVATION(activation_output_backward, "tanh", GATUN_TANH, 2, 1, 3),
    ACTIVATION(activation_output_backward, "selu", GATUN_SELU, 2, 1, 2),
    ACTIVATION(gated_activation, "swiglu", GATUN_SILU, 2, 1, 21),
    ACTIVATION(gated_activation, "geglu", GATUN_GELU_ERF, 2, 1, 31),
    ACTIVATION(gated_activation, "reglu", GATUN_RELU, 2, 1, 2),
    ACTIVATION(gated_activation_backward, "swiglu", GATUN_SILU, 3, 2, 28),
    ACTIVATION(gated_activation_backward, "geglu", GATUN_GELU_ERF, 3, 2, 38),
    ACTIVATION_WITH(activation_mask, "relu6", GATUN_RELU6, 1, 1, mask_bytes, NULL),
    ACTIVATION_WITH(activation_mask_backward, "relu6", GATUN_RELU6, 1, 1, mask_bytes, derive_mask),
    ACTIVATION_WITH(alpha_dropout, "", GATUN_RELU, 1, 1, NULL, NULL),
    ACTIVATION_WITH(alpha_dropout_backward, "", GATUN_RELU, 1, 1, NULL, NULL),
    ACTIVATION_WITH(head_gate, "", GATUN_SIGMOID, 1, HEADS, gate_bytes, derive_gates),
    ACTIVATION_WITH(head_gate_backward, "", GATUN_SIGMOID, 2, HEADS, gate_bytes, derive_gates),
    POLYNOMIAL(poly_relu, poly_relu, 1, 0, 1, 1, 7, NULL),
    POLYNOMIAL(poly_relu_backward, poly_relu_backward, 1, 0, 2, 1, 14, polynomial_scratch),
    POLYNOMIAL(poly_eval, poly_relu, 0, 0, 1, 1, 6, NULL),
    POLYNOMIAL(poly_eval_backward, poly_relu_backward, 0, 0, 2, 1, 13, polynomial_scratch),
    POLYNOMIAL(poly_norm, poly_norm, 0, 0, 1, 1, 12, poly_norm_scratch),
    POLYNOMIAL(poly_norm_backward, poly_norm_backward, 0, 0, 2, 1, 28, poly_norm_backward_scratch),
    POLYNOMIAL(poly_norm_mul, poly_norm, 0, 1, 2, 1, 13, poly_norm_scratch),
    POLYNOMIAL(poly_norm_mul_backward, poly_norm_backward, 0, 1, 3, 2, 36, poly_norm_backward_scratch),
    POLYNOMIAL(rational, rational, 0, 0, 1, 1, 20, NULL),
    POLYNOMIAL(rational_backward, rational_backward, 0, 0, 2, 1, 63, rational_scratch),
    POLYNOMIAL(threshold_mask, threshold_mask, 0, 0, 1, 1, 1, NULL),
    POLYNOMIAL(topk_mask_rows, topk_mask_rows, 0, 0, 1, 1, 1, NULL),
    BASIS(kan_basis, "b-spline", GATUN_KAN_BSPLINE, 1, 1, 11),
    BASIS(kan_basis, "chebyshev", GATUN_KAN_CHEBYSHEV, 0, 1, 3),
    BASIS(kan_basis, "fourier", GATUN_KAN_FOURIER, 0, 1, 3),
    BASIS(kan_basis, "gaussian", GATUN_KAN_GAUSSIAN, 0, 1, 3),
    BASIS(kan_basis_backward, "b-spline", GATUN_KAN_BSPLINE, 1, 2, 12),
    BASIS(kan_basis_backward, "chebyshev", GATUN_KAN_CHEBYSHEV, 0, 2, 5),
    BASIS(kan_basis_backward, "fourier", GATUN_KAN_FOURIER, 0, 2, 6),
    BASIS(kan_basis_backward, "gaussian", GATUN_KAN_GAUSSIAN, 0, 2, 7),
    LAYER(kan_layer, "b-spline", GATUN_KAN_BSPLINE, 1, 1, 2),
    LAYER(kan_layer, "chebyshev", GATUN_KAN_CHEBYSHEV, 0, 1, 2),
    LAYER(kan_layer_backward, "b-spline", GATUN_KAN_BSPLINE, 1, 2, 4),
    LAYER(kan_layer_backward, "chebyshev", GATUN_KAN_CHEBYSHEV, 0, 2, 4),
    BASIS(kan_window_basis, "relu-kan", GATUN_KAN_INNER_RELU, 1, 1, 7),
    BASIS(kan_window_basis, "af-kan", GATUN_KAN_INNER_SILU, 0, 1, 7),
    BASIS(kan_window_basis_backward, "relu-kan", GATUN_KAN_INNER_RELU, 1, 2, 16),
    BASIS(kan_window_basis_backward, "af-kan", GATUN_KAN_INNER_SILU, 0, 2, 16),
};

const struct operation *all_operations(int *count) {
    *count = (int)(sizeof operations / sizeof operations[0]);
    return operations;
}

/* ---- subjects ---- */

static uint64_t random_state;

static float next_random(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(random_state >> 32) * 0x1p-31f;
}

static void fill_vector(float *vector, long long count, float middle) {
    for (long long i = 0; i < count; i++)
        vector[i] = middle + 0.5f * next_random();
}

static void fill_inputs(struct subject *s) {
    random_state = 42;
    for (int i = 0; i < MAX_NORMS; i++) {
        fill_vector(s->gamma[i], s->shape->columns, 1.0f);
        fill_vector(s->beta[i], s->shape->columns, 0.0f);
    }
    fill_vector(s->bias, s->shape->rows, 0.0f);
    fill_vector(s->weight, s->shape->columns * s->operation->functions * s->operation->outputs, 0.0f);
    for (int i = 0; i < s->operation->reads; i++) {
        for (long long j = 0; j < s->shape->rows * s->in[i].stride; j++)
            store_element(s->in[i].data, s->dtype, j, 2.0f * next_random() + 0.25f);
    }
    if (s->operation->derive != NULL)
        s->operation->derive(s);
}

static int make_rows(struct subject *s, struct rows *rows, long long stride, long long width, long long offset,
                     char *message) {
    const long long count = s->shape->rows > 0 ? s->shape->rows : 1;
    rows->width = width;
    rows->stride = stride + rows->width - s->shape->columns;
    rows->bytes = count * rows->stride * dtype_bytes[s->dtype] + offset;
    if (gatun_allocate(s->context, rows->bytes, &rows->memory, message, MESSAGE_BYTES) != GATUN_OK)
        return 0;
    memset(rows->memory, 0, (size_t)rows->bytes);
    rows->data = (char *)rows->memory + offset;
    return 1;
}

/* The elements of a row: `other` than x and dx, those of functions or of outputs, where the operation has them. */
static long long width_of(const struct subject *s, int other) {
    const struct operation *o = s->operation;
    return other && o->outputs > 0 ? o->outputs : other && o->functions > 0 ? s->width * o->functions : s->width;
}

static int make_vector(float **vector, long long count) {
    *vector = calloc((size_t)count + COEFFICIENTS, sizeof **vector);
    return *vector != NULL;
}

int make_subject(struct subject *s, const struct operation *operation, const struct bench_case *shape, int dtype,
                 int isa, int threads, long long offset, char *message) {
    memset(s, 0, sizeof *s);
    s->operation = operation;
    s->shape = shape;
    s->dtype = dtype;
    s->width = shape->columns * operation->heads;
    if (gatun_context_create(GATUN_BACKEND_CPU, 0, isa, threads, &s->context, message, MESSAGE_BYTES) != GATUN_OK)
        return 0;
    for (int i = 0; i < operation->reads; i++) {
        if (!make_rows(s, &s->in[i], shape->x_stride, width_of(s, i > 0), 0, message))
            return 0;
    }
    for (int i = 0; i < operation->writes; i++) {
        /* The sum in place of the residual, the result in place of x. */
        if (operation->in_place)
            s->out[i] = s->in[1 - i];
        else if (!make_rows(s, &s->out[i], shape->y_stride, width_of(s, operation->reads == 1), offset, message))
            return 0;
    }
    const long long weights = shape->columns * operation->functions * operation->outputs;
    int good = make_vector(&s->weight, weights) && make_vector(&s->dweight, weights) &&
               make_vector(&s->bias, shape->rows) && make_vector(&s->bias_out, shape->rows);
    for (int i = 0; i < MAX_NORMS; i++) {
        good = good && make_vector(&s->gamma[i], shape->columns) && make_vector(&s->beta[i], shape->columns) &&
               make_vector(&s->dgamma[i], shape->columns) && make_vector(&s->dbeta[i], shape->columns) &&
               make_vector(&s->mean[i], shape->rows) && make_vector(&s->mean_low[i], shape->rows) &&
               make_vector(&s->rstd[i], shape->rows);
    }
    if (operation->scratch != NULL &&
        operation->scratch(s->context, shape->rows, shape->columns, &s->scratch_bytes) != GATUN_OK)
        return 0;
    if (s->scratch_bytes > 0)
        s->scratch = aligned_alloc(64, ((size_t)s->scratch_bytes + 63) / 64 * 64);
    if (!good || (s->scratch_bytes > 0 && s->scratch == NULL)) {
        snprintf(message, MESSAGE_BYTES, "out of memory");
        return 0;
    }
    fill_inputs(s);
    return 1;
}

void free_subject(struct subject *s) {
    for (int i = 0; i < MAX_NORMS; i++) {
        float *vectors[] = {s->gamma[i], s->beta[i], s->dgamma[i], s->dbeta[i], s->mean[i], s->mean_low[i], s->rstd[i]};
        for (size_t v = 0; v < sizeof vectors / sizeof vectors[0]; v++)
            free(vectors[v]);
    }
    free(s->weight);
    free(s->dweight);
    free(s->bias);
    free(s->bias_out);
    free(s->scratch);
    if (s->context == NULL)
        return;
    for (int i = 0; i < s->operation->reads; i++)
        gatun_free(s->context, s->in[i].memory, s->in[i].bytes);
    for (int i = 0; i < s->operation->writes && !s->operation->in_place; i++)
        gatun_free(s->context, s->out[i].memory, s->out[i].bytes);
    gatun_context_destroy(s->context);
}

static long long row_bytes(const struct subject *s) {
    long long width = 0;
    for (int i = 0; i < s->operation->reads; i++)
        width += s->in[i].width;
    for (int i = 0; i < s->operation->writes; i++)
        width += s->out[i].width;
    return s->shape->rows * width * dtype_bytes[s->dtype];
}

long long mean_stream_bytes(const struct subject *s) {
    return row_bytes(s) / (s->operation->reads + s->operation->writes);
}

double minimal_bytes(const struct subject *s) {
    const struct operation *o = s->operation;
    const double rows = (double)s->shape->rows;
    return (double)row_bytes(s) + 4.0 * (o->column_vectors * (double)s->shape->columns + o->row_vectors * rows);
}

double flops(const struct subject *s) {
    return (double)s->operation->flops * (double)s->shape->rows * (double)s->width;
}

/* ---- evaluation ---- */

void load_row(const struct subject *s, const struct rows *rows, long long row, double *values) {
    for (long long i = 0; i < rows->width; i++)
        values[i] = load_element(rows->data, s->dtype, row * rows->stride + i);
}

void note_error(struct evaluation *e, double error) {
    if (!(error <= e->error))
        e->error = isnan(error) ? (double)INFINITY : error;
}

static void expect(struct evaluation *e, int output, long long row, const double *values, const double *scale) {
    const struct rows *rows = &e->subject->out[output];
    const int dtype = e->subject->dtype;
    for (long long i = 0; i < rows->width; i++) {
        const double got = load_element(rows->data, dtype, row * rows->stride + i);
        note_error(e, error_units(got, values[i], scale != NULL ? scale[i] : 1.0 + fabs(values[i]), dtype));
    }
}

void expect_row(struct evaluation *e, int output, long long row, const double *values) {
    expect(e, output, row, values, NULL);
}

void expect_gradient(struct evaluation *e, int output, long long row, const double *values, const double *scale) {
    expect(e, output, row, values, scale);
}

void add_gradients(struct evaluation *e, int index, const double *upstream, const double *scale) {
    for (long long i = 0; i < e->norm->columns; i++) {
        const double normalized = e->norm->normalized[i];
        e->dgamma[index][i] += upstream[i] * normalized;
        e->dgamma_scale[index][i] += scale[i] * (1.0 + fabs(normalized));
        e->dbeta[index][i] += upstream[i];
        e->dbeta_scale[index][i] += scale[i];
    }
}

void derive_statistics(struct subject *s, const struct rows *rows, int index) {
    double *values = malloc((size_t)s->width * sizeof *values);
    struct norm_row norm = {.columns = s->width, .normalized = values};
    for (long long row = 0; values != NULL && row < s->shape->rows; row++) {
        load_row(s, rows, row, values);
        normalize_row(&norm, s->operation->norm, values);
        s->mean[index][row] = (float)norm.mean;
        s->mean_low[index][row] = (float)(norm.mean - (double)s->mean[index][row]);
        s->rstd[index][row] = (float)norm.scale;
    }
    free(values);
}

/* Gradients of parameters are float32 and within its bound, whatever the type of the rows, whose bound is 1 if 16-bit. */
static void expect_sums(struct evaluation *e, const float *got, const double *expected, const double *scale) {
    const double of_unit = e->subject->dtype == GATUN_F32 ? 1.0 : float32_bound;
    for (long long i = 0; i < e->norm->columns + COEFFICIENTS; i++)
        note_error(e, error_units((double)got[i], expected[i], scale[i], GATUN_F32) / of_unit);
}

static double evaluate(const struct subject *s) {
    enum { ROWS = 4, SUMS = 4 * MAX_NORMS + 1 };
    const size_t functions = s->operation->functions > 0 ? (size_t)s->operation->functions : 1;
    const size_t width = (size_t)s->width * functions, columns = (size_t)s->shape->columns + COEFFICIENTS;
    double *memory = calloc(ROWS * width + SUMS * columns, sizeof *memory);
    if (memory == NULL)
        return INFINITY;
    struct norm_row norm = {.columns = s->shape->columns, .normalized = memory};
    struct evaluation e = {.subject = s, .norm = &norm};
    e.first = memory + width;
    e.second = e.first + width;
    e.scale = e.second + width;
    double *sums = memory + ROWS * width;
    for (int i = 0; i < MAX_NORMS; i++) {
        e.dgamma[i] = sums + (size_t)(4 * i) * columns;
        e.dbeta[i] = e.dgamma[i] + columns;
        e.dgamma_scale[i] = e.dbeta[i] + columns;
        e.dbeta_scale[i] = e.dgamma_scale[i] + columns;
    }
    e.column_means = sums + (size_t)(4 * MAX_NORMS) * columns;
    for (long long row = 0; row < s->shape->rows; row++)
        s->operation->define(&e, row);
    /* Norms without gradients have zeros on both sides. */
    for (int i = 0; i < MAX_NORMS; i++) {
        expect_sums(&e, s->dgamma[i], e.dgamma[i], e.dgamma_scale[i]);
        if (s->operation->norm == GATUN_LAYER_NORM)
            expect_sums(&e, s->dbeta[i], e.dbeta[i], e.dbeta_scale[i]);
    }
    free(memory);
    return e.error;
}

double error_of(struct subject *s) {
    if (!s->operation->in_place)
        return evaluate(s);
    /* The inputs are gone: what was written is kept aside, and they are made anew. */
    struct subject kept = *s;
    int good = 1;
    for (int i = 0; i < s->operation->writes; i++) {
        kept.out[i].data = malloc((size_t)s->out[i].bytes);
        good = good && kept.out[i].data != NULL;
        if (good)
            memcpy(kept.out[i].data, s->out[i].data, (size_t)s->out[i].bytes);
    }
    double error = INFINITY;
    if (good) {
        fill_inputs(s);
        error = evaluate(&kept);
    }
    for (int i = 0; i < s->operation->writes; i++)
        free(kept.out[i].data);
    return error;
}
