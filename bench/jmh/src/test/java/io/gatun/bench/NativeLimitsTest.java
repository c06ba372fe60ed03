/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class NativeLimitsTest {
    @Test
    void aCopyMovesItsBytes() {
        for (int threads : new int[] {1, 2}) {
            try (NativeLimits.Limit limit =
                    NativeLimits.load().limit(1, 1, false, 10_000, threads, 1e4)) {
                assertEquals("copy", limit.name());
                assertEquals(2 * 157 * 64, limit.bytes(), "157 cache lines, read and written");
                assertTrue(limit.candidateName(0).startsWith("copy"), limit.candidateName(0));
                double nanos = limit.run(0, 1000);
                assertTrue(nanos > 0 && nanos < 1e9, nanos + " ns");
            }
        }
    }

    @Test
    void otherStreams() {
        int[][] shapes = {{1, 0}, {2, 0}, {0, 1}, {2, 1}, {3, 1}, {1, 2}, {2, 2}, {3, 2}, {4, 2}};
        for (int[] shape : shapes) {
            for (long bytes : new long[] {64, 4096, 10_000}) {
                try (NativeLimits.Limit limit =
                        NativeLimits.load().limit(shape[0], shape[1], false, bytes, 2, 1e3)) {
                    assertEquals((shape[0] + shape[1]) * ((bytes + 63) / 64 * 64), limit.bytes());
                    assertTrue(limit.run(0, 3) > 0);
                }
            }
        }
        try (NativeLimits.Limit limit = NativeLimits.load().limit(2, 2, false, 4096, 1, 1e4)) {
            assertEquals("2r2w", limit.name());
            assertTrue(limit.candidateName(0).startsWith("2r2w"), limit.candidateName(0));
        }
    }

    @Test
    void inPlace() {
        try (NativeLimits.Limit limit = NativeLimits.load().limit(2, 2, true, 4096, 1, 1e4)) {
            assertEquals(4 * 4096, limit.bytes(), "each of two arrays read and written");
            assertEquals("2r2w-in-place", limit.name());
            assertTrue(limit.candidateName(0).startsWith("2r2w-in-place"), limit.candidateName(0));
        }
    }

    @Test
    void aShapeThatIsNotBuiltIsRefused() {
        NativeLimits limits = NativeLimits.load();
        assertThrows(IllegalStateException.class, () -> limits.limit(4, 4, false, 4096, 1, 1e4));
        assertThrows(
                IllegalStateException.class,
                () -> limits.limit(1, 2, true, 4096, 1, 1e4),
                "more is written than there is");
    }

    @Test
    void aKernelCalledFromCWritesWhatJavaWrites() {
        for (String operation : new String[] {"layer_norm", "rms_norm"}) {
            try (Workload workload = Workload.of(BenchOperations.named(operation), 3, 100);
                    NativeLimits.NativeCall call = NativeLimits.load().nativeCall(workload)) {
                workload.clearOutputs();
                assertTrue(call.run(2) > 0);
                assertTrue(workload.error(workload::array) <= 4);
            }
        }
    }
}
