/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The masks of activation sparsity at every level against a sort: shapes, strides, alignments and guard pages, in place,
 * with and without scales, ties, NaN, infinities and zeros, all elements equal; the same bits for every number of threads.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "check.h"
#include "crash.h"
#include "levels.h"
#include "operand.h"
#include "values.h"

typedef struct test_case {
    int topk, dtype;
    long long rows, columns, gap, kept;
    int in_place; /* y is x (1) or values (2) */
    int own_values, has_scale, has_thresholds, keep_equal, ties, specials;
    enum placement placement;
    long long offset;
    uint64_t seed;
} test_case;

typedef struct driver {
    int isa, reduced;
    gatun_context *context;
    operand x, values, y, scale, thresholds;
} driver;

static const float threshold = 0.75f;

static void prepare(driver *d, const test_case *t) {
    static const double specials[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0};
    uint64_t random = t->seed;
    operand *const all[] = {&d->x, &d->values, &d->y, &d->scale, &d->thresholds};
    for (int k = 0; k < 5; k++) {
        const long long gap = k > 2 || t->gap == 0 || t->in_place ? (k > 2 ? 0 : t->gap) : t->gap + k;
        operand_place(all[k], k > 2 ? GATUN_F32 : t->dtype, k > 2 ? 1 : t->rows, t->columns, gap, t->placement,
                      t->offset);
        for (long long i = 0; k != 2 && i < all[k]->rows; i++) {
            for (long long j = 0; j < t->columns; j++) {
                double value = random_bell(&random);
                if (t->ties && k == 0) {
                    value = (double)(int)(value * 2);
                }
                if (t->specials && k == 0 && random_bits(&random) % 5 == 0) {
                    value = specials[random_bits(&random) % 5];
                }
                operand_set(all[k], i, j, k > 2 ? fabs(value) : value);
            }
        }
        operand_keep(all[k]);
    }
}

static float key_of(const driver *d, const test_case *t, long long i, long long j) {
    const float x = fabsf((float)operand_kept(&d->x, i, j));
    return t->has_scale ? x * (float)operand_kept(&d->scale, 0, j) : x;
}

/* Greater keys first, NaN above all; of equal ones the lower column. */
typedef struct entry {
    float key;
    long long column;
} entry;
static int compare(const void *a, const void *b) {
    const entry *const e = a, *const f = b;
    const int e_nan = isnan(e->key), f_nan = isnan(f->key);
    if (e_nan != f_nan) {
        return e_nan ? -1 : 1;
    }
    if (!e_nan && e->key != f->key) {
        return e->key > f->key ? -1 : 1;
    }
    return e->column < f->column ? -1 : 1;
}

static int call(driver *d, gatun_context *context, const test_case *t, char *message, long long bytes) {
    const operand *const values = t->own_values ? &d->values : &d->x;
    operand *const y = t->in_place == 1 ? &d->x : t->in_place == 2 && t->own_values ? &d->values : &d->y;
    const float *const scale = t->has_scale ? (const float *)(const void *)d->scale.data : NULL;
    const float *const thresholds = t->has_thresholds ? (const float *)(const void *)d->thresholds.data : NULL;
    if (t->topk) {
        return gatun_topk_mask_rows(context, t->dtype, t->rows, t->columns, t->kept, d->x.data, d->x.stride, scale,
                                    values->data, values->stride, y->data, y->stride, message, bytes);
    }
    return gatun_threshold_mask(context, t->dtype, t->rows, t->columns, d->x.data, d->x.stride, scale, thresholds,
                                threshold, t->keep_equal, values->data, values->stride, y->data, y->stride, message,
                                bytes);
}

static void check_case(driver *d, const test_case *t) {
    char message[256] = "untouched", what[384];
    prepare(d, t);
    snprintf(what, sizeof what,
             "%s %s at level %s: [%lld, %lld] gap %lld, kept %lld, in place %d, values %d scale %d thresholds %d, "
             "keep_equal %d, ties %d, specials %d, seed %llu",
             t->topk ? "topk_mask_rows" : "threshold_mask", dtype_name(t->dtype), gatun_isa_name(d->isa), t->rows,
             t->columns, t->gap, t->kept, t->in_place, t->own_values, t->has_scale, t->has_thresholds, t->keep_equal,
             t->ties, t->specials, (unsigned long long)t->seed);
    const int status = call(d, d->context, t, message, sizeof message);
    CHECK(status == GATUN_OK && strcmp(message, "untouched") == 0, "%s: status %d: %s", what, status, message);
    const operand *const values = t->own_values ? &d->values : &d->x;
    const operand *const y = t->in_place == 1 ? &d->x : t->in_place == 2 && t->own_values ? &d->values : &d->y;
    entry *const row = malloc((size_t)t->columns * sizeof *row);
    char *const kept = malloc((size_t)t->columns);
    for (long long i = 0; i < t->rows; i++) {
        for (long long j = 0; j < t->columns; j++) {
            const float key = key_of(d, t, i, j);
            const float bound = t->has_thresholds ? (float)operand_kept(&d->thresholds, 0, j) : threshold;
            row[j] = (entry){key, j};
            kept[j] = (char)(!t->topk && !(t->keep_equal ? key < bound : key <= bound));
        }
        if (t->topk) {
            qsort(row, (size_t)t->columns, sizeof *row, compare);
            for (long long j = 0; j < t->kept && j < t->columns; j++) {
                kept[row[j].column] = 1;
            }
        }
        int good = 1;
        for (long long j = 0; j < t->columns && good; j++) {
            const double expected = kept[j] ? operand_kept(values, i, j) : 0, got = operand_get(y, i, j);
            good = isnan(expected) ? isnan(got) : got == expected;
            if (!good) {
                CHECK(0, "%s: y[%lld, %lld] is %g, not %g", what, i, j, got, expected);
            }
        }
        CHECK(good, "%s", what);
    }
    free(row);
    free(kept);
    CHECK(operand_intact(&d->x, y == &d->x) && operand_intact(&d->values, y == &d->values) &&
              operand_intact(&d->y, y == &d->y) && operand_intact(&d->scale, 0) && operand_intact(&d->thresholds, 0),
          "%s: other memory was written", what);
}

static void check_variants(driver *d, long long rows, long long columns, int count, uint64_t *random) {
    for (int variant = 0; variant < count; variant++) {
        const uint64_t bits = random_bits(random);
        test_case t = {.topk = (int)(bits & 1), .dtype = (int)((bits >> 1) % 3), .rows = rows, .columns = columns};
        t.gap = (long long)(bits >> 8 & 3) * 3;
        t.in_place = (int)((bits >> 10) % 3);
        t.own_values = (int)(bits >> 13 & 1);
        t.has_scale = (int)(bits >> 14 & 1);
        t.has_thresholds = (int)(bits >> 15 & 1);
        t.keep_equal = (int)(bits >> 16 & 1);
        t.ties = (int)(bits >> 17 & 1);
        t.specials = (bits >> 18 & 3) == 0;
        t.placement = bits >> 20 & 1 ? PLACE_BEGIN : PLACE_END;
        t.offset = (long long)(bits >> 21 & 15);
        t.kept = (long long)((bits >> 32) % (uint64_t)(columns + 2));
        t.seed = bits;
        check_case(d, &t);
    }
}

static void check_shapes(driver *d, const case_file *files) {
    static const long long rows[] = {1, 2, 3, 5, 8, 33}, more[] = {127, 512, 513, 1000, 4097, 70000};
    uint64_t random = 7;
    for (long long columns = 1; columns <= 70; columns++) {
        check_variants(d, rows[columns % 6], columns, d->reduced ? 2 : 12, &random);
    }
    for (size_t c = 0; c < sizeof more / sizeof *more; c++) {
        check_variants(d, 1 + (long long)(c % 3), more[c], d->reduced ? 2 : 12, &random);
    }
    for (int f = 0; f < 2; f++) {
        for (int i = 0; i < files[f].count; i++) {
            const shape_case *shape = &files[f].cases[i];
            if ((shape->uses & CASE_CHECK) && (!d->reduced || shape->rows * shape->columns < 20000)) {
                check_variants(d, shape->rows, shape->columns, 1, &random);
            }
        }
    }
}

static void check_threads(driver *d) {
    static const long long shapes[][2] = {{300, 700}, {2, 200000}, {9000, 9}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        for (int topk = 0; topk <= 1; topk++) {
            test_case t = {.topk = topk,
                           .rows = shapes[s][0],
                           .columns = shapes[s][1],
                           .kept = shapes[s][1] / 3,
                           .ties = 1,
                           .placement = PLACE_END,
                           .seed = s};
            unsigned char *one = NULL;
            for (int threads = 1; threads <= 4; threads++) {
                gatun_context *context = level_open(d->isa, threads);
                prepare(d, &t);
                CHECK(call(d, context, &t, NULL, 0) == GATUN_OK, "call");
                if (threads == 1) {
                    one = malloc(d->y.bytes);
                    memcpy(one, d->y.data, d->y.bytes);
                }
                CHECK(memcmp(one, d->y.data, d->y.bytes) == 0, "other bits with %d threads", threads);
                gatun_context_destroy(context);
            }
            free(one);
        }
    }
}

int main(int argc, char **argv) {
    static case_file files[2];
    setenv("GATUN_THREADS", "8", 1); /* as many as asked for, whatever this machine has */
    if (argc < 2) {
        check_abandon("usage: %s CASES_FOLDER [--reduced]", argv[0]);
    }
    crash_catch();
    cases_read(argv[1], "threshold_mask", &files[0]);
    cases_read(argv[1], "topk_mask_rows", &files[1]);
    int levels[LEVELS_MAX];
    CHECK(levels_of("threshold_mask", levels) == levels_of("topk_mask_rows", levels), "not the same levels");
    const int count = levels_of("topk_mask_rows", levels);
    for (int i = 0; i < count; i++) {
        driver d = {.isa = levels[i], .reduced = argc > 2 && strcmp(argv[2], "--reduced") == 0};
        d.context = level_open(levels[i], 1);
        check_shapes(&d, files);
        check_threads(&d);
        gatun_context_destroy(d.context);
        operand *const all[] = {&d.x, &d.values, &d.y, &d.scale, &d.thresholds};
        for (int k = 0; k < 5; k++) {
            operand_release(all[k]);
        }
    }
    return check_finish(argv[0]);
}
