/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

/**
 * One way to compute a normalization from a JVM program. Peers outside the JDK come through {@link
 * java.util.ServiceLoader} and exist in builds with the Maven profile {@code peers} only.
 * Constructing one loads no native library.
 */
public interface Contender {
    /** A contender bound to a workload. */
    interface Run extends AutoCloseable {
        /** Computes the whole output once. */
        void call();

        /**
         * The output of the last call.
         *
         * @return rows * yStride or, where the contender writes its own contiguous result, rows *
         *     columns values
         */
        float[] output();

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
