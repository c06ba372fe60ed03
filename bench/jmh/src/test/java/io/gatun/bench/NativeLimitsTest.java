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
            try (NativeLimits.Limit limit = NativeLimits.load().limit(1, 1, 10_000, threads, 1e4)) {
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
        try (NativeLimits.Limit limit = NativeLimits.load().limit(2, 2, 4096, 1, 1e4)) {
            assertEquals(4 * 4096, limit.bytes());
            assertTrue(limit.candidateName(0).startsWith("2r2w"), limit.candidateName(0));
        }
    }

    @Test
    void aShapeThatIsNotBuiltIsRefused() {
        assertThrows(
                IllegalStateException.class, () -> NativeLimits.load().limit(4, 4, 4096, 1, 1e4));
    }

    @Test
    void aKernelCalledFromCWritesWhatJavaWrites() {
        for (String operation : new String[] {Workload.LAYER_NORM, Workload.RMS_NORM}) {
            try (Workload workload = Workload.of(operation, 3, 100);
                    NativeLimits.NativeCall call = NativeLimits.load().nativeCall(workload)) {
                workload.yMemory().fill((byte) 0);
                assertTrue(call.run(2) > 0);
                assertTrue(workload.error(workload.yArray(), workload.expected()) <= 4);
            }
        }
    }
}
