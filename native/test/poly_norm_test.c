/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PolyNorm and its gated form, forward and backward, at every level against float64: shapes, strides, alignments and guard
 * pages, in place, every order, saved statistics and none, values whose powers overflow or underflow float32, special
 * values; the same bits for every number of threads and over calls that continue one another; and the reference against
 * finite differences.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "check.h"
#include "crash.h"
#include "fp_state.h"
#include "levels.h"
#include "operand.h"
#include "values.h"

enum { MOST_ORDER = GATUN_POLY_NORM_MAX_ORDER, SUMS = MOST_ORDER + 1 };

typedef struct test_case {
    int gated, dtype, order;
    long long rows, columns, gap;
    int in_place; /* y is x; dx is dy (1) or x (2), dup is up */
    int saves_rho, uses_rho, wants_dx, wants_dup, wants_sums, accumulate;
    long long piece; /* rows of a call of the backward pass, 0 for all */
    enum placement placement;
    long long offset;
    double scale; /* of x */
    float eps;
    float coefficients[SUMS];
    uint64_t seed;
} test_case;

typedef struct driver {
    int isa, reduced;
    gatun_context *context;
    double bound[2]; /* of float32 results before they are rounded: forward, backward */
    operand x, up, y, dy, dx, dup, rho;
    guarded scratch;
    float sums[SUMS];
} driver;

static void describe(const driver *d, const test_case *t, int backward, char *text, size_t bytes) {
    snprintf(
        text, bytes,
        "poly_norm%s%s %s at level %s: order %d, [%lld, %lld] gap %lld, in place %d, rho saved %d used %d, dx %d dup "
        "%d sums %d, accumulate %d, piece %lld, placement %d offset %lld, scale %g, eps %g, seed %llu",
        t->gated ? "_mul" : "", backward ? "_backward" : "", dtype_name(t->dtype), gatun_isa_name(d->isa), t->order,
        t->rows, t->columns, t->gap, t->in_place, t->saves_rho, t->uses_rho, t->wants_dx, t->wants_dup, t->wants_sums,
        t->accumulate, t->piece, (int)t->placement, t->offset, t->scale, (double)t->eps, (unsigned long long)t->seed);
}

static void prepare(driver *d, const test_case *t) {
    uint64_t random = t->seed;
    operand *const all[] = {&d->x, &d->up, &d->dy, &d->y, &d->dx, &d->dup};
    for (int k = 0; k < 6; k++) {
        const long long gap = t->gap == 0 || t->in_place ? t->gap : t->gap + k;
        operand_place(all[k], t->dtype, t->rows, t->columns, gap, t->placement, t->offset);
        for (long long i = 0; k < 3 && i < t->rows; i++) {
            for (long long j = 0; j < t->columns; j++) {
                operand_set(all[k], i, j, (k == 0 ? t->scale : 1) * random_bell(&random));
            }
        }
    }
    operand_place(&d->rho, GATUN_F32, t->rows, t->order, 0, t->placement, t->offset);
}

static void keep(driver *d) {
    operand *const all[] = {&d->x, &d->up, &d->dy, &d->y, &d->dx, &d->dup, &d->rho};
    for (int k = 0; k < 7; k++) {
        operand_keep(all[k]);
    }
}

/* The definition of a row, in long double: powers of any float fit. */
typedef struct row_definition {
    long double rho[SUMS], mean[SUMS], magnitude[SUMS]; /* mean of g x^p, of |g x^p| */
    int finite;
} row_definition;

static row_definition define_row(const driver *d, const test_case *t, long long row) {
    row_definition r = {.finite = 1};
    long double squares[SUMS] = {0};
    for (long long j = 0; j < t->columns; j++) {
        const long double x = (long double)operand_kept(&d->x, row, j);
        long double power = 1;
        for (int p = 1; p <= t->order; p++) {
            power *= x * x;
            squares[p] += power;
        }
    }
    for (int p = 1; p <= t->order; p++) {
        r.rho[p] = 1 / sqrtl(squares[p] / (long double)t->columns + (long double)t->eps);
    }
    for (long long j = 0; j < t->columns; j++) {
        const long double x = (long double)operand_kept(&d->x, row, j);
        long double term = (long double)operand_kept(&d->dy, row, j);
        r.finite = r.finite && isfinite(x);
        term *= t->gated ? (long double)operand_kept(&d->up, row, j) : 1;
        for (int p = 0; p <= t->order; p++) {
            r.mean[p] += term / (long double)t->columns;
            r.magnitude[p] += fabsl(term) / (long double)t->columns;
            term *= x;
        }
    }
    return r;
}

/* PolyNorm of x, and the sum of the magnitudes of its terms. */
static long double define_value(const test_case *t, const row_definition *r, long double x, long double *scale) {
    long double y = (long double)t->coefficients[0], power = 1;
    *scale = fabsl(y);
    for (int p = 1; p <= t->order; p++) {
        power *= x;
        y += (long double)t->coefficients[p] * r->rho[p] * power;
        *scale += fabsl((long double)t->coefficients[p] * r->rho[p] * power);
    }
    return y;
}

static long double define_gradient(const test_case *t, const row_definition *r, long double g, long double x,
                                   long double *scale) {
    long double dx = 0, power = 1;
    *scale = 0;
    for (int p = 1; p <= t->order; p++) {
        const long double factor = (long double)t->coefficients[p] * p * power * r->rho[p];
        power *= x;
        const long double square = r->rho[p] * r->rho[p];
        dx += factor * (g - power * square * r->mean[p]);
        *scale += fabsl(factor) * (fabsl(g) + fabsl(power) * square * r->magnitude[p]);
    }
    return dx;
}

static int call_forward(driver *d, gatun_context *context, const test_case *t, char *message, long long bytes) {
    operand *y = t->in_place ? &d->x : &d->y;
    float *rho = t->saves_rho ? (float *)(void *)d->rho.data : NULL;
    long long scratch_bytes = 0;
    gatun_poly_norm_scratch(context, t->order, t->rows, t->columns, &scratch_bytes);
    void *scratch = scratch_bytes > 0 ? guarded_place(&d->scratch, (size_t)scratch_bytes, 64, PLACE_BEGIN, 0) : NULL;
    if (t->gated) {
        return gatun_poly_norm_mul(context, t->dtype, t->order, t->rows, t->columns, d->x.data, d->x.stride, d->up.data,
                                   d->up.stride, t->coefficients, t->eps, y->data, y->stride, rho, scratch,
                                   scratch_bytes, message, bytes);
    }
    return gatun_poly_norm(context, t->dtype, t->order, t->rows, t->columns, d->x.data, d->x.stride, t->coefficients,
                           t->eps, y->data, y->stride, rho, scratch, scratch_bytes, message, bytes);
}

static void check_forward(driver *d, const test_case *t) {
    char message[256] = "untouched", what[640];
    keep(d);
    describe(d, t, 0, what, sizeof what);
    const fp_state before = fp_state_read();
    const int status = call_forward(d, d->context, t, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    const operand *y = t->in_place ? &d->x : &d->y;
    for (long long i = 0; i < t->rows; i++) {
        const row_definition r = define_row(d, t, i);
        int good = 1;
        for (long long j = 0; j < t->columns && good; j++) {
            long double scale;
            const long double factor = t->gated ? (long double)operand_kept(&d->up, i, j) : 1;
            const double got = operand_get(y, i, j), x = operand_kept(&d->x, i, j);
            const double expected = r.finite ? (double)(factor * define_value(t, &r, (long double)x, &scale)) : NAN;
            good = is_close(t->dtype, got, expected,
                            r.finite ? d->bound[0] * 0x1p-23 * (double)(scale * fabsl(factor)) + 0x1p-147 : 0);
            if (!good) {
                CHECK(0, "%s: y[%lld, %lld] of %.9g is %.9g, not %.17g", what, i, j, x, got, expected);
            }
        }
        CHECK(good, "%s", what);
        for (int p = 1; t->saves_rho && p <= t->order; p++) {
            const double expected = r.finite ? (double)r.rho[p] : NAN, got = operand_get(&d->rho, i, p - 1);
            CHECK(is_close(GATUN_F32, got, expected, 4 * 0x1p-23 * expected + 0x1p-149),
                  "%s: rho[%lld, %d] is %.9g, not %.9g", what, i, p, got, expected);
        }
    }
    CHECK(operand_intact(&d->x, t->in_place) && operand_intact(&d->up, 0) && operand_intact(&d->y, !t->in_place) &&
              operand_intact(&d->rho, t->saves_rho),
          "%s: other memory was written", what);
}

static int call_backward(driver *d, gatun_context *context, const test_case *t, float *sums, char *message,
                         long long message_bytes) {
    operand *dx = t->in_place == 1 ? &d->dy : t->in_place == 2 ? &d->x : &d->dx;
    operand *dup = t->in_place ? &d->up : &d->dup;
    const float *rho = t->uses_rho ? (const float *)(const void *)d->rho.data : NULL;
    long long bytes = 0;
    int status = gatun_poly_norm_backward_scratch(context, t->order, t->rows, t->columns, &bytes);
    void *scratch = NULL;
    if (bytes > 0 && (t->wants_sums || t->columns > 65536)) {
        scratch = guarded_place(&d->scratch, (size_t)bytes, 64, PLACE_BEGIN, 0);
    }
    long long begin = 0;
    do {
        const long long end = t->piece > 0 && begin + t->piece < t->rows ? begin + t->piece : t->rows;
        float *const last = t->wants_sums && end == t->rows ? sums : NULL;
        void *const to = t->wants_dx ? dx->data : NULL, *const dup_to = t->wants_dup ? dup->data : NULL;
        if (status == GATUN_OK && t->gated) {
            status = gatun_poly_norm_mul_backward(
                context, t->dtype, t->order, t->rows, t->columns, d->dy.data, d->dy.stride, d->x.data, d->x.stride,
                d->up.data, d->up.stride, t->coefficients, t->eps, rho, to, dx->stride, dup_to, dup->stride, last,
                t->accumulate, begin, end, scratch, scratch ? bytes : 0, message, message_bytes);
        } else if (status == GATUN_OK) {
            status = gatun_poly_norm_backward(context, t->dtype, t->order, t->rows, t->columns, d->dy.data,
                                              d->dy.stride, d->x.data, d->x.stride, t->coefficients, t->eps, rho, to,
                                              dx->stride, last, t->accumulate, begin, end, scratch, scratch ? bytes : 0,
                                              message, message_bytes);
        }
        begin = end;
    } while (begin < t->rows);
    return status;
}

static void check_backward(driver *d, const test_case *t) {
    char message[256] = "untouched", what[640];
    describe(d, t, 1, what, sizeof what);
    for (int k = 0; k < SUMS; k++) {
        d->sums[k] = (float)(1 + k);
    }
    for (long long i = 0; t->uses_rho && i < t->rows; i++) {
        for (int p = 1; p <= t->order; p++) {
            keep(d);
            operand_set(&d->rho, i, p - 1, (double)define_row(d, t, i).rho[p]);
        }
    }
    keep(d);
    const fp_state before = fp_state_read();
    const int status = call_backward(d, d->context, t, d->sums, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    const operand *dx = t->in_place == 1 ? &d->dy : t->in_place == 2 ? &d->x : &d->dx;
    const operand *dup = t->in_place ? &d->up : &d->dup;
    const double bound = d->bound[1] * 0x1p-23;
    long double sums[SUMS] = {0}, magnitudes[SUMS] = {0};
    int all_finite = 1;
    for (long long i = 0; i < t->rows; i++) {
        const row_definition r = define_row(d, t, i);
        int good = 1;
        all_finite = all_finite && r.finite;
        for (long long j = 0; j < t->columns && good; j++) {
            const double x = operand_kept(&d->x, i, j), dy = operand_kept(&d->dy, i, j);
            const long double factor = t->gated ? (long double)operand_kept(&d->up, i, j) : 1;
            long double scale = 0;
            if (t->wants_dx) {
                const double got = operand_get(dx, i, j);
                const double expected =
                    (double)define_gradient(t, &r, (long double)dy * factor, (long double)x, &scale);
                good =
                    is_close(t->dtype, got, r.finite ? expected : NAN, r.finite ? bound * (double)scale + 0x1p-147 : 0);
                if (!good) {
                    CHECK(0, "%s: dx[%lld, %lld] at x = %.9g, dy = %.9g is %.9g, not %.17g (scale %g)", what, i, j, x,
                          dy, got, expected, (double)scale);
                }
            }
            if (t->gated && t->wants_dup && good) {
                const double got = operand_get(dup, i, j);
                const double expected = (double)((long double)dy * define_value(t, &r, (long double)x, &scale));
                good = is_close(t->dtype, got, r.finite ? expected : NAN,
                                r.finite ? bound * fabs(dy) * (double)scale + 0x1p-147 : 0);
                if (!good) {
                    CHECK(0, "%s: dup[%lld, %lld] is %.9g, not %.17g", what, i, j, got, expected);
                }
            }
        }
        CHECK(good, "%s", what);
        for (int p = 0; p <= t->order; p++) {
            const long double rho = p == 0 ? 1 : r.rho[p], columns = (long double)t->columns;
            sums[p] += rho * r.mean[p] * columns;
            magnitudes[p] += rho * (r.magnitude[p] + 0x1p-126L) * columns; /* a product may be subnormal */
        }
    }
    for (int p = 0; t->wants_sums && p <= t->order; p++) {
        const long double start = t->accumulate ? 1 + p : 0;
        const double expected = all_finite ? (double)(start + sums[p]) : p == 0 ? (double)d->sums[p] : NAN;
        CHECK(is_close(GATUN_F32, (double)d->sums[p], expected, bound * (double)(magnitudes[p] + start) + 0x1p-147),
              "%s: dcoefficients[%d] is %.9g, not %.17g", what, p, (double)d->sums[p], expected);
    }
    CHECK((!d->scratch.data || guarded_margins_intact(&d->scratch)) &&
              operand_intact(&d->dy, t->wants_dx && t->in_place == 1) &&
              operand_intact(&d->x, t->wants_dx && t->in_place == 2) &&
              operand_intact(&d->up, t->gated && t->wants_dup && t->in_place) && operand_intact(&d->rho, 0) &&
              operand_intact(&d->dx, t->wants_dx && !t->in_place) &&
              operand_intact(&d->dup, t->gated && t->wants_dup && !t->in_place),
          "%s: other memory was written", what);
}

static test_case plain_case(int gated, int dtype, long long rows, long long columns) {
    return (test_case){.gated = gated,
                       .dtype = dtype,
                       .order = 3,
                       .rows = rows,
                       .columns = columns,
                       .wants_dx = 1,
                       .wants_dup = 1,
                       .wants_sums = 1,
                       .placement = PLACE_END,
                       .scale = 1,
                       .eps = 1e-6f,
                       .coefficients = {0.125f, 0.333f, -0.5f, 0.25f, 0.375f},
                       .seed = (uint64_t)(rows * 10007 + columns)};
}

static void check_variants(driver *d, long long rows, long long columns, int count, uint64_t *random) {
    static const double scales[] = {1, 0.01, 30, 1e-3};
    for (int variant = 0; variant < count; variant++) {
        const uint64_t bits = random_bits(random);
        test_case t = plain_case((int)(bits & 1), (int)((bits >> 1) % 3), rows, columns);
        t.order = (bits >> 4 & 1) != 0 ? 3 : (int)(bits >> 5 & 3) + 1;
        t.gap = (long long)(bits >> 8 & 3) * 3;
        t.in_place = (int)((bits >> 10) % 3);
        t.saves_rho = (int)(bits >> 12 & 1);
        t.uses_rho = (int)(bits >> 13 & 1) && rows * columns < 5000;
        t.wants_sums = (bits >> 14 & 7) != 0;
        t.wants_dx = (bits >> 17 & 7) != 0;
        t.wants_dup = (bits >> 20 & 3) != 0;
        t.accumulate = (int)(bits >> 22 & 1);
        t.piece = (long long)(bits >> 23 & 3) * GATUN_BACKWARD_PIECE_ROWS;
        t.placement = bits >> 25 & 1 ? PLACE_BEGIN : PLACE_END;
        t.offset = (long long)(bits >> 26 & 15);
        t.scale = scales[bits >> 32 & 3];
        t.seed = bits;
        prepare(d, &t);
        check_forward(d, &t);
        prepare(d, &t);
        check_backward(d, &t);
    }
}

static void check_shapes(driver *d, const case_file *files) {
    static const long long rows[] = {1, 2, 3, 5, 8, 33}, more[] = {127, 1000, 1023, 1025, 4097, 16385};
    uint64_t random = 7;
    for (long long columns = 1; columns <= 70; columns++) {
        check_variants(d, rows[columns % 6], columns, d->reduced ? 1 : 6, &random);
    }
    for (size_t c = 0; c < sizeof more / sizeof *more; c++) {
        check_variants(d, 1 + (long long)(c % 3) * 3, more[c], d->reduced ? 1 : 5, &random);
    }
    check_variants(d, 1100, 5, 2, &random);
    for (int f = 0; f < 4; f++) {
        for (int i = 0; i < files[f].count; i++) {
            const shape_case *shape = &files[f].cases[i];
            if ((shape->uses & CASE_CHECK) && (!d->reduced || shape->rows * shape->columns < 20000)) {
                check_variants(d, shape->rows, shape->columns, f == 0 || shape->rows * shape->columns < 20000, &random);
            }
        }
    }
}

/* Powers that leave the range of float32, and denominators that eps does not hold up. */
static void check_magnitudes(driver *d) {
    static const double scales[] = {1e-40, 1e-30, 1e-12, 1e-5, 1e4, 1e5, 2e6, 1e7, 1e15, 1e30, 9e37};
    static const float epsilons[] = {1e-6f, 1e-20f, 0.0f, 1.0f};
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        for (size_t e = 0; e < sizeof epsilons / sizeof *epsilons; e++) {
            for (int order = 1; order <= MOST_ORDER; order++) {
                const int dtype = (int)((s + e + (size_t)order) % 2);
                test_case t = plain_case(order % 2, dtype, 3, 37 + (long long)s);
                t.order = order;
                t.scale = scales[s];
                t.eps = epsilons[e];
                t.saves_rho = 1;
                prepare(d, &t);
                check_forward(d, &t);
                prepare(d, &t);
                check_backward(d, &t);
            }
        }
    }
}

/* A row of zeros, one with NaN or Inf between others, rows of one column. */
static void check_specials(driver *d) {
    static const double specials[] = {NAN, INFINITY, -INFINITY, 1e-45, -0.0};
    for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
        for (int order = 1; order <= MOST_ORDER; order++) {
            for (size_t s = 0; s < sizeof specials / sizeof *specials; s++) {
                test_case t = plain_case((int)(s % 2), dtype, 3, 50);
                t.order = order;
                t.saves_rho = 1;
                for (int backward = 0; backward <= 1; backward++) {
                    prepare(d, &t);
                    for (long long j = 0; j < t.columns && s > 2; j++) {
                        operand_set(&d->x, 1, j, 0);
                    }
                    operand_set(&d->x, 1, 17 * (long long)(s % 3), specials[s]);
                    backward ? check_backward(d, &t) : check_forward(d, &t);
                }
            }
        }
    }
    float x[4] = {0}, y[4], dy[4] = {1, 2, -3, 0.5f}, dx[4];
    const float coefficients[] = {0.25f, 0.5f, 1, 1};
    gatun_poly_norm(d->context, GATUN_F32, 3, 1, 4, x, 4, coefficients, 1e-6f, y, 4, NULL, NULL, 0, NULL, 0);
    gatun_poly_norm_backward(d->context, GATUN_F32, 3, 1, 4, dy, 4, x, 4, coefficients, 1e-6f, NULL, dx, 4, NULL, 0, 0,
                             1, NULL, 0, NULL, 0);
    for (int j = 0; j < 4; j++) {
        CHECK(y[j] == 0.25f && fabsf(dx[j] - 500 * dy[j]) <= 1e-3f, "a row of zeros: y %g, dx %g", (double)y[j],
              (double)dx[j]);
    }
    for (int sign = -1; sign <= 1; sign += 2) {
        const float one = (float)sign * 3;
        gatun_poly_norm(d->context, GATUN_F32, 3, 1, 1, &one, 1, coefficients, 0, y, 1, NULL, NULL, 0, NULL, 0);
        CHECK(fabsf(y[0] - (0.25f + 0.5f * (float)sign + 1 + (float)sign)) < 1e-6f, "one column: %g", (double)y[0]);
    }
}

/* The same bits with more threads, in pieces, and with other strides. */
static void check_same_bits(driver *d) {
    static const long long shapes[][2] = {{1, 200001}, {3, 70001}, {300, 700}, {5000, 9}, {37, 100}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        test_case t = plain_case((int)(s % 2), (int)(s % 3), shapes[s][0], shapes[s][1]);
        t.order = s % 2 == 0 ? 3 : 4;
        t.wants_dup = 1;
        t.saves_rho = 1;
        const size_t row = (size_t)t.columns * dtype_bytes(t.dtype), bytes = row * (size_t)t.rows;
        unsigned char *kept = malloc(3 * bytes);
        float one[SUMS], many[SUMS];
        for (int variant = 0; variant < 6 && !(d->reduced && s < 2 && variant > 2); variant++) {
            gatun_context *context = level_open(d->isa, variant == 0 || variant > 3 ? 1 : variant + 1);
            test_case other = t;
            other.gap = variant >= 4 ? 7 : 0;
            other.piece = variant >= 4 ? GATUN_BACKWARD_PIECE_ROWS * (variant - 2) : 0;
            prepare(d, &other);
            if (t.rows == 37) { /* a row that float32 cannot hold among others */
                operand_set(&d->x, 5, 3, 60000);
                operand_set(&d->x, 21, 3, 1e30);
            }
            CHECK(call_forward(d, context, &other, NULL, 0) == GATUN_OK, "forward");
            CHECK(call_backward(d, context, &other, variant == 0 ? one : many, NULL, 0) == GATUN_OK, "backward");
            const operand *const results[] = {&d->y, &d->dx, &d->dup};
            int same = variant == 0 || memcmp(one, many, (size_t)(t.order + 1) * sizeof *one) == 0;
            for (int k = 0; k < (t.gated ? 3 : 2); k++) {
                for (long long i = 0; i < t.rows; i++) {
                    unsigned char *const place = kept + (size_t)k * bytes + (size_t)i * row;
                    const unsigned char *const at =
                        results[k]->data + (size_t)(i * results[k]->stride) * dtype_bytes(t.dtype);
                    if (variant == 0) {
                        memcpy(place, at, row);
                    }
                    same &= memcmp(place, at, row) == 0;
                }
            }
            CHECK(same, "poly_norm at level %s on [%lld, %lld]: other bits in variant %d", gatun_isa_name(d->isa),
                  t.rows, t.columns, variant);
            gatun_context_destroy(context);
        }
        free(kept);
    }
}

/* More memory than the last-level cache: results are written past it. */
static void check_streams(driver *d) {
    if (!d->reduced && d->isa != GATUN_ISA_SCALAR) {
        test_case t = plain_case(0, GATUN_F32, 2500, 2052);
        t.gap = 12;
        t.placement = PLACE_BEGIN;
        prepare(d, &t);
        check_forward(d, &t);
        prepare(d, &t);
        check_backward(d, &t);
    }
}

static double loss(const driver *d, const test_case *t) {
    const row_definition r = define_row(d, t, 0);
    long double sum = 0, scale;
    for (long long j = 0; j < t->columns; j++) {
        const long double up = t->gated ? (long double)operand_kept(&d->up, 0, j) : 1;
        sum += (long double)operand_kept(&d->dy, 0, j) * up *
               define_value(t, &r, (long double)operand_kept(&d->x, 0, j), &scale);
    }
    return (double)sum;
}

/* The gradients that the tests expect, against central differences. */
static void check_differences(driver *d) {
    for (int k = 0; k < 40; k++) {
        test_case t = plain_case(k % 2, GATUN_F32, 1, 9);
        t.order = k % 4 + 1;
        t.seed = (uint64_t)k;
        prepare(d, &t);
        keep(d);
        const row_definition r = define_row(d, &t, 0);
        for (long long j = 0; j < t.columns; j++) {
            const float x = (float)operand_kept(&d->x, 0, j), step = 0x1p-10f;
            const long double factor = t.gated ? (long double)operand_kept(&d->up, 0, j) : 1;
            long double scale;
            const double expected = (double)define_gradient(&t, &r, (long double)operand_kept(&d->dy, 0, j) * factor,
                                                            (long double)x, &scale);
            const float high_x = x + step, low_x = x - step;
            dtype_store(GATUN_F32, d->x.copy, j, (double)high_x);
            const double high = loss(d, &t);
            dtype_store(GATUN_F32, d->x.copy, j, (double)low_x);
            const double low = loss(d, &t);
            dtype_store(GATUN_F32, d->x.copy, j, (double)x);
            const double quotient = (high - low) / ((double)high_x - (double)low_x);
            CHECK(fabs(quotient - expected) <= 1e-4 * (1 + (double)scale), "order %d: dx[%lld] %.9g, quotient %.9g",
                  t.order, j, expected, quotient);
        }
    }
}

int main(int argc, char **argv) {
    static const char *const names[] = {"poly_norm", "poly_norm_mul", "poly_norm_backward", "poly_norm_mul_backward"};
    static case_file files[4];
    setenv("GATUN_THREADS", "8", 1); /* as many as asked for, whatever this machine has */
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    crash_catch();
    int levels[LEVELS_MAX], count = 0;
    for (int f = 0; f < 4; f++) {
        cases_read(argv[1], names[f], &files[f]);
        const int found = levels_of(names[f], levels);
        CHECK(f == 0 || found == count, "not the same levels");
        count = found;
    }
    for (int i = 0; i < count; i++) {
        driver d = {.isa = levels[i], .reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0};
        d.context = level_open(levels[i], 1);
        d.bound[0] = files[0].bound[GATUN_F32];
        d.bound[1] = files[2].bound[GATUN_F32];
        check_differences(&d);
        check_shapes(&d, files);
        check_magnitudes(&d);
        check_specials(&d);
        check_same_bits(&d);
        check_streams(&d);
        gatun_context_destroy(d.context);
        operand *const all[] = {&d.x, &d.up, &d.y, &d.dy, &d.dx, &d.dup, &d.rho};
        for (int k = 0; k < 7; k++) {
            operand_release(all[k]);
        }
        guarded_release(&d.scratch);
    }
    return check_finish(argv[0]);
}
