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
#include "operations.h"

#include <fnmatch.h>
#include <getopt.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_SAMPLES = 21, MIN_SAMPLES = 5, QUICK_SAMPLES = 7, CANDIDATES = 3, MAX_THREAD_COUNTS = 16 };

static const double sample_ns = 4e6, case_ns = 1.5e9, calibration_ns = 1e6;
static const char *const dtype_names[BENCH_DTYPES] = {"f32", "bf16", "f16"};

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
    char limit[24];
    int timed, passed;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
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
        s->operation->call(s, NULL, 0);
    return now() - start;
}

static double time_of(const struct subject *s, gatun_limit *limit, int candidate, long long calls) {
    return candidate < 0 ? time_subject(s, calls) : gatun_limit_run(limit, candidate, calls);
}

static void limit_name(const struct operation *o, char *name, size_t bytes) {
    if (o->reads == 1 && o->writes == 1)
        snprintf(name, bytes, "copy");
    else
        snprintf(name, bytes, "%dr%dw%s", o->reads, o->writes, o->in_place ? "-in-place" : "");
}

static int measure(const struct subject *s, int threads, int quick, struct result *result) {
    const struct operation *o = s->operation;
    const long long stream = mean_stream_bytes(s);
    gatun_limit *limit = gatun_limit_create(o->reads, o->writes, o->in_place, stream, threads, GATUN_ISA_BEST);
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
    result->bytes = minimal_bytes(s);
    result->limit_ns = INFINITY;
    for (int i = 1; i <= CANDIDATES; i++) {
        /* The limit moves whole cache lines; per byte, so that this does not count against it. */
        const double ns = summarize(samples[i], count).median * result->bytes / (double)gatun_limit_bytes(limit);
        result->limit_ns = fmin(result->limit_ns, ns);
    }
    limit_name(o, result->limit, sizeof result->limit);
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

static void print_json(FILE *file, const struct subject *s, const struct bench_operation *cases, const char *key,
                       const char *shape, int isa, int threads, const struct result *r) {
    fprintf(file,
            "{\"op\":\"%s\",\"direction\":\"%s\",\"dtype\":\"%s\",\"shape\":\"%s\",\"device\":\"cpu\",\"isa\":\"%s\","
            "\"threads\":%d,",
            key, cases->direction, dtype_names[s->dtype], shape, gatun_isa_name(isa), threads);
    if (r->timed)
        fprintf(file,
                "\"median_ns\":%.6g,\"min_ns\":%.6g,\"max_ns\":%.6g,\"bytes\":%.0f,\"flops\":%.0f,\"limit\":\"%s\","
                "\"fraction\":%.4f,",
                r->time.median, r->time.min, r->time.max, r->bytes, flops(s), r->limit, r->limit_ns / r->time.median);
    else
        fprintf(file, "\"median_ns\":null,\"min_ns\":null,\"max_ns\":null,\"bytes\":null,\"flops\":null,\"limit\":null,"
                      "\"fraction\":null,");
    fprintf(file, "\"peers\":null,");
    if (isfinite(r->error))
        fprintf(file, "\"max_error\":%.4g,", r->error);
    else
        fprintf(file, "\"max_error\":null,");
    fprintf(file, "\"error_bound\":%g,\"passed\":%s}\n", cases->bound[s->dtype], r->passed ? "true" : "false");
    fflush(file);
}

static void print_header(void) {
    printf("%-32s %-5s %-22s %-10s %2s %12s %10s %9s %8s %9s\n", "operation", "dtype", "shape", "isa", "n", "median",
           "GB/s", "limit", "fraction", "error");
}

static void print_row(const struct subject *s, const char *key, const char *shape, int isa, int threads,
                      const struct result *r) {
    printf("%-32s %-5s %-22s %-10s %2d ", key, dtype_names[s->dtype], shape, gatun_isa_name(isa), threads);
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

static void operation_key(const struct operation *operation, char *text, size_t bytes) {
    const char *mark = operation->variant[0] != '\0' ? ":" : "";
    snprintf(text, bytes, "%s%s%s", operation->function, mark, operation->variant);
}

static int run_case(const struct options *o, const struct operation *operation, const struct bench_operation *cases,
                    const struct bench_case *shape, int dtype, int isa, int threads, FILE *json) {
    char message[MESSAGE_BYTES] = "", text[96], key[80];
    shape_name(shape, text, sizeof text);
    operation_key(operation, key, sizeof key);
    struct subject s;
    struct result r = {.error = INFINITY};
    if (!make_subject(&s, operation, shape, dtype, isa, threads, o->offset, message) ||
        operation->call(&s, message, sizeof message) != GATUN_OK) {
        fprintf(stderr, "%s %s %s: %s\n", key, dtype_names[dtype], text, message);
        free_subject(&s);
        return 0;
    }
    r.error = error_of(&s);
    r.passed = r.error <= cases->bound[dtype];
    const int timed = !o->check_only && shape->rows > 0 && (o->quick ? shape->quick : shape->bench);
    if (timed && !measure(&s, threads, o->quick, &r)) {
        fprintf(stderr, "%s %s %s: no memory or threads for the limit\n", key, dtype_names[dtype], text);
        r.passed = 0;
    }
    print_row(&s, key, text, isa, threads, &r);
    if (json != NULL)
        print_json(json, &s, cases, key, text, isa, threads, &r);
    free_subject(&s);
    return r.passed;
}

static int run_operation(const struct options *o, const struct operation *operation,
                         const struct bench_operation *cases, FILE *json) {
    int levels[16], good = 1;
    const int level_count = levels_of(operation->function, levels, (int)(sizeof levels / sizeof levels[0]));
    int best = -1;
    for (int l = 0; l < level_count; l++) {
        if (levels[l] <= o->isa && levels[l] > best)
            best = levels[l];
    }
    if (best < 0) {
        fprintf(stderr, "%s: the library has no kernel for it\n", operation->function);
        return 0;
    }
    char key[80];
    operation_key(operation, key, sizeof key);
    for (int t = 0; t < o->thread_count; t++) {
        for (int dtype = 0; dtype < BENCH_DTYPES; dtype++) {
            for (int i = 0; i < cases->count; i++) {
                const struct bench_case *shape = &cases->cases[i];
                char name[256], text[96];
                shape_name(shape, text, sizeof text);
                snprintf(name, sizeof name, "%s/%s/%s/%s", key, cases->direction, dtype_names[dtype], text);
                if (cases->bound[dtype] < 0.0 || fnmatch(o->only, name, 0) != 0)
                    continue;
                if (!o->check_only && !(o->quick ? shape->quick && operation->quick : shape->bench))
                    continue;
                for (int l = 0; l < level_count; l++) {
                    if (o->all_levels ? levels[l] <= o->isa : levels[l] == best)
                        good &= run_case(o, operation, cases, shape, dtype, levels[l], o->thread_counts[t], json);
                }
            }
        }
    }
    return good;
}

/* Low-bit products have a harness of their own, gatun-bench-lowbit. */
static int is_timed_elsewhere(const char *operation) {
    return strncmp(operation, "lowbit_", 7) == 0 || strcmp(operation, "int8_matmul") == 0;
}

/* Every case file must have an operation of its own, and the other way round. */
static int run_all(const struct options *o, const struct bench_operation *files, int file_count, FILE *json) {
    int count, good = 1;
    const struct operation *operations = all_operations(&count);
    for (int i = 0; i < count; i++) {
        int file = 0;
        while (file < file_count && strcmp(files[file].name, operations[i].function) != 0)
            file++;
        if (file < file_count) {
            good &= run_operation(o, &operations[i], &files[file], json);
        } else {
            fprintf(stderr, "%s: there is no case file\n", operations[i].function);
            good = 0;
        }
    }
    for (int file = 0; file < file_count; file++) {
        int found = is_timed_elsewhere(files[file].name);
        for (int i = 0; i < count; i++)
            found |= strcmp(files[file].name, operations[i].function) == 0;
        if (!found) {
            fprintf(stderr, "bench/native/operations.c has no operation %s\n", files[file].name);
            good = 0;
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
        "  --offset BYTES   shifts outputs against the start of their allocation\n",
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

    struct bench_operation *files;
    const int count = read_cases(o.cases, &files);
    if (count < 0)
        return 1;
    FILE *json = NULL;
    if (o.json != NULL && (json = fopen(o.json, "w")) == NULL) {
        perror(o.json);
        free_cases(files, count);
        return 1;
    }
    char cpu[512];
    if (gatun_cpu_describe(cpu, sizeof cpu) == GATUN_OK)
        printf("%s\n", cpu);
    print_header();
    const int good = run_all(&o, files, count, json);
    if (json != NULL)
        fclose(json);
    free_cases(files, count);
    return good ? 0 : 1;
}
