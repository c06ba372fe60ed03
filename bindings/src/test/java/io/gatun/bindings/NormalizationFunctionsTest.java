// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every method beyond the plain forward passes reaches its C function, with the arguments where
 * they belong: on native memory, and the critical variant on arrays. Values are worked out by hand.
 */
class NormalizationFunctionsTest {

    private static final MemorySegment NULL = MemorySegment.NULL;
    private static final int F32 = gatun_h.GATUN_F32();
    private static final int LAYER = gatun_h.GATUN_LAYER_NORM();
    private static final int IN_SQRT = gatun_h.GATUN_EPS_IN_SQRT();
    private static final int NO_CAST = gatun_h.GATUN_CAST_NONE();
    private static final int ROUNDED = gatun_h.GATUN_SUM_ROUNDED();

    /** The mean is 3 and the variance 3.5: with EPS, r = 1/2, and xh is -1, -0.5, 0, 1.5. */
    private static final float[] X = {1, 2, 3, 6};

    private static final float EPS = 0.5f;
    private static final float[] GAMMA = {1, 2, 1, 2};
    private static final float[] BETA = {0.5f, 0, -0.5f, 0};
    private static final float[] LAYER_NORM = {-0.5f, -1, -0.5f, 3};

    private static Arena arena;
    private static MemorySegment context;

    @BeforeAll
    static void createContext() {
        assertTrue(NativeLibrary.get().available(), NativeLibrary.get()::failure);
        arena = Arena.ofConfined();
        MemorySegment pointer = arena.allocate(ValueLayout.ADDRESS);
        int status =
                CoreFunctions.contextCreate(
                        gatun_h.GATUN_BACKEND_CPU(),
                        0,
                        gatun_h.GATUN_ISA_SCALAR(),
                        1,
                        pointer,
                        NULL,
                        0);
        assertEquals(gatun_h.GATUN_OK(), status);
        context = pointer.get(ValueLayout.ADDRESS, 0);
    }

    @AfterAll
    static void destroyContext() {
        assertEquals(gatun_h.GATUN_OK(), CoreFunctions.contextDestroy(context));
        arena.close();
    }

    @FunctionalInterface
    private interface Scratch {
        int query(MemorySegment context, long rows, long columns, MemorySegment scratchBytes);
    }

    /** Scratch is off-heap for the critical variants too. */
    private static MemorySegment scratch(Scratch query, long rows, long columns) {
        MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
        assertEquals(gatun_h.GATUN_OK(), query.query(context, rows, columns, bytes));
        long size = bytes.get(ValueLayout.JAVA_LONG, 0);
        return size == 0 ? NULL : arena.allocate(size, 64);
    }

    private static MemorySegment in(boolean onHeap, float[] values) {
        return onHeap
                ? MemorySegment.ofArray(values.clone())
                : arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
    }

    private static MemorySegment out(boolean onHeap, int count) {
        return in(onHeap, new float[count]);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void layerNormBackward(boolean critical) {
        MemorySegment dy = in(critical, new float[] {1, 0, 0, 0});
        MemorySegment x = in(critical, X);
        MemorySegment gamma = in(critical, GAMMA);
        MemorySegment mean = in(critical, new float[] {3});
        MemorySegment meanLow = in(critical, new float[] {0});
        MemorySegment rstd = in(critical, new float[] {0.5f});
        MemorySegment outDx = out(critical, 4);
        MemorySegment outDgamma = out(critical, 4);
        MemorySegment outDbeta = out(critical, 4);
        MemorySegment scratch = scratch(NormBackwardFunctions::layerNormBackwardScratch, 1, 4);
        int status =
                critical
                        ? NormBackwardFunctions.layerNormBackwardCritical(
                                context,
                                F32,
                                F32,
                                1,
                                4,
                                dy,
                                4,
                                x,
                                4,
                                gamma,
                                0,
                                EPS,
                                IN_SQRT,
                                mean,
                                meanLow,
                                rstd,
                                outDx,
                                4,
                                outDgamma,
                                outDbeta,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : NormBackwardFunctions.layerNormBackward(
                                context,
                                F32,
                                F32,
                                1,
                                4,
                                dy,
                                4,
                                x,
                                4,
                                gamma,
                                0,
                                EPS,
                                IN_SQRT,
                                mean,
                                meanLow,
                                rstd,
                                outDx,
                                4,
                                outDgamma,
                                outDbeta,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(
                new float[] {0.25f, -0.1875f, -0.125f, 0.0625f},
                outDx.toArray(ValueLayout.JAVA_FLOAT),
                "dx");
        assertArrayEquals(
                new float[] {-1, 0, 0, 0}, outDgamma.toArray(ValueLayout.JAVA_FLOAT), "dgamma");
        assertArrayEquals(
                new float[] {1, 0, 0, 0}, outDbeta.toArray(ValueLayout.JAVA_FLOAT), "dbeta");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void rmsNormBackward(boolean critical) {
        MemorySegment dy = in(critical, new float[] {1, 0, 0, 0});
        MemorySegment x = in(critical, X);
        MemorySegment gamma = in(critical, GAMMA);
        MemorySegment outDx = out(critical, 4);
        MemorySegment outDgamma = out(critical, 4);
        MemorySegment outDbeta = out(critical, 4);
        MemorySegment scratch = scratch(NormBackwardFunctions::rmsNormBackwardScratch, 1, 4);
        int status =
                critical
                        ? NormBackwardFunctions.rmsNormBackwardCritical(
                                context,
                                F32,
                                F32,
                                1,
                                4,
                                2,
                                dy,
                                4,
                                x,
                                4,
                                gamma,
                                1,
                                1.5f,
                                IN_SQRT,
                                NULL,
                                outDx,
                                4,
                                outDgamma,
                                outDbeta,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : NormBackwardFunctions.rmsNormBackward(
                                context,
                                F32,
                                F32,
                                1,
                                4,
                                2,
                                dy,
                                4,
                                x,
                                4,
                                gamma,
                                1,
                                1.5f,
                                IN_SQRT,
                                NULL,
                                outDx,
                                4,
                                outDgamma,
                                outDbeta,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(
                new float[] {0.875f, -0.25f, 0, 0}, outDx.toArray(ValueLayout.JAVA_FLOAT), "dx");
        assertArrayEquals(
                new float[] {0.5f, 0, 0, 0}, outDgamma.toArray(ValueLayout.JAVA_FLOAT), "dgamma");
        assertArrayEquals(
                new float[] {1, 0, 0, 0}, outDbeta.toArray(ValueLayout.JAVA_FLOAT), "dbeta");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void residualAddNorm(boolean critical) {
        MemorySegment x = in(critical, new float[] {-1, 1, 2, 2});
        MemorySegment residual = in(critical, new float[] {2, 2, 4, 8});
        MemorySegment bias = in(critical, new float[] {1, 0, -1, 0});
        MemorySegment gamma = in(critical, GAMMA);
        MemorySegment beta = in(critical, BETA);
        MemorySegment outH = out(critical, 4);
        MemorySegment outY = out(critical, 4);
        MemorySegment outMean = out(critical, 1);
        MemorySegment outMeanLow = out(critical, 1);
        MemorySegment outRstd = out(critical, 1);
        int status =
                critical
                        ? ResidualNormFunctions.residualAddNormCritical(
                                context,
                                LAYER,
                                F32,
                                F32,
                                1,
                                1,
                                4,
                                x,
                                4,
                                residual,
                                4,
                                0.5f,
                                bias,
                                gamma,
                                beta,
                                0,
                                EPS,
                                IN_SQRT,
                                NO_CAST,
                                ROUNDED,
                                outH,
                                4,
                                outY,
                                4,
                                outMean,
                                outMeanLow,
                                outRstd,
                                NULL,
                                0)
                        : ResidualNormFunctions.residualAddNorm(
                                context,
                                LAYER,
                                F32,
                                F32,
                                1,
                                1,
                                4,
                                x,
                                4,
                                residual,
                                4,
                                0.5f,
                                bias,
                                gamma,
                                beta,
                                0,
                                EPS,
                                IN_SQRT,
                                NO_CAST,
                                ROUNDED,
                                outH,
                                4,
                                outY,
                                4,
                                outMean,
                                outMeanLow,
                                outRstd,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(X, outH.toArray(ValueLayout.JAVA_FLOAT), "h");
        assertArrayEquals(LAYER_NORM, outY.toArray(ValueLayout.JAVA_FLOAT), "y");
        assertArrayEquals(new float[] {3}, outMean.toArray(ValueLayout.JAVA_FLOAT), "mean");
        assertArrayEquals(new float[] {0}, outMeanLow.toArray(ValueLayout.JAVA_FLOAT), "mean_low");
        assertArrayEquals(new float[] {0.5f}, outRstd.toArray(ValueLayout.JAVA_FLOAT), "rstd");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void normResidualAdd(boolean critical) {
        MemorySegment x = in(critical, new float[] {0, 2, 4, 6});
        MemorySegment residual = in(critical, new float[] {2, 2, 4, 8});
        MemorySegment bias = in(critical, new float[] {1, 0, -1, 0});
        MemorySegment gamma = in(critical, GAMMA);
        MemorySegment beta = in(critical, BETA);
        MemorySegment outH = out(critical, 4);
        MemorySegment outMean = out(critical, 1);
        MemorySegment outMeanLow = out(critical, 1);
        MemorySegment outRstd = out(critical, 1);
        int status =
                critical
                        ? ResidualNormFunctions.normResidualAddCritical(
                                context,
                                LAYER,
                                F32,
                                F32,
                                1,
                                1,
                                4,
                                x,
                                4,
                                bias,
                                gamma,
                                beta,
                                0,
                                EPS,
                                IN_SQRT,
                                NO_CAST,
                                residual,
                                4,
                                0.5f,
                                outH,
                                4,
                                outMean,
                                outMeanLow,
                                outRstd,
                                NULL,
                                0)
                        : ResidualNormFunctions.normResidualAdd(
                                context,
                                LAYER,
                                F32,
                                F32,
                                1,
                                1,
                                4,
                                x,
                                4,
                                bias,
                                gamma,
                                beta,
                                0,
                                EPS,
                                IN_SQRT,
                                NO_CAST,
                                residual,
                                4,
                                0.5f,
                                outH,
                                4,
                                outMean,
                                outMeanLow,
                                outRstd,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(
                new float[] {0.5f, 0, 1.5f, 7}, outH.toArray(ValueLayout.JAVA_FLOAT), "h");
        assertArrayEquals(new float[] {3}, outMean.toArray(ValueLayout.JAVA_FLOAT), "mean");
        assertArrayEquals(new float[] {0}, outMeanLow.toArray(ValueLayout.JAVA_FLOAT), "mean_low");
        assertArrayEquals(new float[] {0.5f}, outRstd.toArray(ValueLayout.JAVA_FLOAT), "rstd");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void normAddNorm(boolean critical) {
        MemorySegment x = in(critical, X);
        MemorySegment residual = in(critical, new float[] {3, 6, 7, 6});
        MemorySegment gamma1 = in(critical, GAMMA);
        MemorySegment beta1 = in(critical, BETA);
        MemorySegment gamma2 = in(critical, new float[] {2, 1, 1, 1});
        MemorySegment beta2 = in(critical, new float[] {0, 0, 0, 1});
        MemorySegment outH = out(critical, 4);
        MemorySegment outY = out(critical, 4);
        MemorySegment outMean1 = out(critical, 1);
        MemorySegment outMeanLow1 = out(critical, 1);
        MemorySegment outRstd1 = out(critical, 1);
        MemorySegment outMean2 = out(critical, 1);
        MemorySegment outMeanLow2 = out(critical, 1);
        MemorySegment outRstd2 = out(critical, 1);
        int status =
                critical
                        ? ResidualNormFunctions.normAddNormCritical(
                                context,
                                LAYER,
                                F32,
                                F32,
                                1,
                                1,
                                4,
                                x,
                                4,
                                gamma1,
                                beta1,
                                residual,
                                4,
                                0.5f,
                                gamma2,
                                beta2,
                                0,
                                EPS,
                                IN_SQRT,
                                NO_CAST,
                                ROUNDED,
                                outH,
                                4,
                                outY,
                                4,
                                outMean1,
                                outMeanLow1,
                                outRstd1,
                                outMean2,
                                outMeanLow2,
                                outRstd2,
                                NULL,
                                0)
                        : ResidualNormFunctions.normAddNorm(
                                context,
                                LAYER,
                                F32,
                                F32,
                                1,
                                1,
                                4,
                                x,
                                4,
                                gamma1,
                                beta1,
                                residual,
                                4,
                                0.5f,
                                gamma2,
                                beta2,
                                0,
                                EPS,
                                IN_SQRT,
                                NO_CAST,
                                ROUNDED,
                                outH,
                                4,
                                outY,
                                4,
                                outMean1,
                                outMeanLow1,
                                outRstd1,
                                outMean2,
                                outMeanLow2,
                                outRstd2,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(X, outH.toArray(ValueLayout.JAVA_FLOAT), "h");
        assertArrayEquals(
                new float[] {-2, -0.5f, 0, 2.5f}, outY.toArray(ValueLayout.JAVA_FLOAT), "y");
        assertArrayEquals(new float[] {3}, outMean1.toArray(ValueLayout.JAVA_FLOAT), "mean1");
        assertArrayEquals(
                new float[] {0}, outMeanLow1.toArray(ValueLayout.JAVA_FLOAT), "mean_low1");
        assertArrayEquals(new float[] {0.5f}, outRstd1.toArray(ValueLayout.JAVA_FLOAT), "rstd1");
        assertArrayEquals(new float[] {3}, outMean2.toArray(ValueLayout.JAVA_FLOAT), "mean2");
        assertArrayEquals(
                new float[] {0}, outMeanLow2.toArray(ValueLayout.JAVA_FLOAT), "mean_low2");
        assertArrayEquals(new float[] {0.5f}, outRstd2.toArray(ValueLayout.JAVA_FLOAT), "rstd2");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void residualAddNormBackward(boolean critical) {
        MemorySegment dy = in(critical, new float[] {1, 0, 0, 0});
        MemorySegment dhIn = in(critical, new float[] {1, 1, 1, 1});
        MemorySegment h = in(critical, X);
        MemorySegment gamma = in(critical, GAMMA);
        MemorySegment mean = in(critical, new float[] {3});
        MemorySegment meanLow = in(critical, new float[] {0});
        MemorySegment rstd = in(critical, new float[] {0.5f});
        MemorySegment outDx = out(critical, 4);
        MemorySegment outDresidual = out(critical, 4);
        MemorySegment outDgamma = out(critical, 4);
        MemorySegment outDbeta = out(critical, 4);
        MemorySegment outDbias = out(critical, 4);
        MemorySegment scratch =
                scratch(ResidualNormBackwardFunctions::residualAddNormBackwardScratch, 1, 4);
        int status =
                critical
                        ? ResidualNormBackwardFunctions.residualAddNormBackwardCritical(
                                context,
                                LAYER,
                                F32,
                                F32,
                                1,
                                4,
                                dy,
                                4,
                                dhIn,
                                4,
                                h,
                                4,
                                0.5f,
                                gamma,
                                0,
                                EPS,
                                IN_SQRT,
                                mean,
                                meanLow,
                                rstd,
                                outDx,
                                4,
                                outDresidual,
                                4,
                                outDgamma,
                                outDbeta,
                                outDbias,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : ResidualNormBackwardFunctions.residualAddNormBackward(
                                context,
                                LAYER,
                                F32,
                                F32,
                                1,
                                4,
                                dy,
                                4,
                                dhIn,
                                4,
                                h,
                                4,
                                0.5f,
                                gamma,
                                0,
                                EPS,
                                IN_SQRT,
                                mean,
                                meanLow,
                                rstd,
                                outDx,
                                4,
                                outDresidual,
                                4,
                                outDgamma,
                                outDbeta,
                                outDbias,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(
                new float[] {1.25f, 0.8125f, 0.875f, 1.0625f},
                outDx.toArray(ValueLayout.JAVA_FLOAT),
                "dx");
        assertArrayEquals(
                new float[] {0.625f, 0.40625f, 0.4375f, 0.53125f},
                outDresidual.toArray(ValueLayout.JAVA_FLOAT),
                "dresidual");
        assertArrayEquals(
                new float[] {-1, 0, 0, 0}, outDgamma.toArray(ValueLayout.JAVA_FLOAT), "dgamma");
        assertArrayEquals(
                new float[] {1, 0, 0, 0}, outDbeta.toArray(ValueLayout.JAVA_FLOAT), "dbeta");
        assertArrayEquals(
                new float[] {1.25f, 0.8125f, 0.875f, 1.0625f},
                outDbias.toArray(ValueLayout.JAVA_FLOAT),
                "dbias");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void normResidualAddBackward(boolean critical) {
        MemorySegment dh = in(critical, new float[] {1, 0, 0, 0});
        MemorySegment x = in(critical, new float[] {0, 2, 4, 6});
        MemorySegment bias = in(critical, new float[] {1, 0, -1, 0});
        MemorySegment gamma = in(critical, GAMMA);
        MemorySegment mean = in(critical, new float[] {3});
        MemorySegment meanLow = in(critical, new float[] {0});
        MemorySegment rstd = in(critical, new float[] {0.5f});
        MemorySegment outDx = out(critical, 4);
        MemorySegment outDresidual = out(critical, 4);
        MemorySegment outDgamma = out(critical, 4);
        MemorySegment outDbeta = out(critical, 4);
        MemorySegment outDbias = out(critical, 4);
        MemorySegment scratch =
                scratch(ResidualNormBackwardFunctions::normResidualAddBackwardScratch, 1, 4);
        int status =
                critical
                        ? ResidualNormBackwardFunctions.normResidualAddBackwardCritical(
                                context,
                                LAYER,
                                F32,
                                F32,
                                1,
                                4,
                                dh,
                                4,
                                x,
                                4,
                                bias,
                                0.5f,
                                gamma,
                                0,
                                EPS,
                                IN_SQRT,
                                mean,
                                meanLow,
                                rstd,
                                outDx,
                                4,
                                outDresidual,
                                4,
                                outDgamma,
                                outDbeta,
                                outDbias,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : ResidualNormBackwardFunctions.normResidualAddBackward(
                                context,
                                LAYER,
                                F32,
                                F32,
                                1,
                                4,
                                dh,
                                4,
                                x,
                                4,
                                bias,
                                0.5f,
                                gamma,
                                0,
                                EPS,
                                IN_SQRT,
                                mean,
                                meanLow,
                                rstd,
                                outDx,
                                4,
                                outDresidual,
                                4,
                                outDgamma,
                                outDbeta,
                                outDbias,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(
                new float[] {0.25f, -0.1875f, -0.125f, 0.0625f},
                outDx.toArray(ValueLayout.JAVA_FLOAT),
                "dx");
        assertArrayEquals(
                new float[] {0.5f, 0, 0, 0},
                outDresidual.toArray(ValueLayout.JAVA_FLOAT),
                "dresidual");
        assertArrayEquals(
                new float[] {-1, 0, 0, 0}, outDgamma.toArray(ValueLayout.JAVA_FLOAT), "dgamma");
        assertArrayEquals(
                new float[] {1, 0, 0, 0}, outDbeta.toArray(ValueLayout.JAVA_FLOAT), "dbeta");
        assertArrayEquals(
                new float[] {0.25f, -0.1875f, -0.125f, 0.0625f},
                outDbias.toArray(ValueLayout.JAVA_FLOAT),
                "dbias");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void normAddNormBackward(boolean critical) {
        MemorySegment dy = in(critical, new float[] {1, 0, 0, 0});
        MemorySegment dhIn = in(critical, new float[] {1, 1, 1, 1});
        MemorySegment x = in(critical, X);
        MemorySegment h = in(critical, X);
        MemorySegment gamma2 = in(critical, GAMMA);
        MemorySegment mean1 = in(critical, new float[] {3});
        MemorySegment meanLow1 = in(critical, new float[] {0});
        MemorySegment rstd1 = in(critical, new float[] {0.5f});
        MemorySegment mean2 = in(critical, new float[] {3});
        MemorySegment meanLow2 = in(critical, new float[] {0});
        MemorySegment rstd2 = in(critical, new float[] {0.5f});
        MemorySegment outDx = out(critical, 4);
        MemorySegment outDresidual = out(critical, 4);
        MemorySegment outDgamma1 = out(critical, 4);
        MemorySegment outDbeta1 = out(critical, 4);
        MemorySegment outDgamma2 = out(critical, 4);
        MemorySegment outDbeta2 = out(critical, 4);
        MemorySegment scratch =
                scratch(ResidualNormBackwardFunctions::normAddNormBackwardScratch, 1, 4);
        int status =
                critical
                        ? ResidualNormBackwardFunctions.normAddNormBackwardCritical(
                                context,
                                LAYER,
                                F32,
                                F32,
                                1,
                                4,
                                dy,
                                4,
                                dhIn,
                                4,
                                x,
                                4,
                                h,
                                4,
                                0.5f,
                                NULL,
                                gamma2,
                                0,
                                EPS,
                                IN_SQRT,
                                mean1,
                                meanLow1,
                                rstd1,
                                mean2,
                                meanLow2,
                                rstd2,
                                outDx,
                                4,
                                outDresidual,
                                4,
                                outDgamma1,
                                outDbeta1,
                                outDgamma2,
                                outDbeta2,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : ResidualNormBackwardFunctions.normAddNormBackward(
                                context,
                                LAYER,
                                F32,
                                F32,
                                1,
                                4,
                                dy,
                                4,
                                dhIn,
                                4,
                                x,
                                4,
                                h,
                                4,
                                0.5f,
                                NULL,
                                gamma2,
                                0,
                                EPS,
                                IN_SQRT,
                                mean1,
                                meanLow1,
                                rstd1,
                                mean2,
                                meanLow2,
                                rstd2,
                                outDx,
                                4,
                                outDresidual,
                                4,
                                outDgamma1,
                                outDbeta1,
                                outDgamma2,
                                outDbeta2,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(
                new float[] {0.1171875f, -0.09765625f, -0.0625f, 0.04296875f},
                outDx.toArray(ValueLayout.JAVA_FLOAT),
                "dx");
        assertArrayEquals(
                new float[] {0.625f, 0.40625f, 0.4375f, 0.53125f},
                outDresidual.toArray(ValueLayout.JAVA_FLOAT),
                "dresidual");
        assertArrayEquals(
                new float[] {-1.25f, -0.40625f, 0, 1.59375f},
                outDgamma1.toArray(ValueLayout.JAVA_FLOAT),
                "dgamma1");
        assertArrayEquals(
                new float[] {1.25f, 0.8125f, 0.875f, 1.0625f},
                outDbeta1.toArray(ValueLayout.JAVA_FLOAT),
                "dbeta1");
        assertArrayEquals(
                new float[] {-1, 0, 0, 0}, outDgamma2.toArray(ValueLayout.JAVA_FLOAT), "dgamma2");
        assertArrayEquals(
                new float[] {1, 0, 0, 0}, outDbeta2.toArray(ValueLayout.JAVA_FLOAT), "dbeta2");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void qkvHeadRmsNorm(boolean critical) {
        MemorySegment q = in(critical, new float[] {2, 2});
        MemorySegment k = in(critical, new float[] {4, 4});
        MemorySegment v = in(critical, new float[] {0.5f, 0.5f});
        MemorySegment qGamma = in(critical, new float[] {1, 2});
        MemorySegment kGamma = in(critical, new float[] {3, 4});
        MemorySegment vGamma = in(critical, new float[] {5, 6});
        MemorySegment outQOut = out(critical, 2);
        MemorySegment outKOut = out(critical, 2);
        MemorySegment outVOut = out(critical, 2);
        MemorySegment outRstd = out(critical, 3);
        int status =
                critical
                        ? HeadNormFunctions.qkvHeadRmsNormCritical(
                                context, F32, F32, 1, 1, 1, 2, q, 2, k, 2, v, 2, qGamma, kGamma,
                                vGamma, 0, 0, IN_SQRT, NO_CAST, outQOut, 2, outKOut, 2, outVOut, 2,
                                outRstd, NULL, 0)
                        : HeadNormFunctions.qkvHeadRmsNorm(
                                context, F32, F32, 1, 1, 1, 2, q, 2, k, 2, v, 2, qGamma, kGamma,
                                vGamma, 0, 0, IN_SQRT, NO_CAST, outQOut, 2, outKOut, 2, outVOut, 2,
                                outRstd, NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(new float[] {1, 2}, outQOut.toArray(ValueLayout.JAVA_FLOAT), "q_out");
        assertArrayEquals(new float[] {3, 4}, outKOut.toArray(ValueLayout.JAVA_FLOAT), "k_out");
        assertArrayEquals(new float[] {5, 6}, outVOut.toArray(ValueLayout.JAVA_FLOAT), "v_out");
        assertArrayEquals(
                new float[] {0.5f, 0.25f, 2}, outRstd.toArray(ValueLayout.JAVA_FLOAT), "rstd");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void qkvHeadRmsNormBackward(boolean critical) {
        MemorySegment q = in(critical, new float[] {2, 2});
        MemorySegment k = in(critical, new float[] {4, 4});
        MemorySegment v = in(critical, new float[] {0.5f, 0.5f});
        MemorySegment qGamma = in(critical, new float[] {1, 2});
        MemorySegment kGamma = in(critical, new float[] {3, 4});
        MemorySegment vGamma = in(critical, new float[] {5, 6});
        MemorySegment dqOut = in(critical, new float[] {1, 0});
        MemorySegment dkOut = in(critical, new float[] {0, 1});
        MemorySegment dvOut = in(critical, new float[] {1, 1});
        MemorySegment outDq = out(critical, 2);
        MemorySegment outDk = out(critical, 2);
        MemorySegment outDv = out(critical, 2);
        MemorySegment outDqGamma = out(critical, 2);
        MemorySegment outDkGamma = out(critical, 2);
        MemorySegment outDvGamma = out(critical, 2);
        MemorySegment scratch = scratch(HeadNormFunctions::qkvHeadRmsNormBackwardScratch, 1, 2);
        int status =
                critical
                        ? HeadNormFunctions.qkvHeadRmsNormBackwardCritical(
                                context,
                                F32,
                                F32,
                                1,
                                1,
                                1,
                                2,
                                dqOut,
                                2,
                                dkOut,
                                2,
                                dvOut,
                                2,
                                q,
                                2,
                                k,
                                2,
                                v,
                                2,
                                qGamma,
                                kGamma,
                                vGamma,
                                0,
                                0,
                                IN_SQRT,
                                outDq,
                                2,
                                outDk,
                                2,
                                outDv,
                                2,
                                outDqGamma,
                                outDkGamma,
                                outDvGamma,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : HeadNormFunctions.qkvHeadRmsNormBackward(
                                context,
                                F32,
                                F32,
                                1,
                                1,
                                1,
                                2,
                                dqOut,
                                2,
                                dkOut,
                                2,
                                dvOut,
                                2,
                                q,
                                2,
                                k,
                                2,
                                v,
                                2,
                                qGamma,
                                kGamma,
                                vGamma,
                                0,
                                0,
                                IN_SQRT,
                                outDq,
                                2,
                                outDk,
                                2,
                                outDv,
                                2,
                                outDqGamma,
                                outDkGamma,
                                outDvGamma,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(new float[] {0.25f, -0.25f}, outDq.toArray(ValueLayout.JAVA_FLOAT), "dq");
        assertArrayEquals(new float[] {-0.5f, 0.5f}, outDk.toArray(ValueLayout.JAVA_FLOAT), "dk");
        assertArrayEquals(new float[] {-1, 1}, outDv.toArray(ValueLayout.JAVA_FLOAT), "dv");
        assertArrayEquals(
                new float[] {1, 0}, outDqGamma.toArray(ValueLayout.JAVA_FLOAT), "dq_gamma");
        assertArrayEquals(
                new float[] {0, 1}, outDkGamma.toArray(ValueLayout.JAVA_FLOAT), "dk_gamma");
        assertArrayEquals(
                new float[] {1, 1}, outDvGamma.toArray(ValueLayout.JAVA_FLOAT), "dv_gamma");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void zeroMeanRowsOfALinearLayer(boolean critical) {
        MemorySegment weight = in(critical, new float[] {1, 2, 3, 6});
        MemorySegment outOut = out(critical, 4);
        MemorySegment scratch = scratch(WeightFunctions::zeroMeanRowsScratch, 2, 2);
        int status =
                critical
                        ? WeightFunctions.zeroMeanRowsCritical(
                                context,
                                0,
                                2,
                                2,
                                weight,
                                2,
                                outOut,
                                2,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : WeightFunctions.zeroMeanRows(
                                context,
                                0,
                                2,
                                2,
                                weight,
                                2,
                                outOut,
                                2,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(
                new float[] {-1, -2, 1, 2}, outOut.toArray(ValueLayout.JAVA_FLOAT), "out");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void zeroMeanRowsOfAnEmbedding(boolean critical) {
        MemorySegment weight = in(critical, new float[] {1, 2, 3, 6});
        MemorySegment outOut = out(critical, 4);
        MemorySegment scratch = scratch(WeightFunctions::zeroMeanRowsScratch, 2, 2);
        int status =
                critical
                        ? WeightFunctions.zeroMeanRowsCritical(
                                context,
                                1,
                                2,
                                2,
                                weight,
                                2,
                                outOut,
                                2,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : WeightFunctions.zeroMeanRows(
                                context,
                                1,
                                2,
                                2,
                                weight,
                                2,
                                outOut,
                                2,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(
                new float[] {-0.5f, 0.5f, -1.5f, 1.5f},
                outOut.toArray(ValueLayout.JAVA_FLOAT),
                "out");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void foldAffine(boolean critical) {
        MemorySegment weight = in(critical, new float[] {1, 2, 3, 4});
        MemorySegment bias = in(critical, new float[] {1, 2});
        MemorySegment gamma = in(critical, new float[] {1, 2});
        MemorySegment beta = in(critical, new float[] {1, -1});
        MemorySegment outWeightOut = out(critical, 4);
        MemorySegment outBiasOut = out(critical, 2);
        int status =
                critical
                        ? WeightFunctions.foldAffineCritical(
                                context,
                                2,
                                2,
                                weight,
                                2,
                                bias,
                                gamma,
                                beta,
                                1,
                                outWeightOut,
                                2,
                                outBiasOut,
                                NULL,
                                0)
                        : WeightFunctions.foldAffine(
                                context,
                                2,
                                2,
                                weight,
                                2,
                                bias,
                                gamma,
                                beta,
                                1,
                                outWeightOut,
                                2,
                                outBiasOut,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(
                new float[] {2, 6, 6, 12},
                outWeightOut.toArray(ValueLayout.JAVA_FLOAT),
                "weight_out");
        assertArrayEquals(
                new float[] {0, 1}, outBiasOut.toArray(ValueLayout.JAVA_FLOAT), "bias_out");
    }
}
