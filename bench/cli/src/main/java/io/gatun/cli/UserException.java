/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

/** Something that the user asked for cannot be done; the message is for them, one sentence. */
final class UserException extends RuntimeException {
    private static final long serialVersionUID = 1;

    UserException(String message) {
        super(message);
    }

    UserException(String message, Throwable cause) {
        super(message, cause);
    }
}
