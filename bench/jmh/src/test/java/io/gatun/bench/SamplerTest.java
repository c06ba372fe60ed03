/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SamplerTest {
    /** A subject whose calls take a known time each, without any clock. */
    private static Sampler.Timed taking(double nanosPerCall, String name, List<String> order) {
        return calls -> {
            order.add(name);
            return nanosPerCall * calls;
        };
    }

    @Test
    void statisticsOfAnOddAndAnEvenNumberOfSamples() {
        Sampler.Samples odd = new Sampler.Samples(new double[] {9, 1, 5});
        assertEquals(1, odd.min());
        assertEquals(5, odd.median());
        assertEquals(9, odd.max());
        Sampler.Samples even = new Sampler.Samples(new double[] {8, 2, 4, 6});
        assertEquals(5, even.median());
        assertArrayEquals(new double[] {2, 4, 6, 8}, even.sorted());
    }

    @Test
    void samplesAreLongEnoughAndPerCall() {
        List<Long> calls = new ArrayList<>();
        Sampler sampler = new Sampler(1e6, 3, 3, 1e9, 0, 0);
        List<Sampler.Samples> samples =
                sampler.sample(
                        List.of(
                                n -> {
                                    calls.add(n);
                                    return 700.0 * n;
                                }));
        assertEquals(700, samples.getFirst().median(), 1e-9);
        assertTrue(
                calls.getLast() * 700.0 >= 1e6,
                "a sample of " + calls.getLast() + " calls is too short");
        assertEquals(3, samples.getFirst().sorted().length);
    }

    @Test
    void subjectsTakeTurns() {
        List<String> order = new ArrayList<>();
        Sampler sampler = new Sampler(1, 4, 4, 1e9, 0, 0);
        sampler.sample(List.of(taking(10, "a", order), taking(20, "b", order)));
        // Each turn is a call that warms and the sample.
        List<String> turns = order.subList(order.size() - 16, order.size());
        assertEquals(List.of("a", "a", "b", "b", "a", "a", "b", "b"), turns.subList(0, 8));
    }

    @Test
    void theBudgetEndsTheRoundsOnceThereAreEnough() {
        Sampler sampler = new Sampler(1, 5, 1000, 0, 0, 0);
        List<Sampler.Samples> samples = sampler.sample(List.of(calls -> 10.0 * calls));
        assertEquals(5, samples.getFirst().sorted().length);
    }
}
