// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Which numbers the codes of quantized weights stand for. */
public enum WeightGrid {
    /** Zero in the middle of the codes. */
    SYMMETRIC(0),
    /** From the least to the greatest weight of a group, widened to hold 0. */
    AFFINE(1);

    private final int code;

    WeightGrid(int code) {
        this.code = code;
    }

    /** The number in the C interface. */
    int code() {
        return code;
    }
}
