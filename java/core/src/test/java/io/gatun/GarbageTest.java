// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

/** In the steady state a call allocates nothing on the Java heap. */
class GarbageTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int CALLS = 2000;

    /**
     * Bytes of a call once it is compiled: the least of some runs, since compilation ends at an
     * unknown time.
     */
    private static double bytesPerCall(int calls, Runnable call) {
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
