/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

/**
 * One check on one device.
 *
 * @param line the result in the form of reports
 * @param check the name of the check
 * @param seed the seed of the run
 * @param failure null if it passed, else a text of several lines that ends with the command that
 *     repeats it
 */
public record CheckResult(ResultLine line, String check, long seed, String failure) {
    /**
     * Whether the check passed.
     *
     * @return whether there is no failure
     */
    public boolean passed() {
        return failure == null;
    }
}
