/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector vocabulary: what a kernel file may use of a level's instructions. A kernel written in it is compiled once
 * for each level, with GATUN_LEVEL naming the level and GATUN_LEVEL_<NAME> defined.
 *
 * `vf` is a vector of VF_LANES floats. Every level's header defines, with the same meaning:
 *
 *   vf_zero()  vf_set(s)                     all lanes 0, all lanes s
 *   vf_load(p)  vf_store(p, v)               VF_LANES floats, no alignment assumed
 *   vf_load_first(p, n)                      the first n lanes, 0 <= n < VF_LANES, from p; others 0. Reads n elements
 *   vf_store_first(p, v, n)                  writes the first n lanes only
 *   vf_stream(p, v)                          a store that bypasses the caches; p aligned to VF_STREAM_BYTES
 *   vf_load_bf16, vf_load_first_bf16, vf_store_bf16, vf_store_first_bf16, vf_stream_bf16, and the same for f16:
 *                                            16-bit storage, widened exactly, rounded to nearest even; NaN stays NaN
 *   vf_load_even_odd_bf16(p, &even, &odd)    2 * VF_LANES elements: those at even places, and those at odd places
 *   vf_store_even_odd_bf16(p, even, odd)  vf_stream_even_odd_bf16(p, even, odd)
 *                                            the way back; no NaN; p of the stream aligned to 4 * VF_LANES
 *   vf_store_two_bf16(p, a, b)  vf_stream_two_bf16(p, a, b)
 *                                            a, then b behind it: less work than one by one
 *   vf_split(&first, &second)                2 * VF_LANES lanes in a row become those at even and those at odd places
 *   vf_merge(&even, &odd)                    the way back
 *   vf_round_number_bf16(v)                  vf_round_bf16 of what is no NaN
 *   vf_round_bf16(v)  vf_round_f16(v)        rounded to the 16-bit type and widened again
 *   vf_add vf_sub vf_mul                     lane-wise
 *   vf_fma(a, b, c)                          a * b + c: fused where the level has it, two roundings in scalar
 *   vf_fused(a, b, c)                        a * b + c rounded once at every level: where precision hangs on it
 *   vf_div                                   lane-wise
 *   vf_min(a, b)  vf_max(a, b)               the lesser, the greater one; b where b is NaN, and unspecified where only a
 *                                            is: a bound goes first, so that NaN stays. Of -0 and +0 b or, in NEON,
 *                                            the lesser, the greater one
 *   vf_abs(v)                                magnitudes
 *   vf_flip(v, s)                            v, with its sign turned where that of s is set
 *   vf_first(v, n)                           lanes n and above replaced by 0
 *   vf_sum(v)                                sum of the lanes, in a fixed tree order
 *   vf_sum_each(v, sums)                     sums of the lanes of the eight vectors v[0] .. v[7] to sums[0] .. sums[7],
 *                                            each in the same tree order
 *   vf_all_less(a, b)                        whether a < b in every lane, and no NaN
 *   vf_stream_fence()                        orders vf_stream stores before what follows
 *   vf_sqrt_f64(d)                           square root of one double
 *
 * `vm` is a mask of VF_LANES lanes:
 *
 *   vf_less(a, b)  vf_less_equal(a, b)       false where a or b is NaN
 *   vm_and(a, b)  vm_and_not(a, b)           a and b; a and not b
 *   vm_any(m)                                whether any lane is set
 *   vm_bits(m)  vm_from_bits(bits)           a bit for each lane, the first one the least significant; of the argument
 *                                            the others do not matter
 *   vf_select(m, a, b)                       a where set, else b
 *   vf_keep(m, v)  vf_drop(m, v)             v where set, or where not set, else 0
 *
 * `vi` is a vector of VF_LANES integers of 32 bits, lane by lane the companion of a vf; overflow wraps:
 *
 *   vi_set(s)  vi_add  vi_sub  vi_max        lane-wise
 *   vi_shift_left(v, n)  vi_shift_right(v, n)  by a constant; to the right the sign moves in
 *   vi_negative(v)                           the mask of the negative lanes
 *   vf_bits(v)  vf_from_bits(v)              the same bits as the other type
 *
 * `vd` is a vector of VF_LANES doubles, lane by lane the companion of a vf:
 *
 *   vd_set(s)  vd_load(p)  vd_store(p, v)    as for vf
 *   vd_widen(v)  vd_narrow(v)                from a vf, exactly; to a vf, rounded
 *   vd_add vd_sub vd_mul vd_div vd_sqrt      lane-wise
 *   vd_fma(a, b, c)                          as vf_fma
 *   vd_max(a, b)                             the greater one; b where a or b is NaN, or, in NEON, NaN
 *   vd_sum(v)                                sum of the lanes, in a fixed tree order
 *
 * The streaming stores of 16-bit types write VF_LANES * 2 bytes, to an address aligned to that.
 */
#ifndef GATUN_SIMD_H
#define GATUN_SIMD_H

#include <stdint.h>

#define GATUN_INLINE static inline __attribute__((always_inline))

/* gatun_concat(layer_norm_, avx2) and the like: the name of a symbol of this level. */
#define GATUN_JOIN_(stem, level) stem##_##level
#define GATUN_JOIN(stem, level) GATUN_JOIN_(stem, level)
#define GATUN_AT_LEVEL(stem) GATUN_JOIN(stem, GATUN_LEVEL)

#if defined(GATUN_LEVEL_SCALAR)
#include "scalar.h"
#elif defined(GATUN_LEVEL_AVX2)
#include "avx2.h"
#elif defined(GATUN_LEVEL_AVX512)
#include "avx512.h"
#elif defined(GATUN_LEVEL_NEON)
#include "neon.h"
#else
#error "a kernel file is compiled for one level: define GATUN_LEVEL_<NAME>"
#endif

#endif
