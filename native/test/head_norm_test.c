/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The per-head normalizations, forward and backward, at every level against the float64 reference: lengths of heads,
 * numbers of tokens and heads, packed and separate tensors, roles left out, in place, options, special values, and the
 * same bits for every alignment, number of threads and cut into pieces.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "check.h"
#include "fp_state.h"
#include "head_norm_case.h"
#include "levels.h"
#include "values.h"

static const char *const operations[] = {"qkv_head_rms_norm", "qkv_head_rms_norm_backward"};

typedef struct driver {
    int backward, reduced;
    gatun_context *context;
    double bounds[3];
    head_norm_memory memory, other;
} driver;

static void run(driver *d, const head_norm_case *test, head_norm_result *result) {
    head_norm_run(d->context, test, d->bounds, &d->memory, result);
}

static int take(uint64_t *bits, int choices) {
    int choice = (int)(*bits % (uint64_t)choices);
    *bits /= (uint64_t)choices;
    return choice;
}

/* Everything but the shape, from random bits. */
static void choose_options(head_norm_case *test, uint64_t bits) {
    static const float epsilons[] = {1e-5f, 0.0f, 1e-12f, 0.5f, 1e12f};
    test->seed = bits;
    test->packed = take(&bits, 2);
    test->in_place = take(&bits, 2);
    test->placement = take(&bits, 2) == 0 ? PLACE_END : PLACE_BEGIN;
    test->offset = take(&bits, 17);
    test->gap = take(&bits, 3) * 5;
    test->parameter_dtype = take(&bits, 2) == 0 ? GATUN_F32 : test->dtype;
    test->gammas = take(&bits, 8);
    test->eps_mode = take(&bits, 3);
    test->cast_mode = take(&bits, 2);
    test->weight_offset = take(&bits, 2) == 0 ? 0.0f : 1.0f;
    test->eps = epsilons[take(&bits, 5)];
    test->saves_rstd = take(&bits, 2);
    test->roles = take(&bits, 2) == 0 ? ALL_ROLES : 1 | take(&bits, 4) << 1;
    test->inputs = take(&bits, 2) == 0 ? ALL_ROLES : take(&bits, 8);
    test->wanted = take(&bits, 2) == 0 ? ALL_ROLES : take(&bits, 8);
    if (!test->backward) {
        test->inputs = test->wanted = 0;
    } else {
        test->saves_rstd = 0;
    }
}

static void check_shape(driver *d, long long tokens, long long query_heads, long long key_value_heads,
                        long long columns, int variants, uint64_t *random) {
    for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
        for (int variant = 0; variant < variants; variant++) {
            head_norm_case test =
                head_norm_case_plain(d->backward, dtype, tokens, query_heads, key_value_heads, columns);
            choose_options(&test, random_bits(random));
            run(d, &test, NULL);
        }
    }
}

static void check_shapes(driver *d) {
    static const long long long_columns[] = {80, 96, 127, 128, 129, 256, 300, 1023, 2049, 4100};
    static const long long tokens[] = {0, 1, 2, 3, 17, 100}, heads[] = {0, 1, 2, 3, 8};
    uint64_t random = 1;
    for (long long columns = 1; columns <= 70; columns++) {
        check_shape(d, 3, 1 + columns % 5, columns % 3, columns, d->reduced ? 1 : 6, &random);
    }
    for (size_t c = 0; c < sizeof long_columns / sizeof *long_columns; c++) {
        check_shape(d, 2, 3, 2, long_columns[c], d->reduced ? 1 : 6, &random);
    }
    for (size_t t = 0; t < sizeof tokens / sizeof *tokens; t++) {
        for (size_t q = 0; q < sizeof heads / sizeof *heads; q++) {
            for (size_t k = 0; k < sizeof heads / sizeof *heads; k++) {
                check_shape(d, tokens[t], heads[q], heads[k], (q + k) % 2 == 0 ? 64 : 20, d->reduced ? 1 : 2, &random);
            }
        }
    }
}

/* The shapes of the case file: as many heads as the check says, since those of the benchmarks take too long here. */
static void check_case_file(driver *d, const case_file *file) {
    for (int i = 0; i < file->count; i++) {
        const shape_case *shape = &file->cases[i];
        for (int dtype = GATUN_F32; (shape->uses & CASE_CHECK) && dtype <= GATUN_F16; dtype++) {
            head_norm_case test = head_norm_case_plain(d->backward, dtype, shape->rows, 4, 2, shape->columns);
            run(d, &test, NULL);
        }
    }
}

static int representable(int dtype, double magnitude) {
    return isfinite(dtype_round(dtype, 4 * magnitude)) && dtype_round(dtype, magnitude) != 0;
}

static void check_values(driver *d) {
    static const double scales[] = {1e-38, 1e-30, 1e-20, 1e-3, 1e15, 1e19, 1e30};
    static const double specials[] = {NAN, INFINITY, -INFINITY, 3e38, 1e20};
    static const long long columns[] = {1, 5, 64, 67, 130};
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            head_norm_case test = head_norm_case_plain(d->backward, dtype, 5, 3, 1, columns[c]);
            for (int mode = GATUN_EPS_IN_SQRT; mode <= GATUN_EPS_CLAMP; mode++) {
                test.eps_mode = mode;
                for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
                    test.scale = scales[s];
                    /* Without eps, gradients of tiny vectors leave the range of float32. */
                    test.eps = s % 2 == 0 || d->backward ? 1e-6f : 0.0f;
                    if (representable(dtype, test.scale)) {
                        run(d, &test, NULL);
                    }
                }
                test.scale = 1;
                for (size_t s = 0; s < sizeof specials / sizeof *specials * 2; s++) {
                    test.has_special = 1;
                    test.special = specials[s / 2];
                    test.special_in_dy = d->backward && s % 2 == 1;
                    test.special_column = (long long)s * 7 % columns[c];
                    run(d, &test, NULL);
                    test.special_in_gamma = s % 2;
                    test.cast_mode = (int)(s / 2 % 2);
                    run(d, &test, NULL);
                    test.special_in_gamma = test.cast_mode = 0;
                }
                test.has_special = 0;
                test.scale = 0; /* vectors of zeros */
                run(d, &test, NULL);
                test.scale = 1;
            }
        }
    }
}

static void check_same(driver *d, const head_norm_case *test, gatun_context *context, const head_norm_case *changed,
                       const char *change) {
    char what[1024];
    head_norm_result one, other;
    head_norm_run(d->context, test, NULL, &d->memory, &one);
    head_norm_run(context, changed, NULL, &d->other, &other);
    head_norm_describe(changed, context, what, sizeof what);
    CHECK(one.count == other.count && memcmp(one.bytes, other.bytes, one.count) == 0, "%s\n    bits differ %s", what,
          change);
}

static void check_alignments(driver *d) {
    static const long long columns[] = {7, 64, 67, 128};
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            head_norm_case test = head_norm_case_plain(d->backward, dtype, 3, 5, 2, columns[c]);
            test.placement = PLACE_BEGIN;
            for (long long offset = 1; offset < 64 / (long long)dtype_bytes(dtype); offset += d->reduced ? 5 : 1) {
                head_norm_case moved = test;
                moved.offset = offset;
                moved.packed = (int)(offset % 2);
                moved.gap = offset % 3;
                check_same(d, &test, d->context, &moved, "from those of aligned operands");
            }
        }
    }
}

/* Threads and pieces; also under a rounding mode of the caller that the pool's threads have to take over. */
static void check_splits(driver *d, int isa) {
    static const struct {
        long long tokens, query_heads, key_value_heads, columns;
    } shapes[] = {{1, 4, 2, 64}, {100, 32, 8, 64}, {37, 3, 1, 128}, {515, 8, 4, 64}, {1100, 4, 0, 33}};
    for (int threads = 1; threads <= 3; threads++) {
        gatun_context *context = level_open(isa, threads);
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
                head_norm_case test = head_norm_case_plain(d->backward, dtype, shapes[s].tokens, shapes[s].query_heads,
                                                           shapes[s].key_value_heads, shapes[s].columns);
                head_norm_case pieces = test;
                pieces.in_place = threads % 2;
                check_same(d, &test, context, &pieces, "from those of one thread");
                static const long long piece[] = {GATUN_BACKWARD_PIECE_ROWS, 12, 96};
                pieces.piece = piece[threads - 1];
                if (d->backward && (!d->reduced || shapes[s].tokens < 200)) {
                    check_same(d, &test, context, &pieces, "from those of one call");
                }
            }
        }
        const fp_state usual = fp_state_read();
        fp_state_write(fp_state_unusual(usual));
        head_norm_case test = head_norm_case_plain(d->backward, GATUN_F32, 100, 32, 8, 64);
        check_same(d, &test, context, &test, "from those of one thread, rounding up and flushing subnormals");
        fp_state_write(usual);
        gatun_context_destroy(context);
    }
}

/*
 * So much memory that results are written past the caches, at addresses that allow it and at others. In place they never
 * are: that has to give the same bits.
 */
static void check_streams(driver *d) {
    for (int dtype = GATUN_F32; dtype <= GATUN_F16 && !d->reduced; dtype++) {
        head_norm_case test = head_norm_case_plain(d->backward, dtype, dtype == GATUN_F32 ? 1400 : 2800, 8, 4, 128);
        test.placement = PLACE_BEGIN;
        head_norm_case in_place = test;
        in_place.in_place = 1;
        check_same(d, &test, d->context, &in_place, "from those of a call that is not in place");
        test.offset = 3;
        check_same(d, &test, d->context, &in_place, "from those of a call that is not in place, nor aligned");
    }
}

/* sum over j of dy[j] * y(x)[j], in double precision. */
static double loss(const double *x, const double *dy, const double *gamma, int columns, int eps_mode, double eps) {
    double squares = 0, sum = 0;
    for (int j = 0; j < columns; j++) {
        squares += x[j] * x[j];
    }
    const double root = sqrt(squares / columns), norm = sqrt(squares);
    const double r = eps_mode == GATUN_EPS_IN_SQRT ? 1 / sqrt(squares / columns + eps)
                     : eps_mode == GATUN_EPS_ADD   ? 1 / (root + eps)
                                                   : sqrt((double)columns) / fmax(norm, eps);
    for (int j = 0; j < columns; j++) {
        sum += dy[j] * x[j] * r * gamma[j];
    }
    return sum;
}

/* The gradients against finite differences: a single head vector, whose gradients of gamma are those of the loss. */
static void check_differences(driver *d, int columns, int eps_mode, float eps) {
    enum { MOST = 128 };
    float x[MOST] = {0}, dy[MOST] = {0}, gamma[MOST] = {0}, dx[MOST], dgamma[MOST];
    double wide_x[MOST], wide_dy[MOST], wide_gamma[MOST];
    _Alignas(64) unsigned char scratch[3 * MOST * sizeof(double)];
    uint64_t random = (uint64_t)columns;
    for (int j = 0; j < columns; j++) {
        wide_x[j] = x[j] = (float)random_bell(&random);
        wide_dy[j] = dy[j] = (float)random_bell(&random);
        wide_gamma[j] = gamma[j] = (float)(1 + 0.25 * random_bell(&random));
    }
    char message[256] = "";
    int status = gatun_qkv_head_rms_norm_backward(d->context, GATUN_F32, GATUN_F32, 1, 1, 0, columns, dy, columns, NULL,
                                                  0, NULL, 0, x, columns, NULL, 0, NULL, 0, gamma, NULL, NULL, 0.0f,
                                                  eps, eps_mode, dx, columns, NULL, 0, NULL, 0, dgamma, NULL, NULL, 0,
                                                  1, scratch, sizeof scratch, message, sizeof message);
    CHECK(status == GATUN_OK, "status %d: %s", status, message);
    for (int j = 0; j < columns; j++) {
        double *variables[] = {&wide_x[j], &wide_gamma[j]};
        const double gradients[] = {dx[j], dgamma[j]};
        for (int i = 0; i < 2; i++) {
            const double at = *variables[i], step = 1e-5;
            *variables[i] = at + step;
            const double above = loss(wide_x, wide_dy, wide_gamma, columns, eps_mode, (double)eps);
            *variables[i] = at - step;
            const double below = loss(wide_x, wide_dy, wide_gamma, columns, eps_mode, (double)eps);
            *variables[i] = at;
            const double expected = (above - below) / (2 * step);
            CHECK(fabs(gradients[i] - expected) <= 2e-6 * (1 + fabs(expected)),
                  "%d columns, eps %g mode %d: gradient %d of column %d is %.9g, a finite difference gives %.9g",
                  columns, (double)eps, eps_mode, i, j, gradients[i], expected);
        }
    }
}

/*
 * A gradient of gamma that is the sum of very many equal terms, which float32 would round to the same side each time:
 * within two units of the last place all the same.
 */
static void check_long_sums(driver *d) {
    enum { TOKENS = 5000, HEADS = 32, COLUMNS = 8, ELEMENTS = TOKENS * HEADS * COLUMNS };
    float *x = malloc(ELEMENTS * sizeof *x), *dy = malloc(ELEMENTS * sizeof *dy);
    long long bytes = 0;
    gatun_qkv_head_rms_norm_backward_scratch(d->context, TOKENS, COLUMNS, &bytes);
    void *scratch = aligned_alloc(64, (size_t)(bytes + 63) / 64 * 64);
    if (x == NULL || dy == NULL || scratch == NULL) {
        check_abandon("no memory for %d elements", ELEMENTS);
    }
    for (int i = 0; i < ELEMENTS; i++) {
        x[i] = 1;
        dy[i] = 0.7f;
    }
    float dgamma[COLUMNS];
    const long long width = HEADS * COLUMNS;
    int status = gatun_qkv_head_rms_norm_backward(d->context, GATUN_F32, GATUN_F32, TOKENS, HEADS, 0, COLUMNS, dy,
                                                  width, NULL, 0, NULL, 0, x, width, NULL, 0, NULL, 0, NULL, NULL, NULL,
                                                  0.0f, 0.0f, GATUN_EPS_IN_SQRT, NULL, 0, NULL, 0, NULL, 0, dgamma,
                                                  NULL, NULL, 0, TOKENS, scratch, bytes, NULL, 0);
    CHECK(status == GATUN_OK, "status %d", status);
    const double expected = (double)0.7f * TOKENS * HEADS;
    for (int j = 0; j < COLUMNS; j++) {
        CHECK(fabs((double)dgamma[j] / expected - 1) <= 0x1p-22, "a sum of %d terms is %.9g, expected %.9g",
              TOKENS * HEADS, (double)dgamma[j], expected);
    }
    free(x);
    free(dy);
    free(scratch);
}

static void check_gradients(driver *d) {
    static const int columns[] = {1, 3, 8, 20, 64, 80, 127, 128};
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        check_differences(d, columns[c], GATUN_EPS_IN_SQRT, 0.1f);
        check_differences(d, columns[c], GATUN_EPS_ADD, 0.1f);
        check_differences(d, columns[c], GATUN_EPS_CLAMP, 1e-6f);
        check_differences(d, columns[c], GATUN_EPS_CLAMP, 1e3f);
    }
    check_long_sums(d);
}

static void test_level(driver *d, const case_file *file, int isa) {
    d->context = level_open(isa, 1);
    check_shapes(d);
    check_case_file(d, file);
    check_values(d);
    check_alignments(d);
    check_splits(d, isa);
    check_streams(d);
    if (d->backward) {
        check_gradients(d);
    }
    gatun_context_destroy(d->context);
}

int main(int argc, char **argv) {
    static case_file file;
    setenv("GATUN_THREADS", "8", 1); /* as many as asked for, whatever this machine has */
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    for (int backward = 0; backward <= 1; backward++) {
        int levels[LEVELS_MAX];
        const int count = levels_of(operations[backward], levels);
        driver d = {.backward = backward, .reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0};
        cases_read(argv[1], operations[backward], &file);
        memcpy(d.bounds, file.bound, sizeof d.bounds);
        for (int i = 0; i < count; i++) {
            test_level(&d, &file, levels[i]);
            check_note("%s at level %s: done", operations[backward], gatun_isa_name(levels[i]));
        }
        head_norm_release(&d.memory);
        head_norm_release(&d.other);
    }
    return check_finish(argv[0]);
}
