// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** In the steady state a call allocates nothing on the Java heap. */
class GarbageTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int CALLS = 2000;

    /**
     * Bytes of a call once it is compiled: the least of some runs, since compilation ends at an
     * unknown time.
     */
    static double bytesPerCall(int calls, Runnable call) {
        long least = Long.MAX_VALUE;
        for (int run = 0; run < 40 && least > 0; run++) {
            long before = THREADS.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < calls; i++) {
                call.run();
            }
            least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
        }
        return (double) least / calls;
    }

    @Test
    void callsOffHeapMakeNoGarbage() {
        try (Device device = Device.cpu();
                Arena arena = Arena.ofShared();
                Tensor x = device.allocate(DType.F32, 1, 512);
                Tensor y = device.allocate(DType.F32, 1, 512);
                Tensor rstd = device.allocate(DType.F32, 1)) {
            Tensor gamma = device.tensor(DType.F32, arena.allocate(512 * 4), 512);
            x.copyFrom(new float[512]);
            NormOptions options = NormOptions.llama(1e-6f);
            NormStatistics saved = new NormStatistics(null, null, rstd);
            assertEquals(0, bytesPerCall(CALLS, () -> Normalization.rmsNorm(x, gamma, 1e-6f, y)));
            assertEquals(
                    0,
                    bytesPerCall(CALLS, () -> Normalization.layerNorm(x, gamma, gamma, 1e-5f, y)));
            assertEquals(
                    0,
                    bytesPerCall(
                            CALLS,
                            () -> Normalization.layerNorm(x, gamma, gamma, options, y, saved)));
        }
    }

    @Test
    void callsOnTheHeapMakeNoGarbage() {
        try (Device device = Device.cpu()) {
            Tensor x = device.tensor(new float[4 * 512], 4, 512);
            Tensor gamma = device.tensor(new float[512], 512);
            Tensor bits = device.tensor(DType.BF16, new short[4 * 512], 4, 512);
            assertEquals(0, bytesPerCall(CALLS, () -> Normalization.rmsNorm(x, gamma, 1e-6f, x)));
            assertEquals(
                    0,
                    bytesPerCall(
                            CALLS, () -> Normalization.layerNorm(bits, gamma, gamma, 1e-5f, bits)));
        }
    }

    @Test
    void scratchIsReused() {
        try (Device device = Device.cpu();
                Tensor x = device.allocate(DType.F32, 1, 100_000)) {
            x.copyFrom(new float[100_000]);
            assertEquals(0, bytesPerCall(100, () -> Normalization.srmsNorm(x, 1e-6f, x)));
        }
    }

    /** Of a call of every further entry point, with all tensors that it may have. */
    @Test
    void callsOfEveryEntryPointOffHeapMakeNoGarbage() {
        try (Device device = Device.cpu();
                Arena arena = Arena.ofShared()) {
            for (Entry entry : Entry.all()) {
                var tensors =
                        entry.tensors(
                                slot -> {
                                    long[] shape = slot.shape(4, 64);
                                    return device.tensor(
                                            DType.F32,
                                            arena.allocate(Shapes.product(shape) * 4),
                                            shape);
                                });
                NormStatistics saved =
                        new NormStatistics(
                                tensors.get("mean"), tensors.get("meanLow"), tensors.get("rstd"));
                assertEquals(
                        0, bytesPerCall(CALLS, steady(entry.name(), tensors, saved)), entry.name());
            }
        }
    }

    /** The call with its records made beforehand. */
    private static Runnable steady(String name, Map<String, Tensor> t, NormStatistics saved) {
        NormOptions options = Entry.OPTIONS;
        ResidualOptions layer = Entry.LAYER;
        NormParameters parameters = new NormParameters(t.get("gamma"), t.get("beta"));
        NormParameters parameters1 = new NormParameters(t.get("gamma1"), t.get("beta1"));
        NormParameters parameters2 = new NormParameters(t.get("gamma2"), t.get("beta2"));
        NormGradients gradients =
                new NormGradients(t.get("dgamma"), t.get("dbeta"), t.get("dbias"));
        NormGradients gradients1 = new NormGradients(t.get("dgamma1"), t.get("dbeta1"));
        NormGradients gradients2 = new NormGradients(t.get("dgamma2"), t.get("dbeta2"));
        Tensor x = t.get("x");
        Tensor dy = t.get("dy");
        Tensor h = t.get("h");
        Tensor gamma = t.get("gamma");
        Tensor bias = t.get("bias");
        Tensor residual = t.get("residual");
        Tensor dx = t.get("dx");
        Tensor dresidual = t.get("dresidual");
        Tensor dhIn = t.get("dhIn");
        Qkv qkv = new Qkv(t.get("x.q"), t.get("x.k"), t.get("x.v"));
        Qkv gammas = new Qkv(t.get("gamma.q"), t.get("gamma.k"), t.get("gamma.v"));
        Qkv y = new Qkv(t.get("y.q"), t.get("y.k"), t.get("y.v"));
        Qkv dys = new Qkv(t.get("dy.q"), t.get("dy.k"), t.get("dy.v"));
        Qkv dxs = new Qkv(t.get("dx.q"), t.get("dx.k"), t.get("dx.v"));
        Qkv dgammas = new Qkv(t.get("dgamma.q"), t.get("dgamma.k"), t.get("dgamma.v"));
        NormStatistics none = NormStatistics.NONE;
        return switch (name) {
            case "layerNormBackward" ->
                    () ->
                            Normalization.layerNormBackward(
                                    dy, x, gamma, options, saved, dx, gradients);
            case "rmsNormBackward" ->
                    () -> Normalization.rmsNormBackward(dy, x, gamma, options, none, dx, gradients);
            case "residualAddNorm" ->
                    () ->
                            ResidualNormalization.residualAddNorm(
                                    x, bias, residual, parameters, layer, h, t.get("y"), saved);
            case "residualAddNormBackward" ->
                    () ->
                            ResidualNormalization.residualAddNormBackward(
                                    dy, dhIn, h, gamma, layer, saved, dx, dresidual, gradients);
            case "normResidualAdd" ->
                    () ->
                            ResidualNormalization.normResidualAdd(
                                    x, bias, parameters, residual, layer, h, saved);
            case "normResidualAddBackward" ->
                    () ->
                            ResidualNormalization.normResidualAddBackward(
                                    t.get("dh"),
                                    x,
                                    bias,
                                    gamma,
                                    layer,
                                    saved,
                                    dx,
                                    dresidual,
                                    gradients);
            case "normAddNorm" ->
                    () ->
                            ResidualNormalization.normAddNorm(
                                    x,
                                    parameters1,
                                    residual,
                                    parameters2,
                                    layer,
                                    h,
                                    t.get("y"),
                                    none,
                                    none);
            case "normAddNormBackward" ->
                    () ->
                            ResidualNormalization.normAddNormBackward(
                                    dy,
                                    dhIn,
                                    x,
                                    h,
                                    parameters1.gamma(),
                                    parameters2.gamma(),
                                    layer,
                                    none,
                                    none,
                                    dx,
                                    dresidual,
                                    gradients1,
                                    gradients2);
            case "qkvHeadRmsNorm" ->
                    () -> HeadNormalization.qkvHeadRmsNorm(qkv, gammas, options, y, t.get("rstd"));
            case "qkvHeadRmsNormBackward" ->
                    () ->
                            HeadNormalization.qkvHeadRmsNormBackward(
                                    dys, qkv, gammas, options, dxs, dgammas);
            case "foldAffine" ->
                    () ->
                            WeightConversion.foldAffine(
                                    t.get("weight"),
                                    bias,
                                    parameters,
                                    0,
                                    t.get("weightOut"),
                                    t.get("biasOut"));
            case "kanBasis" -> () -> KanLayer.basis(Entry.BASIS, x, t.get("phi"));
            case "kanBasisBackward" ->
                    () -> KanLayer.basisBackward(Entry.BASIS, t.get("dphi"), x, dx);
            case "kanWindows" ->
                    () ->
                            KanLayer.windows(
                                    Entry.WINDOWS, x, t.get("starts"), t.get("ends"), t.get("phi"));
            case "kanWindowsBackward" ->
                    () ->
                            KanLayer.windowsBackward(
                                    Entry.WINDOWS,
                                    t.get("dphi"),
                                    x,
                                    t.get("starts"),
                                    t.get("ends"),
                                    dx,
                                    t.get("dstarts"),
                                    t.get("dends"),
                                    false);
            default ->
                    () ->
                            WeightConversion.zeroMeanRows(
                                    t.get("weight"), FeatureAxis.ROWS, t.get("out"));
        };
    }

    /**
     * Long heap calls make views of their pieces: a few small objects in every 20 microseconds of
     * work.
     */
    @Test
    void piecesOfLongHeapCallsMakeNextToNone() {
        try (Device device = Device.cpu()) {
            Tensor x = device.tensor(new float[40 * 10_000], 40, 10_000);
            double bytes = bytesPerCall(50, () -> Normalization.srmsNorm(x, 1e-6f, x));
            long pieces = 40 / HeapCalls.ofRowKernels(device.isa()).pieceRows(10_000);
            assertTrue(bytes <= 256 * pieces, bytes + " bytes for " + pieces + " pieces");
            Tensor staged = device.tensor(new float[2 * 250_000], 2, 250_000);
            double stagedBytes =
                    bytesPerCall(10, () -> Normalization.srmsNorm(staged, 1e-6f, staged));
            assertTrue(stagedBytes <= 2048, stagedBytes + " bytes");
        }
    }
}
