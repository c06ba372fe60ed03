/* SPDX-License-Identifier: Apache-2.0 */
/* The floating-point modes of the calling thread: what a kernel must leave as it found it. */
#ifndef GATUN_TEST_FP_STATE_H
#define GATUN_TEST_FP_STATE_H

#include <stdint.h>

typedef struct fp_state {
    uint64_t vector; /* MXCSR without its sticky exception flags, or FPCR */
    uint64_t x87;    /* the x87 control word, 0 elsewhere */
} fp_state;

#if defined(__x86_64__)

static inline uint32_t fp_mxcsr(void) {
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}

static inline fp_state fp_state_read(void) {
    uint16_t control;
    __asm__ volatile("fnstcw %0" : "=m"(control));
    return (fp_state){fp_mxcsr() & ~UINT32_C(0x3F), control};
}

static inline void fp_state_write(fp_state state) {
    uint32_t value = (uint32_t)state.vector;
    uint16_t control = (uint16_t)state.x87;
    __asm__ volatile("ldmxcsr %0" : : "m"(value));
    __asm__ volatile("fldcw %0" : : "m"(control));
}

/* Rounding towards plus infinity, subnormals flushed to zero on input and output. */
static inline fp_state fp_state_unusual(fp_state usual) {
    return (fp_state){(usual.vector & ~UINT64_C(0x6000)) | 0x8000 | 0x4000 | 0x40, usual.x87};
}

#elif defined(__aarch64__)

static inline fp_state fp_state_read(void) {
    uint64_t value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    return (fp_state){value, 0};
}

static inline void fp_state_write(fp_state state) {
    __asm__ volatile("msr fpcr, %0" : : "r"(state.vector));
}

static inline fp_state fp_state_unusual(fp_state usual) {
    return (fp_state){usual.vector | (UINT64_C(1) << 22) | (UINT64_C(1) << 24), 0};
}

#else
#error "fp_state.h does not know this architecture"
#endif

#endif
