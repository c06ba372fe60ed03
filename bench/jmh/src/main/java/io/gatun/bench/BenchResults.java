/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.conformance.ResultLine;
import java.io.Serial;
import java.io.Serializable;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Everything that a benchmark run has measured.
 *
 * @param machine facts about machine and software, in the order to be shown
 * @param timings the timed cases
 * @param accuracy errors on rows with a common offset
 * @param border the price of calling C from Java
 * @param notes what could not be measured, and why
 */
public record BenchResults(
        Map<String, String> machine,
        List<Timing> timings,
        List<Accuracy> accuracy,
        List<Border> border,
        List<String> notes)
        implements Serializable {
    @Serial private static final long serialVersionUID = 1;

    /**
     * One contender on one case.
     *
     * @param name the contender
     * @param medianNs median time of a call
     * @param minNs least time of a call
     * @param maxNs greatest time of a call
     * @param error greatest error against float64, in units of the case file
     */
    public record Contestant(String name, double medianNs, double minNs, double maxNs, double error)
            implements Serializable {
        @Serial private static final long serialVersionUID = 1;
    }

    /**
     * One case on one number of threads.
     *
     * @param operation the operation, with what distinguishes it from others of one function
     * @param direction forward or backward
     * @param dtype data type of input and output
     * @param shape the shape as {@code --only} writes it
     * @param isa instruction set level of Gatun's kernel
     * @param threads number of threads
     * @param bytes the least number of bytes to be moved
     * @param flops the operations of the formula on all elements
     * @param limit what the limit moves: {@code copy}; null where it could not be measured
     * @param limitLoop the loop that was the limit, such as {@code copy-nt-prefetch}; or null
     * @param limitNs time in which the limit moves {@code bytes}; 0 where it could not be measured
     * @param contestants all contenders, Gatun first
     * @param errorBound the bound on Gatun's error
     */
    public record Timing(
            String operation,
            String direction,
            String dtype,
            String shape,
            String isa,
            int threads,
            long bytes,
            long flops,
            String limit,
            String limitLoop,
            double limitNs,
            List<Contestant> contestants,
            double errorBound)
            implements Serializable {
        @Serial private static final long serialVersionUID = 1;

        /**
         * Gatun itself.
         *
         * @return the first contestant
         */
        public Contestant gatun() {
            return contestants.getFirst();
        }

        /**
         * The achieved part of the limit.
         *
         * @param contestant whose
         * @return 1 for all of it; NaN where the limit could not be measured
         */
        public double fraction(Contestant contestant) {
            return limit == null ? Double.NaN : limitNs / contestant.medianNs();
        }

        /**
         * How many times faster Gatun is than each of the others.
         *
         * @return by name, sorted
         */
        public Map<String, Double> peers() {
            Map<String, Double> peers = new TreeMap<>();
            for (Contestant c : contestants.subList(1, contestants.size())) {
                peers.put(c.name(), c.medianNs() / gatun().medianNs());
            }
            return peers;
        }

        /**
         * Whether Gatun kept its bound.
         *
         * @return whether the error is at most the bound
         */
        public boolean passed() {
            return gatun().error() <= errorBound;
        }

        /**
         * As a line of {@code --json}.
         *
         * @return the line
         */
        public ResultLine line() {
            double fraction = fraction(gatun());
            return new ResultLine(
                    operation,
                    direction,
                    dtype,
                    shape,
                    "cpu",
                    isa,
                    threads,
                    gatun().medianNs(),
                    gatun().minNs(),
                    gatun().maxNs(),
                    bytes,
                    flops,
                    limit,
                    Double.isNaN(fraction) ? null : fraction,
                    peers(),
                    gatun().error(),
                    errorBound,
                    passed());
        }
    }

    /**
     * The error of one contender on rows of unit-variance noise about a common base (standard
     * deviation 4 at 1e7), in float32 without scale and shift.
     *
     * @param operation the operation
     * @param contender the contender
     * @param base the common offset
     * @param error greatest absolute error against float64 over all rows and seeds
     * @param units the same in units of 2^-23 (1 + |y|)
     */
    public record Accuracy(
            String operation, String contender, double base, double error, double units)
            implements Serializable {
        @Serial private static final long serialVersionUID = 1;
    }

    /**
     * One way to call a kernel on a single row.
     *
     * @param operation the operation
     * @param shape the shape
     * @param way how it is called
     * @param medianNs median time of a call
     * @param minNs least time of a call
     * @param maxNs greatest time of a call
     * @param overhead by how much the least time is longer than that of the kernel called from C in
     *     the same run: disturbances only ever add; 0 for C itself
     * @param garbage heap bytes allocated per call; 0 for calls from C
     */
    public record Border(
            String operation,
            String shape,
            String way,
            double medianNs,
            double minNs,
            double maxNs,
            double overhead,
            double garbage)
            implements Serializable {
        @Serial private static final long serialVersionUID = 1;
    }

    /** Copies the collections. */
    public BenchResults {
        machine = Collections.unmodifiableMap(new LinkedHashMap<>(machine));
        timings = List.copyOf(timings);
        accuracy = List.copyOf(accuracy);
        border = List.copyOf(border);
        notes = List.copyOf(notes);
    }

    /**
     * The lines of {@code --json}.
     *
     * @return one for each timed case
     */
    public List<ResultLine> lines() {
        return timings.stream().map(Timing::line).toList();
    }

    /**
     * Whether every kernel kept its error bound.
     *
     * @return whether all timings passed
     */
    public boolean passed() {
        return timings.stream().allMatch(Timing::passed);
    }
}
