/* SPDX-License-Identifier: Apache-2.0 */
/* Products of float activations and a panel of decoded weights. */
#ifndef GATUN_LOWBIT_FLOAT_H
#define GATUN_LOWBIT_FLOAT_H

#include "lowbit_tile.h"

enum { PANEL_INPUTS = 128 };

/* Weights of some inputs, COLUMNS outputs side by side. */
typedef float float_panel[PANEL_INPUTS][COLUMNS];

/* Adds x times the first `inputs` rows of the panel to `rows` rows of sums. */
GATUN_INLINE void multiply_float_rows(float_panel *const panel, int inputs, const float *x, long long x_stride,
                                      const int rows, float *block) {
    vf sums[ROWS][VECTORS];
    const float *from[ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        from[r] = x + r * x_stride;
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++) {
            sums[r][v] = vf_load(block + r * COLUMNS + v * VF_LANES);
        }
    }
    for (int k = 0; k < inputs; k++) {
        vf weights[VECTORS];
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++) {
            weights[v] = vf_load((*panel)[k] + v * VF_LANES);
        }
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            const vf factor = vf_set(from[r][k]);
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++) {
                sums[r][v] = vf_fma(weights[v], factor, sums[r][v]);
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++) {
            vf_store(block + r * COLUMNS + v * VF_LANES, sums[r][v]);
        }
    }
}

static void multiply_panel(float_panel *const panel, int inputs, const float *x, long long x_stride, int rows,
                           float *block) {
    int done = 0;
    for (; rows - done >= ROWS; done += ROWS) {
        multiply_float_rows(panel, inputs, x + done * x_stride, x_stride, ROWS, block + done * COLUMNS);
    }
    for (; rows - done >= 1; done++) {
        multiply_float_rows(panel, inputs, x + done * x_stride, x_stride, 1, block + done * COLUMNS);
    }
}

#endif
