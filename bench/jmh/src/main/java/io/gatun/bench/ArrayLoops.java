/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

/**
 * The passes over a row in plain Java on float arrays: sums in eight independent accumulators since
 * the JIT may not reorder float additions, and output loops that it vectorizes.
 */
final class ArrayLoops {
    private static final int UNROLL = 8;

    private ArrayLoops() {}

    static float sum(float[] x, int from, int to) {
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

    static float sumOfSquares(float[] x, int from, int to, float mean) {
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

    static void layerNorm(
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

    static void rmsNorm(
            float[] x, int xFrom, int columns, float[] gamma, float eps, float[] y, int yFrom) {
        float r =
                (float) (1 / Math.sqrt(sumOfSquares(x, xFrom, xFrom + columns, 0) / columns + eps));
        for (int i = 0; i < columns; i++) {
            y[yFrom + i] = x[xFrom + i] * r * gamma[i];
        }
    }

    /** The sums of g = dy * gamma and of g * xh. */
    static void backwardSums(
            float[] dy,
            int dyFrom,
            float[] x,
            int xFrom,
            int columns,
            float[] gamma,
            float mean,
            float r,
            float[] sums) {
        float a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
        int i = 0;
        for (; i <= columns - 4; i += 4) {
            float s = dy[dyFrom + i] * gamma[i];
            float t = dy[dyFrom + i + 1] * gamma[i + 1];
            float u = dy[dyFrom + i + 2] * gamma[i + 2];
            float v = dy[dyFrom + i + 3] * gamma[i + 3];
            a += s;
            b += t;
            c += u;
            d += v;
            e += s * (x[xFrom + i] - mean);
            f += t * (x[xFrom + i + 1] - mean);
            g += u * (x[xFrom + i + 2] - mean);
            h += v * (x[xFrom + i + 3] - mean);
        }
        for (; i < columns; i++) {
            float s = dy[dyFrom + i] * gamma[i];
            a += s;
            e += s * (x[xFrom + i] - mean);
        }
        sums[0] = (a + b) + (c + d);
        sums[1] = ((e + f) + (g + h)) * r;
    }

    /** The gradients of a row from the means of g and of g * xh; dbeta may be null. */
    static void backward(
            float[] dy,
            int dyFrom,
            float[] x,
            int xFrom,
            int columns,
            float[] gamma,
            float mean,
            float r,
            float[] means,
            float[] dx,
            int dxFrom,
            float[] dgamma,
            float[] dbeta) {
        float first = means[0];
        float second = means[1];
        for (int i = 0; i < columns; i++) {
            float normalized = (x[xFrom + i] - mean) * r;
            float upstream = dy[dyFrom + i];
            dx[dxFrom + i] = r * (upstream * gamma[i] - first - normalized * second);
            dgamma[i] += upstream * normalized;
        }
        if (dbeta != null) {
            for (int i = 0; i < columns; i++) {
                dbeta[i] += dy[dyFrom + i];
            }
        }
    }

    /** The sum of two rows. */
    static void add(float[] x, int xFrom, float[] z, int zFrom, int columns, float[] h, int hFrom) {
        for (int i = 0; i < columns; i++) {
            h[hFrom + i] = x[xFrom + i] + z[zFrom + i];
        }
    }
}
