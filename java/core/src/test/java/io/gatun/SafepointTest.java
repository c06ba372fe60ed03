// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Heap calls hold back every safepoint of the JVM, so they are cut into short pieces, and
 * safepoints are reached within a millisecond. Uncut, a safepoint would wait for the rest of a
 * call: one in four for less than a quarter of the tens of milliseconds that the calls here take,
 * and that is well above the bound. It is this lower quartile that is compared, and the best of
 * three runs, since on a busy machine the calling thread often has to wait for a processor before
 * it can stop.
 */
class SafepointTest {
    private static final long BOUND_NANOS = 1_000_000;
    private static final int RUNS = 3;
    private static final Pattern REACHING =
            Pattern.compile("Safepoint \"ThreadDump\".*Reaching safepoint: +(\\d+) ns");

    @ParameterizedTest
    @ValueSource(strings = {"G1", "Parallel", "Serial", "Z", "Shenandoah"})
    void longHeapCallsKeepTimeToSafepointShort(String collector)
            throws IOException, InterruptedException {
        Map<String, Long> best = new TreeMap<>();
        for (int run = 0; run < RUNS; run++) {
            ForkedJvm.Result result =
                    ForkedJvm.run(
                            SafepointProbe.class,
                            List.of(
                                    "-XX:+Use" + collector + "GC",
                                    "-Xlog:safepoint",
                                    "-Xmx512m",
                                    ForkedJvm.libraryOption()),
                            Map.of());
            if (result.output().contains("Unrecognized VM option")
                    || result.errors().contains("Unrecognized VM option")
                    || result.output().contains("not supported")) {
                abort("this JVM has no " + collector + " collector");
            }
            assertEquals(0, result.status(), result::toString);
            quartiles(result.output()).forEach((name, nanos) -> best.merge(name, nanos, Math::min));
            if (best.values().stream().allMatch(nanos -> nanos < BOUND_NANOS)) {
                break;
            }
        }
        assertEquals(List.of("backward", "pieces", "short", "staged"), List.copyOf(best.keySet()));
        assertTrue(
                best.values().stream().allMatch(nanos -> nanos < BOUND_NANOS),
                () ->
                        "lower quartile of nanoseconds to a safepoint with the "
                                + collector
                                + " collector: "
                                + best);
    }

    private static Map<String, Long> quartiles(String output) {
        Map<String, Long> quartiles = new HashMap<>();
        for (String part : output.split("begin ")) {
            int end = part.indexOf("end ");
            if (end < 0) {
                continue;
            }
            List<Long> nanos =
                    REACHING.matcher(part.substring(0, end))
                            .results()
                            .map(match -> Long.valueOf(match.group(1)))
                            .sorted()
                            .toList();
            assertTrue(nanos.size() >= 30, () -> nanos.size() + " safepoints in " + part);
            quartiles.put(
                    part.substring(0, part.indexOf('\n')).strip(), nanos.get(nanos.size() / 4));
        }
        return quartiles;
    }
}
