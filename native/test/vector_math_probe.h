/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of simd/vector_math.h on arrays, compiled once per level. */
#ifndef GATUN_TEST_VECTOR_MATH_PROBE_H
#define GATUN_TEST_VECTOR_MATH_PROBE_H

enum { PROBE_EXP, PROBE_EXPM1, PROBE_SIN, PROBE_COS, PROBE_TANH, PROBE_SIGMOID, PROBES };

/* `n` is a multiple of 16. */
typedef void vector_math_probe(int function, const float *x, float *y, int n);

vector_math_probe vector_math_scalar, vector_math_avx2, vector_math_avx512, vector_math_neon;

#endif
