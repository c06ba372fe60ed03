/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.Isa;
import io.gatun.conformance.Glob;
import java.util.List;

/**
 * What a benchmark run measures.
 *
 * @param quick one shape of most operations, one kind of each, few samples, float32
 * @param threads thread counts; empty for 1 and, unless quick, as many as this process may run
 * @param isa greatest instruction set level of Gatun's kernels; null for the best
 * @param only pattern over {@code op/direction/dtype/shape}
 * @param fork whether each thread count gets a JVM of its own, with the environment that the peers'
 *     thread pools read when they start; without it they keep the settings of this process
 */
public record BenchOptions(
        boolean quick, List<Integer> threads, Isa isa, String only, boolean fork) {
    /** Everything, on 1 and on all threads. */
    public static final BenchOptions DEFAULT = new BenchOptions(false, List.of(), null, "*", true);

    /** Checks the thread counts and the pattern. */
    public BenchOptions {
        threads = List.copyOf(threads);
        for (int count : threads) {
            if (count < 1) {
                throw new IllegalArgumentException(
                        "threads: expected counts of at least 1, but one is " + count);
            }
        }
        new Glob(only);
    }

    /**
     * The same with another choice.
     *
     * @param value whether the run is quick
     * @return the options
     */
    public BenchOptions withQuick(boolean value) {
        return new BenchOptions(value, threads, isa, only, fork);
    }

    /**
     * The same with other thread counts.
     *
     * @param value the counts; empty for 1 and all
     * @return the options
     */
    public BenchOptions withThreads(List<Integer> value) {
        return new BenchOptions(quick, value, isa, only, fork);
    }

    /**
     * The same with another level.
     *
     * @param value the greatest level; null for the best
     * @return the options
     */
    public BenchOptions withIsa(Isa value) {
        return new BenchOptions(quick, threads, value, only, fork);
    }

    /**
     * The same with another pattern.
     *
     * @param value the pattern
     * @return the options
     */
    public BenchOptions withOnly(String value) {
        return new BenchOptions(quick, threads, isa, value, fork);
    }

    /**
     * The same with or without JVMs of their own.
     *
     * @param value whether to fork
     * @return the options
     */
    public BenchOptions withFork(boolean value) {
        return new BenchOptions(quick, threads, isa, only, value);
    }
}
