/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element-wise operations work tile by tile. A tile function sees float32 in, float32 out, whatever the storage type:
 * 16-bit operands are widened into a small buffer before it and narrowed after it, and results that bypass the caches
 * are written to a buffer first. So each function is compiled once for each level.
 */
#ifndef GATUN_ELEMENT_TILES_H
#define GATUN_ELEMENT_TILES_H

#include "../simd/elements.h"
#include "activation_functions.h"
#include "activation_kernels.h"

/* Elements of a tile: the buffers of an operation fit into the level-1 cache. */
#define TILE 512

typedef struct {
    const float *in[ELEMENT_OPERANDS];
    float *out[ELEMENT_OPERANDS]; /* out[k] may be an input: each vector is read before it is written */
    bool stream;                  /* whole vectors of the results, which are aligned then, bypass the caches */
} element_tile;

GATUN_INLINE void put(const element_tile *tile, float *p, vf v) {
    if (tile->stream) {
        vf_stream(p, v);
    } else {
        vf_store(p, v);
    }
}

/* The first `n` elements of a tile. */
typedef void tile_function(const element_tile *tile, long long n, const activation_parameters *parameters);

GATUN_INLINE activation_constants constants_of(const activation_parameters *p) {
    return (activation_constants){vf_set(p->first), vf_set(p->second)};
}

/* The functions of element_tiles.c at this level. */
#define widen_elements GATUN_AT_LEVEL(gatun_widen_elements)
#define narrow_elements GATUN_AT_LEVEL(gatun_narrow_elements)
#define run_tiles GATUN_AT_LEVEL(gatun_run_tiles)
#define forward_tile_of GATUN_AT_LEVEL(gatun_forward_tile_of)

/* `n` elements of `dtype` to float32, and back, rounded. Buffers and elements do not overlap. */
void widen_elements(int dtype, const void *elements, float *buffer, long long n);
void narrow_elements(int dtype, const float *buffer, void *elements, long long n, bool stream);

/* Calls the function for each tile of the block. vf_stream_fence follows later, where outputs stream. */
void run_tiles(const element_arguments *arguments, const element_block *block, tile_function *function);

/* The same, fence included: what the kernel of an operation does. */
GATUN_INLINE void run_block(const element_arguments *a, const element_block *block, tile_function *function) {
    run_tiles(a, block, function);
    if (a->stream) {
        vf_stream_fence();
    }
}

/* The function of y = f(x), in activation.c. */
tile_function *forward_tile_of(const activation_parameters *parameters);

/* Defines the tile function `name` of one input x, or two, g and x: each result is `expression`. c: the constants. */
#define TILE_OF_ONE(name, expression)                                                                  \
    static void name(const element_tile *tile, long long n, const activation_parameters *parameters) { \
        const activation_constants constants = constants_of(parameters), *const c = &constants;        \
        const float *in = tile->in[0];                                                                 \
        float *out = tile->out[0];                                                                     \
        long long j = 0;                                                                               \
        for (; j + VF_LANES <= n; j += VF_LANES) {                                                     \
            const vf x = vf_load(in + j);                                                              \
            put(tile, out + j, expression);                                                            \
        }                                                                                              \
        if (j < n) {                                                                                   \
            const vf x = vf_load_first(in + j, (int)(n - j));                                          \
            vf_store_first(out + j, expression, (int)(n - j));                                         \
        }                                                                                              \
    }
#define TILE_OF_TWO(name, expression)                                                                    \
    static void name(const element_tile *tile, long long n, const activation_parameters *parameters) {   \
        const activation_constants constants = constants_of(parameters), *const c = &constants;          \
        const float *in0 = tile->in[0], *in1 = tile->in[1];                                              \
        float *out = tile->out[0];                                                                       \
        long long j = 0;                                                                                 \
        for (; j + VF_LANES <= n; j += VF_LANES) {                                                       \
            const vf g = vf_load(in0 + j), x = vf_load(in1 + j);                                         \
            put(tile, out + j, expression);                                                              \
        }                                                                                                \
        if (j < n) {                                                                                     \
            const vf g = vf_load_first(in0 + j, (int)(n - j)), x = vf_load_first(in1 + j, (int)(n - j)); \
            vf_store_first(out + j, expression, (int)(n - j));                                           \
        }                                                                                                \
    }

#endif
