/* SPDX-License-Identifier: Apache-2.0 */
/* How many threads this process may run at once: its affinity mask and its cgroup's quota, version 2 or 1. */
#define _GNU_SOURCE
#include "cpu.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#include <sched.h>

/* Reads a small file whole, NUL-terminated. */
static bool read_file(const char *path, char *text, size_t bytes) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    size_t length = 0;
    ssize_t n;
    while (length < bytes - 1 && (n = read(file, text + length, bytes - 1 - length)) > 0) {
        length += (size_t)n;
    }
    close(file);
    text[length] = '\0';
    return length > 0;
}

/* The number at *text, which then points behind it; "-1" and the like give -1. Not strtoll: with _GNU_SOURCE, new C
 * libraries replace it by a function that older ones lack. */
static long long read_number(const char **text) {
    const char *p = *text;
    long long value = 0;
    p += strspn(p, " \t\n");
    bool negative = *p == '-';
    p += negative;
    for (; *p >= '0' && *p <= '9' && value < 1000000000000LL; p++) {
        value = 10 * value + (*p - '0');
    }
    *text = p;
    return negative ? -1 : value;
}

/* Threads that a quota of microseconds per period allows; a part of a CPU counts as one. */
static int whole_cpus(long long quota, long long period, int limit) {
    if (quota <= 0 || period <= 0) {
        return limit;
    }
    long long cpus = (quota + period - 1) / period;
    return cpus < limit ? (int)cpus : limit;
}

static int limit_by_cpu_max(const char *path, int limit) {
    char text[64];
    if (!read_file(path, text, sizeof text) || text[0] == 'm') { /* "max 100000" */
        return limit;
    }
    const char *rest = text;
    long long quota = read_number(&rest);
    return whole_cpus(quota, read_number(&rest), limit);
}

/* Version 2: cpu.max of the process's group and of every group above it. */
static int limit_by_unified_cgroup(int limit) {
    static const char root[] = "/sys/fs/cgroup", file[] = "/cpu.max";
    char groups[1024], path[sizeof root + sizeof groups + sizeof file];
    limit = limit_by_cpu_max("/sys/fs/cgroup/cpu.max", limit); /* in a container the group's own path may be hidden */
    if (!read_file("/proc/self/cgroup", groups, sizeof groups)) {
        return limit;
    }
    char *group = strstr(groups, "0::/");
    if (!group) {
        return limit;
    }
    group += 3;
    group[strcspn(group, "\n")] = '\0';
    for (size_t length = strlen(group); length > 1; length = (size_t)(strrchr(group, '/') - group)) {
        group[length] = '\0';
        memcpy(path, root, sizeof root - 1);
        memcpy(path + sizeof root - 1, group, length);
        memcpy(path + sizeof root - 1 + length, file, sizeof file);
        limit = limit_by_cpu_max(path, limit);
        if (!strrchr(group, '/')) {
            break;
        }
    }
    return limit;
}

static int limit_by_version_1_cgroup(int limit) {
    char quota[32], period[32];
    if (read_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota, sizeof quota) &&
        read_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period, sizeof period)) {
        const char *quota_text = quota, *period_text = period;
        return whole_cpus(read_number(&quota_text), read_number(&period_text), limit);
    }
    return limit;
}

int gatun_cpu_count(void) {
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    count = limit_by_version_1_cgroup(limit_by_unified_cgroup(count < 1 ? 1 : count));
    return count < 1 ? 1 : count;
}

#else

int gatun_cpu_count(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (int)count;
}

#endif
