// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The status codes of the C interface ({@code enum gatun_status}) as exceptions. */
final class NativeStatus {
    static final int OK = 0;
    private static final int INVALID_ARGUMENT = 1;
    private static final int OUT_OF_MEMORY = 2;
    private static final int UNAVAILABLE = 3;

    /** Room for the sentence that explains a status. */
    static final long MESSAGE_BYTES = 1024;

    private NativeStatus() {}

    /** One native call. */
    @FunctionalInterface
    interface Call {
        int call(MemorySegment message, long messageBytes);
    }

    /** Calls, and where that fails once more, for the sentence that says why. */
    static void require(Call call) {
        if (call.call(MemorySegment.NULL, 0) != OK) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment message = arena.allocate(MESSAGE_BYTES);
                int status = call.call(message, MESSAGE_BYTES);
                requireOk(status, message.getString(0));
            }
        }
    }

    /** Throws what a status other than OK stands for. */
    static void requireOk(int status, String message) {
        switch (status) {
            case OK -> {}
            case INVALID_ARGUMENT -> throw new IllegalArgumentException(message);
            case OUT_OF_MEMORY -> throw new OutOfMemoryError(message);
            case UNAVAILABLE -> throw new DeviceUnavailableException(message);
            default -> throw new GatunException(message);
        }
    }
}
