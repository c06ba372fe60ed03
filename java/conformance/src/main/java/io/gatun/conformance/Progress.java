/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

/** Told of every result as it comes. */
@FunctionalInterface
public interface Progress {
    /**
     * A check has finished.
     *
     * @param done how many have finished, this one included
     * @param total how many there are
     * @param result the result
     */
    void finished(int done, int total, CheckResult result);
}
