/* SPDX-License-Identifier: Apache-2.0 */
#include "cases.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "values.h"

static int use_of_name(const char *name) {
    if (strcmp(name, "check") == 0) {
        return CASE_CHECK;
    }
    if (strcmp(name, "bench") == 0) {
        return CASE_BENCH;
    }
    return strcmp(name, "quick") == 0 ? CASE_QUICK : 0;
}

static int read_case(char *text, shape_case *shape) {
    int length = 0;
    memset(shape, 0, sizeof *shape);
    if (sscanf(text, "%lld %lld %lld %lld%n", &shape->rows, &shape->columns, &shape->x_stride, &shape->y_stride,
               &length) != 4) {
        return 0;
    }
    char *rest = NULL;
    for (char *word = strtok_r(text + length, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
        int use = use_of_name(word);
        if (use == 0) {
            return 0;
        }
        shape->uses |= use;
    }
    return shape->uses != 0;
}

static int read_line(char *line, case_file *file) {
    char word[64] = "";
    char type[16];
    double bound;
    int length = 0;
    if (sscanf(line, "%63s%n", word, &length) != 1 || word[0] == '#') {
        return 1;
    }
    char *text = line + length;
    if (strcmp(word, "operation") == 0) {
        return sscanf(text, "%63s", file->operation) == 1;
    }
    if (strcmp(word, "direction") == 0) {
        return 1;
    }
    if (strcmp(word, "bound") == 0) {
        if (sscanf(text, "%15s %lf", type, &bound) != 2 || dtype_of_name(type) < 0) {
            return 0;
        }
        file->bound[dtype_of_name(type)] = bound;
        return 1;
    }
    if (strcmp(word, "case") == 0 && file->count < CASES_MAX) {
        return read_case(text, &file->cases[file->count++]);
    }
    return 0;
}

void cases_read(const char *folder, const char *operation, case_file *file) {
    char path[1024];
    char line[1024];
    memset(file, 0, sizeof *file);
    snprintf(path, sizeof path, "%s/%s.cases", folder, operation);
    FILE *stream = fopen(path, "r");
    if (stream == NULL) {
        check_abandon("%s: cannot be opened", path);
    }
    for (int number = 1; fgets(line, sizeof line, stream) != NULL; number++) {
        char copy[1024];
        memcpy(copy, line, sizeof copy);
        if (!read_line(line, file)) {
            check_abandon("%s:%d: not understood: %s", path, number, copy);
        }
    }
    fclose(stream);
    if (strcmp(file->operation, operation) != 0 || file->count == 0) {
        check_abandon("%s: expected cases of %s, but found %d of '%s'", path, operation, file->count, file->operation);
    }
}
