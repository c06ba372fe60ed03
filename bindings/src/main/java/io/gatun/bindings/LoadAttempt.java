// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

/**
 * One place where the loader looked for the native library.
 *
 * @param source what told the loader to look there, such as a system property
 * @param path the file that was tried, or a description where there is none
 * @param outcome {@code loaded}, or why this did not work and what to do about it
 */
public record LoadAttempt(String source, String path, String outcome) {

    /** The outcome of the attempt that worked. */
    public static final String LOADED = "loaded";

    /** Whether the library that is in use came from here. */
    public boolean loaded() {
        return outcome.equals(LOADED);
    }

    @Override
    public String toString() {
        return source + ": " + path + ": " + outcome;
    }
}
