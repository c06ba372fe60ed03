/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group rational activation at every level against float64: both forms of the denominator, all degrees, shared
 * coefficients and those of each group, shapes, strides, alignments and guard pages, in place, special values, the
 * published sets of coefficients with the errors they are known for; gradients with the same bits for every number of
 * threads and over calls that continue one another; and the reference against finite differences.
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

enum { MOST = GATUN_POLYNOMIAL_MAX_ORDER, GROUPS = 8, COEFFICIENTS = GROUPS * (MOST + 1) };

typedef struct test_case {
    int dtype, m, n, form;
    long long rows, columns, groups;
    int numerator_shared, denominator_shared;
    long long gap;
    int in_place; /* y is x; dx is dy (1) or x (2) */
    int wants_dx, wants_sums, accumulate;
    long long piece;
    enum placement placement;
    long long offset;
    double scale;
    float numerator[COEFFICIENTS], denominator[COEFFICIENTS];
    uint64_t seed;
} test_case;

typedef struct driver {
    int isa, reduced;
    gatun_context *context;
    double bound[2];
    operand x, y, dy, dx;
    guarded scratch;
    float dnumerator[COEFFICIENTS], ddenominator[COEFFICIENTS];
} driver;

static void describe(const driver *d, const test_case *t, int backward, char *text, size_t bytes) {
    snprintf(
        text, bytes,
        "rational%s %s at level %s: degrees %d/%d form %d, [%lld, %lld] groups %lld, shared %d %d, gap %lld, in place "
        "%d, dx %d sums %d accumulate %d, piece %lld, placement %d offset %lld, scale %g, seed %llu",
        backward ? "_backward" : "", dtype_name(t->dtype), gatun_isa_name(d->isa), t->m, t->n, t->form, t->rows,
        t->columns, t->groups, t->numerator_shared, t->denominator_shared, t->gap, t->in_place, t->wants_dx,
        t->wants_sums, t->accumulate, t->piece, (int)t->placement, t->offset, t->scale, (unsigned long long)t->seed);
}

static void prepare(driver *d, const test_case *t) {
    uint64_t random = t->seed;
    operand *const all[] = {&d->x, &d->dy, &d->y, &d->dx};
    for (int k = 0; k < 4; k++) {
        const long long gap = t->gap == 0 || t->in_place ? t->gap : t->gap + k;
        operand_place(all[k], t->dtype, t->rows, t->columns, gap, t->placement, t->offset);
        for (long long i = 0; k < 2 && i < t->rows; i++) {
            for (long long j = 0; j < t->columns; j++) {
                operand_set(all[k], i, j, (k == 0 ? t->scale : 1) * random_bell(&random));
            }
        }
        operand_keep(all[k]);
    }
}

/* P, P', Q and the slope of Q at x, and the sums of the magnitudes of their terms; `sign` of the denominator's sum. */
typedef struct definition {
    double p, dp, q, dq, p_scale, dp_scale, dq_scale, sign;
} definition;

static const float *numerator_of(const test_case *t, long long group) {
    return t->numerator + (t->numerator_shared ? 0 : group * (t->m + 1));
}
static const float *denominator_of(const test_case *t, long long group) {
    return t->denominator + (t->denominator_shared ? 0 : group * t->n);
}

static definition define(const test_case *t, long long group, double x) {
    definition r = {.p = 0};
    const float *a = numerator_of(t, group), *b = denominator_of(t, group);
    double power = 1;
    for (int i = 0; i <= t->m; i++) {
        r.p += (double)a[i] * power;
        r.p_scale += fabs((double)a[i] * power);
        if (i < t->m) {
            r.dp += (i + 1) * (double)a[i + 1] * power;
            r.dp_scale += fabs((i + 1) * (double)a[i + 1] * power);
        }
        power *= x;
    }
    const int terms = t->form == GATUN_DENOMINATOR_TERMS;
    const double base = terms ? fabs(x) : x;
    double sum = 0;
    power = 1;
    for (int j = 1; j <= t->n; j++) {
        const double coefficient = terms ? fabs((double)b[j - 1]) : (double)b[j - 1];
        r.dq += j * coefficient * power;
        r.dq_scale += fabs(j * coefficient * power);
        power *= base;
        sum += coefficient * power;
    }
    r.sign = sum < 0 ? -1 : 1;
    r.q = 1 + fabs(sum);
    r.dq *= terms ? (x < 0 ? -1 : 1) : r.sign;
    return r;
}

static int call_forward(const driver *d, gatun_context *context, const test_case *t, const operand *y, char *message,
                        long long bytes) {
    return gatun_rational(context, t->dtype, t->m, t->n, t->form, t->rows, t->columns, t->groups, d->x.data,
                          d->x.stride, t->numerator, t->numerator_shared ? 1 : t->groups, t->denominator,
                          t->denominator_shared ? 1 : t->groups, y->data, y->stride, message, bytes);
}

static void check_forward(driver *d, const test_case *t) {
    char message[256] = "untouched", what[512];
    prepare(d, t);
    describe(d, t, 0, what, sizeof what);
    const operand *y = t->in_place ? &d->x : &d->y;
    const fp_state before = fp_state_read();
    const int status = call_forward(d, d->context, t, y, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    int good = 1;
    for (long long i = 0; i < t->rows && good; i++) {
        for (long long j = 0; j < t->columns && good; j++) {
            const double x = operand_kept(&d->x, i, j), got = operand_get(y, i, j);
            const definition r = define(t, j / (t->columns / t->groups), x);
            /* The rounding of a denominator whose sum cancels counts by the magnitudes of its terms. */
            const double scale = r.p_scale / r.q * (1 + fabs(x) * r.dq_scale / r.q);
            good = is_close(t->dtype, got, r.p / r.q, d->bound[0] * 0x1p-23 * scale + 0x1p-147);
            if (!good) {
                CHECK(0, "%s: y[%lld, %lld] of %.9g is %.9g, not %.17g", what, i, j, x, got, r.p / r.q);
            }
        }
    }
    CHECK(good, "%s", what);
    CHECK(operand_intact(&d->x, t->in_place) && operand_intact(&d->y, !t->in_place) && operand_intact(&d->dy, 0),
          "%s: other memory was written", what);
}

static int call_backward(driver *d, gatun_context *context, const test_case *t, float *dnumerator, float *ddenominator,
                         char *message, long long message_bytes) {
    operand *dx = t->in_place == 1 ? &d->dy : t->in_place == 2 ? &d->x : &d->dx;
    long long bytes = 0, begin = 0;
    int status = gatun_rational_backward_scratch(context, t->m, t->n, t->rows, t->columns, t->groups, &bytes);
    void *scratch = t->wants_sums && bytes > 0 ? guarded_place(&d->scratch, (size_t)bytes, 64, PLACE_BEGIN, 0) : NULL;
    do {
        const long long end = t->piece > 0 && begin + t->piece < t->rows ? begin + t->piece : t->rows;
        const int last = t->wants_sums && end == t->rows;
        if (status == GATUN_OK) {
            status = gatun_rational_backward(
                context, t->dtype, t->m, t->n, t->form, t->rows, t->columns, t->groups, d->dy.data, d->dy.stride,
                d->x.data, d->x.stride, t->numerator, t->numerator_shared ? 1 : t->groups, t->denominator,
                t->denominator_shared ? 1 : t->groups, t->wants_dx ? dx->data : NULL, dx->stride,
                last ? dnumerator : NULL, last ? ddenominator : NULL, t->accumulate, begin, end, scratch,
                scratch ? bytes : 0, message, message_bytes);
        }
        begin = end;
    } while (begin < t->rows);
    return status;
}

static void check_sum(const char *what, const char *name, int index, float got, double start, double expected,
                      double tolerance) {
    CHECK(is_close(GATUN_F32, (double)got, start + expected, tolerance + start * 0x1p-24 + 0x1p-140),
          "%s: %s[%d] is %.9g, not %.17g (tolerance %g)", what, name, index, (double)got, start + expected, tolerance);
}

static void check_sums(const driver *d, const test_case *t, const char *what) {
    double sums[2][COEFFICIENTS] = {{0}}, scale[2][COEFFICIENTS] = {{0}};
    for (long long i = 0; i < t->rows; i++) {
        for (long long j = 0; j < t->columns; j++) {
            const long long group = j / (t->columns / t->groups);
            const double x = operand_kept(&d->x, i, j), g = operand_kept(&d->dy, i, j);
            const definition r = define(t, group, x);
            const double cancelled = 1 + fabs(x) * r.dq_scale / r.q;
            double term = g / r.q;
            for (int k = 0; k <= t->m; k++) {
                const long long at = (t->numerator_shared ? 0 : group * (t->m + 1)) + k;
                sums[0][at] += term;
                scale[0][at] += fabs(term) * cancelled;
                term *= x;
            }
            const int terms = t->form == GATUN_DENOMINATOR_TERMS;
            double power = terms ? fabs(x) : x;
            for (int k = 0; k < t->n; k++) {
                const long long at = (t->denominator_shared ? 0 : group * t->n) + k;
                const double sign = terms ? (t->denominator[at] < 0 ? -1 : 1) : r.sign;
                sums[1][at] -= sign * g / r.q * (r.p / r.q) * power;
                scale[1][at] += fabs(g / r.q * (r.p_scale / r.q) * power) * cancelled;
                power *= terms ? fabs(x) : x;
            }
        }
    }
    const long long count = (t->m + 1) * (t->numerator_shared ? 1 : t->groups);
    for (int k = 0; k < count; k++) {
        check_sum(what, "dnumerator", k, d->dnumerator[k], t->accumulate, sums[0][k],
                  d->bound[1] * 0x1p-23 * scale[0][k]);
    }
    const long long denominators = t->n * (t->denominator_shared ? 1 : t->groups);
    for (int k = 0; k < denominators; k++) {
        check_sum(what, "ddenominator", k, d->ddenominator[k], t->accumulate, sums[1][k],
                  d->bound[1] * 0x1p-23 * scale[1][k]);
    }
}

static void check_backward(driver *d, const test_case *t) {
    char message[256] = "untouched", what[512];
    prepare(d, t);
    describe(d, t, 1, what, sizeof what);
    for (int k = 0; k < COEFFICIENTS; k++) {
        d->dnumerator[k] = d->ddenominator[k] = 1;
    }
    const fp_state before = fp_state_read();
    const int status = call_backward(d, d->context, t, d->dnumerator, d->ddenominator, message, sizeof message);
    const fp_state after = fp_state_read();
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    CHECK(before.vector == after.vector && before.x87 == after.x87, "%s: floating-point state changed", what);
    const operand *dx = t->in_place == 1 ? &d->dy : t->in_place == 2 ? &d->x : &d->dx;
    int good = 1;
    for (long long i = 0; i < t->rows && good && t->wants_dx; i++) {
        for (long long j = 0; j < t->columns && good; j++) {
            const double x = operand_kept(&d->x, i, j), g = operand_kept(&d->dy, i, j), got = operand_get(dx, i, j);
            const definition r = define(t, j / (t->columns / t->groups), x);
            const double h = g / r.q, expected = h * (r.dp - r.p / r.q * r.dq);
            const double scale = fabs(h) * (r.dp_scale + r.p_scale / r.q * r.dq_scale);
            good = is_close(t->dtype, got, expected,
                            d->bound[1] * 0x1p-23 * scale * (1 + fabs(x) * r.dq_scale / r.q) + 0x1p-147);
            if (!good) {
                CHECK(0, "%s: dx[%lld, %lld] at x = %.9g, dy = %.9g is %.9g, not %.17g", what, i, j, x, g, got,
                      expected);
            }
        }
    }
    CHECK(good, "%s", what);
    if (t->wants_sums) {
        check_sums(d, t, what);
        CHECK(t->rows == 0 || guarded_margins_intact(&d->scratch), "%s: written beyond the scratch", what);
    }
    CHECK(operand_intact(&d->dy, t->wants_dx && t->in_place == 1) &&
              operand_intact(&d->x, t->wants_dx && t->in_place == 2) &&
              operand_intact(&d->dx, t->wants_dx && t->in_place == 0),
          "%s: other memory was written", what);
}

static test_case plain_case(int dtype, int form, long long rows, long long columns, long long groups) {
    test_case t = {.dtype = dtype,
                   .m = 5,
                   .n = 4,
                   .form = form,
                   .rows = rows,
                   .columns = columns,
                   .groups = groups,
                   .numerator_shared = 1,
                   .wants_dx = 1,
                   .wants_sums = 1,
                   .placement = PLACE_END,
                   .scale = 1,
                   .seed = (uint64_t)(rows * 10007 + columns)};
    uint64_t random = 5;
    for (int k = 0; k < COEFFICIENTS; k++) {
        t.numerator[k] = (float)random_uniform(&random, -0.7, 0.8);
        t.denominator[k] = k % 7 == 3 ? 0.0f : k % 7 == 5 ? -0.0f : (float)random_uniform(&random, -0.5, 0.5);
    }
    return t;
}

static void check_variants(driver *d, long long rows, long long columns, int count, uint64_t *random) {
    static const double scales[] = {1, 0.05, 4};
    for (int variant = 0; variant < count; variant++) {
        const uint64_t bits = random_bits(random);
        long long groups = 1 + (long long)(bits % GROUPS);
        while (columns % groups != 0) {
            groups--;
        }
        test_case t = plain_case((int)((bits >> 4) % 3), (int)(bits >> 6 & 1), rows, columns, groups);
        if (bits >> 7 & 1) {
            t.m = (int)(bits >> 8 & 7) + 1;
            t.n = (int)(bits >> 11 & 7) + 1;
        }
        t.numerator_shared = (int)(bits >> 14 & 1);
        t.denominator_shared = (int)(bits >> 15 & 1);
        t.gap = (long long)(bits >> 16 & 3) * 3;
        t.in_place = (int)((bits >> 18) % 3);
        t.wants_sums = (bits >> 21 & 7) != 0;
        t.wants_dx = (bits >> 24 & 7) != 0;
        t.accumulate = (int)(bits >> 27 & 1);
        t.piece = (long long)(bits >> 28 & 3) * GATUN_BACKWARD_PIECE_ROWS;
        t.placement = bits >> 30 & 1 ? PLACE_BEGIN : PLACE_END;
        t.offset = (long long)(bits >> 31 & 15);
        t.scale = scales[(bits >> 36) % 3];
        t.seed = bits;
        check_forward(d, &t);
        check_backward(d, &t);
    }
}

static void check_shapes(driver *d, const case_file *files) {
    static const long long rows[] = {1, 2, 3, 5, 8, 33}, more[] = {127, 320, 768, 1000, 1023, 4104, 16392};
    uint64_t random = 7;
    for (long long columns = 1; columns <= 70; columns++) {
        check_variants(d, rows[columns % 6], columns, d->reduced ? 1 : 6, &random);
    }
    for (size_t c = 0; c < sizeof more / sizeof *more; c++) {
        check_variants(d, 1 + (long long)(c % 3) * 3, more[c], d->reduced ? 1 : 5, &random);
    }
    check_variants(d, 1100, 8, 2, &random);
    for (int f = 0; f < 2; f++) {
        for (int i = 0; i < files[f].count; i++) {
            const shape_case *shape = &files[f].cases[i];
            if ((shape->uses & CASE_CHECK) && (!d->reduced || shape->rows * shape->columns < 20000)) {
                check_variants(d, shape->rows, shape->columns, 1, &random);
            }
        }
    }
}

/* x and b of +-0, whose sign is +1 here, and NaN and Inf. */
static void check_specials(driver *d) {
    for (int form = 0; form <= 1; form++) {
        float x[] = {0.0f, -0.0f, NAN, INFINITY, -INFINITY, 1, 2, 3, -1}, y[9], dy[9], dx[9], da[6], db[4];
        const float a[] = {2, 1, 0.5f, 0, 0, 0}, b[] = {0.0f, -0.0f, -0.25f, 0};
        for (int j = 0; j < 9; j++) {
            dy[j] = 1;
        }
        gatun_rational(d->context, GATUN_F32, 5, 4, form, 1, 9, 1, x, 9, a, 1, b, 1, y, 9, NULL, 0);
        CHECK(y[0] == 2 && y[1] == 2 && isnan(y[2]) && isnan(y[3]) && isnan(y[4]) && isfinite(y[5]),
              "form %d: rational of 0, -0, NaN, Inf, -Inf: %g %g %g %g %g", form, (double)y[0], (double)y[1],
              (double)y[2], (double)y[3], (double)y[4]);
        x[2] = x[3] = x[4] = 1; /* F = 3.5 / 1.25 */
        void *scratch = guarded_place(&d->scratch, 4096, 64, PLACE_BEGIN, 0);
        const int status = gatun_rational_backward(d->context, GATUN_F32, 5, 4, form, 1, 9, 1, dy, 9, x, 9, a, 1, b, 1,
                                                   dx, 9, da, db, 0, 0, 1, scratch, 4096, NULL, 0);
        CHECK(status == GATUN_OK, "status %d", status);
        CHECK(dx[0] == 1 && dx[1] == 1, "form %d: dx at +-0 is %g, %g", form, (double)dx[0], (double)dx[1]);
        /* Zero denominators have gradients: by s(+-0) = 1 they can leave 0. */
        CHECK(db[0] != 0 && (form == GATUN_DENOMINATOR_TERMS ? db[1] < 0 : db[1] != 0), "form %d: db is %g, %g", form,
              (double)db[0], (double)db[1]);
    }
}

/* The published sets of coefficients and the greatest error of each over [-3, 3] that its activation is known for. */
static double swish(double x) {
    return x / (1 + exp(-x));
}
static double gelu(double x) {
    return 0.5 * x * (1 + erf(x / sqrt(2)));
}
static double identity(double x) {
    return x;
}
static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double relu(double x) {
    return x > 0 ? x : 0;
}
static double x_gelu(double x) {
    return x * gelu(x);
}
static double x_swish(double x) {
    return x * swish(x);
}

static void check_published_sets(driver *d) {
    static const struct {
        const char *name;
        double (*of)(double);
        float a[6], b[4];
        double error[2];
    } sets[] = {
        {"identity", identity, {0, 1, 0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0}},
        {"swish",
         swish,
         {3.054879741e-7f, 0.5000007854f, 0.2499978342f, 0.05326628273f, 0.005803034571f, 2.751961022e-4f},
         {-4.111554956e-6f, 0.1065289934f, -1.269000740e-6f, 5.502331264e-4f},
         {1.2e-6, 1.3e-4}},
        {"gelu_old",
         gelu,
         {-0.001242359450f, 0.5080497063f, 0.4158636318f, 0.1302271869f, 0.02435590010f, 0.002902839482f},
         {-0.06675015696f, 0.1792764622f, 0.03746682605f, 1.656e-10f},
         {4.1e-3, 0.35}},
        {"gelu",
         gelu,
         {-0.00153969f, 0.51692871f, 0.44075827f, 0.0972553f, -0.00884418f, -0.00378675f},
         {-0.14171056f, -0.06481231f, -0.0444695f, 0.01283776f},
         {1.47, 3.0e-3}},
        {"tanh",
         tanh,
         {-1.0805e-8f, 1.000300804f, -2.588e-8f, 0.09632129918f, 3.478e-9f, 4.255709235e-4f},
         {-0.001302718f, 0.4283490174f, 1.452e-9f, 0.01079664811f},
         {4.1e-5, 1.8e-3}},
        {"sigmoid",
         sigmoid,
         {0.4999992535f, 0.2500215756f, 0.1406192450f, 0.04942049243f, 0.008767148519f, 6.442412789e-4f},
         {2.169e-9f, 0.2812276610f, 1.012362e-5f, 0.01753198805f},
         {1.9e-5, 1.9e-5}},
        {"relu",
         relu,
         {0.02996380161f, 0.6168978367f, 2.375347597f, 3.065990047f, 1.524683188f, 0.2528070864f},
         {-1.191550122f, 4.408048770f, 0.9110357114f, 0.3488497795f},
         {3.0e-2, 0.44}},
        {"geglu",
         x_gelu,
         {0.00079642f, -0.00602563f, 0.49750578f, 0.47691076f, 0.15421425f, 0.0168486f},
         {-0.12619161f, -0.20067464f, -0.03005465f, 0.0027335f},
         {0.95, 1.3e-3}},
        {"swishglu",
         x_swish,
         {-0.00111528f, -0.00334562f, 0.53107663f, 0.27851476f, 0.06044361f, 0.00483468f},
         {0.14408492f, 0.02008671f, 0.02944107f, -0.00329516f},
         {1.71, 1.7e-3}},
    };
    enum { COUNT = 6001 };
    static float x[COUNT], y[COUNT];
    for (int j = 0; j < COUNT; j++) {
        x[j] = (float)(j - COUNT / 2) * 0.001f;
    }
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
        for (int form = 0; form <= 1; form++) {
            gatun_rational(d->context, GATUN_F32, 5, 4, form, 1, COUNT, 1, x, COUNT, sets[s].a, 1, sets[s].b, 1, y,
                           COUNT, NULL, 0);
            double error = 0;
            for (int j = 0; j < COUNT; j++) {
                error = fmax(error, fabs((double)y[j] - sets[s].of((double)x[j])));
            }
            CHECK(error >= 0.9 * sets[s].error[form] - 1e-9 && error <= 1.1 * sets[s].error[form] + 1e-6,
                  "%s, form %d: error %.3g, known for %.3g", sets[s].name, form, error, sets[s].error[form]);
        }
    }
}

/* The same bits with more threads, in pieces, and with other strides. */
static void check_same_bits(driver *d) {
    static const long long shapes[][3] = {{1, 200000, 8}, {300, 768, 8}, {5000, 8, 1}, {37, 96, 4}, {2, 70000, 2}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        test_case t = plain_case((int)(s % 3), (int)(s % 2), shapes[s][0], shapes[s][1], shapes[s][2]);
        const size_t row = (size_t)t.columns * dtype_bytes(t.dtype), bytes = row * (size_t)t.rows;
        unsigned char *kept = malloc(2 * bytes);
        float one[2][COEFFICIENTS] = {{0}}, many[2][COEFFICIENTS] = {{0}};
        for (int variant = 0; variant < 6; variant++) {
            gatun_context *context = level_open(d->isa, variant == 0 || variant > 3 ? 1 : variant + 1);
            test_case other = t;
            other.gap = variant >= 4 ? 7 : 0;
            other.piece = variant >= 4 ? GATUN_BACKWARD_PIECE_ROWS * (variant - 2) : 0;
            prepare(d, &other);
            float(*const sums)[COEFFICIENTS] = variant == 0 ? one : many;
            CHECK(call_forward(d, context, &other, &d->y, NULL, 0) == GATUN_OK, "forward");
            CHECK(call_backward(d, context, &other, sums[0], sums[1], NULL, 0) == GATUN_OK, "backward");
            int same = variant == 0 || memcmp(one, many, sizeof one) == 0;
            const operand *const results[] = {&d->y, &d->dx};
            for (int k = 0; k < 2; k++) {
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
            CHECK(same, "rational at level %s on [%lld, %lld]: other bits in variant %d", gatun_isa_name(d->isa),
                  t.rows, t.columns, variant);
            gatun_context_destroy(context);
        }
        free(kept);
    }
}

/* More memory than the last-level cache: results are written past it. */
static void check_streams(driver *d) {
    if (!d->reduced && d->isa != GATUN_ISA_SCALAR) {
        test_case t = plain_case(GATUN_F32, 0, 2500, 2056, 8);
        t.gap = 12;
        t.placement = PLACE_BEGIN;
        check_forward(d, &t);
        check_backward(d, &t);
    }
}

/* The derivatives that the tests expect, against central differences. */
static void check_differences(void) {
    uint64_t random = 3;
    for (int k = 0; k < 2000; k++) {
        test_case t = plain_case(GATUN_F32, k % 2, 1, 1, 1);
        t.m = k % 8 + 1;
        t.n = (k / 8) % 8 + 1;
        const double x = random_uniform(&random, -2, 2), step = 1e-6;
        const definition low = define(&t, 0, x - step), high = define(&t, 0, x + step), r = define(&t, 0, x);
        if (fabs(x) < 1e-3 || low.sign != high.sign) {
            continue;
        }
        const double slope = (r.dp - r.p / r.q * r.dq) / r.q, quotient = (high.p / high.q - low.p / low.q) / (2 * step);
        CHECK(fabs(quotient - slope) <= 1e-6 * (1 + r.dp_scale + r.p_scale * r.dq_scale),
              "degrees %d/%d at %g: slope %.12g, difference quotient %.12g", t.m, t.n, x, slope, quotient);
    }
}

int main(int argc, char **argv) {
    static const char *const names[] = {"rational", "rational_backward"};
    static case_file files[2];
    setenv("GATUN_THREADS", "8", 1); /* as many as asked for, whatever this machine has */
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    crash_catch();
    int levels[LEVELS_MAX], count = 0;
    for (int f = 0; f < 2; f++) {
        cases_read(argv[1], names[f], &files[f]);
        count = levels_of(names[f], levels);
    }
    check_differences();
    for (int i = 0; i < count; i++) {
        driver d = {.isa = levels[i], .reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0};
        d.context = level_open(levels[i], 1);
        d.bound[0] = files[0].bound[GATUN_F32];
        d.bound[1] = files[1].bound[GATUN_F32];
        check_shapes(&d, files);
        check_specials(&d);
        check_published_sets(&d);
        check_same_bits(&d);
        check_streams(&d);
        gatun_context_destroy(d.context);
        operand *const all[] = {&d.x, &d.y, &d.dy, &d.dx};
        for (int k = 0; k < 4; k++) {
            operand_release(all[k]);
        }
        guarded_release(&d.scratch);
    }
    return check_finish(argv[0]);
}
