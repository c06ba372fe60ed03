// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

/** One attempt to load the library failed; kept as a {@link LoadAttempt}. */
final class LoadFailure extends Exception {

    private static final long serialVersionUID = 1L;

    private final String path;

    /**
     * @param path the file that was tried, or what stands for it
     * @param message why it failed and what to do about it
     */
    LoadFailure(String path, String message) {
        super(message);
        this.path = path;
    }

    String path() {
        return path;
    }
}
