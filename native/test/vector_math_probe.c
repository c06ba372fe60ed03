/* SPDX-License-Identifier: Apache-2.0 */
#include "vector_math_probe.h"

#include "../src/simd/vector_math.h"

#define PROBE(function)                            \
    for (int i = 0; i < n; i += VF_LANES) {        \
        vf_store(y + i, function(vf_load(x + i))); \
    }                                              \
    break

void GATUN_AT_LEVEL(vector_math)(int function, const float *x, float *y, int n) {
    switch (function) {
    case PROBE_EXP:
        PROBE(vf_exp);
    case PROBE_EXPM1:
        PROBE(vf_expm1);
    case PROBE_SIN:
        PROBE(vf_sin);
    case PROBE_COS:
        PROBE(vf_cos);
    case PROBE_TANH:
        PROBE(vf_tanh);
    default:
        PROBE(vf_sigmoid);
    }
}
