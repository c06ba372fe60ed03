/* SPDX-License-Identifier: Apache-2.0 */
#include "lowbit_weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gatun.h"
#include "values.h"

static void *allocate(size_t count, size_t bytes) {
    void *memory = calloc(count + 1, bytes);
    if (!memory) {
        check_abandon("no memory for %zu elements of a test", count);
    }
    return memory;
}

static long long random_below(uint64_t *random, long long n) {
    return (long long)(random_bits(random) % (uint64_t)n);
}

/* Where the code of an output and input is: its byte in the data, and a function of its bits. */
static unsigned char *line_byte(unsigned char *chunk_codes, const lowbit_matrix *m, int output, int k, int line) {
    return chunk_codes + k / LOWBIT_SLICE * m->slice_bytes + line * LOWBIT_LINE + 4 * output + k % 4;
}

static void put_code(unsigned char *chunk_codes, const lowbit_matrix *m, int output, int k, unsigned u) {
    const int in_slice = k % LOWBIT_SLICE;
    if (m->bits == 8) {
        *line_byte(chunk_codes, m, output, k, in_slice / 4) = (unsigned char)u;
        return;
    }
    const int second = in_slice / 16, t = in_slice % 16 / 4;
    *line_byte(chunk_codes, m, output, k, t) |= (unsigned char)((u & 15) << 4 * second);
    if (m->bits == 5) {
        *line_byte(chunk_codes, m, output, k, 4) |= (unsigned char)(u >> 4 << (t + 4 * second));
    } else if (m->bits == 6) {
        *line_byte(chunk_codes, m, output, k, 4 + t / 2) |= (unsigned char)(u >> 4 << 2 * (2 * (t % 2) + second));
    }
}

/* A random positive number that float, or binary16, holds exactly. */
static double random_scale(uint64_t *random, int dtype) {
    return dtype_round(dtype, random_uniform(random, 0.001, 0.02));
}

/* The header of one chunk: the values of each group and output, and what the matrix means by them. */
static void put_group(lowbit_weights *w, unsigned char *header, long long output, int column, long long group, int p,
                      enum lowbit_fill fill, uint64_t *random) {
    const lowbit_matrix *m = &w->matrix;
    const int values = LOWBIT_CHUNK / m->group * LOWBIT_TILE, at = p * LOWBIT_TILE + column;
    const bool offsets = m->offsets == LOWBIT_OFFSETS_VALUES, ones = fill == FILL_ONES;
    const bool two_level = m->scales == LOWBIT_SCALES_TWO_LEVEL;
    const int dtype = m->scales == LOWBIT_SCALES_F32 ? GATUN_F32 : GATUN_F16;
    const int bytes = m->scales == LOWBIT_SCALES_F32 ? 4 : m->scales == LOWBIT_SCALES_F16 ? 2 : 1;
    unsigned char *scale = header + (two_level ? 2 * LOWBIT_TILE * (offsets ? 2 : 1) : 0),
                  *end = scale + values * bytes;
    double s, c = 0;
    int zero = m->offsets == LOWBIT_OFFSETS_CONSTANT ? m->zero : -1;
    if (two_level) {
        int multiple = ones ? 1 : (int)random_below(random, 256) - 128, offset = (int)random_below(random, 64);
        s = dtype_load(GATUN_F16, header, column) * multiple;
        scale[at] = (unsigned char)multiple;
        if (offsets) {
            end[at] = (unsigned char)(ones ? 0 : offset);
            c = -dtype_load(GATUN_F16, header + 2 * LOWBIT_TILE, column) * end[at];
        }
    } else {
        s = ones ? 1 : random_scale(random, dtype) * (random_below(random, 2) ? 1 : -1);
        dtype_store(dtype, scale, at, s);
        if (offsets) {
            c = ones ? 0 : -8 * random_scale(random, dtype);
            dtype_store(dtype, end, at, c);
        }
    }
    if (m->offsets == LOWBIT_OFFSETS_ZERO_POINTS) {
        zero = ones ? 0 : (int)random_below(random, 1 << m->bits);
        end[at] = (unsigned char)zero;
    }
    w->scale[output * w->groups + group] = s;
    w->offset[output * w->groups + group] = zero >= 0 ? -zero * s : c;
    w->zero[output * w->groups + group] = zero;
}

static void put_row(lowbit_weights *w, lowbit_tile_header *header, long long output, int column, enum lowbit_fill fill,
                    uint64_t *random) {
    const lowbit_matrix *m = &w->matrix;
    const bool ones = fill == FILL_ONES;
    float scale = ones ? 1.0f : (float)random_scale(random, GATUN_F32);
    float offset = ones ? 0.0f : -8.0f * (float)random_scale(random, GATUN_F32);
    int zero = m->offsets == LOWBIT_OFFSETS_CONSTANT ? m->zero : -1;
    header->scale[column] = scale;
    if (m->offsets == LOWBIT_OFFSETS_VALUES) {
        header->offset[column] = offset;
    } else if (m->offsets == LOWBIT_OFFSETS_ZERO_POINTS) {
        zero = (int)random_below(random, 1 << m->bits);
        header->zero[column] = zero;
    }
    for (long long k = 0; k < m->inputs; k++) {
        header->code_sum[column] += w->codes[output * m->inputs + k];
    }
    w->scale[output * w->groups] = (double)scale;
    w->offset[output * w->groups] = zero >= 0 ? -zero * (double)scale : (double)offset;
    w->zero[output * w->groups] = zero;
}

void lowbit_weights_make(lowbit_weights *w, lowbit_matrix description, enum lowbit_fill fill, uint64_t *random) {
    memset(w, 0, sizeof *w);
    w->matrix = description;
    lowbit_matrix *m = &w->matrix;
    CHECK(lowbit_layout(m), "a layout that fits");
    w->groups = lowbit_groups(m->inputs, m->group);
    w->codes = allocate((size_t)(m->outputs * m->inputs), 1);
    w->scale = allocate((size_t)(m->outputs * w->groups), sizeof *w->scale);
    w->offset = allocate((size_t)(m->outputs * w->groups), sizeof *w->offset);
    w->zero = allocate((size_t)(m->outputs * w->groups), sizeof *w->zero);
    unsigned char *data = guarded_place(&w->memory, (size_t)m->data_bytes, LOWBIT_ALIGNMENT, PLACE_END, 0);
    memset(data, 0, (size_t)m->data_bytes);
    m->data = data;
    const unsigned greatest = (1u << m->bits) - 1;
    for (long long i = 0; i < m->outputs * m->inputs; i++) {
        w->codes[i] = (uint8_t)(fill == FILL_GREATEST ? greatest : random_bits(random) & greatest);
    }
    for (long long output = 0; output < m->outputs; output++) {
        const long long tile = output / LOWBIT_TILE;
        const int column = (int)(output % LOWBIT_TILE);
        for (long long k = 0; k < m->inputs; k++) {
            unsigned char *chunk = data + (lowbit_chunk(m, tile, k / LOWBIT_CHUNK) - m->data);
            put_code(chunk + m->header_bytes, m, column, (int)(k % LOWBIT_CHUNK), w->codes[output * m->inputs + k]);
        }
        if (m->group == 0) {
            put_row(w, (lowbit_tile_header *)(void *)(data + tile * m->tile_bytes), output, column, fill, random);
            continue;
        }
        for (long long chunk = 0; chunk < m->chunks; chunk++) {
            unsigned char *header = data + (lowbit_chunk(m, tile, chunk) - m->data);
            if (m->scales == LOWBIT_SCALES_TWO_LEVEL) {
                dtype_store(GATUN_F16, header, column, fill == FILL_ONES ? 1 : random_scale(random, GATUN_F16));
                if (m->offsets == LOWBIT_OFFSETS_VALUES) {
                    dtype_store(GATUN_F16, header + 2 * LOWBIT_TILE, column, random_scale(random, GATUN_F16));
                }
            }
            for (int p = 0; p < LOWBIT_CHUNK / m->group; p++) {
                const long long group = chunk * (LOWBIT_CHUNK / m->group) + p;
                if (group < w->groups) {
                    put_group(w, header, output, column, group, p, fill, random);
                }
            }
        }
    }
}

void lowbit_weights_free(lowbit_weights *w) {
    free(w->codes);
    free(w->scale);
    free(w->offset);
    free(w->zero);
    guarded_release(&w->memory);
}

static int8_t random_code(enum lowbit_fill fill, bool whole_rows, uint64_t *random) {
    if (fill == FILL_GREATEST) {
        return whole_rows ? -128 : -127;
    }
    return (int8_t)((int)random_below(random, 255) - 127);
}

void lowbit_rows_make(lowbit_rows *x, long long rows, const lowbit_matrix *matrix, int group, bool zeros,
                      enum lowbit_fill fill, uint64_t *random) {
    memset(x, 0, sizeof *x);
    lowbit_activations *a = &x->activations;
    a->rows = rows;
    a->inputs = matrix->inputs;
    a->group = lowbit_finer_group(matrix->group, group);
    a->codes_stride = (a->inputs + LOWBIT_SLICE - 1) / LOWBIT_SLICE * LOWBIT_SLICE;
    a->codes_chunk = LOWBIT_CHUNK;
    a->groups_stride = x->groups = lowbit_groups(a->inputs, a->group);
    a->groups_chunk = a->group == 0 ? 0 : LOWBIT_CHUNK / a->group;
    const size_t values = (size_t)(rows * x->groups);
    int8_t *codes = guarded_place(&x->codes, (size_t)(rows * a->codes_stride), 1, PLACE_END, 0);
    float *scales = guarded_place(&x->scales, values * sizeof *scales, sizeof *scales, PLACE_END, 0);
    float *scaled_sums = guarded_place(&x->scaled_sums, values * sizeof *scales, sizeof *scales, PLACE_END, 0);
    int32_t *sums = guarded_place(&x->sums, values * sizeof *sums, sizeof *sums, PLACE_END, 0);
    int32_t *zero = guarded_place(&x->zeros, (size_t)rows * sizeof *zero, sizeof *zero, PLACE_END, 0);
    a->codes = codes;
    a->scales = scales;
    a->scaled_sums = lowbit_needs_scaled_sums(matrix, a->group) ? scaled_sums : NULL;
    a->sums = sums;
    a->zeros = zeros ? zero : NULL;
    memset(codes, 0, (size_t)(rows * a->codes_stride));
    for (long long row = 0; row < rows; row++) {
        int32_t *row_sums = sums + row * x->groups;
        float scale = 0.0f;
        zero[row] = (int32_t)random_below(random, 256) - 128;
        for (long long k = 0; k < a->inputs; k++) {
            const long long g = a->group == 0 ? 0 : k / a->group;
            if (a->group == 0 ? k == 0 : k % a->group == 0) {
                row_sums[g] = 0;
                if (k % (group == 0 ? a->inputs : group) == 0) {
                    scale = fill == FILL_ONES ? 1.0f : (float)random_uniform(random, 0.001, 0.1);
                }
                scales[row * x->groups + g] = scale;
            }
            int8_t q = random_code(fill, a->group == 0, random);
            codes[row * a->codes_stride + k] = q;
            row_sums[g] += q;
        }
        for (long long g = 0; g < x->groups; g++) {
            scaled_sums[row * x->groups + g] = scales[row * x->groups + g] * (float)row_sums[g];
            if (a->group == 0) {
                row_sums[g] -= zeros ? (int32_t)a->inputs * zero[row] : 0;
            } else {
                row_sums[g] *= lowbit_sums_factor(matrix, a->group);
            }
        }
    }
}

void lowbit_rows_free(lowbit_rows *x) {
    guarded *all[] = {&x->codes, &x->scales, &x->scaled_sums, &x->sums, &x->zeros};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        guarded_release(all[i]);
    }
}

lowbit_expected lowbit_expect(const lowbit_weights *w, const lowbit_rows *x, const float *bias, long long row,
                              long long output) {
    const lowbit_matrix *m = &w->matrix;
    const lowbit_activations *a = &x->activations;
    const int8_t *q = a->codes + row * a->codes_stride;
    const uint8_t *u = w->codes + output * m->inputs;
    const double b = bias ? (double)bias[output] : 0;
    lowbit_expected e = {.value = b, .bound = fabs(b)};
    for (long long g = 0; g < x->groups; g++) {
        const long long begin = g * a->group, end = begin + a->group < m->inputs ? begin + a->group : m->inputs;
        const long long of_weights = output * w->groups + (m->group == 0 ? 0 : begin / m->group);
        int64_t products = 0, sum = 0, code_sum = 0, n = 0;
        for (long long k = begin; k < (a->group == 0 ? m->inputs : end); k++) {
            products += (int64_t)u[k] * q[k];
            sum += q[k];
            code_sum += u[k];
            n++;
        }
        const double scale = (double)a->scales[row * x->groups + g];
        const double terms[2] = {scale * w->scale[of_weights] * (double)products,
                                 scale * w->offset[of_weights] * (double)sum};
        e.value += terms[0] + terms[1];
        e.bound += fabs(terms[0]) + fabs(terms[1]);
        if (w->zero[of_weights] >= 0) {
            const int64_t zero = w->zero[of_weights], row_zero = a->zeros ? a->zeros[row] : 0;
            e.integer += products - zero * sum - row_zero * (code_sum - n * zero);
        }
    }
    e.bound *= 4.0 * (double)(x->groups + 1) * 0x1p-24;
    return e;
}
