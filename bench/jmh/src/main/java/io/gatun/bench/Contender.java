/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

/**
 * One way to compute operations from a JVM program. Peers outside the JDK come through {@link
 * java.util.ServiceLoader} and exist in builds with the Maven profile {@code peers} only.
 * Constructing one loads no native library.
 */
public interface Contender {
    /** A contender bound to a workload. */
    interface Run extends AutoCloseable {
        /** Computes all outputs once. */
        void call();

        /**
         * An output of the last call.
         *
         * @param name the array
         * @return as many values as the array of the workload or, where the contender writes its
         *     own contiguous result, as many as it has without gaps
         */
        float[] output(String name);

        @Override
        void close();
    }

    /**
     * What reports call it.
     *
     * @return a short name
     */
    String name();

    /**
     * Whether it can run a workload.
     *
     * @param workload the workload
     * @return whether {@link #prepare} is worth calling
     */
    boolean supports(Workload workload);

    /**
     * Binds it to the arrays of a workload, which must stay open.
     *
     * @param workload the workload
     * @return what can be called again and again
     */
    Run prepare(Workload workload);
}
