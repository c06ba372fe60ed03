/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backward kernels of every row normalization at every level against the float64 reference: every number of columns
 * up to three vectors and one, primes, the shapes of the case files, every combination of the options, values that break
 * careless arithmetic. The same bits for any alignment, any cut into pieces and any number of threads. The reference
 * itself is compared with finite differences of the forward pass.
 */
#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "check.h"
#include "levels.h"
#include "row_norm_backward_case.h"
#include "row_norm_backward_reference.h"
#include "values.h"

enum { COLUMNS_MAX = 3 * 16 + 1, THREAD_COUNTS = 2 };

typedef struct driver {
    int reduced; /* a smaller grid, for sanitizers and emulators */
    backward_operation operation;
    int isa;
    gatun_context *context;                /* one thread */
    gatun_context *threads[THREAD_COUNTS]; /* several */
    case_file cases;
    backward_memory memory, other;
    backward_error error;
} driver;

static int run(driver *d, const backward_case *test) {
    return backward_run(d->context, test, d->cases.bound[GATUN_F32], &d->memory, NULL, &d->error);
}

static long long below(uint64_t *random, long long count) {
    return (long long)(random_bits(random) % (uint64_t)count);
}

/* Options at random; with so many cases every pair of them is met often. */
static void choose_options(backward_case *test, uint64_t *random) {
    static const double bases[] = {0, 0, 3, 100};
    static const float alphas[] = {1, 1, 0.5f, -2, 0};
    test->seed = random_bits(random);
    test->norm = (int)below(random, 2);
    test->parameter_dtype = below(random, 2) ? GATUN_F32 : test->dtype;
    test->placement = below(random, 2) ? PLACE_END : PLACE_BEGIN;
    test->x_offset = below(random, 3);
    test->y_offset = below(random, 5);
    test->parameter_offset = below(random, 4);
    test->has_gamma = (int)below(random, 2);
    test->has_bias = (int)below(random, 2);
    test->has_dh_in = (int)below(random, 2);
    test->has_dx = below(random, 4) != 0;
    test->has_dresidual = (int)below(random, 2);
    test->gradients = below(random, 3) == 0 ? 0 : (int)below(random, 16);
    test->statistics = (backward_statistics)below(random, 3);
    test->eps_mode = below(random, 2) ? GATUN_EPS_IN_SQRT : (int)below(random, 3);
    test->weight_offset = below(random, 2) ? 0.0f : 1.0f;
    test->alpha = alphas[below(random, 5)];
    test->base = bases[below(random, 4)];
    test->dy_base = below(random, 3) == 0 ? 1 : 0;
    test->x_stride = test->columns + below(random, 3) * 5;
    test->y_stride = test->columns + below(random, 3) * 3;
    test->pieces = 1 + (int)below(random, 4);
    if (test->operation == RMS_NORM_BACKWARD && below(random, 2)) {
        test->statistics_columns = 1 + below(random, test->columns);
    }
    if (below(random, 3) == 0) {
        const int may_take_dh_in = test->has_dh_in && (test->operation == RESIDUAL_ADD_NORM_BACKWARD ||
                                                       test->operation == NORM_ADD_NORM_BACKWARD);
        test->y_stride = test->x_stride;
        test->dx_place = below(random, 2) || !may_take_dh_in ? PLACE_OF_DY : PLACE_OF_DH_IN;
        if (may_take_dh_in && below(random, 2)) {
            test->dresidual_place = test->dx_place == PLACE_OF_DY ? PLACE_OF_DH_IN : PLACE_OF_DY;
        }
        if (backward_is_fused(test->operation) && below(random, 3) == 0) {
            test->dresidual_place = test->dx_place;
            test->dx_place = OWN_MEMORY;
        }
    }
}

static void check_columns(driver *d, long long columns, int cases) {
    static const long long rows[] = {0, 1, 2, 3, 4, 5, 8, 9, 33, 130};
    uint64_t random = (uint64_t)columns * 7919;
    for (int i = 0; i < cases; i++) {
        const long long most = columns > 1000 ? 7 : d->reduced ? 9 : 10;
        backward_case test = backward_case_plain(d->operation, i % 3, rows[below(&random, most)], columns);
        choose_options(&test, &random);
        run(d, &test);
    }
}

static void check_all_columns(driver *d) {
    static const long long some[] = {63,  64,  65,  127, 128,  129,  197,  255,  256,  257,  509,
                                     511, 512, 513, 769, 1021, 1031, 2053, 4097, 4099, 8209, 16411};
    for (long long columns = 1; columns <= COLUMNS_MAX; columns++) {
        check_columns(d, columns, d->reduced ? 12 : 36);
    }
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        check_columns(d, some[i], d->reduced ? 2 : some[i] > 1000 ? 6 : 24);
    }
}

static void check_shapes(driver *d) {
    static const double bases[] = {0, 100, 1e4};
    for (int i = 0; i < d->cases.count; i++) {
        const shape_case *shape = &d->cases.cases[i];
        if (!(shape->uses & CASE_CHECK) || (d->reduced && shape->rows * shape->columns > 20000)) {
            continue;
        }
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            backward_case test = backward_case_plain(d->operation, dtype, shape->rows, shape->columns);
            test.x_stride = shape->x_stride;
            test.y_stride = shape->y_stride;
            test.base = bases[i % 3];
            test.norm = i % 2;
            run(d, &test);
            test.statistics = STATISTICS_TAKEN_ANEW;
            test.norm = 1 - test.norm;
            run(d, &test);
        }
    }
}

static int is_representable(int dtype, double magnitude) {
    return isfinite(dtype_round(dtype, magnitude));
}

/* Noise of every magnitude on offsets that it can move, gradients of several; saved statistics and taken anew. */
static void check_magnitudes(driver *d, int dtype, long long columns) {
    static const double bases[] = {0, 1e2, 1e4, 1e7};
    static const double scales[] = {1e-38, 1e-30, 1e-20, 1e-9, 1e-3, 1, 4, 1e15, 1e19, 1e30, 9e37};
    static const double gradients[] = {1e-30, 1, 1e30};
    static const float epsilons[] = {0.0f, 1e-12f, 1e-5f, 1e12f};
    uint64_t random = (uint64_t)columns;
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
            const int vanishes = bases[b] != 0 && scales[s] < 1, coarse = bases[b] == 1e7 && scales[s] == 1;
            if (!is_representable(dtype, bases[b] + 4 * scales[s]) || vanishes || coarse ||
                dtype_round(dtype, scales[s]) == 0) {
                continue;
            }
            for (size_t e = 0; e < sizeof epsilons / sizeof *epsilons; e++) {
                if (epsilons[e] == 0 && (columns < 5 || (dtype != GATUN_F32 && bases[b] != 0))) {
                    continue; /* with eps 0 a row without variance has no normalization */
                }
                backward_case test = backward_case_plain(d->operation, dtype, 5, columns);
                test.base = bases[b];
                test.scale = scales[s];
                test.eps = epsilons[e];
                test.eps_mode = (int)below(&random, 3);
                test.statistics = (backward_statistics)below(&random, 3);
                test.norm = (int)below(&random, 2);
                test.dy_scale = dtype == GATUN_F16 ? 1 : gradients[below(&random, 3)];
                test.seed = random_bits(&random);
                run(d, &test);
            }
        }
    }
}

static void check_constant_rows(driver *d, int dtype, long long columns) {
    static const double bases[] = {0, 1, -3, 1e4, 1e7, 1e30};
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
        for (int mode = GATUN_EPS_IN_SQRT; mode <= GATUN_EPS_CLAMP && is_representable(dtype, bases[b]); mode++) {
            backward_case test = backward_case_plain(d->operation, dtype, 6, columns);
            test.constant = 1;
            test.base = bases[b];
            test.eps_mode = mode;
            for (test.norm = 0; test.norm <= backward_is_fused(d->operation); test.norm++) {
                run(d, &test);
                test.statistics = STATISTICS_TAKEN_ANEW;
                run(d, &test);
            }
        }
    }
}

/* NaN, infinities, extreme and vanishing numbers in one tensor of the middle row of five. */
static void check_specials(driver *d, int dtype, long long columns) {
    const double specials[] = {NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 65504, 1e-45, -0.0};
    for (size_t s = 0; s < sizeof specials / sizeof *specials; s++) {
        const long long places[] = {0, columns / 2, columns - 1};
        for (int tensor = 0; tensor < BACKWARD_INPUTS; tensor++) {
            for (size_t p = 0; p < sizeof places / sizeof *places; p += d->reduced ? 2 : 1) {
                backward_case test = backward_case_plain(d->operation, dtype, 5, columns);
                test.has_special = 1;
                test.special = dtype_round(dtype, specials[s]);
                test.special_column = places[p];
                test.special_tensor = (backward_tensor)tensor;
                test.seed += s * 3 + p;
                test.norm = (int)(s + p) % 2;
                test.eps_mode = (int)(s + (size_t)tensor) % 3;
                test.statistics = (backward_statistics)((p + (size_t)tensor) % 3);
                run(d, &test);
                if (d->operation == RMS_NORM_BACKWARD && columns > 1) {
                    test.statistics_columns = columns / 2;
                    run(d, &test);
                }
            }
        }
    }
}

/* Powers of two over the whole range of float32 with eps 0: squares overflow, underflow, or x itself is subnormal. */
static void check_scales(driver *d, long long columns) {
    static const double scales[] = {0x1p-140, 0x1p-126, 0x1p-100, 0x1p-60, 0x1p-40, 0x1p60, 0x1p100, 0x1p124};
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        for (int statistics = 0; statistics < 3; statistics++) {
            backward_case test = backward_case_plain(d->operation, GATUN_F32, 4, columns);
            test.scale = scales[s];
            test.eps = 0;
            test.norm = statistics % 2;
            test.statistics = (backward_statistics)statistics;
            run(d, &test);
        }
    }
}

static void check_values(driver *d) {
    static const long long some[] = {1, 2, 5, 16, 63, 130, 1000};
    for (size_t c = 0; c < sizeof some / sizeof *some && !(d->reduced && some[c] > 100); c += d->reduced ? 3 : 1) {
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
            check_magnitudes(d, dtype, some[c]);
            check_constant_rows(d, dtype, some[c]);
            check_specials(d, dtype, some[c]);
        }
        if (some[c] >= 5) {
            check_scales(d, some[c]);
        }
    }
}

/* Whether a pass by `context` with `test` gives the bits of `expected`. */
static void check_same_bits(driver *d, gatun_context *context, const backward_case *test,
                            const backward_result *expected, const char *difference) {
    backward_result result;
    char what[1024];
    backward_run(context, test, 0, &d->other, &result, NULL);
    backward_describe(test, context, what, sizeof what);
    CHECK(result.count == expected->count && memcmp(result.bytes, expected->bytes, result.count) == 0,
          "%s\n    bits depend on the %s", what, difference);
}

/* Threads, pieces, alignment, strides and the other outputs change no bit. */
static void check_determinism(driver *d, long long rows, long long columns, int dtype) {
    backward_case test = backward_case_plain(d->operation, dtype, rows, columns);
    backward_result expected;
    test.norm = (int)(rows + columns) % 2;
    test.statistics = (backward_statistics)(rows % 3);
    test.base = 1;
    backward_run(d->context, &test, rows * columns > 300000 ? 0 : d->cases.bound[GATUN_F32], &d->memory, &expected,
                 &d->error);
    for (int t = 0; t < THREAD_COUNTS; t++) {
        check_same_bits(d, d->threads[t], &test, &expected, "number of threads");
    }
    for (int pieces = 2; pieces <= 5; pieces++) {
        test.pieces = pieces;
        check_same_bits(d, pieces % 2 == 0 ? d->context : d->threads[0], &test, &expected, "cut into pieces");
    }
    test.pieces = 1;
    test.placement = PLACE_BEGIN;
    for (int offset = 0; offset < 16; offset += d->reduced ? 5 : 1) {
        test.x_offset = offset;
        test.y_offset = offset * 7 % 16;
        test.parameter_offset = offset * 5 % 16;
        test.x_stride = columns + offset % 3;
        test.y_stride = columns + offset % 5;
        check_same_bits(d, d->context, &test, &expected, "alignment");
    }
    test.x_stride = test.y_stride = columns;
    test.dx_place = PLACE_OF_DY;
    check_same_bits(d, d->context, &test, &expected, "place of dx");
}

static void check_all_determinism(driver *d) {
    static const long long shapes[][2] = {{1, 100},  {7, 1003},  {33, 1024}, {130, 33},  {257, 768}, {1000, 16},
                                          {4500, 7}, {20, 5000}, {6, 20001}, {4, 70001}, {3000, 300}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        if (d->reduced && shapes[s][0] * shapes[s][1] > 40000) {
            continue;
        }
        for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype += d->reduced ? 2 : 1) {
            check_determinism(d, shapes[s][0], shapes[s][1], dtype);
        }
    }
}

/* Sums of many like values, where running sums in float32 would drift. */
static void check_long_sums(driver *d) {
    backward_case test = backward_case_plain(d->operation, GATUN_F32, d->reduced ? 5000 : 200000, 5);
    test.dy_base = 1;
    test.dy_scale = 0.001;
    test.norm = GATUN_RMS_NORM;
    run(d, &test);
}

/*
 * The derivative of the weighted sum of all results of the forward pass by one number of its arguments, by central
 * differences of two widths, against the reference.
 */
typedef struct differences {
    backward_case test;
    double x[12], residual[12], bias[12], gamma[2][12], beta[2][12], dy[12], dh[12];
} differences;

static double weighted_results(const differences *f) {
    double y[12] = {0}, h[12] = {0}, sum = 0;
    const int bias = f->test.operation == RESIDUAL_ADD_NORM_BACKWARD || f->test.operation == NORM_RESIDUAL_ADD_BACKWARD;
    const forward_row row = {.x = f->x,
                             .residual = f->residual,
                             .bias = bias ? f->bias : NULL,
                             .gamma = {f->gamma[0], f->gamma[1]},
                             .beta = {f->beta[0], f->beta[1]},
                             .y = y,
                             .h = h};
    backward_forward(&f->test, &row);
    for (long long j = 0; j < f->test.columns; j++) {
        sum += f->dy[j] * y[j] + f->dh[j] * h[j];
    }
    return sum;
}

static double difference(differences *f, double *argument) {
    const double value = *argument, width = 1e-3;
    double slopes[2];
    for (int i = 0; i < 2; i++) {
        const double step = width * (i + 1);
        *argument = value + step;
        const double above = weighted_results(f);
        *argument = value - step;
        slopes[i] = (above - weighted_results(f)) / (2 * step);
        *argument = value;
    }
    return (4 * slopes[0] - slopes[1]) / 3;
}

static void compare(const differences *f, const char *name, long long column, double reference, double numeric) {
    CHECK(fabs(reference - numeric) <= 1e-7 * (1 + fabs(numeric)),
          "%s norm %d mode %d: %s[%lld] is %.12g, %.12g by "
          "finite differences",
          backward_name(f->test.operation), f->test.norm, f->test.eps_mode, name, column, reference, numeric);
}

static void check_reference(backward_operation operation, int norm, int eps_mode) {
    enum { COLUMNS = 12 };
    differences f = {.test = backward_case_plain(operation, GATUN_F32, 1, COLUMNS)};
    uint64_t random = (uint64_t)(operation * 100 + norm * 10 + eps_mode);
    f.test.norm = norm;
    f.test.eps_mode = eps_mode;
    f.test.eps = eps_mode == GATUN_EPS_CLAMP && norm == GATUN_LAYER_NORM ? 100.0f : 0.25f; /* clamped, or not */
    f.test.alpha = 0.75f;
    f.test.weight_offset = 1;
    if (operation == RMS_NORM_BACKWARD && norm == GATUN_RMS_NORM) {
        f.test.statistics_columns = 5;
    }
    const int has_h = operation == RESIDUAL_ADD_NORM_BACKWARD || operation == NORM_ADD_NORM_BACKWARD;
    double *arrays[] = {f.x, f.residual, f.bias, f.gamma[0], f.gamma[1], f.beta[0], f.beta[1], f.dy, f.dh};
    for (size_t a = 0; a < sizeof arrays / sizeof *arrays; a++) {
        for (int j = 0; j < COLUMNS; j++) {
            /* exact in float32, in which x + bias is summed */
            arrays[a][j] = (double)(float)random_uniform(&random, -1, 1);
            arrays[a][j] = ldexp(rint(ldexp(arrays[a][j], 20)), -20);
        }
    }
    if (!has_h) {
        memset(f.dh, 0, sizeof f.dh);
    }
    double y[COLUMNS], h[COLUMNS], out[4 * COLUMNS], gradients[8 * COLUMNS];
    const int is_residual_add = operation == RESIDUAL_ADD_NORM_BACKWARD;
    const int bias = is_residual_add || operation == NORM_RESIDUAL_ADD_BACKWARD;
    const forward_row forward = {
        f.x, f.residual, bias ? f.bias : NULL, {f.gamma[0], f.gamma[1]}, {f.beta[0], f.beta[1]}, y, h};
    backward_forward(&f.test, &forward);
    norm_statistics statistics[2];
    backward_inputs inputs = {.tensors = {f.dy, has_h ? f.dh : NULL, has_h ? h : f.x, f.x},
                              .gamma = {f.gamma[0], f.gamma[1]},
                              .bias = operation == NORM_RESIDUAL_ADD_BACKWARD ? f.bias : NULL,
                              .statistics = {&statistics[0], &statistics[1]}};
    for (int k = 0; k < backward_norms(operation); k++) {
        statistics[k] = backward_statistics_of(&f.test, &inputs, k, 0);
    }
    backward_outputs outputs = {out, out + COLUMNS, out + 2 * COLUMNS, out + 3 * COLUMNS, {0}, {0}};
    for (int g = 0; g < 4; g++) {
        outputs.gradients[g] = gradients + 2 * g * COLUMNS;
        outputs.gradient_scales[g] = gradients + (2 * g + 1) * COLUMNS;
    }
    backward_reference(&f.test, &inputs, &outputs);
    for (int j = 0; j < COLUMNS; j++) {
        compare(&f, "dx", j, outputs.dx[j], difference(&f, &f.x[j]));
        compare(&f, "dgamma", j, outputs.gradients[0][j], difference(&f, &f.gamma[0][j]));
        compare(&f, "dbeta", j, outputs.gradients[1][j], difference(&f, &f.beta[0][j]));
        if (backward_is_fused(operation)) {
            compare(&f, "dresidual", j, outputs.dresidual[j], difference(&f, &f.residual[j]));
        }
        if (bias) {
            compare(&f, "dbias", j, outputs.gradients[2][j], difference(&f, &f.bias[j]));
        }
        if (operation == NORM_ADD_NORM_BACKWARD) {
            compare(&f, "dgamma1", j, outputs.gradients[2][j], difference(&f, &f.gamma[1][j]));
            compare(&f, "dbeta1", j, outputs.gradients[3][j], difference(&f, &f.beta[1][j]));
        }
    }
}

static void check_all_references(void) {
    for (int operation = 0; operation < BACKWARD_OPERATIONS; operation++) {
        for (int norm = GATUN_LAYER_NORM; norm <= GATUN_RMS_NORM; norm++) {
            for (int mode = GATUN_EPS_IN_SQRT; mode <= GATUN_EPS_CLAMP; mode++) {
                check_reference((backward_operation)operation, norm, mode);
            }
        }
    }
}

/* Names the case that ran into a guard page, then lets the signal end the program. */
static void name_crash(int signal_number) {
    static const char introduction[] = "\nmemory outside the operands was accessed by\n    ";
    ssize_t written = write(STDERR_FILENO, introduction, sizeof introduction - 1);
    written += write(STDERR_FILENO, backward_current, strlen(backward_current));
    written += write(STDERR_FILENO, "\n", 1);
    (void)written;
    signal(signal_number, SIG_DFL);
}

static void catch_crashes(void) {
    static const int signals[] = {SIGSEGV, SIGBUS};
    backward_names_crashes = 1;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        void (*earlier)(int) = signal(signals[i], name_crash);
        if (earlier != SIG_DFL) {
            signal(signals[i], earlier); /* a sanitizer's, which tells more */
        }
    }
}

static void test_level(driver *d, const char *folder) {
    d->context = level_open(d->isa, 1);
    for (int t = 0; t < THREAD_COUNTS; t++) {
        d->threads[t] = level_open(d->isa, t + 2);
    }
    cases_read(folder, backward_name(d->operation), &d->cases);
    check_all_columns(d);
    check_shapes(d);
    check_values(d);
    check_all_determinism(d);
    check_long_sums(d);
    check_note("%s %s: greatest error %.2f of tensors, %.2f of parameter gradients, of %.0f units",
               backward_name(d->operation), gatun_isa_name(d->isa), d->error.tensors, d->error.gradients,
               d->cases.bound[GATUN_F32]);
    backward_release(&d->memory);
    backward_release(&d->other);
    for (int t = 0; t < THREAD_COUNTS; t++) {
        gatun_context_destroy(d->threads[t]);
    }
    gatun_context_destroy(d->context);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    setenv("GATUN_THREADS", "8", 1); /* as many as asked for, whatever this machine has */
    catch_crashes();
    check_all_references();
    for (int operation = 0; operation < BACKWARD_OPERATIONS; operation++) {
        int levels[LEVELS_MAX];
        const int count = levels_of(backward_name((backward_operation)operation), levels);
        for (int i = 0; i < count; i++) {
            driver d = {.reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0,
                        .operation = (backward_operation)operation,
                        .isa = levels[i]};
            test_level(&d, argv[1]);
        }
    }
    return check_finish(argv[0]);
}
