/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of a per-head normalization, forward or backward, on guarded memory: data from a seed, the call, and every
 * check that can follow it.
 */
#ifndef GATUN_TEST_HEAD_NORM_CASE_H
#define GATUN_TEST_HEAD_NORM_CASE_H

#include <stddef.h>
#include <stdint.h>

#include "gatun.h"
#include "guarded.h"

/* Queries, keys and values; sets of them are masks of 1 << role. */
enum { ROLES = 3, ALL_ROLES = 7 };

typedef struct head_norm_case {
    int backward;
    int dtype, parameter_dtype;
    long long tokens, query_heads, key_value_heads, columns;
    int packed;         /* each of the tensors is one with all roles */
    int roles, gammas;  /* which are there */
    int in_place;       /* results replace x, or dy */
    int saves_rstd;     /* forward */
    int inputs, wanted; /* backward: the roles whose dx and whose gradient of gamma are taken */
    float weight_offset, eps;
    int eps_mode, cast_mode;
    double scale; /* of x */
    int has_special;
    double special; /* at special_column of gamma, or of the middle head vector of each role in x or dy */
    int special_in_dy, special_in_gamma;
    long long special_column;
    enum placement placement;
    long long offset; /* elements, with PLACE_BEGIN */
    long long gap;    /* elements between tokens */
    long long piece;  /* backward: tokens of a call, 0 for all at once */
    uint64_t seed;
} head_norm_case;

/* One tensor of each role, or all three in the memory of the first. */
typedef struct head_tensors {
    guarded memory[ROLES];
    unsigned char *copy[ROLES]; /* what they held before the call */
    size_t capacity[ROLES];
    unsigned char *role[ROLES];      /* NULL where left out */
    unsigned char *role_copy[ROLES]; /* the place in the copy */
    long long stride[ROLES];
} head_tensors;

/* The memory of one caller; zero-initialised, reused from case to case. */
typedef struct head_norm_memory {
    head_tensors x, y, dy, dx;
    guarded gamma[ROLES], dgamma[ROLES], rstd, scratch;
    unsigned char *packed;
    size_t packed_capacity;
} head_norm_memory;

/* All results without what lies between them, to compare calls bit by bit; owned by the memory. */
typedef struct head_norm_result {
    const unsigned char *bytes;
    size_t count;
} head_norm_result;

/* All roles and gammas, packed, unit noise, eps 1e-5. */
head_norm_case head_norm_case_plain(int backward, int dtype, long long tokens, long long query_heads,
                                    long long key_value_heads, long long columns);

long long head_norm_heads(const head_norm_case *test, int role);

/* One line that names everything needed to repeat the case. */
void head_norm_describe(const head_norm_case *test, const gatun_context *context, char *text, size_t text_bytes);

/*
 * Runs the case. Checks the status, canaries, guard pages (by not crashing), inputs and floating-point state; then every
 * result against the float64 reference within the bounds of the case file, by gatun_dtype, unless they are NULL; that of
 * F32 holds for rstd and, before they are rounded, for gradients. Returns whether all of it held; prints the case when
 * not.
 */
int head_norm_run(gatun_context *context, const head_norm_case *test, const double *bounds, head_norm_memory *memory,
                  head_norm_result *result);

void head_norm_release(head_norm_memory *memory);

#endif
