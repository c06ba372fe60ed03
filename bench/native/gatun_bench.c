/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gatun-bench: every kernel of libgatun against the float64 definition, then against the limit of the machine.
 *
 * A measurement takes samples of at least 4 ms of the kernel and of the leading candidates of the limit in turn, so
 * both see the same state of a shared machine. The limit is the candidate with the least median.
 */
#define _GNU_SOURCE
#include "cases.h"
#include "gatun.h"
#include "limits.h"

#include <fnmatch.h>
#include <getopt.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MAX_SAMPLES = 21,
    MIN_SAMPLES = 5,
    QUICK_SAMPLES = 7,
    CANDIDATES = 3,
    MESSAGE_BYTES = 512,
    MAX_THREAD_COUNTS = 16
};

static const double sample_ns = 4e6, case_ns = 1.5e9, calibration_ns = 1e6;
static const float eps = 1e-5f;
static const char *const dtype_names[BENCH_DTYPES] = {"f32", "bf16", "f16"};
static const int dtype_bytes[BENCH_DTYPES] = {4, 2, 2};

struct options {
    const char *only, *json, *cases;
    int quick, check_only, isa, all_levels;
    long long offset;
    int thread_counts[MAX_THREAD_COUNTS], thread_count;
};

struct summary {
    double median, min, max;
};

struct result {
    struct summary time; /* nanoseconds per call */
    double bytes, limit_ns, error;
    const char *limit;
    int timed, passed;
};

/* One case with its arrays. */
struct subject {
    const struct bench_operation *operation;
    const struct bench_case *shape;
    int is_layer_norm, dtype;
    gatun_context *context;
    void *x, *y, *y_memory;
    float *gamma, *beta;
    void *scratch;
    long long x_bytes, y_bytes, scratch_bytes;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- storage types, independently of the kernels under test ---- */

static float bits_to_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t float_to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double load_element(const void *memory, int dtype, long long index) {
    if (dtype == GATUN_F32)
        return (double)((const float *)memory)[index];
    const uint16_t half = ((const uint16_t *)memory)[index];
    if (dtype == GATUN_BF16)
        return (double)bits_to_float((uint32_t)half << 16);
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const double sign = half >> 15 ? -1.0 : 1.0;
    if (exponent == 31)
        return fraction == 0 ? sign * (double)INFINITY : (double)NAN;
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

/* The inputs are moderate numbers: truncation is enough to make valid ones of any type. */
static void store_element(void *memory, int dtype, long long index, float value) {
    if (dtype == GATUN_F32) {
        ((float *)memory)[index] = value;
        return;
    }
    const uint32_t bits = float_to_bits(value);
    uint16_t half = (uint16_t)(bits >> 16);
    if (dtype == GATUN_F16) {
        const int exponent = (int)(bits >> 23 & 255) - 127 + 15;
        half = (uint16_t)(bits >> 16 & 0x8000);
        if (exponent > 0)
            half = (uint16_t)(half | exponent << 10 | (bits >> 13 & 1023));
    }
    ((uint16_t *)memory)[index] = half;
}

/* In the units of the case files. A 16-bit result is a float32 result rounded: what that may be off by counts as at most
 * one unit in the last place, where those are smaller. */
static double error_units(double got, double expected, int dtype) {
    const double difference = fabs(got - expected);
    if (dtype == GATUN_F32)
        return difference / (0x1p-23 * (1.0 + fabs(expected)));
    const int precision = dtype == GATUN_BF16 ? 8 : 11, least = dtype == GATUN_BF16 ? -126 : -14;
    int exponent = least;
    if (expected != 0.0)
        exponent = ilogb(expected) > least ? ilogb(expected) : least;
    const double units = difference / ldexp(1.0, exponent - (precision - 1));
    const int as_float32 = difference <= 4 * 0x1p-23 * (1.0 + fabs(expected));
    return as_float32 && units > 1 ? 1 : units;
}

/* ---- the subject ---- */

static uint64_t random_state;

static float next_random(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(random_state >> 32) * 0x1p-31f;
}

static int call_subject(const struct subject *s, char *message, long long message_bytes) {
    const struct bench_case *c = s->shape;
    if (s->is_layer_norm)
        return gatun_layer_norm(s->context, s->dtype, GATUN_F32, c->rows, c->columns, s->x, c->x_stride, s->gamma,
                                s->beta, 0.0f, eps, GATUN_EPS_IN_SQRT, GATUN_CAST_NONE, s->y, c->y_stride, NULL, NULL,
                                NULL, s->scratch, s->scratch_bytes, message, message_bytes);
    return gatun_rms_norm(s->context, s->dtype, GATUN_F32, c->rows, c->columns, c->columns, s->x, c->x_stride, s->gamma,
                          NULL, 0.0f, eps, GATUN_EPS_IN_SQRT, GATUN_CAST_NONE, s->y, c->y_stride, NULL, s->scratch,
                          s->scratch_bytes, message, message_bytes);
}

static void free_subject(struct subject *s) {
    if (s->context != NULL) {
        gatun_free(s->context, s->x, s->x_bytes);
        gatun_free(s->context, s->y_memory, s->y_bytes);
        gatun_context_destroy(s->context);
    }
    free(s->gamma);
    free(s->beta);
    free(s->scratch);
}

static int make_subject(struct subject *s, const struct bench_operation *operation, const struct bench_case *shape,
                        int dtype, int isa, int threads, long long offset, char *message) {
    memset(s, 0, sizeof *s);
    s->operation = operation;
    s->shape = shape;
    s->dtype = dtype;
    s->is_layer_norm = strcmp(operation->name, "layer_norm") == 0;
    if (!s->is_layer_norm && strcmp(operation->name, "rms_norm") != 0) {
        snprintf(message, MESSAGE_BYTES, "bench/native/gatun_bench.c has no call for %s", operation->name);
        return 0;
    }
    if (gatun_context_create(GATUN_BACKEND_CPU, 0, isa, threads, &s->context, message, MESSAGE_BYTES) != GATUN_OK)
        return 0;
    const long long elements = shape->rows > 0 ? shape->rows : 1;
    s->x_bytes = elements * shape->x_stride * dtype_bytes[dtype];
    s->y_bytes = elements * shape->y_stride * dtype_bytes[dtype] + offset;
    if (gatun_allocate(s->context, s->x_bytes, &s->x, message, MESSAGE_BYTES) != GATUN_OK ||
        gatun_allocate(s->context, s->y_bytes, &s->y_memory, message, MESSAGE_BYTES) != GATUN_OK)
        return 0;
    s->y = (char *)s->y_memory + offset;
    const size_t columns = (size_t)shape->columns;
    s->gamma = malloc(columns * sizeof(float));
    s->beta = malloc(columns * sizeof(float));
    const int status = s->is_layer_norm
                           ? gatun_layer_norm_scratch(s->context, shape->rows, shape->columns, &s->scratch_bytes)
                           : gatun_rms_norm_scratch(s->context, shape->rows, shape->columns, &s->scratch_bytes);
    if (status != GATUN_OK)
        return 0;
    if (s->scratch_bytes > 0)
        s->scratch = malloc((size_t)s->scratch_bytes);
    if (s->gamma == NULL || s->beta == NULL || (s->scratch_bytes > 0 && s->scratch == NULL)) {
        snprintf(message, MESSAGE_BYTES, "out of memory");
        return 0;
    }
    random_state = 42;
    for (size_t i = 0; i < columns; i++) {
        s->gamma[i] = 1.0f + 0.5f * next_random();
        s->beta[i] = 0.5f * next_random();
    }
    for (long long i = 0; i < s->x_bytes / dtype_bytes[dtype]; i++)
        store_element(s->x, dtype, i, 2.0f * next_random() + 0.25f);
    memset(s->y_memory, 0, (size_t)s->y_bytes);
    return 1;
}

/* The greatest error of y against the definition in float64; infinite when something is not a number. */
static double error_of(const struct subject *s) {
    const struct bench_case *c = s->shape;
    double greatest = 0.0;
    for (long long row = 0; row < c->rows; row++) {
        double mean = 0.0, square = 0.0;
        for (long long i = 0; s->is_layer_norm && i < c->columns; i++)
            mean += load_element(s->x, s->dtype, row * c->x_stride + i);
        mean /= (double)c->columns;
        for (long long i = 0; i < c->columns; i++) {
            const double d = load_element(s->x, s->dtype, row * c->x_stride + i) - mean;
            square += d * d;
        }
        const double scale = 1.0 / sqrt(square / (double)c->columns + (double)eps);
        for (long long i = 0; i < c->columns; i++) {
            const double x = load_element(s->x, s->dtype, row * c->x_stride + i);
            const double shift = s->is_layer_norm ? (double)s->beta[i] : 0.0;
            const double expected = (x - mean) * scale * (double)s->gamma[i] + shift;
            const double error = error_units(load_element(s->y, s->dtype, row * c->y_stride + i), expected, s->dtype);
            if (!(error <= greatest))
                greatest = isnan(error) ? (double)INFINITY : error;
        }
    }
    return greatest;
}

/* ---- timing ---- */

static int compare_doubles(const void *a, const void *b) {
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static struct summary summarize(double *samples, int count) {
    qsort(samples, (size_t)count, sizeof samples[0], compare_doubles);
    const double median = count % 2 ? samples[count / 2] : (samples[count / 2 - 1] + samples[count / 2]) / 2.0;
    return (struct summary){median, samples[0], samples[count - 1]};
}

static double time_subject(const struct subject *s, long long calls) {
    const double start = now();
    for (long long i = 0; i < calls; i++)
        call_subject(s, NULL, 0);
    return now() - start;
}

static double time_of(const struct subject *s, gatun_limit *limit, int candidate, long long calls) {
    return candidate < 0 ? time_subject(s, calls) : gatun_limit_run(limit, candidate, calls);
}

static int measure(const struct subject *s, int threads, int quick, struct result *result) {
    const long long moved = s->shape->rows * s->shape->columns * dtype_bytes[s->dtype];
    gatun_limit *limit = gatun_limit_create(1, 1, moved, threads, GATUN_ISA_BEST);
    if (limit == NULL)
        return 0;
    gatun_limit_calibrate(limit, quick ? calibration_ns / 2 : calibration_ns);

    /* Contender 0 is the kernel, the others are the candidates of the limit. */
    static double samples[CANDIDATES + 1][MAX_SAMPLES];
    long long calls[CANDIDATES + 1];
    double round_ns = 0.0;
    for (int i = 0; i <= CANDIDATES; i++) {
        double elapsed = time_of(s, limit, i - 1, 1);
        for (calls[i] = 1; (elapsed = time_of(s, limit, i - 1, calls[i])) < sample_ns / 2.0;)
            calls[i] *= 2;
        calls[i] = (long long)ceil((double)calls[i] * fmax(1.0, sample_ns / elapsed));
        round_ns += elapsed * fmax(1.0, sample_ns / elapsed);
    }
    int count = (int)(case_ns / round_ns);
    const int most = quick ? QUICK_SAMPLES : MAX_SAMPLES;
    count = count > most ? most : count < MIN_SAMPLES ? MIN_SAMPLES : count;
    for (int round = 0; round < count; round++) {
        for (int i = 0; i <= CANDIDATES; i++)
            samples[i][round] = time_of(s, limit, i - 1, calls[i]) / (double)calls[i];
    }
    result->time = summarize(samples[0], count);
    result->bytes = 2.0 * (double)moved;
    result->limit_ns = INFINITY;
    for (int i = 1; i <= CANDIDATES; i++) {
        /* The limit moves whole cache lines; per byte, so that this does not count against it. */
        const double ns = summarize(samples[i], count).median * result->bytes / (double)gatun_limit_bytes(limit);
        result->limit_ns = fmin(result->limit_ns, ns);
    }
    result->limit = "copy";
    result->timed = 1;
    gatun_limit_destroy(limit);
    return 1;
}

/* ---- output ---- */

static void shape_name(const struct bench_case *c, char *text, size_t bytes) {
    if (c->x_stride == c->columns && c->y_stride == c->columns)
        snprintf(text, bytes, "%lldx%lld", c->rows, c->columns);
    else if (c->x_stride == c->y_stride)
        snprintf(text, bytes, "%lldx%lld@%lld", c->rows, c->columns, c->x_stride);
    else
        snprintf(text, bytes, "%lldx%lld@%lld,%lld", c->rows, c->columns, c->x_stride, c->y_stride);
}

static void print_json(FILE *file, const struct subject *s, const char *shape, int isa, int threads,
                       const struct result *r) {
    fprintf(file,
            "{\"op\":\"%s\",\"direction\":\"%s\",\"dtype\":\"%s\",\"shape\":\"%s\",\"device\":\"cpu\",\"isa\":\"%s\","
            "\"threads\":%d,",
            s->operation->name, s->operation->direction, dtype_names[s->dtype], shape, gatun_isa_name(isa), threads);
    if (r->timed)
        fprintf(file,
                "\"median_ns\":%.6g,\"min_ns\":%.6g,\"max_ns\":%.6g,\"bytes\":%.0f,\"flops\":null,\"limit\":\"%s\","
                "\"fraction\":%.4f,",
                r->time.median, r->time.min, r->time.max, r->bytes, r->limit, r->limit_ns / r->time.median);
    else
        fprintf(file, "\"median_ns\":null,\"min_ns\":null,\"max_ns\":null,\"bytes\":null,\"flops\":null,\"limit\":null,"
                      "\"fraction\":null,");
    fprintf(file, "\"peers\":null,");
    if (isfinite(r->error))
        fprintf(file, "\"max_error\":%.4g,", r->error);
    else
        fprintf(file, "\"max_error\":null,");
    fprintf(file, "\"error_bound\":%g,\"passed\":%s}\n", s->operation->bound[s->dtype], r->passed ? "true" : "false");
    fflush(file);
}

static void print_header(void) {
    printf("%-12s %-5s %-22s %-10s %2s %12s %10s %9s %8s %9s\n", "operation", "dtype", "shape", "isa", "n", "median",
           "GB/s", "copy", "fraction", "error");
}

static void print_row(const struct subject *s, const char *shape, int isa, int threads, const struct result *r) {
    printf("%-12s %-5s %-22s %-10s %2d ", s->operation->name, dtype_names[s->dtype], shape, gatun_isa_name(isa),
           threads);
    if (r->timed)
        printf("%9.2f us %10.1f %9.1f %8.2f ", r->time.median / 1e3, r->bytes / r->time.median, r->bytes / r->limit_ns,
               r->limit_ns / r->time.median);
    else
        printf("%12s %10s %9s %8s ", "-", "-", "-", "-");
    printf("%9.2f%s\n", r->error, r->passed ? "" : "  FAILED");
    fflush(stdout);
}

/* ---- which ---- */

/* The levels of an operation that this CPU has, from the library's own list. */
static int levels_of(const char *operation, int *levels, int room) {
    const char *name;
    int isa, count = 0;
    for (int i = 0; gatun_kernel_describe(i, &name, &isa) == GATUN_OK; i++) {
        if (strcmp(name, operation) != 0 || count == room)
            continue;
        if (isa != GATUN_ISA_SCALAR && isa > gatun_isa_detected())
            continue;
        levels[count++] = isa;
    }
    return count;
}

static int run_case(const struct options *o, const struct bench_operation *operation, const struct bench_case *shape,
                    int dtype, int isa, int threads, FILE *json) {
    char message[MESSAGE_BYTES] = "", text[96];
    shape_name(shape, text, sizeof text);
    struct subject s;
    struct result r = {.error = INFINITY};
    if (!make_subject(&s, operation, shape, dtype, isa, threads, o->offset, message) ||
        call_subject(&s, message, sizeof message) != GATUN_OK) {
        fprintf(stderr, "%s %s %s: %s\n", operation->name, dtype_names[dtype], text, message);
        free_subject(&s);
        return 0;
    }
    r.error = error_of(&s);
    r.passed = r.error <= operation->bound[dtype];
    const int timed = !o->check_only && shape->rows > 0 && (o->quick ? shape->quick : shape->bench);
    if (timed && !measure(&s, threads, o->quick, &r)) {
        fprintf(stderr, "%s %s %s: no memory or threads for the limit\n", operation->name, dtype_names[dtype], text);
        r.passed = 0;
    }
    print_row(&s, text, isa, threads, &r);
    if (json != NULL)
        print_json(json, &s, text, isa, threads, &r);
    free_subject(&s);
    return r.passed;
}

static int run_operation(const struct options *o, const struct bench_operation *operation, FILE *json) {
    int levels[16], good = 1;
    const int level_count = levels_of(operation->name, levels, (int)(sizeof levels / sizeof levels[0]));
    int best = -1;
    for (int l = 0; l < level_count; l++) {
        if (levels[l] <= o->isa && levels[l] > best)
            best = levels[l];
    }
    if (best < 0) {
        fprintf(stderr, "%s: the library has no kernel for it\n", operation->name);
        return 0;
    }
    for (int t = 0; t < o->thread_count; t++) {
        for (int dtype = 0; dtype < BENCH_DTYPES; dtype++) {
            for (int i = 0; i < operation->count; i++) {
                const struct bench_case *shape = &operation->cases[i];
                char name[256], text[96];
                shape_name(shape, text, sizeof text);
                snprintf(name, sizeof name, "%s/%s/%s/%s", operation->name, operation->direction, dtype_names[dtype],
                         text);
                if (operation->bound[dtype] < 0.0 || fnmatch(o->only, name, 0) != 0)
                    continue;
                if (!o->check_only && !(o->quick ? shape->quick : shape->bench))
                    continue;
                for (int l = 0; l < level_count; l++) {
                    if (o->all_levels ? levels[l] <= o->isa : levels[l] == best)
                        good &= run_case(o, operation, shape, dtype, levels[l], o->thread_counts[t], json);
                }
            }
        }
    }
    return good;
}

static int isa_from_name(const char *name) {
    for (int isa = 0; isa < GATUN_ISA_BEST; isa++) {
        const char *known = gatun_isa_name(isa);
        if (known != NULL && strcmp(known, name) == 0)
            return isa;
    }
    return -1;
}

static int usage(const char *program, int status) {
    fprintf(
        status == 0 ? stdout : stderr,
        "usage: %s [--only GLOB] [--quick] [--check] [--threads N[,N]] [--isa LEVEL] [--all-levels]\n"
        "       [--json FILE] [--cases DIRECTORY] [--offset BYTES]\n"
        "  --only GLOB      cases whose operation/direction/dtype/shape matches, as layer_norm/forward/f32/32x4096\n"
        "  --quick          fewer shapes and samples\n"
        "  --check          errors only, of every case of the files; nothing is timed\n"
        "  --threads        thread counts; 1 and all the machine's by default\n"
        "  --isa LEVEL      greatest level: scalar, avx2, avx512, avx512vnni, neon\n"
        "  --all-levels     every level up to it, not only the best\n"
        "  --json FILE      one object a line\n"
        "  --offset BYTES   shifts y against the start of its allocation\n",
        program);
    return status;
}

int main(int argc, char **argv) {
    static const struct option known[] = {
        {"only", required_argument, NULL, 'o'},
        {"quick", no_argument, NULL, 'q'},
        {"check", no_argument, NULL, 'c'},
        {"threads", required_argument, NULL, 't'},
        {"isa", required_argument, NULL, 'i'},
        {"all-levels", no_argument, NULL, 'a'},
        {"json", required_argument, NULL, 'j'},
        {"cases", required_argument, NULL, 'd'},
        {"offset", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options o = {.only = "*", .cases = GATUN_BENCH_CASES, .isa = GATUN_ISA_BEST};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 'o':
            o.only = optarg;
            break;
        case 'q':
            o.quick = 1;
            break;
        case 'c':
            o.check_only = 1;
            break;
        case 'a':
            o.all_levels = 1;
            break;
        case 'j':
            o.json = optarg;
            break;
        case 'd':
            o.cases = optarg;
            break;
        case 'h':
            return usage(argv[0], 0);
        case 'f':
            o.offset = atoll(optarg);
            if (o.offset < 0 || o.offset % 4 != 0) {
                fprintf(stderr, "--offset: expected a multiple of 4, but it is %s\n", optarg);
                return 2;
            }
            break;
        case 'i':
            o.isa = isa_from_name(optarg);
            if (o.isa < 0) {
                fprintf(stderr, "--isa: %s is not a level\n", optarg);
                return 2;
            }
            break;
        case 't':
            for (char *word = strtok(optarg, ","); word != NULL; word = strtok(NULL, ",")) {
                const int threads = atoi(word);
                if (threads < 1 || o.thread_count == MAX_THREAD_COUNTS) {
                    fprintf(stderr, "--threads: expected counts of at least 1, but one is %s\n", word);
                    return 2;
                }
                o.thread_counts[o.thread_count++] = threads;
            }
            break;
        default:
            return usage(argv[0], 2);
        }
    }
    if (optind < argc)
        return usage(argv[0], 2);
    if (o.thread_count == 0) {
        gatun_context *context;
        char message[MESSAGE_BYTES];
        if (gatun_context_create(GATUN_BACKEND_CPU, 0, o.isa, 0, &context, message, sizeof message) != GATUN_OK) {
            fprintf(stderr, "%s\n", message);
            return 1;
        }
        o.thread_counts[o.thread_count++] = 1;
        if (gatun_context_threads(context) > 1)
            o.thread_counts[o.thread_count++] = gatun_context_threads(context);
        gatun_context_destroy(context);
    }

    struct bench_operation *operations;
    const int count = read_cases(o.cases, &operations);
    if (count < 0)
        return 1;
    FILE *json = NULL;
    if (o.json != NULL && (json = fopen(o.json, "w")) == NULL) {
        perror(o.json);
        free_cases(operations, count);
        return 1;
    }
    char cpu[512];
    if (gatun_cpu_describe(cpu, sizeof cpu) == GATUN_OK)
        printf("%s\n", cpu);
    print_header();
    int good = 1;
    for (int i = 0; i < count; i++)
        good &= run_operation(&o, &operations[i], json);
    if (json != NULL)
        fclose(json);
    free_cases(operations, count);
    return good ? 0 : 1;
}
