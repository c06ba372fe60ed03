/* SPDX-License-Identifier: Apache-2.0 */
/* What this CPU, and the operating system on it, can do. */
#ifndef GATUN_CPU_H
#define GATUN_CPU_H

/* Bytes of the last-level cache that one core can use; a common size where the CPU does not say. */
long long gatun_cpu_last_level_cache(void);

/* How many threads this process may run at once: affinity and cgroup quota. At least 1. */
int gatun_cpu_count(void);

#endif
