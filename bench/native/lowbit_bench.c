/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gatun-bench-lowbit: products of low-bit weights against two limits of the machine, sampled in turn with them: the
 * plain reading of as many bytes as the weights have, and the most 8-bit products that a core can do. One JSON line for
 * each format and number of rows, with the medians. With few rows every call takes another matrix, so that its weights
 * come from memory.
 *
 *   gatun-bench-lowbit [--quick] [--threads N] [--isa LEVEL] [FORMAT]
 */
#define _GNU_SOURCE
#include "gatun.h"
#include "int8_peak.h"
#include "limits.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OUTPUTS = 4096, INPUTS = 4096, MOST_ROWS = 512, MOST_MATRICES = 16, MOST_SAMPLES = 15, FEW_ROWS = 4 };

/* More than any last-level cache that one core is given here. */
static const double rotated_bytes = 128e6;

struct format {
    const char *name;
    int gguf_type, in_place; /* of blocks; or of floats: */
    int bits, grid, group, scale_dtype;
    int activation;
    const char *operation;
};

static const struct format formats[] = {
    {"q4-32", 0, 0, 4, GATUN_LOWBIT_SYMMETRIC, 32, GATUN_F16, GATUN_LOWBIT_INT8_32, "lowbit_multiply"},
    {"q4-128", 0, 0, 4, GATUN_LOWBIT_AFFINE, 128, GATUN_F16, GATUN_LOWBIT_INT8_128, "lowbit_multiply"},
    {"q4-128-float", 0, 0, 4, GATUN_LOWBIT_AFFINE, 128, GATUN_F16, GATUN_LOWBIT_FLOAT, "lowbit_multiply"},
    {"q8-32", 0, 0, 8, GATUN_LOWBIT_SYMMETRIC, 32, GATUN_F16, GATUN_LOWBIT_INT8_32, "lowbit_multiply"},
    {"q8-row", 0, 0, 8, GATUN_LOWBIT_SYMMETRIC, 0, GATUN_F32, GATUN_LOWBIT_INT8_ROW, "lowbit_multiply"},
    {"int8", 0, 0, 8, GATUN_LOWBIT_SYMMETRIC, 0, GATUN_F32, 0, "int8_matmul"},
    {"Q4_0", GATUN_GGUF_Q4_0, 0, 0, 0, 0, 0, GATUN_LOWBIT_INT8_32, "lowbit_multiply"},
    {"Q4_K", GATUN_GGUF_Q4_K, 0, 0, 0, 0, 0, GATUN_LOWBIT_INT8_256, "lowbit_multiply"},
    {"Q5_K", GATUN_GGUF_Q5_K, 0, 0, 0, 0, 0, GATUN_LOWBIT_INT8_256, "lowbit_multiply"},
    {"Q6_K", GATUN_GGUF_Q6_K, 0, 0, 0, 0, 0, GATUN_LOWBIT_INT8_256, "lowbit_multiply"},
    {"Q8_0", GATUN_GGUF_Q8_0, 0, 0, 0, 0, 0, GATUN_LOWBIT_INT8_32, "lowbit_multiply"},
    {"Q4_0-in-place", GATUN_GGUF_Q4_0, 1, 0, 0, 0, 0, GATUN_LOWBIT_INT8_32, "lowbit_multiply"},
    {"Q4_K-in-place", GATUN_GGUF_Q4_K, 1, 0, 0, 0, 0, GATUN_LOWBIT_INT8_256, "lowbit_multiply"},
    {"Q6_K-in-place", GATUN_GGUF_Q6_K, 1, 0, 0, 0, 0, GATUN_LOWBIT_INT8_256, "lowbit_multiply"},
    {"Q8_0-in-place", GATUN_GGUF_Q8_0, 1, 0, 0, 0, 0, GATUN_LOWBIT_INT8_32, "lowbit_multiply"},
};

struct bench {
    gatun_context *context;
    int threads, isa, samples;
    float *weights, *x, *y;
    int8_t *codes;
    unsigned char *scratch;
    long long scratch_bytes;
    unsigned char *blocks[MOST_MATRICES];
    gatun_lowbit_matrix *matrices[MOST_MATRICES];
    int matrix_count;
    char message[512];
};

static _Noreturn void give_up(const char *what, const char *why) {
    fprintf(stderr, "gatun-bench-lowbit: %s: %s\n", what, why);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *memory(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (p == NULL)
        give_up("memory", "there is not enough");
    return p;
}

static uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* Random blocks whose binary16 scales are about 0.01, at `places` of a block of `bytes`. */
static void fill_blocks(unsigned char *data, size_t blocks, size_t bytes, const int *places, int count,
                        uint64_t *random) {
    for (size_t i = 0; i < blocks * bytes; i++)
        data[i] = (unsigned char)next_random(random);
    for (size_t block = 0; block < blocks; block++) {
        for (int p = 0; p < count; p++) {
            const uint16_t scale = (uint16_t)(0x2000 + next_random(random) % 0x400);
            memcpy(data + block * bytes + places[p], &scale, sizeof scale);
        }
    }
}

static size_t make_blocks(int type, unsigned char **data, uint64_t *random) {
    static const int first[] = {0}, first_two[] = {0, 2}, last[] = {208};
    size_t inputs = 256, bytes = 210;
    const int *places = first;
    int count = 1;
    switch (type) {
    case GATUN_GGUF_Q4_0:
        inputs = 32, bytes = 18;
        break;
    case GATUN_GGUF_Q8_0:
        inputs = 32, bytes = 34;
        break;
    case GATUN_GGUF_Q4_K:
        bytes = 144, places = first_two, count = 2;
        break;
    case GATUN_GGUF_Q5_K:
        bytes = 176, places = first_two, count = 2;
        break;
    default:
        places = last;
    }
    const size_t blocks = (size_t)OUTPUTS * INPUTS / inputs;
    *data = memory(blocks * bytes);
    fill_blocks(*data, blocks, bytes, places, count, random);
    return blocks * bytes;
}

static void make_matrix(struct bench *b, const struct format *f, uint64_t *random) {
    gatun_lowbit_matrix **matrix = &b->matrices[b->matrix_count];
    int status;
    if (f->gguf_type != 0) {
        unsigned char *data;
        const size_t bytes = make_blocks(f->gguf_type, &data, random);
        status = gatun_lowbit_matrix_from_gguf(b->context, f->gguf_type, OUTPUTS, INPUTS, data, (long long)bytes,
                                               f->in_place, matrix, b->message, sizeof b->message);
        if (f->in_place)
            b->blocks[b->matrix_count] = data;
        else
            free(data);
    } else {
        status =
            gatun_lowbit_matrix_from_floats(b->context, GATUN_F32, OUTPUTS, INPUTS, b->weights, INPUTS, f->bits,
                                            f->grid, f->group, f->scale_dtype, matrix, b->message, sizeof b->message);
    }
    if (status != GATUN_OK)
        give_up(f->name, b->message);
    b->matrix_count++;
}

static void free_matrices(struct bench *b) {
    for (int i = 0; i < b->matrix_count; i++) {
        gatun_lowbit_matrix_destroy(b->matrices[i]);
        free(b->blocks[i]);
        b->blocks[i] = NULL;
    }
    b->matrix_count = 0;
}

static void multiply(struct bench *b, const struct format *f, long long rows, const gatun_lowbit_matrix *matrix) {
    const int status =
        f->activation == 0 && strcmp(f->operation, "int8_matmul") == 0
            ? gatun_int8_matmul(b->context, rows, b->codes, INPUTS, NULL, NULL, matrix, NULL, GATUN_INT8_TO_INT, b->y,
                                OUTPUTS, b->scratch, b->scratch_bytes, b->message, sizeof b->message)
            : gatun_lowbit_multiply(b->context, GATUN_F32, rows, b->x, INPUTS, matrix, NULL, f->activation, b->y,
                                    OUTPUTS, b->scratch, b->scratch_bytes, b->message, sizeof b->message);
    if (status != GATUN_OK)
        give_up(f->name, b->message);
}

static double peak_per_ns(int isa) {
    int8_peak_loop *loop = int8_peak_baseline;
#if defined(__x86_64__)
    loop = isa >= GATUN_ISA_AVX512VNNI ? int8_peak_avx512vnni
           : isa >= GATUN_ISA_AVX512   ? int8_peak_avx512
           : isa >= GATUN_ISA_AVX2     ? int8_peak_avx2
                                       : int8_peak_baseline;
#endif
    const struct int8_peak p = loop(100000);
    return p.operations / p.nanoseconds;
}

static int compare_doubles(const void *a, const void *b) {
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *samples, int count) {
    qsort(samples, (size_t)count, sizeof samples[0], compare_doubles);
    return samples[count / 2];
}

static void measure(struct bench *b, const struct format *f, long long rows) {
    const double bytes = (double)gatun_lowbit_matrix_bytes(b->matrices[0]);
    const int calls = rows == 1 ? b->matrix_count : rows <= FEW_ROWS ? (b->matrix_count + 1) / 2 : 1;
    gatun_limit *limit = gatun_limit_create(1, 0, 0, (long long)(rows <= FEW_ROWS ? bytes * b->matrix_count : bytes),
                                            b->threads, b->isa);
    if (limit == NULL)
        give_up("read limit", "no memory or threads");
    gatun_limit_calibrate(limit, 1e6);
    double times[MOST_SAMPLES], reads[MOST_SAMPLES], peaks[MOST_SAMPLES];
    multiply(b, f, rows, b->matrices[0]);
    for (int sample = 0; sample < b->samples; sample++) {
        const double begin = now();
        for (int i = 0; i < calls; i++)
            multiply(b, f, rows, b->matrices[i]);
        times[sample] = (now() - begin) / calls;
        reads[sample] = (double)gatun_limit_bytes(limit) / gatun_limit_run(limit, 0, 1);
        peaks[sample] = peak_per_ns(b->isa);
    }
    gatun_limit_destroy(limit);
    const double ns = median(times, b->samples), read = median(reads, b->samples);
    const double peak = median(peaks, b->samples) * b->threads;
    const double operations = 2.0 * (double)rows * OUTPUTS * INPUTS / ns;
    printf("{\"operation\":\"%s\",\"format\":\"%s\",\"isa\":\"%s\",\"threads\":%d,\"rows\":%lld,\"outputs\":%d,"
           "\"inputs\":%d,\"us\":%.1f,\"bits_per_weight\":%.3f,\"gb_per_s\":%.2f,\"of_read\":%.3f,\"gop_per_s\":%.1f,"
           "\"of_int8_peak\":%.3f}\n",
           f->operation, f->name, gatun_isa_name(b->isa), b->threads, rows, OUTPUTS, INPUTS, ns / 1e3,
           8 * bytes / ((double)OUTPUTS * INPUTS), bytes / ns, bytes / ns / read, operations, operations / peak);
    fflush(stdout);
}

static void measure_format(struct bench *b, const struct format *f, int quick) {
    uint64_t random = 9;
    make_matrix(b, f, &random);
    const double bytes = (double)gatun_lowbit_matrix_bytes(b->matrices[0]);
    while (b->matrix_count < MOST_MATRICES && b->matrix_count * bytes < (quick ? rotated_bytes / 2 : rotated_bytes))
        make_matrix(b, f, &random);
    long long most = 0;
    static const long long all_rows[] = {1, 4, 32, MOST_ROWS};
    for (int i = 0; i < 4; i++) {
        const int status = strcmp(f->operation, "int8_matmul") == 0
                               ? gatun_int8_matmul_scratch(b->context, all_rows[i], b->matrices[0], &b->scratch_bytes)
                               : gatun_lowbit_multiply_scratch(b->context, GATUN_F32, all_rows[i], b->matrices[0],
                                                               f->activation, &b->scratch_bytes);
        if (status != GATUN_OK)
            give_up(f->name, "no scratch size");
        most = b->scratch_bytes > most ? b->scratch_bytes : most;
    }
    b->scratch_bytes = most;
    b->scratch = memory((size_t)most + 64);
    for (int i = 0; i < 4; i++)
        measure(b, f, all_rows[i]);
    free(b->scratch);
    free_matrices(b);
}

int main(int argc, char **argv) {
    struct bench b = {.threads = 1, .isa = GATUN_ISA_BEST, .samples = MOST_SAMPLES};
    const char *only = NULL;
    int quick = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            quick = 1;
            b.samples = 5;
        } else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
            b.threads = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc) {
            i++;
            for (int isa = 0; isa < GATUN_ISA_BEST; isa++) {
                const char *name = gatun_isa_name(isa);
                b.isa = name != NULL && strcmp(name, argv[i]) == 0 ? isa : b.isa;
            }
        } else {
            only = argv[i];
        }
    }
    if (gatun_context_create(GATUN_BACKEND_CPU, 0, b.isa, b.threads, &b.context, b.message, sizeof b.message) !=
        GATUN_OK)
        give_up("context", b.message);
    b.isa = gatun_context_isa(b.context);
    b.threads = gatun_context_threads(b.context);
    uint64_t random = 3;
    b.weights = memory((size_t)OUTPUTS * INPUTS * sizeof *b.weights);
    b.x = memory((size_t)MOST_ROWS * INPUTS * sizeof *b.x);
    b.codes = memory((size_t)MOST_ROWS * INPUTS);
    b.y = memory((size_t)MOST_ROWS * OUTPUTS * sizeof *b.y);
    for (size_t i = 0; i < (size_t)OUTPUTS * INPUTS; i++)
        b.weights[i] = (float)(int32_t)next_random(&random) * 0x1p-35f;
    for (size_t i = 0; i < (size_t)MOST_ROWS * INPUTS; i++) {
        b.x[i] = (float)(int32_t)next_random(&random) * 0x1p-31f;
        b.codes[i] = (int8_t)(next_random(&random) % 255 - 127);
    }
    int found = 0;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (only == NULL || strcmp(only, formats[i].name) == 0) {
            measure_format(&b, &formats[i], quick);
            found = 1;
        }
    }
    free(b.weights);
    free(b.x);
    free(b.codes);
    free(b.y);
    gatun_context_destroy(b.context);
    if (!found)
        give_up(only, "no such format");
    return 0;
}
