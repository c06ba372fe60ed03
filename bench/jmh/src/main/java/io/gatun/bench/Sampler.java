/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Times several things in turn, one sample of each per round, so that all see the same state of a
 * shared machine and their ratios mean something.
 *
 * @param sampleNanos least time of a sample
 * @param leastSamples rounds at least, whatever they take
 * @param mostSamples rounds at most
 * @param budgetNanos time after which no round begins once there are enough
 * @param warmUpNanos time that each is called for before, so that it is compiled and its memory
 *     touched
 * @param pauseMillis pause before each sample, for the spinning threads of what ran before to fall
 *     asleep
 */
record Sampler(
        double sampleNanos,
        int leastSamples,
        int mostSamples,
        double budgetNanos,
        double warmUpNanos,
        int pauseMillis) {
    private static final double IMPROVEMENT = 0.95;
    private static final int LEVEL_SAMPLES = 4;
    private static final double MOST_WARM_UPS = 8;

    /** Something that can be timed. */
    interface Timed {
        /** Runs it some times and returns the nanoseconds of all calls. */
        double run(long calls);
    }

    /** The samples of one of them: nanoseconds per call, in rising order. */
    record Samples(double[] sorted) {
        Samples {
            sorted = sorted.clone();
            Arrays.sort(sorted);
        }

        double min() {
            return sorted[0];
        }

        double max() {
            return sorted[sorted.length - 1];
        }

        double median() {
            int middle = sorted.length / 2;
            return sorted.length % 2 == 1
                    ? sorted[middle]
                    : (sorted[middle - 1] + sorted[middle]) / 2;
        }
    }

    /** The settings of a run. */
    static Sampler of(boolean quick, int threads) {
        // libgomp spins for some milliseconds by default; a quick run has no such peers.
        int pause = threads == 1 ? 0 : quick ? 4 : 20;
        return quick
                ? new Sampler(2e6, 5, 7, 0.15e9, 0.05e9, pause)
                : new Sampler(4e6, 5, 21, 3e9, 0.3e9, pause);
    }

    /** Times a run of a contender. */
    static Timed timed(Contender.Run run) {
        return calls -> {
            long start = System.nanoTime();
            for (long i = 0; i < calls; i++) {
                run.call();
            }
            return System.nanoTime() - start;
        };
    }

    /** One sample of each in turn. */
    List<Samples> sample(List<Timed> subjects) {
        long[] calls = new long[subjects.size()];
        for (int s = 0; s < calls.length; s++) {
            calls[s] = calibrate(subjects.get(s));
        }
        List<double[]> samples = new ArrayList<>();
        long start = System.nanoTime();
        for (int round = 0; round < mostSamples; round++) {
            if (round >= leastSamples && System.nanoTime() - start > budgetNanos) {
                break;
            }
            double[] ofRound = new double[calls.length];
            for (int s = 0; s < calls.length; s++) {
                pause();
                // The first call wakes threads and fetches what the others displaced.
                subjects.get(s).run(1);
                ofRound[s] = subjects.get(s).run(calls[s]) / calls[s];
            }
            samples.add(ofRound);
        }
        List<Samples> result = new ArrayList<>();
        for (int s = 0; s < calls.length; s++) {
            int subject = s;
            result.add(new Samples(samples.stream().mapToDouble(r -> r[subject]).toArray()));
        }
        return result;
    }

    /** The same with another time of warming up. */
    Sampler withWarmUp(double nanos) {
        return new Sampler(sampleNanos, leastSamples, mostSamples, budgetNanos, nanos, pauseMillis);
    }

    /** Many short samples: the least of them are undisturbed even on a busy machine. */
    Sampler brief() {
        return new Sampler(
                sampleNanos / 8,
                8 * leastSamples,
                16 * mostSamples,
                budgetNanos,
                warmUpNanos,
                pauseMillis);
    }

    private long calibrate(Timed subject) {
        long start = System.nanoTime();
        long calls = 1;
        double elapsed = subject.run(1);
        while (elapsed < sampleNanos / 2) {
            calls *= 2;
            elapsed = subject.run(calls);
        }
        // Until the warm-up is long enough and the JIT brings no more, but not for ever on a noisy
        // machine.
        double best = elapsed;
        int level = 0;
        for (double spent = 0;
                spent < MOST_WARM_UPS * warmUpNanos
                        && (spent < warmUpNanos || level < LEVEL_SAMPLES);
                spent = System.nanoTime() - start) {
            elapsed = subject.run(calls);
            level = elapsed < best * IMPROVEMENT ? 0 : level + 1;
            best = Math.min(best, elapsed);
        }
        return Math.max(1, (long) Math.ceil(calls * sampleNanos / best));
    }

    private void pause() {
        if (pauseMillis == 0) {
            return;
        }
        try {
            Thread.sleep(pauseMillis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while a benchmark ran", e);
        }
    }
}
