/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU detection. Compiled for the baseline: nothing here may run an instruction that it is there to look for.
 * A level counts only when the CPU has it (cpuid) and the operating system saves its registers (xgetbv).
 */
#include "cpu.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gatun/core.h"
#include "message.h"

#if defined(__x86_64__)
#include <cpuid.h>

typedef struct {
    unsigned eax, ebx, ecx, edx;
} cpuid_leaf;

static cpuid_leaf cpuid(unsigned leaf, unsigned subleaf) {
    cpuid_leaf r = {0, 0, 0, 0};
    if (__get_cpuid_max(leaf & 0x80000000u, 0) >= leaf) {
        __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
    }
    return r;
}

static bool has(unsigned value, unsigned mask) {
    return (value & mask) == mask;
}

static bool has_bit(unsigned value, int bit) {
    return (value >> bit) & 1u;
}

/* The register states that the operating system saves: XCR0. */
static uint64_t saved_states(void) {
    if (!has_bit(cpuid(1, 0).ecx, 27)) { /* OSXSAVE: without it xgetbv is an undefined instruction */
        return 0;
    }
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

int gatun_isa_detected(void) {
    const unsigned ymm = 0x6, zmm = 0xe6;
    /* x86-64-v3: FMA, MOVBE, F16C, AVX | BMI1, AVX2, BMI2 | LZCNT */
    const unsigned v3_leaf1 = 1u << 12 | 1u << 22 | 1u << 29 | 1u << 28;
    const unsigned v3_leaf7 = 1u << 3 | 1u << 5 | 1u << 8;
    /* x86-64-v4: AVX-512 F, DQ, CD, BW, VL */
    const unsigned v4_leaf7 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;

    unsigned states = (unsigned)saved_states();
    cpuid_leaf leaf7 = cpuid(7, 0);
    if (!has(states, ymm) || !has(cpuid(1, 0).ecx, v3_leaf1) || !has(leaf7.ebx, v3_leaf7) ||
        !has_bit(cpuid(0x80000001u, 0).ecx, 5)) {
        return GATUN_ISA_SCALAR;
    }
    if (!has(states, zmm) || !has(leaf7.ebx, v4_leaf7)) {
        return GATUN_ISA_AVX2;
    }
    return has_bit(leaf7.ecx, 11) ? GATUN_ISA_AVX512VNNI : GATUN_ISA_AVX512;
}

int gatun_cpu_describe(char *text, long long text_bytes) {
    cpuid_leaf vendor = cpuid(0, 0), leaf1 = cpuid(1, 0), leaf7 = cpuid(7, 0);
    char name[13] = "";
    memcpy(name, &vendor.ebx, 4);
    memcpy(name + 4, &vendor.edx, 4);
    memcpy(name + 8, &vendor.ecx, 4);
    char brand[49] = "";
    for (unsigned i = 0; i < 3; i++) {
        cpuid_leaf part = cpuid(0x80000002u + i, 0);
        memcpy(brand + 16 * i, &part, 16);
    }
    unsigned base_family = leaf1.eax >> 8 & 15, base_model = leaf1.eax >> 4 & 15;
    unsigned family = base_family == 15 ? base_family + (leaf1.eax >> 20 & 255) : base_family;
    unsigned model = base_family == 6 || base_family == 15 ? base_model + (leaf1.eax >> 12 & 0xf0) : base_model;
    static const struct {
        const char *name;
        char leaf;
        int bit;
    } features[] = {{"fma", '1', 12},      {"f16c", '1', 29},       {"avx2", 'b', 5},      {"bmi2", 'b', 8},
                    {"avx512f", 'b', 16},  {"avx512dq", 'b', 17},   {"avx512cd", 'b', 28}, {"avx512bw", 'b', 30},
                    {"avx512vl", 'b', 31}, {"avx512_vnni", 'c', 11}};
    char line[256];
    int length = snprintf(line, sizeof line, "%s (%s family %u model %u stepping %u):", brand, name, family, model,
                          leaf1.eax & 15);
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        unsigned word = features[i].leaf == '1' ? leaf1.ecx : features[i].leaf == 'b' ? leaf7.ebx : leaf7.ecx;
        if (has_bit(word, features[i].bit)) {
            length += snprintf(line + length, sizeof line - (size_t)length, " %s", features[i].name);
        }
    }
    return gatun_copy_text(line, text, text_bytes);
}

/* The largest cache in the deterministic cache parameters: leaf 4 (Intel) or 0x8000001d (AMD), of the same layout. */
static long long largest_cache(unsigned leaf) {
    long long largest = 0;
    for (unsigned i = 0; i < 8; i++) {
        cpuid_leaf r = cpuid(leaf, i);
        if ((r.eax & 31) == 0) {
            break;
        }
        long long ways = (r.ebx >> 22) + 1, partitions = (r.ebx >> 12 & 0x3ff) + 1, line = (r.ebx & 0xfff) + 1;
        long long bytes = ways * partitions * line * ((long long)r.ecx + 1);
        largest = bytes > largest ? bytes : largest;
    }
    return largest;
}

static long long detected_last_level_cache(void) {
    long long intel = largest_cache(4), amd = largest_cache(0x8000001du);
    return intel > amd ? intel : amd;
}

#else

int gatun_isa_detected(void) {
#if defined(__aarch64__)
    return GATUN_ISA_NEON; /* part of the architecture */
#else
    return GATUN_ISA_SCALAR;
#endif
}

int gatun_cpu_describe(char *text, long long text_bytes) {
#if defined(__aarch64__)
    return gatun_copy_text("aarch64: neon", text, text_bytes);
#else
    return gatun_copy_text("no vector level for this architecture", text, text_bytes);
#endif
}

static long long detected_last_level_cache(void) {
    return 0;
}

#endif

long long gatun_cpu_last_level_cache(void) {
    long long bytes = detected_last_level_cache();
    return bytes > 0 ? bytes : 16LL << 20;
}

const char *gatun_isa_name(int isa) {
    switch (isa) {
    case GATUN_ISA_SCALAR:
        return "scalar";
    case GATUN_ISA_AVX2:
        return "avx2";
    case GATUN_ISA_AVX512:
        return "avx512";
    case GATUN_ISA_AVX512VNNI:
        return "avx512vnni";
    case GATUN_ISA_NEON:
        return "neon";
    default:
        return 0;
    }
}
