/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "cases.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const dtype_names[BENCH_DTYPES] = {"f32", "bf16", "f16"};

static int is_case_file(const struct dirent *entry) {
    const size_t length = strlen(entry->d_name);
    return length > 6 && strcmp(entry->d_name + length - 6, ".cases") == 0;
}

static int parse_case(char *words, struct bench_operation *operation) {
    struct bench_case c = {0};
    int used = 0;
    if (sscanf(words, "%lld %lld %lld %lld%n", &c.rows, &c.columns, &c.x_stride, &c.y_stride, &used) != 4)
        return 0;
    for (char *word = strtok(words + used, " \t\r\n"); word != NULL; word = strtok(NULL, " \t\r\n")) {
        if (strcmp(word, "check") == 0)
            c.check = 1;
        else if (strcmp(word, "bench") == 0)
            c.bench = 1;
        else if (strcmp(word, "quick") == 0)
            c.quick = 1;
        else
            return 0;
    }
    struct bench_case *grown = realloc(operation->cases, ((size_t)operation->count + 1) * sizeof *grown);
    if (grown == NULL)
        return 0;
    grown[operation->count++] = c;
    operation->cases = grown;
    return 1;
}

static int parse_bound(const char *words, struct bench_operation *operation) {
    char name[16];
    double value;
    if (sscanf(words, "%15s %lf", name, &value) != 2)
        return 0;
    for (int d = 0; d < BENCH_DTYPES; d++) {
        if (strcmp(name, dtype_names[d]) == 0) {
            operation->bound[d] = value;
            return 1;
        }
    }
    return 0;
}

static int parse_line(char *line, struct bench_operation *operation) {
    char key[16];
    int used = 0;
    if (sscanf(line, "%15s%n", key, &used) != 1 || key[0] == '#')
        return 1;
    char *words = line + used;
    if (strcmp(key, "operation") == 0)
        return sscanf(words, "%63s", operation->name) == 1;
    if (strcmp(key, "direction") == 0)
        return sscanf(words, "%15s", operation->direction) == 1;
    if (strcmp(key, "bound") == 0)
        return parse_bound(words, operation);
    return strcmp(key, "case") == 0 && parse_case(words, operation);
}

static int read_file(const char *path, struct bench_operation *operation) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return 0;
    }
    for (int d = 0; d < BENCH_DTYPES; d++)
        operation->bound[d] = -1.0;
    char *line = NULL;
    size_t room = 0;
    int number = 0, good = 1;
    while (good && getline(&line, &room, file) >= 0) {
        number++;
        good = parse_line(line, operation);
    }
    if (!good)
        fprintf(stderr, "%s:%d: not a line of a case file\n", path, number);
    free(line);
    fclose(file);
    return good;
}

int read_cases(const char *directory, struct bench_operation **operations) {
    struct dirent **entries;
    const int count = scandir(directory, &entries, is_case_file, alphasort);
    if (count < 0) {
        perror(directory);
        return -1;
    }
    *operations = calloc((size_t)count + 1, sizeof **operations);
    int good = *operations != NULL;
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        good = good && read_file(path, &(*operations)[i]);
        free(entries[i]);
    }
    free(entries);
    if (good)
        return count;
    if (*operations != NULL)
        free_cases(*operations, count);
    return -1;
}

void free_cases(struct bench_operation *operations, int count) {
    for (int i = 0; i < count; i++)
        free(operations[i].cases);
    free(operations);
}
