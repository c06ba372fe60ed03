/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.DType;

/**
 * Plain Java on float arrays: two passes over each row, sums in eight independent accumulators
 * since the JIT may not reorder float additions, and an output loop that it vectorizes.
 */
final class JavaLoops implements Contender {
    private static final int UNROLL = 8;

    @Override
    public String name() {
        return "Java loops";
    }

    @Override
    public boolean supports(Workload workload) {
        return workload.dtype() == DType.F32;
    }

    @Override
    public Run prepare(Workload workload) {
        return new LoopRun(workload);
    }

    private static float sum(float[] x, int from, int to) {
        float a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
        int i = from;
        for (; i <= to - UNROLL; i += UNROLL) {
            a += x[i];
            b += x[i + 1];
            c += x[i + 2];
            d += x[i + 3];
            e += x[i + 4];
            f += x[i + 5];
            g += x[i + 6];
            h += x[i + 7];
        }
        for (; i < to; i++) {
            a += x[i];
        }
        return ((a + b) + (c + d)) + ((e + f) + (g + h));
    }

    private static float sumOfSquares(float[] x, int from, int to, float mean) {
        float a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
        int i = from;
        for (; i <= to - UNROLL; i += UNROLL) {
            float t = x[i] - mean;
            float u = x[i + 1] - mean;
            float v = x[i + 2] - mean;
            float w = x[i + 3] - mean;
            a += t * t;
            b += u * u;
            c += v * v;
            d += w * w;
            t = x[i + 4] - mean;
            u = x[i + 5] - mean;
            v = x[i + 6] - mean;
            w = x[i + 7] - mean;
            e += t * t;
            f += u * u;
            g += v * v;
            h += w * w;
        }
        for (; i < to; i++) {
            float t = x[i] - mean;
            a += t * t;
        }
        return ((a + b) + (c + d)) + ((e + f) + (g + h));
    }

    private static void layerNorm(
            float[] x,
            int xFrom,
            int columns,
            float[] gamma,
            float[] beta,
            float eps,
            float[] y,
            int yFrom) {
        float mean = sum(x, xFrom, xFrom + columns) / columns;
        float variance = sumOfSquares(x, xFrom, xFrom + columns, mean) / columns;
        float r = (float) (1 / Math.sqrt(variance + eps));
        for (int i = 0; i < columns; i++) {
            y[yFrom + i] = (x[xFrom + i] - mean) * r * gamma[i] + beta[i];
        }
    }

    private static void rmsNorm(
            float[] x, int xFrom, int columns, float[] gamma, float eps, float[] y, int yFrom) {
        float r =
                (float) (1 / Math.sqrt(sumOfSquares(x, xFrom, xFrom + columns, 0) / columns + eps));
        for (int i = 0; i < columns; i++) {
            y[yFrom + i] = x[xFrom + i] * r * gamma[i];
        }
    }

    private static final class LoopRun implements Run {
        private final Workload workload;
        private final RowPool pool;
        private final float[] x;
        private final float[] y;
        private final float[] gamma;
        private final float[] beta;
        private final RowPool.Rows body;

        LoopRun(Workload workload) {
            this.workload = workload;
            pool = new RowPool(workload.threads());
            x = workload.xArray();
            y = new float[workload.rows() * workload.yStride()];
            gamma = workload.gammaArray();
            beta = workload.betaArray();
            body = workload.isLayerNorm() ? this::layerNormRows : this::rmsNormRows;
        }

        private void layerNormRows(int from, int to) {
            for (int row = from; row < to; row++) {
                layerNorm(
                        x,
                        row * workload.xStride(),
                        workload.columns(),
                        gamma,
                        beta,
                        Workload.EPS,
                        y,
                        row * workload.yStride());
            }
        }

        private void rmsNormRows(int from, int to) {
            for (int row = from; row < to; row++) {
                rmsNorm(
                        x,
                        row * workload.xStride(),
                        workload.columns(),
                        gamma,
                        Workload.EPS,
                        y,
                        row * workload.yStride());
            }
        }

        @Override
        public void call() {
            pool.run(workload.rows(), body);
        }

        @Override
        public float[] output() {
            return y.clone();
        }

        @Override
        public void close() {
            pool.close();
        }
    }
}
