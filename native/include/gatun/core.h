/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts, status codes, CPU levels and memory.
 *
 * Rules of the whole interface:
 *   - Functions that can fail return a gatun_status. Those that can fail for more than one reason also take
 *     `message` (may be NULL) with room for `message_bytes`: on failure it receives a NUL-terminated English sentence
 *     that names the argument, what it was and what was expected; on success it is left untouched.
 *     Queries that cannot fail return their value.
 *   - A call that fails its argument checks has touched no memory but the message.
 *   - Nothing here aborts, prints, exits, calls back, changes floating-point modes or leaves a lock held. Kernels never
 *     allocate: where one needs scratch memory, `<operation>_scratch` says how much.
 *   - Sizes are counts and strides are in elements unless a name ends in `_bytes`. Memory needs no alignment beyond
 *     that of its element type, and exactly the elements described are read and written.
 *   - A context may be used from any number of threads at once.
 */
#ifndef GATUN_CORE_H
#define GATUN_CORE_H

#if defined(_WIN32)
#if defined(GATUN_BUILD)
#define GATUN_API __declspec(dllexport)
#else
#define GATUN_API __declspec(dllimport)
#endif
#else
#define GATUN_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Raised by every change that an old caller could notice. */
#define GATUN_ABI_VERSION 1

enum gatun_status {
    GATUN_OK = 0,
    GATUN_INVALID_ARGUMENT = 1, /* an argument is outside what the function documents */
    GATUN_OUT_OF_MEMORY = 2,
    GATUN_UNAVAILABLE = 3, /* this machine or this build lacks what was asked for */
    GATUN_DEVICE_ERROR = 4 /* the device failed; its context is unusable from now on */
};

enum gatun_backend {
    GATUN_BACKEND_AUTO = 0, /* the GPU if there is a usable one, else the CPU */
    GATUN_BACKEND_CPU = 1,
    GATUN_BACKEND_CUDA = 2
};

/* Instruction set levels of the CPU backend. On one architecture a greater level includes the smaller ones. */
enum gatun_isa {
    GATUN_ISA_SCALAR = 0,     /* plain C, every platform: the contract the others are tested against */
    GATUN_ISA_AVX2 = 1,       /* x86-64-v3: AVX2, FMA, F16C, BMI2 */
    GATUN_ISA_AVX512 = 2,     /* x86-64-v4: AVX-512 F, BW, CD, DQ, VL */
    GATUN_ISA_AVX512VNNI = 3, /* and AVX512-VNNI */
    GATUN_ISA_NEON = 16,      /* the aarch64 baseline */
    GATUN_ISA_BEST = 255      /* as an argument: no cap */
};

enum gatun_dtype {
    GATUN_F32 = 0,  /* IEEE 754 binary32 */
    GATUN_BF16 = 1, /* upper half of a binary32 */
    GATUN_F16 = 2   /* IEEE 754 binary16 */
};

/* A backward pass over rows may be cut into several calls at multiples of so many rows. */
#define GATUN_BACKWARD_PIECE_ROWS 4

typedef struct gatun_context gatun_context;

/* GATUN_ABI_VERSION of the library that was loaded. */
GATUN_API int gatun_abi_version(void);

/* Hash of the sources and options the library was built from; static, NUL-terminated. */
GATUN_API const char *gatun_build_hash(void);

/* Does nothing. Java calls it between the pieces of a long heap call, so that safepoints can be reached. */
GATUN_API int gatun_no_op(void);

/*
 * Creates a context.
 *   backend       gatun_backend
 *   device_index  which GPU; 0 for the CPU
 *   isa           gatun_isa, an upper bound for the level of the CPU kernels; GATUN_ISA_BEST for none. The environment
 *                 variable GATUN_ISA (scalar, avx2, avx512, avx512vnni, neon) caps it further.
 *   threads       how many threads a call may use, the caller included; 0 for as many as this process may run at once
 *                 (affinity and cgroup quota; GATUN_THREADS in the environment, 1 .. 1024, takes their place). A
 *                 greater number is cut to that. With 1 the context never creates a thread, locks or waits.
 *   context       receives the new context, or NULL on failure
 * GATUN_INVALID_ARGUMENT, GATUN_OUT_OF_MEMORY; GATUN_UNAVAILABLE when the backend or the requested level is not there.
 */
GATUN_API int gatun_context_create(int backend, int device_index, int isa, int threads, gatun_context **context,
                                   char *message, long long message_bytes);

/* Ends the context's threads and frees it. No call may be inside it. NULL is a no-op. */
GATUN_API int gatun_context_destroy(gatun_context *context);

/* What was chosen; -1 for NULL. */
GATUN_API int gatun_context_backend(const gatun_context *context); /* gatun_backend, never AUTO */
GATUN_API int gatun_context_isa(const gatun_context *context);     /* gatun_isa that its CPU kernels may use */
GATUN_API int gatun_context_threads(const gatun_context *context); /* the most threads a call uses */

/*
 * Why GATUN_BACKEND_AUTO did not take the GPU, as a NUL-terminated sentence written to `reason` and cut to
 * `reason_bytes`; empty when it did.
 */
GATUN_API int gatun_gpu_reason(char *reason, long long reason_bytes);

/* The greatest level that this CPU and operating system support (cpuid and xgetbv), without any cap. */
GATUN_API int gatun_isa_detected(void);

/* "avx2" and so on; NULL for a number that is no level. Static. */
GATUN_API const char *gatun_isa_name(int isa);

/* Vendor, family, model and feature flags of this CPU as one NUL-terminated line, cut to `text_bytes`. */
GATUN_API int gatun_cpu_describe(char *text, long long text_bytes);

/*
 * The index-th CPU kernel of this build: its operation ("layer_norm"; static) and its gatun_isa.
 * GATUN_INVALID_ARGUMENT past the last one.
 */
GATUN_API int gatun_kernel_describe(int index, const char **operation, int *isa);

/*
 * Memory of the context's device: 64-byte aligned (2 MiB, backed by huge pages where the system has them, from 4 MiB
 * on), not initialised. `bytes` > 0.
 */
GATUN_API int gatun_allocate(gatun_context *context, long long bytes, void **memory, char *message,
                             long long message_bytes);

/* Frees what gatun_allocate gave, of the same size. NULL is a no-op. */
GATUN_API int gatun_free(gatun_context *context, void *memory, long long bytes);

#ifdef __cplusplus
}
#endif

#endif
