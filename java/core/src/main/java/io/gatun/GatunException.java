// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * A failure inside Gatun that is not a wrong argument: a device that failed, or native memory that
 * ran out.
 */
public class GatunException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates an exception.
     *
     * @param message what failed
     */
    public GatunException(String message) {
        super(message);
    }

    /**
     * Creates an exception.
     *
     * @param message what failed
     * @param cause what caused it, or null
     */
    public GatunException(String message, Throwable cause) {
        super(message, cause);
    }
}
