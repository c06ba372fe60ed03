/* SPDX-License-Identifier: Apache-2.0 */
#include "head_norm_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fp_state.h"
#include "row_norm_reference.h"
#include "values.h"

static const char *const role_names[ROLES] = {"q", "k", "v"};

head_norm_case head_norm_case_plain(int backward, int dtype, long long tokens, long long query_heads,
                                    long long key_value_heads, long long columns) {
    return (head_norm_case){.backward = backward,
                            .dtype = dtype,
                            .parameter_dtype = GATUN_F32,
                            .tokens = tokens,
                            .query_heads = query_heads,
                            .key_value_heads = key_value_heads,
                            .columns = columns,
                            .packed = 1,
                            .roles = ALL_ROLES,
                            .gammas = ALL_ROLES,
                            .saves_rstd = 1,
                            .inputs = ALL_ROLES,
                            .wanted = ALL_ROLES,
                            .eps = 1e-5f,
                            .scale = 1,
                            .placement = PLACE_END,
                            .seed = (uint64_t)(tokens * 1000003 + query_heads * 10007 + columns)};
}

long long head_norm_heads(const head_norm_case *test, int role) {
    return role == 0 ? test->query_heads : test->key_value_heads;
}

static long long first_head(const head_norm_case *test, int role) {
    return role == 0 ? 0 : test->query_heads + (role - 1) * test->key_value_heads;
}

static long long all_heads(const head_norm_case *test) {
    return test->query_heads + 2 * test->key_value_heads;
}

static int is_there(const head_norm_case *test, int role) {
    return (test->roles >> role & 1) && head_norm_heads(test, role) > 0;
}

void head_norm_describe(const head_norm_case *test, const gatun_context *context, char *text, size_t text_bytes) {
    char special[80] = "";
    if (test->has_special) {
        snprintf(special, sizeof special, " %s[%lld]=%g",
                 test->special_in_gamma ? "gamma"
                 : test->special_in_dy  ? "dy"
                                        : "x",
                 test->special_column, test->special);
    }
    snprintf(text, text_bytes,
             "%s at level %s, %d threads: tensors %s, parameters %s, %lld tokens, heads %lld + 2 * %lld, columns %lld, "
             "packed %d roles %d gammas %d in place %d rstd %d inputs %d wanted %d, weight offset %g, eps %g mode %d, "
             "cast mode %d, scale %g%s, placed at the %s + %lld, gap %lld, pieces of %lld, seed %llu",
             test->backward ? "qkv_head_rms_norm_backward" : "qkv_head_rms_norm",
             gatun_isa_name(gatun_context_isa(context)), gatun_context_threads(context), dtype_name(test->dtype),
             dtype_name(test->parameter_dtype), test->tokens, test->query_heads, test->key_value_heads, test->columns,
             test->packed, test->roles, test->gammas, test->in_place, test->saves_rstd, test->inputs, test->wanted,
             (double)test->weight_offset, (double)test->eps, test->eps_mode, test->cast_mode, test->scale, special,
             test->placement == PLACE_END ? "end" : "begin", test->offset, test->gap, test->piece,
             (unsigned long long)test->seed);
}

static unsigned char *reserve(unsigned char **bytes, size_t *capacity, size_t needed) {
    if (*capacity < needed) {
        free(*bytes);
        *bytes = malloc(needed);
        *capacity = needed;
        if (*bytes == NULL) {
            check_abandon("no memory for %zu bytes", needed);
        }
    }
    return *bytes;
}

static void *place(guarded *memory, const head_norm_case *test, long long elements, size_t element) {
    size_t offset = test->placement == PLACE_BEGIN ? (size_t)test->offset * element : 0;
    return guarded_place(memory, (size_t)elements * element, element, test->placement, offset);
}

static size_t vector_at(const head_norm_case *test, const head_tensors *t, int role, long long token, long long head) {
    return (size_t)(token * t->stride[role] + head * test->columns) * dtype_bytes(test->dtype);
}

/* Numbers the memories of the tensors: the one of a role is the first where they are packed. */
static int memory_of(const head_norm_case *test, int role) {
    return test->packed ? 0 : role;
}

/* Where `filled`, the tensors get bell-shaped noise. */
static void place_tensors(const head_norm_case *test, head_tensors *t, int filled, double scale, uint64_t *random) {
    const size_t element = dtype_bytes(test->dtype);
    for (int m = 0; m < (test->packed ? 1 : ROLES); m++) {
        long long width = (test->packed ? all_heads(test) : head_norm_heads(test, m)) * test->columns;
        long long elements = test->tokens > 0 ? (test->tokens - 1) * (width + test->gap) + width : 0;
        place(&t->memory[m], test, elements, element);
        for (int r = 0; r < ROLES; r++) {
            if (memory_of(test, r) == m) {
                t->stride[r] = width + test->gap;
                t->role[r] = NULL;
                if (is_there(test, r)) {
                    t->role[r] = t->memory[m].data + (test->packed ? first_head(test, r) * test->columns : 0) * element;
                }
            }
        }
    }
    for (int r = 0; r < ROLES; r++) {
        for (long long v = 0; filled && t->role[r] && v < test->tokens * head_norm_heads(test, r); v++) {
            const long long heads = head_norm_heads(test, r);
            unsigned char *vector = t->role[r] + vector_at(test, t, r, v / heads, v % heads);
            for (long long j = 0; j < test->columns; j++) {
                dtype_store(test->dtype, vector, j, scale * random_bell(random));
            }
        }
    }
}

static void set_special(const head_norm_case *test, head_tensors *t) {
    for (int r = 0; r < ROLES; r++) {
        if (t->role[r] && test->tokens > 0) {
            dtype_store(test->dtype, t->role[r] + vector_at(test, t, r, test->tokens / 2, head_norm_heads(test, r) / 2),
                        test->special_column, test->special);
        }
    }
}

static void keep_copy(const head_norm_case *test, head_tensors *t) {
    for (int r = 0; r < ROLES; r++) {
        const int m = memory_of(test, r);
        if (m == r) {
            memcpy(reserve(&t->copy[m], &t->capacity[m], t->memory[m].bytes + 1), t->memory[m].data,
                   t->memory[m].bytes);
        }
        t->role_copy[r] = t->role[r] ? t->copy[m] + (t->role[r] - t->memory[m].data) : NULL;
    }
}

static void *gamma_of(const head_norm_case *test, const head_norm_memory *memory, int role) {
    return (test->gammas >> role & 1) ? memory->gamma[role].data : NULL;
}

static int wants(const head_norm_case *test, int role) {
    return test->backward && (test->wanted >> role & 1) && is_there(test, role);
}

static void prepare(const head_norm_case *test, head_norm_memory *memory, long long scratch_bytes) {
    uint64_t random = test->seed;
    place_tensors(test, &memory->x, 1, test->scale, &random);
    place_tensors(test, &memory->dy, test->backward, 1, &random);
    place_tensors(test, test->backward ? &memory->dx : &memory->y, 0, 0, &random);
    if (test->has_special && !test->special_in_gamma) {
        set_special(test, test->special_in_dy ? &memory->dy : &memory->x);
    }
    keep_copy(test, &memory->x);
    keep_copy(test, &memory->dy);
    keep_copy(test, test->backward ? &memory->dx : &memory->y);
    for (int r = 0; r < ROLES; r++) {
        void *gamma = place(&memory->gamma[r], test, test->columns, dtype_bytes(test->parameter_dtype));
        for (long long j = 0; j < test->columns; j++) {
            dtype_store(test->parameter_dtype, gamma, j, 1 + 0.25 * random_bell(&random));
        }
        if (test->special_in_gamma) {
            dtype_store(test->parameter_dtype, gamma, test->special_column, test->special);
        }
        place(&memory->dgamma[r], test, test->columns, sizeof(float));
    }
    place(&memory->rstd, test, test->tokens * all_heads(test), sizeof(float));
    guarded_place(&memory->scratch, (size_t)scratch_bytes, 64, test->placement, 0);
}

static int call_forward(gatun_context *context, const head_norm_case *test, head_norm_memory *memory, char *message,
                        long long message_bytes) {
    const head_tensors *x = &memory->x, *y = test->in_place ? x : &memory->y;
    return gatun_qkv_head_rms_norm(
        context, test->dtype, test->parameter_dtype, test->tokens, test->query_heads, test->key_value_heads,
        test->columns, x->role[0], x->stride[0], x->role[1], x->stride[1], x->role[2], x->stride[2],
        gamma_of(test, memory, 0), gamma_of(test, memory, 1), gamma_of(test, memory, 2), test->weight_offset, test->eps,
        test->eps_mode, test->cast_mode, y->role[0], y->stride[0], y->role[1], y->stride[1], y->role[2], y->stride[2],
        test->saves_rstd ? (float *)(void *)memory->rstd.data : NULL, message, message_bytes);
}

static void *input_gradient(const head_norm_case *test, const head_tensors *dx, int role) {
    return (test->inputs >> role & 1) ? dx->role[role] : NULL;
}

static int call_backward(gatun_context *context, const head_norm_case *test, head_norm_memory *memory,
                         long long scratch_bytes, char *message, long long message_bytes) {
    const head_tensors *x = &memory->x, *dy = &memory->dy, *dx = test->in_place ? dy : &memory->dx;
    const long long piece = test->piece > 0 ? test->piece : test->tokens;
    long long begin = 0;
    int status;
    do {
        const long long end = begin + piece < test->tokens ? begin + piece : test->tokens;
        float *dgamma[ROLES];
        for (int r = 0; r < ROLES; r++) {
            dgamma[r] = wants(test, r) && end == test->tokens ? (float *)(void *)memory->dgamma[r].data : NULL;
        }
        status = gatun_qkv_head_rms_norm_backward(
            context, test->dtype, test->parameter_dtype, test->tokens, test->query_heads, test->key_value_heads,
            test->columns, dy->role[0], dy->stride[0], dy->role[1], dy->stride[1], dy->role[2], dy->stride[2],
            x->role[0], x->stride[0], x->role[1], x->stride[1], x->role[2], x->stride[2], gamma_of(test, memory, 0),
            gamma_of(test, memory, 1), gamma_of(test, memory, 2), test->weight_offset, test->eps, test->eps_mode,
            input_gradient(test, dx, 0), dx->stride[0], input_gradient(test, dx, 1), dx->stride[1],
            input_gradient(test, dx, 2), dx->stride[2], dgamma[0], dgamma[1], dgamma[2], begin, end,
            test->wanted ? memory->scratch.data : NULL, scratch_bytes, message, message_bytes);
        begin = end;
    } while (status == GATUN_OK && begin < test->tokens);
    return status;
}

static int within(double value, double low, double high) {
    return isnan(low) || isnan(high) ? isnan(value) : value >= low && value <= high;
}

static double gamma_value(const head_norm_case *test, const head_norm_memory *memory, int role, long long j) {
    return (test->gammas >> role & 1) ? dtype_load(test->parameter_dtype, memory->gamma[role].data, j) : 1.0;
}

static row_norm_case row_of(const head_norm_case *test, int role) {
    row_norm_case row = row_norm_case_plain(RMS_NORM, test->dtype, 1, test->columns);
    row.parameter_dtype = test->parameter_dtype;
    row.has_gamma = test->gammas >> role & 1;
    row.has_beta = 0;
    row.weight_offset = test->weight_offset;
    row.eps = test->eps;
    row.eps_mode = test->eps_mode;
    row.cast_mode = test->cast_mode;
    return row;
}

static int check_forward_vector(const head_norm_case *test, const head_norm_memory *memory, int role, long long token,
                                long long head, const double *bounds, const char *what) {
    const row_norm_case row = row_of(test, role);
    const head_tensors *results = test->in_place ? &memory->x : &memory->y;
    const unsigned char *x = memory->x.role_copy[role] + vector_at(test, &memory->x, role, token, head);
    const unsigned char *y = results->role[role] + vector_at(test, results, role, token, head);
    const row_reference reference = row_norm_reference(&row, x);
    if (test->saves_rstd) {
        const double r = dtype_round(GATUN_F32, reference.r),
                     slack = isfinite(r) ? bounds[GATUN_F32] * 0x1p-23 * r + 0x1p-149 : 0;
        const double saved = (double)((const float *)(const void *)
                                          memory->rstd.data)[token * all_heads(test) + first_head(test, role) + head];
        if (!(isnan(r) ? isnan(saved) : saved == r || fabs(saved - r) <= slack)) {
            return CHECK(0, "%s\n    %s[%lld, %lld]: rstd is %.9g, expected %.9g", what, role_names[role], token, head,
                         saved, r);
        }
    }
    for (long long j = 0; j < test->columns; j++) {
        const double value = dtype_load(test->dtype, x, j), gamma = gamma_value(test, memory, role, j);
        const double result = dtype_load(test->dtype, y, j);
        const interval allowed = row_norm_allowed(&row, &reference, value, gamma, 0, bounds[test->dtype]);
        if (!within(result, allowed.low, allowed.high)) {
            return CHECK(0, "%s\n    %s_out[%lld, %lld, %lld] is %.9g, allowed %.9g to %.9g; x %.9g, r %.17g", what,
                         role_names[role], token, head, j, result, allowed.low, allowed.high, value, reference.r);
        }
    }
    return 1;
}

/* The factor k of the header. */
static double damping(const head_norm_case *test, const row_reference *reference) {
    const double root = sqrt(reference->mean_square);
    switch (test->eps_mode) {
    case GATUN_EPS_ADD:
        return reference->mean_square == 0 ? 0 : 1 / (root * reference->r);
    case GATUN_EPS_CLAMP:
        return sqrt((double)test->columns) * root < (double)test->eps ? 0 : 1;
    default:
        return 1;
    }
}

/* The sum over head vectors of dy * xh for one column, and of its magnitude. */
typedef struct gamma_sum {
    double sum, magnitude;
} gamma_sum;

static int check_backward_vector(const head_norm_case *test, const head_norm_memory *memory, int role, long long token,
                                 long long head, double bound, gamma_sum *sums, const char *what) {
    const row_norm_case row = row_of(test, role);
    const head_tensors *results = test->in_place ? &memory->dy : &memory->dx;
    const unsigned char *x = memory->x.role_copy[role] + vector_at(test, &memory->x, role, token, head);
    const unsigned char *dy = memory->dy.role_copy[role] + vector_at(test, &memory->dy, role, token, head);
    const unsigned char *dx = results->role[role] + vector_at(test, results, role, token, head);
    const row_reference reference = row_norm_reference(&row, x);
    const double r = reference.r, k = damping(test, &reference);
    double product = 0, magnitude = 0;
    for (long long j = 0; j < test->columns; j++) {
        const double xh = dtype_load(test->dtype, x, j) * r, gradient = dtype_load(test->dtype, dy, j);
        const double weight = row.has_gamma ? (double)test->weight_offset + gamma_value(test, memory, role, j) : 1;
        product += gradient * weight * xh / (double)test->columns;
        magnitude += fabs(gradient * weight * xh) / (double)test->columns;
        sums[j].sum += gradient * xh;
        sums[j].magnitude += fabs(gradient * xh);
    }
    for (long long j = 0; (test->inputs >> role & 1) && j < test->columns; j++) {
        const double xh = dtype_load(test->dtype, x, j) * r;
        const double weight = row.has_gamma ? (double)test->weight_offset + gamma_value(test, memory, role, j) : 1;
        const double g = dtype_load(test->dtype, dy, j) * weight;
        const double exact = r * (g - k * xh * product);
        double slack = bound * 0x1p-23 * r * (fabs(g) + k * fabs(xh) * magnitude) + 0x1p-149;
        slack = isfinite(exact) ? slack : 0;
        const double low = dtype_round(test->dtype, exact - slack), high = dtype_round(test->dtype, exact + slack);
        const double result = dtype_load(test->dtype, dx, j);
        if (!within(result, low, high)) {
            return CHECK(0, "%s\n    d%s[%lld, %lld, %lld] is %.9g, expected %.17g, allowed %.9g to %.9g", what,
                         role_names[role], token, head, j, result, exact, low, high);
        }
    }
    return 1;
}

static int check_gamma_gradient(const head_norm_case *test, const head_norm_memory *memory, int role, double bound,
                                const gamma_sum *sums, const char *what) {
    for (long long j = 0; j < test->columns; j++) {
        const double result = (double)((const float *)(const void *)memory->dgamma[role].data)[j];
        const double slack = isfinite(sums[j].sum) ? bound * 0x1p-23 * sums[j].magnitude + 0x1p-149 : 0;
        const double low = dtype_round(GATUN_F32, sums[j].sum - slack);
        const double high = dtype_round(GATUN_F32, sums[j].sum + slack);
        if (!within(result, low, high)) {
            return CHECK(0, "%s\n    d%s_gamma[%lld] is %.9g, expected %.17g within %g", what, role_names[role], j,
                         result, sums[j].sum, slack);
        }
    }
    return 1;
}

static int check_values(const head_norm_case *test, const head_norm_memory *memory, const double *bounds,
                        const char *what) {
    gamma_sum *sums = malloc((size_t)test->columns * sizeof *sums);
    if (sums == NULL) {
        check_abandon("no memory for %lld sums", test->columns);
    }
    int good = 1;
    for (int r = 0; r < ROLES; r++) {
        const long long heads = head_norm_heads(test, r);
        memset(sums, 0, (size_t)test->columns * sizeof *sums);
        for (long long v = 0; good && is_there(test, r) && v < test->tokens * heads; v++) {
            good = test->backward
                       ? check_backward_vector(test, memory, r, v / heads, v % heads, bounds[GATUN_F32], sums, what)
                       : check_forward_vector(test, memory, r, v / heads, v % heads, bounds, what);
        }
        if (good && wants(test, r)) {
            good = check_gamma_gradient(test, memory, r, bounds[GATUN_F32], sums, what);
        }
    }
    free(sums);
    return good;
}

/* Whether memory outside of the results holds what it held: results are taken over into the copy first. */
static int unchanged_outside(const head_norm_case *test, head_tensors *t, int results) {
    int same = 1;
    for (int r = 0; r < ROLES; r++) {
        const long long heads = head_norm_heads(test, r);
        for (long long v = 0; t->role[r] && (results >> r & 1) && v < test->tokens * heads; v++) {
            const size_t at = vector_at(test, t, r, v / heads, v % heads);
            memcpy(t->role_copy[r] + at, t->role[r] + at, (size_t)test->columns * dtype_bytes(test->dtype));
        }
    }
    for (int m = 0; m < (test->packed ? 1 : ROLES); m++) {
        same &= memcmp(t->copy[m], t->memory[m].data, t->memory[m].bytes) == 0 && guarded_margins_intact(&t->memory[m]);
    }
    return same;
}

static int check_memory(const head_norm_case *test, head_norm_memory *memory, const char *what) {
    const int results = test->backward ? test->inputs : ALL_ROLES;
    int same = unchanged_outside(test, &memory->x, !test->backward && test->in_place ? results : 0);
    same &= unchanged_outside(test, &memory->dy, test->backward && test->in_place ? results : 0);
    same &= unchanged_outside(test, test->backward ? &memory->dx : &memory->y, test->in_place ? 0 : results);
    int good = CHECK(same, "%s\n    memory outside of the results was written", what);
    for (int r = 0; r < ROLES; r++) {
        const guarded *dgamma = &memory->dgamma[r];
        good &= CHECK(guarded_margins_intact(&memory->gamma[r]) && guarded_margins_intact(dgamma) &&
                          (wants(test, r) || guarded_is_canary(dgamma->data, dgamma->bytes)),
                      "%s\n    memory of or around the parameters of %s was written", what, role_names[r]);
        for (long long t = 0; !is_there(test, r) && test->saves_rstd && t < test->tokens; t++) {
            const float *rstd = (const float *)(const void *)memory->rstd.data + t * all_heads(test);
            good &= CHECK(guarded_is_canary(rstd + first_head(test, r), (size_t)head_norm_heads(test, r) * 4),
                          "%s\n    rstd of %s was written", what, role_names[r]);
        }
    }
    good &=
        CHECK(guarded_margins_intact(&memory->rstd) && guarded_margins_intact(&memory->scratch) &&
                  ((!test->backward && test->saves_rstd) || guarded_is_canary(memory->rstd.data, memory->rstd.bytes)),
              "%s\n    memory of or around rstd or scratch was written", what);
    return good;
}

static unsigned char *append(unsigned char *to, const void *bytes, size_t count) {
    memcpy(to, bytes, count);
    return to + count;
}

static void pack(const head_norm_case *test, head_norm_memory *memory, head_norm_result *result) {
    const head_tensors *results =
        test->backward ? (test->in_place ? &memory->dy : &memory->dx) : (test->in_place ? &memory->x : &memory->y);
    const size_t vector = (size_t)test->columns * dtype_bytes(test->dtype);
    const size_t needed = (size_t)(test->tokens * all_heads(test)) * (vector + 4) + 3 * 4 * (size_t)test->columns;
    unsigned char *to = reserve(&memory->packed, &memory->packed_capacity, needed + 1);
    result->bytes = to;
    for (int r = 0; r < ROLES; r++) {
        const long long heads = head_norm_heads(test, r);
        for (long long v = 0; results->role[r] && v < test->tokens * heads; v++) {
            to = append(to, results->role[r] + vector_at(test, results, r, v / heads, v % heads), vector);
        }
        if (wants(test, r)) {
            to = append(to, memory->dgamma[r].data, memory->dgamma[r].bytes);
        }
    }
    to = append(to, memory->rstd.data, memory->rstd.bytes);
    result->count = (size_t)(to - result->bytes);
}

int head_norm_run(gatun_context *context, const head_norm_case *test, const double *bounds, head_norm_memory *memory,
                  head_norm_result *result) {
    char what[1024], message[256] = "untouched";
    head_norm_describe(test, context, what, sizeof what);
    long long scratch_bytes = 0;
    if (test->backward) {
        int status = gatun_qkv_head_rms_norm_backward_scratch(context, test->tokens, test->columns, &scratch_bytes);
        CHECK(status == GATUN_OK && scratch_bytes >= 0, "%s\n    scratch query: status %d, %lld bytes", what, status,
              scratch_bytes);
    }
    prepare(test, memory, scratch_bytes);

    const fp_state before = fp_state_read();
    const int status = test->backward ? call_backward(context, test, memory, scratch_bytes, message, sizeof message)
                                      : call_forward(context, test, memory, message, sizeof message);
    const fp_state after = fp_state_read();

    int good = CHECK(status == GATUN_OK, "%s\n    status %d: %s", what, status, message);
    good &= CHECK(strcmp(message, "untouched") == 0, "%s\n    a message on success: %s", what, message);
    good &=
        CHECK(before.vector == after.vector && before.x87 == after.x87, "%s\n    floating-point state changed", what);
    if (good && bounds != NULL) {
        good = CHECK(check_values(test, memory, bounds, what), "%s", what);
    }
    if (result != NULL) {
        pack(test, memory, result);
    }
    return check_memory(test, memory, what) && good;
}

static void release_tensors(head_tensors *t) {
    for (int m = 0; m < ROLES; m++) {
        guarded_release(&t->memory[m]);
        free(t->copy[m]);
    }
}

void head_norm_release(head_norm_memory *memory) {
    release_tensors(&memory->x);
    release_tensors(&memory->y);
    release_tensors(&memory->dy);
    release_tensors(&memory->dx);
    for (int r = 0; r < ROLES; r++) {
        guarded_release(&memory->gamma[r]);
        guarded_release(&memory->dgamma[r]);
    }
    guarded_release(&memory->rstd);
    guarded_release(&memory->scratch);
    free(memory->packed);
    memset(memory, 0, sizeof *memory);
}
