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
 * Heap calls hold back every safepoint of the JVM, so they are cut into short pieces: half of all safepoints are reached
 * within a millisecond. Without the pieces, or without the plain call after each, it takes the whole call or loop of
 * calls, tens of milliseconds here. The median is compared, and the best of three runs, since on a busy machine the
 * calling thread may have to wait for a processor before it can stop.
 */
class SafepointTest {
    private static final long BOUND_NANOS = 1_000_000;
    private static final int RUNS = 3;
    private static final Pattern REACHING =
            Pattern.compile("Safepoint \"ThreadDump\".*Reaching safepoint: +(\\d+) ns");

    @ParameterizedTest
    @ValueSource(strings = {"G1", "Parallel", "Serial", "Z", "Shenandoah"})
    void longHeapCallsKeepTimeToSafepointShort(String collector) throws IOException, InterruptedException {
        Map<String, Long> best = new TreeMap<>();
        for (int run = 0; run < RUNS; run++) {
            ForkedJvm.Result result = ForkedJvm.run(
                    SafepointProbe.class,
                    List.of("-XX:+Use" + collector + "GC", "-Xlog:safepoint", "-Xmx256m", ForkedJvm.libraryOption()),
                    Map.of());
            if (result.output().contains("Unrecognized VM option")
                    || result.errors().contains("Unrecognized VM option")
                    || result.output().contains("not supported")) {
                abort("this JVM has no " + collector + " collector");
            }
            assertEquals(0, result.status(), result::toString);
            medians(result.output()).forEach((name, nanos) -> best.merge(name, nanos, Math::min));
            if (best.values().stream().allMatch(nanos -> nanos < BOUND_NANOS)) {
                break;
            }
        }
        assertEquals(List.of("pieces", "short", "staged"), List.copyOf(best.keySet()));
        assertTrue(
                best.values().stream().allMatch(nanos -> nanos < BOUND_NANOS),
                () -> "median nanoseconds to a safepoint with the " + collector + " collector: " + best);
    }

    private static Map<String, Long> medians(String output) {
        Map<String, Long> medians = new HashMap<>();
        for (String part : output.split("begin ")) {
            int end = part.indexOf("end ");
            if (end < 0) {
                continue;
            }
            List<Long> nanos = REACHING.matcher(part.substring(0, end))
                    .results()
                    .map(match -> Long.valueOf(match.group(1)))
                    .sorted()
                    .toList();
            assertTrue(nanos.size() >= 30, () -> nanos.size() + " safepoints in " + part);
            medians.put(part.substring(0, part.indexOf('\n')).strip(), nanos.get(nanos.size() / 2));
        }
        return medians;
    }
}
