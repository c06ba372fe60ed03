// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** The reference device against values worked out by hand. */
class ReferenceNormTest {
    private final Device device = Device.reference();

    private float[] layerNorm(
            float[] x,
            float[] gamma,
            float[] beta,
            NormOptions options,
            NormStatistics statistics) {
        float[] y = new float[x.length];
        Normalization.layerNorm(
                device.tensor(x, 1, x.length),
                row(gamma),
                row(beta),
                options,
                device.tensor(y, 1, x.length),
                statistics);
        return y;
    }

    private float[] rmsNorm(
            float[] x,
            float[] gamma,
            float[] beta,
            NormOptions options,
            NormStatistics statistics) {
        float[] y = new float[x.length];
        Normalization.rmsNorm(
                device.tensor(x, 1, x.length),
                row(gamma),
                row(beta),
                options,
                device.tensor(y, 1, x.length),
                statistics);
        return y;
    }

    private Tensor row(float[] values) {
        return values == null ? null : device.tensor(values, values.length);
    }

    @Test
    void layerNormOfASmallRow() {
        // mean 4, distances -3 -1 1 3, variance 20/4 = 5, and with eps 4 the scale is 1/3.
        float[] x = {1, 3, 5, 7};
        float[] mean = new float[1];
        float[] meanLow = {9};
        float[] rstd = new float[1];
        float[] y =
                layerNorm(
                        x,
                        new float[] {1, 2, 3, 4},
                        new float[] {0, 1, 0, -1},
                        NormOptions.eps(4),
                        new NormStatistics(row(mean), row(meanLow), row(rstd)));
        assertArrayEquals(new float[] {-1, (float) (1 - 2 / 3.0), 1, 3}, y, 1e-7f);
        assertEquals(4, mean[0]);
        assertEquals(0, meanLow[0]);
        assertEquals((float) (1 / 3.0), rstd[0]);
    }

    @Test
    void rmsNormInEveryEpsMode() {
        // The mean square of 3, 4, 12, 0 is 169/4, its root 6.5, and the norm of the row 13.
        float[] x = {3, 4, 12, 0};
        float[] rstd = new float[1];
        NormStatistics saved = new NormStatistics(null, null, row(rstd));
        NormOptions options = NormOptions.eps(13.5f);
        rmsNorm(x, null, null, options.withEps(100 - 42.25f), saved);
        assertEquals(0.1f, rstd[0]);
        assertArrayEquals(
                new float[] {0.15f, 0.2f, 0.6f, 0},
                rmsNorm(x, null, null, options.withEpsMode(EpsMode.ADD), saved),
                1e-8f);
        assertEquals(0.05f, rstd[0]);
        rmsNorm(x, null, null, options.withEpsMode(EpsMode.CLAMP), saved);
        assertEquals((float) (2 / 13.5), rstd[0]);
        rmsNorm(x, null, null, options.withEpsMode(EpsMode.CLAMP).withEps(12.5f), saved);
        assertEquals((float) (2 / 13.0), rstd[0]);
        // Statistics of the first two columns: the root of 25/2.
        rmsNorm(x, null, null, NormOptions.eps(0).withStatisticsColumns(2), saved);
        assertEquals((float) (1 / Math.sqrt(12.5)), rstd[0]);
        rmsNorm(
                x,
                null,
                null,
                NormOptions.eps(4).withEpsMode(EpsMode.CLAMP).withStatisticsColumns(2),
                saved);
        assertEquals((float) (Math.sqrt(2) / 5), rstd[0]);
    }

    @Test
    void parametersAndWeightOffset() {
        // The root mean square is 2.
        float[] x = {2, -2};
        assertArrayEquals(
                new float[] {3 + 10, -5 + 20},
                rmsNorm(
                        x,
                        new float[] {2, 4},
                        new float[] {10, 20},
                        NormOptions.gemma(0),
                        NormStatistics.NONE));
        assertArrayEquals(
                new float[] {1, -1},
                rmsNorm(x, null, null, NormOptions.gemma(0), NormStatistics.NONE),
                "without gamma the weight offset is not used");
        assertArrayEquals(
                new float[] {11, 19},
                rmsNorm(x, null, new float[] {10, 20}, NormOptions.eps(0), NormStatistics.NONE));
    }

    @Test
    void castModesDifferInTheSecondRounding() {
        // 3 / sqrt(5) = 1.341641 is 1.34375 in bfloat16. Times 1.495 that is 2.008906, beyond the
        // middle of 2 and its
        // neighbour 2.015625, while 1.341641 * 1.495 = 2.005753 is below it.
        Tensor x = device.tensor(DType.BF16, new short[2], 1, 2);
        x.copyFrom(new float[] {3, 1});
        Tensor y = device.tensor(DType.BF16, new short[2], 1, 2);
        Tensor gamma = row(new float[] {1.495f, 1});
        Normalization.rmsNorm(x, gamma, null, NormOptions.llama(0), y, NormStatistics.NONE);
        assertEquals(2.015625f, y.get(0, 0));
        Normalization.rmsNorm(x, gamma, null, NormOptions.eps(0), y, NormStatistics.NONE);
        assertEquals(2f, y.get(0, 0));
    }

    @Test
    void savedMeanHasTwiceTheBits() {
        // The mean of 2^24 and 2^24 + 1 (as float 2^24 + 2) needs more than 24 bits.
        float[] x = {16777216f, 16777218f, 16777216f, 16777216f};
        float[] mean = new float[1];
        float[] meanLow = new float[1];
        layerNorm(
                x,
                null,
                null,
                NormOptions.eps(1),
                new NormStatistics(row(mean), row(meanLow), null));
        assertEquals(16777216.5, (double) mean[0] + meanLow[0]);
        assertEquals(16777216f, mean[0]);
        assertEquals(0.5f, meanLow[0]);
    }

    @Test
    void rowsNearTheLimitsOfFloat32() {
        float[] big = {1e38f, -1e38f, 1e38f, -1e38f};
        assertArrayEquals(
                new float[] {1, -1, 1, -1},
                rmsNorm(big, null, null, NormOptions.eps(1e-6f), NormStatistics.NONE));
        assertArrayEquals(
                new float[] {1, -1, 1, -1},
                layerNorm(big, null, null, NormOptions.eps(1e-6f), NormStatistics.NONE));
        float[] same = {3e38f, 3e38f, 3e38f, 3e38f};
        float[] mean = new float[1];
        assertArrayEquals(
                new float[4],
                layerNorm(
                        same,
                        null,
                        null,
                        NormOptions.eps(1e-6f),
                        new NormStatistics(row(mean), null, null)));
        assertEquals(3e38f, mean[0]);
        float tiny = Float.MIN_VALUE;
        assertArrayEquals(
                new float[] {1, -1},
                rmsNorm(
                        new float[] {tiny, -tiny},
                        null,
                        null,
                        NormOptions.eps(0),
                        NormStatistics.NONE));
    }

    @Test
    void edgeCases() {
        NormOptions options = NormOptions.eps(4);
        float[] rstd = new float[1];
        NormStatistics saved = new NormStatistics(null, null, row(rstd));
        assertArrayEquals(new float[3], rmsNorm(new float[3], null, null, options, saved));
        assertEquals(0.5f, rstd[0]);
        rmsNorm(new float[3], null, null, options.withEpsMode(EpsMode.ADD), saved);
        assertEquals(0.25f, rstd[0]);
        rmsNorm(new float[4], null, null, options.withEpsMode(EpsMode.CLAMP), saved);
        assertEquals(0.5f, rstd[0]);
        assertArrayEquals(
                new float[] {7},
                layerNorm(new float[] {100}, new float[] {3}, new float[] {7}, options, saved));
        float nan = Float.NaN;
        float inf = Float.POSITIVE_INFINITY;
        assertArrayEquals(
                new float[] {nan, nan},
                rmsNorm(new float[] {1, nan}, null, null, options, NormStatistics.NONE));
        assertArrayEquals(
                new float[] {0, nan},
                rmsNorm(new float[] {1, inf}, null, null, options, NormStatistics.NONE));
        assertArrayEquals(
                new float[] {nan, nan},
                layerNorm(new float[] {1, -inf}, null, null, options, NormStatistics.NONE));
    }

    @Test
    void worksInPlaceAndWithRowStrides() {
        float[] memory = {3, 4, 99, 6, 8, 99};
        Tensor x = device.tensor(memory, 6).strided(0, new long[] {2, 2}, new long[] {3, 1});
        Normalization.srmsNorm(x, 0, x);
        float r = (float) (1 / Math.sqrt(12.5));
        assertArrayEquals(new float[] {3 * r, 4 * r, 99, 3 * r, 4 * r, 99}, memory, 1e-7f);
    }

    @Test
    void aClosedDeviceIsAnError() {
        Device closed = Device.reference();
        Tensor x = closed.tensor(new float[4], 2, 2);
        closed.close();
        closed.close();
        IllegalStateException thrown =
                assertThrows(IllegalStateException.class, () -> Normalization.srmsNorm(x, 1, x));
        assertEquals("device reference is closed", thrown.getMessage());
        assertThrows(IllegalStateException.class, () -> closed.allocate(DType.F32, 1));
        assertThrows(IllegalStateException.class, closed::synchronize);
        assertTrue(x.segment().scope().isAlive());
    }
}
