// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * How a CPU device is made.
 *
 * @param threads how many threads a call may use, the caller included; 0 takes the environment
 *     variable {@code GATUN_THREADS} or, without it, as many as this process may run at once.
 *     Results are the same bits for any number. With 1 the device never creates a thread.
 * @param isaCap the greatest instruction set level that may be used, or null for the best one. The
 *     environment variable {@code GATUN_ISA} caps it further.
 */
public record CpuOptions(int threads, Isa isaCap) {
    /** All threads, best level. */
    public static final CpuOptions DEFAULT = new CpuOptions(0, null);

    /**
     * Checks the number of threads.
     *
     * @throws IllegalArgumentException if {@code threads} is negative
     */
    public CpuOptions {
        if (threads < 0) {
            throw new IllegalArgumentException(
                    "threads: expected at least 0, but it is " + threads);
        }
    }

    /**
     * The same options with another number of threads.
     *
     * @param threads as in the record
     * @return the options
     */
    public CpuOptions withThreads(int threads) {
        return new CpuOptions(threads, isaCap);
    }

    /**
     * The same options with another instruction set level.
     *
     * @param isaCap as in the record
     * @return the options
     */
    public CpuOptions withIsa(Isa isaCap) {
        return new CpuOptions(threads, isaCap);
    }
}
