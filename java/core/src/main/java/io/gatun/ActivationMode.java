// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** In what form activations enter a product with low-bit weights. */
public enum ActivationMode {
    /** As they are; the weights are decoded. Exactness over speed. */
    FLOAT(0),
    /** Signed 8-bit codes with one scale for each row. */
    INT8_ROW(1),
    /** Signed 8-bit codes with one scale for each 32 inputs of a row. */
    INT8_GROUP_32(32),
    /** Signed 8-bit codes with one scale for each 64 inputs of a row. */
    INT8_GROUP_64(64),
    /** Signed 8-bit codes with one scale for each 128 inputs of a row. */
    INT8_GROUP_128(128),
    /** Signed 8-bit codes with one scale for each 256 inputs of a row. */
    INT8_GROUP_256(256);

    private final int code;

    ActivationMode(int code) {
        this.code = code;
    }

    /** The number in the C interface. */
    int code() {
        return code;
    }

    /** How many of so many inputs share a scale; at least 1. */
    long groupSize(long inputs) {
        return code > 1 ? code : Math.max(inputs, 1);
    }
}
