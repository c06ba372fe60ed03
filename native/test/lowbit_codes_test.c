/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activations as int8 codes, at every level, against the formulas of gatun_lowbit_quantize_activations in plain C, bit
 * for bit: all types, groups and finer groups, permutations, per-channel scales; magnitudes from 0 through subnormals
 * to the greatest; NaN and infinities; ends of rows; operands flush with inaccessible pages.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/core/kernels.h"
#include "check.h"
#include "crash.h"
#include "levels.h"
#include "lowbit_weights.h"
#include "values.h"

typedef struct {
    const lowbit_quantize_activations_kernel *kernel;
    int isa;
    uint64_t random;
    guarded x, codes, scales, scaled_sums, sums, channels, centres, permutation;
} context;

typedef struct {
    long long rows, columns;
    int dtype, group, finer, factor, limit;
    bool permuted, channels, padded;
    double magnitude; /* of most values; negative: one of each group is not finite */
} test_case;

/* To the nearest integer, ties to even, in the default rounding mode. */
static float nearest(float v) {
    return nearbyintf(v);
}

static float clamp(float v, float limit) {
    return v > limit ? limit : v < -limit ? -limit : v;
}

/* The codes and the scale of n values. */
static float quantize(const float *x, long long n, int8_t *codes) {
    float amax = 0.0f;
    bool finite = true;
    for (long long i = 0; i < n; i++) {
        amax = fabsf(x[i]) > amax ? fabsf(x[i]) : amax;
        finite = finite && isfinite(x[i]);
    }
    const float inverse = amax >= 0x1p-118f ? 127.0f / amax : 0.0f;
    for (long long i = 0; i < n; i++) {
        codes[i] = finite ? (int8_t)clamp(nearest(x[i] * inverse), 127.0f) : 0;
    }
    return finite ? amax / 127.0f : NAN;
}

static double random_value(context *c, double magnitude) {
    if (magnitude < 0 && random_bits(&c->random) % 40 == 0) {
        const double special[] = {NAN, (double)INFINITY, -(double)INFINITY};
        return special[random_bits(&c->random) % 3];
    }
    const double value = random_bell(&c->random) * fabs(magnitude);
    return random_bits(&c->random) % 16 == 0 ? -0.0 : value;
}

static bool same_float(float a, float b) {
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static void check_row(const test_case *t, const lowbit_quantize_arguments *a, long long row, const float *x,
                      const char *name) {
    int8_t *codes = calloc((size_t)a->codes_columns + 1, 1);
    const long long columns = t->columns, group = t->group == 0 ? columns : t->group;
    for (long long begin = 0; begin < columns; begin += group) {
        const long long n = columns - begin < group ? columns - begin : group;
        float scale = 1.0f;
        if (t->channels) {
            for (long long k = begin; k < begin + n; k++) {
                const float centre = a->channel_centres ? a->channel_centres[k] : 0.0f;
                const float quotient = (x[k] - centre) / a->channel_scales[k];
                codes[k] = isnan(quotient) ? 0 : (int8_t)nearest(clamp(quotient, (float)t->limit));
            }
        } else {
            scale = quantize(x + begin, n, codes + begin);
        }
        const long long finer = t->finer == 0 ? n : t->finer;
        for (long long first = begin; first < begin + n; first += finer) {
            int32_t sum = 0;
            for (long long k = first; k < begin + n && k < first + finer; k++) {
                sum += codes[k];
            }
            const long long g = t->finer == 0 ? 0 : first / t->finer, at = row * a->groups_stride + g;
            CHECK(t->channels || same_float(a->scales[at], scale), "%s: scale [%lld, %lld] is %.9g, expected %.9g",
                  name, row, g, (double)a->scales[at], (double)scale);
            CHECK(same_float(a->scaled_sums[at], scale * (float)sum), "%s: scaled sum [%lld, %lld] is %.9g", name, row,
                  g, (double)a->scaled_sums[at]);
            CHECK(a->sums[at] == t->factor * sum, "%s: sum [%lld, %lld] is %d, expected %d times %d", name, row, g,
                  a->sums[at], t->factor, sum);
        }
    }
    CHECK(memcmp(a->codes + row * a->codes_stride, codes, (size_t)a->codes_columns) == 0, "%s: codes of row %lld", name,
          row);
    free(codes);
}

static void run(context *c, const test_case *t) {
    const long long columns = t->columns, padded = (columns + 31) / 32 * 32, x_stride = columns + 3;
    const long long groups = lowbit_groups(columns, t->finer), codes_columns = t->padded ? padded : columns;
    const size_t size = dtype_bytes(t->dtype), rows = (size_t)t->rows;
    const size_t x_elements = rows == 0 ? 0 : (rows - 1) * (size_t)x_stride + (size_t)columns;
    char name[200];
    snprintf(name, sizeof name,
             "%s %s, M %lld K %lld, groups of %d, sums of %d times %d, magnitude %g%s%s, codes up to %lld",
             gatun_isa_name(c->isa), dtype_name(t->dtype), t->rows, columns, t->group, t->finer, t->factor,
             t->magnitude, t->permuted ? ", permuted" : "", t->channels ? ", channels" : "", codes_columns);
    crash_name_case(name);
    void *x = guarded_place(&c->x, x_elements * size, size, PLACE_END, 0);
    float *scales = guarded_place(&c->channels, (size_t)columns * 4, 4, PLACE_END, 0);
    float *centres = guarded_place(&c->centres, (size_t)columns * 4, 4, PLACE_END, 0);
    int32_t *permutation = guarded_place(&c->permutation, (size_t)columns * 4, 4, PLACE_END, 0);
    for (size_t i = 0; i < x_elements; i++) {
        dtype_store(t->dtype, x, (long long)i, random_value(c, t->magnitude));
    }
    for (long long k = 0; k < columns; k++) {
        scales[k] = (float)(fabs(t->magnitude) * random_uniform(&c->random, 0.005, 0.05));
        centres[k] = (float)(fabs(t->magnitude) * random_uniform(&c->random, -1, 1));
        permutation[k] = (int32_t)k;
    }
    for (long long k = columns - 1; k > 0; k--) {
        const long long other = (long long)(random_bits(&c->random) % (uint64_t)(k + 1));
        const int32_t kept = permutation[k];
        permutation[k] = permutation[other];
        permutation[other] = kept;
    }
    const size_t values = rows * (size_t)groups * 4;
    lowbit_quantize_arguments a = {.dtype = t->dtype,
                                   .rows = t->rows,
                                   .columns = columns,
                                   .x = x,
                                   .x_stride = x_stride,
                                   .permutation = t->permuted ? permutation : NULL,
                                   .group = t->group,
                                   .channel_scales = t->channels ? scales : NULL,
                                   .channel_centres = t->channels && random_bits(&c->random) % 2 ? centres : NULL,
                                   .limit = t->limit,
                                   .codes = guarded_place(&c->codes, rows * (size_t)codes_columns, 1, PLACE_END, 0),
                                   .codes_stride = codes_columns,
                                   .codes_chunk = LOWBIT_CHUNK,
                                   .codes_columns = codes_columns,
                                   .finer_group = t->finer,
                                   .groups_stride = groups,
                                   .groups_chunk = t->finer == 0 ? 0 : LOWBIT_CHUNK / t->finer,
                                   .scales = guarded_place(&c->scales, values, 4, PLACE_END, 0),
                                   .scaled_sums = guarded_place(&c->scaled_sums, values, 4, PLACE_END, 0),
                                   .sums = guarded_place(&c->sums, values, 4, PLACE_END, 0),
                                   .sums_factor = t->factor};
    c->kernel->rows(&a, 0, t->rows);
    float *row = calloc((size_t)columns + 1, sizeof *row);
    for (long long m = 0; m < t->rows; m++) {
        for (long long k = 0; k < columns; k++) {
            row[k] = (float)dtype_load(t->dtype, x, m * x_stride + (t->permuted ? permutation[k] : k));
        }
        check_row(t, &a, m, row, name);
    }
    free(row);
    const guarded *written[] = {&c->codes, &c->scales, &c->scaled_sums, &c->sums};
    for (int i = 0; i < 4; i++) {
        CHECK(guarded_margins_intact(written[i]), "%s: wrote beyond output %d", name, i);
    }
}

static void test_level(context *c, bool reduced) {
    static const int groups[] = {32, 64, 128, 256, 0};
    static const long long some_columns[] = {0, 1, 7, 15, 16, 17, 31, 32, 33, 100, 255, 256, 257, 513, 1030};
    static const double magnitudes[] = {1, 1e-3, 300, -1, 0, 0x1p-120, 0x1p-117, 1e-42, 1e30, 6e4};
    for (int dtype = GATUN_F32; dtype <= GATUN_F16; dtype++) {
        for (int g = 0; g < 5; g++) {
            for (int time = 0; time < (reduced ? 12 : 120); time++) {
                const uint64_t r = random_bits(&c->random);
                test_case t = {.rows = (long long)(r % 4),
                               .columns = some_columns[(r >> 8) % 15],
                               .dtype = dtype,
                               .group = groups[g],
                               .finer = groups[g],
                               .factor = (r >> 16) % 2 ? 1 : -8,
                               .limit = 127,
                               .permuted = (r >> 24) % 4 == 0,
                               .padded = (r >> 28) % 2,
                               .magnitude = magnitudes[(r >> 32) % 10]};
                if ((r >> 40) % 2) {
                    static const int finer[] = {16, 32, 64, 128, 256};
                    t.finer = finer[(r >> 48) % 5];
                    t.finer = t.group != 0 && t.finer > t.group ? t.group : t.finer;
                } else if (t.group == 0 && (r >> 44) % 2) {
                    t.channels = true;
                    t.permuted = false;
                    t.limit = 1 + (int)((r >> 48) % 127);
                    t.magnitude = fabs(t.magnitude) < 1e-3 ? 1 : t.magnitude;
                }
                run(c, &t);
            }
        }
    }
}

int main(int argc, char **argv) {
    const bool reduced = argc > 1 && strcmp(argv[1], "--reduced") == 0;
    crash_catch();
    int levels[LEVELS_MAX];
    const int count = levels_of("lowbit_quantize_activations", levels);
    for (int i = 0; i < count; i++) {
        const gatun_kernels kernels = gatun_kernels_at(levels[i]);
        context c = {.kernel = kernels.lowbit_quantize_activations, .isa = levels[i], .random = 7};
        test_level(&c, reduced);
        guarded *all[] = {&c.x, &c.codes, &c.scales, &c.scaled_sums, &c.sums, &c.channels, &c.centres, &c.permutation};
        for (size_t m = 0; m < sizeof all / sizeof all[0]; m++) {
            guarded_release(all[m]);
        }
    }
    return check_finish(argv[0]);
}
