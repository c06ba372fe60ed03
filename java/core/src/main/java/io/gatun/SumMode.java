// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * From what a sum that is also normalized is normalized. With {@link DType#F32} both modes are the
 * same.
 */
public enum SumMode {
    /**
     * From the sum rounded to the type of the tensors: what a backward pass finds in the stored
     * one.
     */
    ROUNDED(0),
    /** From the float32 sum before it is rounded. */
    FLOAT32(1);

    private final int code;

    SumMode(int code) {
        this.code = code;
    }

    /** The number of this mode in the C interface. */
    int code() {
        return code;
    }
}
