// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The device that was asked for cannot be had here. The message says why, with every attempt to
 * load the native library where that is the reason.
 */
public final class DeviceUnavailableException extends GatunException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates an exception.
     *
     * @param message which device, and why it is not there
     */
    public DeviceUnavailableException(String message) {
        super(message);
    }
}
